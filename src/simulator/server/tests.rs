//! Real sockets, and a client that is plain text.

mod tasks;

use super::dcs::{MOST_TASKS, dashed, plain_id};
use super::*;
use crate::auth::sign;
use crate::simulator::{PROJECT_ID, REDIS_PASSWORD};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::mpsc;
use tokio::io::AsyncReadExt;

/// A simulator that runs, with its memory and its log.
struct Fixture {
    address: SocketAddr,
    cloud: Arc<Cloud>,
    log: mpsc::Receiver<Served>,
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
        let cloud = Arc::new(Cloud::new(options, move |served: &Served| {
            sender.send(served.clone()).unwrap_or(())
        }));
        let server = tokio::spawn(accept(listener, Arc::clone(&cloud)));
        Self {
            address,
            cloud,
            log,
            server,
        }
    }

    async fn of(auth: Auth) -> Self {
        Self::start(Options {
            auth,
            ..Options::default()
        })
        .await
    }

    /// Lets a scenario's own task have started so long ago.
    fn advance(&self, scenario: Scenario, elapsed: Duration) {
        let started = now()
            .instant
            .checked_sub(self.cloud.options.real(elapsed))
            .unwrap();
        self.cloud
            .memory
            .lock()
            .unwrap()
            .started
            .insert(plain_id(scenario.task_id()).unwrap(), started);
    }

    async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Answer> {
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
        Ok(Answer(String::from_utf8(bytes).unwrap()))
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, headers, "").await.unwrap()
    }

    async fn post(&self, target: &str, body: &str) -> Answer {
        self.ask("POST", target, &[TOKEN], body).await.unwrap()
    }

    async fn get_signed(&self, target: &str, keys: &Keys<'_>) -> Answer {
        self.ask_signed("GET", target, keys, "").await
    }

    async fn ask_signed(&self, method: &str, target: &str, keys: &Keys<'_>, body: &str) -> Answer {
        let url = url::Url::parse(&format!("http://{}{target}", self.address)).unwrap();
        let date = sign::sdk_date(keys.at);
        let mut headers = vec![
            (sign::DATE_HEADER, date.as_str()),
            ("X-Project-Id", PROJECT_ID),
        ];
        headers.extend(keys.security_token.map(|token| ("X-Security-Token", token)));
        let request = sign::Request {
            method,
            url: &url,
            headers: &headers,
            body: body.as_bytes(),
        };
        let secret_key = SecretString::from(keys.secret_key);
        let authorization = sign::authorization(keys.access_key, &secret_key, &date, &request);
        headers.push(("Authorization", &authorization));
        self.ask(method, target, &headers, body).await.unwrap()
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
struct Answer(String);

impl Answer {
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
async fn a_task_begins_when_it_is_asked_for_and_goes_on_by_itself() {
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
async fn every_refusal_has_the_vendors_shape() {
    let simulator = Fixture::of(Auth::Token(SecretString::from("right"))).await;
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
        let answer = simulator.get(target, headers).await;
        assert_eq!(
            answer.code(),
            (status, code.to_owned()),
            "{target} {headers:?}"
        );
        assert!(answer.header("x-request-id").is_some() && answer.header("date").is_some());
    }
    let answer = simulator.ask("DELETE", &good, &right, "").await.unwrap();
    assert_eq!(
        (answer.code(), answer.header("allow")),
        ((405, "DCS.5001".to_owned()), Some("GET"))
    );
}

#[tokio::test]
async fn another_id_plays_what_it_is_told_to() {
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
async fn a_password_gives_a_token_for_its_project() {
    let simulator = Fixture::of(password_auth()).await;
    let sign_in = async |body: &str| {
        simulator
            .ask("POST", "/v3/auth/tokens", &[], body)
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
    for scope in [
        project,
        json!({"project": {"name": super::super::PROJECT_NAME}}),
    ] {
        let answer = sign_in(&password_body("right", &scope)).await;
        assert_eq!(answer.status(), 201);
        let body = answer.json();
        assert_eq!(body["token"]["project"]["id"], PROJECT_ID);
        let expires =
            humantime::parse_rfc3339(body["token"]["expires_at"].as_str().unwrap()).unwrap();
        assert!(
            expires >= before + Duration::from_secs(86_399)
                && expires <= now().wall + Duration::from_secs(86_401)
        );
        let token = answer.header("x-subject-token").unwrap();
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
        let answer = simulator
            .ask("POST", "/v3/auth/tokens", &[], &body)
            .await
            .unwrap();
        let token = answer.header("x-subject-token").unwrap().to_owned();
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
            .ask("POST", "/v3/auth/tokens", &[], &body)
            .await
            .unwrap();
        assert_ne!(next.header("x-subject-token"), Some(token.as_str()));
    }
}

#[tokio::test]
async fn a_job_signs_in_without_any_secret() {
    let simulator = Fixture::of(Auth::Oidc {
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
            .ask(
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
    let answer = exchange("ci", id_token).await;
    assert_eq!(answer.status(), 201);
    assert!(answer.json()["token"]["expires_at"].is_string());
    let token = answer.header("x-subject-token").unwrap();
    assert_eq!(
        simulator
            .get(&stats(Scenario::Full), &[("X-Auth-Token", token)])
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn signatures_are_computed_again() {
    let auth = Auth::AccessKey {
        access_key: "AK".to_owned(),
        secret_key: SecretString::from("right"),
        security_token: Some(SecretString::from("temporary")),
    };
    let simulator = Fixture::of(auth).await;
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
        let answer = simulator.get_signed(&target, &keys).await;
        assert_eq!(answer.code(), (401, "APIGW.0301".to_owned()));
        assert!(answer.body().contains(word), "{word} in {}", answer.body());
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
    let answer = simulator.get(&target, &[TOKEN]).await;
    assert_eq!(answer.code(), (401, "APIGW.0301".to_owned()));
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
async fn five_refusals_lock_the_key_for_a_while() {
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
async fn faults_break_answers_as_they_say() {
    let simulator = Fixture::start(Options {
        speed: 100.0,
        ..Options::default()
    })
    .await;
    let at = async |second: u64| {
        simulator.advance(Scenario::Flaky, Duration::from_secs(second));
        simulator
            .ask("GET", &stats(Scenario::Flaky), &[TOKEN], "")
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
        (&lines[0], "/stats 200 flaky at ", "s (slow answer)"),
        (&lines[4], "/stats --- flaky at 5m ", "s (connection reset)"),
    ] {
        assert!(line.contains(start) && line.ends_with(end), "{line}");
    }
}

#[tokio::test]
async fn large_bodies_are_refused_unread() {
    let simulator = Fixture::of(Auth::Any).await;
    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    let request = "POST /v3/auth/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    // Where the announced length alone does not refuse it, the missing body does: nothing hangs.
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(Answer(answer).status(), 413);

    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    let request =
        "POST /v3/auth/tokens HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; 0x10_0001]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(Answer(answer).status(), 413);
}

#[tokio::test]
async fn a_silent_connection_keeps_nobody_waiting_and_ends_with_the_server() {
    let simulator = Fixture::of(Auth::Any).await;
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
    let simulator = Fixture::of(Auth::Any).await;
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
async fn tasks_are_remembered_up_to_a_limit() {
    let simulator = Fixture::start(Options {
        scenario: Some(Scenario::Full),
        ..Options::default()
    })
    .await;
    let path = |n: usize| format!("/v2/{PROJECT_ID}/migration-task/{n:032x}/stats");
    {
        let mut memory = simulator.cloud.memory.lock().unwrap();
        let started = now().instant;
        memory
            .started
            .extend((0..MOST_TASKS).map(|n| (format!("{n:032x}"), started)));
    }
    assert_eq!(
        simulator.get(&path(MOST_TASKS), &[TOKEN]).await.status(),
        503
    );
    assert_eq!(simulator.get(&path(7), &[TOKEN]).await.status(), 200);
}

#[test]
fn speeds_that_make_no_sense_count_as_one() {
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = Options {
            speed,
            ..Options::default()
        };
        assert_eq!(
            options.real(Duration::from_secs(7)),
            Duration::from_secs(7),
            "{speed}"
        );
    }
    let options = Options {
        speed: 120.0,
        ..Options::default()
    };
    assert_eq!(
        options.real(Duration::from_secs(60)),
        Duration::from_millis(500)
    );
    assert_eq!(
        options.simulated(Duration::from_secs(2)),
        Duration::from_secs(240)
    );
    assert!(options.real(Duration::MAX) < Duration::from_secs(400_000_000));
    assert_eq!(options.simulated(Duration::MAX), Duration::MAX);
}

#[test]
fn ids_in_both_spellings_are_one() {
    let plain = "31c6fd2b2893430b90ffd1adb8060585";
    assert_eq!(
        plain_id("31C6FD2B-2893-430B-90FF-D1ADB8060585").as_deref(),
        Some(plain)
    );
    assert_eq!(plain_id(plain).as_deref(), Some(plain));
    assert_eq!(dashed(plain), "31c6fd2b-2893-430b-90ff-d1adb8060585");
    for bad in [
        "",
        "31c6fd2b",
        "31c6fd2b2893-430b90ff-d1adb8060585-",
        "31c6fd2b2893430b90ffd1adb806058g",
    ] {
        assert_eq!(plain_id(bad), None, "{bad}");
    }
}
