//! Signing in: by password, by OIDC token, and finding the project's id.

use super::{Client, Response, secret_header};
use crate::api::error::{CHECK_IAM, RequestKind, SignIn};
use crate::api::{ApiError, Class, SignedIn};
use crate::auth::{self, Federated, IdTokenSource, Identity, Oidc, Session, identity, oidc, token};
use crate::escape;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

impl Client {
    async fn post(
        &self,
        url: &Url,
        body: &SecretString,
        sign_in: SignIn,
        idp_id: Option<&str>,
    ) -> Result<Response, ApiError> {
        let mut request = reqwest::Request::new(Method::POST, url.clone());
        request.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json;charset=utf8"),
        );
        if let Some(id) = idp_id {
            request
                .headers_mut()
                .insert(oidc::IDP_HEADER, secret_header(&SecretString::from(id))?);
        }
        *request.body_mut() = Some(body.expose_secret().to_owned().into());
        self.send(
            request,
            url,
            StatusCode::CREATED,
            sign_in,
            RequestKind::Session,
        )
        .await
        .map_err(|error| error.or_advise(CHECK_IAM))
    }

    fn iam(&self) -> Result<&Url, ApiError> {
        self.connection.iam.as_ref().ok_or_else(|| ApiError {
            class: Class::Rejected,
            message: "the sign-in needs IAM".to_owned(),
            advice: Some("set `region` or `iam-endpoint`".to_owned()),
        })
    }

    pub(super) async fn sign_in_by_identity(
        &self,
        identity: &Identity,
    ) -> Result<SignedIn, ApiError> {
        let url = identity::url(self.iam()?);
        let body = identity.body(&self.connection.project);
        self.begin_session(&self.post(&url, &body, SignIn::ByPassword, None).await?)
    }

    /// One of the two requests; `None` after the first.
    pub(super) async fn sign_in_by_federation(
        &self,
        federated: &Federated,
    ) -> Result<Option<SignedIn>, ApiError> {
        if let Some(token) = self.with_state(|state| state.id_token.take()) {
            let identity = Identity::Token(token);
            return self.sign_in_by_identity(&identity).await.map(Some);
        }
        let url = identity::federation_url(
            self.iam()?,
            &federated.identity_provider,
            &federated.protocol,
        );
        let mut request = reqwest::Request::new(Method::POST, url.clone());
        let bearer = format!("Bearer {}", federated.access_token.expose_secret());
        request
            .headers_mut()
            .insert("authorization", secret_header(&SecretString::from(bearer))?);
        let sent = self.send(
            request,
            &url,
            StatusCode::CREATED,
            SignIn::ByOidc,
            RequestKind::Session,
        );
        let response = sent.await.map_err(|error| error.or_advise(CHECK_IAM))?;
        let token = issued(&response)?.token;
        self.keep_secret(&token);
        self.with_state(|state| state.id_token = Some(token));
        Ok(None)
    }

    /// One request of the exchange; `None` where another one has to follow.
    pub(super) async fn sign_in_by_oidc(&self, oidc: &Oidc) -> Result<Option<SignedIn>, ApiError> {
        let iam = self.iam()?;
        let id_token = match &oidc.source {
            IdTokenSource::Value(token) => token.clone(),
            IdTokenSource::File(path) => self.id_token_from_file(path.clone()).await?,
            IdTokenSource::GitHub {
                request_url,
                request_token,
                audience,
            } => match self.with_state(|state| state.id_token.take()) {
                Some(token) => token,
                None => {
                    let token = self
                        .id_token_from_github(request_url, request_token, audience.as_deref())
                        .await?;
                    self.with_state(|state| state.id_token = Some(token));
                    return Ok(None);
                }
            },
        };
        let body = oidc::body(&id_token, &self.connection.project);
        let response = self
            .post(&oidc::url(iam), &body, SignIn::ByOidc, Some(&oidc.idp_id))
            .await?;
        self.begin_session(&response).map(Some)
    }

    async fn id_token_from_file(&self, path: PathBuf) -> Result<SecretString, ApiError> {
        // On a thread of its own: a file system can hang, and the wait must not.
        let read = tokio::task::spawn_blocking(move || auth::file::read_id_token(&path));
        #[expect(
            clippy::disallowed_methods,
            reason = "bounds what a request waits for, as its client does"
        )]
        let token = match tokio::time::timeout(self.connection.request_timeout, read).await {
            Ok(Ok(Ok(token))) => token,
            Ok(Ok(Err(problem))) => {
                return Err(ApiError {
                    class: Class::Denied,
                    message: format!("`id-token-file` {problem}"),
                    advice: Some(
                        "the file was good at the start: look for what has changed it since"
                            .to_owned(),
                    ),
                });
            }
            Ok(Err(_)) | Err(_) => {
                return Err(ApiError::transient(
                    "`id-token-file` could not be read within `request-timeout`",
                ));
            }
        };
        self.keep_secret(&token);
        Ok(token)
    }

    async fn id_token_from_github(
        &self,
        request_url: &str,
        request_token: &SecretString,
        audience: Option<&str>,
    ) -> Result<SecretString, ApiError> {
        let advice = "check the job's permission `id-token: write` and `oidc-audience`";
        let url = oidc::github_url(request_url, audience).map_err(|error| ApiError {
            class: Class::Denied,
            message: error.to_string(),
            advice: Some(advice.to_owned()),
        })?;
        let mut request = reqwest::Request::new(Method::GET, url.clone());
        let bearer = SecretString::from(format!("Bearer {}", request_token.expose_secret()));
        request
            .headers_mut()
            .insert("authorization", secret_header(&bearer)?);
        let response = self
            .send(
                request,
                &url,
                StatusCode::OK,
                SignIn::AskingGitHub,
                RequestKind::Session,
            )
            .await;
        let response = response.map_err(|error| {
            if error.is_transient() {
                let advice =
                    "GitHub gives the job its OIDC token: check the network, or try again later";
                return error.or_advise(advice);
            }
            let message = format!(
                "GitHub gives no OIDC token: {}",
                error.message.trim_start_matches("GitHub: ")
            );
            ApiError {
                class: Class::Denied,
                message,
                advice: Some(advice.to_owned()),
            }
        })?;
        let token = oidc::github_token(&response.body)
            .map_err(|error| ApiError::transient(error.to_string()).or_advise(advice))?;
        self.keep_secret(&token);
        Ok(token)
    }

    fn begin_session(&self, response: &Response) -> Result<SignedIn, ApiError> {
        let issued = issued(response)?;
        self.keep_secret(&issued.token);
        let now = self.clock.elapsed();
        let renew_at = issued
            .lifetime
            .map(|lifetime| now + auth::renew_after(lifetime));
        let ends_at = issued.lifetime.map(|lifetime| now + lifetime);
        self.with_state(|state| {
            state.session = Some(Session {
                token: issued.token,
                renew_at,
                ends_at,
            });
            state.sessions += 1;
            if state.project_id.is_none() {
                state.project_id = issued.project_id;
            }
        });
        Ok(SignedIn {
            kind: self.credentials.kind(),
            lifetime: issued.lifetime,
        })
    }

    /// Looks up the project's id by its name.
    pub(super) async fn find_project(&self, name: &str) -> Result<(), ApiError> {
        let url = token::projects_url(self.iam()?, name);
        let request = self.authorized(&url)?;
        let response = self
            .send(
                request,
                &url,
                StatusCode::OK,
                self.sign_in_kind(),
                RequestKind::Project,
            )
            .await?;
        let id = token::only_project(&response.body).map_err(|error| ApiError {
            class: Class::Rejected,
            message: format!(
                "cannot find the id of project `{}`: {error}",
                escape::line(name)
            ),
            advice: Some("set `project-id`".to_owned()),
        })?;
        self.with_state(|state| state.project_id = Some(id));
        Ok(())
    }

    /// Whether the session, where one is needed, is over at the time that `end` finds in it.
    pub(super) fn lacks_session(&self, end: impl Fn(&Session) -> Option<Duration>) -> bool {
        let now = self.clock.elapsed();
        let is_over = |session: &Session| end(session).is_some_and(|at| at <= now);
        self.credentials.needs_session()
            && self.with_state(|state| match &state.session {
                None => true,
                // A one-time code gets no second session: this one serves until it is refused.
                Some(session) => self.credentials.can_renew() && is_over(session),
            })
    }
}

/// The token that a response brings.
fn issued(response: &Response) -> Result<token::IssuedToken, ApiError> {
    let header = |name: &str| {
        response
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let date = header("date").and_then(|date| httpdate::parse_http_date(date).ok());
    token::issued(header(token::SUBJECT_HEADER), date, &response.body)
        .map_err(|error| ApiError::transient(error.to_string()).or_advise(CHECK_IAM))
}
