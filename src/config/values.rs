//! Parsers of values: text in, a value or what is accepted out. Pure.

use crate::domain::{Goal, KeyLimit};
use crate::escape;
use crate::report::{LogFormat, ReportFile, ReportFormat};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::PathBuf;
use std::time::Duration;
use tracing_subscriber::filter::{LevelFilter, Targets};
use url::Url;

/// A duration longer than this is a mistake, or `1M`, which is a month.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

const DURATION: &str = "accepted: a duration with units, such as `90s`, `45m` or `1h 30m`";

/// A level for this crate; other crates only warn.
pub(super) fn level(filter: LevelFilter) -> Targets {
    Targets::new()
        .with_target("dcs_migration_wait", filter)
        .with_default(filter.min(LevelFilter::WARN))
}

/// A level, or directives as other programs take them from `RUST_LOG`. A bare word that is no level would be a target,
/// and silence everything else.
pub(super) fn parse_log_level(text: &str) -> Result<Targets, String> {
    let accepted = || {
        "accepted: `error`, `warn`, `info`, `debug`, `trace` or `off`, or directives as in `RUST_LOG`".to_owned()
    };
    let as_level = |word: &str| {
        let word = word.to_ascii_lowercase();
        // As other programs call it.
        let name = if word == "warning" { "warn" } else { &word };
        name.parse::<LevelFilter>()
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

pub(super) fn parse_goal(text: &str) -> Result<Goal, String> {
    let found = Goal::ALL
        .into_iter()
        .find(|goal| goal.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "accepted: `completed`, `in-sync`, `full-sync` or `switched`".to_owned())
}

/// A proxy's URL, or why it cannot be used. Nothing of it is quoted: it may hold a password.
pub(super) fn check_proxy(text: &str) -> Result<Url, String> {
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let rest = full.split_once("://").map_or("", |(_, rest)| rest);
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    if user.contains(['@', '#', '/', '?']) {
        return Err(
            "its user name or password holds `@`, `#`, `/` or `?`, which have to be percent-encoded (`%40`, `%23`, `%2F`, \
             `%3F`)"
                .to_owned(),
        );
    }
    let url = Url::parse(&full).map_err(|error| error.to_string())?;
    match url.scheme() {
        _ if url.host().is_none() => Err("it has no host".to_owned()),
        "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h" => Ok(url),
        _ => Err("its scheme is none of http, https, socks5 and socks5h".to_owned()),
    }
}

/// Hosts that need no proxy, separated by commas or spaces, as the HTTP client reads them: `*.example.com` is
/// `.example.com` there.
pub(super) fn no_proxy(text: &str) -> String {
    let hosts: Vec<&str> = text
        .split([',', ' ', '\t', '\n'])
        .filter(|host| !host.is_empty())
        .map(|host| match host.strip_prefix('*') {
            Some(domain) if domain.starts_with('.') => domain,
            _ => host,
        })
        .collect();
    hosts.join(",")
}

/// A number of keys, a percentage of the source's keys, or `off`.
pub(super) fn parse_key_limit(text: &str) -> Result<KeyLimit, String> {
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

pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
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

/// An address without the user name and password that a user wrote into it.
pub(super) fn without_password(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    // What is before the first `://` is another address as likely as a scheme, and may have a password of its own.
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
pub(super) fn tidy(name: &str, text: &str) -> Option<String> {
    let text = match name {
        "password" if !text.trim().is_empty() => text.trim_end_matches(['\r', '\n']),
        _ => text.trim(),
    };
    (!text.is_empty()).then(|| text.to_owned())
}

/// What a secret looks like that is still the name of a variable, masked, or quoted.
pub(super) fn placeholder(text: &str) -> Option<&'static str> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let within = |begin: char, end: char| {
        text.strip_prefix(begin)
            .and_then(|rest| rest.strip_suffix(end))
    };
    if let Some(name) = text.strip_prefix('$') {
        let braces = [('{', '}'), ('(', ')')];
        let inner = braces
            .into_iter()
            .find_map(|(begin, end)| name.strip_prefix(begin)?.strip_suffix(end));
        if is_name(inner.unwrap_or(name).trim()) {
            return Some("is still the name of a variable");
        }
    }
    if text.len() >= 3 && text.bytes().all(|byte| byte == b'*') {
        return Some("is `***`, which is how a log shows a secret");
    }
    if within('"', '"').or(within('\'', '\'')).is_some() {
        return Some("is still in quotes");
    }
    None
}

pub(super) fn in_range(text: &str, least: f64, most: f64) -> Result<f64, ()> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse()
        .ok()
        .filter(|number| plain && (least..=most).contains(number))
        .ok_or(())
}

/// The root certificates of a file that can be used, and in words which of them cannot.
pub(super) fn parse_roots(pem: &[u8]) -> (Vec<reqwest::Certificate>, Vec<String>) {
    let (mut roots, mut broken) = (Vec::new(), Vec::new());
    for (n, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let is_usable =
            |der: &CertificateDer<'static>| RootCertStore::empty().add(der.clone()).is_ok();
        let certificate = der
            .ok()
            .filter(is_usable)
            .and_then(|der| reqwest::Certificate::from_der(&der).ok());
        match certificate {
            Some(certificate) => roots.push(certificate),
            None => broken.push(format!("certificate {}", n + 1)),
        }
    }
    (roots, broken)
}

pub(super) fn parse_reports(text: &str) -> Result<Vec<ReportFile>, String> {
    let mut reports = Vec::new();
    for piece in text
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|piece| !piece.is_empty())
    {
        let shown = || escape::line(&without_password(piece));
        let path = parse_path(piece).map_err(|problem| format!("`{}` {problem}", shown()))?;
        let format = match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => ReportFormat::Json,
            Some("html") => ReportFormat::Html,
            Some("xml") => ReportFormat::Junit,
            Some("md") => ReportFormat::Markdown,
            _ => {
                return Err(format!(
                    "`{}` has none of the endings `.json`, `.html`, `.xml` (JUnit) and `.md`",
                    shown()
                ));
            }
        };
        reports.push(ReportFile { path, format });
    }
    Ok(reports)
}

/// A path to write to. What only a shell replaces would become a name in the working directory.
pub(super) fn parse_path(text: &str) -> Result<PathBuf, String> {
    if text.starts_with('~') || text.contains('$') {
        return Err(
            "has a `~` or `$` that no shell has replaced; accepted: paths as they are".to_owned(),
        );
    }
    Ok(PathBuf::from(text))
}

pub(super) fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("accepted: `true` or `false`".to_owned()),
    }
}

pub(super) fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("accepted: `auto`, `text` or `json`".to_owned()),
    }
}
