//! Ends that are not the goal.

use super::*;

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
fn silence_counts_from_unanswered_request() {
    let mut poller = TaskPoller::new(rules(Goal::Completed), secs(0));
    assert_eq!(poller.snapshot().unanswered_since, None);
    poller.begin_poll(secs(10));
    assert_eq!(poller.snapshot().unanswered_since, Some(secs(10)));
    poller.handle_stats(secs(10), secs(16), stats(true, 1, 100.0));
    assert_eq!(poller.snapshot().unanswered_since, None);
}
