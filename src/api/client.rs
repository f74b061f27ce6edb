//! One request: limits, credentials, signing, and sorting what came. The only code that owns an HTTP client.

mod session;

use super::error::{self, ErrorResponse, RequestKind, SignIn};
use super::exchange::{Broken, HttpThread, Reply};
use super::lookup::Lookups;
use super::{
    ApiError, Class, Cloud, Connection, ListedTask, Mask, Page, Proxies, SignedIn, Stats,
    retry_after, wire,
};
use crate::auth::{
    AccessKey, Credentials, IdTokenSource, Oidc, ProjectScope, Redactor, Session, endpoint, sign,
};
use crate::clock::Clock;
use crate::domain::{Detail, IpSwitch, TaskId};
use crate::escape;
use reqwest::header::{
    AGE, CACHE_CONTROL, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, WARNING,
};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing::{debug, trace, warn};
use url::Url;

/// A client of one cloud.
pub struct Client {
    http: HttpThread,
    lookups: Lookups,
    connection: Connection,
    credentials: Credentials,
    clock: Clock,
    mask: Arc<Mask>,
    state: Mutex<State>,
}

/// What a sign-in leaves behind.
#[derive(Default)]
struct State {
    session: Option<Session>,
    /// GitHub's OIDC token, or a token without a project, until it is exchanged.
    id_token: Option<SecretString>,
    /// What a sign-in has brought so far, while the project's id is still to be found.
    signed_in: Option<SignedIn>,
    /// Servers that have answered: from then on, a certificate that is not trusted is an interference.
    answered: BTreeSet<String>,
    /// What must never be shown, should a server send it back.
    redactor: Redactor,
    /// An answer came from a cache, which was said.
    has_warned_of_cache: bool,
    /// A page of the largest size was larger than any body may be.
    asks_for_small_pages: bool,
    /// Counts the sessions, so that a late refusal of an old one does not end its successor.
    sessions: u64,
    project_id: Option<String>,
}

/// The client with these proxies, and with none that it would find by itself.
fn with_proxies(
    http: reqwest::ClientBuilder,
    proxies: &Proxies,
) -> Result<reqwest::ClientBuilder, ApiError> {
    let mut http = http.no_proxy();
    for (proxy, new) in [
        (&proxies.https, reqwest::Proxy::https as fn(Url) -> _),
        (&proxies.http, reqwest::Proxy::http),
    ] {
        if let Some(proxy) = proxy {
            let no_proxy = reqwest::NoProxy::from_string(&proxies.no_proxy);
            let made = new(proxy.url.clone()).map_err(|error: reqwest::Error| ApiError {
                class: Class::Rejected,
                message: format!(
                    "cannot use the proxy: {}",
                    escape::line(&error::words(&error))
                ),
                advice: Some(format!("check `{}`", proxy.name)),
            })?;
            http = http.proxy(made.no_proxy(no_proxy));
        }
    }
    Ok(http)
}

/// A successful response.
struct Response {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// A client; sends nothing yet. `secrets` are those of the environment that it does not use itself.
    ///
    /// # Errors
    /// Where the machine has no usable root certificates or proxy settings are wrong.
    #[expect(clippy::disallowed_methods, reason = "this is the one HTTP client")]
    pub fn new(
        connection: Connection,
        credentials: Credentials,
        clock: Clock,
        mask: Arc<Mask>,
        secrets: &[SecretString],
    ) -> Result<Self, ApiError> {
        let lookups = Lookups::default();
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("dcs-migration-wait/", env!("CARGO_PKG_VERSION")))
            .timeout(connection.request_timeout)
            .connect_timeout(connection.request_timeout)
            // The default would carry X-Auth-Token to another host.
            .redirect(reqwest::redirect::Policy::none())
            // Shorter than gateways keep an idle connection (a minute and more): none is used just as it is closed.
            .pool_idle_timeout(Duration::from_secs(45))
            // One poll is one request.
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(lookups.clone()))
            .referer(false);
        let plain_http = |url: &Url| url.scheme() == "http";
        let asks_github = matches!(
            &credentials,
            Credentials::Oidc(Oidc {
                source: IdTokenSource::GitHub { .. },
                ..
            })
        );
        if plain_http(&connection.dcs)
            && connection.iam.as_ref().is_none_or(plain_http)
            && !asks_github
        {
            // Reading the system's roots takes longer than everything else at the start.
            http = http.tls_certs_only([]);
        } else if !connection.extra_roots.is_empty() {
            http = http.tls_certs_merge(connection.extra_roots.clone());
        }
        http = with_proxies(http, &connection.proxies)?;
        let http = http.build().map_err(|error| ApiError {
            class: Class::Rejected,
            message: format!(
                "cannot set up HTTPS: {}",
                escape::line(&error::words(&error))
            ),
            advice: Some(
                "install the system's root certificates, or set `ca-file`; check `HTTPS_PROXY`"
                    .to_owned(),
            ),
        })?;
        let http_thread =
            HttpThread::start(http, connection.request_timeout).map_err(|error| ApiError {
                class: Class::Rejected,
                message: format!("no thread could be started for HTTP: {error}"),
                advice: Some(
                    "raise the limit of processes (`ulimit -u`, or that of the container)"
                        .to_owned(),
                ),
            })?;
        let project_id = match &connection.project {
            ProjectScope::Id(id) => Some(id.clone()),
            ProjectScope::Name(..) | ProjectScope::OfToken => None,
        };
        let redactor = Redactor::new(credentials.secrets().into_iter().chain(secrets));
        Ok(Self {
            http: http_thread,
            lookups,
            connection,
            credentials,
            clock,
            mask,
            state: Mutex::new(State {
                project_id,
                redactor,
                ..State::default()
            }),
        })
    }

    fn with_state<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        // Nothing panics while the lock is held, so poison cannot mean half a change.
        use_it(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Registers a secret that came up on the way, before its first use.
    fn keep_secret(&self, secret: &SecretString) {
        (self.mask)(secret);
        self.with_state(|state| state.redactor.add([secret]));
    }

    /// The text without our secrets in it: a server, or a proxy on the way, may send back what it was sent.
    fn redact(&self, text: &str) -> String {
        self.with_state(|state| state.redactor.redact(text))
    }

    fn redact_json(&self, text: &str) -> String {
        self.with_state(|state| state.redactor.redact_json(text))
    }

    fn redact_error(&self, error: ApiError) -> ApiError {
        ApiError {
            message: self.redact(&error.message),
            advice: error.advice.map(|advice| self.redact(&advice)),
            ..error
        }
    }

    /// A server that answers, but not as this API does.
    fn malformed(&self, error: &wire::Malformed) -> ApiError {
        if let wire::Malformed::Refused(text) = error {
            return self.redact_error(ApiError::transient(text.clone()));
        }
        let advice = "check that `endpoint` is that of DCS; if it is, check the task in the console, and report this";
        self.redact_error(ApiError::transient(error.to_string()).or_advise(advice))
    }

    /// Reads something below the project.
    async fn get(
        &self,
        asked: RequestKind,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Response, ApiError> {
        let project = self
            .with_state(|state| state.project_id.clone())
            .unwrap_or_default();
        let mut url = endpoint::join(&self.connection.dcs, &[&["v2", &project], path].concat());
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(
            self.authorized(&url)?,
            &url,
            StatusCode::OK,
            self.sign_in_kind(),
            asked,
        )
        .await
    }

    fn sign_in_kind(&self) -> SignIn {
        match self.credentials {
            Credentials::Token(_) => SignIn::Token,
            Credentials::AccessKey(_) => SignIn::AccessKey,
            Credentials::Oidc(_) | Credentials::Federated(_) | Credentials::Identity(_)
                if self.credentials.can_renew() =>
            {
                SignIn::RenewableToken
            }
            Credentials::Oidc(_) | Credentials::Federated(_) | Credentials::Identity(_) => {
                SignIn::OneTimeToken
            }
        }
    }

    /// A GET with the credential of this moment.
    fn authorized(&self, url: &Url) -> Result<reqwest::Request, ApiError> {
        let mut request = reqwest::Request::new(Method::GET, url.clone());
        // A cache on the way would answer with what was.
        request
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let token = match &self.credentials {
            Credentials::AccessKey(keys) => {
                self.sign(request.headers_mut(), url, keys)?;
                return Ok(request);
            }
            Credentials::Token(token) => Some(token.clone()),
            Credentials::Oidc(_) | Credentials::Federated(_) | Credentials::Identity(_) => {
                self.with_state(|state| state.session.as_ref().map(|session| session.token.clone()))
            }
        };
        if let Some(token) = token {
            request
                .headers_mut()
                .insert("x-auth-token", secret_header(&token)?);
        }
        Ok(request)
    }

    fn sign(&self, headers: &mut HeaderMap, url: &Url, keys: &AccessKey) -> Result<(), ApiError> {
        let date = sign::sdk_date(self.clock.wall());
        let project = self.with_state(|state| state.project_id.clone());
        let mut signed = vec![("x-sdk-date", date.as_str())];
        if let Some(project) = &project {
            signed.push(("x-project-id", project));
        }
        if let Some(token) = &keys.security_token {
            signed.push(("x-security-token", token.expose_secret()));
        }
        let request = sign::Request {
            method: "GET",
            url,
            headers: &signed,
            body: b"",
        };
        let authorization =
            sign::authorization(&keys.access_key, &keys.secret_key, &date, &request);
        for (name, value) in signed {
            headers.insert(
                HeaderName::from_static(name),
                secret_header(&SecretString::from(value))?,
            );
        }
        headers.insert(
            "authorization",
            secret_header(&SecretString::from(authorization))?,
        );
        Ok(())
    }

    /// One attempt: sends, reads within the limits, and sorts what came.
    async fn send(
        &self,
        request: reqwest::Request,
        url: &Url,
        wanted: StatusCode,
        sign_in: SignIn,
        asked: RequestKind,
    ) -> Result<Response, ApiError> {
        let server = server(url);
        debug!(method = %request.method(), path = url.path(), %server, "request");
        let session = self.with_state(|state| state.sessions);
        let has_answered = self.with_state(|state| state.answered.contains(&server));
        let proxy = self.connection.proxies.of(url);
        let broke = |broken: Broken| match broken {
            Broken::Http(error) => error::from_transport(
                &error,
                &error::Server {
                    name: &server,
                    input: error::input(sign_in, asked),
                    proxy,
                    has_answered,
                    is_looked_up: url
                        .host_str()
                        .is_some_and(|host| self.lookups.is_pending(host)),
                },
            ),
            Broken::TooLarge => ApiError::transient(format!("{server} {TOO_LARGE}")),
            Broken::Late => error::no_answer(&server),
        };
        let Reply {
            status,
            headers,
            body,
        } = self.http.send(request).await.map_err(broke)?;
        if !has_answered {
            self.with_state(|state| state.answered.insert(server.clone()));
        }
        let shown_id = request_id(&headers).map(|id| escape::line(&self.redact(id)));
        debug!(status = status.as_u16(), request_id = shown_id, "answer");
        let body = body.map_err(broke);
        // A server that answers a sign-in with 200 has created the token just as well.
        let is_wanted =
            status == wanted || (wanted == StatusCode::CREATED && status == StatusCode::OK);
        if is_wanted {
            self.warn_of_cache(&server, &headers);
            return Ok(Response {
                headers,
                body: body?,
            });
        }
        // The body of an error response may break off; its status counts all the same.
        let body = body.unwrap_or_default();
        let error = self.classify(status, &headers, &body, sign_in, asked);
        if error.class == Class::Unauthenticated {
            self.with_state(|state| {
                if state.sessions == session {
                    state.session = None;
                }
            });
        }
        let error = if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            error::proxy_wants_credentials(error, proxy, has_answered)
        } else {
            error
        };
        Err(self.redact_error(error))
    }

    /// What an error response means.
    fn classify(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        sign_in: SignIn,
        asked: RequestKind,
    ) -> ApiError {
        let wall = self.clock.wall();
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let date = text(&DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        let location = text(&LOCATION).map(|location| self.redact(location));
        error::classify(&ErrorResponse {
            status: status.as_u16(),
            body,
            request_id: request_id(headers),
            // The server's date, by the server's clock.
            retry_after: text(&RETRY_AFTER)
                .and_then(|value| retry_after::parse(value, date.unwrap_or(wall))),
            clock_skew: date.map(|server| match server.duration_since(wall) {
                Ok(ahead) => i64::try_from(ahead.as_secs()).unwrap_or(i64::MAX),
                Err(behind) => {
                    i64::try_from(behind.duration().as_secs()).map_or(i64::MIN, |behind| -behind)
                }
            }),
            location: location.as_deref(),
            sign_in,
            asked,
        })
    }

    /// Warns once where a cache on the way answers, although it was asked not to.
    fn warn_of_cache(&self, server: &str, headers: &HeaderMap) {
        let text = |name: &HeaderName| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::trim)
        };
        let age = text(&AGE)
            .and_then(|age| age.parse::<u64>().ok())
            .filter(|&age| age > 0);
        let is_stale = text(&WARNING)
            .is_some_and(|warning| warning.starts_with("110") || warning.starts_with("111"));
        if (age.is_none() && !is_stale)
            || self.with_state(|state| std::mem::replace(&mut state.has_warned_of_cache, true))
        {
            return;
        }
        let age = age.map_or("of an age that it does not tell".to_owned(), |age| {
            format!("{age} s old")
        });
        warn!(
            "the answer of {server} comes from a cache on the way and is {age} (`Age`, `Warning`): bypass the cache"
        );
    }
}

impl Cloud for Client {
    fn needs_sign_in(&self) -> bool {
        self.with_state(|state| state.project_id.is_none())
            || self.lacks_session(|session| session.ends_at)
    }

    fn should_renew(&self) -> bool {
        self.lacks_session(|session| session.renew_at)
    }

    fn most_in_flight(&self) -> usize {
        match self.credentials {
            // Five refusals lock a key. When one is revoked in mid-wait, what is in flight is refused at once.
            Credentials::AccessKey(_) => 4,
            Credentials::Token(_)
            | Credentials::Oidc(_)
            | Credentials::Federated(_)
            | Credentials::Identity(_) => usize::MAX,
        }
    }

    async fn sign_in(&self) -> Result<Option<SignedIn>, ApiError> {
        if self.should_renew() {
            let signed_in = match &self.credentials {
                Credentials::Oidc(oidc) => self.sign_in_by_oidc(oidc).await?,
                Credentials::Federated(federated) => self.sign_in_by_federation(federated).await?,
                Credentials::Identity(identity) => Some(self.sign_in_by_identity(identity).await?),
                Credentials::Token(_) | Credentials::AccessKey(_) => None,
            };
            let has_project = self.with_state(|state| state.project_id.is_some());
            return match signed_in {
                Some(signed_in) if has_project => Ok(Some(signed_in)),
                signed_in => {
                    self.with_state(|state| state.signed_in = signed_in);
                    Ok(None)
                }
            };
        }
        if let ProjectScope::Name(name, _) = &self.connection.project
            && self.with_state(|state| state.project_id.is_none())
        {
            self.find_project(name).await?;
        }
        if self.with_state(|state| state.project_id.is_none()) {
            return Err(ApiError {
                class: Class::Rejected,
                message: "IAM's token names no project".to_owned(),
                advice: Some("set `project-id`".to_owned()),
            });
        }
        let signed_in = self.with_state(|state| state.signed_in.take());
        Ok(Some(signed_in.unwrap_or(SignedIn {
            kind: self.credentials.kind(),
            lifetime: None,
        })))
    }

    async fn stats(&self, task: &TaskId) -> Result<Stats, ApiError> {
        let response = self
            .get(
                RequestKind::Task,
                &["migration-task", task.as_str(), "stats"],
                &[],
            )
            .await?;
        let reading = wire::reading(&response.body).map_err(|error| self.malformed(&error))?;
        // Before and after it is made compact, since both write some characters in ways of their own.
        let raw = self.redact_json(&wire::compact(
            self.redact_json(&String::from_utf8_lossy(&response.body))
                .as_bytes(),
        ));
        // A secret may have stood where it leaves no JSON.
        let raw = wire::compact(raw.as_bytes());
        trace!(stats = %escape::line(&raw), "stats");
        Ok(Stats { reading, raw })
    }

    async fn detail(&self, task: &TaskId) -> Result<Detail, ApiError> {
        // Never log this body: it holds the Redis passwords of both sides.
        let response = self
            .get(RequestKind::Task, &["migration-task", task.as_str()], &[])
            .await?;
        let (id, detail) = wire::detail(&response.body).map_err(|error| self.malformed(&error))?;
        if let Some(other) = id.filter(|id| !TaskId::parse(id).is_some_and(|id| id.is_same(task))) {
            let text = format!(
                "the detail of task {} was asked for, and that of `{other}` came",
                task.as_str()
            );
            return Err(self.redact_error(ApiError::transient(text)));
        }
        let Detail {
            status,
            task_status,
            migration_method,
        } = detail;
        let shown = self.redact(status.word());
        Ok(Detail {
            status: status.shown_as(shown),
            task_status: task_status.map(|word| match IpSwitch::parse(&word) {
                IpSwitch::Unknown => self.redact(&word),
                // What it means is decided by this word, which gives no secret away.
                IpSwitch::None
                | IpSwitch::Switching
                | IpSwitch::Switched
                | IpSwitch::RolledBack => word,
            }),
            migration_method,
        })
    }

    async fn list(&self, offset: usize) -> Result<Page, ApiError> {
        let offset = offset.to_string();
        let limit = if self.with_state(|state| state.asks_for_small_pages) {
            SMALL_PAGE
        } else {
            LARGEST_PAGE
        };
        let response = self
            .get(
                RequestKind::List,
                &["migration-tasks"],
                &[("offset", &offset), ("limit", limit)],
            )
            .await;
        if matches!(&response, Err(error) if error.message.ends_with(TOO_LARGE)) {
            self.with_state(|state| state.asks_for_small_pages = true);
        }
        let page = wire::page(&response?.body).map_err(|error| self.malformed(&error))?;
        let shown = |listed: ListedTask| {
            let word = self.redact(listed.status.word());
            ListedTask {
                status: listed.status.shown_as(word),
                error_message: listed.error_message.map(|text| self.redact(&text)),
                ..listed
            }
        };
        Ok(Page {
            tasks: page.tasks.into_iter().map(shown).collect(),
            ..page
        })
    }

    async fn newest_error(&self, task: &TaskId) -> Result<Option<String>, ApiError> {
        let query = [("offset", "0"), ("limit", "10"), ("log_level", "ERROR")];
        let response = self
            .get(
                RequestKind::Task,
                &["migration-task", task.as_str(), "logs"],
                &query,
            )
            .await?;
        Ok(wire::newest_error(&response.body).map(|text| self.redact(&text)))
    }
}

/// Tasks on one page of a list: as many as the API gives at once, so that none moves from one page to another while they
/// are read; and so many where the body would be too large.
const LARGEST_PAGE: &str = "1000";
const SMALL_PAGE: &str = "100";
/// How the error about a body ends that is too large.
const TOO_LARGE: &str = "sends a body over 1 MiB";

/// Host and port, as people name a server.
fn server(url: &Url) -> String {
    let host = url.host_str().unwrap_or("the server");
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn request_id(headers: &HeaderMap) -> Option<&str> {
    let header = headers
        .get("x-request-id")
        .or_else(|| headers.get("x-iam-trace-id"))?;
    header.to_str().ok()
}

fn secret_header(secret: &SecretString) -> Result<HeaderValue, ApiError> {
    let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| ApiError {
        class: Class::Denied,
        message: "a credential holds characters that no header can carry".to_owned(),
        advice: Some(
            "check for line breaks or non-ASCII characters in the sign-in inputs".to_owned(),
        ),
    })?;
    value.set_sensitive(true);
    Ok(value)
}
