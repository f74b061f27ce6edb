//! Inputs, resolved and valid, or every problem at once.
//!
//! The only code that reads the environment, and the files that inputs name. Raw strings stop here: what comes out can
//! be used as it is.

pub mod cli;
mod connection;
mod credentials;
mod env;
pub mod error;
pub mod inputs;
mod plan;
mod values;

pub use env::Environment;
pub use error::{Problem, Problems};

use crate::api::Connection;
use crate::auth::{self, Credentials, endpoint, vendor_file};
use crate::escape;
use crate::report::{Forge, OutputSettings};
use crate::wait::Plan;
use cli::Flags;
use connection::Endpoints;
use env::{Reader, default};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tracing_subscriber::filter::{LevelFilter, Targets};
use url::Url;
use values::{
    in_range, level, parse_goal, parse_log_format, parse_log_level, parse_path, parse_reports,
    parse_switch,
};

/// Everything that a wait needs.
#[derive(Debug)]
pub struct Config {
    /// What is waited for.
    pub plan: Plan,
    /// How to sign in.
    pub credentials: Credentials,
    /// Where and how to ask.
    pub connection: Connection,
    /// Where requests go, in the words of the log.
    pub hosts: Hosts,
    /// What is odd about the inputs, although nothing is wrong.
    pub warnings: Vec<String>,
}

/// Where requests go, with what a derived host follows from: "dcs.eu-de.otc.t-systems.com (of the region eu-de)".
#[derive(Debug)]
pub struct Hosts {
    /// DCS's.
    pub dcs: String,
    /// IAM's, where there is one.
    pub iam: Option<String>,
}

/// Where results go, as far as that is known without opening a file.
pub fn output(environment: &Environment, flags: &Flags) -> OutputSettings {
    Reader {
        environment,
        flags: flags.clone(),
        cloud: None,
        vendor: BTreeMap::new(),
        problems: Problems::default(),
        warnings: Vec::new(),
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
        vendor: BTreeMap::new(),
        problems,
        warnings: Vec::new(),
    };
    reader.refuse_misspelled_variables();
    let unread = match reader.read_clouds() {
        Ok(cloud) => {
            reader.cloud = cloud;
            None
        }
        Err(text) => Some(text),
    };
    match reader.read_vendor_file() {
        Some(Ok(text)) => reader.vendor = vendor_file::read(&text),
        Some(Err(text)) => reader
            .problems
            .add("HUAWEICLOUD_SDK_CREDENTIALS_FILE", text),
        None => {}
    }
    let output = reader.output();
    let config = reader.config();
    let Reader { mut problems, .. } = reader;
    for problem in &mut problems.0 {
        // Also a secret that was set in the wrong place.
        problem.text = auth::redact(&problem.text, &output.secrets);
    }
    match (config, unread) {
        // Some shells have the variable set for good; it only matters where something is missing.
        (Some(mut config), unread) if problems.0.is_empty() => {
            config
                .warnings
                .extend(unread.map(|text| format!("OS_CLOUD {text}; nothing of it was needed")));
            (output, Ok(config))
        }
        (_, unread) => {
            if let Some(text) = unread {
                // First, since what is missing was to come from it.
                problems.add("OS_CLOUD", text);
                problems.0.rotate_right(1);
            }
            (output, Err(problems))
        }
    }
}

impl Reader<'_> {
    fn output(&mut self) -> OutputSettings {
        let forge = self.environment.forge();
        let path = |name: &str| self.environment.get(name).map(PathBuf::from);
        let (github_output, step_summary) = (path("GITHUB_OUTPUT"), path("GITHUB_STEP_SUMMARY"));
        let wants_summary = self.value("summary", parse_switch);
        let usual = match forge {
            Forge::GitLab => Some(PathBuf::from("dcs-migration.env")),
            Forge::GitHub | Forge::None => None,
        };
        let dotenv = self.parse("dotenv", usual, |text| parse_path(text).map(Some));
        let is_dumb = self
            .environment
            .get("TERM")
            .is_none_or(|term| term == "dumb");
        // Jenkins and Azure Pipelines set no `CI`.
        let is_ci = ["CI", "JENKINS_URL", "TF_BUILD"]
            .iter()
            .any(|name| self.environment.get(name).is_some());
        let on_terminal =
            self.environment.has_terminal && !is_dumb && !is_ci && forge == Forge::None;
        OutputSettings {
            forge,
            on_terminal,
            has_colour: on_terminal && self.environment.get("NO_COLOR").is_none(),
            secrets: self.secrets(),
            github_output,
            step_summary: step_summary.filter(|_| wants_summary),
            dotenv,
            reports: self.parse("report", Vec::new(), parse_reports),
            log_format: self.value("log-format", parse_log_format),
            log_filter: self.log_filter(),
            // A wrong goal is reported where the plan is read.
            goal: self
                .text("until")
                .and_then(|text| parse_goal(&text).ok())
                .or_else(|| Some(default("until", parse_goal))),
        }
    }

    /// `RUST_LOG` is for every program: what is not meant for this one ends nothing. Under `RUNNER_DEBUG` GitHub shows
    /// what is for debugging.
    fn log_filter(&mut self) -> Targets {
        let found = self.find("log-level");
        let is_debug = self.environment.get("RUNNER_DEBUG").as_deref() == Some("1");
        match found {
            None if is_debug => level(LevelFilter::DEBUG),
            Some(found) if found.source == "RUST_LOG" => parse_log_level(&found.text)
                .unwrap_or_else(|accepted| {
                    let text = escape::line(&found.text);
                    self.warnings
                        .push(format!("RUST_LOG is `{text}` and ignored: {accepted}"));
                    default("log-level", parse_log_level)
                }),
            Some(_) | None => self.value("log-level", parse_log_level),
        }
    }

    fn config(&mut self) -> Option<Config> {
        let tasks = self.tasks();
        // Problems are told in the order of the inputs, although the place depends on the credential.
        let before = self.problems.0.len();
        let credentials = self.credentials();
        let of_credentials = self.problems.0.split_off(before);
        let project = self.project(credentials.as_ref());
        let Endpoints {
            dcs,
            iam,
            dcs_from,
            iam_from,
        } = self.endpoints(credentials.as_ref(), project.as_ref());
        self.problems.0.extend(of_credentials);
        let extra_roots = self.extra_roots();
        let requests_per_second = self.value("max-requests-per-second", |text| {
            in_range(text, 0.01, 10_000.0)
                .map_err(|()| "accepted: a number from 0.01 to 10000".to_owned())
        });
        let rules = self.rules(
            // An endpoint that could not be read has its own problem.
            dcs.as_ref().is_none_or(endpoint::is_loopback),
            requests_per_second,
        );
        let fail_fast = self.value("fail-fast", parse_switch);
        let request_timeout = rules.request_timeout;
        let proxies = self.proxies([dcs.as_ref(), iam.as_ref()]);
        self.check_system_roots([dcs.as_ref(), iam.as_ref()]);
        self.add_warnings();
        let warnings = std::mem::take(&mut self.warnings);
        let host = |url: &Option<Url>, from: &str| {
            let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
            format!("{host}{from}")
        };
        let hosts = Hosts {
            dcs: host(&dcs, &dcs_from),
            iam: iam.is_some().then(|| host(&iam, &iam_from)),
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
                proxies,
            },
            hosts,
            warnings,
        })
    }

    fn add_warnings(&mut self) {
        let mut warnings = Vec::new();
        let comes_from_dotenv = |name: &str| {
            self.find(name)
                .is_some_and(|found| found.source == "DCS_UNTIL")
        };
        if comes_from_dotenv("until") && self.environment.get("DCS_RESULT").is_some() {
            warnings.push(
                "DCS_UNTIL is set beside DCS_RESULT: it may come from the dotenv report of an earlier job, which wins over \
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
                warnings.push(format!(
                    "access key and secret key come from different places: {access} and {secret}"
                ));
            }
        }
        if self
            .environment
            .get("OS_INSECURE")
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
        {
            warnings.push(
                "OS_INSECURE is not obeyed: certificates are always checked; for roots of your own set `ca-file`".to_owned(),
            );
        }
        // As the vendor's Terraform provider and Open Telekom Cloud's tools have it.
        let agency = [
            "HW_ASSUME_ROLE_AGENCY_NAME",
            "OS_AGENCY_NAME",
            "HUAWEICLOUD_OIDC_AGENCY_URN",
        ]
        .into_iter()
        .find(|name| self.environment.get(name).is_some());
        if let Some(name) = agency {
            warnings.push(format!(
                "{name} is set, but this tool assumes no agency: it signs in as the user itself"
            ));
        }
        warnings.extend(self.lost_reports());
        self.warnings.extend(warnings);
    }

    /// Reports of an action that runs in a container: what is outside of the directories that GitHub mounts goes with it.
    fn lost_reports(&self) -> Vec<String> {
        const MOUNTS: &str = "/github";
        let workspace = self.environment.get("GITHUB_WORKSPACE");
        if !workspace.is_some_and(|path| Path::new(&path).starts_with(MOUNTS)) {
            return Vec::new();
        }
        let reports = self
            .text("report")
            .and_then(|text| parse_reports(&text).ok());
        let paths = reports.into_iter().flatten().map(|report| report.path);
        let is_lost = |path: &PathBuf| path.is_absolute() && !path.starts_with(MOUNTS);
        let lost = paths.filter(is_lost).map(|path| {
            format!(
                "the report {} is written inside the action's container, which is gone after the step: use a path in the \
                 workspace, such as `reports/wait.html`",
                escape::line(&path.to_string_lossy())
            )
        });
        lost.collect()
    }
}

#[cfg(test)]
mod tests;
