//! The contract's "Keys": counts that contradict the rest of the evidence make nothing ready.

use crate::support::cloud::{Moment, switch};
use crate::support::{FakeCloud, Kind, Run, Sandbox, each, json_reply, plain, refusal};

/// What comes of a life, and after how many readings. One more is allowed: a status may have been asked for before the
/// reading beside it was made.
#[derive(Debug, Clone, Copy)]
enum End {
    Ready(usize),
    Failed(usize),
    Wait,
}

use End::{Failed, Ready, Wait};

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

/// Lines of the log that warn.
fn warnings(run: &Run) -> Vec<String> {
    let log = run.log();
    let lines = log.lines().filter(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        value["level"]
            .as_str()
            .is_some_and(|level| level.to_lowercase().starts_with("warn"))
    });
    lines.map(str::to_owned).collect()
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

/// Kinds of readings that would make that goal ready at once, and whether the task has ended with them.
const READY_KINDS: &[(&str, &str, bool)] = &[
    ("completed", "d", true),
    ("in-sync", "s", false),
    ("full-sync", "s", false),
    ("full-sync", "d", true),
    ("switched", "e", true),
    ("switched", "t", false),
];

// ------------------------------------------------------------------------------------------------------- the limit

/// `max-missing-keys`, counts, and whether what is missing is within the limit.
const LIMITS: &[(&str, &str, bool)] = &[
    ("", "531221/531211", true),
    ("", "531221/531221", true),
    // The target holds more: keys of its own.
    ("", "100/200", true),
    ("", "0/0", true),
    ("", "0/5", true),
    // 10 % of the source's keys, and not one more.
    ("", "1000/900", true),
    ("", "1000/899", false),
    ("", "531221/478099", true),
    ("", "531221/478098", false),
    ("", "10/9", true),
    ("", "9/8", false),
    ("", "1/0", false),
    ("", "531221/0", false),
    ("", "\"531221\"/\"0\"", false),
    ("", "\"531221\"/\"531211\"", true),
    ("", "9223372036854775807/9223372036854775807", true),
    ("", "9223372036854775807/0", false),
    ("", "0/9223372036854775807", true),
    ("10%", "1000/900", true),
    ("10%", "1000/899", false),
    // A number of keys.
    ("0", "10/10", true),
    ("0", "10/11", true),
    ("0", "10/9", false),
    ("5", "10/5", true),
    ("5", "10/4", false),
    ("1000", "1000/0", true),
    ("1000", "1001/0", false),
    ("9223372036854775807", "531221/0", true),
    // A percentage.
    ("0%", "10/10", true),
    ("0%", "10/9", false),
    ("1%", "100/99", true),
    ("1%", "100/98", false),
    ("50%", "100/50", true),
    ("50%", "100/49", false),
    ("100%", "531221/0", true),
    // Any.
    ("off", "531221/0", true),
    ("OFF", "531221/0", true),
    // Counts that are unknown are not judged.
    ("", "-/0", true),
    ("", "531221/-", true),
    ("", "-/-", true),
    ("", "\"\"/0", true),
    ("0", "-/0", true),
];

#[test]
fn missing_keys_beyond_the_limit_wait() {
    let mut cases = Vec::new();
    for &(until, kind, ended) in READY_KINDS {
        for &(limit, counts, within) in LIMITS {
            let end = match (within, ended) {
                (true, _) => Ready(1),
                (false, true) => Failed(3),
                (false, false) => Wait,
            };
            cases.push(Case {
                until,
                stable: "1",
                limit,
                life: format!("{kind}{counts}"),
                end,
            });
        }
    }
    each(&cases, Case::name, Case::check);
}

#[test]
fn three_readings_confirm_missing_keys() {
    hold(&[
        ("completed", "1", "", "d1000/0 d1000/0 d1000/1000", Ready(3)),
        (
            "completed",
            "1",
            "",
            "d1000/0 d1000/500 d1000/899 d1000/1000",
            Failed(3),
        ),
        (
            "completed",
            "1",
            "",
            "b1000/0 b1000/0 b1000/0 d1000/1000",
            Ready(4),
        ),
        (
            "completed",
            "1",
            "",
            "b1000/0 b1000/0 b1000/0 d1000/0 d1000/0 d1000/1000",
            Ready(6),
        ),
        // Two and two are not three in a row.
        (
            "completed",
            "1",
            "",
            "d1000/0 d1000/0 b1000/0 d1000/0 d1000/0 d1000/1000",
            Ready(6),
        ),
        ("completed", "3", "", "d1000/0 d1000/0 d1000/1000", Ready(5)),
        (
            "full-sync",
            "1",
            "",
            "c1000/0 d1000/10 d1000/10 d1000/10 d1000/1000",
            Failed(4),
        ),
        (
            "switched",
            "1",
            "",
            "b1000/0 e1000/0 e1000/0 e1000/0 e1000/1000",
            Failed(4),
        ),
        // While it migrates, keys may still come.
        (
            "in-sync",
            "1",
            "",
            "s1000/0 s1000/0 s1000/0 s1000/0 s1000/1000",
            Ready(5),
        ),
        (
            "full-sync",
            "1",
            "",
            "s1000/0 s1000/0 s1000/0 s1000/0 s1000/1000",
            Ready(5),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/0 s1000/0 s1000/990 s1000/1000 s1000/1000",
            Ready(5),
        ),
        // A reading over the limit is none of the row.
        (
            "in-sync",
            "3",
            "",
            "s100/100 s100/100 s100/50 s100/100 s100/100 s100/100",
            Ready(6),
        ),
    ]);
}

#[test]
fn the_reason_has_the_numbers() {
    let rows = [
        ("completed", "d531221/12", "failed", 3),
        ("in-sync", "s531221/12", "timeout", 124),
        ("full-sync", "s531221/12", "timeout", 124),
        ("switched", "e531221/12", "failed", 3),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(until, text, result, code)| {
            let cloud = FakeCloud::start().life(life(text));
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_UNTIL", until),
                    ("DCS_STABLE_POLLS", "1"),
                    ("DCS_TIMEOUT", "1500ms"),
                ])
                .run();
            run.ended(result, code);
            let reason = plain(run.reason());
            for word in ["key", "531"] {
                assert!(
                    reason.contains(word),
                    "`{word}` is not in: {}",
                    run.reason()
                );
            }
            assert!(
                reason.contains("531221") && reason.contains("12") || reason.contains("531209"),
                "{reason}"
            );
        },
    );
}

#[test]
fn unknown_counts_are_told_in_summary() {
    let said = |text: &str| {
        let cloud = FakeCloud::start().life(life(text));
        let run = Sandbox::waiting_on(&cloud).run();
        run.ended("completed", 0);
        plain(&run.summary).contains("not compared")
    };
    for unknown in ["d-/-", "d531221/-", "d-/531221"] {
        assert!(said(unknown), "{unknown}");
    }
    assert!(!said("d531221/531211"));
}

// ------------------------------------------------------------------------------------------------- counts of nothing

#[test]
fn count_fallen_to_zero_waits() {
    hold(&[
        // Both fall in the middle of the row: a source that restarted empty, and replicated that.
        ("in-sync", "3", "", "s5000/5000 s5000/5000 s0/0", Wait),
        ("in-sync", "3", "", "s5000/5000 s0/0", Wait),
        ("in-sync", "1", "", "b5000/5000 s0/0", Wait),
        ("in-sync", "3", "", "s5/5 s5/5 s0/0", Wait),
        ("in-sync", "3", "", "b1/1 b5000/5000 b0/0 s0/0", Wait),
        ("full-sync", "1", "", "c5000/100 s0/0", Wait),
        ("switched", "1", "", "b5000/5000 t0/0", Wait),
        // One of them falls; the limit itself would allow it.
        ("in-sync", "1", "100000", "b5000/5000 s5000/0", Wait),
        ("in-sync", "1", "", "b5000/5000 s0/5000", Wait),
        ("in-sync", "1", "100%", "b5000/5000 s5000/0", Wait),
        // Until it is over 0 again.
        (
            "in-sync",
            "3",
            "",
            "s5000/5000 s0/0 s0/0 s100/100",
            Ready(6),
        ),
        (
            "in-sync",
            "1",
            "",
            "b5000/5000 s0/0 s0/0 s100/100",
            Ready(4),
        ),
        ("in-sync", "1", "", "b5000/5000 s0/0 s1/1", Ready(3)),
        ("completed", "1", "", "b5000/5000 b0/0 b7/7 d7/7", Ready(4)),
        // A count that is not known is not over 0.
        ("in-sync", "1", "", "b5000/5000 s0/0 s-/-", Wait),
        // The source's counts while the task migrates, the target's always.
        ("completed", "1", "", "b5000/5000 d0/0", Wait),
        ("completed", "1", "", "b5000/5000 d0/5000", Ready(2)),
        ("completed", "1", "100%", "b5000/5000 d5000/0", Wait),
        ("switched", "1", "", "b5000/5000 e0/0", Wait),
        ("switched", "1", "", "b5000/5000 e0/5000", Ready(2)),
        ("full-sync", "1", "", "c5000/5000 d0/0", Wait),
        ("full-sync", "1", "", "c5000/5000 d0/5000", Ready(2)),
        // Over the limit, too: that fails.
        ("completed", "1", "", "b5000/5000 d5000/0", Failed(4)),
        ("switched", "1", "", "b5000/5000 e5000/0", Failed(4)),
        // A count that never was over 0.
        ("in-sync", "3", "", "s0/0", Ready(3)),
        ("completed", "1", "", "b0/0 d0/0", Ready(2)),
        ("completed", "1", "", "b-/- d0/0", Ready(2)),
        ("completed", "1", "", "b5000/0 d5000/5000", Ready(2)),
        ("in-sync", "1", "5000", "b5000/0 s5000/0", Ready(2)),
        // No rule about keys.
        ("in-sync", "3", "off", "s5000/5000 s0/0 s0/0", Ready(3)),
        ("completed", "1", "off", "b5000/5000 d0/0", Ready(2)),
        ("completed", "1", "off", "b5000/5000 d5000/0", Ready(2)),
    ]);
}

// ------------------------------------------------------------------------------------------- a row that starts again

/// Rows that start again, each with one warning.
const AGAIN: &[Line] = &[
    // A count of 1,000 or more falls by more than half.
    (
        "in-sync",
        "3",
        "",
        "s2000/2000 s2000/2000 s900/900",
        Ready(5),
    ),
    ("in-sync", "3", "", "s2000/2000 s900/900", Ready(4)),
    (
        "in-sync",
        "3",
        "",
        "s1000/1000 s1000/1000 s499/499",
        Ready(5),
    ),
    (
        "in-sync",
        "3",
        "5000",
        "s2000/2000 s2000/2000 s2000/900",
        Ready(5),
    ),
    (
        "in-sync",
        "3",
        "",
        "s2000/2000 s2000/2000 s900/2000",
        Ready(5),
    ),
    ("in-sync", "2", "", "s2000/2000 s900/900", Ready(3)),
    (
        "completed",
        "3",
        "",
        "d2000/2000 d2000/2000 d900/900",
        Ready(5),
    ),
    (
        "full-sync",
        "3",
        "",
        "s2000/2000 s2000/2000 s900/900",
        Ready(5),
    ),
    (
        "switched",
        "3",
        "",
        "e2000/2000 e2000/2000 e900/900",
        Ready(5),
    ),
    // What is missing grew in each reading, by more than 1 % in all.
    (
        "in-sync",
        "3",
        "",
        "s1000/1000 s1010/1000 s1020/1000",
        Ready(5),
    ),
    (
        "in-sync",
        "3",
        "",
        "s1000/1000 s1000/990 s1000/980",
        Ready(5),
    ),
    ("in-sync", "2", "", "s1000/1000 s1020/1000", Ready(3)),
    (
        "in-sync",
        "3",
        "",
        "s531221/531221 s534000/531221 s537000/531221",
        Ready(5),
    ),
    (
        "completed",
        "3",
        "",
        "d1000/1000 d1000/990 d1000/980",
        Ready(5),
    ),
    (
        "full-sync",
        "3",
        "",
        "s1000/1000 s1010/1000 s1020/1000",
        Ready(5),
    ),
];

#[test]
fn counts_that_halve_start_again() {
    hold(AGAIN);
    // A failed poll in between takes nothing away.
    hold(&[(
        "in-sync",
        "3",
        "",
        "s2000/2000 s2000/2000 f s900/900",
        Ready(6),
    )]);
}

#[test]
fn restarted_row_warns_once() {
    each(
        AGAIN,
        |row| format!("{row:?}"),
        |&(until, stable, limit, text, end)| {
            let case = Case {
                until,
                stable,
                limit,
                life: text.to_owned(),
                end,
            };
            let (run, ..) = case.run();
            run.ended(until, 0);
            assert_eq!(warnings(&run).len(), 1, "{:#?}", warnings(&run));
        },
    );
}

#[test]
fn source_that_outgrows_target_waits() {
    let growing: String = (0..9)
        .map(|n| format!("s{}/1000 ", 1000 + n * 10))
        .collect();
    let run = |life: String, result: &str, code: i32| {
        let (run, asked, _) = Case {
            until: "in-sync",
            stable: "3",
            limit: "",
            life,
            end: Ready(0),
        }
        .run();
        run.ended(result, code);
        asked
    };
    // As long as it grows, and once it stops.
    let asked = run(format!("{growing} !"), "denied", 5);
    assert!(asked > 9, "{asked} readings");
    let asked = run(growing.clone(), "in-sync", 0);
    assert!((10..=12).contains(&asked), "{asked} readings");
}

#[test]
fn small_changes_restart_nothing() {
    hold(&[
        // Half, and no more than that.
        (
            "in-sync",
            "3",
            "",
            "s2000/2000 s2000/2000 s1000/1000",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/1000 s1000/1000 s500/500",
            Ready(3),
        ),
        // Under 1,000 keys.
        ("in-sync", "3", "", "s999/999 s999/999 s1/1", Ready(3)),
        // More keys.
        (
            "in-sync",
            "3",
            "",
            "s900/900 s2000/2000 s5000/5000",
            Ready(3),
        ),
        // It fell before the row began.
        ("in-sync", "3", "", "b5000/5000 b900/900 s900/900", Ready(5)),
        // Grown by 1 % at most.
        (
            "in-sync",
            "3",
            "",
            "s10000/10000 s10030/10000 s10060/10000",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/1000 s1000/995 s1000/990",
            Ready(3),
        ),
        // Not in each reading.
        (
            "in-sync",
            "3",
            "",
            "s1000/1000 s1020/1000 s1020/1000",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/980 s1000/1000 s1030/1000",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/950 s1000/960 s1000/970",
            Ready(3),
        ),
        // Source and target grow alike.
        (
            "in-sync",
            "3",
            "",
            "s1000/1000 s1100/1100 s1200/1200",
            Ready(3),
        ),
        // A row of one reading has nothing to grow in.
        ("in-sync", "1", "", "s1000/1000", Ready(1)),
        // No counts.
        ("in-sync", "3", "", "s2000/2000 s-/- s-/-", Ready(3)),
        // No rule about keys.
        (
            "in-sync",
            "3",
            "off",
            "s2000/2000 s2000/2000 s900/900",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "off",
            "s1000/1000 s1010/1000 s1020/1000",
            Ready(3),
        ),
    ]);
}

// ------------------------------------------------------------------------------------------------------- the input

#[test]
fn bad_limits_name_their_value() {
    let rows = [
        "-1", "-5%", "ten", "%", "1e3", "nan%", "on", "true", "5 keys", "1.5", "0x10", "5%%",
        "10%5", "--",
    ];
    each(
        &rows,
        |row| (*row).to_owned(),
        |value| {
            let cloud = FakeCloud::start().life(life("d10/10"));
            let run = Sandbox::waiting_on(&cloud)
                .set("DCS_MAX_MISSING_KEYS", value)
                .run();
            run.ended("invalid-input", 2)
                .says(&["max-missing-keys", value]);
            assert_eq!(cloud.requests().len(), 0);
        },
    );
}

#[test]
fn the_limit_comes_from_each_place() {
    let run = |change: fn(Sandbox) -> Sandbox| {
        let cloud = FakeCloud::start().life(life("d100/0"));
        change(Sandbox::waiting_on(&cloud)).run()
    };
    run(|sandbox| sandbox).ended("failed", 3);
    run(|sandbox| sandbox.set("DCS_MAX_MISSING_KEYS", "100")).ended("completed", 0);
    run(|sandbox| sandbox.set("INPUT_MAX-MISSING-KEYS", "100")).ended("completed", 0);
    run(|sandbox| sandbox.set("INPUT_MAX_MISSING_KEYS", "100%")).ended("completed", 0);
    run(|sandbox| sandbox.args(&["--max-missing-keys", "Off"])).ended("completed", 0);
    run(|sandbox| {
        sandbox
            .args(&["--max-missing-keys", "99"])
            .set("DCS_MAX_MISSING_KEYS", "off")
    })
    .ended("failed", 3);
    // Empty is not set.
    run(|sandbox| sandbox.set("DCS_MAX_MISSING_KEYS", " ")).ended("failed", 3);
}

#[test]
fn huge_counts_end_in_order() {
    let rows = [
        "d9223372036854775807/-9223372036854775808",
        "d-9223372036854775808/9223372036854775807",
        "d-1/-1",
    ];
    each(
        &rows,
        |row| (*row).to_owned(),
        |text| {
            let cloud = FakeCloud::start().life(life(text));
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_TIMEOUT", "1s"), ("DCS_MAX_OUTAGE", "800ms")])
                .run();
            assert_ne!(run.code, 1, "{}", run.transcript());
            run.holds_together();
        },
    );
}
