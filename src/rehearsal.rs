//! `demo` and `simulate`: the simulator as the command line wants it.

use crate::config::cli::{DemoFlags, SimulateFlags};
use crate::config::{Environment, Problem, Problems};
use crate::escape;
use crate::simulator::{self, Auth, Options, Scenario, Simulator};
use std::net::SocketAddr;

/// Starts a simulator for one wait, and makes the environment in which to wait on it: nothing of the user's own
/// credentials and inputs gets in. `None` where that is not possible; why, is in `problems`.
pub(crate) async fn prepare_demo(
    environment: &Environment,
    flags: &DemoFlags,
    problems: &mut Problems,
) -> Option<(Simulator, Environment)> {
    let (scenario, options) = simulator_options(
        flags.scenario.as_deref(),
        flags.speed.as_deref(),
        flags.auth.as_deref(),
        problems,
    );
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let (simulator, address) = bind(loopback, "demo", options, problems).await?;
    let scenario = scenario.unwrap_or(Scenario::Incremental);
    let mut demo = Environment {
        has_terminal: environment.has_terminal,
        ..Environment::default()
    };
    for name in KEPT_BY_DEMO {
        if let Some(value) = environment.variables.get(name) {
            demo.variables.insert(name.to_owned(), value.clone());
        }
    }
    for (name, value) in simulator::environment(address, simulator.options(), scenario) {
        demo.variables.insert(name.to_owned(), value.into());
    }
    demo.variables
        .insert("DCS_MAX_REQUESTS_PER_SECOND".to_owned(), "20".into());
    Some((simulator, demo))
}

/// What of the user's environment says where results go and how they look.
const KEPT_BY_DEMO: [&str; 9] = [
    "GITHUB_ACTIONS",
    "GITHUB_OUTPUT",
    "GITHUB_STEP_SUMMARY",
    "GITLAB_CI",
    "RUST_LOG",
    "DCS_LOG_LEVEL",
    "DCS_LOG_FORMAT",
    "CI",
    "TERM",
];

/// A simulator that serves anybody, as the flags want it, with the words that it begins with. `None` where that is not
/// possible; why, is in `problems`.
pub(crate) async fn prepare_simulator(
    flags: &SimulateFlags,
    problems: &mut Problems,
) -> Option<(Simulator, String)> {
    let (scenario, mut options) = simulator_options(
        flags.scenario.as_deref(),
        flags.speed.as_deref(),
        flags.auth.as_deref(),
        problems,
    );
    if flags.auth.is_none() {
        options.auth = Auth::Any;
    }
    options.scenario = scenario;
    let listen = flags.listen.as_deref().unwrap_or("127.0.0.1:8080");
    let Ok(address) = listen.parse::<SocketAddr>() else {
        let text = format!(
            "is `{}`; accepted: an address such as 127.0.0.1:8080",
            escape::line(listen)
        );
        problems.add("--listen", text);
        return None;
    };
    let (simulator, address) = bind(address, "--listen", options, problems).await?;
    let banner = simulator::banner(address, simulator.options());
    Some((simulator, banner))
}

/// Binds a simulator, unless something is wrong already.
async fn bind(
    address: SocketAddr,
    input: &'static str,
    options: Options,
    problems: &mut Problems,
) -> Option<(Simulator, SocketAddr)> {
    if !problems.0.is_empty() {
        return None;
    }
    let simulator = Simulator::bind(address, options).await;
    match simulator.and_then(|simulator| simulator.address().map(|address| (simulator, address))) {
        Ok(bound) => Some(bound),
        Err(error) => {
            problems.add(input, format!("cannot listen on {address}: {error}"));
            None
        }
    }
}

/// The simulator's settings from flags; what is wrong goes to `problems`.
fn simulator_options(
    scenario: Option<&str>,
    speed: Option<&str>,
    auth: Option<&str>,
    problems: &mut Problems,
) -> (Option<Scenario>, Options) {
    let mut wrong = |flag: &str, text: &str, accepted: String| {
        let text = format!("is `{}`; accepted: {accepted}", escape::line(text));
        problems.0.push(Problem {
            input: flag.to_owned(),
            source: None,
            text,
        });
    };
    let names = || Scenario::ALL.map(Scenario::as_str).join(", ");
    let parsed = scenario.and_then(Scenario::parse);
    if let (Some(text), None) = (scenario, parsed) {
        wrong("--scenario", text, names());
    }
    let mut options = Options {
        speed: 120.0,
        auth: Auth::example("token").unwrap_or(Auth::Any),
        ..Options::default()
    };
    if let Some(text) = speed {
        match text
            .parse()
            .ok()
            .filter(|speed: &f64| (0.1..=100_000.0).contains(speed))
        {
            Some(speed) => options.speed = speed,
            None => wrong("--speed", text, "a number from 0.1 to 100000".to_owned()),
        }
    }
    if let Some(text) = auth {
        match Auth::example(text) {
            Some(auth) => options.auth = auth,
            None => wrong("--auth", text, Auth::KINDS.join(", ")),
        }
    }
    (parsed, options)
}
