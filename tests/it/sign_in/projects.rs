//! Users and projects, by id and by name.

use super::*;

fn openrc(cloud: &FakeCloud) -> Sandbox {
    without_credential(cloud)
        .set("OS_AUTH_URL", &format!("{}/v3", cloud.url()))
        .sets(&[("OS_USERNAME", "ci"), ("OS_USER_DOMAIN_NAME", "OTC1")])
        .secret("OS_PASSWORD", "PasswordOfNobody1")
}

#[test]
fn openrc_signs_in_to_named_project() {
    let cloud = ready();
    openrc(&cloud)
        .sets(&[
            ("OS_PROJECT_NAME", "eu-de_shop"),
            ("OS_PROJECT_DOMAIN_NAME", "OTC1"),
            ("OS_IDENTITY_API_VERSION", "3"),
        ])
        .run()
        .ended("completed", 0);
    let body = sign_in(&cloud);
    assert_eq!(
        body["auth"]["scope"],
        json!({"project": {"name": "eu-de_shop", "domain": {"name": "OTC1"}}})
    );
    // The id is that of the token.
    let stats = &cloud.requests()[1];
    assert!(
        stats.target.starts_with(&format!("/v2/{PROJECT}/")),
        "{}",
        stats.target
    );
}

#[test]
fn id_wins_over_name() {
    let cloud = ready();
    openrc(&cloud)
        .sets(&[
            ("OS_PROJECT_ID", PROJECT),
            ("OS_PROJECT_NAME", "eu-de_shop"),
            ("OS_USER_ID", "u1"),
            ("DCS_DOMAIN_ID", "d1"),
        ])
        .run()
        .ended("completed", 0);
    let body = sign_in(&cloud);
    assert_eq!(body["auth"]["scope"], json!({"project": {"id": PROJECT}}));
    assert_eq!(
        body["auth"]["identity"]["password"]["user"],
        json!({"id": "u1", "password": "PasswordOfNobody1"})
    );
}

#[test]
fn passcode_session_is_not_renewed() {
    let cloud = ready().stats([refusal(401, "APIGW.0301")]);
    let run = openrc(&cloud)
        .set("OS_PROJECT_ID", PROJECT)
        .secret("OS_PASSCODE", "123456")
        .run();
    run.ended("denied", 5).says(&["passcode"]);
    let body = sign_in(&cloud);
    assert_eq!(
        body["auth"]["identity"]["methods"],
        json!(["password", "totp"])
    );
    assert_eq!(
        body["auth"]["identity"]["totp"],
        json!({"user": {"name": "ci", "domain": {"name": "OTC1"}, "passcode": "123456"}})
    );
}

#[test]
fn second_factor_is_asked_for_by_name() {
    let wrong = json_reply(
        401,
        r#"{"error":{"code":401,"message":"mfa totp code verify fail","title":"Unauthorized"}}"#,
    );
    let cloud = FakeCloud::start().on("POST", LOGIN, [wrong]);
    let run = openrc(&cloud).set("OS_PROJECT_ID", PROJECT).run();
    run.ended("denied", 5).says(&["`passcode`"]);
}

#[test]
fn no_or_two_projects_are_invalid() {
    for (projects, words) in [
        (r#"{"projects":[]}"#, "no project"),
        (r#"{"projects":[{"id":"p1"},{"id":"p2"}]}"#, "2 projects"),
    ] {
        let cloud = ready().on("GET", "/v3/projects", [json_reply(200, projects)]);
        let run = without_credential(&cloud)
            .set("DCS_IAM_ENDPOINT", &cloud.url())
            .set("DCS_PROJECT_NAME", "eu-de_shop")
            .set("DCS_ACCESS_KEY", "AK0000000001")
            .secret("DCS_SECRET_KEY", "SecretKeyOfNobody")
            .run();
        run.ended("invalid-input", 2).says(&[words, "`project-id`"]);
    }
}

#[test]
fn vendor_credentials_file_serves_last() {
    let cloud = ready();
    let file = format!("[basic]\nak = AKOFTHEFILE\nsk = SecretOfTheFile\nproject_id = {PROJECT}\n");
    let sandbox = || {
        without_credential(&cloud)
            .file("given-credentials", &file)
            .set("HUAWEICLOUD_SDK_CREDENTIALS_FILE", "given-credentials")
            .hide("SecretOfTheFile")
    };
    sandbox().run().ended("completed", 0);
    let signed = cloud.requests()[0]
        .header("authorization")
        .unwrap()
        .to_owned();
    assert!(signed.contains("Access=AKOFTHEFILE,"), "{signed}");
    let cloud = ready();
    sandbox()
        .set("DCS_ENDPOINT", &cloud.url())
        .set("DCS_PROJECT_ID", PROJECT)
        .secret("DCS_AUTH_TOKEN", TOKEN)
        .run()
        .ended("completed", 0);
    assert_eq!(cloud.requests()[0].header("authorization"), None);
}
