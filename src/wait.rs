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

use crate::api::{ApiError, Page, SignedIn, Stats};
use crate::config::TaskId;
use crate::migration::Detail;
use std::collections::{BTreeSet, VecDeque};
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
    /// Reads one page of the project's tasks, beginning with the task at `offset`.
    fn list(&self, offset: usize) -> impl Future<Output = Result<Page, ApiError>> + Send;
}

/// Somebody who is told what happens. It cannot change it.
pub trait Observer {
    /// A poll of the task ended, well or badly; `notes` is what happened since the last one, `next` the time of the next
    /// look, `None` where there is none.
    fn looked(&mut self, now: Duration, task: &TaskWait, notes: &[Note], next: Option<Duration>);
    /// The tasks that run were listed; so many others do not run.
    fn listed(&mut self, now: Duration, running: &[TaskWait], others: usize);
    /// A session was obtained.
    fn signed_in(&mut self, now: Duration, session: &SignedIn);
    /// The wait for one task of several is over.
    fn ended(&mut self, now: Duration, task: &TaskWait);
}

/// Two observers, told one after the other.
impl<A: Observer, B: Observer> Observer for (&mut A, &mut B) {
    fn looked(&mut self, now: Duration, task: &TaskWait, notes: &[Note], next: Option<Duration>) {
        self.0.looked(now, task, notes, next);
        self.1.looked(now, task, notes, next);
    }
    fn listed(&mut self, now: Duration, running: &[TaskWait], others: usize) {
        self.0.listed(now, running, others);
        self.1.listed(now, running, others);
    }
    fn signed_in(&mut self, now: Duration, session: &SignedIn) {
        self.0.signed_in(now, session);
        self.1.signed_in(now, session);
    }
    fn ended(&mut self, now: Duration, task: &TaskWait) {
        self.0.ended(now, task);
        self.1.ended(now, task);
    }
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

impl Next {
    /// When a request is due; at once where it belongs to one that was just answered.
    fn due_at(self) -> Option<Duration> {
        match self {
            Self::StatsAt(at) => Some(at),
            Self::StatusNow => Some(Duration::ZERO),
            Self::InFlight | Self::Nothing => None,
        }
    }
}

/// An answer that came back.
enum Answer {
    SignedIn { result: Result<SignedIn, ApiError>, asked: Duration },
    List { result: Result<Page, ApiError>, asked: Duration },
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

/// Which tasks are waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tasks {
    /// These; at least one.
    Named(Vec<TaskId>),
    /// Every task of the project that runs when the wait begins.
    AllRunning,
}

/// What is waited for, and within which bounds.
#[derive(Debug)]
pub struct Plan {
    /// The tasks.
    pub tasks: Tasks,
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
    rules: Rules,
    fail_fast: bool,
    /// Under way as long as it is not known which tasks to wait for.
    listing: Option<Listing>,
    tasks: Vec<TaskWait>,
    /// Tasks in the order in which their wait ended.
    ended: VecDeque<usize>,
    in_flight: JoinSet<Answer>,
    signing_in: bool,
    /// Until one request was answered well, there is one at a time: many with the same wrong access key would lock it.
    proven: bool,
    broken: Option<Outcome>,
}

/// The search for tasks that run, page by page.
struct Listing {
    /// Judges failures as those of a poll; it never gets a good answer, and is replaced by a new one after each page.
    failures: Waiter,
    next: Next,
    running: Vec<TaskId>,
    /// Every task on the pages so far: a server that repeats a page has no more of them.
    known: BTreeSet<TaskId>,
    offset: usize,
}

/// A request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    List,
    Task(usize),
}

impl<C: Cloud> Fleet<C> {
    fn new(cloud: Arc<C>, plan: Plan, clock: Clock) -> Self {
        let now = clock.elapsed();
        let mut fleet = Self {
            cloud,
            clock,
            budget: Budget::new(plan.requests_per_second),
            rules: plan.rules,
            fail_fast: plan.fail_fast,
            listing: None,
            tasks: Vec::new(),
            ended: VecDeque::new(),
            in_flight: JoinSet::new(),
            signing_in: false,
            proven: false,
            broken: None,
        };
        match plan.tasks {
            Tasks::Named(tasks) => fleet.begin(tasks, now),
            Tasks::AllRunning => {
                fleet.listing = Some(Listing {
                    failures: Waiter::new(fleet.rules.clone(), now),
                    next: Next::StatsAt(now),
                    running: Vec::new(),
                    known: BTreeSet::new(),
                    offset: 0,
                });
            }
        }
        fleet
    }

    fn begin(&mut self, tasks: Vec<TaskId>, now: Duration) {
        let rules = &self.rules;
        let begin =
            |id| TaskWait { id, waiter: Waiter::new(rules.clone(), now), outcome: None, next: Next::StatsAt(now) };
        self.tasks = tasks.into_iter().map(begin).collect();
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
        // Of no tasks, none is ready.
        if !self.tasks.is_empty() && self.ended.len() == self.tasks.len() {
            return Some(bad.cloned().unwrap_or(Outcome::Ready));
        }
        bad.filter(|_| self.fail_fast).cloned()
    }

    /// Sends requests that are due, longest due first, as far as the budget goes.
    fn send_what_is_due(&mut self) {
        let now = self.clock.elapsed();
        while let Some(due) = self.next_due().filter(|&(at, _)| at <= now).map(|(_, due)| due) {
            if self.is_held_back() || !self.budget.try_take(now) {
                return;
            }
            let cloud = Arc::clone(&self.cloud);
            if cloud.needs_sign_in() {
                self.signing_in = true;
                self.in_flight.spawn(async move { Answer::SignedIn { result: cloud.sign_in().await, asked: now } });
                return;
            }
            match due {
                Due::List => {
                    let Some(listing) = &mut self.listing else { return };
                    listing.next = Next::InFlight;
                    let offset = listing.offset;
                    self.in_flight.spawn(async move { Answer::List { result: cloud.list(offset).await, asked: now } });
                }
                Due::Task(task) => {
                    let Some(wait) = self.tasks.get_mut(task) else { return };
                    let id = wait.id.clone();
                    match std::mem::replace(&mut wait.next, Next::InFlight) {
                        Next::StatsAt(_) => {
                            wait.waiter.begin_poll(now);
                            self.in_flight.spawn(async move {
                                Answer::Stats { task, result: cloud.stats(&id).await, asked: now }
                            })
                        }
                        Next::StatusNow => self
                            .in_flight
                            .spawn(async move { Answer::Status { task, result: cloud.detail(&id).await } }),
                        Next::InFlight | Next::Nothing => return,
                    };
                }
            }
        }
    }

    /// Whether no request may be sent before another one is answered.
    fn is_held_back(&self) -> bool {
        self.signing_in || (!self.proven && !self.in_flight.is_empty())
    }

    /// The request that is due first; a status goes before everything else.
    fn next_due(&self) -> Option<(Duration, Due)> {
        let tasks = self.tasks.iter().enumerate().map(|(task, wait)| (wait.next, Due::Task(task)));
        let listing = self.listing.iter().map(|listing| (listing.next, Due::List));
        tasks.chain(listing).filter_map(|(next, due)| Some((next.due_at()?, due))).min()
    }

    /// When the loop has to look around again, if nothing happens before.
    fn wake_at(&self) -> Duration {
        let due = match self.next_due() {
            Some((at, _)) if !self.is_held_back() => at.max(self.budget.free_at()),
            _ => Duration::MAX,
        };
        let tasks = self.tasks.iter().filter(|task| task.outcome.is_none()).map(|task| &task.waiter);
        let listing = self.listing.iter().map(|listing| &listing.failures);
        tasks.chain(listing).filter_map(Waiter::give_up_at).fold(due, Duration::min).min(FAR_AWAY)
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
                            let next = self.tasks.get(task).and_then(|wait| wait.next.due_at());
                            if next.is_some_and(|at| at <= now) {
                                self.step(task, now, observer, |waiter| {
                                    waiter.handle_stats(asked, now, Err(error.clone()))
                                });
                            }
                        }
                        self.list_failed(asked, now, error);
                    }
                }
            }
            Ok(Answer::List { result, asked }) => match result {
                Ok(page) => {
                    self.proven = true;
                    self.listed(asked, now, page, observer);
                }
                Err(error) => self.list_failed(asked, now, error),
            },
            Ok(Answer::Stats { task, result, asked }) => {
                self.proven |= result.is_ok();
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
        if let Some(listing) =
            self.listing.as_mut().filter(|listing| listing.failures.give_up_at().is_some_and(|at| at <= now))
        {
            self.broken = Some(listing.failures.handle_give_up());
        }
    }

    /// Takes a page of tasks, and begins to wait once it was the last one.
    fn listed(&mut self, asked: Duration, now: Duration, page: Page, observer: &mut impl Observer) {
        let Some(listing) = &mut self.listing else { return };
        listing.offset += page.tasks.len();
        let before = listing.known.len();
        for (id, status) in page.tasks {
            if listing.known.insert(id.clone()) && status.is_running() {
                listing.running.push(id);
            }
        }
        if listing.known.len() > before && page.total.is_none_or(|total| listing.offset < total) {
            listing.failures = Waiter::new(self.rules.clone(), now);
            listing.next = Next::StatsAt(now);
            return;
        }
        if page.total.is_some_and(|total| listing.known.len() < total) {
            // A task that is left out would never be waited for.
            listing.offset = 0;
            let (known, total) = (listing.known.len(), page.total.unwrap_or_default());
            let text = format!("the list of tasks ends after {known} of {total}");
            return self.list_failed(asked, now, ApiError::transient(text));
        }
        let Some(listing) = self.listing.take() else { return };
        if listing.running.is_empty() {
            // Nothing to wait for is no evidence of anything.
            self.broken = Some(Outcome::InvalidInput(
                "`task-id` is `all-running`, but no migration task of the project is running; name the tasks"
                    .to_owned(),
            ));
            return;
        }
        let others = listing.known.len() - listing.running.len();
        self.begin(listing.running, now);
        observer.listed(now, &self.tasks, others);
    }

    fn list_failed(&mut self, asked: Duration, now: Duration, error: ApiError) {
        let Some(listing) = &mut self.listing else { return };
        match listing.failures.handle_stats(asked, now, Err(error)) {
            Step::StatsAt(at) => listing.next = Next::StatsAt(at),
            Step::StatusNow => listing.next = Next::StatsAt(now),
            Step::Done(outcome) => self.broken = Some(outcome),
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
            // In the middle of a poll: what there is to tell, comes with its end.
            Step::StatusNow => wait.next = Next::StatusNow,
            Step::StatsAt(at) => {
                let notes = wait.waiter.take_notes();
                wait.next = Next::StatsAt(at);
                observer.looked(now, wait, &notes, Some(at));
            }
            Step::Done(outcome) => {
                let notes = wait.waiter.take_notes();
                wait.next = Next::Nothing;
                wait.outcome = Some((outcome, now));
                observer.looked(now, wait, &notes, None);
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
