//! Words for people: why it ended, what was seen, what to do. The one place where they are made.
//!
//! Everything is a lower-case fragment on one line, made of visible text; renderers escape it for their medium.

use super::{Report, TaskReport};
use crate::api::{Class, SignedIn};
use crate::condition::{Check, Failure, Goal, Missing, Suspicion};
use crate::migration::{Phase, Reading, StatusClass};
use crate::wait::{Note, Outcome, Rules, TaskWait};
use std::time::{Duration, SystemTime};

/// A duration to the second, to the tenth under ten seconds, to the millisecond under one.
pub fn duration(duration: Duration) -> String {
    let whole = if duration < Duration::from_secs(1) {
        Duration::from_millis(duration.as_millis() as u64)
    } else if duration < Duration::from_secs(10) {
        Duration::from_millis(duration.as_millis() as u64 / 100 * 100)
    } else {
        Duration::from_secs(duration.as_secs())
    };
    humantime::format_duration(whole).to_string()
}

/// A wall-clock instant, RFC 3339 in UTC.
pub fn instant(at: SystemTime) -> String {
    // The formatter refuses times before 1970.
    humantime::format_rfc3339_seconds(at.max(SystemTime::UNIX_EPOCH)).to_string()
}

/// A number with thousands separated.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: "1 poll", "2 polls".
pub fn plural(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A percentage, without needless decimals.
pub fn percent(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0} %") } else { format!("{value:.1} %") }
}

/// A count or "unknown".
pub fn known(number: Option<i64>) -> String {
    number.map_or_else(|| "unknown".to_owned(), count)
}

/// Why the wait ended as it did, with what was seen last, what was missing and what to change.
pub fn reason(report: &Report) -> String {
    let Some(outcome) = &report.outcome else { return "the wait has not ended".to_owned() };
    let why = why(outcome, report, report.least_advanced());
    match report.tasks.as_slice() {
        [] | [_] => why,
        tasks => {
            let ready = tasks.iter().filter(|task| task.outcome.as_ref().is_some_and(Outcome::is_ready)).count();
            let which = tasks.iter().find(|task| task.outcome.as_ref().is_some_and(|outcome| !outcome.is_ready()));
            let of_task = match which {
                Some(task) => format!("; task {}: {}", task.id.as_str(), task_reason(report, task)),
                None if outcome.is_ready() => String::new(),
                None => report
                    .least_advanced()
                    .map(|task| format!("; least advanced is task {}", task.id.as_str()))
                    .unwrap_or_default(),
            };
            let total = tasks.len();
            match which {
                Some(_) => format!("{ready} of {total} tasks reached the goal{of_task}"),
                None => format!("{ready} of {total} tasks reached the goal: {why}{of_task}"),
            }
        }
    }
}

/// The same for one task.
pub fn task_reason(report: &Report, task: &TaskReport) -> String {
    match (&task.outcome, &report.outcome) {
        (Some(outcome), _) => why(outcome, report, Some(task)),
        (None, Some(outcome)) if outcome.ends_all() => why(outcome, report, Some(task)),
        (None, Some(_)) => "the end of another task's wait ended this one".to_owned(),
        (None, None) => "the wait has not ended".to_owned(),
    }
}

fn why(outcome: &Outcome, report: &Report, task: Option<&TaskReport>) -> String {
    let what = headline(outcome, report, task);
    if outcome.is_ready() {
        return what;
    }
    let mut parts = vec![what];
    if let Some(task) = task {
        if let Some(seen) = seen(report, task) {
            parts.push(format!("seen last: {seen}"));
        }
        if let Some(missing) = missing(report, task)
            && matches!(
                outcome,
                Outcome::TimedOut | Outcome::Stalled(_) | Outcome::Cancelled(_) | Outcome::Unreachable(..)
            )
        {
            parts.push(format!("not met: {missing}"));
        }
        if let (Some(error), Outcome::TimedOut | Outcome::Cancelled(_)) = (&task.failing, outcome) {
            parts.push(format!("the API did not answer at last: {}", error.message));
        }
    }
    if let Some(change) = change(outcome, report, task) {
        parts.push(change);
    }
    parts.join("; ")
}

/// The end in one clause.
pub fn headline(outcome: &Outcome, report: &Report, task: Option<&TaskReport>) -> String {
    match outcome {
        Outcome::Ready => ready(report, task),
        Outcome::Failed(failure) => failed(*failure, task),
        Outcome::UnknownTask(error) => format!("the API does not know the task: {}", error.message),
        Outcome::Rejected(error) => format!("the API rejects the request: {}", error.message),
        Outcome::Denied(error) => format!("access denied: {}", error.message),
        Outcome::Stalled(timeout) => format!("nothing has improved for {} (`stall-timeout`)", duration(*timeout)),
        Outcome::Unreachable(outage, error) => {
            format!("no good answer from the API for {} (`max-outage`): {}", duration(*outage), error.message)
        }
        Outcome::TimedOut => {
            let goal = report.goal.unwrap_or(Goal::Completed);
            let timeout = report.rules.as_ref().map_or(report.elapsed, |rules| rules.deadline);
            format!("the goal `{goal}` was not reached within {} (`timeout`)", duration(timeout))
        }
        Outcome::Cancelled(signal) => format!("cancelled by {}", signal.as_str()),
        Outcome::InvalidInput(problems) => format!("invalid input: {problems}"),
        Outcome::InternalError(error) => format!("internal error, which is a bug: {}", crate::escape::line(error)),
    }
}

fn ready(report: &Report, task: Option<&TaskReport>) -> String {
    let reading = task.and_then(|task| task.reading.clone()).unwrap_or_default();
    let offset = known(reading.offset);
    let copied = reading.full_migration_progress.map_or_else(|| "unknown".to_owned(), percent);
    let polls = report.rules.as_ref().map_or(1, |rules| rules.stable_polls);
    let times = if polls > 1 { format!(" in {polls} consecutive readings") } else { String::new() };
    let mut text = match report.goal.unwrap_or(Goal::Completed) {
        Goal::Completed => {
            format!("the migration is complete: not migrating, offset {offset}, full copy {copied}{times}")
        }
        Goal::InSync => {
            format!("source and target are in sync: offset {offset}{times}, full copy {copied}, still migrating")
        }
        Goal::FullSync => format!("the full copy is done: {copied}{times}"),
    };
    match task.and_then(|task| task.detail.as_ref()) {
        Some(detail) => text.push_str(&format!(", status {}", detail.status.word())),
        None => text.push_str(", status not confirmed"),
    }
    text
}

fn failed(failure: Failure, task: Option<&TaskReport>) -> String {
    let status = task.and_then(|task| task.detail.as_ref()).map(|detail| format!(" (status {})", detail.status.word()));
    let status = status.unwrap_or_default();
    let reading = task.and_then(|task| task.reading.clone()).unwrap_or_default();
    match failure {
        Failure::TaskFailed => format!("the migration task failed{status}"),
        Failure::TaskDeleted => format!("the migration task was deleted{status}"),
        Failure::StoppedShort => format!(
            "the task stopped short: its full copy ended at {}{status}",
            reading.full_migration_progress.map_or_else(|| "an unknown percentage".to_owned(), percent)
        ),
        Failure::StoppedOutOfSync => {
            format!("the task stopped out of sync: its offset is {}{status}", known(reading.offset))
        }
        Failure::StoppedBeforeInSync => {
            format!("the task was stopped before `in-sync` was seen, and an IP switch needs a running task{status}")
        }
    }
}

/// The newest values, and how old they are.
pub fn seen(report: &Report, task: &TaskReport) -> Option<String> {
    let reading = task.reading.as_ref()?;
    let age = report.elapsed.saturating_sub(task.read_at?);
    let ago = if age >= Duration::from_secs(1) { format!(", {} before the end", duration(age)) } else { String::new() };
    Some(format!("{}{ago}", values(reading, task.detail.as_ref().map(|detail| detail.status.word()))))
}

fn values(reading: &Reading, status: Option<&str>) -> String {
    let migrating = reading.is_migrating.map_or_else(|| "unknown".to_owned(), |is| is.to_string());
    let copied = reading.full_migration_progress.map_or_else(|| "unknown".to_owned(), percent);
    let status = status.map(|status| format!(", status {status}")).unwrap_or_default();
    format!("is_migrating {migrating}, full copy {copied}, offset {}{status}", known(reading.offset))
}

/// The condition that is not met.
pub fn missing(report: &Report, task: &TaskReport) -> Option<String> {
    let rules = report.rules.as_ref()?;
    let reading = task.reading.clone().unwrap_or_default();
    let max_offset = rules.condition.max_offset;
    Some(match task.check {
        None => "no reading at all".to_owned(),
        Some(Check::Met) => {
            format!("{} consecutive readings (`stable-polls`), {} so far", rules.stable_polls, task.stable)
        }
        Some(Check::Failed(_)) => return None,
        Some(Check::NotYet(missing)) => match missing {
            Missing::MigratingUnknown => "`is_migrating` is unknown, which proves nothing".to_owned(),
            Missing::StillMigrating => "the task still migrates".to_owned(),
            Missing::FullCopyShort => "the full copy is under 100 %".to_owned(),
            Missing::FullCopyUnknown => "the full copy's percentage is unknown".to_owned(),
            Missing::OffsetOpen if reading.offset.is_some_and(|offset| offset < 0) => {
                "the offset is negative, which is not in sync".to_owned()
            }
            Missing::OffsetOpen => {
                format!("the offset {} is over `max-offset` {}", known(reading.offset), count(max_offset))
            }
            Missing::OffsetUnknown => "the offset is unknown".to_owned(),
            Missing::NotStarted => "the task has not started: it waits to be configured".to_owned(),
            Missing::StatusDisagrees => match &task.detail {
                Some(detail) => format!("the status {} does not confirm the end", detail.status.word()),
                None => "the status does not confirm the end".to_owned(),
            },
            Missing::Unconfirmed(Suspicion::Short) => {
                "not migrating with the full copy under 100 %, unconfirmed".to_owned()
            }
            Missing::Unconfirmed(Suspicion::OutOfSync) => {
                format!("not migrating with the offset {} over `max-offset`, unconfirmed", known(reading.offset))
            }
            Missing::Unconfirmed(Suspicion::StoppedInSync) => "the task does not migrate".to_owned(),
        },
    })
}

/// What to change before the next try.
fn change(outcome: &Outcome, report: &Report, task: Option<&TaskReport>) -> Option<String> {
    let check = task.and_then(|task| task.check);
    match outcome {
        Outcome::Ready | Outcome::InvalidInput(_) => None,
        Outcome::Denied(error) | Outcome::Rejected(error) | Outcome::UnknownTask(error) => error.advice.clone(),
        Outcome::Unreachable(_, error) => Some(
            error
                .advice
                .clone()
                .unwrap_or_else(|| "check the network and `endpoint`, or raise `max-outage`".to_owned()),
        ),
        Outcome::Failed(Failure::TaskFailed | Failure::TaskDeleted) => {
            Some("look at the task in the console, then start a new one and set `task-id` to it".to_owned())
        }
        Outcome::Failed(Failure::StoppedShort | Failure::StoppedOutOfSync) => {
            Some("do not switch to the target: start the migration anew and set `task-id` to the new task".to_owned())
        }
        Outcome::Failed(Failure::StoppedBeforeInSync) => Some(
            "for a task that is stopped on purpose wait with `until: completed`; for an IP switch start a new task"
                .to_owned(),
        ),
        Outcome::TimedOut | Outcome::Stalled(_) => Some(match (check, report.goal) {
            (Some(Check::NotYet(Missing::StillMigrating)), Some(Goal::Completed)) => {
                "a full + incremental task never ends by itself: stop it when it is in sync, or wait with \
                 `until: in-sync`"
                    .to_owned()
            }
            (Some(Check::NotYet(Missing::NotStarted)), _) => "configure and start the task in the console".to_owned(),
            (Some(Check::NotYet(Missing::OffsetOpen)), _) => {
                "stop the writers on the source, or raise `timeout` or `max-offset`".to_owned()
            }
            (None, _) => "check `endpoint` and the network".to_owned(),
            (Some(_), _) if matches!(outcome, Outcome::Stalled(_)) => {
                "look at the task in the console, or raise `stall-timeout`".to_owned()
            }
            (Some(_), _) => "raise `timeout`".to_owned(),
        }),
        Outcome::Cancelled(_) => Some("nothing was changed on the task; wait again when ready".to_owned()),
        Outcome::InternalError(_) => Some("please report it".to_owned()),
    }
}

/// What to do next, for the summary: one step a line.
pub fn next_steps(report: &Report) -> Vec<String> {
    let Some(outcome) = &report.outcome else { return Vec::new() };
    let steps: &[&str] = match (outcome, report.goal.unwrap_or(Goal::Completed)) {
        (Outcome::Ready, Goal::FullSync) => &[
            "Prepare the cutover: the increments are being followed now.",
            "Wait with `until: in-sync` before writers are stopped for good.",
        ],
        (Outcome::Ready, Goal::InSync) => &[
            "Stop the writers on the source now, and wait with `until: in-sync` once more if they were still writing.",
            "Then either switch the IP addresses (the task must still be running), or stop the task and wait with \
             `until: completed`.",
            "Compare keys minus expires on both sides (`info keyspace`) before users are let in.",
        ],
        (Outcome::Ready, Goal::Completed) => &[
            "Compare keys minus expires on both sides (`info keyspace`).",
            "Point the applications at the target; keep the source until you are sure.",
        ],
        (Outcome::Failed(_), _) => &[
            "Keep the applications on the source: nothing shows that the target is complete.",
            "Read the task's log in the console, mend the cause, start a new task and wait for that one.",
        ],
        (
            Outcome::TimedOut
            | Outcome::Stalled(_)
            | Outcome::Unreachable(..)
            | Outcome::Cancelled(_)
            | Outcome::Denied(_)
            | Outcome::Rejected(_)
            | Outcome::UnknownTask(_)
            | Outcome::InvalidInput(_)
            | Outcome::InternalError(_),
            _,
        ) => &["Keep the applications on the source: the goal was not seen."],
    };
    let mut steps: Vec<String> = steps.iter().map(|&step| step.to_owned()).collect();
    let change = change(outcome, report, report.least_advanced());
    if let (Some(change), false) = (change, matches!(outcome, Outcome::Failed(_))) {
        steps.push(sentence(&change));
    }
    steps
}

/// A fragment as a sentence.
pub fn sentence(fragment: &str) -> String {
    let mut chars = fragment.chars();
    let Some(first) = chars.next() else { return String::new() };
    let end = if fragment.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), chars.as_str())
}

/// What was asked for, in one line.
pub fn wanted(rules: &Rules) -> String {
    let max_offset = count(rules.condition.max_offset);
    let stable =
        if rules.stable_polls > 1 { format!(", {} times in a row", rules.stable_polls) } else { String::new() };
    match rules.condition.goal {
        Goal::Completed => format!("`completed`: not migrating, offset at most {max_offset}{stable}"),
        Goal::InSync => format!("`in-sync`: still migrating, full copy done, offset at most {max_offset}{stable}"),
        Goal::FullSync => format!("`full-sync`: full copy at 100 %{stable}"),
    }
}

/// When something will be reached, or that nobody can know.
pub fn time_to(what: &str, left: Option<Duration>) -> String {
    match left {
        Some(left) if left < Duration::from_secs(1) => format!("{what} within a second at this rate"),
        Some(left) => format!("{what} in about {}", duration(left)),
        None => format!("time to {what} unknown"),
    }
}

/// How a task stands, for one line of a log.
pub fn standing(task: &TaskWait, rules: &Rules) -> String {
    let waiter = &task.waiter;
    let Some(seen) = waiter.seen() else { return "no reading yet".to_owned() };
    let reading = &seen.reading;
    let mut parts = vec![waiter.phase().as_str().to_owned()];
    match waiter.phase() {
        Phase::FullSync => {
            let rate = waiter.trend().full_copy_rate().filter(|rate| rate.abs() >= 0.005);
            let rate = rate.map(|rate| format!(" ({rate:+.2} %/s)")).unwrap_or_default();
            parts.push(format!(
                "{}{rate}",
                reading.full_migration_progress.map_or_else(|| "unknown %".to_owned(), percent)
            ));
        }
        Phase::Unknown | Phase::NotStarted | Phase::Incremental | Phase::Stopping | Phase::Ended => {
            let rate = waiter.trend().offset_rate().filter(|rate| rate.abs() >= 0.5);
            let rate = rate.map(|rate| format!(" ({rate:+.0}/s)")).unwrap_or_default();
            parts.push(format!("offset {}{rate}", known(reading.offset)));
        }
    }
    parts.push(format!("keys {} -> {}", known(reading.source_dbsize), known(reading.target_dbsize)));
    let stable = waiter.stable();
    if stable > 0 {
        parts.push(format!("goal seen {stable} of {} times", rules.stable_polls));
    } else {
        let goal = match waiter.phase() {
            Phase::FullSync => "full copy done".to_owned(),
            Phase::Unknown | Phase::NotStarted | Phase::Incremental | Phase::Stopping | Phase::Ended => {
                rules.condition.goal.to_string()
            }
        };
        parts.push(time_to(&goal, waiter.time_to_goal()));
    }
    parts.join(", ")
}

/// A session that was obtained.
pub fn signed_in(session: &SignedIn) -> String {
    let lifetime = session.lifetime.map(|lifetime| format!(", valid for {}", duration(lifetime)));
    format!("signed in by {}{}", session.kind, lifetime.unwrap_or_default())
}

/// A note, for one line of a log.
pub fn note(note: &Note) -> String {
    match note {
        Note::Phase(phase) => format!("phase: {}", phase.as_str()),
        Note::Status(status) => match status.class() {
            StatusClass::Unknown => {
                format!("status {}, a word that is not known here: it is never taken for an end", status.word())
            }
            StatusClass::NotStarted => format!("status {}: the task waits to be configured", status.word()),
            StatusClass::FullSync
            | StatusClass::Migrating
            | StatusClass::Incremental
            | StatusClass::Stopping
            | StatusClass::Stopped
            | StatusClass::Succeeded
            | StatusClass::Failed
            | StatusClass::Released
            | StatusClass::Deleted => format!("status {}", status.word()),
        },
        Note::Regressed(from, to) => {
            format!("the full copy began anew: {} after {}; the link may have broken", percent(*to), percent(*from))
        }
        Note::NegativeOffset(offset) => {
            format!("the offset is negative ({}), which counts as not in sync", count(*offset))
        }
        Note::StatusUnavailable(error) => {
            format!("the task's status cannot be read, going on without it: {}", error.message)
        }
        Note::Failing(error) if error.class == Class::Unauthenticated => {
            format!("the session is no longer accepted, signing in again: {}", error.message)
        }
        Note::Failing(error) => match &error.advice {
            Some(advice) => format!("no good answer: {}; {advice}", error.message),
            None => format!("no good answer: {}", error.message),
        },
        Note::Recovered(polls, since) => {
            format!("the API answers again after {} in {}", plural((*polls).into(), "failed poll"), duration(*since))
        }
        Note::GoalShows(times) => format!("the goal shows ({times} in a row)"),
        Note::GoalLost => "the goal no longer shows".to_owned(),
    }
}
