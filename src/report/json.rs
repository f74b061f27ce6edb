//! JSON: the `tasks` output, the report file and the last line of a JSON log. Structs of their own, so that a change
//! of the domain does not change what people parse; `docs/report.schema.json` describes them.

use super::messages::{self, Met};
use super::outputs::{Outputs, Percent};
use super::{Report, TaskReport, chart};
use crate::domain::Reading;
use crate::escape;
use crate::wait::{Rules, StatusCheck};
use serde::Serialize;
use serde_json::value::RawValue;
use std::time::Duration;

/// Version of the report's shape.
const SCHEMA: u32 = 1;
/// Readings in a report, over all tasks; and at least so many of each.
const MOST_READINGS: usize = 4000;
const LEAST_READINGS: usize = 40;
/// The same for events.
const MOST_EVENTS: usize = 2000;
const LEAST_EVENTS: usize = 20;

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
    rules: Option<RequestKind>,
    tasks: Vec<Task<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<Happened<'a>>>,
}

/// What was asked for.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RequestKind {
    max_offset: i64,
    max_missing_keys: String,
    stable_polls: u32,
    status_check: &'static str,
    timeout_seconds: f64,
    max_outage_seconds: f64,
    stall_timeout_seconds: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Task<'a> {
    task_id: &'a str,
    #[serde(flatten)]
    outputs: Outputs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readings: Option<Readings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Events<'a>>,
}

/// What the end of a task's wait rests on.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Verdict<'a> {
    failed_polls: u64,
    readings_in_a_row: u32,
    status_confirmed: bool,
    last_error: Option<&'a str>,
    cloud_reason: Option<&'a str>,
    missing: Option<String>,
    conditions: Vec<Condition>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Condition {
    name: String,
    wanted: String,
    seen: String,
    met: &'static str,
}

/// Some readings of many. They are on a line each, since there are thousands of them.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Readings {
    total: u64,
    kept: usize,
    items: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct One {
    at_seconds: f64,
    is_migrating: Option<bool>,
    offset: Option<i64>,
    full_migration_progress: Option<Percent>,
    source_dbsize: Option<i64>,
    target_dbsize: Option<i64>,
    target_input_kbps: Option<f64>,
    target_ops: Option<f64>,
}

/// What happened, but for what is left out in the middle.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Events<'a> {
    total: u64,
    kept: usize,
    items: Vec<Happened<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Happened<'a> {
    at_seconds: f64,
    text: &'a str,
}

impl RequestKind {
    fn of(rules: &Rules) -> Self {
        Self {
            max_offset: rules.condition.max_offset,
            max_missing_keys: messages::key_limit(rules.condition.max_missing_keys)
                .replace(',', ""),
            stable_polls: rules.stable_polls,
            status_check: match rules.status_check {
                StatusCheck::Auto => "auto",
                StatusCheck::Require => "require",
                StatusCheck::Off => "off",
            },
            timeout_seconds: seconds(rules.deadline),
            max_outage_seconds: seconds(rules.max_outage),
            stall_timeout_seconds: rules.stall_timeout.map(seconds),
        }
    }
}

/// To the millisecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

impl<'a> Verdict<'a> {
    fn of(report: &Report, task: &'a TaskReport) -> Self {
        let is_ready = report
            .outcome_of(task)
            .is_some_and(|outcome| outcome.is_ready());
        let conditions = messages::conditions(report, task)
            .into_iter()
            .map(|condition| Condition {
                name: condition.name.to_lowercase().replace(' ', "-"),
                wanted: condition.wanted,
                seen: condition.seen,
                met: match condition.met {
                    Met::Yes => "yes",
                    Met::No => "no",
                    Met::Unknown => "unknown",
                    Met::NotAsked => "not-asked",
                },
            });
        Self {
            failed_polls: task.failed_polls,
            readings_in_a_row: task.stable,
            status_confirmed: task.detail.is_some(),
            last_error: task.failing.as_ref().map(|error| error.message.as_str()),
            cloud_reason: task.cloud_reason.as_deref(),
            missing: messages::missing(report, task).filter(|_| !is_ready),
            conditions: conditions.collect(),
        }
    }
}

/// A task's part of what all of them share.
fn share(report: &Report, all: usize, least: usize) -> usize {
    (all / report.tasks.len().max(1)).max(least)
}

impl Readings {
    fn of(report: &Report, task: &TaskReport) -> Self {
        let history = &task.history;
        let most = share(report, MOST_READINGS, LEAST_READINGS);
        let items = chart::at_most(&history.readings, most);
        let items: Vec<Box<RawValue>> = items
            .iter()
            .filter_map(|(at, reading)| {
                serde_json::value::to_raw_value(&One::of(*at, reading)).ok()
            })
            .collect();
        Self {
            total: history.total_readings,
            kept: items.len(),
            items,
        }
    }
}

impl<'a> Events<'a> {
    /// Of too many, the first and the newest.
    fn of(report: &Report, task: &'a TaskReport) -> Self {
        let history = &task.history;
        let half = share(report, MOST_EVENTS, LEAST_EVENTS) / 2;
        let newest = history.events.len().saturating_sub(half);
        let numbered = history.events.iter().enumerate();
        let items: Vec<Happened<'_>> = numbered
            .filter(|&(n, _)| n < half || n >= newest)
            .map(|(_, event)| Happened::of(event))
            .collect();
        Self {
            total: history.omitted_events + history.events.len() as u64,
            kept: items.len(),
            items,
        }
    }
}

impl One {
    fn of(at: Duration, reading: &Reading) -> Self {
        Self {
            at_seconds: seconds(at),
            is_migrating: reading.is_migrating,
            offset: reading.offset,
            full_migration_progress: reading.full_migration_progress.map(Percent),
            source_dbsize: reading.source_dbsize,
            target_dbsize: reading.target_dbsize,
            target_input_kbps: reading.target_input_kbps,
            target_ops: reading.target_ops,
        }
    }
}

impl<'a> Happened<'a> {
    fn of((at, text): &'a (Duration, String)) -> Self {
        Self {
            at_seconds: seconds(*at),
            text,
        }
    }
}

/// How much of a task is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The outputs.
    Outputs,
    /// And the newest body, and what the verdict rests on.
    Verdict,
    /// And how it came there.
    Full,
}

fn task<'a>(report: &'a Report, task: &'a TaskReport, depth: Depth) -> Task<'a> {
    Task {
        task_id: task.id.as_str(),
        outputs: Outputs::of_task(report, task),
        stats: task
            .raw
            .as_deref()
            .filter(|_| depth != Depth::Outputs)
            .and_then(|raw| serde_json::from_str(raw).ok()),
        verdict: (depth != Depth::Outputs).then(|| Verdict::of(report, task)),
        readings: (depth == Depth::Full).then(|| Readings::of(report, task)),
        events: (depth == Depth::Full).then(|| Events::of(report, task)),
    }
}

fn whole(report: &Report, depth: Depth) -> Whole<'_> {
    let outputs = Outputs::of_wait(report);
    Whole {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        result: outputs.result,
        ready: outputs.ready,
        exit_code: outputs.exit_code,
        reason: outputs.reason,
        until: outputs.until,
        elapsed_seconds: outputs.elapsed_seconds,
        polls: outputs.polls,
        started_at: outputs.started_at,
        finished_at: outputs.finished_at,
        rules: report.rules.as_ref().map(RequestKind::of),
        tasks: report
            .tasks
            .iter()
            .map(|one| task(report, one, depth))
            .collect(),
        events: (depth == Depth::Full).then(|| report.events.iter().map(Happened::of).collect()),
    }
}

fn to_line(value: &impl Serialize) -> String {
    // Plain structs of plain values; nothing in them can fail to serialize.
    escape::compact_json(&serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
}

/// One object a task, on one line.
pub fn tasks(report: &Report) -> String {
    to_line(
        &report
            .tasks
            .iter()
            .map(|one| task(report, one, Depth::Outputs))
            .collect::<Vec<_>>(),
    )
}

/// What each task's object has that can be had elsewhere: the other outputs, or the JSON report.
const ELSEWHERE: [&str; 5] = [
    "until",
    "elapsed-seconds",
    "polls",
    "started-at",
    "finished-at",
];

/// [`tasks`] in so many bytes. First it drops what can be had elsewhere, then the reasons, then the most advanced tasks; the
/// last object then says how many are `truncated`.
pub fn tasks_within(report: &Report, most: usize) -> String {
    let whole = tasks(report);
    if whole.len() <= most {
        return whole;
    }
    let objects = |without_reason: bool| {
        report.by_advance().into_iter().map(move |one| {
            let mut value =
                serde_json::to_value(task(report, one, Depth::Outputs)).unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.retain(|name, _| {
                    let is_dropped = without_reason && name == "reason";
                    !is_dropped && !ELSEWHERE.contains(&name.as_str())
                });
            }
            to_line(&value)
        })
    };
    let joined = |objects: &[String]| format!("[{}]", objects.join(","));
    let brief: Vec<String> = objects(false).collect();
    if brief.iter().map(|object| object.len() + 1).sum::<usize>() < most {
        return joined(&brief);
    }
    let (mut kept, mut size) = (Vec::new(), "[{\"truncated\":1000000}]".len());
    for object in objects(true) {
        size += object.len() + 1;
        if size > most {
            break;
        }
        kept.push(object);
    }
    let truncated = report.tasks.len() - kept.len();
    if truncated > 0 {
        kept.push(format!("{{\"truncated\":{truncated}}}"));
    }
    joined(&kept)
}

/// The report without readings and events, on one line.
pub fn line(report: &Report) -> String {
    to_line(&whole(report, Depth::Verdict))
}

/// The whole report, as a file.
pub fn report(report: &Report) -> String {
    let mut text =
        serde_json::to_string_pretty(&whole(report, Depth::Full)).unwrap_or_else(|_| line(report));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::{eventful, fleet, hostile, long_wait, samples};
    use super::*;
    use serde_json::{Map, Value};

    fn is_of_type(value: &Value, types: &Value) -> bool {
        let is = |name: &Value| match name.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "null" => value.is_null(),
            other => panic!("type {other}"),
        };
        match types.as_array() {
            Some(types) => types.iter().any(is),
            None => is(types),
        }
    }

    /// The part of JSON Schema that `docs/report.schema.json` uses, but for formats, patterns and conditions; those are checked by
    /// a real validator, over reports of every scenario (`scripts/check-reports`).
    fn validate(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let Value::Object(schema) = schema else {
            return vec![format!("{at}: no schema")];
        };
        for (keyword, rule) in schema {
            match keyword.as_str() {
                "$ref" => {
                    let target = root
                        .pointer(rule.as_str().unwrap().strip_prefix('#').unwrap())
                        .unwrap();
                    wrong.extend(validate(root, target, value, at));
                }
                "type" if !is_of_type(value, rule) => {
                    wrong.push(format!("{at}: {value} is no {rule}"));
                }
                "const" if rule != value => wrong.push(format!("{at}: {value} is not {rule}")),
                "enum" if !rule.as_array().unwrap().contains(value) => {
                    wrong.push(format!("{at}: {value} not in {rule}"))
                }
                "minimum"
                    if value
                        .as_f64()
                        .is_some_and(|value| value < rule.as_f64().unwrap()) =>
                {
                    wrong.push(format!("{at}: {value} is under {rule}"));
                }
                "anyOf"
                    if !rule
                        .as_array()
                        .unwrap()
                        .iter()
                        .any(|rule| validate(root, rule, value, at).is_empty()) =>
                {
                    wrong.push(format!("{at}: {value} is none of {rule}"));
                }
                "items" => {
                    let items = value.as_array().into_iter().flatten().enumerate();
                    wrong
                        .extend(items.flat_map(|(n, item)| {
                            validate(root, rule, item, &format!("{at}/{n}"))
                        }));
                }
                "properties" => {
                    let none = Map::new();
                    for (name, value) in value.as_object().unwrap_or(&none) {
                        match rule.get(name) {
                            Some(rule) => {
                                wrong.extend(validate(root, rule, value, &format!("{at}/{name}")))
                            }
                            None => wrong.push(format!("{at}/{name}: not in the schema")),
                        }
                    }
                }
                "required" => {
                    let missing = rule
                        .as_array()
                        .unwrap()
                        .iter()
                        .filter(|name| value.get(name.as_str().unwrap()).is_none());
                    wrong.extend(missing.map(|name| format!("{at}: {name} is missing")));
                }
                _ => {}
            }
        }
        wrong
    }

    #[test]
    fn reports_are_what_the_schema_says() {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/report.schema.json")).unwrap();
        let mut reports: Vec<(Report, &str)> = samples();
        reports.extend([
            (eventful(), "eventful"),
            (fleet(), "fleet"),
            (hostile(), "hostile"),
            (long_wait(3), "long"),
        ]);
        for (one, name) in &reports {
            for text in [report(one), line(one)] {
                let value = serde_json::from_str(&text).unwrap();
                assert_eq!(validate(&schema, &schema, &value, name), [""; 0]);
            }
        }
        // The check itself finds what is wrong.
        let mut value: Value = serde_json::from_str(&report(&eventful())).unwrap();
        value["tasks"][0]["offset"] = "0".into();
        value["tasks"][0]["colour"] = "red".into();
        value["schema"] = 2.into();
        value.as_object_mut().unwrap().remove("ready");
        assert_eq!(validate(&schema, &schema, &value, "").len(), 4);
    }

    #[test]
    fn long_series_is_thinned_and_marked() {
        for (tasks, most) in [(1, 768), (100, 3 * 1024)] {
            let text = report(&long_wait(tasks));
            assert!(text.len() < most * 1024, "{tasks}: {}", text.len());
            let value: Value = serde_json::from_str(&text).unwrap();
            let readings = &value["tasks"][0]["readings"];
            let kept = readings["items"].as_array().unwrap().len();
            assert_eq!(readings["kept"], kept);
            assert!(readings["total"].as_u64().unwrap() > kept as u64);
            let events = &value["tasks"][0]["events"];
            assert_eq!(events["kept"], events["items"].as_array().unwrap().len());
            assert!(events["total"].as_u64() > events["kept"].as_u64());
        }
    }

    #[test]
    fn log_line_has_result_without_series() {
        let value: Value = serde_json::from_str(&line(&long_wait(2))).unwrap();
        assert!(value["tasks"][0]["verdict"]["conditions"].is_array());
        assert_eq!(
            (&value["tasks"][0]["readings"], &value["events"]),
            (&Value::Null, &Value::Null)
        );
    }
}
