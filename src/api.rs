//! The cloud's API: one request is one attempt, with limits, without redirects and without retries of its own.
//!
//! `client.rs` sends a request and sorts what came, `client/session.rs` signs in. Requests are signed when they are sent.

mod client;
mod cloud;
pub mod error;
mod exchange;
pub mod retry_after;
pub mod wire;

pub use client::Client;
pub use cloud::Cloud;
pub use error::{ApiError, CHECK_IAM, Class};

use crate::auth::ProjectScope;
use crate::domain::{Reading, Status, TaskId};
use secrecy::SecretString;
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
    /// Whether `HTTPS_PROXY` and its kin are honoured.
    pub use_proxies: bool,
    /// Which variables name the proxies in force.
    pub proxies: Proxies,
}

/// The variables that name the proxies in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For https.
    pub https: Option<&'static str>,
    /// For http.
    pub http: Option<&'static str>,
}

impl Proxies {
    /// The variable of the proxy on the way to a URL, as errors name it.
    fn of(self, url: &Url) -> &'static str {
        match url.scheme() {
            "http" => self.http.unwrap_or("HTTP_PROXY"),
            _ => self.https.unwrap_or("HTTPS_PROXY"),
        }
    }
}

/// Called with each secret that is obtained on the way, before it is used for the first time.
pub type Mask = dyn Fn(&SecretString) + Send + Sync;
