//! clouds.yaml.

use super::*;

const CLOUDS: &str = "
clouds:
  otc:
    profile: otc
    auth:
      auth_url: IAM/v3
      username: ci
      password: PasswordOfNobody1
      user_domain_name: OTC00000000001000000000
      project_id: 666486c2d9b948c1bbea57e714d744fa
    region_name: eu-de
  keys:
    auth: { project_id: 666486c2d9b948c1bbea57e714d744fa, ak: AKFROMCLOUDS }
    sk: SecretKeyOfNobody
  named:
    auth: { auth_url: IAM, token: TokenFromClouds, project_name: eu-de_shop }
  secure:
    auth: { project_id: 666486c2d9b948c1bbea57e714d744fa }
";

fn with_clouds(cloud: &FakeCloud, name: &str) -> Sandbox {
    let mut sandbox = Sandbox::waiting_on(cloud)
        .unset("DCS_AUTH_TOKEN")
        .unset("DCS_PROJECT_ID")
        .file("given-clouds.yaml", &CLOUDS.replace("IAM", &cloud.url()))
        .sets(&[
            ("OS_CLOUD", name),
            ("OS_CLIENT_CONFIG_FILE", "given-clouds.yaml"),
        ]);
    for secret in [
        "PasswordOfNobody1",
        "SecretKeyOfNobody",
        "TokenFromClouds",
        "IssuedToken",
        "TokenFromSecure",
    ] {
        sandbox = sandbox.hide(secret);
    }
    sandbox
}

#[test]
fn clouds_yaml_fills_unset_inputs() {
    let cloud = ready_with_iam();
    with_clouds(&cloud, "otc").run().ended("completed", 0);
    let requests = cloud.requests();
    let body: serde_json::Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(body["auth"]["identity"]["password"]["user"]["name"], "ci");
    assert_eq!(body["auth"]["scope"]["project"]["id"], PROJECT);
    assert_eq!(requests[1].header("x-auth-token"), Some("IssuedToken"));

    let cloud = ready();
    with_clouds(&cloud, "keys").run().ended("completed", 0);
    assert!(
        cloud.requests()[0]
            .header("authorization")
            .unwrap()
            .contains("Access=AKFROMCLOUDS,")
    );

    // A project's name is resolved.
    let project = r#"{"projects":[{"id":"11112222333344445555666677778888","name":"eu-de_shop"}]}"#;
    let cloud = ready().on("GET", "/v3/projects", [json_reply(200, project)]);
    with_clouds(&cloud, "named").run().ended("completed", 0);
    let targets: Vec<String> = cloud
        .requests()
        .iter()
        .map(|request| request.target.clone())
        .collect();
    assert_eq!(targets[0], "/v3/projects?name=eu-de_shop");
    assert_eq!(
        targets[1],
        format!("/v2/11112222333344445555666677778888/migration-task/{TASK}/stats")
    );
    assert_eq!(
        cloud.requests()[1].header("x-auth-token"),
        Some("TokenFromClouds")
    );
}

#[test]
fn inputs_win_over_clouds_yaml() {
    let cloud = ready();
    with_clouds(&cloud, "otc")
        .secret("OS_TOKEN", TOKEN)
        .set("OS_PROJECT_ID", "00001111222233334444555566667777")
        .run()
        .ended("completed", 0);
    assert_eq!(cloud.requests()[0].header("x-auth-token"), Some(TOKEN));
    assert!(
        cloud.requests()[0]
            .target
            .starts_with("/v2/00001111222233334444555566667777/")
    );

    let cloud = ready();
    let secure = "clouds: { secure: { auth: { token: TokenFromSecure } } }";
    with_clouds(&cloud, "secure")
        .file("given-secure.yaml", secure)
        .set("OS_CLIENT_SECURE_FILE", "given-secure.yaml")
        .run()
        .ended("completed", 0);
    assert_eq!(
        cloud.requests()[0].header("x-auth-token"),
        Some("TokenFromSecure")
    );
}

#[test]
fn unusable_cloud_is_named_without_secrets() {
    let cloud = ready();
    refused(with_clouds(&cloud, "prod"), &cloud).says(&["OS_CLOUD", "prod", "otc", "keys"]);
    refused(
        with_clouds(&cloud, "otc").set("OS_CLIENT_CONFIG_FILE", "given-nowhere.yaml"),
        &cloud,
    )
    .says(&["OS_CLOUD"]);
    let broken = "clouds:\n  otc:\n    auth: [PasswordOfNobody1\n";
    refused(
        with_clouds(&cloud, "otc").file("given-clouds.yaml", broken),
        &cloud,
    )
    .says(&["OS_CLOUD", "line"]);
}

// ----------------------------------------------------------------------------------------------------- help and version

#[test]
fn help_and_version_need_no_input() {
    let run = Sandbox::new().arg("--version").run();
    assert_eq!(
        (run.code, run.stdout.trim()),
        (0, concat!("dcs-migration-wait ", env!("CARGO_PKG_VERSION")))
    );
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["demo", "--help"],
        &["simulate", "--help"],
        &["--until", "in-sync", "--help"],
    ] {
        let run = Sandbox::new().args(arguments).run();
        assert_eq!(run.code, 0, "{arguments:?}");
        assert!(
            run.stdout.contains("Usage") && run.stderr.is_empty(),
            "{}",
            run.transcript()
        );
    }
}
