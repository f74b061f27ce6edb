//! Sign-in.

use super::*;

fn password_body(password: &str, scope: &Value) -> String {
    let user = json!({"name": "u", "password": password, "domain": {"name": "d"}});
    json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}).to_string()
}

fn password_auth() -> Auth {
    Auth::Password {
        username: "u".to_owned(),
        password: SecretString::from("right"),
        domain_name: "d".to_owned(),
    }
}

#[tokio::test]
async fn password_token_is_for_its_project() {
    let simulator = Fixture::with_auth(password_auth()).await;
    let sign_in = async |body: &str| {
        simulator
            .send("POST", "/v3/auth/tokens", &[], body)
            .await
            .unwrap()
    };
    let project = json!({"project": {"id": PROJECT_ID}});

    let wrong = sign_in(&password_body("wrong", &project)).await;
    assert_eq!(
        (wrong.status(), &wrong.json()["error"]["code"]),
        (401, &json!(401))
    );
    for bad in [
        "",
        "{}",
        "[]",
        r#"{"auth":{"identity":{"methods":["totp"]}}}"#,
    ] {
        assert_eq!(sign_in(bad).await.status(), 400, "{bad}");
    }
    let elsewhere = json!({"project": {"id": "00000000000000000000000000000000"}});
    assert_eq!(
        sign_in(&password_body("right", &elsewhere)).await.status(),
        401
    );

    let before = now().wall;
    for scope in [project, json!({"project": {"name": PROJECT_NAME}})] {
        let response = sign_in(&password_body("right", &scope)).await;
        assert_eq!(response.status(), 201);
        let body = response.json();
        assert_eq!(body["token"]["project"]["id"], PROJECT_ID);
        let expires =
            humantime::parse_rfc3339(body["token"]["expires_at"].as_str().unwrap()).unwrap();
        assert!(
            expires >= before + Duration::from_secs(86_399)
                && expires <= now().wall + Duration::from_secs(86_401)
        );
        let token = response.header("x-subject-token").unwrap();
        assert_eq!(
            simulator
                .get(&stats(Scenario::Full), &[("X-Auth-Token", token)])
                .await
                .status(),
            200
        );
        let projects = simulator
            .get(
                "/v3/projects?name=eu-de_rehearsal",
                &[("X-Auth-Token", token)],
            )
            .await;
        assert_eq!(projects.json()["projects"][0]["id"], PROJECT_ID);
    }

    // Without a scope the token is one for no project.
    let unscoped = sign_in(&password_body("right", &Value::Null)).await;
    let token = unscoped.header("x-subject-token").unwrap();
    let refused = simulator
        .get(&stats(Scenario::Full), &[("X-Auth-Token", token)])
        .await;
    assert_eq!(refused.code(), (401, "DCS.1004".to_owned()));
    assert_eq!(
        simulator.get(&stats(Scenario::Full), &[TOKEN]).await.code(),
        (401, "APIGW.0301".to_owned())
    );
}

#[tokio::test]
async fn tokens_expire() {
    for auth in [password_auth(), Auth::Any] {
        let options = Options {
            auth,
            speed: 3600.0,
            token_lifetime: Duration::from_secs(30),
            ..Options::default()
        };
        let simulator = Fixture::start(options).await;
        let body = password_body("right", &json!({"project": {"id": PROJECT_ID}}));
        let response = simulator
            .send("POST", "/v3/auth/tokens", &[], &body)
            .await
            .unwrap();
        let token = response.header("x-subject-token").unwrap().to_owned();
        let mut code = (0, String::new());
        for _ in 0..20_000 {
            code = simulator
                .get(&stats(Scenario::Full), &[("X-Auth-Token", &token)])
                .await
                .code();
            if code.0 != 200 {
                break;
            }
        }
        assert_eq!(code, (401, "APIGW.0307".to_owned()));
        let next = simulator
            .send("POST", "/v3/auth/tokens", &[], &body)
            .await
            .unwrap();
        assert_ne!(next.header("x-subject-token"), Some(token.as_str()));
    }
}

#[tokio::test]
async fn job_signs_in_with_id_token() {
    let simulator = Fixture::with_auth(Auth::Oidc {
        idp_id: "ci".to_owned(),
    })
    .await;
    let target = "/github/oidc?api-version=2.0&audience=https%3A%2F%2Fotc";
    assert_eq!(simulator.get(target, &[]).await.status(), 401);
    let job = simulator
        .get(target, &[("Authorization", "Bearer x")])
        .await
        .json();
    let id_token = job["value"].as_str().unwrap();

    let exchange = async |idp: &str, id_token: &str| {
        let body = json!({"auth": {"id_token": {"id": id_token}, "scope": {"project": {"id": PROJECT_ID}}}});
        let headers = [("X-Idp-Id", idp)];
        simulator
            .send(
                "POST",
                "/v3.0/OS-AUTH/id-token/tokens",
                &headers,
                &body.to_string(),
            )
            .await
            .unwrap()
    };
    assert_eq!(
        exchange("other", id_token).await.code(),
        (404, "IAM.0004".to_owned())
    );
    assert_eq!(
        exchange("", id_token).await.code(),
        (400, "IAM.0011".to_owned())
    );
    assert_eq!(
        exchange("ci", "eyJhbGciOiJub25lIn0.e30.").await.code(),
        (401, "IAM.0001".to_owned())
    );
    let response = exchange("ci", id_token).await;
    assert_eq!(response.status(), 201);
    assert!(response.json()["token"]["expires_at"].is_string());
    let token = response.header("x-subject-token").unwrap();
    assert_eq!(
        simulator
            .get(&stats(Scenario::Full), &[("X-Auth-Token", token)])
            .await
            .status(),
        200
    );
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
#[tokio::test]
async fn signatures_are_verified() {
    let auth = Auth::AccessKey {
        access_key: "AK".to_owned(),
        secret_key: SecretString::from("right"),
        security_token: Some(SecretString::from("temporary")),
    };
    let simulator = Fixture::with_auth(auth).await;
    let at = now().wall;
    let good = || Keys {
        access_key: "AK",
        secret_key: "right",
        security_token: Some("temporary"),
        at,
    };
    let list = format!("/v2/{PROJECT_ID}/migration-tasks?offset=0&limit=3");
    for target in [stats(Scenario::Full), detail(Scenario::Full), list] {
        assert_eq!(
            simulator.get_signed(&target, &good()).await.status(),
            200,
            "{target}"
        );
    }
    let target = stats(Scenario::Full);
    let refused = async |keys: Keys<'_>, word: &str| {
        let response = simulator.get_signed(&target, &keys).await;
        assert_eq!(response.code(), (401, "APIGW.0301".to_owned()));
        assert!(
            response.body().contains(word),
            "{word} in {}",
            response.body()
        );
        assert_eq!(simulator.get_signed(&target, &good()).await.status(), 200);
    };
    refused(
        Keys {
            access_key: "KA",
            ..good()
        },
        "ak not exist",
    )
    .await;
    refused(
        Keys {
            secret_key: "wrong",
            ..good()
        },
        "verify aksk signature fail",
    )
    .await;
    refused(
        Keys {
            security_token: None,
            ..good()
        },
        "security token",
    )
    .await;
    refused(
        Keys {
            security_token: Some("other"),
            ..good()
        },
        "security token",
    )
    .await;
    refused(
        Keys {
            at: at - Duration::from_secs(16 * 60),
            ..good()
        },
        "signature expired",
    )
    .await;
    refused(
        Keys {
            at: at + Duration::from_secs(16 * 60),
            ..good()
        },
        "signature expired",
    )
    .await;
    let response = simulator.get(&target, &[TOKEN]).await;
    assert_eq!(response.code(), (401, "APIGW.0301".to_owned()));
    for header in [
        "SDK-HMAC-SHA256",
        "SDK-HMAC-SHA256 ",
        "SDK-HMAC-SHA256 Access=AK",
        "Basic x",
        "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=0",
    ] {
        assert_eq!(
            simulator
                .get(&target, &[("Authorization", header)])
                .await
                .status(),
            401,
            "{header}"
        );
    }
}

#[tokio::test]
async fn five_wrong_signatures_lock_the_key() {
    let keys = |secret_key| Keys {
        access_key: "AK",
        secret_key,
        security_token: None,
        at: now().wall,
    };
    let target = stats(Scenario::Full);
    for (speed, is_locked) in [(1.0, true), (3000.0, false)] {
        let auth = Auth::AccessKey {
            access_key: "AK".to_owned(),
            secret_key: SecretString::from("right"),
            security_token: None,
        };
        let simulator = Fixture::start(Options {
            auth,
            speed,
            ..Options::default()
        })
        .await;
        for _ in 0..5 {
            assert!(
                !simulator
                    .get_signed(&target, &keys("wrong"))
                    .await
                    .body()
                    .contains("locked")
            );
        }
        if is_locked {
            let locked = simulator.get_signed(&target, &keys("right")).await;
            assert_eq!(locked.code(), (401, "APIGW.0301".to_owned()));
            assert!(locked.body().contains("locked"));
        } else {
            // Five minutes are a tenth of a second here.
            let mut status = 0;
            for _ in 0..20_000 {
                status = simulator.get_signed(&target, &keys("right")).await.status();
                if status == 200 {
                    break;
                }
            }
            assert_eq!(status, 200);
        }
    }
}

#[tokio::test]
async fn tokens_are_exchanged_for_others() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let post = async |path: &str, headers: &[(&str, &str)], body: Value| {
        simulator
            .send("POST", path, headers, &body.to_string())
            .await
            .unwrap()
    };
    let federation = "/v3/OS-FEDERATION/identity_providers/ci/protocols/oidc/auth";
    assert_eq!(post(federation, &[], json!({})).await.status(), 401);
    let unscoped = post(federation, &[("Authorization", "Bearer x")], json!({})).await;
    let unscoped = unscoped.header("x-subject-token").unwrap().to_owned();
    // Without a project it opens nothing.
    let refused = simulator
        .get(&stats(Scenario::Full), &[("X-Auth-Token", &unscoped)])
        .await;
    assert_eq!(refused.status(), 401);
    let by_token = |scope: Value| json!({"auth": {"identity": {"methods": ["token"], "token": {"id": unscoped}}, "scope": scope}});
    let token = post(
        "/v3/auth/tokens",
        &[],
        by_token(json!({"project": {"id": PROJECT_ID}})),
    )
    .await;
    let token = token.header("x-subject-token").unwrap();
    let read = simulator
        .get(&stats(Scenario::Full), &[("X-Auth-Token", token)])
        .await;
    assert_eq!(read.status(), 200);

    let keys = json!({"auth": {"identity": {"methods": ["token"], "token": {"id": unscoped}}}});
    let keys = post("/v3.0/OS-CREDENTIAL/securitytokens", &[], keys).await;
    assert_eq!(keys.status(), 201);
    for name in ["access", "secret", "securitytoken", "expires_at"] {
        assert!(keys.json()["credential"][name].is_string(), "{name}");
    }
    let wrong = json!({"auth": {"identity": {"methods": ["token"], "token": {"id": "other"}}}});
    let wrong = post("/v3.0/OS-CREDENTIAL/securitytokens", &[], wrong).await;
    assert_eq!(wrong.code(), (401, "IAM.0001".to_owned()));
}

#[tokio::test]
async fn second_factor_and_application_credentials_work() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let user = |field: &str, value: &str| json!({"user": {"id": "u1", field: value}});
    let sign_in = async |identity: Value| {
        let body =
            json!({"auth": {"identity": identity, "scope": {"project": {"id": PROJECT_ID}}}});
        simulator
            .send("POST", "/v3/auth/tokens", &[], &body.to_string())
            .await
            .unwrap()
            .status()
    };
    let both = |code: &str| json!({"methods": ["password", "totp"], "password": user("password", "p"), "totp": user("passcode", code)});
    assert_eq!(sign_in(both("123456")).await, 201);
    assert_eq!(sign_in(both("12345x")).await, 401);
    let credential = |value: Value| json!({"methods": ["application_credential"], "application_credential": value});
    assert_eq!(
        sign_in(credential(json!({"id": "a", "secret": "s"}))).await,
        201
    );
    assert_eq!(sign_in(credential(json!({"id": "a"}))).await, 400);
    assert_eq!(sign_in(json!({"methods": ["saml2"]})).await, 400);
}
