//! The outputs: the values that `GITHUB_OUTPUT`, dotenv, JSON and JUnit share, once for a wait and once for each task.

use super::{Report, TaskReport, messages};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Names of the outputs that every file has, in order.
pub const OUTPUTS: [&str; 16] = [
    "result",
    "ready",
    "exit-code",
    "reason",
    "until",
    "is-migrating",
    "offset",
    "full-migration-progress",
    "source-dbsize",
    "target-dbsize",
    "task-status",
    "ip-switch",
    "elapsed-seconds",
    "polls",
    "started-at",
    "finished-at",
];

/// Whether `DCS_` + `name` is a variable that we write, so that it may be there when a later job starts.
pub fn is_output_variable(name: &str) -> bool {
    OUTPUTS
        .iter()
        .any(|output| output.to_ascii_uppercase().replace('-', "_") == name)
}

/// One value for each of [`OUTPUTS`]; `None` is unknown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Outputs<'a> {
    pub(super) result: &'static str,
    pub(super) ready: bool,
    pub(super) exit_code: Option<u8>,
    pub(super) reason: String,
    pub(super) until: Option<&'static str>,
    is_migrating: Option<bool>,
    offset: Option<i64>,
    full_migration_progress: Option<Percent>,
    source_dbsize: Option<i64>,
    target_dbsize: Option<i64>,
    task_status: Option<&'a str>,
    ip_switch: Option<&'a str>,
    pub(super) elapsed_seconds: u64,
    pub(super) polls: u64,
    pub(super) started_at: String,
    pub(super) finished_at: Option<String>,
}

impl<'a> Outputs<'a> {
    /// Of the whole wait; values of readings are those of the least advanced task.
    pub(super) fn of_wait(report: &'a Report) -> Self {
        Self {
            result: report.result(),
            ready: report.is_ready(),
            exit_code: report.exit_code(),
            reason: messages::reason(report),
            elapsed_seconds: report.elapsed.as_secs(),
            polls: report.polls(),
            finished_at: report.finished_at.map(messages::instant),
            ..Self::with_values(report, report.least_advanced())
        }
    }

    /// Of one task.
    pub(super) fn of_task(report: &'a Report, task: &'a TaskReport) -> Self {
        let outcome = report.outcome_of(task);
        let finished_at = report
            .finished_at
            .and(report.started_at.checked_add(task.elapsed));
        Self {
            result: outcome.map_or("unknown", |outcome| outcome.word(report.goal)),
            ready: outcome.is_some_and(|outcome| outcome.is_ready()),
            exit_code: outcome.map(|outcome| outcome.exit_code()),
            reason: messages::task_reason(report, task),
            elapsed_seconds: task.elapsed.as_secs(),
            polls: task.polls,
            finished_at: finished_at.map(messages::instant),
            ..Self::with_values(report, Some(task))
        }
    }

    fn with_values(report: &Report, task: Option<&'a TaskReport>) -> Self {
        let reading = task.and_then(|task| task.reading.as_ref());
        let detail = task.and_then(|task| task.detail.as_ref());
        Self {
            result: "unknown",
            ready: false,
            exit_code: None,
            reason: String::new(),
            until: report.goal.map(|goal| goal.as_str()),
            is_migrating: reading.and_then(|reading| reading.is_migrating),
            offset: reading.and_then(|reading| reading.offset),
            full_migration_progress: reading
                .and_then(|reading| reading.full_migration_progress)
                .map(Percent),
            source_dbsize: reading.and_then(|reading| reading.source_dbsize),
            target_dbsize: reading.and_then(|reading| reading.target_dbsize),
            task_status: detail.map(|detail| detail.status.word()),
            ip_switch: detail.and_then(|detail| detail.task_status.as_deref()),
            elapsed_seconds: 0,
            polls: 0,
            started_at: messages::instant(report.started_at),
            finished_at: None,
        }
    }
}

/// The outputs of a wait as text, in the order of [`OUTPUTS`]. An unknown value is the empty string.
pub fn outputs(report: &Report) -> Vec<(&'static str, String)> {
    // A plain struct of plain values: it cannot fail to serialize.
    let values = serde_json::to_value(Outputs::of_wait(report)).unwrap_or_default();
    let text = |name| match values.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    OUTPUTS.map(|name| (name, text(name))).into()
}

/// `100`, not `100.0`.
#[derive(Debug)]
pub(super) struct Percent(pub(super) f64);

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::samples;
    use super::*;

    #[test]
    fn names_are_the_fields() {
        let (report, _) = samples().remove(0);
        let values = serde_json::to_value(Outputs::of_wait(&report)).unwrap();
        let mut fields: Vec<&String> = values.as_object().unwrap().keys().collect();
        let mut names = OUTPUTS;
        names.sort_unstable();
        fields.sort_unstable();
        assert_eq!(fields, names);
    }
}
