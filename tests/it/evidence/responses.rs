//! Responses that are not about this task, or not about now.

use super::*;

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
