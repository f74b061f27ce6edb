//! What the outputs of a run need to know: where they go and in which format.

use crate::domain::Goal;
use secrecy::SecretString;
use std::path::PathBuf;
use tracing_subscriber::filter::Targets;

/// The forge that runs us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forge {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// A shell, or a forge without markup of its own.
    None,
}

/// Where results go: known even when other inputs are wrong, so that no end is lost.
#[derive(Debug, Clone)]
pub struct OutputSettings {
    /// The forge that runs us.
    pub forge: Forge,
    /// Every secret of the environment, used or not.
    pub secrets: Vec<SecretString>,
    /// `GITHUB_OUTPUT`.
    pub github_output: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`, unless `summary` is false.
    pub step_summary: Option<PathBuf>,
    /// The dotenv file.
    pub dotenv: Option<PathBuf>,
    /// Report files.
    pub reports: Vec<ReportFile>,
    /// Whether a live view can be drawn: a terminal, outside of CI, that understands more than text.
    pub on_terminal: bool,
    /// Whether standard error shows colours.
    pub has_colour: bool,
    /// Lines or JSON.
    pub log_format: LogFormat,
    /// What is logged.
    pub log_filter: Targets,
    /// The goal, for outputs of a wait that never began.
    pub goal: Option<Goal>,
}

/// A report file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// Where it goes.
    pub path: PathBuf,
    /// What goes into it.
    pub format: ReportFormat,
}

/// What a report file holds, by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// `.json`
    Json,
    /// `.html`
    Html,
    /// `.xml`
    Junit,
    /// `.md`
    Markdown,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// As fits where they go.
    Auto,
    /// Lines of text.
    Text,
    /// One JSON object a line.
    Json,
}
