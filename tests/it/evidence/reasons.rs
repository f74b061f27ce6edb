//! The cloud's own reason for a failed task.

use super::*;

// ------------------------------------------------------------------------------------------ the cloud's own reason

const WHY: &str = "connect source redis failed, NOAUTH 4711";

const WHY_LOGGED: &str = "psync failed, output buffer 4712";

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
