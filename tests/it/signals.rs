//! Signals at every stage, kills at any moment, and disks that have no room: whatever the machine does to the process,
//! its answer is written or was never promised.

mod connecting;
mod disks;
mod limits;
mod moments;

use crate::ends::{NOISE, cancelled};
use crate::errors::{EXCHANGE, LOGIN, issued, with_oidc, with_password};
use crate::support::sandbox::{BOUND, signal};
use crate::support::{
    Answer, FakeCloud, Run, Running, Sandbox, each, formats, json_reply, refusal, status,
};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn following(offset: i64) -> Answer {
    json_reply(
        200,
        &format!(r#"{{"is_migrating":true,"full_migration_progress":100,"offset":{offset}}}"#),
    )
}

fn done() -> Answer {
    json_reply(
        200,
        r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#,
    )
}

fn ready() -> FakeCloud {
    FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")])
}

/// A cloud whose task never gets anywhere.
fn endless() -> FakeCloud {
    FakeCloud::start()
        .stats([following(5)])
        .detail([status("INCRMIGEATING")])
}

/// So slow that nothing but a signal ends it.
fn slow(sandbox: Sandbox) -> Sandbox {
    sandbox.sets(&[
        ("DCS_TIMEOUT", "1h"),
        ("DCS_MAX_OUTAGE", "1h"),
        ("DCS_REQUEST_TIMEOUT", "1h"),
        ("DCS_INITIAL_INTERVAL", "1h"),
        ("DCS_MAX_INTERVAL", "1h"),
    ])
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < BOUND, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the first answer is in both files.
fn has_begun(running: &Running) -> bool {
    ["output", "dcs.env"].iter().all(|file| {
        running
            .path(file)
            .metadata()
            .is_ok_and(|metadata| metadata.len() > 0)
    })
}

/// Whether this machine lets us do this; says so where it does not.
#[expect(
    clippy::print_stdout,
    reason = "a reader of the log needs to know what was not tested"
)]
fn may(what: &str, command: &[&str]) -> bool {
    let tried = Command::new(command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let may = tried.is_ok_and(|status| status.success());
    if !may {
        println!(
            "SKIPPED: {what} needs `{}`, which is not permitted here",
            command.join(" ")
        );
    }
    may
}

const INT: u32 = 2;

/// Whether these tests were started with that signal ignored, and so is the program: until it listens, and SIGHUP for good.
/// A shell does that to SIGINT for its jobs in the background, `nohup` to SIGHUP.
fn is_ignored(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 << (signal - 1) != 0)
}

/// Runs a shell script, which ends in the binary, with a file system of its own.
const OWN_FILES: [&str; 4] = ["unshare", "--mount", "sh", "-ec"];
