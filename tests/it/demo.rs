//! The simulator, as people rehearse with it.

use crate::support::sandbox::{self, BINARY, BOUND};
use crate::support::{Run, Sandbox, each};
use dcs_migration_wait::simulator::Scenario;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Instant;

/// What `demo` waits for, and how that ends by the contract.
fn end(scenario: Scenario) -> (&'static str, i32) {
    match scenario {
        Scenario::Incremental | Scenario::Full | Scenario::Flaky => ("completed", 0),
        Scenario::Switch => ("switched", 0),
        Scenario::InSync | Scenario::Resync | Scenario::Live => ("in-sync", 0),
        Scenario::Failed | Scenario::StoppedShort | Scenario::Rollback | Scenario::LostKeys => {
            ("failed", 3)
        }
        Scenario::NeverConfigured | Scenario::EmptyRestart => ("timeout", 124),
    }
}

#[test]
fn each_scenario_ends_as_it_says() {
    each(
        &Scenario::ALL,
        |scenario| scenario.as_str().to_owned(),
        |&scenario| {
            let run = Sandbox::new()
                .unset("DCS_DOTENV")
                .args(&["demo", "--scenario", scenario.as_str(), "--speed", "300"])
                .run();
            let (result, code) = end(scenario);
            assert_eq!(i32::from(scenario.exit_code()), code);
            assert_eq!(
                (run.output("result"), run.code),
                (result, code),
                "{}",
                run.transcript()
            );
            assert!(
                run.log().contains(scenario.task_id()),
                "{}",
                run.transcript()
            );
            assert!(run.summary.contains(result), "{}", run.summary);
        },
    );
}

#[test]
fn every_sign_in_works_in_demo() {
    let kinds = [
        ("token", "token"),
        ("access-key", "access key"),
        ("password", "password"),
        ("oidc", "OIDC"),
    ];
    each(
        &kinds,
        |kind| kind.0.to_owned(),
        |(kind, words)| {
            let run = Sandbox::new()
                .args(&[
                    "demo",
                    "--scenario",
                    "full",
                    "--speed",
                    "600",
                    "--auth",
                    kind,
                ])
                .run();
            assert_eq!(
                (run.output("result"), run.code),
                ("completed", 0),
                "{}",
                run.transcript()
            );
            assert!(run.sign_in().contains(words), "{}", run.transcript());
        },
    );
}

#[test]
fn demo_ignores_the_users_settings() {
    // A production address, and a proxy that is not there.
    let run = Sandbox::new()
        .sets(&[
            ("DCS_ENDPOINT", "https://dcs.eu-de.otc.t-systems.com"),
            ("OS_CLOUD", "nowhere"),
            ("DCS_UNTIL", "in-sync"),
        ])
        .sets(&[
            ("HTTP_PROXY", "http://127.0.0.1:1"),
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
            ("DCS_TASK_ID", "x"),
        ])
        .secret("OS_TOKEN", "TokenOfProduction")
        .args(&["demo", "--scenario", "full", "--speed", "600"])
        .run();
    assert_eq!(
        (run.output("result"), run.code),
        ("completed", 0),
        "{}",
        run.transcript()
    );
    run.shows_no_secret();
}

#[test]
fn wait_flags_work_in_demo() {
    let run = Sandbox::new()
        .args(&[
            "demo",
            "--scenario",
            "incremental",
            "--speed",
            "600",
            "--until",
            "full-sync",
        ])
        .run();
    assert_eq!(
        (run.output("result"), run.code),
        ("full-sync", 0),
        "{}",
        run.transcript()
    );
}

#[test]
fn exports_are_of_the_scenario() {
    for scenario in [Scenario::Failed, Scenario::Switch, Scenario::EmptyRestart] {
        let simulator = Simulator::start(&["--scenario", scenario.as_str()]);
        assert_eq!(simulator.variable("DCS_TASK_ID"), scenario.task_id());
        assert_eq!(simulator.variable("DCS_UNTIL"), scenario.goal());
    }
}

#[test]
fn demo_shows_the_operators_part() {
    let run = Sandbox::new().args(&["demo", "--speed", "300"]).run();
    let log = run.log();
    let told = log.matches("the operator stops the task").count();
    assert_eq!(told, 1, "{log}");
}

#[test]
fn wrong_demo_settings_are_refused() {
    let rows = [
        ("--scenario", "succes", "stopped-short"),
        ("--speed", "fast", "number"),
        ("--speed", "0", "number"),
        ("--auth", "kerberos", "oidc"),
    ];
    for (flag, value, accepted) in rows {
        let run = Sandbox::new().args(&["demo", flag, value]).run();
        assert_eq!(
            (run.output("result"), run.code),
            ("invalid-input", 2),
            "{}",
            run.transcript()
        );
        run.says(&[flag, value, accepted]);
    }
}

/// A simulator, and what it prints; ends with the test.
struct Simulator {
    child: Child,
    /// `export NAME='value'`, as for a shell.
    variables: Vec<(String, String)>,
    banner: Vec<String>,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Simulator {
    fn start(arguments: &[&str]) -> Self {
        let sandbox = Sandbox::new()
            .args(&["simulate", "--listen", "127.0.0.1:0"])
            .args(arguments);
        let mut child = sandbox
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut simulator = Self {
            child,
            variables: Vec::new(),
            banner: Vec::new(),
        };
        for line in lines {
            let line = line.unwrap();
            if let Some((name, value)) = line
                .trim()
                .strip_prefix("export ")
                .and_then(|line| line.split_once('='))
            {
                simulator
                    .variables
                    .push((name.to_owned(), value.trim_matches('\'').to_owned()));
            }
            let is_last = line.contains("Every other task id");
            simulator.banner.push(line);
            if is_last {
                break;
            }
        }
        simulator
    }

    fn variable(&self, name: &str) -> &str {
        &self
            .variables
            .iter()
            .find(|variable| variable.0 == name)
            .unwrap_or_else(|| panic!("no {name}"))
            .1
    }

    /// The id of a scenario's own task.
    fn task(&self, scenario: &str) -> &str {
        let row = |line: &&String| {
            line.split_whitespace().next() == Some(scenario) && !line.starts_with(' ')
        };
        self.banner
            .iter()
            .find(row)
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
    }

    /// A wait on a scenario's own task.
    fn wait(&self, scenario: &str) -> Sandbox {
        let variables = self.variables.iter();
        let sandbox = variables.fold(Sandbox::new(), |sandbox, (name, value)| {
            sandbox.set(name, value)
        });
        sandbox.set("DCS_TASK_ID", self.task(scenario))
    }

    /// What a user does with a scenario's own task. The status of the answer, and its body.
    fn post(&self, scenario: &str, action: &str, body: &str) -> (u16, String) {
        let address = self.variable("DCS_ENDPOINT").trim_start_matches("http://");
        let target = format!(
            "/v2/{}/migration-task/{}/{action}",
            self.variable("DCS_PROJECT_ID"),
            self.task(scenario)
        );
        let token = self.variable("DCS_AUTH_TOKEN");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: {address}\r\nX-Auth-Token: {token}\r\nConnection: close\r\n"
        );
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            body.to_owned(),
        )
    }
}

#[test]
fn simulators_banner_is_enough_to_wait() {
    each(
        &["any", "token", "access-key", "password", "oidc"],
        |auth| (*auth).to_owned(),
        |auth| {
            let simulator = Simulator::start(&["--speed", "600", "--auth", auth]);
            let run: Run = simulator.wait("full").run();
            assert_eq!(
                (run.output("result"), run.code),
                ("completed", 0),
                "{auth}: {}",
                run.transcript()
            );
        },
    );
}

#[test]
fn a_live_task_ends_when_stopped() {
    let simulator = Simulator::start(&["--speed", "600"]);
    simulator
        .wait("live")
        .set("DCS_UNTIL", "in-sync")
        .run()
        .ended("in-sync", 0);
    // No action yet: it migrates, however long it takes until there is one.
    simulator
        .wait("live")
        .set("DCS_UNTIL", "completed")
        .set("DCS_TIMEOUT", "1s")
        .run()
        .ended("timeout", 124);
    let (status, body) = simulator.post("live", "stop", "");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, body["status"].as_str()),
        (200, Some("TERMINATING"))
    );
    let run = simulator.wait("live").set("DCS_UNTIL", "completed").run();
    run.ended("completed", 0);
    assert_eq!(
        run.output("task-status"),
        "TERMINATED",
        "{}",
        run.transcript()
    );
    assert_eq!(simulator.post("live", "stop", "").0, 400);
}

#[test]
fn a_live_switch_is_waited_for() {
    let simulator = Simulator::start(&["--speed", "600"]);
    simulator
        .wait("live")
        .set("DCS_UNTIL", "in-sync")
        .run()
        .ended("in-sync", 0);
    let exchange = r#"{"exchanged_ip":["192.168.1.139"],"is_exchange_domain":false}"#;
    assert_eq!(
        simulator.post("live", "exchange-ip", exchange),
        (204, String::new())
    );
    simulator
        .wait("live")
        .set("DCS_UNTIL", "switched")
        .run()
        .ended("switched", 0);
    let run = simulator.wait("live").set("DCS_UNTIL", "completed").run();
    run.ended("completed", 0);
    assert_eq!(run.output("is-migrating"), "false", "{}", run.transcript());

    assert_eq!(
        simulator.post("live", "rollback-ip", ""),
        (204, String::new())
    );
    for until in ["switched", "completed", "in-sync", "full-sync"] {
        let run = simulator.wait("live").set("DCS_UNTIL", until).run();
        run.ended("failed", 3).says(&["rolled back"]);
    }
}

#[test]
fn simulator_ends_by_signals() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let sandbox = Sandbox::new().args(&["simulate", "--listen", "127.0.0.1:0"]);
        let mut child = sandbox
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut first)
            .unwrap();
        assert!(sandbox::signal(child.id(), signal));
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < BOUND, "{BINARY} has not ended");
        };
        assert_eq!(status.code(), Some(code));
    }
    for listen in ["nowhere", "127.0.0.1", "203.0.113.7:1"] {
        let run = Sandbox::new().args(&["simulate", "--listen", listen]).run();
        assert_eq!(run.code, 2, "{}", run.transcript());
        assert!(run.stderr.contains("--listen"), "{}", run.transcript());
    }
}
