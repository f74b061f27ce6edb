//! Whole waits, hours to days long, on a paused clock, against a scripted world with random faults.
//!
//! Everything about a run follows from its seed but one thing: the jitter of the delays is not seeded, as in production.
//! So a seed is replayed many times over, until it fails again: `DCS_SIM_SEED=n` does that and prints the run.
//! `DCS_SIM_RUNS=n` asks for another number of runs.
//!
//! The world knows at every moment what is true of a task ([`truth`]): which writes the source and the target have, what
//! stage the migration is in, whether the addresses are switched, how many keys there are. A run is held against that:
//!
//! - ready only where the goal was true at each reading that counts, when the server made it, not when it was answered; and
//!   only by readings and statuses that belong together ([`checks`]);
//! - failed only where no goal could follow; every other end only where the API, the clock or a signal made it;
//! - what was true and visible for long enough, undisturbed, has ended the wait;
//! - deadline and signals to the millisecond, the budget of requests in every window ([`ends`]), and every output says the
//!   same ([`sinks`]).
//!
//! Nothing depends on the wall clock: it stands still while days of simulated time pass, which is the same as a clock that is
//! set back by days in the middle of every run. The reports are stamped with ends before their start and a year late.
//!
//! What the world has thrown at the wait is counted ([`trials`]), so that a script that has become tame is noticed.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    reason = "a simulation says what it has seen, and which seed failed"
)]

mod checks;
mod ends;
mod script;
mod sinks;
mod trials;
mod truth;
mod world;

use dcs_migration_wait::outcome::Outcome;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use world::{Call, LogEntry, Run, play};

const RUNS: u64 = 10_000;

impl Run {
    /// The run in words, for somebody who has to find out what happened.
    fn tell(&self) -> String {
        let mut text = format!("{:#?}\n", self.world.script);
        self.world.state(|state| {
            for event in &state.events {
                let _ = match event {
                    LogEntry::Answered(call) => {
                        let Call {
                            what,
                            asked,
                            made,
                            answer,
                            ..
                        } = &state.calls[*call];
                        writeln!(text, "{asked:?} {what:?} as of {made:?} -> {answer:?}")
                    }
                    LogEntry::Polled(poll) => writeln!(text, "{poll:?}"),
                    LogEntry::Listed { .. }
                    | LogEntry::ListFailed
                    | LogEntry::Ended
                    | LogEntry::Stalled { .. } => {
                        writeln!(text, "{event:?}")
                    }
                };
            }
            for call in state.calls.iter().filter(|call| call.answer.is_none()) {
                let _ = writeln!(text, "{:?} {:?} -> no answer", call.asked, call.what);
            }
        });
        let _ = writeln!(text, "{:?} ended as {:?}", self.ended, self.outcome);
        text
    }

    fn kind(&self) -> String {
        match &self.outcome {
            Outcome::Failed(failure) => format!("failed: {failure:?}"),
            Outcome::Rejected(_) => "invalid-input: rejected".to_owned(),
            Outcome::UnknownTask(_) => "invalid-input: unknown task".to_owned(),
            Outcome::InvalidInput(_) => "invalid-input: nothing runs".to_owned(),
            outcome => outcome
                .word(Some(self.world.script.rules.condition.goal))
                .to_owned(),
        }
    }
}

/// What there is to say about a run, or about all of them.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    ends: BTreeMap<String, u64>,
    trials: BTreeMap<&'static str, u64>,
    time: Duration,
    polls: u64,
    /// Waits that went wrong in a way that is in [`KNOWN`].
    known: u64,
}

impl Tally {
    fn of(run: &Run) -> Self {
        Self {
            runs: 1,
            ends: BTreeMap::from([(run.kind(), 1)]),
            trials: run
                .trials()
                .into_iter()
                .map(|(name, met)| (name, u64::from(met)))
                .collect(),
            time: run.ended,
            polls: run.tasks.iter().map(|task| task.snapshot().polls).sum(),
            known: 0,
        }
    }

    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.time += other.time;
        self.polls += other.polls;
        self.known += other.known;
        for (end, n) in other.ends {
            *self.ends.entry(end).or_default() += n;
        }
        for (trial, n) in other.trials {
            *self.trials.entry(trial).or_default() += n;
        }
    }
}

/// What the contract allows although it may be wrong: such waits are counted, and fail nothing.
///
/// A progress that is missing counts as it was last known, also where that was 100 and the copy has begun again since.
const KNOWN: [&str; 1] = ["the full sync had begun again, untold"];

/// Plays a seed, and says what came of it; or what was wrong.
fn run(seed: u64) -> Result<Tally, String> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let run = play(seed);
        match run.check() {
            Ok(()) => Ok(Tally::of(&run)),
            Err(why)
                if KNOWN
                    .iter()
                    .any(|known| why.lines().next().unwrap_or_default().contains(known)) =>
            {
                Ok(Tally {
                    known: 1,
                    ..Tally::of(&run)
                })
            }
            Err(why) => Err(format!("{why}\n\n{}", run.tell())),
        }
    }));
    played.unwrap_or_else(|_| Err("a panic, see above".to_owned()))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// So many failures are enough to see what they have in common.
const ENOUGH_FAILURES: usize = 20;

/// Plays seeds on every core; what came of them, and the failures by seed.
fn play_all(seeds: u64) -> (Tally, BTreeMap<u64, String>) {
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::default());
    let failures = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while failures.lock().unwrap().len() < ENOUGH_FAILURES {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    match run(seed) {
                        Ok(run) => tally.lock().unwrap().add(run),
                        Err(why) => drop(failures.lock().unwrap().insert(seed, why)),
                    }
                }
            });
        }
    });
    (tally.into_inner().unwrap(), failures.into_inner().unwrap())
}

/// Ends that there are, and of how many runs at least one is such.
const ENDS: [(&str, u64); 20] = [
    ("completed", 40),
    ("in-sync", 30),
    ("full-sync", 30),
    ("switched", 60),
    ("failed: TaskFailed", 100),
    ("failed: TaskDeleted", 100),
    ("failed: StoppedShort", 200),
    ("failed: StoppedOutOfSync", 200),
    ("failed: StoppedBeforeInSync", 200),
    ("failed: AlreadySwitched", 2000),
    ("failed: RolledBack", 1000),
    ("failed: KeysMissing", 2000),
    ("invalid-input: rejected", 100),
    ("invalid-input: unknown task", 100),
    ("invalid-input: nothing runs", 200),
    ("stalled", 100),
    ("denied", 100),
    ("unreachable", 100),
    ("timeout", 20),
    ("cancelled", 50),
];

/// What the world throws at a wait, it throws at so many of [`RUNS`] at least.
const FEWEST_TRIALS: u64 = 10;

#[test]
fn waits_end_as_the_world_allows() {
    if let Some(seed) = number("DCS_SIM_SEED") {
        // Jitter is not seeded: as many times as it takes.
        for _ in 0..number("DCS_SIM_RUNS").unwrap_or(1000) {
            if let Err(why) = run(seed) {
                panic!("seed {seed}: {why}");
            }
        }
        println!("{}\nseed {seed} holds", play(seed).tell());
        return;
    }
    let runs = number("DCS_SIM_RUNS").unwrap_or(RUNS);
    let (tally, failures) = play_all(runs);
    if let Some((seed, why)) = failures.first_key_value() {
        let line = |(seed, why): (&u64, &String)| {
            format!("seed {seed}: {}\n", why.lines().next().unwrap_or_default())
        };
        let all: String = failures.iter().map(line).collect();
        panic!(
            "{all}DCS_SIM_SEED={seed} plays the first of them again, until it fails; this time:\n{why}"
        );
    }
    println!(
        "{} simulated waits, {} days: {tally:#?}",
        tally.runs,
        tally.time.as_secs() / 86_400
    );
    assert_eq!(tally.runs, runs);
    let tame = |name: &str, number: u64, least: u64| {
        (number < least).then(|| format!("{name}: {number} of {runs}"))
    };
    let ends = ENDS.iter().filter_map(|&(end, of)| {
        tame(
            end,
            tally.ends.get(end).copied().unwrap_or_default(),
            runs / of,
        )
    });
    let trials = tally
        .trials
        .iter()
        .filter_map(|(name, &number)| tame(name, number, FEWEST_TRIALS));
    let too_few: Vec<String> = ends.chain(trials).collect();
    assert!(
        too_few.is_empty() || runs < RUNS,
        "too few waits end so, or go through this: {too_few:#?}"
    );
}
