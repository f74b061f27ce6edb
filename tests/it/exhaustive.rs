//! Every sequence of readings, up to a depth, against the contract's rules written a second time.
//!
//! [`contract`] holds those rules as plain predicates over a whole history of polls: no counters that are carried along,
//! nothing taken from the code under test but its names. The walks compare the code with it after every poll of every
//! sequence, and check the invariants by name on the way.
//!
//! How all sequences can be walked although each reading has thousands of forms: [`Condition::check`] is a function of
//! one reading, its status and [`Past`], so two readings that agree at every `Past` can stand for each other in every
//! sequence. `members_of_a_class_are_indistinguishable` shows which do; the deep walks use one member of each class.
//!
//! `DCS_PROOF_DEPTH=n` walks n levels deeper (with `--release`, see `CONTRIBUTING.md`).

#![allow(clippy::print_stdout, reason = "a proof says how much it has walked")]

use contract::{End, History, Poll, Says, Terms};
use dcs_migration_wait::api::{ApiError, Class, Stats};
use dcs_migration_wait::condition::{Check, Condition, Failure, Goal, Past, Suspicion};
use dcs_migration_wait::migration::{Detail, Reading, Status};
use dcs_migration_wait::wait::{Outcome, Pace, Rules, StatusCheck, Step, Waiter};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The contract's rules, once more.
pub(crate) mod contract {
    use dcs_migration_wait::api::Class;
    use dcs_migration_wait::condition::{Failure, Goal};
    use dcs_migration_wait::migration::{Detail, Reading};
    use dcs_migration_wait::wait::StatusCheck;
    use std::time::Duration;

    /// What one reading and its status say, without any past.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Says {
        Ready,
        Wait,
        Failed(Failure),
        /// "wait; `failed` once it was seen migrating before and 3 readings agree"
        Looks(Bad),
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Bad {
        Short,
        OutOfSync,
        StoppedInSync,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Offset {
        Zero,
        Over,
        Unknown,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Progress {
        Full,
        Under,
        Unknown,
    }

    /// The contract's "Statuses".
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Word {
        NotStarted,
        FullSync,
        Migrating,
        Incremental,
        Stopping,
        Stopped,
        Succeeded,
        Failed,
        Released,
        Deleted,
        AnythingElse,
        NotKnown,
    }

    const WORDS: [(&str, Word); 15] = [
        ("CREATING", Word::NotStarted),
        ("RUNNING", Word::NotStarted),
        ("FULLMIGRATING", Word::FullSync),
        ("MIGRATING", Word::Migrating),
        ("INCRMIGEATING", Word::Incremental),
        ("INCRMIGRATING", Word::Incremental),
        ("TERMINATING", Word::Stopping),
        ("TERMINATED", Word::Stopped),
        ("SUCCESS", Word::Succeeded),
        ("MIGRATION_SUCCESS", Word::Succeeded),
        ("FAILED", Word::Failed),
        ("MIGRATION_FAILED", Word::Failed),
        ("ERROR", Word::Failed),
        ("RELEASED", Word::Released),
        ("DELETED", Word::Deleted),
    ];

    fn word(status: Option<&Detail>) -> Word {
        let Some(detail) = status else { return Word::NotKnown };
        WORDS.iter().find(|(word, _)| *word == detail.status.word()).map_or(Word::AnythingElse, |&(_, word)| word)
    }

    fn offset(reading: &Reading, max_offset: i64) -> Offset {
        match reading.offset {
            None => Offset::Unknown,
            Some(offset) if offset >= 0 && offset <= max_offset => Offset::Zero,
            Some(_) => Offset::Over,
        }
    }

    fn progress(reading: &Reading) -> Progress {
        match reading.full_migration_progress {
            None => Progress::Unknown,
            Some(percent) if percent < 100.0 => Progress::Under,
            Some(_) => Progress::Full,
        }
    }

    fn is_full_only(status: Option<&Detail>) -> bool {
        status.and_then(|detail| detail.migration_method.as_deref()) == Some("full_amount_migration")
    }

    /// A row of the contract's table for `completed`; an empty list stands for "any".
    struct Row(&'static [Offset], &'static [Progress], &'static [Word], Says);

    /// In the contract's order. The row of a full migration is in [`completed`], since it asks for the method too.
    ///
    /// The table is silent on one case, offset 0, progress unknown, released: unknown is not good, so it waits.
    const COMPLETED: [Row; 9] = {
        use Progress::{Full, Under, Unknown};
        use Word as W;
        [
            Row(&[Offset::Zero], &[Full, Unknown], &[W::Succeeded, W::Stopped], Says::Ready),
            Row(&[Offset::Zero], &[Full, Unknown], &[W::NotKnown], Says::Ready),
            Row(&[Offset::Zero], &[Full], &[W::Released], Says::Ready),
            Row(&[Offset::Zero], &[Under], &[W::NotKnown], Says::Looks(Bad::Short)),
            Row(&[], &[], &[W::Failed], Says::Failed(Failure::TaskFailed)),
            Row(&[], &[], &[W::Deleted], Says::Failed(Failure::TaskDeleted)),
            Row(
                &[Offset::Zero],
                &[Under],
                &[W::Succeeded, W::Stopped, W::Released],
                Says::Failed(Failure::StoppedShort),
            ),
            Row(
                &[Offset::Over],
                &[],
                &[W::Succeeded, W::Stopped, W::Released],
                Says::Failed(Failure::StoppedOutOfSync),
            ),
            Row(&[Offset::Over], &[], &[W::NotKnown], Says::Looks(Bad::OutOfSync)),
        ]
    };

    /// `completed`, for a reading that has `is_migrating` false.
    fn completed(reading: &Reading, status: Option<&Detail>, max_offset: i64) -> Says {
        let (offset, progress, word) = (offset(reading, max_offset), progress(reading), word(status));
        if offset == Offset::Unknown && word == Word::Succeeded && is_full_only(status) {
            return Says::Ready;
        }
        let rows = COMPLETED.iter().filter(|Row(offsets, progresses, words, _)| {
            (offsets.is_empty() || offsets.contains(&offset))
                && (progresses.is_empty() || progresses.contains(&progress))
                && words.contains(&word)
        });
        let says: Vec<Says> = rows.map(|Row(_, _, _, says)| *says).collect();
        assert!(says.len() <= 1, "the table contradicts itself");
        says.first().copied().unwrap_or(Says::Wait)
    }

    /// What one reading says about the goal, together with the status that belongs to it (`None`: not known).
    pub(crate) fn says(goal: Goal, max_offset: i64, reading: &Reading, status: Option<&Detail>) -> Says {
        let word = word(status);
        // Also while it still migrates, or nobody knows: no goal can follow (ARCHITECTURE.md).
        if word == Word::Failed {
            return Says::Failed(Failure::TaskFailed);
        }
        if word == Word::Deleted {
            return Says::Failed(Failure::TaskDeleted);
        }
        // "A reading with `is_migrating` unknown never makes ready", and shows nothing else either.
        let Some(is_migrating) = reading.is_migrating else { return Says::Wait };
        let ended = matches!(word, Word::Succeeded | Word::Stopped | Word::Released);
        let full = progress(reading) == Progress::Full;
        match (goal, is_migrating) {
            (Goal::Completed, true) => Says::Wait,
            (Goal::Completed, false) => completed(reading, status, max_offset),
            // "still migrating, the full copy is done and offset <= max-offset"; no status may contradict that, and the
            // incremental phase shows a full copy whose percentage is not told.
            (Goal::InSync, true) => {
                let agrees = matches!(word, Word::NotKnown | Word::Migrating | Word::Incremental);
                let copied = full || (progress(reading) == Progress::Unknown && word == Word::Incremental);
                let ready = agrees && copied && offset(reading, max_offset) == Offset::Zero;
                if ready { Says::Ready } else { Says::Wait }
            }
            // "fail on the same terminal evidence; also on a task that was stopped in sync". Without a status, zeros alone
            // could be a task that has not begun.
            (Goal::InSync, false) => match completed(reading, status, max_offset) {
                Says::Failed(failure) => Says::Failed(failure),
                Says::Ready | Says::Wait | Says::Looks(_) if ended => Says::Failed(Failure::StoppedBeforeInSync),
                Says::Ready if full => Says::Failed(Failure::StoppedBeforeInSync),
                Says::Ready => Says::Looks(Bad::StoppedInSync),
                Says::Looks(bad) => Says::Looks(bad),
                Says::Wait => Says::Wait,
            },
            // A task that waits to be configured has copied nothing, whatever its numbers are.
            (Goal::FullSync, _) if word == Word::NotStarted => Says::Wait,
            (Goal::FullSync, _) if full => Says::Ready,
            (Goal::FullSync, true) => Says::Wait,
            // An ended task under 100 % is short, whatever its offset is; one of unknown percentage fails where
            // `completed` does.
            (Goal::FullSync, false) => match progress(reading) {
                Progress::Under if ended => Says::Failed(Failure::StoppedShort),
                Progress::Under if word == Word::NotKnown => Says::Looks(Bad::Short),
                Progress::Under | Progress::Full => Says::Wait,
                Progress::Unknown => match completed(reading, status, max_offset) {
                    Says::Ready | Says::Wait => Says::Wait,
                    says @ (Says::Failed(_) | Says::Looks(_)) => says,
                },
            },
        }
    }

    /// Whether there is a status with which the reading would be ready.
    pub(crate) fn could_show(goal: Goal, max_offset: i64, reading: &Reading) -> bool {
        let (offset, progress) = (offset(reading, max_offset), progress(reading));
        match goal {
            Goal::Completed => {
                reading.is_migrating == Some(false)
                    && (offset == Offset::Unknown || (offset == Offset::Zero && progress != Progress::Under))
            }
            Goal::InSync => reading.is_migrating == Some(true) && offset == Offset::Zero && progress != Progress::Under,
            Goal::FullSync => reading.is_migrating.is_some() && progress == Progress::Full,
        }
    }

    /// The least that a reading must show to count, said without the table.
    pub(crate) fn is_evidence(goal: Goal, max_offset: i64, reading: &Reading, status: Option<&Detail>) -> bool {
        let in_limit = reading.offset.is_some_and(|offset| (0..=max_offset).contains(&offset));
        let percent = reading.full_migration_progress;
        let at_100 = percent.is_some_and(|percent| percent >= 100.0);
        let word = status.map(|detail| detail.status.word());
        let says = |words: &[&str]| word.is_some_and(|word| words.contains(&word));
        if says(&["FAILED", "MIGRATION_FAILED", "ERROR", "DELETED", "CREATING", "RUNNING"]) {
            return false;
        }
        match goal {
            Goal::Completed => {
                reading.is_migrating == Some(false)
                    && ((in_limit && (at_100 || percent.is_none()))
                        || (reading.offset.is_none()
                            && says(&["SUCCESS", "MIGRATION_SUCCESS"])
                            && is_full_only(status)))
            }
            Goal::InSync => {
                reading.is_migrating == Some(true)
                    && in_limit
                    && (at_100 || (percent.is_none() && says(&["INCRMIGEATING", "INCRMIGRATING"])))
            }
            Goal::FullSync => reading.is_migrating.is_some() && at_100,
        }
    }

    /// What the user asked for, as far as it decides ends.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Terms {
        pub(crate) goal: Goal,
        pub(crate) max_offset: i64,
        pub(crate) stable_polls: usize,
        pub(crate) status_check: StatusCheck,
        pub(crate) max_interval: Duration,
        pub(crate) max_outage: Duration,
    }

    /// What came of one look.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Poll<'a> {
        /// When it was begun, when its stats came, and when all of it was there.
        pub(crate) began: Duration,
        pub(crate) read: Duration,
        pub(crate) ended: Duration,
        pub(crate) stats: Result<&'a Reading, Class>,
        /// What the other endpoint says if it is asked.
        pub(crate) status: Result<&'a Detail, Class>,
    }

    /// How a task's wait ends.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum End {
        Ready,
        Failed(Failure),
        UnknownTask,
        Rejected,
        Denied,
        Unreachable,
    }

    /// A poll, and what kind of poll it is in the light of those before it.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Fact<'a> {
        pub(crate) poll: Poll<'a>,
        /// The status was to be read.
        pub(crate) asked: bool,
        /// What the status endpoint taught: a status, or that there is none to be had; outermost `None` for nothing.
        status: Option<Option<&'a Detail>>,
        /// The status as it is known by now.
        pub(crate) known: Option<&'a Detail>,
        /// The class of a failed poll; `None` for a reading.
        pub(crate) failed: Option<Class>,
        /// What the reading says; of no meaning for a failed poll.
        pub(crate) says: Says,
    }

    /// All polls of one task. Everything below asks the whole of it.
    #[derive(Debug, Clone)]
    pub(crate) struct History<'a> {
        pub(crate) terms: Terms,
        pub(crate) facts: Vec<Fact<'a>>,
    }

    const FIVE_MINUTES: Duration = Duration::from_secs(300);

    impl<'a> History<'a> {
        pub(crate) fn new(terms: Terms) -> Self {
            Self { terms, facts: Vec::new() }
        }

        /// Whether this poll has to read the status, too.
        pub(crate) fn asks(&self, reading: &Reading, read: Duration) -> bool {
            let before = self.facts.iter().rev().find(|fact| fact.failed.is_none());
            let before = before.and_then(|fact| fact.poll.stats.ok()).and_then(|reading| reading.is_migrating);
            let asked = self.facts.iter().rev().find(|fact| fact.asked);
            // What may not be read is not asked for again.
            self.terms.status_check != StatusCheck::Off
                && !self.is_forbidden()
                && (asked.is_none_or(|fact| read - fact.poll.ended >= FIVE_MINUTES)
                    || before != reading.is_migrating
                    || reading.is_migrating == Some(false)
                    || could_show(self.terms.goal, self.terms.max_offset, reading))
        }

        fn is_forbidden(&self) -> bool {
            self.facts.iter().any(|fact| fact.asked && fact.poll.status == Err(Class::Forbidden))
        }

        /// Failed polls since the last reading.
        pub(crate) fn failures(&self) -> &[Fact<'a>] {
            let from = self.facts.iter().rposition(|fact| fact.failed.is_none()).map_or(0, |last| last + 1);
            &self.facts[from..]
        }

        /// The readings, oldest first.
        pub(crate) fn readings(&self) -> impl DoubleEndedIterator<Item = &Fact<'a>> {
            self.facts.iter().filter(|fact| fact.failed.is_none())
        }

        /// Adds a reading together with the status that belongs to it, whoever asked for it.
        pub(crate) fn push_sight(&mut self, reading: &'a Reading, status: Option<&'a Detail>) {
            let at = Duration::from_secs(self.facts.len() as u64);
            let answer = status.ok_or(Class::Transient { retry_after: None });
            let poll = Poll { began: at, read: at, ended: at, stats: Ok(reading), status: answer };
            let says = says(self.terms.goal, self.terms.max_offset, reading, status);
            self.facts.push(Fact { poll, asked: true, status: Some(status), known: status, failed: None, says });
        }

        pub(crate) fn push(&mut self, poll: Poll<'a>) {
            let asked = poll.stats.is_ok_and(|reading| self.asks(reading, poll.read));
            // Since a status was read: how often it could not be.
            let last_read = self.facts.iter().rposition(|fact| fact.status.is_some());
            let last_read = last_read.filter(|&at| self.facts[at].status.flatten().is_some());
            let lost = |at: usize| {
                let since = self.facts[at + 1..].iter();
                since.filter(|fact| fact.asked && fact.poll.stats.is_ok() && fact.poll.status.is_err()).count() >= 2
            };
            let (failed, status) = match (poll.stats, asked.then_some(poll.status)) {
                (Err(class), _) => (Some(class), None),
                (Ok(_), None) => (None, None),
                (Ok(_), Some(Ok(detail))) => (None, Some(Some(detail))),
                // What concerns the credential concerns both endpoints.
                (Ok(_), Some(Err(class @ (Class::Unauthenticated | Class::Denied)))) => (Some(class), None),
                (Ok(_), Some(Err(class))) if self.terms.status_check == StatusCheck::Require => {
                    // The stats of the same task answer: neither endpoint, region nor project can be wrong.
                    let class = if class == Class::Rejected { Class::Transient { retry_after: None } } else { class };
                    (Some(class), None)
                }
                (Ok(_), Some(Err(class))) if class != Class::Forbidden && last_read.is_some_and(|at| !lost(at)) => {
                    (Some(Class::Transient { retry_after: None }), None)
                }
                // Nobody says any more what has become of it.
                (Ok(_), Some(Err(_))) => (None, Some(None)),
            };
            let before = self.facts.iter().rev().find_map(|fact| fact.status).flatten();
            let known = status.unwrap_or(before);
            let says = match (failed, poll.stats) {
                // A status is newer than the reading that it belongs to. If it became incremental between the two, the
                // offset was told before it meant anything; only the percentage could say otherwise.
                (None, Ok(reading))
                    if self.terms.goal == Goal::InSync
                        && reading.is_migrating == Some(true)
                        && reading.full_migration_progress.is_none()
                        && word(before) != Word::Incremental
                        && word(known) == Word::Incremental =>
                {
                    Says::Wait
                }
                (None, Ok(reading)) => says(self.terms.goal, self.terms.max_offset, reading, known),
                (Some(_), _) | (_, Err(_)) => Says::Wait,
            };
            self.facts.push(Fact { poll, asked, status, known, failed, says });
        }

        /// A hole: failed polls between two readings that are more than three of the longest intervals apart.
        fn is_hole(&self, before: usize, after: usize) -> bool {
            after - before > 1
                && self.facts[after].poll.ended - self.facts[before].poll.ended > self.terms.max_interval * 3
        }

        /// Readings in a row, up to the last, that show the goal.
        pub(crate) fn stable(&self) -> usize {
            let mut row = 0;
            let mut after = None;
            for (at, fact) in self.facts.iter().enumerate().rev().filter(|(_, fact)| fact.failed.is_none()) {
                if fact.says != Says::Ready || after.is_some_and(|after| self.is_hole(at, after)) {
                    break;
                }
                row += 1;
                after = Some(at);
            }
            row
        }

        /// How the wait ends at the last poll, if it does.
        pub(crate) fn end(&self) -> Option<End> {
            let last = self.facts.last()?;
            let failures = self.failures();
            let so_many = |class: Class| failures.iter().filter(|fact| fact.failed == Some(class)).count();
            let Some(class) = last.failed else {
                return match last.says {
                    Says::Failed(failure) => Some(End::Failed(failure)),
                    Says::Looks(bad) => {
                        let agree = self.readings().rev().take(3).filter(|fact| fact.says == last.says).count() == 3;
                        let migrating =
                            |fact: &Fact<'_>| fact.poll.stats.is_ok_and(|reading| reading.is_migrating == Some(true));
                        let seen_migrating = self.readings().any(migrating);
                        (agree && seen_migrating).then_some(End::Failed(match bad {
                            Bad::Short => Failure::StoppedShort,
                            Bad::OutOfSync => Failure::StoppedOutOfSync,
                            Bad::StoppedInSync => Failure::StoppedBeforeInSync,
                        }))
                    }
                    Says::Ready => (self.stable() >= self.terms.stable_polls).then_some(End::Ready),
                    Says::Wait => None,
                };
            };
            let silent = last.poll.ended - failures[0].poll.began >= self.terms.max_outage;
            let unknown = failures.iter().rev().take_while(|fact| fact.failed == Some(Class::UnknownTask)).count();
            match class {
                Class::Denied | Class::Forbidden => Some(End::Denied),
                Class::Rejected => Some(End::Rejected),
                Class::Unauthenticated if so_many(class) >= 2 => Some(End::Denied),
                Class::UnknownTask if unknown >= 3 => Some(if self.readings().next().is_some() {
                    End::Failed(Failure::TaskDeleted)
                } else {
                    End::UnknownTask
                }),
                Class::Unauthenticated | Class::UnknownTask | Class::Transient { .. } | Class::Throttled { .. } => {
                    silent.then_some(End::Unreachable)
                }
            }
        }
    }
}

// The alphabet.

/// One poll: what the stats say, and what the status says if it is asked.
#[derive(Clone)]
struct Letter {
    stats: Result<Reading, Class>,
    status: Result<Detail, Class>,
    /// Since the poll before.
    pause: Duration,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stats {
            Ok(reading) => write!(
                f,
                "+{:?} migrating={:?} offset={:?} progress={:?}",
                self.pause, reading.is_migrating, reading.offset, reading.full_migration_progress
            )?,
            Err(class) => write!(f, "+{:?} stats: {class:?}", self.pause)?,
        }
        match &self.status {
            Ok(detail) => write!(f, " status={} {:?}", detail.status.word(), detail.migration_method),
            Err(class) => write!(f, " status: {class:?}"),
        }
    }
}

const MAX_OFFSET: i64 = 10;
const BUSY: Class = Class::Transient { retry_after: None };
const TOLD_TO_WAIT: Class = Class::Transient { retry_after: Some(Duration::from_secs(77)) };
const THROTTLED: Class = Class::Throttled { retry_after: Some(Duration::from_secs(77)) };
const CLASSES: [Class; 8] = [
    BUSY,
    TOLD_TO_WAIT,
    THROTTLED,
    Class::Unauthenticated,
    Class::Denied,
    Class::Forbidden,
    Class::UnknownTask,
    Class::Rejected,
];
const MODES: [StatusCheck; 3] = [StatusCheck::Auto, StatusCheck::Require, StatusCheck::Off];
const MIGRATING: [Option<bool>; 3] = [None, Some(true), Some(false)];

/// Every word of the contract, and three that are none of its words.
const WORDS: [&str; 18] = [
    "CREATING",
    "RUNNING",
    "FULLMIGRATING",
    "MIGRATING",
    "INCRMIGEATING",
    "INCRMIGRATING",
    "TERMINATING",
    "TERMINATED",
    "SUCCESS",
    "MIGRATION_SUCCESS",
    "FAILED",
    "MIGRATION_FAILED",
    "ERROR",
    "RELEASED",
    "DELETED",
    "EXCHANGING",
    "success",
    "",
];
/// One word of each class.
const CLASS_WORDS: [&str; 11] = [
    "RUNNING",
    "FULLMIGRATING",
    "MIGRATING",
    "INCRMIGEATING",
    "TERMINATING",
    "TERMINATED",
    "SUCCESS",
    "FAILED",
    "RELEASED",
    "DELETED",
    "EXCHANGING",
];
const METHODS: [Option<&str>; 4] =
    [None, Some("incremental_migration"), Some("full_amount_migration"), Some("Full_Amount_Migration")];

fn reading(is_migrating: Option<bool>, offset: Option<i64>, progress: Option<f64>) -> Reading {
    Reading { is_migrating, offset, full_migration_progress: progress, ..Reading::default() }
}

fn detail(word: &str, method: Option<&str>) -> Detail {
    Detail { status: Status::parse(word), task_status: None, migration_method: method.map(str::to_owned) }
}

fn readings(offsets: &[Option<i64>], percentages: &[Option<f64>]) -> Vec<Reading> {
    let mut all = Vec::new();
    for is_migrating in MIGRATING {
        for &offset in offsets {
            all.extend(percentages.iter().map(|&progress| reading(is_migrating, offset, progress)));
        }
    }
    all
}

/// Every value that could make a difference: limits, and what lies on both sides of them.
fn all_readings() -> Vec<Reading> {
    let offsets =
        [None, Some(0), Some(1), Some(MAX_OFFSET), Some(MAX_OFFSET + 1), Some(-1), Some(i64::MAX), Some(i64::MIN)];
    readings(&offsets, &[None, Some(0.0), Some(50.0), Some(99.999), Some(100.0)])
}

/// One value of each kind: unknown, within the limit, over it, negative; unknown, under, 100.
fn kinds_of_readings() -> Vec<Reading> {
    readings(&[None, Some(0), Some(MAX_OFFSET + 1), Some(-1)], &[None, Some(50.0), Some(100.0)])
}

fn details(words: &[&str], methods: &[Option<&str>]) -> Vec<Option<Detail>> {
    let known = words.iter().flat_map(|word| methods.iter().map(|&method| Some(detail(word, method))));
    std::iter::once(None).chain(known).collect()
}

fn all_details() -> Vec<Option<Detail>> {
    details(&WORDS, &METHODS)
}

fn kinds_of_details() -> Vec<Option<Detail>> {
    details(&CLASS_WORDS, &[Some("incremental_migration"), Some("full_amount_migration")])
}

/// How much deeper than usual to walk.
fn deeper() -> usize {
    std::env::var("DCS_PROOF_DEPTH").ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Says how much was walked, and that it was not less than it should be.
#[track_caller]
fn counted(what: &str, walked: u64, expected: u64) {
    println!("{what}: {walked}");
    if deeper() == 0 {
        assert_eq!(walked, expected, "{what}: another number than usual");
    } else {
        assert!(walked >= expected, "{what}: {walked} are less than the usual {expected}");
    }
}

// The condition.

/// A verdict, without the words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Ready,
    Wait,
    Failed(u8),
}

fn failed(failure: Failure) -> Verdict {
    Verdict::Failed(failure as u8)
}

fn verdict(check: Check) -> Verdict {
    match check {
        Check::Met => Verdict::Ready,
        Check::NotYet(_) => Verdict::Wait,
        Check::Failed(failure) => failed(failure),
    }
}

/// Every past that there can be within so many readings.
fn pasts(within: u32) -> Vec<Past> {
    let mut all = Vec::new();
    for seen_migrating in [false, true] {
        all.push(Past { seen_migrating, ..Past::default() });
        for suspicion in [Suspicion::Short, Suspicion::OutOfSync, Suspicion::StoppedInSync] {
            all.extend((1..=within).map(|agreeing| Past { seen_migrating, agreeing, suspicion: Some(suspicion) }));
        }
    }
    all
}

const LONGEST: u32 = 12;

/// A reading with its status, for walks of the condition.
type Sight = (Reading, Option<Detail>);

fn sights(readings: &[Reading], details: &[Option<Detail>]) -> Vec<Sight> {
    readings.iter().flat_map(|reading| details.iter().map(|detail| (reading.clone(), detail.clone()))).collect()
}

/// Sights in classes: two of one class give the same verdict and the same past at every past, and the contract says the
/// same of both. What is true of all sequences of first members is therefore true of all sequences.
fn classes(goal: Goal, sights: &[Sight]) -> Vec<Vec<&Sight>> {
    let condition = Condition { goal, max_offset: MAX_OFFSET };
    let pasts = pasts(LONGEST);
    let mut classes: BTreeMap<Vec<u64>, (Says, bool, Vec<&Sight>)> = BTreeMap::new();
    for sight @ (reading, detail) in sights {
        let behaviour = pasts.iter().map(|&past| {
            let check = condition.check(reading, detail.as_ref(), past);
            let after = past.after(reading, check);
            let verdict = match verdict(check) {
                Verdict::Ready => 0,
                Verdict::Wait => 1,
                Verdict::Failed(why) => 2 + u64::from(why),
            };
            let suspicion = after.suspicion.map_or(0, |suspicion| suspicion as u64 + 1);
            verdict | suspicion << 8 | u64::from(after.agreeing) << 16 | u64::from(after.seen_migrating) << 63
        });
        let says = contract::says(goal, MAX_OFFSET, reading, detail.as_ref());
        let migrates = reading.is_migrating == Some(true);
        let class = classes.entry(behaviour.collect()).or_insert_with(|| (says, migrates, Vec::new()));
        assert_eq!(
            (class.0, class.1),
            (says, migrates),
            "{goal}: the code cannot tell {sight:?} from {:?}",
            class.2[0]
        );
        class.2.push(sight);
    }
    classes.into_values().map(|(_, _, members)| members).collect()
}

#[test]
fn members_of_a_class_are_indistinguishable() {
    let sights = sights(&all_readings(), &all_details());
    let mut checked = 0;
    for goal in Goal::ALL {
        let classes = classes(goal, &sights);
        println!("{goal}: {} sights in {} classes", sights.len(), classes.len());
        assert_eq!(classes.iter().map(Vec::len).sum::<usize>(), sights.len());
        checked += (sights.len() * pasts(LONGEST).len()) as u64;
        // One value of each kind is enough to have every class.
        let kinds = self::sights(&kinds_of_readings(), &kinds_of_details());
        assert_eq!(self::classes(goal, &kinds).len(), classes.len(), "{goal}: a kind is missing");
    }
    counted("sights, each at every past", checked, 1_944_720);
}

/// Walks every sequence of sights as a tree, until its end, and compares each verdict with the contract's.
fn walk_condition(goal: Goal, sights: &[&Sight], depth: usize) -> u64 {
    fn descend<'a>(
        condition: Condition,
        sights: &[&'a Sight],
        depth: usize,
        past: Past,
        history: &mut History<'a>,
        walked: &mut u64,
    ) {
        for (reading, detail) in sights {
            history.push_sight(reading, detail.as_ref());
            *walked += 1;
            let check = condition.check(reading, detail.as_ref(), past);
            let expected = match history.end() {
                None => Verdict::Wait,
                Some(End::Failed(failure)) => failed(failure),
                Some(_) => Verdict::Ready,
            };
            let seen = || history.facts.iter().map(|fact| (fact.poll.stats.ok(), fact.known)).collect::<Vec<_>>();
            assert_eq!(verdict(check), expected, "{condition:?} after {:?}", seen());
            if depth > 1 && !matches!(check, Check::Failed(_)) {
                descend(condition, sights, depth - 1, past.after(reading, check), history, walked);
            }
            history.facts.pop();
        }
    }
    let mut walked = 0;
    let condition = Condition { goal, max_offset: MAX_OFFSET };
    descend(
        condition,
        sights,
        depth,
        Past::default(),
        &mut History::new(terms(&rules(goal, 1, StatusCheck::Auto))),
        &mut walked,
    );
    walked
}

#[test]
fn every_pair_of_kinds_of_readings_is_judged_as_the_contract_says() {
    let sights = sights(&kinds_of_readings(), &kinds_of_details());
    let sights: Vec<&Sight> = sights.iter().collect();
    let walked = Goal::ALL.map(|goal| walk_condition(goal, &sights, 2));
    counted("pairs of kinds of readings", walked.iter().sum(), 1_576_512);
}

#[test]
fn every_sequence_of_classes_of_readings_is_judged_as_the_contract_says() {
    let sights = sights(&all_readings(), &all_details());
    let walked = Goal::ALL.map(|goal| {
        let classes = classes(goal, &sights);
        let first: Vec<&Sight> = classes.iter().map(|members| members[0]).collect();
        walk_condition(goal, &first, 7 + deeper())
    });
    counted(&format!("sequences of up to {} classes of readings", 7 + deeper()), walked.iter().sum(), 1_589_962);
}

/// Whether a sight is ready, which must be so, or not, at every past.
fn is_ready(goal: Goal, reading: &Reading, detail: Option<&Detail>) -> bool {
    let condition = Condition { goal, max_offset: MAX_OFFSET };
    let met = |past| condition.check(reading, detail, past) == Check::Met;
    let fresh = met(Past::default());
    let long = Past { seen_migrating: true, agreeing: 5, suspicion: Some(Suspicion::OutOfSync) };
    assert_eq!(met(long), fresh, "{goal}: ready depends on the past for {reading:?} {detail:?}");
    fresh
}

fn is_word(detail: Option<&Detail>, words: &[&str]) -> bool {
    detail.is_some_and(|detail| words.contains(&detail.status.word()))
}

const NEVER_READY: [&str; 6] = ["CREATING", "RUNNING", "FAILED", "MIGRATION_FAILED", "ERROR", "DELETED"];
const SUCCEEDED: [&str; 2] = ["SUCCESS", "MIGRATION_SUCCESS"];
const INCREMENTAL: [&str; 2] = ["INCRMIGEATING", "INCRMIGRATING"];

/// Literally, "an unknown never helps" is not what the contract says: it names the cases in which the rest of the evidence
/// is enough. What holds exactly: an unknown `is_migrating` never helps; and taking knowledge away turns not ready into
/// ready in the contract's own rows for unknown values, listed here, and nowhere else.
#[test]
fn an_unknown_never_helps() {
    let (mut asked, mut helped) = (0, 0);
    for (goal, (reading, detail)) in with_goals(&sights(&all_readings(), &all_details())) {
        let ready = is_ready(goal, reading, detail.as_ref());
        let closed = reading.offset.is_some_and(|offset| (0..=MAX_OFFSET).contains(&offset));
        let under = reading.full_migration_progress.is_some_and(|percent| percent < 100.0);
        let full = reading.full_migration_progress == Some(100.0);
        let status = detail.as_ref();
        let full_only = status.is_some_and(Detail::is_full_only) && is_word(status, &SUCCEEDED);
        let mut lose = |what: &str, without: Reading, status: Option<&Detail>, allowed: bool| {
            asked += 1;
            let helps = !ready && is_ready(goal, &without, status);
            helped += u64::from(helps);
            assert_eq!(helps, allowed, "{goal}: losing {what} of {reading:?} {detail:?}");
        };

        lose("is_migrating", Reading { is_migrating: None, ..reading.clone() }, status, false);

        // "offset unknown, any progress, succeeded and full_amount_migration: ready"
        let allowed = goal == Goal::Completed && reading.is_migrating == Some(false) && full_only && !ready;
        lose("offset", Reading { offset: None, ..reading.clone() }, status, allowed);

        // "progress 100 or unknown"; and the incremental phase stands for a full copy whose percentage is not told.
        let allowed = closed
            && under
            && match goal {
                Goal::Completed => {
                    reading.is_migrating == Some(false)
                        && (status.is_none() || is_word(status, &SUCCEEDED) || is_word(status, &["TERMINATED"]))
                }
                Goal::InSync => reading.is_migrating == Some(true) && is_word(status, &INCREMENTAL),
                Goal::FullSync => false,
            };
        lose("progress", Reading { full_migration_progress: None, ..reading.clone() }, status, allowed);

        // "not known (`auto`, `off`)": the reading alone is enough, where no status contradicts it.
        let allowed = !ready
            && match goal {
                Goal::Completed => reading.is_migrating == Some(false) && closed && !under,
                Goal::InSync => reading.is_migrating == Some(true) && closed && full,
                Goal::FullSync => reading.is_migrating.is_some() && full,
            };
        lose("the status", reading.clone(), None, allowed);

        // A word that nobody knows is no agreement where one is asked for. `full-sync` asks for none: there it only takes
        // the place of the words that forbid it.
        let allowed = goal == Goal::FullSync && reading.is_migrating.is_some() && full && is_word(status, &NEVER_READY);
        lose("the meaning of the status", reading.clone(), Some(&self::detail("EXCHANGING", None)), allowed);
    }
    println!("knowledge taken away {asked} times; the contract's rows for unknown values apply {helped} times");
    counted("knowledge taken away", asked, 131_400);
}

/// What speaks for the goal never turns ready into not ready. The contract has one exception, which this test names: a full
/// migration that succeeded with its percentage under 100 is ready while its offset is unknown, and short once that is 0.
#[test]
fn more_evidence_never_turns_ready_into_not_ready_within_one_reading() {
    let (mut added, mut exceptions) = (0, 0);
    for (goal, (reading, detail)) in with_goals(&sights(&all_readings(), &all_details())) {
        if !is_ready(goal, reading, detail.as_ref()) {
            continue;
        }
        let mut gain = |what: &str, with: Reading, status: Option<&Detail>| {
            added += 1;
            if !is_ready(goal, &with, status) {
                exceptions += 1;
                let under = with.full_migration_progress.is_some_and(|percent| percent < 100.0);
                let named = goal == Goal::Completed && under && reading.offset.is_none();
                assert!(named, "{goal}: {what} turned {reading:?} {detail:?} into not ready");
            }
        };
        if reading.offset.is_none() {
            for offset in [0, 1, MAX_OFFSET] {
                gain("an offset", Reading { offset: Some(offset), ..reading.clone() }, detail.as_ref());
            }
        }
        if let Some(offset) = reading.offset.filter(|offset| (1..=MAX_OFFSET).contains(offset)) {
            for offset in 0..offset {
                gain("a smaller offset", Reading { offset: Some(offset), ..reading.clone() }, detail.as_ref());
            }
        }
        if reading.full_migration_progress.is_none() {
            let full_migration_progress = Some(100.0);
            gain("a full copy", Reading { full_migration_progress, ..reading.clone() }, detail.as_ref());
        }
        if detail.is_none() {
            let agrees: &[&str] = match goal {
                Goal::Completed => &["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED"],
                Goal::InSync => &["MIGRATING", "INCRMIGEATING", "INCRMIGRATING"],
                Goal::FullSync => &["FULLMIGRATING", "MIGRATING", "INCRMIGEATING", "SUCCESS", "TERMINATED", "RELEASED"],
            };
            for word in agrees {
                for method in METHODS {
                    gain("a status that agrees", reading.clone(), Some(&self::detail(word, method)));
                }
            }
        }
    }
    println!("evidence added {added} times; the contract's one exception {exceptions} times");
    counted("evidence added", added, 2_520);
    // offset 0, 1 and 10; 0, 50 and 99.999 percent; two words for success, one method.
    assert_eq!(exceptions, 3 * 3 * 2);
}

#[test]
fn ready_is_evidence_by_itself() {
    let mut ready = 0;
    for (goal, (reading, detail)) in with_goals(&sights(&all_readings(), &all_details())) {
        if is_ready(goal, reading, detail.as_ref()) {
            ready += 1;
            assert!(
                contract::is_evidence(goal, MAX_OFFSET, reading, detail.as_ref()),
                "{goal}: {reading:?} {detail:?}"
            );
        }
    }
    counted("sights that are ready", ready, 947);
}

#[test]
fn a_status_is_worth_reading_where_one_could_make_ready() {
    let details = all_details();
    for goal in Goal::ALL {
        for reading in all_readings() {
            let could = details.iter().any(|detail| is_ready(goal, &reading, detail.as_ref()));
            assert_eq!(could, contract::could_show(goal, MAX_OFFSET, &reading), "{goal}: {reading:?}");
        }
    }
}

fn with_goals(sights: &[Sight]) -> impl Iterator<Item = (Goal, &Sight)> {
    Goal::ALL.into_iter().flat_map(move |goal| sights.iter().map(move |sight| (goal, sight)))
}

// The waiter.

fn rules(goal: Goal, stable_polls: u32, status_check: StatusCheck) -> Rules {
    Rules {
        condition: Condition { goal, max_offset: MAX_OFFSET },
        stable_polls,
        status_check,
        pace: Pace { initial: Duration::from_secs(5), max: Duration::from_secs(30), multiplier: 1.5 },
        max_outage: Duration::from_secs(600),
        stall_timeout: None,
        request_timeout: Duration::from_secs(10),
        deadline: Duration::from_secs(1_000_000),
    }
}

fn terms(rules: &Rules) -> Terms {
    Terms {
        goal: rules.condition.goal,
        max_offset: rules.condition.max_offset,
        stable_polls: rules.stable_polls as usize,
        status_check: rules.status_check,
        max_interval: rules.pace.max,
        max_outage: rules.max_outage,
    }
}

const SOON: Duration = Duration::from_secs(1);

fn letter(stats: Result<Reading, Class>, status: Result<Detail, Class>) -> Letter {
    Letter { stats, status, pause: SOON }
}

fn error(class: Class) -> ApiError {
    ApiError { class, message: String::new(), advice: None }
}

/// Every poll of one kind: readings of each kind, statuses of each kind, and failures of each class at both endpoints.
fn kinds_of_polls(mode: StatusCheck) -> Vec<Letter> {
    let statuses: Vec<Result<Detail, Class>> = match mode {
        StatusCheck::Off => vec![Err(BUSY)],
        StatusCheck::Auto | StatusCheck::Require => {
            kinds_of_details().into_iter().flatten().map(Ok).chain(CLASSES.map(Err)).collect()
        }
    };
    let good = kinds_of_readings().into_iter();
    let good = good.flat_map(|reading| statuses.iter().map(move |status| letter(Ok(reading.clone()), status.clone())));
    good.chain(CLASSES.map(|class| letter(Err(class), Err(BUSY)))).collect()
}

/// One poll of each effect that the contract knows: what the stats are, whether they ask for a status, and what they say
/// with the one that they get.
fn effects_of_polls(goal: Goal, mode: StatusCheck) -> Vec<Letter> {
    let mut effects = BTreeMap::new();
    for letter in kinds_of_polls(mode) {
        let effect = match &letter.stats {
            Err(class) => format!("{class:?}"),
            Ok(reading) => {
                let says = |detail| contract::says(goal, MAX_OFFSET, reading, detail);
                let with_status = match &letter.status {
                    Ok(detail) => format!("{:?}", says(Some(detail))),
                    Err(class) => format!("{class:?}"),
                };
                let could = contract::could_show(goal, MAX_OFFSET, reading);
                format!("{:?} {could} {:?} {with_status}", reading.is_migrating, says(None))
            }
        };
        effects.entry(effect).or_insert(letter);
    }
    effects.into_values().collect()
}

/// The polls that a long wait is made of: for each thing that a poll can do to what is counted, the one that does it.
fn core_of_polls(goal: Goal) -> Vec<Letter> {
    let status = |word| Ok(detail(word, Some("incremental_migration")));
    let shows = match goal {
        Goal::Completed => letter(Ok(reading(Some(false), Some(0), Some(100.0))), status("TERMINATED")),
        Goal::InSync | Goal::FullSync => letter(Ok(reading(Some(true), Some(0), Some(100.0))), status("INCRMIGEATING")),
    };
    vec![
        shows,
        letter(Ok(reading(Some(true), Some(MAX_OFFSET + 1), Some(50.0))), status("MIGRATING")),
        letter(Ok(reading(None, Some(0), Some(100.0))), status("MIGRATING")),
        // Looks like a bad end where no status is to be had, and is a failed poll where one is required.
        letter(Ok(reading(Some(false), Some(0), Some(50.0))), Err(BUSY)),
        letter(Err(BUSY), Err(BUSY)),
        letter(Err(Class::UnknownTask), Err(BUSY)),
        letter(Err(Class::Unauthenticated), Err(BUSY)),
    ]
}

/// What a walk has seen.
#[derive(Debug, Default, Clone, Copy)]
struct Walked {
    /// Sequences: each prefix is one.
    sequences: u64,
    /// Those at which the wait ends.
    ends: u64,
    ready: u64,
}

/// Feeds every sequence of letters, up to its end or the depth, to a waiter, and holds each new poll against the contract.
fn walk(rules: &Rules, letters: &[Letter], depth: usize) -> Walked {
    walk_places(rules, &vec![letters; depth])
}

/// The same with other letters at each place.
fn walk_places(rules: &Rules, places: &[&[Letter]]) -> Walked {
    let depth = places.len();
    let mut walked = Walked::default();
    let mut word = vec![0; depth];
    let mut changed = 0;
    let mut history = History::new(terms(rules));
    loop {
        history.facts.truncate(changed);
        let mut waiter = Waiter::new(rules.clone(), Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut last = depth - 1;
        for at in 0..depth {
            let letter = &places[at][word[at]];
            now += letter.pause;
            let stable = waiter.stable();
            let look = look(&mut waiter, letter, now);
            if at >= changed {
                history.push(letter.poll(now));
                let seen = || (0..=at).map(|at| places[at][word[at]].clone()).collect::<Vec<_>>();
                judge(rules, &history, &waiter, stable, &look, &seen);
                walked.sequences += 1;
                walked.ends += u64::from(look.outcome().is_some());
                walked.ready += u64::from(look.outcome().is_some_and(Outcome::is_ready));
            }
            if look.outcome().is_some() {
                last = at;
                break;
            }
        }
        // The next sequence differs at `last`, or before.
        changed = last;
        loop {
            word[changed] += 1;
            if word[changed] < places[changed].len() {
                break;
            }
            word[changed] = 0;
            if changed == 0 {
                return walked;
            }
            changed -= 1;
        }
    }
}

/// What the waiter made of a poll.
struct Look {
    asked: bool,
    step: Step,
}

impl Look {
    fn outcome(&self) -> Option<&Outcome> {
        match &self.step {
            Step::Done(outcome) => Some(outcome),
            Step::StatsAt(_) | Step::StatusNow => None,
        }
    }
}

fn look(waiter: &mut Waiter, letter: &Letter, now: Duration) -> Look {
    waiter.begin_poll(now);
    let stats = letter.stats.clone().map(|reading| Stats { reading, raw: String::new() }).map_err(error);
    match waiter.handle_stats(now, now, stats) {
        Step::StatusNow => Look { asked: true, step: waiter.handle_status(now, letter.status.clone().map_err(error)) },
        step @ (Step::StatsAt(_) | Step::Done(_)) => Look { asked: false, step },
    }
}

impl Letter {
    fn poll(&self, now: Duration) -> Poll<'_> {
        let stats = self.stats.as_ref().map_err(|&class| class);
        let status = self.status.as_ref().map_err(|&class| class);
        Poll { began: now, read: now, ended: now, stats, status }
    }
}

/// An outcome, as the contract tells them apart.
pub(crate) fn end(outcome: &Outcome) -> Option<End> {
    match outcome {
        Outcome::Ready => Some(End::Ready),
        Outcome::Failed(failure) => Some(End::Failed(*failure)),
        Outcome::UnknownTask(_) => Some(End::UnknownTask),
        Outcome::Rejected(_) => Some(End::Rejected),
        Outcome::Denied(_) => Some(End::Denied),
        Outcome::Unreachable(..) => Some(End::Unreachable),
        Outcome::Stalled(_)
        | Outcome::TimedOut
        | Outcome::Cancelled(_)
        | Outcome::InvalidInput(_)
        | Outcome::InternalError(_) => None,
    }
}

/// The invariants, after one more poll.
fn judge(
    rules: &Rules,
    history: &History<'_>,
    waiter: &Waiter,
    stable_before: u32,
    look: &Look,
    seen: &dyn Fn() -> Vec<Letter>,
) {
    let Some(fact) = history.facts.last() else { return };
    let (now, outcome, expected) = (fact.poll.ended, look.outcome(), history.end());
    macro_rules! holds {
        ($invariant:ident, $holds:expr) => {
            assert!(
                $holds,
                "{} does not hold with {rules:?}\nafter {:#?}\nThe waiter says {:?}, stable {}; the contract {expected:?}.",
                stringify!($invariant),
                seen(),
                look.step,
                waiter.stable(),
            )
        };
    }
    let (goal, max_offset) = (rules.condition.goal, rules.condition.max_offset);

    holds!(the_status_is_read_where_the_contract_asks_for_it, look.asked == fact.asked);
    if outcome.is_some_and(Outcome::is_ready) {
        let wanted = rules.stable_polls as usize;
        let last: Vec<_> = history.readings().rev().take(wanted).collect();
        let shows = |fact: &&contract::Fact<'_>| {
            fact.poll.stats.is_ok_and(|reading| contract::is_evidence(goal, max_offset, reading, fact.known))
        };
        holds!(
            ready_implies_evidence_in_the_last_stable_polls_readings,
            last.len() == wanted && last.iter().all(shows) && fact.failed.is_none()
        );
        let forbidden = history.facts.iter().any(|fact| fact.asked && fact.poll.status == Err(Class::Forbidden));
        let confirmed = match rules.status_check {
            StatusCheck::Require => fact.asked && fact.known.is_some(),
            StatusCheck::Auto if forbidden => true,
            StatusCheck::Auto => fact.asked && (fact.known.is_some() || fact.poll.status.is_err()),
            StatusCheck::Off => true,
        };
        holds!(ready_implies_that_this_poll_asked_for_the_status_where_it_may, confirmed);
    }
    if let Some(Outcome::Failed(failure)) = outcome {
        holds!(failed_implies_terminal_evidence, is_terminal(history, *failure));
    }
    let fatal = matches!(fact.failed, Some(Class::Denied | Class::Forbidden | Class::Rejected))
        || matches!(fact.says, Says::Failed(_));
    holds!(fatal_ends_at_that_poll, !fatal || outcome.is_some());
    if fact.failed.is_some() {
        let untouched = waiter.stable() == stable_before && waiter.seen().is_none_or(|seen| seen.at < now);
        holds!(a_failed_poll_neither_counts_nor_resets, untouched);
    } else {
        let unknown = fact.poll.stats.is_ok_and(|reading| reading.is_migrating.is_none());
        holds!(a_reading_with_is_migrating_unknown_never_counts, !unknown || waiter.stable() == 0);
    }
    if fact.failed == Some(Class::Unauthenticated) {
        let before = history.failures().iter().filter(|fact| fact.failed == Some(Class::Unauthenticated)).count() - 1;
        let right = match &look.step {
            Step::StatsAt(at) => before == 0 && *at == now,
            Step::Done(outcome) => before == 1 && matches!(outcome, Outcome::Denied(_)),
            Step::StatusNow => false,
        };
        holds!(a_refusal_is_renewed_once_and_at_once, right || expected == Some(End::Unreachable));
    } else if let Step::StatsAt(at) = look.step {
        let told = match fact.failed {
            Some(Class::Transient { retry_after } | Class::Throttled { retry_after }) => {
                retry_after.unwrap_or_default()
            }
            Some(Class::Unauthenticated | Class::Denied | Class::Forbidden | Class::UnknownTask | Class::Rejected)
            | None => Duration::ZERO,
        };
        let (soonest, latest) = (rules.pace.initial.max(told), rules.pace.max.max(told));
        holds!(looks_keep_their_distance, (now + soonest..=now + latest).contains(&at));
    }
    let failed = history.facts.iter().filter(|fact| fact.failed.is_some()).count();
    let counts = waiter.polls() == history.facts.len() as u64 && waiter.failed_polls() == failed as u64;
    holds!(every_poll_is_counted_once, counts);
    holds!(the_row_of_readings_is_as_long_as_the_contract_says, waiter.stable() as usize == history.stable());
    holds!(the_wait_ends_where_the_contract_says_and_nowhere_else, outcome.map(end) == expected.map(Some));
}

/// Whether the last poll, or the last three, show an end that no goal can follow.
fn is_terminal(history: &History<'_>, failure: Failure) -> bool {
    let Some(last) = history.facts.last() else { return false };
    let says = |words: &[&str]| is_word(last.known, words);
    let readings: Vec<&Reading> = history.readings().filter_map(|fact| fact.poll.stats.ok()).collect();
    let seen_migrating = readings.iter().any(|reading| reading.is_migrating == Some(true));
    // An end that the status tells, or that three readings in a row show of a task that was once seen migrating.
    let ended = |looks: &dyn Fn(&Reading) -> bool| {
        let shows = |reading: &&Reading| reading.is_migrating == Some(false) && looks(reading);
        let told = says(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
        let shown = last.known.is_none()
            && seen_migrating
            && readings.iter().rev().take_while(|&reading| shows(reading)).count() >= 3;
        readings.last().is_some_and(shows) && (told || shown)
    };
    let under = |reading: &Reading| reading.full_migration_progress.is_some_and(|percent| percent < 100.0);
    let over = |reading: &Reading| reading.offset.is_some_and(|offset| !(0..=MAX_OFFSET).contains(&offset));
    match failure {
        Failure::TaskFailed => says(&["FAILED", "MIGRATION_FAILED", "ERROR"]),
        Failure::TaskDeleted => {
            let failures = history.failures().iter().rev();
            let unknown = failures.take_while(|fact| fact.failed == Some(Class::UnknownTask)).count();
            (last.failed.is_none() && says(&["DELETED"])) || (unknown >= 3 && !readings.is_empty())
        }
        Failure::StoppedShort => ended(&under),
        Failure::StoppedOutOfSync => ended(&over),
        // An IP switch needs a running task. A finished full copy shows that the task has been running.
        Failure::StoppedBeforeInSync => {
            let full = |reading: &Reading| reading.full_migration_progress == Some(100.0) && !over(reading);
            let finished = last.known.is_none()
                && readings.last().is_some_and(|reading| reading.is_migrating == Some(false) && full(reading));
            let told = ended(&|_| true) && last.known.is_some();
            history.terms.goal == Goal::InSync
                && (told || finished || ended(&|reading| !over(reading) && !under(reading)))
        }
    }
}

fn each_rules(stable_polls: &[u32], mut walk: impl FnMut(&Rules) -> Walked) -> Walked {
    let mut total = Walked::default();
    for goal in Goal::ALL {
        for mode in MODES {
            for &stable_polls in stable_polls {
                let walked = walk(&rules(goal, stable_polls, mode));
                total.sequences += walked.sequences;
                total.ends += walked.ends;
                total.ready += walked.ready;
            }
        }
    }
    total
}

#[track_caller]
fn counted_walk(what: &str, walked: Walked, expected: u64) {
    println!("{what}: of {} sequences {} end, {} of them ready", walked.sequences, walked.ends, walked.ready);
    assert!(walked.ready > 0 && walked.ends > walked.ready, "{what}: a walk that proves nothing");
    counted(what, walked.sequences, expected);
}

#[test]
fn every_kind_of_poll_by_itself() {
    let walked = each_rules(&[1, 2, 3], |rules| walk(rules, &kinds_of_polls(rules.status_check), 1));
    counted_walk("polls of every kind", walked, 19_980);
}

#[test]
fn every_pair_of_effects_of_polls() {
    let walked = each_rules(&[1, 2, 3], |rules| {
        let letters = effects_of_polls(rules.condition.goal, rules.status_check);
        walk(rules, &letters, 2 + deeper())
    });
    counted_walk(&format!("sequences of up to {} effects of polls", 2 + deeper()), walked, 105_327);
}

#[test]
fn every_kind_of_poll_after_every_effect() {
    let walked = each_rules(&[2], |rules| {
        let effects = effects_of_polls(rules.condition.goal, rules.status_check);
        walk_places(rules, &[&effects, &kinds_of_polls(rules.status_check)])
    });
    counted_walk("kinds of polls after each effect", walked, 400_400);
}

/// The deepest walk there is.
fn walk_core(goal: Goal, expected: u64) {
    let total = [(StatusCheck::Auto, 3), (StatusCheck::Require, 2), (StatusCheck::Off, 3), (StatusCheck::Off, 1)]
        .into_iter()
        .map(|(mode, stable_polls)| walk(&rules(goal, stable_polls, mode), &core_of_polls(goal), 6 + deeper()))
        .fold(Walked::default(), |sum, walked| Walked {
            sequences: sum.sequences + walked.sequences,
            ends: sum.ends + walked.ends,
            ready: sum.ready + walked.ready,
        });
    counted_walk(&format!("sequences of up to {} polls for {goal}", 6 + deeper()), total, expected);
}

#[test]
fn every_sequence_of_polls_for_completed() {
    walk_core(Goal::Completed, 409_528);
}

#[test]
fn every_sequence_of_polls_for_in_sync() {
    walk_core(Goal::InSync, 409_360);
}

#[test]
fn every_sequence_of_polls_for_full_sync() {
    walk_core(Goal::FullSync, 409_360);
}

/// The same with pauses on both sides of every limit in time: a hole of three of the longest intervals (90 s), the age of a
/// status (5 min), an outage (here 4 min).
#[test]
fn every_sequence_of_polls_and_pauses() {
    let core = core_of_polls(Goal::InSync);
    let after = |letter: usize, seconds| Letter { pause: Duration::from_secs(seconds), ..core[letter].clone() };
    let (shows, open, busy, refused) = (0, 1, 4, 6);
    let stale = Letter { status: Ok(detail("FAILED", None)), ..after(open, 300) };
    let letters = [
        after(shows, 45),
        after(shows, 46),
        after(open, 299),
        stale,
        after(busy, 45),
        after(busy, 195),
        after(refused, 1),
    ];
    let mut total = Walked::default();
    for stable_polls in [2, 3] {
        let rules =
            Rules { max_outage: Duration::from_secs(240), ..rules(Goal::InSync, stable_polls, StatusCheck::Auto) };
        let walked = walk(&rules, &letters, 5 + deeper());
        total.sequences += walked.sequences;
        total.ends += walked.ends;
        total.ready += walked.ready;
    }
    counted_walk(&format!("sequences of up to {} polls with pauses", 5 + deeper()), total, 14_700);
}

/// A failure that may pass, put in anywhere, changes neither how the wait ends nor at which reading.
#[test]
fn a_failed_poll_neither_counts_nor_resets_wherever_it_comes() {
    let ends_at = |rules: &Rules, letters: &[&Letter]| {
        let mut waiter = Waiter::new(rules.clone(), Duration::ZERO);
        let mut readings = 0;
        for (n, letter) in letters.iter().enumerate() {
            let look = look(&mut waiter, letter, Duration::from_secs(n as u64));
            readings += usize::from(letter.stats.is_ok());
            if let Some(outcome) = look.outcome() {
                return (end(outcome), readings, waiter.stable());
            }
        }
        (None, readings, waiter.stable())
    };
    let mut compared = 0;
    let depth = 4;
    each_rules(&[2], |rules| {
        let letters: Vec<Letter> =
            core_of_polls(rules.condition.goal).into_iter().filter(|letter| letter.stats.is_ok()).collect();
        // `require` without a status is a failed poll itself.
        let mut words = vec![Vec::new()];
        for _ in 0..depth {
            words = words
                .iter()
                .flat_map(|word: &Vec<&Letter>| letters.iter().map(move |letter| [&word[..], &[letter]].concat()))
                .collect();
        }
        for word in &words {
            let without = ends_at(rules, word);
            for class in [BUSY, TOLD_TO_WAIT, Class::UnknownTask, Class::Unauthenticated] {
                let failure = letter(Err(class), Err(BUSY));
                for place in 0..depth {
                    let mut with = word.clone();
                    with.insert(place, &failure);
                    compared += 1;
                    assert_eq!(ends_at(rules, &with), without, "{class:?} at {place} of {word:#?} with {rules:?}");
                }
            }
        }
        Walked::default()
    });
    counted("failed polls put in", compared, 36_864);
}
