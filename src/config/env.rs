//! The environment of the process, and how the value of an input is found in it.

use super::cli::Flags;
use super::credentials::JOB_TOKEN;
use super::error::{Problem, Problems};
use super::inputs::{INPUTS, Input};
use super::values::{check_proxy, parse_duration, tidy, without_password};
use crate::auth::{Named, clouds};
use crate::escape;
use crate::report::{Forge, is_output_variable};
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::time::Duration;

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
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let value = self
            .variables
            .get(name)?
            .to_string_lossy()
            .trim()
            .to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// The forge that runs the process.
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

/// Variables that name proxies, which may hold a password.
const PROXIES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// A value, and where it came from.
pub(super) struct Found {
    pub(super) text: String,
    pub(super) source: String,
}

/// Reads inputs, and collects everything that is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) environment: &'a Environment,
    pub(super) flags: Flags,
    pub(super) cloud: Option<clouds::Cloud>,
    /// Values of the vendor's credentials file, by input.
    pub(super) vendor: BTreeMap<&'static str, String>,
    pub(super) problems: Problems,
    /// What is odd about the inputs, although nothing is wrong.
    pub(super) warnings: Vec<String>,
}

impl Reader<'_> {
    /// The input's value, unless it is only in clouds.yaml.
    pub(super) fn find_explicit(&self, name: &str) -> Option<Found> {
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

    pub(super) fn find(&self, name: &str) -> Option<Found> {
        let of = |text: Option<String>, source: &str| {
            Some(Found {
                text: tidy(name, &text?)?,
                source: source.to_owned(),
            })
        };
        self.find_explicit(name)
            .or_else(|| of(self.in_clouds(name), "clouds.yaml"))
            .or_else(|| of(self.vendor.get(name).cloned(), "the credentials file"))
    }

    /// Something that has an id and a name: what is set for this wait, the id before the name; then what the cloud of
    /// clouds.yaml has.
    pub(super) fn find_named(&self, id: &str, name: &str) -> Option<Named> {
        let text = |found: Option<Found>| found.map(|found| found.text);
        let explicit = |input: &str| text(self.find_explicit(input));
        Named::of(explicit(id), explicit(name))
            .or_else(|| Named::of(text(self.find(id)), text(self.find(name))))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(|found| found.text)
    }

    pub(super) fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// The input's value, or `default`. Where it is wrong, that is noted and the default taken, to go on and find
    /// everything that is wrong.
    pub(super) fn parse<T>(
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

    /// The input's value, or the default of the table of inputs.
    pub(super) fn value<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let default = default(name, &parse);
        self.parse(name, default, parse)
    }

    pub(super) fn duration(&mut self, name: &'static str, shortest: Duration) -> Duration {
        self.duration_or(name, default(name, parse_duration), shortest)
    }

    pub(super) fn duration_or(
        &mut self,
        name: &'static str,
        default: Duration,
        shortest: Duration,
    ) -> Duration {
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

    /// A name that is nearly that of an input is a mistake that would silently change what is waited for. A short name
    /// is nearly every other short name, so that it is only warned about.
    pub(super) fn refuse_misspelled_variables(&mut self) {
        const SHORT: usize = 6;
        let known: BTreeSet<String> = INPUTS.iter().flat_map(Input::variables).collect();
        let is_known = |name: &str| {
            known.contains(name) || name.strip_prefix("DCS_").is_some_and(is_output_variable)
        };
        // What Kubernetes sets in every container for a service called `dcs`.
        let is_service = |name: &str| {
            name == "DCS_PORT" || name.starts_with("DCS_PORT_") || name.starts_with("DCS_SERVICE_")
        };
        for name in self.environment.variables.keys() {
            let Some(rest) = ["INPUT_", "DCS_"]
                .iter()
                .find_map(|prefix| name.strip_prefix(prefix))
            else {
                continue;
            };
            if is_known(name) || is_service(name) || self.environment.get(name).is_none() {
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
                let text = format!("is not known; did you mean `{other}`?");
                if rest.len() <= SHORT {
                    self.warnings
                        .push(format!("`{}` {text}", escape::line(name)));
                } else {
                    self.problems.add(&escape::line(name), text);
                }
            }
        }
    }

    pub(super) fn has_problem(&self, inputs: &[&str]) -> bool {
        self.problems
            .0
            .iter()
            .any(|problem| inputs.contains(&problem.input.as_str()))
    }

    /// Every secret that is set, wherever it is and whether or not it is used.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let of_input = |input: &Input| {
            let variables = input.variables().into_iter().filter_map(|variable| {
                let text = self.environment.variables.get(&variable)?.to_string_lossy();
                tidy(input.name, &text)
            });
            let of_files = [
                self.in_clouds(input.name),
                self.vendor.get(input.name).cloned(),
            ];
            variables
                .chain(
                    of_files
                        .into_iter()
                        .flatten()
                        .filter_map(|text| tidy(input.name, &text)),
                )
                .collect::<Vec<_>>()
        };
        let inputs = INPUTS.iter().filter(|input| input.is_secret());
        let others = [JOB_TOKEN, "OS_APPLICATION_CREDENTIAL_SECRET"];
        let of_proxy = |name: &&str| {
            let url = check_proxy(&self.environment.get(name)?).ok()?;
            let password = url.password()?;
            let decoded = percent_decode_str(password).decode_utf8_lossy();
            Some([decoded.into_owned(), password.to_owned()])
        };
        let of_cloud = self.cloud.iter().flat_map(|cloud| cloud.sign_in.secrets());
        inputs
            .flat_map(of_input)
            .chain(others.iter().filter_map(|name| self.environment.get(name)))
            .chain(PROXIES.iter().filter_map(of_proxy).flatten())
            .map(SecretString::from)
            .chain(of_cloud.cloned())
            .collect()
    }
}

/// The default of an input, read from the table of inputs as a user's value is.
#[expect(clippy::expect_used, reason = "a unit test reads every default")]
pub(super) fn default<T>(name: &str, parse: impl Fn(&str) -> Result<T, String>) -> T {
    Input::named(name)
        .and_then(|input| parse(input.default_value()).ok())
        .expect("a default that can be read")
}
