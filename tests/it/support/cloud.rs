//! A cloud that says what it is told to, over real sockets: scripted answers and scripted faults.

use super::TASK;
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
    Reply { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Exactly these bytes; then the connection is closed.
    Raw(Vec<u8>),
    /// The connection is reset.
    Reset,
    /// The same, after these bytes.
    ResetAfter(Vec<u8>),
    /// Nothing at all, for as long as the client stays.
    Hang,
    /// 200, and then a body of a byte now and then.
    Drip,
    /// 200, and then a body that does not end.
    Flood,
    /// These bytes, and then a piece so often, with a pause of milliseconds behind each; then the connection is closed.
    Pieces { start: Vec<u8>, piece: Vec<u8>, count: usize, pause: u64 },
    /// The same, so much later.
    Late(Duration, Box<Self>),
}

impl Answer {
    /// The same reply with one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let Self::Reply { headers, .. } = &mut self else { panic!("{self:?} has no headers") };
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
    Answer::Reply { status, headers, body: body.as_bytes().to_vec() }
}

/// A refusal, as DCS and its gateway word it.
pub(crate) fn refusal(status: u16, code: &str) -> Answer {
    json_reply(status, &format!(r#"{{"error_code":"{code}","error_msg":"words about {code}","error_ext_msg":null}}"#))
}

/// A task detail with that status; like the real one it holds Redis passwords.
pub(crate) fn status(word: &str) -> Answer {
    detail(word, "incremental_migration")
}

pub(crate) fn detail(word: &str, method: &str) -> Answer {
    let body = format!(
        r#"{{"task_id":"{TASK}","task_name":"cutover","status":{},"migration_type":"online_migration",
        "migration_method":"{method}","source_instance":{{"addrs":"192.168.1.139:6379","password":"{REDIS_PASSWORD}"}},
        "target_instance":{{"id":"b34b3e60","password":"{REDIS_PASSWORD}"}},"resume_mode":"auto"}}"#,
        serde_json::to_string(word).unwrap()
    );
    json_reply(200, &body)
}

/// Stands in every task detail; whoever shows it has leaked it.
pub(crate) const REDIS_PASSWORD: &str = "RedisPasswordInClear7";

/// A good answer whose body ends early.
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

#[derive(Default)]
struct State {
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
    fn next(&mut self, keys: &[String]) -> Answer {
        let script = keys.iter().find(|key| self.scripts.contains_key(*key)).cloned();
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
    pub(crate) fn start_at(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
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
                let (Ok(stream), shared, tls) = (stream, Arc::clone(&shared), tls.clone()) else { continue };
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
        Ok(Self { address, state, is_tls })
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

    /// Answers to other requests; `path` is without its query.
    pub(crate) fn on(self, method: &str, path: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.script(&format!("{method} {path}"), answers)
    }

    fn script(self, key: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Script = answers.into_iter().collect();
        assert!(!answers.is_empty());
        locked(&self.state).scripts.insert(key.to_owned(), answers);
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http{}://{}", if self.is_tls { "s" } else { "" }, self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        locked(&self.state).requests.clone()
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.requests().iter().filter(|request| request.kind == kind).count()
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
            assert!(start.elapsed() < super::sandbox::BOUND, "only {} requests", self.requests().len());
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
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);

    let (kind, keys) = route(&method, &target);
    let mut request = Request { kind, method, target, headers, body: String::new(), at: Instant::now() };
    let answer = locked(state).next(&keys);
    let resets = matches!(&answer, Answer::Reset | Answer::ResetAfter(_));
    if !resets {
        let mut rest = vec![0; 1 + length];
        stream.read_exact(&mut rest)?;
        request.body = String::from_utf8_lossy(&rest[1..]).into_owned();
    }
    locked(state).requests.push(request);
    let mut counted = Counted { stream: &mut stream, state, sent: 0 };
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
        ["v2", _, "migration-task", task, "stats"] => {
            (Kind::Stats, vec![format!("{method} stats {task}"), format!("{method} stats *")])
        }
        ["v2", _, "migration-task", task] => {
            (Kind::Detail, vec![format!("{method} detail {task}"), format!("{method} detail *")])
        }
        _ => (Kind::Other, vec![format!("{method} {path}")]),
    }
}

fn give<S: Read + Write>(stream: &mut S, answer: Answer) -> io::Result<()> {
    match answer {
        Answer::Reply { status, headers, body } => {
            let mut head =
                format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
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
        Answer::Pieces { start, piece, count, pause } => {
            stream.write_all(&start)?;
            for _ in 0..count {
                stream.write_all(&piece)?;
                if pause > 0 {
                    thread::sleep(Duration::from_millis(pause));
                }
            }
            Ok(())
        }
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
