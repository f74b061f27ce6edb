//! A cloud that says what it is told to, over real sockets: scripted answers and scripted faults.

use super::PROJECT;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// One answer to one request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// A reply; `Content-Length` is added.
    Reply {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Exactly these bytes; then the connection is closed.
    Raw(Vec<u8>),
    /// The connection is reset.
    Reset,
    /// The same, after these bytes.
    ResetAfter(Vec<u8>),
    /// Nothing at all, for as long as the client stays.
    Hang,
    /// The page that the request asks for (`limit`, `offset`) of this list of tasks, by id and status.
    Page(Arc<Vec<(String, String)>>),
    /// 200, and then a body of a byte now and then.
    Drip,
    /// 200, and then a body that does not end.
    Flood,
    /// These bytes, and then a piece so often, with a pause of milliseconds behind each; then the connection is closed.
    Pieces {
        start: Vec<u8>,
        piece: Vec<u8>,
        count: usize,
        pause: u64,
    },
    /// The same, so much later.
    Late(Duration, Box<Self>),
}

impl Answer {
    /// The same reply with one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let Self::Reply { headers, .. } = &mut self else {
            panic!("{self:?} has no headers")
        };
        headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn late(self, millis: u64) -> Self {
        Self::Late(Duration::from_millis(millis), Box::new(self))
    }
}

/// A reply with a body of JSON text.
pub(crate) fn json_reply(status: u16, body: &str) -> Answer {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    Answer::Reply {
        status,
        headers,
        body: body.as_bytes().to_vec(),
    }
}

/// A refusal, as DCS and its gateway word it.
pub(crate) fn refusal(status: u16, code: &str) -> Answer {
    json_reply(
        status,
        &format!(
            r#"{{"error_code":"{code}","error_msg":"words about {code}","error_ext_msg":null}}"#
        ),
    )
}

/// Stands for the id of the task that a request asks for.
const ASKED: &str = "the-task-that-was-asked-for";

/// The detail of the task that is asked for, with that status; like the real one it holds Redis passwords.
pub(crate) fn status(word: &str) -> Answer {
    detail(word, "incremental_migration")
}

pub(crate) fn detail(word: &str, method: &str) -> Answer {
    json_reply(200, &detail_body(ASKED, word, method, ""))
}

/// The detail of one task, whichever is asked for.
pub(crate) fn status_of(task: &str, word: &str) -> Answer {
    json_reply(200, &detail_body(task, word, "incremental_migration", ""))
}

/// The detail of the task that is asked for, with an IP switch: `task_status` is JSON text, and an empty one is left out.
pub(crate) fn switch(word: &str, task_status: &str) -> Answer {
    let more = if task_status.is_empty() {
        String::new()
    } else {
        format!(r#","task_status":{task_status}"#)
    };
    json_reply(
        200,
        &detail_body(ASKED, word, "incremental_migration", &more),
    )
}

/// A detail as text; `more` are further fields, each with a comma before it.
pub(crate) fn detail_body(task: &str, word: &str, method: &str, more: &str) -> String {
    format!(
        r#"{{"task_id":"{task}","task_name":"cutover","status":{},"migration_type":"online_migration",
        "migration_method":"{method}","source_instance":{{"addrs":"192.168.1.139:6379","password":"{REDIS_PASSWORD}"}},
        "target_instance":{{"id":"b34b3e60","password":"{REDIS_PASSWORD}"}},"resume_mode":"auto"{more}}}"#,
        serde_json::to_string(word).unwrap()
    )
}

/// Path of the list of the tasks.
pub(crate) fn list_path() -> String {
    format!("/v2/{PROJECT}/migration-tasks")
}

/// Path of the logs of a task.
pub(crate) fn logs_path(task: &str) -> String {
    format!("/v2/{PROJECT}/migration-task/{task}/logs")
}

/// Is in every task detail; an output that has it is a leak.
pub(crate) const REDIS_PASSWORD: &str = "RedisPasswordInClear7";

/// A successful response whose body ends early.
pub(crate) fn broken() -> Answer {
    Answer::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"is_migrating\": fal".to_vec())
}

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stats,
    Detail,
    Other,
}

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) method: String,
    /// Path and query; behind a proxy the whole address.
    pub(crate) target: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Answers to one kind of request; the last one repeats.
type Script = VecDeque<Answer>;

/// The stats of a moment and the detail of the same moment.
pub(crate) type Moment = (Answer, Answer);

#[derive(Default)]
struct State {
    /// Where the two follow each other: a request for the stats begins the next moment, and the last one stays.
    moments: Vec<Moment>,
    n_stats: usize,
    /// By method and path; `*` stands for any project and task.
    scripts: BTreeMap<String, Script>,
    requests: Vec<Request>,
    /// Connections that somebody made.
    connections: usize,
    /// Most bytes that were sent as one answer; what the client did not want to read is not among them.
    sent: usize,
    closed: bool,
}

impl State {
    fn next(&mut self, kind: Kind, keys: &[String]) -> Answer {
        if let (Kind::Stats | Kind::Detail, Some(last)) = (kind, self.moments.len().checked_sub(1))
        {
            self.n_stats += usize::from(kind == Kind::Stats);
            let (stats, detail) = &self.moments[self.n_stats.saturating_sub(1).min(last)];
            return if kind == Kind::Stats {
                stats.clone()
            } else {
                detail.clone()
            };
        }
        let script = keys
            .iter()
            .find(|key| self.scripts.contains_key(*key))
            .cloned();
        match script.and_then(|key| self.scripts.get_mut(&key)) {
            Some(script) if script.len() > 1 => script.pop_front(),
            Some(script) => script.front().cloned(),
            None => None,
        }
        .unwrap_or_else(|| refusal(404, "APIGW.0101"))
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

/// A server on loopback.
pub(crate) struct FakeCloud {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    is_tls: bool,
}

impl FakeCloud {
    pub(crate) fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), None).unwrap()
    }

    /// At an address of one's choice, with TLS where there is something to show for it.
    pub(crate) fn start_at(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let (address, is_tls) = (listener.local_addr()?, tls.is_some());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                {
                    let mut state = locked(&shared);
                    if state.closed {
                        return;
                    }
                    state.connections += 1;
                }
                let (Ok(stream), shared, tls) = (stream, Arc::clone(&shared), tls.clone()) else {
                    continue;
                };
                thread::spawn(move || {
                    // A client that goes away in the middle is part of many tests.
                    let _ = match tls.map(ServerConnection::new) {
                        Some(Ok(session)) => converse(StreamOwned::new(session, stream), &shared),
                        Some(Err(error)) => panic!("{error}"),
                        None => converse(stream, &shared),
                    };
                });
            }
        });
        Ok(Self {
            address,
            state,
            is_tls,
        })
    }

    /// Answers to requests for the stats of any task.
    pub(crate) fn stats(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.script("GET stats *", answers)
    }

    /// Answers to requests for the detail of any task.
    pub(crate) fn detail(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.script("GET detail *", answers)
    }

    pub(crate) fn stats_of(self, task: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.script(&format!("GET stats {task}"), answers)
    }

    pub(crate) fn detail_of(self, task: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.script(&format!("GET detail {task}"), answers)
    }

    /// A life of one task: each request for the stats begins the next moment of it.
    pub(crate) fn life(self, moments: impl IntoIterator<Item = Moment>) -> Self {
        let moments: Vec<Moment> = moments.into_iter().collect();
        assert!(!moments.is_empty());
        locked(&self.state).moments = moments;
        self
    }

    /// Answers to other requests; `path` is without its query.
    pub(crate) fn on(
        self,
        method: &str,
        path: &str,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Self {
        self.script(&format!("{method} {path}"), answers)
    }

    fn script(self, key: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Script = answers.into_iter().collect();
        assert!(!answers.is_empty());
        locked(&self.state).scripts.insert(key.to_owned(), answers);
        self
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "http{}://{}",
            if self.is_tls { "s" } else { "" },
            self.address
        )
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        locked(&self.state).requests.clone()
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.kind == kind)
            .count()
    }

    pub(crate) fn connections(&self) -> usize {
        locked(&self.state).connections
    }

    /// Most bytes that were sent as one answer.
    pub(crate) fn sent(&self) -> usize {
        locked(&self.state).sent
    }

    /// Waits until so many requests have come.
    pub(crate) fn until_requests(&self, count: usize) {
        let start = Instant::now();
        while self.requests().len() < count {
            assert!(
                start.elapsed() < super::sandbox::BOUND,
                "only {} requests",
                self.requests().len()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for FakeCloud {
    fn drop(&mut self) {
        locked(&self.state).closed = true;
        let _ = TcpStream::connect(self.address);
    }
}

/// One connection, one request.
fn converse(mut stream: impl Read + Write, state: &Mutex<State>) -> io::Result<()> {
    // The last byte of the head stays unread, so that closing now resets the connection.
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r") {
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
        // Something other than HTTP, such as the first message of TLS.
        if head.len() == 1 && !byte[0].is_ascii_uppercase() {
            return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (
        words.next().unwrap_or_default().to_owned(),
        words.next().unwrap_or_default().to_owned(),
    );
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);

    let (kind, keys) = route(&method, &target);
    let mut request = Request {
        kind,
        method,
        target,
        headers,
        body: String::new(),
        at: Instant::now(),
    };
    let answer = made_for(&request, locked(state).next(kind, &keys));
    let resets = matches!(&answer, Answer::Reset | Answer::ResetAfter(_));
    if !resets {
        let mut rest = vec![0; 1 + length];
        stream.read_exact(&mut rest)?;
        request.body = String::from_utf8_lossy(&rest[1..]).into_owned();
    }
    locked(state).requests.push(request);
    let mut counted = Counted {
        stream: &mut stream,
        state,
        sent: 0,
    };
    give(&mut counted, answer)
}

/// Counts what goes out.
struct Counted<'a, S> {
    stream: &'a mut S,
    state: &'a Mutex<State>,
    sent: usize,
}

impl<S: Read> Read for Counted<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl<S: Write> Write for Counted<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.sent += written;
        let mut state = locked(self.state);
        state.sent = state.sent.max(self.sent);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Kind of a request, and the names of scripts for it, the most special first.
fn route(method: &str, target: &str) -> (Kind, Vec<String>) {
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["v2", _, "migration-task", task, "stats"] => (
            Kind::Stats,
            vec![
                format!("{method} stats {task}"),
                format!("{method} stats *"),
            ],
        ),
        ["v2", _, "migration-task", task] => (
            Kind::Detail,
            vec![
                format!("{method} detail {task}"),
                format!("{method} detail *"),
            ],
        ),
        _ => (Kind::Other, vec![format!("{method} {path}")]),
    }
}

/// The answer with what only its request knows.
fn made_for(request: &Request, answer: Answer) -> Answer {
    match answer {
        Answer::Page(tasks) => page(&tasks, &request.target),
        Answer::Late(by, answer) => Answer::Late(by, Box::new(made_for(request, *answer))),
        Answer::Reply {
            status,
            headers,
            body,
        } if request.kind == Kind::Detail => {
            let task = request
                .target
                .split('?')
                .next()
                .and_then(|path| path.rsplit('/').next())
                .unwrap_or_default();
            // Bodies that are no text are given as they are.
            let body = match String::from_utf8(body) {
                Ok(text) => text.replace(ASKED, task).into_bytes(),
                Err(error) => error.into_bytes(),
            };
            Answer::Reply {
                status,
                headers,
                body,
            }
        }
        answer @ (Answer::Reply { .. }
        | Answer::Raw(_)
        | Answer::Reset
        | Answer::ResetAfter(_)
        | Answer::Hang
        | Answer::Drip
        | Answer::Flood
        | Answer::Pieces { .. }) => answer,
    }
}

/// One page of a list, as the API gives it: at most 1000 tasks, 10 where the request does not say.
fn page(tasks: &[(String, String)], target: &str) -> Answer {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let number = |name: &str| {
        let value = query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|value| value.parse::<usize>().ok())
    };
    let (limit, offset) = (number("limit").unwrap_or(10), number("offset").unwrap_or(0));
    if limit > 1000 {
        return refusal(400, "DCS.4002");
    }
    let entry = |(id, status): &(String, String)| {
        format!(
            r#"{{"task_id":"{id}","task_name":"cutover","status":"{status}","migration_type":"online_migration"}}"#
        )
    };
    let entries: Vec<String> = tasks.iter().skip(offset).take(limit).map(entry).collect();
    json_reply(
        200,
        &format!(
            r#"{{"count":{},"migration_tasks":[{}]}}"#,
            tasks.len(),
            entries.join(",")
        ),
    )
}

fn give<S: Read + Write>(stream: &mut S, answer: Answer) -> io::Result<()> {
    match answer {
        Answer::Reply {
            status,
            headers,
            body,
        } => {
            let mut head = format!(
                "HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\nConnection: close\r\n",
                body.len()
            );
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            let mut bytes = head.into_bytes();
            bytes.extend(body);
            stream.write_all(&bytes)?;
            stream.flush()
        }
        Answer::Raw(bytes) | Answer::ResetAfter(bytes) => stream.write_all(&bytes),
        Answer::Reset => Ok(()),
        Answer::Pieces {
            start,
            piece,
            count,
            pause,
        } => {
            stream.write_all(&start)?;
            for _ in 0..count {
                stream.write_all(&piece)?;
                if pause > 0 {
                    thread::sleep(Duration::from_millis(pause));
                }
            }
            Ok(())
        }
        Answer::Page(_) => panic!("a page is made when its request is known"),
        Answer::Hang => stream.read(&mut [0]).map(drop),
        Answer::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")?;
            loop {
                thread::sleep(Duration::from_millis(50));
                stream.write_all(b" ")?;
            }
        }
        Answer::Flood => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            loop {
                stream.write_all(chunk.as_bytes())?;
            }
        }
        Answer::Late(by, answer) => {
            thread::sleep(by);
            give(stream, *answer)
        }
    }
}
