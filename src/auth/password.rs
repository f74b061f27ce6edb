//! User name and password: the request for a token of one project.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::endpoint;
use super::scope::ProjectScope;

/// A user of IAM.
#[derive(Debug, Clone)]
pub struct Password {
    /// Name of the IAM user.
    pub username: String,
    /// Their password.
    pub password: SecretString,
    /// Name of the domain (the account) that the user belongs to.
    pub domain_name: String,
}

/// The body of the request.
pub fn body(user: &Password, scope: &ProjectScope) -> SecretString {
    let body = json!({"auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {
                "name": user.username,
                "password": user.password.expose_secret(),
                "domain": {"name": user.domain_name},
            }},
        },
        "scope": scope.to_json(),
    }});
    SecretString::from(body.to_string())
}

/// Where the request goes. `iam` is IAM's base without `/v3`.
pub fn url(iam: &Url) -> Url {
    endpoint::join(iam, &["v3", "auth", "tokens"])
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn user() -> Password {
        Password {
            username: "ci".to_owned(),
            password: SecretString::from("p\"w\\ü\n"),
            domain_name: "OTC00000000001000000000".to_owned(),
        }
    }

    #[test]
    fn the_body_is_the_documented_one() {
        let body: Value =
            serde_json::from_str(body(&user(), &ProjectScope::Id("p1".to_owned())).expose_secret())
                .unwrap();
        assert_eq!(
            body,
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
    fn a_project_can_be_named() {
        let body: Value = serde_json::from_str(
            body(&user(), &ProjectScope::Name("eu-de".to_owned())).expose_secret(),
        )
        .unwrap();
        assert_eq!(
            body.pointer("/auth/scope"),
            Some(&json!({"project": {"name": "eu-de"}}))
        );
    }

    #[test]
    fn nothing_shows_the_password() {
        assert!(!format!("{:?}", user()).contains("p\""));
        assert!(
            !format!("{:?}", body(&user(), &ProjectScope::Id("p1".to_owned()))).contains("OTC")
        );
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
