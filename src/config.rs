//! Inputs, resolved and valid, or every problem at once.
//!
//! The only code that reads the environment, and the files that inputs name. Raw strings stop here: what comes out can
//! be used as it is.

pub mod cli;
pub mod error;
pub mod inputs;

pub use error::{Problem, Problems};

use crate::api::{Connection, Proxies};
use crate::auth::file::{is_plain, read_file, read_id_token};
use crate::auth::{
    self, AccessKey, Credentials, IdTokenSource, Oidc, Password, ProjectScope, clouds, endpoint,
    oidc,
};
use crate::domain::{Condition, Goal, KeyLimit, TaskId};
use crate::escape;
use crate::report::{Forge, LogFormat, OutputSettings, ReportFile, ReportFormat};
use crate::wait::{Plan, PollSettings, Rules, StatusCheck, Tasks};
use cli::Flags;
use inputs::{INPUTS, Input};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing_subscriber::filter::{LevelFilter, Targets};
use url::Url;

/// What surrounds the process: read once, handed around as a value. No `Debug`: it holds secrets.
#[derive(Clone, Default)]
pub struct Environment {
    /// Arguments, without the program's name.
    pub arguments: Vec<OsString>,
    /// Environment variables.
    pub variables: BTreeMap<String, OsString>,
    /// Whether standard error is a terminal.
    pub has_terminal: bool,
}

impl Environment {
    /// The process's own.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the environment is read"
    )]
    pub fn of_process() -> Self {
        Self {
            arguments: std::env::args_os().skip(1).collect(),
            has_terminal: std::io::stderr().is_terminal(),
            variables: std::env::vars_os()
                .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
                .collect(),
        }
    }

    /// The variable's value; empty after trimming counts as not set.
    fn get(&self, name: &str) -> Option<String> {
        let value = self
            .variables
            .get(name)?
            .to_string_lossy()
            .trim()
            .to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// The forge that runs us.
    pub fn forge(&self) -> Forge {
        let is_true = |name| {
            self.get(name)
                .is_some_and(|value| value == "true" || value == "1")
        };
        if is_true("GITHUB_ACTIONS") {
            Forge::GitHub
        } else if is_true("GITLAB_CI") {
            Forge::GitLab
        } else {
            Forge::None
        }
    }
}

/// Everything that a wait needs.
#[derive(Debug)]
pub struct Config {
    /// What is waited for.
    pub plan: Plan,
    /// How to sign in.
    pub credentials: Credentials,
    /// Where and how to ask.
    pub connection: Connection,
    /// What a person should know about the inputs, although nothing is wrong.
    pub remarks: Vec<String>,
}

/// Where results go, as far as that can be told without opening a file.
pub fn output(environment: &Environment, flags: &Flags) -> OutputSettings {
    Reader {
        environment,
        flags: flags.clone(),
        cloud: None,
        problems: Problems::default(),
    }
    .output()
}

/// Reads the environment: where results go, and what is wanted, or why that cannot be.
pub fn resolve(
    environment: &Environment,
    flags: Flags,
    problems: Problems,
) -> (OutputSettings, Result<Config, Problems>) {
    let mut reader = Reader {
        environment,
        flags,
        cloud: None,
        problems,
    };
    reader.refuse_misspelled_variables();
    let unread = match reader.read_clouds() {
        Ok(cloud) => {
            reader.cloud = cloud;
            None
        }
        Err(text) => Some(text),
    };
    let output = reader.output();
    let config = reader.config();
    let Reader { mut problems, .. } = reader;
    for problem in &mut problems.0 {
        // A secret that somebody set in the wrong place, too.
        problem.text = auth::redact(&problem.text, &output.secrets);
    }
    match (config, unread) {
        // Some shells have the variable set for good; it only matters where something is missing.
        (Some(mut config), unread) if problems.0.is_empty() => {
            config
                .remarks
                .extend(unread.map(|text| format!("OS_CLOUD {text}; nothing of it was needed")));
            (output, Ok(config))
        }
        (_, unread) => {
            if let Some(text) = unread {
                problems.add("OS_CLOUD", text);
            }
            (output, Err(problems))
        }
    }
}

/// A value, and where it came from.
struct Found {
    text: String,
    source: String,
}

struct Reader<'a> {
    environment: &'a Environment,
    flags: Flags,
    cloud: Option<clouds::Cloud>,
    problems: Problems,
}

/// The kinds of credential, in the order in which they win.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Token,
    AccessKey,
    Oidc,
    Password,
}

impl Kind {
    /// The first kind that is wholly there; or, where one is only half there, the half that is missing and the half that
    /// is set.
    fn of(is_set: impl Fn(&str) -> bool) -> Result<Option<Self>, (&'static str, &'static str)> {
        if is_set("auth-token") {
            return Ok(Some(Self::Token));
        }
        match (is_set("access-key"), is_set("secret-key")) {
            (true, true) => return Ok(Some(Self::AccessKey)),
            (true, false) => return Err(("secret-key", "access-key")),
            (false, true) => return Err(("access-key", "secret-key")),
            (false, false) => {}
        }
        if is_set("idp-id") {
            return Ok(Some(Self::Oidc));
        }
        match (is_set("username"), is_set("password")) {
            (true, true) => Ok(Some(Self::Password)),
            (true, false) => Err(("password", "username")),
            (false, true) => Err(("username", "password")),
            (false, false) => Ok(None),
        }
    }
}

/// With which a job asks GitHub for its OIDC token.
const JOB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// A duration longer than this is a mistake, or `1M`, which is a month.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

const DURATION: &str = "accepted: a duration with units, such as `90s`, `45m` or `1h 30m`";

impl Reader<'_> {
    /// The input's value, unless it only stands in clouds.yaml.
    fn find_explicit(&self, name: &str) -> Option<Found> {
        let input = Input::named(name)?;
        if let Some(text) = self.flags.get(name).and_then(|text| tidy(name, text)) {
            return Some(Found {
                text,
                source: format!("--{name}"),
            });
        }
        input.variables().into_iter().find_map(|variable| {
            let text = self.environment.variables.get(&variable)?.to_string_lossy();
            Some(Found {
                text: tidy(name, &text)?,
                source: variable,
            })
        })
    }

    fn find(&self, name: &str) -> Option<Found> {
        self.find_explicit(name).or_else(|| {
            let text = tidy(name, &self.in_clouds(name)?)?;
            Some(Found {
                text,
                source: "clouds.yaml".to_owned(),
            })
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(|found| found.text)
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// The input's value, or `default`. Where it is wrong, that is noted and the default taken, to go on and find
    /// everything that is wrong.
    fn parse<T>(
        &mut self,
        name: &'static str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let Some(found) = self.find(name) else {
            return default;
        };
        match parse(&found.text) {
            Ok(value) => value,
            Err(text) => {
                let value = match Input::named(name) {
                    Some(input) if input.is_secret() => String::new(),
                    _ => format!("is `{}`: ", escape::line(&without_password(&found.text))),
                };
                let text = format!("{value}{text}");
                self.problems.0.push(Problem {
                    input: name.to_owned(),
                    source: Some(found.source),
                    text,
                });
                default
            }
        }
    }

    fn switch(&mut self, name: &'static str, default: bool) -> bool {
        self.parse(name, default, |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(true),
                "false" | "no" | "off" | "0" => Ok(false),
                _ => Err("accepted: `true` or `false`".to_owned()),
            }
        })
    }

    fn duration(&mut self, name: &'static str, default: Duration, shortest: Duration) -> Duration {
        self.parse(name, default, |text| {
            let duration = parse_duration(text)?;
            if duration < shortest {
                let shortest = humantime::format_duration(shortest);
                return Err(format!(
                    "shorter than {shortest}; accepted: {shortest} or longer"
                ));
            }
            Ok(duration)
        })
    }

    /// A name that is nearly one of ours is a mistake that would silently change what is waited for.
    fn refuse_misspelled_variables(&mut self) {
        let known: BTreeSet<String> = INPUTS.iter().flat_map(Input::variables).collect();
        let is_ours = |name: &str| {
            known.contains(name)
                || name
                    .strip_prefix("DCS_")
                    .is_some_and(crate::report::is_output_variable)
        };
        for name in self.environment.variables.keys() {
            let candidate = name.starts_with("INPUT_") || name.starts_with("DCS_");
            if !candidate || is_ours(name) || self.environment.get(name).is_none() {
                continue;
            }
            let nearest = known
                .iter()
                .map(|other| {
                    (
                        strsim::damerau_levenshtein(&name.to_ascii_uppercase(), other),
                        other,
                    )
                })
                .min();
            if let Some((distance, other)) = nearest
                && distance <= 2
            {
                self.problems.add(
                    &escape::line(name),
                    format!("is not known; did you mean `{other}`?"),
                );
            }
        }
    }

    /// The cloud that `OS_CLOUD` names; or what is wrong with it, as the end of a sentence.
    fn read_clouds(&self) -> Result<Option<clouds::Cloud>, String> {
        let Some(name) = self.environment.get("OS_CLOUD") else {
            return Ok(None);
        };
        let get = |name: &str| self.environment.get(name);
        let (home, xdg) = (get("HOME"), get("XDG_CONFIG_HOME"));
        let paths = clouds::search_paths(
            get("OS_CLIENT_CONFIG_FILE").as_deref(),
            home.as_deref(),
            xdg.as_deref(),
        );
        let secure_paths = clouds::secure_search_paths(
            get("OS_CLIENT_SECURE_FILE").as_deref(),
            home.as_deref(),
            xdg.as_deref(),
        );
        let read_first = |paths: &[PathBuf]| {
            let path = paths.iter().find(|path| path.exists())?;
            Some(read_file(path).map(|text| String::from_utf8_lossy(&text).into_owned()))
        };
        match (read_first(&paths), read_first(&secure_paths).transpose()) {
            (None, _) => Err(
                "names a cloud, but there is no clouds.yaml; set `OS_CLIENT_CONFIG_FILE`"
                    .to_owned(),
            ),
            (Some(Err(error)), _) | (_, Err(error)) => {
                Err(format!("names a cloud, but cannot be looked up: {error}"))
            }
            (Some(Ok(text)), Ok(secure)) => {
                let found = clouds::lookup(&text, secure.as_deref(), &name);
                found
                    .map(Some)
                    .map_err(|error| format!("cannot be used: {error}"))
            }
        }
    }

    /// Every secret that is set, wherever it stands and whether or not it is used.
    fn secrets(&self) -> Vec<SecretString> {
        let of_input = |input: &Input| {
            let variables = input.variables().into_iter().filter_map(|variable| {
                let text = self.environment.variables.get(&variable)?.to_string_lossy();
                tidy(input.name, &text)
            });
            variables
                .chain(
                    self.in_clouds(input.name)
                        .and_then(|text| tidy(input.name, &text)),
                )
                .collect::<Vec<_>>()
        };
        let inputs = INPUTS.iter().filter(|input| input.is_secret());
        inputs
            .flat_map(of_input)
            .chain(self.environment.get(JOB_TOKEN))
            .map(SecretString::from)
            .collect()
    }

    fn in_clouds(&self, name: &str) -> Option<String> {
        use secrecy::ExposeSecret;
        let cloud = self.cloud.as_ref()?;
        let secret = |secret: &Option<SecretString>| {
            secret
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned())
        };
        match name {
            "iam-endpoint" => cloud.auth_url.clone(),
            "username" => cloud.username.clone(),
            "password" => secret(&cloud.password),
            "domain-name" => cloud.user_domain_name.clone(),
            "project-id" => cloud.project_id.clone(),
            "auth-token" => secret(&cloud.token),
            "access-key" => cloud.access_key.clone(),
            "secret-key" => secret(&cloud.secret_key),
            "security-token" => secret(&cloud.security_token),
            "region" => cloud.region_name.clone(),
            "ca-file" => cloud.cacert.clone(),
            _ => None,
        }
    }

    fn output(&mut self) -> OutputSettings {
        let forge = self.environment.forge();
        let path = |name: &str| self.environment.get(name).map(PathBuf::from);
        let (github_output, step_summary) = (path("GITHUB_OUTPUT"), path("GITHUB_STEP_SUMMARY"));
        let wants_summary = self.switch("summary", true);
        let dotenv = match (self.text("dotenv"), forge) {
            (Some(path), _) => Some(PathBuf::from(path)),
            (None, Forge::GitLab) => Some(PathBuf::from("dcs-migration.env")),
            (None, Forge::GitHub | Forge::None) => None,
        };
        let is_dumb = self
            .environment
            .get("TERM")
            .is_none_or(|term| term == "dumb");
        let is_ci = self.environment.get("CI").is_some();
        OutputSettings {
            forge,
            on_terminal: self.environment.has_terminal
                && !is_dumb
                && !is_ci
                && forge == Forge::None,
            secrets: self.secrets(),
            github_output,
            step_summary: step_summary.filter(|_| wants_summary),
            dotenv,
            reports: self.parse("report", Vec::new(), parse_reports),
            log_format: self.parse("log-format", LogFormat::Auto, |text| {
                match text.to_ascii_lowercase().as_str() {
                    "auto" => Ok(LogFormat::Auto),
                    "text" => Ok(LogFormat::Text),
                    "json" => Ok(LogFormat::Json),
                    _ => Err("accepted: `auto`, `text` or `json`".to_owned()),
                }
            }),
            log_filter: self.parse("log-level", level(LevelFilter::INFO), parse_log_level),
            goal: self
                .text("until")
                .and_then(|text| parse_goal(&text).ok())
                .or(Some(Goal::Completed)),
        }
    }

    fn config(&mut self) -> Option<Config> {
        let tasks = self.tasks();
        let project = self.project();
        let allow_http = self.switch("allow-http", false);
        let region = self.parse("region", None, |text| {
            let well_formed = text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            if well_formed {
                Ok(Some(text.to_owned()))
            } else {
                Err("accepted: a region such as `eu-de`".to_owned())
            }
        });
        let hosts = region.as_deref().map(endpoint::hosts);
        let of_region = |host: Option<&String>| {
            host.and_then(|host| Url::parse(&format!("https://{host}")).ok())
        };
        let explicit = |text: &str| endpoint::parse(text, allow_http).map(Some);
        let dcs = self.parse(
            "endpoint",
            of_region(hosts.as_ref().map(|hosts| &hosts.0)),
            explicit,
        );
        let iam = self.parse(
            "iam-endpoint",
            of_region(hosts.as_ref().map(|hosts| &hosts.1)),
            explicit,
        );
        if dcs.is_none() && !self.has_problem(&["region", "endpoint"]) {
            self.problems.add(
                "region",
                "is missing: set it, or `endpoint`, to say where the task is",
            );
        }
        let credentials = self.credentials();
        if iam.is_none()
            && let Some(credentials) = &credentials
            && (credentials.is_renewable() || matches!(project, Some(ProjectScope::Name(_))))
            && !self.has_problem(&["region", "iam-endpoint"])
        {
            let text = format!(
                "is missing: set it, or `region`, to sign in by {}",
                credentials.kind()
            );
            self.problems.add("iam-endpoint", text);
        }
        let extra_roots = self.parse("ca-file", Vec::new(), |path| {
            const ACCEPTED: &str = "accepted: a file of PEM certificates";
            let pem = read_file(Path::new(path))
                .map_err(|error| format!("cannot be read: {error}; {ACCEPTED}"))?;
            parse_roots(&pem)
                .ok_or_else(|| format!("holds no certificate, or a broken one; {ACCEPTED}"))
        });
        let requests_per_second = self.parse("max-requests-per-second", 4.0, |text| {
            in_range(text, 0.01, 10_000.0)
                .map_err(|()| "accepted: a number from 0.01 to 10000".to_owned())
        });
        let rules = self.rules(
            dcs.as_ref().is_some_and(endpoint::is_loopback),
            requests_per_second,
        );
        let fail_fast = self.switch("fail-fast", true);
        let request_timeout = rules.request_timeout;
        let use_proxies = !self.would_leave_in_clear([dcs.as_ref(), iam.as_ref()]);
        let proxies = if use_proxies {
            self.proxies([dcs.as_ref(), iam.as_ref()])
        } else {
            Proxies::default()
        };
        Some(Config {
            plan: Plan {
                tasks: tasks?,
                rules,
                requests_per_second,
                fail_fast,
            },
            credentials: credentials?,
            connection: Connection {
                dcs: dcs?,
                iam,
                project: project?,
                request_timeout,
                extra_roots,
                use_proxies,
                proxies,
            },
            remarks: self.remarks(),
        })
    }

    /// The proxies in force. One that cannot be used would be passed by in silence.
    fn proxies(&mut self, endpoints: [Option<&Url>; 2]) -> Proxies {
        let mut of = |scheme: &str, names: [&'static str; 4]| {
            if !endpoints.iter().flatten().any(|url| url.scheme() == scheme) {
                return None;
            }
            let name = names
                .into_iter()
                .find(|name| self.environment.get(name).is_some())?;
            let text = self.environment.get(name).unwrap_or_default();
            if let Err(problem) = check_proxy(&text) {
                self.problems.0.push(Problem {
                    input: name.to_owned(),
                    source: None,
                    text: format!(
                        "names a proxy that cannot be used: {problem}; accepted: `http://HOST:PORT`"
                    ),
                });
            }
            Some(name)
        };
        Proxies {
            https: of(
                "https",
                ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
            ),
            http: of(
                "http",
                ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
            ),
        }
    }

    /// Whether what is meant for this machine alone would go in clear to a proxy on another.
    fn would_leave_in_clear(&self, endpoints: [Option<&Url>; 2]) -> bool {
        let proxies = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
        let is_elsewhere = |proxy: &str| {
            let text = self.environment.get(proxy).map(|text| {
                if text.contains("://") {
                    text
                } else {
                    format!("http://{text}")
                }
            });
            text.and_then(|text| Url::parse(&text).ok())
                .is_some_and(|url| !endpoint::is_loopback(&url))
        };
        let stays_here = |url: &Url| url.scheme() == "http" && endpoint::is_loopback(url);
        endpoints.into_iter().flatten().all(stays_here) && proxies.into_iter().any(is_elsewhere)
    }

    fn has_problem(&self, inputs: &[&str]) -> bool {
        self.problems
            .0
            .iter()
            .any(|problem| inputs.contains(&problem.input.as_str()))
    }

    fn tasks(&mut self) -> Option<Tasks> {
        if self.find("task-id").is_none() {
            self.problems.add(
                "task-id",
                "is missing: set the id of the migration task (UUID or 32 hex digits), or `all-running`",
            );
            return None;
        }
        self.parse("task-id", None, |text| {
            let (mut tasks, mut bad) = (Vec::new(), Vec::new());
            let mut known = BTreeSet::new();
            for piece in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|piece| !piece.is_empty()) {
                if piece.eq_ignore_ascii_case("all-running") {
                    let alone = text == piece;
                    return alone.then_some(Some(Tasks::AllRunning)).ok_or("`all-running` stands alone".to_owned());
                }
                match TaskId::parse(piece) {
                    Some(task) if known.insert(task.digits()) => tasks.push(task),
                    Some(_) => {}
                    None => bad.push(format!("`{}`", escape::line(&without_password(piece)))),
                }
            }
            if let [first, others @ ..] = bad.as_slice() {
                let bad = match others.len() {
                    0 => format!("{first} is no task id"),
                    1..=4 => format!("{} are no task ids", bad.join(", ")),
                    more => format!("{first} and {more} others are no task ids"),
                };
                return Err(format!(
                    "{bad}; accepted: a UUID or 32 hex digits each, separated by commas, or `all-running`"
                ));
            }
            if tasks.is_empty() {
                return Err("no task id in it; accepted: UUIDs or 32 hex digits, separated by commas".to_owned());
            }
            Ok(Some(Tasks::Named(tasks)))
        })
    }

    fn project(&mut self) -> Option<ProjectScope> {
        if self.find("project-id").is_none() {
            if let Some(name) = self
                .cloud
                .as_ref()
                .and_then(|cloud| cloud.project_name.clone())
            {
                return Some(ProjectScope::Name(name));
            }
            self.problems.add(
                "project-id",
                "is missing: set the id of the project that the task belongs to",
            );
            return None;
        }
        self.parse("project-id", None, |text| {
            let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if text.len() <= 64 && text.bytes().all(is_id) {
                Ok(Some(ProjectScope::Id(text.to_owned())))
            } else {
                Err("accepted: a project's id, 32 hex digits as a rule".to_owned())
            }
        })
    }

    fn rules(&mut self, is_loopback: bool, requests_per_second: f64) -> Rules {
        let goal = self.parse("until", Goal::Completed, parse_goal);
        let max_offset = self.parse("max-offset", 0, |text| {
            text.parse()
                .ok()
                .filter(|&offset| 0 <= offset)
                .ok_or_else(|| format!("accepted: a whole number from 0 to {}", i64::MAX))
        });
        let default_stable = match goal {
            Goal::InSync => 3,
            Goal::Completed | Goal::FullSync | Goal::Switched => 1,
        };
        let stable_polls = self.parse("stable-polls", default_stable, |text| {
            let accepted = || "accepted: a whole number from 1 to 1000".to_owned();
            text.parse()
                .ok()
                .filter(|polls| (1..=1000).contains(polls))
                .ok_or_else(accepted)
        });
        let max_missing_keys = self.parse("max-missing-keys", KeyLimit::default(), parse_key_limit);
        let status_check = self.parse("status-check", StatusCheck::Auto, |text| {
            match (text.to_ascii_lowercase().as_str(), goal) {
                // The task's detail is all that tells of a switch.
                ("off", Goal::Switched) => Err(
                    "`until: switched` is told by the task's status; accepted: `require`"
                        .to_owned(),
                ),
                ("auto" | "require", Goal::Switched) => Ok(StatusCheck::Require),
                ("auto", _) => Ok(StatusCheck::Auto),
                ("require", _) => Ok(StatusCheck::Require),
                ("off", _) => Ok(StatusCheck::Off),
                _ => Err("accepted: `auto`, `require` or `off`".to_owned()),
            }
        });
        let status_check = if goal == Goal::Switched {
            StatusCheck::Require
        } else {
            status_check
        };
        const MILLI: Duration = Duration::from_millis(1);
        let deadline = self.duration("timeout", Duration::from_secs(3600), MILLI);
        let stall = self.duration("stall-timeout", Duration::ZERO, Duration::ZERO);
        let max_outage = self.duration("max-outage", Duration::from_secs(600), MILLI);
        let shortest = if is_loopback {
            MILLI
        } else {
            Duration::from_secs(1)
        };
        // Who sets only one of the two means that one: the other gives way.
        let longest = self
            .find("max-interval")
            .and_then(|found| parse_duration(&found.text).ok());
        let usual = Duration::from_secs(5)
            .min(longest.unwrap_or(Duration::MAX))
            .max(shortest);
        let initial = self.duration("initial-interval", usual, shortest);
        let knows_initial = !self.has_problem(&["initial-interval"]);
        let max = self.parse("max-interval", Duration::from_secs(30).max(initial), |text| {
            let max = parse_duration(text)?;
            if max < initial && knows_initial {
                let initial = humantime::format_duration(initial);
                return Err(format!(
                    "shorter than `initial-interval`, which is {initial}; accepted: {initial} or longer"
                ));
            }
            Ok(max)
        });
        let multiplier = self.parse("multiplier", 1.5, |text| {
            in_range(text, 1.0, 10.0).map_err(|()| "accepted: a number from 1 to 10".to_owned())
        });
        let pace = PollSettings {
            initial,
            max: max.max(initial),
            multiplier,
        };
        Rules {
            condition: Condition {
                goal,
                max_offset,
                max_missing_keys,
            },
            stable_polls,
            status_check,
            pace,
            max_gap: Rules::max_gap(pace, requests_per_second),
            max_outage,
            stall_timeout: (!stall.is_zero()).then_some(stall),
            request_timeout: self.duration("request-timeout", Duration::from_secs(10), MILLI),
            deadline,
        }
    }

    /// Token, then access keys, then OIDC, then password; but what is set for this wait before what clouds.yaml holds for
    /// all. A kind that is only half there is a mistake, unless a kind before it is whole.
    fn credentials(&mut self) -> Option<Credentials> {
        let explicit = Kind::of(|name| self.find_explicit(name).is_some())
            .ok()
            .flatten();
        let kind = match explicit.map_or_else(
            || Kind::of(|name| self.find(name).is_some()),
            |kind| Ok(Some(kind)),
        ) {
            Ok(Some(kind)) => kind,
            Ok(None) => {
                self.problems.add(
                    "auth-token",
                    "is missing, and so is every other credential: set `auth-token`, or `access-key` and `secret-key`, or \
                     `idp-id`, or `username`, `password` and `domain-name`",
                );
                return None;
            }
            Err((missing, set)) => {
                self.problems
                    .add(missing, format!("is missing, while `{set}` is set"));
                return None;
            }
        };
        let secret = |reader: &Self, name| reader.secret(name).unwrap_or_default();
        match kind {
            Kind::Token => {
                self.refuse_odd_characters("auth-token");
                Some(Credentials::Token(secret(self, "auth-token")))
            }
            Kind::AccessKey => {
                // Another key's security token would spoil this one.
                let security_token = match explicit {
                    Some(_) => self.find_explicit("security-token"),
                    None => self.find("security-token"),
                };
                for name in ["access-key", "secret-key", "security-token"] {
                    self.refuse_odd_characters(name);
                }
                Some(Credentials::AccessKey(AccessKey {
                    access_key: self.text("access-key").unwrap_or_default(),
                    secret_key: secret(self, "secret-key"),
                    security_token: security_token.map(|found| SecretString::from(found.text)),
                }))
            }
            Kind::Oidc => {
                for name in ["idp-id", "id-token"] {
                    self.refuse_odd_characters(name);
                }
                let idp_id = self.text("idp-id").unwrap_or_default();
                self.oidc(idp_id)
            }
            Kind::Password => {
                let Some(domain_name) = self.text("domain-name") else {
                    self.problems.add(
                        "domain-name",
                        "is missing: IAM needs the user's domain to sign in by password",
                    );
                    return None;
                };
                Some(Credentials::Password(Password {
                    username: self.text("username").unwrap_or_default(),
                    password: secret(self, "password"),
                    domain_name,
                }))
            }
        }
    }

    /// What goes into a header and cannot: most often a line break from a secret that was pasted.
    fn refuse_odd_characters(&mut self, name: &'static str) {
        if let Some(found) = self.find(name).filter(|found| !is_plain(&found.text)) {
            let text =
                "holds a space, a line break or a character that is not ASCII, which it never does"
                    .to_owned();
            self.problems.0.push(Problem {
                input: name.to_owned(),
                source: Some(found.source),
                text,
            });
        }
    }

    fn oidc(&mut self, idp_id: String) -> Option<Credentials> {
        let source = if let Some(token) = self.secret("id-token") {
            IdTokenSource::Value(token)
        } else if self.find("id-token-file").is_some() {
            IdTokenSource::File(self.parse("id-token-file", PathBuf::new(), |text| {
                let path = PathBuf::from(text);
                read_id_token(&path).map(|_| path)
            }))
        } else {
            let request = (
                self.environment.get("ACTIONS_ID_TOKEN_REQUEST_URL"),
                self.environment.get(JOB_TOKEN),
            );
            match (request, self.environment.forge()) {
                ((Some(request_url), Some(_)), _)
                    if !oidc::is_safe(&request_url, self.switch("allow-http", false)) =>
                {
                    self.problems.add(
                        "ACTIONS_ID_TOKEN_REQUEST_URL",
                        "would send the job's token in clear; accepted: https, or http to a loopback address (`allow-http` \
                         lifts this)",
                    );
                    return None;
                }
                ((Some(request_url), Some(request_token)), _) => IdTokenSource::GitHub {
                    request_url,
                    request_token: SecretString::from(request_token),
                    audience: self.text("oidc-audience"),
                },
                (_, Forge::GitHub) => {
                    self.problems.add(
                        "idp-id",
                        "is set, but the job may not ask for an OIDC token: give it `permissions: id-token: write` (runs \
                         of a fork's pull request never have it)",
                    );
                    return None;
                }
                (_, Forge::GitLab | Forge::None) => {
                    self.problems.add(
                        "id-token",
                        "is missing, while `idp-id` is set: set it or `id-token-file` (on GitLab through `id_tokens`)",
                    );
                    return None;
                }
            }
        };
        Some(Credentials::Oidc(Oidc { idp_id, source }))
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let comes_from_dotenv = |name: &str| {
            self.find(name)
                .is_some_and(|found| found.source == "DCS_UNTIL")
        };
        if comes_from_dotenv("until") && self.environment.get("DCS_RESULT").is_some() {
            remarks.push(
                "DCS_UNTIL stands beside DCS_RESULT: it may come from the dotenv report of an earlier job, which wins over \
                 the job's own variables; set the goal with --until"
                    .to_owned(),
            );
        }
        let family = |name: &str| self.find(name).map(|found| found.source);
        if let (Some(access), Some(secret)) = (family("access-key"), family("secret-key"))
            && self.text("auth-token").is_none()
        {
            let stem = |name: &str| name.split(['_', '-']).next().unwrap_or_default().to_owned();
            if stem(&access) != stem(&secret) {
                remarks.push(format!(
                    "access key and secret key come from different places: {access} and {secret}"
                ));
            }
        }
        remarks
    }
}

/// A level for our own code; other crates only warn.
fn level(filter: LevelFilter) -> Targets {
    Targets::new()
        .with_target("dcs_migration_wait", filter)
        .with_default(filter.min(LevelFilter::WARN))
}

/// A level, or directives as other programs take them from `RUST_LOG`. A bare word that is no level would be a target,
/// and silence everything else.
fn parse_log_level(text: &str) -> Result<Targets, String> {
    let accepted = || {
        "accepted: `error`, `warn`, `info`, `debug`, `trace` or `off`, or directives as in `RUST_LOG`".to_owned()
    };
    let as_level = |word: &str| {
        word.to_ascii_lowercase()
            .parse::<LevelFilter>()
            .ok()
            .filter(|_| !word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if let Some(filter) = as_level(text) {
        return Ok(level(filter));
    }
    let mut pieces = text.split(',').map(str::trim);
    if !pieces.all(|piece| piece.contains('=') || as_level(piece).is_some()) {
        return Err(accepted());
    }
    text.parse::<Targets>().map_err(|_| accepted())
}

fn parse_goal(text: &str) -> Result<Goal, String> {
    let found = Goal::ALL
        .into_iter()
        .find(|goal| goal.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "accepted: `completed`, `in-sync`, `full-sync` or `switched`".to_owned())
}

/// Whether a proxy's URL can be used. Nothing of it is quoted: it may hold a password.
fn check_proxy(text: &str) -> Result<(), String> {
    let text = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&text).map_err(|error| error.to_string())?;
    match url.scheme() {
        _ if url.host().is_none() => Err("it has no host".to_owned()),
        "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h" => Ok(()),
        _ => Err("its scheme is none of http, https, socks5 and socks5h".to_owned()),
    }
}

/// A number of keys, a percentage of the source's keys, or `off`.
fn parse_key_limit(text: &str) -> Result<KeyLimit, String> {
    let accepted =
        || "accepted: a number of keys, a percentage from `0%` to `100%`, or `off`".to_owned();
    if text.eq_ignore_ascii_case("off") {
        return Ok(KeyLimit::Off);
    }
    let is_number = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    match text.strip_suffix('%').map(str::trim_end) {
        Some(percent) => {
            let percent = Some(percent)
                .filter(|percent| is_number(percent))
                .and_then(|percent| percent.parse().ok());
            let percent: f64 = percent
                .filter(|percent| (0.0..=100.0).contains(percent))
                .ok_or_else(accepted)?;
            Ok(KeyLimit::Share((percent * 10_000.0).round() as u32))
        }
        None => Some(text)
            .filter(|text| is_number(text))
            .and_then(|text| text.parse().ok())
            .map(KeyLimit::Keys)
            .ok_or_else(accepted),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // The one number that needs no unit.
        return if text.bytes().all(|byte| byte == b'0') {
            Ok(Duration::ZERO)
        } else {
            Err(format!("has no unit; {DURATION}"))
        };
    }
    let duration =
        humantime::parse_duration(text).map_err(|_| format!("no duration; {DURATION}"))?;
    if duration > LONGEST {
        return Err(format!(
            "longer than 30 days (`M` is a month, `m` a minute); {DURATION}"
        ));
    }
    Ok(duration)
}

/// An address without the user name and password that somebody wrote into it.
fn without_password(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    // What stands before the first `://` is another address as likely as a scheme, and may have a password of its own.
    let is_scheme = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let scheme = before
        .split_once("://")
        .map(|(scheme, _)| scheme)
        .filter(is_scheme);
    let scheme = scheme
        .map(|scheme| format!("{scheme}://"))
        .unwrap_or_default();
    format!("{scheme}***@{host}")
}

/// The value as it is meant; `None` where it is empty. Only a password may begin or end with a space.
fn tidy(name: &str, text: &str) -> Option<String> {
    let text = match name {
        "password" if !text.trim().is_empty() => text.trim_end_matches(['\r', '\n']),
        _ => text.trim(),
    };
    (!text.is_empty()).then(|| text.to_owned())
}

fn in_range(text: &str, least: f64, most: f64) -> Result<f64, ()> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse()
        .ok()
        .filter(|number| plain && (least..=most).contains(number))
        .ok_or(())
}

/// Root certificates, if every one in the file can be used.
fn parse_roots(pem: &[u8]) -> Option<Vec<reqwest::Certificate>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.ok()?).ok()?;
    }
    reqwest::Certificate::from_pem_bundle(pem)
        .ok()
        .filter(|_| !roots.is_empty())
}

fn parse_reports(text: &str) -> Result<Vec<ReportFile>, String> {
    let mut reports = Vec::new();
    for piece in text
        .split([',', '\n'])
        .map(str::trim)
        .filter(|piece| !piece.is_empty())
    {
        let path = PathBuf::from(piece);
        let format = match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => ReportFormat::Json,
            Some("html") => ReportFormat::Html,
            Some("xml") => ReportFormat::Junit,
            Some("md") => ReportFormat::Markdown,
            _ => {
                let piece = escape::line(&without_password(piece));
                return Err(format!(
                    "`{piece}` has none of the endings `.json`, `.html`, `.xml` (JUnit) and `.md`"
                ));
            }
        };
        reports.push(ReportFile { path, format });
    }
    Ok(reports)
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
