//! What the scenarios report over time.

use super::snapshot::Snapshot;
use super::{Fault, Scenario, TimeSeries};
use serde_json::Value;
use std::time::Duration;

#[derive(Debug)]
struct Reading {
    percent: Option<f64>,
    offset: Option<i64>,
    source_keys: Option<i64>,
    target_keys: Option<i64>,
}

fn reading(stats: &Value) -> Reading {
    let number = |name: &str| {
        let value = &stats[name];
        (!value.is_null()).then(|| value.to_string().trim_matches('"').parse::<f64>().unwrap())
    };
    let whole = |name: &str| number(name).map(|value| value as i64);
    Reading {
        percent: number("full_migration_progress"),
        offset: whole("offset"),
        source_keys: whole("source_dbsize"),
        target_keys: whole("target_dbsize"),
    }
}

fn at(scenario: Scenario, second: u64) -> Snapshot {
    TimeSeries::of(scenario).at(Duration::from_secs(second))
}

/// Every snapshot at five-second steps, for an hour.
fn snapshots(scenario: Scenario) -> impl Iterator<Item = (u64, Snapshot)> {
    (0..3600)
        .step_by(5)
        .map(move |second| (second, at(scenario, second)))
}

#[test]
fn full_sync_progress_never_decreases() {
    for scenario in Scenario::ALL {
        let readings: Vec<_> = snapshots(scenario)
            .map(|(_, snapshot)| reading(&snapshot.stats))
            .collect();
        let backwards = readings
            .windows(2)
            .filter(|pair| pair[1].percent < pair[0].percent)
            .count();
        let syncs_again = matches!(scenario, Scenario::Resync | Scenario::EmptyRestart);
        assert_eq!(backwards, usize::from(syncs_again), "{scenario:?}");
        for pair in readings.windows(2) {
            let is_emptied = scenario == Scenario::EmptyRestart && pair[1].source_keys == Some(0);
            assert!(
                is_emptied || pair[1].source_keys >= pair[0].source_keys,
                "{scenario:?}: {pair:?}"
            );
            if is_emptied {
                continue;
            }
            let is_syncing =
                |reading: &Reading| reading.percent.is_some_and(|percent| percent < 100.0);
            if is_syncing(&pair[0]) && is_syncing(&pair[1]) {
                assert!(
                    pair[1].target_keys >= pair[0].target_keys,
                    "{scenario:?}: {pair:?}"
                );
            }
            // After the switch, applications write to the target.
            let may_have_more = scenario == Scenario::Switch;
            assert!(
                may_have_more || pair[1].target_keys <= pair[1].source_keys,
                "{scenario:?}: {pair:?}"
            );
        }
    }
}

/// Both counts at one second.
fn keys(scenario: Scenario, second: u64) -> (i64, i64) {
    let reading = reading(&at(scenario, second).stats);
    (reading.source_keys.unwrap(), reading.target_keys.unwrap())
}

#[test]
fn task_status_follows_the_ip_switch() {
    let seen = |scenario: Scenario| {
        let mut seen = Vec::new();
        for (_, snapshot) in snapshots(scenario) {
            let word = |name: &str| {
                snapshot.detail[name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let now = (
                word("task_status"),
                word("status"),
                snapshot.stats["is_migrating"] == true,
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
            snapshots(scenario).all(|(_, snapshot)| snapshot.detail["task_status"].is_null()),
            "{scenario:?}"
        );
    }
}

#[test]
fn key_counts_follow_writes() {
    // No application writes during a switch; afterwards they write to one of both instances.
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
fn key_counts_follow_losses() {
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
fn percentages_and_offsets_stay_in_range() {
    for scenario in Scenario::ALL {
        for (second, snapshot) in snapshots(scenario) {
            let reading = reading(&snapshot.stats);
            assert!(
                reading
                    .offset
                    .is_none_or(|offset| (0..1_000_000).contains(&offset)),
                "{scenario:?} {second}"
            );
            assert!(
                reading
                    .percent
                    .is_none_or(|percent| (0.0..=100.0).contains(&percent)),
                "{scenario:?} {second}"
            );
        }
    }
}

#[test]
fn incremental_offset_drains_twice() {
    let offsets: Vec<i64> = snapshots(Scenario::Incremental)
        .filter_map(|(_, snapshot)| reading(&snapshot.stats).offset)
        .collect();
    let highest_after_zero = offsets.iter().skip_while(|&&offset| offset > 0).max();
    assert_eq!(offsets.first(), Some(&184_320));
    assert_eq!(highest_after_zero, Some(&46_800));
    assert_eq!(offsets.last(), Some(&0));
}

#[test]
fn flaky_alone_has_every_fault() {
    let faults: Vec<Fault> = snapshots(Scenario::Flaky)
        .filter_map(|(_, snapshot)| snapshot.fault)
        .collect();
    for wanted in [429, 500, 502, 503, 504] {
        assert!(
            faults
                .iter()
                .any(|fault| matches!(fault, Fault::Status { status, .. } if *status == wanted))
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
        assert!(snapshots(scenario).all(|(_, snapshot)| snapshot.fault.is_none()));
    }
}

#[test]
fn in_sync_sends_numbers_as_strings() {
    let stats = at(Scenario::InSync, 100).stats;
    assert!(stats["offset"].is_string() && stats["full_migration_progress"].is_string());
    let stats = at(Scenario::Incremental, 500).stats;
    assert!(stats["offset"].is_i64() && stats["full_migration_progress"].is_i64());
}

#[test]
fn first_and_last_moments_are_valid() {
    for scenario in Scenario::ALL {
        let last = scenario.definition().stages.iter().rev().nth(1);
        let ended = at(scenario, last.map_or(0, |stage| stage.until));
        let end = TimeSeries::of(scenario).at(Duration::MAX);
        assert_eq!(end.stats["is_migrating"], ended.stats["is_migrating"]);
        let first_offset = reading(&at(scenario, 0).stats).offset;
        assert_eq!(first_offset.unwrap_or(0), 0);
    }
}
