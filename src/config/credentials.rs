//! Which credential signs in, and the cloud of `clouds.yaml` that fills in what is not set.

use super::env::Reader;
use super::error::Problem;
use super::values::{parse_switch, placeholder};
use crate::auth::file::{is_plain, read_file, read_id_token};
use crate::auth::{
    AccessKey, ApplicationCredential, Credentials, Federated, IdTokenSource, Identity, Named, Oidc,
    User, clouds, oidc,
};
use crate::report::Forge;
use secrecy::{ExposeSecret, SecretString};
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
        let user = ["username", "user-id"]
            .into_iter()
            .find(|name| is_set(name));
        match (user, is_set("password")) {
            (Some(_), true) => Ok(Some(Self::Password)),
            (Some(user), false) => Err(("password", user)),
            (None, true) => Err(("username", "password")),
            (None, false) => Ok(None),
        }
    }
}

/// The variable with which a job asks GitHub for its OIDC token.
pub(super) const JOB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

impl Reader<'_> {
    /// The cloud of clouds.yaml that is asked for; or what is wrong with it, as the end of a sentence.
    pub(super) fn read_clouds(&self) -> Result<Option<clouds::Cloud>, String> {
        let get = |name: &str| self.environment.get(name);
        let of_environment = get("OS_CLOUD_NAME").unwrap_or_else(|| "envvars".to_owned());
        let wanted = get("OS_CLOUD");
        let has_explicit = || {
            let kind = CredentialKind::of(|name| self.find_explicit(name).is_some());
            !matches!(kind, Ok(None))
        };
        match &wanted {
            Some(name) if *name == of_environment => return Ok(None),
            Some(_) => {}
            // A file that lies around is not asked for.
            None if get("OS_CLIENT_CONFIG_FILE").is_none()
                && get("OS_CLIENT_SECURE_FILE").is_none() =>
            {
                return Ok(None);
            }
            None if has_explicit() => return Ok(None),
            None => {}
        }
        let folders = clouds::Folders {
            home: get("HOME").map(PathBuf::from),
            xdg_home: get("XDG_CONFIG_HOME").map(PathBuf::from),
            xdg_dirs: get("XDG_CONFIG_DIRS")
                .map(|dirs| dirs.split(':').map(PathBuf::from).collect())
                .unwrap_or_default(),
        };
        let read = |file, variable| {
            let explicit = get(variable);
            let paths = folders.paths(file, explicit.as_deref());
            let path = paths.iter().find(|path| path.exists());
            path.map(|path| read_file(path).map(|text| String::from_utf8_lossy(&text).into_owned()))
                .transpose()
                .map_err(|error| format!("names a cloud, but cannot be looked up: {error}"))
        };
        let clouds = read(clouds::File::Clouds, "OS_CLIENT_CONFIG_FILE")?;
        let secure = read(clouds::File::Secure, "OS_CLIENT_SECURE_FILE")?;
        let public = read(clouds::File::Public, "")?;
        if clouds.is_none() && secure.is_none() {
            return Err(
                "names a cloud, but there is no clouds.yaml; set `OS_CLIENT_CONFIG_FILE`"
                    .to_owned(),
            );
        }
        let texts = clouds::Texts {
            clouds: clouds.as_deref(),
            secure: secure.as_deref(),
            public: public.as_deref(),
        };
        let unusable = |error: clouds::CloudsError| format!("cannot be used: {error}");
        let name = match wanted {
            Some(name) => name,
            None => match clouds::names(&texts).map_err(unusable)?.as_slice() {
                [only] => only.clone(),
                names => {
                    return Err(format!(
                        "is not set, and clouds.yaml has {} clouds",
                        names.len()
                    ));
                }
            },
        };
        let region = self.find_explicit("region").map(|found| found.text);
        let mut cloud = clouds::lookup(&texts, &name, region.as_deref()).map_err(unusable)?;
        cloud.cacert = cloud
            .cacert
            .map(|path| folders.expand(&path).to_string_lossy().into_owned());
        Ok(Some(cloud))
    }

    /// The credentials file of the vendor's SDKs, where nothing else signs in. `None` where there is none.
    pub(super) fn read_vendor_file(&self) -> Option<Result<String, String>> {
        const VARIABLE: &str = "HUAWEICLOUD_SDK_CREDENTIALS_FILE";
        let kind = CredentialKind::of(|name| self.find(name).is_some());
        if self.cloud.is_some() || !matches!(kind, Ok(None)) {
            return None;
        }
        let path = match self.environment.get(VARIABLE) {
            Some(path) => PathBuf::from(path),
            None => {
                let home = PathBuf::from(self.environment.get("HOME")?);
                let path = home.join(".huaweicloud").join("credentials");
                path.exists().then_some(path)?
            }
        };
        let text = read_file(&path).map(|text| String::from_utf8_lossy(&text).into_owned());
        Some(text.map_err(|error| format!("cannot be read: {error}")))
    }

    pub(super) fn in_clouds(&self, name: &str) -> Option<String> {
        use clouds::SignIn;
        let cloud = self.cloud.as_ref()?;
        let open = |secret: &SecretString| secret.expose_secret().to_owned();
        match (name, &cloud.sign_in) {
            ("endpoint", _) => cloud.dcs_endpoint.clone(),
            ("iam-endpoint", _) => cloud.auth_url.clone(),
            ("username", _) => cloud.username.clone(),
            ("user-id", _) => cloud.user_id.clone(),
            ("domain-name", _) => cloud.user_domain_name.clone(),
            ("domain-id", _) => cloud.user_domain_id.clone(),
            ("project-id", _) => cloud.project_id.clone(),
            ("project-name", _) => cloud.project_name.clone(),
            ("region", _) => cloud.region_name.clone(),
            ("ca-file", _) => cloud.cacert.clone(),
            ("password", SignIn::Password { password, .. }) => password.as_ref().map(open),
            ("passcode", SignIn::Password { passcode, .. }) => passcode.as_ref().map(open),
            (
                "auth-token",
                SignIn::Token {
                    token,
                    is_exchanged: false,
                },
            ) => Some(open(token)),
            ("access-key", SignIn::AccessKey { access_key, .. }) => access_key.clone(),
            ("secret-key", SignIn::AccessKey { secret_key, .. }) => secret_key.as_ref().map(open),
            ("security-token", SignIn::AccessKey { security_token, .. }) => {
                security_token.as_ref().map(open)
            }
            _ => None,
        }
    }

    /// A sign-in that no input can give, from clouds.yaml or from the variables that OpenStack has for it.
    fn other_sign_in(&mut self) -> Option<Credentials> {
        use clouds::SignIn;
        let get = |name: &str| self.environment.get(name);
        let sign_in = match get("OS_APPLICATION_CREDENTIAL_SECRET") {
            Some(secret) => SignIn::ApplicationCredential {
                id: get("OS_APPLICATION_CREDENTIAL_ID"),
                name: get("OS_APPLICATION_CREDENTIAL_NAME"),
                secret: SecretString::from(secret),
            },
            None => self.cloud.as_ref()?.sign_in.clone(),
        };
        match sign_in {
            SignIn::Unknown | SignIn::Password { .. } | SignIn::AccessKey { .. } => None,
            SignIn::Token {
                is_exchanged: false,
                ..
            } => None,
            SignIn::Token { token, .. } => Some(Credentials::Identity(Identity::Token(token))),
            SignIn::Passcode(passcode) => {
                let user = self.user()?;
                Some(Credentials::Identity(Identity::Passcode { user, passcode }))
            }
            SignIn::ApplicationCredential { id, name, secret } => {
                let which = match Named::of(id, name) {
                    Some(Named::Id(id)) => ApplicationCredential::Id(id),
                    Some(Named::Name(name)) => ApplicationCredential::Name(name, self.user()?),
                    None => {
                        self.problems.add(
                            "OS_APPLICATION_CREDENTIAL_ID",
                            "is missing, while the secret of an application credential is set",
                        );
                        return None;
                    }
                };
                let identity = Identity::ApplicationCredential { which, secret };
                Some(Credentials::Identity(identity))
            }
            SignIn::OidcAccessToken {
                identity_provider,
                protocol,
                access_token,
            } => Some(Credentials::Federated(Federated {
                identity_provider,
                protocol,
                access_token,
            })),
        }
    }

    /// The user who signs in.
    fn user(&mut self) -> Option<User> {
        match self.find_named("user-id", "username") {
            Some(Named::Id(id)) => Some(User::Id(id)),
            Some(Named::Name(name)) => match self.find_named("domain-id", "domain-name") {
                Some(domain) => Some(User::Name { name, domain }),
                None => {
                    self.problems.add(
                        "domain-name",
                        "is missing: IAM needs the user's domain to sign in by name; set it or `domain-id`, or `user-id`",
                    );
                    None
                }
            },
            None => {
                self.problems
                    .add("username", "is missing: set it, or `user-id`");
                None
            }
        }
    }

    /// Token, then access keys, then OIDC, then password; but what is set for this wait before what clouds.yaml holds for
    /// all. A kind that is only half there is a mistake, unless a kind before it is whole.
    pub(super) fn credentials(&mut self) -> Option<Credentials> {
        let explicit = CredentialKind::of(|name| self.find_explicit(name).is_some())
            .ok()
            .flatten();
        if explicit.is_none() {
            let before = self.problems.0.len();
            let other = self.other_sign_in();
            if other.is_some() || before < self.problems.0.len() {
                return other;
            }
        }
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
                self.refuse_placeholder("auth-token");
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
                    self.refuse_placeholder(name);
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
                    self.refuse_placeholder(name);
                    self.refuse_odd_characters(name);
                }
                let idp_id = self.text("idp-id").unwrap_or_default();
                self.oidc(idp_id)
            }
            CredentialKind::Password => {
                self.refuse_placeholder("password");
                self.refuse_placeholder("passcode");
                // Another user's code does not fit this one.
                let passcode = match explicit {
                    Some(_) => self.find_explicit("passcode"),
                    None => self.find("passcode"),
                };
                Some(Credentials::Identity(Identity::Password {
                    user: self.user()?,
                    password: secret(self, "password"),
                    passcode: passcode.map(|found| SecretString::from(found.text)),
                }))
            }
        }
    }

    /// A secret that was never filled in, which a server would count as a wrong attempt.
    fn refuse_placeholder(&mut self, name: &'static str) {
        let Some(found) = self.find(name) else { return };
        let Some(what) = placeholder(&found.text) else {
            return;
        };
        if name == "password" {
            self.warnings.push(format!(
                "`password` (from {}) {what}: is that meant?",
                found.source
            ));
            return;
        }
        self.problems.0.push(Problem {
            input: name.to_owned(),
            source: Some(found.source),
            text: format!("{what}; set the value itself"),
        });
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
