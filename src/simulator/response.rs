//! Responses in the shapes of the vendor's bodies, and the ways in which a response can break.

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
pub(super) enum BrokenConnection {
    #[error("the connection is to be reset")]
    Reset,
    #[error("the body ends here")]
    Cut,
}

#[derive(Debug)]
pub(super) struct ApiResponse {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    content_type: &'static str,
    body: String,
    pub(super) delivery: Delivery,
    /// How long it takes, in real time.
    pub(super) delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    /// Only the first half of the body is sent.
    Cut,
    /// Nothing is sent: the connection is reset.
    Reset,
}

impl ApiResponse {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string())
    }

    /// An error of DCS itself.
    pub(super) fn dcs_error(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({"error_code": code, "error_msg": message, "error_ext_msg": null}),
        )
    }

    /// An error of the gateway in front of it.
    pub(super) fn gateway_error(status: u16, code: &str, message: &str, request_id: &str) -> Self {
        Self::json(
            status,
            &json!({"error_msg": message, "error_code": code, "request_id": request_id}),
        )
    }

    /// An error of IAM's `/v3`.
    pub(super) fn keystone_error(status: u16, title: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({"error": {"code": status, "message": message, "title": title}}),
        )
    }

    /// An error of IAM's `/v3.0`.
    pub(super) fn iam_error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error_msg": message, "error_code": code}))
    }

    /// An error page of a proxy that does not know the API.
    pub(super) fn error_page(status: u16, title: &str) -> Self {
        let page = format!(
            "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>{title}</body>\r\n</html>\r\n"
        );
        Self {
            content_type: "text/html",
            ..Self::new(status, page)
        }
    }

    /// `body` is sent as JSON, whether it is or not.
    pub(super) fn new(status: u16, body: String) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "application/json",
            body,
            delivery: Delivery::Whole,
            delay: Duration::ZERO,
        }
    }

    pub(super) fn delivered(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    pub(super) fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn into_http(
        self,
        request_id: &str,
    ) -> Result<Response<ResponseBody>, BrokenConnection> {
        if self.delivery == Delivery::Reset {
            return Err(BrokenConnection::Reset);
        }
        let is_cut = self.delivery == Delivery::Cut;
        let mut response = Response::new(ResponseBody::new(self.body, is_cut));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let own = [("x-request-id", request_id.to_owned())];
        for (name, value) in own.into_iter().chain(self.headers) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        Ok(response)
    }
}

/// A body that may end before its announced length.
#[derive(Debug)]
pub(super) struct ResponseBody {
    next: Option<Bytes>,
    /// The `Content-Length`.
    announced: u64,
    then: AfterData,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterData {
    End,
    /// Lets the connection send what it has, then breaks it.
    Flush,
    Break,
}

impl ResponseBody {
    fn new(text: String, is_cut: bool) -> Self {
        let mut bytes = Bytes::from(text);
        let announced = bytes.len() as u64;
        if is_cut {
            bytes.truncate(bytes.len() / 2);
        }
        Self {
            next: (announced > 0).then_some(bytes),
            announced,
            then: if is_cut {
                AfterData::Flush
            } else {
                AfterData::End
            },
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BrokenConnection;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenConnection>>> {
        if let Some(bytes) = self.next.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.then {
            AfterData::End => Poll::Ready(None),
            AfterData::Flush => {
                self.then = AfterData::Break;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            AfterData::Break => Poll::Ready(Some(Err(BrokenConnection::Cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none() && self.then == AfterData::End
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
