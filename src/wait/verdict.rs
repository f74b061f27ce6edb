//! How a wait ends.

use crate::api::ApiError;
use crate::condition::Failure;
use std::time::Duration;

/// How the wait for one task, or the whole wait, ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The goal.
    Ready,
    /// The goal can never show any more.
    Failed(Failure),
    /// The API does not know the task, and never did.
    UnknownTask(ApiError),
    /// The API refused the request as such: endpoint, region or project is wrong.
    Rejected(ApiError),
    /// Authentication or permission refused.
    Denied(ApiError),
    /// Nothing has improved for so long.
    Stalled(Duration),
    /// The API has given no good answer for so long; `None` where it refuses a task that it has served before.
    Unreachable(Option<Duration>, ApiError),
    /// The deadline.
    TimedOut,
    /// A signal.
    Cancelled(Interrupt),
    /// Inputs are missing or wrong; the words for it.
    InvalidInput(String),
    /// A bug.
    InternalError(String),
}

/// A signal that ends the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT.
    Int,
    /// SIGTERM.
    Term,
    /// SIGHUP: the terminal is gone.
    Hup,
}

impl Interrupt {
    /// The signal's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int => "SIGINT",
            Self::Term => "SIGTERM",
            Self::Hup => "SIGHUP",
        }
    }
}

impl Outcome {
    /// Whether this is the goal.
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    /// How much it says: of the bad ends of several tasks, the gravest is that of the whole wait.
    pub fn gravity(&self) -> u8 {
        match self {
            Self::Ready => 0,
            // These may be otherwise the next time,
            Self::Stalled(_) => 1,
            Self::Unreachable(..) => 2,
            Self::TimedOut => 3,
            // these will not.
            Self::UnknownTask(_) | Self::Rejected(_) | Self::InvalidInput(_) => 4,
            Self::Failed(_) => 5,
            Self::Denied(_) => 6,
            Self::Cancelled(_) | Self::InternalError(_) => 7,
        }
    }

    /// Whether it ends the wait for every task, whatever `fail-fast` says: the cause is not the task's own.
    pub fn ends_all(&self) -> bool {
        match self {
            Self::Denied(_)
            | Self::TimedOut
            | Self::Cancelled(_)
            | Self::InvalidInput(_)
            | Self::InternalError(_) => true,
            Self::Ready
            | Self::Failed(_)
            | Self::UnknownTask(_)
            | Self::Rejected(_)
            | Self::Stalled(_)
            | Self::Unreachable(..) => false,
        }
    }
}
