//! Tasks: the list, the logs and the actions.

use super::*;

const EXCHANGE: &str = r#"{"exchanged_ip":["192.168.1.139"],"is_exchange_domain":false}"#;

fn call(scenario: Scenario, name: &str) -> String {
    format!("{}/{name}", detail(scenario))
}

fn list(query: &str) -> String {
    format!("/v2/{PROJECT_ID}/migration-tasks{query}")
}

impl Fixture {
    /// Status and `task_status` as the detail has them, and `is_migrating`.
    async fn state(&self, scenario: Scenario) -> (String, Option<String>, bool) {
        let body = self.get(&detail(scenario), &[TOKEN]).await.json();
        assert_eq!(body["task_id"], scenario.task_id());
        let word = |name: &str| body[name].as_str().map(str::to_owned);
        let stats = self.get(&stats(scenario), &[TOKEN]).await.json();
        (
            word("status").unwrap(),
            word("task_status"),
            stats["is_migrating"].as_bool().unwrap(),
        )
    }

    async fn entry(&self, scenario: Scenario) -> Value {
        self.get(&list(&format!("?name={}", scenario.task_name())), &[TOKEN])
            .await
            .json()["migration_tasks"][0]
            .clone()
    }
}

fn state(
    status: &str,
    task_status: Option<&str>,
    is_migrating: bool,
) -> (String, Option<String>, bool) {
    (
        status.to_owned(),
        task_status.map(str::to_owned),
        is_migrating,
    )
}

/// An empty response without a length.
fn assert_done(response: &TextResponse) {
    assert_eq!(
        (
            response.status(),
            response.body(),
            response.header("content-length")
        ),
        (204, "", None)
    );
    assert!(response.header("x-request-id").is_some());
}

#[tokio::test]
async fn list_has_pages_and_no_passwords() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let all = simulator.get(&list("?limit=1000"), &[TOKEN]).await;
    assert!(!all.body().contains(REDIS_PASSWORD));
    let all = all.json();
    let n_all = Scenario::ALL.len();
    let page = async |query: &str| {
        let page = simulator.get(&list(query), &[TOKEN]).await.json();
        assert_eq!(page["count"], n_all);
        page["migration_tasks"].as_array().unwrap().clone()
    };
    assert_eq!(all["migration_tasks"].as_array().unwrap().len(), n_all);
    assert_eq!(page("").await.len(), 10);
    assert_eq!(page("?offset=12&limit=5").await.len(), n_all - 12);
    assert_eq!(page("?offset=1000").await.len(), 0);
    assert_eq!(
        page("?offset=6&limit=2").await[0]["task_id"],
        Scenario::Flaky.task_id()
    );
    let named = simulator.get(&list("?name=in-sync"), &[TOKEN]).await.json();
    assert_eq!(named["count"], 1);
    for bad in ["?limit=0", "?limit=1001", "?limit=x", "?offset=-1"] {
        assert_eq!(
            simulator.get(&list(bad), &[TOKEN]).await.code(),
            (400, "DCS.4001".to_owned()),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn list_has_error_messages() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    for (elapsed, status, message) in [
        (100, "FULLMIGRATING", ""),
        (345, "FAILED", "Disconnecting timedout slave."),
    ] {
        simulator.set_elapsed(Scenario::Failed, Duration::from_secs(elapsed));
        let entry = simulator.entry(Scenario::Failed).await;
        assert_eq!(
            (
                &entry["status"],
                entry["error_message"].as_str().unwrap_or_default()
            ),
            (&json!(status), message)
        );
        assert!(entry.get("task_status").is_none());
    }
    assert_eq!(
        simulator.entry(Scenario::Incremental).await["error_message"],
        Value::Null
    );
}

#[tokio::test]
async fn logs_are_newest_first() {
    let simulator = Fixture::start(Options {
        speed: 10.0,
        ..Options::default()
    })
    .await;
    simulator.set_elapsed(Scenario::Failed, Duration::from_secs(1000));
    let logs = async |query: &str| {
        let response = simulator
            .get(&call(Scenario::Failed, &format!("logs{query}")), &[TOKEN])
            .await
            .json();
        (
            response["log_num"].as_u64().unwrap(),
            response["migration_logs"].as_array().unwrap().clone(),
        )
    };
    let (n_all, all) = logs("").await;
    assert_eq!((n_all, all.len()), (3, 3));
    let levels: Vec<&str> = all
        .iter()
        .map(|line| line["log_level"].as_str().unwrap())
        .collect();
    assert_eq!(levels, ["ERROR", "WARN", "INFO"]);
    assert_eq!(all[0]["message"], "Disconnecting timedout slave.");
    assert!(all[0]["log_code"].is_string() && all[0]["keyword"].is_array());
    // The task failed 345 s after its start, which is 65.5 s ago here.
    let at = humantime::parse_rfc3339(all[0]["created_at"].as_str().unwrap()).unwrap();
    let ago = now().wall.duration_since(at).unwrap();
    assert!(
        ago >= Duration::from_secs(65) && ago < Duration::from_secs(95),
        "{ago:?}"
    );
    assert!(all[0]["created_at"].as_str() > all[2]["created_at"].as_str());

    assert_eq!(logs("?offset=1&limit=1").await, (3, all[1..2].to_vec()));
    assert_eq!(logs("?offset=3").await, (3, Vec::new()));
    assert_eq!(
        logs("?log_level=ERROR&limit=1").await,
        (1, all[..1].to_vec())
    );
    assert_eq!(logs("?log_level=DEBUG").await, (0, Vec::new()));
    for bad in ["?limit=0", "?limit=1001", "?offset=-1", "?log_level=FATAL"] {
        let response = simulator
            .get(&call(Scenario::Failed, &format!("logs{bad}")), &[TOKEN])
            .await;
        assert_eq!(response.code(), (400, "DCS.4001".to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn stop_ends_the_task_later() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    simulator.set_elapsed(Scenario::Live, Duration::from_secs(200));
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("INCRMIGEATING", None, true)
    );
    let response = simulator.post(&call(Scenario::Live, "stop"), "").await;
    assert_eq!(response.status(), 200);
    let body = response.json();
    assert_eq!(
        (&body["status"], &body["task_id"]),
        (&json!("TERMINATING"), &json!(Scenario::Live.task_id()))
    );
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("TERMINATING", None, true)
    );
    assert_eq!(
        simulator.entry(Scenario::Live).await["status"],
        "TERMINATING"
    );
    simulator.set_elapsed(Scenario::Live, Duration::from_secs(300));
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("TERMINATED", None, false)
    );
    let stats = simulator.get(&stats(Scenario::Live), &[TOKEN]).await.json();
    assert_eq!(
        (&stats["offset"], &stats["full_migration_progress"]),
        (&json!(0), &json!(100))
    );
}

#[tokio::test]
async fn sync_stop_ends_task_immediately() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    simulator.set_elapsed(Scenario::Live, Duration::from_secs(30));
    assert_done(&simulator.post(&call(Scenario::Live, "sync-stop"), "").await);
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("TERMINATED", None, false)
    );
    let stats = simulator.get(&stats(Scenario::Live), &[TOKEN]).await.json();
    let progress = stats["full_migration_progress"].as_i64().unwrap();
    assert!((1..100).contains(&progress), "{progress}");
}

#[tokio::test]
async fn ip_switch_can_be_rolled_back() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let exchange = async || {
        simulator
            .post(&call(Scenario::Live, "exchange-ip"), EXCHANGE)
            .await
    };
    let rollback = async || {
        simulator
            .post(&call(Scenario::Live, "rollback-ip"), "")
            .await
    };
    let refused = (400, "DCS.4017".to_owned());
    let at = |second| simulator.set_elapsed(Scenario::Live, Duration::from_secs(second));
    at(200);
    assert_eq!(rollback().await.code(), refused);
    assert_done(&exchange().await);
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("INCRMIGEATING", Some("EXCHANGING"), true)
    );
    let entry = simulator.entry(Scenario::Live).await;
    assert_eq!(
        (
            &entry["source_instance_status"],
            &entry["target_instance_status"]
        ),
        (&json!("IPEXCHANGING"), &json!("IPEXCHANGING"))
    );
    assert_eq!(
        (exchange().await.code(), rollback().await.code()),
        (refused.clone(), refused.clone())
    );
    assert_eq!(
        simulator
            .post(&call(Scenario::Live, "stop"), "")
            .await
            .code(),
        refused
    );
    at(220);
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("SUCCESS", Some("EXCHANGING"), false)
    );
    at(270);
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("SUCCESS", Some("EXCHANGE_SUCCESS"), false)
    );
    assert_eq!(
        simulator.entry(Scenario::Live).await["target_instance_status"],
        "RUNNING"
    );
    assert_eq!(exchange().await.code(), refused);
    at(500);
    assert_done(&rollback().await);
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("SUCCESS", Some("EXCHANGING"), false)
    );
    assert_eq!(
        simulator.entry(Scenario::Live).await["source_instance_status"],
        "IPROLLBACKING"
    );
    at(540);
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("SUCCESS", Some("ROLLBACK_SUCCESS"), false)
    );
    assert_eq!(
        (exchange().await.code(), rollback().await.code()),
        (refused.clone(), refused)
    );
}

#[tokio::test]
async fn actions_need_the_right_state() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let rows = [
        (Scenario::Live, 30, "exchange-ip", "FULLMIGRATING"),
        (Scenario::NeverConfigured, 30, "stop", "RUNNING"),
        (Scenario::Incremental, 860, "stop", "TERMINATING"),
        (Scenario::Incremental, 860, "sync-stop", "TERMINATING"),
        (Scenario::Incremental, 900, "stop", "TERMINATED"),
        (Scenario::Incremental, 900, "exchange-ip", "TERMINATED"),
        (Scenario::Failed, 900, "stop", "FAILED"),
        (
            Scenario::Rollback,
            900,
            "rollback-ip",
            "SUCCESS, ROLLBACK_SUCCESS",
        ),
    ];
    for (scenario, second, action, words) in rows {
        simulator.set_elapsed(scenario, Duration::from_secs(second));
        let before = simulator.state(scenario).await;
        let response = simulator.post(&call(scenario, action), EXCHANGE).await;
        assert_eq!(
            response.code(),
            (400, "DCS.4017".to_owned()),
            "{scenario:?} {action}"
        );
        assert_eq!(
            response.json()["error_msg"],
            format!("The migration task is in status {words}.")
        );
        assert_eq!(
            simulator.state(scenario).await,
            before,
            "{scenario:?} {action}"
        );
    }
    let unknown =
        format!("/v2/{PROJECT_ID}/migration-task/00000000-0000-4000-8000-000000000000/stop");
    assert_eq!(
        simulator.post(&unknown, "").await.code(),
        (400, "DCS.4133".to_owned())
    );
}

#[tokio::test]
async fn ip_switch_needs_its_whole_body() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    simulator.set_elapsed(Scenario::Live, Duration::from_secs(200));
    for bad in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"exchanged_ip":["192.168.1.139"]}"#,
        r#"{"is_exchange_domain":true}"#,
        r#"{"exchanged_ip":[],"is_exchange_domain":true}"#,
        r#"{"exchanged_ip":"192.168.1.139","is_exchange_domain":true}"#,
        r#"{"exchanged_ip":[1],"is_exchange_domain":true}"#,
        r#"{"exchanged_ip":["192.168.1.139"],"is_exchange_domain":"true"}"#,
    ] {
        let response = simulator
            .post(&call(Scenario::Live, "exchange-ip"), bad)
            .await;
        assert!(
            response.status() == 400 && response.code().1.starts_with("DCS."),
            "{bad}: {response:?}"
        );
        assert_eq!(
            simulator.state(Scenario::Live).await,
            state("INCRMIGEATING", None, true),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn batch_stop_reports_each_task() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    simulator.set_elapsed(Scenario::Live, Duration::from_secs(200));
    simulator.set_elapsed(Scenario::Failed, Duration::from_secs(900));
    let target = format!("/v2/{PROJECT_ID}/migration-task/batch-stop");
    let (live, failed) = (Scenario::Live.task_id(), Scenario::Failed.task_id());
    let response = simulator
        .post(
            &target,
            &json!({"migration_tasks": [live, failed, "x"]}).to_string(),
        )
        .await;
    assert_eq!(response.status(), 200);
    let results = [(live, "success"), (failed, "failed"), ("x", "failed")];
    let expected = results.map(|(task_id, result)| json!({"task_id": task_id, "result": result}));
    assert_eq!(response.json(), json!({"migration_tasks": expected}));
    assert_eq!(
        simulator.state(Scenario::Live).await,
        state("TERMINATING", None, true)
    );
    for bad in [
        json!({}),
        json!({"migration_tasks": []}),
        json!({"migration_tasks": vec![live; 51]}),
    ] {
        assert_eq!(
            simulator.post(&target, &bad.to_string()).await.code(),
            (400, "DCS.4005".to_owned()),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn actions_need_sign_in() {
    let auth = Auth::AccessKey {
        access_key: "AK".to_owned(),
        secret_key: SecretString::from("right"),
        security_token: None,
    };
    let simulator = Fixture::with_auth(auth).await;
    simulator.set_elapsed(Scenario::Live, Duration::from_secs(200));
    let keys = Keys {
        access_key: "AK",
        secret_key: "right",
        security_token: None,
        at: now().wall,
    };
    let targets =
        ["exchange-ip", "stop", "sync-stop", "rollback-ip"].map(|name| call(Scenario::Live, name));
    let batch = format!("/v2/{PROJECT_ID}/migration-task/batch-stop");
    for target in targets.iter().chain([&batch]) {
        let response = simulator.send("POST", target, &[], EXCHANGE).await.unwrap();
        assert_eq!(response.code(), (401, "APIGW.0301".to_owned()), "{target}");
        let wrong = Keys {
            secret_key: "wrong",
            ..keys
        };
        let response = simulator
            .send_signed("POST", target, &wrong, EXCHANGE)
            .await;
        assert_eq!(response.code(), (401, "APIGW.0301".to_owned()), "{target}");
        // A good signature: the key is not locked.
        assert_eq!(
            simulator
                .get_signed(&stats(Scenario::Live), &keys)
                .await
                .json()["is_migrating"],
            true
        );
    }
    assert_done(
        &simulator
            .send_signed("POST", &targets[0], &keys, EXCHANGE)
            .await,
    );
    let other_project = targets[0].replace(PROJECT_ID, "00000000000000000000000000000000");
    let response = simulator
        .send_signed("POST", &other_project, &keys, EXCHANGE)
        .await;
    assert_eq!(response.code(), (401, "DCS.1004".to_owned()));
}

#[tokio::test]
async fn wrong_methods_are_refused() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let base = detail(Scenario::Live);
    let batch = format!("/v2/{PROJECT_ID}/migration-task/batch-stop");
    let names = ["stop", "sync-stop", "exchange-ip", "rollback-ip"];
    let posts = names
        .map(|name| (format!("{base}/{name}"), "POST"))
        .into_iter()
        .chain([(batch, "POST")]);
    let gets = [
        base.clone(),
        format!("{base}/stats"),
        format!("{base}/logs"),
        list(""),
    ]
    .map(|target| (target, "GET"));
    for (target, right) in posts.chain(gets) {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"]
            .into_iter()
            .filter(|method| *method != right)
        {
            let response = simulator.send(method, &target, &[TOKEN], "").await.unwrap();
            let expected = ((405, "DCS.5001".to_owned()), Some(right));
            assert_eq!(
                (response.code(), response.header("allow")),
                expected,
                "{method} {target}"
            );
        }
    }
    let unknown = format!("{base}/start");
    assert_eq!(
        simulator.post(&unknown, "").await.code(),
        (404, "APIGW.0101".to_owned())
    );
}

#[tokio::test]
async fn fault_refuses_actions_too() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    simulator.set_elapsed(Scenario::Flaky, Duration::from_secs(735));
    assert_eq!(
        simulator
            .post(&call(Scenario::Flaky, "stop"), "")
            .await
            .status(),
        504
    );
    simulator.set_elapsed(Scenario::Flaky, Duration::from_secs(765));
    assert_eq!(
        simulator.state(Scenario::Flaky).await,
        state("INCRMIGEATING", None, true)
    );
}
