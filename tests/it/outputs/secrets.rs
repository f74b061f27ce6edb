//! Secrets, which no output holds.

use super::*;

// ------------------------------------------------------------------------------------------------------------ secrets

#[test]
fn no_secret_at_any_log_level() {
    let levels = [
        ("DCS_LOG_LEVEL", "trace"),
        ("RUST_LOG", "trace"),
        (
            "RUST_LOG",
            "hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,dcs_migration_wait=trace,tokio=trace",
        ),
    ];
    type Row = (&'static str, fn() -> FakeCloud);
    let clouds: Vec<Row> = vec![
        ("ready", ready),
        ("failed", || {
            FakeCloud::start()
                .stats([following(0)])
                .detail([status("FAILED")])
        }),
        ("denied", || {
            FakeCloud::start().stats([json_reply(
                401,
                r#"{"error_code":"APIGW.0301","error_msg":"decrypt token fail"}"#,
            )])
        }),
        ("detail is half JSON", || {
            let body =
                format!(r#"{{"source_instance":{{"password":"{REDIS_PASSWORD}"}},"status":"#);
            FakeCloud::start()
                .stats([json_reply(200, STATS)])
                .detail([json_reply(200, &body)])
        }),
        ("detail is a string", || {
            FakeCloud::start()
                .stats([json_reply(200, STATS)])
                .detail([json_reply(200, &format!("\"{REDIS_PASSWORD}\""))])
        }),
        ("status stands twice", || {
            let body =
                format!(r#"{{"status":"SUCCESS","status":{{"password":"{REDIS_PASSWORD}"}}}}"#);
            FakeCloud::start()
                .stats([json_reply(200, STATS)])
                .detail([json_reply(200, &body)])
        }),
        ("status is an object", || {
            let body = format!(
                r#"{{"status":{{"password":"{REDIS_PASSWORD}"}},"task_status":["{REDIS_PASSWORD}"]}}"#
            );
            FakeCloud::start()
                .stats([json_reply(200, STATS)])
                .detail([json_reply(200, &body)])
        }),
        ("detail is an error with more in it", || {
            let body = format!(
                r#"{{"error_code":"DCS.5000","error_msg":"x","task":{{"password":"{REDIS_PASSWORD}"}}}}"#
            );
            FakeCloud::start()
                .stats([json_reply(200, STATS)])
                .detail([json_reply(500, &body)])
        }),
        ("reset", || FakeCloud::start().stats([Answer::Reset])),
    ];
    let rows: Vec<_> = clouds
        .iter()
        .flat_map(|cloud| levels.iter().map(move |level| (*cloud, *level)))
        .collect();
    each(
        &rows,
        |row| format!("{} {:?}", row.0.0, row.1),
        |&((_, cloud), (name, level))| {
            let cloud = cloud();
            for forge in ["GITHUB_ACTIONS", "GITLAB_CI", "NONE"] {
                let run = Sandbox::waiting_on(&cloud)
                    .sets(&[
                        (name, level),
                        (forge, "true"),
                        ("DCS_MAX_OUTAGE", "300ms"),
                        ("DCS_REPORT", "report.json,report.md,report.html,report.xml"),
                    ])
                    .run();
                // Looks for the token and for the passwords of the detail everywhere.
                run.holds_together();
            }
        },
    );
}

#[test]
fn echoed_secret_is_not_shown() {
    let echo = format!("X-Auth-Token {TOKEN} is not known");
    let body = format!(r#"{{"error_code":"APIGW.0301","error_msg":"{echo}"}}"#);
    let rows: Vec<(&str, Answer)> = vec![
        ("in the message", json_reply(401, &body)),
        ("in a message that is tried again", json_reply(503, &body)),
        (
            "in the code",
            json_reply(403, &format!(r#"{{"error_code":"{TOKEN}"}}"#)),
        ),
        (
            "in the request id",
            refusal(403, "x").with("X-Request-Id", TOKEN),
        ),
        (
            "in the redirect",
            json_reply(302, "").with(
                "Location",
                &format!("https://login.example.com/?token={TOKEN}"),
            ),
        ),
        (
            "in a field",
            json_reply(200, &format!(r#"{{"offset":"{TOKEN}"}}"#)),
        ),
        (
            "in the stats",
            json_reply(200, &format!(r#"{{"is_migrating":true,"who":"{TOKEN}"}}"#)),
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, answer)| {
            let cloud = FakeCloud::start()
                .stats([answer.clone(), refusal(403, "x")])
                .detail([status("MIGRATING")]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_LOG_LEVEL", "trace"),
                    ("DCS_REPORT", "report.json,report.md,report.html,report.xml"),
                ])
                .run();
            assert_ne!(run.code, 0);
            run.holds_together();
        },
    );
}

#[test]
fn json_log_masks_on_github() {
    let run = Sandbox::waiting_on(&ready())
        .on_github()
        .set("DCS_LOG_FORMAT", "json")
        .run();
    run.ended("completed", 0);
    assert!(
        run.stderr.contains(&format!("::add-mask::{TOKEN}\n")),
        "{}",
        run.transcript()
    );
    for line in run.stdout.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "{line}"
        );
    }
}

#[test]
fn command_line_holds_no_secret() {
    let cloud = FakeCloud::start().stats([Answer::Hang]);
    let running = Sandbox::waiting_on(&cloud).start();
    cloud.until_requests(1);
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", running.pid())).unwrap();
    assert!(line.contains("dcs-migration-wait") && !line.contains(TOKEN));
    running.signal("TERM");
    running.end().ended("cancelled", 143);
}

#[test]
fn detail_gives_only_three_words() {
    let cloud = FakeCloud::start()
        .stats([json_reply(200, STATS)])
        .detail([detail("SUCCESS", "full_amount_migration")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[("DCS_LOG_LEVEL", "trace"), ("DCS_REPORT", "report.json")])
        .run();
    run.ended("completed", 0);
    for word in ["192.168.1.139", "resume_mode", "b34b3e60", "cutover"] {
        assert!(
            !run.log().contains(word)
                && !run.summary.contains(word)
                && !run.file("report.json").contains(word),
            "{word}"
        );
    }
}
