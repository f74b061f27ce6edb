//! The cloud's API: one request is one attempt, with limits, without redirects and without retries of its own.
//!
//! `client.rs` sends a request and sorts what came, `client/session.rs` signs in. Requests are signed when they are sent.

mod client;
mod cloud;
pub mod error;
mod exchange;
mod lookup;
pub mod retry_after;
pub mod wire;

pub use client::Client;
pub use cloud::Cloud;
pub use error::{ApiError, CHECK_IAM, Class};

use crate::auth::ProjectScope;
use crate::domain::{Reading, Status, TaskId};
use secrecy::SecretString;
use std::fmt;
use std::time::Duration;
use url::Url;

/// A successful response to a request for the stats.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// The values.
    pub reading: Reading,
    /// The body as it came, on one line of ASCII.
    pub raw: String,
}

/// One page of the project's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many tasks there are over all pages, where the response has it.
    pub total: Option<usize>,
    /// Its tasks.
    pub tasks: Vec<ListedTask>,
}

/// A task, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTask {
    /// Which task.
    pub id: TaskId,
    /// Its status.
    pub status: Status,
    /// Why it failed, in the cloud's own words; one visible line.
    pub error_message: Option<String>,
}

/// A session was obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// By which kind of credential.
    pub kind: &'static str,
    /// How long its token lives, where the response has it.
    pub lifetime: Option<Duration>,
}

/// Where and how to ask.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Base URL of DCS.
    pub dcs: Url,
    /// Base URL of IAM, where a sign-in needs it.
    pub iam: Option<Url>,
    /// The project.
    pub project: ProjectScope,
    /// Bound of one request, connect included.
    pub request_timeout: Duration,
    /// Extra root certificates.
    pub extra_roots: Vec<reqwest::Certificate>,
    /// Which variables name the proxies in force.
    pub proxies: Proxies,
}

/// The proxies in force. The HTTP client looks for none by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For https.
    pub https: Option<Proxy>,
    /// For http.
    pub http: Option<Proxy>,
    /// Hosts that need none, separated by commas.
    pub no_proxy: String,
}

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The variable that names it.
    pub name: &'static str,
    /// Where it is; may hold a password.
    pub url: Url,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Proxies {
    /// The variable of the proxy on the way to a URL, as errors name it.
    fn of(&self, url: &Url) -> &'static str {
        let (proxy, default) = match url.scheme() {
            "http" => (&self.http, "HTTP_PROXY"),
            _ => (&self.https, "HTTPS_PROXY"),
        };
        proxy.as_ref().map_or(default, |proxy| proxy.name)
    }
}

/// Called with each secret that is obtained on the way, before it is used for the first time.
pub type Mask = dyn Fn(&SecretString) + Send + Sync;
