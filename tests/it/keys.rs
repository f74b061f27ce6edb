//! The contract's "Keys": counts that contradict the rest of the evidence make nothing ready.

mod limits;
mod missing;
mod restarts;

use crate::support::cloud::{Moment, switch};
use crate::support::{FakeCloud, Kind, Run, Sandbox, each, json_reply, plain, refusal};
use End::{Failed, Ready, Wait};

/// What comes of a life, and after how many readings. One more is allowed: a status may have been asked for before the
/// reading beside it was made.
#[derive(Debug, Clone, Copy)]
enum End {
    Ready(usize),
    Failed(usize),
    Wait,
}

/// A life of a task in short: a kind of reading and its counts (`source/target`, `-` for null), one moment a word.
fn life(text: &str) -> Vec<Moment> {
    let number = |count: &str| {
        if count == "-" {
            "null".to_owned()
        } else {
            count.to_owned()
        }
    };
    let one = |word: &str| {
        let (kind, counts) = word.split_at(1);
        let (reading, status, task_status) = match kind {
            // Copying, behind, in sync, done, done and switched, in sync and switched.
            "c" => (
                r#""is_migrating":true,"full_migration_progress":40,"offset":null"#,
                "FULLMIGRATING",
                "",
            ),
            "b" => (
                r#""is_migrating":true,"full_migration_progress":100,"offset":7"#,
                "INCRMIGEATING",
                "",
            ),
            "s" => (
                r#""is_migrating":true,"full_migration_progress":100,"offset":0"#,
                "INCRMIGEATING",
                "",
            ),
            "d" => (
                r#""is_migrating":false,"full_migration_progress":100,"offset":0"#,
                "TERMINATED",
                "",
            ),
            "e" => (
                r#""is_migrating":false,"full_migration_progress":100,"offset":0"#,
                "SUCCESS",
                r#""EXCHANGE_SUCCESS""#,
            ),
            "t" => (
                r#""is_migrating":true,"full_migration_progress":100,"offset":0"#,
                "INCRMIGEATING",
                r#""EXCHANGE_SUCCESS""#,
            ),
            // A failed poll, and the end of a wait.
            "f" => return (refusal(503, "APIG.0613"), refusal(503, "APIG.0613")),
            "!" => return (refusal(403, "DCS.2003"), refusal(403, "DCS.2003")),
            other => panic!("no kind of reading `{other}`"),
        };
        let (source, target) = counts.split_once('/').unwrap();
        let (source, target) = (number(source), number(target));
        let body = format!(r#"{{{reading},"source_dbsize":{source},"target_dbsize":{target}}}"#);
        (json_reply(200, &body), switch(status, task_status))
    };
    text.split_whitespace().map(one).collect()
}

struct Case {
    until: &'static str,
    stable: &'static str,
    /// `max-missing-keys`, unless it is empty.
    limit: &'static str,
    life: String,
    end: End,
}

impl Case {
    fn name(&self) -> String {
        let Self {
            until,
            stable,
            limit,
            life,
            end,
        } = self;
        format!("{until}, stable-polls {stable}, max-missing-keys `{limit}`: {life} -> {end:?}")
    }

    /// Plays the life; its last moment repeats, or is refused after six of it where the life is to wait.
    fn run(&self) -> (Run, usize, usize) {
        let mut moments = life(&self.life);
        if matches!(self.end, Wait) {
            let last = moments.last().cloned().unwrap();
            moments.extend(vec![last; 6]);
            moments.extend(life("!"));
        }
        let least = moments.len();
        let cloud = FakeCloud::start().life(moments);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_UNTIL", self.until), ("DCS_STABLE_POLLS", self.stable)])
            // Far apart on a slow machine is not far apart here.
            .sets(&[
                ("DCS_MAX_MISSING_KEYS", self.limit),
                ("DCS_LOG_FORMAT", "json"),
                ("DCS_MAX_INTERVAL", "10s"),
            ])
            .run();
        (run, cloud.count(Kind::Stats), least)
    }

    fn check(&self) {
        let (run, asked, least) = self.run();
        let polls = match self.end {
            Ready(polls) => {
                run.ended(self.until, 0);
                polls..=polls + 1
            }
            Failed(polls) => {
                run.ended("failed", 3);
                polls..=polls + 1
            }
            Wait => {
                run.ended("denied", 5);
                least..=usize::MAX
            }
        };
        assert!(
            polls.contains(&asked),
            "{asked} readings, not {polls:?}\n{}",
            run.transcript()
        );
    }
}

type Line = (&'static str, &'static str, &'static str, &'static str, End);

fn hold(rows: &[Line]) {
    let case = |&(until, stable, limit, life, end): &Line| Case {
        until,
        stable,
        limit,
        life: life.to_owned(),
        end,
    };
    let cases: Vec<Case> = rows.iter().map(case).collect();
    each(&cases, Case::name, Case::check);
}
