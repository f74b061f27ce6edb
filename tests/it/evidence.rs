//! Evidence that is missing, old, another task's or misread makes nothing ready, and what the cloud says about an end.

mod advice;
mod files;
mod numbers;
mod reasons;
mod refusals;
mod responses;
mod several_tasks;
mod status;
mod timing;

use crate::ends::NOISE;
use crate::errors::{EXCHANGE, LOGIN, issued, with_oidc, with_password};
use crate::support::cloud::{Moment, detail_body, list_path, logs_path, status_of};
use crate::support::{
    Answer, FakeCloud, Kind, OTHER_TASK, Run, Sandbox, TASK, TOKEN, broken, each, json_reply,
    plain, refusal, status,
};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A reading; each value is JSON text, and an empty one is left out.
fn reading(is_migrating: &str, progress: &str, offset: &str) -> Answer {
    let fields = [
        ("is_migrating", is_migrating),
        ("full_migration_progress", progress),
        ("offset", offset),
    ];
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    let fields: Vec<String> = fields
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    json_reply(200, &format!("{{{}}}", fields.join(",")))
}

fn done() -> Answer {
    reading("false", "100", "0")
}

fn sync() -> Answer {
    reading("true", "100", "0")
}

fn behind() -> Answer {
    reading("true", "100", "7")
}

fn copying() -> Answer {
    reading("true", "40", "null")
}

/// Lines of a JSON log that warn.
fn warnings(run: &Run) -> Vec<String> {
    let log = run.log();
    let lines = log.lines().filter(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        value["level"]
            .as_str()
            .is_some_and(|level| level.to_lowercase().starts_with("warn"))
    });
    lines.map(str::to_owned).collect()
}

/// How long after the last reading of a task its last status was asked for.
fn lag(cloud: &FakeCloud, task: &str) -> Duration {
    let requests = cloud.requests();
    let last = |kind: Kind| {
        let of_task = |request: &&crate::support::cloud::Request| {
            request.kind == kind && request.target.contains(task)
        };
        requests.iter().rev().find(of_task).unwrap().at
    };
    last(Kind::Detail).saturating_duration_since(last(Kind::Stats))
}

// ------------------------------------------------------------------------------------------------- several tasks

fn two(cloud: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(cloud)
        .sets(&[
            ("DCS_TASK_ID", &format!("{TASK},{OTHER_TASK}")),
            ("DCS_UNTIL", "in-sync"),
        ])
        .sets(&[
            ("DCS_INITIAL_INTERVAL", "20ms"),
            ("DCS_MAX_INTERVAL", "20ms"),
        ])
}

/// A task that is in sync long after the other one got there.
fn late() -> Vec<Answer> {
    let mut stats = vec![behind(); 25];
    stats.push(sync());
    stats
}

/// The list with a failed task, whose `error_message` is JSON text; another task's comes before it.
fn list(error_message: &str) -> Answer {
    let entry = |task: &str, message: &str| {
        let message = if message.is_empty() {
            String::new()
        } else {
            format!(r#","error_message":{message}"#)
        };
        format!(r#"{{"task_id":"{task}","task_name":"cutover","status":"FAILED"{message}}}"#)
    };
    let other = entry(OTHER_TASK, "\"another task's reason\"");
    json_reply(
        200,
        &format!(
            r#"{{"count":2,"migration_tasks":[{other},{}]}}"#,
            entry(TASK, error_message)
        ),
    )
}

fn asked(cloud: &FakeCloud, path: &str) -> usize {
    cloud
        .requests()
        .iter()
        .filter(|request| request.target.split('?').next() == Some(path))
        .count()
}
