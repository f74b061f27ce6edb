//! What a failed request means: the one table of retry, renew or end.
//!
//! Codes and their meaning: OTC's DCS, IAM and API gateway references, and Huawei Cloud's provider for Terraform where
//! those are silent.

use crate::escape;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::time::Duration;

/// A request without a successful response. `Display` is the message, without the advice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What to do about it.
    pub class: Class,
    /// What happened; one visible line.
    pub message: String,
    /// What a person should change.
    pub advice: Option<String>,
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Try again, not before `retry_after` where the server asked for that.
    Transient {
        /// From the `Retry-After` header.
        retry_after: Option<Duration>,
    },
    /// Too many requests: try again, more slowly, and not before `retry_after` where the server asked for that.
    Throttled {
        /// From the `Retry-After` header.
        retry_after: Option<Duration>,
    },
    /// The session is no longer accepted; a new one may be.
    Unauthenticated,
    /// The credential itself is refused for good.
    Denied,
    /// The credential is good, but may not do this.
    Forbidden,
    /// The API does not know the task.
    UnknownTask,
    /// 404 or 405: the address is wrong, or the server has lost its way for a moment.
    NotFound,
    /// The request as such is wrong: endpoint, region or project.
    Rejected,
}

impl ApiError {
    /// An error worth a new try.
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            class: Class::Transient { retry_after: None },
            message: message.into(),
            advice: None,
        }
    }

    /// The same error with this advice, where it has none of its own.
    pub fn or_advise(self, advice: &str) -> Self {
        Self {
            advice: self.advice.or_else(|| Some(advice.to_owned())),
            ..self
        }
    }

    /// The same error, as one worth a new try.
    pub fn into_transient(self) -> Self {
        Self {
            class: Class::Transient { retry_after: None },
            ..self
        }
    }

    /// The same error, but never an end: `Retry-After` stays.
    pub fn or_retried(self) -> Self {
        if self.is_transient() {
            self
        } else {
            self.into_transient()
        }
    }

    /// Whether asking again may help.
    pub fn is_transient(&self) -> bool {
        match self.class {
            Class::Transient { .. } | Class::Throttled { .. } => true,
            Class::Unauthenticated
            | Class::Denied
            | Class::Forbidden
            | Class::UnknownTask
            | Class::NotFound
            | Class::Rejected => false,
        }
    }

    /// How long the server asks to leave it alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.class {
            Class::Transient { retry_after } | Class::Throttled { retry_after } => retry_after,
            Class::Unauthenticated
            | Class::Denied
            | Class::Forbidden
            | Class::UnknownTask
            | Class::NotFound
            | Class::Rejected => None,
        }
    }

    /// Whether it is the same error as `other`: the same class and words.
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.class) == std::mem::discriminant(&other.class)
            && self.message.split(REQUEST_ID).next() == other.message.split(REQUEST_ID).next()
    }
}

/// What to check about IAM's errors, where nothing better is known.
pub const CHECK_IAM: &str = "check the network and `iam-endpoint`";

/// Begins the part of a message that differs from answer to answer.
const REQUEST_ID: &str = " (request id ";

/// An answer with a status other than 200, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub struct ErrorResponse<'a> {
    /// HTTP status.
    pub status: u16,
    /// The body, as far as it was read.
    pub body: &'a [u8],
    /// `X-Request-Id` or `X-IAM-Trace-Id`.
    pub request_id: Option<&'a str>,
    /// From `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The server's clock (`Date`) minus this machine's, in seconds.
    pub clock_skew: Option<i64>,
    /// From `Location`.
    pub location: Option<&'a str>,
    /// How the request was authenticated.
    pub sign_in: SignIn,
    /// What was asked for.
    pub asked: RequestKind,
}

/// What a request asked for, as far as it decides what to change after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Stats or detail of a task.
    Task,
    /// The project's tasks.
    List,
    /// The id of a project, by its name.
    Project,
    /// A session.
    Session,
}

/// How a request was authenticated, as far as it decides what a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// A token from an input: nothing can be renewed.
    Token,
    /// A token that can be obtained again.
    RenewableToken,
    /// A token that was obtained with a one-time code.
    OneTimeToken,
    /// Signed with access keys.
    AccessKey,
    /// The request is the sign-in itself, by what IAM itself knows: a password, a token.
    ByPassword,
    /// The request is the sign-in itself, by the job's OIDC token.
    ByOidc,
    /// The request asks GitHub for the job's OIDC token.
    AskingGitHub,
}

impl SignIn {
    /// Who answers, where that is not the API that people expect.
    fn server(self, asked: RequestKind) -> &'static str {
        match (self, asked) {
            (Self::AskingGitHub, _) => "GitHub: ",
            (Self::ByPassword | Self::ByOidc, _) | (_, RequestKind::Project) => "IAM: ",
            (
                Self::Token | Self::RenewableToken | Self::OneTimeToken | Self::AccessKey,
                RequestKind::Task | RequestKind::List | RequestKind::Session,
            ) => "",
        }
    }
}

/// Code and message of an error body, in whichever of the known shapes it comes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// Such as `DCS.4133`; one visible line.
    pub code: Option<String>,
    /// One visible line.
    pub message: Option<String>,
    /// The request's id, where no header has it; one visible line.
    pub request_id: Option<String>,
}

impl ErrorBody {
    /// Reads `{error_code,error_msg}`, `{errorCode,errorMsg}`, `{code,message}` and `{"error":{code,message}}`; anything
    /// else has neither code nor message.
    pub fn parse(body: &[u8]) -> Self {
        let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
            return Self::default();
        };
        Self::of(&body)
    }

    fn of(body: &Map<String, Value>) -> Self {
        let body = body.get("error").and_then(Value::as_object).unwrap_or(body);
        let text = |names: [&str; 3]| {
            names.iter().find_map(|&name| match body.get(name)? {
                Value::String(text) if !text.trim().is_empty() => Some(escape::line(text)),
                Value::Number(number) => Some(number.to_string()),
                Value::Null
                | Value::Bool(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_) => None,
            })
        };
        Self {
            code: text(["error_code", "errorCode", "code"]),
            message: text(["error_msg", "errorMsg", "message"]),
            request_id: text(["request_id", "requestId", "request-id"]),
        }
    }
}

/// The table: status and code to class and advice.
pub fn classify(refusal: &ErrorResponse<'_>) -> ApiError {
    let ErrorBody {
        code,
        message,
        request_id,
    } = ErrorBody::parse(refusal.body);
    // Keystone's code is the HTTP status once more.
    let code = code.filter(|code| *code != refusal.status.to_string());
    let text = message.as_deref().unwrap_or_default();
    let known = code.as_deref().map(of_today);
    let known = known.as_deref();
    let (class, advice) = match refusal.status {
        300..=399 => (Class::Rejected, redirect_advice(refusal)),
        400 => bad_request(known, refusal),
        401 => unauthorized(known, text, refusal),
        403 => forbidden(known, refusal),
        407 => (Class::Rejected, "the proxy asks for credentials".to_owned()),
        429 => (
            Class::Throttled {
                retry_after: refusal.retry_after,
            },
            String::new(),
        ),
        408 | 500..=599 => (
            Class::Transient {
                retry_after: refusal.retry_after,
            },
            String::new(),
        ),
        404 | 405 => (Class::NotFound, not_found_advice(known, refusal)),
        402 | 406 | 409..=428 | 430..=499 => {
            (Class::Rejected, "check `endpoint` and `region`".to_owned())
        }
        // Neither success nor failure: not an answer that this API gives.
        _ => (Class::Transient { retry_after: None }, String::new()),
    };

    let mut what = format!(
        "{}HTTP {}",
        refusal.sign_in.server(refusal.asked),
        refusal.status
    );
    if let Some(code) = &code {
        let _ = write!(what, " {code}");
    }
    if let Some(message) = &message {
        let _ = write!(what, " \"{message}\"");
    }
    if code.is_none() && message.is_none() && !refusal.body.is_empty() {
        what.push_str(" with a body that is no error of this API");
    }
    if let Some(id) = refusal.request_id.or(request_id.as_deref()) {
        let _ = write!(what, "{REQUEST_ID}{})", escape::line(id));
    }
    ApiError {
        class,
        message: what,
        advice: Some(advice).filter(|advice| !advice.is_empty()),
    }
}

/// DCS's codes of version 1 in those of version 2: `111400070` is `DCS.4070`, and `111401004` is `DCS.1004`.
fn of_today(code: &str) -> Cow<'_, str> {
    let number = |status: &str| {
        code.strip_prefix("111")?
            .strip_prefix(status)
            .filter(|number| number.len() == 3)
    };
    match (number("400"), number("401")) {
        (Some(number), _) => Cow::Owned(format!("DCS.4{number}")),
        (_, Some(number)) => Cow::Owned(format!("DCS.1{number}")),
        (None, None) => Cow::Borrowed(code),
    }
}

/// Which input names the server that was asked.
pub fn input(sign_in: SignIn, asked: RequestKind) -> &'static str {
    match (sign_in, asked) {
        (SignIn::AskingGitHub, _) => "the job's network",
        (SignIn::ByPassword | SignIn::ByOidc, _) | (_, RequestKind::Project) => "`iam-endpoint`",
        (
            SignIn::Token | SignIn::RenewableToken | SignIn::OneTimeToken | SignIn::AccessKey,
            RequestKind::Task | RequestKind::List | RequestKind::Session,
        ) => "`endpoint`",
    }
}

fn redirect_advice(refusal: &ErrorResponse<'_>) -> String {
    let to = refusal
        .location
        .map(|location| format!(" (to `{}`)", escape::line(location)))
        .unwrap_or_default();
    let input = input(refusal.sign_in, refusal.asked);
    format!("redirects are not followed{to}, since the credential would go along: check {input}")
}

/// Codes of status 400 that ask to try again: the instance is busy, or recovers from a fault.
const BUSY: &[&str] = &[
    "DCS.4017", "DCS.4026", "DCS.4049", "DCS.4096", "DCS.4097", "DCS.4104", "DCS.4111", "DCS.4112",
    "DCS.4113", "DCS.4114", "DCS.4115", "DCS.4116", "DCS.4117", "DCS.4118", "DCS.4120", "DCS.4121",
    "DCS.4231", "DCS.4975",
];

fn bad_request(code: Option<&str>, refusal: &ErrorResponse<'_>) -> (Class, String) {
    match code {
        // A list names no task, so it cannot be the task that is not known.
        Some("DCS.4133") if refusal.asked == RequestKind::Task => (
            Class::UnknownTask,
            "check `task-id`, and that `region` and `project-id` are those of the task".to_owned(),
        ),
        Some("DCS.4070") => (
            Class::Rejected,
            "the API does not accept the format of `task-id`".to_owned(),
        ),
        Some("DCS.4002") => (
            Class::Rejected,
            "the API does not accept the format of `project-id`: it is an id, not a name"
                .to_owned(),
        ),
        Some("IAM.1105" | "IAM.1108") => match refusal.sign_in {
            SignIn::RenewableToken => (Class::Unauthenticated, String::new()),
            SignIn::Token
            | SignIn::OneTimeToken
            | SignIn::AccessKey
            | SignIn::ByPassword
            | SignIn::ByOidc
            | SignIn::AskingGitHub => (Class::Denied, EXPIRED_KEYS.to_owned()),
        },
        Some(code) if BUSY.contains(&code) => {
            let advice = match code {
                "DCS.4111" => {
                    "where it stays so, the task may be the import of a backup, which has no progress to wait for"
                }
                _ => "",
            };
            let class = Class::Transient {
                retry_after: refusal.retry_after,
            };
            (class, advice.to_owned())
        }
        _ => {
            let advice = match (refusal.sign_in, refusal.asked) {
                (SignIn::ByPassword, _) => {
                    "check `username`, `password`, `domain-name` and `iam-endpoint`"
                }
                (SignIn::ByOidc, _) => "check `idp-id`, the job's OIDC token and `iam-endpoint`",
                (SignIn::AskingGitHub, _) => "check `oidc-audience`",
                (_, RequestKind::Project) => "set `project-id`, or check `iam-endpoint`",
                (_, RequestKind::List) => {
                    "check `project-id` and `endpoint`, or name the tasks in `task-id`"
                }
                (
                    SignIn::Token
                    | SignIn::RenewableToken
                    | SignIn::OneTimeToken
                    | SignIn::AccessKey,
                    RequestKind::Task | RequestKind::Session,
                ) => "check `task-id`, `project-id` and `endpoint`",
            };
            (Class::Rejected, advice.to_owned())
        }
    }
}

const EXPIRED_KEYS: &str =
    "the temporary access keys have expired: get new ones, or sign in with `idp-id`";

fn not_found_advice(code: Option<&str>, refusal: &ErrorResponse<'_>) -> String {
    let advice = match (refusal.sign_in, refusal.asked) {
        (SignIn::ByOidc, _) if code == Some("IAM.0004") => {
            "the identity provider is not known: check `idp-id` and `iam-endpoint`"
        }
        (SignIn::ByPassword | SignIn::ByOidc, _) | (_, RequestKind::Project) => {
            "check `iam-endpoint` and `region`"
        }
        (SignIn::AskingGitHub, _) => "check the job's permission `id-token: write`",
        (
            SignIn::Token | SignIn::RenewableToken | SignIn::OneTimeToken | SignIn::AccessKey,
            RequestKind::Task | RequestKind::List | RequestKind::Session,
        ) => "check `endpoint`, `region` and `project-id`",
    };
    advice.to_owned()
}

/// Gateways refuse signatures that are further off than this, in seconds.
const MAX_CLOCK_SKEW: u64 = 15 * 60;

fn unauthorized(code: Option<&str>, text: &str, refusal: &ErrorResponse<'_>) -> (Class, String) {
    let lower = text.to_ascii_lowercase();
    let skew = refusal
        .clock_skew
        .filter(|skew| skew.unsigned_abs() > MAX_CLOCK_SKEW);
    match (code, refusal.sign_in) {
        (Some("DCS.1004"), _) => {
            (Class::Denied, "the credential belongs to another project: check `project-id`".to_owned())
        }
        (_, SignIn::ByPassword) if lower.contains("totp") || lower.contains("mfa") => (
            Class::Denied,
            "this user signs in with a second factor: set `passcode` to the code of the moment, or use `access-key` or `idp-id`"
                .to_owned(),
        ),
        (Some("IAM.0061"), _) => (
            Class::Denied,
            "the account is locked after too many wrong attempts: wait for the time that the administrator has set, \
             then check the password"
                .to_owned(),
        ),
        (Some("IAM.0062" | "IAM.0063" | "IAM.0064"), _) => (
            Class::Denied,
            "IAM refuses this user: check `username` and `password`, and ask the account's administrator".to_owned(),
        ),
        (_, SignIn::AccessKey) if lower.contains("signature expired") || skew.is_some() => {
            (Class::Denied, clock_advice(refusal.clock_skew))
        }
        (_, SignIn::AccessKey) if lower.contains("expired") => (Class::Denied, EXPIRED_KEYS.to_owned()),
        (_, SignIn::AccessKey) if lower.contains("lock") || lower.contains("reach the limit") => (
            Class::Denied,
            "the access key is locked after five refusals: wait five minutes, then check `access-key` and `secret-key`"
                .to_owned(),
        ),
        (_, SignIn::AccessKey) => (
            Class::Denied,
            "check `access-key`, `secret-key` and, for temporary keys, `security-token`; not tried again, since five \
             refusals lock the key"
                .to_owned(),
        ),
        (_, SignIn::ByPassword) => {
            (Class::Denied, "IAM refuses the sign-in: check `username`, `password` and `domain-name`".to_owned())
        }
        (_, SignIn::ByOidc) => (
            Class::Denied,
            "IAM refuses the job's OIDC token: check `idp-id`, that it is still valid, and the identity provider's key \
             set and client id (the token's audience)"
                .to_owned(),
        ),
        (_, SignIn::AskingGitHub) => (Class::Denied, "check the job's permission `id-token: write`".to_owned()),
        (_, SignIn::RenewableToken) => (Class::Unauthenticated, region_advice(code)),
        (Some("APIGW.0307" | "APIG.0307"), SignIn::Token) => {
            (Class::Denied, format!("{}; or {}", region_advice(code), TOKEN_ADVICE))
        }
        (_, SignIn::Token) => (Class::Denied, TOKEN_ADVICE.to_owned()),
        (_, SignIn::OneTimeToken) => (
            Class::Denied,
            "the session has ended, and a passcode serves once: sign in with `access-key` or `idp-id` for waits that outlive \
             a token"
                .to_owned(),
        ),
    }
}

const TOKEN_ADVICE: &str = "`auth-token` is not valid or has expired (a token lives 24 hours at most): set a new one, \
    or use `access-key`, `password` or `idp-id`, which outlive every token";

fn region_advice(code: Option<&str>) -> String {
    match code {
        Some("APIGW.0307" | "APIG.0307") => {
            "the token is not one of this region: check `region` and `endpoint`".to_owned()
        }
        _ => {
            "a new token is refused as well: check `project-id`, `region` and `endpoint`".to_owned()
        }
    }
}

fn clock_advice(skew: Option<i64>) -> String {
    let words = |skew: i64| {
        humantime::format_duration(Duration::from_secs(skew.unsigned_abs())).to_string()
    };
    let what = match skew {
        Some(skew) if skew.unsigned_abs() > MAX_CLOCK_SKEW => format!(
            "this machine's clock is {} {} the server's; set it right",
            words(skew),
            if skew > 0 { "behind" } else { "ahead of" },
        ),
        Some(skew) => format!(
            "this machine's clock is no more than {} off the server's, so find what delays its requests",
            words(skew)
        ),
        None => "check this machine's clock".to_owned(),
    };
    format!("the signature's time is refused: {what} (15 minutes are allowed)")
}

fn forbidden(code: Option<&str>, refusal: &ErrorResponse<'_>) -> (Class, String) {
    let grant = |action: &str| {
        format!(
            "grant the action `{action}` in the IAM project of the task (a grant in an enterprise project does not count)"
        )
    };
    match (code, refusal.sign_in, refusal.asked) {
        (Some("IAM.0081"), _, _) => (
            Class::Denied,
            "this user has console access only: allow programmatic access for it in IAM".to_owned(),
        ),
        (_, SignIn::ByPassword, _) => {
            (Class::Denied, "IAM refuses this user: check that it may use the project `project-id`".to_owned())
        }
        (_, SignIn::ByOidc, _) => (
            Class::Denied,
            "IAM refuses this identity: check that it may use the project, and that the identity provider's mapping rules \
             match this job"
                .to_owned(),
        ),
        (_, SignIn::AskingGitHub, _) => (Class::Denied, "check the job's permission `id-token: write`".to_owned()),
        (_, _, RequestKind::Project) => {
            (Class::Denied, "the credential may not look up projects by name: set `project-id`".to_owned())
        }
        (_, _, RequestKind::List) => {
            (Class::Forbidden, format!("{}, or name the tasks in `task-id`", grant("dcs:migrationTask:list")))
        }
        (_, SignIn::Token | SignIn::RenewableToken | SignIn::OneTimeToken | SignIn::AccessKey, RequestKind::Task | RequestKind::Session) => {
            (Class::Forbidden, grant("dcs:migrationTask:get"))
        }
    }
}

/// An attempt that brought no answer at all.
///
/// What cannot get better by itself ends the wait: a certificate that is not trusted, TLS without common ground, a proxy
/// that wants credentials. Unless this server has answered before: then something was changed on the way, and may be
/// changed back.
pub fn from_transport(error: &reqwest::Error, server: &Server<'_>) -> ApiError {
    let &Server {
        name: server,
        input,
        proxy,
        has_answered,
        is_looked_up,
    } = server;
    let causes = causes(error);
    let what = words(error);
    let refusal = |class: Class, message: String, advice: &str| {
        let class = if has_answered {
            Class::Transient { retry_after: None }
        } else {
            class
        };
        ApiError {
            class,
            message,
            advice: Some(advice.to_owned()),
        }
    };
    if causes.iter().any(|cause| has_no_common_ground(cause)) {
        let advice = format!(
            "TLS 1.2 or 1.3 with a modern cipher is needed: check {input}, and what answers there"
        );
        return refusal(
            Class::Rejected,
            format!("no TLS version or cipher in common with {server}: {what}"),
            &advice,
        );
    }
    if causes.iter().any(|cause| is_certificate_problem(cause)) {
        let advice = if what.contains("CaUsedAsEndEntity") {
            "its certificate is that of an authority (CA:TRUE), which no server may show: give the server one that is \
             not, and set `ca-file` to the authority that issued it"
        } else {
            &format!(
                "check {input}; where a proxy or a private cloud has its own authority, set `ca-file`"
            )
        };
        let any_more = if has_answered { " any more" } else { "" };
        return refusal(
            Class::Rejected,
            format!("cannot trust {server}{any_more}: {what}"),
            advice,
        );
    }
    if causes.iter().any(|cause| cause.starts_with(TUNNEL)) {
        let (class, what) = match what.strip_prefix(TUNNEL) {
            Some("proxy authorization required") => (
                Class::Rejected,
                "it asks for credentials, or refuses those it got",
            ),
            Some("unsuccessful") => (
                Class::Transient { retry_after: None },
                "it refuses to connect there",
            ),
            Some(other) => (Class::Transient { retry_after: None }, other),
            None => (Class::Transient { retry_after: None }, what.as_str()),
        };
        let message = format!("cannot reach {server} through the proxy of `{proxy}`: {what}");
        return refusal(class, message, &format!("check `{proxy}` and `NO_PROXY`"));
    }
    if error.is_timeout() {
        return if is_looked_up {
            ApiError::transient(format!(
                "the name of {server} was not resolved within `request-timeout`"
            ))
            .or_advise(&format!(
                "check the name servers of this machine, and {input}"
            ))
        } else {
            no_answer(server)
        };
    }
    ApiError::transient(if error.is_connect() {
        format!("cannot reach {server}: {what}")
    } else {
        format!("the connection to {server} broke: {what}")
    })
}

/// A server, as far as errors about the way to it need to know.
#[derive(Debug, Clone, Copy)]
pub struct Server<'a> {
    /// Host and port.
    pub name: &'a str,
    /// The input that names it.
    pub input: &'a str,
    /// The variable of the proxy on the way.
    pub proxy: &'a str,
    /// It has answered before.
    pub has_answered: bool,
    /// Its name is still being resolved.
    pub is_looked_up: bool,
}

/// The refusal of a proxy that http goes through.
pub fn proxy_wants_credentials(error: ApiError, proxy: &str, has_answered: bool) -> ApiError {
    let advice = format!(
        "the proxy of `{proxy}` asks for credentials, or refuses those it got: check `{proxy}`"
    );
    let class = if has_answered {
        Class::Transient { retry_after: None }
    } else {
        error.class
    };
    ApiError {
        class,
        advice: Some(advice),
        ..error
    }
}

/// A server that is silent for too long.
pub fn no_answer(server: &str) -> ApiError {
    ApiError::transient(format!("no answer from {server} within `request-timeout`"))
}

/// How the HTTP client's words about the way through a proxy begin.
const TUNNEL: &str = "tunnel error: ";

/// The innermost cause of an error of the HTTP client.
pub fn words(error: &reqwest::Error) -> String {
    causes(error)
        .pop()
        .unwrap_or_else(|| "unknown cause".to_owned())
}

/// The error's causes, outermost first, without its own words: those may hold the URL.
fn causes(error: &reqwest::Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = match cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind)
        {
            Some(ErrorKind::ConnectionReset) => "connection reset".to_owned(),
            Some(ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
            Some(_) | None => escape::line(&cause.to_string()),
        };
        causes.push(words);
        next = cause.source();
    }
    causes
}

/// A bad certificate does not heal by itself. The words are those of rustls.
fn is_certificate_problem(cause: &str) -> bool {
    cause.contains("invalid peer certificate")
}

/// Neither do two sides that have no version or cipher in common. The words are those of rustls.
fn has_no_common_ground(cause: &str) -> bool {
    const ALERTS: [&str; 3] = [
        "HandshakeFailure",
        "ProtocolVersion",
        "InsufficientSecurity",
    ];
    let is_alert =
        cause.contains("received fatal alert") && ALERTS.iter().any(|alert| cause.contains(alert));
    is_alert || cause.contains("peer is incompatible")
}

#[cfg(test)]
mod tests;
