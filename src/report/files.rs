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

/// What writes a file, and what became of it.
#[derive(Debug)]
struct Writer {
    lane: Lane,
    /// Texts whose result is not known yet.
    outstanding: usize,
    /// Some text was written.
    has_written: bool,
    /// The newest text was not.
    is_stale: bool,
}

/// Where a file is written.
#[derive(Debug)]
enum Lane {
    /// A thread's two ends. Results come back in the order of the texts.
    Thread {
        texts: Sender<String>,
        results: Receiver<io::Result<()>>,
    },
    /// Right here, since no thread can be had; a file that hangs holds up the others.
    Here {
        path: PathBuf,
        medium: Medium,
        newest: Option<io::Result<()>>,
    },
}

/// How long a file may take that has taken nothing so far.
const HANGS: Duration = Duration::from_millis(250);

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

    /// Whether a file that machines read still holds an earlier version than the one that was to be written last.
    pub fn are_outputs_stale(&self) -> bool {
        let is_stale =
            |sink: &Sink| sink.with_writer(|writer| writer.is_stale && writer.has_written);
        self.answer.iter().any(is_stale)
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
            Self::Dotenv => {
                refuse_foreign(path)?;
                replace(path, text)
            }
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
        let thread_path = path.clone();
        let thread = std::thread::Builder::new()
            .name("report file".to_owned())
            .spawn(move || {
                for text in inbox {
                    if done
                        .send(medium.write(&thread_path, text.as_bytes()))
                        .is_err()
                    {
                        return;
                    }
                }
            });
        let lane = match thread {
            Ok(_) => Lane::Thread { texts, results },
            Err(_) => Lane::Here {
                path,
                medium,
                newest: None,
            },
        };
        Self {
            lane,
            outstanding: 0,
            has_written: false,
            is_stale: false,
        }
    }

    fn send(&mut self, text: String) {
        self.outstanding += 1;
        match &mut self.lane {
            Lane::Thread { texts, .. } => {
                let _ = texts.send(text);
            }
            Lane::Here {
                path,
                medium,
                newest,
            } => *newest = Some(medium.write(path, text.as_bytes())),
        }
    }

    /// The result of the newest text, within a time; how much of it was needed is taken off.
    fn settle(&mut self, left: &mut Duration) -> io::Result<()> {
        // One that has hung since its first text is not waited for: nothing says that it will ever end.
        let hangs = self.outstanding > 1 && !self.has_written;
        let mut patience = if hangs { HANGS.min(*left) } else { *left };
        let before = patience;
        let result = self.newest_result(&mut patience);
        *left = left.saturating_sub(before - patience);
        self.has_written |= result.is_ok();
        self.is_stale = result.is_err();
        result
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "measures how long a file takes, not when anything happens"
    )]
    fn newest_result(&mut self, patience: &mut Duration) -> io::Result<()> {
        let mut newest_of_all = Ok(());
        while self.outstanding > 0 {
            let began = std::time::Instant::now();
            newest_of_all = match &mut self.lane {
                Lane::Here { newest, .. } => {
                    self.outstanding = 1;
                    newest.take().unwrap_or(Ok(()))
                }
                Lane::Thread { results, .. } => match results.recv_timeout(*patience) {
                    Ok(result) => result,
                    Err(RecvTimeoutError::Timeout) => {
                        *patience = Duration::ZERO;
                        return Err(io::Error::other("it does not take what is written"));
                    }
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(io::Error::other("its thread has ended"));
                    }
                },
            };
            *patience = patience.saturating_sub(began.elapsed());
            self.outstanding -= 1;
            self.has_written |= newest_of_all.is_ok();
        }
        newest_of_all
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

/// A dotenv file of somebody else's, such as an application's `.env`, is not replaced.
fn refuse_foreign(path: &Path) -> io::Result<()> {
    let mut beginning = String::new();
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Ok(());
    }
    let read = std::fs::File::open(path)?
        .take(4096)
        .read_to_string(&mut beginning);
    let is_ours = beginning.trim().is_empty() || beginning.starts_with("DCS_RESULT=");
    if read.is_ok() && is_ours {
        return Ok(());
    }
    Err(io::Error::other(
        "it was there before, and this program did not write it: remove it, or set `dotenv` to another path",
    ))
}

/// Writes a file of a name that cannot be guessed, and gives it the other one's place, mode and owner.
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
    #[cfg(unix)]
    {
        // A job in a container runs as root, while the one who reads the file owns the directory.
        use std::os::unix::fs::{MetadataExt, fchown};
        let owner = before
            .cloned()
            .or_else(|| std::fs::metadata(directory).ok());
        if let Some(owner) = owner {
            let _ = fchown(beside.as_file(), Some(owner.uid()), Some(owner.gid()));
        }
    }
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
