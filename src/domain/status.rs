//! The task's status and the other words of its detail.

use super::ip_switch::IpSwitch;
use std::fmt;

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

/// A status of the task: the word as the API sent it, and what it means for a wait.
#[derive(Clone, PartialEq, Eq)]
pub struct Status {
    word: String,
    class: StatusClass,
}

/// What a status word means for a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StatusClass {
    /// Being created, or waiting to be configured (`RUNNING` means that, not "running").
    NotStarted,
    /// Copying the data set.
    FullSync,
    /// Migrating, phase not known.
    Migrating,
    /// Following the source's writes; never ends by itself.
    Incremental,
    /// Being stopped.
    Stopping,
    /// Stopped by a user; says nothing about success.
    Stopped,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// The resources behind the task are gone; outcome not known.
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

    /// Whether a task with this status is under way, for a wait for all that are. A word that is not known
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_are_exact_others_unknown() {
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
