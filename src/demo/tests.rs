//! The scenarios, evaluated by this program's own rules.

use crate::domain::{
    Check, Condition, Detail, Failure, Goal, Missing, PollHistory, Reading, Side, Status,
    StatusClass,
};
use crate::simulator::{Scenario, Snapshot, TimeSeries};
use serde_json::Value;
use std::time::Duration;

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

fn detail(snapshot: &Snapshot) -> Detail {
    Detail {
        status: Status::parse(snapshot.detail["status"].as_str().unwrap()),
        task_status: snapshot.detail["task_status"].as_str().map(str::to_owned),
        migration_method: snapshot.detail["migration_method"]
            .as_str()
            .map(str::to_owned),
    }
}

/// Every snapshot at five-second steps, for an hour.
fn snapshots(scenario: Scenario) -> impl Iterator<Item = (u64, Snapshot)> {
    let series = TimeSeries::of(scenario);
    (0..3600)
        .step_by(5)
        .map(move |second| (second, series.at(Duration::from_secs(second))))
}

/// Evaluates the snapshots without faults: the second of the first result that is final, and the result.
fn verdict(scenario: Scenario, with_status: bool) -> (u64, Check) {
    let condition = Condition {
        goal: Goal::ALL
            .into_iter()
            .find(|goal| goal.as_str() == scenario.goal())
            .unwrap(),
        max_offset: 0,
        max_missing_keys: Default::default(),
    };
    let mut past = PollHistory::default();
    let mut last = (0, Check::NotYet(Missing::MigratingUnknown));
    for (second, snapshot) in snapshots(scenario).filter(|(_, snapshot)| snapshot.fault.is_none()) {
        let detail = detail(&snapshot);
        let reading = reading(&snapshot.stats);
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
fn scenario_ends_with_its_exit_code() {
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
                Duration::from_secs(second) < scenario.timeout() / 2,
                "{scenario:?} at {second} s"
            );
        }
    }
}

#[test]
fn verdict_comes_with_the_last_change() {
    // In-sync touches zero at 520 s; the wait confirms it with more readings.
    assert_eq!(verdict(Scenario::InSync, true).0, 520);
    for (scenario, second) in [
        (Scenario::Incremental, 880),
        (Scenario::Full, 650),
        (Scenario::Failed, 345),
        (Scenario::StoppedShort, 405),
        (Scenario::Switch, 500),
        (Scenario::Rollback, 530),
        // The counts are believed after three readings.
        (Scenario::LostKeys, 510),
    ] {
        assert_eq!(verdict(scenario, true).0, second, "{scenario:?}");
    }
    assert_eq!(verdict(Scenario::Flaky, true).0, 915);
    // The offset rounds to zero shortly before the end of the stage.
    assert!((830..=860).contains(&verdict(Scenario::Resync, true).0));
}

#[test]
fn verdict_without_status_is_never_early() {
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
fn scenario_statuses_are_known() {
    for scenario in Scenario::ALL {
        for (_, snapshot) in snapshots(scenario) {
            assert_ne!(detail(&snapshot).status.class(), StatusClass::Unknown);
        }
    }
}
