//! What has to hold of a task's end, held against what was true in the world.

use super::script::{Credential, Trouble};
use super::truth::{Progress, Stage, TICK, Truth, ms};
use super::world::{Call, Poll, Run, State, What};
use dcs_migration_wait::api::Class;
use dcs_migration_wait::domain::{Failure, Goal, IpSwitch, KeyLimit, Reading, StatusClass};
use dcs_migration_wait::outcome::Outcome;
use dcs_migration_wait::wait::{Rules, StatusCheck};
use std::time::Duration;

mod pace;

pub(super) type Verdict = Result<(), String>;

macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}
pub(super) use ensure;

/// How much later than `request-timeout` an answer may be taken.
const STANDSTILL: Duration = Duration::from_secs(1);
/// A status is read that often, whatever happens.
const STATUS_MAX_AGE: Duration = Duration::from_secs(300);

/// What was asked and answered about one task, and what the wait made of it.
pub(super) struct TaskRecord<'a> {
    run: &'a Run,
    rules: &'a Rules,
    task: usize,
    stats: Vec<&'a Call>,
    details: Vec<&'a Call>,
    polls: Vec<&'a Poll>,
    stalls: Vec<(Duration, Duration)>,
}

/// A reading that counts, and the status that was read after it.
struct Judged<'a> {
    poll: &'a Poll,
    stats: &'a Call,
    reading: &'a Reading,
    status: Option<&'a Call>,
}

impl<'a> TaskRecord<'a> {
    pub(super) fn of(run: &'a Run, state: &'a State, task: usize) -> Self {
        let calls = |what| {
            state
                .calls
                .iter()
                .filter(move |call| call.what == what && call.answer.is_some())
                .collect()
        };
        Self {
            run,
            rules: &run.world.script.rules,
            task,
            stats: calls(What::Stats(task)),
            details: calls(What::Detail(task)),
            polls: state.polls().filter(|poll| poll.task == task).collect(),
            stalls: state.stalls().collect(),
        }
    }

    pub(super) fn check(&self, state: &State) -> Verdict {
        for (n, poll) in self.polls.iter().enumerate() {
            let polls = &self.polls[..=n];
            ensure!(
                poll.next.is_none() == poll.outcome.is_some(),
                "an end with a next poll: {poll:?}"
            );
            self.check_pace(state, poll)?;
            match &poll.outcome {
                None => {}
                Some(Outcome::Ready) => self.check_ready(polls)?,
                Some(Outcome::Failed(failure)) => {
                    self.check_failed(polls, *failure)
                        .map_err(|why| format!("failed as {failure:?}, but {why}"))?;
                }
                Some(outcome) => self.check_other_end(state, polls, outcome)?,
            }
        }
        self.check_outage(state)?;
        self.check_liveness(state)
    }

    /// An API that gives no reading that counts for `max-outage` ends the wait for the task, and not at the next poll.
    fn check_outage(&self, state: &State) -> Verdict {
        let outage = self.rules.max_outage;
        let in_time = |since: Duration, now: Duration| now <= state.awake(since + outage) + TICK;
        let mut since: Option<Duration> = None;
        for poll in &self.polls {
            let ends = since.is_none_or(|since| in_time(since, poll.now));
            ensure!(
                ends,
                "no reading counts from {since:?} on, and at {:?} it still goes on",
                poll.now
            );
            if poll.judged.is_some() {
                since = None;
            } else if poll.failed.is_some() {
                since = since.or(Some(poll.now));
            }
        }
        let is_over = self.polls.last().is_some_and(|poll| poll.outcome.is_some());
        let asked = state
            .calls
            .iter()
            .rev()
            .find(|call| call.what == What::Stats(self.task));
        let unanswered = asked
            .filter(|call| call.answer.is_none())
            .map(|call| call.asked);
        for since in [since, unanswered]
            .into_iter()
            .flatten()
            .filter(|_| !is_over)
        {
            let (ended, decided) = (self.run.ended, self.run.decided());
            ensure!(
                in_time(since, decided),
                "silent from {since:?} on, and it went on until {ended:?}"
            );
        }
        Ok(())
    }

    /// The readings that count up to a poll, each with what it was read from.
    fn judged(&self, polls: &[&'a Poll]) -> Result<Vec<Judged<'a>>, String> {
        let of = |poll: &&'a Poll| {
            let asked = poll.judged?;
            // A process that stands still just then sends it later.
            let sent = |call: &&&Call| {
                let late = || {
                    self.stalls
                        .iter()
                        .any(|&(from, to)| from <= asked + TICK && call.asked <= to)
                };
                asked <= call.asked && (call.asked == asked || late())
            };
            let stats = self
                .stats
                .iter()
                .find(sent)
                .copied()
                .filter(|call| call.answered() <= poll.now);
            let found = stats.and_then(|call| Some((call, call.reading()?)));
            Some(found.map(|(stats, reading)| {
                let after =
                    |call: &&&Call| call.asked >= stats.answered() && call.answered() <= poll.now;
                let status = self
                    .details
                    .iter()
                    .rev()
                    .find(after)
                    .copied()
                    .filter(|call| call.is_ok());
                Judged {
                    poll,
                    stats,
                    reading,
                    status,
                }
            }))
        };
        let judged: Option<Vec<_>> = polls.iter().filter_map(of).collect();
        judged.ok_or_else(|| "a reading was judged that nobody gave".to_owned())
    }

    /// THE property: no `ready` that the world did not have when the readings were made.
    fn check_ready(&self, polls: &[&'a Poll]) -> Verdict {
        let rules = self.rules;
        let judged = self.judged(polls)?;
        let poll = polls[polls.len() - 1];
        let last = judged.last().filter(|last| last.poll.now == poll.now);
        let Some(last) = last else {
            return Err(format!(
                "ready without a reading that was judged now: {poll:?}"
            ));
        };
        let newer = self.stats.iter().find(|call| {
            call.asked > last.stats.asked && call.answered() <= poll.now && call.reading().is_some()
        });
        ensure!(
            newer.is_none(),
            "ready by a reading from {:?}, while there is a newer one: {newer:?}",
            last.stats.asked
        );
        let wanted = self.wanted(polls);
        ensure!(
            judged.len() >= wanted,
            "ready after {} readings, not {wanted}",
            judged.len()
        );
        let row = &judged[judged.len() - wanted..];
        for one in row {
            self.check_reading(one).map_err(|why| {
                let Judged { stats, status, .. } = one;
                format!(
                    "ready at {:?}, but {why}: {stats:#?}, status {status:#?}",
                    poll.now
                )
            })?;
        }
        for two in row.windows(2) {
            let gap = two[1].stats.asked - two[0].stats.asked;
            ensure!(
                gap <= rules.pace.max * 3,
                "ready by a row with a gap of {gap:?}"
            );
        }
        self.check_keys(row)
    }

    /// How many readings a row needs: one confirms a task that was there early.
    fn wanted(&self, polls: &[&'a Poll]) -> usize {
        let judged_before = polls[..polls.len() - 1]
            .iter()
            .rev()
            .find(|poll| poll.judged.is_some());
        let was_there = judged_before.is_some_and(|poll| poll.outcome.is_some());
        if was_there {
            1
        } else {
            self.rules.stable_polls as usize
        }
    }

    /// Every row that made ready, without what its status says.
    pub(super) fn check_rows(&self) -> Verdict {
        for n in 0..self.polls.len() {
            let polls = &self.polls[..=n];
            if matches!(self.polls[n].outcome, Some(Outcome::Ready)) {
                let judged = self.judged(polls)?;
                self.check_between(&judged[judged.len().saturating_sub(self.wanted(polls))..])?;
            }
        }
        Ok(())
    }

    /// "Any reading over the limit starts the count of `stable-polls` again", also one whose status was not read.
    fn check_between(&self, row: &[Judged<'_>]) -> Verdict {
        let (Some(first), Some(last)) = (row.first(), row.last()) else {
            return Ok(());
        };
        let limit = self.rules.condition.max_offset;
        let mut between = self.stats.iter().filter(|call| {
            first.stats.asked < call.asked
                && call.asked < last.stats.asked
                && call.answered() <= last.stats.answered()
        });
        let over = between.find(|call| {
            let offset = call.reading().and_then(|reading| reading.offset);
            offset.is_some_and(|offset| !(0..=limit).contains(&offset))
        });
        let offset_counts = matches!(self.rules.condition.goal, Goal::InSync | Goal::Completed);
        ensure!(
            over.is_none() || !offset_counts,
            "a reading over the limit did not end the row: {over:?}"
        );
        Ok(())
    }

    /// Whether the goal was true at a reading that counted for it, and the reading and its status belong together.
    fn check_reading(&self, one: &Judged<'_>) -> Verdict {
        let Judged {
            poll,
            stats,
            reading,
            status,
        } = one;
        let rules = self.rules;
        let answered = stats.answered();
        ensure!(
            reading.is_migrating.is_some(),
            "`is_migrating` is not known"
        );
        let age = answered - stats.asked;
        ensure!(
            age <= rules.request_timeout + STANDSTILL,
            "the reading had been lying there for {age:?}"
        );
        if let Some(status) = status {
            let between = status.answered() - answered;
            ensure!(
                between <= rules.max_status_delay(),
                "its status came {between:?} after it"
            );
        } else {
            let before: Vec<_> = self
                .details
                .iter()
                .filter(|call| call.answered() <= poll.now)
                .collect();
            let given_up =
                before.len() >= 3 && before.iter().rev().take(3).all(|call| !call.is_ok());
            let may_go_without = rules.status_check == StatusCheck::Off
                || (rules.status_check == StatusCheck::Auto && given_up);
            ensure!(may_go_without, "its status was not read");
            let between = poll.now - answered;
            ensure!(
                between <= rules.max_status_delay() + STANDSTILL,
                "it was judged {between:?} after its answer"
            );
        }
        let mut earlier = self
            .stats
            .iter()
            .filter(|call| call.answered() <= answered)
            .filter_map(|call| call.reading());
        let hidden = earlier.all(|reading| reading.full_migration_progress.is_none());
        let Some(truth) = &stats.truth else {
            return Err("nobody knows what was true".to_owned());
        };
        let migration = &self.run.world.script.tasks[self.task];
        let seen = status.and_then(|status| status.truth.as_ref());
        match migration.objection(rules.condition, truth, seen, hidden) {
            Some(_)
                if reading.full_migration_progress.is_none()
                    && !hidden
                    && truth.stage == Stage::Copying =>
            {
                Err("the full sync had begun again, untold".to_owned())
            }
            Some(why) => Err(why.to_owned()),
            None => Ok(()),
        }
    }

    /// What the key counts of the readings, which are those of the world, say against a row.
    fn check_keys(&self, row: &[Judged<'_>]) -> Verdict {
        let limit = self.rules.condition.max_missing_keys;
        if limit == KeyLimit::Off {
            return Ok(());
        }
        let (Some(first), Some(last)) = (row.first(), row.last()) else {
            return Ok(());
        };
        for one in row {
            ensure!(
                !lacks_keys(limit, one.reading),
                "the target lacks too many keys: {:?}",
                one.reading
            );
        }
        for count in [KeyCount::Source, KeyCount::Target] {
            let (mut before, mut was_positive, mut emptied) = (None, false, false);
            let until = self
                .stats
                .iter()
                .filter(|call| call.answered() <= last.stats.answered());
            for (call, reading) in until.filter_map(|call| Some((call, call.reading()?))) {
                let Some(now) = count.of(reading) else {
                    continue;
                };
                let zero_counts = count == KeyCount::Target || reading.is_migrating != Some(false);
                emptied = now <= 0 && (emptied || (was_positive && zero_counts));
                was_positive |= now > 0;
                let halved = before.is_some_and(|before| before >= 1000 && now * 2 < before);
                let in_row = call.asked > first.stats.asked;
                ensure!(
                    !(halved && in_row),
                    "{count:?}'s keys fell from {before:?} to {now} within the row"
                );
                before = Some(now);
                let counts = row.iter().any(|one| one.stats.asked == call.asked);
                ensure!(!(emptied && counts), "{count:?} has no keys left");
            }
            ensure!(
                !emptied,
                "{count:?} had no keys left when they were last told"
            );
        }
        let missing: Option<Vec<i64>> = row.iter().map(|one| missing(one.reading)).collect();
        if let Some(missing) = missing.filter(|missing| missing.len() > 1) {
            let grew = missing.windows(2).all(|two| two[1] > two[0]);
            let growth = missing[missing.len() - 1] - missing[0];
            let source = last.reading.source_dbsize.unwrap_or_default();
            ensure!(
                !(grew && growth * 100 > source),
                "missing keys grew in each reading of the row: {missing:?}"
            );
        }
        Ok(())
    }

    /// Whether the world supports a `failed`, as of the newest answers.
    fn check_failed(&self, polls: &[&'a Poll], failure: Failure) -> Verdict {
        let poll = polls[polls.len() - 1];
        let until = |call: &&&Call| call.answered() <= poll.now;
        let reading = self
            .stats
            .iter()
            .filter(until)
            .rev()
            .find(|call| call.reading().is_some());
        let status = self.details.iter().rfind(until);
        let seen = status
            .filter(|call| call.is_ok())
            .and_then(|call| call.truth.as_ref());
        if failure == Failure::TaskDeleted {
            return self.check_deleted(polls);
        }
        let Some((call, truth)) = reading.and_then(|call| Some((call, call.truth.as_ref()?)))
        else {
            return Err("there is no reading".to_owned());
        };
        let Some(told) = call.reading() else {
            return Err("there is no reading".to_owned());
        };
        // What the numbers told may have been wrong where no status was read.
        let ended = truth.stage == Stage::Ended
            || truth.switch.is_some()
            || (seen.is_none() && truth.is_lie);
        let max_offset = self.rules.condition.max_offset;
        let switch = seen.map(Truth::ip_switch);
        let holds = match failure {
            Failure::TaskDeleted => false,
            Failure::TaskFailed => seen.is_some_and(|truth| truth.class() == StatusClass::Failed),
            Failure::StoppedShort => {
                let forgets =
                    matches!(self.migration().progress, Progress::UpTo(_)) || self.is_flaky();
                ended && !truth.migrating && (truth.percent < 100.0 || forgets)
            }
            Failure::StoppedOutOfSync => {
                ended
                    && !truth.migrating
                    && told
                        .offset
                        .is_some_and(|offset| !(0..=max_offset).contains(&offset))
            }
            Failure::StoppedBeforeInSync => {
                self.rules.condition.goal == Goal::InSync && ended && !truth.migrating
            }
            Failure::AlreadySwitched => switch == Some(IpSwitch::Switched),
            Failure::RolledBack => switch == Some(IpSwitch::RolledBack),
            Failure::KeysMissing => {
                let three = polls.iter().filter_map(|poll| poll.judged).rev().take(3);
                let readings: Vec<&Reading> = three
                    .filter_map(|at| {
                        self.stats
                            .iter()
                            .find(|call| call.asked == at)
                            .and_then(|call| call.reading())
                    })
                    .collect();
                let limit = self.rules.condition.max_missing_keys;
                ended
                    && readings.len() == 3
                    && readings.iter().all(|reading| lacks_keys(limit, reading))
            }
        };
        ensure!(holds, "there was hope: {truth:?}, status {seen:?}");
        Ok(())
    }

    /// The status told it, or the API did not know the task three times in a row.
    fn check_deleted(&self, polls: &[&'a Poll]) -> Verdict {
        let poll = polls[polls.len() - 1];
        let status = self
            .details
            .iter()
            .rfind(|call| call.answered() <= poll.now);
        let seen = status
            .filter(|call| call.is_ok())
            .and_then(|call| call.truth.as_ref());
        let told = seen.is_some_and(|truth| truth.class() == StatusClass::Deleted);
        let forgotten = in_a_row(polls, |poll| poll.failed == Some(Class::UnknownTask));
        ensure!(told || forgotten, "it is there: {seen:?}");
        Ok(())
    }

    fn migration(&self) -> &'a super::truth::Migration {
        &self.run.world.script.tasks[self.task]
    }

    fn is_flaky(&self) -> bool {
        self.run.world.script.flaky > 0
    }

    /// Ends that the API's refusals, a silence or a standstill make.
    fn check_other_end(&self, state: &State, polls: &[&'a Poll], outcome: &Outcome) -> Verdict {
        let poll = polls[polls.len() - 1];
        let was_read = polls.iter().any(|poll| poll.judged.is_some());
        let three = |wanted: &dyn Fn(Class) -> bool| {
            in_a_row(polls, |poll| poll.failed.is_some_and(wanted))
        };
        let calls = || {
            state
                .calls
                .iter()
                .filter(|call| call.answered() <= poll.now)
        };
        let refused = |wanted: Class| calls().any(|call| call.refusal() == Some(wanted));
        match outcome {
            Outcome::UnknownTask(_) => {
                ensure!(
                    !was_read && three(&|class| class == Class::UnknownTask),
                    "unknown, and not three times"
                );
            }
            Outcome::Rejected(error) if error.class == Class::NotFound => {
                ensure!(
                    !was_read && refused(Class::NotFound),
                    "404 ended a wait that had read the task"
                );
            }
            Outcome::Rejected(_) => ensure!(refused(Class::Rejected), "rejected, and nobody did"),
            Outcome::Denied(error) if error.class == Class::Forbidden => {
                let three = three(&|class| class == Class::Forbidden);
                ensure!(
                    three || (!was_read && refused(Class::Forbidden)),
                    "a 403 in mid-wait was not the third"
                );
            }
            Outcome::Denied(_) => {
                let sessions = calls()
                    .filter(|call| call.refusal() == Some(Class::Unauthenticated))
                    .count();
                ensure!(
                    refused(Class::Denied) || sessions >= 2,
                    "denied, and nobody refused"
                );
            }
            Outcome::Unreachable(None, _) => {
                ensure!(
                    was_read && three(&|class| class == Class::NotFound),
                    "unreachable, and not three times 404"
                );
            }
            Outcome::Unreachable(Some(outage), _) => {
                let recent = polls.iter().rfind(|poll| poll.judged.is_some());
                let silent = recent.is_none_or(|recent| recent.now + *outage <= poll.now);
                ensure!(
                    silent,
                    "unreachable, and it answered at {:?}",
                    recent.map(|poll| poll.now)
                );
            }
            Outcome::Stalled(stall) => {
                // The first of these may be the improvement that the time is counted from.
                let since = polls
                    .iter()
                    .filter(|poll| poll.now + *stall > poll.now.max(polls[polls.len() - 1].now));
                let percents: Vec<f64> = since
                    .filter_map(|poll| poll.judged)
                    .filter_map(|at| {
                        self.stats
                            .iter()
                            .find(|call| call.asked == at)?
                            .reading()?
                            .full_migration_progress
                    })
                    .collect();
                let moved =
                    percents.windows(2).skip(1).any(|two| two[1] > two[0]) && !self.is_flaky();
                ensure!(!moved, "stalled, while the copy went on: {percents:?}");
            }
            Outcome::TimedOut => {
                let by_world = poll.now == state.awake(self.rules.deadline);
                ensure!(by_world, "out of time at {:?}", poll.now);
            }
            Outcome::Ready
            | Outcome::Failed(_)
            | Outcome::Cancelled(_)
            | Outcome::InvalidInput(_)
            | Outcome::InternalError(_) => {
                return Err(format!("no task ends by itself as {outcome:?}"));
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyCount {
    Source,
    Target,
}

impl KeyCount {
    fn of(self, reading: &Reading) -> Option<i64> {
        match self {
            Self::Source => reading.source_dbsize,
            Self::Target => reading.target_dbsize,
        }
    }
}

/// Whether the last three polls are such; one whose reading was too old is none.
fn in_a_row(polls: &[&Poll], wanted: impl Fn(&Poll) -> bool) -> bool {
    let mut newest = polls.iter().rev().filter(|poll| !poll.too_old);
    (0..3).all(|_| newest.next().is_some_and(|poll| wanted(poll)))
}

fn missing(reading: &Reading) -> Option<i64> {
    Some(reading.source_dbsize? - reading.target_dbsize?)
}

fn lacks_keys(limit: KeyLimit, reading: &Reading) -> bool {
    let Some((missing, source)) = missing(reading).zip(reading.source_dbsize) else {
        return false;
    };
    match limit {
        KeyLimit::Off => false,
        KeyLimit::Keys(most) => missing > 0 && missing as u64 > most,
        KeyLimit::Share(millionths) => missing as f64 * 1e6 > source as f64 * f64::from(millionths),
    }
}
