//! The conditions of the goal, one by one: what was wanted against what was seen.

use super::{count, key_limit, known, known_offset, known_percent, yes_no};
use crate::domain::{Check, Failure, FullSync, Goal, KeyLimit, Missing, OffsetState, Reading};
use crate::report::{Report, TaskReport};
use crate::wait::{Rules, StatusCheck};

/// Whether a condition is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// It is not known, which never makes ready.
    Unknown,
    /// The goal does not ask for it.
    NotAsked,
}

impl Met {
    fn of(met: Option<bool>) -> Self {
        match met {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Unknown,
        }
    }

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
            Self::NotAsked => "not asked",
        }
    }

    /// As a sign.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Yes => "✅",
            Self::No => "❌",
            Self::Unknown => "❓",
            Self::NotAsked => "➖",
        }
    }
}

/// One condition of the goal: what was wanted against what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub name: &'static str,
    /// What the goal wants.
    pub wanted: String,
    /// What was seen last.
    pub seen: String,
    /// Whether that is it.
    pub met: Met,
}

/// The conditions of the goal, where there was a reading to hold against them.
pub fn conditions(report: &Report, task: &TaskReport) -> Vec<Condition> {
    let (Some(rules), Some(reading)) = (&report.rules, &task.reading) else {
        return Vec::new();
    };
    let mut rows = vec![
        migrating(rules.condition.goal, reading),
        full_sync(rules, task, reading),
    ];
    rows.push(offset(rules, task, reading));
    if rules.stable_polls > 1 {
        rows.push(Condition {
            name: "Readings in a row",
            wanted: rules.stable_polls.to_string(),
            seen: task.stable.to_string(),
            met: Met::of(Some(task.stable >= rules.stable_polls)),
        });
    }
    rows.push(keys(rules, task, reading));
    rows.push(status(rules, task));
    rows.extend(ip_switch(rules, task));
    rows
}

fn migrating(goal: Goal, reading: &Reading) -> Condition {
    let wanted = match goal {
        Goal::Completed => Some(false),
        Goal::InSync => Some(true),
        Goal::FullSync | Goal::Switched => None,
    };
    let met = match (wanted, reading.is_migrating) {
        (Some(wanted), Some(is)) => Met::of(Some(is == wanted)),
        (None, Some(_)) => Met::NotAsked,
        (_, None) => Met::Unknown,
    };
    Condition {
        name: "Migrating",
        wanted: wanted
            .map_or("known", |wanted| yes_no(Some(wanted)))
            .to_owned(),
        seen: yes_no(reading.is_migrating).to_owned(),
        met,
    }
}

fn full_sync(rules: &Rules, task: &TaskReport, reading: &Reading) -> Condition {
    let is_met = matches!(task.check, Some(Check::Met));
    let (wanted, met) = match (reading.full_sync(), rules.condition.goal) {
        (FullSync::Done, _) => ("100 %", Met::Yes),
        (FullSync::Incomplete, _) => ("100 %", Met::No),
        // The status, or the end of the task, says it instead.
        (FullSync::Unknown, Goal::Completed | Goal::InSync) if is_met => {
            ("100 %, where it is reported", Met::NotAsked)
        }
        (FullSync::Unknown, _) => ("100 %", Met::Unknown),
    };
    let seen = known_percent(reading.full_migration_progress);
    Condition {
        name: "Full sync",
        wanted: wanted.to_owned(),
        seen,
        met,
    }
}

fn offset(rules: &Rules, task: &TaskReport, reading: &Reading) -> Condition {
    let max_offset = rules.condition.max_offset;
    let is_full_only = task.is_full_only();
    let (wanted, met) = match (rules.condition.goal, reading.offset_state(max_offset)) {
        (Goal::FullSync | Goal::Switched, _) => ("any".to_owned(), Met::NotAsked),
        (Goal::Completed, OffsetState::Unknown) if is_full_only => {
            ("none in a full migration".to_owned(), Met::NotAsked)
        }
        (Goal::Completed | Goal::InSync, gap) => (
            if max_offset == 0 {
                "0".to_owned()
            } else {
                format!("at most {}", count(max_offset))
            },
            match gap {
                OffsetState::Closed => Met::Yes,
                OffsetState::Open => Met::No,
                OffsetState::Unknown => Met::Unknown,
            },
        ),
    };
    Condition {
        name: "Offset",
        wanted,
        seen: known_offset(reading.offset, is_full_only),
        met,
    }
}

fn status(rules: &Rules, task: &TaskReport) -> Condition {
    let wanted = match rules.status_check {
        StatusCheck::Auto => "confirms, if known",
        StatusCheck::Require => "confirms",
        StatusCheck::Off => "not asked (`status-check`)",
    };
    let (seen, met) = match (&task.detail, task.check) {
        (Some(detail), Some(Check::Met)) => (detail.status.word().to_owned(), Met::Yes),
        (
            Some(detail),
            Some(Check::NotYet(Missing::StatusDisagrees | Missing::NotStarted) | Check::Failed(_)),
        ) => (detail.status.word().to_owned(), Met::No),
        (Some(_), Some(Check::NotYet(Missing::StatusUnread))) => {
            ("could not be read".to_owned(), Met::Unknown)
        }
        (Some(detail), Some(Check::NotYet(_)) | None) => {
            (detail.status.word().to_owned(), Met::NotAsked)
        }
        (None, _) if rules.status_check == StatusCheck::Off => {
            ("not read".to_owned(), Met::NotAsked)
        }
        (None, _) if task.status_unavailable => {
            ("not readable, not confirmed".to_owned(), Met::Unknown)
        }
        (None, _) => ("not read, not confirmed".to_owned(), Met::Unknown),
    };
    Condition {
        name: "Status",
        wanted: wanted.to_owned(),
        seen,
        met,
    }
}

/// The key counts, which can only speak against a reading.
fn keys(rules: &Rules, task: &TaskReport, reading: &Reading) -> Condition {
    let limit = rules.condition.max_missing_keys;
    let seen = format!(
        "source {}, target {}",
        known(reading.source_dbsize),
        known(reading.target_dbsize)
    );
    let (seen, met) = match (task.check, limit.allows(reading)) {
        (Some(Check::NotYet(Missing::Emptied(_))), _) | (_, Some(false)) => (seen, Met::No),
        _ if limit == KeyLimit::Off => (format!("{seen}: not compared"), Met::NotAsked),
        (_, None) => (format!("{seen}: not compared"), Met::Unknown),
        (_, Some(true)) => (seen, Met::Yes),
    };
    let wanted = match limit {
        KeyLimit::Off => "not asked (`max-missing-keys`)".to_owned(),
        KeyLimit::Keys(_) | KeyLimit::Share(_) => format!("at most {} missing", key_limit(limit)),
    };
    Condition {
        name: "Keys",
        wanted,
        seen,
        met,
    }
}

/// The IP switch, where there is one or one is waited for.
fn ip_switch(rules: &Rules, task: &TaskReport) -> Option<Condition> {
    let is_goal = rules.condition.goal == Goal::Switched;
    let word = task
        .detail
        .as_ref()
        .and_then(|detail| detail.task_status.clone());
    if word.is_none() && !is_goal {
        return None;
    }
    let met = match (task.check, &word) {
        (Some(Check::Met), _) => Met::Yes,
        (Some(Check::NotYet(Missing::StatusUnread)), _) | (None, _) => Met::Unknown,
        (
            Some(Check::NotYet(Missing::Switching | Missing::SwitchUnknown | Missing::RolledBack)),
            _,
        )
        | (Some(Check::Failed(Failure::AlreadySwitched | Failure::RolledBack)), _)
        | (Some(Check::NotYet(Missing::NotSwitched)), _) => Met::No,
        (Some(Check::NotYet(_) | Check::Failed(_)), _) => Met::NotAsked,
    };
    Some(Condition {
        name: "IP switch",
        wanted: if is_goal {
            "switched (`EXCHANGE_SUCCESS`)"
        } else {
            "none under way, none rolled back"
        }
        .to_owned(),
        seen: word.unwrap_or_else(|| "none".to_owned()),
        met,
    })
}
