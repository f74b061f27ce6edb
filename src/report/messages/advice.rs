//! What to change, and what to do next.

use super::missing::{is_offset_missing, was_never_asked};
use super::{count, sentence};
use crate::domain::{Check, Detail, Failure, FullSync, Goal, Missing, UnconfirmedFailure};
use crate::outcome::{Internal, Outcome};
use crate::report::{Report, TaskReport};
use crate::wait::StatusCheck;

/// What to change before the next try.
pub(super) fn change(
    outcome: &Outcome,
    report: &Report,
    task: Option<&TaskReport>,
) -> Option<String> {
    match outcome {
        Outcome::Ready
        | Outcome::InvalidInput(_)
        | Outcome::InternalError(Internal::Machine(_)) => None,
        Outcome::Denied(error) | Outcome::Rejected(error) | Outcome::UnknownTask(error) => error.advice.clone(),
        Outcome::Unreachable(_, error) => Some(
            error
                .advice
                .clone()
                .unwrap_or_else(|| "check the network, `region` and `endpoint`, or raise `max-outage`".to_owned()),
        ),
        Outcome::Failed(Failure::TaskFailed) => {
            Some("check the task in the console, then start a new one and set `task-id` to it".to_owned())
        }
        Outcome::Failed(Failure::TaskDeleted) => {
            Some("find out who deleted it, then start a new one and set `task-id` to it".to_owned())
        }
        Outcome::Failed(Failure::StoppedShort | Failure::StoppedOutOfSync | Failure::KeysMissing) => {
            Some("do not switch to the target: start a new migration and set `task-id` to the new task".to_owned())
        }
        Outcome::Failed(Failure::AlreadySwitched) => {
            Some("the target has the source's address: wait with `until: switched`".to_owned())
        }
        Outcome::Failed(Failure::RolledBack) => Some(
            "keep the applications on the source; for another attempt start a new task and set `task-id` to it"
                .to_owned(),
        ),
        Outcome::Failed(Failure::StoppedBeforeInSync) => Some(
            "for a task that is stopped on purpose wait with `until: completed`; for an IP switch start a new task"
                .to_owned(),
        ),
        Outcome::TimedOut | Outcome::Stalled(_) => {
            // The advice of the last error knows better than the reading what to do.
            let of_failure = task.and_then(|task| task.failing.as_ref()?.advice.clone());
            Some(of_failure.unwrap_or_else(|| change_in_time(outcome, report, task)))
        }
        Outcome::Cancelled(_) => Some("nothing was changed on the task; wait again when ready".to_owned()),
        Outcome::InternalError(Internal::Bug(_)) => Some("please report it".to_owned()),
    }
}

/// What to change where the goal did not show in time.
fn change_in_time(outcome: &Outcome, report: &Report, task: Option<&TaskReport>) -> String {
    const CHECK_TASK: &str = "check the task in the console";
    let longer = if matches!(outcome, Outcome::Stalled(_)) {
        "`stall-timeout`"
    } else {
        "`timeout`"
    };
    let Some((task, rules)) = task.zip(report.rules.as_ref()) else {
        return format!("raise {longer}");
    };
    let reading = task.reading.clone().unwrap_or_default();
    let is_full_only = task.detail.as_ref().is_some_and(Detail::is_full_only);
    let of_offset = || match reading.offset {
        Some(..0) => format!("{CHECK_TASK}, or raise {longer}"),
        Some(0..) | None => format!("stop the writers on the source, or raise {longer}"),
    };
    match task.check {
        None if was_never_asked(report, task) => format!("raise `max-requests-per-second` or {longer}"),
        None => "check the network, `region` and `endpoint`".to_owned(),
        Some(Check::Met) => format!("raise {longer}, or lower `stable-polls`"),
        Some(Check::Failed(_)) => CHECK_TASK.to_owned(),
        Some(Check::NotYet(missing)) => match missing {
            Missing::StillMigrating if is_full_only => format!("raise {longer}"),
            Missing::StillMigrating if reading.full_sync() == FullSync::Incomplete => {
                format!("raise {longer}, or wait with `until: full-sync`: a full + incremental task never ends by itself")
            }
            Missing::StillMigrating => {
                "a full + incremental task never ends by itself: stop it when it is in sync, or wait with `until: in-sync`"
                    .to_owned()
            }
            Missing::NotStarted => "configure and start the task in the console".to_owned(),
            Missing::OffsetOpen => of_offset(),
            Missing::StatusDisagrees if is_offset_missing(rules, &reading) => of_offset(),
            Missing::StatusDisagrees | Missing::FullSyncIncomplete => format!("{CHECK_TASK}, or raise {longer}"),
            Missing::Unconfirmed(UnconfirmedFailure::KeysMissing) => {
                "compare the keys of both sides (`info keyspace`) before anything is switched".to_owned()
            }
            Missing::Unconfirmed(_) if rules.status_check == StatusCheck::Off => {
                format!("set `status-check: auto`, so that the task's status can confirm it, or {CHECK_TASK}")
            }
            Missing::Unconfirmed(_) => {
                format!("make sure that the task's status can be read (`dcs:migrationTask:get`), or {CHECK_TASK}")
            }
            Missing::NotSwitched => {
                format!("switch the IP addresses in the console (`exchange-ip` of the task), or raise {longer}")
            }
            Missing::Switching => format!("wait for the end of the IP switch: {CHECK_TASK}, or raise {longer}"),
            Missing::SwitchUnknown => format!("{CHECK_TASK} how far its IP switch is, and report the word"),
            Missing::RolledBack => {
                "keep the applications on the source; switch again, or stop the task and start a new one".to_owned()
            }
            Missing::KeysMissing => format!(
                "compare the keys of both sides (`info keyspace`); where the target may hold fewer for a reason that you \
                 know, raise `max-missing-keys`; or raise {longer}"
            ),
            Missing::Emptied(side) => format!(
                "find out what emptied the {}; where that was intended, set `max-missing-keys: off`",
                side.as_str()
            ),
            Missing::MigratingUnknown | Missing::FullSyncUnknown | Missing::OffsetUnknown | Missing::StatusUnread => {
                format!("{CHECK_TASK}, since the API does not tell what decides; or raise {longer}")
            }
        },
    }
}

/// What to do after each end, as `docs/cutover.md` has it.
fn steps_after(outcome: &Outcome, goal: Goal, has_begun: bool) -> &'static [&'static str] {
    match (outcome, goal) {
        (Outcome::Ready, Goal::FullSync) => &[
            "Prepare the cutover: the increments are being followed now.",
            "Wait with `until: in-sync` before writers are stopped for good.",
        ],
        (Outcome::Ready, Goal::InSync) => &[
            "Stop the writers on the source, unless they are stopped, and wait with `until: in-sync` again.",
            "Compare both sides: keys minus expires (`info keyspace`), and some keys with an expiry.",
            "Then switch the IP addresses while the task runs, or stop the task; start the writers only after \
             `until: completed`.",
        ],
        (Outcome::Ready, Goal::Completed) => &[
            "Point the applications at the target, and compare both sides: keys minus expires (`info keyspace`), and some \
             keys with an expiry.",
            "Start the writers only then. Keep the source until you are sure.",
        ],
        (Outcome::Ready, Goal::Switched) => &[
            "Check that the applications reach the target under the source's address, and compare some keys, with and \
             without an expiry, on both sides.",
            "Start the writers only then. Keep the source and the task until you are sure: a rollback needs both.",
        ],
        (Outcome::Failed(Failure::AlreadySwitched), _) => &[
            "The target has the source's address: wait with `until: switched`, which confirms it.",
        ],
        (Outcome::Failed(_), _) => &[
            "Keep the applications on the source: nothing shows that the target is complete.",
            "Read the task's log in the console, fix the cause, start a new task and wait for that one.",
        ],
        (
            Outcome::TimedOut
            | Outcome::Stalled(_)
            | Outcome::Unreachable(..)
            | Outcome::Cancelled(_),
            Goal::Completed | Goal::Switched,
        ) => &[
            "Keep the applications on the source, and start no writer that was stopped: the goal was not met.",
        ],
        (
            Outcome::TimedOut
            | Outcome::Stalled(_)
            | Outcome::Unreachable(..)
            | Outcome::Cancelled(_)
            | Outcome::Denied(_)
            | Outcome::Rejected(_)
            | Outcome::UnknownTask(_)
            | Outcome::InternalError(_),
            _,
        ) => &["Keep the applications on the source: the goal was not met."],
        (Outcome::InvalidInput(_), _) if has_begun => &[
            "Keep the applications on the source: the goal was not met.",
            "Check in the console which tasks exist, and set `task-id` to those that you wait for.",
        ],
        (Outcome::InvalidInput(_), _) => &[
            "Keep the applications on the source: the goal was not met.",
            "Fix the inputs above and run again; no API request was sent.",
        ],
    }
}

/// What to do next, for the summary: one step a line.
pub fn next_steps(report: &Report) -> Vec<String> {
    let Some(outcome) = &report.outcome else {
        return Vec::new();
    };
    let goal = report.goal.unwrap_or(Goal::Completed);
    let steps = steps_after(outcome, goal, report.rules.is_some());
    let mut steps: Vec<String> = steps.iter().map(|&step| step.to_owned()).collect();
    let has_failed = |task: &TaskReport| matches!(task.outcome, Some(Outcome::Failed(_)));
    if report.tasks.iter().any(has_failed) && !matches!(outcome, Outcome::Failed(_)) {
        steps.push(
            "Read the log of each failed task in the console and fix the cause; a longer timeout will not help.".to_owned(),
        );
    }
    let reading = report
        .least_advanced()
        .and_then(|task| task.reading.as_ref());
    if let Some(offset @ 1..) = reading
        .and_then(|reading| reading.offset)
        .filter(|_| outcome.is_ready() && report.goal != Some(Goal::FullSync))
    {
        steps.insert(
            0,
            format!(
                "An offset of {} is still outstanding: before the switch, stop the writers and wait until it is 0.",
                count(offset)
            ),
        );
    }
    let change = change(outcome, report, report.least_advanced());
    if let (Some(change), false) = (change, matches!(outcome, Outcome::Failed(_))) {
        steps.push(sentence(&change));
    }
    steps
}
