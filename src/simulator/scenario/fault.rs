//! What goes wrong on purpose, and when.

use std::fmt;
use std::time::Duration;

/// A request that fails or is slow on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Another status than 200.
    Status {
        /// The HTTP status.
        status: u16,
        /// The vendor's error code; `None`: the body is not JSON, as from a proxy.
        code: Option<&'static str>,
        /// The message beside it.
        message: &'static str,
        /// The wait that `Retry-After` asks for, in simulated time.
        retry_after: Option<Duration>,
    },
    /// The connection ends in the middle of the body.
    CutBody,
    /// The connection is reset before a response.
    Reset,
    /// 200, and a body that is not JSON.
    Malformed,
    /// The response is late by this much simulated time.
    Slow(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, .. } => write!(f, "status {status}"),
            Self::CutBody => f.write_str("half a body"),
            Self::Reset => f.write_str("connection reset"),
            Self::Malformed => f.write_str("malformed body"),
            Self::Slow(_) => f.write_str("slow response"),
        }
    }
}

/// A fault and the span in which it happens, in seconds from the start of the task.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultSpan {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) fault: Fault,
}

/// Each lasts longer than a poll interval and much shorter than the outage that a wait tolerates. The last one hits
/// the first poll of the ended task.
pub(super) const FLAKY: &[FaultSpan] = &[
    span(35, 70, slow(4)),
    span(
        100,
        130,
        status(500, Some("DCS.5000"), "Internal service error.", 0),
    ),
    span(160, 190, status(429, Some("APIGW.0308"), THROTTLED, 20)),
    span(230, 265, Fault::CutBody),
    span(310, 345, Fault::Reset),
    span(380, 415, Fault::Malformed),
    span(450, 485, status(503, Some("APIG.0613"), IAM_DOWN, 15)),
    span(530, 560, slow(20)),
    span(655, 690, Fault::Reset),
    span(
        730,
        760,
        status(504, Some("APIGW.0201"), "Backend timeout.", 0),
    ),
    span(880, 915, status(502, None, "Bad Gateway", 0)),
];

const THROTTLED: &str =
    "The throttling threshold has been reached: policy ip over ratelimit,limit:5,time:1 second";
const IAM_DOWN: &str = "The IAM service is currently unavailable.";

const fn span(from: u64, to: u64, fault: Fault) -> FaultSpan {
    FaultSpan { from, to, fault }
}

const fn slow(seconds: u64) -> Fault {
    Fault::Slow(Duration::from_secs(seconds))
}

/// With `retry_after` in seconds; 0: without the header.
const fn status(
    status: u16,
    code: Option<&'static str>,
    message: &'static str,
    retry_after: u64,
) -> Fault {
    Fault::Status {
        status,
        code,
        message,
        retry_after: match retry_after {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        },
    }
}
