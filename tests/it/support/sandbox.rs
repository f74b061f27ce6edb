//! A place in which to run the binary: nothing of our own environment gets in, and nothing of the run is lost.

use super::cloud::{FakeCloud, REDIS_PASSWORD};
use super::formats::{self, Values};
use super::{PROJECT, TASK, TOKEN};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whatever takes longer than this has failed to end.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_dcs-migration-wait");

/// Names of `GITHUB_OUTPUT`, as the contract has them.
pub(crate) const GITHUB_NAMES: [&str; 18] = [
    "result",
    "ready",
    "exit-code",
    "reason",
    "until",
    "is-migrating",
    "offset",
    "full-migration-progress",
    "source-dbsize",
    "target-dbsize",
    "task-status",
    "ip-switch",
    "elapsed-seconds",
    "polls",
    "started-at",
    "finished-at",
    "stats",
    "tasks",
];

/// Whether that output may be there and need not: the contract names it, and [`GITHUB_NAMES`] does not have it yet.
fn is_coming(name: &str) -> bool {
    ["ip-switch", "verify"].contains(&name) && !GITHUB_NAMES.contains(&name)
}

fn dotenv_name(name: &str) -> String {
    format!("DCS_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// A run in preparation.
pub(crate) struct Sandbox {
    dir: TempDir,
    variables: BTreeMap<String, OsString>,
    arguments: Vec<OsString>,
    /// A program and its arguments that runs the binary.
    wrapper: Vec<OsString>,
    /// What nobody may see.
    secrets: Vec<String>,
}

impl Sandbox {
    /// Without inputs; both answers (`GITHUB_OUTPUT` and dotenv) and the summary go to files.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut sandbox = Self {
            dir,
            variables: BTreeMap::new(),
            arguments: Vec::new(),
            wrapper: Vec::new(),
            secrets: vec![REDIS_PASSWORD.to_owned()],
        };
        if let Some(path) = std::env::var_os("PATH") {
            sandbox.variables.insert("PATH".to_owned(), path);
        }
        for (name, file) in [
            ("GITHUB_OUTPUT", "output"),
            ("GITHUB_STEP_SUMMARY", "summary.md"),
            ("DCS_DOTENV", "dcs.env"),
        ] {
            let path = sandbox.path(file);
            sandbox = sandbox.set(name, path.to_str().unwrap());
        }
        sandbox
    }

    /// With every input that a wait needs, at a quick pace.
    pub(crate) fn waiting_on(cloud: &FakeCloud) -> Self {
        Self::new()
            .set("DCS_ENDPOINT", &cloud.url())
            .set("DCS_TASK_ID", TASK)
            .set("DCS_PROJECT_ID", PROJECT)
            .secret("DCS_AUTH_TOKEN", TOKEN)
            .set("DCS_TIMEOUT", "20s")
            .set("DCS_MAX_OUTAGE", "15s")
            .set("DCS_REQUEST_TIMEOUT", "5s")
            .set("DCS_INITIAL_INTERVAL", "10ms")
            .set("DCS_MAX_INTERVAL", "100ms")
            .set("DCS_MULTIPLIER", "1")
            .set("DCS_MAX_REQUESTS_PER_SECOND", "1000")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn sets(self, variables: &[(&str, &str)]) -> Self {
        variables
            .iter()
            .fold(self, |sandbox, (name, value)| sandbox.set(name, value))
    }

    /// A variable whose value may appear nowhere.
    pub(crate) fn secret(self, name: &str, value: &str) -> Self {
        self.hide(value).set(name, value)
    }

    /// A text that may appear nowhere.
    pub(crate) fn hide(mut self, value: &str) -> Self {
        self.secrets.push(value.to_owned());
        self
    }

    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn args(self, arguments: &[&str]) -> Self {
        arguments
            .iter()
            .fold(self, |sandbox, argument| sandbox.arg(argument))
    }

    /// Runs the binary by way of another program, which gets the binary and its arguments behind its own.
    pub(crate) fn within(mut self, program: &[&str]) -> Self {
        self.wrapper = program.iter().map(Into::into).collect();
        self
    }

    pub(crate) fn on_github(self) -> Self {
        self.set("GITHUB_ACTIONS", "true")
    }

    pub(crate) fn on_gitlab(self) -> Self {
        self.set("GITLAB_CI", "true")
    }

    /// A file in the sandbox, which is also the working directory.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    /// A pipe that nobody reads, unless the test does.
    pub(crate) fn pipe(self, name: &str) -> Self {
        assert!(
            Command::new("mkfifo")
                .arg(self.path(name))
                .status()
                .unwrap()
                .success()
        );
        self
    }

    pub(crate) fn command(&self) -> Command {
        let mut words = self.wrapper.clone();
        words.push(BINARY.into());
        words.extend_from_slice(&self.arguments);
        let mut command = Command::new(&words[0]);
        command
            .env_clear()
            .envs(&self.variables)
            .args(&words[1..])
            .current_dir(self.dir.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub(crate) fn run(self) -> Run {
        self.start().end()
    }

    /// Starts, and hands out the running process.
    pub(crate) fn start(self) -> Running {
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
        Running {
            sandbox: self,
            child,
            stdout,
            stderr,
            started: Instant::now(),
        }
    }
}

/// Sends a signal to any process, if it is still there. By the shell's own `kill`: the program is not on every machine.
pub(crate) fn signal(pid: u32, name: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .unwrap()
        .success()
}

fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A run under way.
pub(crate) struct Running {
    sandbox: Sandbox,
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    started: Instant,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        assert!(signal(self.pid(), name));
    }

    /// Ends the process at once, without giving it a say.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    pub(crate) fn end(mut self) -> Run {
        let code = self.code();
        let took = self.started.elapsed();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let (output, dotenv) = (read(&self.path("output")), read(&self.path("dcs.env")));
        let summary = read(&self.path("summary.md"));
        let Self {
            sandbox,
            stdout,
            stderr,
            ..
        } = self;
        Run {
            code,
            took,
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
            outputs: formats::github_output(&output)
                .unwrap_or_else(|error| panic!("{error} in:\n{output}")),
            dotenv: formats::dotenv(&dotenv)
                .unwrap_or_else(|error| panic!("{error} in:\n{dotenv}")),
            summary,
            sandbox,
        }
    }

    /// Waits for the end. Without an exit code (`kill -9`) it is -1.
    pub(crate) fn code(&mut self) -> i32 {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            if self.started.elapsed() > BOUND {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("has not ended within {BOUND:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A run that ended, and everything that is left of it.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) took: Duration,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) outputs: Values,
    pub(crate) dotenv: Values,
    pub(crate) summary: String,
    sandbox: Sandbox,
}

impl Run {
    /// The end, as the contract's table of ends has it, in every place where it can be read. Also holds what is true of
    /// every end: exactly our outputs, in both files alike, and no secret anywhere.
    #[track_caller]
    pub(crate) fn ended(&self, result: &str, code: i32) -> &Self {
        assert_eq!(
            (self.output("result"), self.code),
            (result, code),
            "{}",
            self.transcript()
        );
        self.holds_together();
        self
    }

    #[track_caller]
    pub(crate) fn holds_together(&self) {
        let names: Vec<&str> = self
            .outputs
            .keys()
            .map(String::as_str)
            .filter(|name| !is_coming(name))
            .collect();
        let mut expected = GITHUB_NAMES;
        expected.sort_unstable();
        assert_eq!(names, expected, "{}", self.transcript());
        assert_eq!(self.output("exit-code"), self.code.to_string());
        assert_eq!(self.output("ready"), (self.code == 0).to_string());
        assert!(!self.output("reason").is_empty());

        let names: Vec<&str> = self.dotenv.keys().map(String::as_str).collect();
        let coming: Vec<String> = ["ip-switch", "verify"]
            .iter()
            .filter(|n| is_coming(n))
            .map(|n| dotenv_name(n))
            .collect();
        let names: Vec<&str> = names
            .into_iter()
            .filter(|&name| !coming.iter().any(|coming| coming == name))
            .collect();
        let mut expected: Vec<String> = GITHUB_NAMES
            .iter()
            .filter(|name| !["stats", "tasks"].contains(name))
            .map(|name| dotenv_name(name))
            .collect();
        expected.sort_unstable();
        assert_eq!(names, expected, "{}", self.transcript());
        for name in [
            "result",
            "ready",
            "exit-code",
            "until",
            "is-migrating",
            "offset",
            "full-migration-progress",
            "polls",
        ] {
            let variable = dotenv_name(name);
            assert_eq!(self.dotenv[&variable], self.output(name), "{variable}");
        }
        assert!(self.tasks().is_array());
        self.shows_no_secret();
    }

    /// No secret in any file, and none in a stream but where it is masked.
    #[track_caller]
    pub(crate) fn shows_no_secret(&self) {
        let shown = |text: &str| {
            let text: String = text
                .lines()
                .filter(|line| !line.starts_with("::add-mask::"))
                .collect();
            self.sandbox
                .secrets
                .iter()
                .find(|secret| text.contains(secret.as_str()))
                .cloned()
        };
        assert_eq!(shown(&self.stdout), None, "on stdout");
        assert_eq!(shown(&self.stderr), None, "on stderr");
        for entry in std::fs::read_dir(self.sandbox.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // What a test put there itself.
            if path.is_file() && !name.starts_with("given") {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert_eq!(shown(&text), None, "in {name}");
            }
        }
    }

    #[track_caller]
    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs
            .get(name)
            .unwrap_or_else(|| panic!("no output {name}\n{}", self.transcript()))
    }

    pub(crate) fn reason(&self) -> &str {
        self.output("reason")
    }

    /// Fails unless the reason holds each of the texts.
    #[track_caller]
    pub(crate) fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(
                self.reason().contains(text),
                "`{text}` is not in the reason: {}",
                self.reason()
            );
        }
        self
    }

    /// Both streams.
    pub(crate) fn log(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The line of the log that names the kind of credential.
    #[track_caller]
    pub(crate) fn sign_in(&self) -> String {
        let log = self.log();
        let line = log
            .lines()
            .find(|line| line.contains("sign-in by") || line.contains("signed in by"));
        line.unwrap_or_else(|| panic!("no kind of credential\n{}", self.transcript()))
            .to_owned()
    }

    /// The output `tasks`.
    #[track_caller]
    pub(crate) fn tasks(&self) -> serde_json::Value {
        serde_json::from_str(self.output("tasks")).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.sandbox.path(name))
            .unwrap_or_else(|error| panic!("{name}: {error}\n{}", self.transcript()))
    }

    pub(crate) fn transcript(&self) -> String {
        format!(
            "exit code {}\n--- stdout\n{}\n--- stderr\n{}\n---",
            self.code, self.stdout, self.stderr
        )
    }
}
