//! The domain: what one look at a migration task shows.
//!
//! Everything the API can leave out is an [`Option`]: unknown is a value of its own here, never zero and never
//! false. Nothing in this file knows how the values travelled.

use std::fmt;

/// One reading of a task's progress (`ShowMigrationTaskStats`).
///
/// The API documents none of these fields as mandatory and does not say which of them it sends in which phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Whether the task is in progress. A full + incremental task stays `true` until somebody stops it.
    pub is_migrating: Option<bool>,
    /// Difference between source and target, summed over the shards; the unit is not documented. Only meaningful in
    /// the incremental phase. May be negative, which is not zero.
    pub offset: Option<i64>,
    /// Full copy, in percent, 0 to 100.
    pub full_migration_progress: Option<f64>,
    /// Keys in the source.
    pub source_dbsize: Option<i64>,
    /// Keys in the target. Expiring keys make it differ from the source's even when all is well.
    pub target_dbsize: Option<i64>,
    /// Write traffic of the target, KB/s.
    pub target_input_kbps: Option<f64>,
    /// Operations per second on the target.
    pub target_ops: Option<f64>,
}

impl Reading {
    /// Where the full copy stands.
    pub fn full_copy(&self) -> FullCopy {
        match self.full_migration_progress {
            None => FullCopy::Unknown,
            Some(percent) if percent >= 100.0 => FullCopy::Done,
            Some(_) => FullCopy::Short,
        }
    }

    /// How the offset compares with the largest one that still counts as in sync.
    pub fn gap(&self, max_offset: i64) -> Gap {
        match self.offset {
            None => Gap::Unknown,
            Some(offset) if (0..=max_offset).contains(&offset) => Gap::Closed,
            Some(_) => Gap::Open,
        }
    }
}

/// The full copy of a [`Reading`], as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullCopy {
    /// The reading does not say.
    Unknown,
    /// Under 100 percent.
    Short,
    /// 100 percent.
    Done,
}

/// The offset of a [`Reading`] against `max-offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The reading has no offset.
    Unknown,
    /// Between zero and `max-offset`.
    Closed,
    /// Over `max-offset`, or negative: neither shows that the two sides are equal.
    Open,
}

/// What the task detail (`ShowMigrationTask`) says, reduced to the three fields that may be read: its body also holds
/// the Redis passwords of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The task's `status`.
    pub status: Status,
    /// `task_status`: only present while or after IP addresses are switched; [`Detail::ip_switch`] says what it means.
    pub task_status: Option<String>,
    /// `full_amount_migration` or `incremental_migration`.
    pub migration_method: Option<String>,
}

impl Detail {
    /// A full migration has no incremental phase and therefore no meaningful offset.
    pub fn is_full_only(&self) -> bool {
        self.migration_method.as_deref() == Some("full_amount_migration")
    }

    /// How far an IP switch is.
    pub fn ip_switch(&self) -> IpSwitch {
        IpSwitch::parse(self.task_status.as_deref().unwrap_or_default())
    }
}

/// What `task_status` says about an IP switch of the task.
///
/// No vendor document lists its values: `EXCHANGING` is in the API reference, the other two are what Huawei Cloud's
/// provider for Terraform waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IpSwitch {
    /// No switch was asked for.
    None,
    /// The addresses are being exchanged.
    Switching,
    /// The target has the source's address.
    Switched,
    /// The source has its address back. The user guide says that the task's `status` is then the one of success.
    RolledBack,
    /// A word that is not in any vendor document known to us.
    Unknown,
}

impl IpSwitch {
    /// Understands a `task_status`; an empty one is none.
    pub fn parse(word: &str) -> Self {
        match word.trim() {
            "" => Self::None,
            "EXCHANGING" => Self::Switching,
            "EXCHANGE_SUCCESS" => Self::Switched,
            "ROLLBACK_SUCCESS" => Self::RolledBack,
            _ => Self::Unknown,
        }
    }
}

/// A status of the task: the word as the API sent it, and what it means for somebody who waits.
#[derive(Clone, PartialEq, Eq)]
pub struct Status {
    word: String,
    class: StatusClass,
}

/// What a status word means for somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StatusClass {
    /// Being created, or waiting to be configured (`RUNNING` means that, not "running").
    NotStarted,
    /// Copying the data set.
    FullSync,
    /// Migrating, phase not told.
    Migrating,
    /// Following the source's writes; never ends by itself.
    Incremental,
    /// Being stopped.
    Stopping,
    /// Stopped by somebody; says nothing about success.
    Stopped,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// The resources behind the task are gone; outcome not told.
    Released,
    /// The task is gone.
    Deleted,
    /// A word that is not in any vendor document known to us.
    Unknown,
}

impl Status {
    /// Understands a status word. Matching is exact but for surrounding space: a word that only resembles a known
    /// one is unknown.
    pub fn parse(word: &str) -> Self {
        let word = word.trim();
        let class = match word {
            "CREATING" | "RUNNING" => StatusClass::NotStarted,
            "FULLMIGRATING" => StatusClass::FullSync,
            "MIGRATING" => StatusClass::Migrating,
            // The first spelling is the server's own, the second is what OTC's reference prints.
            "INCRMIGEATING" | "INCRMIGRATING" => StatusClass::Incremental,
            "TERMINATING" => StatusClass::Stopping,
            "TERMINATED" => StatusClass::Stopped,
            "SUCCESS" | "MIGRATION_SUCCESS" => StatusClass::Succeeded,
            "FAILED" | "MIGRATION_FAILED" | "ERROR" => StatusClass::Failed,
            "RELEASED" => StatusClass::Released,
            "DELETED" => StatusClass::Deleted,
            _ => StatusClass::Unknown,
        };
        Self {
            word: word.to_owned(),
            class,
        }
    }

    /// The same status, shown as another word.
    pub fn shown_as(self, word: String) -> Self {
        Self { word, ..self }
    }

    /// The word as it came. It is the API's text: escape it before it goes anywhere.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Whether a task with this status is under way, for somebody who waits for all that are. A word that is not known
    /// here may well mean it.
    pub fn is_running(&self) -> bool {
        match self.class {
            StatusClass::FullSync
            | StatusClass::Migrating
            | StatusClass::Incremental
            | StatusClass::Stopping
            | StatusClass::Unknown => true,
            StatusClass::NotStarted
            | StatusClass::Stopped
            | StatusClass::Succeeded
            | StatusClass::Failed
            | StatusClass::Released
            | StatusClass::Deleted => false,
        }
    }

    /// What the word means.
    pub fn class(&self) -> StatusClass {
        self.class
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?})", self.class, self.word)
    }
}

/// Where a task stands, in words that people use; derived from a reading and, where it is known, the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is known yet.
    Unknown,
    /// Created or waiting to be configured.
    NotStarted,
    /// The data set is being copied.
    FullSync,
    /// The source's writes are being followed.
    Incremental,
    /// Somebody stops the task.
    Stopping,
    /// The task no longer migrates.
    Ended,
}

impl Phase {
    /// The phase that a reading shows. The reading leads: a status may be minutes old.
    pub fn of(reading: &Reading, status: Option<StatusClass>) -> Self {
        match (reading.is_migrating, status) {
            (Some(false), Some(StatusClass::NotStarted)) => Self::NotStarted,
            (Some(true) | None, Some(StatusClass::Stopping)) => Self::Stopping,
            (Some(false), _) => Self::Ended,
            (Some(true), _) => match reading.full_copy() {
                FullCopy::Done => Self::Incremental,
                FullCopy::Short => Self::FullSync,
                FullCopy::Unknown => match status {
                    Some(StatusClass::FullSync) => Self::FullSync,
                    Some(StatusClass::Incremental) => Self::Incremental,
                    _ => Self::Unknown,
                },
            },
            (None, Some(StatusClass::NotStarted)) => Self::NotStarted,
            (None, _) => Self::Unknown,
        }
    }

    /// How far along a migration the phase is.
    pub fn rank(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::NotStarted => 1,
            Self::FullSync => 2,
            Self::Incremental => 3,
            Self::Stopping => 4,
            Self::Ended => 5,
        }
    }

    /// The phase in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "phase unknown",
            Self::NotStarted => "not started",
            Self::FullSync => "full sync",
            Self::Incremental => "incremental",
            Self::Stopping => "stopping",
            Self::Ended => "not migrating",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_offset_never_closes_the_gap() {
        let reading = |offset| Reading {
            offset,
            ..Reading::default()
        };
        assert_eq!(reading(Some(0)).gap(0), Gap::Closed);
        assert_eq!(reading(Some(5)).gap(5), Gap::Closed);
        assert_eq!(reading(Some(6)).gap(5), Gap::Open);
        assert_eq!(reading(Some(-1)).gap(5), Gap::Open);
        assert_eq!(reading(None).gap(i64::MAX), Gap::Unknown);
    }

    #[test]
    fn status_words_keep_their_spelling_and_near_misses_stay_unknown() {
        assert_eq!(
            Status::parse("INCRMIGEATING").class(),
            StatusClass::Incremental
        );
        assert_eq!(
            Status::parse("INCRMIGRATING").class(),
            StatusClass::Incremental
        );
        assert_eq!(Status::parse(" SUCCESS ").word(), "SUCCESS");
        assert_eq!(Status::parse("RUNNING").class(), StatusClass::NotStarted);
        assert_eq!(Status::parse("success").class(), StatusClass::Unknown);
        assert_eq!(Status::parse("SUCCESSFUL").class(), StatusClass::Unknown);
        assert_eq!(Status::parse("").class(), StatusClass::Unknown);
    }
}
