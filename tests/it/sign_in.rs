//! Sign-in and hosts: whose credential goes where.

mod hosts;
mod projects;
mod secrets;

use crate::support::{
    Answer, FakeCloud, PROJECT, Run, Sandbox, TOKEN, each, json_reply, refusal, status,
};
use serde_json::{Value, json};

const LOGIN: &str = "/v3/auth/tokens";

fn done() -> Answer {
    json_reply(
        200,
        r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#,
    )
}

/// DCS with a finished task, and IAM that gives a token of a project.
fn ready() -> FakeCloud {
    let token =
        json!({"token": {"project": {"id": PROJECT}, "expires_at": "2999-01-01T00:00:00.000000Z"}});
    FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")])
        .on(
            "POST",
            LOGIN,
            [json_reply(201, &token.to_string()).with("X-Subject-Token", "IssuedToken")],
        )
}

/// A wait without any credential.
fn without_credential(cloud: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(cloud)
        .unset("DCS_AUTH_TOKEN")
        .unset("DCS_PROJECT_ID")
        .hide("IssuedToken")
}

/// The body of the only sign-in.
fn sign_in(cloud: &FakeCloud) -> Value {
    let requests = cloud.requests();
    let bodies: Vec<&str> = requests
        .iter()
        .filter(|request| request.method == "POST")
        .map(|request| request.body.as_str())
        .collect();
    assert_eq!(bodies.len(), 1);
    serde_json::from_str(bodies[0]).unwrap()
}
