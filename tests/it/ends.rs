//! Each row of the contract's table of ends, and that there always is one.

use crate::support::cloud::detail;
use crate::support::{
    Answer, FakeCloud, Kind, OTHER_TASK, Run, Running, Sandbox, TASK, each, formats, json_reply,
    refusal, status,
};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// What a noisy machine may add to the contract's own bounds.
pub(crate) const NOISE: Duration = Duration::from_secs(5);

fn copying(percent: u32) -> Answer {
    json_reply(
        200,
        &format!(
            r#"{{"is_migrating":true,"full_migration_progress":{percent},"source_dbsize":10}}"#
        ),
    )
}

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

/// A cloud whose task never gets anywhere.
fn endless() -> FakeCloud {
    FakeCloud::start()
        .stats([following(5)])
        .detail([status("INCRMIGEATING")])
}

/// Every end that one task can come to, but for signals.
#[test]
fn each_end_has_result_and_code() {
    type Row = (
        &'static str,
        i32,
        FakeCloud,
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    );
    let ended = |word| FakeCloud::start().stats([done()]).detail([status(word)]);
    let rows: Vec<Row> = vec![
        ("completed", 0, ended("TERMINATED"), &[], &["TERMINATED"]),
        (
            "in-sync",
            0,
            FakeCloud::start()
                .stats([following(0)])
                .detail([status("INCRMIGEATING")]),
            &[("DCS_UNTIL", "in-sync")],
            &["offset 0"],
        ),
        (
            "full-sync",
            0,
            FakeCloud::start()
                .stats([copying(100)])
                .detail([status("MIGRATING")]),
            &[("DCS_UNTIL", "full-sync")],
            &["100 %"],
        ),
        (
            "invalid-input",
            2,
            endless(),
            &[("DCS_TASK_ID", "x")],
            &["`task-id`", "`x`", "UUID or 32 hex digits"],
        ),
        (
            "invalid-input",
            2,
            FakeCloud::start().stats([refusal(404, "APIGW.0101")]),
            &[],
            &["APIGW.0101", "`endpoint`"],
        ),
        (
            "invalid-input",
            2,
            FakeCloud::start().stats([refusal(405, "DCS.5001")]),
            &[],
            &["DCS.5001", "`endpoint`"],
        ),
        (
            "invalid-input",
            2,
            FakeCloud::start().stats([refusal(400, "DCS.4133")]),
            &[],
            &["DCS.4133", "`task-id`"],
        ),
        (
            "failed",
            3,
            ended("FAILED"),
            &[],
            &["FAILED", "seen last", "`task-id`"],
        ),
        (
            "stalled",
            4,
            endless(),
            &[("DCS_STALL_TIMEOUT", "400ms")],
            &["`stall-timeout`", "offset 5"],
        ),
        (
            "denied",
            5,
            FakeCloud::start().stats([refusal(403, "DCS.2003")]),
            &[],
            &["DCS.2003", "dcs:migrationTask:get"],
        ),
        (
            "denied",
            5,
            FakeCloud::start().stats([refusal(401, "APIGW.0301")]),
            &[],
            &["APIGW.0301", "`auth-token`"],
        ),
        (
            "unreachable",
            6,
            FakeCloud::start().stats([refusal(503, "APIG.0613")]),
            &[("DCS_MAX_OUTAGE", "400ms")],
            &["`max-outage`", "APIG.0613"],
        ),
        (
            "timeout",
            124,
            endless(),
            &[("DCS_TIMEOUT", "900ms")],
            &["`timeout`", "offset 5", "still migrates", "in-sync"],
        ),
    ];
    each(
        &rows,
        |row| format!("{} {:?}", row.0, row.3),
        |(result, code, cloud, more, texts)| {
            let run = Sandbox::waiting_on(cloud).sets(more).run();
            run.ended(result, *code).says(texts);
            assert!(!run.output("started-at").is_empty() && !run.output("finished-at").is_empty());
            assert!(run.summary.contains(result), "{}", run.summary);
            assert!(run.log().contains(result), "{}", run.transcript());
        },
    );
}

#[test]
fn bad_end_names_seen_missing_change() {
    let still = |body: &str| {
        FakeCloud::start()
            .stats([json_reply(200, body)])
            .detail([status("MIGRATING")])
    };
    let rows = [
        (
            "completed",
            r#"{"is_migrating":true,"full_migration_progress":100,"offset":0}"#,
            "still migrates",
            "until: in-sync",
        ),
        (
            "in-sync",
            r#"{"is_migrating":true,"full_migration_progress":100,"offset":1234}"#,
            "1,234",
            "`max-offset`",
        ),
        (
            "in-sync",
            r#"{"is_migrating":true,"full_migration_progress":100,"offset":-1}"#,
            "negative",
            "`timeout`",
        ),
        (
            "in-sync",
            r#"{"is_migrating":true,"full_migration_progress":62,"offset":0}"#,
            "under 100 %",
            "`timeout`",
        ),
        (
            "in-sync",
            r#"{"is_migrating":true,"full_migration_progress":100}"#,
            "offset is unknown",
            "`timeout`",
        ),
        (
            "full-sync",
            r#"{"is_migrating":true,"full_migration_progress":62}"#,
            "under 100 %",
            "`timeout`",
        ),
        (
            "completed",
            r#"{"full_migration_progress":100,"offset":0}"#,
            "`is_migrating` is unknown",
            "`timeout`",
        ),
    ];
    each(
        &rows,
        |row| row.1.to_owned(),
        |(until, body, missing, change)| {
            let cloud = still(body);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_UNTIL", until), ("DCS_TIMEOUT", "900ms")])
                .run();
            run.ended("timeout", 124)
                .says(&["seen last", "not met", missing, change]);
        },
    );
}

#[test]
fn advice_fits_what_was_missing() {
    let copying_only = || vec![detail("FULLMIGRATING", "full_amount_migration")];
    let stopped = |offset: i64| {
        vec![json_reply(
            200,
            &format!(r#"{{"is_migrating":false,"offset":{offset},"full_migration_progress":100}}"#),
        )]
    };
    let no_status = || vec![refusal(403, "DCS.2003")];
    let incremental = || vec![status("INCRMIGEATING")];
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        Vec<Answer>,
        Vec<Answer>,
        &'static str,
        &'static str,
    );
    let rows: Vec<Row> = vec![
        (
            "a full migration ends by itself",
            &[],
            vec![copying(50)],
            copying_only(),
            "; raise `timeout`",
            "stop it",
        ),
        (
            "a copy takes time",
            &[],
            vec![copying(50)],
            vec![status("FULLMIGRATING")],
            "raise `timeout`, or wait with `until: full-sync`",
            "stop it",
        ),
        (
            "it has to be stopped",
            &[],
            vec![following(0)],
            incremental(),
            "stop it when it is in sync",
            "raise",
        ),
        (
            "writers",
            &[("DCS_UNTIL", "in-sync")],
            vec![following(9)],
            incremental(),
            "stop the writers",
            "console",
        ),
        (
            "a negative offset",
            &[("DCS_UNTIL", "in-sync")],
            vec![following(-3)],
            incremental(),
            "check the task in the console",
            "writers",
        ),
        (
            "no status",
            &[],
            stopped(7),
            no_status(),
            "`dcs:migrationTask:get`",
            "raise",
        ),
        (
            "a negative one",
            &[],
            stopped(-3),
            no_status(),
            "the offset is negative",
            "over `max-offset`",
        ),
        (
            "a status unasked",
            &[("DCS_STATUS_CHECK", "off")],
            stopped(7),
            no_status(),
            "`status-check: auto`",
            "raise",
        ),
        (
            "a late status",
            &[("DCS_UNTIL", "in-sync")],
            stopped(0),
            incremental(),
            "`is_migrating` is false, and the status INCRMIGEATING",
            "does not show",
        ),
        (
            "nothing known",
            &[],
            vec![json_reply(200, "{}")],
            incremental(),
            "the API does not tell what decides",
            "stop",
        ),
        (
            "too few readings",
            &[("DCS_STABLE_POLLS", "1000")],
            stopped(0),
            no_status(),
            "lower `stable-polls`",
            "console",
        ),
        (
            "stalled",
            &[("DCS_UNTIL", "in-sync"), ("DCS_STALL_TIMEOUT", "300ms")],
            vec![following(9)],
            incremental(),
            "raise `stall-timeout`",
            "`timeout` or",
        ),
        (
            "no answer",
            &[],
            vec![Answer::Hang],
            vec![Answer::Hang],
            "no request was answered",
            "no reading",
        ),
        (
            "no answer any more",
            &[],
            vec![copying(50), Answer::Hang],
            incremental(),
            "the request under way was not answered for 1",
            "no request",
        ),
        (
            "no sign-in",
            &[
                ("DCS_AUTH_TOKEN", ""),
                ("DCS_USERNAME", "ci"),
                ("DCS_PASSWORD", "PasswordOfNobody1"),
                ("DCS_DOMAIN_NAME", "OTC1"),
            ],
            vec![Answer::Hang],
            vec![Answer::Hang],
            "the sign-in was not answered before `timeout`; check the network and `iam-endpoint`",
            "`region`",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, inputs, stats, detail, words, others)| {
            let cloud = FakeCloud::start().on("POST", "/v3/auth/tokens", [Answer::Hang]);
            let cloud = cloud.stats(stats.clone()).detail(detail.clone());
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_TIMEOUT", "2s"), ("DCS_IAM_ENDPOINT", &cloud.url())])
                .sets(inputs)
                .run();
            run.says(&[words]);
            assert!(!run.reason().contains(others), "{}", run.reason());
        },
    );
}

#[test]
fn unconfigured_task_says_so() {
    let cloud = FakeCloud::start()
        .stats([json_reply(200, r#"{"is_migrating":false}"#)])
        .detail([status("RUNNING")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_TIMEOUT", "800ms")
        .run();
    run.ended("timeout", 124).says(&["RUNNING", "configure"]);
}

// ---------------------------------------------------------------------------------------------------- the deadline

#[test]
fn the_deadline_holds_whatever_hangs() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody_accepts = format!("http://{}", silent.local_addr().unwrap());
    let rows: Vec<(&str, FakeCloud)> = vec![
        ("the stats hang", FakeCloud::start().stats([Answer::Hang])),
        ("the stats drip", FakeCloud::start().stats([Answer::Drip])),
        (
            "the detail hangs",
            FakeCloud::start()
                .stats([following(5)])
                .detail([Answer::Hang]),
        ),
        (
            "the server asks for an hour",
            FakeCloud::start().stats([refusal(429, "APIGW.0308").with("Retry-After", "3600")]),
        ),
        ("no connection accepted", FakeCloud::start()),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(what, cloud)| {
            let mut sandbox = Sandbox::waiting_on(cloud)
                .sets(&[("DCS_TIMEOUT", "1s"), ("DCS_REQUEST_TIMEOUT", "60s")]);
            if *what == "no connection accepted" {
                sandbox = sandbox.set("DCS_ENDPOINT", &nobody_accepts);
            }
            let run = sandbox.run();
            run.ended("timeout", 124);
            // Our own clock starts a little later.
            assert!(
                run.took >= Duration::from_millis(900) && run.took < Duration::from_secs(2) + NOISE,
                "{:?}",
                run.took
            );
        },
    );
}

#[test]
fn hanging_sign_in_ends_in_time() {
    let cloud = FakeCloud::start().on("POST", "/v3/auth/tokens", [Answer::Hang]);
    let run = Sandbox::waiting_on(&cloud)
        .unset("DCS_AUTH_TOKEN")
        .sets(&[
            ("DCS_USERNAME", "ci"),
            ("DCS_DOMAIN_NAME", "OTC1"),
            ("DCS_TIMEOUT", "1s"),
            ("DCS_REQUEST_TIMEOUT", "60s"),
        ])
        .secret("DCS_PASSWORD", "PasswordOfNobody1")
        .set("DCS_IAM_ENDPOINT", &cloud.url())
        .run();
    run.ended("timeout", 124);
    assert!(run.took < Duration::from_secs(2) + NOISE, "{:?}", run.took);
}

#[test]
fn last_poll_before_deadline_counts() {
    // The second poll would come long after the deadline.
    let cloud = FakeCloud::start()
        .stats([following(5), done()])
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_TIMEOUT", "4s"),
            ("DCS_INITIAL_INTERVAL", "1m"),
            ("DCS_MAX_INTERVAL", "1m"),
        ])
        .run();
    run.ended("completed", 0);
    assert_eq!(cloud.count(Kind::Stats), 2);
}

#[test]
fn no_poll_follows_the_last() {
    let cloud = endless();
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_TIMEOUT", "3s"),
            ("DCS_INITIAL_INTERVAL", "1m"),
            ("DCS_MAX_INTERVAL", "1m"),
        ])
        .run();
    run.ended("timeout", 124);
    assert_eq!(cloud.count(Kind::Stats), 2);
}

#[test]
fn deadline_too_short_for_anything() {
    for timeout in ["1ms", "20ms", "100ms"] {
        let cloud = FakeCloud::start().stats([Answer::Hang]);
        let run = Sandbox::waiting_on(&cloud)
            .set("DCS_TIMEOUT", timeout)
            .run();
        run.ended("timeout", 124);
        assert!(run.took < Duration::from_secs(2) + NOISE, "{:?}", run.took);
    }
}

// ---------------------------------------------------------------------------------------------------------- signals

/// Ends by that exit code, in time and with everything written.
#[track_caller]
pub(crate) fn cancelled(running: Running, code: i32, since: Instant) -> Run {
    let run = running.end();
    let took = since.elapsed();
    run.ended("cancelled", code);
    assert!(took < Duration::from_secs(2) + NOISE, "{took:?}");
    assert!(run.summary.contains("cancelled"), "{}", run.summary);
    run
}

#[test]
fn signal_ends_with_everything_written() {
    type Row = (
        &'static str,
        &'static [&'static str],
        i32,
        fn() -> FakeCloud,
        usize,
    );
    let asleep: fn() -> FakeCloud = endless;
    let in_stats: fn() -> FakeCloud = || FakeCloud::start().stats([Answer::Hang]);
    let in_detail: fn() -> FakeCloud = || {
        FakeCloud::start()
            .stats([following(5)])
            .detail([Answer::Hang])
    };
    let in_body: fn() -> FakeCloud = || FakeCloud::start().stats([Answer::Drip]);
    let in_retry: fn() -> FakeCloud =
        || FakeCloud::start().stats([refusal(429, "x").with("Retry-After", "60")]);
    let rows: Vec<Row> = vec![
        ("SIGINT asleep", &["INT"], 130, asleep, 2),
        ("SIGTERM asleep", &["TERM"], 143, asleep, 2),
        ("SIGINT while the stats hang", &["INT"], 130, in_stats, 1),
        ("SIGTERM while the stats hang", &["TERM"], 143, in_stats, 1),
        ("SIGINT while the detail hangs", &["INT"], 130, in_detail, 2),
        ("SIGTERM while a body drips", &["TERM"], 143, in_body, 1),
        (
            "SIGTERM while the server asks to wait",
            &["TERM"],
            143,
            in_retry,
            1,
        ),
        ("SIGINT twice", &["INT", "INT"], 130, asleep, 2),
        ("SIGTERM twice", &["TERM", "TERM"], 143, asleep, 2),
        ("SIGTERM five times", &["TERM"; 5], 143, in_stats, 1),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, signals, code, cloud, requests)| {
            let cloud = cloud();
            let running = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_TIMEOUT", "1h"),
                    ("DCS_REQUEST_TIMEOUT", "1h"),
                    ("DCS_INITIAL_INTERVAL", "1h"),
                    ("DCS_MAX_INTERVAL", "1h"),
                ])
                .start();
            cloud.until_requests(*requests);
            // Time to read the answer and to fall asleep.
            std::thread::sleep(Duration::from_millis(150));
            let since = Instant::now();
            for signal in *signals {
                running.signal(signal);
            }
            cancelled(running, *code, since);
        },
    );
}

#[test]
fn hanging_file_does_not_delay_signals() {
    let cloud = endless();
    let sandbox = Sandbox::waiting_on(&cloud).set("GITHUB_STEP_SUMMARY", "given-pipe");
    assert!(
        Command::new("mkfifo")
            .arg(sandbox.path("given-pipe"))
            .status()
            .unwrap()
            .success()
    );
    let running = sandbox.start();
    cloud.until_requests(2);
    let since = Instant::now();
    running.signal("TERM");
    let run = running.end();
    run.ended("cancelled", 143);
    assert!(
        since.elapsed() < Duration::from_secs(2) + NOISE,
        "{:?}",
        since.elapsed()
    );
}

#[test]
fn signal_reports_last_reading() {
    let cloud = FakeCloud::start()
        .stats([following(4711)])
        .detail([status("INCRMIGEATING")]);
    let running = Sandbox::waiting_on(&cloud)
        .sets(&[("DCS_INITIAL_INTERVAL", "1h"), ("DCS_MAX_INTERVAL", "1h")])
        .start();
    cloud.until_requests(2);
    std::thread::sleep(Duration::from_millis(150));
    running.signal("INT");
    let run = cancelled(running, 130, Instant::now());
    run.says(&["SIGINT", "seen last", "4,711", "INCRMIGEATING"]);
    assert_eq!(run.output("offset"), "4711");
}

// ------------------------------------------------------------------------------------------------- the first answer

#[test]
fn killed_process_leaves_not_ready() {
    let cloud = FakeCloud::start().stats([Answer::Hang]);
    let sandbox = Sandbox::waiting_on(&cloud).set("DCS_UNTIL", "in-sync");
    // What an earlier job left behind.
    let mut running = sandbox
        .file(
            "dcs.env",
            "DCS_RESULT=completed\nDCS_READY=true\nDCS_OLD=1\n",
        )
        .file("output", "ready=true\n")
        .start();
    cloud.until_requests(1);
    let answers = |running: &Running| {
        let output = std::fs::read_to_string(running.path("output")).unwrap();
        let dotenv = std::fs::read_to_string(running.path("dcs.env")).unwrap();
        (
            formats::github_output(&output).unwrap(),
            formats::dotenv(&dotenv).unwrap(),
        )
    };
    let (output, dotenv) = answers(&running);
    assert_eq!(
        (output["result"].as_str(), output["ready"].as_str()),
        ("unknown", "false")
    );
    assert_eq!(
        (dotenv["DCS_RESULT"].as_str(), dotenv["DCS_READY"].as_str()),
        ("unknown", "false")
    );
    assert_eq!(
        (output["until"].as_str(), output["exit-code"].as_str()),
        ("in-sync", "")
    );
    assert!(!dotenv.contains_key("DCS_OLD"));

    running.signal("KILL");
    assert_eq!(running.code(), -1);
    assert_eq!(answers(&running), (output, dotenv));
}

// ---------------------------------------------------------------------------------------------------- several tasks

fn two(cloud: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(cloud).set("DCS_TASK_ID", &format!("{TASK}, {OTHER_TASK}"))
}

/// Results of the output `tasks`, in order.
fn results(run: &Run) -> Vec<(String, String)> {
    let tasks = run.tasks();
    let text = |task: &serde_json::Value, name: &str| task[name].as_str().unwrap().to_owned();
    tasks
        .as_array()
        .unwrap()
        .iter()
        .map(|task| (text(task, "task-id"), text(task, "result")))
        .collect()
}

#[test]
fn tasks_are_ready_together() {
    for separator in [",", " ", "\n", ", \n\t"] {
        let cloud = FakeCloud::start()
            .stats_of(TASK, [done()])
            .stats_of(OTHER_TASK, [copying(10), copying(60), following(3), done()])
            .detail([status("MIGRATING")])
            .detail_of(TASK, [status("TERMINATED")])
            .detail_of(OTHER_TASK, [status("FULLMIGRATING"), status("SUCCESS")]);
        let run = Sandbox::waiting_on(&cloud)
            .set("DCS_TASK_ID", &format!("{TASK}{separator}{OTHER_TASK}"))
            .run();
        run.ended("completed", 0);
        let expected = [
            (TASK.to_owned(), "completed".to_owned()),
            (OTHER_TASK.to_owned(), "completed".to_owned()),
        ];
        assert_eq!(results(&run), expected);
    }
}

#[test]
fn first_failure_ends_all_unless_disabled() {
    let cloud = || {
        FakeCloud::start()
            .stats_of(
                TASK,
                [
                    following(5),
                    following(5),
                    following(5),
                    following(5),
                    following(5),
                    done(),
                ],
            )
            .detail_of(TASK, [status("INCRMIGEATING"), status("TERMINATED")])
            .stats_of(OTHER_TASK, [copying(62)])
            .detail_of(OTHER_TASK, [status("FAILED")])
    };
    let fast = cloud();
    // So slow that the good task has no second poll before the bad one is known.
    let run = two(&fast)
        .sets(&[("DCS_INITIAL_INTERVAL", "10s"), ("DCS_MAX_INTERVAL", "10s")])
        .run();
    run.ended("failed", 3).says(&[OTHER_TASK, "FAILED"]);
    assert!(run.took < Duration::from_secs(10));
    assert_eq!(results(&run)[1].1, "failed");
    assert_ne!(results(&run)[0].1, "completed");

    let slow = cloud();
    let run = two(&slow).set("DCS_FAIL_FAST", "false").run();
    run.ended("failed", 3).says(&[OTHER_TASK]);
    let expected = [
        (TASK.to_owned(), "completed".to_owned()),
        (OTHER_TASK.to_owned(), "failed".to_owned()),
    ];
    assert_eq!(results(&run), expected);
    let ready: Vec<bool> = run
        .tasks()
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["ready"].as_bool().unwrap())
        .collect();
    assert_eq!(ready, [true, false]);
}

#[test]
fn failed_task_outweighs_timed_out_ones() {
    let cloud = FakeCloud::start()
        .stats_of(TASK, [following(5)])
        .detail_of(TASK, [status("INCRMIGEATING")])
        .stats_of(OTHER_TASK, [copying(62)])
        .detail_of(OTHER_TASK, [status("FAILED")]);
    let slow = || {
        two(&cloud)
            .set("DCS_FAIL_FAST", "false")
            .set("DCS_TIMEOUT", "2s")
    };
    let run = slow().run();
    run.ended("failed", 3)
        .says(&[OTHER_TASK, "FAILED", "1 other had no end within 2s"]);
    let expected = [
        (TASK.to_owned(), "timeout".to_owned()),
        (OTHER_TASK.to_owned(), "failed".to_owned()),
    ];
    assert_eq!(results(&run), expected);

    // A stall may be over the next time, and a signal is an end of its own; both say what they are.
    let stalled = slow().set("DCS_STALL_TIMEOUT", "500ms").run();
    stalled.ended("failed", 3).says(&[OTHER_TASK, "FAILED"]);
    let before = cloud.requests().len();
    let running = slow().set("DCS_TIMEOUT", "1h").start();
    cloud.until_requests(before + 6);
    running.signal("TERM");
    running
        .end()
        .ended("cancelled", 143)
        .says(&["cancelled by SIGTERM", OTHER_TASK, "FAILED"]);
}

#[test]
fn unpolled_task_differs_from_unanswered() {
    let cloud = endless();
    let ids: Vec<String> = (0..40).map(|n| format!("{n:032x}")).collect();
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_TASK_ID", &ids.join(","))
        .sets(&[("DCS_TIMEOUT", "1s"), ("DCS_MAX_REQUESTS_PER_SECOND", "4")])
        .run();
    run.ended("timeout", 124).says(&[
        "not polled: request limit reached",
        "`max-requests-per-second`",
    ]);
}

#[test]
fn denied_always_ends_all() {
    let cloud = FakeCloud::start()
        .stats_of(TASK, [following(5)])
        .detail_of(TASK, [status("INCRMIGEATING")])
        .stats_of(OTHER_TASK, [refusal(403, "DCS.2003")]);
    two(&cloud)
        .set("DCS_FAIL_FAST", "false")
        .run()
        .ended("denied", 5);
}

#[test]
fn outputs_describe_least_advanced_task() {
    let orders = [(TASK, OTHER_TASK), (OTHER_TASK, TASK)];
    each(
        &orders,
        |order| order.0.to_owned(),
        |(first, second)| {
            let cloud = FakeCloud::start()
                .stats_of(first, [copying(40)])
                .detail_of(first, [status("FULLMIGRATING")])
                .stats_of(second, [following(7)])
                .detail_of(second, [status("INCRMIGEATING")]);
            let run = two(&cloud).set("DCS_TIMEOUT", "1500ms").run();
            run.ended("timeout", 124);
            assert_eq!(
                (
                    run.output("full-migration-progress"),
                    run.output("task-status")
                ),
                ("40", "FULLMIGRATING")
            );
            assert_eq!(
                (run.output("offset"), run.output("is-migrating")),
                ("", "true")
            );
            assert_eq!(run.output("source-dbsize"), "10");
        },
    );
}

#[test]
fn request_limit_covers_all_tasks() {
    let cloud = endless();
    let run = two(&cloud)
        .sets(&[("DCS_MAX_REQUESTS_PER_SECOND", "5"), ("DCS_TIMEOUT", "3s")])
        .run();
    run.ended("timeout", 124);
    let requests = cloud.requests();
    // Five in any second, also with a little shift between sending and receiving.
    for window in requests.windows(6) {
        let span = window[5].at.duration_since(window[0].at);
        assert!(
            span > Duration::from_millis(700),
            "six requests in {span:?}"
        );
    }
}

// ------------------------------------------------------------------------------------------------- stall and outage

#[test]
fn progress_keeps_a_wait_from_stalling() {
    // Each step is far shorter than the limit, all of them together longer.
    let mut stats: Vec<Answer> = (0..30).map(|n| following(1000 - n)).collect();
    stats.push(done());
    let cloud = FakeCloud::start()
        .stats(stats)
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_STALL_TIMEOUT", "2s"),
            ("DCS_INITIAL_INTERVAL", "100ms"),
            ("DCS_MAX_INTERVAL", "100ms"),
        ])
        .run();
    run.ended("completed", 0);
}

#[test]
fn stalling_is_off_by_default() {
    let mut stats = vec![following(5); 30];
    stats.push(done());
    let cloud = FakeCloud::start()
        .stats(stats)
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    Sandbox::waiting_on(&cloud).run().ended("completed", 0);
}

#[test]
fn a_good_answer_ends_an_outage() {
    let stats: Vec<Answer> = (0..60)
        .map(|n| {
            if n % 3 == 0 {
                following(5)
            } else {
                refusal(503, "APIG.0613")
            }
        })
        .collect();
    let cloud = FakeCloud::start()
        .stats(stats.into_iter().chain([done()]))
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_MAX_OUTAGE", "2s"),
            ("DCS_INITIAL_INTERVAL", "50ms"),
            ("DCS_MAX_INTERVAL", "50ms"),
        ])
        .run();
    run.ended("completed", 0);
}

#[test]
fn outage_ends_despite_hanging_or_waiting() {
    let busy = || refusal(503, "APIG.0613").with("Retry-After", "60");
    let rows: Vec<(&str, FakeCloud)> = vec![
        ("asks to wait", FakeCloud::start().stats([busy()])),
        (
            "hangs after a refusal",
            FakeCloud::start().stats([refusal(503, "APIG.0613"), Answer::Hang]),
        ),
        (
            "hangs from the start",
            FakeCloud::start().stats([Answer::Hang]),
        ),
        (
            "hangs after a successful response",
            FakeCloud::start().stats([following(5), Answer::Hang]),
        ),
        (
            "asks to wait after a successful response",
            FakeCloud::start().stats([following(5), busy()]),
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, cloud)| {
            let run = Sandbox::waiting_on(cloud)
                .sets(&[
                    ("DCS_MAX_OUTAGE", "600ms"),
                    ("DCS_REQUEST_TIMEOUT", "15s"),
                    ("DCS_STATUS_CHECK", "off"),
                ])
                .run();
            run.ended("unreachable", 6);
            assert!(
                run.took < Duration::from_millis(600) + NOISE,
                "{:?}",
                run.took
            );
        },
    );
}

#[test]
fn outage_reports_the_reading_before() {
    let cloud = FakeCloud::start()
        .stats([following(4711), Answer::Reset])
        .detail([status("INCRMIGEATING")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_MAX_OUTAGE", "500ms")
        .run();
    run.ended("unreachable", 6)
        .says(&["seen last", "4,711", "`max-outage`", "reset"]);
}
