use super::super::status::Status;
use super::*;
use Check::{Failed, Met, NotYet};

fn fresh() -> PollHistory {
    PollHistory::default()
}

/// The task was seen migrating, and two readings before this one were the same.
fn third(suspicion: UnconfirmedFailure) -> PollHistory {
    PollHistory {
        seen_migrating: true,
        agreeing: 2,
        suspicion: Some(suspicion),
        ..PollHistory::default()
    }
}

fn reading(is_migrating: Option<bool>, offset: Option<i64>, progress: Option<f64>) -> Reading {
    Reading {
        is_migrating,
        offset,
        full_migration_progress: progress,
        ..Reading::default()
    }
}

fn detail(status: &str) -> Option<Detail> {
    (!status.is_empty()).then(|| Detail {
        status: Status::parse(status),
        task_status: None,
        migration_method: Some("incremental_migration".to_owned()),
    })
}

fn full_only(status: &str) -> Option<Detail> {
    detail(status).map(|detail| Detail {
        migration_method: Some("full_amount_migration".to_owned()),
        ..detail
    })
}

fn check(goal: Goal, reading: &Reading, detail: Option<Detail>, past: PollHistory) -> Check {
    Condition {
        goal,
        max_offset: 0,
        max_missing_keys: Default::default(),
    }
    .check(reading, detail.as_ref(), past)
}

const SUCCEEDED: [&str; 2] = ["SUCCESS", "MIGRATION_SUCCESS"];
const ENDED: [&str; 4] = ["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"];
const ON_ITS_WAY: [&str; 9] = [
    "TERMINATING",
    "FULLMIGRATING",
    "MIGRATING",
    "INCRMIGEATING",
    "INCRMIGRATING",
    "CREATING",
    "RUNNING",
    "EXCHANGING",
    "",
];
const BAD: [&str; 5] = ["FAILED", "MIGRATION_FAILED", "ERROR", "DELETED", "DELETED"];
const PROGRESS: [Option<f64>; 4] = [None, Some(0.0), Some(99.9), Some(100.0)];
const OFFSETS: [Option<i64>; 5] = [None, Some(0), Some(1), Some(-1), Some(i64::MAX)];

#[test]
fn completed_row_by_row() {
    let ended = |offset, progress| reading(Some(false), offset, progress);
    let is =
        |reading: &Reading, status: &str| check(Goal::Completed, reading, detail(status), fresh());

    for progress in [None, Some(100.0)] {
        for status in ["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", ""] {
            assert_eq!(
                is(&ended(Some(0), progress), status),
                Met,
                "0 {progress:?} {status}"
            );
        }
    }
    assert_eq!(is(&ended(Some(0), Some(100.0)), "RELEASED"), Met);
    assert_eq!(
        is(&ended(Some(0), None), "RELEASED"),
        NotYet(Missing::FullSyncUnknown)
    );
    for status in ENDED {
        assert_eq!(
            is(&ended(Some(0), Some(99.9)), status),
            Failed(Failure::StoppedShort)
        );
        for progress in PROGRESS {
            for offset in [1, -1, i64::MAX, i64::MIN] {
                assert_eq!(
                    is(&ended(Some(offset), progress), status),
                    Failed(Failure::StoppedOutOfSync)
                );
            }
        }
    }
    for (offset, progress) in OFFSETS
        .into_iter()
        .flat_map(|offset| PROGRESS.map(|progress| (offset, progress)))
    {
        for status in BAD {
            assert!(
                matches!(is(&ended(offset, progress), status), Failed(_)),
                "{offset:?} {progress:?} {status}"
            );
        }
        for status in ON_ITS_WAY.into_iter().filter(|status| !status.is_empty()) {
            assert!(
                matches!(is(&ended(offset, progress), status), NotYet(_)),
                "{offset:?} {progress:?} {status}"
            );
        }
    }
}

#[test]
fn completed_confirms_failure_after_three_readings() {
    for (bad, suspicion, failure) in [
        (
            reading(Some(false), Some(0), Some(40.0)),
            UnconfirmedFailure::Short,
            Failure::StoppedShort,
        ),
        (
            reading(Some(false), Some(7), Some(100.0)),
            UnconfirmedFailure::OutOfSync,
            Failure::StoppedOutOfSync,
        ),
        (
            reading(Some(false), Some(-7), None),
            UnconfirmedFailure::OutOfSync,
            Failure::StoppedOutOfSync,
        ),
    ] {
        let wait = NotYet(Missing::Unconfirmed(suspicion));
        assert_eq!(
            check(Goal::Completed, &bad, None, third(suspicion)),
            Failed(failure)
        );
        assert_eq!(check(Goal::Completed, &bad, None, fresh()), wait);
        assert_eq!(
            check(
                Goal::Completed,
                &bad,
                None,
                PollHistory {
                    agreeing: 1,
                    ..third(suspicion)
                }
            ),
            wait
        );
        assert_eq!(
            check(
                Goal::Completed,
                &bad,
                None,
                PollHistory {
                    seen_migrating: false,
                    ..third(suspicion)
                }
            ),
            wait
        );
        assert_eq!(
            check(
                Goal::Completed,
                &bad,
                None,
                PollHistory {
                    suspicion: None,
                    ..third(suspicion)
                }
            ),
            wait
        );
    }
}

#[test]
fn unknown_offset_only_after_full_migration() {
    for progress in PROGRESS {
        let unknown = reading(Some(false), None, progress);
        for status in SUCCEEDED {
            assert_eq!(
                check(Goal::Completed, &unknown, full_only(status), fresh()),
                Met
            );
            assert_eq!(
                check(Goal::Completed, &unknown, detail(status), fresh()),
                NotYet(Missing::OffsetUnknown)
            );
        }
        for status in ["TERMINATED", "RELEASED", ""] {
            assert_eq!(
                check(Goal::Completed, &unknown, full_only(status), fresh()),
                NotYet(Missing::OffsetUnknown)
            );
        }
    }
}

#[test]
fn no_goal_with_unknown_is_migrating() {
    for goal in Goal::ALL {
        for (offset, progress) in OFFSETS
            .into_iter()
            .flat_map(|offset| PROGRESS.map(|progress| (offset, progress)))
        {
            for status in ENDED.into_iter().chain(ON_ITS_WAY) {
                for detail in [detail(status), full_only(status)] {
                    let unknown = reading(None, offset, progress);
                    assert_eq!(
                        check(goal, &unknown, detail, fresh()),
                        NotYet(Missing::MigratingUnknown)
                    );
                }
            }
        }
    }
}

#[test]
fn completed_never_met_while_migrating() {
    for status in ENDED.into_iter().chain(ON_ITS_WAY) {
        let migrating = reading(Some(true), Some(0), Some(100.0));
        assert_eq!(
            check(Goal::Completed, &migrating, detail(status), fresh()),
            NotYet(Missing::StillMigrating)
        );
    }
}

#[test]
fn in_sync_needs_running_synced_closed() {
    let is =
        |reading: Reading, status: &str| check(Goal::InSync, &reading, detail(status), fresh());
    let running = |offset, progress| reading(Some(true), offset, progress);
    for status in ["", "MIGRATING", "INCRMIGEATING", "INCRMIGRATING"] {
        assert_eq!(is(running(Some(0), Some(100.0)), status), Met, "{status}");
        assert_eq!(
            is(running(Some(1), Some(100.0)), status),
            NotYet(Missing::OffsetOpen)
        );
        assert_eq!(
            is(running(Some(-1), Some(100.0)), status),
            NotYet(Missing::OffsetOpen)
        );
        assert_eq!(
            is(running(None, Some(100.0)), status),
            NotYet(Missing::OffsetUnknown)
        );
        assert_eq!(
            is(running(Some(0), Some(99.9)), status),
            NotYet(Missing::FullSyncIncomplete)
        );
    }
    // The incremental phase itself proves the full sync; nothing else does.
    assert_eq!(is(running(Some(0), None), "INCRMIGEATING"), Met);
    assert_eq!(
        is(running(Some(0), None), "MIGRATING"),
        NotYet(Missing::FullSyncUnknown)
    );
    assert_eq!(
        is(running(Some(0), None), ""),
        NotYet(Missing::FullSyncUnknown)
    );
    for status in [
        "FULLMIGRATING",
        "RUNNING",
        "TERMINATING",
        "TERMINATED",
        "SUCCESS",
        "RELEASED",
        "EXCHANGING",
    ] {
        assert!(
            matches!(is(running(Some(0), Some(100.0)), status), NotYet(_)),
            "{status}"
        );
    }
}

#[test]
fn in_sync_fails_for_stopped_task() {
    for (offset, progress) in OFFSETS
        .into_iter()
        .flat_map(|offset| PROGRESS.map(|progress| (offset, progress)))
    {
        for status in ENDED {
            let stopped = reading(Some(false), offset, progress);
            assert!(
                matches!(
                    check(Goal::InSync, &stopped, detail(status), fresh()),
                    Failed(_)
                ),
                "{stopped:?} {status}"
            );
        }
    }
    let in_sync = reading(Some(false), Some(0), Some(100.0));
    assert_eq!(
        check(Goal::InSync, &in_sync, None, fresh()),
        Failed(Failure::StoppedBeforeInSync)
    );
    // Zeros without a full sync may as well be a task that has not begun.
    let zeros = reading(Some(false), Some(0), None);
    let suspicion = UnconfirmedFailure::StoppedInSync;
    assert_eq!(
        check(Goal::InSync, &zeros, None, fresh()),
        NotYet(Missing::Unconfirmed(suspicion))
    );
    assert_eq!(
        check(Goal::InSync, &zeros, None, third(suspicion)),
        Failed(Failure::StoppedBeforeInSync)
    );
    assert_eq!(
        check(Goal::InSync, &zeros, detail("RUNNING"), third(suspicion)),
        NotYet(Missing::NotStarted)
    );
}

#[test]
fn full_sync_reads_percentage_while_running() {
    let is =
        |reading: Reading, status: &str| check(Goal::FullSync, &reading, detail(status), fresh());
    for is_migrating in [true, false] {
        for status in [
            "",
            "SUCCESS",
            "TERMINATED",
            "RELEASED",
            "MIGRATING",
            "INCRMIGEATING",
            "FULLMIGRATING",
        ] {
            for offset in OFFSETS {
                assert_eq!(
                    is(reading(Some(is_migrating), offset, Some(100.0)), status),
                    Met
                );
            }
            assert!(matches!(
                is(reading(Some(is_migrating), Some(0), None), status),
                NotYet(_)
            ));
        }
        assert_eq!(
            is(reading(Some(is_migrating), Some(0), Some(100.0)), "RUNNING"),
            NotYet(Missing::NotStarted)
        );
        for status in BAD {
            assert!(matches!(
                is(reading(Some(is_migrating), Some(0), Some(100.0)), status),
                Failed(_)
            ));
        }
    }
    assert_eq!(
        is(reading(Some(true), None, Some(99.9)), "FULLMIGRATING"),
        NotYet(Missing::FullSyncIncomplete)
    );
    for status in ENDED {
        assert_eq!(
            is(reading(Some(false), None, Some(99.9)), status),
            Failed(Failure::StoppedShort)
        );
    }
}

#[test]
fn full_sync_confirms_failure_like_others() {
    let condition = Condition {
        goal: Goal::FullSync,
        max_offset: 0,
        max_missing_keys: Default::default(),
    };
    for (bad, failure) in [
        (
            reading(Some(false), Some(11), None),
            Failure::StoppedOutOfSync,
        ),
        (
            reading(Some(false), None, Some(40.0)),
            Failure::StoppedShort,
        ),
    ] {
        let mut past = PollHistory::default().after(&reading(Some(true), None, None), Met);
        let checks: Vec<Check> = (0..3)
            .map(|_| {
                let check = condition.check(&bad, None, past);
                past = past.after(&bad, check);
                check
            })
            .collect();
        assert!(matches!(checks[..2], [NotYet(_), NotYet(_)]));
        assert_eq!(checks[2], Failed(failure));
    }
}

#[test]
fn max_offset_moves_only_the_limit() {
    let condition = Condition {
        goal: Goal::InSync,
        max_offset: 10,
        max_missing_keys: Default::default(),
    };
    let is = |offset| {
        condition.check(
            &reading(Some(true), Some(offset), Some(100.0)),
            None,
            fresh(),
        )
    };
    assert_eq!([is(0), is(10)], [Met, Met]);
    assert_eq!([is(11), is(-1)], [NotYet(Missing::OffsetOpen); 2]);
}

#[test]
fn readings_agree_only_in_a_row() {
    let condition = Condition {
        goal: Goal::Completed,
        max_offset: 0,
        max_missing_keys: Default::default(),
    };
    let migrating = reading(Some(true), Some(5), Some(100.0));
    let open = reading(Some(false), Some(5), Some(100.0));
    let short = reading(Some(false), Some(0), Some(50.0));
    let unknown = reading(Some(false), None, None);
    let walk = |readings: &[&Reading]| {
        let mut past = PollHistory::default();
        let mut last = Met;
        for reading in readings {
            last = condition.check(reading, None, past);
            past = past.after(reading, last);
            if matches!(last, Failed(_)) {
                break;
            }
        }
        last
    };
    assert_eq!(
        walk(&[&migrating, &open, &open, &open]),
        Failed(Failure::StoppedOutOfSync)
    );
    assert_eq!(
        walk(&[&open, &open, &open, &open]),
        NotYet(Missing::Unconfirmed(UnconfirmedFailure::OutOfSync))
    );
    // Readings that do not say whether it migrates have not seen it migrating.
    let unsaid = reading(None, Some(5), Some(100.0));
    assert_eq!(
        walk(&[&unsaid, &open, &open, &open]),
        NotYet(Missing::Unconfirmed(UnconfirmedFailure::OutOfSync))
    );
    for broken in [&short, &unknown, &migrating] {
        let last = walk(&[&migrating, &open, &open, broken, &open, &open]);
        assert_eq!(
            last,
            NotYet(Missing::Unconfirmed(UnconfirmedFailure::OutOfSync)),
            "{broken:?}"
        );
    }
}
