//! The contract's table "The IP switch", cell by cell, and whole switches as they happen.

mod lives;
mod table;
mod words;

use crate::support::cloud::{Moment, detail_body, switch};
use crate::support::{
    Answer, FakeCloud, Kind, OTHER_TASK, Run, Sandbox, TASK, each, json_reply, plain, refusal,
    status,
};

// Readings.
const DONE: &str = r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#;

const SYNC: &str = r#"{"is_migrating":true,"full_migration_progress":100,"offset":0}"#;

const BEHIND: &str = r#"{"is_migrating":true,"full_migration_progress":100,"offset":7}"#;

const COPYING: &str = r#"{"is_migrating":true,"full_migration_progress":40,"offset":null}"#;

fn reading(body: &str) -> Answer {
    json_reply(200, body)
}

const SWITCHING: &[&str] = &["\"EXCHANGING\""];

const SWITCHED: &[&str] = &["\"EXCHANGE_SUCCESS\""];

const ROLLED_BACK: &[&str] = &["\"ROLLBACK_SUCCESS\""];

// ------------------------------------------------------------------------------------------------ whole switches

fn moment(body: &str, status: &str, task_status: &str) -> Moment {
    (reading(body), switch(status, task_status))
}

/// The life of a task in short: a letter is a moment.
fn life(letters: &str) -> Vec<Moment> {
    let (switching, switched, back) = (SWITCHING[0], SWITCHED[0], ROLLED_BACK[0]);
    let one = |letter| match letter {
        'c' => moment(COPYING, "FULLMIGRATING", ""),
        'b' => moment(BEHIND, "INCRMIGEATING", ""),
        's' => moment(SYNC, "INCRMIGEATING", "null"),
        // The switch begins while the task still runs, goes on while it stops, and is over after that.
        'x' => moment(SYNC, "INCRMIGEATING", switching),
        'y' => moment(SYNC, "TERMINATING", switching),
        'z' => moment(DONE, "SUCCESS", switching),
        'E' => moment(DONE, "SUCCESS", switched),
        'R' => moment(DONE, "SUCCESS", back),
        // Rolled back, and migrating again.
        'r' => moment(BEHIND, "INCRMIGEATING", back),
        'q' => moment(SYNC, "INCRMIGEATING", back),
        '!' => (refusal(403, "DCS.2003"), refusal(403, "DCS.2003")),
        other => panic!("no moment `{other}`"),
    };
    letters.chars().map(one).collect()
}
