//! The one loop: the only code that sleeps, and with `main` the only code that asks for the time.
//!
//! Everything that can happen is an arm of one `select!`: an answer, a due look, a signal, the deadline. What it
//! means is decided elsewhere ([`Waiter`]); what is said about it, too ([`Observer`]).

mod advance;
mod budget;
mod progress;
mod queue;
mod schedule;
mod waiter;

pub use advance::Advance;
pub use budget::Budget;
pub use progress::{Outlook, Range, Trend};
pub use queue::{Queue, Rank};
pub use schedule::{Pace, Schedule};
pub use waiter::{Note, Rules, Seen, StatusCheck, Step, Waiter};

pub use crate::outcome::{Interrupt, Outcome};

use crate::api::{ApiError, CHECK_IAM, Class, ListedTask, Page, SignedIn, Stats};
use crate::condition::Goal;
use crate::config::TaskId;
use crate::migration::Detail;
use std::collections::{BTreeMap, BTreeSet};
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

/// Somebody who is told what happens. It cannot change it.
pub trait Observer {
    /// A poll of the task ended, well or badly; `notes` is what happened since the last one, `next` the time of the next
    /// look, `None` where there is none.
    fn looked(&mut self, now: Duration, task: &TaskWait, notes: &[Note], next: Option<Duration>);
    /// The tasks that run were listed; so many others do not run.
    fn listed(&mut self, now: Duration, running: &[TaskWait], others: usize);
    /// The tasks could not be listed; `notes` is what is new about it.
    fn list_failed(&mut self, now: Duration, error: &ApiError, notes: &[Note]);
    /// A session was obtained.
    fn signed_in(&mut self, now: Duration, session: &SignedIn);
    /// A session could not be renewed; the present one still serves.
    fn renewal_failed(&mut self, now: Duration, error: &ApiError);
    /// The wait for one task of several is over.
    fn ended(&mut self, now: Duration, task: &TaskWait);
}

/// Nobody is told.
impl Observer for () {
    fn looked(&mut self, _: Duration, _: &TaskWait, _: &[Note], _: Option<Duration>) {}
    fn listed(&mut self, _: Duration, _: &[TaskWait], _: usize) {}
    fn list_failed(&mut self, _: Duration, _: &ApiError, _: &[Note]) {}
    fn signed_in(&mut self, _: Duration, _: &SignedIn) {}
    fn renewal_failed(&mut self, _: Duration, _: &ApiError) {}
    fn ended(&mut self, _: Duration, _: &TaskWait) {}
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
    fn list_failed(&mut self, now: Duration, error: &ApiError, notes: &[Note]) {
        self.0.list_failed(now, error, notes);
        self.1.list_failed(now, error, notes);
    }
    fn signed_in(&mut self, now: Duration, session: &SignedIn) {
        self.0.signed_in(now, session);
        self.1.signed_in(now, session);
    }
    fn renewal_failed(&mut self, now: Duration, error: &ApiError) {
        self.0.renewal_failed(now, error);
        self.1.renewal_failed(now, error);
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
    /// Why the task failed, in the cloud's own words; one visible line.
    pub cloud_reason: Option<String>,
    /// When the reading was asked for with which it got there, where a later one has not taken that back.
    got_there: Option<Duration>,
    next: Next,
    /// As it stands in the fleet's list.
    give_up_at: Option<Duration>,
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
    fn is_due(self, now: Duration) -> bool {
        match self {
            Self::StatsAt(at) => at <= now,
            Self::StatusNow => true,
            Self::InFlight | Self::Nothing => false,
        }
    }
}

/// An answer that came back.
struct Answer {
    /// When it was asked for, and in which session.
    asked: Duration,
    session: u64,
    what: What,
}

enum What {
    SignedIn(Result<Option<SignedIn>, ApiError>),
    List(Result<Page, ApiError>),
    Stats(usize, Result<Stats, ApiError>),
    Status(usize, Result<Detail, ApiError>),
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

    /// For how long the machine has been suspended since the start, as far as the wall clock tells: the other one may
    /// have stood still. Somebody who sets the wall clock forward looks the same.
    fn suspended(self, wall_at_start: SystemTime) -> Duration {
        self.wall()
            .duration_since(wall_at_start)
            .unwrap_or_default()
            .saturating_sub(self.elapsed())
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
            fleet.ask_for_reasons(interrupts).await;
            return (outcome, fleet.tasks);
        }
        fleet.note_suspension();
        fleet.send_what_is_due();
        let wake = fleet.wake_at();
        tokio::select! {
            // In order of weight: who interrupts wants to be heard first, and the deadline is a promise.
            biased;
            Some(interrupt) = interrupts.recv() => return (Outcome::Cancelled(interrupt), fleet.tasks),
            () = clock.sleep_until(deadline) => return (fleet.end_in_time(observer), fleet.tasks),
            Some(answer) = fleet.in_flight.join_next() => fleet.take(answer, observer),
            () = clock.sleep_until(wake) => fleet.give_up_where_due(observer),
        }
    }
}

struct Fleet<C> {
    cloud: Arc<C>,
    clock: Clock,
    budget: Budget,
    /// When a reading that was due could have been sent together with its status.
    pair_at: Duration,
    wall_at_start: SystemTime,
    suspended: Duration,
    rules: Rules,
    fail_fast: bool,
    /// Under way as long as it is not known which tasks to wait for.
    listing: Option<Listing>,
    tasks: Vec<TaskWait>,
    queue: Queue,
    /// When to give up on a task that is not answered.
    outages: BTreeSet<(Duration, usize)>,
    /// How many tasks have ended, and the gravest of their bad ends.
    ended: usize,
    bad: Option<Outcome>,
    in_flight: JoinSet<Answer>,
    sign_in: SigningIn,
    /// No request before that time: the server asked for it.
    hold_until: Duration,
    /// Until one request was answered well, there is one at a time: many with the same wrong access key would lock it.
    proven: bool,
    broken: Option<Outcome>,
}

/// How the sign-in stands.
struct SigningIn {
    is_under_way: bool,
    /// It takes another request.
    goes_on: bool,
    /// Sessions so far. A refusal of an older one says nothing about the present one.
    sessions: u64,
    /// Sessions in a row that were refused, and the last of them.
    refusals: u32,
    refused: Option<u64>,
    /// When to try again to renew a session that still serves.
    renew_at: Duration,
    renewing: Schedule,
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
    /// How many tasks there are, as the page before told.
    total: Option<usize>,
}

impl Listing {
    /// From the first page again.
    fn restart(&mut self) {
        self.running.clear();
        self.known.clear();
        self.offset = 0;
        self.total = None;
    }
}

impl<C: Cloud> Fleet<C> {
    fn new(cloud: Arc<C>, plan: Plan, clock: Clock) -> Self {
        let now = clock.elapsed();
        let mut fleet = Self {
            cloud,
            clock,
            budget: Budget::new(plan.requests_per_second),
            pair_at: Duration::ZERO,
            wall_at_start: clock
                .wall()
                .checked_sub(now)
                .unwrap_or(SystemTime::UNIX_EPOCH),
            suspended: Duration::ZERO,
            sign_in: SigningIn {
                is_under_way: false,
                goes_on: false,
                sessions: 0,
                refusals: 0,
                refused: None,
                renew_at: Duration::ZERO,
                renewing: Schedule::new(plan.rules.pace),
            },
            rules: plan.rules,
            fail_fast: plan.fail_fast,
            listing: None,
            tasks: Vec::new(),
            queue: Queue::default(),
            outages: BTreeSet::new(),
            ended: 0,
            bad: None,
            in_flight: JoinSet::new(),
            hold_until: Duration::ZERO,
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
                    total: None,
                });
            }
        }
        fleet
    }

    fn begin(&mut self, tasks: Vec<TaskId>, now: Duration) {
        for (task, id) in tasks.into_iter().enumerate() {
            let waiter = Waiter::new(self.rules.clone(), now);
            self.tasks.push(TaskWait {
                id,
                waiter,
                outcome: None,
                cloud_reason: None,
                got_there: None,
                next: Next::StatsAt(now),
                give_up_at: None,
            });
            self.queue.put(task, now, Rank::Far);
        }
    }

    /// How the whole wait ends, once that is certain.
    fn outcome(&self) -> Option<Outcome> {
        if let Some(broken) = &self.broken {
            return Some(broken.clone());
        }
        // Of no tasks, none is ready.
        if !self.tasks.is_empty() && self.ended == self.tasks.len() {
            return Some(self.bad.clone().unwrap_or(Outcome::Ready));
        }
        self.bad.clone().filter(|_| self.fail_fast)
    }

    /// Tells every task for how long the machine was suspended, where it was.
    fn note_suspension(&mut self) {
        /// Wall clocks are corrected by less than that all the time.
        const LEAST: Duration = Duration::from_secs(2);
        let suspended = self.clock.suspended(self.wall_at_start);
        let more = suspended.saturating_sub(self.suspended);
        if more >= LEAST {
            self.suspended = suspended;
            for wait in &mut self.tasks {
                wait.waiter.note_suspension(more);
            }
        }
    }

    /// Sends requests that are due, as far as the budget goes.
    fn send_what_is_due(&mut self) {
        let now = self.clock.elapsed();
        self.pair_at = Duration::ZERO;
        while self.due_at().is_some_and(|at| at <= now)
            && !self.is_held_back(now)
            && self.budget.free_at() <= now
        {
            if self.wants_sign_in(now) {
                self.send_sign_in(now);
            } else if !self.send_look(now) {
                return;
            }
            self.budget.take(now);
        }
    }

    /// Whether the next request is one of the sign-in.
    fn wants_sign_in(&self, now: Duration) -> bool {
        let renews = self.sign_in.goes_on || self.sign_in.renew_at <= now;
        !self.sign_in.is_under_way
            && (self.cloud.needs_sign_in() || (renews && self.cloud.should_renew()))
    }

    fn send_sign_in(&mut self, now: Duration) {
        self.sign_in.is_under_way = true;
        let cloud = Arc::clone(&self.cloud);
        self.send(now, async move { What::SignedIn(cloud.sign_in().await) });
    }

    /// Sends the request whose turn it is; `false` where there is none.
    fn send_look(&mut self, now: Duration) -> bool {
        let cloud = Arc::clone(&self.cloud);
        if let Some(listing) = self
            .listing
            .as_mut()
            .filter(|listing| listing.next.is_due(now))
        {
            listing.next = Next::InFlight;
            listing.failures.begin_poll(now);
            let offset = listing.offset;
            self.send(now, async move { What::List(cloud.list(offset).await) });
            return true;
        }
        let Some(task) = self.queue.pop(now, self.rules.pace.max.saturating_mul(2)) else {
            return false;
        };
        let Some(wait) = self.tasks.get_mut(task) else {
            return false;
        };
        if let Next::StatsAt(at) = wait.next
            && wait.waiter.expects_status()
        {
            let pair_at = self.budget.pair_at();
            if now < pair_at {
                // Its status would be held back by the budget, and perhaps come too late to belong to the reading.
                self.pair_at = pair_at;
                self.queue.put(task, at, wait.waiter.rank());
                return false;
            }
        }
        let id = wait.id.clone();
        match std::mem::replace(&mut wait.next, Next::InFlight) {
            Next::StatsAt(_) => {
                wait.waiter.begin_poll(now);
                self.note_outage(task);
                self.send(
                    now,
                    async move { What::Stats(task, cloud.stats(&id).await) },
                );
            }
            Next::StatusNow => {
                self.send(
                    now,
                    async move { What::Status(task, cloud.detail(&id).await) },
                );
            }
            // Neither is in the queue.
            Next::InFlight | Next::Nothing => return false,
        }
        true
    }

    fn send(&mut self, asked: Duration, request: impl Future<Output = What> + Send + 'static) {
        let session = self.sign_in.sessions;
        self.in_flight.spawn(async move {
            Answer {
                asked,
                session,
                what: request.await,
            }
        });
    }

    /// Whether no request may be sent now, whatever is due.
    fn is_held_back(&self, now: Duration) -> bool {
        now < self.hold_until || self.is_held_back_by_answers()
    }

    /// Whether no request may be sent before another one is answered.
    fn is_held_back_by_answers(&self) -> bool {
        (self.sign_in.is_under_way && self.cloud.needs_sign_in())
            || (!self.proven && !self.in_flight.is_empty())
            || self.in_flight.len() >= self.cloud.most_in_flight()
    }

    /// When the next request is due.
    fn due_at(&self) -> Option<Duration> {
        match self.listing.as_ref().map(|listing| listing.next) {
            Some(Next::StatsAt(at)) => Some(at),
            Some(Next::StatusNow | Next::InFlight | Next::Nothing) => None,
            None => self.queue.due_at(),
        }
    }

    /// When the loop has to look around again, if nothing happens before.
    fn wake_at(&self) -> Duration {
        let due = match self.due_at() {
            Some(at) if !self.is_held_back_by_answers() => at
                .max(self.budget.free_at())
                .max(self.pair_at)
                .max(self.hold_until),
            _ => Duration::MAX,
        };
        self.next_give_up()
            .map_or(due, |at| at.min(due))
            .min(FAR_AWAY)
    }

    fn take(&mut self, answer: Result<Answer, JoinError>, observer: &mut impl Observer) {
        let now = self.clock.elapsed();
        let Answer {
            asked,
            session,
            what,
        } = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.broken = Some(Outcome::InternalError(format!(
                    "a request's task broke: {error}"
                )));
                return;
            }
        };
        match what {
            What::SignedIn(Ok(session)) => {
                self.sign_in.is_under_way = false;
                self.sign_in.goes_on = session.is_none();
                if let Some(session) = session {
                    self.sign_in.sessions += 1;
                    self.sign_in.renewing.reset();
                    observer.signed_in(now, &session);
                }
            }
            What::SignedIn(Err(error)) => {
                self.sign_in.is_under_way = false;
                self.sign_in.goes_on = false;
                self.sign_in_failed(asked, now, error, observer);
            }
            What::List(Ok(page)) => {
                self.answered_well(asked);
                self.sign_in.refusals = 0;
                self.listed(asked, now, page, observer);
            }
            What::List(Err(error)) => {
                let error = self.weigh(session, error);
                self.list_failed(asked, now, error.clone(), observer);
                self.slow_down(asked, now, &error);
            }
            What::Stats(task, Ok(stats)) => {
                self.answered_well(asked);
                self.step(task, now, observer, |waiter| {
                    waiter.handle_stats(asked, now, Ok(stats))
                });
            }
            What::Stats(task, Err(error)) => {
                let error = self.weigh(session, error);
                self.step(task, now, observer, |waiter| {
                    waiter.handle_stats(asked, now, Err(error.clone()))
                });
                self.slow_down(asked, now, &error);
            }
            What::Status(task, Ok(detail)) => {
                self.answered_well(asked);
                self.step(task, now, observer, |waiter| {
                    waiter.handle_status(now, Ok(detail))
                });
            }
            What::Status(task, Err(error)) => {
                let error = self.weigh(session, error);
                self.step(task, now, observer, |waiter| {
                    waiter.handle_status(now, Err(error.clone()))
                });
                // Where this endpoint alone is throttled, the stats go on being read, only more slowly.
                if matches!(error.class, Class::Throttled { .. }) {
                    self.budget.cut(asked, now);
                }
            }
        }
    }

    fn answered_well(&mut self, asked: Duration) {
        self.proven = true;
        self.budget.restore(asked);
    }

    /// What a refusal of a session means for the wait as a whole: with many tasks, one bad session is refused many times.
    fn weigh(&mut self, session: u64, error: ApiError) -> ApiError {
        if error.class != Class::Unauthenticated {
            return error;
        }
        if session < self.sign_in.sessions {
            // A late answer: there is a new session already.
            return error.into_transient();
        }
        if self.sign_in.refused.replace(session) != Some(session) {
            self.sign_in.refusals += 1;
        }
        let class = if self.sign_in.refusals >= 2 {
            Class::Denied
        } else {
            error.class
        };
        ApiError { class, ..error }
    }

    /// Slows down where the server asks for it.
    fn slow_down(&mut self, asked: Duration, now: Duration, error: &ApiError) {
        let is_throttled = matches!(error.class, Class::Throttled { .. });
        if is_throttled || error.retry_after().is_some() {
            self.budget.cut(asked, now);
        }
        // Other troubles are one task's own; it keeps away from the server by itself.
        if is_throttled {
            self.hold_back(now, error.retry_after());
        }
    }

    /// No request for so long, but not until it is too late for a last poll before the deadline, or before a task is
    /// given up because of `max-outage`.
    fn hold_back(&mut self, now: Duration, retry_after: Option<Duration>) {
        let before = |end: Duration, length: Duration| {
            end.saturating_sub(self.rules.request_timeout.min(length / 2))
        };
        let mut until = now.saturating_add(retry_after.unwrap_or_default());
        until = until.min(before(self.rules.deadline, self.rules.deadline));
        if let Some(give_up_at) = self.next_give_up() {
            until = until.min(before(give_up_at, self.rules.max_outage));
        }
        self.hold_until = self.hold_until.max(until);
    }

    /// When the first task, or the search for tasks, is given up unless it is answered.
    fn next_give_up(&self) -> Option<Duration> {
        let task = self.outages.first().map(|&(at, _)| at);
        let listing = self
            .listing
            .as_ref()
            .and_then(|listing| listing.failures.give_up_at());
        [task, listing].into_iter().flatten().min()
    }

    fn sign_in_failed(
        &mut self,
        asked: Duration,
        now: Duration,
        error: ApiError,
        observer: &mut impl Observer,
    ) {
        if error.is_transient() && !self.cloud.needs_sign_in() {
            // The present session still serves; nobody has to wait for the new one.
            let delay = self
                .sign_in
                .renewing
                .next_delay()
                .max(error.retry_after().unwrap_or_default());
            self.sign_in.renew_at = now.saturating_add(delay);
            observer.renewal_failed(now, &error);
            return;
        }
        // A refusal here is one of the session just obtained, which nothing else has used yet.
        self.sign_in.refused = None;
        let error = self.weigh(self.sign_in.sessions, error);
        // Whoever was due could not look: for each of them this was a failed poll.
        for task in self.queue.due(now) {
            self.step(task, now, observer, |waiter| {
                waiter.handle_stats(asked, now, Err(error.clone()))
            });
        }
        self.slow_down(asked, now, &error);
        // Nobody can do without the session.
        self.hold_back(now, error.retry_after());
        if self
            .listing
            .as_ref()
            .is_some_and(|listing| listing.next.is_due(now))
        {
            self.list_failed(asked, now, error, observer);
        }
    }

    fn give_up_where_due(&mut self, observer: &mut impl Observer) {
        let now = self.clock.elapsed();
        while let Some(&(_, task)) = self.outages.first().filter(|&&(at, _)| at <= now) {
            self.step(task, now, observer, |waiter| {
                Step::Done(waiter.handle_give_up())
            });
        }
        if let Some(listing) = self
            .listing
            .as_mut()
            .filter(|listing| listing.failures.give_up_at().is_some_and(|at| at <= now))
        {
            self.broken = Some(listing.failures.handle_give_up());
        }
    }

    /// The end at the deadline: what is still under way has failed, which may be enough to judge a reading.
    fn end_in_time(&mut self, observer: &mut impl Observer) -> Outcome {
        let now = self.clock.elapsed();
        if self.sign_in.is_under_way && self.cloud.needs_sign_in() {
            let error = ApiError::transient("the sign-in was not answered before `timeout`");
            self.sign_in_failed(now, now, error.or_advise(CHECK_IAM), observer);
        }
        for task in 0..self.tasks.len() {
            let unfinished = self
                .tasks
                .get_mut(task)
                .filter(|wait| wait.outcome.is_none());
            if let Some(step) = unfinished.and_then(|wait| wait.waiter.handle_deadline(now)) {
                self.step(task, now, observer, |_| step);
            }
        }
        if let Some(outcome) = self.outcome() {
            return outcome;
        }
        // A task that can never reach the goal is not made better by others that only lacked time.
        match self
            .bad
            .clone()
            .filter(|bad| bad.severity() > Outcome::TimedOut.severity())
        {
            Some(bad) => {
                for wait in self.tasks.iter_mut().filter(|wait| wait.outcome.is_none()) {
                    wait.outcome = Some((Outcome::TimedOut, now));
                }
                bad
            }
            None => Outcome::TimedOut,
        }
    }

    /// Takes a page of tasks, and begins to wait once it was the last one.
    fn listed(&mut self, asked: Duration, now: Duration, page: Page, observer: &mut impl Observer) {
        let Some(listing) = &mut self.listing else {
            return;
        };
        if let Some((before, total)) = listing
            .total
            .zip(page.total)
            .filter(|(before, total)| before != total)
        {
            // Behind a task that is gone, all others have moved up: one of them would be left out.
            listing.restart();
            let text = format!(
                "the number of tasks changed from {before} to {total} while they were listed"
            );
            return self.list_failed(asked, now, ApiError::transient(text), observer);
        }
        listing.total = page.total;
        listing.offset += page.tasks.len();
        let before = listing.known.len();
        for ListedTask { id, status, .. } in page.tasks {
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
            let (known, total) = (listing.known.len(), page.total.unwrap_or_default());
            listing.restart();
            let text = format!("the list of tasks ends after {known} of {total}");
            return self.list_failed(asked, now, ApiError::transient(text), observer);
        }
        let Some(listing) = self.listing.take() else {
            return;
        };
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

    fn list_failed(
        &mut self,
        asked: Duration,
        now: Duration,
        error: ApiError,
        observer: &mut impl Observer,
    ) {
        let Some(listing) = &mut self.listing else {
            return;
        };
        match listing
            .failures
            .handle_stats(asked, now, Err(error.clone()))
        {
            Step::StatsAt(at) => listing.next = Next::StatsAt(at),
            Step::StatusNow => listing.next = Next::StatsAt(now),
            Step::Done(outcome) => self.broken = Some(outcome),
        }
        observer.list_failed(now, &error, &listing.failures.take_notes());
    }

    fn step(
        &mut self,
        task: usize,
        now: Duration,
        observer: &mut impl Observer,
        handle: impl FnOnce(&mut Waiter) -> Step,
    ) {
        let several = self.tasks.len() > 1;
        let Some(wait) = self
            .tasks
            .get_mut(task)
            .filter(|wait| wait.outcome.is_none())
        else {
            return;
        };
        match handle(&mut wait.waiter) {
            Step::StatusNow => {
                // In the middle of a poll: what there is to tell, comes with its end.
                wait.next = Next::StatusNow;
                self.queue.put(task, now, Rank::HalfRead);
            }
            Step::StatsAt(at) => {
                let notes = wait.waiter.take_notes();
                wait.next = Next::StatsAt(at);
                if wait.waiter.stable() < self.rules.stable_polls {
                    wait.got_there = None;
                }
                self.queue.put(task, at, wait.waiter.rank());
                observer.looked(now, wait, &notes, Some(at));
                if wait.waiter.failing().is_none() {
                    self.sign_in.refusals = 0;
                }
            }
            Step::Done(outcome) => {
                let notes = wait.waiter.take_notes();
                wait.next = Next::Nothing;
                self.queue.remove(task);
                if outcome.consequence().stops_all && self.broken.is_none() {
                    self.broken = Some(outcome.clone());
                }
                let most_severe = self.bad.as_ref().map_or(0, Outcome::severity);
                if outcome.severity() > most_severe {
                    self.bad = Some(outcome.clone());
                }
                self.ended += 1;
                let first_time = wait.got_there.is_none();
                if outcome.is_ready() && first_time {
                    wait.got_there = wait.waiter.seen().map(|seen| seen.at);
                }
                wait.outcome = Some((outcome, now));
                observer.looked(now, wait, &notes, None);
                if several && first_time {
                    observer.ended(now, wait);
                }
                self.read_early_ones_again(now);
            }
        }
        self.note_outage(task);
    }

    /// Once every task has been in sync: who was there long before the last one is read once more, since a task in sync
    /// can fall behind again, or fail, at any time. An ended task stays as it is.
    fn read_early_ones_again(&mut self, now: Duration) {
        if self.rules.condition.goal != Goal::InSync
            || self.ended < self.tasks.len()
            || self.bad.is_some()
        {
            return;
        }
        let Some(last) = self.tasks.iter().filter_map(|wait| wait.got_there).max() else {
            return;
        };
        let longest = self.rules.pace.max.saturating_mul(3);
        for (task, wait) in self.tasks.iter_mut().enumerate() {
            let read_at = wait.waiter.seen().map_or(Duration::ZERO, |seen| seen.at);
            if read_at.saturating_add(longest) < last {
                wait.waiter.read_again();
                wait.outcome = None;
                wait.next = Next::StatsAt(now);
                self.ended -= 1;
                self.queue.put(task, now, wait.waiter.rank());
            }
        }
    }

    /// Asks the cloud why tasks failed, which its list or their logs may tell. One try each, and never for long: how the
    /// wait ended is known already.
    async fn ask_for_reasons(&mut self, interrupts: &mut mpsc::UnboundedReceiver<Interrupt>) {
        let now = self.clock.elapsed();
        // The answer has to be written before the deadline, too.
        let left = self.rules.deadline.saturating_sub(now) / 2;
        let until = now
            + left
                .min(LONGEST_FOR_REASONS)
                .min(self.rules.request_timeout.saturating_mul(2));
        self.in_flight.abort_all();
        let failed = |wait: &TaskWait| matches!(&wait.outcome, Some((Outcome::Failed(failure), _)) if failure.has_reason());
        let mut asked: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|wait| failed(wait))
            .map(|wait| wait.id.clone())
            .collect();
        // Of a batch that fails as a whole, one page and a few logs say enough.
        asked.truncate(MOST_REASONS);
        if asked.is_empty() {
            return;
        }
        let mut reasons = BTreeMap::new();
        let gather = gather_reasons(
            &*self.cloud,
            self.clock,
            &mut self.budget,
            self.hold_until,
            &asked,
            &mut reasons,
        );
        tokio::select! {
            biased;
            _ = interrupts.recv() => {}
            () = self.clock.sleep_until(until) => {}
            () = gather => {}
        }
        for wait in self.tasks.iter_mut().filter(|wait| failed(wait)) {
            wait.cloud_reason = reasons.remove(&wait.id);
        }
    }

    /// Keeps the list of outages in step with what a waiter says.
    fn note_outage(&mut self, task: usize) {
        let Some(wait) = self.tasks.get_mut(task) else {
            return;
        };
        let give_up_at = wait.waiter.give_up_at().filter(|_| wait.outcome.is_none());
        if wait.give_up_at != give_up_at {
            if let Some(at) = wait.give_up_at {
                self.outages.remove(&(at, task));
            }
            if let Some(at) = give_up_at {
                self.outages.insert((at, task));
            }
            wait.give_up_at = give_up_at;
        }
    }
}

/// What the cloud says about why these tasks failed: the list in one page, then the log of who is not told there.
async fn gather_reasons<C: Cloud>(
    cloud: &C,
    clock: Clock,
    budget: &mut Budget,
    hold_until: Duration,
    asked: &[TaskId],
    reasons: &mut BTreeMap<TaskId, String>,
) {
    let mut turn = async || {
        clock.sleep_until(budget.free_at().max(hold_until)).await;
        budget.take(clock.elapsed());
    };
    turn().await;
    if let Ok(page) = cloud.list(0).await {
        for listed in page.tasks {
            let task = asked.iter().find(|task| task.is_same(&listed.id));
            if let Some((task, message)) = task.zip(listed.error_message) {
                reasons.insert(task.clone(), message);
            }
        }
    }
    for task in asked {
        if !reasons.contains_key(task) {
            turn().await;
            if let Ok(Some(message)) = cloud.newest_error(task).await {
                reasons.insert(task.clone(), message);
            }
        }
    }
}

/// How long the cloud may take to say why tasks failed.
const LONGEST_FOR_REASONS: Duration = Duration::from_secs(5);
/// How many tasks it is asked about.
const MOST_REASONS: usize = 20;
/// Far enough to mean never, near enough for every clock.
const FAR_AWAY: Duration = Duration::from_secs(366 * 24 * 3600);

#[cfg(test)]
#[path = "wait/tests.rs"]
mod tests;
