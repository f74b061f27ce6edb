//! What is written: outputs, summary, log, reports; and what never is.

mod broken_files;
mod hostile;
mod logs;
mod places;
mod reports;
mod secrets;
mod streams;
mod summary;
mod values;

use crate::support::cloud::{REDIS_PASSWORD, detail, switch};
use crate::support::formats::holds_command;
use crate::support::sandbox::{BINARY, BOUND};
use crate::support::{
    Answer, FakeCloud, OTHER_TASK, Run, Sandbox, TASK, TOKEN, each, formats, json_reply, refusal,
    status,
};
use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The vendor's own example, ended.
const STATS: &str = r#"{
  "full_migration_progress": "100",
  "offset": 0,
  "source_dbsize": 531221,
  "target_dbsize": "531211",
  "target_input_kbps": 50,
  "target_ops": 5300,
  "is_migrating": false,
  "extra": [1.50, "é", null]
}"#;

fn ready() -> FakeCloud {
    FakeCloud::start()
        .stats([json_reply(200, STATS)])
        .detail([status("TERMINATED")])
}

fn following(offset: i64) -> Answer {
    json_reply(
        200,
        &format!(r#"{{"is_migrating":true,"full_migration_progress":100,"offset":{offset}}}"#),
    )
}

fn ends(child: &mut std::process::Child) -> i32 {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if started.elapsed() > BOUND {
            let _ = child.kill();
            panic!("has not ended");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
