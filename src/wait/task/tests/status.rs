//! The status: when it is read, and what its absence means.

use super::*;

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
