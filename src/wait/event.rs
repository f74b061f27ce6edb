//! What happens during a wait, for those who report it.

use super::eta::RateEstimator;
use super::progress_key::ProgressKey;
use super::scheduler::TaskWait;
use crate::api::{ApiError, SignedIn};
use crate::domain::{Check, Detail, Phase, Reading, Restart, Status};
use std::time::Duration;

/// Something that a user who follows the wait wants to know.
#[derive(Debug, Clone)]
pub enum Event {
    /// The migration is in another phase.
    Phase(Phase),
    /// The status is another one.
    Status(Status),
    /// The full sync started again; percentages before and now.
    Regressed(f64, f64),
    /// The offset is negative, which no vendor document explains and which counts as not in sync.
    NegativeOffset(i64),
    /// The status cannot be read; the wait goes on without it (reported once).
    StatusUnavailable(ApiError),
    /// The first failed poll after a successful one, or a failure of another kind.
    Failing(ApiError),
    /// A poll succeeded after failed ones: their number, and for how long they failed.
    Recovered(u32, Duration),
    /// So many consecutive readings meet the goal now.
    GoalMet(u32),
    /// A reading no longer meets the goal.
    GoalLost,
    /// The goal is met, but the count of readings starts again.
    Restarted(Restart),
    /// The goal was met long before other tasks met it: one more reading has to confirm it.
    ReadAgain,
    /// A reading was too old once it could be evaluated, and is taken again.
    TooOld,
}

/// The newest reading, and what was made of it.
#[derive(Debug, Clone)]
pub struct LastPoll {
    /// When it was asked for: what it says is no newer than that.
    pub at: Duration,
    /// When it was evaluated, or answered where it is not yet.
    pub evaluated_at: Duration,
    /// The values.
    pub reading: Reading,
    /// The body as it came, on one line of ASCII.
    pub raw: String,
    /// The phase that it shows.
    pub phase: Phase,
    /// What it says about the goal.
    pub check: Check,
}

/// What is known of a task at one moment of its wait.
#[derive(Debug, Clone, Copy)]
pub struct TaskSnapshot<'a> {
    /// The newest reading that counts.
    pub seen: Option<&'a LastPoll>,
    /// The newest reading, also one that counts for nothing because its status could not be read.
    pub newest: Option<&'a LastPoll>,
    /// The phase that the newest reading shows.
    pub phase: Phase,
    /// The newest status, where it is known.
    pub detail: Option<&'a Detail>,
    /// Whether the status could not be read when it was last asked for.
    pub is_status_unavailable: bool,
    /// Consecutive readings that meet the goal.
    pub stable: u32,
    /// Polls so far, failed ones included.
    pub polls: u64,
    /// Failed polls so far.
    pub failed_polls: u64,
    /// The newest failure, while requests fail.
    pub failing: Option<&'a ApiError>,
    /// Since when the request under way has not been answered.
    pub unanswered_since: Option<Duration>,
    /// Rates of the last readings, and when the goal will be met by them.
    pub rates: &'a RateEstimator,
    /// How far the task is on its way to the goal, to find the least advanced of several.
    pub progress_key: ProgressKey,
}

/// Receives what happens. It cannot change it.
pub trait Observer {
    /// A poll of the task ended, well or badly; `events` is what happened since the last one, `next` the time of the next
    /// poll, `None` where there is none.
    fn polled(&mut self, now: Duration, task: &TaskWait, events: &[Event], next: Option<Duration>);
    /// The tasks that run were listed; so many others do not run.
    fn listed(&mut self, now: Duration, running: &[TaskWait], others: usize);
    /// The tasks could not be listed; `events` is what is new about it.
    fn list_failed(&mut self, now: Duration, error: &ApiError, events: &[Event]);
    /// A session was obtained.
    fn signed_in(&mut self, now: Duration, session: &SignedIn);
    /// A session could not be renewed; the present one still serves.
    fn renewal_failed(&mut self, now: Duration, error: &ApiError);
    /// The wait for one task of several is over.
    fn ended(&mut self, now: Duration, task: &TaskWait);
}

/// No observer.
impl Observer for () {
    fn polled(&mut self, _: Duration, _: &TaskWait, _: &[Event], _: Option<Duration>) {}
    fn listed(&mut self, _: Duration, _: &[TaskWait], _: usize) {}
    fn list_failed(&mut self, _: Duration, _: &ApiError, _: &[Event]) {}
    fn signed_in(&mut self, _: Duration, _: &SignedIn) {}
    fn renewal_failed(&mut self, _: Duration, _: &ApiError) {}
    fn ended(&mut self, _: Duration, _: &TaskWait) {}
}

/// Two observers, one after the other.
impl<A: Observer, B: Observer> Observer for (&mut A, &mut B) {
    fn polled(&mut self, now: Duration, task: &TaskWait, events: &[Event], next: Option<Duration>) {
        self.0.polled(now, task, events, next);
        self.1.polled(now, task, events, next);
    }
    fn listed(&mut self, now: Duration, running: &[TaskWait], others: usize) {
        self.0.listed(now, running, others);
        self.1.listed(now, running, others);
    }
    fn list_failed(&mut self, now: Duration, error: &ApiError, events: &[Event]) {
        self.0.list_failed(now, error, events);
        self.1.list_failed(now, error, events);
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
