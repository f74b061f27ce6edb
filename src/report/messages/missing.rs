//! Which condition is not met.

use super::{count, key_limit, known};
use crate::domain::{Check, FullSync, Goal, Missing, OffsetState, Reading, UnconfirmedFailure};
use crate::report::{Report, TaskReport};
use crate::wait::Rules;

/// The condition that is not met.
pub fn missing(report: &Report, task: &TaskReport) -> Option<String> {
    let rules = report.rules.as_ref()?;
    Some(match task.check {
        None if was_never_asked(report, task) => "not polled: request limit reached".to_owned(),
        None if task.polls == 0 => "no request was answered".to_owned(),
        None => "no reading at all".to_owned(),
        Some(Check::Met) if task.stable >= rules.stable_polls => {
            "it was in sync, and not read again once all the others were".to_owned()
        }
        Some(Check::Met) => {
            format!(
                "{} consecutive readings (`stable-polls`), {} so far",
                rules.stable_polls, task.stable
            )
        }
        Some(Check::Failed(_)) => return None,
        Some(Check::NotYet(missing)) => not_yet(missing, report, task, rules),
    })
}

fn not_yet(missing: Missing, report: &Report, task: &TaskReport, rules: &Rules) -> String {
    let reading = task.reading.clone().unwrap_or_default();
    let max_offset = rules.condition.max_offset;
    match missing {
        Missing::MigratingUnknown => "`is_migrating` is unknown, which proves nothing".to_owned(),
        Missing::StillMigrating => "the task still migrates".to_owned(),
        Missing::FullSyncIncomplete => "the full sync is under 100 %".to_owned(),
        Missing::FullSyncUnknown => "the full sync's percentage is unknown".to_owned(),
        Missing::OffsetOpen => open_offset(&reading, max_offset),
        Missing::OffsetUnknown if task.is_full_only() && reading.offset.is_none() => {
            "a full migration has no offset".to_owned()
        }
        Missing::OffsetUnknown => "the offset is unknown".to_owned(),
        Missing::NotStarted => "the task has not started: it waits to be configured".to_owned(),
        Missing::StatusUnread => {
            "the status that belongs to the last reading was not read".to_owned()
        }
        Missing::StatusDisagrees => {
            let status = task
                .detail
                .as_ref()
                .map(|detail| format!(" {}", detail.status.word()));
            let status = status.unwrap_or_default();
            let status = match reading.is_migrating {
                Some(false) => {
                    format!(
                        "`is_migrating` is false, and the status{status} does not say that the task has ended"
                    )
                }
                Some(true) | None => format!("the status{status} does not show the goal"),
            };
            // A status is read now and then. The offset is what people can do something about.
            if is_offset_missing(rules, &reading) {
                format!("{}; {status}", open_offset(&reading, max_offset))
            } else {
                status
            }
        }
        Missing::Unconfirmed(UnconfirmedFailure::Short) => {
            "not migrating with the full sync under 100 %, unconfirmed".to_owned()
        }
        Missing::Unconfirmed(UnconfirmedFailure::OutOfSync) => {
            format!(
                "not migrating, while {}; unconfirmed",
                open_offset(&reading, max_offset)
            )
        }
        Missing::Unconfirmed(UnconfirmedFailure::StoppedInSync) => {
            "the task does not migrate".to_owned()
        }
        Missing::NotSwitched => "no IP switch has been seen".to_owned(),
        Missing::Switching => "the IP addresses are being switched".to_owned(),
        Missing::SwitchUnknown => {
            let word = task
                .detail
                .as_ref()
                .and_then(|detail| detail.task_status.as_deref())
                .unwrap_or_default();
            format!("the IP switch is `{word}`, a word that is not known")
        }
        Missing::RolledBack => {
            "the IP switch was rolled back, and the task migrates again".to_owned()
        }
        Missing::KeysMissing | Missing::Unconfirmed(UnconfirmedFailure::KeysMissing) => {
            missing_keys(report, &reading)
        }
        Missing::Emptied(side) => {
            format!(
                "the {} held keys earlier in this wait and holds none now",
                side.as_str()
            )
        }
    }
}

/// The same in so few words, and without numbers, that tasks can be grouped by them.
pub(super) fn missing_in_short(report: &Report, task: &TaskReport) -> &'static str {
    match task.check {
        None if was_never_asked(report, task) => "not polled: request limit reached",
        None => "no reading at all",
        Some(Check::Met) => "seen in sync too few times",
        Some(Check::Failed(_)) => "failed",
        Some(Check::NotYet(missing)) => match missing {
            Missing::MigratingUnknown => "`is_migrating` unknown",
            Missing::StillMigrating => "still migrating",
            Missing::FullSyncIncomplete => "full sync under 100 %",
            Missing::FullSyncUnknown => "full sync unknown",
            Missing::OffsetOpen => "offset over `max-offset`",
            Missing::OffsetUnknown => "offset unknown",
            Missing::NotStarted => "not configured",
            Missing::StatusUnread => "status not read",
            Missing::StatusDisagrees => "status does not show the goal",
            Missing::Unconfirmed(UnconfirmedFailure::Short) => "stopped short, unconfirmed",
            Missing::Unconfirmed(UnconfirmedFailure::OutOfSync) => {
                "stopped out of sync, unconfirmed"
            }
            Missing::Unconfirmed(UnconfirmedFailure::StoppedInSync) => "not migrating",
            Missing::NotSwitched => "not switched",
            Missing::Switching => "being switched",
            Missing::SwitchUnknown => "IP switch unknown",
            Missing::RolledBack => "rolled back",
            Missing::KeysMissing | Missing::Unconfirmed(UnconfirmedFailure::KeysMissing) => {
                "keys missing"
            }
            Missing::Emptied(_) => "keys gone",
        },
    }
}

/// How many keys the target lacks, against what it may lack.
pub(super) fn missing_keys(report: &Report, reading: &Reading) -> String {
    let limit = report
        .rules
        .as_ref()
        .map(|rules| key_limit(rules.condition.max_missing_keys))
        .unwrap_or_default();
    format!(
        "the target holds {} of the source's {} keys (`max-missing-keys` is {limit})",
        known(reading.target_dbsize),
        known(reading.source_dbsize)
    )
}

/// Whether others were asked, and it was not.
pub(super) fn was_never_asked(report: &Report, task: &TaskReport) -> bool {
    task.polls == 0 && task.unanswered.is_none() && report.tasks.iter().any(|other| other.polls > 0)
}

pub(super) fn open_offset(reading: &Reading, max_offset: i64) -> String {
    match reading.offset {
        Some(..0) => "the offset is negative, which is not in sync".to_owned(),
        Some(0..) | None => {
            format!(
                "the offset {} is over `max-offset` {}",
                known(reading.offset),
                count(max_offset)
            )
        }
    }
}

/// Whether the offset alone would keep the goal from showing.
pub(super) fn is_offset_missing(rules: &Rules, reading: &Reading) -> bool {
    let is_asked = match rules.condition.goal {
        Goal::Completed | Goal::InSync => reading.full_sync() == FullSync::Done,
        Goal::FullSync | Goal::Switched => false,
    };
    is_asked && reading.offset_state(rules.condition.max_offset) == OffsetState::Open
}
