//! What can happen to a task, step by step.

use super::*;

/// Counts through all sequences of choices, the last choice fastest.
#[derive(Default)]
pub(super) struct Choices {
    /// What was chosen, and of how many.
    pub(super) chosen: Vec<(usize, usize)>,
    pub(super) at: usize,
}

impl Choices {
    pub(super) fn choose<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        if self.at == self.chosen.len() {
            self.chosen.push((0, of.len()));
        }
        self.at += 1;
        &of[self.chosen[self.at - 1].0]
    }

    /// Goes on to the next sequence, if there is one.
    pub(super) fn next(&mut self) -> bool {
        self.chosen.truncate(self.at);
        while let Some((last, of)) = self.chosen.last_mut() {
            *last += 1;
            if last < of {
                return true;
            }
            self.chosen.pop();
        }
        false
    }
}

/// When a poll begins, counted from the request of the newest judged reading.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begins {
    /// As soon as the waiter wants it.
    Next,
    /// Just no hole.
    AtHole,
    /// A hole.
    AfterHole,
}

/// How long an answer takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    Short,
    /// As long as it may.
    Bound,
    /// Longer than it may.
    Long,
}

/// What can happen in a walk.
pub(super) struct World {
    pub(super) name: &'static str,
    pub(super) polls: usize,
    pub(super) begins: Vec<Begins>,
    pub(super) stats: Vec<(Takes, Result<Reading, Class>)>,
    pub(super) status: Vec<(Takes, Result<Detail, Class>)>,
}

pub(super) const TRANSIENT: Class = Class::Transient { retry_after: None };

pub(super) const THROTTLED: Class = Class::Throttled { retry_after: None };

pub(super) fn error(class: Class) -> ApiError {
    ApiError {
        class,
        message: "refused".to_owned(),
        advice: None,
    }
}

pub(super) fn rules(
    goal: Goal,
    status_check: StatusCheck,
    stable_polls: u32,
    initial: u64,
) -> Rules {
    Rules {
        condition: Condition {
            goal,
            max_offset: 0,
            max_missing_keys: KEYS,
        },
        stable_polls,
        status_check,
        pace: PollSettings {
            initial: Duration::from_secs(initial),
            max: Duration::from_secs(30),
            multiplier: 1.5,
        },
        max_gap: Duration::from_secs(90),
        max_outage: Duration::from_secs(360_000),
        stall_timeout: None,
        request_timeout: REQUEST_TIMEOUT,
        deadline: Duration::from_secs(3_600_000),
    }
}

pub(super) fn reading(
    is_migrating: Option<bool>,
    progress: Option<f64>,
    offset: Option<i64>,
    keys: (i64, i64),
) -> Reading {
    Reading {
        is_migrating,
        offset,
        full_migration_progress: progress,
        source_dbsize: Some(keys.0),
        target_dbsize: Some(keys.1),
        ..Reading::default()
    }
}

/// A reading that has the goal, given a status that fits.
pub(super) fn good(goal: Goal) -> Reading {
    reading(
        Some(matches!(goal, Goal::InSync | Goal::FullSync)),
        Some(100.0),
        Some(0),
        (5000, 5000),
    )
}

/// A status that agrees with [`good`].
pub(super) fn agreeing(goal: Goal) -> Detail {
    match goal {
        Goal::InSync | Goal::FullSync => detail("INCRMIGEATING", None, None),
        Goal::Completed => detail("TERMINATED", None, None),
        Goal::Switched => detail("TERMINATED", Some("EXCHANGE_SUCCESS"), None),
    }
}

/// The walks for a goal, each with another part of the world in motion.
pub(super) fn worlds(goal: Goal) -> Vec<World> {
    use Takes::{Bound, Long, Short};
    let (good, agreeing) = (good(goal), agreeing(goal));
    let copying = reading(Some(true), Some(40.0), None, (5000, 2000));
    let ok = |reading: &Reading| (Short, Ok(reading.clone()));
    let read = |detail: &Detail| (Short, Ok(detail.clone()));
    let refused = |class| (Short, Err(class));
    let refusals = [
        Class::Forbidden,
        Class::NotFound,
        Class::UnknownTask,
        Class::Rejected,
        TRANSIENT,
    ];
    let word = |word, switch| (Short, Ok(detail(word, switch, None)));
    let unknown_progress = Reading {
        full_migration_progress: None,
        ..good.clone()
    };
    let keys = |source, target| {
        let (source_dbsize, target_dbsize) = (Some(source), Some(target));
        (
            Short,
            Ok(Reading {
                source_dbsize,
                target_dbsize,
                ..good.clone()
            }),
        )
    };
    vec![
        World {
            name: "refusals of the reading",
            polls: 6,
            begins: vec![Begins::Next],
            stats: [
                vec![ok(&good)],
                refusals.iter().map(|class| (Short, Err(*class))).collect(),
            ]
            .concat(),
            status: vec![read(&agreeing)],
        },
        World {
            name: "failures of the status",
            polls: 5,
            begins: vec![Begins::Next],
            stats: vec![ok(&good)],
            status: vec![
                read(&agreeing),
                (Bound, Ok(agreeing.clone())),
                (Long, Ok(agreeing.clone())),
                refused(Class::Forbidden),
                refused(Class::UnknownTask),
                (Bound, Err(TRANSIENT)),
                (Long, Err(TRANSIENT)),
            ],
        },
        World {
            name: "late answers",
            polls: 4,
            begins: vec![Begins::Next],
            stats: vec![
                (Bound, Ok(good.clone())),
                (Long, Ok(good.clone())),
                ok(&copying),
            ],
            status: vec![
                read(&agreeing),
                (Long, Ok(agreeing.clone())),
                (Long, Ok(detail("FAILED", None, None))),
                refused(Class::NotFound),
                refused(THROTTLED),
            ],
        },
        World {
            name: "holes",
            polls: 4,
            begins: vec![Begins::Next, Begins::AtHole, Begins::AfterHole],
            stats: vec![ok(&good), ok(&copying), (Short, Err(TRANSIENT))],
            status: vec![read(&agreeing), refused(Class::Forbidden)],
        },
        World {
            name: "what was read before",
            polls: 4,
            begins: vec![Begins::Next],
            stats: vec![
                ok(&good),
                ok(&copying),
                ok(&unknown_progress),
                ok(&Reading {
                    offset: Some(7),
                    ..good.clone()
                }),
            ],
            status: vec![
                read(&agreeing),
                word("MIGRATING", None),
                word("SUCCESS", Some("EXCHANGING")),
                refused(TRANSIENT),
            ],
        },
        World {
            name: "key counts",
            polls: 4,
            begins: vec![Begins::Next],
            stats: vec![
                ok(&good),
                keys(5000, 4000),
                keys(5000, 0),
                keys(0, 0),
                keys(2000, 2000),
            ],
            status: vec![read(&agreeing), refused(TRANSIENT)],
        },
    ]
}
