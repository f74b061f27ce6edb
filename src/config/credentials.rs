//! Which credential signs in, and the cloud of `clouds.yaml` that fills in what is not set.

use super::env::Reader;
use super::error::Problem;
use super::values::parse_switch;
use crate::auth::file::{is_plain, read_file, read_id_token};
use crate::auth::{AccessKey, Credentials, IdTokenSource, Oidc, Password, clouds, oidc};
use crate::report::Forge;
use secrecy::SecretString;
use std::path::PathBuf;

/// The kinds of credential, in the order in which they win.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CredentialKind {
    Token,
    AccessKey,
    Oidc,
    Password,
}

impl CredentialKind {
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

/// The variable with which a job asks GitHub for its OIDC token.
pub(super) const JOB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

impl Reader<'_> {
    /// The cloud that `OS_CLOUD` names; or what is wrong with it, as the end of a sentence.
    pub(super) fn read_clouds(&self) -> Result<Option<clouds::Cloud>, String> {
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

    pub(super) fn in_clouds(&self, name: &str) -> Option<String> {
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

    /// Token, then access keys, then OIDC, then password; but what is set for this wait before what clouds.yaml holds for
    /// all. A kind that is only half there is a mistake, unless a kind before it is whole.
    pub(super) fn credentials(&mut self) -> Option<Credentials> {
        let explicit = CredentialKind::of(|name| self.find_explicit(name).is_some())
            .ok()
            .flatten();
        let kind = match explicit.map_or_else(
            || CredentialKind::of(|name| self.find(name).is_some()),
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
            CredentialKind::Token => {
                self.refuse_odd_characters("auth-token");
                Some(Credentials::Token(secret(self, "auth-token")))
            }
            CredentialKind::AccessKey => {
                // Another key's security token does not fit this one.
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
            CredentialKind::Oidc => {
                for name in ["idp-id", "id-token"] {
                    self.refuse_odd_characters(name);
                }
                let idp_id = self.text("idp-id").unwrap_or_default();
                self.oidc(idp_id)
            }
            CredentialKind::Password => {
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
    pub(super) fn refuse_odd_characters(&mut self, name: &'static str) {
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

    pub(super) fn oidc(&mut self, idp_id: String) -> Option<Credentials> {
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
                    if !oidc::is_safe(&request_url, self.value("allow-http", parse_switch)) =>
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
}
