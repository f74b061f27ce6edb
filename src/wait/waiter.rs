//! One task's wait as a state machine without clock, socket or file: answers in, [`Step`]s out.
//!
//! Every time is a [`Duration`] since the start of the process, handed in by the caller.

use super::advance::Advance;
use super::progress::{Best, Outlook, Trend};
use super::queue::Rank;
use super::schedule::{Pace, Schedule, random_seed};
use crate::api::{ApiError, Class, Stats};
use crate::condition::{Check, Condition, Failure, Goal, Missing, Past, Restart, Row};
use crate::migration::{Detail, Phase, Reading, Status, StatusClass};
use crate::outcome::Outcome;
use std::time::Duration;

/// What the user asked for: the same for every task of a wait.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// What is waited for.
    pub condition: Condition,
    /// Consecutive readings that must show it; at least one.
    pub stable_polls: u32,
    /// Whether the task's status is read too.
    pub status_check: StatusCheck,
    /// How often to look.
    pub pace: Pace,
    /// Readings that are further apart make no row.
    pub max_gap: Duration,
    /// Gives up when the API has given no good answer for so long.
    pub max_outage: Duration,
    /// Gives up when nothing has improved for so long.
    pub stall_timeout: Option<Duration>,
    /// Bound of one request; the last look before the deadline leaves it no more than that.
    pub request_timeout: Duration,
    /// Since the start of the process.
    pub deadline: Duration,
}

impl Rules {
    /// [`Self::max_gap`]: three times the longest interval, or three times as long as the budget keeps two polls of a
    /// task apart where that is longer. Otherwise our own pace would see to it that no row is ever long enough.
    pub fn max_gap(pace: Pace, requests_per_second: f64) -> Duration {
        let between_polls = Duration::try_from_secs_f64(REQUESTS_PER_POLL / requests_per_second)
            .unwrap_or(Duration::MAX);
        pace.max.max(between_polls).saturating_mul(3)
    }

    /// How long after its reading's answer a status still belongs to it.
    pub fn longest_between(&self) -> Duration {
        self.pace.initial.max(self.request_timeout)
    }
}

/// Whether the task's status is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCheck {
    /// Read it, and go on without it where that endpoint alone does not answer.
    Auto,
    /// A poll without it is a failed poll.
    Require,
    /// Do not read it.
    Off,
}

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

/// Something that a person who follows the wait wants to know.
#[derive(Debug, Clone)]
pub enum Note {
    /// The migration is in another phase.
    Phase(Phase),
    /// The status is another one.
    Status(Status),
    /// The full copy began anew; percentages before and now.
    Regressed(f64, f64),
    /// The offset is negative, which no vendor document explains and which counts as not in sync.
    NegativeOffset(i64),
    /// The status cannot be read; the wait goes on without it (said once).
    StatusUnavailable(ApiError),
    /// The first failed poll after a good one, or a failure of another kind.
    Failing(ApiError),
    /// A good answer after failed polls: their number, and for how long.
    Recovered(u32, Duration),
    /// So many consecutive readings show the goal now.
    GoalShows(u32),
    /// A reading no longer shows the goal.
    GoalLost,
    /// The goal is met, but the count of readings starts again.
    Restarted(Restart),
    /// The goal was met long before other tasks got there: one more reading has to confirm it.
    ReadAgain,
    /// A reading was too old once it could be judged, and is taken again.
    TooOld,
}

/// The newest good reading, and what was made of it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it was asked for: what it says is no newer than that.
    pub at: Duration,
    /// When it was judged, or answered where it is not yet.
    pub judged_at: Duration,
    /// The values.
    pub reading: Reading,
    /// The body as it came, on one line of ASCII.
    pub raw: String,
    /// The phase that it shows.
    pub phase: Phase,
    /// What it says about the goal.
    pub check: Check,
}

/// A reading and its status.
const REQUESTS_PER_POLL: f64 = 2.0;
/// How long a status that nothing contradicts is believed.
const STATUS_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How long after its copy a full migration is expected to end at any moment.
const ENDS_SOON: Duration = Duration::from_secs(120);
/// Refusals or failures in a row before they are believed: that the task is gone, that the status cannot be read.
const ANSWERS_TO_BELIEVE: u32 = 3;
/// How much later than `request-timeout` an answer may be taken: later, the whole process stood still.
const STANDSTILL: Duration = Duration::from_secs(1);

/// The wait for one task.
#[derive(Debug)]
pub struct Waiter {
    rules: Rules,
    polling: Schedule,
    retrying: Schedule,
    past: Past,
    row: Row,
    seen: Option<Seen>,
    /// A newer reading that counts for nothing without its status, which is being read or could not be.
    unjudged: Option<Seen>,
    /// When the reading was answered whose status is being read.
    status_for: Option<Duration>,
    /// The last reading needed its status, so the next one probably does.
    expects_status: bool,
    poll_started: Duration,
    slowest_poll: Duration,
    detail: Option<Detail>,
    detail_asked: Option<Duration>,
    status_unavailable: bool,
    /// The status said "incremental" already before the newest reading.
    was_incremental: bool,
    /// How often in a row the status could not be read.
    status_failures: u32,
    /// How long the machine was suspended since the newest reading; the clock stands still then.
    suspended: Duration,
    /// The goal was met before, and one reading is to confirm it, however long ago that was.
    reads_again: bool,
    /// What was said about key counts that fall or drift apart.
    warned_of_keys: [bool; 2],
    /// When the poll that is under way was begun, as long as nothing of it was answered.
    unanswered_since: Option<Duration>,
    polls: u64,
    failed_polls: u64,
    failing: Option<Failing>,
    /// Answers in a row that refuse the task in the same way.
    task_refusals: u32,
    refusals: u32,
    best: Best,
    improved_at: Duration,
    trend: Trend,
    notes: Vec<Note>,
}

/// Failed polls since the last good answer.
#[derive(Debug)]
struct Failing {
    /// When the first of them was begun.
    since: Duration,
    polls: u32,
    last: ApiError,
}

impl Waiter {
    /// A wait that begins at `now`.
    pub fn new(rules: Rules, now: Duration) -> Self {
        Self::seeded(rules, now, random_seed())
    }

    /// A wait that can be had again: with the same seed, the same answers make the same looks.
    pub fn seeded(rules: Rules, now: Duration, seed: u64) -> Self {
        Self {
            polling: Schedule::seeded(rules.pace, seed),
            retrying: Schedule::seeded(rules.pace, !seed),
            trend: Trend::new(rules.condition),
            past: Past::default(),
            row: Row::default(),
            seen: None,
            unjudged: None,
            status_for: None,
            expects_status: rules.status_check != StatusCheck::Off,
            poll_started: now,
            slowest_poll: Duration::ZERO,
            detail: None,
            detail_asked: None,
            status_unavailable: false,
            was_incremental: false,
            status_failures: 0,
            suspended: Duration::ZERO,
            reads_again: false,
            warned_of_keys: [false; 2],
            unanswered_since: None,
            polls: 0,
            failed_polls: 0,
            failing: None,
            task_refusals: 0,
            refusals: 0,
            best: Best::default(),
            improved_at: now,
            notes: Vec::new(),
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
        self.reads_again = true;
        self.notes.push(Note::ReadAgain);
    }

    /// Whether the next reading probably needs its status: both should be sent within one budget.
    pub fn expects_status(&self) -> bool {
        self.expects_status
    }

    /// Takes the answer to a request for the stats that was begun at `asked`.
    pub fn handle_stats(
        &mut self,
        asked: Duration,
        now: Duration,
        answer: Result<Stats, ApiError>,
    ) -> Step {
        self.poll_started = asked;
        self.was_incremental = self
            .detail
            .as_ref()
            .is_some_and(|detail| detail.status.class() == StatusClass::Incremental);
        // With `require`, a poll is answered when its status is. A failed one is an outage, which is counted by itself.
        if self.rules.status_check != StatusCheck::Require {
            self.unanswered_since = None;
        }
        let stats = match answer {
            Ok(stats) => stats,
            Err(error) => return self.fail_poll(now, error),
        };
        // The client bounds a request by `request-timeout`. What is older has been lying in this process.
        if now.saturating_sub(asked) > self.rules.request_timeout.saturating_add(STANDSTILL) {
            self.remember(&stats.reading);
            return self.take_again(now);
        }
        let Stats { reading, raw } = stats;
        self.expects_status = self.wants_status(asked, now, &reading);
        let phase = self.phase_of(&reading);
        let check = Check::NotYet(Missing::StatusUnread);
        let seen = Seen {
            at: asked,
            judged_at: now,
            phase,
            reading,
            raw,
            check,
        };
        if self.expects_status {
            self.unjudged = Some(seen);
            self.status_for = Some(now);
            Step::StatusNow
        } else {
            self.judge(now, seen)
        }
    }

    /// Takes the answer to the request for the task detail that [`Step::StatusNow`] asked for.
    pub fn handle_status(&mut self, now: Duration, answer: Result<Detail, ApiError>) -> Step {
        let Some((answered, unjudged)) = self.status_for.take().zip(self.unjudged.take()) else {
            // Nobody asked; poll again as if the poll had just begun.
            return Step::StatsAt(now);
        };
        self.detail_asked = Some(now);
        let error = match answer {
            Ok(detail) => {
                self.note_status(&detail);
                self.detail = Some(detail);
                self.status_failures = 0;
                return self.judge_in_time(now, answered, unjudged, Duration::ZERO);
            }
            Err(error) => error,
        };
        self.status_failures = self.status_failures.saturating_add(1);
        match (error.class, self.rules.status_check) {
            // Whether the credential is still good is no matter of this endpoint alone.
            (Class::Unauthenticated | Class::Denied, _)
            | (
                Class::UnknownTask
                | Class::Forbidden
                | Class::Transient { .. }
                | Class::Throttled { .. },
                StatusCheck::Require,
            ) => self.fail_status(now, unjudged, error),
            // The stats of the same task answer, so neither endpoint, region nor project can be wrong.
            (Class::NotFound, StatusCheck::Require) if self.seen.is_some() => {
                self.fail_status(now, unjudged, error)
            }
            (Class::Rejected | Class::NotFound, StatusCheck::Require) => {
                self.fail_status(now, unjudged, error.into_transient())
            }
            (
                Class::Forbidden
                | Class::Transient { .. }
                | Class::Throttled { .. }
                | Class::Rejected
                | Class::NotFound
                | Class::UnknownTask,
                StatusCheck::Auto | StatusCheck::Off,
            ) => {
                // One failure says little: the endpoint may be back at once. Until it is believed not to answer, nothing
                // that was read before is forgotten, and nothing is judged without it.
                if self.status_failures < ANSWERS_TO_BELIEVE {
                    self.fail_status(now, unjudged, error.or_retried())
                } else {
                    self.go_on_without_status(now, answered, unjudged, error)
                }
            }
        }
    }

    /// The time is up. A status that is known not to be readable is not waited for; any other reading is only shown.
    pub fn handle_deadline(&mut self, now: Duration) -> Option<Step> {
        self.status_for?;
        if self.status_failures >= ANSWERS_TO_BELIEVE
            && self.rules.status_check == StatusCheck::Auto
        {
            return Some(
                self.handle_status(now, Err(ApiError::transient("no answer before `timeout`"))),
            );
        }
        self.status_for = None;
        let has_news = |unjudged: &Seen| {
            self.seen
                .as_ref()
                .is_none_or(|seen| seen.reading != unjudged.reading)
        };
        self.unjudged = self.unjudged.take().filter(has_news);
        None
    }

    /// A reading counts for nothing without its status, but people may see it.
    fn fail_status(&mut self, now: Duration, unjudged: Seen, error: ApiError) -> Step {
        self.remember(&unjudged.reading);
        self.unjudged = Some(unjudged);
        let advice = match self.rules.status_check {
            StatusCheck::Require => {
                let first = error
                    .advice
                    .map(|advice| format!("{advice}; "))
                    .unwrap_or_default();
                Some(format!(
                    "{first}where the status cannot be had, set `status-check: auto`"
                ))
            }
            StatusCheck::Auto | StatusCheck::Off => error.advice,
        };
        self.fail_poll(
            now,
            ApiError {
                message: format!("the task's status: {}", error.message),
                advice,
                ..error
            },
        )
    }

    fn go_on_without_status(
        &mut self,
        now: Duration,
        answered: Duration,
        unjudged: Seen,
        error: ApiError,
    ) -> Step {
        // What it was before confirms nothing, and speaks against nothing.
        self.detail = None;
        if !std::mem::replace(&mut self.status_unavailable, true) {
            self.notes.push(Note::StatusUnavailable(error));
        }
        // A status endpoint that hangs takes all of `request-timeout`, and a little more.
        self.judge_in_time(now, answered, unjudged, STANDSTILL)
    }

    /// Judges a reading that was answered at `answered`, unless its status was held back for so long that the two no
    /// longer belong together: a small budget, or a `Retry-After` of another task, can do that.
    fn judge_in_time(
        &mut self,
        now: Duration,
        answered: Duration,
        unjudged: Seen,
        grace: Duration,
    ) -> Step {
        if now.saturating_sub(answered) > self.rules.longest_between().saturating_add(grace) {
            self.remember(&unjudged.reading);
            self.unjudged = Some(unjudged);
            return self.take_again(now);
        }
        self.judge(now, unjudged)
    }

    /// A reading that is too old says nothing about now, good or bad.
    fn take_again(&mut self, now: Duration) -> Step {
        self.end_poll(now);
        self.notes.push(Note::TooOld);
        Step::StatsAt(self.before_deadline(now, now))
    }

    /// Gives up where the API has been silent for too long: to be called at [`Self::give_up_at`].
    pub fn handle_give_up(&mut self) -> Outcome {
        let error = match &self.failing {
            Some(failing) => failing.last.clone(),
            None => ApiError::transient("the request under way is not answered"),
        };
        Outcome::Unreachable(Some(self.rules.max_outage), error)
    }

    /// When to give up unless a good answer comes first; `None` while the API answers.
    pub fn give_up_at(&self) -> Option<Duration> {
        let since = self
            .failing
            .as_ref()
            .map(|failing| failing.since)
            .or(self.unanswered_since)?;
        Some(since.saturating_add(self.rules.max_outage))
    }

    /// Whether the status has to be read before this reading can be judged: the first time, when `is_migrating`
    /// changes, where the reading could make ready or the task could have ended badly, and every five minutes. An endpoint
    /// that is known not to answer is asked only by the reading that would end the wait: each request may take all of
    /// `request-timeout`, and readings that are so far apart make no row.
    fn wants_status(&self, at: Duration, now: Duration, reading: &Reading) -> bool {
        if self.rules.status_check == StatusCheck::Off {
            return false;
        }
        let Some(asked) = self.detail_asked else {
            return true;
        };
        let before = self
            .seen
            .as_ref()
            .and_then(|seen| seen.reading.is_migrating);
        let is_due = now.saturating_sub(asked) >= STATUS_MAX_AGE || before != reading.is_migrating;
        let in_row = if self.is_after_gap(at) {
            1
        } else {
            self.row.len().saturating_add(1)
        };
        if self.status_failures >= ANSWERS_TO_BELIEVE
            && self.rules.status_check == StatusCheck::Auto
        {
            return is_due || (in_row >= self.rules.stable_polls && self.could_be_ready(reading));
        }
        is_due
            || reading.is_migrating == Some(false)
            || self.rules.condition.goal == Goal::Switched
            || self.could_be_ready(reading)
    }

    /// Whether there is a status with which this reading would show the goal.
    fn could_be_ready(&self, reading: &Reading) -> bool {
        let detail = |status: &str, switch: &str, method: &str| Detail {
            status: Status::parse(status),
            task_status: Some(switch.to_owned()),
            migration_method: Some(method.to_owned()),
        };
        let migrating = detail("INCRMIGEATING", "", "");
        let ended = detail("SUCCESS", "", "full_amount_migration");
        let switched = detail("SUCCESS", "EXCHANGE_SUCCESS", "");
        [None, Some(migrating), Some(ended), Some(switched)]
            .iter()
            .any(|detail| {
                self.rules
                    .condition
                    .check(reading, detail.as_ref(), self.past)
                    == Check::Met
            })
    }

    /// A complete poll: decides what it says.
    fn judge(&mut self, now: Duration, polled: Seen) -> Step {
        let Seen {
            at, reading, raw, ..
        } = polled;
        self.unjudged = None;
        self.end_poll(now);
        self.task_refusals = 0;
        self.refusals = 0;
        self.retrying.reset();
        if let Some(failing) = self.failing.take() {
            self.notes.push(Note::Recovered(
                failing.polls,
                now.saturating_sub(failing.since),
            ));
        }
        let check = match self
            .rules
            .condition
            .check(&reading, self.detail.as_ref(), self.past)
        {
            // A status is read after its reading. If the incremental phase began between the two, the offset was told
            // before it meant anything, and without a percentage nothing else shows that the copy was done.
            Check::Met
                if self.rules.condition.goal == Goal::InSync
                    && reading
                        .full_migration_progress
                        .or(self.past.progress)
                        .is_none()
                    && !self.was_incremental =>
            {
                Check::NotYet(Missing::FullCopyUnknown)
            }
            check @ (Check::Met | Check::NotYet(_) | Check::Failed(_)) => check,
        };
        let stable_before = self.row.len();
        self.count(at, &reading, check);
        let changed = self.note_changes(&reading, stable_before);
        self.trend.add(now, &reading);
        if self
            .best
            .improved_by(&reading, self.phase_of(&reading), self.row.len())
        {
            self.improved_at = now;
        }
        self.seen = Some(Seen {
            at,
            judged_at: now,
            phase: self.phase_of(&reading),
            reading,
            raw,
            check,
        });

        if let Check::Failed(failure) = check {
            return Step::Done(Outcome::Failed(failure));
        }
        if self.row.len() >= self.rules.stable_polls {
            return Step::Done(Outcome::Ready);
        }
        let stall_at = self
            .rules
            .stall_timeout
            .map(|timeout| (timeout, self.improved_at.saturating_add(timeout)));
        if let Some((timeout, at)) = stall_at
            && now >= at
        {
            return Step::Done(Outcome::Stalled(timeout));
        }

        // Where something happens, the next look comes soon. To an end that waits for somebody's hand, following the
        // source's writes is no step.
        let is_step = self.phase() != Phase::Incremental
            || self.rules.condition.goal != Goal::Completed
            || !self.never_ends_by_itself();
        if (changed && is_step) || !self.row.is_empty() {
            self.polling.reset();
        }
        let mut at = now + self.next_delay(now);
        if let Some((_, stall_at)) = stall_at {
            at = at.min(stall_at);
        }
        Step::StatsAt(self.before_deadline(now, at))
    }

    /// Adds a reading to the past and, where it meets the goal, to the row of those that do.
    fn count(&mut self, at: Duration, reading: &Reading, check: Check) {
        let after_gap = self.is_after_gap(at);
        self.suspended = Duration::ZERO;
        self.reads_again = false;
        let before = self.past.keys;
        self.past = self.past.after(reading, check);
        let limit = self.rules.condition.max_missing_keys;
        let restart = self
            .row
            .add(reading, check == Check::Met, after_gap, before, limit);
        let is_news = match restart {
            None => false,
            Some(Restart::Gap) => true,
            Some(Restart::Halved(..)) => !std::mem::replace(&mut self.warned_of_keys[0], true),
            Some(Restart::MissingGrows(..)) => {
                !std::mem::replace(&mut self.warned_of_keys[1], true)
            }
        };
        self.notes
            .extend(restart.filter(|_| is_news).map(Note::Restarted));
    }

    /// Keeps what a reading that is not judged shows all the same: it was read in this wait.
    fn remember(&mut self, reading: &Reading) {
        let limit = self.rules.condition.max_missing_keys;
        // Whether the goal is met, nobody knows; that it is not, some readings show by themselves.
        let mut row = self.row;
        let has_fallen = row
            .add(reading, false, false, self.past.keys, limit)
            .is_some();
        if has_fallen || !self.could_be_ready(reading) {
            self.row = row;
        }
        self.past = self.past.with(reading);
    }

    /// Whether a reading that was asked for at `at` comes too long after the one before: a row says nothing about the time
    /// between readings that are far apart, whatever made them so.
    fn is_after_gap(&self, at: Duration) -> bool {
        let gap = self
            .seen
            .as_ref()
            .map_or(Duration::ZERO, |seen| at.saturating_sub(seen.at));
        gap.saturating_add(self.suspended) > self.rules.max_gap && !self.reads_again
    }

    /// How long until the next look at a task that answers; between the two intervals in any case.
    fn next_delay(&mut self, now: Duration) -> Duration {
        if !self.row.is_empty() {
            return self.rules.pace.initial;
        }
        let goal = self.rules.condition.goal;
        if goal == Goal::Completed && self.never_ends_by_itself() {
            return self.polling.next_delay();
        }
        match self.trend.outlook() {
            Outlook::Within(range) => self.polling.next_delay_towards(range),
            Outlook::Unknown | Outlook::NotConverging => {
                let is_full_only = self.detail.as_ref().is_some_and(Detail::is_full_only);
                let copied_for = self
                    .trend
                    .copied_for(now)
                    .filter(|_| goal == Goal::Completed && is_full_only);
                if copied_for.is_some_and(|copied_for| copied_for < ENDS_SOON) {
                    return self.rules.pace.initial;
                }
                if self.trend.is_surprised() {
                    self.polling.reset();
                }
                self.polling.next_delay()
            }
        }
    }

    /// Whether somebody has to stop the task: nothing in its readings foretells when.
    fn never_ends_by_itself(&self) -> bool {
        self.detail
            .as_ref()
            .is_some_and(|detail| detail.migration_method.is_some() && !detail.is_full_only())
    }

    fn fail_poll(&mut self, now: Duration, error: ApiError) -> Step {
        self.status_for = None;
        self.end_poll(now);
        self.failed_polls += 1;
        let before = self.failing.as_ref().map(|failing| &failing.last);
        // In a row means: with nothing else between them.
        let is_same = before.is_some_and(|before| {
            std::mem::discriminant(&before.class) == std::mem::discriminant(&error.class)
        });
        if before.is_none_or(|before| !before.is_like(&error)) {
            self.notes.push(Note::Failing(error.clone()));
        }
        let failing = self.failing.get_or_insert(Failing {
            since: self.poll_started,
            polls: 0,
            last: error.clone(),
        });
        failing.polls = failing.polls.saturating_add(1);
        failing.last = error.clone();
        let give_up_at = failing.since.saturating_add(self.rules.max_outage);
        self.task_refusals = if is_same {
            self.task_refusals.saturating_add(1)
        } else {
            1
        };

        let mut at = now + self.retrying.next_delay();
        match error.class {
            Class::Denied => return Step::Done(Outcome::Denied(error)),
            Class::Rejected => return Step::Done(Outcome::Rejected(error)),
            Class::Forbidden | Class::NotFound | Class::UnknownTask => {
                if let Some(outcome) = self.refused(&error) {
                    return Step::Done(outcome);
                }
            }
            Class::Unauthenticated => {
                self.refusals += 1;
                if self.refusals >= 2 {
                    return Step::Done(Outcome::Denied(error));
                }
                at = now;
            }
            Class::Transient { retry_after } | Class::Throttled { retry_after } => {
                let asked_for = now.saturating_add(retry_after.unwrap_or_default());
                // A server that asks for more than `max-outage` is asked once more before the end of that.
                at = at.max(self.early_enough(now, asked_for, give_up_at, self.rules.max_outage));
            }
        }
        if now >= give_up_at {
            return Step::Done(Outcome::Unreachable(Some(self.rules.max_outage), error));
        }
        Step::StatsAt(self.before_deadline(now, at))
    }

    /// What a refusal of this task ends, if it does. From the start, a wrong address or a missing permission will not
    /// change; after a reading of the same task it may be a gateway's hiccup, and the third in a row is believed.
    fn refused(&self, error: &ApiError) -> Option<Outcome> {
        let was_read = self.seen.is_some();
        let is_believed = self.task_refusals >= ANSWERS_TO_BELIEVE;
        match error.class {
            Class::Forbidden if is_believed || !was_read => Some(Outcome::Denied(error.clone())),
            Class::NotFound if !was_read => Some(Outcome::Rejected(error.clone())),
            Class::NotFound if is_believed => Some(Outcome::Unreachable(None, error.clone())),
            Class::UnknownTask if is_believed && was_read => {
                Some(Outcome::Failed(Failure::TaskDeleted))
            }
            Class::UnknownTask if is_believed => Some(Outcome::UnknownTask(error.clone())),
            Class::Forbidden
            | Class::NotFound
            | Class::UnknownTask
            | Class::Rejected
            | Class::Denied
            | Class::Unauthenticated
            | Class::Transient { .. }
            | Class::Throttled { .. } => None,
        }
    }

    /// A poll that would come too late to count is made earlier; at the deadline there is none.
    fn before_deadline(&self, now: Duration, at: Duration) -> Duration {
        self.early_enough(now, at, self.rules.deadline, self.rules.deadline)
    }

    /// A poll that would come too late for `end`, which ends a time of `length`, is made earlier: early enough for the
    /// slowest answer so far, twice over. What is due behind that is made as well, since its answer may be a quick one.
    fn early_enough(
        &self,
        now: Duration,
        at: Duration,
        end: Duration,
        length: Duration,
    ) -> Duration {
        let needed =
            (self.slowest_poll * 2 + Duration::from_millis(300)).min(self.rules.request_timeout);
        let last_poll = end.saturating_sub(needed.min(length / 2));
        if at <= last_poll {
            at
        } else if now < last_poll {
            last_poll
        } else {
            at.min(end)
        }
    }

    fn end_poll(&mut self, now: Duration) {
        self.unanswered_since = None;
        self.polls += 1;
        self.slowest_poll = self.slowest_poll.max(now.saturating_sub(self.poll_started));
    }

    fn note_status(&mut self, detail: &Detail) {
        if self
            .detail
            .as_ref()
            .is_none_or(|before| before.status != detail.status)
        {
            self.notes.push(Note::Status(detail.status.clone()));
        }
    }

    /// Notes what is different from the reading before; `true` where the phase is another one.
    fn note_changes(&mut self, reading: &Reading, stable_before: u32) -> bool {
        let phase = self.phase_of(reading);
        let before = self.seen.as_ref().map(|seen| &seen.reading);
        let phase_before = self.seen.as_ref().map(|seen| seen.phase);
        if let (Some(from), Some(to)) = (
            before.and_then(|before| before.full_migration_progress),
            reading.full_migration_progress,
        ) && to < from
        {
            self.notes.push(Note::Regressed(from, to));
        }
        if let Some(offset) = reading.offset.filter(|&offset| offset < 0)
            && before
                .and_then(|before| before.offset)
                .is_none_or(|before| before >= 0)
        {
            self.notes.push(Note::NegativeOffset(offset));
        }
        let changed = phase_before != Some(phase);
        if changed {
            self.notes.push(Note::Phase(phase));
        }
        let stable = self.row.len();
        if stable > stable_before {
            self.notes.push(Note::GoalShows(stable));
        } else if stable == 0 && stable_before > 0 {
            self.notes.push(Note::GoalLost);
        }
        changed && phase_before.is_some()
    }

    /// What happened since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// The newest reading that counts.
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// The newest reading, also one that counts for nothing because its status could not be read.
    pub fn newest(&self) -> Option<&Seen> {
        self.unjudged.as_ref().or(self.seen.as_ref())
    }

    /// The newest status, where it is known.
    pub fn detail(&self) -> Option<&Detail> {
        self.detail.as_ref()
    }

    /// Whether the status could not be read when it was last asked for.
    pub fn is_status_unavailable(&self) -> bool {
        self.status_unavailable && self.detail.is_none()
    }

    /// Consecutive readings that show the goal.
    pub fn stable(&self) -> u32 {
        self.row.len()
    }

    /// Polls so far, failed ones included.
    pub fn polls(&self) -> u64 {
        self.polls
    }

    /// Failed polls so far.
    pub fn failed_polls(&self) -> u64 {
        self.failed_polls
    }

    /// The newest failure, while the API does not answer.
    pub fn failing(&self) -> Option<&ApiError> {
        self.failing.as_ref().map(|failing| &failing.last)
    }

    /// For how long the request that is under way has not been answered.
    pub fn unanswered_for(&self, now: Duration) -> Option<Duration> {
        self.unanswered_since.map(|since| now.saturating_sub(since))
    }

    /// Rates of the last readings.
    pub fn trend(&self) -> &Trend {
        &self.trend
    }

    /// The best guess at the time until the goal shows, as of the newest reading.
    pub fn time_to_goal(&self) -> Option<Duration> {
        match self.outlook() {
            Outlook::Within(range) => Some(range.likely),
            Outlook::Unknown | Outlook::NotConverging => None,
        }
    }

    /// When the goal will show, as of the newest reading.
    pub fn outlook(&self) -> Outlook {
        self.trend.outlook()
    }

    /// The phase that the newest reading shows.
    pub fn phase(&self) -> Phase {
        self.seen.as_ref().map_or(Phase::Unknown, |seen| seen.phase)
    }

    fn phase_of(&self, reading: &Reading) -> Phase {
        Phase::of(
            reading,
            self.detail.as_ref().map(|detail| detail.status.class()),
        )
    }

    /// How urgent the next look is, where not everybody can be looked at in time.
    pub fn rank(&self) -> Rank {
        if !self.row.is_empty() {
            return Rank::Confirming;
        }
        match self.time_to_goal() {
            Some(eta) if eta <= self.rules.pace.max.saturating_mul(2) => Rank::Near,
            Some(_) | None => Rank::Far,
        }
    }

    /// How far the task is on its way to the goal, to find the least advanced of several.
    pub fn advance(&self) -> Advance {
        self.newest()
            .map(|seen| Advance::new(self.row.len(), seen.phase, &seen.reading))
            .unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "waiter/tests.rs"]
mod tests;
