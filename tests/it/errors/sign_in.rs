//! Requests and sign-in.

use super::*;

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
            run.stderr.contains(&format!("::add-mask::{secret}\n")),
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
