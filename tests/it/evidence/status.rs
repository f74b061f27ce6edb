//! The status of a task: when it confirms a reading, and when it is missing.

use super::*;

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
