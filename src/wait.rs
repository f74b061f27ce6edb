//! The one loop: the only code that sleeps, and with `main` the only code that asks for the time.
//!
//! Everything that can happen is an arm of one `select!`: an answer, a due poll, a signal, the deadline. Answered it
//! means is decided elsewhere ([`TaskPoller`]), and so is what is reported ([`Observer`]).

mod backoff;
mod eta;
mod event;
mod plan;
mod poll_interval;
mod progress_key;
mod queue;
mod rate_limit;
mod retry;
mod scheduler;
mod stall;
mod task;

pub use backoff::Backoff;
pub use eta::{Eta, Range, RateEstimator};
pub use event::{Event, LastPoll, Observer};
pub use plan::{Plan, PollSettings, Rules, StatusCheck, Tasks};
pub use progress_key::ProgressKey;
pub use queue::{Priority, Queue};
pub use rate_limit::RateLimiter;
pub use scheduler::TaskWait;
pub use task::{Step, TaskPoller};

// Until every caller uses the new names.
pub use self::{Eta as Outlook, Event as Note, LastPoll as Seen, PollSettings as Pace};
pub use self::{ProgressKey as Advance, RateEstimator as Trend, TaskPoller as Waiter};
pub use crate::clock::Clock;
pub use crate::outcome::{Interrupt, Outcome};

use crate::api::{ApiError, Page, SignedIn, Stats};
use crate::config::TaskId;
use crate::domain::Detail;
use scheduler::Scheduler;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::mpsc;

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

/// Waits until every task has met the goal, or until that is out of the question.
///
/// Ends at the deadline of the rules at the latest, whatever hangs: what is in flight then is dropped.
pub async fn wait<C: Cloud>(
    cloud: Arc<C>,
    plan: Plan,
    clock: Clock,
    interrupts: &mut mpsc::UnboundedReceiver<Interrupt>,
    observer: &mut impl Observer,
) -> (Outcome, Vec<TaskWait>) {
    let deadline = plan.rules.deadline;
    let mut scheduler = Scheduler::new(cloud, plan, clock);
    loop {
        if let Some(outcome) = scheduler.outcome() {
            scheduler.ask_for_reasons(interrupts).await;
            return (outcome, scheduler.tasks);
        }
        scheduler.note_suspension();
        scheduler.send_what_is_due();
        let wake = scheduler.wake_at();
        tokio::select! {
            // In order of weight: who interrupts wants to be heard first, and the deadline is a promise.
            biased;
            Some(interrupt) = interrupts.recv() => return (Outcome::Cancelled(interrupt), scheduler.tasks),
            () = clock.sleep_until(deadline) => return (scheduler.end_in_time(observer), scheduler.tasks),
            Some(answer) = scheduler.in_flight.join_next() => scheduler.take(answer, observer),
            () = clock.sleep_until(wake) => scheduler.give_up_where_due(observer),
        }
    }
}

#[cfg(test)]
#[path = "wait/tests.rs"]
mod tests;
