//! `demo` and `simulate`: starts the simulator with the settings that the command line gives.

use crate::config::cli::{DemoFlags, SimulateFlags};
use crate::config::{Environment, Problems};
use crate::escape;
use crate::simulator::{self, Auth, Options, Scenario, ServedRequest, Simulator};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use tracing::info;

/// Starts a simulator for one wait, and makes the environment in which to wait on it. The user's own credentials and
/// inputs are not part of it. `None` where something is wrong; `problems` then says what.
pub(crate) async fn prepare_demo(
    environment: &Environment,
    flags: &DemoFlags,
    problems: &mut Problems,
) -> Option<(Simulator, Environment)> {
    let options = options(
        flags.scenario.as_deref(),
        flags.speed.as_deref(),
        flags.auth.as_deref().or(Some("token")),
        problems,
    );
    let scenario = options.scenario.unwrap_or(Scenario::Incremental);
    let options = Options {
        scenario: None,
        ..options
    };
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (simulator, address) = bind(loopback, "demo", options, problems).await?;
    let kept = KEPT_BY_DEMO.iter().filter_map(|name| {
        let value = environment.variables.get(*name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    let own = simulator::environment(address, simulator.options(), scenario)
        .into_iter()
        .chain([("DCS_MAX_REQUESTS_PER_SECOND", "20".to_owned())])
        .map(|(name, value)| (name.to_owned(), value.into()));
    let demo = Environment {
        has_terminal: environment.has_terminal,
        variables: kept.chain(own).collect(),
        ..Environment::default()
    };
    Some((simulator, demo))
}

/// Says what the simulated operator does at the moment when the task shows it: in a real migration that is the user's
/// part, and without it a full + incremental task never ends.
pub(crate) fn tell_operator_acts() -> impl Fn(&ServedRequest) + Send + Sync + 'static {
    let told = AtomicUsize::new(0);
    move |served| {
        let Some((scenario, elapsed)) = served.task else {
            return;
        };
        let acts = scenario.operator_acts();
        let next = acts.get(told.load(Ordering::Relaxed));
        if let Some((_, act)) = next.filter(|(at, _)| *at <= elapsed) {
            told.fetch_add(1, Ordering::Relaxed);
            info!("simulation: the operator {act}");
        }
    }
}

/// The user's variables that say where results go and in which format.
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

/// A simulator for any client, and the banner to print at its start. `None` where something is wrong; `problems` then
/// says what.
pub(crate) async fn prepare_simulator(
    flags: &SimulateFlags,
    problems: &mut Problems,
) -> Option<(Simulator, String)> {
    let options = options(
        flags.scenario.as_deref(),
        flags.speed.as_deref(),
        flags.auth.as_deref(),
        problems,
    );
    let listen = flags.listen.as_deref().unwrap_or("127.0.0.1:8080");
    let Ok(address) = listen.parse::<SocketAddr>() else {
        problems.add(
            "--listen",
            not_accepted(listen, "an address such as 127.0.0.1:8080"),
        );
        return None;
    };
    let (simulator, address) = bind(address, "--listen", options, problems).await?;
    let banner = simulator::banner(address, simulator.options());
    Some((simulator, banner))
}

/// Binds a simulator, unless there are problems already.
async fn bind(
    address: SocketAddr,
    input: &str,
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

/// The simulator's settings from the flags; each wrong value is added to `problems`.
fn options(
    scenario: Option<&str>,
    speed: Option<&str>,
    auth: Option<&str>,
    problems: &mut Problems,
) -> Options {
    let mut options = Options {
        speed: 120.0,
        ..Options::default()
    };
    if let Some(text) = scenario {
        options.scenario = Scenario::parse(text);
        if options.scenario.is_none() {
            let names = Scenario::ALL.map(Scenario::as_str).join(", ");
            problems.add("--scenario", not_accepted(text, &names));
        }
    }
    if let Some(text) = speed {
        match text.parse() {
            Ok(speed) if (0.1..=100_000.0).contains(&speed) => options.speed = speed,
            _ => problems.add("--speed", not_accepted(text, "a number from 0.1 to 100000")),
        }
    }
    if let Some(text) = auth {
        match Auth::example(text) {
            Some(auth) => options.auth = auth,
            None => problems.add("--auth", not_accepted(text, &Auth::KINDS.join(", "))),
        }
    }
    options
}

fn not_accepted(text: &str, accepted: &str) -> String {
    format!("is `{}`; accepted: {accepted}", escape::line(text))
}

#[cfg(test)]
mod tests;
