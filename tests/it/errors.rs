//! Errors from the API: what ends the wait, what is renewed, what is tried again.

mod access_keys;
mod classes;
mod proxies;
mod retries;
mod sign_in;

use crate::support::cloud::Request;
use crate::support::{
    Answer, FakeCloud, Kind, PROJECT, Run, Sandbox, TASK, TOKEN, broken, each, json_reply, refusal,
    status,
};
use std::time::{Duration, SystemTime};

fn done() -> Answer {
    json_reply(
        200,
        r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#,
    )
}

fn migrating() -> Answer {
    json_reply(200, r#"{"is_migrating":true,"full_migration_progress":62}"#)
}

/// Answers to the stats, one after the other, and then a task that is done.
fn then_done(answers: Vec<Answer>) -> FakeCloud {
    FakeCloud::start()
        .stats(answers.into_iter().chain([done()]))
        .detail([status("TERMINATED")])
}

// -------------------------------------------------------------------------------------------------------- tried again

/// Every response to a poll that may get better.
fn faults() -> Vec<(&'static str, Answer)> {
    let good = r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#;
    let huge = format!("{}{}", good, " ".repeat(1 << 20));
    let declared = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{good}",
        2 << 20
    );
    vec![
        ("408", refusal(408, "x")),
        ("429", refusal(429, "APIGW.0308")),
        ("500", refusal(500, "DCS.5000")),
        ("500 from a proxy", json_reply(500, "<html>")),
        ("502", refusal(502, "APIGW.0201")),
        ("503", refusal(503, "APIG.0613")),
        ("504", refusal(504, "APIGW.0201")),
        ("599", refusal(599, "x")),
        ("reset", Answer::Reset),
        ("closed without a word", Answer::Raw(Vec::new())),
        (
            "no HTTP",
            Answer::Raw(b"\x15\x03\x01\x00\x02\x02\x28".to_vec()),
        ),
        (
            "half a head",
            Answer::Raw(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()),
        ),
        ("half a body", broken()),
        (
            "half a chunk",
            Answer::Raw(
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n{good}")
                    .into_bytes(),
            ),
        ),
        ("hang", Answer::Hang),
        ("a body that drips", Answer::Drip),
        ("no body", json_reply(200, "")),
        ("no JSON", json_reply(200, "<html>maintenance</html>")),
        (
            "half JSON",
            json_reply(200, r#"{"is_migrating":false,"offset":0"#),
        ),
        ("an array", json_reply(200, "[false,100,0]")),
        ("null", json_reply(200, "null")),
        ("a string", json_reply(200, "\"completed\"")),
        (
            "a field twice",
            json_reply(
                200,
                r#"{"is_migrating":false,"offset":0,"offset":7,"full_migration_progress":100}"#,
            ),
        ),
        ("a body over 1 MiB", json_reply(200, &huge)),
        (
            "a body that is declared over 1 MiB",
            Answer::Raw(declared.into_bytes()),
        ),
        ("a body without end", Answer::Flood),
        ("another success", json_reply(206, good)),
    ]
}

const PASSWORD: &str = "Passw%rd of-nobody$1";

const ID_TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjaSJ9.c2ln";

pub(crate) fn with_password(cloud: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(cloud)
        .unset("DCS_AUTH_TOKEN")
        .sets(&[
            ("DCS_USERNAME", "ci"),
            ("DCS_DOMAIN_NAME", "OTC00000000001000000000"),
        ])
        .set("DCS_IAM_ENDPOINT", &format!("{}/v3", cloud.url()))
        .secret("DCS_PASSWORD", PASSWORD)
        .hide("IssuedToken")
}

pub(crate) fn with_oidc(cloud: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(cloud)
        .unset("DCS_AUTH_TOKEN")
        .set("DCS_IDP_ID", "github-actions")
        .set("DCS_IAM_ENDPOINT", &cloud.url())
        .secret("DCS_ID_TOKEN", ID_TOKEN)
        .hide("IssuedToken")
}

/// A new token, good for a day.
pub(crate) fn issued(token: &str) -> Answer {
    let body = r#"{"token":{"expires_at":"2099-01-02T00:00:00.000000Z","issued_at":"2099-01-01T00:00:00.000000Z"}}"#;
    json_reply(201, body).with("X-Subject-Token", token)
}

pub(crate) const LOGIN: &str = "/v3/auth/tokens";

pub(crate) const EXCHANGE: &str = "/v3.0/OS-AUTH/id-token/tokens";
