//! Standard output and standard error.
//!
//! A line goes through a queue to a thread of its own, so that a reader who does not read cannot hold up the wait.

use indicatif::ProgressBar;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The process's standard streams, written by a thread of their own.
#[derive(Debug, Clone)]
pub struct StdioWriter {
    /// Nothing where no thread can be had: then lines are written at once.
    queue: Option<Sender<Line>>,
    /// Lines that are not written yet.
    waiting: Arc<AtomicUsize>,
    /// The live view, where there is one: lines go above it.
    pub(super) below: Arc<OnceLock<ProgressBar>>,
}

enum Line {
    Out(String),
    Err(String),
    Flushed(SyncSender<()>),
}

/// Lines that may wait for a slow reader; what comes on top is dropped.
const QUEUE: usize = 4096;

impl StdioWriter {
    /// Starts the thread.
    pub fn start() -> Self {
        let (queue, lines) = channel();
        let (below, waiting) = (Arc::default(), Arc::default());
        let shared = (Arc::clone(&below), Arc::clone(&waiting));
        let writer = std::thread::Builder::new().name("lines".to_owned());
        let writer = writer.spawn(move || write_lines(&lines, &shared.0, &shared.1));
        Self {
            queue: writer.is_ok().then_some(queue),
            waiting,
            below,
        }
    }

    /// A line for standard output, as it is.
    pub fn out(&self, line: String) {
        if self.has_room() {
            self.send(Line::Out(line));
        }
    }

    /// A line for standard error, as it is.
    pub fn err(&self, line: String) {
        if self.has_room() {
            self.send(Line::Err(line));
        }
    }

    /// A line for standard output that is never dropped: the verdict.
    pub(super) fn must_out(&self, line: String) {
        self.send(Line::Out(line));
    }

    /// The same for standard error: what hides a secret.
    pub(super) fn must_err(&self, line: String) {
        self.send(Line::Err(line));
    }

    fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < QUEUE
    }

    fn send(&self, line: Line) {
        match &self.queue {
            Some(queue) => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                let _ = queue.send(line);
            }
            None => write_line(line, &self.below),
        }
    }

    /// Waits until everything is written, but not for long.
    pub fn flush(&self, at_most: Duration) {
        let (done, wait) = sync_channel(1);
        self.send(Line::Flushed(done));
        let _ = wait.recv_timeout(at_most);
    }
}

fn write_lines(lines: &Receiver<Line>, below: &OnceLock<ProgressBar>, waiting: &AtomicUsize) {
    for line in lines {
        write_line(line, below);
        waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A closed stream is no reason to stop: the answer is in the files and the exit code.
fn write_line(line: Line, below: &OnceLock<ProgressBar>) {
    let above = |write: &dyn Fn()| match below.get() {
        Some(bar) => bar.suspend(write),
        None => write(),
    };
    match line {
        Line::Out(text) => above(&|| {
            let mut out = io::stdout().lock();
            let _ = out.write_all(format!("{text}\n").as_bytes());
            let _ = out.flush();
        }),
        Line::Err(text) => above(&|| {
            let _ = io::stderr()
                .lock()
                .write_all(format!("{text}\n").as_bytes());
        }),
        Line::Flushed(done) => {
            let _ = done.send(());
        }
    }
}
