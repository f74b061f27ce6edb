//! Evidence that is missing, old, another task's or misread makes nothing ready, and what the cloud says about an end.

use crate::ends::NOISE;
use crate::errors::{EXCHANGE, LOGIN, issued, with_oidc, with_password};
use crate::support::cloud::{Moment, detail_body, list_path, logs_path, status_of};
use crate::support::{
    Answer, FakeCloud, Kind, OTHER_TASK, Run, Sandbox, TASK, TOKEN, broken, each, json_reply,
    plain, refusal, status,
};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A reading; each value is JSON text, and an empty one is left out.
fn reading(is_migrating: &str, progress: &str, offset: &str) -> Answer {
    let fields = [
        ("is_migrating", is_migrating),
        ("full_migration_progress", progress),
        ("offset", offset),
    ];
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    let fields: Vec<String> = fields
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    json_reply(200, &format!("{{{}}}", fields.join(",")))
}

fn done() -> Answer {
    reading("false", "100", "0")
}

fn sync() -> Answer {
    reading("true", "100", "0")
}

fn behind() -> Answer {
    reading("true", "100", "7")
}

fn copying() -> Answer {
    reading("true", "40", "null")
}

/// Lines of a JSON log that warn.
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

#[test]
fn a_ready_task_takes_two_requests() {
    for (until, stats, word) in [
        ("completed", done(), "TERMINATED"),
        ("in-sync", sync(), "INCRMIGEATING"),
        ("full-sync", sync(), "MIGRATING"),
    ] {
        let cloud = FakeCloud::start().stats([stats]).detail([status(word)]);
        Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_UNTIL", until), ("DCS_STABLE_POLLS", "1")])
            .run()
            .ended(until, 0);
        assert_eq!((cloud.count(Kind::Stats), cloud.requests().len()), (1, 2));
    }
}

// ------------------------------------------------------------------------------------ a status that does not answer

/// Ways in which the detail alone does not answer.
fn no_status() -> Vec<(&'static str, Answer)> {
    vec![
        ("503", refusal(503, "APIG.0613")),
        ("500", refusal(500, "DCS.5000")),
        ("429", refusal(429, "APIGW.0308")),
        ("403", refusal(403, "DCS.2003")),
        ("404", refusal(404, "APIGW.0101")),
        ("405", refusal(405, "DCS.5001")),
        ("hang", Answer::Hang),
        ("reset", Answer::Reset),
        ("broken off", broken()),
        ("no JSON", json_reply(200, "<html>")),
        ("no status", json_reply(200, "{}")),
    ]
}

#[test]
fn fewer_than_three_failures_judge_nothing() {
    // Also the first ones, and also after a status was known.
    let lives: &[(&str, &str, &[&str])] = &[
        ("completed", "false", &["f", "FAILED"]),
        ("completed", "false", &["f", "f", "FAILED"]),
        ("completed", "false", &["INCRMIGEATING", "f", "FAILED"]),
        ("completed", "false", &["INCRMIGEATING", "f", "f", "FAILED"]),
        (
            "completed",
            "false",
            &["TERMINATING", "f", "TERMINATING", "f", "f", "FAILED"],
        ),
        ("in-sync", "true", &["f", "FAILED"]),
        ("in-sync", "true", &["f", "f", "FAILED"]),
        ("full-sync", "true", &["f", "f", "FAILED"]),
    ];
    let faults = no_status();
    let rows: Vec<_> = faults
        .iter()
        .flat_map(|fault| lives.iter().map(move |life| (fault, life)))
        .collect();
    each(
        &rows,
        |(fault, life)| format!("{}: {life:?}", fault.0),
        |(fault, (until, is_migrating, words))| {
            let details = words.iter().map(|word| {
                if *word == "f" {
                    fault.1.clone()
                } else {
                    status(word)
                }
            });
            let cloud = FakeCloud::start()
                .stats([reading(is_migrating, "100", "0")])
                .detail(details);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_UNTIL", until),
                    ("DCS_STABLE_POLLS", "1"),
                    ("DCS_REQUEST_TIMEOUT", "700ms"),
                ])
                .run();
            run.ended("failed", 3);
        },
    );
}

#[test]
fn three_failures_count_as_no_status() {
    each(
        &no_status(),
        |row| row.0.to_owned(),
        |(_, fault)| {
            for (until, stats) in [("completed", done()), ("in-sync", sync())] {
                let cloud = FakeCloud::start().stats([stats]).detail([fault.clone()]);
                let run = Sandbox::waiting_on(&cloud)
                    .sets(&[
                        ("DCS_UNTIL", until),
                        ("DCS_STABLE_POLLS", "1"),
                        ("DCS_REQUEST_TIMEOUT", "400ms"),
                    ])
                    .sets(&[("DCS_LOG_FORMAT", "json"), ("DCS_MAX_OUTAGE", "4s")])
                    .run();
                run.ended(until, 0);
                assert!(
                    plain(&run.summary).contains("not confirmed"),
                    "{}",
                    run.summary
                );
                assert!(
                    cloud.count(Kind::Detail) >= 3,
                    "{} details\n{}",
                    cloud.count(Kind::Detail),
                    run.transcript()
                );
                // One that it goes on without; each failure may have had its own.
                assert!(
                    (1..=4).contains(&warnings(&run).len()),
                    "{:#?}",
                    warnings(&run)
                );
            }
        },
    );
}

#[test]
fn late_status_is_never_ready() {
    let goals = || {
        vec![
            ("completed", vec![done()]),
            ("in-sync", vec![sync()]),
            ("full-sync", vec![sync()]),
        ]
    };
    type Row = (&'static str, Vec<Answer>, Vec<(&'static str, Vec<Answer>)>);
    let rows: Vec<Row> = vec![
        ("hangs", vec![Answer::Hang], goals()),
        (
            "hangs after a refusal",
            vec![refusal(403, "DCS.2003"), Answer::Hang],
            goals(),
        ),
        (
            "hangs after two failures",
            vec![refusal(503, "x"), refusal(503, "x"), Answer::Hang],
            goals(),
        ),
        (
            "hangs after a status",
            vec![status("FULLMIGRATING"), Answer::Hang],
            vec![
                ("completed", vec![copying(), done()]),
                ("in-sync", vec![copying(), sync()]),
                ("full-sync", vec![copying(), sync()]),
            ],
        ),
        (
            "asks to wait",
            vec![refusal(429, "APIGW.0308").with("Retry-After", "3600")],
            goals(),
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, details, goals)| {
            for (until, stats) in goals {
                let cloud = FakeCloud::start()
                    .stats(stats.clone())
                    .detail(details.clone());
                let run = Sandbox::waiting_on(&cloud)
                    .sets(&[("DCS_UNTIL", until), ("DCS_STABLE_POLLS", "1")])
                    .sets(&[("DCS_TIMEOUT", "1200ms"), ("DCS_REQUEST_TIMEOUT", "10s")])
                    .run();
                run.ended("timeout", 124);
                assert!(
                    run.took < Duration::from_millis(2200) + NOISE,
                    "{:?}",
                    run.took
                );
            }
        },
    );
}

// ------------------------------------------------------------------------------------------------ old evidence

#[test]
fn late_status_confirms_nothing() {
    for mode in ["auto", "require"] {
        // The server asks to wait for a second, and what was read before is over by then.
        let busy = refusal(503, "APIG.0613").with("Retry-After", "1");
        let cloud = FakeCloud::start()
            .stats([done(), behind()])
            .detail([busy, status("TERMINATED")]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[
                ("DCS_STATUS_CHECK", mode),
                ("DCS_REQUEST_TIMEOUT", "300ms"),
                ("DCS_TIMEOUT", "3s"),
            ])
            .run();
        run.ended("timeout", 124);
        assert!(cloud.count(Kind::Stats) >= 2);
    }
}

/// How long after the last reading of a task its last status was asked for.
fn lag(cloud: &FakeCloud, task: &str) -> Duration {
    let requests = cloud.requests();
    let last = |kind: Kind| {
        let of_task = |request: &&crate::support::cloud::Request| {
            request.kind == kind && request.target.contains(task)
        };
        requests.iter().rev().find(of_task).unwrap().at
    };
    last(Kind::Detail).saturating_duration_since(last(Kind::Stats))
}

/// What a noisy machine may add to the age of a reading.
const LATE: Duration = Duration::from_millis(400);

#[test]
fn other_tasks_age_no_reading() {
    // The other task has to wait while the reading that would make ready is under way.
    const SLOW: u64 = 700;
    let busy = refusal(429, "APIGW.0308").with("Retry-After", "3");
    let mut others = vec![behind(); 15];
    others.extend([busy, done()]);
    let cloud = FakeCloud::start()
        .stats_of(TASK, [behind(), done().late(SLOW), done()])
        .stats_of(OTHER_TASK, others)
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_TASK_ID", &format!("{TASK},{OTHER_TASK}"))
        .set("DCS_REQUEST_TIMEOUT", "1s")
        .run();
    run.ended("completed", 0);
    let most = Duration::from_millis(SLOW) + Duration::from_secs(1) + LATE;
    assert!(lag(&cloud, TASK) <= most, "{:?}", lag(&cloud, TASK));
}

#[test]
fn a_small_budget_ages_no_reading() {
    let ids: Vec<String> = (0..12).map(|n| format!("{n:032x}")).collect();
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_TASK_ID", &ids.join(","))
        .sets(&[
            ("DCS_MAX_REQUESTS_PER_SECOND", "4"),
            ("DCS_REQUEST_TIMEOUT", "500ms"),
        ])
        .run();
    run.ended("completed", 0);
    for id in &ids {
        assert!(
            lag(&cloud, id) <= Duration::from_millis(500) + LATE,
            "{id}: {:?}",
            lag(&cloud, id)
        );
    }
}

#[test]
fn a_small_budget_breaks_no_row() {
    // Two polls a second at most, and 3 × max-interval is 300 ms: the budget alone keeps readings further apart.
    let ids = [TASK, OTHER_TASK].join(",");
    for (tasks, budget) in [(TASK, "4"), (TASK, "3"), (&ids, "4")] {
        let cloud = FakeCloud::start()
            .stats([sync()])
            .detail([status("INCRMIGEATING")]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[
                ("DCS_UNTIL", "in-sync"),
                ("DCS_STABLE_POLLS", "3"),
                ("DCS_TASK_ID", tasks),
            ])
            .set("DCS_MAX_REQUESTS_PER_SECOND", budget)
            .run();
        run.ended("in-sync", 0);
    }
}

#[test]
fn standstill_restarts_the_count() {
    // 3 × max-interval is 900 ms here. Where the machine was too slow for the plan, there is another try.
    for _ in 0..5 {
        let cloud = FakeCloud::start()
            .stats([sync()])
            .detail([status("INCRMIGEATING")]);
        let running = Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_UNTIL", "in-sync"), ("DCS_STABLE_POLLS", "3")])
            .sets(&[
                ("DCS_INITIAL_INTERVAL", "300ms"),
                ("DCS_MAX_INTERVAL", "300ms"),
            ])
            .start();
        let start = Instant::now();
        while cloud.count(Kind::Stats) < 2 && start.elapsed() < NOISE {
            thread::sleep(Duration::from_millis(5));
        }
        // Time to read the answers.
        thread::sleep(Duration::from_millis(100));
        running.signal("STOP");
        let before = cloud.count(Kind::Stats);
        thread::sleep(Duration::from_millis(1500));
        running.signal("CONT");
        let run = running.end();
        run.ended("in-sync", 0);
        let after = cloud.count(Kind::Stats) - before;
        if before == 2 {
            assert!(
                after >= 3,
                "{after} readings after it\n{}",
                run.transcript()
            );
            return;
        }
    }
    println!("SKIPPED: this machine is too slow to stop a process between two readings");
}

// --------------------------------------------------------------------------------------- secrets that are words

#[test]
fn secret_word_changes_no_reading() {
    // Secret, reading, status, result, exit code.
    type Row = (
        &'static str,
        fn() -> Answer,
        &'static str,
        &'static str,
        i32,
    );
    let short: fn() -> Answer = || reading("false", "40", "0");
    let open: fn() -> Answer = || reading("false", "100", "531221");
    let rows: &[Row] = &[
        ("progress", short, "TERMINATED", "failed", 3),
        ("full_migration_progress", short, "TERMINATED", "failed", 3),
        ("migration", short, "TERMINATED", "failed", 3),
        ("offset", open, "TERMINATED", "failed", 3),
        ("531221", open, "TERMINATED", "failed", 3),
        ("is_migrating", done, "TERMINATED", "completed", 0),
        ("TERMINATED", done, "TERMINATED", "completed", 0),
        ("status", done, "FAILED", "failed", 3),
        ("FAILED", done, "FAILED", "failed", 3),
        ("incremental_migration", done, "TERMINATED", "completed", 0),
    ];
    each(
        rows,
        |row| format!("{} with {}", row.0, row.2),
        |&(secret, stats, word, result, code)| {
            let check = |run: &Run| {
                let got = run.outputs.get("result").map(String::as_str);
                assert_eq!(
                    (got, run.code),
                    (Some(result), code),
                    "{}",
                    run.transcript()
                );
            };
            let cloud = FakeCloud::start().stats([stats()]).detail([status(word)]);
            let bounded = |sandbox: Sandbox| {
                sandbox
                    .sets(&[("DCS_TIMEOUT", "3s"), ("DCS_MAX_OUTAGE", "2s")])
                    .run()
            };
            check(&bounded(
                Sandbox::waiting_on(&cloud).set("DCS_AUTH_TOKEN", secret),
            ));
            let cloud = cloud.on("POST", LOGIN, [issued("IssuedToken1")]);
            check(&bounded(with_password(&cloud).set("DCS_PASSWORD", secret)));
        },
    );
}

#[test]
fn body_of_secrets_delays_nothing() {
    const SHORT_TOKEN: &str = "kzqvwxyj";
    let words = SHORT_TOKEN.repeat((1 << 20) / SHORT_TOKEN.len() - 100);
    let rows: Vec<(&str, Answer, Answer)> = vec![
        (
            "an error",
            json_reply(
                503,
                &format!(r#"{{"error_code":"x","error_msg":"{words}"}}"#),
            ),
            status("TERMINATED"),
        ),
        (
            "a reading",
            json_reply(200, &format!(r#"{{"is_migrating":true,"x":"{words}"}}"#)),
            status("TERMINATED"),
        ),
        (
            "a status",
            done(),
            json_reply(
                503,
                &format!(r#"{{"error_code":"x","error_msg":"{words}"}}"#),
            ),
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, stats, detail)| {
            let cloud = FakeCloud::start()
                .stats([stats.clone(), stats.clone(), done()])
                .detail([detail.clone(), detail.clone(), status("TERMINATED")]);
            let run = Sandbox::waiting_on(&cloud)
                .secret("DCS_AUTH_TOKEN", SHORT_TOKEN)
                .run();
            run.ended("completed", 0);
            assert!(
                cloud.count(Kind::Stats) >= 3,
                "{} readings",
                cloud.count(Kind::Stats)
            );
        },
    );
}

// ------------------------------------------------------------------------------------------------------- numbers

#[test]
fn nearly_100_is_not_100() {
    let rows = [
        "99.99999999999999999999",
        "\"99.99999999999999999999\"",
        "\"99.999999999999999999999999999999 %\"",
        "99.999999999999999999999999999999999999999999999999999999999999",
    ];
    each(
        &rows,
        |row| (*row).to_owned(),
        |progress| {
            let cloud = FakeCloud::start()
                .stats([reading("false", progress, "0")])
                .detail([status("TERMINATED")]);
            Sandbox::waiting_on(&cloud).run().ended("failed", 3);
            let cloud = FakeCloud::start()
                .stats([reading("true", progress, "0")])
                .detail([status("INCRMIGEATING")]);
            for until in ["in-sync", "full-sync"] {
                let run = Sandbox::waiting_on(&cloud)
                    .sets(&[("DCS_UNTIL", until), ("DCS_TIMEOUT", "700ms")])
                    .run();
                run.ended("timeout", 124);
            }
        },
    );
}

#[test]
fn odd_number_spellings_are_malformed() {
    let progress = [
        "9.999999999999999999999e1",
        "\"9.999999999999999999999e1\"",
        "\"099.99999999999999999999\"",
        "\"+99.99999999999999999999\"",
        "\"+100\"",
        "\"0100\"",
        "\"00100\"",
        "\"0100.0\"",
        "1e2",
        "1E2",
        "\"1e2\"",
        "\"1E+2\"",
        "100e0",
        "10000e-2",
        "\"100e0\"",
    ];
    let offset = [
        "\"+0\"", "\"00\"", "\"000\"", "0e0", "0E5", "\"0e0\"", "\"0E5\"", "\"+7\"", "\"007\"",
        "\"-00\"",
    ];
    let rows: Vec<(&str, &str, &str)> = progress
        .iter()
        .map(|&value| ("full_migration_progress", value, "0"))
        .chain(offset.iter().map(|&value| ("offset", "100", value)))
        .collect();
    each(
        &rows,
        |row| format!("{row:?}"),
        |(field, progress, offset)| {
            let cloud = FakeCloud::start()
                .stats([reading("false", progress, offset)])
                .detail([status("TERMINATED")]);
            let run = Sandbox::waiting_on(&cloud)
                .set("DCS_MAX_OUTAGE", "400ms")
                .run();
            run.ended("unreachable", 6).says(&[field]);
            assert!(cloud.count(Kind::Stats) >= 2);
        },
    );
}

#[test]
fn plain_number_spellings_are_read() {
    let rows = [
        ("100", "0"),
        ("\"100\"", "\"0\""),
        ("100.0", "0"),
        ("\"100.000\"", "\" 0\""),
        ("\" 100 \"", "\"0 \""),
        ("\"100%\"", "0"),
        ("\"100 %\"", "0"),
        ("\" 100.0 % \"", "0"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |(progress, offset)| {
            let cloud = FakeCloud::start()
                .stats([reading("false", progress, offset)])
                .detail([status("TERMINATED")]);
            Sandbox::waiting_on(&cloud).run().ended("completed", 0);
        },
    );
}

// ------------------------------------------------------------------------------------------------------ the past

#[test]
fn the_last_known_progress_counts() {
    let unmeasured = |is_migrating: &str, spelling: &str| reading(is_migrating, spelling, "0");
    let copy = || (copying(), status("FULLMIGRATING"));
    let incremental = || (behind(), status("INCRMIGEATING"));
    let ended = |spelling: &str, word: &str| (unmeasured("false", spelling), status(word));
    let end = || (refusal(403, "DCS.2003"), refusal(403, "DCS.2003"));
    let follows = |word: &str| (unmeasured("true", "null"), status(word));
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        Vec<Moment>,
        &'static str,
        i32,
    );
    let rows: Vec<Row> = vec![
        (
            "null",
            "completed",
            "auto",
            vec![copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        (
            "absent",
            "completed",
            "auto",
            vec![copy(), ended("", "TERMINATED")],
            "failed",
            3,
        ),
        (
            "empty",
            "completed",
            "auto",
            vec![copy(), ended("\"\"", "SUCCESS")],
            "failed",
            3,
        ),
        (
            "released",
            "completed",
            "auto",
            vec![copy(), ended("null", "RELEASED")],
            "failed",
            3,
        ),
        (
            "several",
            "completed",
            "auto",
            vec![copy(), follows("MIGRATING"), ended("null", "SUCCESS")],
            "failed",
            3,
        ),
        (
            "required",
            "completed",
            "require",
            vec![copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        // Seen migrating, and three readings agree.
        (
            "without a status",
            "completed",
            "off",
            vec![copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        (
            "full-sync",
            "full-sync",
            "auto",
            vec![copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        // A newer one replaces it.
        (
            "newer",
            "completed",
            "auto",
            vec![copy(), incremental(), ended("null", "TERMINATED")],
            "completed",
            0,
        ),
        (
            "newer, released",
            "completed",
            "auto",
            vec![incremental(), ended("null", "RELEASED")],
            "completed",
            0,
        ),
        (
            "a copy that began again",
            "completed",
            "auto",
            vec![incremental(), copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        (
            "in-sync",
            "in-sync",
            "auto",
            vec![incremental(), follows("MIGRATING")],
            "in-sync",
            0,
        ),
        (
            "in-sync, short",
            "in-sync",
            "auto",
            {
                let mut life = vec![copy()];
                life.extend(vec![follows("INCRMIGEATING"); 5]);
                life.push(end());
                life
            },
            "denied",
            5,
        ),
        // None was known.
        (
            "never known",
            "completed",
            "auto",
            vec![ended("null", "TERMINATED")],
            "completed",
            0,
        ),
    ];
    each(
        &rows,
        |row| format!("{}: {} -> {}", row.0, row.1, row.4),
        |(_, until, mode, life, result, code)| {
            let cloud = FakeCloud::start().life(life.clone());
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_UNTIL", until),
                    ("DCS_STATUS_CHECK", mode),
                    ("DCS_STABLE_POLLS", "1"),
                ])
                .set("DCS_TIMEOUT", "4s")
                .run();
            run.ended(result, *code);
        },
    );
}

// ------------------------------------------------------------------------------------------------- several tasks

fn two(cloud: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(cloud)
        .sets(&[
            ("DCS_TASK_ID", &format!("{TASK},{OTHER_TASK}")),
            ("DCS_UNTIL", "in-sync"),
        ])
        .sets(&[
            ("DCS_INITIAL_INTERVAL", "20ms"),
            ("DCS_MAX_INTERVAL", "20ms"),
        ])
}

/// A task that is in sync long after the other one got there.
fn late() -> Vec<Answer> {
    let mut stats = vec![behind(); 25];
    stats.push(sync());
    stats
}

#[test]
fn early_in_sync_task_reads_again() {
    // With three readings the status is read at the first one and before the end of the row.
    let ends_as = |stable: &str, stats: Vec<Answer>, word: &str| {
        let mut details = vec![status("INCRMIGEATING"); if stable == "1" { 1 } else { 2 }];
        details.push(status(word));
        let cloud = FakeCloud::start()
            .stats_of(TASK, stats)
            .detail_of(TASK, details)
            .stats_of(OTHER_TASK, late())
            .detail_of(OTHER_TASK, [status("INCRMIGEATING")]);
        two(&cloud)
            .set("DCS_STABLE_POLLS", stable)
            .run()
            .ended("failed", 3)
            .says(&[TASK]);
    };
    // It failed since, and it was stopped since.
    ends_as("1", vec![sync()], "FAILED");
    ends_as("3", vec![sync()], "FAILED");
    ends_as("3", vec![sync(), sync(), sync(), done()], "TERMINATED");
}

#[test]
fn task_that_lost_sync_waits_on() {
    // Its row is over after three readings; what comes then is read at the end.
    let lost = |after: Vec<Answer>| {
        let stats: Vec<Answer> = vec![sync(); 3].into_iter().chain(after).collect();
        FakeCloud::start()
            .stats_of(TASK, stats)
            .stats_of(OTHER_TASK, late())
            .detail([status("INCRMIGEATING")])
    };
    let cloud = lost(vec![behind(), behind(), sync()]);
    two(&cloud).run().ended("in-sync", 0);
    let of_first = cloud
        .requests()
        .iter()
        .filter(|r| r.kind == Kind::Stats && r.target.contains(TASK))
        .count();
    assert!(
        of_first >= 6,
        "{of_first} readings of the task that lost it"
    );

    let run = two(&lost(vec![behind()])).set("DCS_TIMEOUT", "3s").run();
    run.ended("timeout", 124).says(&[TASK]);
}

#[test]
fn a_deleted_task_hides_no_other() {
    let id = |n: usize| format!("{n:032x}");
    // Where pages of any usual size begin, and the last two.
    let running: Vec<usize> = vec![10, 20, 50, 100, 200, 500, 1000, 1001];
    let list = |skipped: usize| -> Arc<Vec<(String, String)>> {
        let word = |n: usize| {
            if running.contains(&n) {
                "INCRMIGEATING"
            } else {
                "SUCCESS"
            }
        };
        Arc::new(
            (skipped..1002)
                .map(|n| (id(n), word(n).to_owned()))
                .collect(),
        )
    };
    for lives in [
        vec![list(0), list(1)],
        vec![list(0), list(1), list(2), list(3)],
        vec![list(0)],
    ] {
        let pages = lives.into_iter().map(Answer::Page);
        let cloud = FakeCloud::start()
            .on("GET", &list_path(), pages)
            .stats([sync()])
            .detail([status("INCRMIGEATING")]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[
                ("DCS_TASK_ID", "all-running"),
                ("DCS_UNTIL", "in-sync"),
                ("DCS_STABLE_POLLS", "1"),
            ])
            .run();
        run.ended("in-sync", 0);
        let tasks = run.tasks();
        let mut waited: Vec<&str> = tasks
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|t| t["task-id"].as_str())
            .collect();
        waited.sort_unstable();
        assert_eq!(waited, running.iter().map(|&n| id(n)).collect::<Vec<_>>());
        let queries = cloud
            .requests()
            .into_iter()
            .filter(|request| request.kind == Kind::Other);
        for request in queries {
            assert!(request.target.contains("limit=1000"), "{}", request.target);
        }
    }
}

#[test]
fn oversized_page_is_requested_smaller() {
    let running = [10, 120, 249];
    let word = |n: usize| {
        if running.contains(&n) {
            "INCRMIGEATING"
        } else {
            "SUCCESS"
        }
    };
    let list = Arc::new(
        (0..250)
            .map(|n| (format!("{n:032x}"), word(n).to_owned()))
            .collect(),
    );
    let too_large = json_reply(
        200,
        &format!(r#"{{"count":250,"x":"{}"}}"#, "x".repeat(1 << 20)),
    );
    let cloud = FakeCloud::start()
        .on("GET", &list_path(), [too_large, Answer::Page(list)])
        .stats([sync()])
        .detail([status("INCRMIGEATING")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_TASK_ID", "all-running"),
            ("DCS_UNTIL", "in-sync"),
            ("DCS_STABLE_POLLS", "1"),
        ])
        .run();
    run.ended("in-sync", 0);
    assert_eq!(run.tasks().as_array().unwrap().len(), running.len());
    let pages: Vec<String> = cloud
        .requests()
        .into_iter()
        .filter(|request| request.kind == Kind::Other)
        .map(|request| request.target.split_once('?').unwrap().1.to_owned())
        .collect();
    let all = "offset=0&limit=1000";
    assert_eq!(
        pages,
        [
            all,
            "offset=0&limit=100",
            "offset=100&limit=100",
            "offset=200&limit=100"
        ]
    );
}

/// A task, its readings, its detail, and a word that tells it from the others.
type Bad = (fn() -> Answer, &'static str, &'static str, &'static str);

#[test]
fn the_headline_speaks_of_one_task() {
    let kinds: &[(&str, Bad)] = &[
        (
            "failed",
            (
                || reading("false", "62", "null"),
                "FAILED",
                "failed",
                "FAILED",
            ),
        ),
        (
            "out of sync",
            (
                || reading("false", "100", "4711"),
                "TERMINATED",
                "failed",
                "TERMINATED",
            ),
        ),
        (
            "short",
            (
                || reading("false", "33", "0"),
                "SUCCESS",
                "failed",
                "SUCCESS",
            ),
        ),
        (
            "unreachable",
            (
                || refusal(503, "APIG.0613"),
                "INCRMIGEATING",
                "unreachable",
                "APIG.0613",
            ),
        ),
        (
            "stalled",
            (behind, "INCRMIGEATING", "stalled", "INCRMIGEATING"),
        ),
        (
            "unknown",
            (
                || refusal(400, "DCS.4133"),
                "RUNNING",
                "invalid-input",
                "DCS.4133",
            ),
        ),
    ];
    let pairs: Vec<_> = kinds
        .iter()
        .flat_map(|one| kinds.iter().map(move |other| (one, other)))
        .filter(|(one, other)| one.0 != other.0)
        .collect();
    each(
        &pairs,
        |(one, other)| format!("{} and {}", one.0, other.0),
        |(one, other)| {
            let cloud = FakeCloud::start()
                .stats_of(TASK, [one.1.0()])
                .detail_of(TASK, [status(one.1.1)])
                .stats_of(OTHER_TASK, [other.1.0()])
                .detail_of(OTHER_TASK, [status(other.1.1)]);
            let run = two(&cloud)
                .sets(&[("DCS_UNTIL", "completed"), ("DCS_FAIL_FAST", "false")])
                .sets(&[("DCS_MAX_OUTAGE", "500ms"), ("DCS_STALL_TIMEOUT", "500ms")])
                .run();
            run.holds_together();
            let reason = run.reason();
            let named: Vec<&str> = [TASK, OTHER_TASK]
                .into_iter()
                .filter(|task| reason.contains(task))
                .collect();
            assert_eq!(named.len(), 1, "{reason}");
            let (its, not_its) = if named[0] == TASK {
                (one, other)
            } else {
                (other, one)
            };
            assert_eq!(run.output("result"), its.1.2, "{reason}");
            run.says(&[its.1.3]);
            assert!(
                !reason.contains(not_its.1.3),
                "`{}` is of the other task: {reason}",
                not_its.1.3
            );
        },
    );
}

#[test]
fn the_other_failures_are_counted() {
    let ids: Vec<String> = (0..4).map(|n| format!("{n:032x}")).collect();
    let out_of_sync = || reading("false", "100", "4700");
    let cloud = FakeCloud::start()
        .stats_of(&ids[0], [reading("false", "60", "null")])
        .detail_of(&ids[0], [status("FAILED")])
        .stats_of(&ids[1], [out_of_sync()])
        .stats_of(&ids[2], [out_of_sync()])
        .detail([status("TERMINATED")])
        .stats_of(&ids[3], [reading("true", "70", "null")])
        .detail_of(&ids[3], [status("FULLMIGRATING")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_TASK_ID", ids.join(",").as_str()),
            ("DCS_FAIL_FAST", "false"),
            ("DCS_TIMEOUT", "3s"),
        ])
        .run();
    run.ended("failed", 3);
    let reason = run.reason();
    assert_eq!(
        ids.iter().filter(|id| reason.contains(id.as_str())).count(),
        1,
        "{reason}"
    );
    // One failed, two are out of sync, one ran out of time: one of the first three is the headline.
    let others = ids.iter().fold(reason.to_owned(), |text, id| {
        text.replace(id.as_str(), "the task")
    });
    let words: Vec<&str> = others.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let is_first = reason.contains(&ids[0]);
    assert!(words.contains(&"1"), "{reason}");
    assert!(!is_first || words.contains(&"2"), "{reason}");
    assert!(
        is_first || words.iter().filter(|&&word| word == "1").count() >= 2,
        "{reason}"
    );
}

// ------------------------------------------------------------------------------------------- whose answer it is

#[test]
fn detail_of_other_task_is_refused() {
    let other = || status_of(OTHER_TASK, "TERMINATED");
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([other(), status("FAILED")]);
    Sandbox::waiting_on(&cloud).run().ended("failed", 3);
    let cloud = FakeCloud::start().stats([done()]).detail([
        status("TERMINATING"),
        other(),
        other(),
        status("FAILED"),
    ]);
    Sandbox::waiting_on(&cloud).run().ended("failed", 3);
    // It says nothing bad about ours, either.
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status_of(OTHER_TASK, "FAILED"), status("TERMINATED")]);
    Sandbox::waiting_on(&cloud).run().ended("completed", 0);
    let cloud = FakeCloud::start().stats([done()]).detail([other()]);
    let required = Sandbox::waiting_on(&cloud)
        .sets(&[("DCS_STATUS_CHECK", "require"), ("DCS_MAX_OUTAGE", "500ms")]);
    required.run().ended("unreachable", 6);

    // The same id in its other spelling.
    let bare = TASK.replace('-', "");
    for (asked, answered) in [(TASK, bare.as_str()), (bare.as_str(), TASK)] {
        let cloud = FakeCloud::start()
            .stats([done()])
            .detail([status_of(answered, "TERMINATED")]);
        let run = Sandbox::waiting_on(&cloud).set("DCS_TASK_ID", asked).run();
        run.ended("completed", 0);
        assert_eq!(cloud.count(Kind::Stats), 1);
    }
}

#[test]
fn cached_response_is_warned_about() {
    let aged = |answer: Answer| answer.with("Age", "30");
    let cloud = FakeCloud::start()
        .stats([aged(behind()), aged(behind()), aged(behind()), aged(done())])
        .detail([aged(status("INCRMIGEATING")), aged(status("TERMINATED"))]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[("DCS_LOG_FORMAT", "json"), ("DCS_TIMEOUT", "3s")])
        .run();
    run.holds_together();
    let found = warnings(&run)
        .into_iter()
        .filter(|line| line.contains("Age") || line.contains("cache"));
    assert_eq!(found.count(), 1, "{:#?}", warnings(&run));
    for request in cloud.requests() {
        let asked = request.header("cache-control").unwrap_or_default();
        assert!(asked.contains("no-cache"), "{} {asked:?}", request.target);
    }

    let cloud = FakeCloud::start()
        .stats([behind(), done()])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_LOG_FORMAT", "json")
        .run();
    run.ended("completed", 0);
    assert_eq!(warnings(&run), Vec::<String>::new());
}

#[test]
fn error_in_200_fails_the_poll() {
    let wrong = |fields: &str| {
        json_reply(
            200,
            &format!(r#"{{"error_code":"DCS.5000","error_msg":"x"{fields}}}"#),
        )
    };
    let good = r#","is_migrating":false,"full_migration_progress":100,"offset":0"#;
    for answer in [wrong(""), wrong(good)] {
        let cloud = FakeCloud::start()
            .stats([answer.clone()])
            .detail([status("TERMINATED")]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_MAX_OUTAGE", "500ms"), ("DCS_TIMEOUT", "4s")])
            .run();
        run.ended("unreachable", 6).says(&["DCS.5000"]);
        assert!(cloud.count(Kind::Stats) >= 2);

        let cloud = FakeCloud::start()
            .stats([answer, done()])
            .detail([status("TERMINATED")]);
        Sandbox::waiting_on(&cloud).run().ended("completed", 0);
        assert_eq!(cloud.count(Kind::Stats), 2);
    }
    // The status, too.
    let body = |code: &str, word: &str| {
        json_reply(
            200,
            &detail_body(
                TASK,
                word,
                "incremental_migration",
                &format!(r#","error_code":{code}"#),
            ),
        )
    };
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([body("\"DCS.5000\"", "TERMINATED"), status("FAILED")]);
    Sandbox::waiting_on(&cloud).run().ended("failed", 3);
    // No code is no error.
    for code in ["null", "\"\""] {
        let stats = json_reply(200, &format!(r#"{{"error_code":{code}{good}}}"#));
        let cloud = FakeCloud::start()
            .stats([stats])
            .detail([body(code, "TERMINATED")]);
        Sandbox::waiting_on(&cloud).run().ended("completed", 0);
        assert_eq!(cloud.count(Kind::Stats), 1);
    }
}

#[test]
fn long_retry_after_leaves_second_try() {
    let busy = || refusal(503, "APIG.0613").with("Retry-After", "60");
    for timeout in ["3s", "6s"] {
        let cloud = FakeCloud::start()
            .stats([busy(), done()])
            .detail([status("TERMINATED")]);
        Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_MAX_OUTAGE", "1s"), ("DCS_TIMEOUT", timeout)])
            .run();
        assert!(
            cloud.count(Kind::Stats) >= 2,
            "{} requests",
            cloud.count(Kind::Stats)
        );
    }
}

// ----------------------------------------------------------------------------------------------------- max-offset

#[test]
fn what_is_outstanding_is_told() {
    let outstanding = [
        "outstanding",
        "not copied",
        "not replicated",
        "not yet",
        "behind",
        "still to",
        "lag",
        "missing",
    ];
    let rows = [
        ("in-sync", reading("true", "100", "21739"), "INCRMIGEATING"),
        ("completed", reading("false", "100", "21739"), "TERMINATED"),
    ];
    for (until, stats, word) in rows {
        let cloud = FakeCloud::start().stats([stats]).detail([status(word)]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_UNTIL", until), ("DCS_MAX_OFFSET", "50000")])
            .run();
        run.ended(until, 0);
        let reason = plain(run.reason());
        assert!(
            reason.contains("21739") && outstanding.iter().any(|word| reason.contains(word)),
            "{reason}"
        );
    }
}

#[test]
fn nobody_is_told_to_accept_more() {
    let following = |offset: &str| reading("true", "100", offset);
    type Row = (
        &'static str,
        Answer,
        &'static str,
        &'static [(&'static str, &'static str)],
    );
    let rows: Vec<Row> = vec![
        ("in-sync", following("21739"), "INCRMIGEATING", &[]),
        (
            "in-sync",
            following("21739"),
            "INCRMIGEATING",
            &[("DCS_MAX_OFFSET", "500")],
        ),
        (
            "in-sync",
            following("-7"),
            "INCRMIGEATING",
            &[("DCS_MAX_OFFSET", "500")],
        ),
        (
            "in-sync",
            following("21739"),
            "INCRMIGEATING",
            &[("DCS_STALL_TIMEOUT", "300ms")],
        ),
        (
            "in-sync",
            following("21739"),
            "INCRMIGEATING",
            &[("DCS_STATUS_CHECK", "off")],
        ),
        (
            "completed",
            reading("false", "100", "21739"),
            "TERMINATED",
            &[],
        ),
        (
            "completed",
            reading("false", "100", "21739"),
            "TERMINATED",
            &[("DCS_MAX_OFFSET", "500")],
        ),
        (
            "completed",
            reading("false", "100", "21739"),
            "TERMINATED",
            &[("DCS_STATUS_CHECK", "off")],
        ),
        (
            "completed",
            following("21739"),
            "INCRMIGEATING",
            &[("DCS_MAX_OFFSET", "500")],
        ),
    ];
    each(
        &rows,
        |row| format!("{} {} {:?}", row.0, row.2, row.3),
        |(until, stats, word, more)| {
            let cloud = FakeCloud::start()
                .stats([stats.clone()])
                .detail([status(word)]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_UNTIL", until), ("DCS_TIMEOUT", "900ms")])
                .sets(more)
                .run();
            assert_ne!(run.code, 0);
            run.holds_together();
            for text in [run.reason().to_lowercase(), run.summary.to_lowercase()] {
                for clause in text
                    .split([';', '\n', '.'])
                    .filter(|clause| clause.contains("max-offset"))
                {
                    let accepts = [
                        "raise",
                        "increase",
                        "higher",
                        "larger",
                        "accept",
                        "set `max-offset`",
                    ];
                    assert!(
                        !accepts.iter().any(|word| clause.contains(word)),
                        "{clause}"
                    );
                }
            }
        },
    );
}

// ------------------------------------------------------------------------------------------ the cloud's own reason

const WHY: &str = "connect source redis failed, NOAUTH 4711";
const WHY_LOGGED: &str = "psync failed, output buffer 4712";

/// The list with a failed task, whose `error_message` is JSON text; another task's comes before it.
fn list(error_message: &str) -> Answer {
    let entry = |task: &str, message: &str| {
        let message = if message.is_empty() {
            String::new()
        } else {
            format!(r#","error_message":{message}"#)
        };
        format!(r#"{{"task_id":"{task}","task_name":"cutover","status":"FAILED"{message}}}"#)
    };
    let other = entry(OTHER_TASK, "\"another task's reason\"");
    json_reply(
        200,
        &format!(
            r#"{{"count":2,"migration_tasks":[{other},{}]}}"#,
            entry(TASK, error_message)
        ),
    )
}

fn logs() -> Answer {
    let entry = |at: &str, level: &str, message: &str| {
        format!(
            r#"{{"created_at":"2026-05-15T09:{at}.449Z","log_level":"{level}","message":"{message}","keyword":[]}}"#
        )
    };
    let entries = [
        entry("11:25", "ERROR", "an older error"),
        entry("12:40", "ERROR", WHY_LOGGED),
        entry("12:01", "ERROR", "another older error"),
        entry("13:00", "INFO", "only for your information"),
    ];
    json_reply(
        200,
        &format!(
            r#"{{"log_num":4,"migration_logs":[{}]}}"#,
            entries.join(",")
        ),
    )
}

fn failed_with(list: Answer, logs: Answer) -> FakeCloud {
    FakeCloud::start()
        .stats([reading("false", "62", "null")])
        .detail([status("FAILED")])
        .on("GET", &list_path(), [list])
        .on("GET", &logs_path(TASK), [logs])
}

/// Answers from which no reason can be taken.
fn no_reason() -> Vec<(&'static str, Answer)> {
    vec![
        ("404", refusal(404, "APIGW.0101")),
        ("403", refusal(403, "DCS.2003")),
        ("401", refusal(401, "APIGW.0301")),
        ("400", refusal(400, "DCS.4133")),
        ("500", refusal(500, "DCS.5000")),
        (
            "429",
            refusal(429, "APIGW.0308").with("Retry-After", "3600"),
        ),
        ("no JSON", json_reply(200, "<html>")),
        ("nothing", json_reply(200, "{}")),
        (
            "another shape",
            json_reply(200, r#"{"migration_tasks":{"x":1},"migration_logs":7}"#),
        ),
        (
            "empty",
            json_reply(
                200,
                r#"{"count":0,"migration_tasks":[],"log_num":0,"migration_logs":[]}"#,
            ),
        ),
        (
            "nulls",
            json_reply(200, r#"{"migration_tasks":[null],"migration_logs":[null]}"#),
        ),
        (
            "too large",
            json_reply(200, &format!(r#"{{"x":"{}"}}"#, "x".repeat(1 << 20))),
        ),
        ("reset", Answer::Reset),
        ("broken off", broken()),
        ("hang", Answer::Hang),
        ("drip", Answer::Drip),
        ("flood", Answer::Flood),
    ]
}

fn asked(cloud: &FakeCloud, path: &str) -> usize {
    cloud
        .requests()
        .iter()
        .filter(|request| request.target.split('?').next() == Some(path))
        .count()
}

#[test]
fn failed_task_shows_the_clouds_reason() {
    let quoted = format!("\"{WHY}\"");
    let cloud = failed_with(list(&quoted), logs());
    Sandbox::waiting_on(&cloud)
        .run()
        .ended("failed", 3)
        .says(&["FAILED", "NOAUTH 4711"]);
    // Not another task's, and not from the list where that has none.
    for message in ["", "null", "\"\""] {
        let cloud = failed_with(list(message), logs());
        let run = Sandbox::waiting_on(&cloud).run();
        run.ended("failed", 3).says(&["output buffer 4712"]);
        for other in [
            "another task's reason",
            "older error",
            "for your information",
        ] {
            assert!(!run.reason().contains(other), "{}", run.reason());
        }
    }
    // It is in the summary and in `tasks`.
    let run = Sandbox::waiting_on(&failed_with(list(&quoted), logs())).run();
    assert!(run.summary.contains("4711"), "{}", run.summary);
    assert!(run.tasks()[0]["reason"].as_str().unwrap().contains("4711"));
}

#[test]
fn missing_reason_delays_nothing() {
    let rows = no_reason();
    each(
        &rows,
        |row| row.0.to_owned(),
        |(name, answer)| {
            let quick = |cloud: &FakeCloud| {
                Sandbox::waiting_on(cloud)
                    .set("DCS_REQUEST_TIMEOUT", "600ms")
                    .run()
            };
            // Neither of them.
            let cloud = failed_with(answer.clone(), answer.clone());
            let run = quick(&cloud);
            run.ended("failed", 3).says(&["FAILED"]);
            assert!(run.took < Duration::from_secs(2) + NOISE, "{:?}", run.took);
            assert!(
                asked(&cloud, &list_path()) <= 1 && asked(&cloud, &logs_path(TASK)) <= 1,
                "{}",
                run.transcript()
            );
            // The list alone.
            let cloud = failed_with(answer.clone(), logs());
            let run = quick(&cloud);
            run.ended("failed", 3);
            if !["hang", "drip", "flood"].contains(name) {
                run.says(&["output buffer 4712"]);
            }
            // The logs alone.
            quick(&failed_with(list("null"), answer.clone()))
                .ended("failed", 3)
                .says(&["FAILED"]);
        },
    );
}

#[test]
fn hanging_reason_ends_in_time() {
    let hangs = || failed_with(Answer::Hang, Answer::Hang);
    let cloud = hangs();
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[("DCS_TIMEOUT", "1500ms"), ("DCS_REQUEST_TIMEOUT", "1h")])
        .run();
    run.ended("failed", 3).says(&["FAILED"]);
    assert!(
        run.took < Duration::from_millis(2500) + NOISE,
        "{:?}",
        run.took
    );
    // A signal ends it, too.
    let cloud = hangs();
    let running = Sandbox::waiting_on(&cloud)
        .sets(&[("DCS_TIMEOUT", "1h"), ("DCS_REQUEST_TIMEOUT", "1h")])
        .start();
    let start = Instant::now();
    while asked(&cloud, &list_path()) == 0 {
        assert!(start.elapsed() < NOISE, "no request for the reason");
        thread::sleep(Duration::from_millis(5));
    }
    let since = Instant::now();
    running.signal("TERM");
    let run = running.end();
    assert!([3, 143].contains(&run.code), "{}", run.transcript());
    run.holds_together();
    assert!(
        since.elapsed() < Duration::from_secs(2) + NOISE,
        "{:?}",
        since.elapsed()
    );
}

#[test]
fn a_hostile_reason_is_only_text() {
    let rows = [
        "NOAUTH\\n::error::owned\\n##[error]owned".to_owned(),
        "NOAUTH \\u001b[31m red \\u0007 <b onclick=x>owned</b> | `owned` | [owned](x)".to_owned(),
        format!("NOAUTH {TOKEN} is in it"),
        format!("NOAUTH {}", "x".repeat(100_000)),
    ];
    each(
        &rows,
        |row| row.chars().take(20).collect(),
        |message| {
            for on_github in [true, false] {
                let cloud =
                    failed_with(list(&format!("\"{message}\"")), refusal(404, "APIGW.0101"));
                let sandbox = Sandbox::waiting_on(&cloud);
                let run = if on_github {
                    sandbox.on_github().run()
                } else {
                    sandbox.run()
                };
                run.ended("failed", 3).says(&["NOAUTH"]);
                assert!(
                    !run.reason().contains(['\n', '\u{1b}', '\u{7}']),
                    "{}",
                    run.reason()
                );
                assert!(run.reason().len() < 5000, "{} bytes", run.reason().len());
                assert!(
                    !run.log()
                        .lines()
                        .any(|line| line.starts_with("::error::owned") || line.starts_with("##["))
                );
                assert!(!run.summary.contains("<b onclick"), "{}", run.summary);
            }
        },
    );
}

// ------------------------------------------------------------------------------------ refusals after readings

/// Refusals that end at once from the start, and what they end with after a reading.
const REFUSALS: &[(u16, &str, &str, i32, &str, i32)] = &[
    (403, "DCS.2003", "denied", 5, "denied", 5),
    (403, "APIGW.0302", "denied", 5, "denied", 5),
    (404, "APIGW.0101", "invalid-input", 2, "unreachable", 6),
    (404, "DCS.3022", "invalid-input", 2, "unreachable", 6),
    (405, "DCS.5001", "invalid-input", 2, "unreachable", 6),
    (400, "DCS.4133", "invalid-input", 2, "failed", 3),
];

#[test]
fn third_403_after_a_reading_ends() {
    each(
        REFUSALS,
        |row| format!("{row:?}"),
        |&(http, code, at_start, start_code, later, later_code)| {
            let no = || (refusal(http, code), status("INCRMIGEATING"));
            let seen = || (behind(), status("INCRMIGEATING"));
            let good = || (done(), status("TERMINATED"));
            let run = |life: Vec<Moment>| {
                let cloud = FakeCloud::start().life(life);
                let run = Sandbox::waiting_on(&cloud).run();
                (run, cloud.count(Kind::Stats))
            };
            // From the start.
            let (first, asked) = run(vec![no(), no(), no(), good()]);
            first.ended(at_start, start_code).says(&[code]);
            assert_eq!(asked, if code == "DCS.4133" { 3 } else { 1 });
            // After a reading.
            for n_seen in [1, 3] {
                let seen = || vec![seen(); n_seen];
                let (third, asked) = run([seen(), vec![no(), no(), no(), good()]].concat());
                third.ended(later, later_code);
                assert_eq!(asked, n_seen + 3, "{}", third.transcript());
                for two in [vec![no()], vec![no(), no()]] {
                    let (healed, _) = run([seen(), two, vec![good()]].concat());
                    healed.ended("completed", 0);
                }
                // A reading in between: no three in a row.
                let (healed, _) =
                    run([seen(), vec![no(), no()], seen(), vec![no(), no(), good()]].concat());
                healed.ended("completed", 0);
            }
        },
    );
}

#[test]
fn first_403_without_readings_ends() {
    // The first task has readings, the second one none: what it is refused from the start ends the wait at once.
    let cloud = FakeCloud::start()
        .stats_of(TASK, [behind()])
        .stats_of(OTHER_TASK, [refusal(403, "DCS.2003").late(300)])
        .detail([status("INCRMIGEATING")]);
    let run = two(&cloud).set("DCS_UNTIL", "completed").run();
    run.ended("denied", 5);
    let of_other = cloud
        .requests()
        .iter()
        .filter(|r| r.target.contains(OTHER_TASK) && r.kind == Kind::Stats)
        .count();
    assert_eq!(of_other, 1);
}

// -------------------------------------------------------------------------------------- what cannot heal by itself

/// A server that answers the first message of TLS with a fatal alert. Counts connections.
fn alerting(alert: u8) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let connections = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            connections.fetch_add(1, Ordering::Relaxed);
            let mut hello = [0; 1 << 14];
            let _ = stream.read(&mut hello);
            let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, alert]);
            let _ = stream.shutdown(Shutdown::Write);
            // Until the client has gone.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    (port, count)
}

#[test]
fn tls_without_common_cipher_ends() {
    let rows = [
        ("no common version", 70),
        ("no common cipher", 40),
        ("a cipher that is too weak", 71),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |&(_, alert)| {
            let (port, connections) = alerting(alert);
            let cloud = FakeCloud::start();
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_ENDPOINT", format!("https://127.0.0.1:{port}").as_str()),
                    ("DCS_MAX_OUTAGE", "2s"),
                ])
                .run();
            run.ended("invalid-input", 2).says(&["endpoint"]);
            assert_eq!(connections.load(Ordering::Relaxed), 1);

            let (port, connections) = alerting(alert);
            let run = with_password(&cloud)
                .sets(&[
                    (
                        "DCS_IAM_ENDPOINT",
                        format!("https://127.0.0.1:{port}").as_str(),
                    ),
                    ("DCS_MAX_OUTAGE", "2s"),
                ])
                .run();
            run.ended("invalid-input", 2).says(&["iam-endpoint"]);
            assert_eq!(connections.load(Ordering::Relaxed), 1);
        },
    );
}

const PROXY_PASSWORD: &str = "ProxyPassword7";

#[test]
fn proxy_refusing_the_credential_ends() {
    let wants = Answer::Raw(
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n".to_vec(),
    );
    let (tunnelled, plain_http) = ("https://dcs.behind.invalid", "http://dcs.behind.invalid");
    let rows = [
        ("HTTPS_PROXY", tunnelled, ""),
        ("HTTPS_PROXY", tunnelled, "user:ProxyPassword7@"),
        ("https_proxy", tunnelled, "user:ProxyPassword7@"),
        ("ALL_PROXY", tunnelled, "user:ProxyPassword7@"),
        ("HTTP_PROXY", plain_http, ""),
        ("HTTP_PROXY", plain_http, "user:ProxyPassword7@"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(name, endpoint, credential)| {
            let proxy = FakeCloud::start()
                .stats([wants.clone()])
                .detail([wants.clone()])
                .on("CONNECT", "dcs.behind.invalid:443", [wants.clone()]);
            let run = Sandbox::waiting_on(&proxy)
                .sets(&[
                    ("DCS_ENDPOINT", endpoint),
                    ("DCS_ALLOW_HTTP", "true"),
                    ("DCS_MAX_OUTAGE", "2s"),
                ])
                .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
                .set(
                    name,
                    &format!("http://{credential}127.0.0.1:{}", proxy.port()),
                )
                .hide(PROXY_PASSWORD)
                .run();
            run.ended("invalid-input", 2);
            assert!(
                run.reason().to_lowercase().contains(&name.to_lowercase()),
                "{}",
                run.reason()
            );
            // A reading and its status may leave together.
            assert!(
                proxy.requests().len() <= 2,
                "{} requests",
                proxy.requests().len()
            );
        },
    );
}

#[test]
fn unusable_proxy_url_ends() {
    let rows = [
        (
            "HTTPS_PROXY",
            "https://dcs.behind.invalid",
            "ftp://user:ProxyPassword7@127.0.0.1:1",
        ),
        (
            "HTTPS_PROXY",
            "https://dcs.behind.invalid",
            "http://user:ProxyPassword7@127.0.0.1:99999",
        ),
        ("HTTPS_PROXY", "https://dcs.behind.invalid", "http://"),
        ("HTTP_PROXY", "http://dcs.behind.invalid", "http://[::1"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(name, endpoint, url)| {
            let cloud = FakeCloud::start();
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_ENDPOINT", endpoint),
                    ("DCS_ALLOW_HTTP", "true"),
                    ("DCS_MAX_OUTAGE", "2s"),
                ])
                .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
                .set(name, url)
                .hide(PROXY_PASSWORD)
                .run();
            run.ended("invalid-input", 2).says(&[name]);
        },
    );
}

// ------------------------------------------------------------------------------------------------- who gets a token

#[test]
fn bearer_never_goes_over_http() {
    let cloud = || {
        FakeCloud::start()
            .stats([done()])
            .detail([status("TERMINATED")])
            .on(
                "GET",
                "/oidc",
                [json_reply(200, r#"{"value":"JobTokenOne"}"#)],
            )
            .on("POST", EXCHANGE, [issued("IssuedToken1")])
    };
    let asking = |cloud: &FakeCloud, host: &str| {
        with_oidc(cloud)
            .unset("DCS_ID_TOKEN")
            .on_github()
            .set(
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                &format!("http://{host}/oidc?api-version=2.0"),
            )
            .secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "RequestTokenOfTheJob")
            // What would leave the machine can be seen here.
            .sets(&[
                ("HTTP_PROXY", cloud.url().as_str()),
                ("NO_PROXY", "127.0.0.1,0.0.0.0"),
            ])
            .set("DCS_MAX_OUTAGE", "3s")
    };
    let hosts = [
        "token.example.invalid",
        "localhost.example.invalid",
        "127.0.0.1.example.invalid",
        "0.0.0.0",
    ];
    each(
        &hosts,
        |host| (*host).to_owned(),
        |host| {
            let cloud = cloud();
            let host = if *host == "0.0.0.0" {
                format!("0.0.0.0:{}", cloud.port())
            } else {
                (*host).to_owned()
            };
            let run = asking(&cloud, &host).run();
            assert!([2, 5].contains(&run.code), "{}", run.transcript());
            run.holds_together();
            assert_eq!(cloud.requests().len(), 0, "{:?}", cloud.requests());
        },
    );
    // To this machine it may go, and anywhere where the user allows it.
    let here = cloud();
    asking(&here, &format!("127.0.0.1:{}", here.port()))
        .run()
        .ended("completed", 0);
    let allowed = cloud();
    asking(&allowed, "token.example.invalid")
        .set("DCS_ALLOW_HTTP", "true")
        .run()
        .ended("completed", 0);
}

// ---------------------------------------------------------------------------------------------------------- files

#[test]
fn a_report_follows_no_link() {
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")]);
    // What a neighbour can guess: a name with the id of the process.
    let plant = "for name in report.json report.md report.xml report.html dcs.env; do \
                 ln -s given-victim \"$name.$$.tmp\"; done; exec \"$@\"";
    let run = Sandbox::waiting_on(&cloud)
        .file("given-victim", "untouched")
        .set("DCS_REPORT", "report.json,report.md,report.xml,report.html")
        .within(&["sh", "-c", plant, "sh"])
        .run();
    run.ended("completed", 0);
    assert_eq!(run.file("given-victim"), "untouched");
    assert!(run.file("report.json").contains("completed"));
}

#[test]
fn a_file_keeps_its_mode() {
    for mode in [0o600, 0o640] {
        let cloud = FakeCloud::start()
            .stats([done()])
            .detail([status("TERMINATED")]);
        let sandbox = Sandbox::waiting_on(&cloud)
            .file("dcs.env", "DCS_OLD=1\n")
            .file("report.json", "{}");
        let sandbox = sandbox.set("DCS_REPORT", "report.json");
        let paths = ["dcs.env", "report.json"].map(|name| sandbox.path(name));
        for path in &paths {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut running = sandbox.start();
        assert_eq!(running.code(), 0);
        for path in &paths {
            assert_eq!(
                std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
                mode,
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn full_disk_keeps_old_report() {
    let old = "the report of the run before";
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .file("report.html", old)
        .set("DCS_REPORT", "report.html")
        // No file may grow beyond 4 KiB, which is room for the outputs.
        .within(&["sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
        .run();
    run.ended("completed", 0);
    assert!(
        run.log()
            .contains("cannot write the report to `report.html`"),
        "{}",
        run.transcript()
    );
    assert_eq!(run.file("report.html"), old);
}
