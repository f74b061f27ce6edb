//! Every reading beside every state of a switch.

use super::*;

const DONE_UNMEASURED: &str = r#"{"is_migrating":false,"full_migration_progress":null,"offset":0}"#;

const SHORT: &str = r#"{"is_migrating":false,"full_migration_progress":62,"offset":0}"#;

const OPEN: &str = r#"{"is_migrating":false,"full_migration_progress":100,"offset":7}"#;

const NO_OFFSET: &str = r#"{"is_migrating":false,"full_migration_progress":100,"offset":null}"#;

const UNCLEAR: &str = r#"{"is_migrating":null,"full_migration_progress":100,"offset":0}"#;

// Statuses.
const SUCCEEDED: &str = "SUCCESS MIGRATION_SUCCESS";

const STOPPED: &str = "TERMINATED";

const ENDED: &str = "TERMINATED SUCCESS MIGRATION_SUCCESS";

const RELEASED: &str = "RELEASED";

const GONE: &str = "FAILED MIGRATION_FAILED ERROR DELETED";

const RUNNING: &str = "MIGRATING INCRMIGEATING INCRMIGRATING";

const INCREMENTAL: &str = "INCRMIGEATING INCRMIGRATING";

const COPY: &str = "FULLMIGRATING";

/// Neither ended nor migrating; the last one is an unknown word.
const ELSE: &str = "TERMINATING FULLMIGRATING CREATING RUNNING PAUSED";

// Values of `task_status`, as JSON; the empty one is an absent field.
const NONE: &[&str] = &["", "null", "\"\""];

/// Nearly a known word is an unknown word.
const UNKNOWN: &[&str] = &[
    "\"ROLLING_BACK\"",
    "\"exchange_success\"",
    "\"EXCHANGE_FAILED\"",
    "\"SUCCESS\"",
];

const GOALS: [&str; 4] = ["completed", "in-sync", "full-sync", "switched"];

/// A value of `task_status`, statuses, a reading, and what they lead to for each of [`GOALS`]: `R`eady at once, `F`ailed,
/// `W`ait, or `-` where the contract does not say.
type Line = (
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static str,
);

const TABLE: &[Line] = &[
    // None: as the verdict table has it; `switched` waits, and fails where the status is failed or deleted.
    (NONE, ENDED, DONE, "R F R W"),
    (NONE, ENDED, DONE_UNMEASURED, "R F - W"),
    (NONE, RELEASED, DONE, "R F R W"),
    (NONE, RELEASED, DONE_UNMEASURED, "W F - W"),
    (NONE, GONE, DONE, "F F F F"),
    (NONE, GONE, SYNC, "F F F F"),
    (NONE, RUNNING, DONE, "W W - W"),
    (NONE, ELSE, DONE, "W W - W"),
    (NONE, ENDED, SHORT, "F F F W"),
    (NONE, RELEASED, SHORT, "F F F W"),
    (NONE, ENDED, OPEN, "F F R W"),
    (NONE, RUNNING, SYNC, "W R R W"),
    (NONE, RUNNING, BEHIND, "W W R W"),
    (NONE, COPY, COPYING, "W W W W"),
    // Switching: what would be ready waits, what failed stays failed.
    (SWITCHING, ENDED, DONE, "W F W W"),
    (SWITCHING, ENDED, DONE_UNMEASURED, "W F - W"),
    (SWITCHING, RELEASED, DONE, "W F W W"),
    (SWITCHING, GONE, DONE, "F F F F"),
    (SWITCHING, GONE, SYNC, "F F F F"),
    (SWITCHING, RUNNING, DONE, "W W W W"),
    (SWITCHING, ELSE, DONE, "W W W W"),
    (SWITCHING, ENDED, SHORT, "F F F W"),
    (SWITCHING, ENDED, OPEN, "F F W W"),
    (SWITCHING, RUNNING, SYNC, "W W W W"),
    (SWITCHING, RUNNING, BEHIND, "W W W W"),
    (SWITCHING, COPY, COPYING, "W W W W"),
    (SWITCHING, ELSE, SYNC, "W W W W"),
    // Switched: the status is taken for stopped, unless it is failed or deleted.
    (SWITCHED, ENDED, DONE, "R F R R"),
    (SWITCHED, ENDED, DONE_UNMEASURED, "R F - R"),
    (SWITCHED, RELEASED, DONE, "R F R R"),
    (SWITCHED, RELEASED, DONE_UNMEASURED, "R F - R"),
    (SWITCHED, GONE, DONE, "F F F F"),
    (SWITCHED, GONE, SYNC, "F F F F"),
    (SWITCHED, RUNNING, DONE, "R F - R"),
    (SWITCHED, ELSE, DONE, "R F - R"),
    (SWITCHED, ENDED, SHORT, "F F F R"),
    (SWITCHED, RUNNING, SHORT, "F F - R"),
    (SWITCHED, ELSE, SHORT, "F F - R"),
    (SWITCHED, ENDED, OPEN, "F F R R"),
    (SWITCHED, RUNNING, OPEN, "F F - R"),
    (SWITCHED, ELSE, OPEN, "F F - R"),
    (SWITCHED, ENDED, NO_OFFSET, "W F R R"),
    (SWITCHED, RUNNING, SYNC, "W F R R"),
    (SWITCHED, RUNNING, BEHIND, "W F R R"),
    (SWITCHED, COPY, COPYING, "W F W R"),
    // Rolled back, and the task migrates again.
    (ROLLED_BACK, RUNNING, DONE, "W W - W"),
    (ROLLED_BACK, RUNNING, SYNC, "W R R W"),
    (ROLLED_BACK, RUNNING, BEHIND, "W W R W"),
    (ROLLED_BACK, INCREMENTAL, SHORT, "W W - W"),
    (ROLLED_BACK, "MIGRATING", COPYING, "W W W W"),
    // Rolled back, and any other status.
    (ROLLED_BACK, ENDED, DONE, "F F F F"),
    (ROLLED_BACK, ENDED, DONE_UNMEASURED, "F F F F"),
    (ROLLED_BACK, RELEASED, DONE, "F F F F"),
    (ROLLED_BACK, GONE, DONE, "F F F F"),
    (ROLLED_BACK, ELSE, DONE, "F F F F"),
    (ROLLED_BACK, ENDED, OPEN, "F F F F"),
    (ROLLED_BACK, ENDED, SHORT, "F F F F"),
    (ROLLED_BACK, ENDED, SYNC, "F F F F"),
    (ROLLED_BACK, ELSE, SYNC, "F F F F"),
    (ROLLED_BACK, COPY, COPYING, "F F F F"),
    // Unknown words.
    (UNKNOWN, ENDED, DONE, "W F W W"),
    (UNKNOWN, STOPPED, DONE_UNMEASURED, "W F - W"),
    (UNKNOWN, RELEASED, DONE, "W F W W"),
    (UNKNOWN, GONE, DONE, "F F F F"),
    (UNKNOWN, ELSE, DONE, "W W W W"),
    (UNKNOWN, SUCCEEDED, SHORT, "F F F W"),
    (UNKNOWN, SUCCEEDED, OPEN, "F F W W"),
    (UNKNOWN, RUNNING, SYNC, "W W W W"),
    (UNKNOWN, RUNNING, BEHIND, "W W W W"),
    (UNKNOWN, COPY, COPYING, "W W W W"),
    // `is_migrating` that is unknown makes no goal ready.
    (NONE, ENDED, UNCLEAR, "W - W W"),
    (SWITCHED, ENDED, UNCLEAR, "W - W W"),
    (SWITCHED, RUNNING, UNCLEAR, "W - W W"),
    (UNKNOWN, ENDED, UNCLEAR, "W - W W"),
];

struct Case {
    until: &'static str,
    task_status: &'static str,
    status: &'static str,
    reading: &'static str,
    mode: &'static str,
    verdict: char,
}

impl Case {
    fn name(&self) -> String {
        let Self {
            until,
            task_status,
            status,
            reading,
            mode,
            verdict,
        } = self;
        format!("{until}: task_status {task_status}, {status}, {reading}, {mode} -> {verdict}")
    }

    fn check(&self) {
        const READINGS: usize = 6;
        // What waits is refused in the end: three refusals in a row end it, after readings or not.
        let stats = (0..READINGS)
            .map(|_| reading(self.reading))
            .chain([refusal(403, "DCS.2003")]);
        let cloud = FakeCloud::start()
            .stats(stats)
            .detail([switch(self.status, self.task_status)]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[
                ("DCS_UNTIL", self.until),
                ("DCS_STABLE_POLLS", "1"),
                ("DCS_STATUS_CHECK", self.mode),
            ])
            .run();
        let asked = cloud.count(Kind::Stats);
        match self.verdict {
            'R' => {
                run.ended(self.until, 0);
                assert_eq!(asked, 1, "{}", run.transcript());
            }
            'F' => {
                run.ended("failed", 3);
                assert!(asked <= 3, "{asked} readings\n{}", run.transcript());
            }
            'W' => {
                run.ended("denied", 5);
                assert!(asked > READINGS, "{asked} readings\n{}", run.transcript());
            }
            other => panic!("no verdict `{other}`"),
        }
    }
}

/// The cells of the table for one row of it. The spellings of a `task_status` take turns over statuses and goals.
fn cells(task_status: &[&'static str], until: &'static str) -> Vec<Case> {
    let goal = GOALS.iter().position(|&goal| goal == until).unwrap();
    let lines = TABLE.iter().filter(|line| line.0 == task_status);
    let mut cases = Vec::new();
    for (n, (spellings, words, reading, verdicts)) in lines.enumerate() {
        let verdict = verdicts
            .split(' ')
            .nth(goal)
            .and_then(|verdict| verdict.chars().next())
            .unwrap();
        if verdict == '-' {
            continue;
        }
        for (m, status) in words.split(' ').enumerate() {
            let task_status = spellings[(n + m + goal) % spellings.len()];
            // Each line once as `require`.
            let mode = if m == 0 && n % 2 == 0 {
                "require"
            } else {
                "auto"
            };
            cases.push(Case {
                until,
                task_status,
                status,
                reading,
                mode,
                verdict,
            });
        }
    }
    cases
}

fn hold(task_status: &[&'static str]) {
    let cases: Vec<Case> = GOALS
        .iter()
        .flat_map(|until| cells(task_status, until))
        .collect();
    each(&cases, Case::name, Case::check);
}

#[test]
fn without_a_switch_the_verdict_stands() {
    hold(NONE);
}

#[test]
fn switching_makes_nothing_ready() {
    hold(SWITCHING);
}

#[test]
fn switched_counts_as_stopped() {
    hold(SWITCHED);
}

#[test]
fn rolled_back_fails_unless_it_migrates() {
    hold(ROLLED_BACK);
}

#[test]
fn an_unknown_word_makes_nothing_ready() {
    hold(UNKNOWN);
}

#[test]
fn absent_switch_is_alike_everywhere() {
    let rows: Vec<Case> = NONE
        .iter()
        .flat_map(|task_status| {
            let case = |until, status, reading, verdict| {
                [false, true].map(|require| Case {
                    until,
                    task_status,
                    status,
                    reading,
                    mode: if require { "require" } else { "auto" },
                    verdict,
                })
            };
            [
                case("completed", "SUCCESS", DONE, 'R'),
                case("in-sync", "INCRMIGEATING", SYNC, 'R'),
                case("full-sync", "INCRMIGEATING", BEHIND, 'R'),
                case("switched", "SUCCESS", DONE, 'W'),
                case("switched", "FAILED", DONE, 'F'),
            ]
        })
        .flatten()
        .collect();
    each(&rows, Case::name, Case::check);
}
