//! IAM's own ways to sign in: the body of `POST /v3/auth/tokens` for a token of one project.

use super::endpoint;
use super::scope::{Named, ProjectScope};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

/// A user of IAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// By the id, which needs no domain.
    Id(String),
    /// By the name within a domain (an account).
    Name {
        /// The user's name.
        name: String,
        /// The domain.
        domain: Named,
    },
}

impl User {
    /// The `user` of a request, as a mapping to add a secret to.
    fn to_json(&self, field: &str, secret: &SecretString) -> Value {
        match self {
            Self::Id(id) => json!({"id": id, field: secret.expose_secret()}),
            Self::Name { name, domain } => json!({
                "name": name, "domain": domain.to_json(), field: secret.expose_secret(),
            }),
        }
    }
}

/// How to prove who one is.
#[derive(Debug, Clone)]
pub enum Identity {
    /// By password.
    Password {
        /// Who.
        user: User,
        /// Their password.
        password: SecretString,
        /// The one-time code of a user with multi-factor sign-in.
        passcode: Option<SecretString>,
    },
    /// By a one-time code alone.
    Passcode {
        /// Who.
        user: User,
        /// The code.
        passcode: SecretString,
    },
    /// By a token, such as one without a project.
    Token(SecretString),
    /// By an application credential of a user.
    ApplicationCredential {
        /// Its id; or its name, with the user that it belongs to.
        which: ApplicationCredential,
        /// Its secret.
        secret: SecretString,
    },
}

/// Which application credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationCredential {
    /// By its id.
    Id(String),
    /// By its name among those of a user.
    Name(String, User),
}

impl Identity {
    /// The kind, in the words of the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Password { passcode: None, .. } => "user name and password",
            Self::Password {
                passcode: Some(_), ..
            } => "user name, password and passcode",
            Self::Passcode { .. } => "passcode",
            Self::Token(_) => "token, exchanged for one of the project",
            Self::ApplicationCredential { .. } => "application credential",
        }
    }

    /// Whether it serves again when the session has ended; a one-time code does not.
    pub fn is_reusable(&self) -> bool {
        match self {
            Self::Password { passcode, .. } => passcode.is_none(),
            Self::Passcode { .. } => false,
            Self::Token(_) | Self::ApplicationCredential { .. } => true,
        }
    }

    /// Every secret in it.
    pub fn secrets(&self) -> Vec<&SecretString> {
        match self {
            Self::Password {
                password, passcode, ..
            } => std::iter::once(password).chain(passcode).collect(),
            Self::Passcode { passcode, .. } => vec![passcode],
            Self::Token(token) => vec![token],
            Self::ApplicationCredential { secret, .. } => vec![secret],
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Password {
                user,
                password,
                passcode,
            } => {
                let password = json!({"user": user.to_json("password", password)});
                match passcode {
                    None => json!({"methods": ["password"], "password": password}),
                    Some(passcode) => json!({
                        "methods": ["password", "totp"],
                        "password": password,
                        "totp": {"user": user.to_json("passcode", passcode)},
                    }),
                }
            }
            Self::Passcode { user, passcode } => json!({
                "methods": ["totp"],
                "totp": {"user": user.to_json("passcode", passcode)},
            }),
            Self::Token(token) => json!({
                "methods": ["token"],
                "token": {"id": token.expose_secret()},
            }),
            Self::ApplicationCredential { which, secret } => {
                let secret = secret.expose_secret();
                let credential = match which {
                    ApplicationCredential::Id(id) => json!({"id": id, "secret": secret}),
                    ApplicationCredential::Name(name, User::Id(id)) => {
                        json!({"name": name, "user": {"id": id}, "secret": secret})
                    }
                    ApplicationCredential::Name(name, User::Name { name: user, domain }) => json!({
                        "name": name, "secret": secret,
                        "user": {"name": user, "domain": domain.to_json()},
                    }),
                };
                json!({"methods": ["application_credential"], "application_credential": credential})
            }
        }
    }

    /// The body of the request.
    pub fn body(&self, scope: &ProjectScope) -> SecretString {
        scope.body("identity", self.to_json())
    }
}

/// Where the request goes. `iam` is IAM's base without `/v3`.
pub fn url(iam: &Url) -> Url {
    endpoint::join(iam, &["v3", "auth", "tokens"])
}

/// Where the token of an identity provider is exchanged for one without a project.
pub fn federation_url(iam: &Url, identity_provider: &str, protocol: &str) -> Url {
    let path = [
        "v3",
        "OS-FEDERATION",
        "identity_providers",
        identity_provider,
        "protocols",
        protocol,
        "auth",
    ];
    endpoint::join(iam, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        User::Name {
            name: "ci".to_owned(),
            domain: Named::Name("OTC00000000001000000000".to_owned()),
        }
    }

    fn by_password(user: User, passcode: Option<&str>) -> Identity {
        Identity::Password {
            user,
            password: SecretString::from("p\"w\\ü\n"),
            passcode: passcode.map(SecretString::from),
        }
    }

    fn body(identity: &Identity, scope: &ProjectScope) -> Value {
        serde_json::from_str(identity.body(scope).expose_secret()).unwrap()
    }

    #[test]
    fn the_body_is_the_documented_one() {
        assert_eq!(
            body(
                &by_password(user(), None),
                &ProjectScope::Id("p1".to_owned())
            ),
            json!({"auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {
                        "name": "ci", "password": "p\"w\\ü\n", "domain": {"name": "OTC00000000001000000000"}
                    }}
                },
                "scope": {"project": {"id": "p1"}}
            }})
        );
    }

    #[test]
    fn passcode_goes_along_as_totp() {
        let body = body(
            &by_password(User::Id("u1".to_owned()), Some("123456")),
            &ProjectScope::Name("eu-de".to_owned(), Some(Named::Id("d1".to_owned()))),
        );
        assert_eq!(
            body["auth"]["scope"],
            json!({"project": {"name": "eu-de", "domain": {"id": "d1"}}})
        );
        assert_eq!(
            body["auth"]["identity"],
            json!({
                "methods": ["password", "totp"],
                "password": {"user": {"id": "u1", "password": "p\"w\\ü\n"}},
                "totp": {"user": {"id": "u1", "passcode": "123456"}},
            })
        );
    }

    #[test]
    fn credential_of_a_project_needs_no_scope() {
        let identity = Identity::ApplicationCredential {
            which: ApplicationCredential::Id("a1".to_owned()),
            secret: SecretString::from("s"),
        };
        assert_eq!(
            body(&identity, &ProjectScope::OfToken),
            json!({"auth": {"identity": {
                "methods": ["application_credential"],
                "application_credential": {"id": "a1", "secret": "s"},
            }}})
        );
    }

    #[test]
    fn nothing_shows_the_password() {
        assert!(!format!("{:?}", by_password(user(), None)).contains("p\""));
    }

    #[test]
    fn the_url_is_below_the_base() {
        let of = |base: &str| url(&Url::parse(base).unwrap()).to_string();
        assert_eq!(
            of("https://iam.eu-de.example.com"),
            "https://iam.eu-de.example.com/v3/auth/tokens"
        );
        assert_eq!(
            of("http://127.0.0.1:8080/iam/"),
            "http://127.0.0.1:8080/iam/v3/auth/tokens"
        );
    }
}
