//! The state machine, held against the model: sequences of polls in which either endpoint fails, answers late, or is
//! not asked for long.
//!
//! A [`Trace`] writes down what was answered when, and says from the tables what has to follow. Every sequence is played
//! from its beginning, since a [`TaskPoller`] cannot be copied; [`Choices`] counts them through.

mod worlds;

use super::{Found, detail, in_parallel, in_words};
use crate::model::{Kind, LastPoll, Model, Says, Sight, Table, Terms, kind};
use dcs_migration_wait::api::{ApiError, Class, Stats};
use dcs_migration_wait::domain::{Condition, Detail, Goal, KeyLimit, Reading};
use dcs_migration_wait::outcome::Outcome;
use dcs_migration_wait::wait::{PollSettings, Rules, StatusCheck, Step, TaskPoller};
use std::time::Duration;
use worlds::*;

const MILLISECOND: Duration = Duration::from_millis(1);
const ROUND_TRIP: Duration = Duration::from_millis(100);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const KEYS: KeyLimit = KeyLimit::Share(100_000);
const ENOUGH: u64 = 300_000;

/// freshness.tbl and refusals.tbl.
struct Tables {
    freshness: Table,
    refusals: Table,
}

impl Tables {
    fn read() -> Self {
        let freshness = [
            ("status-check", &["off", "auto", "require"] as _),
            ("reading", &["fresh", "stale"] as _),
            ("status", &["ok", "failed", "not-asked"] as _),
            ("late", &["no", "yes"] as _),
            ("failures", &["fewer", "3"] as _),
        ];
        let refusals = [
            ("answer", &["403", "404", "4133", "400", "else"] as _),
            ("readings", &["none", "unjudged", "judged"] as _),
            ("in a row", &["fewer", "unsure", "third"] as _),
        ];
        Self {
            freshness: Table::parse(include_str!("../model/freshness.tbl"), &freshness),
            refusals: Table::parse(include_str!("../model/refusals.tbl"), &refusals),
        }
    }
}

/// What the contract lets follow.
#[derive(Debug, Clone, PartialEq)]
enum Expected {
    /// Another poll.
    GoesOn,
    /// Another poll at once.
    Again,
    Ends(String),
    /// Another poll, or one of these ends.
    Either(Vec<String>),
}

/// What one poll was.
#[derive(Debug, Clone, Copy, PartialEq)]
enum PollHistory {
    Judged,
    Unjudged,
    /// No reading; where the answer is in refusals.tbl.
    Refused(usize),
}

/// Everything that was answered so far.
struct Trace<'a> {
    model: &'a Model,
    tables: &'a Tables,
    rules: &'a Rules,
    terms: Terms,
    readings: Vec<LastPoll>,
    polls: Vec<PollHistory>,
    /// When the newest judged reading was asked for.
    judged_asked: Option<Duration>,
    /// The status as it was last read; none after three failures in a row.
    known: Option<Detail>,
    known_at: Option<Duration>,
    status_failures: u32,
}

/// The answer to the request for the status, if there was one.
type Answer<'a> = Option<(Duration, Result<&'a Detail, Class>)>;

/// The ends of refusals.tbl.
const REFUSED: [&str; 4] = [
    "invalid-input",
    "denied",
    "unreachable",
    "failed task-deleted",
];

impl<'a> Trace<'a> {
    fn new(model: &'a Model, tables: &'a Tables, rules: &'a Rules) -> Self {
        let Condition {
            goal,
            max_offset,
            max_missing_keys,
        } = rules.condition;
        Self {
            model,
            tables,
            rules,
            terms: Terms::new(goal, max_offset, max_missing_keys),
            readings: Vec::new(),
            polls: Vec::new(),
            judged_asked: None,
            known: None,
            known_at: None,
            status_failures: 0,
        }
    }

    fn status_check(&self) -> usize {
        match self.rules.status_check {
            StatusCheck::Off => 0,
            StatusCheck::Auto => 1,
            StatusCheck::Require => 2,
        }
    }

    /// "On the first poll, when `is_migrating` changes, before any `ready`, and every 5 minutes". What is ready is asked
    /// about once the poll is judged.
    fn has_to_ask(&self, reading: &Reading, now: Duration) -> bool {
        let is_given_up = self.status_check() == 1 && 3 <= self.status_failures;
        if self.status_check() == 0 || is_given_up {
            return false;
        }
        let judged = self
            .readings
            .iter()
            .rev()
            .find(|seen| seen.judged.is_some());
        let before = judged.map(|seen| seen.sight.migrating);
        let changed = before != Some(self.sight(reading, None).migrating);
        let is_old = self.known_at.is_none_or(|at| at + FIVE_MINUTES <= now);
        changed || is_old || self.rules.condition.goal == Goal::Switched
    }

    fn sight(&self, reading: &Reading, detail: Option<&Detail>) -> Sight {
        self.model.sight(self.terms, reading, detail)
    }

    /// A request for the reading was refused, or not answered.
    fn refused(&mut self, class: Class) -> Expected {
        let answer = match class {
            Class::Forbidden => 0,
            Class::NotFound => 1,
            Class::UnknownTask => 2,
            Class::Rejected => 3,
            Class::Transient { .. }
            | Class::Throttled { .. }
            | Class::Unauthenticated
            | Class::Denied => 4,
        };
        self.polls.push(PollHistory::Refused(answer));
        let readings = if self.polls.contains(&PollHistory::Judged) {
            2
        } else {
            usize::from(self.polls.contains(&PollHistory::Unjudged))
        };
        let same = |poll: &&PollHistory| **poll == PollHistory::Refused(answer);
        let in_a_row = self.polls.iter().rev().take_while(same).count();
        let at_most = self
            .polls
            .iter()
            .rev()
            .take_while(|poll| **poll != PollHistory::Judged)
            .filter(same)
            .count();
        let row = match (in_a_row, at_most) {
            (3.., _) => 2,
            (_, 3..) => 1,
            _ => 0,
        };
        let end = |readings, row| self.tables.refusals.first(&[answer, readings, row]).1[0].clone();
        match end(readings, row).as_str() {
            "goes on" => Expected::GoesOn,
            "either" => Expected::Either(vec![end(0, 2), end(2, 2)]),
            end => Expected::Ends(end.to_owned()),
        }
    }

    /// A reading came, asked for and answered at these times, and maybe its status.
    fn read(
        &mut self,
        asked: Duration,
        answered: Duration,
        reading: &Reading,
        answer: Answer,
    ) -> Expected {
        let stale = longest_poll(self.rules) < answered - asked;
        let late = answer.is_some_and(|(at, status)| {
            longest_between(self.rules, status.is_ok()) < at - answered
        });
        let before = self.known.clone();
        let status = match answer {
            None => 2,
            Some((at, Ok(detail))) => {
                self.known = Some(detail.clone());
                self.known_at = Some(at);
                self.status_failures = 0;
                0
            }
            Some((_, Err(_))) => {
                self.status_failures += 1;
                1
            }
        };
        let enough = 3 <= self.status_failures;
        if enough && self.status_check() == 1 {
            self.known = None;
        }
        let row = [
            self.status_check(),
            usize::from(stale),
            status,
            usize::from(late),
            usize::from(enough),
        ];
        let (_, says) = self.tables.freshness.first(&row);
        let detail = match says[0].as_str() {
            "with" => self.known.clone(),
            "without" => None,
            other => {
                self.readings.push(LastPoll {
                    sight: self.sight(reading, None),
                    judged: None,
                });
                self.polls.push(PollHistory::Unjudged);
                // No age makes a failure of the task itself good.
                let bad = self.sight(reading, self.known.as_ref()).status;
                return match other {
                    "again" if status == 0 && bad == FAILED => {
                        Expected::Either(vec!["failed task-failed".to_owned()])
                    }
                    "again" => Expected::Again,
                    "failed" => Expected::GoesOn,
                    "refused" => Expected::Either(REFUSED.map(str::to_owned).to_vec()),
                    other => panic!("`{other}` says nothing about a poll"),
                };
            }
        };
        let mut sight = self.sight(reading, detail.as_ref());
        if self.sight(reading, before.as_ref()).status != sight.status
            && sight.status == INCREMENTAL
        {
            // Incremental only since after the reading was made: at the reading the phase was not known.
            sight.status = MIGRATING;
        }
        let after_hole = self
            .judged_asked
            .is_some_and(|before| self.rules.pace.max * 3 < asked - before);
        let judged = self
            .model
            .judge(self.terms, &self.readings, &sight, after_hole);
        self.readings.push(LastPoll {
            sight,
            judged: Some(judged),
        });
        self.polls.push(PollHistory::Judged);
        self.judged_asked = Some(asked);
        match judged.says {
            Says::Failed(kind) => Expected::Ends(failed(kind)),
            Says::Ready if self.rules.stable_polls <= judged.row => {
                Expected::Ends("ready".to_owned())
            }
            Says::Ready | Says::Wait | Says::WaitFor(_) | Says::Thrice(_) => Expected::GoesOn,
        }
    }

    /// What was answered, for a person who has to understand a disagreement.
    fn in_words(&self) -> String {
        let readings: Vec<_> = self
            .readings
            .iter()
            .map(|seen| (in_words(&seen.sight), seen.judged))
            .collect();
        format!("{:?} {readings:#?}", self.polls)
    }
}

const MIGRATING: usize = 2;
const INCREMENTAL: usize = 3;
const FAILED: usize = 7;

/// The failure in the words of the tables, where `TaskDeleted` is `task-deleted`.
fn failed(kind: Kind) -> String {
    let name = format!("{kind:?}");
    let dashed = name.chars().map(|c| {
        if c.is_uppercase() {
            format!("-{}", c.to_lowercase())
        } else {
            c.to_string()
        }
    });
    format!(
        "failed {}",
        dashed.collect::<String>().trim_start_matches('-')
    )
}

/// The name of an end, as the tables have it.
fn end(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ready => "ready".to_owned(),
        Outcome::Failed(failure) => failed(kind(*failure)),
        Outcome::UnknownTask(_) | Outcome::Rejected(_) => "invalid-input".to_owned(),
        Outcome::Denied(_) => "denied".to_owned(),
        Outcome::Unreachable(..) => "unreachable".to_owned(),
        Outcome::Stalled(_)
        | Outcome::TimedOut
        | Outcome::Cancelled(_)
        | Outcome::InvalidInput(_)
        | Outcome::InternalError(_) => format!("{outcome:?}"),
    }
}

fn takes(takes: Takes, bound: Duration) -> Duration {
    match takes {
        Takes::Short => ROUND_TRIP,
        Takes::Bound => bound,
        Takes::Long => bound + MILLISECOND,
    }
}

/// How long the answer to a request for the reading may take.
fn longest_poll(rules: &Rules) -> Duration {
    rules.request_timeout + Duration::from_secs(1)
}

/// How long after the reading's answer that of the status may come.
fn longest_between(rules: &Rules, is_ok: bool) -> Duration {
    let longest = rules.pace.initial.max(rules.request_timeout);
    if is_ok {
        longest
    } else {
        longest + Duration::from_secs(1)
    }
}

/// Plays one sequence of choices. An error is the first disagreement.
fn play(
    model: &Model,
    tables: &Tables,
    rules: &Rules,
    world: &World,
    choices: &mut Choices,
    trace_text: &mut Option<String>,
) -> Result<(), String> {
    let mut waiter = TaskPoller::seeded(rules.clone(), Duration::ZERO, 7);
    let mut trace = Trace::new(model, tables, rules);
    let mut at = Duration::ZERO;
    choices.at = 0;
    for _ in 0..world.polls {
        let hole = trace.judged_asked.map(|before| before + rules.pace.max * 3);
        at = match (choices.choose(&world.begins), hole) {
            (Begins::Next, _) | (_, None) => at,
            (Begins::AtHole, Some(hole)) => at.max(hole),
            (Begins::AfterHole, Some(hole)) => at.max(hole + MILLISECOND),
        };
        let (long, stats) = choices.choose(&world.stats);
        let mut now = at + takes(*long, longest_poll(rules));
        if let Some(trace_text) = trace_text.as_mut() {
            *trace_text += &format!("\n  {at:?}..{now:?} {stats:?}");
        }
        waiter.begin_poll(at);
        let answer = stats
            .clone()
            .map(|reading| Stats {
                reading,
                raw: "{}".to_owned(),
            })
            .map_err(error);
        let has_to_ask = stats
            .as_ref()
            .is_ok_and(|reading| trace.has_to_ask(reading, now));
        let mut step = waiter.handle_stats(at, now, answer);
        let is_asked = matches!(step, Step::StatusNow);
        let expected = match stats {
            Err(class) => trace.refused(*class),
            Ok(reading) => {
                let answered = now;
                let mut answer = None;
                if is_asked {
                    let (long, status) = choices.choose(&world.status);
                    now += takes(*long, longest_between(rules, status.is_ok()));
                    if let Some(trace_text) = trace_text.as_mut() {
                        *trace_text += &format!(", status at {now:?} {status:?}");
                    }
                    step = waiter.handle_status(now, status.clone().map_err(error));
                    answer = Some((now, status.as_ref().map_err(|class| *class)));
                }
                trace.read(at, answered, reading, answer)
            }
        };
        let fits = match (&step, &expected) {
            (Step::StatsAt(next), Expected::GoesOn | Expected::Either(_)) => now <= *next,
            (Step::StatsAt(next), Expected::Again) => *next == now,
            (Step::Done(outcome), Expected::Ends(expected)) => end(outcome) == *expected,
            (Step::Done(outcome), Expected::Either(ends)) => ends.contains(&end(outcome)),
            _ => false,
        };
        let unasked = trace
            .readings
            .last()
            .is_some_and(|seen| seen.judged.is_some_and(|it| it.says == Says::Ready))
            && trace.status_check() != 0
            && trace.known.is_some();
        let wrong = if !fits {
            format!("contract {expected:?}, code {}", in_short(&step))
        } else if stats.is_ok()
            && !is_asked
            && !matches!(expected, Expected::Again)
            && (has_to_ask || unasked)
        {
            "the status was not asked for".to_owned()
        } else {
            match step {
                Step::StatsAt(next) => at = next,
                Step::StatusNow | Step::Done(_) => return Ok(()),
            }
            continue;
        };
        if let Some(trace_text) = trace_text.as_mut() {
            *trace_text += &trace.in_words();
        }
        return Err(wrong);
    }
    Ok(())
}

fn in_short(step: &Step) -> String {
    match step {
        Step::StatsAt(_) => "goes on".to_owned(),
        Step::StatusNow => "asks for the status twice".to_owned(),
        Step::Done(outcome) => end(outcome),
    }
}

#[test]
fn polls_are_judged_as_the_model() {
    let (model, tables) = (&Model::read(), &Tables::read());
    let mut jobs: Vec<Box<dyn Fn() -> Found + Sync>> = Vec::new();
    for goal in Goal::ALL {
        for (status_check, stable_polls, initial) in [
            (StatusCheck::Auto, 1, 5),
            (StatusCheck::Auto, 3, 15),
            (StatusCheck::Require, 1, 15),
            (StatusCheck::Require, 3, 5),
            (StatusCheck::Off, 1, 5),
            (StatusCheck::Off, 3, 5),
        ] {
            // Any other is made `require`, or refused, before there is a wait.
            if goal == Goal::Switched && status_check != StatusCheck::Require {
                continue;
            }
            let rules = rules(goal, status_check, stable_polls, initial);
            for world in worlds(goal) {
                let rules = rules.clone();
                jobs.push(Box::new(move || walk(model, tables, &rules, &world)));
            }
        }
    }
    let found = in_parallel(&jobs);
    println!("{} sequences of polls", found.sequences);
    super::assert_agreement(&found);
    assert!(
        ENOUGH <= found.sequences,
        "{} sequences are not enough",
        found.sequences
    );
}

fn walk(model: &Model, tables: &Tables, rules: &Rules, world: &World) -> Found {
    let mut found = Found::default();
    let mut choices = Choices::default();
    let name = format!(
        "{}, {:?}, {}",
        rules.condition.goal, rules.status_check, world.name
    );
    loop {
        found.sequences += 1;
        if let Err(kind) = play(model, tables, rules, world, &mut choices, &mut None) {
            found
                .wrong
                .entry(format!("{name}: {kind}"))
                .or_insert_with(|| {
                    let mut trace_text = Some(String::new());
                    let _ = play(model, tables, rules, world, &mut choices, &mut trace_text);
                    trace_text.unwrap_or_default()
                });
        }
        if !choices.next() {
            return found;
        }
    }
}

/// A status that is unanswered when the time is up is no status, and one or two failures before it make none either.
#[test]
fn deadline_makes_nothing_ready() {
    for goal in Goal::ALL {
        for (failures, stable_polls) in [(0, 1), (1, 1), (2, 1), (0, 3), (2, 3)] {
            for pause in [MILLISECOND, Duration::from_secs(1), Duration::from_secs(9)] {
                let status_check = if goal == Goal::Switched {
                    StatusCheck::Require
                } else {
                    StatusCheck::Auto
                };
                let mut waiter = TaskPoller::seeded(
                    rules(goal, status_check, stable_polls, 5),
                    Duration::ZERO,
                    7,
                );
                let mut at = Duration::ZERO;
                for failed in 0..=failures {
                    waiter.begin_poll(at);
                    let stats = Stats {
                        reading: good(goal),
                        raw: "{}".to_owned(),
                    };
                    let step = waiter.handle_stats(at, at + ROUND_TRIP, Ok(stats));
                    assert!(matches!(step, Step::StatusNow), "{goal}: {step:?}");
                    if failed == failures {
                        break;
                    }
                    let step = waiter.handle_status(at + ROUND_TRIP * 2, Err(error(TRANSIENT)));
                    let Step::StatsAt(next) = step else {
                        panic!("{goal}, {failed} failures before: {step:?}")
                    };
                    at = next;
                }
                let step = waiter.handle_deadline(at + ROUND_TRIP + pause);
                let is_ready = matches!(&step, Some(Step::Done(outcome)) if outcome.is_ready());
                assert!(
                    !is_ready,
                    "{goal}, {failures} failures, unanswered for {pause:?}: {step:?}"
                );
            }
        }
    }
}
