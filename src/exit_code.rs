//! Every exit code. People's workflows depend on them.

use crate::wait::{Interrupt, Outcome};

/// The goal was reached.
pub const READY: u8 = 0;
/// A bug or a panic.
pub const INTERNAL_ERROR: u8 = 1;
/// An input is missing or wrong, or the task, endpoint, region or project is not known to the API.
pub const INVALID_INPUT: u8 = 2;
/// The task failed, ended short of the goal or was deleted.
pub const FAILED: u8 = 3;
/// Nothing improved for `stall-timeout`.
pub const STALLED: u8 = 4;
/// Authentication or permission refused.
pub const DENIED: u8 = 5;
/// No good answer for `max-outage`.
pub const UNREACHABLE: u8 = 6;
/// `timeout`, as coreutils' `timeout` says it.
pub const TIMEOUT: u8 = 124;
/// SIGHUP, as shells say it.
pub const SIGHUP: u8 = 129;
/// SIGINT, as shells say it.
pub const SIGINT: u8 = 130;
/// SIGTERM, as shells say it.
pub const SIGTERM: u8 = 143;

/// The exit code of an outcome.
pub fn of(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Ready => READY,
        Outcome::Failed(_) => FAILED,
        Outcome::UnknownTask(_) | Outcome::Rejected(_) | Outcome::InvalidInput(_) => INVALID_INPUT,
        Outcome::Denied(_) => DENIED,
        Outcome::Stalled(_) => STALLED,
        Outcome::Unreachable(..) => UNREACHABLE,
        Outcome::TimedOut => TIMEOUT,
        Outcome::Cancelled(Interrupt::Hup) => SIGHUP,
        Outcome::Cancelled(Interrupt::Int) => SIGINT,
        Outcome::Cancelled(Interrupt::Term) => SIGTERM,
        Outcome::InternalError(_) => INTERNAL_ERROR,
    }
}
