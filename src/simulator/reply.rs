//! What the simulator answers, in the shapes of the vendor's bodies, and the ways in which an answer can break.

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;

/// The connection breaks on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Dropped {
    #[error("the connection is to be reset")]
    Reset,
    #[error("the body ends here")]
    Cut,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    content: Content,
    /// How long it takes, in real time.
    pub(super) delay: Duration,
}

#[derive(Debug)]
enum Content {
    Json(String),
    Html(String),
    Nothing,
    /// Only the first half is sent.
    Cut(String),
    /// The connection is reset instead.
    Reset,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Cut,
    Reset,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::of(status, Content::Json(body.to_string()))
    }

    /// Done, and nothing to say about it.
    pub(super) fn no_content() -> Self {
        Self::of(204, Content::Nothing)
    }

    /// An error of DCS itself.
    pub(super) fn dcs(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({"error_code": code, "error_msg": message, "error_ext_msg": null}),
        )
    }

    /// An error of the gateway in front of it.
    pub(super) fn gateway(status: u16, code: &str, message: &str, request_id: &str) -> Self {
        Self::json(
            status,
            &json!({"error_msg": message, "error_code": code, "request_id": request_id}),
        )
    }

    /// An error of IAM's `/v3`.
    pub(super) fn keystone(status: u16, title: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({"error": {"code": status, "message": message, "title": title}}),
        )
    }

    /// An error of IAM's `/v3.0`.
    pub(super) fn iam(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error_msg": message, "error_code": code}))
    }

    /// An error page of something that knows nothing of the API.
    pub(super) fn page(status: u16, title: &str) -> Self {
        let page = format!(
            "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>{title}</body>\r\n</html>\r\n"
        );
        Self::of(status, Content::Html(page))
    }

    /// 200 with this text, JSON or not.
    pub(super) fn text(text: String) -> Self {
        Self::of(200, Content::Json(text))
    }

    pub(super) fn reset() -> Self {
        Self::of(200, Content::Reset)
    }

    fn of(status: u16, content: Content) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content,
            delay: Duration::ZERO,
        }
    }

    /// The same, but only the first half of it arrives.
    pub(super) fn cut(mut self) -> Self {
        if let Content::Json(text) | Content::Html(text) = self.content {
            self.content = Content::Cut(text);
        }
        self
    }

    pub(super) fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(super) fn with(mut self, header: &'static str, value: String) -> Self {
        self.headers.push((header, value));
        self
    }

    pub(super) fn delivery(&self) -> Delivery {
        match self.content {
            Content::Json(_) | Content::Html(_) | Content::Nothing => Delivery::Whole,
            Content::Cut(_) => Delivery::Cut,
            Content::Reset => Delivery::Reset,
        }
    }

    /// The answer as it is sent; an error where the connection is to be reset instead.
    pub(super) fn send(self, request_id: &str) -> Result<Response<ReplyBody>, Dropped> {
        let (kind, body) = match self.content {
            Content::Json(text) => ("application/json", ReplyBody::whole(text)),
            Content::Html(text) => ("text/html", ReplyBody::whole(text)),
            Content::Nothing => ("application/json", ReplyBody::empty()),
            Content::Cut(text) => ("application/json", ReplyBody::cut(text)),
            Content::Reset => return Err(Dropped::Reset),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let own = [("x-request-id", request_id.to_owned())];
        for (name, value) in own.into_iter().chain(self.headers) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        Ok(response)
    }
}

/// A body that may end too early.
#[derive(Debug)]
pub(super) struct ReplyBody {
    next: Option<Bytes>,
    /// What the `Content-Length` claims.
    claimed: u64,
    then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    /// Lets the connection send what it has, then breaks it.
    Flush,
    Break,
}

impl ReplyBody {
    fn whole(text: String) -> Self {
        let bytes = Bytes::from(text);
        Self {
            claimed: bytes.len() as u64,
            next: Some(bytes),
            then: Then::End,
        }
    }

    fn empty() -> Self {
        Self {
            claimed: 0,
            next: None,
            then: Then::End,
        }
    }

    fn cut(text: String) -> Self {
        let mut bytes = Bytes::from(text);
        let claimed = bytes.len() as u64;
        bytes.truncate(bytes.len() / 2);
        Self {
            claimed,
            next: Some(bytes),
            then: Then::Flush,
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        if let Some(bytes) = self.next.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.then {
            Then::End => Poll::Ready(None),
            Then::Flush => {
                self.then = Then::Break;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Then::Break => Poll::Ready(Some(Err(Dropped::Cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none() && self.then == Then::End
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.claimed)
    }
}
