//! The last report: the one way in which every end writes its outputs, also a panic and a wait that hangs.

use crate::clock::Clock;
use crate::escape;
use crate::outcome::{Internal, Interrupt, Outcome, exit_code};
use crate::report::files::ReportFiles;
use crate::report::stdio::StdioWriter;
use crate::report::{Forge, OutputSettings, Report, messages};
use crate::watchdog::{self, Watchdog};
use std::time::Duration;

/// How long standard output and error may take to drain at the end.
pub(crate) const FLUSH: Duration = Duration::from_millis(300);
/// How long everything at the end may take after a signal or a deadline; the contract gives two seconds and one.
pub(crate) const GRACE_AFTER_SIGNAL: Duration = Duration::from_millis(1500);
pub(crate) const GRACE_AFTER_DEADLINE: Duration = Duration::from_millis(800);
/// How long files may take where there is no time: first what machines read, then what people read.
const OUTPUTS: Duration = Duration::from_millis(250);
const REPORTS: Duration = Duration::from_millis(200);
/// How long what people read may take where there is time.
const REPORTS_AT_MOST: Duration = Duration::from_secs(10);

/// What can hold up the reading of inputs.
const HUNG_FILE: &str = "a file that an input names (`ca-file`, `id-token-file`, or clouds.yaml for `OS_CLOUD`) could not be \
    read in time";

/// How tokio's panic begins where the system gives it no thread.
const NO_THREAD_OF_TOKIO: &str = "OS can't spawn worker thread";
const NO_THREAD: &str = "no thread could be started: raise the limit of processes (`ulimit -u`, or that of the container)";

/// Outputs and exit code must not contradict each other.
const STALE_OUTPUTS: &str = "the goal was reached, but the outputs could not be written and still say `ready=false`: give \
    their disk room, and wait again";

/// Writes every file within that time, or a little longer where there is hardly any. Returns what could not be written.
/// A report that is ready becomes an error where the outputs keep saying that it is not.
pub(crate) fn write_all(files: &ReportFiles, report: &mut Report, left: Duration) -> Vec<String> {
    let mut errors = files.write_outputs(report, left.saturating_sub(REPORTS + FLUSH).max(OUTPUTS));
    if report.is_ready() && files.are_outputs_stale() {
        report.outcome = Some(Outcome::InternalError(Internal::Machine(STALE_OUTPUTS)));
        // What could be written must not say otherwise.
        let _ = files.write_outputs(report, OUTPUTS);
    }
    let for_people = (left / 4).clamp(REPORTS, REPORTS_AT_MOST);
    errors.extend(files.write_for_people(report, for_people));
    errors
}

/// Writes a last report where the wait itself cannot.
#[derive(Clone)]
pub(crate) struct LastReport {
    output: OutputSettings,
    /// `None` as long as the inputs are not read: the files are opened when they are needed.
    files: Option<ReportFiles>,
    lines: StdioWriter,
    clock: Clock,
}

impl LastReport {
    pub(crate) fn new(
        output: &OutputSettings,
        files: Option<&ReportFiles>,
        lines: &StdioWriter,
        clock: Clock,
    ) -> Self {
        Self {
            output: output.clone(),
            files: files.cloned(),
            lines: lines.clone(),
            clock,
        }
    }

    /// Takes effect for panics and for exits that the watchdog forces, in place of the one before.
    pub(crate) fn install(self, watchdog: &Watchdog) {
        let (panics, watchdog_of_panics) = (self.clone(), watchdog.clone());
        std::panic::set_hook(Box::new(move |panic| {
            watchdog_of_panics.set_forced_exit(None);
            watchdog_of_panics.end_within(GRACE_AFTER_SIGNAL, exit_code::INTERNAL_ERROR);
            let payload = panic.payload();
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let what = if text.is_some_and(|text| text.starts_with(NO_THREAD_OF_TOKIO)) {
                Internal::Machine(NO_THREAD)
            } else {
                // The message may hold untrusted text, even a secret; the place is enough to find it.
                let place = panic.location();
                let place = place.map(|place| format!(" at {}:{}", place.file(), place.line()));
                Internal::Bug(format!("panic{}", place.unwrap_or_default()))
            };
            panics.after_panic(what);
            watchdog::end(exit_code::INTERNAL_ERROR);
        }));
        watchdog.set_forced_exit(Some(Box::new(move |exit_code| self.forced(exit_code))));
    }

    /// A bug must not leave `result=unknown` behind.
    fn after_panic(&self, what: Internal) {
        let mut report = self.report(Outcome::InternalError(what));
        let errors = write_all(&self.files(), &mut report, Duration::ZERO);
        let reason = escape::command_data(&messages::reason(&report));
        match self.output.forge {
            Forge::GitHub => self.lines.out(format!(
                "::error title=DCS migration::internal-error: {reason}"
            )),
            Forge::GitLab | Forge::None => self.lines.err(format!("internal-error: {reason}")),
        }
        for error in errors {
            self.lines.err(escape::log(&error));
        }
        self.lines.flush(FLUSH);
    }

    /// For a wait that hangs where no timeout reaches, as behind a terminal that is stopped.
    fn forced(&self, exit_code: u8) {
        let outcome = match exit_code {
            exit_code::TIMEOUT => Outcome::TimedOut,
            exit_code::SIGHUP => Outcome::Cancelled(Interrupt::Hup),
            exit_code::SIGINT => Outcome::Cancelled(Interrupt::Int),
            exit_code::SIGTERM => Outcome::Cancelled(Interrupt::Term),
            exit_code::INVALID_INPUT => Outcome::InvalidInput(HUNG_FILE.to_owned()),
            _ => Outcome::InternalError(Internal::Bug("the wait did not end in time".to_owned())),
        };
        let report = self.report(outcome);
        // There is no time left to report what could not be written.
        let _ = self.files().write_outputs(&report, OUTPUTS / 2);
        self.lines.err(format!(
            "{}: {}",
            report.result(),
            messages::reason(&report)
        ));
        self.lines.flush(FLUSH / 3);
    }

    fn files(&self) -> ReportFiles {
        self.files
            .clone()
            .unwrap_or_else(|| ReportFiles::new(&self.output))
    }

    /// How it ended, without the tasks.
    fn report(&self, outcome: Outcome) -> Report {
        let (now, elapsed) = (self.clock.wall(), self.clock.elapsed());
        let started_at = now.checked_sub(elapsed).unwrap_or(now);
        Report {
            elapsed,
            finished_at: Some(now),
            ..Report::without_tasks(&self.output, Some(outcome), started_at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Environment, cli::Flags};
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
            LastReport::new(&output, None, &StdioWriter::start(), Clock::start())
                .install(&Watchdog::start());
            panic!("a secret");
        }
        let directory = tempfile::tempdir().unwrap();
        let dotenv = directory.path().join("dcs.env");
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "shutdown::tests::panic_over_inputs_is_answered",
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
