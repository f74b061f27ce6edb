//! What a wait asks of the API.

use super::{ApiError, Page, SignedIn, Stats};
use crate::domain::{Detail, TaskId};
use std::future::Future;

/// The cloud, as the loop needs it: each call is one attempt, bounded in time, without retries of its own.
pub trait Cloud: Send + Sync + 'static {
    /// Whether [`Cloud::sign_in`] has to come before the next request.
    fn needs_sign_in(&self) -> bool;
    /// Whether a new session should be obtained, although the present one may still serve.
    fn should_renew(&self) -> bool {
        self.needs_sign_in()
    }
    /// How many requests may be under way at once.
    fn most_in_flight(&self) -> usize {
        usize::MAX
    }
    /// Sends the next request of a sign-in; `None` where it takes another one.
    fn sign_in(&self) -> impl Future<Output = Result<Option<SignedIn>, ApiError>> + Send;
    /// Reads a task's progress.
    fn stats(&self, task: &TaskId) -> impl Future<Output = Result<Stats, ApiError>> + Send;
    /// Reads a task's status.
    fn detail(&self, task: &TaskId) -> impl Future<Output = Result<Detail, ApiError>> + Send;
    /// Reads one page of the project's tasks, beginning with the task at `offset`.
    fn list(&self, offset: usize) -> impl Future<Output = Result<Page, ApiError>> + Send;
    /// Reads the newest error in a task's log, one visible line; `None` where there is none.
    fn newest_error(
        &self,
        _task: &TaskId,
    ) -> impl Future<Output = Result<Option<String>, ApiError>> + Send {
        std::future::ready(Ok(None))
    }
}
