//! One task's wait as a state machine without clock, socket or file: answers in, [`Step`]s out.
//!
//! Every time is a [`Duration`] since the start of the process, given by the caller. Whether a reading is ready is decided
//! in `domain::ready`, what follows from a failed request in [`retry`](super::retry), and when the next poll is due in
//! [`poll_interval`](super::poll_interval).

use super::backoff::random_seed;
use super::eta::{Eta, RateEstimator};
use super::event::{Event, LastPoll, TaskSnapshot};
use super::plan::{Rules, StatusCheck};
use super::poll_interval::{After, Expected, PollTimer, Progress};
use super::progress_key::ProgressKey;
use super::queue::Priority;
use super::retry::{self, Decision, FAILURES_TO_CONFIRM, Outage, StatusDecision};
use super::stall::Stall;
use crate::api::{ApiError, Stats};
use crate::domain::{
    Check, Detail, Goal, Missing, Phase, PollHistory, Reading, Restart, Row, Status, StatusClass,
};
use crate::outcome::Outcome;
use std::time::Duration;

/// What the caller does next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Ask for the stats at that time; never before it.
    StatsAt(Duration),
    /// Ask for the task detail now; it belongs to the stats just read.
    StatusNow,
    /// The wait for this task is over.
    Done(Outcome),
}

/// How long a status that nothing contradicts counts as current.
const STATUS_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How long after its full sync a full migration is expected to end at any moment.
const ENDS_SOON: Duration = Duration::from_secs(120);
/// How much later than `request-timeout` an answer may be used: later, the whole process was suspended.
const STANDSTILL: Duration = Duration::from_secs(1);

/// The wait for one task.
#[derive(Debug)]
pub struct TaskPoller {
    rules: Rules,
    timer: PollTimer,
    past: PollHistory,
    /// Consecutive readings that meet the goal.
    row: Row,
    /// The newest reading that was evaluated.
    seen: Option<LastPoll>,
    pending: Pending,
    status: KnownStatus,
    /// The last reading needed its status, so the next one probably does.
    expects_status: bool,
    poll_started: Duration,
    /// When the poll under way began, as long as nothing of it was answered.
    unanswered_since: Option<Duration>,
    /// How long the machine was suspended since the newest reading; the clock stops then.
    suspended: Duration,
    /// The goal was met before, and one reading is to confirm it, however long ago that was.
    confirms: bool,
    outage: Option<Outage>,
    polls: u64,
    failed_polls: u64,
    stall: Stall,
    rates: RateEstimator,
    events: Vec<Event>,
    /// Warnings about key counts that were given: that they fell, that they drift apart.
    warned_of_keys: [bool; 2],
}

/// A reading that counts for nothing without its status.
#[derive(Debug)]
enum Pending {
    Nothing,
    /// Its status is being read; the reading was answered at that time.
    StatusUnderWay(Duration, LastPoll),
    /// Its status could not be read in time: it is only shown.
    WithoutStatus(LastPoll),
}

/// What is known of the task's status.
#[derive(Debug, Default)]
struct KnownStatus {
    detail: Option<Detail>,
    asked: Option<Duration>,
    /// How often in a row it could not be read.
    failures: u32,
    /// That it cannot be read was reported.
    is_reported_unavailable: bool,
    /// It said "incremental" already before the newest reading.
    was_incremental: bool,
}

impl KnownStatus {
    fn class(&self) -> Option<StatusClass> {
        self.detail.as_ref().map(|detail| detail.status.class())
    }

    /// A full migration: it ends by itself, once everything is copied.
    fn is_full_only(&self) -> bool {
        self.detail.as_ref().is_some_and(Detail::is_full_only)
    }

    /// The task runs until an operator stops it: nothing in its readings shows when.
    fn never_ends_by_itself(&self) -> bool {
        let has_method = |detail: &Detail| detail.migration_method.is_some();
        self.detail.as_ref().is_some_and(has_method) && !self.is_full_only()
    }
}

impl TaskPoller {
    /// A wait that begins at `now`.
    pub fn new(rules: Rules, now: Duration) -> Self {
        Self::seeded(rules, now, random_seed())
    }

    /// A wait that can be repeated: with the same seed, the same answers lead to the same polls.
    pub fn seeded(rules: Rules, now: Duration, seed: u64) -> Self {
        Self {
            timer: PollTimer::seeded(&rules, seed),
            rates: RateEstimator::new(rules.condition),
            past: PollHistory::default(),
            row: Row::default(),
            seen: None,
            pending: Pending::Nothing,
            status: KnownStatus::default(),
            expects_status: rules.status_check != StatusCheck::Off,
            poll_started: now,
            unanswered_since: None,
            suspended: Duration::ZERO,
            confirms: false,
            outage: None,
            polls: 0,
            failed_polls: 0,
            stall: Stall::new(now),
            events: Vec::new(),
            warned_of_keys: [false; 2],
            rules,
        }
    }

    /// A request for the stats is being sent.
    pub fn begin_poll(&mut self, now: Duration) {
        self.unanswered_since = Some(now);
    }

    /// The machine was suspended for so long, which the clock does not show.
    pub fn note_suspension(&mut self, suspended: Duration) {
        self.suspended = self.suspended.saturating_add(suspended);
    }

    /// The goal was met, long ago by now: one more reading confirms it, or the wait goes on.
    pub fn read_again(&mut self) {
        self.confirms = true;
        self.events.push(Event::ReadAgain);
    }

    /// Whether the next reading probably needs its status: both should be sent together.
    pub fn expects_status(&self) -> bool {
        self.expects_status
    }

    /// Takes the answer to a request for the stats that was sent at `asked`.
    pub fn handle_stats(
        &mut self,
        asked: Duration,
        now: Duration,
        answer: Result<Stats, ApiError>,
    ) -> Step {
        self.poll_started = asked;
        self.status.was_incremental = self.status.class() == Some(StatusClass::Incremental);
        // With `require`, a poll is answered when its status is. A failed one is an outage, which is counted by itself.
        if self.rules.status_check != StatusCheck::Require {
            self.unanswered_since = None;
        }
        let Stats { reading, raw } = match answer {
            Ok(stats) => stats,
            Err(error) => return self.fail_poll(now, error),
        };
        // The client bounds a request by `request-timeout`. What is older was lying in this process.
        if now.saturating_sub(asked) > self.rules.request_timeout.saturating_add(STANDSTILL) {
            self.remember(&reading);
            return self.poll_again(now);
        }
        self.expects_status = self.wants_status(asked, now, &reading);
        let poll = LastPoll {
            at: asked,
            evaluated_at: now,
            phase: self.phase_of(&reading),
            reading,
            raw,
            check: Check::NotYet(Missing::StatusUnread),
        };
        if self.expects_status {
            self.pending = Pending::StatusUnderWay(now, poll);
            Step::StatusNow
        } else {
            self.evaluate(now, poll)
        }
    }

    /// Takes the answer to the request for the task detail that [`Step::StatusNow`] asked for.
    pub fn handle_status(&mut self, now: Duration, answer: Result<Detail, ApiError>) -> Step {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        let Pending::StatusUnderWay(answered, poll) = pending else {
            // It was not asked for; poll again as if the poll had just begun.
            self.pending = pending;
            return Step::StatsAt(now);
        };
        self.status.asked = Some(now);
        match answer {
            Ok(detail) => {
                let before = self.status.detail.replace(detail.clone());
                if before.is_none_or(|before| before.status != detail.status) {
                    self.events.push(Event::Status(detail.status));
                }
                self.status.failures = 0;
                self.evaluate_in_time(now, answered, poll, Duration::ZERO)
            }
            Err(error) => {
                self.status.failures = self.status.failures.saturating_add(1);
                let (check, failures) = (self.rules.status_check, self.status.failures);
                match retry::decide_on_status(error, check, self.seen.is_some(), failures) {
                    StatusDecision::FailPoll(error) => self.fail_status(now, poll, error),
                    StatusDecision::GoOnWithout(error) => {
                        self.go_on_without_status(now, answered, poll, error)
                    }
                }
            }
        }
    }

    /// `timeout` is over. A status that is known not to be readable is not waited for; any other reading is only shown.
    pub fn handle_deadline(&mut self, now: Duration) -> Option<Step> {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        let Pending::StatusUnderWay(answered, poll) = pending else {
            self.pending = pending;
            return None;
        };
        let check = self.rules.status_check;
        if self.status.failures >= FAILURES_TO_CONFIRM && check == StatusCheck::Auto {
            self.pending = Pending::StatusUnderWay(answered, poll);
            let error = ApiError::transient("no answer before `timeout`");
            return Some(self.handle_status(now, Err(error)));
        }
        let seen = self.seen.as_ref();
        if seen.is_none_or(|seen| seen.reading != poll.reading) {
            self.pending = Pending::WithoutStatus(poll);
        }
        None
    }

    /// A reading counts for nothing without its status, but it is shown.
    fn fail_status(&mut self, now: Duration, poll: LastPoll, error: ApiError) -> Step {
        self.remember(&poll.reading);
        self.pending = Pending::WithoutStatus(poll);
        let mut advice = error.advice;
        if self.rules.status_check == StatusCheck::Require {
            let first = advice
                .map(|advice| format!("{advice}; "))
                .unwrap_or_default();
            advice = Some(format!(
                "{first}where the status cannot be had, set `status-check: auto`"
            ));
        }
        let message = format!("the task's status: {}", error.message);
        self.fail_poll(
            now,
            ApiError {
                message,
                advice,
                ..error
            },
        )
    }

    fn go_on_without_status(
        &mut self,
        now: Duration,
        answered: Duration,
        poll: LastPoll,
        error: ApiError,
    ) -> Step {
        // What it was before confirms nothing, and contradicts nothing.
        self.status.detail = None;
        if !std::mem::replace(&mut self.status.is_reported_unavailable, true) {
            self.events.push(Event::StatusUnavailable(error));
        }
        // A status endpoint that hangs takes all of `request-timeout`, and a little more.
        self.evaluate_in_time(now, answered, poll, STANDSTILL)
    }

    /// Evaluates a reading that was answered at `answered`, unless its status was held back for so long that the two no
    /// longer belong together: a low rate limit, or a `Retry-After` of another task, can do that.
    fn evaluate_in_time(
        &mut self,
        now: Duration,
        answered: Duration,
        poll: LastPoll,
        grace: Duration,
    ) -> Step {
        if now.saturating_sub(answered) > self.rules.max_status_delay().saturating_add(grace) {
            self.remember(&poll.reading);
            self.pending = Pending::WithoutStatus(poll);
            return self.poll_again(now);
        }
        self.evaluate(now, poll)
    }

    /// A reading that is too old says nothing about now, good or bad.
    fn poll_again(&mut self, now: Duration) -> Step {
        self.end_poll(now);
        self.events.push(Event::TooOld);
        Step::StatsAt(self.timer.next_poll(now, After::TooOld))
    }

    /// Gives up where no request has succeeded for too long: to be called at [`Self::give_up_at`].
    pub fn handle_give_up(&mut self) -> Outcome {
        let error = match &self.outage {
            Some(outage) => outage.last.clone(),
            None => ApiError::transient("the request under way is not answered"),
        };
        Outcome::Unreachable(Some(self.rules.max_outage), error)
    }

    /// When to give up unless a request succeeds first; `None` while the API answers.
    pub fn give_up_at(&self) -> Option<Duration> {
        let since = self.outage.as_ref().map(|outage| outage.since);
        Some(
            since
                .or(self.unanswered_since)?
                .saturating_add(self.rules.max_outage),
        )
    }

    /// Whether the status has to be read before this reading can be evaluated: the first time, when `is_migrating`
    /// changes, where the reading could make ready or the task could have ended badly, and every five minutes. An endpoint
    /// that is known to fail is asked only by the reading that would end the wait: each request may take all of
    /// `request-timeout`, and readings that are so far apart are not consecutive.
    fn wants_status(&self, at: Duration, now: Duration, reading: &Reading) -> bool {
        if self.rules.status_check == StatusCheck::Off {
            return false;
        }
        let Some(asked) = self.status.asked else {
            return true;
        };
        let before = self
            .seen
            .as_ref()
            .and_then(|seen| seen.reading.is_migrating);
        let is_due = now.saturating_sub(asked) >= STATUS_MAX_AGE || before != reading.is_migrating;
        let check = self.rules.status_check;
        if self.status.failures >= FAILURES_TO_CONFIRM && check == StatusCheck::Auto {
            let row = if self.is_after_gap(at) {
                0
            } else {
                self.row.len()
            };
            let would_end = row.saturating_add(1) >= self.rules.stable_polls;
            return is_due || (would_end && self.could_be_ready(reading));
        }
        is_due
            || reading.is_migrating == Some(false)
            || self.rules.condition.goal == Goal::Switched
            || self.could_be_ready(reading)
    }

    /// Whether there is a status with which this reading would meet the goal.
    fn could_be_ready(&self, reading: &Reading) -> bool {
        let detail = |status: &str, switch: &str, method: &str| Detail {
            status: Status::parse(status),
            task_status: Some(switch.to_owned()),
            migration_method: Some(method.to_owned()),
        };
        let details = [
            None,
            Some(detail("INCRMIGEATING", "", "")),
            Some(detail("SUCCESS", "", "full_amount_migration")),
            Some(detail("SUCCESS", "EXCHANGE_SUCCESS", "")),
        ];
        let condition = self.rules.condition;
        details
            .iter()
            .any(|detail| condition.check(reading, detail.as_ref(), self.past) == Check::Met)
    }

    /// A complete poll: decides what it says.
    fn evaluate(&mut self, now: Duration, poll: LastPoll) -> Step {
        self.pending = Pending::Nothing;
        self.end_poll(now);
        if let Some(outage) = self.outage.take() {
            let lasted = now.saturating_sub(outage.since);
            self.events.push(Event::Recovered(outage.polls, lasted));
        }
        let check = self.check(&poll.reading);
        let phase = self.phase_of(&poll.reading);
        let row_before = self.row.len();
        self.count(poll.at, &poll.reading, check);
        let is_new_phase = self.note_changes(&poll.reading, phase, row_before);
        self.rates.add(now, &poll.reading);
        self.stall.add(now, &poll.reading, phase, self.row.len());
        self.seen = Some(LastPoll {
            evaluated_at: now,
            phase,
            check,
            ..poll
        });

        if let Check::Failed(failure) = check {
            return Step::Done(Outcome::Failed(failure));
        }
        if self.row.len() >= self.rules.stable_polls {
            return Step::Done(Outcome::Ready);
        }
        let stall_at = match self.rules.stall_timeout {
            None => None,
            Some(timeout) => {
                let at = self.stall.improved_at().saturating_add(timeout);
                if now >= at {
                    return Step::Done(Outcome::Stalled(timeout));
                }
                Some(at)
            }
        };
        let progress = Progress {
            is_met: !self.row.is_empty(),
            took_step: is_new_phase && self.is_step(phase),
            expected: self.expected(now),
            stall_at,
        };
        Step::StatsAt(self.timer.next_poll(now, After::Reading(progress)))
    }

    fn check(&self, reading: &Reading) -> Check {
        let condition = self.rules.condition;
        let progress = reading.full_migration_progress.or(self.past.progress);
        match condition.check(reading, self.status.detail.as_ref(), self.past) {
            // A status is read after its reading. If the incremental phase began between the two, the offset was sent
            // before it meant anything, and without a percentage nothing else shows that the full sync was done.
            Check::Met
                if condition.goal == Goal::InSync
                    && progress.is_none()
                    && !self.status.was_incremental =>
            {
                Check::NotYet(Missing::FullSyncUnknown)
            }
            check @ (Check::Met | Check::NotYet(_) | Check::Failed(_)) => check,
        }
    }

    /// Whether a new phase is a step towards the goal. To an end that waits for an operator, following the source's
    /// writes is none.
    fn is_step(&self, phase: Phase) -> bool {
        phase != Phase::Incremental || !self.waits_for_an_operator()
    }

    fn waits_for_an_operator(&self) -> bool {
        self.rules.condition.goal == Goal::Completed && self.status.never_ends_by_itself()
    }

    fn expected(&self, now: Duration) -> Expected {
        if self.waits_for_an_operator() {
            return Expected::Nothing;
        }
        if let Eta::Within(range) = self.rates.eta() {
            return Expected::Goal(range);
        }
        let copied_for = self.rates.copied_for(now);
        if self.rules.condition.goal == Goal::Completed
            && self.status.is_full_only()
            && copied_for.is_some_and(|copied_for| copied_for < ENDS_SOON)
        {
            Expected::End
        } else if self.rates.was_disappointed() {
            Expected::NoLonger
        } else {
            Expected::Nothing
        }
    }

    /// Adds a reading to the past and, where it meets the goal, to the row of those that do.
    fn count(&mut self, at: Duration, reading: &Reading, check: Check) {
        let after_gap = self.is_after_gap(at);
        self.suspended = Duration::ZERO;
        self.confirms = false;
        let before = self.past.keys;
        self.past = self.past.after(reading, check);
        let limit = self.rules.condition.max_missing_keys;
        let is_met = check == Check::Met;
        let Some(restart) = self.row.add(reading, is_met, after_gap, before, limit) else {
            return;
        };
        let [fell, drifts] = &mut self.warned_of_keys;
        let is_reported = match restart {
            Restart::TooFarApart => false,
            Restart::Halved(..) => std::mem::replace(fell, true),
            Restart::MissingGrows(..) => std::mem::replace(drifts, true),
        };
        if !is_reported {
            self.events.push(Event::Restarted(restart));
        }
    }

    /// Keeps what a reading that is not evaluated shows all the same: it was read in this wait.
    fn remember(&mut self, reading: &Reading) {
        let limit = self.rules.condition.max_missing_keys;
        // Whether the goal is met is unknown; that it is not, some readings show by themselves.
        let mut row = self.row;
        let restart = row.add(reading, false, false, self.past.keys, limit);
        if restart.is_some() || !self.could_be_ready(reading) {
            self.row = row;
        }
        self.past = self.past.with(reading);
    }

    /// Whether a reading that was asked for at `at` comes too long after the one before: consecutive readings show nothing
    /// about the time between them when they are far apart, whatever the reason.
    fn is_after_gap(&self, at: Duration) -> bool {
        let seen = self.seen.as_ref();
        let gap = seen.map_or(Duration::ZERO, |seen| at.saturating_sub(seen.at));
        gap.saturating_add(self.suspended) > self.rules.max_gap && !self.confirms
    }

    fn fail_poll(&mut self, now: Duration, error: ApiError) -> Step {
        self.pending = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::StatusUnderWay(_, poll) => Pending::WithoutStatus(poll),
            pending @ (Pending::Nothing | Pending::WithoutStatus(_)) => pending,
        };
        self.end_poll(now);
        self.failed_polls += 1;
        let before = self.outage.take();
        let is_news = before
            .as_ref()
            .is_none_or(|before| !before.last.is_like(&error));
        if is_news {
            self.events.push(Event::Failing(error.clone()));
        }
        let outage = self
            .outage
            .insert(Outage::after(before, self.poll_started, error));
        let give_up_at = outage.since.saturating_add(self.rules.max_outage);
        let after = match outage.decide(self.seen.is_some()) {
            Decision::End(outcome) => return Step::Done(outcome),
            Decision::RetryAtOnce => After::RefusedSession,
            Decision::Retry(retry_after) => After::Failure {
                retry_after,
                give_up_at,
            },
        };
        if now >= give_up_at {
            return Step::Done(self.handle_give_up());
        }
        Step::StatsAt(self.timer.next_poll(now, after))
    }

    fn end_poll(&mut self, now: Duration) {
        self.unanswered_since = None;
        self.polls += 1;
        self.timer.note_poll(now.saturating_sub(self.poll_started));
    }

    /// Reports what is different from the reading before; `true` where the phase is another one.
    fn note_changes(&mut self, reading: &Reading, phase: Phase, row_before: u32) -> bool {
        let seen = self.seen.as_ref();
        let before = seen.map(|seen| &seen.reading);
        let phase_before = seen.map(|seen| seen.phase);
        let progress_before = before.and_then(|before| before.full_migration_progress);
        if let (Some(from), Some(to)) = (progress_before, reading.full_migration_progress)
            && to < from
        {
            self.events.push(Event::Regressed(from, to));
        }
        let offset_before = before.and_then(|before| before.offset);
        if let Some(offset) = reading.offset
            && offset < 0
            && offset_before.is_none_or(|before| before >= 0)
        {
            self.events.push(Event::NegativeOffset(offset));
        }
        if phase_before != Some(phase) {
            self.events.push(Event::Phase(phase));
        }
        let row = self.row.len();
        if row > row_before {
            self.events.push(Event::GoalMet(row));
        } else if row == 0 && row_before > 0 {
            self.events.push(Event::GoalLost);
        }
        phase_before.is_some_and(|before| before != phase)
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// What is known now.
    pub fn snapshot(&self) -> TaskSnapshot<'_> {
        let seen = self.seen.as_ref();
        let newest = match &self.pending {
            Pending::StatusUnderWay(_, poll) | Pending::WithoutStatus(poll) => Some(poll),
            Pending::Nothing => seen,
        };
        let stable = self.row.len();
        TaskSnapshot {
            seen,
            newest,
            phase: seen.map_or(Phase::Unknown, |seen| seen.phase),
            detail: self.status.detail.as_ref(),
            is_status_unavailable: self.status.is_reported_unavailable
                && self.status.detail.is_none(),
            stable,
            polls: self.polls,
            failed_polls: self.failed_polls,
            failing: self.outage.as_ref().map(|outage| &outage.last),
            unanswered_since: self.unanswered_since,
            rates: &self.rates,
            progress_key: newest
                .map(|poll| ProgressKey::new(stable, poll.phase, &poll.reading))
                .unwrap_or_default(),
        }
    }

    fn phase_of(&self, reading: &Reading) -> Phase {
        Phase::of(reading, self.status.class())
    }

    /// How urgent the next poll is, where not every task can be polled in time.
    pub fn priority(&self) -> Priority {
        let near = self.rules.pace.max.saturating_mul(2);
        match self.rates.eta() {
            _ if !self.row.is_empty() => Priority::Confirming,
            Eta::Within(range) if range.likely <= near => Priority::Near,
            Eta::Within(_) | Eta::Unknown | Eta::NotConverging => Priority::Far,
        }
    }
}

#[cfg(test)]
mod tests;
