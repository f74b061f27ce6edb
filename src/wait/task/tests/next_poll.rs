//! When the next poll is.

use super::*;

#[test]
fn long_retry_after_leaves_one_try() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    let busy = || {
        Err(error(Class::Transient {
            retry_after: Some(secs(3000)),
        }))
    };
    let at = next_look(&poller.handle_stats(secs(0), secs(0), busy()), 0);
    assert!(secs(590) <= at && at < secs(600), "{at:?}");
    assert!(matches!(
        poller.handle_stats(at, at, stats(true, 9, 100.0)),
        Step::StatsAt(_)
    ));
    // Where the server asks for less than `max-outage`, it is left alone for that.
    let busy = Err(error(Class::Transient {
        retry_after: Some(secs(300)),
    }));
    assert_eq!(
        next_look(&poller.handle_stats(secs(700), secs(700), busy), 700),
        secs(300)
    );
}

#[test]
fn retry_after_never_passes_last_poll() {
    let ask = |retry_after, now: u64| {
        let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
        let class = Class::Transient {
            retry_after: Some(secs(retry_after)),
        };
        next_look(
            &poller.handle_stats(secs(now), secs(now), Err(error(class))),
            now,
        )
    };
    assert_eq!(ask(120, 0), secs(120));
    assert!(ask(0, 0) >= secs(5));
    let last = ask(86_400, 3000);
    assert!(secs(599) < last && last < secs(600), "{last:?}");
}

#[test]
fn late_poll_moves_before_the_deadline() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    // The slowest answer took two seconds.
    poller.handle_stats(secs(0), secs(2), stats(true, 1, 100.0));
    let step = poller.handle_stats(secs(3590), secs(3590), stats(true, 1, 100.0));
    assert!(next_look(&step, 3590) <= Duration::from_millis(5_700));
    let step = poller.handle_stats(secs(3593), secs(3593), stats(true, 1, 100.0));
    assert_eq!(next_look(&step, 3593), Duration::from_millis(2_700));
    let step = poller.handle_stats(secs(3596), secs(3597), stats(true, 1, 100.0));
    assert_eq!(
        next_look(&step, 3597),
        secs(3),
        "at the deadline, where the loop ends"
    );
}

#[test]
fn next_poll_by_half_the_eta() {
    let slow = Rules {
        pace: PollSettings {
            initial: secs(1),
            max: secs(300),
            multiplier: 10.0,
        },
        ..rules(Goal::InSync)
    };
    let mut poller = TaskPoller::new(slow, secs(0));
    for (now, offset) in [(0, 1000), (100, 900), (200, 800)] {
        poller.handle_stats(secs(now), secs(now), stats(true, offset, 100.0));
    }
    // 400 to go at one a second would allow 200 s, backoff alone 300.
    let step = poller.handle_stats(secs(600), secs(600), stats(true, 400, 100.0));
    assert!(next_look(&step, 600) <= secs(200));
    assert!(
        matches!(poller.snapshot().rates.eta(), Eta::Within(range) if range.likely.as_secs() == 399)
    );
}

#[test]
fn end_by_user_is_not_estimated() {
    let times = |method: Option<&str>| {
        let rules = Rules {
            status_check: StatusCheck::Auto,
            ..rules(Goal::Completed)
        };
        let mut poller = TaskPoller::seeded(rules, secs(0), 1);
        for now in 0..20 {
            if let Step::StatusNow = poller.handle_stats(
                secs(now * 30),
                secs(now * 30),
                stats(true, 0, 80.0 + now as f64),
            ) {
                let migration_method = method.map(str::to_owned);
                poller.handle_status(
                    secs(now * 30),
                    Ok(Detail {
                        migration_method,
                        ..status("FULLMIGRATING").unwrap()
                    }),
                );
            }
        }
        // 99.4 %, a minute after 98: 20 s to go.
        next_look(
            &poller.handle_stats(secs(599), secs(599), stats(true, 0, 99.6)),
            599,
        )
    };
    assert!(times(Some("full_amount_migration")) <= secs(10));
    assert!(secs(20) < times(Some("incremental_migration")));
    // Where the method is not reported, the end may well be one that comes by itself.
    assert!(times(None) <= secs(10));
}

#[test]
fn finished_full_migration_is_polled_often() {
    let times = |rules: Rules| {
        let mut poller = TaskPoller::seeded(rules, secs(0), 2);
        let mut poll = |now: u64| {
            let mut step = poller.handle_stats(secs(now), secs(now), stats(true, 0, 100.0));
            if let Step::StatusNow = step {
                let method = Some("full_amount_migration".to_owned());
                step = poller.handle_status(
                    secs(now),
                    Ok(Detail {
                        migration_method: method,
                        ..status("MIGRATING").unwrap()
                    }),
                );
            }
            next_look(&step, now)
        };
        let closely: Vec<Duration> = (0..24).map(|n| poll(5 * n)).collect();
        (
            closely,
            (0..8).map(|n| poll(120 + 30 * n)).collect::<Vec<_>>(),
        )
    };
    let (closely, later) = times(Rules {
        status_check: StatusCheck::Auto,
        ..rules(Goal::Completed)
    });
    assert_eq!(closely, [secs(5); 24]);
    // Two minutes after the copy it is backoff's turn, whose first delay has jitter.
    assert!(secs(5) < later[0], "{later:?}");
    assert!(later.iter().any(|&delay| secs(20) < delay), "{later:?}");
    // Nothing says that an end is near where the method is not known.
    let (closely, _) = times(rules(Goal::Completed));
    assert!(closely.iter().any(|&delay| secs(20) < delay), "{closely:?}");
}

#[test]
fn short_wait_has_one_last_poll() {
    let mut poller = TaskPoller::new(
        Rules {
            deadline: secs(10),
            ..rules(Goal::Completed)
        },
        secs(0),
    );
    // The slowest answer took 4 s, and twice that is more than half of the time.
    assert_eq!(
        next_look(
            &poller.handle_stats(secs(0), secs(4), stats(true, 1, 100.0)),
            4
        ),
        secs(1)
    );
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    let last = secs(3600) - Duration::from_millis(300);
    match poller.handle_stats(last, last, stats(true, 1, 100.0)) {
        Step::StatsAt(at) => assert_eq!(at, secs(3600)),
        other @ (Step::StatusNow | Step::Done(_)) => panic!("{other:?}"),
    }
}

#[test]
fn slow_response_keeps_the_due_polls() {
    let every_second = PollSettings {
        initial: secs(1),
        max: secs(1),
        multiplier: 1.0,
    };
    let mut poller = TaskPoller::new(
        Rules {
            pace: every_second,
            ..rules(Goal::Completed)
        },
        secs(0),
    );
    poller.handle_stats(secs(0), secs(9), stats(true, 1, 100.0));
    for now in 3590..3599 {
        assert_eq!(
            next_look(
                &poller.handle_stats(secs(now), secs(now), stats(true, 1, 100.0)),
                now
            ),
            secs(1),
            "{now}"
        );
    }
}

/// The delay after the last of these readings, each of which comes half a minute after the one before. The first is read
/// so often that backoff is at its longest before the second.
fn delay_after(rules: Rules, method: Option<&str>, readings: &[(bool, i64, f64)]) -> Duration {
    let mut poller = TaskPoller::seeded(rules, secs(0), 1);
    let alike = std::iter::repeat_n(&readings[0], 20);
    let mut delay = Duration::ZERO;
    for (n, &(is_migrating, offset, progress)) in (0..).zip(alike.chain(&readings[1..])) {
        let now = 30 * n;
        let mut step =
            poller.handle_stats(secs(now), secs(now), stats(is_migrating, offset, progress));
        if let Step::StatusNow = step {
            let word = if is_migrating {
                "MIGRATING"
            } else {
                "TERMINATING"
            };
            let migration_method = method.map(str::to_owned);
            step = poller.handle_status(
                secs(now),
                Ok(Detail {
                    migration_method,
                    ..status(word).unwrap()
                }),
            );
        }
        delay = next_look(&step, now);
    }
    delay
}

#[test]
fn change_makes_the_next_poll_soon() {
    let of = |goal, status_check| Rules {
        status_check,
        stable_polls: 3,
        ..rules(goal)
    };
    let alike = [(true, 1000, 50.0); 2];
    let copied = [(true, 1000, 50.0), (true, 1000, 100.0)];
    let stopped = [(true, 1000, 50.0), (false, 1000, 50.0)];
    let lost = [(true, 9, 100.0), (true, 0, 100.0), (true, 9, 100.0)];
    let incremental = Some("incremental_migration");
    for (what, rules, method, readings, is_soon) in [
        (
            "nothing new",
            of(Goal::Completed, StatusCheck::Off),
            None,
            &alike[..],
            false,
        ),
        (
            "copied",
            of(Goal::Completed, StatusCheck::Off),
            None,
            &copied,
            true,
        ),
        (
            "copied, towards in-sync",
            of(Goal::InSync, StatusCheck::Auto),
            incremental,
            &copied,
            true,
        ),
        // From here on it has to be stopped, and when is not known.
        (
            "copied, towards an end by hand",
            of(Goal::Completed, StatusCheck::Auto),
            incremental,
            &copied,
            false,
        ),
        (
            "stopped by hand",
            of(Goal::Completed, StatusCheck::Auto),
            incremental,
            &stopped,
            true,
        ),
        // The goal was there and is gone: it may be back at once.
        (
            "lost",
            of(Goal::InSync, StatusCheck::Off),
            None,
            &lost,
            true,
        ),
    ] {
        let delay = delay_after(rules, method, readings);
        let is_right = if is_soon {
            delay <= secs(8)
        } else {
            secs(20) < delay
        };
        assert!(is_right, "{what}: {delay:?}");
    }
}

#[test]
fn confirming_readings_come_soonest() {
    let mut poller = TaskPoller::seeded(
        Rules {
            stable_polls: 20,
            ..rules(Goal::InSync)
        },
        secs(0),
        1,
    );
    let times = (0..10).map(|n| {
        next_look(
            &poller.handle_stats(secs(n), secs(n), stats(true, 0, 100.0)),
            n,
        )
    });
    assert_eq!(times.collect::<Vec<_>>(), [secs(5); 10]);
}

#[test]
fn seed_repeats_polls_retries_differ() {
    let times = |seed, fails: bool| {
        let mut poller = TaskPoller::seeded(rules(Goal::Completed), secs(0), seed);
        let answer = || {
            if fails {
                Err(outage())
            } else {
                stats(true, 1000, 50.0)
            }
        };
        (0..5)
            .map(|n| next_look(&poller.handle_stats(secs(n), secs(n), answer()), n))
            .collect::<Vec<_>>()
    };
    assert_eq!(times(7, false), times(7, false));
    assert_eq!(times(7, true), times(7, true));
    assert_ne!(times(7, false), times(7, true));
    assert_ne!(times(7, false), times(8, false));
}

#[test]
fn progress_makes_a_task_more_advanced() {
    let after = |readings: &[Reading]| {
        let mut poller = TaskPoller::new(
            Rules {
                stable_polls: 9,
                ..rules(Goal::InSync)
            },
            secs(0),
        );
        for (n, reading) in (0..).zip(readings) {
            let stats = Stats {
                reading: reading.clone(),
                raw: String::new(),
            };
            poller.handle_stats(secs(n), secs(n), Ok(stats));
        }
        poller.snapshot().progress_key
    };
    let reading = |offset: Option<i64>, progress| Reading {
        is_migrating: Some(true),
        offset,
        full_migration_progress: Some(progress),
        ..Reading::default()
    };
    // Each of them is further than the one before.
    let steps: [&[Reading]; 6] = [
        &[],
        &[reading(None, 10.0)],
        &[reading(None, 100.0)],
        &[reading(Some(-900), 100.0)],
        &[reading(Some(0), 100.0)],
        &[reading(Some(0), 100.0), reading(Some(0), 100.0)],
    ];
    for pair in steps.windows(2) {
        assert!(
            after(pair[0]) < after(pair[1]),
            "{pair:?}: {:?} and {:?}",
            after(pair[0]),
            after(pair[1])
        );
    }
}

#[test]
fn task_near_goal_is_polled_first() {
    let mut poller = TaskPoller::new(
        Rules {
            stable_polls: 2,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    let mut rank_at = |now: u64, offset| {
        poller.handle_stats(secs(now), secs(now), stats(true, offset, 100.0));
        poller.priority()
    };
    assert_eq!(rank_at(0, 10_000), Priority::Far, "nothing is foreseen yet");
    // Ten a second.
    for now in [30, 60, 90, 120] {
        assert!(
            rank_at(now, 10_000 - 10 * now as i64) == Priority::Far,
            "{now}"
        );
    }
    for now in [950, 970, 990] {
        assert_eq!(
            rank_at(now, 10_000 - 10 * now as i64),
            Priority::Near,
            "{now}"
        );
    }
    assert_eq!(rank_at(1000, 0), Priority::Confirming);
}
