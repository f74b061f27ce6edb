//! HTTP exchanges, on a thread of their own: whatever a server sends, without end or without sense, the loop that keeps the
//! deadline does not share its thread with the code that reads it.

use reqwest::header::HeaderMap;
use reqwest::{Request, Response, StatusCode};
use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Largest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// The client and its thread.
pub(super) struct HttpThread {
    client: reqwest::Client,
    thread: Handle,
    bound: Duration,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

/// An answer, good or bad.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Vec<u8>, Broken>,
}

/// Why there is no answer, or no body.
pub(super) enum Broken {
    Http(reqwest::Error),
    TooLarge,
    /// The client itself did not come back in time: a server that never stops talking keeps it busy.
    Late,
}

/// A task that ends when nothing waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl HttpThread {
    /// Starts the thread. The client has to bound each request by `request_timeout`.
    pub(super) fn start(client: reqwest::Client, request_timeout: Duration) -> io::Result<Self> {
        // The thread comes first: where none can be had, no runtime may be dropped here, within another one.
        let (hand_over, work) = std::sync::mpsc::channel::<(Runtime, oneshot::Receiver<()>)>();
        std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                if let Ok((runtime, stopped)) = work.recv() {
                    let _ = runtime.block_on(stopped);
                    // A name lookup that hangs would delay the end.
                    runtime.shutdown_background();
                }
            })?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let _ = hand_over.send((runtime, stopped));
        // The client's own bound comes first: it knows what it was waiting for.
        Ok(Self {
            client,
            thread,
            bound: request_timeout + Duration::from_millis(250),
            _stop: stop,
        })
    }

    /// Sends a request and reads the answer within the limits.
    pub(super) async fn send(&self, request: Request) -> Result<Reply, Broken> {
        let client = self.client.clone();
        let mut task = Task(self.thread.spawn(async move {
            let response = client.execute(request).await.map_err(Broken::Http)?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok(Reply {
                status,
                headers,
                body: read_body(response).await,
            })
        }));
        #[expect(
            clippy::disallowed_methods,
            reason = "bounds one request, where its client cannot"
        )]
        match tokio::time::timeout(self.bound, &mut task.0).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) | Err(_) => Err(Broken::Late),
        }
    }
}

/// Reads a body, or stops at the limit.
async fn read_body(mut response: Response) -> Result<Vec<u8>, Broken> {
    if response
        .content_length()
        .is_some_and(|length| length > MAX_BODY as u64)
    {
        return Err(Broken::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Broken::Http)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Broken::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
