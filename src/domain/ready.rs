//! What is waited for, and the contract's verdict tables.
//!
//! [`Condition::check`] is a pure function of the readings so far, reduced to what the tables ask of the past
//! ([`PollHistory`]). It is the only place where "ready" can come from. Three kinds of evidence meet here: the numbers of a
//! reading, the task's `status` with its IP switch, and the key counts of both sides. Each can only take away from what
//! the others show.

use super::ip_switch::IpSwitch;
use super::keys::{KeyHistory, KeyLimit, Objection, Side};
use super::reading::{FullSync, OffsetState, Reading};
use super::status::{Detail, StatusClass};
use std::fmt;

/// The goal of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Goal {
    /// The task no longer migrates and nothing is outstanding.
    Completed,
    /// The task still migrates, the full sync is done and nothing is outstanding: the moment to stop writers, stop
    /// the task or switch IPs.
    InSync,
    /// The full sync is done.
    FullSync,
    /// The IP addresses of source and target are switched.
    Switched,
}

impl Goal {
    /// Every goal, in the order in which a migration passes them.
    pub const ALL: [Self; 4] = [
        Self::FullSync,
        Self::InSync,
        Self::Completed,
        Self::Switched,
    ];

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::InSync => "in-sync",
            Self::FullSync => "full-sync",
            Self::Switched => "switched",
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
    /// How many of the source's keys the target may lack.
    pub max_missing_keys: KeyLimit,
}

/// What the past adds to a reading.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PollHistory {
    /// An earlier reading showed the task migrating.
    pub seen_migrating: bool,
    /// How many readings directly before this one had the same [`UnconfirmedFailure`].
    pub agreeing: u32,
    /// The suspicion of the reading before.
    pub suspicion: Option<UnconfirmedFailure>,
    /// Percentage of the full sync, as it was last known.
    pub progress: Option<f64>,
    /// Key counts so far.
    pub keys: KeyHistory,
}

/// A reading that would be a bad end, while nothing else confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnconfirmedFailure {
    /// Not migrating with the full sync under 100 percent.
    Short,
    /// Not migrating with the offset open.
    OutOfSync,
    /// Not migrating and in sync, which is too late for the goal `in-sync`.
    StoppedInSync,
    /// Not migrating, and the target lacks too many keys.
    KeysMissing,
}

/// Readings that must agree before an unconfirmed bad end is confirmed.
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
    /// The full sync is under 100 percent.
    FullSyncIncomplete,
    /// The full sync's percentage is unknown and the status does not tell either.
    FullSyncUnknown,
    /// The offset is over the limit, or negative.
    OffsetOpen,
    /// The offset is unknown.
    OffsetUnknown,
    /// The status says that the task has not started: a user has to configure it.
    NotStarted,
    /// The status that belongs to the reading could not be read, and the reading counts for nothing without it.
    StatusUnread,
    /// The status contradicts the reading, or says that an end is near but not reached.
    StatusDisagrees,
    /// The reading would be a bad end that the status has not confirmed.
    Unconfirmed(UnconfirmedFailure),
    /// No IP switch has been seen.
    NotSwitched,
    /// IP addresses are being switched: neither side is the one that serves.
    Switching,
    /// `task_status` is a word that is not known.
    SwitchUnknown,
    /// An IP switch was rolled back, and the task migrates again.
    RolledBack,
    /// The target lacks too many keys.
    KeysMissing,
    /// This side held keys earlier in the wait, and holds none.
    Emptied(Side),
}

/// Why the goal can never show any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The status says that the task failed.
    TaskFailed,
    /// The status says that the task was deleted, or the API forgot a task that it knew.
    TaskDeleted,
    /// The task ended with its full sync under 100 percent.
    StoppedShort,
    /// The task ended with its offset open.
    StoppedOutOfSync,
    /// The task ended, in sync or not, before `in-sync` was seen; an IP switch needs a running task.
    StoppedBeforeInSync,
    /// IP addresses are switched already, before `in-sync` was seen.
    AlreadySwitched,
    /// The IP switch was rolled back: the source serves.
    RolledBack,
    /// The task ended, and the target lacks too many keys.
    KeysMissing,
}

/// What the task detail says, as far as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    status: Option<StatusClass>,
    is_full_only: bool,
}

impl Condition {
    /// Judges one reading together with the detail that belongs to it (`None`: not known) and the past.
    ///
    /// ```text
    /// completed, is_migrating false:
    /// offset   progress        status                             verdict
    /// closed   100 or unknown  succeeded, stopped                 met
    /// closed   100 or unknown  not known                          met
    /// closed   100             released                           met
    /// closed   under 100       not known                          wait; failed once confirmed
    /// any      any             on its way, not started, unknown   wait
    /// any      any             failed, deleted                    failed
    /// closed   under 100       succeeded, stopped, released       failed: stopped short
    /// open     any             succeeded, stopped, released       failed: stopped out of sync
    /// open     any             not known                          wait; failed once confirmed
    /// unknown  any             succeeded, full migration only     met
    /// unknown  any             otherwise                          wait
    /// ```
    ///
    /// A progress that is unknown now counts as it was last known. What the IP switch says comes first,
    /// and what is met then still has to agree with the key counts.
    pub fn check(&self, reading: &Reading, detail: Option<&Detail>, past: PollHistory) -> Check {
        let completed = Reading {
            full_migration_progress: reading.full_migration_progress.or(past.progress),
            ..reading.clone()
        };
        match self.check_switch(&completed, detail, past) {
            Check::Met => self.check_keys(reading, past),
            other @ (Check::NotYet(_) | Check::Failed(_)) => other,
        }
    }

    /// The contract's table of IP switches; `wait` is a [`Check::Met`] that becomes a [`Check::NotYet`].
    ///
    /// ```text
    /// task_status                     completed       in-sync    full-sync     switched
    /// none                            as above        as above   as above      wait
    /// switching                       wait            wait       wait          wait
    /// switched                        status stopped  failed     stat. stopped met
    /// rolled back, migrating again    wait            as above   as above      wait
    /// rolled back, any other status   failed          failed     failed        failed
    /// unknown                         wait            wait       wait          wait
    /// ```
    ///
    /// A task that failed or was deleted has failed in every cell: no goal can follow.
    fn check_switch(&self, reading: &Reading, detail: Option<&Detail>, past: PollHistory) -> Check {
        use StatusClass as S;
        let status = detail.map(|detail| detail.status.class());
        let known = Known {
            status,
            is_full_only: detail.is_some_and(Detail::is_full_only),
        };
        match status {
            Some(S::Failed) => return Check::Failed(Failure::TaskFailed),
            Some(S::Deleted) => return Check::Failed(Failure::TaskDeleted),
            _ => {}
        }
        let migrates_again = matches!(status, Some(S::Migrating | S::Incremental));
        match (detail.map_or(IpSwitch::None, Detail::ip_switch), self.goal) {
            (IpSwitch::None, _) => self.check_status(reading, known, past),
            (IpSwitch::Switching, _) => self
                .check_status(reading, known, past)
                .or_wait(Missing::Switching),
            (IpSwitch::Unknown, _) => self
                .check_status(reading, known, past)
                .or_wait(Missing::SwitchUnknown),
            (IpSwitch::Switched, Goal::InSync) => Check::Failed(Failure::AlreadySwitched),
            (IpSwitch::Switched, Goal::Switched) if reading.is_migrating.is_some() => Check::Met,
            (IpSwitch::Switched, Goal::Switched) => Check::NotYet(Missing::MigratingUnknown),
            // The switch ends the task. What `status` says then is documented nowhere.
            (IpSwitch::Switched, Goal::Completed | Goal::FullSync) => self.check_status(
                reading,
                Known {
                    status: Some(S::Stopped),
                    ..known
                },
                past,
            ),
            (IpSwitch::RolledBack, _) if !migrates_again => Check::Failed(Failure::RolledBack),
            (IpSwitch::RolledBack, Goal::InSync | Goal::FullSync) => {
                self.check_status(reading, known, past)
            }
            (IpSwitch::RolledBack, Goal::Completed | Goal::Switched) => self
                .check_status(reading, known, past)
                .or_wait(Missing::RolledBack),
        }
    }

    /// The tables of the goals, for a task whose status is neither failed nor deleted.
    fn check_status(&self, reading: &Reading, known: Known, past: PollHistory) -> Check {
        match (self.goal, reading.is_migrating) {
            (_, None) => Check::NotYet(Missing::MigratingUnknown),
            (Goal::Completed, Some(true)) => Check::NotYet(Missing::StillMigrating),
            (Goal::Completed, Some(false)) => self.check_ended(reading, known, past),
            (Goal::InSync, Some(true)) => self.check_in_sync(reading, known),
            (Goal::InSync, Some(false)) => self.check_ended_before_in_sync(reading, known, past),
            (Goal::FullSync, Some(is_migrating)) => {
                self.check_full_sync(reading, known, past, is_migrating)
            }
            (Goal::Switched, Some(_)) => Check::NotYet(Missing::NotSwitched),
        }
    }

    /// What the key counts say against a reading that meets the goal otherwise.
    fn check_keys(&self, reading: &Reading, past: PollHistory) -> Check {
        match past
            .keys
            .after(reading)
            .objection(reading, self.max_missing_keys)
        {
            None => Check::Met,
            Some(Objection::Emptied(side)) => Check::NotYet(Missing::Emptied(side)),
            Some(Objection::TooManyMissing) if reading.is_migrating == Some(true) => {
                Check::NotYet(Missing::KeysMissing)
            }
            Some(Objection::TooManyMissing) => {
                // Nothing follows that could bring the keys. The task need not have been seen migrating for that.
                confirm_failure(
                    UnconfirmedFailure::KeysMissing,
                    PollHistory {
                        seen_migrating: true,
                        ..past
                    },
                )
            }
        }
    }

    /// `completed`, for a reading that has `is_migrating` false: the contract's table, row by row.
    fn check_ended(&self, reading: &Reading, known: Known, past: PollHistory) -> Check {
        use StatusClass as S;
        match (
            reading.offset_state(self.max_offset),
            reading.full_sync(),
            known.status,
        ) {
            (_, _, Some(S::Failed)) => Check::Failed(Failure::TaskFailed),
            (_, _, Some(S::Deleted)) => Check::Failed(Failure::TaskDeleted),
            (_, _, Some(S::NotStarted)) => Check::NotYet(Missing::NotStarted),
            (
                _,
                _,
                Some(S::Stopping | S::FullSync | S::Migrating | S::Incremental | S::Unknown),
            ) => Check::NotYet(Missing::StatusDisagrees),
            (
                OffsetState::Closed,
                FullSync::Done | FullSync::Unknown,
                Some(S::Succeeded | S::Stopped),
            ) => Check::Met,
            (OffsetState::Closed, FullSync::Done | FullSync::Unknown, None) => Check::Met,
            (OffsetState::Closed, FullSync::Done, Some(S::Released)) => Check::Met,
            (OffsetState::Closed, FullSync::Unknown, Some(S::Released)) => {
                Check::NotYet(Missing::FullSyncUnknown)
            }
            (
                OffsetState::Closed,
                FullSync::Incomplete,
                Some(S::Succeeded | S::Stopped | S::Released),
            ) => Check::Failed(Failure::StoppedShort),
            (OffsetState::Closed, FullSync::Incomplete, None) => {
                confirm_failure(UnconfirmedFailure::Short, past)
            }
            (OffsetState::Open, _, Some(S::Succeeded | S::Stopped | S::Released)) => {
                Check::Failed(Failure::StoppedOutOfSync)
            }
            (OffsetState::Open, _, None) => confirm_failure(UnconfirmedFailure::OutOfSync, past),
            (OffsetState::Unknown, _, Some(S::Succeeded)) if known.is_full_only => Check::Met,
            (OffsetState::Unknown, _, Some(S::Succeeded | S::Stopped | S::Released) | None) => {
                Check::NotYet(Missing::OffsetUnknown)
            }
        }
    }

    /// `in-sync`, for a reading that has `is_migrating` true.
    fn check_in_sync(&self, reading: &Reading, known: Known) -> Check {
        use StatusClass as S;
        match known.status {
            None | Some(S::Migrating | S::Incremental) => {}
            Some(S::NotStarted) => return Check::NotYet(Missing::NotStarted),
            Some(
                S::FullSync | S::Stopping | S::Stopped | S::Succeeded | S::Released | S::Unknown,
            ) => {
                return Check::NotYet(Missing::StatusDisagrees);
            }
            Some(S::Failed) => return Check::Failed(Failure::TaskFailed),
            Some(S::Deleted) => return Check::Failed(Failure::TaskDeleted),
        }
        match reading.full_sync() {
            FullSync::Done => {}
            FullSync::Incomplete => return Check::NotYet(Missing::FullSyncIncomplete),
            // The incremental phase begins where the full sync ends.
            FullSync::Unknown if known.status == Some(S::Incremental) => {}
            FullSync::Unknown => return Check::NotYet(Missing::FullSyncUnknown),
        }
        match reading.offset_state(self.max_offset) {
            OffsetState::Closed => Check::Met,
            OffsetState::Open => Check::NotYet(Missing::OffsetOpen),
            OffsetState::Unknown => Check::NotYet(Missing::OffsetUnknown),
        }
    }

    /// `in-sync`, for a task that does not migrate: it fails where `completed` would fail, and where it would be
    /// met, too.
    fn check_ended_before_in_sync(
        &self,
        reading: &Reading,
        known: Known,
        past: PollHistory,
    ) -> Check {
        use StatusClass as S;
        if let Some(S::Succeeded | S::Stopped | S::Released) = known.status {
            return Check::Failed(match self.check_ended(reading, known, past) {
                Check::Failed(failure) => failure,
                Check::Met | Check::NotYet(_) => Failure::StoppedBeforeInSync,
            });
        }
        match self.check_ended(reading, known, past) {
            // Without a status, only a finished full sync shows that the task has been running at all.
            Check::Met if reading.full_sync() == FullSync::Done => {
                Check::Failed(Failure::StoppedBeforeInSync)
            }
            Check::Met => confirm_failure(UnconfirmedFailure::StoppedInSync, past),
            other @ (Check::NotYet(_) | Check::Failed(_)) => other,
        }
    }

    /// `full-sync`: the percentage decides. The offset of an ended task plays no part in it.
    fn check_full_sync(
        &self,
        reading: &Reading,
        known: Known,
        past: PollHistory,
        is_migrating: bool,
    ) -> Check {
        use StatusClass as S;
        if known.status == Some(S::NotStarted) {
            return Check::NotYet(Missing::NotStarted);
        }
        match (reading.full_sync(), is_migrating) {
            (FullSync::Done, _) => Check::Met,
            (FullSync::Unknown, true) => Check::NotYet(Missing::FullSyncUnknown),
            (FullSync::Incomplete, true) => Check::NotYet(Missing::FullSyncIncomplete),
            (FullSync::Incomplete, false) => match known.status {
                Some(S::Succeeded | S::Stopped | S::Released) => {
                    Check::Failed(Failure::StoppedShort)
                }
                None => confirm_failure(UnconfirmedFailure::Short, past),
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
            (FullSync::Unknown, false) => match self.check_ended(reading, known, past) {
                // A migration that ended well has copied everything, but only the percentage is evidence.
                Check::Met => Check::NotYet(Missing::FullSyncUnknown),
                // Kept as it is, so that readings that agree are counted.
                bad @ (Check::NotYet(Missing::Unconfirmed(_)) | Check::Failed(_)) => bad,
                Check::NotYet(_) => Check::NotYet(Missing::FullSyncUnknown),
            },
        }
    }
}

impl Failure {
    /// Whether the cloud may know a reason that the readings do not show. Of a task that is gone it knows nothing.
    pub fn has_reason(self) -> bool {
        match self {
            Self::TaskFailed
            | Self::StoppedShort
            | Self::StoppedOutOfSync
            | Self::RolledBack
            | Self::KeysMissing => true,
            Self::TaskDeleted | Self::StoppedBeforeInSync | Self::AlreadySwitched => false,
        }
    }
}

impl Check {
    /// The same, but that what is met has to wait.
    fn or_wait(self, missing: Missing) -> Self {
        match self {
            Self::Met => Self::NotYet(missing),
            other @ (Self::NotYet(_) | Self::Failed(_)) => other,
        }
    }
}

/// An unconfirmed bad end is confirmed once the task was seen migrating and enough readings in a row agree.
fn confirm_failure(suspicion: UnconfirmedFailure, past: PollHistory) -> Check {
    let before = if past.suspicion == Some(suspicion) {
        past.agreeing
    } else {
        0
    };
    if past.seen_migrating && before + 1 >= READINGS_TO_BELIEVE {
        Check::Failed(match suspicion {
            UnconfirmedFailure::Short => Failure::StoppedShort,
            UnconfirmedFailure::OutOfSync => Failure::StoppedOutOfSync,
            UnconfirmedFailure::StoppedInSync => Failure::StoppedBeforeInSync,
            UnconfirmedFailure::KeysMissing => Failure::KeysMissing,
        })
    } else {
        Check::NotYet(Missing::Unconfirmed(suspicion))
    }
}

impl PollHistory {
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
        Self {
            agreeing,
            suspicion,
            ..self.with(reading)
        }
    }

    /// The same past with a reading that was not evaluated, since its status is missing: it was seen all the same.
    pub fn with(self, reading: &Reading) -> Self {
        Self {
            seen_migrating: self.seen_migrating || reading.is_migrating == Some(true),
            progress: reading.full_migration_progress.or(self.progress),
            keys: self.keys.after(reading),
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
