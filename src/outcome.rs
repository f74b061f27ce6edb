//! How a wait ends: every end, and one table of what follows from it.

use crate::api::ApiError;
use crate::domain::{Failure, Goal};
use std::time::Duration;

/// How the wait for one task, or the whole wait, ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The goal was met.
    Ready,
    /// The goal can no longer be met.
    Failed(Failure),
    /// The API does not know the task, and never did.
    UnknownTask(ApiError),
    /// The API refused the request as such: endpoint, region or project is wrong.
    Rejected(ApiError),
    /// Authentication or permission was refused.
    Denied(ApiError),
    /// Nothing improved for this long (`stall-timeout`).
    Stalled(Duration),
    /// No request succeeded for this long (`max-outage`); `None` where the API refuses a task that it has served before.
    Unreachable(Option<Duration>, ApiError),
    /// `timeout` is over.
    TimedOut,
    /// A signal arrived.
    Cancelled(Interrupt),
    /// Inputs are missing or wrong; the text names each.
    InvalidInput(String),
    /// A bug, or a machine that denies what no input can give.
    InternalError(Internal),
}

/// What ends a wait that is not at fault.
#[derive(Debug, Clone)]
pub enum Internal {
    /// A bug; what is known of it.
    Bug(String),
    /// A limit of the machine, and what to do about it.
    Machine(&'static str),
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

/// Every exit code. Users' workflows depend on them.
pub mod exit_code {
    /// The goal was met.
    pub const READY: u8 = 0;
    /// A bug or a panic.
    pub const INTERNAL_ERROR: u8 = 1;
    /// An input is missing or wrong, or the task, endpoint, region or project is not known to the API.
    pub const INVALID_INPUT: u8 = 2;
    /// The task failed, ended short of the goal, was deleted or was rolled back.
    pub const FAILED: u8 = 3;
    /// Nothing improved for `stall-timeout`.
    pub const STALLED: u8 = 4;
    /// Authentication or permission was refused.
    pub const DENIED: u8 = 5;
    /// No request succeeded for `max-outage`.
    pub const UNREACHABLE: u8 = 6;
    /// `timeout`, the code of coreutils' `timeout`.
    pub const TIMEOUT: u8 = 124;
    /// SIGHUP, as shells report it: 128 and the signal's number.
    pub const SIGHUP: u8 = 129;
    /// SIGINT, as shells report it.
    pub const SIGINT: u8 = 130;
    /// SIGTERM, as shells report it.
    pub const SIGTERM: u8 = 143;
}

/// What JUnit calls an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JunitKind {
    /// The test passed.
    Passed,
    /// What was tested is not so.
    Failure,
    /// It could not be tested.
    Error,
}

/// What follows from an end, for the exit code, the outputs, the reports and the other tasks of the same wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequence {
    /// The contract's word for `result`; `None` where the goal is the word.
    pub word: Option<&'static str>,
    /// The exit code of the process.
    pub exit_code: u8,
    /// One character for a headline.
    pub icon: &'static str,
    /// What JUnit calls it.
    pub junit: JunitKind,
    /// Of the bad ends of several tasks, the most severe is that of the whole wait.
    pub severity: u8,
    /// Whether it ends the wait for every task, whatever `fail-fast` says: the cause is not the task's own.
    pub stops_all: bool,
}

impl Outcome {
    /// The table: one row for each end.
    pub fn consequence(&self) -> Consequence {
        use JunitKind::{Error, Failure, Passed};
        use exit_code as code;
        let (word, exit_code, icon, junit, severity, stops_all) = match self {
            Self::Ready => (None, code::READY, "✅", Passed, 0, false),
            // These may end otherwise the next time,
            Self::Stalled(_) => (Some("stalled"), code::STALLED, "⌛", Failure, 1, false),
            Self::Unreachable(..) => (
                Some("unreachable"),
                code::UNREACHABLE,
                "⚠️",
                Error,
                2,
                false,
            ),
            Self::TimedOut => (Some("timeout"), code::TIMEOUT, "⌛", Failure, 3, true),
            // these will not.
            Self::UnknownTask(_) | Self::Rejected(_) => (
                Some("invalid-input"),
                code::INVALID_INPUT,
                "⚠️",
                Error,
                4,
                false,
            ),
            Self::InvalidInput(_) => (
                Some("invalid-input"),
                code::INVALID_INPUT,
                "⚠️",
                Error,
                4,
                true,
            ),
            Self::Failed(_) => (Some("failed"), code::FAILED, "❌", Failure, 5, false),
            Self::Denied(_) => (Some("denied"), code::DENIED, "🚫", Error, 6, true),
            Self::Cancelled(signal) => {
                let code = match signal {
                    Interrupt::Hup => code::SIGHUP,
                    Interrupt::Int => code::SIGINT,
                    Interrupt::Term => code::SIGTERM,
                };
                (Some("cancelled"), code, "⚠️", Error, 7, true)
            }
            Self::InternalError(_) => (
                Some("internal-error"),
                code::INTERNAL_ERROR,
                "⚠️",
                Error,
                7,
                true,
            ),
        };
        Consequence {
            word,
            exit_code,
            icon,
            junit,
            severity,
            stops_all,
        }
    }

    /// Whether the goal was met.
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    /// The contract's word for `result`.
    pub fn word(&self, goal: Option<Goal>) -> &'static str {
        let goal = goal.unwrap_or(Goal::Completed);
        self.consequence().word.unwrap_or(goal.as_str())
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        self.consequence().exit_code
    }

    /// Of the bad ends of several tasks, the most severe is that of the whole wait.
    pub fn severity(&self) -> u8 {
        self.consequence().severity
    }
}
