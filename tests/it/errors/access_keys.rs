//! Access keys.

use super::*;

// ------------------------------------------------------------------------------------------------------------ sign-in

const SECRET_KEY: &str = "SkExampleSecretKeyExample0000000000000000";

fn with_access_key(cloud: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(cloud)
        .unset("DCS_AUTH_TOKEN")
        .set("DCS_ACCESS_KEY", "AKEXAMPLEAKEXAMPLE00")
        .secret("DCS_SECRET_KEY", SECRET_KEY)
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
