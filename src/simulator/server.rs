//! The HTTP server in front of the simulated services: connections and routes.

use super::dcs::{Dcs, Operation};
use super::iam::{self, Iam, Scope};
use super::options::Options;
use super::request::{ApiRequest, ServedRequest};
use super::response::{ApiResponse, BrokenConnection, Delivery, ResponseBody};
use super::system::{hex, now, pause, random};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Largest request body, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Connections at the same time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 256;
/// How long a connection may be idle before its next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A DCS with IAM, on a socket of its own.
pub struct Simulator {
    listener: TcpListener,
    options: Options,
}

impl Simulator {
    /// Listens on an address; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            options,
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// How it behaves.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Serves until the future is dropped, which ends every connection too. Each request is passed to `log`.
    pub async fn serve(self, log: impl Fn(&ServedRequest) + Send + Sync + 'static) -> Infallible {
        accept(self.listener, Arc::new(Services::new(self.options, log))).await
    }
}

async fn accept(listener: TcpListener, services: Arc<Services>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(&services)));
                }
                // Most likely out of descriptors: the next attempt would fail at once, too.
                Err(_) => pause(Duration::from_millis(100)).await,
            },
            _ = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, services: Arc<Services>) {
    // Otherwise a small response could wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| -> PendingResponse {
        Box::pin(handle(Arc::clone(&services), request))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT);
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    let end = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let mut stream = connection.into_parts().io.into_inner();
    let is_reset = end.is_err_and(|error| {
        let source = error.source().and_then(|source| source.downcast_ref());
        source == Some(&BrokenConnection::Reset)
    });
    if is_reset {
        // Closing such a socket resets the connection.
        let _ = stream.set_zero_linger();
    } else {
        let _ = stream.shutdown().await;
    }
}

type PendingResponse =
    Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, BrokenConnection>> + Send>>;

async fn handle(
    services: Arc<Services>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, BrokenConnection> {
    let (parts, body) = request.into_parts();
    let request_id = hex(&random::<16>().unwrap_or_default());
    let mut log = ServedRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        status: None,
        request_id: request_id.clone(),
        task: None,
        fault: None,
    };
    let response = match read_body(&parts, body).await {
        Ok(body) => {
            let target = parts.uri.path_and_query();
            let request = ApiRequest {
                id: &request_id,
                received_at: now(),
                method: parts.method.as_str(),
                target: target.map_or("/", |target| target.as_str()),
                headers: &parts.headers,
                body: &body,
            };
            services.respond(parts.uri.path(), &request, &mut log)
        }
        Err(UnreadBody::TooLong) => {
            let message = "Request entity too large.";
            ApiResponse::gateway_error(413, "APIGW.0201", message, &request_id)
                .with_header("connection", "close".to_owned())
        }
        Err(UnreadBody::Broken) => return Err(BrokenConnection::Cut),
    };
    if !response.delay.is_zero() {
        pause(response.delay).await;
    }
    log.status = (response.delivery != Delivery::Reset).then_some(response.status);
    (services.log)(&log);
    response.into_http(&request_id)
}

enum UnreadBody {
    TooLong,
    Broken,
}

async fn read_body(parts: &Parts, body: Incoming) -> Result<Bytes, UnreadBody> {
    let announced = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(UnreadBody::TooLong);
    }
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(UnreadBody::TooLong),
        Err(_) => Err(UnreadBody::Broken),
    }
}

/// Which service a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Dcs {
        project: &'a str,
        operation: Operation<'a>,
    },
    Token,
    IdToken,
    FederatedToken(&'a str),
    SecurityToken,
    Projects,
    GithubToken,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        Some(match *segments.as_slice() {
            ["v2", project, ref rest @ ..] => Self::Dcs {
                project,
                operation: Operation::of(rest)?,
            },
            ["v3", "auth", "tokens"] => Self::Token,
            [
                "v3",
                "OS-FEDERATION",
                "identity_providers",
                idp,
                "protocols",
                _,
                "auth",
            ] => Self::FederatedToken(idp),
            ["v3.0", "OS-CREDENTIAL", "securitytokens"] => Self::SecurityToken,
            ["v3.0", "OS-AUTH", "id-token", "tokens"] => Self::IdToken,
            ["v3", "projects"] => Self::Projects,
            ["github", "oidc"] => Self::GithubToken,
            _ => return None,
        })
    }

    fn method(self) -> &'static str {
        match self {
            Self::Dcs { operation, .. } => operation.method(),
            Self::Projects | Self::GithubToken => "GET",
            Self::Token | Self::IdToken | Self::FederatedToken(_) | Self::SecurityToken => "POST",
        }
    }
}

/// What all connections share.
struct Services {
    options: Options,
    log: Box<dyn Fn(&ServedRequest) + Send + Sync>,
    state: Mutex<(Iam, Dcs)>,
}

impl Services {
    fn new(options: Options, log: impl Fn(&ServedRequest) + Send + Sync + 'static) -> Self {
        Self {
            options,
            log: Box::new(log),
            state: Mutex::default(),
        }
    }

    fn respond(
        &self,
        path: &str,
        request: &ApiRequest<'_>,
        log: &mut ServedRequest,
    ) -> ApiResponse {
        let Some(route) = Route::of(path) else {
            let message = "The API does not exist or has not been published in the environment";
            return ApiResponse::gateway_error(404, "APIGW.0101", message, request.id);
        };
        if request.method != route.method() {
            let message = "The request method is not supported.";
            return ApiResponse::dcs_error(405, "DCS.5001", message)
                .with_header("allow", route.method().to_owned());
        }
        let options = &self.options;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (iam, dcs) = &mut *state;
        match route {
            Route::Token => iam.token(options, request),
            Route::FederatedToken(idp) => iam.federated_token(options, idp, request),
            Route::SecurityToken => iam.security_token(options, request),
            Route::IdToken => iam.id_token(options, request),
            Route::Projects => iam.projects(options, request),
            Route::GithubToken => iam::github_token(request),
            Route::Dcs { project, operation } => match iam.authorize(options, request) {
                Err(denied) => denied.response(request.id),
                Ok(scope) => match check_project(options, &scope, project) {
                    Err(refused) => refused,
                    Ok(()) => dcs.respond(options, operation, request, log),
                },
            },
        }
    }
}

fn check_project(options: &Options, scope: &Scope, project: &str) -> Result<(), ApiResponse> {
    let error = |status, code, message| Err(ApiResponse::dcs_error(status, code, message));
    if project.len() != 32 || !project.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return error(400, "DCS.4002", "Invalid project ID format.");
    }
    let own = options.project_id.as_deref();
    let exists = own.is_none_or(|own| own.eq_ignore_ascii_case(project));
    if !exists || !scope.covers(project) {
        return error(401, "DCS.1004", "Project ID does not match the token.");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
