//! What a wait is asked for.

use crate::domain::Condition;
use crate::domain::TaskId;
use std::time::Duration;

/// What is waited for, and within which bounds.
#[derive(Debug)]
pub struct Plan {
    /// The tasks.
    pub tasks: Tasks,
    /// The rules, the same for each task.
    pub rules: Rules,
    /// Requests a second at most, over all tasks.
    pub requests_per_second: f64,
    /// Whether the first failure ends the wait for all tasks.
    pub fail_fast: bool,
}

/// Which tasks are waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tasks {
    /// These; at least one.
    Named(Vec<TaskId>),
    /// Every task of the project that runs when the wait begins.
    AllRunning,
}

/// The rules of a wait, the same for every task.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// What is waited for.
    pub condition: Condition,
    /// Consecutive readings that must meet it; at least one.
    pub stable_polls: u32,
    /// Whether the task's status is read too.
    pub status_check: StatusCheck,
    /// How often to poll.
    pub pace: PollSettings,
    /// Readings that are further apart do not count as consecutive.
    pub max_gap: Duration,
    /// The wait ends when no request has succeeded for this long.
    pub max_outage: Duration,
    /// The wait ends when nothing has improved for this long.
    pub stall_timeout: Option<Duration>,
    /// Bound of one request; the last poll before the deadline leaves it no more than that.
    pub request_timeout: Duration,
    /// When the wait ends in any case, since the start of the process.
    pub deadline: Duration,
}

/// A poll is a reading and its status.
const REQUESTS_PER_POLL: f64 = 2.0;

impl Rules {
    /// [`Self::max_gap`]: three times the longest interval, or three times as long as the rate limit keeps two polls of a
    /// task apart where that is longer. Otherwise a short interval would make consecutive readings impossible.
    pub fn max_gap(pace: PollSettings, requests_per_second: f64) -> Duration {
        let between_polls = Duration::try_from_secs_f64(REQUESTS_PER_POLL / requests_per_second);
        let longest = pace.max.max(between_polls.unwrap_or(Duration::MAX));
        longest.saturating_mul(3)
    }

    /// How long after the answer with a reading a status still belongs to it.
    pub fn max_status_delay(&self) -> Duration {
        self.pace.initial.max(self.request_timeout)
    }
}

/// How often to poll.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PollSettings {
    /// Shortest and first interval; more than zero.
    pub initial: Duration,
    /// Longest interval; at least `initial`.
    pub max: Duration,
    /// Growth from one interval to the next, 1 to 10.
    pub multiplier: f64,
}

/// Whether the task's status is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCheck {
    /// Read it, and go on without it where that endpoint alone fails.
    Auto,
    /// A poll without it is a failed poll.
    Require,
    /// Do not read it.
    Off,
}
