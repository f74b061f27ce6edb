//! Inputs: where they come from, what is accepted, and what is said about the rest.

mod clouds;
mod problems;
mod sources;
mod values;

use crate::support::formats;
use crate::support::{
    Answer, FakeCloud, Kind, OTHER_TASK, PROJECT, Run, Sandbox, TASK, TOKEN, each, json_reply,
    status,
};
use dcs_migration_wait::config::inputs::{INPUTS, Input, Kind as InputKind};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

fn done() -> Answer {
    json_reply(
        200,
        r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#,
    )
}

fn ready() -> FakeCloud {
    FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")])
}

/// A cloud that gives tokens to everybody.
fn ready_with_iam() -> FakeCloud {
    let issued = || json_reply(201, "{}").with("X-Subject-Token", "IssuedToken");
    ready().on("POST", "/v3/auth/tokens", [issued()]).on(
        "POST",
        "/v3.0/OS-AUTH/id-token/tokens",
        [issued()],
    )
}

/// Ends as invalid input, before anything was asked.
fn refused(sandbox: Sandbox, cloud: &FakeCloud) -> Run {
    let run = sandbox.run();
    run.ended("invalid-input", 2);
    assert_eq!(cloud.requests().len(), 0, "{}", run.transcript());
    run
}
