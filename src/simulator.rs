//! A simulated DCS on loopback, with IAM in front of it: for `demo`, to rehearse a pipeline before a cutover, and for
//! tests.
//!
//! `scenario` says what the API reports of a task at which time, and is pure. `dcs` and `iam` are the two services,
//! `signature` and `jwt` check credentials for them, and `server` speaks HTTP over real sockets.
//!
//! It shares no code with the client: a mistake in the client's reading of the API must not be repeated here. From the
//! rest of the program it imports `escape` only.

mod credentials;
mod dcs;
mod iam;
mod jwt;
mod options;
mod request;
mod response;
mod scenario;
mod server;
mod signature;
mod system;

pub use credentials::Auth;
pub use options::{Options, PROJECT_ID, PROJECT_NAME};
pub use request::ServedRequest;
pub use scenario::{Fault, Scenario, Snapshot, TimeSeries};
pub use server::Simulator;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The base URL of a simulator, both of DCS and of IAM.
pub fn base_url(address: SocketAddr) -> String {
    let reachable = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    format!("http://{}", SocketAddr::new(reachable, address.port()))
}

/// The environment variables with which a client waits for the scenario's own task, credentials in clear text
/// included.
pub fn environment(
    address: SocketAddr,
    options: &Options,
    scenario: Scenario,
) -> Vec<(&'static str, String)> {
    let base = base_url(address);
    let credentials = options.auth.variables(&base);
    let credentials = credentials
        .iter()
        .map(|(name, value)| (*name, value.reveal().to_owned()));
    let mut variables = endpoint_variables(&base, options);
    variables.extend(credentials);
    variables.extend(wait_variables(options, scenario));
    variables
}

/// What `simulate` prints at its start: how to point a client at it, and which scenarios there are. Credentials are
/// only shown where they are those of [`Auth::example`].
pub fn banner(address: SocketAddr, options: &Options) -> String {
    let base = base_url(address);
    let a_second = options.simulated(Duration::from_secs(1)).as_millis() as u64;
    let mut out = format!(
        "A DCS (and IAM) for rehearsals on {base}; nothing leaves this machine.\n\
         A second here is {} of a migration. A task's clock starts when it is first asked for; to begin again, restart\n\
         the simulator.\n\n\
         Point dcs-migration-wait at it:\n\n",
        humantime::format_duration(Duration::from_millis(a_second)),
    );
    let example = options.scenario.unwrap_or(Scenario::Incremental);
    let credentials = options.auth.variables(&base);
    let credentials = credentials.iter().map(|(name, value)| {
        let shown = value.public();
        (
            *name,
            shown.map_or("...   # as you gave it".to_owned(), quoted),
        )
    });
    let before = endpoint_variables(&base, options);
    let after = wait_variables(options, example);
    let quote = |(name, value): (&'static str, String)| (name, quoted(&value));
    for (name, value) in before
        .into_iter()
        .map(quote)
        .chain(credentials)
        .chain(after.into_iter().map(quote))
    {
        let _ = writeln!(out, "  export {name}={value}");
    }
    if matches!(options.auth, Auth::Any) {
        out.push_str("\nEvery other token, access key, password or id token is accepted, too.\n");
    }
    out.push_str(&scenario_table());
    if matches!(options.auth, Auth::Any | Auth::Token(_)) {
        let _ = writeln!(
            out,
            "\nA task also changes when you act, with POST and stop, sync-stop, exchange-ip or rollback-ip:\n  \
             curl -X POST -H \"X-Auth-Token: $DCS_AUTH_TOKEN\" \\\n    \
             \"$DCS_ENDPOINT/v2/$DCS_PROJECT_ID/migration-task/{}/stop\"",
            Scenario::Live.task_id(),
        );
    }
    let others = options
        .scenario
        .map_or("is unknown".to_owned(), |scenario| {
            format!("plays {}", scenario.as_str())
        });
    let _ = writeln!(out, "\nEvery other task id {others}.");
    out
}

fn scenario_table() -> String {
    let mut out = format!(
        "\n{:<17} {:<37} {:<10} exit code\n",
        "scenario", "DCS_TASK_ID", "DCS_UNTIL"
    );
    for scenario in Scenario::ALL {
        let _ = writeln!(
            out,
            "{:<17} {:<37} {:<10} {}\n    {}",
            scenario.as_str(),
            scenario.task_id(),
            scenario.goal(),
            scenario.exit_code(),
            scenario.describe(),
        );
    }
    out
}

fn endpoint_variables(base: &str, options: &Options) -> Vec<(&'static str, String)> {
    vec![
        ("DCS_ENDPOINT", base.to_owned()),
        ("DCS_PROJECT_ID", options.project().to_owned()),
    ]
}

/// What to wait for, how often to poll, and for how long.
fn wait_variables(options: &Options, scenario: Scenario) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("DCS_TASK_ID", scenario.task_id().to_owned()),
        ("DCS_UNTIL", scenario.goal().to_owned()),
    ];
    // With the usual intervals a migration of seconds would be over before the second poll.
    for (name, seconds) in [("DCS_INITIAL_INTERVAL", 5), ("DCS_MAX_INTERVAL", 30)] {
        let usual = Duration::from_secs(seconds);
        let scaled = options.real(usual).max(SHORTEST_INTERVAL);
        if scaled < usual {
            let scaled = Duration::from_millis(scaled.as_millis() as u64);
            let scaled = humantime::format_duration(scaled).to_string();
            variables.push((name, scaled.replace(' ', "")));
        }
    }
    let timeout = options.real(scenario.timeout()).as_secs();
    let timeout = timeout.saturating_add(EXTRA_TIMEOUT.as_secs());
    variables.push(("DCS_TIMEOUT", format!("{timeout}s")));
    variables
}

/// For the pauses of the client, which are not sped up.
const EXTRA_TIMEOUT: Duration = Duration::from_secs(5);

/// The shortest interval that the default rate limit of the client allows.
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
    fn banner_lists_every_scenario() {
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
                scenario.goal(),
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
    fn banner_hides_real_secrets() {
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
    fn every_auth_kind_has_an_example() {
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
    fn wildcard_address_is_reached_on_loopback() {
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
