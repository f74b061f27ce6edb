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
pub use event::{Event, LastPoll, Observer, TaskSnapshot};
pub use plan::{Plan, PollSettings, Rules, StatusCheck, Tasks};
pub use progress_key::ProgressKey;
pub use queue::{Priority, Queue};
pub use rate_limit::RateLimiter;
pub use scheduler::TaskWait;
pub use task::{Step, TaskPoller};

use crate::api::Cloud;
use crate::clock::Clock;
use crate::outcome::{Interrupt, Outcome};
use scheduler::Scheduler;
use std::sync::Arc;
use tokio::sync::mpsc;

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
mod tests;
