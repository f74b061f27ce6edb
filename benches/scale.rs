//! What the limit of requests means for many tasks in one process: how often each is polled, and how late its goal is
//! seen.
//!
//! `cargo bench --bench scale` prints the tables that docs/scale.md holds between its markers. The loop is the crate's own
//! `wait`, on a paused clock: hours pass in seconds. The migrations come from a seed, the jitter of the delays does not, so
//! the numbers move a little from run to run. `cargo test` runs a part of it and holds the page to what it finds, within
//! what jitter explains.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking, and its output is what it is for"
)]

#[expect(dead_code, reason = "another benchmark needs more of it")]
#[path = "pace/worlds.rs"]
mod worlds;

use dcs_migration_wait::api::Cloud;
use dcs_migration_wait::api::{ApiError, Page, SignedIn, Stats};
use dcs_migration_wait::clock::Clock;
use dcs_migration_wait::domain::TaskId;
use dcs_migration_wait::domain::{Condition, Detail, Goal, Status};
use dcs_migration_wait::wait::{
    Event, Observer, Plan, PollSettings, Rules, StatusCheck, TaskWait, Tasks, wait,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::mpsc;
use worlds::{Random, SEED, SHAPES, World};

/// One table of the page.
struct Setting {
    name: &'static str,
    max_interval: u64,
    status_check: StatusCheck,
}

const SETTINGS: [Setting; 4] = [
    Setting {
        name: "The defaults",
        max_interval: 30,
        status_check: StatusCheck::Auto,
    },
    Setting {
        name: "`status-check: off`",
        max_interval: 30,
        status_check: StatusCheck::Off,
    },
    Setting {
        name: "`max-interval: 2m`",
        max_interval: 120,
        status_check: StatusCheck::Auto,
    },
    Setting {
        name: "`max-interval: 2m`, `status-check: off`",
        max_interval: 120,
        status_check: StatusCheck::Off,
    },
];

const N_TASKS: [u32; 8] = [1, 10, 100, 200, 500, 1_000, 2_000, 10_000];
/// What `cargo test` has the time for: with the defaults more than the budget allows, with `max-interval: 2m` less.
const IN_A_TEST: u32 = 200;
/// Small waves are played again with other migrations until there were that many: a few would say little about the worst.
const LEAST_SEEN: u32 = 600;

/// A cloud whose tasks are simulated migrations, all begun at once.
struct Batch {
    clock: Clock,
    tasks: BTreeMap<TaskId, Task>,
}

struct Task {
    world: World,
    asked: Mutex<Asked>,
}

/// What was asked about one task.
#[derive(Debug, Default, Clone)]
struct Asked {
    polls: u64,
    requests: u64,
    last: f64,
    /// Seconds from the goal to the first poll that saw it.
    late: Option<f64>,
    /// The longest time without a poll, in seconds.
    longest_gap: f64,
    /// It got there: what is asked at the very end, once more, belongs to no pace.
    is_there: bool,
}

impl Task {
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap()
    }
}

impl Cloud for Batch {
    fn needs_sign_in(&self) -> bool {
        false
    }
    async fn sign_in(&self) -> Result<Option<SignedIn>, ApiError> {
        unreachable!("there is no sign-in")
    }
    async fn stats(&self, task: &TaskId) -> Result<Stats, ApiError> {
        let task = &self.tasks[task];
        let at = self.clock.elapsed().as_secs_f64();
        let mut asked = task.asked();
        if !asked.is_there {
            asked.polls += 1;
            asked.requests += 1;
            asked.longest_gap = asked.longest_gap.max(at - asked.last);
            asked.last = at;
        }
        if task.world.goal_at() <= at {
            asked.late.get_or_insert(at - task.world.goal_at());
        }
        Ok(Stats {
            reading: task.world.reading_at(at).0,
            raw: String::new(),
        })
    }
    async fn detail(&self, task: &TaskId) -> Result<Detail, ApiError> {
        let task = &self.tasks[task];
        let mut asked = task.asked();
        asked.requests += u64::from(!asked.is_there);
        drop(asked);
        let (_, status) = task.world.reading_at(self.clock.elapsed().as_secs_f64());
        let migration_method = Some(task.world.method.to_owned());
        Ok(Detail {
            status: Status::parse(status),
            task_status: None,
            migration_method,
        })
    }
    async fn list(&self, _: usize) -> Result<Page, ApiError> {
        unreachable!("the tasks are named")
    }
}

/// Sees who gets there.
struct Arrivals(Arc<Batch>);

impl Observer for Arrivals {
    fn polled(&mut self, _: Duration, task: &TaskWait, _: &[Event], next: Option<Duration>) {
        self.0.tasks[&task.id].asked().is_there |= next.is_none();
    }
    fn listed(&mut self, _: Duration, _: &[TaskWait], _: usize) {}
    fn list_failed(&mut self, _: Duration, _: &ApiError, _: &[Event]) {}
    fn signed_in(&mut self, _: Duration, _: &SignedIn) {}
    fn renewal_failed(&mut self, _: Duration, _: &ApiError) {}
    fn ended(&mut self, _: Duration, _: &TaskWait) {}
}

/// Migrations with one goal, as a night's batch has it: those that get in sync, of every shape.
fn in_sync(random: &mut Random) -> impl Iterator<Item = World> + '_ {
    SHAPES
        .iter()
        .cycle()
        .map(|(_, _, shape)| shape(random))
        .filter(|world| world.goal == Goal::InSync)
}

fn play(setting: &Setting, worlds: Vec<World>) -> Vec<Asked> {
    let ids: Vec<TaskId> = (0..worlds.len())
        .map(|n| TaskId::parse(&format!("{n:032x}")).unwrap())
        .collect();
    let plan = Plan {
        tasks: Tasks::Named(ids.clone()),
        rules: Rules {
            condition: Condition {
                goal: Goal::InSync,
                max_offset: 0,
                max_missing_keys: Default::default(),
            },
            stable_polls: 3,
            status_check: setting.status_check,
            pace: PollSettings {
                initial: Duration::from_secs(5),
                max: Duration::from_secs(setting.max_interval),
                multiplier: 1.5,
            },
            max_gap: Duration::from_secs(3 * setting.max_interval),
            max_outage: Duration::from_secs(600),
            stall_timeout: None,
            request_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(7 * 24 * 3600),
        },
        requests_per_second: 4.0,
        fail_fast: false,
    };
    let tasks = ids
        .into_iter()
        .zip(worlds)
        .map(|(id, world)| {
            (
                id,
                Task {
                    world,
                    asked: Mutex::default(),
                },
            )
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = Clock::start();
        let batch = Arc::new(Batch { clock, tasks });
        let (_keep, mut interrupts) = mpsc::unbounded_channel();
        let (outcome, _) = wait(
            Arc::clone(&batch),
            plan,
            clock,
            &mut interrupts,
            &mut Arrivals(Arc::clone(&batch)),
        )
        .await;
        assert!(outcome.is_ready(), "{outcome:?}");
        batch
            .tasks
            .values()
            .map(|task| task.asked().clone())
            .collect()
    })
}

/// One line of a table: what it says of the batch's tasks.
struct Row {
    n_tasks: u32,
    values: [f64; 7],
}

const HEAD: &str = "\
| Tasks | Polls of a task in an hour | Requests for it | Longest gap: median | worst | Seen late: median | 95 % | worst |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
";

/// By what share a value may be another one in the next run, at most: those of a few tasks by more.
const MOVES: [f64; 7] = [0.15, 0.15, 0.2, 0.3, 0.3, 0.5, 0.6];
/// Seconds that do not matter.
const NEVER_MIND: f64 = 4.0;

impl Row {
    fn of(setting: &Setting, n_tasks: u32) -> Self {
        let mut random = Random(SEED);
        let mut worlds = in_sync(&mut random);
        let n_waves = LEAST_SEEN.div_ceil(n_tasks);
        let all: Vec<Asked> = (0..n_waves)
            .flat_map(|_| play(setting, worlds.by_ref().take(n_tasks as usize).collect()))
            .collect();
        let of = |share: f64, value: fn(&Asked) -> f64| {
            let mut values: Vec<f64> = all.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[(share * (values.len() - 1) as f64).round() as usize]
        };
        let late = |asked: &Asked| asked.late.unwrap();
        let values = [
            of(0.5, |asked| asked.polls as f64 * 3600.0 / asked.last),
            of(0.5, |asked| asked.requests as f64 * 3600.0 / asked.last),
            of(0.5, |asked| asked.longest_gap),
            of(1.0, |asked| asked.longest_gap),
            of(0.5, late),
            of(0.95, late),
            of(1.0, late),
        ];
        Self { n_tasks, values }
    }

    fn text(&self) -> String {
        let [polls, requests, seconds @ ..] = self.values;
        let seconds: String = seconds
            .iter()
            .map(|seconds| format!(" {seconds:.0} s |"))
            .collect();
        format!("| {} | {polls:.0} | {requests:.0} |{seconds}", self.n_tasks)
    }

    /// The row of so many tasks in a table.
    fn held(table: &str, n_tasks: u32) -> Option<Self> {
        let line = table
            .lines()
            .find_map(|line| line.strip_prefix(&format!("| {n_tasks} | ")))?;
        let cells = line
            .trim_end_matches(" |")
            .split(" | ")
            .map(|cell| cell.trim_end_matches(" s").parse().ok());
        Some(Self {
            n_tasks,
            values: cells.collect::<Option<Vec<f64>>>()?.try_into().ok()?,
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        self.values
            .iter()
            .zip(other.values)
            .zip(MOVES)
            .all(|((&one, other), share)| {
                let off = (one - other).abs();
                off <= NEVER_MIND || off <= share * one.max(other)
            })
    }
}

/// The markers in docs/scale.md.
const BEGIN: &str = "<!-- scale: made by `cargo bench --bench scale` -->\n";
const END: &str = "<!-- /scale -->";

fn heading(setting: &Setting) -> String {
    format!("{}:\n\n{HEAD}", setting.name)
}

/// Prints what the page is to hold.
fn print() {
    println!("{BEGIN}");
    for setting in &SETTINGS {
        let rows: String = N_TASKS
            .iter()
            .map(|&n_tasks| Row::of(setting, n_tasks).text() + "\n")
            .collect();
        println!("{}{rows}", heading(setting));
    }
    println!("{END}");
}

/// Plays a part of it again.
fn compare(page: &str) {
    let block = page
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END))
        .map(|(block, _)| block);
    let block = block.expect("docs/scale.md holds the tables between its markers");
    for setting in &SETTINGS {
        let heading = heading(setting);
        let table = block
            .split_once(&heading)
            .and_then(|(_, rest)| rest.split("\n\n").next());
        let table = table.unwrap_or_else(|| panic!("docs/scale.md does not hold\n\n{heading}"));
        for n_tasks in N_TASKS {
            assert!(
                Row::held(table, n_tasks).is_some(),
                "docs/scale.md, {}: no row of {n_tasks} tasks",
                setting.name
            );
        }
        let (held, now) = (
            Row::held(table, IN_A_TEST).unwrap(),
            Row::of(setting, IN_A_TEST),
        );
        assert!(
            held.is_like(&now),
            "docs/scale.md, {}: where it holds\n{}\nnow there is\n{}",
            setting.name,
            held.text(),
            now.text()
        );
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--bench") {
        return print();
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scale.md");
    compare(&std::fs::read_to_string(page).expect("docs/scale.md is there"));
}
