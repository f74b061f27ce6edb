//! One task's wait as a state machine without clock, socket or file: answers in, [`Step`]s out.
//!
//! Every time is a [`Duration`] since the start of the process, handed in by the caller.

use super::advance::Advance;
use super::progress::{Best, Outlook, Trend};
use super::queue::Rank;
use super::schedule::{Pace, Schedule, random_seed};
use super::verdict::Outcome;
use crate::api::{ApiError, Class, Stats};
use crate::condition::{Check, Condition, Failure, Goal, Missing, Past};
use crate::migration::{Detail, FullCopy, Phase, Reading, Status, StatusClass};
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
    /// Gives up when the API has given no good answer for so long.
    pub max_outage: Duration,
    /// Gives up when nothing has improved for so long.
    pub stall_timeout: Option<Duration>,
    /// Bound of one request; the last look before the deadline leaves it no more than that.
    pub request_timeout: Duration,
    /// Since the start of the process.
    pub deadline: Duration,
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
}

/// The newest good reading, and what was made of it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it was read.
    pub at: Duration,
    /// The values.
    pub reading: Reading,
    /// The body as it came, on one line of ASCII.
    pub raw: String,
    /// The phase that it shows.
    pub phase: Phase,
    /// What it says about the goal.
    pub check: Check,
}

/// How long a status that nothing contradicts is believed.
const STATUS_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// How long after its copy a full migration is expected to end at any moment.
const ENDS_SOON: Duration = Duration::from_secs(120);
/// A status that has been asked for so long ago is late.
const LONG: Duration = Duration::from_secs(1);
/// Answers in a row that do not know the task before it is believed to be unknown or gone.
const ANSWERS_TO_BELIEVE: u32 = 3;

/// The wait for one task.
#[derive(Debug)]
pub struct Waiter {
    rules: Rules,
    polling: Schedule,
    retrying: Schedule,
    past: Past,
    stable: u32,
    seen: Option<Seen>,
    /// A newer reading that counts for nothing without its status, which is being read or could not be.
    unjudged: Option<Seen>,
    reads_status: bool,
    poll_started: Duration,
    slowest_poll: Duration,
    detail: Option<Detail>,
    detail_asked: Option<Duration>,
    status_unavailable: bool,
    /// The status said "incremental" already before the newest reading.
    was_incremental: bool,
    /// How often in a row the status could not be read.
    status_failures: u32,
    /// The status may not be read: asking again would change nothing.
    status_forbidden: bool,
    /// When the poll that is under way was begun, as long as nothing of it was answered.
    unanswered_since: Option<Duration>,
    polls: u64,
    failed_polls: u64,
    failing: Option<Failing>,
    unknown_answers: u32,
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
            rules,
            past: Past::default(),
            stable: 0,
            seen: None,
            unjudged: None,
            reads_status: false,
            poll_started: now,
            slowest_poll: Duration::ZERO,
            detail: None,
            detail_asked: None,
            status_unavailable: false,
            was_incremental: false,
            status_failures: 0,
            status_forbidden: false,
            unanswered_since: None,
            polls: 0,
            failed_polls: 0,
            failing: None,
            unknown_answers: 0,
            refusals: 0,
            best: Best::default(),
            improved_at: now,
            notes: Vec::new(),
        }
    }

    /// A request for the stats is being sent.
    pub fn begin_poll(&mut self, now: Duration) {
        self.unanswered_since = Some(now);
    }

    /// Takes the answer to a request for the stats that was begun at `asked`.
    pub fn handle_stats(&mut self, asked: Duration, now: Duration, answer: Result<Stats, ApiError>) -> Step {
        self.poll_started = asked;
        self.was_incremental =
            self.detail.as_ref().is_some_and(|detail| detail.status.class() == StatusClass::Incremental);
        // With `require`, a poll is answered when its status is. A failed one is an outage, which is counted by itself.
        if self.rules.status_check != StatusCheck::Require {
            self.unanswered_since = None;
        }
        match answer {
            Err(error) => self.fail_poll(now, error),
            Ok(stats) if self.wants_status(now, &stats.reading) => {
                let Stats { reading, raw } = stats;
                let check = Check::NotYet(Missing::StatusUnread);
                self.unjudged = Some(Seen { at: now, phase: self.phase_of(&reading), reading, raw, check });
                self.reads_status = true;
                Step::StatusNow
            }
            Ok(Stats { reading, raw }) => self.judge(now, reading, raw),
        }
    }

    /// Takes the answer to the request for the task detail that [`Step::StatusNow`] asked for.
    pub fn handle_status(&mut self, now: Duration, answer: Result<Detail, ApiError>) -> Step {
        let Some(unjudged) = self.unjudged.take().filter(|_| std::mem::take(&mut self.reads_status)) else {
            // Nobody asked; look again as if the poll had just begun.
            return Step::StatsAt(now);
        };
        self.detail_asked = Some(now);
        let error = match answer {
            Ok(detail) => {
                self.note_status(&detail);
                self.detail = Some(detail);
                self.status_failures = 0;
                return self.judge(now, unjudged.reading, unjudged.raw);
            }
            Err(error) => error,
        };
        self.status_failures = self.status_failures.saturating_add(1);
        match (error.class, self.rules.status_check) {
            // Whether the credential is still good is no matter of this endpoint alone.
            (Class::Unauthenticated | Class::Denied, _)
            | (
                Class::UnknownTask | Class::Forbidden | Class::Transient { .. } | Class::Throttled { .. },
                StatusCheck::Require,
            ) => self.fail_status(now, unjudged, error),
            // The stats of the same task answer, so neither endpoint, region nor project can be wrong.
            (Class::Rejected, StatusCheck::Require) => self.fail_status(now, unjudged, error.into_transient()),
            (Class::Forbidden, StatusCheck::Auto | StatusCheck::Off) => {
                self.status_forbidden = true;
                self.go_on_without_status(now, unjudged, error)
            }
            (
                Class::Transient { .. } | Class::Throttled { .. } | Class::Rejected | Class::UnknownTask,
                StatusCheck::Auto | StatusCheck::Off,
            ) => {
                // A status that was read before is not forgotten because of one failure: the endpoint may be back at once.
                if self.detail.is_some() && self.status_failures < ANSWERS_TO_BELIEVE {
                    self.fail_status(now, unjudged, error.into_transient())
                } else {
                    self.go_on_without_status(now, unjudged, error)
                }
            }
        }
    }

    /// The time is up: a status that has been read for long, or failed before, is none. One that was just asked for says
    /// nothing against its endpoint, and its reading is only shown.
    pub fn handle_deadline(&mut self, now: Duration) -> Option<Step> {
        let asked = self.unjudged.as_ref().filter(|_| self.reads_status)?.at;
        if now.saturating_sub(asked) >= LONG || self.status_failures > 0 {
            return Some(self.handle_status(now, Err(ApiError::transient("no answer before `timeout`"))));
        }
        self.reads_status = false;
        let has_news = |unjudged: &Seen| self.seen.as_ref().is_none_or(|seen| seen.reading != unjudged.reading);
        self.unjudged = self.unjudged.take().filter(has_news);
        None
    }

    /// A reading counts for nothing without its status, but people may see it.
    fn fail_status(&mut self, now: Duration, unjudged: Seen, error: ApiError) -> Step {
        self.unjudged = Some(unjudged);
        let advice = match self.rules.status_check {
            StatusCheck::Require => {
                let first = error.advice.map(|advice| format!("{advice}; ")).unwrap_or_default();
                Some(format!("{first}where the status cannot be had, set `status-check: auto`"))
            }
            StatusCheck::Auto | StatusCheck::Off => error.advice,
        };
        self.fail_poll(now, ApiError { message: format!("the task's status: {}", error.message), advice, ..error })
    }

    fn go_on_without_status(&mut self, now: Duration, unjudged: Seen, error: ApiError) -> Step {
        // What it was before confirms nothing, and speaks against nothing.
        self.detail = None;
        if !std::mem::replace(&mut self.status_unavailable, true) {
            self.notes.push(Note::StatusUnavailable(error));
        }
        self.judge(now, unjudged.reading, unjudged.raw)
    }

    /// Gives up where the API has been silent for too long: to be called at [`Self::give_up_at`].
    pub fn handle_give_up(&mut self) -> Outcome {
        let error = match &self.failing {
            Some(failing) => failing.last.clone(),
            None => ApiError::transient("the request under way is not answered"),
        };
        Outcome::Unreachable(self.rules.max_outage, error)
    }

    /// When to give up unless a good answer comes first; `None` while the API answers.
    pub fn give_up_at(&self) -> Option<Duration> {
        let since = self.failing.as_ref().map(|failing| failing.since).or(self.unanswered_since)?;
        Some(since.saturating_add(self.rules.max_outage))
    }

    /// Whether the status has to be read before this reading can be judged: the first time, when `is_migrating`
    /// changes, where the reading could make ready or the task could have ended badly, and every five minutes.
    fn wants_status(&self, now: Duration, reading: &Reading) -> bool {
        if self.rules.status_check == StatusCheck::Off || self.status_forbidden {
            return false;
        }
        let Some(asked) = self.detail_asked else { return true };
        let before = self.seen.as_ref().and_then(|seen| seen.reading.is_migrating);
        now.saturating_sub(asked) >= STATUS_MAX_AGE
            || before != reading.is_migrating
            || reading.is_migrating == Some(false)
            || self.could_be_ready(reading)
    }

    /// Whether there is a status with which this reading would show the goal.
    fn could_be_ready(&self, reading: &Reading) -> bool {
        let detail = |status: &str, method: &str| Detail {
            status: Status::parse(status),
            task_status: None,
            migration_method: Some(method.to_owned()),
        };
        [None, Some(detail("INCRMIGEATING", "")), Some(detail("SUCCESS", "full_amount_migration"))]
            .iter()
            .any(|detail| self.rules.condition.check(reading, detail.as_ref(), self.past) == Check::Met)
    }

    /// A complete poll: decides what it says.
    fn judge(&mut self, now: Duration, reading: Reading, raw: String) -> Step {
        self.unjudged = None;
        self.end_poll(now);
        self.unknown_answers = 0;
        self.refusals = 0;
        self.retrying.reset();
        let failures_before = match self.failing.take() {
            Some(failing) => {
                self.notes.push(Note::Recovered(failing.polls, now.saturating_sub(failing.since)));
                failing.polls
            }
            None => 0,
        };
        // Failed polls do not break a row of readings, unless they leave too large a hole in it.
        let hole = self.seen.as_ref().map_or(Duration::ZERO, |seen| now.saturating_sub(seen.at));
        if failures_before > 0 && hole > self.rules.pace.max.saturating_mul(3) {
            self.stable = 0;
        }

        let check = match self.rules.condition.check(&reading, self.detail.as_ref(), self.past) {
            // A status is read after its reading. If the incremental phase began between the two, the offset was told
            // before it meant anything, and without a percentage nothing else shows that the copy was done.
            Check::Met
                if self.rules.condition.goal == Goal::InSync
                    && reading.full_copy() == FullCopy::Unknown
                    && !self.was_incremental =>
            {
                Check::NotYet(Missing::FullCopyUnknown)
            }
            check @ (Check::Met | Check::NotYet(_) | Check::Failed(_)) => check,
        };
        self.past = self.past.after(&reading, check);
        let stable_before = self.stable;
        self.stable = if check == Check::Met { self.stable.saturating_add(1) } else { 0 };
        let changed = self.note_changes(&reading, stable_before);
        self.trend.add(now, &reading);
        if self.best.improved_by(&reading, self.phase_of(&reading), self.stable) {
            self.improved_at = now;
        }
        self.seen = Some(Seen { at: now, phase: self.phase_of(&reading), reading, raw, check });

        if let Check::Failed(failure) = check {
            return Step::Done(Outcome::Failed(failure));
        }
        if self.stable >= self.rules.stable_polls {
            return Step::Done(Outcome::Ready);
        }
        let stall_at = self.rules.stall_timeout.map(|timeout| (timeout, self.improved_at.saturating_add(timeout)));
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
        if (changed && is_step) || self.stable > 0 {
            self.polling.reset();
        }
        let mut at = now + self.next_delay(now);
        if let Some((_, stall_at)) = stall_at {
            at = at.min(stall_at);
        }
        Step::StatsAt(self.before_deadline(now, at))
    }

    /// How long until the next look at a task that answers; between the two intervals in any case.
    fn next_delay(&mut self, now: Duration) -> Duration {
        if self.stable > 0 {
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
                let copied_for = self.trend.copied_for(now).filter(|_| goal == Goal::Completed && is_full_only);
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
        self.detail.as_ref().is_some_and(|detail| detail.migration_method.is_some() && !detail.is_full_only())
    }

    fn fail_poll(&mut self, now: Duration, error: ApiError) -> Step {
        self.reads_status = false;
        self.end_poll(now);
        self.failed_polls += 1;
        let class = error.class;
        let news = self.failing.as_ref().is_none_or(|failing| !failing.last.is_like(&error));
        if news {
            self.notes.push(Note::Failing(error.clone()));
        }
        let failing = self.failing.get_or_insert(Failing { since: self.poll_started, polls: 0, last: error.clone() });
        failing.polls = failing.polls.saturating_add(1);
        failing.last = error.clone();
        let give_up_at = failing.since.saturating_add(self.rules.max_outage);

        let mut at = now + self.retrying.next_delay();
        // In a row means: with nothing else between them.
        if class != Class::UnknownTask {
            self.unknown_answers = 0;
        }
        match class {
            Class::Denied | Class::Forbidden => return Step::Done(Outcome::Denied(error)),
            Class::Rejected => return Step::Done(Outcome::Rejected(error)),
            Class::UnknownTask => {
                self.unknown_answers += 1;
                if self.unknown_answers >= ANSWERS_TO_BELIEVE {
                    return Step::Done(match self.seen {
                        Some(_) => Outcome::Failed(Failure::TaskDeleted),
                        None => Outcome::UnknownTask(error),
                    });
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
                at = at.max(now.saturating_add(retry_after.unwrap_or_default()));
            }
        }
        if now >= give_up_at {
            return Step::Done(Outcome::Unreachable(self.rules.max_outage, error));
        }
        Step::StatsAt(self.before_deadline(now, at))
    }

    /// A look that would come too late to count is made earlier: early enough for the slowest answer so far, twice
    /// over. What is due behind that is made as well, since its answer may be a quick one; at the deadline there is none.
    fn before_deadline(&self, now: Duration, at: Duration) -> Duration {
        let deadline = self.rules.deadline;
        let needed = (self.slowest_poll * 2 + Duration::from_millis(300)).min(self.rules.request_timeout);
        let last_look = deadline.saturating_sub(needed.min(deadline / 2));
        if at <= last_look {
            at
        } else if now < last_look {
            last_look
        } else {
            at.min(deadline)
        }
    }

    fn end_poll(&mut self, now: Duration) {
        self.unanswered_since = None;
        self.polls += 1;
        self.slowest_poll = self.slowest_poll.max(now.saturating_sub(self.poll_started));
    }

    fn note_status(&mut self, detail: &Detail) {
        if self.detail.as_ref().is_none_or(|before| before.status != detail.status) {
            self.notes.push(Note::Status(detail.status.clone()));
        }
    }

    /// Notes what is different from the reading before; `true` where the phase is another one.
    fn note_changes(&mut self, reading: &Reading, stable_before: u32) -> bool {
        let phase = self.phase_of(reading);
        let before = self.seen.as_ref().map(|seen| &seen.reading);
        let phase_before = self.seen.as_ref().map(|seen| seen.phase);
        if let (Some(from), Some(to)) =
            (before.and_then(|before| before.full_migration_progress), reading.full_migration_progress)
            && to < from
        {
            self.notes.push(Note::Regressed(from, to));
        }
        if let Some(offset) = reading.offset.filter(|&offset| offset < 0)
            && before.and_then(|before| before.offset).is_none_or(|before| before >= 0)
        {
            self.notes.push(Note::NegativeOffset(offset));
        }
        let changed = phase_before != Some(phase);
        if changed {
            self.notes.push(Note::Phase(phase));
        }
        if self.stable > stable_before {
            self.notes.push(Note::GoalShows(self.stable));
        } else if self.stable == 0 && stable_before > 0 {
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
        self.stable
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
        Phase::of(reading, self.detail.as_ref().map(|detail| detail.status.class()))
    }

    /// How urgent the next look is, where not everybody can be looked at in time.
    pub fn rank(&self) -> Rank {
        if self.stable > 0 {
            return Rank::Confirming;
        }
        match self.time_to_goal() {
            Some(eta) if eta <= self.rules.pace.max.saturating_mul(2) => Rank::Near,
            Some(_) | None => Rank::Far,
        }
    }

    /// How far the task is on its way to the goal, to find the least advanced of several.
    pub fn advance(&self) -> Advance {
        self.newest().map(|seen| Advance::new(self.stable, seen.phase, &seen.reading)).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "waiter/tests.rs"]
mod tests;
