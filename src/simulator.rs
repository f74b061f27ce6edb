//! A DCS on loopback, with the IAM in front of it: for `demo`, for rehearsing a pipeline before the night of the
//! cutover, and for our own tests.
//!
//! [`scenario`](Scenario) says what a task shows at which time and is pure; `server` speaks HTTP over real sockets and
//! keeps the clocks; `iam` admits or refuses, as the cloud would.
//!
//! It shares no code with the client but the signer: a mistake in the client's reading of the API must not be made here
//! again. It asks for the time and sleeps on its own account, since it plays the world outside.

mod iam;
mod jwt;
mod reply;
mod scenario;
mod server;

pub use iam::Auth;
pub use scenario::{Fault, Frame, REDIS_PASSWORD, Scenario};
pub use server::{Options, Served, Simulator, serve};

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The project that the simulator knows by default.
pub const PROJECT_ID: &str = "666486c2d9b948c1bbea57e714d744fa";
/// Its name.
pub const PROJECT_NAME: &str = "eu-de_rehearsal";

/// The base URL of a simulator, both as DCS and as IAM.
pub fn base_url(address: SocketAddr) -> String {
    let reachable = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    format!("http://{}", SocketAddr::new(reachable, address.port()))
}

/// The environment variables with which a client waits for the scenario's own task. They hold the credentials in clear.
pub fn environment(
    address: SocketAddr,
    options: &Options,
    scenario: Scenario,
) -> Vec<(&'static str, String)> {
    let base = base_url(address);
    let credentials = options
        .auth
        .variables(&base)
        .into_iter()
        .map(|(name, value)| (name, value.reveal()));
    let mut variables = target(&base, options);
    variables.extend(credentials);
    variables.extend(wait(options, scenario));
    variables
}

/// What `simulate` says at its start: how to point a client at it, and what there is to see. Credentials are only
/// shown where they are [`Auth::example`]'s.
pub fn banner(address: SocketAddr, options: &Options) -> String {
    let base = base_url(address);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "A DCS (and IAM) for rehearsals on {base}; nothing leaves this machine.\n\
         A second here is {} of a migration. A task's clock starts when it is first asked for; to begin again, restart\n\
         the simulator.\n",
        humantime::format_duration(Duration::from_millis(
            options.simulated(Duration::from_secs(1)).as_millis() as u64
        )),
    );

    let _ = writeln!(out, "Point dcs-migration-wait at it:\n");
    let example = Scenario::Incremental;
    for (name, value) in target(&base, options) {
        let _ = writeln!(out, "  export {name}={}", quoted(&value));
    }
    for (name, value) in options.auth.variables(&base) {
        let value = value.public().map_or_else(
            || "...   # as you gave it".to_owned(),
            |value| quoted(&value),
        );
        let _ = writeln!(out, "  export {name}={value}");
    }
    for (name, value) in wait(options, example) {
        let _ = writeln!(out, "  export {name}={}", quoted(&value));
    }
    if matches!(options.auth, Auth::Any) {
        let _ = writeln!(
            out,
            "\nEvery other token, access key, password or id token is accepted, too."
        );
    }

    let _ = writeln!(
        out,
        "\n{:<17} {:<37} {:<10} exit code",
        "scenario", "DCS_TASK_ID", "DCS_UNTIL"
    );
    for scenario in Scenario::ALL {
        let _ = writeln!(
            out,
            "{:<17} {:<37} {:<10} {}\n    {}",
            scenario.as_str(),
            scenario.task_id(),
            scenario.goal().as_str(),
            scenario.exit_code(),
            scenario.describe(),
        );
    }
    if matches!(options.auth, Auth::Any | Auth::Token(_)) {
        let _ = writeln!(
            out,
            "\nA task also changes when you act, with POST and stop, sync-stop, exchange-ip or rollback-ip:\n  \
             curl -X POST -H \"X-Auth-Token: $DCS_AUTH_TOKEN\" \\\n    \
             \"$DCS_ENDPOINT/v2/$DCS_PROJECT_ID/migration-task/{}/stop\"",
            Scenario::Live.task_id(),
        );
    }
    match options.scenario {
        Some(scenario) => {
            let _ = writeln!(out, "\nEvery other task id plays {}.", scenario.as_str());
        }
        None => {
            let _ = writeln!(out, "\nEvery other task id is unknown.");
        }
    }
    out
}

/// Where the simulator is.
fn target(base: &str, options: &Options) -> Vec<(&'static str, String)> {
    let project = options.project_id.as_deref().unwrap_or(PROJECT_ID);
    vec![
        ("DCS_ENDPOINT", base.to_owned()),
        ("DCS_PROJECT_ID", project.to_owned()),
    ]
}

/// What to wait for, how often to poll, and for how long.
fn wait(options: &Options, scenario: Scenario) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("DCS_TASK_ID", scenario.task_id().to_owned()),
        ("DCS_UNTIL", scenario.goal().as_str().to_owned()),
    ];
    // Usual intervals would sleep through a migration that is over in seconds. The budget of requests bounds the rest.
    let usual = [("DCS_INITIAL_INTERVAL", 5), ("DCS_MAX_INTERVAL", 30)];
    for (name, seconds) in usual {
        let usual = Duration::from_secs(seconds);
        let scaled = options.real(usual).max(SHORTEST_INTERVAL);
        if scaled < usual {
            let scaled = Duration::from_millis(scaled.as_millis() as u64);
            variables.push((
                name,
                humantime::format_duration(scaled)
                    .to_string()
                    .replace(' ', ""),
            ));
        }
    }
    // A little more for the waiter's own pauses, which are not sped up.
    let timeout = options
        .real(scenario.patience())
        .as_secs()
        .saturating_add(GRACE.as_secs());
    variables.push(("DCS_TIMEOUT", format!("{timeout}s")));
    variables
}

/// What a wait may take longer than the migration itself.
const GRACE: Duration = Duration::from_secs(5);

/// The shortest interval that the usual budget of requests allows for.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);

/// A value for a POSIX shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn address() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))
    }

    #[test]
    fn the_banner_names_every_scenario_and_how_to_get_there() {
        let banner = banner(
            address(),
            &Options {
                speed: 120.0,
                ..Options::default()
            },
        );
        for scenario in Scenario::ALL {
            for part in [
                scenario.as_str(),
                scenario.task_id(),
                scenario.goal().as_str(),
                scenario.describe(),
            ] {
                assert!(banner.contains(part), "{part}");
            }
        }
        for line in [
            "export DCS_ENDPOINT='http://127.0.0.1:8080'\n",
            "export DCS_PROJECT_ID='666486c2d9b948c1bbea57e714d744fa'\n",
            "export DCS_TASK_ID='dc500000-0000-4000-8000-000000000001'\n",
            "export DCS_AUTH_TOKEN='simulated-token'\n",
            "export DCS_INITIAL_INTERVAL='250ms'\n",
            "export DCS_TIMEOUT='35s'\n",
            "A second here is 2m of a migration",
        ] {
            assert!(banner.contains(line), "{line} in\n{banner}");
        }
    }

    #[test]
    fn the_banner_shows_no_secret_of_anybody() {
        let own = SecretString::from("hunter2-hunter2");
        let options = |auth| Options {
            auth,
            ..Options::default()
        };
        for auth in [
            Auth::Token(own.clone()),
            Auth::AccessKey {
                access_key: "AK".to_owned(),
                secret_key: own.clone(),
                security_token: Some(own.clone()),
            },
            Auth::Password {
                username: "o'user".to_owned(),
                password: own.clone(),
                domain_name: "d".to_owned(),
            },
        ] {
            let shown = banner(address(), &options(auth.clone()));
            assert!(!shown.contains("hunter2"), "{shown}");
            let variables = environment(address(), &options(auth), Scenario::Full);
            assert!(
                variables
                    .iter()
                    .any(|(_, value)| value == "hunter2-hunter2")
            );
        }
        let auth = Auth::Password {
            username: "o'user".to_owned(),
            password: own,
            domain_name: "d".to_owned(),
        };
        assert!(banner(address(), &options(auth)).contains(r"export DCS_USERNAME='o'\''user'"));
    }

    #[test]
    fn every_kind_of_sign_in_has_an_example() {
        for kind in Auth::KINDS {
            let auth = Auth::example(kind).unwrap();
            let options = Options {
                auth,
                ..Options::default()
            };
            let shown = banner(address(), &options);
            for (name, value) in environment(address(), &options, Scenario::Incremental) {
                assert!(
                    shown.contains(&format!("export {name}={}\n", quoted(&value))),
                    "{name}={value} in\n{shown}"
                );
            }
        }
        assert!(Auth::example("kerberos").is_none());
    }

    #[test]
    fn a_wildcard_address_is_reached_on_loopback() {
        assert_eq!(
            base_url(SocketAddr::from(([0, 0, 0, 0], 80))),
            "http://127.0.0.1:80"
        );
        assert_eq!(
            base_url(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8080))),
            "http://[::1]:8080"
        );
    }
}
