//! Environment, arguments and the files that they name.

use super::clouds::open_values;
use super::sinks;
use super::text::{
    SECRET, assert_line, assert_log_line, assert_no_secret, parts, read, with_secret,
};
use dcs_migration_wait::auth::{ProjectScope, clouds, endpoint};
use dcs_migration_wait::config::cli::{self, Flags, Invocation};
use dcs_migration_wait::config::inputs::{INPUTS, Input};
use dcs_migration_wait::config::{Config, Environment, Problems, resolve};
use dcs_migration_wait::escape;
use dcs_migration_wait::outcome::Outcome;
use dcs_migration_wait::report::{OutputSettings, Report};
use dcs_migration_wait::wait::Tasks;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Arbitrary environments and arguments give a valid configuration, or problems in visible words without a secret; and
/// these are an answer, too.
///
/// Variables (`NAME=VALUE`, one a line), arguments (one a line), `clouds.yaml`, `secure.yaml` and the file of `ca-file`.
/// Every secret input gets our secret appended, and `@SECRET@` in the YAML files and in addresses is replaced by it. Names of files are
/// exchanged for files of the parts, so that nothing else is read.
pub fn inputs(data: &[u8]) {
    if read(data).is_none() {
        return;
    }
    let parts = parts(data);
    let part = |n: usize| parts.get(n).copied().unwrap_or_default();
    let mut files = Files {
        dir: None,
        roots: part(4),
    };
    let mut environment = Environment {
        arguments: arguments(part(1)),
        ..Environment::default()
    };
    for line in part(0).split(|&byte| byte == b'\n').take(300) {
        let Some(at) = line.iter().position(|&byte| byte == b'=') else {
            continue;
        };
        let name = String::from_utf8_lossy(&line[..at]).into_owned();
        if let Some(value) = value(&name, &line[at + 1..], &mut files) {
            environment.variables.insert(name, value);
        }
    }
    let is_cloud_named = environment
        .variables
        .get("OS_CLOUD")
        .is_some_and(|name| !name.to_string_lossy().trim().is_empty());
    // Where foreign words hold the secret by right, nothing can be said about it.
    let mut is_hidden = true;
    if is_cloud_named {
        let place = files.put("roots.pem", files.roots);
        let text = |n: usize| {
            with_secret(&String::from_utf8_lossy(part(n))).replace("@CA@", &place.to_string_lossy())
        };
        let (clouds, secure) = (text(2), text(3));
        let name = environment.variables["OS_CLOUD"]
            .to_string_lossy()
            .trim()
            .to_owned();
        let texts = clouds::Texts {
            clouds: Some(&clouds),
            secure: Some(&secure),
            public: None,
        };
        match clouds::lookup(&texts, &name, None) {
            Ok(cloud) => {
                if cloud
                    .cacert
                    .as_ref()
                    .is_some_and(|path| *path.trim() != *place.to_string_lossy())
                {
                    return;
                }
                is_hidden = !open_values(&cloud)
                    .iter()
                    .flatten()
                    .any(|value| value.contains(SECRET));
            }
            Err(clouds::CloudsError::Unknown { known, .. }) => {
                is_hidden = !known.iter().any(|name| name.contains(SECRET));
            }
            Err(error) => is_hidden = !error.to_string().contains(SECRET),
        }
        for (variable, name, text) in [
            ("OS_CLIENT_CONFIG_FILE", "clouds.yaml", clouds),
            ("OS_CLIENT_SECURE_FILE", "secure.yaml", secure),
        ] {
            environment
                .variables
                .insert(variable.to_owned(), files.put(name, text.as_bytes()).into());
        }
    }

    let mut problems = Problems::default();
    let mut flags = match cli::parse(&environment.arguments, &mut problems) {
        Invocation::Print(text) => return assert_no_secret(&text),
        Invocation::Wait(flags) => flags,
        Invocation::Demo(demo, flags) => {
            assert_no_secret(&format!("{demo:?}"));
            flags
        }
        Invocation::Simulate(simulate) => {
            assert_no_secret(&format!("{simulate:?}"));
            Flags::new()
        }
        Invocation::Refused => {
            assert!(!problems.0.is_empty());
            Flags::new()
        }
    };
    if let Some(path) = flags.get_mut("ca-file") {
        *path = files.roots_at(path).to_string_lossy().into_owned();
    }
    for name in flags.keys() {
        assert!(
            Input::named(name).is_some_and(|input| !input.is_secret()),
            "{name}"
        );
    }
    let allows_http = flags.contains_key("allow-http")
        || Input::named("allow-http").is_some_and(|input| {
            input
                .variables()
                .iter()
                .any(|variable| environment.variables.contains_key(variable))
        });

    let was_good = problems.0.is_empty();
    let (output, config) = resolve(&environment, flags, problems);
    let shown = match &config {
        Ok(config) => {
            assert!(was_good);
            is_valid(config, allows_http);
            for warning in &config.warnings {
                assert_line(warning);
            }
            format!("{config:?}{output:?}")
        }
        Err(problems) => are_told(problems, &output) + &format!("{problems:?}{output:?}"),
    };
    if is_hidden {
        assert_no_secret(&shown);
    }
}

fn is_valid(config: &Config, allows_http: bool) {
    let rules = &config.plan.rules;
    const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
    let is_valid = |duration: Duration| !duration.is_zero() && duration <= MONTH;
    if let Tasks::Named(tasks) = &config.plan.tasks {
        assert!(!tasks.is_empty());
        for (n, task) in tasks.iter().enumerate() {
            assert!(!tasks[..n].contains(task));
            assert!(
                task.as_str()
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
            );
        }
    }
    assert!((0.01..=10_000.0).contains(&config.plan.requests_per_second));
    assert!(0 <= rules.condition.max_offset && (1..=1000).contains(&rules.stable_polls));
    assert!(
        is_valid(rules.deadline) && is_valid(rules.max_outage) && is_valid(rules.request_timeout)
    );
    assert!(rules.stall_timeout.is_none_or(is_valid));
    assert!(
        is_valid(rules.pace.initial)
            && rules.pace.initial <= rules.pace.max
            && is_valid(rules.pace.max)
    );
    assert!((1.0..=10.0).contains(&rules.pace.multiplier));
    let connection = &config.connection;
    assert!(rules.pace.initial >= Duration::from_secs(1) || endpoint::is_loopback(&connection.dcs));
    assert_eq!(connection.request_timeout, rules.request_timeout);
    for url in [Some(&connection.dcs), connection.iam.as_ref()]
        .into_iter()
        .flatten()
    {
        assert!(url.host().is_some() && url.query().is_none() && url.fragment().is_none());
        assert!(url.username().is_empty() && url.password().is_none());
        assert!(
            url.scheme() == "https"
                || (url.scheme() == "http" && (allows_http || endpoint::is_loopback(url)))
        );
    }
    match &connection.project {
        ProjectScope::Id(id) => {
            let is_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(!id.is_empty() && id.bytes().all(is_id));
        }
        ProjectScope::Name(name, _) => {
            assert!(!name.trim().is_empty() && connection.iam.is_some());
        }
        ProjectScope::OfToken => assert!(config.credentials.needs_session()),
    }
    assert!(!config.credentials.needs_session() || connection.iam.is_some());
}

/// Problems, and the answer that is written because of them.
fn are_told(problems: &Problems, output: &OutputSettings) -> String {
    assert!(!problems.0.is_empty());
    for problem in &problems.0 {
        for text in [&problem.input, &problem.text]
            .into_iter()
            .chain(&problem.source)
        {
            assert_line(text);
            assert!(!text.is_empty());
        }
        assert_log_line(&escape::log(&format!("error: {problem}")));
    }
    let outcome = Outcome::InvalidInput(problems.to_string());
    sinks::check(&Report::without_tasks(
        output,
        Some(outcome),
        SystemTime::UNIX_EPOCH,
    ))
}

/// Files for one input; there are none before they are wanted.
struct Files<'a> {
    dir: Option<TempDir>,
    roots: &'a [u8],
}

impl Files<'_> {
    fn put(&mut self, name: &str, text: &[u8]) -> PathBuf {
        let dir = self
            .dir
            .get_or_insert_with(|| tempfile::tempdir().expect("a folder for files"));
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// The file used as a `ca-file` of this name.
    fn roots_at(&mut self, name: &str) -> PathBuf {
        if name.trim().is_empty() {
            return PathBuf::from(name);
        }
        let path = self.put("roots.pem", self.roots);
        if name.contains("missing") {
            path.with_file_name("missing.pem")
        } else {
            path
        }
    }
}

fn is_variable_of(wanted: impl Fn(&Input) -> bool, name: &str) -> bool {
    INPUTS
        .iter()
        .any(|input| wanted(input) && input.variables().iter().any(|variable| variable == name))
}

/// A variable's value as the input has it, but for secrets and names of files.
fn value(name: &str, value: &[u8], files: &mut Files<'_>) -> Option<OsString> {
    if [
        "OS_CLIENT_CONFIG_FILE",
        "OS_CLIENT_SECURE_FILE",
        "HOME",
        "XDG_CONFIG_HOME",
    ]
    .contains(&name)
    {
        return None;
    }
    if is_variable_of(|input| input.name == "ca-file", name) {
        return Some(files.roots_at(&String::from_utf8_lossy(value)).into());
    }
    let is_secret =
        is_variable_of(Input::is_secret, name) || name == "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
    let mut value = with_password(value);
    if is_secret && !value.trim_ascii().is_empty() {
        value.extend_from_slice(SECRET.as_bytes());
    }
    Some(OsString::from_vec(value))
}

/// A password in an address is secret; elsewhere our words for it are only words.
fn with_password(value: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(value) {
        Ok(text) => text
            .replace(":@SECRET@@", &format!(":{SECRET}@"))
            .into_bytes(),
        Err(_) => value.to_vec(),
    }
}

/// Arguments; a value given to a flag that a secret does not have is secret.
fn arguments(part: &[u8]) -> Vec<OsString> {
    let is_secret_flag = |text: &[u8]| {
        let name = text.strip_prefix(b"--").map(String::from_utf8_lossy);
        name.is_some_and(|name| Input::named(&name).is_some_and(Input::is_secret))
    };
    let mut arguments: Vec<OsString> = Vec::new();
    let lines = part
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    for line in lines.take(40) {
        let mut argument = with_password(line);
        let flag = line.split(|&byte| byte == b'=').next().unwrap_or_default();
        let is_value = arguments
            .last()
            .is_some_and(|before| is_secret_flag(before.as_bytes()));
        // What begins with two hyphens may be a flag.
        if (flag.len() < line.len() && is_secret_flag(flag))
            || (is_value && !line.starts_with(b"--"))
        {
            argument.extend_from_slice(SECRET.as_bytes());
        }
        arguments.push(OsString::from_vec(argument));
    }
    arguments
}
