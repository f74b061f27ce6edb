//! Real sockets, and a client that writes and reads plain text.

mod tasks;

use super::*;
use crate::simulator::credentials::Auth;
use crate::simulator::options::{PROJECT_ID, PROJECT_NAME};
use crate::simulator::scenario::{REDIS_PASSWORD, Scenario};
use crate::simulator::signature;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::SystemTime;
use tokio::io::AsyncReadExt;

/// A running simulator, with its state and its log.
struct Fixture {
    address: SocketAddr,
    services: Arc<Services>,
    log: mpsc::Receiver<ServedRequest>,
    server: tokio::task::JoinHandle<Infallible>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fixture {
    async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, log) = mpsc::channel();
        let services = Arc::new(Services::new(options, move |served: &ServedRequest| {
            sender.send(served.clone()).unwrap_or(())
        }));
        let server = tokio::spawn(accept(listener, Arc::clone(&services)));
        Self {
            address,
            services,
            log,
            server,
        }
    }

    async fn with_auth(auth: Auth) -> Self {
        Self::start(Options {
            auth,
            ..Options::default()
        })
        .await
    }

    /// Moves the start of a scenario's own task into the past.
    fn set_elapsed(&self, scenario: Scenario, elapsed: Duration) {
        let (_, dcs) = &mut *self.services.state.lock().unwrap();
        dcs.set_elapsed(&self.services.options, scenario, elapsed);
    }

    async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<TextResponse> {
        let mut stream = TcpStream::connect(self.address).await?;
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        Ok(TextResponse(String::from_utf8(bytes).unwrap()))
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> TextResponse {
        self.send("GET", target, headers, "").await.unwrap()
    }

    async fn post(&self, target: &str, body: &str) -> TextResponse {
        self.send("POST", target, &[TOKEN], body).await.unwrap()
    }

    async fn get_signed(&self, target: &str, keys: &Keys<'_>) -> TextResponse {
        self.send_signed("GET", target, keys, "").await
    }

    async fn send_signed(
        &self,
        method: &str,
        target: &str,
        keys: &Keys<'_>,
        body: &str,
    ) -> TextResponse {
        let date = humantime::format_rfc3339_seconds(keys.at)
            .to_string()
            .replace(['-', ':'], "");
        let host = self.address.to_string();
        let mut headers = vec![("x-sdk-date", date.as_str()), ("x-project-id", PROJECT_ID)];
        headers.extend(keys.security_token.map(|token| ("x-security-token", token)));
        let signed: HeaderMap = headers
            .iter()
            .chain(&[("host", host.as_str())])
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let request = ApiRequest {
            id: "",
            received_at: now(),
            method,
            target,
            headers: &signed,
            body: body.as_bytes(),
        };
        let secret_key = SecretString::from(keys.secret_key);
        let authorization = signature::authorization(&request, keys.access_key, &secret_key);
        headers.push(("Authorization", &authorization));
        self.send(method, target, &headers, body).await.unwrap()
    }
}

#[derive(Clone, Copy)]
struct Keys<'a> {
    access_key: &'a str,
    secret_key: &'a str,
    security_token: Option<&'a str>,
    at: SystemTime,
}

#[derive(Debug)]
struct TextResponse(String);

impl TextResponse {
    fn status(&self) -> u16 {
        self.0.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.0.split_once("\r\n\r\n")?;
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").unwrap().1
    }

    fn json(&self) -> Value {
        serde_json::from_str(self.body()).unwrap()
    }

    fn code(&self) -> (u16, String) {
        (
            self.status(),
            self.json()["error_code"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }
}

const TOKEN: (&str, &str) = ("X-Auth-Token", "some");

fn stats(scenario: Scenario) -> String {
    format!(
        "/v2/{PROJECT_ID}/migration-task/{}/stats",
        scenario.task_id()
    )
}

fn detail(scenario: Scenario) -> String {
    format!("/v2/{PROJECT_ID}/migration-task/{}", scenario.task_id())
}

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
async fn faults_break_responses() {
    let simulator = Fixture::start(Options {
        speed: 100.0,
        ..Options::default()
    })
    .await;
    let at = async |second: u64| {
        simulator.set_elapsed(Scenario::Flaky, Duration::from_secs(second));
        simulator
            .send("GET", &stats(Scenario::Flaky), &[TOKEN], "")
            .await
    };
    let before = now().instant;
    assert_eq!(at(36).await.unwrap().status(), 200);
    assert!(now().instant - before >= Duration::from_millis(40));
    assert_eq!(at(101).await.unwrap().code(), (500, "DCS.5000".to_owned()));
    let throttled = at(161).await.unwrap();
    assert_eq!(
        (throttled.code(), throttled.header("retry-after")),
        ((429, "APIGW.0308".to_owned()), Some("1"))
    );
    let cut = at(231).await.unwrap();
    let claimed: usize = cut.header("content-length").unwrap().parse().unwrap();
    assert_eq!(cut.body().len(), claimed / 2);
    assert_eq!(
        at(311).await.unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    let malformed = at(381).await.unwrap();
    assert_eq!(malformed.status(), 200);
    assert!(serde_json::from_str::<Value>(malformed.body()).is_err());
    let unavailable = at(451).await.unwrap();
    assert_eq!(unavailable.status(), 503);
    let date = httpdate::parse_http_date(unavailable.header("retry-after").unwrap()).unwrap();
    assert!(date > now().wall && date < now().wall + Duration::from_secs(5));
    let page = at(881).await.unwrap();
    assert_eq!(
        (page.status(), page.header("content-type")),
        (502, Some("text/html"))
    );
    assert_eq!(at(1000).await.unwrap().json()["is_migrating"], false);

    let lines: Vec<String> = simulator
        .log
        .try_iter()
        .map(|served| served.to_string())
        .collect();
    // On a busy machine a simulated second or two pass until the request arrives.
    for (line, start, end) in [
        (&lines[0], "/stats 200 flaky at ", "s (slow response)"),
        (&lines[4], "/stats --- flaky at 5m ", "s (connection reset)"),
    ] {
        assert!(line.contains(start) && line.ends_with(end), "{line}");
    }
}

#[tokio::test]
async fn large_body_is_refused_unread() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    let request = "POST /v3/auth/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    // Where the announced length alone does not refuse it, the missing body does: nothing hangs.
    stream.shutdown().await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert_eq!(TextResponse(response).status(), 413);

    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    let request =
        "POST /v3/auth/tokens HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; 0x10_0001]).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert_eq!(TextResponse(response).status(), 413);
}

#[tokio::test]
async fn silent_connection_blocks_no_other() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let mut silent = TcpStream::connect(simulator.address).await.unwrap();
    silent.write_all(b"GET /v2/").await.unwrap();
    assert_eq!(
        simulator
            .get(&stats(Scenario::Full), &[TOKEN])
            .await
            .status(),
        200
    );
    simulator.server.abort();
    let mut rest = Vec::new();
    let end = silent.read_to_end(&mut rest).await;
    assert!(end.is_err() || rest.is_empty());
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    for _ in 0..3 {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\n\r\n",
            stats(Scenario::Full)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"}") {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        assert!(seen.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn remembered_tasks_have_a_limit() {
    let simulator = Fixture::start(Options {
        scenario: Some(Scenario::Full),
        ..Options::default()
    })
    .await;
    let path = |n: usize| format!("/v2/{PROJECT_ID}/migration-task/{n:032x}/stats");
    let n_tasks = {
        let (_, dcs) = &mut *simulator.services.state.lock().unwrap();
        dcs.fill(&simulator.services.options)
    };
    assert_eq!(simulator.get(&path(n_tasks), &[TOKEN]).await.status(), 503);
    assert_eq!(simulator.get(&path(7), &[TOKEN]).await.status(), 200);
}
