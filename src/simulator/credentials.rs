//! Which sign-in the simulator accepts, and the variables with which a client uses it.

use secrecy::{ExposeSecret, SecretString};

/// Which sign-in is accepted.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Every token, signature, password and id token, but not a request without any. A token that was issued here
    /// still expires.
    Any,
    /// This token.
    Token(SecretString),
    /// Requests signed with this key.
    AccessKey {
        /// The key's name.
        access_key: String,
        /// The key that signs.
        secret_key: SecretString,
        /// The token of a temporary key, which has to be sent too.
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

/// Credentials that protect nothing.
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
    /// The names for [`Auth::example`].
    pub const KINDS: [&str; 5] = ["any", "token", "access-key", "password", "oidc"];

    /// This kind of sign-in with example credentials.
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

    /// The environment variables with which a client signs in. `base` is the simulator's URL.
    pub(super) fn variables(&self, base: &str) -> Vec<(&'static str, VariableValue)> {
        let plain = |value: &str| VariableValue::Plain(value.to_owned());
        let secret = |value: &SecretString| VariableValue::Secret(value.clone());
        let iam = ("DCS_IAM_ENDPOINT", plain(base));
        match self {
            Self::Any => vec![("DCS_AUTH_TOKEN", plain(example::TOKEN))],
            Self::Token(token) => vec![("DCS_AUTH_TOKEN", secret(token))],
            Self::AccessKey {
                access_key,
                secret_key,
                security_token,
            } => {
                let mut variables = vec![
                    ("DCS_ACCESS_KEY", plain(access_key)),
                    ("DCS_SECRET_KEY", secret(secret_key)),
                ];
                if let Some(token) = security_token {
                    variables.push(("DCS_SECURITY_TOKEN", secret(token)));
                }
                variables
            }
            Self::Password {
                username,
                password,
                domain_name,
            } => vec![
                iam,
                ("DCS_USERNAME", plain(username)),
                ("DCS_PASSWORD", secret(password)),
                ("DCS_DOMAIN_NAME", plain(domain_name)),
            ],
            Self::Oidc { idp_id } => vec![
                iam,
                ("DCS_IDP_ID", plain(idp_id)),
                (
                    "ACTIONS_ID_TOKEN_REQUEST_URL",
                    plain(&format!("{base}/github/oidc?api-version=2.0")),
                ),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", plain(example::JOB_TOKEN)),
            ],
        }
    }
}

/// The value of an environment variable.
#[derive(Debug, Clone)]
pub(super) enum VariableValue {
    Plain(String),
    Secret(SecretString),
}

impl VariableValue {
    /// The value, a secret too.
    pub(super) fn reveal(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => value.expose_secret(),
        }
    }

    /// The value, unless it is a real secret: one that is not among the examples.
    pub(super) fn public(&self) -> Option<&str> {
        const EXAMPLES: [&str; 3] = [example::TOKEN, example::SECRET_KEY, example::PASSWORD];
        let value = self.reveal();
        (matches!(self, Self::Plain(_)) || EXAMPLES.contains(&value)).then_some(value)
    }
}

/// Compares in a time that does not depend on how much is equal.
pub(super) fn equal_in_constant_time(left: &str, right: &str) -> bool {
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
    fn constant_time_comparison_is_exact() {
        let equal = equal_in_constant_time;
        assert!(equal("", "") && equal("abc", "abc"));
        assert!(!equal("abc", "abd") && !equal("abc", "ab") && !equal("", "a"));
    }

    #[test]
    fn debug_output_hides_secrets() {
        let auth = Auth::Password {
            username: "u".to_owned(),
            password: SecretString::from("hunter2-hunter2"),
            domain_name: "d".to_owned(),
        };
        let shown = format!("{auth:?} {:?}", auth.variables("http://127.0.0.1:1"));
        assert!(!shown.contains("hunter2"));
    }
}
