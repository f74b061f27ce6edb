//! What one task does over time: its scenario, and what users change: they stop it, switch the IP addresses, roll back.

use super::catalog::Scenario;
use super::snapshot::{FAILURE, Snapshot};
use super::stage::{
    FOREVER, INCREMENTAL, IpSwitch, Stage, Traffic, Writes, blank, stopped_by_switch, switching,
};
use super::state::{KeyCounts, State};
use std::borrow::Cow;
use std::time::Duration;

/// What a user can do with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) enum Action {
    /// Stops the task; it has stopped a little later.
    Stop,
    /// Stops the task before the response is sent.
    SyncStop,
    /// Switches the IP addresses of source and target.
    ExchangeIp,
    /// Reverses a switch.
    RollbackIp,
}

/// The task's state does not allow an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The migration task is in status {0}.")]
pub(in crate::simulator) struct NotAllowed(String);

/// A line of a task's migration log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) struct LogLine {
    /// When, from the start of the task.
    pub(in crate::simulator) at: Duration,
    pub(in crate::simulator) entry: LogEntry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) struct LogEntry {
    pub(in crate::simulator) level: &'static str,
    pub(in crate::simulator) code: &'static str,
    pub(in crate::simulator) message: &'static str,
}

/// How long a task needs to stop, in seconds.
const STOPPING: u64 = 15;
/// For how much of a switch the task still reports that it migrates.
const SWITCH_BEGINS: u64 = 10;
/// How long a switch takes: the instances are read-only for a minute.
const SWITCHING: u64 = 60;
/// How long a rollback takes.
const ROLLING_BACK: u64 = 30;

/// What one task does over time.
#[derive(Debug, Clone)]
pub struct TimeSeries {
    scenario: Scenario,
    /// Each follows the one before, and the last does not end.
    stages: Cow<'static, [Stage]>,
}

impl TimeSeries {
    /// The scenario, until a user acts.
    pub fn of(scenario: Scenario) -> Self {
        Self {
            scenario,
            stages: Cow::Borrowed(scenario.definition().stages),
        }
    }

    /// The scenario that it began as.
    pub(in crate::simulator) fn scenario(&self) -> Scenario {
        self.scenario
    }

    /// What the API reports this long after the start of the task.
    pub fn at(&self, elapsed: Duration) -> Snapshot {
        let now = elapsed.as_secs();
        let fault = self
            .scenario
            .definition()
            .faults
            .iter()
            .find(|span| (span.from..span.to).contains(&now))
            .map(|span| span.fault);
        Snapshot::of(self.scenario, &self.state(elapsed), fault)
    }

    /// Changes what the task does from now on.
    pub(in crate::simulator) fn act(
        &mut self,
        action: Action,
        elapsed: Duration,
    ) -> Result<(), NotAllowed> {
        let state = self.state(elapsed);
        let Stage {
            status,
            ip_switch,
            is_migrating,
            ..
        } = state.stage;
        let is_allowed = match action {
            Action::Stop | Action::SyncStop => {
                is_migrating && ip_switch == IpSwitch::None && status != "TERMINATING"
            }
            Action::ExchangeIp => ip_switch == IpSwitch::None && status == INCREMENTAL,
            Action::RollbackIp => ip_switch == IpSwitch::Switched,
        };
        if !is_allowed {
            let words: Vec<&str> = [Some(status), ip_switch.task_status()]
                .into_iter()
                .flatten()
                .collect();
            return Err(NotAllowed(words.join(", ")));
        }
        let now = elapsed.as_secs();
        let stages = self.stages.to_mut();
        let n_past = stages.iter().take_while(|stage| stage.until <= now).count();
        stages.truncate(n_past.saturating_add(1));
        if let Some(current) = stages.get_mut(n_past) {
            current.until = now;
        }
        stages.extend(stages_after(action, now, &state));
        Ok(())
    }

    /// What the task has logged so far, oldest first.
    pub(in crate::simulator) fn log(&self, elapsed: Duration) -> Vec<LogLine> {
        let starts = std::iter::once(0).chain(self.stages.iter().map(|stage| stage.until));
        let mut lines: Vec<LogLine> = starts
            .zip(self.stages.iter())
            .map(|(start, stage)| LogLine {
                at: Duration::from_secs(start),
                entry: log_entry(stage),
            })
            .take_while(|line| line.at <= elapsed)
            .collect();
        lines.dedup_by_key(|line| line.entry);
        lines
    }

    fn state(&self, elapsed: Duration) -> State {
        let now = elapsed.as_secs_f64();
        let mut keys = KeyCounts::new(self.scenario.definition().source_keys);
        let mut start = 0;
        let mut state = State::default();
        for stage in self.stages.iter() {
            keys.lose(stage.loss, &state);
            state = State::of(stage, start, now, &mut keys);
            if elapsed < Duration::from_secs(stage.until) {
                break;
            }
            start = stage.until;
        }
        state
    }
}

/// The stages that follow an action. Percentage and offset stay as they were.
fn stages_after(action: Action, now: u64, state: &State) -> Vec<Stage> {
    let after = |seconds| now.saturating_add(seconds);
    let terminated = blank(FOREVER, "TERMINATED", false);
    let mut stages = match action {
        Action::Stop => vec![blank(after(STOPPING), "TERMINATING", true), terminated],
        Action::SyncStop => vec![terminated],
        Action::ExchangeIp => vec![
            switching(after(SWITCH_BEGINS)),
            stopped_by_switch(after(SWITCHING), IpSwitch::Switching, Writes::None),
            stopped_by_switch(FOREVER, IpSwitch::Switched, Writes::Target),
        ],
        Action::RollbackIp => vec![
            stopped_by_switch(after(ROLLING_BACK), IpSwitch::RollingBack, Writes::None),
            stopped_by_switch(FOREVER, IpSwitch::RolledBack, Writes::Source),
        ],
    };
    for stage in &mut stages {
        stage.percent = state.percent.map(|percent| (percent, percent));
        stage.offset = state.offset.map(|offset| (offset, offset));
    }
    stages
}

/// What a stage logs at its start; nothing where the stage before logged the same. The vendor documents the fields,
/// not their values.
fn log_entry(stage: &Stage) -> LogEntry {
    let has_traffic = stage.traffic != Traffic::None;
    let (level, code, message) = match (stage.ip_switch, stage.status) {
        (IpSwitch::Switching, _) => ("INFO", "20001", "IP addresses are being switched."),
        (IpSwitch::Switched, _) => ("INFO", "20002", "IP addresses switched."),
        (IpSwitch::RollingBack, _) => (
            "WARN",
            "20003",
            "The switch of IP addresses is being rolled back.",
        ),
        (IpSwitch::RolledBack, _) => (
            "WARN",
            "20004",
            "The switch of IP addresses was rolled back.",
        ),
        (IpSwitch::None, "FULLMIGRATING") if has_traffic => {
            ("INFO", "10002", "Full migration started.")
        }
        (IpSwitch::None, "FULLMIGRATING") => ("WARN", "10006", "No data from the source Redis."),
        (IpSwitch::None, INCREMENTAL) if has_traffic => {
            ("INFO", "10003", "Incremental migration started.")
        }
        (IpSwitch::None, INCREMENTAL) => (
            "WARN",
            "10005",
            "The connection to the source Redis was lost.",
        ),
        (IpSwitch::None, "TERMINATING") => {
            ("INFO", "10007", "The migration task is being stopped.")
        }
        (IpSwitch::None, "TERMINATED") => ("INFO", "10008", "The migration task was stopped."),
        (IpSwitch::None, "SUCCESS") => ("INFO", "10004", "Migration succeeded."),
        (IpSwitch::None, "FAILED") => ("ERROR", "10009", FAILURE),
        (IpSwitch::None, _) => ("INFO", "10001", "The migration task was created."),
    };
    LogEntry {
        level,
        code,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn state(series: &TimeSeries, second: u64) -> (String, Option<String>, bool) {
        let snapshot = series.at(seconds(second));
        let word = |name: &str| snapshot.detail[name].as_str().map(str::to_owned);
        (
            word("status").unwrap(),
            word("task_status"),
            snapshot.stats["is_migrating"] == true,
        )
    }

    #[test]
    fn stages_are_in_order() {
        for scenario in Scenario::ALL {
            let stages = scenario.definition().stages;
            assert!(
                stages.windows(2).all(|pair| pair[0].until < pair[1].until),
                "{scenario:?}"
            );
            assert_eq!(stages.last().unwrap().until, FOREVER, "{scenario:?}");
        }
    }

    #[test]
    fn live_task_runs_until_an_action() {
        let series = TimeSeries::of(Scenario::Live);
        for second in [120, 3600, 1_000_000] {
            assert_eq!(
                state(&series, second),
                ("INCRMIGEATING".to_owned(), None, true)
            );
            assert_eq!(series.at(seconds(second)).stats["offset"], 0);
        }
        let keys = |second| {
            series.at(seconds(second)).stats["source_dbsize"]
                .as_i64()
                .unwrap()
        };
        assert_eq!(keys(10_200) - keys(200), 3500);
    }

    #[test]
    fn action_keeps_progress_and_offset() {
        let mut series = TimeSeries::of(Scenario::Incremental);
        let before = series.at(seconds(200));
        series.act(Action::SyncStop, seconds(200)).unwrap();
        for second in [200, 600, 5000] {
            let after = series.at(seconds(second));
            assert_eq!(
                state(&series, second),
                ("TERMINATED".to_owned(), None, false)
            );
            assert_eq!(
                after.stats["full_migration_progress"],
                before.stats["full_migration_progress"]
            );
            assert_eq!(after.stats["source_dbsize"], before.stats["source_dbsize"]);
        }
        // Out of sync it stays so, too.
        let mut series = TimeSeries::of(Scenario::Incremental);
        let offset = series.at(seconds(500)).stats["offset"].clone();
        series.act(Action::Stop, seconds(500)).unwrap();
        assert_eq!(series.at(seconds(5000)).stats["offset"], offset);
        assert_ne!(offset, 0);
    }

    #[test]
    fn actions_are_safe_at_any_time() {
        let times = [0, 1, 60, 119, 120, 121, 499, 1_000_000_000];
        let actions = [
            Action::Stop,
            Action::SyncStop,
            Action::ExchangeIp,
            Action::RollbackIp,
        ];
        for scenario in Scenario::ALL {
            for (first, second) in actions
                .iter()
                .flat_map(|first| actions.map(|second| (*first, second)))
            {
                for (index, &time) in times.iter().enumerate() {
                    let mut series = TimeSeries::of(scenario);
                    let acted = series.act(first, seconds(time)).is_ok();
                    let again = series.act(second, seconds(time)).is_ok();
                    // The second is allowed only where the first was refused.
                    assert!(
                        !(acted && again),
                        "{scenario:?} {first:?} {second:?} at {time}"
                    );
                    for &later in &times[index..] {
                        assert!(!series.at(seconds(later)).detail["status"].is_null());
                        assert!(!series.log(seconds(later)).is_empty());
                    }
                }
            }
            let mut series = TimeSeries::of(scenario);
            let _ = series.act(Action::Stop, Duration::MAX);
            assert!(!series.at(Duration::MAX).detail["status"].is_null());
        }
    }

    #[test]
    fn log_has_each_change_once() {
        let log = |scenario, second| -> Vec<&str> {
            TimeSeries::of(scenario)
                .log(seconds(second))
                .into_iter()
                .map(|line| line.entry.message)
                .collect()
        };
        let incremental = ["Full migration started.", "Incremental migration started."];
        assert_eq!(log(Scenario::Incremental, 419), incremental[..1]);
        assert_eq!(log(Scenario::Incremental, 849), incremental);
        assert_eq!(log(Scenario::Incremental, 5000).len(), 4);
        assert_eq!(
            log(Scenario::Resync, 500)[2..],
            [
                "The connection to the source Redis was lost.",
                incremental[0]
            ]
        );
        assert_eq!(log(Scenario::Failed, 345).last(), Some(&FAILURE));
        assert!(!log(Scenario::Failed, 344).contains(&FAILURE));
    }
}
