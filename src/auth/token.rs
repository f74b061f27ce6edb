//! What IAM answers: a token, and the id of a project.
//!
//! Nothing here quotes an answer, not even on an error: a token answer is a secret.

use std::fmt;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use url::Url;

use super::endpoint;

/// The header that carries a new token.
pub const SUBJECT_HEADER: &str = "X-Subject-Token";

/// A token that IAM issued.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// What to send as `X-Auth-Token`.
    pub token: SecretString,
    /// How long it is valid, counted from the answer; [`None`] where the answer does not tell.
    pub lifetime: Option<Duration>,
    /// The project that it is for, where the answer tells.
    pub project_id: Option<String>,
}

/// Why an answer gives no token.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// The header is missing or empty.
    #[error("IAM answered without a token: the header X-Subject-Token is missing")]
    Missing,
    /// The header holds what no request can carry.
    #[error(
        "IAM answered with a token that cannot be sent: the header X-Subject-Token holds white space or control characters"
    )]
    Malformed,
}

/// Why there is no project id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectError {
    /// The answer is not a list of projects with their ids.
    Unreadable,
    /// No project has the name.
    NotFound,
    /// So many projects have the name.
    Several(usize),
}

impl std::error::Error for ProjectError {}

impl fmt::Display for ProjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("IAM's answer is not a list of projects"),
            Self::NotFound => f.write_str(
                "no project has this name, or the credential may not see it; set `project-id`",
            ),
            Self::Several(count) => write!(f, "{count} projects have this name; set `project-id`"),
        }
    }
}

/// Reads an answer with a new token: its [`SUBJECT_HEADER`], its `Date` and its body.
///
/// The lifetime is a difference of two of the server's own times, so that a wrong clock here does not matter. A body
/// that cannot be read only costs the lifetime and the project: the token is in the header.
pub fn issued(
    header: Option<&str>,
    date: Option<SystemTime>,
    body: &[u8],
) -> Result<IssuedToken, TokenError> {
    let token = header
        .map(str::trim)
        .filter(|token| !token.is_empty())
        .ok_or(TokenError::Missing)?;
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::Malformed);
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |pointer| body.pointer(pointer).and_then(Value::as_str);
    let time = |pointer| text(pointer).and_then(|text| humantime::parse_rfc3339(text).ok());
    let lifetime = match (time("/token/expires_at"), time("/token/issued_at").or(date)) {
        // A token that ends before it starts tells nothing about the time that is left.
        (Some(end), Some(start)) => end
            .duration_since(start)
            .ok()
            .filter(|lifetime| !lifetime.is_zero()),
        _ => None,
    };
    let project_id = text("/token/project/id")
        .filter(|id| is_id(id))
        .map(str::to_owned);
    Ok(IssuedToken {
        token: SecretString::from(token),
        lifetime,
        project_id,
    })
}

/// Where a project's id is looked up. `iam` is IAM's base without `/v3`.
pub fn projects_url(iam: &Url, name: &str) -> Url {
    let mut url = endpoint::join(iam, &["v3", "projects"]);
    url.query_pairs_mut().append_pair("name", name);
    url
}

/// The id of the one project in the answer of [`projects_url`].
pub fn only_project(body: &[u8]) -> Result<String, ProjectError> {
    #[derive(Deserialize)]
    struct Answer {
        projects: Vec<Project>,
    }
    #[derive(Deserialize)]
    struct Project {
        id: String,
    }
    // serde_json's message would quote what it found.
    let answer: Answer = serde_json::from_slice(body).map_err(|_| ProjectError::Unreadable)?;
    let count = answer.projects.len();
    match (answer.projects.into_iter().next(), count) {
        (None, _) => Err(ProjectError::NotFound),
        (Some(project), 1) if is_id(&project.id) => Ok(project.id),
        (Some(_), 1) => Err(ProjectError::Unreadable),
        (Some(_), _) => Err(ProjectError::Several(count)),
    }
}

/// Ids end up in paths, so they may not hold what a path understands.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn date(text: &str) -> Option<SystemTime> {
        Some(humantime::parse_rfc3339(text).unwrap())
    }

    fn read(date: Option<SystemTime>, body: &Value) -> IssuedToken {
        issued(Some("MIIx"), date, body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn lifetime_is_between_server_times() {
        let both = json!({"token": {"expires_at": "2015-11-09T01:42:57.527363Z", "issued_at": "2015-11-08T01:42:57.527363Z"}});
        // Whatever the date says.
        assert_eq!(
            read(date("2031-01-01T00:00:00Z"), &both).lifetime,
            Some(DAY)
        );
        assert_eq!(read(None, &both).lifetime, Some(DAY));
    }

    #[test]
    fn missing_issue_time_uses_server_date() {
        let body = json!({"token": {"expires_at": "2015-11-09T01:42:57Z"}});
        assert_eq!(
            read(date("2015-11-08T01:42:57Z"), &body).lifetime,
            Some(DAY)
        );
        assert_eq!(read(None, &body).lifetime, None);
        let odd =
            json!({"token": {"expires_at": "2015-11-09T01:42:57Z", "issued_at": "yesterday"}});
        assert_eq!(read(date("2015-11-08T01:42:57Z"), &odd).lifetime, Some(DAY));
    }

    #[test]
    fn unknown_lifetime_is_none() {
        let now = date("2015-11-09T01:42:57Z");
        assert_eq!(
            read(
                now,
                &json!({"token": {"expires_at": "2015-11-09T01:42:57Z"}})
            )
            .lifetime,
            None
        );
        assert_eq!(
            read(
                now,
                &json!({"token": {"expires_at": "2014-01-01T00:00:00Z"}})
            )
            .lifetime,
            None
        );
        assert_eq!(
            read(now, &json!({"token": {"expires_at": 1447033377}})).lifetime,
            None
        );
        assert_eq!(
            read(now, &json!({"token": {"expires_at": "2015-11-09"}})).lifetime,
            None
        );
        assert_eq!(read(now, &json!({"token": null})).lifetime, None);
        assert_eq!(issued(Some("MIIx"), now, b"<html>").unwrap().lifetime, None);
        assert_eq!(issued(Some("MIIx"), now, b"").unwrap().lifetime, None);
    }

    #[test]
    fn token_comes_only_from_header() {
        assert_eq!(read(None, &json!({})).token.expose_secret(), "MIIx");
        assert_eq!(issued(None, None, b"{}").unwrap_err(), TokenError::Missing);
        assert_eq!(
            issued(Some("  "), None, b"{}").unwrap_err(),
            TokenError::Missing
        );
        assert_eq!(
            issued(Some("a\r\nX-Evil: b"), None, b"{}").unwrap_err(),
            TokenError::Malformed
        );
        assert_eq!(
            issued(Some("tökén"), None, b"{}").unwrap_err(),
            TokenError::Malformed
        );
        assert!(!format!("{:?}", read(None, &json!({}))).contains("MIIx"));
    }

    #[test]
    fn project_is_taken_only_as_id() {
        let of = |id: &str| {
            read(
                None,
                &json!({"token": {"project": {"id": id, "name": "eu-de"}}}),
            )
            .project_id
        };
        assert_eq!(
            of("666486c2d9b948c1bbea57e714d744fa").as_deref(),
            Some("666486c2d9b948c1bbea57e714d744fa")
        );
        assert_eq!(of("../../v1"), None);
        assert_eq!(of(""), None);
        assert_eq!(read(None, &json!({"token": {}})).project_id, None);
    }

    #[test]
    fn exactly_one_project_is_one() {
        let of = |body: &str| only_project(body.as_bytes());
        assert_eq!(
            of(r#"{"projects":[{"id":"p1","name":"eu-de","enabled":true}],"links":{}}"#).as_deref(),
            Ok("p1")
        );
        assert_eq!(of(r#"{"projects":[]}"#), Err(ProjectError::NotFound));
        assert_eq!(
            of(r#"{"projects":[{"id":"p1"},{"id":"p2"},{"id":"p3"}]}"#),
            Err(ProjectError::Several(3))
        );
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"projects":null}"#,
            r#"{"projects":[{}]}"#,
            r#"{"projects":[{"id":"secret/.."}]}"#,
        ] {
            assert_eq!(of(bad), Err(ProjectError::Unreadable), "{bad}");
        }
    }

    #[test]
    fn a_projects_name_is_encoded() {
        let url = projects_url(
            &Url::parse("https://iam.example.com/").unwrap(),
            "eu-de_a&b+ü",
        );
        assert_eq!(
            url.as_str(),
            "https://iam.example.com/v3/projects?name=eu-de_a%26b%2B%C3%BC"
        );
    }
}
