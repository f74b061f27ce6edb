//! Each row of the contract's table of ends, and that there always is one.

mod deadline;
mod limits;
mod several_tasks;
mod signals;
mod words;

use crate::support::cloud::detail;
use crate::support::{
    Answer, FakeCloud, Kind, OTHER_TASK, Run, Running, Sandbox, TASK, each, formats, json_reply,
    refusal, status,
};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// What a noisy machine may add to the contract's own bounds.
pub(crate) const NOISE: Duration = Duration::from_secs(5);

fn copying(percent: u32) -> Answer {
    json_reply(
        200,
        &format!(
            r#"{{"is_migrating":true,"full_migration_progress":{percent},"source_dbsize":10}}"#
        ),
    )
}

fn following(offset: i64) -> Answer {
    json_reply(
        200,
        &format!(r#"{{"is_migrating":true,"full_migration_progress":100,"offset":{offset}}}"#),
    )
}

fn done() -> Answer {
    json_reply(
        200,
        r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#,
    )
}

/// A cloud whose task never gets anywhere.
fn endless() -> FakeCloud {
    FakeCloud::start()
        .stats([following(5)])
        .detail([status("INCRMIGEATING")])
}

// ---------------------------------------------------------------------------------------------------------- signals

/// Ends by that exit code, in time and with everything written.
#[track_caller]
pub(crate) fn cancelled(running: Running, code: i32, since: Instant) -> Run {
    let run = running.end();
    let took = since.elapsed();
    run.ended("cancelled", code);
    assert!(took < Duration::from_secs(2) + NOISE, "{took:?}");
    assert!(run.summary.contains("cancelled"), "{}", run.summary);
    run
}

// ---------------------------------------------------------------------------------------------------- several tasks

fn two(cloud: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(cloud).set("DCS_TASK_ID", &format!("{TASK}, {OTHER_TASK}"))
}
