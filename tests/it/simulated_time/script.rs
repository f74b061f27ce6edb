//! What the world does in a run: all of it is decided before, from the seed.

mod migration;

use dcs_migration_wait::api::Class;
use dcs_migration_wait::domain::TaskId;
use dcs_migration_wait::domain::{Condition, Goal, KeyLimit};
use dcs_migration_wait::outcome::Interrupt;
use dcs_migration_wait::wait::{PollSettings, Rules, StatusCheck};
use std::time::Duration;

use super::truth::{
    Burst, End, KeyEvent, KeyTrouble, Migration, Odd, OddWord, Progress, Switch, TICK, ms,
};

/// Randomness from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Self(seed);
        for _ in 0..4 {
            rng.next();
        }
        rng
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From zero to one.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[(self.next() % from.len() as u64) as usize].clone()
    }

    /// Whole milliseconds, each order of magnitude as likely as any other.
    pub(super) fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let (from, to) = (from.as_millis().max(1) as f64, to.as_millis().max(1) as f64);
        ms((from * (to.max(from) / from).powf(self.unit())) as u64)
    }

    /// Whole milliseconds, evenly.
    pub(super) fn within(&mut self, from: Duration, to: Duration) -> Duration {
        from + ms((to.saturating_sub(from).as_millis() as f64 * self.unit()) as u64)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) rules: Rules,
    pub(super) requests_per_second: f64,
    pub(super) fail_fast: bool,
    pub(super) most_in_flight: usize,
    pub(super) tasks: Vec<Migration>,
    /// `all-running` instead of their ids.
    pub(super) all_running: bool,
    /// The first task is deleted between the first two pages of the list.
    pub(super) deletes_between_pages: bool,
    /// Every page tells how many tasks there are.
    pub(super) tells_total: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) stalls: Vec<Stall>,
    pub(super) credential: Credential,
    /// Requests that a sign-in takes.
    pub(super) sign_in_steps: u32,
    pub(super) latency: (Duration, Duration),
    /// Answers may come from a cache: at most so much older than the request.
    pub(super) cache: Duration,
    pub(super) signal: Option<(When, Interrupt)>,
    /// Somebody sets the wall clock: so many seconds further than time went, at the end.
    pub(super) wall_step: i64,
    /// Share of readings in which a field is missing, in percent.
    pub(super) flaky: u64,
}

/// When a signal comes, or the process stands still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum When {
    At(Duration),
    /// While the request of that kind is under way, the so-many-th of them.
    During(Kind, usize),
    /// Between two readings of a row that meets the goal.
    InRow,
}

/// The whole process stands still, as under SIGSTOP: time goes on, and nothing runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stall {
    pub(super) when: When,
    pub(super) length: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    SignIn,
    List,
    Stats,
    Detail,
    Log,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trouble {
    Refused(Class),
    /// 200, with an error inside or with a body that is no reading.
    Malformed,
    /// No answer: the client gives up after `request-timeout`.
    Hangs,
    /// No answer, and a client that never gives up.
    HangsForever,
    Slow(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Everywhere,
    Stats,
    Detail,
    SignIn,
}

#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) place: Where,
    /// Only for that task.
    pub(super) task: Option<usize>,
    /// So many requests at most.
    pub(super) most: usize,
    pub(super) trouble: Trouble,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    /// Access keys: nothing to sign in, nothing expires.
    Keys,
    /// A token from an input, which cannot be renewed.
    Token { expires: Duration },
    /// Password or OIDC.
    Renewable { lifetime: Duration },
}

impl Script {
    pub(super) fn of(seed: u64) -> Self {
        let rng = &mut Rng::new(seed);
        let mut rules = rules(rng);
        let deadline = rules.deadline;
        let tasks = if rng.chance(65) {
            1
        } else {
            2 + rng.next() % 4
        };
        let fastest = rng.between(TICK, ms(500));
        let latency = (
            fastest,
            rng.between(fastest, (rules.request_timeout / 2).max(fastest)),
        );
        let mut tasks = (0..tasks)
            .map(|n| Migration::of(rng, n, &rules))
            .collect::<Vec<_>>();
        if tasks.len() > 1 && rules.condition.goal == Goal::InSync && rng.chance(60) {
            loses_an_early_one(rng, &mut tasks, &rules);
        }
        let credential = match rng.next() % 10 {
            0..=4 => Credential::Keys,
            5 | 6 => Credential::Token {
                expires: rng.between(deadline / 4, deadline * 8),
            },
            _ => Credential::Renewable {
                lifetime: rng.between((rules.pace.max * 4).max(ms(60_000)), deadline * 2),
            },
        };
        let faults = if rng.chance(25) {
            0
        } else {
            1 + rng.next() % 5
        };
        let all_running = rng.chance(12);
        let always_tells = tasks.iter().all(|task| task.progress == Progress::Always);
        let cache = if always_tells && rng.chance(15) {
            rng.between(ms(1000), ms(120_000))
        } else {
            Duration::ZERO
        };
        let mut faults: Vec<Fault> = (0..faults)
            .map(|_| Fault::of(rng, &rules, tasks.len()))
            .collect();
        if rng.chance(8) {
            rules.stable_polls = 1;
            rules.stall_timeout = None;
            tasks.truncate(1);
            faults = meets_goal_at_deadline(rng, &mut tasks[0], &rules);
        }
        if rules.condition.goal == Goal::InSync && rng.chance(12) {
            tasks.truncate(1);
            rules.stable_polls = rng.pick(&[3, 5]);
            faults = falls_behind_unread(rng, &mut tasks[0], &rules);
        } else if rules.condition.goal == Goal::InSync && rng.chance(8) {
            tasks.truncate(1);
            faults = copied_before_its_status(rng, &mut tasks[0], &rules);
        }
        let always_tells = tasks.iter().all(|task| task.progress == Progress::Always);
        let cache = if always_tells { cache } else { Duration::ZERO };
        Self {
            requests_per_second: rng.pick(&[0.5, 1.0, 4.0, 4.0, 20.0]),
            fail_fast: rng.chance(60),
            most_in_flight: rng.pick(&[usize::MAX, usize::MAX, 32, 1]),
            deletes_between_pages: all_running && tasks.len() > 2 && rng.chance(60),
            tells_total: rng.chance(60),
            all_running,
            faults,
            stalls: stalls(rng, &rules),
            sign_in_steps: rng.pick(&[1, 1, 2]),
            signal: rng.chance(if all_running { 35 } else { 14 }).then(|| {
                let first = if all_running { Kind::List } else { Kind::Stats };
                let kinds = [Kind::SignIn, first, Kind::Stats, Kind::Detail];
                let when = if rng.chance(if all_running { 30 } else { 60 }) {
                    When::At(rng.within(Duration::ZERO, deadline))
                } else {
                    When::During(rng.pick(&kinds), rng.pick(&[0, 0, 1, 2, 7]))
                };
                (
                    when,
                    rng.pick(&[Interrupt::Int, Interrupt::Term, Interrupt::Hup]),
                )
            }),
            flaky: if rng.chance(15) {
                1 + rng.next() % 40
            } else {
                0
            },
            wall_step: rng.pick(&[0, -40_000, -1, 1, 86_400 * 400]),
            cache,
            rules,
            tasks,
            credential,
            latency,
        }
    }

    pub(super) fn is_renewable(&self) -> bool {
        matches!(self.credential, Credential::Renewable { .. })
    }
}

fn rules(rng: &mut Rng) -> Rules {
    let deadline = rng.between(ms(600_000), ms(72 * 3_600_000));
    let max = (deadline / (10 + (rng.next() % 40) as u32)).max(ms(2000));
    let max = ms(max.as_millis() as u64);
    // A third without room for jitter, and so with nothing that a replay could not repeat.
    let initial = if rng.chance(33) {
        max
    } else {
        rng.between(ms(1000).max(max / 30), max)
    };
    let goal = rng.pick(&Goal::ALL);
    let share = KeyLimit::Share;
    let limits = [
        share(100_000),
        share(100_000),
        share(100_000),
        share(0),
        share(1_000_000),
        KeyLimit::Keys(10),
    ];
    let checks = [
        StatusCheck::Auto,
        StatusCheck::Auto,
        StatusCheck::Require,
        StatusCheck::Off,
    ];
    Rules {
        condition: Condition {
            goal,
            max_offset: rng.pick(&[0, 0, 0, 5, 1000]),
            max_missing_keys: if rng.chance(10) {
                KeyLimit::Off
            } else {
                rng.pick(&limits)
            },
        },
        stable_polls: if goal == Goal::InSync {
            rng.pick(&[1, 3, 3, 5])
        } else {
            rng.pick(&[1, 1, 2, 3])
        },
        // Any other is made `require`, or refused, before there is a wait.
        status_check: if goal == Goal::Switched {
            StatusCheck::Require
        } else {
            rng.pick(&checks)
        },
        pace: PollSettings {
            initial,
            max,
            multiplier: 1.0 + rng.unit() * if rng.chance(80) { 1.0 } else { 9.0 },
        },
        max_gap: max * 3,
        max_outage: rng.between(ms(60_000), deadline),
        stall_timeout: rng.chance(30).then(|| rng.between(ms(60_000), deadline)),
        request_timeout: rng.between(ms(1000), ms(30_000)),
        deadline,
    }
}

fn stalls(rng: &mut Rng, rules: &Rules) -> Vec<Stall> {
    let mut stalls = Vec::new();
    if rng.chance(10) {
        let length = rng.between(ms(2000), rules.deadline / 3);
        stalls.push(Stall {
            when: When::At(rng.within(Duration::ZERO, rules.deadline)),
            length,
        });
    }
    if rng.chance(15) {
        let between = rules.max_status_delay();
        let kind = rng.pick(&[Kind::Stats, Kind::Detail, Kind::Detail]);
        let length = rng.between(between / 2, between * 20);
        stalls.push(Stall {
            when: When::During(kind, rng.pick(&[0, 1, 2, 5, 9])),
            length,
        });
    }
    if rng.chance(15) {
        stalls.push(Stall {
            when: When::InRow,
            length: rng.between(rules.pace.max, rules.pace.max * 6),
        });
    }
    stalls
}

/// The first task is in sync long before the others, and fails, or falls behind, before they are.
fn loses_an_early_one(rng: &mut Rng, tasks: &mut [Migration], rules: &Rules) {
    let deadline = rules.deadline;
    for (n, task) in tasks.iter_mut().enumerate() {
        *task = Migration::plain(n as u64);
        task.running_word = "INCRMIGEATING";
        task.copied = if n == 0 {
            ms(120_000)
        } else {
            rng.within(deadline / 2, deadline * 3 / 4)
        };
        task.drained = task.copied + TICK;
    }
    let from = rng.within(deadline / 4, deadline / 2);
    match rng.next() % 4 {
        0 => tasks[0].bursts.push(Burst {
            from,
            to: deadline * 2,
            lag: 70_000,
            told_negative: false,
        }),
        // It comes back before the last one is there, or does not.
        1 => {
            let to = from + rng.within(deadline / 8, deadline / 2);
            tasks[0].bursts.push(Burst {
                from,
                to,
                lag: 5_000,
                told_negative: false,
            });
        }
        2 => {
            tasks[0].end = Some(End {
                stopping: from,
                ended: from + TICK,
                word: rng.pick(&["FAILED", "DELETED"]),
                tells: true,
            });
        }
        _ => {}
    }
}

/// The goal is met just before the deadline, when the status can no longer be read.
fn meets_goal_at_deadline(rng: &mut Rng, task: &mut Migration, rules: &Rules) -> Vec<Fault> {
    let deadline = rules.deadline;
    let met = deadline.saturating_sub(rng.between(ms(100), rules.request_timeout * 3));
    *task = Migration::plain(0);
    match rules.condition.goal {
        Goal::FullSync => (task.copied, task.drained) = (met, met + TICK),
        Goal::InSync => (task.backlog, task.drained) = (4_000_000, met),
        Goal::Completed => {
            task.end = Some(End {
                stopping: met.saturating_sub(ms(5000)),
                ended: met,
                word: "TERMINATED",
                tells: true,
            });
        }
        Goal::Switched => {
            let switch = Switch::of(rng, met.saturating_sub(ms(5000)), deadline);
            task.switch = Some(Switch {
                until: met,
                rolls_back: None,
                again: None,
                ..switch
            });
        }
    }
    let trouble = rng.pick(&[
        Trouble::Hangs,
        Trouble::HangsForever,
        Trouble::HangsForever,
        Trouble::Malformed,
    ]);
    let from = rng.pick(&[met, met, deadline / 2]);
    let most = if from == met {
        usize::MAX
    } else {
        rng.pick(&[1, 2])
    };
    let fault = |from, most, trouble| Fault {
        from,
        to: deadline * 2,
        place: Where::Detail,
        task: None,
        most,
        trouble,
    };
    vec![
        fault(from, most, trouble),
        fault(met, usize::MAX, Trouble::HangsForever),
    ]
}

/// In sync for a few readings, behind for one or two, again and again; while it is behind, its status cannot be read.
fn falls_behind_unread(rng: &mut Rng, task: &mut Migration, rules: &Rules) -> Vec<Fault> {
    *task = Migration::plain(0);
    let (initial, deadline) = (rules.pace.initial, rules.deadline);
    let trouble = rng.pick(&[
        Trouble::Refused(Class::Transient { retry_after: None }),
        Trouble::Refused(Class::Forbidden),
        Trouble::Malformed,
    ]);
    let mut faults = Vec::new();
    let mut at = task.drained;
    while at < deadline && faults.len() < 40 {
        let from = at + rng.within(initial, initial * 4);
        let to = from + rng.within(initial / 2, initial * 2);
        task.bursts.push(Burst {
            from,
            to,
            lag: 5_000,
            told_negative: false,
        });
        let (place, task) = (Where::Detail, None);
        faults.push(Fault {
            from,
            to,
            place,
            task,
            most: 2,
            trouble: trouble.clone(),
        });
        at = to;
    }
    faults
}

/// Progress and offset tell nothing of the copy, and a status takes so long that the copy may end after the reading.
fn copied_before_its_status(rng: &mut Rng, task: &mut Migration, rules: &Rules) -> Vec<Fault> {
    *task = Migration::plain(0);
    task.copied = rng.within(ms(120_000), rules.deadline * 3 / 4);
    task.drained = task.copied + TICK;
    task.progress = Progress::Never;
    let trouble =
        Trouble::Slow(rng.within(rules.request_timeout / 2, rules.request_timeout * 4 / 5));
    let to = rules.deadline * 2;
    vec![Fault {
        from: Duration::ZERO,
        to,
        place: Where::Detail,
        task: None,
        most: usize::MAX,
        trouble,
    }]
}

impl Fault {
    fn of(rng: &mut Rng, rules: &Rules, tasks: usize) -> Self {
        let deadline = rules.deadline;
        if rng.chance(30) {
            return Self::of_the_status(rng, rules);
        }
        let from = if rng.chance(15) {
            Duration::ZERO
        } else {
            rng.within(Duration::ZERO, deadline)
        };
        let to = from + rng.between(ms(500), deadline / 2);
        let after = |rng: &mut Rng| Some(rng.between(ms(1000), ms(86_400_000)));
        let mut most = usize::MAX;
        let trouble = match rng.next() % 24 {
            0..=3 => Trouble::Refused(Class::Transient { retry_after: None }),
            4..=5 => Trouble::Refused(Class::Transient {
                retry_after: after(rng),
            }),
            6..=7 => Trouble::Refused(Class::Throttled {
                retry_after: after(rng),
            }),
            8 => Trouble::Refused(Class::Throttled { retry_after: None }),
            9..=11 => Trouble::Hangs,
            12..=14 => Trouble::Slow(rng.within(TICK, rules.request_timeout)),
            15 => Trouble::HangsForever,
            16 | 17 => Trouble::Malformed,
            18 => Trouble::Refused(rng.pick(&[
                Class::Unauthenticated,
                Class::Unauthenticated,
                Class::Denied,
            ])),
            _ => {
                most = rng.pick(&[1, 1, 2, 3, usize::MAX]);
                let classes = [
                    Class::Forbidden,
                    Class::NotFound,
                    Class::UnknownTask,
                    Class::Rejected,
                ];
                Trouble::Refused(rng.pick(&classes))
            }
        };
        let places = [
            Where::Everywhere,
            Where::Everywhere,
            Where::Stats,
            Where::SignIn,
        ];
        let place = rng.pick(&places);
        let task = rng.chance(20).then(|| rng.next() as usize % tasks);
        Self {
            from,
            to,
            place,
            task,
            most,
            trouble,
        }
    }

    /// The endpoint of the status alone: the first times, once, for ever, or about the deadline.
    fn of_the_status(rng: &mut Rng, rules: &Rules) -> Self {
        let deadline = rules.deadline;
        let (from, to) = match rng.next() % 5 {
            0 => (Duration::ZERO, deadline * 2),
            1 => (
                deadline.saturating_sub(rng.between(ms(500), rules.request_timeout * 2)),
                deadline * 2,
            ),
            2 => (rng.within(Duration::ZERO, deadline), deadline * 2),
            _ => {
                let from = rng.within(Duration::ZERO, deadline);
                (from, from + rng.between(ms(500), deadline / 2))
            }
        };
        let troubles = [
            Trouble::Refused(Class::Transient { retry_after: None }),
            Trouble::Refused(Class::Forbidden),
            Trouble::Refused(Class::NotFound),
            Trouble::Refused(Class::UnknownTask),
            Trouble::Refused(Class::Throttled {
                retry_after: Some(rng.between(ms(1000), ms(3_600_000))),
            }),
            Trouble::Malformed,
            Trouble::Hangs,
            Trouble::HangsForever,
            Trouble::Slow(rng.within(TICK, rules.request_timeout)),
        ];
        let most = rng.pick(&[1, 2, 2, 3, usize::MAX, usize::MAX]);
        Self {
            from,
            to,
            place: Where::Detail,
            task: None,
            most,
            trouble: rng.pick(&troubles),
        }
    }
}
