//! The simulated identity and access management: who may use the API.
//!
//! It checks what the cloud checks (tokens expire, signatures are computed again, dates may be 15 minutes off, a key
//! is locked after five wrong signatures) and sends the cloud's own messages, so that they can be seen in a rehearsal too.

use super::credentials::{Auth, equal_in_constant_time};
use super::jwt;
use super::options::Options;
use super::request::ApiRequest;
use super::response::ApiResponse;
use super::signature::{Authorization, InvalidSignature};
use super::system::{Now, random};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};
use thiserror::Error;
use tokio::time::Instant;

/// Which projects a client may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    Project(String),
    /// No project: the token was requested without one.
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

/// Why a request is refused; `Display` is the part of the message that the gateway adds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum AccessDenied {
    #[error("x-auth-token not found")]
    NoCredentials,
    #[error("decrypt token fail")]
    UnknownToken,
    #[error("token expired")]
    ExpiredToken,
    #[error("Get secretKey failed,ak:{0},err:ak not exist")]
    UnknownKey(String),
    #[error("AK access failed to reach the limit,forbidden. The AK is locked for 5 minutes.")]
    LockedKey,
    #[error(transparent)]
    InvalidSignature(#[from] InvalidSignature),
}

impl AccessDenied {
    pub(super) fn response(&self, request_id: &str) -> ApiResponse {
        let (code, message) = match self {
            Self::ExpiredToken => ("APIGW.0307", "The token must be updated.".to_owned()),
            Self::NoCredentials
            | Self::UnknownToken
            | Self::UnknownKey(_)
            | Self::LockedKey
            | Self::InvalidSignature(_) => (
                "APIGW.0301",
                format!("Incorrect IAM authentication information: {self}"),
            ),
        };
        ApiResponse::gateway_error(401, code, &message, request_id)
    }
}

/// Wrong signatures in a row that lock a key.
const FAILURES_TO_LOCK: u32 = 5;
/// How long it stays locked, in simulated time.
const LOCKED_FOR: Duration = Duration::from_secs(5 * 60);
/// Tokens that are remembered, expired or not; the oldest is forgotten first.
const MAX_TOKENS: usize = 10_000;

/// Tokens that were issued, and the state of the key.
#[derive(Default)]
pub(super) struct Iam {
    tokens: HashMap<String, IssuedToken>,
    oldest_first: VecDeque<String>,
    failures: u32,
    locked_until: Option<Instant>,
    keys: HashMap<String, TemporaryKey>,
}

/// Temporary access keys that were issued.
struct TemporaryKey {
    secret_key: SecretString,
    security_token: SecretString,
    valid_until: Instant,
    scope: Scope,
}

struct IssuedToken {
    valid_until: Instant,
    scope: Scope,
}

impl Iam {
    /// Which projects the request may see.
    pub(super) fn authorize(
        &mut self,
        options: &Options,
        request: &ApiRequest<'_>,
    ) -> Result<Scope, AccessDenied> {
        let now = request.received_at;
        let token = request.header("x-auth-token");
        match (&options.auth, token) {
            (
                Auth::AccessKey {
                    access_key,
                    secret_key,
                    security_token,
                },
                _,
            ) => {
                let authorization = match Authorization::of(request)? {
                    Some(authorization) => authorization,
                    None if token.is_some() => return Err(AccessDenied::UnknownToken),
                    None => return Err(AccessDenied::NoCredentials),
                };
                if authorization.access_key != access_key {
                    let unknown = authorization.access_key.to_owned();
                    return Err(AccessDenied::UnknownKey(unknown));
                }
                if self.locked_until.is_some_and(|until| now.instant < until) {
                    return Err(AccessDenied::LockedKey);
                }
                let result = authorization.verify(request, secret_key, security_token.as_ref());
                self.count_failure(result.is_err(), now, options);
                result?;
                Ok(Scope::All)
            }
            (Auth::Any, Some(token)) => match self.issued_scope(token, now) {
                Err(AccessDenied::UnknownToken) => Ok(Scope::All),
                known => known,
            },
            (Auth::Any, None) => match Authorization::of(request)? {
                Some(_) => Ok(Scope::All),
                None => Err(AccessDenied::NoCredentials),
            },
            (Auth::Oidc { .. }, None) => self.temporary_key_scope(request),
            (_, None) => Err(AccessDenied::NoCredentials),
            (Auth::Token(own), Some(token)) => {
                if equal_in_constant_time(token, own.expose_secret()) {
                    Ok(Scope::All)
                } else {
                    Err(AccessDenied::UnknownToken)
                }
            }
            (Auth::Password { .. } | Auth::Oidc { .. }, Some(token)) => {
                self.issued_scope(token, now)
            }
        }
    }

    fn temporary_key_scope(&self, request: &ApiRequest<'_>) -> Result<Scope, AccessDenied> {
        let authorization = Authorization::of(request)?.ok_or(AccessDenied::NoCredentials)?;
        let now = request.received_at.instant;
        let key = self.keys.get(authorization.access_key);
        let Some(key) = key.filter(|key| now < key.valid_until) else {
            let unknown = authorization.access_key.to_owned();
            return Err(AccessDenied::UnknownKey(unknown));
        };
        authorization.verify(request, &key.secret_key, Some(&key.security_token))?;
        // Keys are of an account; the project is that of the request.
        Ok(match &key.scope {
            Scope::Global => Scope::All,
            scope @ (Scope::All | Scope::Project(_)) => scope.clone(),
        })
    }

    /// Locks the key after too many failures in a row.
    fn count_failure(&mut self, has_failed: bool, now: Now, options: &Options) {
        self.failures = if has_failed { self.failures + 1 } else { 0 };
        if self.failures >= FAILURES_TO_LOCK {
            self.failures = 0;
            self.locked_until = now.instant.checked_add(options.real(LOCKED_FOR));
        }
    }

    fn issued_scope(&self, token: &str, now: Now) -> Result<Scope, AccessDenied> {
        match self.tokens.get(token) {
            None => Err(AccessDenied::UnknownToken),
            Some(issued) if issued.valid_until <= now.instant => Err(AccessDenied::ExpiredToken),
            Some(issued) => Ok(issued.scope.clone()),
        }
    }

    /// `POST /v3/auth/tokens`.
    pub(super) fn token(&mut self, options: &Options, request: &ApiRequest<'_>) -> ApiResponse {
        let bad_request = |message: &str| ApiResponse::keystone_error(400, "Bad Request", message);
        let unauthorized =
            |message: &str| ApiResponse::keystone_error(401, "Unauthorized", message);
        let Some(body) = request.json() else {
            return bad_request("The request body is not valid JSON.");
        };
        let methods: Vec<&str> = body
            .pointer("/auth/identity/methods")
            .and_then(Value::as_array)
            .map(|methods| methods.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let is_any = matches!(options.auth, Auth::Any);
        let identity = |method: &str| body.pointer(&format!("/auth/identity/{method}"));
        let checked = match methods.as_slice() {
            ["password"] => check_password(options, identity("password")),
            ["password", "totp"] => check_password(options, identity("password"))
                .and_then(|user| check_passcode(identity("totp")).map(|()| user)),
            ["totp"] if is_any => {
                check_passcode(identity("totp")).map(|()| json!({"name": "user"}))
            }
            ["token"] => {
                let token = identity("token").and_then(|token| token.get("id")?.as_str());
                match token.map(|token| self.issued_scope(token, request.received_at)) {
                    Some(Ok(_)) => Ok(json!({"name": "user"})),
                    Some(Err(_)) if is_any => Ok(json!({"name": "user"})),
                    Some(Err(_)) | None => Err((401, "The X-Auth-Token is invalid!")),
                }
            }
            ["application_credential"] if is_any => {
                let secret = identity("application_credential")
                    .and_then(|credential| credential.get("secret")?.as_str());
                match secret {
                    Some(_) => Ok(json!({"name": "user"})),
                    None => Err((400, "The secret of the application credential is needed.")),
                }
            }
            _ => Err((400, "The identity method is not supported: use password.")),
        };
        let user = match checked {
            Ok(user) => user,
            Err((400, message)) => return bad_request(message),
            Err((_, message)) => return unauthorized(message),
        };
        let scope = match methods.as_slice() {
            // It belongs to a project.
            ["application_credential"] => Some(Scope::Project(options.project().to_owned())),
            _ => requested_scope(options, &body),
        };
        let Some(scope) = scope else {
            return unauthorized("The user has no role in the project.");
        };
        let has_catalog = request
            .query("nocatalog")
            .is_none_or(|value| value.is_empty());
        self.issue(options, scope, &methods, &user, has_catalog, request)
    }

    /// `POST /v3/OS-FEDERATION/identity_providers/{id}/protocols/{protocol}/auth`: a token without a project.
    pub(super) fn federated_token(
        &mut self,
        options: &Options,
        idp: &str,
        request: &ApiRequest<'_>,
    ) -> ApiResponse {
        let bearer = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let is_known = match &options.auth {
            Auth::Any => true,
            Auth::Oidc { idp_id } => idp == idp_id,
            Auth::Token(_) | Auth::AccessKey { .. } | Auth::Password { .. } => false,
        };
        if bearer.is_none() || !is_known {
            let message = "The access token or the identity provider is not accepted.";
            return ApiResponse::keystone_error(401, "Unauthorized", message);
        }
        let user = json!({"name": "FederationUser"});
        self.issue(options, Scope::Global, &["mapped"], &user, false, request)
    }

    /// `POST /v3.0/OS-CREDENTIAL/securitytokens`: temporary access keys for a token.
    pub(super) fn security_token(
        &mut self,
        options: &Options,
        request: &ApiRequest<'_>,
    ) -> ApiResponse {
        let body = request.json().unwrap_or_default();
        let token = body
            .pointer("/auth/identity/token/id")
            .and_then(Value::as_str)
            .or_else(|| request.header("x-auth-token"));
        let scope = token.map(|token| self.issued_scope(token, request.received_at));
        let Some(Ok(scope)) = scope else {
            return ApiResponse::iam_error(401, "IAM.0001", "The token is malformed or expired.");
        };
        let (Some(access), Some(secret), Some(token)) =
            (random::<12>(), random::<20>(), random::<96>())
        else {
            let message = "The system has no random numbers.";
            return ApiResponse::keystone_error(500, "Internal Server Error", message);
        };
        let now = request.received_at;
        let lifetime = options.real(options.token_lifetime);
        let access = format!("HST{}", jwt::base64url(access)).to_ascii_uppercase();
        let key = TemporaryKey {
            secret_key: SecretString::from(jwt::base64url(secret)),
            security_token: SecretString::from(jwt::base64url(token)),
            valid_until: now.instant.checked_add(lifetime).unwrap_or(now.instant),
            scope,
        };
        let expires_at = now.wall.checked_add(lifetime).unwrap_or(now.wall);
        let credential = json!({
            "access": access,
            "secret": key.secret_key.expose_secret(),
            "securitytoken": key.security_token.expose_secret(),
            "expires_at": humantime::format_rfc3339_micros(expires_at).to_string(),
        });
        if self.keys.len() >= MAX_TOKENS {
            self.keys.clear();
        }
        self.keys.insert(access, key);
        ApiResponse::json(201, &json!({"credential": credential}))
    }

    /// `POST /v3.0/OS-AUTH/id-token/tokens`.
    pub(super) fn id_token(&mut self, options: &Options, request: &ApiRequest<'_>) -> ApiResponse {
        let body = request.json().unwrap_or_default();
        let token = body.pointer("/auth/id_token/id").and_then(Value::as_str);
        let (Some(token), Some(idp)) = (token, request.header("x-idp-id")) else {
            let message = "The X-Idp-Id header and auth.id_token.id in the body are needed.";
            return ApiResponse::iam_error(400, "IAM.0011", message);
        };
        let is_known = match &options.auth {
            Auth::Any => true,
            Auth::Oidc { idp_id } => idp == idp_id,
            Auth::Token(_) | Auth::AccessKey { .. } | Auth::Password { .. } => false,
        };
        if !is_known {
            let message = format!("Could not find identity provider {idp}.");
            return ApiResponse::iam_error(404, "IAM.0004", &message);
        }
        if !jwt::is_acceptable(token, request.received_at.wall) {
            let message = "The ID token is malformed or expired.";
            return ApiResponse::iam_error(401, "IAM.0001", message);
        }
        let Some(scope) = requested_scope(options, &body) else {
            let message = "The user has no permission in the project.";
            return ApiResponse::iam_error(403, "IAM.0003", message);
        };
        let user =
            json!({"name": "FederationUser", "OS-FEDERATION": {"identity_provider": {"id": idp}}});
        self.issue(options, scope, &["mapped"], &user, false, request)
    }

    fn issue(
        &mut self,
        options: &Options,
        scope: Scope,
        methods: &[&str],
        user: &Value,
        has_catalog: bool,
        request: &ApiRequest<'_>,
    ) -> ApiResponse {
        let Some(random) = random::<192>() else {
            let message = "The system has no random numbers.";
            return ApiResponse::keystone_error(500, "Internal Server Error", message);
        };
        // Real tokens start with this, too.
        let token = format!("MIIE{}", jwt::base64url(random));
        let now = request.received_at;
        let lifetime = options.real(options.token_lifetime);
        if self.oldest_first.len() >= MAX_TOKENS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        self.oldest_first.push_back(token.clone());
        let issued = IssuedToken {
            valid_until: now.instant.checked_add(lifetime).unwrap_or(now.instant),
            scope: scope.clone(),
        };
        self.tokens.insert(token.clone(), issued);
        let date = |at: SystemTime| humantime::format_rfc3339_micros(at).to_string();
        let mut body = json!({
            "issued_at": date(now.wall),
            "expires_at": date(now.wall.checked_add(lifetime).unwrap_or(now.wall)),
            "methods": methods,
            "roles": [{"id": "0", "name": "op_gated_dcs"}],
            "user": user,
        });
        if let (Scope::Project(id), Some(fields)) = (scope, body.as_object_mut()) {
            let project = json!({"id": id, "name": options.project_name});
            fields.insert("project".to_owned(), project);
            if has_catalog {
                let catalog = json!([{"type": "dcsv1", "name": "dcsv1", "endpoints": []}]);
                fields.insert("catalog".to_owned(), catalog);
            }
        }
        ApiResponse::json(201, &json!({"token": body})).with_header("x-subject-token", token)
    }

    /// `GET /v3/projects?name=`.
    pub(super) fn projects(&mut self, options: &Options, request: &ApiRequest<'_>) -> ApiResponse {
        if let Err(denied) = self.authorize(options, request) {
            return denied.response(request.id);
        }
        let is_listed = request
            .query("name")
            .is_none_or(|name| name == options.project_name);
        let project = json!({
            "id": options.project(),
            "name": options.project_name,
            "domain_id": "d78cbac186b744899480f25bd022f468",
            "parent_id": "d78cbac186b744899480f25bd022f468",
            "enabled": true,
            "is_domain": false,
            "description": "",
            "links": {},
        });
        let projects: Vec<Value> = is_listed.then_some(project).into_iter().collect();
        let links = json!({"self": null, "next": null, "previous": null});
        ApiResponse::json(200, &json!({"projects": projects, "links": links}))
    }
}

/// `GET /github/oidc`: the id token that GitHub issues to a job.
pub(super) fn github_token(request: &ApiRequest<'_>) -> ApiResponse {
    let error = |status, message: &str| ApiResponse::json(status, &json!({"message": message}));
    let bearer = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    if bearer.is_none_or(|bearer| bearer.trim().is_empty()) {
        return error(401, "The request token is missing.");
    }
    let Some(random) = random::<64>() else {
        return error(500, "The system has no random numbers.");
    };
    let audience = request
        .query("audience")
        .unwrap_or_else(|| "https://github.com/example".to_owned());
    let token = jwt::github_token(&audience, &random, request.received_at.wall);
    ApiResponse::json(200, &json!({"count": token.len(), "value": token}))
}

/// The scope that a body asks for; `None` where the project does not exist.
/// The user whose password is right; or a status and the cloud's message.
fn check_password(
    options: &Options,
    identity: Option<&Value>,
) -> Result<Value, (u16, &'static str)> {
    let user = identity.and_then(|identity| identity.get("user"));
    let text = |pointer: &str| user.and_then(|user| user.pointer(pointer)?.as_str());
    let Some(password) = text("/password") else {
        return Err((400, "The user's name, password and domain name are needed."));
    };
    let domain = text("/domain/name");
    let (name, is_complete) = match (text("/id"), text("/name")) {
        (Some(id), _) => (id, true),
        (None, Some(name)) => (name, domain.is_some() || text("/domain/id").is_some()),
        (None, None) => ("", false),
    };
    if !is_complete {
        return Err((400, "The user's name, password and domain name are needed."));
    }
    let is_right = match &options.auth {
        Auth::Any => true,
        Auth::Password {
            username,
            password: own,
            domain_name,
        } => [
            (name, username.as_str()),
            (password, own.expose_secret()),
            (domain.unwrap_or_default(), domain_name),
        ]
        .iter()
        .all(|(given, own)| equal_in_constant_time(given, own)),
        Auth::Token(_) | Auth::AccessKey { .. } | Auth::Oidc { .. } => false,
    };
    if !is_right {
        return Err((401, "The username or password is wrong."));
    }
    Ok(json!({"name": name, "domain": {"name": domain}}))
}

/// A code of six digits is taken for the code of the moment.
fn check_passcode(identity: Option<&Value>) -> Result<(), (u16, &'static str)> {
    let passcode = identity.and_then(|identity| identity.pointer("/user/passcode")?.as_str());
    let is_code = |code: &str| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    if passcode.is_some_and(is_code) {
        Ok(())
    } else {
        Err((401, "mfa totp code verify fail"))
    }
}

fn requested_scope(options: &Options, body: &Value) -> Option<Scope> {
    let Some(project) = body.pointer("/auth/scope/project") else {
        return Some(Scope::Global);
    };
    let text = |name: &str| project.get(name).and_then(Value::as_str);
    let (exists, id) = match (text("id"), text("name")) {
        (Some(id), _) => match &options.project_id {
            Some(own) => (id.eq_ignore_ascii_case(own), own.as_str()),
            None => (true, id),
        },
        (None, Some(name)) => (name == options.project_name, options.project()),
        (None, None) => return None,
    };
    exists.then(|| Scope::Project(id.to_owned()))
}
