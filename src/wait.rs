//! The one loop: the only code that sleeps, and with `main` the only code that asks for the time.
//!
//! Everything that can happen is an arm of one `select!`: an answer, a due look, a signal, the deadline. What it
//! means is decided elsewhere ([`Waiter`]); what is said about it, too ([`Observer`]).

mod budget;
mod progress;
mod schedule;
mod verdict;
mod waiter;

pub use budget::Budget;
pub use progress::Trend;
pub use schedule::{Pace, Schedule};
pub use verdict::{Interrupt, Outcome};
pub use waiter::{Note, Rules, Seen, StatusCheck, Step, Waiter};

use crate::api::{ApiError, SignedIn, Stats};
use crate::config::TaskId;
use crate::migration::Detail;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

/// The cloud, as the loop needs it: each call is one attempt, bounded in time, without retries of its own.
pub trait Cloud: Send + Sync + 'static {
    /// Whether [`Cloud::sign_in`] has to come before the next request.
    fn needs_sign_in(&self) -> bool;
    /// Gets a new session.
    fn sign_in(&self) -> impl Future<Output = Result<SignedIn, ApiError>> + Send;
    /// Reads a task's progress.
    fn stats(&self, task: &TaskId) -> impl Future<Output = Result<Stats, ApiError>> + Send;
    /// Reads a task's status.
    fn detail(&self, task: &TaskId) -> impl Future<Output = Result<Detail, ApiError>> + Send;
}

/// Somebody who is told what happens. It cannot change it.
pub trait Observer {
    /// A poll of the task ended, well or badly; `next` is the time of the next look, `None` where there is none.
    fn looked(&mut self, now: Duration, task: &mut TaskWait, next: Option<Duration>);
    /// A session was obtained.
    fn signed_in(&mut self, now: Duration, session: &SignedIn);
    /// The wait for one task of several is over.
    fn ended(&mut self, now: Duration, task: &TaskWait);
}

/// One task, and how far its wait is.
#[derive(Debug)]
pub struct TaskWait {
    /// Which task.
    pub id: TaskId,
    /// Its state.
    pub waiter: Waiter,
    /// How its wait ended, and when.
    pub outcome: Option<(Outcome, Duration)>,
    next: Next,
}

/// What comes next for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    StatsAt(Duration),
    StatusNow,
    InFlight,
    Nothing,
}

/// An answer that came back.
enum Answer {
    SignedIn { result: Result<SignedIn, ApiError>, asked: Duration },
    Stats { task: usize, result: Result<Stats, ApiError>, asked: Duration },
    Status { task: usize, result: Result<Detail, ApiError> },
}

/// The clock of the process: time since its start.
///
/// It goes on steadily when somebody sets the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The wall clock, for people and for signatures; nothing is decided by it.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn wall(self) -> SystemTime {
        SystemTime::now()
    }

    /// Time since the start.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn elapsed(self) -> Duration {
        Instant::now().saturating_duration_since(self.0)
    }

    /// Sleeps until so long after the start.
    #[expect(clippy::disallowed_methods, reason = "this is the loop's one sleep")]
    async fn sleep_until(self, at: Duration) {
        tokio::time::sleep_until(self.0 + at).await;
    }
}

/// What is waited for, and within which bounds.
#[derive(Debug)]
pub struct Plan {
    /// The tasks; at least one.
    pub tasks: Vec<TaskId>,
    /// The rules, the same for each.
    pub rules: Rules,
    /// Requests a second, over all tasks.
    pub requests_per_second: f64,
    /// Whether the first failure ends the wait for all.
    pub fail_fast: bool,
}

/// Waits until every task has reached the goal, or as soon as that is out of the question.
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
    let mut fleet = Fleet::new(cloud, plan, clock);
    loop {
        if let Some(outcome) = fleet.outcome() {
            return (outcome, fleet.tasks);
        }
        fleet.send_what_is_due();
        let wake = fleet.wake_at();
        tokio::select! {
            // In order of weight: who interrupts wants to be heard first, and the deadline is a promise.
            biased;
            Some(interrupt) = interrupts.recv() => return (Outcome::Cancelled(interrupt), fleet.tasks),
            () = clock.sleep_until(deadline) => return (Outcome::TimedOut, fleet.tasks),
            Some(answer) = fleet.in_flight.join_next() => fleet.take(answer, observer),
            () = clock.sleep_until(wake) => fleet.give_up_where_due(observer),
        }
    }
}

struct Fleet<C> {
    cloud: Arc<C>,
    clock: Clock,
    budget: Budget,
    fail_fast: bool,
    tasks: Vec<TaskWait>,
    /// Tasks in the order in which their wait ended.
    ended: VecDeque<usize>,
    in_flight: JoinSet<Answer>,
    signing_in: bool,
    broken: Option<Outcome>,
}

impl<C: Cloud> Fleet<C> {
    fn new(cloud: Arc<C>, plan: Plan, clock: Clock) -> Self {
        let now = clock.elapsed();
        let task =
            |id| TaskWait { id, waiter: Waiter::new(plan.rules.clone(), now), outcome: None, next: Next::StatsAt(now) };
        Self {
            cloud,
            clock,
            budget: Budget::new(plan.requests_per_second),
            fail_fast: plan.fail_fast,
            tasks: plan.tasks.into_iter().map(task).collect(),
            ended: VecDeque::new(),
            in_flight: JoinSet::new(),
            signing_in: false,
            broken: None,
        }
    }

    /// How the whole wait ends, once that is certain.
    fn outcome(&self) -> Option<Outcome> {
        if let Some(broken) = &self.broken {
            return Some(broken.clone());
        }
        let outcomes =
            || self.ended.iter().filter_map(|&task| self.tasks.get(task)?.outcome.as_ref()).map(|(outcome, _)| outcome);
        if let Some(outcome) = outcomes().find(|outcome| outcome.ends_all()) {
            return Some(outcome.clone());
        }
        let bad = outcomes().find(|outcome| !outcome.is_ready());
        if self.ended.len() == self.tasks.len() {
            return Some(bad.cloned().unwrap_or(Outcome::Ready));
        }
        bad.filter(|_| self.fail_fast).cloned()
    }

    /// Sends requests that are due, longest due first, as far as the budget goes.
    fn send_what_is_due(&mut self) {
        let now = self.clock.elapsed();
        while let Some(task) = self.next_task().filter(|&(at, _)| at <= now).map(|(_, task)| task) {
            if self.signing_in || !self.budget.try_take(now) {
                return;
            }
            if self.cloud.needs_sign_in() {
                self.signing_in = true;
                let cloud = Arc::clone(&self.cloud);
                self.in_flight.spawn(async move { Answer::SignedIn { result: cloud.sign_in().await, asked: now } });
                return;
            }
            let Some(wait) = self.tasks.get_mut(task) else { return };
            let (cloud, id) = (Arc::clone(&self.cloud), wait.id.clone());
            match std::mem::replace(&mut wait.next, Next::InFlight) {
                Next::StatsAt(_) => self
                    .in_flight
                    .spawn(async move { Answer::Stats { task, result: cloud.stats(&id).await, asked: now } }),
                Next::StatusNow => {
                    self.in_flight.spawn(async move { Answer::Status { task, result: cloud.detail(&id).await } })
                }
                Next::InFlight | Next::Nothing => return,
            };
        }
    }

    /// The task whose request is due first; one that waits for its status goes before all others.
    fn next_task(&self) -> Option<(Duration, usize)> {
        self.tasks
            .iter()
            .enumerate()
            .filter_map(|(task, wait)| match wait.next {
                Next::StatusNow => Some((Duration::ZERO, task)),
                Next::StatsAt(at) => Some((at, task)),
                Next::InFlight | Next::Nothing => None,
            })
            .min()
    }

    /// When the loop has to look around again, if nothing happens before.
    fn wake_at(&self) -> Duration {
        let due = match self.next_task() {
            Some((at, _)) if !self.signing_in => at.max(self.budget.free_at()),
            _ => Duration::MAX,
        };
        let give_up =
            self.tasks.iter().filter(|task| task.outcome.is_none()).filter_map(|task| task.waiter.give_up_at());
        give_up.fold(due, Duration::min).min(FAR_AWAY)
    }

    fn take(&mut self, answer: Result<Answer, JoinError>, observer: &mut impl Observer) {
        let now = self.clock.elapsed();
        match answer {
            Err(error) => self.broken = Some(Outcome::InternalError(format!("a request's task broke: {error}"))),
            Ok(Answer::SignedIn { result, asked }) => {
                self.signing_in = false;
                match result {
                    Ok(session) => observer.signed_in(now, &session),
                    // Whoever was due could not look: for each of them this was a failed poll.
                    Err(error) => {
                        for task in 0..self.tasks.len() {
                            let due = self.tasks.get(task).is_some_and(|wait| match wait.next {
                                Next::StatsAt(at) => at <= now,
                                Next::StatusNow => true,
                                Next::InFlight | Next::Nothing => false,
                            });
                            if due {
                                self.step(task, now, observer, |waiter| {
                                    waiter.handle_stats(asked, now, Err(error.clone()))
                                });
                            }
                        }
                    }
                }
            }
            Ok(Answer::Stats { task, result, asked }) => {
                self.step(task, now, observer, |waiter| waiter.handle_stats(asked, now, result));
            }
            Ok(Answer::Status { task, result }) => {
                self.step(task, now, observer, |waiter| waiter.handle_status(now, result));
            }
        }
    }

    fn give_up_where_due(&mut self, observer: &mut impl Observer) {
        let now = self.clock.elapsed();
        for task in 0..self.tasks.len() {
            let due = self
                .tasks
                .get(task)
                .is_some_and(|wait| wait.outcome.is_none() && wait.waiter.give_up_at().is_some_and(|at| at <= now));
            if due {
                self.step(task, now, observer, |waiter| Step::Done(waiter.handle_give_up()));
            }
        }
    }

    fn step(
        &mut self,
        task: usize,
        now: Duration,
        observer: &mut impl Observer,
        handle: impl FnOnce(&mut Waiter) -> Step,
    ) {
        let several = self.tasks.len() > 1;
        let Some(wait) = self.tasks.get_mut(task).filter(|wait| wait.outcome.is_none()) else { return };
        match handle(&mut wait.waiter) {
            Step::StatusNow => wait.next = Next::StatusNow,
            Step::StatsAt(at) => {
                wait.next = Next::StatsAt(at);
                observer.looked(now, wait, Some(at));
            }
            Step::Done(outcome) => {
                wait.next = Next::Nothing;
                wait.outcome = Some((outcome, now));
                observer.looked(now, wait, None);
                if several {
                    observer.ended(now, wait);
                }
                self.ended.push_back(task);
            }
        }
    }
}

/// Far enough to mean never, near enough for every clock.
const FAR_AWAY: Duration = Duration::from_secs(366 * 24 * 3600);

#[cfg(test)]
#[path = "wait/tests.rs"]
mod tests;
