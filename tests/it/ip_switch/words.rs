//! How the word is read and shown.

use super::*;

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
