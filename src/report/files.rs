//! The one writer of files: each file has a thread of its own, so that a file system that hangs, or a pipe that is not
//! read, holds up neither the wait nor the other files.

use super::view::View;
use super::{OutputSettings, ReportFormat};
use super::{Report, github, gitlab, html, json, junit, markdown};
use crate::escape;
use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Every file that a wait writes. Clones write to the same files, in turn.
#[derive(Debug, Clone)]
pub struct ReportFiles {
    /// What machines read: `GITHUB_OUTPUT` and dotenv.
    answer: Arc<[Sink]>,
    /// What people read: the job summary, then the reports.
    summary: Arc<[Sink]>,
    reports: Arc<[Sink]>,
}

/// One file.
#[derive(Debug)]
struct Sink {
    what: &'static str,
    path: PathBuf,
    medium: Medium,
    writer: Mutex<Writer>,
}

#[derive(Debug, Clone, Copy)]
enum Medium {
    GithubOutput,
    Dotenv,
    Summary,
    Report(ReportFormat),
}

/// The thread's two ends. Results come back in the order of the texts.
#[derive(Debug)]
struct Writer {
    texts: Sender<String>,
    results: Receiver<io::Result<()>>,
    outstanding: usize,
}

impl ReportFiles {
    /// The files that are asked for; nothing is written yet.
    pub fn new(output: &OutputSettings) -> Self {
        let sink = |what, path: &Path, medium| Sink {
            what,
            path: path.to_owned(),
            medium,
            writer: Mutex::new(Writer::start(path.to_owned(), medium)),
        };
        let github_output = output
            .github_output
            .iter()
            .map(|path| sink("GITHUB_OUTPUT", path, Medium::GithubOutput));
        let dotenv = output
            .dotenv
            .iter()
            .map(|path| sink("the dotenv file", path, Medium::Dotenv));
        let summary = output
            .step_summary
            .iter()
            .map(|path| sink("the job summary", path, Medium::Summary));
        let reports = output
            .reports
            .iter()
            .map(|file| sink("the report", &file.path, Medium::Report(file.format)));
        Self {
            answer: github_output.chain(dotenv).collect(),
            summary: summary.collect(),
            reports: reports.collect(),
        }
    }

    /// Writes `GITHUB_OUTPUT` and dotenv. Returns what could not be written `within` that time.
    #[must_use]
    pub fn write_outputs(&self, report: &Report, within: Duration) -> Vec<String> {
        write(self.answer.iter(), report, within)
    }

    /// Writes the reports. Returns what could not be written.
    #[must_use]
    pub fn write_reports(&self, report: &Report, within: Duration) -> Vec<String> {
        write(self.reports.iter(), report, within)
    }

    /// Writes the job summary and the reports. Returns what could not be written.
    #[must_use]
    pub fn write_for_people(&self, report: &Report, within: Duration) -> Vec<String> {
        write(
            self.summary.iter().chain(self.reports.iter()),
            report,
            within,
        )
    }
}

/// Hands every sink its text, then waits for all of them together.
fn write<'a>(
    report_files: impl Iterator<Item = &'a Sink> + Clone,
    report: &Report,
    within: Duration,
) -> Vec<String> {
    // Rendered outside of the locks: a bug in a renderer must not lock out the panic hook.
    let view = View::of(report);
    let texts: Vec<String> = report_files
        .clone()
        .map(|sink| sink.medium.render(&view))
        .collect();
    for (sink, text) in report_files.clone().zip(texts) {
        sink.with_writer(|writer| writer.send(text));
    }
    let mut left = within;
    report_files
        .filter_map(|sink| {
            let result = sink.with_writer(|writer| writer.settle(&mut left));
            let path = escape::line(&sink.path.to_string_lossy());
            result
                .err()
                .map(|error| format!("cannot write {} to `{path}`: {error}", sink.what))
        })
        .collect()
}

impl Sink {
    fn with_writer<T>(&self, use_it: impl FnOnce(&mut Writer) -> T) -> T {
        use_it(&mut self.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Medium {
    fn render(self, view: &View<'_>) -> String {
        let report = view.report;
        match self {
            Self::GithubOutput => github::outputs(report),
            Self::Dotenv => gitlab::dotenv(report),
            Self::Summary | Self::Report(ReportFormat::Markdown) => markdown::summary(view),
            Self::Report(ReportFormat::Json) => json::report(report),
            Self::Report(ReportFormat::Html) => html::report(view),
            Self::Report(ReportFormat::Junit) => junit::report(view),
        }
    }

    fn write(self, path: &Path, text: &[u8]) -> io::Result<()> {
        match self {
            Self::GithubOutput | Self::Summary => append(path, text),
            Self::Dotenv => replace(path, text),
            Self::Report(_) => {
                // As test runners do: a directory for reports is there once there is one.
                let _ = path.parent().map(std::fs::create_dir_all);
                replace(path, text)
            }
        }
    }
}

impl Writer {
    fn start(path: PathBuf, medium: Medium) -> Self {
        let (texts, inbox) = channel::<String>();
        let (done, results) = channel();
        // Where no thread can be had, nothing takes the texts, and that is said.
        let _ = std::thread::Builder::new()
            .name("sink".to_owned())
            .spawn(move || {
                for text in inbox {
                    if done.send(medium.write(&path, text.as_bytes())).is_err() {
                        return;
                    }
                }
            });
        Self {
            texts,
            results,
            outstanding: 0,
        }
    }

    fn send(&mut self, text: String) {
        let _ = self.texts.send(text);
        self.outstanding += 1;
    }

    /// The result of the newest text; each wait for one is taken off the time that is left.
    #[expect(
        clippy::disallowed_methods,
        reason = "measures how long a file takes, not when anything happens"
    )]
    fn settle(&mut self, left: &mut Duration) -> io::Result<()> {
        let mut newest = Ok(());
        while self.outstanding > 0 {
            let began = std::time::Instant::now();
            newest = match self.results.recv_timeout(*left) {
                Ok(result) => result,
                Err(RecvTimeoutError::Timeout) => {
                    *left = Duration::ZERO;
                    return Err(io::Error::other("it does not take what is written"));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("no thread to write it"));
                }
            };
            *left = left.saturating_sub(began.elapsed());
            self.outstanding -= 1;
        }
        newest
    }
}

/// Appends in one write, on a line of its own whatever is there before. Where there is no room for all of it, none of
/// it stays.
#[expect(clippy::disallowed_methods, reason = "this is the one writer of files")]
fn append(path: &Path, text: &[u8]) -> io::Result<()> {
    // What is there may not be readable, or no file that can be read back; then it gets no line break of ours.
    let mut last = [b'\n'];
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
        && let Ok(mut file) = OpenOptions::new().read(true).open(path)
        && file.seek(SeekFrom::End(-1)).is_ok()
    {
        let _ = file.read_exact(&mut last);
    }
    let mut block = Vec::with_capacity(text.len() + 1);
    if last != [b'\n'] {
        block.push(b'\n');
    }
    block.extend_from_slice(text);
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let before = file.metadata()?;
    file.write_all(&block).inspect_err(|_| {
        if before.is_file() {
            // Half an answer would be worse than the one before it.
            let _ = file.set_len(before.len());
        }
    })
}

/// Replaces a file as a whole: a reader finds the old or the new text, at any moment. Where there can be no file beside
/// it, it is written in place.
#[expect(clippy::disallowed_methods, reason = "this is the one writer of files")]
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let before = std::fs::symlink_metadata(path).ok();
    if before.as_ref().is_none_or(Metadata::is_file) {
        let Err(error) = write_beside(path, before.as_ref(), text) else {
            return Ok(());
        };
        let no_room = [
            ErrorKind::StorageFull,
            ErrorKind::QuotaExceeded,
            ErrorKind::FileTooLarge,
        ];
        if no_room.contains(&error.kind()) {
            // In place there is no more room, and what is there would be lost.
            return Err(error);
        }
    }
    std::fs::write(path, text)
}

/// Writes a file of a name that cannot be guessed, and gives it the other one's place and mode.
fn write_beside(path: &Path, before: Option<&Metadata>, text: &[u8]) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".dcs-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for every new file: the umask decides.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    // Errors without the name, which differs each time: the same error is reported once.
    let mut beside = builder
        .tempfile_in(directory)
        .map_err(|error| error.kind())?;
    if let Some(before) = before {
        beside.as_file().set_permissions(before.permissions())?;
    }
    beside.as_file_mut().write_all(text)?;
    beside.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "compares with what others write")]
mod tests {
    use super::*;

    #[test]
    fn append_and_replace_leave_clean_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        append(&path, b"a=1\n").unwrap();
        append(&path, b"b=2").unwrap();
        append(&path, b"c=3\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a=1\nb=2\nc=3\n");
        replace(&path, b"x").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(replace(dir.path(), b"x").is_err());
        // A file of ours can be read by those who could read any other new file.
        let (new, other) = (dir.path().join("new"), dir.path().join("other"));
        replace(&new, b"x").unwrap();
        std::fs::write(&other, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions();
        assert_eq!(mode(&new), mode(&other));
        assert!(append(&dir.path().join("no/such"), b"x").is_err());
    }
}
