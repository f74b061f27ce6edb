//! Responses about tasks.

use super::*;

#[tokio::test]
async fn task_starts_with_its_first_request() {
    let simulator = Fixture::start(Options {
        speed: 5000.0,
        ..Options::default()
    })
    .await;
    let first = simulator.get(&stats(Scenario::Incremental), &[TOKEN]).await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.json()["is_migrating"], true);
    assert_eq!(first.header("x-request-id").unwrap().len(), 32);
    assert!(first.header("date").is_some());
    let mut last = first.json();
    for _ in 0..20_000 {
        last = simulator
            .get(&stats(Scenario::Incremental), &[TOKEN])
            .await
            .json();
        if last["is_migrating"] == false {
            break;
        }
    }
    assert_eq!(last["is_migrating"], false);
    let detail = simulator
        .get(&detail(Scenario::Incremental), &[TOKEN])
        .await
        .json();
    assert_eq!(detail["status"], "TERMINATED");
    assert_eq!(detail["source_instance"]["password"], REDIS_PASSWORD);
    // Another task has a clock of its own.
    assert_eq!(
        simulator
            .get(&stats(Scenario::Resync), &[TOKEN])
            .await
            .json()["is_migrating"],
        true
    );
}

#[tokio::test]
async fn refusals_have_the_vendors_codes() {
    let simulator = Fixture::with_auth(Auth::Token(SecretString::from("right"))).await;
    let right = [("X-Auth-Token", "right")];
    let good = stats(Scenario::Full);
    let other_project = good.replace(PROJECT_ID, "00000000000000000000000000000000");
    let unknown =
        format!("/v2/{PROJECT_ID}/migration-task/00000000-0000-4000-8000-000000000000/stats");
    let wrong = [("X-Auth-Token", "wrong")];
    let cases = [
        (good.as_str(), right.as_slice(), 200, ""),
        (&good, &[], 401, "APIGW.0301"),
        (&good, &wrong, 401, "APIGW.0301"),
        (&other_project, &right, 401, "DCS.1004"),
        (&good.replace(PROJECT_ID, "eu-de"), &right, 400, "DCS.4002"),
        (&unknown, &right, 400, "DCS.4133"),
        (&unknown.replace("-4000-", "4000"), &right, 400, "DCS.4070"),
        ("/", &right, 404, "APIGW.0101"),
        (&format!("{good}/"), &right, 404, "APIGW.0101"),
        ("/v1.0/migration-task", &right, 404, "APIGW.0101"),
    ];
    for (target, headers, status, code) in cases {
        let response = simulator.get(target, headers).await;
        assert_eq!(
            response.code(),
            (status, code.to_owned()),
            "{target} {headers:?}"
        );
        assert!(response.header("x-request-id").is_some() && response.header("date").is_some());
    }
    let response = simulator.send("DELETE", &good, &right, "").await.unwrap();
    assert_eq!(
        (response.code(), response.header("allow")),
        ((405, "DCS.5001".to_owned()), Some("GET"))
    );
}

#[tokio::test]
async fn unknown_id_plays_the_chosen_scenario() {
    let options = Options {
        scenario: Some(Scenario::NeverConfigured),
        project_id: None,
        ..Options::default()
    };
    let simulator = Fixture::start(options).await;
    let path = "/v2/0123456789abcdef0123456789ABCDEF/migration-task";
    let upper = format!("{path}/31C6FD2B-2893-430B-90FF-D1ADB8060585");
    let detail = simulator.get(&upper, &[TOKEN]).await.json();
    assert_eq!(
        (&detail["status"], &detail["task_id"]),
        (
            &json!("RUNNING"),
            &json!("31C6FD2B-2893-430B-90FF-D1ADB8060585")
        )
    );
    // The same task, spelled otherwise.
    simulator
        .get(
            &format!("{path}/31c6fd2b2893430b90ffd1adb8060585/stats"),
            &[TOKEN],
        )
        .await;
    let list = simulator
        .get(
            "/v2/0123456789abcdef0123456789abcdef/migration-tasks?limit=1000",
            &[TOKEN],
        )
        .await
        .json();
    let n_scenarios = Scenario::ALL.len();
    assert_eq!(list["count"], n_scenarios + 1);
    assert_eq!(
        list["migration_tasks"][n_scenarios]["task_id"],
        "31c6fd2b-2893-430b-90ff-d1adb8060585"
    );
}
