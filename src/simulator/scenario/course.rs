//! The legs of each scenario, and what a user makes of them: stops the task, switches the IP addresses, rolls back.

use super::truth::{Keys, Moment};
use super::{Frame, Scenario};
use std::time::Duration;

/// A stretch of a task's life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg {
    /// Where it ends, in seconds from the start of the task.
    pub(super) until: u64,
    pub(super) status: &'static str,
    pub(super) switch: Switch,
    pub(super) is_migrating: bool,
    /// The full copy in percent, at the leg's start and end.
    pub(super) percent: Option<(f64, f64)>,
    /// The offset at the leg's start and end.
    pub(super) offset: Option<(i64, i64)>,
    pub(super) traffic: Traffic,
    pub(super) writes: Writes,
    /// What happens to the keys at the start.
    pub(super) loss: Loss,
}

/// What arrives in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    /// Nothing.
    None,
    /// The data set.
    Copy,
    /// The usual writes.
    Follow,
    /// Many writes.
    Burst,
}

/// Where applications write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    Source,
    Target,
    Nobody,
}

/// Keys that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    None,
    /// The target is emptied.
    Target,
    /// The source restarts without its data, and sends that to the target.
    Source,
}

/// The switch of the IP addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Switch {
    #[default]
    None,
    Switching,
    Switched,
    RollingBack,
    RolledBack,
}

impl Switch {
    /// The word in `task_status`. No document has one for a rollback under way.
    pub(super) fn task_status(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Switching | Self::RollingBack => Some("EXCHANGING"),
            Self::Switched => Some("EXCHANGE_SUCCESS"),
            Self::RolledBack => Some("ROLLBACK_SUCCESS"),
        }
    }

    /// The status of both instances.
    pub(super) fn instance_status(self) -> &'static str {
        match self {
            Self::None | Self::Switched | Self::RolledBack => "RUNNING",
            Self::Switching => "IPEXCHANGING",
            Self::RollingBack => "IPROLLBACKING",
        }
    }
}

/// The end of a leg that does not end.
pub(super) const FOR_EVER: u64 = u64::MAX;

/// The server's own spelling of the status.
const INCREMENTAL_PHASE: &str = "INCRMIGEATING";

const fn leg(until: u64, status: &'static str, is_migrating: bool) -> Leg {
    let writes = if is_migrating {
        Writes::Source
    } else {
        Writes::Nobody
    };
    let (switch, traffic, loss) = (Switch::None, Traffic::None, Loss::None);
    Leg {
        until,
        status,
        switch,
        is_migrating,
        percent: None,
        offset: None,
        traffic,
        writes,
        loss,
    }
}

const fn copy(until: u64, from: f64, to: f64, offset: Option<(i64, i64)>) -> Leg {
    Leg {
        percent: Some((from, to)),
        offset,
        traffic: Traffic::Copy,
        ..leg(until, "FULLMIGRATING", true)
    }
}

const fn follow(until: u64, from: i64, to: i64) -> Leg {
    incremental(until, from, to, Traffic::Follow)
}

const fn burst(until: u64, from: i64, to: i64) -> Leg {
    incremental(until, from, to, Traffic::Burst)
}

const fn link_lost(until: u64, from: i64, to: i64) -> Leg {
    incremental(until, from, to, Traffic::None)
}

const fn incremental(until: u64, from: i64, to: i64, traffic: Traffic) -> Leg {
    Leg {
        percent: COPIED,
        offset: Some((from, to)),
        traffic,
        ..leg(until, INCREMENTAL_PHASE, true)
    }
}

/// The task is migrating, and nothing moves.
const fn held(until: u64, status: &'static str, percent: f64, offset: Option<(i64, i64)>) -> Leg {
    Leg {
        percent: Some((percent, percent)),
        offset,
        ..leg(until, status, true)
    }
}

const fn ended(status: &'static str, percent: f64, offset: Option<(i64, i64)>) -> Leg {
    Leg {
        percent: Some((percent, percent)),
        offset,
        ..leg(FOR_EVER, status, false)
    }
}

/// What the source restarts with: nothing, and nobody writes to it.
const fn emptied(leg: Leg) -> Leg {
    Leg {
        writes: Writes::Nobody,
        ..leg
    }
}

/// The IP addresses are being switched and the task still says that it migrates. The instances can only be read.
const fn switching(until: u64, offset: Option<(i64, i64)>) -> Leg {
    let switch = Switch::Switching;
    Leg {
        switch,
        percent: COPIED,
        offset,
        writes: Writes::Nobody,
        ..leg(until, INCREMENTAL_PHASE, true)
    }
}

/// The switch stopped the task. What its status says then is documented nowhere, but that it is SUCCESS after a
/// rollback: here it always is, which says the least.
const fn stopped_by_switch(
    until: u64,
    switch: Switch,
    writes: Writes,
    offset: Option<(i64, i64)>,
) -> Leg {
    Leg {
        switch,
        percent: COPIED,
        offset,
        writes,
        ..leg(until, "SUCCESS", false)
    }
}

const COPIED: Option<(f64, f64)> = Some((100.0, 100.0));
const ZERO: Option<(i64, i64)> = Some((0, 0));

const INCREMENTAL: &[Leg] = &[
    copy(420, 0.0, 100.0, None),
    follow(600, 184_320, 0),
    follow(640, 0, 0),
    burst(690, 0, 46_800),
    follow(790, 46_800, 0),
    follow(850, 0, 0),
    held(880, "TERMINATING", 100.0, ZERO),
    ended("TERMINATED", 100.0, ZERO),
];

// The offset reads zero while the data set is copied: not in sync. Later it touches zero once and rises again.
const IN_SYNC: &[Leg] = &[
    copy(360, 0.0, 100.0, ZERO),
    follow(520, 96_256, 240),
    follow(530, 0, 0),
    burst(580, 0, 9_400),
    follow(680, 9_400, 0),
    follow(FOR_EVER, 0, 0),
];

const FULL: &[Leg] = &[
    copy(620, 0.0, 100.0, None),
    held(650, "MIGRATING", 100.0, None),
    ended("SUCCESS", 100.0, None),
];

const FAILED: &[Leg] = &[
    copy(300, 0.0, 47.0, None),
    held(345, "FULLMIGRATING", 47.0, None),
    ended("FAILED", 47.0, None),
];

const STOPPED_SHORT: &[Leg] = &[
    copy(380, 0.0, 62.0, ZERO),
    held(405, "TERMINATING", 62.0, ZERO),
    ended("TERMINATED", 62.0, ZERO),
];

// RUNNING means "to be configured".
const NEVER_CONFIGURED: &[Leg] = &[leg(FOR_EVER, "RUNNING", false)];

// The second copy shows an offset of zero again: what was in sync before does not count any more.
const RESYNC: &[Leg] = &[
    copy(300, 0.0, 100.0, ZERO),
    follow(400, 131_072, 2_900),
    link_lost(450, 2_900, 268_800),
    copy(720, 0.0, 100.0, ZERO),
    follow(860, 98_304, 0),
    follow(FOR_EVER, 0, 0),
];

// From 450 s on the task has stopped and its offset is zero, but applications still use the source.
const SWITCH: &[Leg] = &[
    copy(300, 0.0, 100.0, None),
    follow(400, 98_304, 0),
    follow(440, 0, 0),
    switching(450, ZERO),
    stopped_by_switch(500, Switch::Switching, Writes::Nobody, ZERO),
    stopped_by_switch(FOR_EVER, Switch::Switched, Writes::Target, ZERO),
];

const ROLLBACK: &[Leg] = &[
    copy(300, 0.0, 100.0, None),
    follow(400, 98_304, 0),
    follow(440, 0, 0),
    switching(450, ZERO),
    stopped_by_switch(500, Switch::Switching, Writes::Nobody, ZERO),
    stopped_by_switch(530, Switch::RollingBack, Writes::Nobody, ZERO),
    stopped_by_switch(FOR_EVER, Switch::RolledBack, Writes::Source, ZERO),
];

// What is written afterwards arrives: the offset tells nothing of what was lost.
const LOST_KEYS: &[Leg] = &[
    copy(300, 0.0, 100.0, None),
    follow(400, 98_304, 0),
    follow(440, 0, 0),
    Leg {
        loss: Loss::Target,
        ..follow(480, 0, 0)
    },
    held(500, "TERMINATING", 100.0, ZERO),
    ended("TERMINATED", 100.0, ZERO),
];

// An empty data set is copied in no time, and is in sync as soon.
const EMPTY_RESTART: &[Leg] = &[
    copy(300, 0.0, 100.0, ZERO),
    follow(400, 98_304, 900),
    emptied(Leg {
        loss: Loss::Source,
        ..copy(410, 0.0, 100.0, ZERO)
    }),
    emptied(follow(FOR_EVER, 0, 0)),
];

// The target keeps up with the writes, so that a rehearsal does not depend on when it acts.
const LIVE: &[Leg] = &[
    copy(60, 0.0, 100.0, ZERO),
    follow(120, 24_576, 0),
    follow(FOR_EVER, 0, 0),
];

impl Scenario {
    pub(super) fn legs(self) -> &'static [Leg] {
        match self {
            Self::Incremental | Self::Flaky => INCREMENTAL,
            Self::InSync => IN_SYNC,
            Self::Full => FULL,
            Self::Failed => FAILED,
            Self::StoppedShort => STOPPED_SHORT,
            Self::NeverConfigured => NEVER_CONFIGURED,
            Self::Resync => RESYNC,
            Self::Switch => SWITCH,
            Self::Rollback => ROLLBACK,
            Self::LostKeys => LOST_KEYS,
            Self::EmptyRestart => EMPTY_RESTART,
            Self::Live => LIVE,
        }
    }
}

/// What a user can do with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Stops the task; it has stopped a little later.
    Stop,
    /// Stops the task before the answer is sent.
    SyncStop,
    /// Switches the IP addresses of source and target.
    ExchangeIp,
    /// Takes a switch back.
    RollbackIp,
}

/// An action that the task's state does not allow; what the state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotAllowed(pub(crate) String);

/// A line of a task's migration log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// When, from the start of the task.
    pub(crate) at: Duration,
    pub(crate) level: &'static str,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

/// Why a task fails, in the words of the vendor's own list of causes.
pub(super) const FAILURE: &str = "Disconnecting timedout slave.";

/// How long a task needs to stop.
const STOPPING: u64 = 15;
/// For how much of a switch the task still says that it migrates.
const SWITCH_BEGINS: u64 = 10;
/// How long a switch takes: the instances can only be read for a minute.
const SWITCHING: u64 = 60;
/// How long a rollback takes.
const ROLLING_BACK: u64 = 30;

/// What one task does: its scenario, until a user acts.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    scenario: Scenario,
    /// They follow each other, and the last one does not end.
    legs: Vec<Leg>,
}

impl Course {
    pub(crate) fn of(scenario: Scenario) -> Self {
        Self {
            scenario,
            legs: scenario.legs().to_vec(),
        }
    }

    /// What the API shows so long after the start of the task.
    pub(crate) fn at(&self, elapsed: Duration) -> Frame {
        self.scenario.frame(&self.moment(elapsed), elapsed)
    }

    /// Does what a user wants. What the task did so far stays; what it would have done does not happen.
    pub(crate) fn act(&mut self, action: Action, elapsed: Duration) -> Result<(), NotAllowed> {
        let moment = self.moment(elapsed);
        let is_allowed = match action {
            Action::Stop | Action::SyncStop => {
                moment.is_migrating
                    && moment.switch == Switch::None
                    && moment.status != "TERMINATING"
            }
            Action::ExchangeIp => {
                moment.switch == Switch::None && moment.status == INCREMENTAL_PHASE
            }
            Action::RollbackIp => moment.switch == Switch::Switched,
        };
        if !is_allowed {
            let task_status = moment
                .switch
                .task_status()
                .map_or(String::new(), |word| format!(", {word}"));
            return Err(NotAllowed(format!(
                "The migration task is in status {}{task_status}.",
                moment.status
            )));
        }
        let now = elapsed.as_secs();
        let is_past = |leg: &&Leg| leg.until <= now;
        let n_past = self.legs.iter().take_while(is_past).count();
        self.legs.truncate(n_past.saturating_add(1));
        if let Some(current) = self.legs.get_mut(n_past) {
            current.until = now;
        }
        self.legs.extend(following(action, now, &moment));
        Ok(())
    }

    /// What the task has logged so far, oldest first.
    pub(crate) fn log(&self, elapsed: Duration) -> Vec<LogLine> {
        let mut lines = Vec::new();
        let mut start = 0;
        let mut last = None;
        for leg in &self.legs {
            let at = Duration::from_secs(start);
            if at > elapsed {
                break;
            }
            let line = logged(leg);
            if last != Some(line) {
                let (level, code, message) = line;
                lines.push(LogLine {
                    at,
                    level,
                    code,
                    message,
                });
            }
            last = Some(line);
            start = leg.until;
        }
        lines
    }

    fn moment(&self, elapsed: Duration) -> Moment {
        let now = elapsed.as_secs_f64();
        let mut keys = Keys::new(self.scenario.keys());
        let mut start = 0;
        let mut moment = Moment::default();
        for leg in &self.legs {
            keys.lose(leg.loss, moment.target_keys);
            moment = Moment::of(leg, start, now, &mut keys);
            if elapsed < Duration::from_secs(leg.until) {
                break;
            }
            start = leg.until;
        }
        moment
    }
}

/// The legs that follow an action. Percentage and offset stay as the action found them.
fn following(action: Action, now: u64, moment: &Moment) -> Vec<Leg> {
    let percent = moment.percent.map(|percent| (percent, percent));
    let offset = moment.offset.map(|offset| (offset, offset));
    let after = |seconds| now.saturating_add(seconds);
    let stopped = Leg {
        percent,
        offset,
        ..leg(FOR_EVER, "TERMINATED", false)
    };
    match action {
        Action::Stop => vec![
            Leg {
                percent,
                offset,
                ..leg(after(STOPPING), "TERMINATING", true)
            },
            stopped,
        ],
        Action::SyncStop => vec![stopped],
        Action::ExchangeIp => vec![
            switching(after(SWITCH_BEGINS), offset),
            stopped_by_switch(after(SWITCHING), Switch::Switching, Writes::Nobody, offset),
            stopped_by_switch(FOR_EVER, Switch::Switched, Writes::Target, offset),
        ],
        Action::RollbackIp => vec![
            stopped_by_switch(
                after(ROLLING_BACK),
                Switch::RollingBack,
                Writes::Nobody,
                offset,
            ),
            stopped_by_switch(FOR_EVER, Switch::RolledBack, Writes::Source, offset),
        ],
    }
}

/// Level, code and message with which a leg begins; a leg that says the same as the one before says nothing. The
/// vendor documents the fields, not what stands in them.
fn logged(leg: &Leg) -> (&'static str, &'static str, &'static str) {
    match (leg.switch, leg.status) {
        (Switch::Switching, _) => ("INFO", "20001", "IP addresses are being switched."),
        (Switch::Switched, _) => ("INFO", "20002", "IP addresses switched."),
        (Switch::RollingBack, _) => (
            "WARN",
            "20003",
            "The switch of IP addresses is being rolled back.",
        ),
        (Switch::RolledBack, _) => (
            "WARN",
            "20004",
            "The switch of IP addresses was rolled back.",
        ),
        (Switch::None, "FULLMIGRATING") if leg.traffic == Traffic::None => {
            ("WARN", "10006", "No data from the source Redis.")
        }
        (Switch::None, "FULLMIGRATING") => ("INFO", "10002", "Full migration started."),
        (Switch::None, INCREMENTAL_PHASE) if leg.traffic == Traffic::None => (
            "WARN",
            "10005",
            "The connection to the source Redis was lost.",
        ),
        (Switch::None, INCREMENTAL_PHASE) => ("INFO", "10003", "Incremental migration started."),
        (Switch::None, "TERMINATING") => ("INFO", "10007", "The migration task is being stopped."),
        (Switch::None, "TERMINATED") => ("INFO", "10008", "The migration task was stopped."),
        (Switch::None, "SUCCESS") => ("INFO", "10004", "Migration succeeded."),
        (Switch::None, "FAILED") => ("ERROR", "10009", FAILURE),
        (Switch::None, _) => ("INFO", "10001", "The migration task was created."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn state(course: &Course, second: u64) -> (String, Option<String>, bool) {
        let frame = course.at(seconds(second));
        let word = |name: &str| frame.detail[name].as_str().map(str::to_owned);
        (
            word("status").unwrap(),
            word("task_status"),
            frame.stats["is_migrating"] == true,
        )
    }

    #[test]
    fn legs_follow_each_other() {
        for scenario in Scenario::ALL {
            let legs = scenario.legs();
            assert!(
                legs.windows(2).all(|pair| pair[0].until < pair[1].until),
                "{scenario:?}"
            );
            assert_eq!(legs.last().unwrap().until, FOR_EVER, "{scenario:?}");
        }
    }

    #[test]
    fn a_task_runs_until_a_user_acts() {
        let course = Course::of(Scenario::Live);
        for second in [120, 3600, 1_000_000] {
            assert_eq!(
                state(&course, second),
                ("INCRMIGEATING".to_owned(), None, true)
            );
            assert_eq!(course.at(seconds(second)).stats["offset"], 0);
        }
        let keys = |second| {
            course.at(seconds(second)).stats["source_dbsize"]
                .as_i64()
                .unwrap()
        };
        assert_eq!(keys(10_200) - keys(200), 3500);
    }

    #[test]
    fn an_action_keeps_what_was_copied() {
        let mut course = Course::of(Scenario::Incremental);
        let before = course.at(seconds(200));
        course.act(Action::SyncStop, seconds(200)).unwrap();
        for second in [200, 600, 5000] {
            let after = course.at(seconds(second));
            assert_eq!(
                state(&course, second),
                ("TERMINATED".to_owned(), None, false)
            );
            assert_eq!(
                after.stats["full_migration_progress"],
                before.stats["full_migration_progress"]
            );
            assert_eq!(after.stats["source_dbsize"], before.stats["source_dbsize"]);
        }
        // Out of sync it stays so, too.
        let mut course = Course::of(Scenario::Incremental);
        let offset = course.at(seconds(500)).stats["offset"].clone();
        course.act(Action::Stop, seconds(500)).unwrap();
        assert_eq!(course.at(seconds(5000)).stats["offset"], offset);
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
                    let mut course = Course::of(scenario);
                    let acted = course.act(first, seconds(time)).is_ok();
                    let again = course.act(second, seconds(time)).is_ok();
                    // Both only fit together where the first did nothing.
                    assert!(
                        !(acted && again),
                        "{scenario:?} {first:?} {second:?} at {time}"
                    );
                    for &later in &times[index..] {
                        assert!(!course.at(seconds(later)).detail["status"].is_null());
                        assert!(!course.log(seconds(later)).is_empty());
                    }
                }
            }
            let mut course = Course::of(scenario);
            let _ = course.act(Action::Stop, Duration::MAX);
            assert!(!course.at(Duration::MAX).detail["status"].is_null());
        }
    }

    #[test]
    fn the_log_tells_each_change_once() {
        let log = |scenario, second| -> Vec<&str> {
            Course::of(scenario)
                .log(seconds(second))
                .into_iter()
                .map(|line| line.message)
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
