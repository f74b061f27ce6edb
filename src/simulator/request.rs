//! A request as the simulated services see it, and its line in the log.

use super::scenario::{Fault, Scenario};
use super::system::Now;
use crate::escape;
use hyper::HeaderMap;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// A request that was received whole.
pub(super) struct ApiRequest<'a> {
    /// The vendor's request id, as in the response's `X-Request-Id`.
    pub(super) id: &'a str,
    pub(super) received_at: Now,
    pub(super) method: &'a str,
    /// Path and query as they were sent.
    pub(super) target: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl ApiRequest<'_> {
    /// A header that is not empty.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body).ok()
    }
}

/// One request and its result; its `Display` is a line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedRequest {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The HTTP status; `None` where the connection was reset instead.
    pub status: Option<u16>,
    /// The vendor's request id, as in the response's `X-Request-Id`.
    pub request_id: String,
    /// The task's scenario, and the simulated time since the task started.
    pub task: Option<(Scenario, Duration)>,
    /// What went wrong on purpose.
    pub fault: Option<Fault>,
}

impl fmt::Display for ServedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} ",
            escape::log(&escape::line(&self.method)),
            escape::log(&escape::line(&self.path))
        )?;
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => f.write_str("---")?,
        }
        if let Some((scenario, elapsed)) = self.task {
            let elapsed = humantime::format_duration(Duration::from_secs(elapsed.as_secs()));
            write!(f, " {} at {elapsed}", scenario.as_str())?;
        }
        match self.fault {
            Some(fault) => write!(f, " ({fault})"),
            None => Ok(()),
        }
    }
}
