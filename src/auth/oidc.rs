//! Keyless sign-in: the CI job's OIDC token is exchanged for a token of one project.
//!
//! GitLab puts the OIDC token into a variable; GitHub gives it for the job's own credentials.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use url::Url;

use super::endpoint;
use super::scope::ProjectScope;

/// The header that names the identity provider to IAM.
pub const IDP_HEADER: &str = "x-idp-id";

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Why there is no OIDC token. Nothing that was read is quoted.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum OidcError {
    /// The address that GitHub gave is none.
    #[error("ACTIONS_ID_TOKEN_REQUEST_URL is not an http(s) address")]
    RequestUrl,
    /// GitHub's answer is not `{"value": "..."}`.
    #[error("GitHub's answer to the request for an OIDC token holds no token")]
    NoToken,
}

/// The body of the exchange.
pub fn body(id_token: &SecretString, scope: &ProjectScope) -> SecretString {
    scope.body("id_token", json!({"id": id_token.expose_secret()}))
}

/// Where the exchange goes. `iam` is IAM's base without `/v3`.
pub fn url(iam: &Url) -> Url {
    endpoint::join(iam, &["v3.0", "OS-AUTH", "id-token", "tokens"])
}

/// Where GitHub hands out the OIDC token: `request_url` is `ACTIONS_ID_TOKEN_REQUEST_URL`, which has a query already.
/// Without an audience GitHub takes the URL of the repository's owner.
pub fn github_url(request_url: &str, audience: Option<&str>) -> Result<Url, OidcError> {
    let mut url = Url::parse(request_url.trim()).map_err(|_| OidcError::RequestUrl)?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(OidcError::RequestUrl);
    }
    if let Some(audience) = audience {
        let audience = utf8_percent_encode(audience, RESERVED);
        let query = match url.query() {
            Some(query) if !query.is_empty() => format!("{query}&audience={audience}"),
            _ => format!("audience={audience}"),
        };
        url.set_query(Some(&query));
    }
    Ok(url)
}

/// Whether the job's own token may go to that address: over https, or within this machine, or where plain http is allowed.
/// What is no address is refused later.
pub fn is_safe(request_url: &str, allow_http: bool) -> bool {
    Url::parse(request_url.trim()).map_or(true, |url| {
        url.scheme() != "http" || allow_http || endpoint::is_loopback(&url)
    })
}

/// The OIDC token in GitHub's answer.
pub fn github_token(body: &[u8]) -> Result<SecretString, OidcError> {
    #[derive(Deserialize)]
    struct Answer {
        value: String,
    }
    // serde_json's message would quote what it found.
    let answer: Answer = serde_json::from_slice(body).map_err(|_| OidcError::NoToken)?;
    if answer.value.trim().is_empty() {
        return Err(OidcError::NoToken);
    }
    Ok(SecretString::from(answer.value))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_body_is_the_documented_one() {
        let token = SecretString::from("eyJh.eyJz.c2ln");
        for (scope, expected) in [
            (ProjectScope::Id("p1".to_owned()), json!({"id": "p1"})),
            (
                ProjectScope::Name("eu-de".to_owned(), None),
                json!({"name": "eu-de"}),
            ),
        ] {
            let body: Value = serde_json::from_str(body(&token, &scope).expose_secret()).unwrap();
            assert_eq!(
                body,
                json!({"auth": {"id_token": {"id": "eyJh.eyJz.c2ln"}, "scope": {"project": expected}}})
            );
        }
    }

    #[test]
    fn the_exchange_has_its_own_version() {
        let url = url(&Url::parse("https://iam.eu-de.example.com").unwrap());
        assert_eq!(
            url.as_str(),
            "https://iam.eu-de.example.com/v3.0/OS-AUTH/id-token/tokens"
        );
    }

    #[test]
    fn audience_joins_existing_query() {
        let of = |url, audience| github_url(url, audience).map(|url| url.to_string());
        let given = "https://vstoken.example.com/_apis/token?api-version=2.0&x=%2Fa";
        assert_eq!(of(given, None).unwrap(), given);
        assert_eq!(
            of(given, Some("https://github.com/o r&x=ü")).unwrap(),
            format!("{given}&audience=https%3A%2F%2Fgithub.com%2Fo%20r%26x%3D%C3%BC")
        );
        assert_eq!(
            of("https://h.example.com/t", Some("a")).unwrap(),
            "https://h.example.com/t?audience=a"
        );
        assert_eq!(
            of("https://h.example.com/t?", Some("a")).unwrap(),
            "https://h.example.com/t?audience=a"
        );
        for bad in ["", "nowhere", "file:///etc/passwd"] {
            assert_eq!(of(bad, Some("a")), Err(OidcError::RequestUrl), "{bad}");
        }
    }

    #[test]
    fn github_token_errors_quote_nothing() {
        let token = github_token(br#"{"count": 1, "value": "eyJh.eyJz.c2ln"}"#).unwrap();
        assert_eq!(token.expose_secret(), "eyJh.eyJz.c2ln");
        for bad in [
            &b""[..],
            b"{}",
            b"null",
            br#"{"value": null}"#,
            br#"{"value": 7}"#,
            br#"{"value": " "}"#,
            b"<html>secret",
            br#"{"value": ["secret"]}"#,
            b"\"secret\"",
        ] {
            let error = github_token(bad).unwrap_err();
            assert_eq!(error, OidcError::NoToken);
            assert!(!error.to_string().contains("secret"));
        }
    }
}
