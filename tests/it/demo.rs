//! The simulator, as people rehearse with it.

use crate::support::sandbox::{self, BINARY, BOUND};
use crate::support::{Run, Sandbox, each};
use dcs_migration_wait::simulator::Scenario;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Instant;

/// What `demo` waits for, and how that ends by the contract.
fn end(scenario: Scenario) -> (&'static str, i32) {
    match scenario {
        Scenario::Incremental | Scenario::Full | Scenario::Flaky => ("completed", 0),
        Scenario::InSync | Scenario::Resync => ("in-sync", 0),
        Scenario::Failed | Scenario::StoppedShort => ("failed", 3),
        Scenario::NeverConfigured => ("timeout", 124),
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
            assert_eq!((run.output("result"), run.code), (result, code), "{}", run.story());
            assert_eq!(i32::from(scenario.exit_code()), code);
            assert!(run.log().contains(scenario.task_id()), "{}", run.story());
            assert!(run.summary.contains(result), "{}", run.summary);
        },
    );
}

#[test]
fn each_kind_of_sign_in_works_in_the_demo() {
    let kinds = [("token", "token"), ("access-key", "access key"), ("password", "password"), ("oidc", "OIDC")];
    each(
        &kinds,
        |kind| kind.0.to_owned(),
        |(kind, words)| {
            let run = Sandbox::new().args(&["demo", "--scenario", "full", "--speed", "600", "--auth", kind]).run();
            assert_eq!((run.output("result"), run.code), ("completed", 0), "{}", run.story());
            assert!(run.sign_in().contains(words), "{}", run.story());
        },
    );
}

#[test]
fn the_demo_takes_nothing_from_the_user_s_own_settings() {
    // Somebody's production, and a proxy that is not there.
    let run = Sandbox::new()
        .sets(&[
            ("DCS_ENDPOINT", "https://dcs.eu-de.otc.t-systems.com"),
            ("OS_CLOUD", "nowhere"),
            ("DCS_UNTIL", "in-sync"),
        ])
        .sets(&[("HTTP_PROXY", "http://127.0.0.1:1"), ("HTTPS_PROXY", "http://127.0.0.1:1"), ("DCS_TASK_ID", "x")])
        .secret("OS_TOKEN", "TokenOfProduction")
        .args(&["demo", "--scenario", "full", "--speed", "600"])
        .run();
    assert_eq!((run.output("result"), run.code), ("completed", 0), "{}", run.story());
    run.shows_no_secret();
}

#[test]
fn flags_of_a_wait_work_in_the_demo() {
    let run =
        Sandbox::new().args(&["demo", "--scenario", "incremental", "--speed", "600", "--until", "full-sync"]).run();
    assert_eq!((run.output("result"), run.code), ("full-sync", 0), "{}", run.story());
}

#[test]
fn wrong_settings_of_the_demo_are_refused() {
    let rows = [
        ("--scenario", "succes", "stopped-short"),
        ("--speed", "fast", "number"),
        ("--speed", "0", "number"),
        ("--auth", "kerberos", "oidc"),
    ];
    for (flag, value, accepted) in rows {
        let run = Sandbox::new().args(&["demo", flag, value]).run();
        assert_eq!((run.output("result"), run.code), ("invalid-input", 2), "{}", run.story());
        run.says(&[flag, value, accepted]);
    }
}

/// Ends with the test.
struct Simulator(Child);

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_simulator_serves_a_wait_with_what_it_prints() {
    each(
        &["any", "token", "access-key", "password", "oidc"],
        |auth| (*auth).to_owned(),
        |auth| {
            let sandbox =
                Sandbox::new().args(&["simulate", "--listen", "127.0.0.1:0", "--speed", "600", "--auth", auth]);
            let mut child = sandbox.command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let simulator = Simulator(child);
            // `export NAME='value'`, as for a shell.
            let mut variables = Vec::new();
            let mut full = String::new();
            for line in lines {
                let line = line.unwrap();
                if let Some((name, value)) = line.trim().strip_prefix("export ").and_then(|line| line.split_once('=')) {
                    variables.push((name.to_owned(), value.trim_matches('\'').to_owned()));
                }
                if line.starts_with("full ") {
                    full = line.split_whitespace().nth(1).unwrap().to_owned();
                }
                if line.contains("Every other task id") {
                    break;
                }
            }
            let mut wait = Sandbox::new();
            for (name, value) in &variables {
                wait = wait.set(name, value);
            }
            let run: Run = wait.set("DCS_TASK_ID", &full).run();
            assert_eq!((run.output("result"), run.code), ("completed", 0), "{auth}: {}", run.story());
            drop(simulator);
        },
    );
}

#[test]
fn the_simulator_ends_by_signals_and_refuses_what_it_cannot_listen_on() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let sandbox = Sandbox::new().args(&["simulate", "--listen", "127.0.0.1:0"]);
        let mut child = sandbox.command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
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
        assert_eq!(run.code, 2, "{}", run.story());
        assert!(run.stderr.contains("--listen"), "{}", run.story());
    }
}
