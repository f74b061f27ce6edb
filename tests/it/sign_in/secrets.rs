//! Secrets that were never filled in, and names that are not ours.

use super::*;

#[test]
fn placeholders_are_refused_unsent() {
    let rows = [
        ("DCS_AUTH_TOKEN", "$TOKEN", "variable"),
        ("DCS_AUTH_TOKEN", "${TOKEN}", "variable"),
        ("DCS_AUTH_TOKEN", "$(TOKEN)", "variable"),
        ("DCS_AUTH_TOKEN", "***", "`***`"),
        ("DCS_AUTH_TOKEN", "\"abcdefghijklmnop\"", "quotes"),
        ("DCS_AUTH_TOKEN", "'abcdefghijklmnop'", "quotes"),
        ("DCS_ACCESS_KEY", "$AK", "variable"),
        ("DCS_SECRET_KEY", "${SK}", "variable"),
        ("DCS_SECURITY_TOKEN", "***", "`***`"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(name, value, words)| {
            let cloud = ready();
            let mut sandbox = Sandbox::waiting_on(&cloud);
            if name != "DCS_AUTH_TOKEN" {
                sandbox = sandbox
                    .unset("DCS_AUTH_TOKEN")
                    .set("DCS_ACCESS_KEY", "AK0000000001")
                    .set("DCS_SECRET_KEY", "SecretKeyOfNobody");
            }
            let run = sandbox.set(name, value).run();
            let input = name
                .trim_start_matches("DCS_")
                .to_ascii_lowercase()
                .replace('_', "-");
            run.ended("invalid-input", 2)
                .says(&[&format!("`{input}`"), words]);
            assert_eq!(cloud.requests().len(), 0);
        },
    );
}

#[test]
fn password_like_placeholder_is_warned_about() {
    let cloud = ready();
    let run = without_credential(&cloud)
        .set("DCS_PROJECT_ID", PROJECT)
        .set("DCS_IAM_ENDPOINT", &cloud.url())
        .sets(&[("DCS_USERNAME", "ci"), ("DCS_DOMAIN_NAME", "OTC1")])
        .secret("DCS_PASSWORD", "$ecretOfNobody")
        .run();
    run.ended("completed", 0);
    assert!(run.log().contains("`password`"), "{}", run.transcript());
    assert_eq!(
        sign_in(&cloud)["auth"]["identity"]["password"]["user"]["password"],
        "$ecretOfNobody"
    );
}

#[test]
fn names_of_others_end_nothing() {
    let cloud = ready();
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_PORT", "tcp://10.0.0.1:6379"),
            ("DCS_PORT_6379_TCP", "tcp://10.0.0.1:6379"),
            ("DCS_SERVICE_HOST", "10.0.0.1"),
            ("INPUT_REPO", "x"),
            ("INPUT_PORT", "1"),
            ("INPUT_UNIT", "u"),
            ("INPUT_REASON", "r"),
            ("RUST_LOG", "1"),
        ])
        .run();
    run.ended("completed", 0);
    let log = run.log();
    assert!(log.contains("did you mean `INPUT_REPORT`?"), "{log}");
    assert!(log.contains("RUST_LOG is `1` and ignored"), "{log}");
    assert!(
        !log.contains("DCS_PORT") && !log.contains("DCS_SERVICE"),
        "{log}"
    );
}

#[test]
fn short_and_encoded_secrets_stay_hidden() {
    // An API that sends back what it was sent, in other spellings.
    let password = "pw/7 &x";
    let text = format!("user ci, {password}, pw%2F7%20%26x, again {password}");
    let wrong = json!({"error": {"code": 401, "message": text, "title": "Unauthorized"}});
    let cloud = FakeCloud::start().on("POST", LOGIN, [json_reply(401, &wrong.to_string())]);
    let run = without_credential(&cloud)
        .set("DCS_PROJECT_ID", PROJECT)
        .set("DCS_IAM_ENDPOINT", &cloud.url())
        .sets(&[("DCS_USERNAME", "ci"), ("DCS_DOMAIN_NAME", "OTC1")])
        .secret("DCS_PASSWORD", password)
        .run();
    run.ended("denied", 5);
    assert!(!run.transcript().contains("pw%2F7"), "{}", run.transcript());
    assert!(
        run.log().contains("user ci, ***, ***"),
        "{}",
        run.transcript()
    );
}
