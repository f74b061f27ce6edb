//! The state or the end of a wait, as one value.
//!
//! Renderers below are pure: a [`Report`] in, text out; [`files`] has the one writer of files. What cannot be written is
//! said once and changes no exit code.

pub mod card;
pub mod chart;
pub mod console;
pub mod files;
pub mod github;
pub mod gitlab;
pub mod history;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod messages;
mod outputs;
mod settings;
pub mod stdio;
mod templates;
pub mod terminal;
pub mod view;

pub use outputs::{OUTPUTS, is_output_variable, outputs};
pub use settings::{Forge, LogFormat, OutputSettings, ReportFile, ReportFormat};

use self::history::History;
use crate::api::ApiError;
use crate::domain::{Check, Detail, Goal, Reading, TaskId};
use crate::outcome::Outcome;
use crate::wait::{ProgressKey, Rules, TaskWait};
use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

/// The state or the end of a wait.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it ended; `None` while it goes on.
    pub outcome: Option<Outcome>,
    /// The goal, where the inputs have a valid one.
    pub goal: Option<Goal>,
    /// What was asked for, where the inputs were valid.
    pub rules: Option<Rules>,
    /// Each task.
    pub tasks: Vec<TaskReport>,
    /// Why the tasks that run could not be listed, where that is why there are none.
    pub listing: Option<ApiError>,
    /// What happened to no task in particular, in words, with the time since the start of the process.
    pub events: Vec<(Duration, String)>,
    /// From the start of the process.
    pub elapsed: Duration,
    /// Wall clock.
    pub started_at: SystemTime,
    /// Wall clock.
    pub finished_at: Option<SystemTime>,
}

/// The state or the end of the wait for one task.
#[derive(Debug, Clone)]
pub struct TaskReport {
    /// Which task.
    pub id: TaskId,
    /// How it ended, where it has.
    pub outcome: Option<Outcome>,
    /// The newest good reading.
    pub reading: Option<Reading>,
    /// When that was, since the start of the process.
    pub read_at: Option<Duration>,
    /// Its body as it came.
    pub raw: Option<String>,
    /// What it says about the goal.
    pub check: Option<Check>,
    /// The newest status, where it is known.
    pub detail: Option<Detail>,
    /// The status could not be read.
    pub status_unavailable: bool,
    /// Consecutive readings that show the goal.
    pub stable: u32,
    /// Polls, failed ones included.
    pub polls: u64,
    /// Failed polls.
    pub failed_polls: u64,
    /// The newest failure, where the API did not answer at last.
    pub failing: Option<ApiError>,
    /// Why the task failed, in the cloud's own words.
    pub cloud_reason: Option<String>,
    /// For how long a request had been under way at the end, where that was long.
    pub unanswered: Option<Duration>,
    /// From the start of the process to the end of this task's wait.
    pub elapsed: Duration,
    /// How it came there.
    pub history: History,
    /// How far it is, to find the least advanced.
    advance: ProgressKey,
}

impl TaskReport {
    /// The state of a task's wait at `now`.
    pub fn of(task: &TaskWait, history: History, now: Duration) -> Self {
        let snapshot = task.snapshot();
        let seen = snapshot.newest;
        Self {
            id: task.id.clone(),
            outcome: task.outcome.as_ref().map(|(outcome, _)| outcome.clone()),
            reading: seen.map(|seen| seen.reading.clone()),
            read_at: seen.map(|seen| seen.at),
            raw: seen.map(|seen| seen.raw.clone()),
            check: seen.map(|seen| seen.check),
            detail: snapshot.detail.cloned(),
            status_unavailable: snapshot.is_status_unavailable,
            stable: snapshot.stable,
            polls: snapshot.polls,
            failed_polls: snapshot.failed_polls,
            failing: snapshot.failing.cloned(),
            cloud_reason: task.cloud_reason.clone(),
            unanswered: snapshot
                .unanswered_since
                .map(|since| now.saturating_sub(since))
                .filter(|&since| since >= Duration::from_secs(1)),
            elapsed: task.outcome.as_ref().map_or(now, |&(_, at)| at),
            history,
            advance: snapshot.progress_key,
        }
    }

    /// A full migration, which has no offset. A task whose method is unknown is none.
    pub fn is_full_only(&self) -> bool {
        self.detail.as_ref().is_some_and(Detail::is_full_only)
    }

    /// Its own end, where that is not the goal.
    pub fn bad_end(&self) -> Option<&Outcome> {
        self.outcome.as_ref().filter(|outcome| !outcome.is_ready())
    }

    fn compare_advance(&self, other: &Self) -> Ordering {
        // A failed task is behind every other.
        let failed = |task: &Self| task.bad_end().is_some();
        failed(other)
            .cmp(&failed(self))
            .then_with(|| self.advance.compare(&other.advance))
    }
}

impl Report {
    /// A report of a wait that has no tasks to show, because it has not begun, or never could.
    pub fn without_tasks(
        output: &OutputSettings,
        outcome: Option<Outcome>,
        started_at: SystemTime,
    ) -> Self {
        Self {
            outcome,
            goal: output.goal,
            rules: None,
            tasks: Vec::new(),
            listing: None,
            events: Vec::new(),
            elapsed: Duration::ZERO,
            started_at,
            finished_at: None,
        }
    }

    /// The contract's word for the end.
    pub fn result(&self) -> &'static str {
        self.outcome
            .as_ref()
            .map_or("unknown", |outcome| outcome.word(self.goal))
    }

    /// Whether it is the goal.
    pub fn is_ready(&self) -> bool {
        self.outcome.as_ref().is_some_and(Outcome::is_ready)
    }

    /// The exit code, once it ended.
    pub fn exit_code(&self) -> Option<u8> {
        self.outcome.as_ref().map(Outcome::exit_code)
    }

    /// The largest offset that still counts as in sync.
    pub fn max_offset(&self) -> i64 {
        self.rules
            .as_ref()
            .map_or(0, |rules| rules.condition.max_offset)
    }

    /// Polls over all tasks.
    pub fn polls(&self) -> u64 {
        self.tasks.iter().map(|task| task.polls).sum()
    }

    /// The task that single values describe: the least advanced.
    pub fn least_advanced(&self) -> Option<&TaskReport> {
        self.tasks.iter().min_by(|a, b| a.compare_advance(b))
    }

    /// Every task, the least advanced first.
    pub fn by_advance(&self) -> Vec<&TaskReport> {
        let mut tasks: Vec<&TaskReport> = self.tasks.iter().collect();
        tasks.sort_by(|a, b| a.compare_advance(b));
        tasks
    }

    /// The task whose own end is that of the whole wait, where one's bad end is.
    pub fn deciding(&self) -> Option<&TaskReport> {
        let kind = std::mem::discriminant(self.outcome.as_ref()?);
        self.tasks.iter().find(|task| {
            task.bad_end()
                .is_some_and(|end| std::mem::discriminant(end) == kind)
        })
    }

    /// How a task's wait ended. What ended the whole wait ended it for a task that was still on its way, unless that
    /// was another task's end.
    pub fn outcome_of<'a>(&'a self, task: &'a TaskReport) -> Option<&'a Outcome> {
        task.outcome.as_ref().or_else(|| {
            self.outcome
                .as_ref()
                .filter(|outcome| outcome.consequence().stops_all)
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
