use super::*;
use crate::api::Class;
use crate::domain::{Condition, Failure};
use crate::wait::PollSettings;
use proptest::prelude::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn rules(goal: Goal) -> Rules {
    Rules {
        condition: Condition {
            goal,
            max_offset: 0,
            max_missing_keys: Default::default(),
        },
        stable_polls: 1,
        status_check: StatusCheck::Off,
        pace: PollSettings {
            initial: secs(5),
            max: secs(30),
            multiplier: 1.5,
        },
        max_gap: secs(90),
        max_outage: secs(600),
        stall_timeout: None,
        request_timeout: secs(10),
        deadline: secs(3600),
    }
}

fn stats(is_migrating: bool, offset: i64, progress: f64) -> Result<Stats, ApiError> {
    let reading = Reading {
        is_migrating: Some(is_migrating),
        offset: Some(offset),
        full_migration_progress: Some(progress),
        ..Reading::default()
    };
    Ok(Stats {
        reading,
        raw: "{}".to_owned(),
    })
}

fn status(word: &str) -> Result<Detail, ApiError> {
    Ok(Detail {
        status: Status::parse(word),
        task_status: None,
        migration_method: None,
    })
}

fn error(class: Class) -> ApiError {
    ApiError {
        class,
        message: "HTTP 503".to_owned(),
        advice: None,
    }
}

const BUSY: Class = Class::Transient { retry_after: None };
const THROTTLED: Class = Class::Throttled { retry_after: None };

fn outage() -> ApiError {
    error(BUSY)
}

/// The time of the next poll, relative to `now`.
#[track_caller]
fn next_look(step: &Step, now: u64) -> Duration {
    match step {
        Step::StatsAt(at) => at.checked_sub(secs(now)).expect("a poll in the past"),
        other @ (Step::StatusNow | Step::Done(_)) => panic!("{other:?}"),
    }
}

#[track_caller]
fn outcome(step: Step) -> Outcome {
    match step {
        Step::Done(outcome) => outcome,
        other @ (Step::StatsAt(_) | Step::StatusNow) => panic!("{other:?}"),
    }
}

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
fn a_status_too_late_confirms_nothing() {
    let auto = Rules {
        status_check: StatusCheck::Auto,
        ..rules(Goal::Completed)
    };
    for late in [false, true] {
        let mut poller = TaskPoller::new(auto.clone(), secs(0));
        assert!(matches!(
            poller.handle_stats(secs(0), secs(2), stats(false, 0, 100.0)),
            Step::StatusNow
        ));
        let came = secs(12) + Duration::from_millis(u64::from(late));
        let step = poller.handle_status(came, status("SUCCESS"));
        assert_eq!(
            matches!(step, Step::Done(Outcome::Ready)),
            !late,
            "{step:?}"
        );
        if late {
            assert!(matches!(step, Step::StatsAt(at) if at == came));
            assert!(poller.expects_status());
            assert!(matches!(
                poller.handle_stats(came, came, stats(true, 7, 100.0)),
                Step::StatusNow
            ));
        }
    }
}

#[test]
fn status_read_times_follow_the_rules() {
    let mut poller = TaskPoller::new(
        Rules {
            status_check: StatusCheck::Auto,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    let mut asks = |now: u64, answer, word: &str| {
        let step = poller.handle_stats(secs(now), secs(now), answer);
        let asked = matches!(step, Step::StatusNow);
        if asked {
            (true, poller.handle_status(secs(now), status(word)))
        } else {
            (false, step)
        }
    };
    assert!(asks(0, stats(true, 9, 50.0), "FULLMIGRATING").0);
    assert!(!asks(10, stats(true, 9, 60.0), "").0);
    assert!(!asks(299, stats(true, 9, 60.0), "").0);
    assert!(asks(300, stats(true, 9, 70.0), "FULLMIGRATING").0);
    assert!(!asks(310, stats(true, 9, 100.0), "").0);
    // The old status says full sync: only a new one can make ready.
    let (asked, step) = asks(320, stats(true, 0, 100.0), "FULLMIGRATING");
    assert!(asked && matches!(step, Step::StatsAt(_)));
    let (asked, step) = asks(330, stats(true, 0, 100.0), "INCRMIGEATING");
    assert!(asked && matches!(step, Step::Done(Outcome::Ready)));
}

/// A poll whose status cannot be read.
fn poll_without_status(
    poller: &mut TaskPoller,
    now: u64,
    is_migrating: bool,
    class: Class,
) -> Step {
    assert!(matches!(
        poller.handle_stats(secs(now), secs(now), stats(is_migrating, 0, 100.0)),
        Step::StatusNow
    ));
    poller.handle_status(secs(now), Err(error(class)))
}

#[test]
fn auto_needs_three_failures_without_status() {
    for class in [
        BUSY,
        THROTTLED,
        Class::Forbidden,
        Class::Rejected,
        Class::NotFound,
        Class::UnknownTask,
    ] {
        let mut poller = TaskPoller::new(
            Rules {
                status_check: StatusCheck::Auto,
                ..rules(Goal::Completed)
            },
            secs(0),
        );
        let mut said = Vec::new();
        for now in [0, 10, 20] {
            assert!(!poller.snapshot().is_status_unavailable);
            let step = poll_without_status(&mut poller, now, false, class);
            assert_eq!(
                matches!(step, Step::Done(Outcome::Ready)),
                now == 20,
                "{class:?} {now} {step:?}"
            );
            said.extend(
                poller
                    .take_events()
                    .into_iter()
                    .filter(|note| matches!(note, Event::StatusUnavailable(_))),
            );
        }
        assert!(poller.snapshot().is_status_unavailable);
        assert_eq!((said.len(), poller.snapshot().failed_polls), (1, 2));
    }
}

#[test]
fn hanging_status_endpoint_is_given_up() {
    let mut poller = TaskPoller::new(
        Rules {
            status_check: StatusCheck::Auto,
            ..rules(Goal::Completed)
        },
        secs(0),
    );
    for now in [0, 20, 40] {
        assert!(matches!(
            poller.handle_stats(secs(now), secs(now), stats(false, 0, 100.0)),
            Step::StatusNow
        ));
        // As long as the client takes to say so.
        let step = poller.handle_status(secs(now + 10) + Duration::from_millis(250), Err(outage()));
        assert_eq!(
            matches!(step, Step::Done(Outcome::Ready)),
            now == 40,
            "{step:?}"
        );
    }
}

#[test]
fn require_never_goes_on_without_status() {
    for (class, denied) in [
        (BUSY, false),
        (THROTTLED, false),
        (Class::Rejected, false),
        (Class::Forbidden, true),
        (Class::Denied, true),
    ] {
        let mut poller = TaskPoller::new(
            Rules {
                status_check: StatusCheck::Require,
                ..rules(Goal::Completed)
            },
            secs(0),
        );
        let steps = [0, 10, 20, 30].map(|now| poll_without_status(&mut poller, now, false, class));
        assert!(
            steps
                .iter()
                .all(|step| matches!(step, Step::Done(Outcome::Denied(_))) == denied),
            "{class:?}"
        );
    }
}

#[test]
fn one_refused_status_is_not_forgotten() {
    let mut poller = with_a_status(StatusCheck::Auto);
    poll_without_status(&mut poller, 10, true, Class::Forbidden);
    assert!(poller.snapshot().detail.is_some() && poller.snapshot().stable == 0);
    // It is asked for again, and counts again.
    assert!(matches!(
        poller.handle_stats(secs(20), secs(20), stats(true, 0, 100.0)),
        Step::StatusNow
    ));
    assert!(outcome(poller.handle_status(secs(20), status("INCRMIGEATING"))).is_ready());
}

#[test]
fn third_refusal_after_a_reading_ends() {
    let of = |class, was_read: bool| {
        let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
        if was_read {
            poller.handle_stats(secs(0), secs(0), stats(true, 9, 100.0));
        }
        let mut polls = 0;
        loop {
            polls += 1;
            if let Step::Done(outcome) =
                poller.handle_stats(secs(polls), secs(polls), Err(error(class)))
            {
                return (polls, outcome);
            }
        }
    };
    assert!(matches!(
        of(Class::Forbidden, false),
        (1, Outcome::Denied(_))
    ));
    assert!(matches!(
        of(Class::Forbidden, true),
        (3, Outcome::Denied(_))
    ));
    assert!(matches!(
        of(Class::NotFound, false),
        (1, Outcome::Rejected(_))
    ));
    assert!(matches!(
        of(Class::NotFound, true),
        (3, Outcome::Unreachable(None, _))
    ));
    assert!(matches!(
        of(Class::UnknownTask, false),
        (3, Outcome::UnknownTask(_))
    ));
    assert!(matches!(
        of(Class::UnknownTask, true),
        (3, Outcome::Failed(Failure::TaskDeleted))
    ));
    assert!(matches!(
        of(Class::Rejected, true),
        (1, Outcome::Rejected(_))
    ));
}

#[test]
fn refusals_in_a_row_are_alike() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    poller.handle_stats(secs(0), secs(0), stats(true, 9, 100.0));
    let classes = [
        Class::Forbidden,
        Class::Forbidden,
        Class::NotFound,
        Class::NotFound,
        BUSY,
        Class::NotFound,
    ];
    for (now, class) in (1..).zip(classes) {
        assert!(
            matches!(
                poller.handle_stats(secs(now), secs(now), Err(error(class))),
                Step::StatsAt(_)
            ),
            "{class:?}"
        );
    }
}

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
fn switched_reads_the_status_each_time() {
    let rules = Rules {
        status_check: StatusCheck::Require,
        ..rules(Goal::Switched)
    };
    let mut poller = TaskPoller::new(rules, secs(0));
    let mut poll = |now, word: Option<&str>| {
        assert!(matches!(
            poller.handle_stats(secs(now), secs(now), stats(true, 9, 100.0)),
            Step::StatusNow
        ));
        let detail = Detail {
            status: Status::parse("INCRMIGEATING"),
            task_status: word.map(str::to_owned),
            migration_method: None,
        };
        poller.handle_status(secs(now), Ok(detail))
    };
    for (now, word) in [
        (0, None),
        (10, Some("EXCHANGING")),
        (20, Some("SOMETHING")),
        (30, None),
    ] {
        assert!(matches!(poll(now, word), Step::StatsAt(_)), "{word:?}");
    }
    assert!(outcome(poll(40, Some("EXCHANGE_SUCCESS"))).is_ready());
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
fn credential_refused_by_status_ends() {
    for status_check in [StatusCheck::Auto, StatusCheck::Require] {
        let mut poller = TaskPoller::new(
            Rules {
                status_check,
                ..rules(Goal::Completed)
            },
            secs(0),
        );
        assert!(matches!(
            poller.handle_stats(secs(0), secs(0), stats(true, 0, 100.0)),
            Step::StatusNow
        ));
        let step = poller.handle_status(secs(0), Err(error(Class::Denied)));
        assert!(matches!(outcome(step), Outcome::Denied(_)));
    }
}

#[test]
fn fatal_error_ends_at_its_poll() {
    for class in [Class::Denied, Class::Forbidden, Class::Rejected] {
        let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
        assert!(matches!(
            poller.handle_stats(secs(0), secs(0), Err(error(class))),
            Step::Done(_)
        ));
    }
}

#[test]
fn second_401_in_a_row_ends() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    let refused = || Err(error(Class::Unauthenticated));
    let step = poller.handle_stats(secs(0), secs(1), refused());
    assert_eq!(next_look(&step, 1), secs(0));
    // A successful response in between, and the next refusal is a first one again.
    poller.handle_stats(secs(1), secs(1), stats(true, 1, 100.0));
    let step = poller.handle_stats(secs(9), secs(9), refused());
    assert_eq!(next_look(&step, 9), secs(0));
    assert!(matches!(
        outcome(poller.handle_stats(secs(9), secs(9), refused())),
        Outcome::Denied(_)
    ));
}

#[test]
fn three_unknown_answers_end_the_wait() {
    let unknown = || Err(error(Class::UnknownTask));
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    poller.handle_stats(secs(0), secs(0), unknown());
    // Three in a row have nothing between them, not even an outage.
    poller.handle_stats(secs(10), secs(10), Err(outage()));
    for now in [20, 30] {
        assert!(matches!(
            poller.handle_stats(secs(now), secs(now), unknown()),
            Step::StatsAt(_)
        ));
    }
    assert!(matches!(
        outcome(poller.handle_stats(secs(40), secs(40), unknown())),
        Outcome::UnknownTask(_)
    ));

    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    poller.handle_stats(secs(0), secs(0), unknown());
    poller.handle_stats(secs(10), secs(10), unknown());
    poller.handle_stats(secs(20), secs(20), stats(true, 1, 100.0));
    for now in [30, 40] {
        assert!(matches!(
            poller.handle_stats(secs(now), secs(now), unknown()),
            Step::StatsAt(_)
        ));
    }
    let ended = outcome(poller.handle_stats(secs(50), secs(50), unknown()));
    assert!(matches!(ended, Outcome::Failed(Failure::TaskDeleted)));
}

#[test]
fn outage_counts_from_first_failure() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    poller.handle_stats(secs(0), secs(0), stats(true, 1, 100.0));
    assert_eq!(poller.give_up_at(), None);
    poller.handle_stats(secs(100), secs(110), Err(outage()));
    assert_eq!(poller.give_up_at(), Some(secs(700)));
    poller.handle_stats(secs(200), secs(201), Err(outage()));
    assert_eq!(poller.give_up_at(), Some(secs(700)));
    assert!(matches!(poller.handle_give_up(), Outcome::Unreachable(..)));
    poller.handle_stats(secs(300), secs(301), stats(true, 1, 100.0));
    assert_eq!(poller.give_up_at(), None);
    poller.handle_stats(secs(400), secs(401), Err(outage()));
    assert!(matches!(
        outcome(poller.handle_stats(secs(999), secs(1000), Err(outage()))),
        Outcome::Unreachable(..)
    ));
}

#[test]
fn hanging_request_is_outage_from_start() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    poller.begin_poll(secs(10));
    assert_eq!(poller.give_up_at(), Some(secs(610)));
    assert!(matches!(poller.handle_give_up(), Outcome::Unreachable(..)));
    poller.handle_stats(secs(10), secs(12), stats(true, 1, 100.0));
    assert_eq!(poller.give_up_at(), None);
    // While only the status hangs, the API answers; unless nothing goes without the status.
    for (status_check, give_up_at) in [
        (StatusCheck::Auto, None),
        (StatusCheck::Require, Some(secs(600))),
    ] {
        let mut poller = TaskPoller::new(
            Rules {
                status_check,
                ..rules(Goal::Completed)
            },
            secs(0),
        );
        poller.begin_poll(secs(0));
        assert!(matches!(
            poller.handle_stats(secs(0), secs(1), stats(true, 1, 100.0)),
            Step::StatusNow
        ));
        assert_eq!(poller.give_up_at(), give_up_at);
    }
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
fn stall_ends_after_one_last_poll() {
    let stalling = Rules {
        stall_timeout: Some(secs(60)),
        ..rules(Goal::InSync)
    };
    let mut poller = TaskPoller::new(stalling, secs(0));
    poller.handle_stats(secs(0), secs(0), stats(true, 50, 100.0));
    poller.handle_stats(secs(50), secs(50), stats(true, 49, 100.0));
    let step = poller.handle_stats(secs(100), secs(100), stats(true, 60, 100.0));
    assert!(next_look(&step, 100) <= secs(10));
    assert!(matches!(
        outcome(poller.handle_stats(secs(110), secs(110), stats(true, 49, 100.0))),
        Outcome::Stalled(_)
    ));
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
fn events_report_only_changes() {
    let mut poller = TaskPoller::new(
        Rules {
            stable_polls: 9,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    let mut events = |now, answer| {
        poller.handle_stats(secs(now), secs(now), answer);
        poller
            .take_events()
            .iter()
            .map(|note| format!("{note:?}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(events(0, stats(true, 0, 10.0)), "Phase(FullSync)");
    assert_eq!(events(10, stats(true, 0, 20.0)), "");
    assert_eq!(events(20, stats(true, 5, 100.0)), "Phase(Incremental)");
    assert!(events(30, Err(outage())).starts_with("Failing"));
    assert_eq!(events(35, Err(outage())), "");
    assert_eq!(
        events(40, stats(true, 0, 100.0)),
        "Recovered(2, 10s) GoalMet(1)"
    );
    assert_eq!(
        events(50, stats(true, -3, 100.0)),
        "NegativeOffset(-3) GoalLost"
    );
    assert_eq!(
        events(60, stats(true, 0, 3.0)),
        "Regressed(100.0, 3.0) Phase(FullSync)"
    );
}

#[test]
fn reading_without_status_is_not_ready() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    let unknown = Stats {
        reading: Reading {
            offset: Some(0),
            ..Reading::default()
        },
        raw: String::new(),
    };
    assert!(matches!(
        poller.handle_stats(secs(0), secs(0), Ok(unknown)),
        Step::StatsAt(_)
    ));
    assert_eq!(
        poller.snapshot().seen.unwrap().check,
        Check::NotYet(Missing::MigratingUnknown)
    );
}

/// One thing that can happen at a poll.
fn happening() -> impl Strategy<Value = Result<Stats, ApiError>> {
    let reading = (
        any::<Option<bool>>(),
        prop_oneof![Just(None), (-2i64..3).prop_map(Some)],
        prop_oneof![Just(None), Just(Some(100.0)), (0.0..100.0).prop_map(Some)],
    )
        .prop_map(|(is_migrating, offset, full_migration_progress)| {
            Ok(Stats {
                reading: Reading {
                    is_migrating,
                    offset,
                    full_migration_progress,
                    ..Reading::default()
                },
                raw: String::new(),
            })
        });
    let retry_after = proptest::option::of((0u64..9999).prop_map(Duration::from_secs));
    prop_oneof![4 => reading, 1 => retry_after.prop_map(|retry_after| Err(error(Class::Transient { retry_after })))]
}

proptest! {
    #[test]
    fn polls_keep_distance_and_deadline(
        answers in proptest::collection::vec((happening(), 0u64..10_000), 1..80),
        stall in proptest::option::of(1u64..4000),
    ) {
        let rules = Rules { stall_timeout: stall.map(secs), stable_polls: 2, ..rules(Goal::InSync) };
        let (pace, deadline) = (rules.pace, rules.deadline);
        let mut poller = TaskPoller::new(rules, secs(0));
        let mut at = secs(0);
        for (answer, took) in answers {
            let now = at + Duration::from_millis(took);
            if now >= deadline { break }
            let asked_to_wait = matches!(&answer, Err(ApiError { class: Class::Transient { retry_after: Some(_) }, .. }));
            let Step::StatsAt(next) = poller.handle_stats(at, now, answer) else { break };
            prop_assert!(now <= next && next <= deadline);
            let last_look = next + secs(10) >= deadline;
            let stalls = stall.is_some();
            prop_assert!(next - now >= pace.initial || last_look || stalls);
            prop_assert!(next - now <= pace.max || asked_to_wait);
            at = next;
        }
    }
}

/// A wait for `in-sync` that has read the status `FULLMIGRATING`.
fn with_a_status(status_check: StatusCheck) -> TaskPoller {
    let mut poller = TaskPoller::new(
        Rules {
            status_check,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    assert!(matches!(
        poller.handle_stats(secs(0), secs(0), stats(true, 0, 100.0)),
        Step::StatusNow
    ));
    poller.handle_status(secs(0), status("FULLMIGRATING"));
    poller
}

#[test]
fn status_outlives_two_endpoint_failures() {
    for (is_migrating, class) in [(true, BUSY), (false, BUSY), (true, Class::Rejected)] {
        let mut poller = with_a_status(StatusCheck::Auto);
        for (n, failed) in [(1, 1), (2, 2), (3, 2)] {
            assert!(poller.snapshot().detail.is_some() && !poller.snapshot().is_status_unavailable);
            let now = secs(10 * n);
            assert!(matches!(
                poller.handle_stats(now, now, stats(is_migrating, 0, 100.0)),
                Step::StatusNow
            ));
            poller.handle_status(now, Err(error(class)));
            assert_eq!(
                poller.snapshot().failed_polls,
                failed,
                "failure {n}, is_migrating {is_migrating}"
            );
        }
        // From now on it confirms nothing.
        assert!(poller.snapshot().detail.is_none() && poller.snapshot().is_status_unavailable);
    }
}

#[test]
fn status_errors_count_by_their_kind() {
    let ask = |poller: &mut TaskPoller, now: u64, class| {
        poller.handle_stats(secs(now), secs(now), stats(true, 0, 100.0));
        poller.handle_status(secs(now), Err(error(class)))
    };
    let mut poller = with_a_status(StatusCheck::Auto);
    assert_eq!(
        next_look(&ask(&mut poller, 10, Class::Unauthenticated), 10),
        secs(0)
    );
    assert!(matches!(
        outcome(ask(&mut poller, 10, Class::Unauthenticated)),
        Outcome::Denied(_)
    ));
    for (status_check, is_deleted) in [(StatusCheck::Require, true), (StatusCheck::Auto, false)] {
        let mut poller = with_a_status(status_check);
        ask(&mut poller, 10, Class::UnknownTask);
        ask(&mut poller, 20, Class::UnknownTask);
        // The stats of the same task answer: `auto` takes their word for it.
        let step = ask(&mut poller, 30, Class::UnknownTask);
        let ended_so = matches!(step, Step::Done(Outcome::Failed(Failure::TaskDeleted)));
        assert_eq!(
            (ended_so, poller.snapshot().is_status_unavailable),
            (is_deleted, !is_deleted),
            "{status_check:?}: {step:?}"
        );
    }
}

#[test]
fn status_changes_are_reported_polls_counted() {
    let mut poller = with_a_status(StatusCheck::Auto);
    for (now, word) in [(10, "FULLMIGRATING"), (20, "MIGRATION"), (30, "MIGRATION")] {
        poller.handle_stats(secs(now), secs(now), stats(true, 0, 100.0));
        poller.handle_status(secs(now), status(word));
    }
    let reported = |note: Event| {
        if let Event::Status(status) = note {
            Some(status.word().to_owned())
        } else {
            None
        }
    };
    let reported: Vec<String> = poller
        .take_events()
        .into_iter()
        .filter_map(reported)
        .collect();
    assert_eq!(reported, ["FULLMIGRATING", "MIGRATION"]);
    assert_eq!(
        (poller.snapshot().polls, poller.snapshot().failed_polls),
        (4, 0)
    );
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
fn unread_status_decides_nothing_at_deadline() {
    for status_check in [StatusCheck::Auto, StatusCheck::Require] {
        let mut poller = with_a_status(status_check);
        assert!(
            poller.handle_deadline(secs(3600)).is_none(),
            "nothing is being read"
        );
        assert!(matches!(
            poller.handle_stats(secs(3550), secs(3550), stats(false, 0, 100.0)),
            Step::StatusNow
        ));
        assert!(poller.handle_deadline(secs(3600)).is_none());
        assert_eq!(
            poller.snapshot().newest.unwrap().check,
            Check::NotYet(Missing::StatusUnread)
        );
    }
    // Where nothing is new, what was seen with its status is worth more.
    let mut poller = with_a_status(StatusCheck::Auto);
    let before = poller.snapshot().newest.unwrap().clone();
    assert!(matches!(
        poller.handle_stats(secs(3600), secs(3600), stats(true, 0, 100.0)),
        Step::StatusNow
    ));
    assert!(poller.handle_deadline(secs(3600)).is_none());
    assert_eq!(poller.snapshot().newest.unwrap().at, before.at);
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

#[test]
fn status_is_read_while_not_migrating() {
    let auto = Rules {
        status_check: StatusCheck::Auto,
        ..rules(Goal::Completed)
    };
    let mut poller = TaskPoller::new(auto, secs(0));
    // An open offset: no status could make these readings ready.
    let times = [
        (0, true),
        (10, true),
        (20, false),
        (30, false),
        (40, true),
        (50, true),
    ];
    let asked = times.map(|(now, is_migrating)| {
        let step = poller.handle_stats(secs(now), secs(now), stats(is_migrating, 9, 100.0));
        if let Step::StatusNow = step {
            poller.handle_status(secs(now), status("TERMINATING"));
            return true;
        }
        false
    });
    assert_eq!(asked, [true, false, true, true, true, false]);
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

#[test]
fn returned_status_is_available() {
    let mut poller = TaskPoller::new(
        Rules {
            status_check: StatusCheck::Auto,
            ..rules(Goal::Completed)
        },
        secs(0),
    );
    assert!(
        !poller.snapshot().is_status_unavailable,
        "there was no request yet"
    );
    let mut poll = |now: u64, is_migrating, answer| {
        assert!(matches!(
            poller.handle_stats(secs(now), secs(now), stats(is_migrating, 9, 100.0)),
            Step::StatusNow
        ));
        poller.handle_status(secs(now), answer);
        let failing = poller.snapshot().failing.map(|error| error.message.clone());
        (
            poller.snapshot().is_status_unavailable,
            poller.snapshot().detail.is_some(),
            failing,
        )
    };
    let failed = || Some("the task's status: HTTP 503".to_owned());
    assert_eq!(poll(0, true, Err(outage())), (false, false, failed()));
    assert_eq!(poll(10, true, Err(outage())), (false, false, failed()));
    assert_eq!(poll(20, true, Err(outage())), (true, false, None));
    assert_eq!(poll(30, false, status("TERMINATING")), (false, true, None));
    assert_eq!(poll(40, false, Err(outage())), (false, true, failed()));
    assert_eq!(poll(50, false, status("TERMINATING")), (false, true, None));
}

#[test]
fn what_is_told_is_told_once() {
    let mut poller = TaskPoller::new(rules(Goal::InSync), secs(0));
    let mut reported = Vec::new();
    for (now, answer) in [
        (0, stats(true, -3, 100.0)),
        (10, stats(true, -5, 100.0)),
        (20, Err(outage())),
        (
            30,
            Err(ApiError {
                message: "HTTP 502".to_owned(),
                ..outage()
            }),
        ),
        (40, Err(error(THROTTLED))),
        (50, Err(error(THROTTLED))),
        (60, stats(true, 4, 100.0)),
        (70, stats(true, -5, 100.0)),
    ] {
        poller.handle_stats(secs(now), secs(now), answer);
        for note in poller.take_events() {
            let note = format!("{note:?}");
            reported.push((now, note.split('(').next().unwrap_or_default().to_owned()));
        }
    }
    let expected = [
        (0, "NegativeOffset"),
        (0, "Phase"),
        (20, "Failing"),
        // Other words, and another class of error, are news.
        (30, "Failing"),
        (40, "Failing"),
        (60, "Recovered"),
        (70, "NegativeOffset"),
    ];
    assert_eq!(reported, expected.map(|(now, note)| (now, note.to_owned())));
}

#[test]
fn outage_ends_exactly_at_its_limit() {
    let ended = |after: u64| {
        let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
        poller.handle_stats(secs(10), secs(11), Err(outage()));
        matches!(
            poller.handle_stats(secs(10 + after), secs(10 + after), Err(outage())),
            Step::Done(_)
        )
    };
    assert!(!ended(599));
    assert!(ended(600));
}

#[test]
fn reading_without_status_is_only_shown() {
    for (status_check, advice, expected) in [
        (
            StatusCheck::Require,
            None,
            Some("where the status cannot be had, set `status-check: auto`"),
        ),
        (
            StatusCheck::Require,
            Some("check `endpoint`"),
            Some("check `endpoint`; where the status cannot be had, set `status-check: auto`"),
        ),
        (
            StatusCheck::Auto,
            Some("check `endpoint`"),
            Some("check `endpoint`"),
        ),
    ] {
        let mut poller = with_a_status(status_check);
        assert!(matches!(
            poller.handle_stats(secs(10), secs(10), stats(true, 0, 100.0)),
            Step::StatusNow
        ));
        let unread = poller.snapshot().newest.unwrap();
        assert_eq!(
            (unread.at, unread.check),
            (secs(10), Check::NotYet(Missing::StatusUnread))
        );
        poller.handle_status(
            secs(11),
            Err(ApiError {
                advice: advice.map(str::to_owned),
                ..outage()
            }),
        );
        assert_eq!(poller.snapshot().newest.unwrap().at, secs(10));
        assert_eq!(
            (poller.snapshot().seen.unwrap().at, poller.snapshot().stable),
            (secs(0), 0)
        );
        let failing = poller.snapshot().failing.unwrap();
        assert_eq!(
            (failing.message.as_str(), failing.advice.as_deref()),
            ("the task's status: HTTP 503", expected)
        );
        // The next reading with a status takes its place.
        assert!(matches!(
            poller.handle_stats(secs(20), secs(20), stats(true, 0, 100.0)),
            Step::StatusNow
        ));
        poller.handle_status(secs(20), status("FULLMIGRATING"));
        assert_eq!(
            (
                poller.snapshot().newest.unwrap().at,
                poller.snapshot().seen.unwrap().at
            ),
            (secs(20), secs(20))
        );
    }
}

#[test]
fn unreadable_status_keeps_the_deadline() {
    let mut poller = TaskPoller::new(
        Rules {
            status_check: StatusCheck::Auto,
            ..rules(Goal::Completed)
        },
        secs(0),
    );
    for now in [0, 10, 20] {
        poll_without_status(&mut poller, now, true, BUSY);
    }
    assert!(matches!(
        poller.handle_stats(secs(3599), secs(3599), stats(false, 0, 100.0)),
        Step::StatusNow
    ));
    assert!(outcome(poller.handle_deadline(secs(3600)).unwrap()).is_ready());
    assert!(poller.handle_deadline(secs(3600)).is_none(), "it was said");
}

#[test]
fn silence_counts_from_unanswered_request() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    assert_eq!(poller.snapshot().unanswered_since, None);
    poller.begin_poll(secs(10));
    assert_eq!(poller.snapshot().unanswered_since, Some(secs(10)));
    poller.handle_stats(secs(10), secs(16), stats(true, 1, 100.0));
    assert_eq!(poller.snapshot().unanswered_since, None);
}

#[test]
fn only_required_status_ends_answering_task() {
    let mut poller = with_a_status(StatusCheck::Auto);
    for (now, is_lost) in [(10, false), (20, false), (30, true)] {
        assert!(matches!(
            poller.handle_stats(secs(now), secs(now), stats(false, 9, 100.0)),
            Step::StatusNow
        ));
        assert!(matches!(
            poller.handle_status(secs(now), Err(error(Class::UnknownTask))),
            Step::StatsAt(_)
        ));
        assert_eq!(
            (
                poller.snapshot().is_status_unavailable,
                poller.snapshot().failed_polls == 2
            ),
            (is_lost, now >= 20),
            "{now}"
        );
    }
}
