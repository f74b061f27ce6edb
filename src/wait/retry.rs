//! Retry or end? Every decision about a failed request is made here.
//!
//! What a failure is (its [`Class`]) is the API's; what it means for the wait is decided by that class, by what was seen
//! before, and by how often it came in a row:
//!
//! ```text
//! class             before the first reading          after a reading of the task
//! denied            end: denied                       end: denied
//! rejected          end: invalid-input                end: invalid-input
//! forbidden         end: denied                       retry; third in a row: denied
//! not found         end: invalid-input                retry; third in a row: unreachable
//! unknown task      retry; third: invalid-input       retry; third in a row: failed, deleted
//! unauthenticated   sign in again at once; the second session that is refused: denied
//! transient         retry with backoff and Retry-After, until `max-outage`
//! throttled         the same, and every task slows down
//! ```

use super::plan::StatusCheck;
use crate::api::{ApiError, Class};
use crate::domain::Failure;
use crate::outcome::Outcome;
use std::time::Duration;

/// Failures of one kind in a row that confirm it: that the task is gone, that the status cannot be read.
pub(super) const FAILURES_TO_CONFIRM: u32 = 3;
/// A session that was just obtained and is refused may be a race; two of them are not.
const REFUSED_SESSIONS_TO_BELIEVE: u32 = 2;

/// Failed polls since the last successful one.
#[derive(Debug)]
pub(super) struct Outage {
    /// When the first of them began.
    pub(super) since: Duration,
    /// How many there were.
    pub(super) polls: u32,
    /// The newest error.
    pub(super) last: ApiError,
    /// Failures in a row of the same class as the newest.
    same_in_row: u32,
    refused_sessions: u32,
}

/// What follows from a failed poll.
#[derive(Debug)]
pub(super) enum Decision {
    /// The wait for this task ends.
    End(Outcome),
    /// Poll again as soon as there is a new session.
    RetryAtOnce,
    /// Poll again after backoff, no sooner than the server asked for.
    Retry(Option<Duration>),
}

impl Outage {
    /// The outage after one more failed poll, which began at `started`.
    pub(super) fn after(before: Option<Self>, started: Duration, error: ApiError) -> Self {
        let refused = u32::from(error.class == Class::Unauthenticated);
        let class = std::mem::discriminant(&error.class);
        match before {
            None => Self {
                since: started,
                polls: 1,
                last: error,
                same_in_row: 1,
                refused_sessions: refused,
            },
            Some(before) => {
                let is_same = std::mem::discriminant(&before.last.class) == class;
                Self {
                    since: before.since,
                    polls: before.polls.saturating_add(1),
                    last: error,
                    same_in_row: if is_same {
                        before.same_in_row.saturating_add(1)
                    } else {
                        1
                    },
                    refused_sessions: before.refused_sessions + refused,
                }
            }
        }
    }

    /// Retry or end? `was_read`: a reading of this task succeeded in this wait.
    ///
    /// Before that, a wrong address or a missing permission will not change; after it, it may be a gateway's short
    /// failure, and only the third in a row counts.
    pub(super) fn decide(&self, was_read: bool) -> Decision {
        let is_confirmed = self.same_in_row >= FAILURES_TO_CONFIRM;
        let error = || self.last.clone();
        Decision::End(match self.last.class {
            Class::Denied => Outcome::Denied(error()),
            Class::Rejected => Outcome::Rejected(error()),
            Class::Forbidden if is_confirmed || !was_read => Outcome::Denied(error()),
            Class::NotFound if !was_read => Outcome::Rejected(error()),
            Class::NotFound if is_confirmed => Outcome::Unreachable(None, error()),
            Class::UnknownTask if is_confirmed && was_read => Outcome::Failed(Failure::TaskDeleted),
            Class::UnknownTask if is_confirmed => Outcome::UnknownTask(error()),
            Class::Forbidden | Class::NotFound | Class::UnknownTask => {
                return Decision::Retry(None);
            }
            Class::Unauthenticated if is_refused_for_good(self.refused_sessions) => {
                Outcome::Denied(error())
            }
            Class::Unauthenticated => return Decision::RetryAtOnce,
            Class::Transient { retry_after } | Class::Throttled { retry_after } => {
                return Decision::Retry(retry_after);
            }
        })
    }
}

/// Whether no further session is worth a try, after so many refused ones in a row.
pub(super) fn is_refused_for_good(refused_sessions: u32) -> bool {
    refused_sessions >= REFUSED_SESSIONS_TO_BELIEVE
}

/// What follows where the task's progress was read and its status was not.
#[derive(Debug)]
pub(super) enum StatusDecision {
    /// The poll failed.
    FailPoll(ApiError),
    /// The reading is evaluated without a status.
    GoOnWithout(ApiError),
}

/// Decides what follows from a status that could not be read, `failures` times in a row by now.
pub(super) fn decide_on_status(
    error: ApiError,
    check: StatusCheck,
    was_read: bool,
    failures: u32,
) -> StatusDecision {
    use StatusDecision::{FailPoll, GoOnWithout};
    match (error.class, check) {
        // Whether the session is accepted is not a matter of this endpoint alone.
        (Class::Unauthenticated | Class::Denied, _) => FailPoll(error),
        (Class::Rejected, StatusCheck::Require) => FailPoll(error.into_transient()),
        // The progress of the same task is served, so neither endpoint, region nor project can be wrong.
        (Class::NotFound, StatusCheck::Require) if !was_read => FailPoll(error.into_transient()),
        (_, StatusCheck::Require) => FailPoll(error),
        // One failure says little: until the third, nothing that was read before is forgotten,
        // and nothing is evaluated without it.
        (_, StatusCheck::Auto | StatusCheck::Off) if failures < FAILURES_TO_CONFIRM => {
            FailPoll(error.or_retried())
        }
        (_, StatusCheck::Auto | StatusCheck::Off) => GoOnWithout(error),
    }
}
