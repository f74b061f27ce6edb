//! What can become of a migration, as a pure function of the time.
//!
//! A scenario is a table of legs; a leg says where percentage and offset begin and end and what the task does in
//! between. Nothing here was measured on a live cloud: the shapes follow the vendor's documents, and where those are
//! silent (what is sent while the data set is copied, say) the scenarios differ on purpose.

use crate::condition::Goal;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// The password that both Redis instances have in the task detail. The vendor's API sends it in clear text, so the
/// simulator does it too: whoever reads the detail has to keep it out of logs.
pub const REDIS_PASSWORD: &str = "DCStest123";

/// One way in which a migration can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// Full copy, then incremental; stopped in sync by its operator.
    Incremental,
    /// Full copy, then incremental; in sync and still running.
    InSync,
    /// Full copy only.
    Full,
    /// The task fails.
    Failed,
    /// Stopped by an operator before the full copy is done.
    StoppedShort,
    /// Waits for somebody to configure it.
    NeverConfigured,
    /// [`Scenario::Incremental`] behind an unreliable API.
    Flaky,
    /// Loses its link and has to copy everything again.
    Resync,
}

/// What the API shows at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The body of the stats call.
    pub stats: Value,
    /// The body of the detail call, clear-text passwords included.
    pub detail: Value,
    /// What goes wrong at this moment.
    pub fault: Option<Fault>,
}

/// Something that goes wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Another status than 200.
    Status {
        /// The HTTP status.
        status: u16,
        /// The vendor's error code; `None`: the body is not JSON, as from a proxy on the way.
        code: Option<&'static str>,
        /// The message beside it.
        message: &'static str,
        /// When to come back, in simulated time.
        retry_after: Option<Duration>,
    },
    /// The connection ends in the middle of the body.
    CutBody,
    /// The connection is reset before an answer.
    Reset,
    /// 200, and a body that is not JSON.
    Malformed,
    /// The answer comes late, by so much simulated time.
    Slow(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, .. } => write!(f, "status {status}"),
            Self::CutBody => f.write_str("half a body"),
            Self::Reset => f.write_str("connection reset"),
            Self::Malformed => f.write_str("malformed body"),
            Self::Slow(_) => f.write_str("slow answer"),
        }
    }
}

/// A stretch of a task's life.
#[derive(Debug)]
struct Leg {
    /// Where it ends, in seconds from the start of the task.
    until: u64,
    status: &'static str,
    is_migrating: bool,
    /// The full copy in percent, at the leg's start and end.
    percent: Option<(f64, f64)>,
    /// The offset at the leg's start and end.
    offset: Option<(i64, i64)>,
    traffic: Traffic,
}

/// What arrives in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Traffic {
    /// Nothing.
    None,
    /// The data set.
    Copy,
    /// The usual writes.
    Follow,
    /// Many writes.
    Burst,
}

/// The end of a leg that does not end.
const FOR_EVER: u64 = u64::MAX;

const fn copy(until: u64, from: f64, to: f64, offset: Option<(i64, i64)>) -> Leg {
    let percent = Some((from, to));
    Leg { until, status: "FULLMIGRATING", is_migrating: true, percent, offset, traffic: Traffic::Copy }
}

const fn follow(until: u64, from: i64, to: i64) -> Leg {
    incremental(until, from, to, Traffic::Follow)
}

const fn burst(until: u64, from: i64, to: i64) -> Leg {
    incremental(until, from, to, Traffic::Burst)
}

const fn link_lost(until: u64, from: i64, to: i64) -> Leg {
    incremental(until, from, to, Traffic::None)
}

const fn incremental(until: u64, from: i64, to: i64, traffic: Traffic) -> Leg {
    // The server's own spelling of the status.
    let status = "INCRMIGEATING";
    Leg { until, status, is_migrating: true, percent: Some((100.0, 100.0)), offset: Some((from, to)), traffic }
}

/// The task is migrating, and nothing moves.
const fn held(until: u64, status: &'static str, percent: f64, offset: Option<(i64, i64)>) -> Leg {
    Leg { until, status, is_migrating: true, percent: Some((percent, percent)), offset, traffic: Traffic::None }
}

const fn ended(status: &'static str, percent: f64, offset: Option<(i64, i64)>) -> Leg {
    let percent = Some((percent, percent));
    Leg { until: FOR_EVER, status, is_migrating: false, percent, offset, traffic: Traffic::None }
}

const ZERO: Option<(i64, i64)> = Some((0, 0));

const INCREMENTAL: &[Leg] = &[
    copy(420, 0.0, 100.0, None),
    follow(600, 184_320, 0),
    follow(640, 0, 0),
    burst(690, 0, 46_800),
    follow(790, 46_800, 0),
    follow(850, 0, 0),
    held(880, "TERMINATING", 100.0, ZERO),
    ended("TERMINATED", 100.0, ZERO),
];

// The offset reads zero while the data set is copied: not in sync. Later it touches zero once and rises again.
const IN_SYNC: &[Leg] = &[
    copy(360, 0.0, 100.0, ZERO),
    follow(520, 96_256, 240),
    follow(530, 0, 0),
    burst(580, 0, 9_400),
    follow(680, 9_400, 0),
    follow(FOR_EVER, 0, 0),
];

const FULL: &[Leg] = &[copy(620, 0.0, 100.0, None), held(650, "MIGRATING", 100.0, None), ended("SUCCESS", 100.0, None)];

const FAILED: &[Leg] =
    &[copy(300, 0.0, 47.0, None), held(345, "FULLMIGRATING", 47.0, None), ended("FAILED", 47.0, None)];

const STOPPED_SHORT: &[Leg] =
    &[copy(380, 0.0, 62.0, ZERO), held(405, "TERMINATING", 62.0, ZERO), ended("TERMINATED", 62.0, ZERO)];

const NEVER_CONFIGURED: &[Leg] = &[Leg {
    until: FOR_EVER,
    // Means "to be configured".
    status: "RUNNING",
    is_migrating: false,
    percent: None,
    offset: None,
    traffic: Traffic::None,
}];

// The second copy shows an offset of zero again: what was in sync before does not count any more.
const RESYNC: &[Leg] = &[
    copy(300, 0.0, 100.0, ZERO),
    follow(400, 131_072, 2_900),
    link_lost(450, 2_900, 268_800),
    copy(720, 0.0, 100.0, ZERO),
    follow(860, 98_304, 0),
    follow(FOR_EVER, 0, 0),
];

/// What goes wrong in [`Scenario::Flaky`]: from, to (seconds), what. Each lasts longer than a poll interval and much
/// shorter than the outage that a waiter forgives.
const FAULTS: &[(u64, u64, Fault)] = &[
    (35, 70, Fault::Slow(Duration::from_secs(4))),
    (100, 130, error(500, Some("DCS.5000"), "Internal service error.", None)),
    (160, 190, error(429, Some("APIGW.0308"), THROTTLED, Some(Duration::from_secs(20)))),
    (230, 265, Fault::CutBody),
    (310, 345, Fault::Reset),
    (380, 415, Fault::Malformed),
    (
        450,
        485,
        error(503, Some("APIG.0613"), "The IAM service is currently unavailable.", Some(Duration::from_secs(15))),
    ),
    (530, 560, Fault::Slow(Duration::from_secs(20))),
    (655, 690, Fault::Reset),
    (730, 760, error(504, Some("APIGW.0201"), "Backend timeout.", None)),
    // The first look at the ended task fails.
    (880, 915, error(502, None, "Bad Gateway", None)),
];

const THROTTLED: &str = "The throttling threshold has been reached: policy ip over ratelimit,limit:5,time:1 second";

const fn error(status: u16, code: Option<&'static str>, message: &'static str, retry_after: Option<Duration>) -> Fault {
    Fault::Status { status, code, message, retry_after }
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 8] = [
        Self::Incremental,
        Self::InSync,
        Self::Full,
        Self::Failed,
        Self::StoppedShort,
        Self::NeverConfigured,
        Self::Flaky,
        Self::Resync,
    ];

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::InSync => "in-sync",
            Self::Full => "full",
            Self::Failed => "failed",
            Self::StoppedShort => "stopped-short",
            Self::NeverConfigured => "never-configured",
            Self::Flaky => "flaky",
            Self::Resync => "resync",
        }
    }

    /// The scenario with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.as_str() == name)
    }

    /// What happens, in one sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Incremental => {
                "Full copy, then the offset drains to 0, rises in a burst of writes and drains again; the operator stops \
                 the task in sync."
            }
            Self::InSync => "Full copy, then the offset drains to 0 and stays there while the task keeps migrating.",
            Self::Full => {
                "A full migration without an incremental phase: copies everything and succeeds; its offset stays unknown."
            }
            Self::Failed => "The full copy stops moving at 47 percent and the task fails.",
            Self::StoppedShort => "The operator stops the task at 62 percent; its offset says 0 all the same.",
            Self::NeverConfigured => "The task waits for somebody to configure it, and nobody does.",
            Self::Flaky => "Like incremental, behind an API that throttles, fails, hangs, resets and garbles.",
            Self::Resync => {
                "The link breaks in the incremental phase, everything is copied again, then the task is in sync."
            }
        }
    }

    /// The id of the task that plays this scenario.
    pub fn task_id(self) -> &'static str {
        match self {
            Self::Incremental => "dc500000-0000-4000-8000-000000000001",
            Self::InSync => "dc500000-0000-4000-8000-000000000002",
            Self::Full => "dc500000-0000-4000-8000-000000000003",
            Self::Failed => "dc500000-0000-4000-8000-000000000004",
            Self::StoppedShort => "dc500000-0000-4000-8000-000000000005",
            Self::NeverConfigured => "dc500000-0000-4000-8000-000000000006",
            Self::Flaky => "dc500000-0000-4000-8000-000000000007",
            Self::Resync => "dc500000-0000-4000-8000-000000000008",
        }
    }

    /// The goal that `demo` waits for.
    pub fn goal(self) -> Goal {
        match self {
            Self::Incremental
            | Self::Full
            | Self::Failed
            | Self::StoppedShort
            | Self::NeverConfigured
            | Self::Flaky => Goal::Completed,
            Self::InSync | Self::Resync => Goal::InSync,
        }
    }

    /// The exit code with which a wait for [`Scenario::goal`] ends.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Incremental | Self::InSync | Self::Full | Self::Flaky | Self::Resync => 0,
            Self::Failed | Self::StoppedShort => 3,
            Self::NeverConfigured => 124,
        }
    }

    /// How long it takes until nothing changes any more.
    pub fn length(self) -> Duration {
        let last_change = self.legs().iter().map(|leg| leg.until).filter(|&until| until != FOR_EVER).max();
        Duration::from_secs(last_change.unwrap_or(0))
    }

    /// How long a wait for [`Scenario::goal`] should have patience: enough for every scenario with an end, and not
    /// longer than one wants to watch for the one without.
    pub fn patience(self) -> Duration {
        match self {
            Self::NeverConfigured => Duration::from_secs(10 * 60),
            Self::Incremental
            | Self::InSync
            | Self::Full
            | Self::Failed
            | Self::StoppedShort
            | Self::Flaky
            | Self::Resync => Duration::from_secs(60 * 60),
        }
    }

    /// What the API shows so long after the start of the task.
    pub fn at(self, elapsed: Duration) -> Frame {
        let moment = self.moment(elapsed);
        Frame { stats: self.stats(&moment), detail: self.detail(&moment), fault: self.fault(elapsed) }
    }

    fn legs(self) -> &'static [Leg] {
        match self {
            Self::Incremental | Self::Flaky => INCREMENTAL,
            Self::InSync => IN_SYNC,
            Self::Full => FULL,
            Self::Failed => FAILED,
            Self::StoppedShort => STOPPED_SHORT,
            Self::NeverConfigured => NEVER_CONFIGURED,
            Self::Resync => RESYNC,
        }
    }

    fn fault(self, elapsed: Duration) -> Option<Fault> {
        if self != Self::Flaky {
            return None;
        }
        let now = elapsed.as_secs();
        FAULTS.iter().find(|(from, to, _)| (*from..*to).contains(&now)).map(|(_, _, fault)| *fault)
    }

    fn moment(self, elapsed: Duration) -> Moment {
        let now = elapsed.as_secs_f64();
        let mut start = 0;
        let mut moment = Moment::default();
        for leg in self.legs() {
            moment = Moment::of(self, leg, start, now);
            if elapsed < Duration::from_secs(leg.until) {
                break;
            }
            start = leg.until;
        }
        moment
    }

    /// How many keys the source has at the start.
    fn keys(self) -> f64 {
        match self {
            Self::Incremental | Self::Flaky => 531_221.0,
            Self::InSync => 482_907.0,
            Self::Full => 356_118.0,
            Self::Failed => 918_540.0,
            Self::StoppedShort => 742_306.0,
            Self::NeverConfigured => 0.0,
            Self::Resync => 268_435.0,
        }
    }

    fn stats(self, moment: &Moment) -> Value {
        // The vendor's table says strings, its example shows numbers: both have to be understood.
        let number = |value: Option<i64>| match value {
            Some(value) if self == Self::InSync => json!(value.to_string()),
            Some(value) => json!(value),
            None => Value::Null,
        };
        let percent = match moment.percent {
            Some(percent) if self == Self::InSync => json!(format!("{:.1}", (percent * 10.0).floor() / 10.0)),
            percent => number(percent.map(|percent| percent as i64)),
        };
        json!({
            "full_migration_progress": percent,
            "offset": number(moment.offset),
            "source_dbsize": number(moment.source_keys),
            "target_dbsize": number(moment.target_keys),
            "target_input_kbps": number(moment.kbps),
            "target_ops": number(moment.ops),
            "is_migrating": moment.is_migrating,
        })
    }

    fn detail(self, moment: &Moment) -> Value {
        let method = if self == Self::Full { "full_amount_migration" } else { "incremental_migration" };
        json!({
            "task_id": self.task_id(),
            "task_name": self.task_name(),
            "description": self.describe(),
            "status": moment.status,
            "migration_type": "online_migration",
            "migration_method": method,
            "ecs_tenant_private_ip": "192.168.1.72",
            "backup_files": null,
            "network_type": "vpc",
            "source_instance": {
                "addrs": "192.168.1.139:6379",
                "password": REDIS_PASSWORD,
                "task_status": null,
            },
            "target_instance": {
                "id": "b34b3e60-4b5c-4d6b-9b4e-5a1f0c2d3e4f",
                "name": "dcs-target",
                "addrs": "192.168.1.157:6379",
                "password": REDIS_PASSWORD,
                "task_status": null,
            },
            "created_at": "2019/10/22 14:44:30",
            "updated_at": if moment.is_migrating { Value::Null } else { json!("2019/10/22 18:00:00") },
            "released_at": null,
            "version": "2.4.0",
            "resume_mode": "auto",
            "supported_features": ["supported_auto_resume"],
            "tenant_vpc_id": "a0f4e7cb-5e1d-4f2a-8a7f-0c9d1b2e3f40",
            "tenant_subnet_id": "d09ff4c3-1a2b-4c3d-8e4f-5a6b7c8d9e0f",
            "tenant_security_group_id": "6f1a2b3c-4d5e-4f60-9182-a3b4c5d6e7f8",
            "bandwidth_limit_mb": "0",
        })
    }

    /// The name of the task in the console.
    pub fn task_name(self) -> String {
        format!("rehearsal-{}", self.as_str())
    }
}

/// The numbers behind a frame.
#[derive(Debug, Default)]
struct Moment {
    status: &'static str,
    is_migrating: bool,
    percent: Option<f64>,
    offset: Option<i64>,
    source_keys: Option<i64>,
    target_keys: Option<i64>,
    kbps: Option<i64>,
    ops: Option<i64>,
}

impl Moment {
    /// `start` of the leg and `now` in seconds from the start of the task.
    fn of(scenario: Scenario, leg: &Leg, start: u64, now: f64) -> Self {
        let (start, until) = (start as f64, leg.until as f64);
        let share = ((now - start) / (until - start)).clamp(0.0, 1.0);
        let percent = leg.percent.map(|(from, to)| from + (to - from) * uneven(share));
        let offset = leg.offset.map(|(from, to)| between(from, to, share));
        let mut moment =
            Self { status: leg.status, is_migrating: leg.is_migrating, percent, offset, ..Self::default() };
        let Some(percent) = percent else { return moment };

        // Once the task has ended, its last numbers stay.
        let at = if leg.is_migrating { now } else { start };
        let source = scenario.keys() + (at * 0.35).floor();
        let target = match offset {
            // Some keys expire on the way; the rest of what is missing has not arrived yet.
            Some(offset) if leg.traffic != Traffic::Copy && percent >= 100.0 => {
                source - 3.0 - noise(at, 0, 9) as f64 - (offset / 150) as f64
            }
            Some(_) | None => source * percent / 100.0 * 0.9998,
        };
        let (kbps, ops) = match leg.traffic {
            Traffic::None => (0, 0),
            Traffic::Copy => (46_500 + noise(at, 1, 5_200), 41_200 + noise(at, 2, 6_300)),
            Traffic::Follow => (44 + noise(at, 1, 17), 4_900 + noise(at, 2, 700)),
            Traffic::Burst => (870 + noise(at, 1, 240), 23_700 + noise(at, 2, 4_100)),
        };
        moment.source_keys = Some(source as i64);
        moment.target_keys = Some(target.max(0.0) as i64);
        moment.kbps = Some(kbps);
        moment.ops = Some(ops);
        moment
    }
}

/// A full copy is not quite even; never backwards.
fn uneven(share: f64) -> f64 {
    share + 0.03 * (share * std::f64::consts::TAU).sin()
}

/// An offset grows evenly and drains like a queue: fast first, slowly at the end.
fn between(from: i64, to: i64, share: f64) -> i64 {
    let (start, end) = (from as f64, to as f64);
    let rest = if from > to {
        let floor = (-6.0_f64).exp();
        ((-6.0 * share).exp() - floor) / (1.0 - floor)
    } else {
        1.0 - share
    };
    (end + (start - end) * rest).round() as i64
}

/// A number under `below` that looks random, the same for the same five seconds.
fn noise(at: f64, series: u64, below: i64) -> i64 {
    let seed = (at / 5.0) as u64 * 4 + series;
    let mixed = (seed ^ (seed >> 7)).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    (mixed % below.unsigned_abs().max(1)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Check, Condition, Failure, Missing, Past};
    use crate::migration::{Detail, Reading, Status};

    fn reading(stats: &Value) -> Reading {
        let number = |name: &str| {
            let value = &stats[name];
            (!value.is_null()).then(|| value.to_string().trim_matches('"').parse::<f64>().unwrap())
        };
        let whole = |name: &str| number(name).map(|value| value as i64);
        Reading {
            is_migrating: stats["is_migrating"].as_bool(),
            offset: whole("offset"),
            full_migration_progress: number("full_migration_progress"),
            source_dbsize: whole("source_dbsize"),
            target_dbsize: whole("target_dbsize"),
            target_input_kbps: number("target_input_kbps"),
            target_ops: number("target_ops"),
        }
    }

    fn detail(frame: &Frame) -> Detail {
        Detail {
            status: Status::parse(frame.detail["status"].as_str().unwrap()),
            task_status: frame.detail["task_status"].as_str().map(str::to_owned),
            migration_method: frame.detail["migration_method"].as_str().map(str::to_owned),
        }
    }

    /// Every frame at five-second steps, for an hour.
    fn frames(scenario: Scenario) -> impl Iterator<Item = (u64, Frame)> {
        (0..3600).step_by(5).map(move |second| (second, scenario.at(Duration::from_secs(second))))
    }

    /// Judges the frames without faults up to the verdict: when it came, and what it was.
    fn verdict(scenario: Scenario, with_status: bool) -> (u64, Check) {
        let condition = Condition { goal: scenario.goal(), max_offset: 0 };
        let mut past = Past::default();
        let mut last = (0, Check::NotYet(Missing::MigratingUnknown));
        for (second, frame) in frames(scenario).filter(|(_, frame)| frame.fault.is_none()) {
            let detail = detail(&frame);
            let reading = reading(&frame.stats);
            let check = condition.check(&reading, with_status.then_some(&detail), past);
            past = past.after(&reading, check);
            last = (second, check);
            if !matches!(check, Check::NotYet(_)) {
                break;
            }
        }
        last
    }

    #[test]
    fn every_scenario_ends_as_it_says() {
        for scenario in Scenario::ALL {
            let (second, check) = verdict(scenario, true);
            let expected = match scenario {
                Scenario::Incremental | Scenario::InSync | Scenario::Full | Scenario::Flaky | Scenario::Resync => {
                    Check::Met
                }
                Scenario::Failed => Check::Failed(Failure::TaskFailed),
                Scenario::StoppedShort => Check::Failed(Failure::StoppedShort),
                Scenario::NeverConfigured => Check::NotYet(Missing::NotStarted),
            };
            assert_eq!(check, expected, "{scenario:?} at {second} s");
            let code = match check {
                Check::Met => 0,
                Check::Failed(_) => 3,
                Check::NotYet(_) => 124,
            };
            assert_eq!(scenario.exit_code(), code, "{scenario:?}");
            if scenario != Scenario::NeverConfigured {
                assert!(Duration::from_secs(second) < scenario.patience() / 2, "{scenario:?} at {second} s");
            }
        }
    }

    #[test]
    fn the_verdict_comes_with_the_last_change_and_not_before() {
        // In-sync touches zero at 520 s; one reading of it is not the end of the story.
        assert_eq!(verdict(Scenario::InSync, true).0, 520);
        for scenario in [Scenario::Incremental, Scenario::Full, Scenario::Failed, Scenario::StoppedShort] {
            assert_eq!(Duration::from_secs(verdict(scenario, true).0), scenario.length(), "{scenario:?}");
        }
        assert_eq!(verdict(Scenario::Flaky, true).0, 915);
        // The curve rounds to zero shortly before the end of the leg.
        assert!((830..=860).contains(&verdict(Scenario::Resync, true).0));
    }

    #[test]
    fn without_the_status_nothing_is_ready_that_should_not_be() {
        for scenario in [Scenario::Failed, Scenario::StoppedShort, Scenario::NeverConfigured] {
            assert!(!matches!(verdict(scenario, false).1, Check::Met), "{scenario:?}");
        }
        for scenario in [Scenario::Incremental, Scenario::InSync, Scenario::Flaky, Scenario::Resync] {
            assert_eq!(verdict(scenario, false).1, Check::Met, "{scenario:?}");
        }
    }

    #[test]
    fn a_full_copy_never_goes_back_but_in_a_resync() {
        for scenario in Scenario::ALL {
            let readings: Vec<_> = frames(scenario).map(|(_, frame)| reading(&frame.stats)).collect();
            let backwards = readings
                .windows(2)
                .filter(|pair| pair[1].full_migration_progress < pair[0].full_migration_progress)
                .count();
            assert_eq!(backwards, usize::from(scenario == Scenario::Resync), "{scenario:?}");
            for pair in readings.windows(2) {
                assert!(pair[1].source_dbsize >= pair[0].source_dbsize, "{scenario:?}: {pair:?}");
                let copying =
                    |reading: &Reading| reading.full_migration_progress.is_some_and(|percent| percent < 100.0);
                if copying(&pair[0]) && copying(&pair[1]) {
                    assert!(pair[1].target_dbsize >= pair[0].target_dbsize, "{scenario:?}: {pair:?}");
                }
                assert!(pair[1].target_dbsize <= pair[1].source_dbsize, "{scenario:?}: {pair:?}");
            }
        }
    }

    #[test]
    fn percentages_and_offsets_stay_in_their_range() {
        for scenario in Scenario::ALL {
            for (second, frame) in frames(scenario) {
                let reading = reading(&frame.stats);
                assert!(reading.offset.is_none_or(|offset| (0..1_000_000).contains(&offset)), "{scenario:?} {second}");
                assert!(
                    reading.full_migration_progress.is_none_or(|percent| (0.0..=100.0).contains(&percent)),
                    "{scenario:?} {second}"
                );
                assert_ne!(
                    Status::parse(frame.detail["status"].as_str().unwrap()).class(),
                    crate::migration::StatusClass::Unknown
                );
            }
        }
    }

    #[test]
    fn the_offset_of_incremental_drains_rises_and_drains() {
        let offsets: Vec<i64> =
            frames(Scenario::Incremental).filter_map(|(_, frame)| reading(&frame.stats).offset).collect();
        let highest_after_zero = offsets.iter().skip_while(|&&offset| offset > 0).max();
        assert_eq!(offsets.first(), Some(&184_320));
        assert_eq!(highest_after_zero, Some(&46_800));
        assert_eq!(offsets.last(), Some(&0));
    }

    #[test]
    fn every_kind_of_fault_happens_and_only_in_flaky() {
        let faults: Vec<Fault> = frames(Scenario::Flaky).filter_map(|(_, frame)| frame.fault).collect();
        for wanted in [429, 500, 502, 503, 504] {
            assert!(faults.iter().any(|fault| matches!(fault, Fault::Status { status, .. } if *status == wanted)));
        }
        assert!(faults.contains(&Fault::CutBody) && faults.contains(&Fault::Reset));
        assert!(faults.contains(&Fault::Malformed) && faults.iter().any(|fault| matches!(fault, Fault::Slow(_))));
        for scenario in Scenario::ALL.into_iter().filter(|&scenario| scenario != Scenario::Flaky) {
            assert!(frames(scenario).all(|(_, frame)| frame.fault.is_none()));
        }
    }

    #[test]
    fn one_scenario_sends_strings_as_the_vendors_table_says() {
        let stats = Scenario::InSync.at(Duration::from_secs(100)).stats;
        assert!(stats["offset"].is_string() && stats["full_migration_progress"].is_string());
        let stats = Scenario::Incremental.at(Duration::from_secs(500)).stats;
        assert!(stats["offset"].is_i64() && stats["full_migration_progress"].is_i64());
    }

    #[test]
    fn names_and_ids_are_their_own() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::parse(scenario.as_str()), Some(scenario));
            assert_eq!(Scenario::ALL.iter().filter(|other| other.task_id() == scenario.task_id()).count(), 1);
            assert_eq!(scenario.describe().matches(". ").count(), 0);
        }
        assert_eq!(Scenario::parse("InSync"), None);
    }

    #[test]
    fn the_ends_of_time_are_harmless() {
        for scenario in Scenario::ALL {
            assert_eq!(
                scenario.at(Duration::MAX).stats["is_migrating"],
                scenario.at(scenario.length()).stats["is_migrating"]
            );
            assert_eq!(reading(&scenario.at(Duration::ZERO).stats).offset.unwrap_or(0), 0);
        }
    }
}
