//! One run: what the command line asks for, from the first output to the exit code.

use crate::api::{self, Client};
use crate::clock::Clock;
use crate::config::cli::{self, Flags, Invocation, SimulateFlags};
use crate::config::{self, Config, Environment, Problems};
use crate::demo;
use crate::escape;
use crate::outcome::{Interrupt, Outcome, exit_code};
use crate::report::console::Console;
use crate::report::files::ReportFiles;
use crate::report::history::Recorder;
use crate::report::stdio::StdioWriter;
use crate::report::{Forge, LogFormat, OutputSettings, Report, TaskReport};
use crate::shutdown::{self, FLUSH, GRACE_AFTER_DEADLINE, GRACE_AFTER_SIGNAL, LastReport};
use crate::signals;
use crate::wait;
use crate::watchdog::Watchdog;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{debug, info, warn};

/// How long it may take to report that inputs are wrong.
const WITHOUT_INPUTS: Duration = Duration::from_secs(5);
/// How long the files of the first outputs may take.
const FIRST_OUTPUTS: Duration = Duration::from_millis(1000);

/// Runs the program and returns its exit code.
pub fn run(environment: Environment) -> u8 {
    let clock = Clock::start();
    let lines = StdioWriter::start();
    let watchdog = Watchdog::start();
    // Files that inputs name can hang, too.
    watchdog.end_within(WITHOUT_INPUTS, exit_code::INVALID_INPUT);
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            lines.err(format!("cannot start: {error}"));
            lines.flush(FLUSH);
            return exit_code::INTERNAL_ERROR;
        }
    };
    let exit_code = runtime.block_on(dispatch(environment, clock, &lines, &watchdog));
    lines.flush(FLUSH);
    // A name lookup that hangs would delay the end.
    runtime.shutdown_background();
    exit_code
}

async fn dispatch(
    environment: Environment,
    clock: Clock,
    lines: &StdioWriter,
    watchdog: &Watchdog,
) -> u8 {
    let mut interrupts = signals::listen(watchdog, GRACE_AFTER_SIGNAL, FIRST_OUTPUTS);
    // Before anything connects; fails only where a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let mut problems = Problems::default();
    match cli::parse(&environment.arguments, &mut problems) {
        Invocation::Print(text) => {
            lines.out(text.trim_end().to_owned());
            exit_code::READY
        }
        Invocation::Wait(flags) => {
            let early = config::output(&environment, &flags);
            LastReport::new(&early, None, lines, clock).install(watchdog);
            let (output, config) = config::resolve(&environment, flags, problems);
            wait_and_report(&output, config, clock, lines, &mut interrupts, watchdog).await
        }
        Invocation::Demo(demo, flags) => {
            match demo::prepare_demo(&environment, &demo, &mut problems).await {
                Some((simulator, environment)) => {
                    let tell_acts = demo::tell_operator_acts();
                    drop(tokio::spawn(simulator.serve(move |served| {
                        debug!("simulator: {served}");
                        tell_acts(served);
                    })));
                    let (output, config) = config::resolve(&environment, flags, problems);
                    let config = config.map(|mut config| {
                        config.connection.proxies = api::Proxies::default();
                        config
                    });
                    wait_and_report(&output, config, clock, lines, &mut interrupts, watchdog).await
                }
                None => {
                    let (output, _) =
                        config::resolve(&environment, Flags::new(), Problems::default());
                    wait_and_report(
                        &output,
                        Err(problems),
                        clock,
                        lines,
                        &mut interrupts,
                        watchdog,
                    )
                    .await
                }
            }
        }
        Invocation::Refused => refuse(&problems, lines),
        Invocation::Simulate(flags) => {
            simulate(&flags, problems, clock, lines, &mut interrupts, watchdog).await
        }
    }
}

/// A wait: the first outputs, the wait itself, the last outputs. Every end passes through here.
async fn wait_and_report(
    output: &OutputSettings,
    config: Result<Config, Problems>,
    clock: Clock,
    lines: &StdioWriter,
    interrupts: &mut UnboundedReceiver<Interrupt>,
    watchdog: &Watchdog,
) -> u8 {
    // Wrong inputs have no deadline, but an end all the same.
    let deadline = config.as_ref().map_or_else(
        |_| clock.elapsed() + WITHOUT_INPUTS,
        |config| config.plan.rules.deadline,
    );
    let left = (deadline + GRACE_AFTER_DEADLINE).saturating_sub(clock.elapsed());
    watchdog.end_within(
        left,
        if config.is_ok() {
            exit_code::TIMEOUT
        } else {
            exit_code::INVALID_INPUT
        },
    );

    let mut console = Console::start(lines.clone(), output, clock);
    let started_at = clock.wall();
    let report_files = ReportFiles::new(output);
    LastReport::new(output, Some(&report_files), lines, clock).install(watchdog);
    let mask = mask(output, lines);
    for secret in &output.secrets {
        mask(secret);
    }
    let first = Report::without_tasks(output, None, started_at);
    let mut first_errors = report_files.write_outputs(&first, FIRST_OUTPUTS.min(left / 4));
    first_errors.extend(report_files.write_reports(&first, FIRST_OUTPUTS.min(left / 4)));
    for error in &first_errors {
        warn!("{error}");
    }

    let mut report = match config {
        Err(problems) => {
            explain(&problems, output, lines);
            Report::without_tasks(
                output,
                Some(Outcome::InvalidInput(problems.to_string())),
                started_at,
            )
        }
        Ok(config) => wait_for(config, output, clock, mask, interrupts, &mut console).await,
    };
    report.started_at = started_at;
    report.finished_at = Some(clock.wall());
    report.elapsed = clock.elapsed();
    // What hangs from here on is cut off, after the outputs. They have the time that is left: behind a slow disk they
    // must not say less than the exit code.
    let left = (deadline + GRACE_AFTER_DEADLINE).saturating_sub(report.elapsed);
    let grace = match (&report.outcome, left) {
        // The whole process was stopped over its deadline.
        (_, Duration::ZERO) => GRACE_AFTER_DEADLINE,
        (Some(Outcome::Cancelled(_)), left) => left.min(GRACE_AFTER_SIGNAL),
        (_, left) => left,
    };
    let exit_code_of = |report: &Report| report.exit_code().unwrap_or(exit_code::INTERNAL_ERROR);
    watchdog.set_forced_exit(None);
    // Cut off before the outputs say so, it was not ready.
    let cut_off = match report.is_ready() {
        true => exit_code::INTERNAL_ERROR,
        false => exit_code_of(&report),
    };
    watchdog.end_within(grace, cut_off);
    let spare = grace.saturating_sub(GRACE_AFTER_DEADLINE / 4);
    let errors = shutdown::write_all(&report_files, &mut report, spare);
    let exit_code = exit_code_of(&report);
    watchdog.end_within(GRACE_AFTER_SIGNAL.min(grace), exit_code);
    // Last, since writing to a terminal that is stopped blocks.
    console.finish(&report);
    for error in errors.iter().filter(|error| !first_errors.contains(error)) {
        warn!("{error}");
    }
    exit_code
}

/// What makes GitHub hide a secret, and nothing anywhere else.
fn mask(output: &OutputSettings, lines: &StdioWriter) -> Arc<api::Mask> {
    match output.forge {
        Forge::GitHub => {
            let lines = lines.clone();
            Arc::new(move |secret| Console::mask(&lines, secret))
        }
        Forge::GitLab | Forge::None => Arc::new(|_| {}),
    }
}

async fn wait_for(
    config: Config,
    output: &OutputSettings,
    clock: Clock,
    mask: Arc<api::Mask>,
    interrupts: &mut UnboundedReceiver<Interrupt>,
    console: &mut Console,
) -> Report {
    let Config {
        plan,
        credentials,
        connection,
        hosts,
        warnings,
    } = config;
    let rules = plan.rules.clone();
    console.begin(&plan.tasks, &rules, credentials.kind(), &hosts.dcs);
    if let Some(iam) = &hosts.iam {
        info!("IAM at {iam}");
    }
    for warning in warnings {
        warn!("{warning}");
    }
    let mut recorder = Recorder::default();
    let (outcome, tasks) = match Client::new(connection, credentials, clock, mask, &output.secrets)
    {
        Ok(client) => {
            wait::wait(
                Arc::new(client),
                plan,
                clock,
                interrupts,
                &mut (console, &mut recorder),
            )
            .await
        }
        Err(error) => (Outcome::Rejected(error), Vec::new()),
    };
    let now = clock.elapsed();
    Report {
        goal: Some(rules.condition.goal),
        outcome: Some(outcome),
        rules: Some(rules),
        tasks: tasks
            .iter()
            .map(|task| TaskReport::of(task, recorder.take(&task.id), now))
            .collect(),
        listing: recorder.listing,
        events: recorder.events,
        ..Report::without_tasks(output, None, clock.wall())
    }
}

/// Prints every problem of the inputs, a line each. The result that follows holds them again, in one line.
fn explain(problems: &Problems, output: &OutputSettings, lines: &StdioWriter) {
    if output.log_format == LogFormat::Json {
        return;
    }
    for problem in &problems.0 {
        let line = escape::log(&format!("error: {problem}"));
        match output.forge {
            Forge::GitHub | Forge::GitLab => lines.out(line),
            Forge::None => lines.err(line),
        }
    }
}

/// Ends a run that is no wait and has no outputs.
fn refuse(problems: &Problems, lines: &StdioWriter) -> u8 {
    for problem in &problems.0 {
        lines.err(escape::log(&format!("error: {problem}")));
    }
    exit_code::INVALID_INPUT
}

/// Serves until it is stopped.
async fn simulate(
    flags: &SimulateFlags,
    mut problems: Problems,
    clock: Clock,
    lines: &StdioWriter,
    interrupts: &mut UnboundedReceiver<Interrupt>,
    watchdog: &Watchdog,
) -> u8 {
    watchdog.end_within(Duration::MAX, exit_code::READY);
    let Some((simulator, banner)) = demo::prepare_simulator(flags, &mut problems).await else {
        return refuse(&problems, lines);
    };
    let (output, _) = config::resolve(&Environment::default(), Flags::new(), Problems::default());
    let _console = Console::start(lines.clone(), &output, clock);
    lines.out(banner.trim_end().to_owned());
    tokio::select! {
        biased;
        interrupt = interrupts.recv() => {
            interrupt.map_or(exit_code::READY, |interrupt| Outcome::Cancelled(interrupt).exit_code())
        }
        never = simulator.serve(|served| info!("{served}")) => match never {},
    }
}
