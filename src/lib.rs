//! `dcs-migration-wait` blocks until an online Redis migration is really done or really in sync, and reports it.
//!
//! Three questions, and the one file that answers each:
//!
//! - **Ready?** `domain/ready.rs`: what a reading, a status and the key counts together mean.
//! - **Retry or end?** `wait/retry.rs`: what follows from a request that failed.
//! - **When is the next poll?** `wait/poll_interval.rs`: one function, its rules numbered.
//!
//! A run, from the left to the right:
//!
//! ```text
//! environment, flags -> config -> wait (the loop) <-> api (one request each) -> report -> exit code
//! ```
//!
//! Imports go down only, which `tests/it/imports.rs` checks:
//!
//! ```text
//! lib > demo > config > report > wait > outcome > api > auth > domain, clock, escape
//! ```
//!
//! `simulator` is a cloud to try against; it shares no code with the client. [`domain`] and the files below the loop in
//! [`wait`] know neither HTTP nor files, and are given the time. `ARCHITECTURE.md` has the invariants.

pub mod api;
pub mod auth;
pub mod clock;
pub mod config;
mod demo;
pub mod domain;
pub mod escape;
pub mod outcome;
pub mod report;
mod signals;
pub mod simulator;
pub mod wait;
mod watchdog;

pub use outcome::exit_code;

use api::Client;
use clock::Clock;
use config::cli::{self, Flags, Invocation, SimulateFlags};
use config::{Config, Environment, Problems};
use outcome::{Interrupt, Outcome};
use report::console::{Console, StdioWriter};
use report::files::ReportFiles;
use report::history::Recorder;
use report::{Forge, LogFormat, OutputSettings, Report, TaskReport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{debug, info, warn};
use watchdog::Watchdog;

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
    // A name look-up that hangs would hold up an orderly end.
    runtime.shutdown_background();
    exit_code
}

/// How long standard output and error may take to drain at the end.
const FLUSH: Duration = Duration::from_millis(300);
/// How long it may take to say that inputs are wrong.
const WITHOUT_INPUTS: Duration = Duration::from_secs(5);
/// How long everything at the end may take after a signal or a deadline; the contract gives two seconds and one.
const GRACE_AFTER_SIGNAL: Duration = Duration::from_millis(1500);
const GRACE_AFTER_DEADLINE: Duration = Duration::from_millis(800);
/// How long files may take: the first answer, and at the end the last one and everything else.
const FIRST_ANSWER: Duration = Duration::from_millis(1000);
const LAST_ANSWER: Duration = Duration::from_millis(250);
const STORY: Duration = Duration::from_millis(200);

async fn dispatch(
    environment: Environment,
    clock: Clock,
    lines: &StdioWriter,
    watchdog: &Watchdog,
) -> u8 {
    let mut interrupts = signals::listen(watchdog, GRACE_AFTER_SIGNAL, FIRST_ANSWER);
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
            report_panics(&early, None, lines, clock, watchdog);
            watchdog.set_last_words(Some(last_words(&early, None, lines, clock)));
            let (output, config) = config::resolve(&environment, flags, problems);
            wait_and_report(&output, config, clock, lines, &mut interrupts, watchdog).await
        }
        Invocation::Demo(demo, flags) => {
            match demo::prepare_demo(&environment, &demo, &mut problems).await {
                Some((simulator, environment)) => {
                    drop(tokio::spawn(
                        simulator.serve(|served| debug!("simulator: {served}")),
                    ));
                    let (output, config) = config::resolve(&environment, flags, problems);
                    let config = config.map(|mut config| {
                        config.connection.use_proxies = false;
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

/// The whole of a wait: the first answer, the wait itself, the last answer. Every end passes through here.
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
    report_panics(output, Some(&report_files), lines, clock, watchdog);
    watchdog.set_last_words(Some(last_words(output, Some(&report_files), lines, clock)));
    let mask = mask(output, lines);
    for secret in &output.secrets {
        mask(secret);
    }
    let first = Report::without_tasks(output, None, started_at);
    let mut trouble_before = report_files.write_answer(&first, FIRST_ANSWER.min(left / 4));
    trouble_before.extend(report_files.write_reports(&first, FIRST_ANSWER.min(left / 4)));
    for trouble in &trouble_before {
        warn!("{trouble}");
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
    let exit_code = report.exit_code().unwrap_or(exit_code::INTERNAL_ERROR);

    // Whatever hangs from here on is cut off, after the answer itself.
    let grace = match (deadline + GRACE_AFTER_DEADLINE).saturating_sub(report.elapsed) {
        // The whole process stood still over its deadline.
        Duration::ZERO => GRACE_AFTER_DEADLINE,
        left => left.min(GRACE_AFTER_SIGNAL),
    };
    watchdog.set_last_words(None);
    watchdog.end_within(grace, exit_code);
    let mut trouble = report_files.write_answer(&report, LAST_ANSWER);
    trouble.extend(report_files.write_story(&report, STORY));
    // Last, since a terminal that is stopped holds up whoever draws on it.
    console.finish(&report);
    for trouble in trouble
        .into_iter()
        .filter(|trouble| !trouble_before.contains(trouble))
    {
        warn!("{trouble}");
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
        remarks,
    } = config;
    let rules = plan.rules.clone();
    let host = connection.dcs.host_str().unwrap_or_default().to_owned();
    console.begin(&plan.tasks, &rules, credentials.kind(), &host);
    for remark in remarks {
        warn!("{remark}");
    }
    let mut recorder = Recorder::default();
    let (outcome, tasks) = match Client::new(connection, credentials, clock, mask) {
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

/// Everything that is wrong with the inputs, a line each; the verdict that follows holds it all again, in one line.
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

/// The end of something that is no wait, and has no answer to write.
fn refuse(problems: &Problems, lines: &StdioWriter) -> u8 {
    for problem in &problems.0 {
        lines.err(escape::log(&format!("error: {problem}")));
    }
    exit_code::INVALID_INPUT
}

/// A bug must not leave a stale answer behind: the hook writes every sink and ends the process.
fn report_panics(
    output: &OutputSettings,
    report_files: Option<&ReportFiles>,
    lines: &StdioWriter,
    clock: Clock,
    watchdog: &Watchdog,
) {
    let (output, report_files, lines, watchdog) = (
        output.clone(),
        report_files.cloned(),
        lines.clone(),
        watchdog.clone(),
    );
    std::panic::set_hook(Box::new(move |panic| {
        watchdog.set_last_words(None);
        watchdog.end_within(GRACE_AFTER_SIGNAL, exit_code::INTERNAL_ERROR);
        let place = panic
            .location()
            .map(|place| format!(" at {}:{}", place.file(), place.line()))
            .unwrap_or_default();
        // The message may hold foreign text, even a secret; the place says enough to find it.
        let report = in_short(
            &output,
            Outcome::InternalError(format!("panic{place}")),
            clock,
        );
        let report_files = report_files
            .clone()
            .unwrap_or_else(|| ReportFiles::new(&output));
        let mut trouble = report_files.write_answer(&report, LAST_ANSWER);
        trouble.extend(report_files.write_story(&report, STORY));
        let reason = escape::command_data(&report::words::reason(&report));
        match output.forge {
            Forge::GitHub => lines.out(format!(
                "::error title=DCS migration::internal-error: {reason}"
            )),
            Forge::GitLab | Forge::None => lines.err(format!("internal-error: {reason}")),
        }
        for trouble in trouble {
            lines.err(escape::log(&trouble));
        }
        lines.flush(FLUSH);
        watchdog::end(exit_code::INTERNAL_ERROR);
    }));
}

/// The answer of a wait that hangs where nothing can be done about it, as behind a terminal that is stopped.
fn last_words(
    output: &OutputSettings,
    report_files: Option<&ReportFiles>,
    lines: &StdioWriter,
    clock: Clock,
) -> Box<dyn FnOnce(u8) + Send> {
    let (output, report_files, lines) = (output.clone(), report_files.cloned(), lines.clone());
    Box::new(move |exit_code| {
        let outcome = match exit_code {
            exit_code::TIMEOUT => Outcome::TimedOut,
            exit_code::SIGHUP => Outcome::Cancelled(Interrupt::Hup),
            exit_code::SIGINT => Outcome::Cancelled(Interrupt::Int),
            exit_code::SIGTERM => Outcome::Cancelled(Interrupt::Term),
            exit_code::INVALID_INPUT => Outcome::InvalidInput(HUNG_FILE.to_owned()),
            _ => Outcome::InternalError("the wait did not end in time".to_owned()),
        };
        let report = in_short(&output, outcome, clock);
        let report_files = report_files.unwrap_or_else(|| ReportFiles::new(&output));
        // Nobody is left to be told what could not be written.
        let _ = report_files.write_answer(&report, LAST_ANSWER / 2);
        lines.err(format!(
            "{}: {}",
            report.result(),
            report::words::reason(&report)
        ));
        lines.flush(FLUSH / 3);
    })
}

/// What can hold up the reading of inputs.
const HUNG_FILE: &str = "a file that an input names (`ca-file`, `id-token-file`, or clouds.yaml for `OS_CLOUD`) could not be \
    read in time";

/// A report that tells an end and nothing of the tasks.
fn in_short(output: &OutputSettings, outcome: Outcome, clock: Clock) -> Report {
    let (now, elapsed) = (clock.wall(), clock.elapsed());
    let started_at = now.checked_sub(elapsed).unwrap_or(now);
    Report {
        elapsed,
        finished_at: Some(now),
        ..Report::without_tasks(output, Some(outcome), started_at)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Set in the process that is to panic.
    const DOTENV: &str = "TEST_OF_PANICS_DOTENV";

    #[test]
    fn panic_over_inputs_is_answered() {
        // A hook ends its process, so that the test runs once more, as a child.
        #[expect(
            clippy::disallowed_methods,
            reason = "tells the two processes of this test apart"
        )]
        if let Ok(path) = std::env::var(DOTENV) {
            let variables = [("DCS_DOTENV".to_owned(), path.into())].into();
            let environment = Environment {
                variables,
                ..Environment::default()
            };
            let output = config::output(&environment, &Flags::new());
            report_panics(
                &output,
                None,
                &StdioWriter::start(),
                Clock::start(),
                &Watchdog::start(),
            );
            panic!("a secret");
        }
        let directory = tempfile::tempdir().unwrap();
        let dotenv = directory.path().join("dcs.env");
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "tests::panic_over_inputs_is_answered",
            ])
            .env(DOTENV, &dotenv)
            .output()
            .unwrap();
        assert_eq!(
            child.status.code(),
            Some(i32::from(exit_code::INTERNAL_ERROR))
        );
        let text = std::fs::read_to_string(&dotenv).unwrap();
        for line in [
            "DCS_RESULT=internal-error",
            "DCS_READY=false",
            "DCS_EXIT_CODE=1",
        ] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
        assert!(!String::from_utf8_lossy(&child.stderr).contains("a secret"));
    }
}
