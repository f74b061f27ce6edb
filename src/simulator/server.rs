//! The simulator's server: connections, routes, and the clock of each task. What DCS answers is in `dcs`.

mod dcs;

use super::iam::{self, Asked, Auth, Iam, Scope};
use super::reply::{Delivery, Dropped, Reply, ReplyBody};
use super::scenario::{Course, Fault, Scenario};
use crate::escape;
use dcs::Call;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Largest request body, in bytes.
const LARGEST_BODY: usize = 1 << 20;
/// Connections at the same time; more wait in the system's queue.
const MOST_CONNECTIONS: usize = 256;
/// How long a connection may stay silent before its next request.
const SILENCE: Duration = Duration::from_secs(60);

/// How the simulator behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Simulated seconds in a second. More than zero; anything else counts as 1.
    pub speed: f64,
    /// Which sign-in is accepted.
    pub auth: Auth,
    /// What a task does whose id is none of the scenarios' own; `None`: such a task does not exist.
    pub scenario: Option<Scenario>,
    /// The project that there is; `None`: every project id is one.
    pub project_id: Option<String>,
    /// The project's name, by which IAM finds it too.
    pub project_name: String,
    /// How long a token is good for, in simulated time.
    pub token_lifetime: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            speed: 1.0,
            auth: Auth::Any,
            scenario: None,
            project_id: Some(super::PROJECT_ID.to_owned()),
            project_name: super::PROJECT_NAME.to_owned(),
            token_lifetime: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Options {
    fn pace(&self) -> f64 {
        if self.speed.is_finite() && self.speed > 0.0 {
            self.speed.clamp(1e-3, 1e6)
        } else {
            1.0
        }
    }

    /// How long a stretch of simulated time takes.
    pub fn real(&self, simulated: Duration) -> Duration {
        // More than anybody waits, and short enough for every clock.
        const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
        Duration::try_from_secs_f64(simulated.as_secs_f64() / self.pace())
            .map_or(LONGEST, |real| real.min(LONGEST))
    }

    /// How much simulated time passes in a stretch of real time.
    pub fn simulated(&self, real: Duration) -> Duration {
        Duration::try_from_secs_f64(real.as_secs_f64() * self.pace()).unwrap_or(Duration::MAX)
    }
}

/// A DCS, with the IAM in front of it, on a socket of its own.
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

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// How it behaves.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Answers until the future is dropped, which ends every connection too. `log` is told of each answer.
    pub async fn serve(self, log: impl Fn(&Served) + Send + Sync + 'static) -> Infallible {
        serve(self.listener, self.options, log).await
    }
}

/// Answers on a socket until the future is dropped, which ends every connection too. `log` is told of each answer.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    log: impl Fn(&Served) + Send + Sync + 'static,
) -> Infallible {
    accept(listener, Arc::new(Cloud::new(options, log))).await
}

async fn accept(listener: TcpListener, cloud: Arc<Cloud>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&cloud)));
                }
                // Most likely out of descriptors: the next try would fail at once, too.
                Err(_) => pause(Duration::from_millis(100)).await,
            },
            _ = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// One request and what became of it; its `Display` is a line for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The HTTP status; `None` where the connection was reset instead.
    pub status: Option<u16>,
    /// The vendor's request id, as in the answer's `X-Request-Id`.
    pub request_id: String,
    /// Which scenario the task plays and how far it is, in simulated time.
    pub task: Option<(Scenario, Duration)>,
    /// What went wrong on purpose.
    pub fault: Option<Fault>,
}

impl fmt::Display for Served {
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

/// One moment on both clocks: the steady one and the calendar's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) wall: SystemTime,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulator is a world of its own; only this asks its clock"
)]
fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: SystemTime::now(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server that answers late; nobody's wait depends on it being woken"
)]
async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Random bytes; `None` where the system has none.
pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// What all connections share.
struct Cloud {
    options: Options,
    log: Box<dyn Fn(&Served) + Send + Sync>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    iam: Iam,
    /// When each task was asked for first, by its id without dashes.
    started: HashMap<String, Instant>,
    /// What tasks do that a user has changed, by the same id. Every other task does what its scenario says.
    courses: HashMap<String, Course>,
}

/// Serves one connection to its end.
async fn converse(stream: TcpStream, cloud: Arc<Cloud>) {
    // Without it a small answer could wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let service =
        service_fn(move |request| -> Answering { Box::pin(answer(Arc::clone(&cloud), request)) });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(SILENCE);
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    let end = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let mut stream = connection.into_parts().io.into_inner();
    match end {
        // Closing such a socket resets the connection.
        Err(error)
            if error.source().and_then(|source| source.downcast_ref()) == Some(&Dropped::Reset) =>
        {
            let _ = stream.set_zero_linger();
        }
        Ok(()) | Err(_) => {
            let _ = stream.shutdown().await;
        }
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<ReplyBody>, Dropped>> + Send>>;

async fn answer(
    cloud: Arc<Cloud>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Dropped> {
    let (parts, body) = request.into_parts();
    let request_id = random::<16>()
        .unwrap_or_default()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let mut served = Served {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        status: None,
        request_id,
        task: None,
        fault: None,
    };
    let reply = match read(&parts, body).await {
        Ok(body) => cloud.reply(now(), &parts, &body, &mut served),
        Err(Unread::TooLong) => Reply::gateway(
            413,
            "APIGW.0201",
            "Request entity too large.",
            &served.request_id,
        )
        .with("connection", "close".to_owned()),
        Err(Unread::Broken) => return Err(Dropped::Cut),
    };
    if !reply.delay.is_zero() {
        pause(reply.delay).await;
    }
    served.status = match reply.delivery() {
        Delivery::Whole | Delivery::Cut => Some(reply.status),
        Delivery::Reset => None,
    };
    (cloud.log)(&served);
    reply.send(&served.request_id)
}

enum Unread {
    TooLong,
    Broken,
}

async fn read(parts: &Parts, body: Incoming) -> Result<Bytes, Unread> {
    let announced = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > LARGEST_BODY as u64) {
        return Err(Unread::TooLong);
    }
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLong),
        Err(_) => Err(Unread::Broken),
    }
}

/// Whose answer a path wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    Dcs { project: &'a str, call: Call<'a> },
    PasswordToken,
    IdToken,
    Projects,
    GithubToken,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        Some(match *segments.as_slice() {
            ["v2", project, ref call @ ..] => Self::Dcs {
                project,
                call: Call::of(call)?,
            },
            ["v3", "auth", "tokens"] => Self::PasswordToken,
            ["v3.0", "OS-AUTH", "id-token", "tokens"] => Self::IdToken,
            ["v3", "projects"] => Self::Projects,
            ["github", "oidc"] => Self::GithubToken,
            _ => return None,
        })
    }

    fn method(self) -> &'static str {
        match self {
            Self::Dcs { call, .. } => call.method(),
            Self::Projects | Self::GithubToken => "GET",
            Self::PasswordToken | Self::IdToken => "POST",
        }
    }
}

impl Cloud {
    fn new(options: Options, log: impl Fn(&Served) + Send + Sync + 'static) -> Self {
        Self {
            options,
            log: Box::new(log),
            memory: Mutex::default(),
        }
    }

    fn reply(&self, now: Now, parts: &Parts, body: &[u8], served: &mut Served) -> Reply {
        let request_id = served.request_id.clone();
        let Some(route) = Route::of(parts.uri.path()) else {
            let message = "The API does not exist or has not been published in the environment";
            return Reply::gateway(404, "APIGW.0101", message, &request_id);
        };
        if parts.method.as_str() != route.method() {
            return Reply::dcs(405, "DCS.5001", "The request method is not supported.")
                .with("allow", route.method().to_owned());
        }
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let asked = Asked {
            method: parts.method.as_str(),
            target,
            headers: &parts.headers,
            body,
        };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        match route {
            Route::PasswordToken => memory.iam.password_token(&self.options, &asked, now),
            Route::IdToken => memory.iam.id_token(&self.options, &asked, now),
            Route::Projects => memory.iam.projects(&self.options, &asked, now, &request_id),
            Route::GithubToken => iam::github_token(&asked, now),
            Route::Dcs { project, call } => match memory.iam.admit(&self.options, &asked, now) {
                Err(refusal) => refusal.reply(&request_id),
                Ok(scope) => match self.check_project(&scope, project) {
                    Some(refusal) => refusal,
                    None => self.dcs(&mut memory, now, call, &asked, served),
                },
            },
        }
    }

    fn check_project(&self, scope: &Scope, project: &str) -> Option<Reply> {
        if project.len() != 32 || !project.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(Reply::dcs(400, "DCS.4002", "Invalid project ID format."));
        }
        let exists = self
            .options
            .project_id
            .as_deref()
            .is_none_or(|own| own.eq_ignore_ascii_case(project));
        (!exists || !scope.covers(project))
            .then(|| Reply::dcs(401, "DCS.1004", "Project ID does not match the token."))
    }
}

#[cfg(test)]
mod tests;
