//! What is waited for, and the contract's verdict table.
//!
//! [`Condition::check`] is a pure function of the readings so far, reduced to what the table asks of the past: was
//! the task seen migrating, and how many readings in a row looked the same way bad. It is the only place where
//! "ready" can come from.

use crate::migration::{Detail, FullCopy, Gap, Reading, StatusClass};
use std::fmt;

/// The goal of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Goal {
    /// The task no longer migrates and nothing is outstanding.
    Completed,
    /// The task still migrates, the full copy is done and nothing is outstanding: the moment to stop writers, stop
    /// the task or switch IPs.
    InSync,
    /// The full copy is done.
    FullSync,
}

impl Goal {
    /// Every goal, in the order in which a migration passes them.
    pub const ALL: [Self; 3] = [Self::FullSync, Self::InSync, Self::Completed];

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::InSync => "in-sync",
            Self::FullSync => "full-sync",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The goal.
    pub goal: Goal,
    /// The largest offset that still counts as in sync, zero or more.
    pub max_offset: i64,
}

/// What the past adds to a reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    /// An earlier reading showed the task migrating.
    pub seen_migrating: bool,
    /// How many readings directly before this one had the same [`Suspicion`].
    pub agreeing: u32,
    /// The suspicion of the reading before.
    pub suspicion: Option<Suspicion>,
}

/// A reading that looks like a bad end, while no status confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// Not migrating with the full copy under 100 percent.
    Short,
    /// Not migrating with the offset open.
    OutOfSync,
    /// Not migrating and in sync, which is too late for the goal `in-sync`.
    StoppedInSync,
}

/// Readings that must agree before an unconfirmed bad end is believed.
const READINGS_TO_BELIEVE: u32 = 3;

/// What one reading says about the goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The goal shows in this reading.
    Met,
    /// It does not, but it still can.
    NotYet(Missing),
    /// It can never show any more.
    Failed(Failure),
}

/// Why a reading does not show the goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// `is_migrating` is unknown: such a reading shows nothing.
    MigratingUnknown,
    /// The task still migrates.
    StillMigrating,
    /// The full copy is under 100 percent.
    FullCopyShort,
    /// The full copy's percentage is unknown and the status does not tell either.
    FullCopyUnknown,
    /// The offset is over the limit, or negative.
    OffsetOpen,
    /// The offset is unknown.
    OffsetUnknown,
    /// The status says that the task has not started: somebody has to configure it.
    NotStarted,
    /// The status that belongs to the reading could not be read, and the reading counts for nothing without it.
    StatusUnread,
    /// The status contradicts the reading, or says that an end is near but not reached.
    StatusDisagrees,
    /// The reading looks like a bad end that the status has not confirmed.
    Unconfirmed(Suspicion),
}

/// Why the goal can never show any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The status says that the task failed.
    TaskFailed,
    /// The status says that the task was deleted, or the API forgot a task that it knew.
    TaskDeleted,
    /// The task ended with its full copy under 100 percent.
    StoppedShort,
    /// The task ended with its offset open.
    StoppedOutOfSync,
    /// The task ended, in sync or not, before `in-sync` was seen; an IP switch needs a running task.
    StoppedBeforeInSync,
}

impl Condition {
    /// Judges one reading together with the status that belongs to it (`None`: not known) and the past.
    ///
    /// ```text
    /// completed, is_migrating false:
    /// offset   progress        status                             verdict
    /// closed   100 or unknown  succeeded, stopped                 met
    /// closed   100 or unknown  not known                          met
    /// closed   100             released                           met
    /// closed   under 100       not known                          wait; failed once believed
    /// any      any             on its way, not started, unknown   wait
    /// any      any             failed, deleted                    failed
    /// closed   under 100       succeeded, stopped, released       failed: stopped short
    /// open     any             succeeded, stopped, released       failed: stopped out of sync
    /// open     any             not known                          wait; failed once believed
    /// unknown  any             succeeded, full migration only     met
    /// unknown  any             otherwise                          wait
    /// ```
    pub fn check(&self, reading: &Reading, detail: Option<&Detail>, past: Past) -> Check {
        // A task that failed or is gone reaches no goal, whatever its last numbers were.
        match detail.map(|detail| detail.status.class()) {
            Some(StatusClass::Failed) => return Check::Failed(Failure::TaskFailed),
            Some(StatusClass::Deleted) => return Check::Failed(Failure::TaskDeleted),
            _ => {}
        }
        match (self.goal, reading.is_migrating) {
            (_, None) => Check::NotYet(Missing::MigratingUnknown),
            (Goal::Completed, Some(true)) => Check::NotYet(Missing::StillMigrating),
            (Goal::Completed, Some(false)) => self.check_ended(reading, detail, past),
            (Goal::InSync, Some(true)) => self.check_in_sync(reading, detail),
            (Goal::InSync, Some(false)) => self.check_ended_before_in_sync(reading, detail, past),
            (Goal::FullSync, Some(is_migrating)) => self.check_full_sync(reading, detail, past, is_migrating),
        }
    }

    /// `completed`, for a reading that has `is_migrating` false: the contract's table, row by row.
    fn check_ended(&self, reading: &Reading, detail: Option<&Detail>, past: Past) -> Check {
        use StatusClass as S;
        let status = detail.map(|detail| detail.status.class());
        match (reading.gap(self.max_offset), reading.full_copy(), status) {
            (_, _, Some(S::Failed)) => Check::Failed(Failure::TaskFailed),
            (_, _, Some(S::Deleted)) => Check::Failed(Failure::TaskDeleted),
            (_, _, Some(S::NotStarted)) => Check::NotYet(Missing::NotStarted),
            (_, _, Some(S::Stopping | S::FullSync | S::Migrating | S::Incremental | S::Unknown)) => {
                Check::NotYet(Missing::StatusDisagrees)
            }
            (Gap::Closed, FullCopy::Done | FullCopy::Unknown, Some(S::Succeeded | S::Stopped)) => Check::Met,
            (Gap::Closed, FullCopy::Done | FullCopy::Unknown, None) => Check::Met,
            (Gap::Closed, FullCopy::Done, Some(S::Released)) => Check::Met,
            (Gap::Closed, FullCopy::Unknown, Some(S::Released)) => Check::NotYet(Missing::FullCopyUnknown),
            (Gap::Closed, FullCopy::Short, Some(S::Succeeded | S::Stopped | S::Released)) => {
                Check::Failed(Failure::StoppedShort)
            }
            (Gap::Closed, FullCopy::Short, None) => believe(Suspicion::Short, past),
            (Gap::Open, _, Some(S::Succeeded | S::Stopped | S::Released)) => Check::Failed(Failure::StoppedOutOfSync),
            (Gap::Open, _, None) => believe(Suspicion::OutOfSync, past),
            (Gap::Unknown, _, Some(S::Succeeded)) if detail.is_some_and(Detail::is_full_only) => Check::Met,
            (Gap::Unknown, _, Some(S::Succeeded | S::Stopped | S::Released) | None) => {
                Check::NotYet(Missing::OffsetUnknown)
            }
        }
    }

    /// `in-sync`, for a reading that has `is_migrating` true.
    fn check_in_sync(&self, reading: &Reading, detail: Option<&Detail>) -> Check {
        use StatusClass as S;
        let status = detail.map(|detail| detail.status.class());
        match status {
            None | Some(S::Migrating | S::Incremental) => {}
            Some(S::NotStarted) => return Check::NotYet(Missing::NotStarted),
            Some(S::FullSync | S::Stopping | S::Stopped | S::Succeeded | S::Released | S::Unknown) => {
                return Check::NotYet(Missing::StatusDisagrees);
            }
            Some(S::Failed) => return Check::Failed(Failure::TaskFailed),
            Some(S::Deleted) => return Check::Failed(Failure::TaskDeleted),
        }
        match reading.full_copy() {
            FullCopy::Done => {}
            FullCopy::Short => return Check::NotYet(Missing::FullCopyShort),
            // The incremental phase begins where the full copy ends.
            FullCopy::Unknown if status == Some(S::Incremental) => {}
            FullCopy::Unknown => return Check::NotYet(Missing::FullCopyUnknown),
        }
        match reading.gap(self.max_offset) {
            Gap::Closed => Check::Met,
            Gap::Open => Check::NotYet(Missing::OffsetOpen),
            Gap::Unknown => Check::NotYet(Missing::OffsetUnknown),
        }
    }

    /// `in-sync`, for a task that does not migrate: it fails where `completed` would fail, and where it would be
    /// met, too.
    fn check_ended_before_in_sync(&self, reading: &Reading, detail: Option<&Detail>, past: Past) -> Check {
        use StatusClass as S;
        if let Some(S::Succeeded | S::Stopped | S::Released) = detail.map(|detail| detail.status.class()) {
            return Check::Failed(match self.check_ended(reading, detail, past) {
                Check::Failed(failure) => failure,
                Check::Met | Check::NotYet(_) => Failure::StoppedBeforeInSync,
            });
        }
        match self.check_ended(reading, detail, past) {
            // Without a status, only a finished full copy shows that the task has been running at all.
            Check::Met if reading.full_copy() == FullCopy::Done => Check::Failed(Failure::StoppedBeforeInSync),
            Check::Met => believe(Suspicion::StoppedInSync, past),
            other @ (Check::NotYet(_) | Check::Failed(_)) => other,
        }
    }

    /// `full-sync`: the percentage decides. The offset of an ended task plays no part in it.
    fn check_full_sync(&self, reading: &Reading, detail: Option<&Detail>, past: Past, is_migrating: bool) -> Check {
        use StatusClass as S;
        let status = detail.map(|detail| detail.status.class());
        if status == Some(S::NotStarted) {
            return Check::NotYet(Missing::NotStarted);
        }
        match (reading.full_copy(), is_migrating) {
            (FullCopy::Done, _) => Check::Met,
            (FullCopy::Unknown, true) => Check::NotYet(Missing::FullCopyUnknown),
            (FullCopy::Short, true) => Check::NotYet(Missing::FullCopyShort),
            (FullCopy::Short, false) => match status {
                Some(S::Succeeded | S::Stopped | S::Released) => Check::Failed(Failure::StoppedShort),
                None => believe(Suspicion::Short, past),
                Some(
                    S::NotStarted
                    | S::FullSync
                    | S::Migrating
                    | S::Incremental
                    | S::Stopping
                    | S::Failed
                    | S::Deleted
                    | S::Unknown,
                ) => Check::NotYet(Missing::StatusDisagrees),
            },
            (FullCopy::Unknown, false) => match self.check_ended(reading, detail, past) {
                // A migration that ended well has copied everything, but only the percentage is evidence.
                Check::Met => Check::NotYet(Missing::FullCopyUnknown),
                // Kept as it is, so that readings that agree are counted.
                bad @ (Check::NotYet(Missing::Unconfirmed(_)) | Check::Failed(_)) => bad,
                Check::NotYet(_) => Check::NotYet(Missing::FullCopyUnknown),
            },
        }
    }
}

/// An unconfirmed bad end is believed once the task was seen migrating and enough readings in a row agree.
fn believe(suspicion: Suspicion, past: Past) -> Check {
    let before = if past.suspicion == Some(suspicion) { past.agreeing } else { 0 };
    if past.seen_migrating && before + 1 >= READINGS_TO_BELIEVE {
        Check::Failed(match suspicion {
            Suspicion::Short => Failure::StoppedShort,
            Suspicion::OutOfSync => Failure::StoppedOutOfSync,
            Suspicion::StoppedInSync => Failure::StoppedBeforeInSync,
        })
    } else {
        Check::NotYet(Missing::Unconfirmed(suspicion))
    }
}

impl Past {
    /// The past of the next reading, after `reading` was checked.
    pub fn after(self, reading: &Reading, check: Check) -> Self {
        let suspicion = match check {
            Check::NotYet(Missing::Unconfirmed(suspicion)) => Some(suspicion),
            Check::Met | Check::NotYet(_) | Check::Failed(_) => None,
        };
        let agreeing = match suspicion {
            None => 0,
            Some(_) if suspicion == self.suspicion => self.agreeing.saturating_add(1),
            Some(_) => 1,
        };
        Self { seen_migrating: self.seen_migrating || reading.is_migrating == Some(true), agreeing, suspicion }
    }
}

#[cfg(test)]
#[path = "condition/tests.rs"]
mod tests;
