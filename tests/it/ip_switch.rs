//! The contract's table "The IP switch", cell by cell, and whole switches as they happen.

use crate::support::cloud::{Moment, detail_body, switch};
use crate::support::{
    Answer, FakeCloud, Kind, OTHER_TASK, Run, Sandbox, TASK, each, json_reply, plain, refusal,
    status,
};

// Readings.
const DONE: &str = r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#;
const DONE_UNMEASURED: &str = r#"{"is_migrating":false,"full_migration_progress":null,"offset":0}"#;
const SHORT: &str = r#"{"is_migrating":false,"full_migration_progress":62,"offset":0}"#;
const OPEN: &str = r#"{"is_migrating":false,"full_migration_progress":100,"offset":7}"#;
const NO_OFFSET: &str = r#"{"is_migrating":false,"full_migration_progress":100,"offset":null}"#;
const SYNC: &str = r#"{"is_migrating":true,"full_migration_progress":100,"offset":0}"#;
const BEHIND: &str = r#"{"is_migrating":true,"full_migration_progress":100,"offset":7}"#;
const COPYING: &str = r#"{"is_migrating":true,"full_migration_progress":40,"offset":null}"#;
const UNCLEAR: &str = r#"{"is_migrating":null,"full_migration_progress":100,"offset":0}"#;

fn reading(body: &str) -> Answer {
    json_reply(200, body)
}

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
const SWITCHING: &[&str] = &["\"EXCHANGING\""];
const SWITCHED: &[&str] = &["\"EXCHANGE_SUCCESS\""];
const ROLLED_BACK: &[&str] = &["\"ROLLBACK_SUCCESS\""];
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

#[test]
fn whole_switches_end_where_they_end() {
    // Goal, `stable-polls`, life, result, exit code, fewest and most readings.
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        i32,
        usize,
        usize,
    );
    let rows: &[Row] = &[
        // A switch that succeeds. The status may have been asked for before the reading beside it was made.
        ("switched", "1", "cbssxyzE", "switched", 0, 8, 9),
        ("switched", "2", "ssxyzE", "switched", 0, 7, 8),
        ("switched", "1", "E", "switched", 0, 1, 1),
        ("completed", "1", "bbsxxyzzE", "completed", 0, 9, 10),
        ("completed", "1", "zE", "completed", 0, 2, 3),
        ("completed", "1", "E", "completed", 0, 1, 1),
        ("full-sync", "1", "ccxxE", "full-sync", 0, 5, 6),
        ("full-sync", "1", "xxs", "full-sync", 0, 3, 4),
        ("in-sync", "1", "bxxE", "failed", 3, 2, 6),
        ("in-sync", "3", "bsxxE", "failed", 3, 2, 7),
        // One that is rolled back; the source serves, and the task says SUCCESS.
        ("switched", "1", "bsxyzR", "failed", 3, 6, 7),
        ("switched", "1", "R", "failed", 3, 1, 3),
        ("completed", "1", "bsxyzR", "failed", 3, 6, 7),
        ("completed", "1", "R", "failed", 3, 1, 3),
        ("full-sync", "1", "xxzzR", "failed", 3, 4, 6),
        ("in-sync", "1", "bxR", "failed", 3, 2, 4),
        // A new attempt after a rollback.
        ("switched", "1", "sxqqrqxyzE", "switched", 0, 10, 11),
        ("switched", "1", "sxqqxyzR", "failed", 3, 8, 9),
        ("completed", "1", "xqqxyzE", "completed", 0, 7, 8),
        ("in-sync", "1", "xxrq", "in-sync", 0, 4, 5),
        ("in-sync", "3", "xxqqq", "in-sync", 0, 5, 6),
        ("full-sync", "1", "xxr", "full-sync", 0, 3, 4),
        // A switch that begins in the middle of the row, before the reading that would make ready.
        ("in-sync", "3", "ssxxxxxx!", "denied", 5, 9, 99),
        ("in-sync", "3", "ssxxsss", "in-sync", 0, 5, 9),
        // A switch that never ends.
        ("switched", "1", "sxyzzzzz!", "denied", 5, 9, 99),
        ("completed", "1", "sxyzzzzz!", "denied", 5, 9, 99),
        // None that begins.
        ("switched", "1", "cbsssss!", "denied", 5, 8, 99),
    ];
    each(
        rows,
        |row| format!("{row:?}"),
        |&(until, stable, letters, result, code, fewest, most)| {
            let cloud = FakeCloud::start().life(life(letters));
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_UNTIL", until), ("DCS_STABLE_POLLS", stable)])
                // On a slow machine, too, no two readings are so far apart that the row starts again.
                .set("DCS_MAX_INTERVAL", "1s")
                .run();
            run.ended(result, code);
            let asked = cloud.count(Kind::Stats);
            assert!(
                (fewest..=most).contains(&asked),
                "{asked} readings\n{}",
                run.transcript()
            );
        },
    );
}

#[test]
fn a_rollback_sends_nobody_to_target() {
    let rows = [
        ("completed", "R"),
        ("switched", "bsxyzR"),
        ("full-sync", "R"),
        ("in-sync", "R"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(until, letters)| {
            let cloud = FakeCloud::start().life(life(letters));
            let run = Sandbox::waiting_on(&cloud).set("DCS_UNTIL", until).run();
            run.ended("failed", 3);
            assert!(
                plain(run.reason()).replace('_', " ").contains("roll"),
                "{}",
                run.reason()
            );
            assert!(
                !run.summary.contains("applications at the target"),
                "{}",
                run.summary
            );
        },
    );
}

#[test]
fn switched_wait_says_so() {
    let rows = [
        ("completed", "z"),
        ("in-sync", "x"),
        ("full-sync", "x"),
        ("switched", "z"),
        ("switched", "s"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(until, letters)| {
            let cloud = FakeCloud::start().life(life(letters));
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_UNTIL", until),
                    ("DCS_STABLE_POLLS", "1"),
                    ("DCS_TIMEOUT", "900ms"),
                ])
                .run();
            run.ended("timeout", 124);
            let reason = plain(run.reason());
            assert!(
                reason.contains("switch") || reason.contains("exchang"),
                "{}",
                run.reason()
            );
        },
    );
}

#[test]
fn only_the_top_level_word_counts() {
    // The vendor's models of both instances have a field of that name, which is part of the request's model.
    let body = |word: &str, top: &str| {
        let text = detail_body(TASK, word, "incremental_migration", "");
        let text = text.replace(
            "\"addrs\"",
            "\"task_status\":\"ROLLBACK_SUCCESS\",\"addrs\"",
        );
        let text = text.replace(
            "\"target_instance\":{",
            "\"target_instance\":{\"task_status\":\"EXCHANGING\",",
        );
        json_reply(
            200,
            &text.replace("\"resume_mode\"", &format!("{top}\"resume_mode\"")),
        )
    };
    let rows = [
        ("completed", DONE, body("TERMINATED", ""), "completed", 0),
        ("in-sync", SYNC, body("INCRMIGEATING", ""), "in-sync", 0),
        (
            "switched",
            DONE,
            body("SUCCESS", "\"task_status\":\"EXCHANGE_SUCCESS\","),
            "switched",
            0,
        ),
        (
            "completed",
            DONE,
            body("SUCCESS", "\"task_status\":\"ROLLBACK_SUCCESS\","),
            "failed",
            3,
        ),
    ];
    each(
        &rows,
        |row| format!("{} {:?}", row.0, row.3),
        |(until, stats, detail, result, code)| {
            let cloud = FakeCloud::start()
                .stats([reading(stats)])
                .detail([detail.clone()]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_UNTIL", until), ("DCS_STABLE_POLLS", "1")])
                .run();
            run.ended(result, *code);
        },
    );
}

#[test]
fn odd_task_status_is_not_ready() {
    let rows = [
        "7",
        "true",
        "{}",
        "[\"EXCHANGE_SUCCESS\"]",
        "{\"value\":\"EXCHANGE_SUCCESS\"}",
    ];
    each(
        &rows,
        |row| (*row).to_owned(),
        |task_status| {
            for (until, stats) in [("completed", DONE), ("switched", DONE)] {
                let cloud = FakeCloud::start()
                    .stats([reading(stats)])
                    .detail([switch("SUCCESS", task_status)]);
                let run = Sandbox::waiting_on(&cloud)
                    .sets(&[("DCS_UNTIL", until), ("DCS_STATUS_CHECK", "require")])
                    .sets(&[("DCS_TIMEOUT", "900ms"), ("DCS_MAX_OUTAGE", "600ms")])
                    .run();
                assert!(
                    [6, 124].contains(&run.code),
                    "{until}: {}",
                    run.transcript()
                );
            }
        },
    );
}

// ------------------------------------------------------------------------------------------------------- switched

#[test]
fn switched_reads_the_detail_each_time() {
    let cloud = FakeCloud::start().life(life("bbbbbbbbE"));
    Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", "switched")
        .run()
        .ended("switched", 0);
    let (stats, details) = (cloud.count(Kind::Stats), cloud.count(Kind::Detail));
    assert!(
        (9..=10).contains(&stats) && stats <= details,
        "{stats} readings, {details} details"
    );
}

#[test]
fn switched_is_read_in_any_case() {
    for until in ["SWITCHED", "Switched"] {
        let cloud = FakeCloud::start().life(life("E"));
        let run = Sandbox::waiting_on(&cloud).set("DCS_UNTIL", until).run();
        run.ended("switched", 0);
        assert_eq!(
            (run.output("until"), run.output("polls")),
            ("switched", "1")
        );
    }
    let cloud = FakeCloud::start().life(life("E"));
    Sandbox::waiting_on(&cloud)
        .args(&["--until", "switched"])
        .run()
        .ended("switched", 0);
}

#[test]
fn switched_without_a_status_is_refused() {
    for mode in ["off", "OFF"] {
        let cloud = FakeCloud::start().life(life("E"));
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_UNTIL", "switched"), ("DCS_STATUS_CHECK", mode)])
            .run();
        run.ended("invalid-input", 2).says(&["status-check"]);
        assert_eq!(cloud.requests().len(), 0);
    }
    // Any other goal needs none.
    let cloud = FakeCloud::start()
        .stats([reading(DONE)])
        .detail([status("FAILED")]);
    Sandbox::waiting_on(&cloud)
        .set("DCS_STATUS_CHECK", "off")
        .run()
        .ended("completed", 0);
    assert_eq!(cloud.count(Kind::Detail), 0);
}

#[test]
fn switched_needs_a_detail_that_answers() {
    let faults: Vec<(&str, Answer)> = vec![
        ("503", refusal(503, "APIG.0613")),
        ("429", refusal(429, "APIGW.0308")),
        ("hang", Answer::Hang),
        ("reset", Answer::Reset),
        ("malformed", json_reply(200, "<html>")),
    ];
    each(
        &faults,
        |row| row.0.to_owned(),
        |(_, fault)| {
            for mode in ["auto", "require"] {
                // However often it fails, it is not gone on without.
                let cloud = FakeCloud::start()
                    .stats([reading(DONE)])
                    .detail([fault.clone()]);
                let run = Sandbox::waiting_on(&cloud)
                    .sets(&[("DCS_UNTIL", "switched"), ("DCS_STATUS_CHECK", mode)])
                    .sets(&[
                        ("DCS_REQUEST_TIMEOUT", "200ms"),
                        ("DCS_MAX_OUTAGE", "1200ms"),
                    ])
                    .run();
                run.ended("unreachable", 6);
                // And its first answer counts.
                let details = [
                    fault.clone(),
                    fault.clone(),
                    fault.clone(),
                    fault.clone(),
                    switch("SUCCESS", SWITCHED[0]),
                ];
                let cloud = FakeCloud::start().stats([reading(DONE)]).detail(details);
                let run = Sandbox::waiting_on(&cloud)
                    .sets(&[("DCS_UNTIL", "switched"), ("DCS_STATUS_CHECK", mode)])
                    .set("DCS_REQUEST_TIMEOUT", "1s")
                    .run();
                run.ended("switched", 0);
            }
        },
    );
}

#[test]
fn tasks_are_switched_together() {
    let tasks = format!("{TASK},{OTHER_TASK}");
    let run = |details: Vec<Answer>| -> Run {
        let cloud = FakeCloud::start()
            .stats([reading(DONE)])
            .detail_of(TASK, [switch("SUCCESS", SWITCHED[0])])
            .detail_of(OTHER_TASK, details);
        Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_TASK_ID", &tasks), ("DCS_UNTIL", "switched")])
            .run()
    };
    let switching = || switch("SUCCESS", SWITCHING[0]);
    run(vec![
        switching(),
        switching(),
        switch("SUCCESS", SWITCHED[0]),
    ])
    .ended("switched", 0);
    run(vec![switching(), switch("SUCCESS", ROLLED_BACK[0])])
        .ended("failed", 3)
        .says(&[OTHER_TASK]);
}

// -------------------------------------------------------------------------------------------------------- outputs

#[test]
fn ip_switch_output_is_verbatim() {
    let rows: &[(&str, &str, &str, &str, i32)] = &[
        ("completed", "", "", "completed", 0),
        ("completed", "null", "", "completed", 0),
        ("completed", "\"\"", "", "completed", 0),
        (
            "completed",
            "\"EXCHANGE_SUCCESS\"",
            "EXCHANGE_SUCCESS",
            "completed",
            0,
        ),
        (
            "switched",
            "\"EXCHANGE_SUCCESS\"",
            "EXCHANGE_SUCCESS",
            "switched",
            0,
        ),
        (
            "completed",
            "\"ROLLBACK_SUCCESS\"",
            "ROLLBACK_SUCCESS",
            "failed",
            3,
        ),
        ("completed", "\"EXCHANGING\"", "EXCHANGING", "timeout", 124),
        (
            "completed",
            "\"Prepare_Exchange\"",
            "Prepare_Exchange",
            "timeout",
            124,
        ),
    ];
    each(
        rows,
        |row| format!("{row:?}"),
        |&(until, task_status, output, result, code)| {
            let cloud = FakeCloud::start()
                .stats([reading(DONE)])
                .detail([switch("SUCCESS", task_status)]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_UNTIL", until), ("DCS_TIMEOUT", "900ms")])
                .run();
            run.ended(result, code);
            assert_eq!(run.output("ip-switch"), output);
            assert_eq!(
                run.dotenv.get("DCS_IP_SWITCH").map(String::as_str),
                Some(output)
            );
            assert_eq!(
                run.tasks()[0]["ip-switch"].as_str().unwrap_or_default(),
                output
            );
            assert_eq!(run.output("task-status"), "SUCCESS");
        },
    );
    // Where nothing was read, it is there and empty.
    let cloud = FakeCloud::start();
    let run = Sandbox::waiting_on(&cloud).set("DCS_TASK_ID", "x").run();
    run.ended("invalid-input", 2);
    assert_eq!(run.output("ip-switch"), "");
}
