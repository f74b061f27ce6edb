//! Readings in a row.

use super::*;

#[test]
fn stable_polls_readings_must_agree() {
    let mut poller = TaskPoller::new(
        Rules {
            stable_polls: 3,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    let mut now = 0;
    let mut poll = |answer| {
        now += 10;
        poller.handle_stats(secs(now), secs(now), answer)
    };
    poll(stats(true, 0, 100.0));
    poll(stats(true, 0, 100.0));
    // One over the limit starts the count again.
    poll(stats(true, 1, 100.0));
    poll(stats(true, 0, 100.0));
    // A failed poll neither counts nor resets.
    poll(Err(outage()));
    let step = poll(stats(true, 0, 100.0));
    assert!(matches!(step, Step::StatsAt(_)));
    assert!(outcome(poll(stats(true, 0, 100.0))).is_ready());
}

#[test]
fn a_gap_starts_the_count_again() {
    let ready_after = |gap: u64, failed: bool, suspended: u64| {
        let mut poller = TaskPoller::new(
            Rules {
                stable_polls: 2,
                ..rules(Goal::InSync)
            },
            secs(0),
        );
        // What a reading says is as old as its request.
        poller.handle_stats(secs(0), secs(8), stats(true, 0, 100.0));
        if failed {
            poller.handle_stats(secs(15), secs(15), Err(outage()));
        }
        poller.note_suspension(secs(suspended));
        matches!(
            poller.handle_stats(secs(gap), secs(gap), stats(true, 0, 100.0)),
            Step::Done(Outcome::Ready)
        )
    };
    for failed in [true, false] {
        assert!(ready_after(90, failed, 0));
        assert!(!ready_after(91, failed, 0));
        assert!(ready_after(60, failed, 30));
        assert!(
            !ready_after(60, failed, 31),
            "the clock stood still while the machine was suspended"
        );
    }
}

#[test]
fn the_reading_after_a_gap_counts() {
    let mut poller = TaskPoller::new(
        Rules {
            stable_polls: 2,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    poller.handle_stats(secs(0), secs(0), stats(true, 0, 100.0));
    poller.handle_stats(secs(100), secs(100), stats(true, 0, 100.0));
    assert_eq!(poller.snapshot().stable, 1);
    assert!(outcome(poller.handle_stats(secs(105), secs(105), stats(true, 0, 100.0))).is_ready());
}

#[test]
fn a_reading_again_bridges_one_gap() {
    let mut poller = TaskPoller::new(
        Rules {
            stable_polls: 2,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    poller.handle_stats(secs(0), secs(0), stats(true, 0, 100.0));
    assert!(outcome(poller.handle_stats(secs(5), secs(5), stats(true, 0, 100.0))).is_ready());
    poller.read_again();
    poller.handle_stats(secs(500), secs(500), Err(outage()));
    assert!(outcome(poller.handle_stats(secs(505), secs(505), stats(true, 0, 100.0))).is_ready());
    // It has lost the goal: from then on it is a task like any other.
    poller.read_again();
    poller.handle_stats(secs(900), secs(900), stats(true, 7, 100.0));
    poller.handle_stats(secs(905), secs(905), stats(true, 0, 100.0));
    assert_eq!(poller.snapshot().stable, 1);
    poller.handle_stats(secs(1500), secs(1500), stats(true, 0, 100.0));
    assert_eq!(poller.snapshot().stable, 1);
}

#[test]
fn too_old_reading_is_taken_again() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    // The process stood still for a minute, or the answer could not come so late.
    assert_eq!(
        next_look(
            &poller.handle_stats(secs(0), secs(60), stats(false, 0, 100.0)),
            60
        ),
        secs(0)
    );
    assert!(poller.snapshot().seen.is_none());
    assert!(outcome(poller.handle_stats(secs(60), secs(71), stats(false, 0, 100.0))).is_ready());
}

#[test]
fn known_progress_counts_until_replaced() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    poller.handle_stats(secs(0), secs(0), stats(true, 0, 40.0));
    let unknown = || Reading {
        is_migrating: Some(false),
        offset: Some(0),
        ..Reading::default()
    };
    let poll = |poller: &mut TaskPoller, now| {
        poller.handle_stats(
            secs(now),
            secs(now),
            Ok(Stats {
                reading: unknown(),
                raw: String::new(),
            }),
        )
    };
    assert!(matches!(poll(&mut poller, 10), Step::StatsAt(_)));
    poller.handle_stats(secs(20), secs(20), stats(true, 0, 100.0));
    assert!(outcome(poll(&mut poller, 30)).is_ready());
}

#[test]
fn falling_key_counts_restart_the_row() {
    let keys = |source, target| {
        let Ok(Stats { reading, raw }) = stats(true, 0, 100.0) else {
            unreachable!()
        };
        Ok(Stats {
            reading: Reading {
                source_dbsize: Some(source),
                target_dbsize: Some(target),
                ..reading
            },
            raw,
        })
    };
    let mut poller = TaskPoller::new(
        Rules {
            stable_polls: 9,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    let mut rows = Vec::new();
    let mut warnings = 0;
    for (now, (source, target)) in (0..).step_by(10).zip([
        (100_000, 100_000),
        (100_000, 100_000),
        (49_999, 49_999),
        (49_999, 49_999),
        (20_000, 20_000),
        (20_300, 20_000),
        (20_600, 20_000),
        (20_600, 20_000),
        (0, 0),
        (0, 0),
        (900, 900),
    ]) {
        poller.handle_stats(secs(now), secs(now), keys(source, target));
        rows.push(poller.snapshot().stable);
        warnings += poller
            .take_events()
            .iter()
            .filter(|note| matches!(note, Event::Restarted(_)))
            .count();
    }
    assert_eq!(rows, [1, 2, 1, 2, 1, 1, 1, 2, 0, 0, 1]);
    assert_eq!(warnings, 2, "each kind is said once");
}

#[test]
fn offset_before_incremental_does_not_count() {
    let auto = Rules {
        status_check: StatusCheck::Auto,
        ..rules(Goal::InSync)
    };
    let mut poller = TaskPoller::new(auto, secs(0));
    let mut poll = |now: u64, word: &str| {
        let reading = Reading {
            is_migrating: Some(true),
            offset: Some(0),
            ..Reading::default()
        };
        poller.handle_stats(
            secs(now),
            secs(now),
            Ok(Stats {
                reading,
                raw: String::new(),
            }),
        );
        poller.handle_status(secs(now), status(word))
    };
    assert!(matches!(poll(0, "FULLMIGRATING"), Step::StatsAt(_)));
    assert!(matches!(poll(10, "INCRMIGEATING"), Step::StatsAt(_)));
    assert!(matches!(
        poll(20, "INCRMIGEATING"),
        Step::Done(Outcome::Ready)
    ));
}

#[test]
fn goal_met_and_lost_are_reported() {
    let mut poller = TaskPoller::new(
        Rules {
            stable_polls: 3,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    let mut reported = Vec::new();
    for (now, offset) in [(0, 0), (10, 0), (20, 1), (30, 1), (40, 0)] {
        poller.handle_stats(secs(now), secs(now), stats(true, offset, 100.0));
        for note in poller.take_events() {
            if let Event::GoalMet(so_often) = note {
                reported.push((now, so_often, poller.snapshot().stable));
            } else if matches!(note, Event::GoalLost) {
                reported.push((now, 0, poller.snapshot().stable));
            }
        }
    }
    assert_eq!(reported, [(0, 1, 1), (10, 2, 2), (20, 0, 0), (40, 1, 1)]);
}
