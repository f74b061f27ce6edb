//! The phase of a migration, as people call it.

use super::reading::{FullSync, Reading};
use super::status::StatusClass;

/// The phase of a task, in words that people use; derived from a reading and, where it is known, the status.
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
    /// A user stops the task.
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
            (Some(true), _) => match reading.full_sync() {
                FullSync::Done => Self::Incremental,
                FullSync::Incomplete => Self::FullSync,
                FullSync::Unknown => match status {
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
