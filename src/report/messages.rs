//! Words for people: why it ended, what was seen, what to do. The one place where they are made.
//!
//! Everything is a lower-case fragment on one line, made of visible text; renderers escape it for their medium.

mod advice;
mod conditions;
mod format;
mod log;
mod marks;
mod missing;

pub use advice::next_steps;
pub use conditions::{Condition, Met, conditions};
pub use format::{
    count, duration, instant, known, known_offset, known_percent, percent, plural, sentence, yes_no,
};
pub use log::{event, progress_line, renewal_failed, signed_in, time_to};
pub use marks::{Marked, ip_switch, label};
pub use missing::missing;

use self::missing::{missing_in_short, missing_keys};
use super::chart::TimeSeries;
use super::history::MOST_EVENTS;
use super::{Report, TaskReport};
use crate::domain::{Failure, FullSync, Goal, KeyLimit, Reading};
use crate::outcome::{Internal, Outcome};
use crate::wait::Rules;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Why the wait ended as it did, with what was seen last, what was missing and what to change. Of several tasks it speaks
/// of one, by name; the others are counted.
pub fn reason(report: &Report) -> String {
    let Some(outcome) = &report.outcome else {
        return "the wait has not ended".to_owned();
    };
    let tasks = match report.tasks.as_slice() {
        [] | [_] => return why(outcome, report, report.least_advanced(), ""),
        tasks => tasks,
    };
    let text = how_many(tasks);
    if outcome.is_ready() {
        return format!(
            "{text}: {}",
            why(outcome, report, report.least_advanced(), "")
        );
    }
    match report.deciding() {
        Some(task) => {
            let others = others(report, task)
                .map(|others| format!("; {others}"))
                .unwrap_or_default();
            let (reason, cloud) = split_cloud_reason(task_reason(report, task), task);
            format!("{text}; task {}: {reason}{others}{cloud}", task.id.as_str())
        }
        None => {
            let task = report.least_advanced();
            let name = task
                .map(|task| format!("task {} ", task.id.as_str()))
                .unwrap_or_default();
            format!("{text}: {}", why(outcome, report, task, &name))
        }
    }
}

fn how_many(tasks: &[TaskReport]) -> String {
    let ready = tasks
        .iter()
        .filter(|task| task.outcome.as_ref().is_some_and(Outcome::is_ready))
        .count();
    format!("{ready} of {} tasks reached the goal", tasks.len())
}

/// How the other tasks ended that did not reach the goal, counted by reason.
fn others(report: &Report, but: &TaskReport) -> Option<String> {
    let mut kinds: Vec<(String, u64)> = Vec::new();
    for end in report
        .tasks
        .iter()
        .filter(|task| task.id != but.id)
        .filter_map(TaskReport::bad_end)
    {
        let kind = kind(end, timeout_of(report));
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let ((first, count), rest) = kinds.split_first()?;
    let rest: Vec<String> = rest
        .iter()
        .map(|(kind, count)| format!(", {count} {kind}"))
        .collect();
    Some(format!(
        "{} {first}{}",
        plural(*count, "other"),
        rest.concat()
    ))
}

/// Why a task has not reached the goal, in so few words that tasks can be grouped by them; empty where it has.
pub fn why_in_short(report: &Report, task: &TaskReport) -> String {
    let missing = || match &task.failing {
        Some(error) => error.message.clone(),
        None => missing_in_short(report, task).to_owned(),
    };
    match report.outcome_of(task) {
        Some(Outcome::Ready) => String::new(),
        Some(Outcome::TimedOut | Outcome::Stalled(_) | Outcome::Cancelled(_)) | None => missing(),
        Some(outcome) => {
            let cloud = task.cloud_reason.as_ref();
            let cloud = cloud
                .map(|reason| format!(": {reason}"))
                .unwrap_or_default();
            format!("{}{cloud}", kind(outcome, timeout_of(report)))
        }
    }
}

/// What tells each id from the others: its beginning, eight characters or a few more, else its end; the same length for
/// all.
pub fn short_ids<'a>(ids: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, &'a str> {
    const SHORT: usize = 8;
    const STILL_SHORT: usize = 12;
    let ids: Vec<&str> = ids.collect();
    let longest = ids.iter().map(|id| id.len()).max().unwrap_or(SHORT);
    let beginning = |id: &'a str, length: usize| id.get(..length).unwrap_or(id);
    let end = |id: &'a str, length: usize| {
        let from = id.len().saturating_sub(length);
        id.get(from..).unwrap_or(id)
    };
    let is_unique = |cut: &dyn Fn(&'a str) -> &'a str| {
        let names: BTreeSet<&str> = ids.iter().map(|&id| cut(id)).collect();
        names.len() == ids.len()
    };
    let lengths = SHORT..=longest.clamp(SHORT, STILL_SHORT);
    let short = lengths
        .clone()
        .find(|&length| is_unique(&|id| beginning(id, length)));
    if let Some(length) = short {
        return ids.iter().map(|&id| (id, beginning(id, length))).collect();
    }
    let length = lengths
        .clone()
        .find(|&length| is_unique(&|id| end(id, length)))
        .unwrap_or(longest);
    ids.iter().map(|&id| (id, end(id, length))).collect()
}

fn timeout_of(report: &Report) -> Duration {
    let rules = report.rules.as_ref();
    rules.map_or(report.elapsed, |rules| rules.deadline)
}

/// The kind of a bad end, for a count of them.
pub fn kind(end: &Outcome, timeout: Duration) -> String {
    let kind = match end {
        Outcome::TimedOut => return format!("had no end within {}", duration(timeout)),
        Outcome::Failed(failure) => match failure {
            Failure::TaskFailed => "failed",
            Failure::TaskDeleted => "deleted",
            Failure::StoppedShort => "stopped short",
            Failure::StoppedOutOfSync => "stopped out of sync",
            Failure::StoppedBeforeInSync => "stopped before `in-sync`",
            Failure::AlreadySwitched => "switched before `in-sync`",
            Failure::RolledBack => "rolled back",
            Failure::KeysMissing => "ended with keys missing",
        },
        Outcome::Stalled(_) => "stalled",
        Outcome::Unreachable(..) => "not served by the API",
        Outcome::UnknownTask(_) => "not known to the API",
        Outcome::Rejected(_) | Outcome::InvalidInput(_) => "refused by the API",
        Outcome::Denied(_) => "denied",
        Outcome::Ready | Outcome::Cancelled(_) | Outcome::InternalError(_) => "without a result",
    };
    kind.to_owned()
}

/// What the cloud itself says about a failed task comes at the very end.
fn cloud_reason(task: &TaskReport) -> Option<String> {
    Some(format!(
        "; the cloud's own reason: {}",
        task.cloud_reason.as_ref()?
    ))
}

fn split_cloud_reason(reason: String, task: &TaskReport) -> (String, String) {
    let cloud = cloud_reason(task).unwrap_or_default();
    (
        reason.strip_suffix(&cloud).unwrap_or(&reason).to_owned(),
        cloud,
    )
}

/// The same for one task.
pub fn task_reason(report: &Report, task: &TaskReport) -> String {
    match (report.outcome_of(task), &report.outcome) {
        (Some(outcome), _) => why(outcome, report, Some(task), ""),
        (None, Some(_)) => "stopped because another task's wait ended".to_owned(),
        (None, None) => "the wait has not ended".to_owned(),
    }
}

/// `name` names the task in front of what was seen of it, where that is not clear.
fn why(outcome: &Outcome, report: &Report, task: Option<&TaskReport>, name: &str) -> String {
    let what = headline(outcome, report, task);
    if outcome.is_ready() {
        return what;
    }
    let mut parts = vec![what];
    if let Some(task) = task {
        if let Some(seen) = seen(task) {
            parts.push(format!("{name}seen last: {seen}"));
        }
        if let Some(missing) = missing(report, task)
            && matches!(
                outcome,
                Outcome::TimedOut
                    | Outcome::Stalled(_)
                    | Outcome::Cancelled(_)
                    | Outcome::Unreachable(..)
            )
        {
            parts.push(format!("not met: {missing}"));
        }
        if let (Some(error), Outcome::TimedOut | Outcome::Cancelled(_)) = (&task.failing, outcome) {
            parts.push(format!("the last request failed: {}", error.message));
        } else if let (Some(since), Outcome::TimedOut | Outcome::Cancelled(_)) =
            (task.unanswered, outcome)
        {
            parts.push(format!(
                "the request under way was not answered for {}",
                duration(since)
            ));
        }
    }
    if let (Some(error), Outcome::TimedOut | Outcome::Cancelled(_)) = (&report.listing, outcome) {
        parts.push(format!("the tasks could not be listed: {}", error.message));
    }
    if let Some(change) = advice::change(outcome, report, task) {
        parts.push(change);
    }
    let cloud = task.and_then(cloud_reason).unwrap_or_default();
    format!("{}{cloud}", parts.join("; "))
}

/// The end in one clause.
pub fn headline(outcome: &Outcome, report: &Report, task: Option<&TaskReport>) -> String {
    match outcome {
        Outcome::Ready => ready(report, task),
        Outcome::Failed(failure) => failed(*failure, report, task),
        Outcome::UnknownTask(error) => format!("the API does not know the task: {}", error.message),
        Outcome::Rejected(error) => format!("the API cannot be used this way: {}", error.message),
        Outcome::Denied(error) => format!("access denied: {}", error.message),
        Outcome::Stalled(timeout) => format!(
            "nothing has improved for {} (`stall-timeout`)",
            duration(*timeout)
        ),
        Outcome::Unreachable(Some(outage), error) => {
            format!(
                "no successful response from the API for {} (`max-outage`): {}",
                duration(*outage),
                error.message
            )
        }
        Outcome::Unreachable(None, error) => {
            format!(
                "the API no longer serves the task, three times in a row: {}",
                error.message
            )
        }
        Outcome::TimedOut => {
            let goal = report.goal.unwrap_or(Goal::Completed);
            let timeout = report
                .rules
                .as_ref()
                .map_or(report.elapsed, |rules| rules.deadline);
            format!(
                "the goal `{goal}` was not reached within {} (`timeout`)",
                duration(timeout)
            )
        }
        Outcome::Cancelled(signal) => format!("cancelled by {}", signal.as_str()),
        Outcome::InvalidInput(problems) => format!("invalid input: {problems}"),
        Outcome::InternalError(Internal::Bug(error)) => format!(
            "internal error, which is a bug: {}",
            crate::escape::line(error)
        ),
        Outcome::InternalError(Internal::Machine(limit)) => (*limit).to_owned(),
    }
}

fn ready(report: &Report, task: Option<&TaskReport>) -> String {
    let reading = task
        .and_then(|task| task.reading.clone())
        .unwrap_or_default();
    let is_full_only = task.is_some_and(TaskReport::is_full_only);
    let offset = known_offset(reading.offset, is_full_only);
    let copied = known_percent(reading.full_migration_progress);
    let outstanding = reading.offset.filter(|&offset| offset > 0).is_some();
    let polls = report.rules.as_ref().map_or(1, |rules| rules.stable_polls);
    let times = if polls > 1 {
        format!(" in {polls} consecutive readings")
    } else {
        String::new()
    };
    let mut text = match report.goal.unwrap_or(Goal::Completed) {
        Goal::Completed if outstanding => format!(
            "the migration has ended with an offset of {offset} still outstanding, which `max-offset` {} accepts: not \
             migrating, full sync {copied}{times}",
            count(report.max_offset())
        ),
        Goal::Completed => {
            format!(
                "the migration is complete: not migrating, offset {offset}, full sync {copied}{times}"
            )
        }
        Goal::InSync if outstanding => format!(
            "an offset of {offset} is still outstanding, which `max-offset` {} accepts{times}: source and target are not \
             equal yet, full sync {copied}, still migrating",
            count(report.max_offset())
        ),
        Goal::InSync => {
            let caveat = if is_full_only {
                " (a full migration, which follows no writes: its offset tells little)"
            } else {
                ""
            };
            format!(
                "source and target are in sync: offset {offset}{times}, full sync {copied}, still migrating{caveat}"
            )
        }
        Goal::FullSync => format!("the full sync is done: {copied}{times}"),
        Goal::Switched => {
            format!("the IP addresses are switched: the target has the source's address{times}")
        }
    };
    match task.and_then(|task| task.detail.as_ref()) {
        Some(detail) => {
            text.push_str(&format!(", status {}", detail.status.word()));
            if let Some(word) = &detail.task_status {
                text.push_str(&format!(", IP switch {word}"));
            }
        }
        None => text.push_str(", status not confirmed"),
    }
    text
}

fn failed(failure: Failure, report: &Report, task: Option<&TaskReport>) -> String {
    let status =
        task.and_then(|task| task.detail.as_ref())
            .map(|detail| match &detail.task_status {
                Some(word) => format!(" (status {}, IP switch {word})", detail.status.word()),
                None => format!(" (status {})", detail.status.word()),
            });
    let status = status.unwrap_or_default();
    let reading = task
        .and_then(|task| task.reading.clone())
        .unwrap_or_default();
    match failure {
        Failure::TaskFailed => format!("the migration task failed{status}"),
        Failure::TaskDeleted => match task.and_then(|task| task.failing.as_ref()) {
            Some(error) => format!(
                "the migration task was deleted: the API no longer knows it, {}",
                error.message
            ),
            None => format!("the migration task was deleted{status}"),
        },
        Failure::StoppedShort => format!(
            "the task stopped short: its full sync ended at {}{status}",
            reading
                .full_migration_progress
                .map_or_else(|| "an unknown percentage".to_owned(), percent)
        ),
        Failure::StoppedOutOfSync => {
            format!(
                "the task stopped out of sync: its offset is {}{status}",
                known(reading.offset)
            )
        }
        Failure::StoppedBeforeInSync => {
            format!(
                "the task was stopped before `in-sync` was seen, and an IP switch needs a running task{status}"
            )
        }
        Failure::AlreadySwitched => {
            format!("the IP addresses are switched already, before `in-sync` was seen{status}")
        }
        Failure::RolledBack => format!("the IP switch was rolled back: the source serves{status}"),
        Failure::KeysMissing => format!(
            "the task ended and {}{status}",
            missing_keys(report, &reading)
        ),
    }
}

/// The newest values, and how old they are.
pub fn seen(task: &TaskReport) -> Option<String> {
    let reading = task.reading.as_ref()?;
    let age = task.elapsed.saturating_sub(task.read_at?);
    let ago = if age >= Duration::from_secs(1) {
        format!(", {} before the end", duration(age))
    } else {
        String::new()
    };
    Some(format!(
        "{}{ago}",
        values(
            reading,
            task.is_full_only(),
            task.detail.as_ref().map(|detail| detail.status.word())
        )
    ))
}

fn values(reading: &Reading, is_full_only: bool, status: Option<&str>) -> String {
    let migrating = reading
        .is_migrating
        .map_or_else(|| "unknown".to_owned(), |is| is.to_string());
    let copied = known_percent(reading.full_migration_progress);
    let status = status
        .map(|status| format!(", status {status}"))
        .unwrap_or_default();
    format!(
        "is_migrating {migrating}, full sync {copied}, offset {}{status}",
        known_offset(reading.offset, is_full_only)
    )
}

/// A limit of missing keys, as people write it.
pub fn key_limit(limit: KeyLimit) -> String {
    match limit {
        KeyLimit::Off => "off".to_owned(),
        KeyLimit::Keys(most) => count(most.try_into().unwrap_or(i64::MAX)),
        KeyLimit::Share(millionths) => format!("{}%", f64::from(millionths) / 10_000.0),
    }
}

/// What was asked for, in one line.
pub fn wanted(rules: &Rules) -> String {
    let max_offset = count(rules.condition.max_offset);
    let stable = if rules.stable_polls > 1 {
        format!(", {} times in a row", rules.stable_polls)
    } else {
        String::new()
    };
    match rules.condition.goal {
        Goal::Completed => {
            format!("`completed`: not migrating, offset at most {max_offset}{stable}")
        }
        Goal::InSync => format!(
            "`in-sync`: still migrating, full sync done, offset at most {max_offset}{stable}"
        ),
        Goal::FullSync => format!("`full-sync`: full sync at 100 %{stable}"),
        Goal::Switched => format!("`switched`: IP addresses switched{stable}"),
    }
}

/// A sign for the end, for places that can show pictures; the words beside it say the same.
pub fn icon(outcome: Option<&Outcome>) -> &'static str {
    outcome.map_or("⏳", |outcome| outcome.consequence().icon)
}

/// The end in one sentence; [`details`] has the rest of the [`reason`].
pub fn verdict(report: &Report) -> String {
    let Some(outcome) = &report.outcome else {
        return sentence("the wait has not ended");
    };
    let tasks = report.tasks.as_slice();
    if let [] | [_] = tasks {
        return sentence(&headline(outcome, report, tasks.first()));
    }
    let text = how_many(tasks);
    sentence(&match report.deciding() {
        _ if outcome.is_ready() => text,
        Some(task) => {
            // Its own end: the outcome of the whole may be another failure.
            let end = task.bad_end().unwrap_or(outcome);
            let others = others(report, task)
                .map(|others| format!("; {others}"))
                .unwrap_or_default();
            format!(
                "{text}; task {}: {}{others}",
                task.id.as_str(),
                headline(end, report, Some(task))
            )
        }
        None => format!(
            "{text}: {}",
            headline(outcome, report, report.least_advanced())
        ),
    })
}

/// What else there is to say about a bad end: what was seen last, what was not met, what the API said.
pub fn details(report: &Report, task: &TaskReport) -> Vec<(&'static str, String)> {
    let Some(outcome) = report.outcome_of(task) else {
        return Vec::new();
    };
    if outcome.is_ready() {
        return Vec::new();
    }
    let mut parts = Vec::new();
    parts.extend(seen(task).map(|seen| ("Seen last", seen)));
    parts.extend(missing(report, task).map(|missing| ("Not met", missing)));
    parts.extend(
        task.failing
            .as_ref()
            .map(|error| ("Last error", error.message.clone())),
    );
    parts.extend(
        task.cloud_reason
            .clone()
            .map(|reason| ("The cloud's own reason", reason)),
    );
    parts
}

/// The keys on both sides, with the note that they may differ.
pub fn keys(reading: &Reading) -> String {
    let (source, target) = (reading.source_dbsize, reading.target_dbsize);
    let keys = format!(
        "{} in the source, {} in the target",
        known(source),
        known(target)
    );
    match (source, target) {
        (Some(source), Some(target)) if source != target => {
            let differ = source.abs_diff(target);
            let more = if source > target { "fewer" } else { "more" };
            let differ = count(differ.try_into().unwrap_or(i64::MAX));
            // A target that is still being filled lacks more than what has expired.
            let why = match reading.full_sync() {
                FullSync::Done => " (expiring keys make them differ)",
                FullSync::Incomplete | FullSync::Unknown => "",
            };
            format!("{keys}, {differ} {more}{why}")
        }
        (Some(_), Some(_)) | (None, _) | (_, None) => keys,
    }
}

/// What happened in a task's wait, with the times since the start of the process.
pub fn time_line(report: &Report, task: Option<&TaskReport>) -> Vec<(Duration, String)> {
    let mut events = report.events.clone();
    let mut end = report.elapsed;
    if let Some(task) = task {
        for (n, (at, text)) in task.history.events.iter().enumerate() {
            if n == MOST_EVENTS && task.history.omitted_events > 0 {
                let (omitted, before) = (
                    task.history.omitted_events,
                    events.last().map_or(*at, |&(at, _)| at),
                );
                events.push((
                    before,
                    format!("… {} left out here", plural(omitted, "event")),
                ));
            }
            events.push((*at, text.clone()));
        }
        end = task.elapsed;
    }
    // Stable, so that what happened at one moment stays in order.
    events.sort_by_key(|&(at, _)| at);
    let outcome = match task {
        Some(task) => report.outcome_of(task),
        None => report.outcome.as_ref(),
    };
    if let Some(outcome) = outcome {
        events.retain(|&(at, _)| at <= end);
        events.push((
            end,
            format!("the wait ended: {}", outcome.word(report.goal)),
        ));
    } else if report.outcome.is_some() {
        events.push((end, "stopped because another task's wait ended".to_owned()));
    }
    events
}

/// How a task's wait ended, in a word.
pub fn task_result(report: &Report, task: &TaskReport) -> &'static str {
    match (report.outcome_of(task), &report.outcome) {
        (Some(outcome), _) => outcome.word(report.goal),
        (None, Some(_)) => "not decided",
        (None, None) => "waiting",
    }
}

/// The offset over time, in numbers.
pub fn offset_summary(series: &TimeSeries) -> Option<String> {
    let (at, peak) = series.peak()?;
    let &(_, last) = series.offsets.last()?.last()?;
    Some(format!(
        "highest {} at {}, last {}",
        count(peak),
        duration(at),
        count(last)
    ))
}

/// How the wait went, in numbers: of one task, or as a whole.
pub fn stats_rows(report: &Report, task: Option<&TaskReport>) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    rows.extend(
        report
            .rules
            .as_ref()
            .map(|rules| ("Waited for", wanted(rules))),
    );
    let failed_polls = match task {
        Some(task) => {
            rows.push(("Task", format!("`{}`", task.id.as_str())));
            rows.extend(task.reading.as_ref().map(|reading| ("Keys", keys(reading))));
            task.failed_polls
        }
        None => report.tasks.iter().map(|task| task.failed_polls).sum(),
    };
    let failed = if failed_polls > 0 {
        format!(", {failed_polls} of them failed")
    } else {
        String::new()
    };
    rows.push((
        "Polls",
        format!(
            "{}{failed}",
            task.map_or_else(|| report.polls(), |task| task.polls)
        ),
    ));
    rows.push((
        "Took",
        duration(task.map_or(report.elapsed, |task| task.elapsed)),
    ));
    let until = report
        .finished_at
        .map(|at| format!(" to {}", instant(at)))
        .unwrap_or_default();
    rows.push(("Time", format!("{}{until}", instant(report.started_at))));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_100_percent_never_shows_100() {
        let shown = [0.0, 0.04, 62.5, 99.94, 99.996, 100.0 - 1e-13, 100.0].map(percent);
        assert_eq!(
            shown,
            [
                "0 %", "0.0 %", "62.5 %", "99.9 %", "99.9 %", "99.9 %", "100 %"
            ]
        );
    }
}
