//! Errors from the API: what ends the wait, what is renewed, what is tried again.

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

// ------------------------------------------------------------------------------------------------------ ends at once

#[test]
fn permanent_error_ends_at_once() {
    let rows: Vec<(u16, &str, &str, i32)> = vec![
        (400, "DCS.4070", "invalid-input", 2),
        (400, "DCS.4002", "invalid-input", 2),
        (400, "111400070", "invalid-input", 2),
        (400, "DCS.9999", "invalid-input", 2),
        (401, "DCS.1001", "denied", 5),
        (401, "DCS.1002", "denied", 5),
        (401, "DCS.1004", "denied", 5),
        (401, "APIGW.0301", "denied", 5),
        (401, "APIGW.0307", "denied", 5),
        (401, "IAM.0061", "denied", 5),
        (403, "DCS.2003", "denied", 5),
        (403, "DCS.2007", "denied", 5),
        (403, "APIGW.0302", "denied", 5),
        (403, "IAM.0081", "denied", 5),
        (404, "APIGW.0101", "invalid-input", 2),
        (404, "DCS.3022", "invalid-input", 2),
        (405, "DCS.5001", "invalid-input", 2),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(http, code, result, exit_code)| {
            // Also after readings of the task, where it is not a refusal of the task itself.
            let after_readings: &[usize] = if matches!(http, 403..=405) {
                &[0]
            } else {
                &[0, 2]
            };
            for &before in after_readings {
                let mut answers = vec![migrating(); before];
                answers.push(refusal(http, code));
                let cloud = FakeCloud::start()
                    .stats(answers.into_iter().chain([done()]))
                    .detail([status("MIGRATING")]);
                let run = Sandbox::waiting_on(&cloud).run();
                run.ended(result, exit_code).says(&[
                    &http.to_string(),
                    code,
                    &format!("words about {code}"),
                ]);
                assert_eq!(cloud.count(Kind::Stats), before + 1);
            }
        },
    );
}

#[test]
fn error_body_of_any_shape_reads() {
    let rows = [
        (
            r#"{"error_code":"DCS.2003","error_msg":"no policy","error_ext_msg":null}"#,
            "DCS.2003",
        ),
        (
            r#"{"error_msg":"no policy","error_code":"APIGW.0302","request_id":"abc"}"#,
            "APIGW.0302",
        ),
        (
            r#"{"error":{"code":403,"message":"no policy","title":"Forbidden"}}"#,
            "no policy",
        ),
        ("<html><body>403 Forbidden</body></html>", "403"),
        ("", "403"),
        ("{", "403"),
        ("null", "403"),
        ("[1]", "403"),
        (r#"{"error_code":7,"error_msg":{}}"#, "403"),
        (r#"{"error":null}"#, "403"),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(body, text)| {
            let cloud = FakeCloud::start().stats([json_reply(403, body)]);
            Sandbox::waiting_on(&cloud)
                .run()
                .ended("denied", 5)
                .says(&[text]);
        },
    );
}

#[test]
fn message_holds_the_request_id() {
    for header in ["X-Request-Id", "X-IAM-Trace-Id"] {
        let cloud =
            FakeCloud::start().stats([refusal(403, "DCS.2003").with(header, "rid-4711-abc")]);
        Sandbox::waiting_on(&cloud)
            .run()
            .ended("denied", 5)
            .says(&["rid-4711-abc"]);
    }
}

#[test]
fn refusals_come_with_advice() {
    let rows = [
        (401, "DCS.1004", "`project-id`"),
        (401, "APIGW.0307", "`region`"),
        (401, "DCS.1002", "24 hours"),
        (403, "DCS.2007", "dcs:migrationTask:get"),
        (403, "IAM.0081", "programmatic"),
        (404, "APIGW.0101", "`region`"),
        (400, "DCS.4002", "`project-id`"),
        (400, "DCS.4070", "`task-id`"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(http, code, advice)| {
            let cloud = FakeCloud::start().stats([refusal(http, code)]);
            let run = Sandbox::waiting_on(&cloud).run();
            assert!(run.code == 2 || run.code == 5);
            run.says(&[advice]);
        },
    );
}

#[test]
fn a_redirect_is_not_followed() {
    for http in [301, 302, 303, 307, 308] {
        let elsewhere = FakeCloud::start()
            .stats([done()])
            .detail([status("TERMINATED")]);
        let location = format!(
            "{}/v2/{PROJECT}/migration-task/{TASK}/stats",
            elsewhere.url()
        );
        let cloud = FakeCloud::start().stats([json_reply(http, "").with("Location", &location)]);
        let run = Sandbox::waiting_on(&cloud)
            .set("DCS_MAX_OUTAGE", "500ms")
            .run();
        assert_ne!(run.code, 0);
        run.holds_together();
        assert_eq!(elsewhere.requests().len(), 0, "HTTP {http}");
    }
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

#[test]
fn temporary_error_is_retried() {
    each(
        &faults(),
        |row| row.0.to_owned(),
        |(_, fault)| {
            let cloud = then_done(vec![fault.clone(), fault.clone()]);
            let run = Sandbox::waiting_on(&cloud)
                .set("DCS_REQUEST_TIMEOUT", "700ms")
                .run();
            run.ended("completed", 0);
            assert_eq!((run.output("polls"), cloud.count(Kind::Stats)), ("3", 3));
        },
    );
}

#[test]
fn lasting_error_is_an_outage() {
    each(
        &faults(),
        |row| row.0.to_owned(),
        |(_, fault)| {
            let cloud = FakeCloud::start().stats([fault.clone()]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_REQUEST_TIMEOUT", "300ms"), ("DCS_MAX_OUTAGE", "1s")])
                .run();
            run.ended("unreachable", 6).says(&["`max-outage`"]);
            assert!(cloud.count(Kind::Stats) >= 2);
        },
    );
}

#[test]
fn body_of_one_mebibyte_fits() {
    let good = r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#;
    let body = format!("{good}{}", " ".repeat((1 << 20) - good.len()));
    let cloud = FakeCloud::start()
        .stats([json_reply(200, &body)])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("completed", 0);
    assert_eq!(run.output("polls"), "1");
}

#[test]
fn busy_codes_are_retried() {
    let codes = [
        "DCS.4017", "DCS.4026", "DCS.4049", "DCS.4096", "DCS.4097", "DCS.4104", "DCS.4111",
        "DCS.4112", "DCS.4113", "DCS.4114", "DCS.4115", "DCS.4116", "DCS.4117", "DCS.4118",
        "DCS.4120", "DCS.4121", "DCS.4231", "DCS.4975",
    ];
    each(
        &codes,
        |code| (*code).to_owned(),
        |code| {
            let cloud = then_done(vec![refusal(400, code), refusal(400, code)]);
            Sandbox::waiting_on(&cloud).run().ended("completed", 0);
            assert_eq!(cloud.count(Kind::Stats), 3);
        },
    );
}

#[test]
fn closed_port_is_an_outage() {
    // Not a port that was free a moment ago: another test may have it by now.
    let cloud = FakeCloud::start();
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_ENDPOINT", "http://127.0.0.1:1")
        .set("DCS_MAX_OUTAGE", "500ms")
        .run();
    run.ended("unreachable", 6)
        .says(&["refused", "127.0.0.1:1", "`endpoint`"]);
}

#[test]
fn unresolvable_name_is_an_outage() {
    let cloud = FakeCloud::start();
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_ENDPOINT", "http://dcs.nowhere.invalid"),
            ("DCS_ALLOW_HTTP", "true"),
            ("DCS_MAX_OUTAGE", "1s"),
        ])
        .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
        .run();
    run.ended("unreachable", 6).says(&["dcs.nowhere.invalid"]);
}

#[test]
fn tls_on_plain_port_is_outage() {
    let cloud = FakeCloud::start().stats([done()]);
    let run = Sandbox::waiting_on(&cloud)
        .set(
            "DCS_ENDPOINT",
            &format!("https://127.0.0.1:{}", cloud.port()),
        )
        .set("DCS_MAX_OUTAGE", "800ms")
        .run();
    run.ended("unreachable", 6);
    assert_eq!(cloud.requests().len(), 0);
}

#[test]
fn retry_after_works_in_both_forms() {
    // The date has no fractions: three seconds are two at least.
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(4));
    let rows = [
        ("1", 1_000),
        ("2", 2_000),
        (date.as_str(), 1_500),
        ("soon", 0),
        ("-5", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |&(value, at_least)| {
            for http in [408, 429, 503] {
                let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3));
                let value = if value.len() > 10 && at_least > 0 {
                    &date
                } else {
                    value
                };
                let cloud = then_done(vec![refusal(http, "APIGW.0308").with("Retry-After", value)]);
                Sandbox::waiting_on(&cloud).run().ended("completed", 0);
                let requests = cloud.requests();
                let pause = requests[1].at.duration_since(requests[0].at);
                assert!(
                    pause >= Duration::from_millis(at_least) * 9 / 10,
                    "{pause:?}"
                );
                assert!(at_least > 0 || pause < Duration::from_secs(5), "{pause:?}");
            }
        },
    );
}

#[test]
fn retry_after_never_passes_the_deadline() {
    let far = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(30 * 24 * 3600));
    each(
        &["3600", "99999999999999999999", &far],
        |value| (*value).to_owned(),
        |value| {
            let cloud =
                FakeCloud::start().stats([refusal(429, "APIGW.0308").with("Retry-After", value)]);
            let run = Sandbox::waiting_on(&cloud).set("DCS_TIMEOUT", "1s").run();
            run.ended("timeout", 124).says(&["APIGW.0308"]);
            assert!(run.took < Duration::from_secs(7), "{:?}", run.took);
        },
    );
}

#[test]
fn retries_slow_down() {
    let cloud = FakeCloud::start().stats([refusal(503, "APIG.0613")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_MULTIPLIER", "3"),
            ("DCS_MAX_INTERVAL", "10s"),
            ("DCS_MAX_OUTAGE", "2s"),
        ])
        .run();
    run.ended("unreachable", 6);
    // 10, 30, 90, 270, 810 ms: not more than a handful, where a steady pace would have made 200.
    assert!(
        (4..=9).contains(&cloud.count(Kind::Stats)),
        "{}",
        cloud.count(Kind::Stats)
    );
}

// ------------------------------------------------------------------------------------------------------- what is sent

#[test]
fn request_is_what_dcs_expects() {
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")]);
    Sandbox::waiting_on(&cloud).run().ended("completed", 0);
    let requests = cloud.requests();
    let targets: Vec<&str> = requests
        .iter()
        .map(|request| request.target.as_str())
        .collect();
    let task = format!("/v2/{PROJECT}/migration-task/{TASK}");
    assert_eq!(targets, [format!("{task}/stats"), task]);
    for request in &requests {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("x-auth-token"), Some(TOKEN));
        assert_eq!(
            request.header("user-agent"),
            Some(concat!("dcs-migration-wait/", env!("CARGO_PKG_VERSION")))
        );
        assert_eq!(
            request.header("host"),
            Some(format!("127.0.0.1:{}", cloud.port()).as_str())
        );
    }
}

// ------------------------------------------------------------------------------------------------------------ sign-in

const SECRET_KEY: &str = "SkExampleSecretKeyExample0000000000000000";
const PASSWORD: &str = "Passw%rd of-nobody$1";
const ID_TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjaSJ9.c2ln";

fn with_access_key(cloud: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(cloud)
        .unset("DCS_AUTH_TOKEN")
        .set("DCS_ACCESS_KEY", "AKEXAMPLEAKEXAMPLE00")
        .secret("DCS_SECRET_KEY", SECRET_KEY)
}

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

/// Sign-ins, and the tokens with which the stats were asked for.
fn sign_ins(cloud: &FakeCloud) -> (Vec<Request>, Vec<String>) {
    let requests = cloud.requests();
    let tokens = requests
        .iter()
        .filter(|request| request.kind == Kind::Stats);
    let tokens = tokens
        .map(|request| {
            request
                .header("x-auth-token")
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    (
        requests
            .into_iter()
            .filter(|request| request.kind == Kind::Other)
            .collect(),
        tokens,
    )
}

#[test]
fn password_gets_a_project_token() {
    let cloud = then_done(vec![migrating()]).on("POST", LOGIN, [issued("IssuedToken1")]);
    let run = with_password(&cloud).run();
    run.ended("completed", 0);
    let (logins, tokens) = sign_ins(&cloud);
    assert_eq!(tokens, ["IssuedToken1", "IssuedToken1"]);
    assert_eq!(logins.len(), 1);
    assert_eq!(logins[0].target, LOGIN);
    let body: serde_json::Value = serde_json::from_str(&logins[0].body).unwrap();
    assert_eq!(body["auth"]["scope"]["project"]["id"], PROJECT);
    assert_eq!(
        body["auth"]["identity"]["password"]["user"]["password"],
        PASSWORD
    );
    assert_eq!(
        body["auth"]["identity"]["password"]["user"]["domain"]["name"],
        "OTC00000000001000000000"
    );
    assert!(run.log().contains("password"), "{}", run.transcript());
}

#[test]
fn oidc_token_gets_a_project_token() {
    let cloud = then_done(vec![]).on("POST", EXCHANGE, [issued("IssuedToken1")]);
    with_oidc(&cloud).run().ended("completed", 0);
    let (exchanges, tokens) = sign_ins(&cloud);
    assert_eq!(tokens, ["IssuedToken1"]);
    assert_eq!(exchanges[0].header("x-idp-id"), Some("github-actions"));
    let body: serde_json::Value = serde_json::from_str(&exchanges[0].body).unwrap();
    assert_eq!(body["auth"]["id_token"]["id"], ID_TOKEN);
    assert_eq!(body["auth"]["scope"]["project"]["id"], PROJECT);
}

#[test]
fn github_gives_the_jobs_token() {
    let cloud = then_done(vec![refusal(401, "APIGW.0307")])
        .on(
            "GET",
            "/oidc",
            [
                refusal(503, "x"),
                json_reply(200, r#"{"count":7,"value":"JobTokenOne"}"#),
                json_reply(200, r#"{"value":"JobTokenTwo"}"#),
            ],
        )
        .on(
            "POST",
            EXCHANGE,
            [issued("IssuedToken1"), issued("IssuedToken2")],
        );
    let run = with_oidc(&cloud)
        .unset("DCS_ID_TOKEN")
        .on_github()
        .set(
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            &format!("{}/oidc?api-version=2.0", cloud.url()),
        )
        .secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "RequestTokenOfTheJob")
        .set("DCS_OIDC_AUDIENCE", "https://github.com/o r")
        .hide("JobToken")
        .run();
    run.ended("completed", 0);
    let (requests, tokens) = sign_ins(&cloud);
    assert_eq!(tokens, ["IssuedToken1", "IssuedToken2"]);
    let asked: Vec<&Request> = requests
        .iter()
        .filter(|request| request.method == "GET")
        .collect();
    // Tried again after the 503, and requested again for the second exchange.
    assert_eq!(asked.len(), 3);
    assert_eq!(
        asked[0].target,
        "/oidc?api-version=2.0&audience=https%3A%2F%2Fgithub.com%2Fo%20r"
    );
    assert_eq!(
        asked[0].header("authorization"),
        Some("Bearer RequestTokenOfTheJob")
    );
    assert_eq!(asked[0].header("x-auth-token"), None);
    for secret in [
        "JobTokenOne",
        "JobTokenTwo",
        "IssuedToken1",
        "IssuedToken2",
        "RequestTokenOfTheJob",
    ] {
        assert!(
            run.stdout.contains(&format!("::add-mask::{secret}\n")),
            "{secret}\n{}",
            run.transcript()
        );
    }
}

#[test]
fn missing_id_token_permission_is_named() {
    let cloud = FakeCloud::start();
    let run = with_oidc(&cloud).unset("DCS_ID_TOKEN").on_github().run();
    run.ended("invalid-input", 2).says(&["id-token: write"]);
}

#[test]
fn session_renews_once_second_401_ends() {
    type Row = (&'static str, fn(&FakeCloud) -> Sandbox, &'static str);
    let rows: [Row; 2] = [
        ("password", with_password, LOGIN),
        ("OIDC", with_oidc, EXCHANGE),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, sandbox, path)| {
            let tokens = || (1..9).map(|n| issued(&format!("IssuedToken{n}")));
            let refused = || refusal(401, "APIGW.0307");

            let cloud = then_done(vec![migrating(), refused(), migrating(), refused()])
                .detail([status("MIGRATING"), status("TERMINATED")])
                .on("POST", path, tokens());
            sandbox(&cloud).run().ended("completed", 0);
            let (logins, used) = sign_ins(&cloud);
            assert_eq!(logins.len(), 3);
            assert_eq!(
                used,
                [
                    "IssuedToken1",
                    "IssuedToken1",
                    "IssuedToken2",
                    "IssuedToken2",
                    "IssuedToken3"
                ]
            );

            let cloud = FakeCloud::start()
                .stats([refused()])
                .on("POST", path, tokens());
            sandbox(&cloud)
                .run()
                .ended("denied", 5)
                .says(&["APIGW.0307"]);
            let (logins, used) = sign_ins(&cloud);
            assert_eq!((logins.len(), used.len()), (2, 2));
        },
    );
}

#[test]
fn what_iam_answers_decides_as_well() {
    type Row = (
        &'static str,
        fn(&FakeCloud) -> Sandbox,
        &'static str,
        Answer,
        &'static str,
        i32,
        &'static str,
    );
    let keystone = |http, text: &str| {
        json_reply(
            http,
            &format!(r#"{{"error":{{"code":{http},"message":"{text}","title":"x"}}}}"#),
        )
    };
    let rows: Vec<Row> = vec![
        (
            "password 401",
            with_password,
            LOGIN,
            keystone(401, "wrong user or password"),
            "denied",
            5,
            "wrong user or password",
        ),
        (
            "password 403",
            with_password,
            LOGIN,
            refusal(403, "IAM.0081"),
            "denied",
            5,
            "programmatic",
        ),
        (
            "password 404",
            with_password,
            LOGIN,
            refusal(404, "IAM.0004"),
            "invalid-input",
            2,
            "`iam-endpoint`",
        ),
        (
            "password 400",
            with_password,
            LOGIN,
            refusal(400, "IAM.0011"),
            "invalid-input",
            2,
            "IAM.0011",
        ),
        (
            "OIDC 401",
            with_oidc,
            EXCHANGE,
            refusal(401, "IAM.0001"),
            "denied",
            5,
            "IAM.0001",
        ),
        (
            "OIDC 403",
            with_oidc,
            EXCHANGE,
            refusal(403, "IAM.0003"),
            "denied",
            5,
            "mapping",
        ),
        (
            "OIDC 404",
            with_oidc,
            EXCHANGE,
            refusal(404, "IAM.0004"),
            "invalid-input",
            2,
            "`idp-id`",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, sandbox, path, answer, result, code, text)| {
            let cloud = FakeCloud::start().on("POST", path, [answer.clone()]);
            sandbox(&cloud).run().ended(result, *code).says(&[text]);
            assert_eq!(cloud.requests().len(), 1);
        },
    );
}

#[test]
fn temporary_sign_in_error_is_retried() {
    let faults: Vec<(&str, Answer)> = vec![
        ("500", refusal(500, "IAM.0006")),
        ("503", refusal(503, "x")),
        ("429", refusal(429, "IAM.0012")),
        ("reset", Answer::Reset),
        ("hang", Answer::Hang),
        ("no token in it", json_reply(201, "{}")),
    ];
    each(
        &faults,
        |row| row.0.to_owned(),
        |(_, fault)| {
            let cloud = then_done(vec![]).on(
                "POST",
                LOGIN,
                [fault.clone(), fault.clone(), issued("IssuedToken1")],
            );
            with_password(&cloud)
                .set("DCS_REQUEST_TIMEOUT", "500ms")
                .run()
                .ended("completed", 0);
            let cloud = FakeCloud::start().on("POST", LOGIN, [fault.clone()]);
            let run = with_password(&cloud)
                .sets(&[
                    ("DCS_REQUEST_TIMEOUT", "300ms"),
                    ("DCS_MAX_OUTAGE", "800ms"),
                ])
                .run();
            run.ended("unreachable", 6);
        },
    );
}

#[test]
fn access_keys_sign_each_request() {
    let cloud = then_done(vec![migrating()]);
    with_access_key(&cloud)
        .secret("DCS_SECURITY_TOKEN", "SecurityTokenOfNobody")
        .run()
        .ended("completed", 0);
    for request in cloud.requests() {
        let authorization = request.header("authorization").unwrap();
        let expected = "SDK-HMAC-SHA256 Access=AKEXAMPLEAKEXAMPLE00, \
                        SignedHeaders=host;x-project-id;x-sdk-date;x-security-token, Signature=";
        assert_eq!(authorization.split_at(expected.len()).0, expected);
        assert_eq!(
            request.header("x-security-token"),
            Some("SecurityTokenOfNobody")
        );
        assert_eq!(request.header("x-project-id"), Some(PROJECT));
        assert_eq!(request.header("x-sdk-date").map(str::len), Some(16));
        assert_eq!(request.header("x-auth-token"), None);
    }
}

fn refused_key(text: &str) -> Answer {
    json_reply(
        401,
        &format!(
            r#"{{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: {text}","request_id":"r"}}"#
        ),
    )
}

#[test]
fn refused_access_keys_never_retry() {
    let old = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(3600));
    let rows: Vec<(&str, Answer, &str)> = vec![
        (
            "wrong",
            refused_key("verify aksk signature fail"),
            "`secret-key`",
        ),
        (
            "expired",
            refused_key("verify aksk signature fail, signature expired"),
            "clock",
        ),
        (
            "another clock",
            refused_key("verify aksk signature fail").with("Date", &old),
            "clock",
        ),
        (
            "locked",
            refused_key("AK access failed to reach the limit,forbidden. The AK is locked."),
            "lock",
        ),
        ("other project", refusal(401, "DCS.1004"), "`project-id`"),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, answer, text)| {
            for before in [0, 2] {
                let mut answers = vec![migrating(); before];
                answers.push(answer.clone());
                let cloud = FakeCloud::start()
                    .stats(answers)
                    .detail([status("MIGRATING")]);
                with_access_key(&cloud)
                    .run()
                    .ended("denied", 5)
                    .says(&[text]);
                assert_eq!(cloud.count(Kind::Stats), before + 1);
            }
        },
    );
}

#[test]
fn access_keys_refused_by_detail_end() {
    // `auto` goes on without the status where that endpoint does not answer; five refusals would lock the key.
    let following = json_reply(
        200,
        r#"{"is_migrating":true,"full_migration_progress":100,"offset":0}"#,
    );
    let cloud = FakeCloud::start()
        .stats([following])
        .detail([refused_key("verify aksk signature fail")]);
    let run = with_access_key(&cloud)
        .sets(&[
            ("DCS_TIMEOUT", "1500ms"),
            ("DCS_UNTIL", "in-sync"),
            ("DCS_STABLE_POLLS", "1000"),
        ])
        .run();
    assert_ne!(run.code, 0);
    assert!(
        cloud.count(Kind::Detail) <= 1,
        "{}",
        cloud.count(Kind::Detail)
    );
}

#[test]
fn tasks_do_not_lock_the_key() {
    let cloud = FakeCloud::start().stats([refused_key("verify aksk signature fail").late(200)]);
    let tasks: Vec<String> = (0..12).map(|n| format!("{n:032x}")).collect();
    let run = with_access_key(&cloud)
        .set("DCS_TASK_ID", &tasks.join(","))
        .run();
    run.ended("denied", 5);
    assert!(
        cloud.count(Kind::Stats) < 5,
        "{} refusals: the key is locked after five",
        cloud.count(Kind::Stats)
    );
}

// ------------------------------------------------------------------------------------------------------------ proxies

/// A wait on a cloud that only a proxy can reach.
fn behind_proxy(proxy: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(proxy)
        .sets(&[
            ("DCS_ENDPOINT", "http://dcs.behind.invalid:8080"),
            ("DCS_ALLOW_HTTP", "true"),
            ("DCS_MAX_OUTAGE", "1s"),
        ])
        .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
}

#[test]
fn proxy_of_environment_is_used() {
    for name in ["HTTP_PROXY", "http_proxy"] {
        let proxy = FakeCloud::start()
            .stats([done()])
            .detail([status("TERMINATED")]);
        behind_proxy(&proxy)
            .set(name, &proxy.url())
            .run()
            .ended("completed", 0);
        let target =
            format!("http://dcs.behind.invalid:8080/v2/{PROJECT}/migration-task/{TASK}/stats");
        assert_eq!(proxy.requests()[0].target, target);
    }
}

#[test]
fn no_proxy_is_honoured() {
    let proxy = FakeCloud::start().stats([refusal(403, "DCS.2003")]);
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")]);
    let run = |no_proxy: &str| -> Run {
        Sandbox::waiting_on(&cloud)
            .set("HTTP_PROXY", &proxy.url())
            .set("NO_PROXY", no_proxy)
            .run()
    };
    run("127.0.0.1").ended("completed", 0);
    run("dcs.example.com,127.0.0.0/8").ended("completed", 0);
    assert_eq!(proxy.requests().len(), 0);
    run("dcs.example.com").ended("denied", 5);
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn https_tunnels_through_the_proxy() {
    let proxy = FakeCloud::start();
    let run = Sandbox::waiting_on(&proxy)
        .sets(&[
            ("DCS_ENDPOINT", "https://dcs.behind.invalid"),
            ("DCS_MAX_OUTAGE", "1s"),
            ("HTTPS_PROXY", &proxy.url()),
        ])
        .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
        .run();
    assert_ne!(run.code, 0);
    run.holds_together();
    let requests = proxy.requests();
    assert_eq!(
        (requests[0].method.as_str(), requests[0].target.as_str()),
        ("CONNECT", "dcs.behind.invalid:443")
    );
    // The proxy does not get to see the token.
    assert_eq!(requests[0].header("x-auth-token"), None);
}

#[test]
fn wrong_proxy_is_outage_without_password() {
    let cloud = FakeCloud::start();
    let rows = [
        ("HTTP_PROXY", "http://dcs.behind.invalid"),
        ("HTTPS_PROXY", "https://dcs.behind.invalid"),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |&(name, endpoint)| {
            let run = behind_proxy(&cloud)
                .set("DCS_ENDPOINT", endpoint)
                .set("DCS_LOG_LEVEL", "trace")
                .hide("ProxyPassword7")
                .set(name, "http://user:ProxyPassword7@127.0.0.1:1")
                .run();
            run.ended("unreachable", 6);
        },
    );
}
