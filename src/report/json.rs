//! JSON: the `tasks` output, the report file and the last line of a JSON log. Structs of their own, so that a change
//! of the domain does not change what people parse.

use super::{Report, TaskReport, result, words};
use crate::escape;
use serde::Serialize;
use serde_json::value::RawValue;

/// Version of the report's shape.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Whole<'a> {
    schema: u32,
    version: &'a str,
    result: &'a str,
    ready: bool,
    exit_code: Option<u8>,
    reason: String,
    until: Option<&'a str>,
    elapsed_seconds: u64,
    polls: u64,
    started_at: String,
    finished_at: Option<String>,
    tasks: Vec<Task<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Task<'a> {
    task_id: &'a str,
    result: &'a str,
    ready: bool,
    exit_code: Option<u8>,
    reason: String,
    until: Option<&'a str>,
    is_migrating: Option<bool>,
    offset: Option<i64>,
    full_migration_progress: Option<Percent>,
    source_dbsize: Option<i64>,
    target_dbsize: Option<i64>,
    task_status: Option<&'a str>,
    elapsed_seconds: u64,
    polls: u64,
    started_at: String,
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<&'a RawValue>,
}

/// `100`, not `100.0`.
struct Percent(f64);

impl Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 { serializer.serialize_i64(self.0 as i64) } else { serializer.serialize_f64(self.0) }
    }
}

fn task<'a>(report: &'a Report, task: &'a TaskReport, with_stats: bool) -> Task<'a> {
    // What ended the whole wait ended it for a task that was still on its way, unless that was another task's end.
    let outcome = task.outcome.as_ref().or_else(|| report.outcome.as_ref().filter(|outcome| outcome.ends_all()));
    let reading = task.reading.as_ref();
    Task {
        task_id: task.id.as_str(),
        result: outcome.map_or("unknown", |outcome| result(outcome, report.goal)),
        ready: outcome.is_some_and(|outcome| outcome.is_ready()),
        exit_code: outcome.map(crate::exit_code::of),
        reason: words::task_reason(report, task),
        until: report.goal.map(|goal| goal.as_str()),
        is_migrating: reading.and_then(|reading| reading.is_migrating),
        offset: reading.and_then(|reading| reading.offset),
        full_migration_progress: reading.and_then(|reading| reading.full_migration_progress).map(Percent),
        source_dbsize: reading.and_then(|reading| reading.source_dbsize),
        target_dbsize: reading.and_then(|reading| reading.target_dbsize),
        task_status: task.detail.as_ref().map(|detail| detail.status.word()),
        elapsed_seconds: task.elapsed.as_secs(),
        polls: task.polls,
        started_at: words::instant(report.started_at),
        finished_at: report.finished_at.and(task.finished_at(report)),
        stats: task.raw.as_deref().filter(|_| with_stats).and_then(|raw| serde_json::from_str(raw).ok()),
    }
}

impl TaskReport {
    fn finished_at(&self, report: &Report) -> Option<String> {
        report.started_at.checked_add(self.elapsed).map(words::instant)
    }
}

fn whole(report: &Report) -> Whole<'_> {
    Whole {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        result: report.result(),
        ready: report.is_ready(),
        exit_code: report.exit_code(),
        reason: words::reason(report),
        until: report.goal.map(|goal| goal.as_str()),
        elapsed_seconds: report.elapsed.as_secs(),
        polls: report.polls(),
        started_at: words::instant(report.started_at),
        finished_at: report.finished_at.map(words::instant),
        tasks: report.tasks.iter().map(|one| task(report, one, true)).collect(),
    }
}

fn to_line(value: &impl Serialize) -> String {
    // Plain structs of plain values; nothing in them can fail to serialize.
    escape::compact_json(&serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
}

/// One object a task, on one line.
pub fn tasks(report: &Report) -> String {
    to_line(&report.tasks.iter().map(|one| task(report, one, false)).collect::<Vec<_>>())
}

/// The whole report, on one line.
pub fn line(report: &Report) -> String {
    to_line(&whole(report))
}

/// The whole report, as a file.
pub fn report(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(&whole(report)).unwrap_or_else(|_| line(report));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_outputs() {
        let (report, _) = super::super::tests::samples().remove(0);
        let text = tasks(&report);
        for (name, _) in super::super::outputs(&report) {
            assert!(text.contains(&format!("\"{name}\":")), "{name}");
        }
    }
}
