//! What can become of a migration, as a pure function of the time.
//!
//! A scenario is a table of legs (`course`); a leg says where percentage and offset begin and end and what the task
//! does in between. How many keys the instances hold follows from that (`truth`). Nothing here was measured on a live
//! cloud: the shapes follow the vendor's documents, and where those are silent (what is sent while the data set is
//! copied, say) the scenarios differ on purpose.

mod course;
mod truth;

pub(super) use course::{Action, Course};

use crate::domain::Goal;
use course::{FAILURE, FOR_EVER};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;
use truth::Moment;

/// The password that both Redis instances have in the task detail. The vendor's API sends it in clear text, so the
/// simulator does it too: a client that reads the detail has to keep it out of logs.
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
    /// In sync, then the IP addresses are switched.
    Switch,
    /// In sync, then a switch of the IP addresses that is rolled back.
    Rollback,
    /// The target loses its keys, and the task is stopped in sync.
    LostKeys,
    /// The source restarts without its data, which empties the target too.
    EmptyRestart,
    /// In sync under writes until a user acts.
    Live,
}

/// What the API shows at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The body of the stats call.
    pub stats: Value,
    /// The body of the detail call, clear-text passwords included.
    pub detail: Value,
    /// Why the task failed, as the list has it.
    pub error_message: Option<&'static str>,
    /// The status of both instances, as the list has it.
    pub instance_status: &'static str,
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

/// What goes wrong in [`Scenario::Flaky`]: from, to (seconds), what. Each lasts longer than a poll interval and much
/// shorter than the outage that a waiter forgives.
const FAULTS: &[(u64, u64, Fault)] = &[
    (35, 70, Fault::Slow(Duration::from_secs(4))),
    (
        100,
        130,
        error(500, Some("DCS.5000"), "Internal service error.", None),
    ),
    (
        160,
        190,
        error(
            429,
            Some("APIGW.0308"),
            THROTTLED,
            Some(Duration::from_secs(20)),
        ),
    ),
    (230, 265, Fault::CutBody),
    (310, 345, Fault::Reset),
    (380, 415, Fault::Malformed),
    (
        450,
        485,
        error(
            503,
            Some("APIG.0613"),
            "The IAM service is currently unavailable.",
            Some(Duration::from_secs(15)),
        ),
    ),
    (530, 560, Fault::Slow(Duration::from_secs(20))),
    (655, 690, Fault::Reset),
    (
        730,
        760,
        error(504, Some("APIGW.0201"), "Backend timeout.", None),
    ),
    // The first poll of the ended task fails.
    (880, 915, error(502, None, "Bad Gateway", None)),
];

const THROTTLED: &str =
    "The throttling threshold has been reached: policy ip over ratelimit,limit:5,time:1 second";

const fn error(
    status: u16,
    code: Option<&'static str>,
    message: &'static str,
    retry_after: Option<Duration>,
) -> Fault {
    Fault::Status {
        status,
        code,
        message,
        retry_after,
    }
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 13] = [
        Self::Incremental,
        Self::InSync,
        Self::Full,
        Self::Failed,
        Self::StoppedShort,
        Self::NeverConfigured,
        Self::Flaky,
        Self::Resync,
        Self::Switch,
        Self::Rollback,
        Self::LostKeys,
        Self::EmptyRestart,
        Self::Live,
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
            Self::Switch => "switch",
            Self::Rollback => "rollback",
            Self::LostKeys => "lost-keys",
            Self::EmptyRestart => "empty-restart",
            Self::Live => "live",
        }
    }

    /// The scenario with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.as_str() == name)
    }

    /// What happens, in one sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Incremental => {
                "Full copy, then the offset drains to 0, rises in a burst of writes and drains again; the operator stops \
                 the task in sync."
            }
            Self::InSync => {
                "Full copy, then the offset drains to 0 and stays there while the task keeps migrating."
            }
            Self::Full => {
                "A full migration without an incremental phase: copies everything and succeeds; its offset stays unknown."
            }
            Self::Failed => "The full copy stops moving at 47 percent and the task fails.",
            Self::StoppedShort => {
                "The operator stops the task at 62 percent; its offset says 0 all the same."
            }
            Self::NeverConfigured => {
                "The task waits for somebody to configure it, and nobody does."
            }
            Self::Flaky => {
                "Like incremental, behind an API that throttles, fails, hangs, resets and garbles."
            }
            Self::Resync => {
                "The link breaks in the incremental phase, everything is copied again, then the task is in sync."
            }
            Self::Switch => {
                "In sync, then the IP addresses are switched: the task ends at the start of the switch, the target \
                 serves at its end."
            }
            Self::Rollback => {
                "In sync, then a switch of the IP addresses that is rolled back: the task says SUCCESS, and the source \
                 serves."
            }
            Self::LostKeys => {
                "The target loses its keys in the incremental phase, and the operator stops the task at offset 0."
            }
            Self::EmptyRestart => {
                "The source restarts without its data, and the target is emptied with it: 100 percent, offset 0 and no \
                 keys."
            }
            Self::Live => {
                "In sync under writes until you act: POST stop, sync-stop, exchange-ip and rollback-ip change the task."
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
            Self::Switch => "dc500000-0000-4000-8000-000000000009",
            Self::Rollback => "dc500000-0000-4000-8000-000000000010",
            Self::LostKeys => "dc500000-0000-4000-8000-000000000011",
            Self::EmptyRestart => "dc500000-0000-4000-8000-000000000012",
            Self::Live => "dc500000-0000-4000-8000-000000000013",
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
            | Self::Flaky
            | Self::Rollback
            | Self::LostKeys => Goal::Completed,
            Self::Switch => Goal::Switched,
            Self::InSync | Self::Resync | Self::EmptyRestart | Self::Live => Goal::InSync,
        }
    }

    /// The exit code with which a wait for [`Scenario::goal`] ends.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Incremental
            | Self::InSync
            | Self::Full
            | Self::Flaky
            | Self::Resync
            | Self::Switch
            | Self::Live => 0,
            Self::Failed | Self::StoppedShort | Self::Rollback | Self::LostKeys => 3,
            Self::NeverConfigured | Self::EmptyRestart => 124,
        }
    }

    /// How long it takes until nothing changes any more.
    pub fn length(self) -> Duration {
        let last_change = self
            .legs()
            .iter()
            .map(|leg| leg.until)
            .filter(|&until| until != FOR_EVER)
            .max();
        Duration::from_secs(last_change.unwrap_or(0))
    }

    /// How long a wait for [`Scenario::goal`] should have patience: enough for every scenario with an end, and not
    /// longer than one wants to watch for the one without.
    pub fn patience(self) -> Duration {
        match self {
            Self::NeverConfigured | Self::EmptyRestart => Duration::from_secs(10 * 60),
            Self::Incremental
            | Self::InSync
            | Self::Full
            | Self::Failed
            | Self::StoppedShort
            | Self::Flaky
            | Self::Resync
            | Self::Switch
            | Self::Rollback
            | Self::LostKeys
            | Self::Live => Duration::from_secs(60 * 60),
        }
    }

    /// What the API shows so long after the start of the task, if no user acts.
    pub fn at(self, elapsed: Duration) -> Frame {
        Course::of(self).at(elapsed)
    }

    fn frame(self, moment: &Moment, elapsed: Duration) -> Frame {
        Frame {
            stats: self.stats(moment),
            detail: self.detail(moment),
            error_message: (moment.status == "FAILED").then_some(FAILURE),
            instance_status: moment.switch.instance_status(),
            fault: self.fault(elapsed),
        }
    }

    fn fault(self, elapsed: Duration) -> Option<Fault> {
        if self != Self::Flaky {
            return None;
        }
        let now = elapsed.as_secs();
        FAULTS
            .iter()
            .find(|(from, to, _)| (*from..*to).contains(&now))
            .map(|(_, _, fault)| *fault)
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
            Self::Switch => 204_871.0,
            Self::Rollback => 617_302.0,
            Self::LostKeys => 453_960.0,
            Self::EmptyRestart => 389_014.0,
            Self::Live => 150_226.0,
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
            Some(percent) if self == Self::InSync => {
                json!(format!("{:.1}", (percent * 10.0).floor() / 10.0))
            }
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
        let method = if self == Self::Full {
            "full_amount_migration"
        } else {
            "incremental_migration"
        };
        json!({
            "task_id": self.task_id(),
            "task_name": self.task_name(),
            "description": self.describe(),
            "status": moment.status,
            "task_status": moment.switch.task_status(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Check, Condition, Detail, Failure, Missing, PollHistory, Reading, Side, Status,
    };

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
        (0..3600)
            .step_by(5)
            .map(move |second| (second, scenario.at(Duration::from_secs(second))))
    }

    /// Judges the frames without faults up to the verdict: when it came, and what it was.
    fn verdict(scenario: Scenario, with_status: bool) -> (u64, Check) {
        let condition = Condition {
            goal: scenario.goal(),
            max_offset: 0,
            max_missing_keys: Default::default(),
        };
        let mut past = PollHistory::default();
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
                Scenario::Failed => Check::Failed(Failure::TaskFailed),
                Scenario::StoppedShort => Check::Failed(Failure::StoppedShort),
                Scenario::Rollback => Check::Failed(Failure::RolledBack),
                Scenario::LostKeys => Check::Failed(Failure::KeysMissing),
                Scenario::NeverConfigured => Check::NotYet(Missing::NotStarted),
                Scenario::EmptyRestart => Check::NotYet(Missing::Emptied(Side::Target)),
                Scenario::Incremental
                | Scenario::InSync
                | Scenario::Full
                | Scenario::Flaky
                | Scenario::Resync
                | Scenario::Switch
                | Scenario::Live => Check::Met,
            };
            assert_eq!(check, expected, "{scenario:?} at {second} s");
            let code = match check {
                Check::Met => 0,
                Check::Failed(_) => 3,
                Check::NotYet(_) => 124,
            };
            assert_eq!(scenario.exit_code(), code, "{scenario:?}");
            if code != 124 {
                assert!(
                    Duration::from_secs(second) < scenario.patience() / 2,
                    "{scenario:?} at {second} s"
                );
            }
        }
    }

    #[test]
    fn the_verdict_comes_with_the_last_change_and_not_before() {
        // In-sync touches zero at 520 s; one reading of it is not the end of the story.
        assert_eq!(verdict(Scenario::InSync, true).0, 520);
        for scenario in [
            Scenario::Incremental,
            Scenario::Full,
            Scenario::Failed,
            Scenario::StoppedShort,
            Scenario::Switch,
            Scenario::Rollback,
        ] {
            assert_eq!(
                Duration::from_secs(verdict(scenario, true).0),
                scenario.length(),
                "{scenario:?}"
            );
        }
        // The counts are believed after three readings.
        assert_eq!(
            Duration::from_secs(verdict(Scenario::LostKeys, true).0 - 10),
            Scenario::LostKeys.length()
        );
        assert_eq!(verdict(Scenario::Flaky, true).0, 915);
        // The curve rounds to zero shortly before the end of the leg.
        assert!((830..=860).contains(&verdict(Scenario::Resync, true).0));
    }

    #[test]
    fn without_the_status_nothing_is_ready_that_should_not_be() {
        for scenario in [
            Scenario::Failed,
            Scenario::StoppedShort,
            Scenario::NeverConfigured,
        ] {
            assert!(
                !matches!(verdict(scenario, false).1, Check::Met),
                "{scenario:?}"
            );
        }
        for scenario in [
            Scenario::Incremental,
            Scenario::InSync,
            Scenario::Flaky,
            Scenario::Resync,
        ] {
            assert_eq!(verdict(scenario, false).1, Check::Met, "{scenario:?}");
        }
    }

    #[test]
    fn a_full_copy_never_goes_back_but_in_a_resync() {
        for scenario in Scenario::ALL {
            let readings: Vec<_> = frames(scenario)
                .map(|(_, frame)| reading(&frame.stats))
                .collect();
            let backwards = readings
                .windows(2)
                .filter(|pair| pair[1].full_migration_progress < pair[0].full_migration_progress)
                .count();
            let copies_again = matches!(scenario, Scenario::Resync | Scenario::EmptyRestart);
            assert_eq!(backwards, usize::from(copies_again), "{scenario:?}");
            for pair in readings.windows(2) {
                let is_emptied =
                    scenario == Scenario::EmptyRestart && pair[1].source_dbsize == Some(0);
                assert!(
                    is_emptied || pair[1].source_dbsize >= pair[0].source_dbsize,
                    "{scenario:?}: {pair:?}"
                );
                if is_emptied {
                    continue;
                }
                let copying = |reading: &Reading| {
                    reading
                        .full_migration_progress
                        .is_some_and(|percent| percent < 100.0)
                };
                if copying(&pair[0]) && copying(&pair[1]) {
                    assert!(
                        pair[1].target_dbsize >= pair[0].target_dbsize,
                        "{scenario:?}: {pair:?}"
                    );
                }
                // Once it serves, the target has keys of its own.
                let may_have_more = scenario == Scenario::Switch;
                assert!(
                    may_have_more || pair[1].target_dbsize <= pair[1].source_dbsize,
                    "{scenario:?}: {pair:?}"
                );
            }
        }
    }

    /// Both counts at one second.
    fn keys(scenario: Scenario, second: u64) -> (i64, i64) {
        let reading = reading(&scenario.at(Duration::from_secs(second)).stats);
        (
            reading.source_dbsize.unwrap(),
            reading.target_dbsize.unwrap(),
        )
    }

    #[test]
    fn task_status_passes_through_a_switch() {
        let seen = |scenario: Scenario| {
            let mut seen = Vec::new();
            for (_, frame) in frames(scenario) {
                let word = |name: &str| frame.detail[name].as_str().unwrap_or_default().to_owned();
                let now = (
                    word("task_status"),
                    word("status"),
                    frame.stats["is_migrating"] == true,
                );
                if seen.last() != Some(&now) {
                    seen.push(now);
                }
            }
            seen
        };
        let row = |task_status: &str, status: &str, migrating| {
            (task_status.to_owned(), status.to_owned(), migrating)
        };
        let start = [
            row("", "FULLMIGRATING", true),
            row("", "INCRMIGEATING", true),
            row("EXCHANGING", "INCRMIGEATING", true),
            row("EXCHANGING", "SUCCESS", false),
        ];
        let ends = [
            (Scenario::Switch, "EXCHANGE_SUCCESS"),
            (Scenario::Rollback, "ROLLBACK_SUCCESS"),
        ];
        for (scenario, end) in ends {
            let seen = seen(scenario);
            assert_eq!(seen[..4], start, "{scenario:?}");
            assert_eq!(seen[4..], [row(end, "SUCCESS", false)], "{scenario:?}");
        }
        for scenario in Scenario::ALL
            .into_iter()
            .filter(|scenario| !ends.iter().any(|end| end.0 == *scenario))
        {
            assert!(
                frames(scenario).all(|(_, frame)| frame.detail["task_status"].is_null()),
                "{scenario:?}"
            );
        }
    }

    #[test]
    fn key_counts_follow_where_applications_write() {
        // Nobody writes during a switch; afterwards only one of both takes writes.
        for (scenario, end) in [(Scenario::Switch, 500), (Scenario::Rollback, 530)] {
            let (begun, done, later) = (
                keys(scenario, 440),
                keys(scenario, end),
                keys(scenario, end + 1000),
            );
            assert!(keys(scenario, 430).0 < begun.0, "{scenario:?}");
            assert_eq!(begun.0, done.0, "{scenario:?}");
            assert_eq!(keys(scenario, 450), done, "{scenario:?}");
            let (source, target) = (later.0 - done.0, later.1 - done.1);
            let (serves, other) = if scenario == Scenario::Switch {
                (target, source)
            } else {
                (source, target)
            };
            assert!(
                (345..=355).contains(&serves) && other == 0,
                "{scenario:?}: {source} {target}"
            );
        }
    }

    #[test]
    fn key_counts_follow_a_loss() {
        let (source, target) = keys(Scenario::LostKeys, 439);
        assert!(source - target < 20);
        // What is written afterwards arrives in the emptied target.
        let (_, emptied) = keys(Scenario::LostKeys, 441);
        let (later, refilled) = keys(Scenario::LostKeys, 490);
        assert!(emptied < 10 && later > source, "{emptied}");
        assert!(refilled > emptied && refilled < 30, "{refilled}");
        assert_eq!(
            keys(Scenario::LostKeys, 500),
            keys(Scenario::LostKeys, 3000)
        );

        assert!(keys(Scenario::EmptyRestart, 399).1 > 380_000);
        for second in [400, 405, 410, 3000] {
            assert_eq!(keys(Scenario::EmptyRestart, second), (0, 0), "{second}");
        }
    }

    #[test]
    fn percentages_and_offsets_stay_in_their_range() {
        for scenario in Scenario::ALL {
            for (second, frame) in frames(scenario) {
                let reading = reading(&frame.stats);
                assert!(
                    reading
                        .offset
                        .is_none_or(|offset| (0..1_000_000).contains(&offset)),
                    "{scenario:?} {second}"
                );
                assert!(
                    reading
                        .full_migration_progress
                        .is_none_or(|percent| (0.0..=100.0).contains(&percent)),
                    "{scenario:?} {second}"
                );
                assert_ne!(
                    Status::parse(frame.detail["status"].as_str().unwrap()).class(),
                    crate::domain::StatusClass::Unknown
                );
            }
        }
    }

    #[test]
    fn the_offset_of_incremental_drains_rises_and_drains() {
        let offsets: Vec<i64> = frames(Scenario::Incremental)
            .filter_map(|(_, frame)| reading(&frame.stats).offset)
            .collect();
        let highest_after_zero = offsets.iter().skip_while(|&&offset| offset > 0).max();
        assert_eq!(offsets.first(), Some(&184_320));
        assert_eq!(highest_after_zero, Some(&46_800));
        assert_eq!(offsets.last(), Some(&0));
    }

    #[test]
    fn every_kind_of_fault_happens_and_only_in_flaky() {
        let faults: Vec<Fault> = frames(Scenario::Flaky)
            .filter_map(|(_, frame)| frame.fault)
            .collect();
        for wanted in [429, 500, 502, 503, 504] {
            assert!(
                faults.iter().any(
                    |fault| matches!(fault, Fault::Status { status, .. } if *status == wanted)
                )
            );
        }
        assert!(faults.contains(&Fault::CutBody) && faults.contains(&Fault::Reset));
        assert!(
            faults.contains(&Fault::Malformed)
                && faults.iter().any(|fault| matches!(fault, Fault::Slow(_)))
        );
        for scenario in Scenario::ALL
            .into_iter()
            .filter(|&scenario| scenario != Scenario::Flaky)
        {
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
            assert_eq!(
                Scenario::ALL
                    .iter()
                    .filter(|other| other.task_id() == scenario.task_id())
                    .count(),
                1
            );
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
            assert_eq!(
                reading(&scenario.at(Duration::ZERO).stats)
                    .offset
                    .unwrap_or(0),
                0
            );
        }
    }
}
