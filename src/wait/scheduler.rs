//! Which request comes next, over all tasks, and what its answer changes.

mod listing;
mod reasons;
mod sign_in;

use self::listing::Listing;
use self::sign_in::SigningIn;
use super::event::{Observer, TaskSnapshot};
use super::plan::{Plan, Rules, Tasks};
use super::queue::{Priority, Queue};
use super::rate_limit::RateLimiter;
use super::task::{Step, TaskPoller};
use crate::api::{ApiError, CHECK_IAM, Class, Cloud, Page, SignedIn, Stats};
use crate::clock::Clock;
use crate::domain::{Detail, Goal, TaskId};
use crate::outcome::{Internal, Outcome};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::{JoinError, JoinSet};

/// One task, and how far its wait is.
#[derive(Debug)]
pub struct TaskWait {
    /// Which task.
    pub id: TaskId,
    /// Its state.
    pub(super) poller: TaskPoller,
    /// How its wait ended, and when.
    pub outcome: Option<(Outcome, Duration)>,
    /// Why the task failed, in the cloud's own words; one visible line.
    pub cloud_reason: Option<String>,
    /// When the reading was asked for that met the goal, where a later one has not taken that back.
    met_at: Option<Duration>,
    next: Next,
    /// The time under which it is in [`Scheduler::outages`].
    give_up_at: Option<Duration>,
}

impl TaskWait {
    /// What is known of the task now.
    pub fn snapshot(&self) -> TaskSnapshot<'_> {
        self.poller.snapshot()
    }
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
pub(super) struct Answer {
    /// When it was asked for, and in which session.
    asked: Duration,
    session: u64,
    what: Answered,
}

pub(super) enum Answered {
    SignedIn(Result<Option<SignedIn>, ApiError>),
    List(Result<Page, ApiError>),
    Stats(usize, Result<Stats, ApiError>),
    Status(usize, Result<Detail, ApiError>),
}

/// The state of a whole wait.
pub(super) struct Scheduler<C> {
    cloud: Arc<C>,
    clock: Clock,
    limiter: RateLimiter,
    /// When a reading that was due could have been sent together with its status.
    pair_at: Duration,
    wall_at_start: SystemTime,
    suspended: Duration,
    rules: Rules,
    fail_fast: bool,
    /// Under way as long as it is not known which tasks to wait for.
    listing: Option<Listing>,
    pub(super) tasks: Vec<TaskWait>,
    queue: Queue,
    /// When to give up on a task that is not answered.
    outages: BTreeSet<(Duration, usize)>,
    /// How many tasks have ended, and the most severe of their bad ends.
    ended: usize,
    bad: Option<Outcome>,
    pub(super) in_flight: JoinSet<Answer>,
    sign_in: SigningIn,
    /// No request before that time: the server asked for it.
    paused_until: Duration,
    /// Until one request has succeeded, there is one at a time: many with the same wrong access key would lock it.
    has_succeeded: bool,
    /// What ends the wait for every task.
    ends_all: Option<Outcome>,
}

impl<C: Cloud> Scheduler<C> {
    pub(super) fn new(cloud: Arc<C>, plan: Plan, clock: Clock) -> Self {
        let now = clock.elapsed();
        let mut scheduler = Self {
            cloud,
            clock,
            limiter: RateLimiter::new(plan.requests_per_second),
            pair_at: Duration::ZERO,
            wall_at_start: clock
                .wall()
                .checked_sub(now)
                .unwrap_or(SystemTime::UNIX_EPOCH),
            suspended: Duration::ZERO,
            sign_in: SigningIn::new(plan.rules.pace),
            rules: plan.rules,
            fail_fast: plan.fail_fast,
            listing: None,
            tasks: Vec::new(),
            queue: Queue::default(),
            outages: BTreeSet::new(),
            ended: 0,
            bad: None,
            in_flight: JoinSet::new(),
            paused_until: Duration::ZERO,
            has_succeeded: false,
            ends_all: None,
        };
        match plan.tasks {
            Tasks::Named(tasks) => scheduler.begin(tasks, now),
            Tasks::AllRunning => {
                let failures = TaskPoller::new(scheduler.rules.clone(), now);
                scheduler.listing = Some(Listing::new(failures, now));
            }
        }
        scheduler
    }

    fn begin(&mut self, tasks: Vec<TaskId>, now: Duration) {
        for (task, id) in tasks.into_iter().enumerate() {
            let poller = TaskPoller::new(self.rules.clone(), now);
            self.tasks.push(TaskWait {
                id,
                poller,
                outcome: None,
                cloud_reason: None,
                met_at: None,
                next: Next::StatsAt(now),
                give_up_at: None,
            });
            self.queue.put(task, now, Priority::Far);
        }
    }

    /// How the whole wait ends, once that is certain.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        if let Some(ends_all) = &self.ends_all {
            return Some(ends_all.clone());
        }
        // Of no tasks, none is ready.
        if !self.tasks.is_empty() && self.ended == self.tasks.len() {
            return Some(self.bad.clone().unwrap_or(Outcome::Ready));
        }
        self.bad.clone().filter(|_| self.fail_fast)
    }

    /// Tells every task for how long the machine was suspended, where it was.
    pub(super) fn note_suspension(&mut self) {
        /// Wall clocks are corrected by less than that all the time.
        const LEAST: Duration = Duration::from_secs(2);
        let suspended = self.clock.suspended(self.wall_at_start);
        let more = suspended.saturating_sub(self.suspended);
        if more >= LEAST {
            self.suspended = suspended;
            for wait in &mut self.tasks {
                wait.poller.note_suspension(more);
            }
        }
    }

    /// Sends requests that are due, as far as the limiter goes.
    pub(super) fn send_what_is_due(&mut self) {
        let now = self.clock.elapsed();
        self.pair_at = Duration::ZERO;
        while self.due_at().is_some_and(|at| at <= now)
            && !self.is_paused(now)
            && self.limiter.free_at() <= now
        {
            if self.wants_sign_in(now) {
                self.send_sign_in(now);
            } else if !self.send_poll(now) {
                return;
            }
            self.limiter.take(now);
        }
    }

    /// Sends the request whose turn it is; `false` where there is none.
    fn send_poll(&mut self, now: Duration) -> bool {
        if self.send_list(now) {
            return true;
        }
        let cloud = Arc::clone(&self.cloud);
        let Some(task) = self.queue.pop(now, self.rules.pace.max.saturating_mul(2)) else {
            return false;
        };
        let Some(wait) = self.tasks.get_mut(task) else {
            return false;
        };
        if let Next::StatsAt(at) = wait.next
            && wait.poller.expects_status()
        {
            let pair_at = self.limiter.pair_at();
            if now < pair_at {
                // Its status would be held back by the limiter, and perhaps come too late to belong to the reading.
                self.pair_at = pair_at;
                self.queue.put(task, at, wait.poller.priority());
                return false;
            }
        }
        let id = wait.id.clone();
        match std::mem::replace(&mut wait.next, Next::InFlight) {
            Next::StatsAt(_) => {
                wait.poller.begin_poll(now);
                self.note_outage(task);
                self.send(
                    now,
                    async move { Answered::Stats(task, cloud.stats(&id).await) },
                );
            }
            Next::StatusNow => {
                self.send(now, async move {
                    Answered::Status(task, cloud.detail(&id).await)
                });
            }
            // Neither is in the queue.
            Next::InFlight | Next::Nothing => return false,
        }
        true
    }

    fn send(&mut self, asked: Duration, request: impl Future<Output = Answered> + Send + 'static) {
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
    fn is_paused(&self, now: Duration) -> bool {
        now < self.paused_until || self.waits_for_an_answer()
    }

    /// Whether no request may be sent before another one is answered.
    fn waits_for_an_answer(&self) -> bool {
        (self.sign_in.is_under_way && self.cloud.needs_sign_in())
            || (!self.has_succeeded && !self.in_flight.is_empty())
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

    /// When the loop has to run again, if nothing happens before.
    pub(super) fn wake_at(&self) -> Duration {
        let due = match self.due_at() {
            Some(at) if !self.waits_for_an_answer() => at
                .max(self.limiter.free_at())
                .max(self.pair_at)
                .max(self.paused_until),
            _ => Duration::MAX,
        };
        self.next_give_up()
            .map_or(due, |at| at.min(due))
            .min(FAR_AWAY)
    }

    pub(super) fn take(&mut self, answer: Result<Answer, JoinError>, observer: &mut impl Observer) {
        let now = self.clock.elapsed();
        let Answer {
            asked,
            session,
            what,
        } = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.ends_all = Some(Outcome::InternalError(Internal::Bug(format!(
                    "a request's task broke: {error}"
                ))));
                return;
            }
        };
        match what {
            Answered::SignedIn(answer) => self.signed_in(asked, now, answer, observer),
            Answered::List(Ok(page)) => {
                self.note_success(asked);
                self.sign_in.note_success();
                self.listed(asked, now, page, observer);
            }
            Answered::List(Err(error)) => {
                let error = self.sign_in.reclassify_auth_error(session, error);
                self.list_failed(asked, now, error.clone(), observer);
                self.slow_down(asked, now, &error);
            }
            Answered::Stats(task, Ok(stats)) => {
                self.note_success(asked);
                self.step(task, now, observer, |poller| {
                    poller.handle_stats(asked, now, Ok(stats))
                });
            }
            Answered::Stats(task, Err(error)) => {
                let error = self.sign_in.reclassify_auth_error(session, error);
                self.step(task, now, observer, |poller| {
                    poller.handle_stats(asked, now, Err(error.clone()))
                });
                self.slow_down(asked, now, &error);
            }
            Answered::Status(task, Ok(detail)) => {
                self.note_success(asked);
                self.step(task, now, observer, |poller| {
                    poller.handle_status(now, Ok(detail))
                });
            }
            Answered::Status(task, Err(error)) => {
                let error = self.sign_in.reclassify_auth_error(session, error);
                self.step(task, now, observer, |poller| {
                    poller.handle_status(now, Err(error.clone()))
                });
                // Where this endpoint alone is throttled, the stats go on being read, only more slowly.
                if matches!(error.class, Class::Throttled { .. }) {
                    self.limiter.cut(asked, now);
                }
            }
        }
    }

    fn note_success(&mut self, asked: Duration) {
        self.has_succeeded = true;
        self.limiter.restore(asked);
    }

    /// Slows down where the server asks for it.
    fn slow_down(&mut self, asked: Duration, now: Duration, error: &ApiError) {
        let is_throttled = matches!(error.class, Class::Throttled { .. });
        if is_throttled || error.retry_after().is_some() {
            self.limiter.cut(asked, now);
        }
        // Other troubles are one task's own; it keeps away from the server by itself.
        if is_throttled {
            self.pause_requests(now, error.retry_after());
        }
    }

    /// No request for so long, but not until it is too late for a last poll before the deadline, or before a task is
    /// given up because of `max-outage`.
    fn pause_requests(&mut self, now: Duration, retry_after: Option<Duration>) {
        let before = |end: Duration, length: Duration| {
            end.saturating_sub(self.rules.request_timeout.min(length / 2))
        };
        let mut until = now.saturating_add(retry_after.unwrap_or_default());
        until = until.min(before(self.rules.deadline, self.rules.deadline));
        if let Some(give_up_at) = self.next_give_up() {
            until = until.min(before(give_up_at, self.rules.max_outage));
        }
        self.paused_until = self.paused_until.max(until);
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

    pub(super) fn give_up_where_due(&mut self, observer: &mut impl Observer) {
        let now = self.clock.elapsed();
        while let Some(&(_, task)) = self.outages.first().filter(|&&(at, _)| at <= now) {
            self.step(task, now, observer, |poller| {
                Step::Done(poller.handle_give_up())
            });
        }
        if let Some(listing) = self
            .listing
            .as_mut()
            .filter(|listing| listing.failures.give_up_at().is_some_and(|at| at <= now))
        {
            self.ends_all = Some(listing.failures.handle_give_up());
        }
    }

    /// The end at the deadline: what is still under way has failed, which may be enough to evaluate a reading.
    pub(super) fn end_in_time(&mut self, observer: &mut impl Observer) -> Outcome {
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
            if let Some(step) = unfinished.and_then(|wait| wait.poller.handle_deadline(now)) {
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

    fn step(
        &mut self,
        task: usize,
        now: Duration,
        observer: &mut impl Observer,
        handle: impl FnOnce(&mut TaskPoller) -> Step,
    ) {
        let several = self.tasks.len() > 1;
        let Some(wait) = self
            .tasks
            .get_mut(task)
            .filter(|wait| wait.outcome.is_none())
        else {
            return;
        };
        match handle(&mut wait.poller) {
            Step::StatusNow => {
                // In the middle of a poll: what there is to tell, comes with its end.
                wait.next = Next::StatusNow;
                self.queue.put(task, now, Priority::StatusNext);
            }
            Step::StatsAt(at) => {
                let events = wait.poller.take_events();
                wait.next = Next::StatsAt(at);
                if wait.snapshot().stable < self.rules.stable_polls {
                    wait.met_at = None;
                }
                self.queue.put(task, at, wait.poller.priority());
                observer.polled(now, wait, &events, Some(at));
                if wait.snapshot().failing.is_none() {
                    self.sign_in.note_success();
                }
            }
            Step::Done(outcome) => {
                let events = wait.poller.take_events();
                wait.next = Next::Nothing;
                self.queue.remove(task);
                if outcome.consequence().stops_all && self.ends_all.is_none() {
                    self.ends_all = Some(outcome.clone());
                }
                let most_severe = self.bad.as_ref().map_or(0, Outcome::severity);
                if outcome.severity() > most_severe {
                    self.bad = Some(outcome.clone());
                }
                self.ended += 1;
                let first_time = wait.met_at.is_none();
                if outcome.is_ready() && first_time {
                    wait.met_at = wait.snapshot().seen.map(|seen| seen.at);
                }
                wait.outcome = Some((outcome, now));
                observer.polled(now, wait, &events, None);
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
        let Some(last) = self.tasks.iter().filter_map(|wait| wait.met_at).max() else {
            return;
        };
        let longest = self.rules.pace.max.saturating_mul(3);
        for (task, wait) in self.tasks.iter_mut().enumerate() {
            let read_at = wait.snapshot().seen.map_or(Duration::ZERO, |seen| seen.at);
            if read_at.saturating_add(longest) < last {
                wait.poller.read_again();
                wait.outcome = None;
                wait.next = Next::StatsAt(now);
                self.ended -= 1;
                self.queue.put(task, now, wait.poller.priority());
            }
        }
    }

    /// Keeps the list of outages in step with what a poller says.
    fn note_outage(&mut self, task: usize) {
        let Some(wait) = self.tasks.get_mut(task) else {
            return;
        };
        let give_up_at = wait.poller.give_up_at().filter(|_| wait.outcome.is_none());
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

/// Far enough to mean never, near enough for every clock.
const FAR_AWAY: Duration = Duration::from_secs(366 * 24 * 3600);
