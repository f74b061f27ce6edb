mod ends;
mod events;
mod next_poll;
mod row;
mod status;

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
