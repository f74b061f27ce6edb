//! Who may ask: the simulator's identity and access management.
//!
//! It checks what the cloud checks (tokens expire, signatures are computed again, dates may be 15 minutes off, a key
//! is locked after five refusals) and answers in the cloud's words, so that a client's advice can be rehearsed too.

use super::jwt;
use super::reply::Reply;
use super::server::{Now, Options, random};
use crate::auth::sign;
use hyper::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use url::Url;

/// Which sign-in is accepted.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Every token, signature, password and id token, but not nothing. A token that was issued here still expires.
    Any,
    /// This token.
    Token(SecretString),
    /// Requests signed with this key.
    AccessKey {
        /// The key's name.
        access_key: String,
        /// What signs.
        secret_key: SecretString,
        /// The token of a temporary key, which has to come along.
        security_token: Option<SecretString>,
    },
    /// Tokens issued for this password.
    Password {
        /// The user.
        username: String,
        /// The user's password.
        password: SecretString,
        /// The account (domain) of the user.
        domain_name: String,
    },
    /// Tokens issued for an id token, presented under this identity provider.
    Oidc {
        /// The identity provider's id.
        idp_id: String,
    },
}

/// Credentials that protect nothing: for rehearsals, where no others are given.
mod example {
    pub(super) const TOKEN: &str = "simulated-token";
    pub(super) const ACCESS_KEY: &str = "AKSIMULATED000000000";
    pub(super) const SECRET_KEY: &str = "SimulatedSecretKey0000000000000000000000";
    pub(super) const USERNAME: &str = "rehearsal";
    pub(super) const PASSWORD: &str = "simulated-password";
    pub(super) const DOMAIN_NAME: &str = "OTC-EU-DE-00000000001000000000";
    pub(super) const IDP_ID: &str = "simulated-ci";
    pub(super) const JOB_TOKEN: &str = "simulated-job-token";
}

impl Auth {
    /// The words for [`Auth::example`].
    pub const KINDS: [&str; 5] = ["any", "token", "access-key", "password", "oidc"];

    /// This kind of sign-in with made-up credentials.
    pub fn example(kind: &str) -> Option<Self> {
        Some(match kind {
            "any" => Self::Any,
            "token" => Self::Token(SecretString::from(example::TOKEN)),
            "access-key" => Self::AccessKey {
                access_key: example::ACCESS_KEY.to_owned(),
                secret_key: SecretString::from(example::SECRET_KEY),
                security_token: None,
            },
            "password" => Self::Password {
                username: example::USERNAME.to_owned(),
                password: SecretString::from(example::PASSWORD),
                domain_name: example::DOMAIN_NAME.to_owned(),
            },
            "oidc" => Self::Oidc {
                idp_id: example::IDP_ID.to_owned(),
            },
            _ => return None,
        })
    }

    /// The environment variables with which a client signs in. `base` is where the simulator listens.
    pub(super) fn variables(&self, base: &str) -> Vec<(&'static str, Shown)> {
        let plain = |value: &str| Shown::Plain(value.to_owned());
        let iam = ("DCS_IAM_ENDPOINT", Shown::Plain(base.to_owned()));
        match self {
            Self::Any => vec![("DCS_AUTH_TOKEN", plain(example::TOKEN))],
            Self::Token(token) => vec![("DCS_AUTH_TOKEN", Shown::Secret(token.clone()))],
            Self::AccessKey {
                access_key,
                secret_key,
                security_token,
            } => {
                let mut variables = vec![
                    ("DCS_ACCESS_KEY", plain(access_key)),
                    ("DCS_SECRET_KEY", Shown::Secret(secret_key.clone())),
                ];
                variables.extend(
                    security_token
                        .clone()
                        .map(|token| ("DCS_SECURITY_TOKEN", Shown::Secret(token))),
                );
                variables
            }
            Self::Password {
                username,
                password,
                domain_name,
            } => vec![
                iam,
                ("DCS_USERNAME", plain(username)),
                ("DCS_PASSWORD", Shown::Secret(password.clone())),
                ("DCS_DOMAIN_NAME", plain(domain_name)),
            ],
            Self::Oidc { idp_id } => vec![
                iam,
                ("DCS_IDP_ID", plain(idp_id)),
                (
                    "ACTIONS_ID_TOKEN_REQUEST_URL",
                    Shown::Plain(format!("{base}/github/oidc?api-version=2.0")),
                ),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", plain(example::JOB_TOKEN)),
            ],
        }
    }
}

/// A value of an environment variable.
#[derive(Debug, Clone)]
pub(super) enum Shown {
    Plain(String),
    Secret(SecretString),
}

impl Shown {
    /// The value itself.
    pub(super) fn reveal(self) -> String {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => value.expose_secret().to_owned(),
        }
    }

    /// The value where it is none of somebody's secrets.
    pub(super) fn public(self) -> Option<String> {
        match self {
            Self::Plain(value) => Some(value),
            Self::Secret(value) => {
                let value = value.expose_secret();
                [example::TOKEN, example::SECRET_KEY, example::PASSWORD]
                    .contains(&value)
                    .then(|| value.to_owned())
            }
        }
    }
}

/// A request, as far as it matters here.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// Path and query as they were sent.
    pub(super) target: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl Asked<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// What somebody who was admitted may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every project.
    All,
    /// One project.
    Project(String),
    /// No project: the token was asked for without one.
    Global,
}

impl Scope {
    pub(super) fn covers(&self, project: &str) -> bool {
        match self {
            Self::All => true,
            Self::Project(own) => own.eq_ignore_ascii_case(project),
            Self::Global => false,
        }
    }
}

/// Why somebody is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    NothingShown,
    TokenUnknown,
    TokenExpired,
    KeyUnknown(String),
    KeyLocked,
    SignatureWrong,
    SignatureExpired(String),
    SecurityTokenWrong,
}

impl Refusal {
    pub(super) fn reply(&self, request_id: &str) -> Reply {
        let (code, what) = match self {
            Self::NothingShown => ("APIGW.0301", "x-auth-token not found".to_owned()),
            Self::TokenUnknown => ("APIGW.0301", "decrypt token fail".to_owned()),
            Self::TokenExpired => {
                return Reply::gateway(401, "APIGW.0307", "The token must be updated.", request_id);
            }
            Self::KeyUnknown(key) => (
                "APIGW.0301",
                format!("Get secretKey failed,ak:{key},err:ak not exist"),
            ),
            Self::KeyLocked => (
                "APIGW.0301",
                "AK access failed to reach the limit,forbidden. The AK is locked for 5 minutes."
                    .to_owned(),
            ),
            Self::SignatureWrong => ("APIGW.0301", "verify aksk signature fail".to_owned()),
            Self::SignatureExpired(date) => (
                "APIGW.0301",
                format!("verify aksk signature fail, signature expired: X-Sdk-Date {date}"),
            ),
            Self::SecurityTokenWrong => (
                "APIGW.0301",
                "verify aksk signature fail, invalid security token".to_owned(),
            ),
        };
        Reply::gateway(
            401,
            code,
            &format!("Incorrect IAM authentication information: {what}"),
            request_id,
        )
    }
}

/// Refusals in a row that lock a key.
const FAILURES_TO_LOCK: u32 = 5;
/// How long it stays locked, in simulated time.
const LOCKED_FOR: Duration = Duration::from_secs(5 * 60);
/// How far the date of a signature may be from the gateway's clock, in real time.
const CLOCK_SKEW: Duration = Duration::from_secs(15 * 60);
/// Tokens that are remembered, used up or not; the oldest is forgotten first.
const MOST_TOKENS: usize = 10_000;

/// Tokens that were issued, and what is known about the key.
#[derive(Default)]
pub(super) struct Iam {
    tokens: HashMap<String, Issued>,
    oldest_first: VecDeque<String>,
    failures: u32,
    locked_until: Option<Instant>,
}

struct Issued {
    until: Instant,
    scope: Scope,
}

impl Iam {
    /// Whether the request may see anything at all, and of which project.
    pub(super) fn admit(
        &mut self,
        options: &Options,
        asked: &Asked<'_>,
        now: Now,
    ) -> Result<Scope, Refusal> {
        let token = asked.header("x-auth-token");
        match &options.auth {
            Auth::Any => match token {
                Some(token) => match self.issued(token, now) {
                    Err(Refusal::TokenUnknown) => Ok(Scope::All),
                    known => known,
                },
                None => signed(asked).map(|_| Scope::All),
            },
            Auth::Token(own) => match token {
                Some(token) if same(token, own.expose_secret()) => Ok(Scope::All),
                Some(_) => Err(Refusal::TokenUnknown),
                None => Err(Refusal::NothingShown),
            },
            Auth::Password { .. } | Auth::Oidc { .. } => match token {
                Some(token) => self.issued(token, now),
                None => Err(Refusal::NothingShown),
            },
            Auth::AccessKey {
                access_key,
                secret_key,
                security_token,
            } => {
                let signed = match signed(asked) {
                    Err(Refusal::NothingShown) if token.is_some() => Err(Refusal::TokenUnknown),
                    signed => signed,
                }?;
                if signed.access_key != access_key {
                    return Err(Refusal::KeyUnknown(signed.access_key.to_owned()));
                }
                if self.locked_until.is_some_and(|until| now.instant < until) {
                    return Err(Refusal::KeyLocked);
                }
                let verified = verify(asked, &signed, secret_key, security_token.as_ref(), now);
                match verified {
                    Ok(()) => self.failures = 0,
                    Err(_) => {
                        self.failures += 1;
                        if self.failures >= FAILURES_TO_LOCK {
                            self.failures = 0;
                            self.locked_until = now.instant.checked_add(options.real(LOCKED_FOR));
                        }
                    }
                }
                verified.map(|()| Scope::All)
            }
        }
    }

    fn issued(&self, token: &str, now: Now) -> Result<Scope, Refusal> {
        match self.tokens.get(token) {
            None => Err(Refusal::TokenUnknown),
            Some(issued) if issued.until <= now.instant => Err(Refusal::TokenExpired),
            Some(issued) => Ok(issued.scope.clone()),
        }
    }

    /// `POST /v3/auth/tokens`.
    pub(super) fn password_token(
        &mut self,
        options: &Options,
        asked: &Asked<'_>,
        now: Now,
    ) -> Reply {
        let Ok(body) = serde_json::from_slice::<Value>(asked.body) else {
            return Reply::keystone(400, "Bad Request", "The request body is not valid JSON.");
        };
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        let methods = body
            .pointer("/auth/identity/methods")
            .and_then(Value::as_array);
        if !methods.is_some_and(|methods| methods.iter().any(|method| method == "password")) {
            return Reply::keystone(
                400,
                "Bad Request",
                "The identity method is not supported: use password.",
            );
        }
        let (Some(user), Some(password), Some(domain)) = (
            text("/auth/identity/password/user/name"),
            text("/auth/identity/password/user/password"),
            text("/auth/identity/password/user/domain/name"),
        ) else {
            return Reply::keystone(
                400,
                "Bad Request",
                "The user's name, password and domain name are needed.",
            );
        };
        let right = match &options.auth {
            Auth::Any => true,
            Auth::Password {
                username,
                password: own,
                domain_name,
            } => {
                same(user, username)
                    && same(password, own.expose_secret())
                    && same(domain, domain_name)
            }
            Auth::Token(_) | Auth::AccessKey { .. } | Auth::Oidc { .. } => false,
        };
        if !right {
            return Reply::keystone(401, "Unauthorized", "The username or password is wrong.");
        }
        let Some(scope) = scope(options, &body) else {
            return Reply::keystone(401, "Unauthorized", "The user has no role in the project.");
        };
        let catalog = asked
            .query("nocatalog")
            .is_none_or(|value| value.is_empty());
        let user = json!({"name": user, "domain": {"name": domain}});
        self.issue(options, scope, "password", &user, catalog, now)
    }

    /// `POST /v3.0/OS-AUTH/id-token/tokens`.
    pub(super) fn id_token(&mut self, options: &Options, asked: &Asked<'_>, now: Now) -> Reply {
        let body = serde_json::from_slice::<Value>(asked.body).unwrap_or_default();
        let token = body.pointer("/auth/id_token/id").and_then(Value::as_str);
        let (Some(token), Some(idp)) = (token, asked.header("x-idp-id")) else {
            return Reply::iam(
                400,
                "IAM.0011",
                "The X-Idp-Id header and auth.id_token.id in the body are needed.",
            );
        };
        let known = match &options.auth {
            Auth::Any => true,
            Auth::Oidc { idp_id } => idp == idp_id,
            Auth::Token(_) | Auth::AccessKey { .. } | Auth::Password { .. } => false,
        };
        if !known {
            return Reply::iam(
                404,
                "IAM.0004",
                &format!("Could not find identity provider {idp}."),
            );
        }
        if !jwt::is_acceptable(token, now.wall) {
            return Reply::iam(401, "IAM.0001", "The ID token is malformed or expired.");
        }
        let Some(scope) = scope(options, &body) else {
            return Reply::iam(
                403,
                "IAM.0003",
                "The user has no permission in the project.",
            );
        };
        let user =
            json!({"name": "FederationUser", "OS-FEDERATION": {"identity_provider": {"id": idp}}});
        self.issue(options, scope, "mapped", &user, false, now)
    }

    fn issue(
        &mut self,
        options: &Options,
        scope: Scope,
        method: &str,
        user: &Value,
        catalog: bool,
        now: Now,
    ) -> Reply {
        let Some(noise) = random::<192>() else {
            return Reply::keystone(
                500,
                "Internal Server Error",
                "The system has no random numbers.",
            );
        };
        // Real tokens start like this, too.
        let token = format!("MIIE{}", jwt::base64url(&noise));
        let lifetime = options.real(options.token_lifetime);
        let until = now.instant.checked_add(lifetime).unwrap_or(now.instant);
        if self.oldest_first.len() >= MOST_TOKENS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        self.oldest_first.push_back(token.clone());
        self.tokens.insert(
            token.clone(),
            Issued {
                until,
                scope: scope.clone(),
            },
        );
        let date = |at: SystemTime| humantime::format_rfc3339_micros(at).to_string();
        let mut body = json!({
            "issued_at": date(now.wall),
            "expires_at": date(now.wall.checked_add(lifetime).unwrap_or(now.wall)),
            "methods": [method],
            "roles": [{"id": "0", "name": "op_gated_dcs"}],
            "user": user,
        });
        if let (Scope::Project(id), Some(fields)) = (scope, body.as_object_mut()) {
            fields.insert(
                "project".to_owned(),
                json!({"id": id, "name": options.project_name}),
            );
            if catalog {
                fields.insert(
                    "catalog".to_owned(),
                    json!([{"type": "dcsv1", "name": "dcsv1", "endpoints": []}]),
                );
            }
        }
        Reply::json(201, &json!({"token": body})).with("x-subject-token", token)
    }

    /// `GET /v3/projects?name=`.
    pub(super) fn projects(
        &mut self,
        options: &Options,
        asked: &Asked<'_>,
        now: Now,
        request_id: &str,
    ) -> Reply {
        if let Err(refusal) = self.admit(options, asked, now) {
            return refusal.reply(request_id);
        }
        let id = options.project_id.as_deref().unwrap_or(super::PROJECT_ID);
        let wanted = asked
            .query("name")
            .is_none_or(|name| name == options.project_name);
        let projects: Vec<Value> = wanted
            .then(|| {
                json!({"id": id, "name": options.project_name, "domain_id": "d78cbac186b744899480f25bd022f468",
                    "parent_id": "d78cbac186b744899480f25bd022f468", "enabled": true, "is_domain": false,
                    "description": "", "links": {}})
            })
            .into_iter()
            .collect();
        Reply::json(
            200,
            &json!({"projects": projects, "links": {"self": null, "next": null, "previous": null}}),
        )
    }
}

/// `GET /github/oidc`: what GitHub's own endpoint hands out to a job that may ask.
pub(super) fn github_token(asked: &Asked<'_>, now: Now) -> Reply {
    let bearer = asked
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    if bearer.is_none_or(|bearer| bearer.trim().is_empty()) {
        return Reply::json(401, &json!({"message": "The request token is missing."}));
    }
    let Some(noise) = random::<64>() else {
        return Reply::json(
            500,
            &json!({"message": "The system has no random numbers."}),
        );
    };
    let audience = asked
        .query("audience")
        .unwrap_or_else(|| "https://github.com/example".to_owned());
    let token = jwt::github(&audience, &noise, now.wall);
    Reply::json(200, &json!({"count": token.len(), "value": token}))
}

/// The scope that a body asks for; `None` where it is none of ours.
fn scope(options: &Options, body: &Value) -> Option<Scope> {
    let Some(project) = body.pointer("/auth/scope/project") else {
        return Some(Scope::Global);
    };
    let text = |name: &str| project.get(name).and_then(Value::as_str);
    match (text("id"), text("name"), &options.project_id) {
        (Some(id), _, Some(own)) => id
            .eq_ignore_ascii_case(own)
            .then(|| Scope::Project(own.clone())),
        (Some(id), _, None) => Some(Scope::Project(id.to_owned())),
        (None, Some(name), own) => {
            let own = own.as_deref().unwrap_or(super::PROJECT_ID);
            (name == options.project_name).then(|| Scope::Project(own.to_owned()))
        }
        (None, None, _) => None,
    }
}

/// The parts of an `Authorization` header.
#[derive(Debug)]
struct Signed<'a> {
    access_key: &'a str,
    names: Vec<&'a str>,
    signature: &'a str,
}

fn signed<'a>(asked: &'a Asked<'_>) -> Result<Signed<'a>, Refusal> {
    let header = asked.header("authorization").ok_or(Refusal::NothingShown)?;
    let parts = header
        .strip_prefix(sign::ALGORITHM)
        .and_then(|rest| rest.strip_prefix(' '))
        .ok_or(Refusal::NothingShown)?;
    let part = |name: &str| {
        parts
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .filter(|part| !part.is_empty())
    };
    match (part("Access"), part("SignedHeaders"), part("Signature")) {
        (Some(access_key), Some(names), Some(signature)) => Ok(Signed {
            access_key,
            names: names.split(';').collect(),
            signature,
        }),
        _ => Err(Refusal::SignatureWrong),
    }
}

/// Computes the signature again, with our own signer: host and date have to be signed.
fn verify(
    asked: &Asked<'_>,
    signed: &Signed<'_>,
    secret_key: &SecretString,
    security_token: Option<&SecretString>,
    now: Now,
) -> Result<(), Refusal> {
    let date = asked
        .header(sign::DATE_HEADER)
        .ok_or(Refusal::SignatureWrong)?;
    let signs = |wanted: &str| {
        signed
            .names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(wanted))
    };
    if !signs("host") || !signs(sign::DATE_HEADER) {
        return Err(Refusal::SignatureWrong);
    }
    let at = parse_sdk_date(date).ok_or(Refusal::SignatureWrong)?;
    let skew = now
        .wall
        .duration_since(at)
        .unwrap_or_else(|error| error.duration());
    if skew > CLOCK_SKEW {
        return Err(Refusal::SignatureExpired(date.to_owned()));
    }
    if let Some(own) = security_token
        && !asked
            .header("x-security-token")
            .is_some_and(|token| same(token, own.expose_secret()))
    {
        return Err(Refusal::SecurityTokenWrong);
    }
    let host = asked.header("host").ok_or(Refusal::SignatureWrong)?;
    let url = Url::parse(&format!("http://{host}{}", asked.target))
        .map_err(|_| Refusal::SignatureWrong)?;
    let headers = signed
        .names
        .iter()
        .filter(|name| !name.eq_ignore_ascii_case("host"))
        .map(|name| asked.header(name).map(|value| (*name, value)))
        .collect::<Option<Vec<_>>>()
        .ok_or(Refusal::SignatureWrong)?;
    let request = sign::Request {
        method: asked.method,
        url: &url,
        headers: &headers,
        body: asked.body,
    };
    let expected = sign::authorization(signed.access_key, secret_key, date, &request);
    match expected.rsplit_once("Signature=") {
        Some((_, signature)) if same(signature, signed.signature) => Ok(()),
        _ => Err(Refusal::SignatureWrong),
    }
}

/// `YYYYMMDDTHHMMSSZ`.
fn parse_sdk_date(date: &str) -> Option<SystemTime> {
    let (day, time) = date.strip_suffix('Z')?.split_once('T')?;
    if day.len() != 8
        || time.len() != 6
        || !day
            .bytes()
            .chain(time.bytes())
            .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let (year, month, day) = (day.get(..4)?, day.get(4..6)?, day.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

/// Compares without telling by its duration how much was right.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left
            .bytes()
            .zip(right.bytes())
            .fold(0, |all, (a, b)| all | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_signatures() {
        let at = |text| {
            parse_sdk_date(text)
                .map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
        };
        assert_eq!(at("20191115T033655Z"), Some(1_573_789_015));
        for bad in [
            "",
            "20191115T033655",
            "20191315T033655Z",
            "2019-11-15T03:36:55Z",
            "201911150T33655Z",
            "+0191115T033655Z",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn comparing_compares() {
        assert!(same("", "") && same("abc", "abc"));
        assert!(!same("abc", "abd") && !same("abc", "ab") && !same("", "a"));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let auth = Auth::Password {
            username: "u".to_owned(),
            password: SecretString::from("hunter2-hunter2"),
            domain_name: "d".to_owned(),
        };
        let shown = format!("{auth:?} {:?}", auth.variables("http://127.0.0.1:1"));
        assert!(!shown.contains("hunter2"));
    }
}
