//! What the status adds, and what its absence means.

use super::*;

#[test]
fn status_is_read_before_ready() {
    let open = || reading("true", "100", "5");
    let cloud = FakeCloud::start()
        .stats([open(), open(), open(), open(), end()])
        .detail([status("MIGRATING")]);
    Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", "in-sync")
        .run()
        .ended("invalid-input", 2);
    assert_eq!(cloud.count(Kind::Detail), 1);
    assert_eq!(cloud.requests()[1].kind, Kind::Detail);

    // What the first answer said is not believed when it counts.
    for (until, good) in [
        ("in-sync", reading("true", "100", "0")),
        ("completed", reading("false", "100", "0")),
    ] {
        let cloud = FakeCloud::start()
            .stats([open(), open(), good])
            .detail([status("INCRMIGEATING"), status("FAILED")]);
        let run = Sandbox::waiting_on(&cloud)
            .set("DCS_UNTIL", until)
            .set("DCS_STABLE_POLLS", "1")
            .run();
        run.ended("failed", 3).says(&["FAILED"]);
    }

    // A change of `is_migrating` is a new request, too.
    let cloud = FakeCloud::start()
        .stats([open(), open(), reading("", "100", "5"), end()])
        .detail([status("MIGRATING"), status("MIGRATING")]);
    Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", "in-sync")
        .run()
        .ended("invalid-input", 2);
    assert_eq!(cloud.count(Kind::Detail), 2);
}

/// Ways in which the detail alone does not answer.
fn no_status() -> Vec<(&'static str, Answer)> {
    vec![
        ("404", refusal(404, "APIGW.0101")),
        ("405", refusal(405, "DCS.5001")),
        ("500", refusal(500, "DCS.5000")),
        ("403", refusal(403, "DCS.2003")),
        ("429", refusal(429, "APIGW.0308")),
        ("hang", Answer::Hang),
        ("reset", Answer::Reset),
        ("broken off", broken()),
        ("no JSON", json_reply(200, "<html>")),
        ("no status", json_reply(200, "{}")),
        ("status null", json_reply(200, r#"{"status":null}"#)),
        ("status is no text", json_reply(200, r#"{"status":7}"#)),
        (
            "too large",
            json_reply(
                200,
                &format!(r#"{{"status":"SUCCESS","x":"{}"}}"#, "x".repeat(1 << 20)),
            ),
        ),
    ]
}

#[test]
fn auto_goes_on_after_three_failures() {
    each(
        &no_status(),
        |row| row.0.to_owned(),
        |(_, answer)| {
            let cloud = FakeCloud::start()
                .stats([reading("false", "100", "0")])
                .detail([answer.clone()]);
            let run = Sandbox::waiting_on(&cloud)
                .set("DCS_REQUEST_TIMEOUT", "400ms")
                .set("DCS_STABLE_POLLS", "2")
                .run();
            run.ended("completed", 0).says(&["status not confirmed"]);
            assert_eq!(run.output("task-status"), "");
            assert!(run.output("polls").parse::<u32>().unwrap() >= 4);
            assert!(run.summary.contains("not confirmed"), "{}", run.summary);
            let warnings = run
                .log()
                .lines()
                .filter(|line| line.contains("continuing without it"))
                .count();
            assert_eq!(warnings, 1, "{}", run.transcript());
        },
    );
}

#[test]
fn require_fails_polls_without_detail() {
    each(
        &no_status(),
        |row| row.0.to_owned(),
        |(name, answer)| {
            let cloud = FakeCloud::start()
                .stats([reading("false", "100", "0")])
                .detail([answer.clone()]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_STATUS_CHECK", "require"),
                    ("DCS_REQUEST_TIMEOUT", "300ms"),
                    ("DCS_MAX_OUTAGE", "900ms"),
                ])
                .run();
            // 403 is a permission, and that does not come back by itself.
            let (result, code) = if *name == "403" {
                ("denied", 5)
            } else {
                ("unreachable", 6)
            };
            run.ended(result, code);
            assert_eq!(run.output("ready"), "false");
        },
    );
    let cloud = FakeCloud::start()
        .stats([reading("false", "100", "0")])
        .detail([
            refusal(500, "DCS.5000"),
            json_reply(200, "{}"),
            status("TERMINATED"),
        ]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_STATUS_CHECK", "require")
        .run();
    run.ended("completed", 0).says(&["TERMINATED"]);
    assert_eq!(run.output("polls"), "3");
}

#[test]
fn a_hanging_status_decides_nothing() {
    let until_soon = |cloud: &FakeCloud| {
        Sandbox::waiting_on(cloud)
            .sets(&[("DCS_TIMEOUT", "1500ms"), ("DCS_REQUEST_TIMEOUT", "10s")])
            .run()
    };
    // What was seen without it is shown.
    for stats in [
        vec![reading("false", "100", "0")],
        vec![reading("true", "62", "null"), reading("false", "100", "0")],
    ] {
        let mut details = vec![status("FULLMIGRATING"); stats.len() - 1];
        details.push(Answer::Hang);
        let run = until_soon(&FakeCloud::start().stats(stats).detail(details));
        run.ended("timeout", 124).says(&[
            "is_migrating false, full sync 100 %, offset 0",
            "the status that belongs",
        ]);
        assert_eq!(
            (run.output("ready"), run.output("full-migration-progress")),
            ("false", "100")
        );
    }
}

#[test]
fn status_failure_still_shows_the_reading() {
    let cloud = FakeCloud::start()
        .stats([reading("true", "100", "7"), reading("true", "100", "0")])
        .detail([status("INCRMIGEATING"), refusal(500, "DCS.5000")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_STATUS_CHECK", "require"),
            ("DCS_UNTIL", "in-sync"),
            ("DCS_MAX_OUTAGE", "500ms"),
        ])
        .run();
    run.ended("unreachable", 6).says(&[
        "the task's status: HTTP 500",
        "offset 0",
        "`status-check: auto`",
    ]);
    assert!(!run.reason().contains("writers"), "{}", run.reason());
    assert_eq!(run.output("offset"), "0");
}
