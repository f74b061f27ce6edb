//! How often each policy asks, and how late it sees the goal, over simulated migrations.
//!
//! `cargo bench --bench pace` prints the tables that docs/performance.md holds between its markers; `cargo test` compares them. Time
//! is simulated and every draw comes from a seed, so that everybody gets the same numbers. Ours is the crate's own
//! `TaskPoller`, asked and answered as the loop does it, its requests for the status counted. The others are written down here
//! from their documents, and make one request a poll. All of them need as many good readings in a row as the goal asks for;
//! "late" is the first of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking, and its output is what it is for"
)]

#[path = "pace/worlds.rs"]
mod worlds;

use dcs_migration_wait::api::Stats;
use dcs_migration_wait::domain::{Condition, Detail, Goal, Phase, Status};
use dcs_migration_wait::outcome::Outcome;
use dcs_migration_wait::wait::{
    Backoff, Eta, PollSettings, Range, Rules, StatusCheck, Step, TaskPoller,
};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;
use worlds::{OF_EACH, Random, SEED, SHAPES, Shape, World};

/// How a wait went.
struct Run {
    requests: u64,
    /// Seconds from the goal to the first poll that saw it.
    seen_late: f64,
    /// What was expected at half-way of a stage, and the seconds that it took.
    estimates: Vec<Estimate>,
}

type Estimate = (Eta, f64);

fn within(outlook: Eta) -> Option<Range> {
    match outlook {
        Eta::Within(range) => Some(range),
        Eta::Unknown | Eta::NotConverging => None,
    }
}

/// What a wait for a goal asks for, as the contract has it.
fn stable_polls(goal: Goal) -> u32 {
    match goal {
        Goal::InSync => 3,
        Goal::Completed | Goal::FullSync | Goal::Switched => 1,
    }
}

/// A policy that only knows how often it has polled.
fn blind(
    world: &World,
    random: &mut Random,
    mut delay: impl FnMut(u32, &mut Random) -> f64,
) -> Run {
    let (mut at, mut polls, mut stable, mut seen_late) = (0.0, 0, 0, None);
    loop {
        polls += 1;
        if world.goal_at() <= at {
            stable += 1;
            let seen_late = *seen_late.get_or_insert(at - world.goal_at());
            if stable == stable_polls(world.goal) {
                return Run {
                    requests: polls.into(),
                    seen_late,
                    estimates: Vec::new(),
                };
            }
        }
        at += delay(polls, random);
    }
}

/// What decides when the next poll is.
enum Who {
    TaskPoller,
    /// Backoff alone; the task evaluates, but its own time of the next poll is not used.
    Backoff(Backoff),
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn rules(world: &World, pace: PollSettings) -> Rules {
    Rules {
        condition: Condition {
            goal: world.goal,
            max_offset: 0,
            max_missing_keys: Default::default(),
        },
        stable_polls: stable_polls(world.goal),
        status_check: StatusCheck::Auto,
        pace,
        max_gap: pace.max * 3,
        max_outage: seconds(600.0),
        stall_timeout: None,
        request_timeout: seconds(10.0),
        deadline: seconds(30.0 * 24.0 * 3600.0),
    }
}

/// The crate's own task.
fn ours(world: &World, pace: PollSettings, who: fn(PollSettings, u64) -> Who) -> Run {
    let mut task = TaskPoller::seeded(rules(world, pace), Duration::ZERO, world.seed);
    let mut who = who(pace, world.seed);
    let goal_at = world.goal_at();
    let mut stages = stages(world);
    let mut run = Run {
        requests: 0,
        seen_late: f64::NAN,
        estimates: Vec::new(),
    };
    let (mut now, mut phase) = (Duration::ZERO, Phase::Unknown);
    loop {
        let at = now.as_secs_f64();
        let (reading, status) = world.reading_at(at);
        if goal_at <= at && run.seen_late.is_nan() {
            run.seen_late = at - goal_at;
        }
        run.requests += 1;
        task.begin_poll(now);
        let mut step = task.handle_stats(
            now,
            now,
            Ok(Stats {
                reading,
                raw: String::new(),
            }),
        );
        if let Step::StatusNow = step {
            run.requests += 1;
            let detail = Detail {
                status: Status::parse(status),
                task_status: None,
                migration_method: Some(world.method.to_owned()),
            };
            step = task.handle_status(now, Ok(detail));
        }
        while let Some(&(_, until)) = stages
            .front()
            .filter(|&&(from, until)| f64::midpoint(from, until) <= at)
        {
            stages.pop_front();
            if at < until {
                run.estimates
                    .push((task.snapshot().rates.eta(), until - at));
            }
        }
        match step {
            Step::StatsAt(next) => {
                now = match &mut who {
                    Who::TaskPoller => next,
                    Who::Backoff(schedule) => {
                        // As the scheduler does it: where something happens, the next poll comes soon.
                        let changed = phase != Phase::Unknown && task.snapshot().phase != phase;
                        if changed || task.snapshot().stable > 0 {
                            schedule.reset();
                        }
                        phase = task.snapshot().phase;
                        now + schedule.next_delay()
                    }
                };
            }
            Step::StatusNow => unreachable!("the status was just given"),
            Step::Done(outcome) => {
                assert!(goal_at <= at, "the verdict came before the goal");
                assert!(
                    matches!(outcome, Outcome::Ready | Outcome::Failed(_)),
                    "{outcome:?}"
                );
                return run;
            }
        }
    }
}

/// The stretches whose end can be foreseen: the copy, and the drain behind it, without what bursts make of it.
fn stages(world: &World) -> VecDeque<(f64, f64)> {
    let mut stages: VecDeque<(f64, f64)> = VecDeque::new();
    let mut copying = true;
    for leg in &world.legs {
        let copies = leg.percent.0 < 100.0 || leg.percent.1 < 100.0;
        match stages.back_mut() {
            Some(stage) if copies == copying => stage.1 = leg.until,
            _ => stages.push_back((leg.from, leg.until)),
        }
        copying = copies;
    }
    if world.goal != Goal::InSync {
        stages.truncate(1);
    }
    stages
}

fn pace(max: u64) -> PollSettings {
    PollSettings {
        initial: Duration::from_secs(5),
        max: Duration::from_secs(max),
        multiplier: 1.5,
    }
}

type Policy = (&'static str, fn(&World, &mut Random) -> Run);

const BASE: &str = "fixed 5 s";
const OURS: &str = "**ours**, to 30 s (the default)";

const POLICIES: [Policy; 10] = [
    (BASE, |world, random| blind(world, random, |_, _| 5.0)),
    ("fixed 10 s", |world, random| {
        blind(world, random, |_, _| 10.0)
    }),
    ("fixed 15 s", |world, random| {
        blind(world, random, |_, _| 15.0)
    }),
    ("AWS waiters, 2 s to 120 s with jitter", |world, random| {
        blind(world, random, |attempt, random| {
            let delay = if attempt > 6 {
                120.0
            } else {
                2.0 * 2_f64.powi(attempt as i32 - 1)
            };
            random.even(2.0, delay)
        })
    }),
    ("Terraform's StateChangeConf", |world, random| {
        blind(world, random, |attempt, _| {
            (0.1 * 2_f64.powi(attempt.min(10) as i32)).min(10.0)
        })
    }),
    ("wait4x, 1 s doubling to 30 s", |world, random| {
        blind(world, random, |attempt, _| {
            2_f64.powi(attempt.min(10) as i32 - 1).min(30.0)
        })
    }),
    ("backoff alone, to 30 s", |world, _| {
        ours(world, pace(30), |pace, seed| {
            Who::Backoff(Backoff::seeded(pace, seed))
        })
    }),
    (OURS, |world, _| {
        ours(world, pace(30), |_, _| Who::TaskPoller)
    }),
    ("backoff alone, to 2 min", |world, _| {
        ours(world, pace(120), |pace, seed| {
            Who::Backoff(Backoff::seeded(pace, seed))
        })
    }),
    ("**ours**, with `max-interval: 2m`", |world, _| {
        ours(world, pace(120), |_, _| Who::TaskPoller)
    }),
];

fn worlds() -> Vec<(bool, World)> {
    let mut random = Random(SEED);
    let of_a_shape = |&(_, foreseen, shape): &Shape| -> Vec<(bool, World)> {
        (0..OF_EACH)
            .map(|_| (foreseen, shape(&mut random)))
            .collect()
    };
    SHAPES.iter().flat_map(of_a_shape).collect()
}

/// The value below which that share of the values lies.
fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[(share * (values.len() - 1) as f64).round() as usize]
}

fn table(policies: &[(&str, Vec<&Run>)]) -> String {
    let requests = |runs: &[&Run]| runs.iter().map(|run| run.requests).sum::<u64>() as f64;
    let base = policies
        .iter()
        .find(|(name, _)| *name == BASE)
        .map_or(f64::NAN, |(_, runs)| requests(runs));
    let mut out = String::from(
        "| Policy | Requests | of fixed 5 s | Late: median | 95 % | worst |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (name, runs) in policies {
        let late = |share| quantile(runs.iter().map(|run| run.seen_late), share);
        let _ = writeln!(
            out,
            "| {name} | {:.0} | {:.0} % | {:.1} s | {:.1} s | {:.1} s |",
            quantile(runs.iter().map(|run| run.requests as f64), 0.5),
            100.0 * requests(runs) / base,
            late(0.5),
            late(0.95),
            late(1.0),
        );
    }
    out
}

/// How good the estimates of the time to the goal are.
fn estimates(runs: &[&Run]) -> String {
    let all: Vec<&Estimate> = runs.iter().flat_map(|run| &run.estimates).collect();
    let known: Vec<(Range, f64)> = all
        .iter()
        .filter_map(|(outlook, truth)| within(*outlook).map(|range| (range, *truth)))
        .collect();
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of as f64;
    let error = |(range, truth): &(Range, f64)| (range.likely.as_secs_f64() - truth).abs() / truth;
    let holds = |(range, truth): &&(Range, f64)| {
        (range.earliest.as_secs_f64()..=range.latest.as_secs_f64()).contains(truth)
    };
    format!(
        "Half-way through the copy or the drain, there is an estimate of the time left in {:.0} % of the cases. Its best \
         guess is off by {:.1} % in the median and by {:.0} % at the 90th percentile; its range holds the truth in {:.0} %.\n",
        percent(known.len(), all.len()),
        100.0 * quantile(known.iter().map(error), 0.5),
        100.0 * quantile(known.iter().map(error), 0.9),
        percent(known.iter().filter(holds).count(), known.len()),
    )
}

/// What docs/performance.md holds between its markers.
fn block() -> String {
    let worlds = worlds();
    let runs: Vec<(&str, Vec<Run>)> = POLICIES
        .iter()
        .map(|(name, policy)| {
            let mut random = Random(SEED);
            (
                *name,
                worlds
                    .iter()
                    .map(|(_, world)| policy(world, &mut random))
                    .collect(),
            )
        })
        .collect();
    let of = |wanted: bool| -> Vec<(&str, Vec<&Run>)> {
        let pick = |runs: &'_ [Run]| -> Vec<usize> {
            (0..runs.len()).filter(|&n| worlds[n].0 == wanted).collect()
        };
        runs.iter()
            .map(|(name, runs)| (*name, pick(runs).into_iter().map(|n| &runs[n]).collect()))
            .collect()
    };
    let (foreseen, unforeseen) = (of(true), of(false));
    let count = |policies: &[(&str, Vec<&Run>)]| policies[0].1.len();
    let ours = foreseen
        .iter()
        .find(|(name, _)| *name == OURS)
        .map(|(_, runs)| estimates(runs));
    format!(
        "Where the end can be foreseen ({} migrations):\n\n{}\nWhere it cannot, since a person stops the task or the \
         writers at a moment of their own ({} migrations):\n\n{}\n{}",
        count(&foreseen),
        table(&foreseen),
        count(&unforeseen),
        table(&unforeseen),
        ours.unwrap_or_default(),
    )
}

/// The markers in docs/performance.md.
const BEGIN: &str = "<!-- pace: made by `cargo bench --bench pace` -->\n";
const END: &str = "<!-- /pace -->";

fn main() {
    let block = block();
    if std::env::args().any(|argument| argument == "--bench") {
        println!("{block}");
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
    let page = std::fs::read_to_string(page).expect("docs/performance.md is there");
    let held = page
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END))
        .map(|(held, _)| held.trim());
    assert!(
        held == Some(block.trim()),
        "docs/performance.md holds something else between its markers than\n\n{BEGIN}{block}{END}"
    );
}
