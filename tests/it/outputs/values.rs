//! GITHUB_OUTPUT and dotenv.

use super::*;

// ------------------------------------------------------------------------------------------------------------ outputs

#[test]
fn every_output_has_its_value() {
    let run = Sandbox::waiting_on(&ready()).run();
    run.ended("completed", 0);
    let expected = [
        ("result", "completed"),
        ("ready", "true"),
        ("exit-code", "0"),
        ("until", "completed"),
        ("is-migrating", "false"),
        ("offset", "0"),
        ("full-migration-progress", "100"),
        ("source-dbsize", "531221"),
        ("target-dbsize", "531211"),
        ("task-status", "TERMINATED"),
        ("polls", "1"),
    ];
    for (name, value) in expected {
        assert_eq!(run.output(name), value, "{name}");
        let variable = format!("DCS_{}", name.to_ascii_uppercase().replace('-', "_"));
        assert_eq!(run.dotenv[&variable], value, "{variable}");
    }
    let seconds: u64 = run.output("elapsed-seconds").parse().unwrap();
    assert!(seconds < 20);
    let instant = |name| humantime::parse_rfc3339(run.output(name)).unwrap();
    assert!(instant("started-at") <= instant("finished-at"));

    // As it came, number for number and string for string.
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(run.output("stats")), value(STATS));
    assert!(
        run.output("stats").contains("1.50"),
        "{}",
        run.output("stats")
    );

    let tasks = run.tasks();
    let task = &tasks.as_array().unwrap()[0];
    for (name, value) in expected {
        let shown = task[name]
            .as_str()
            .map_or_else(|| task[name].to_string(), str::to_owned);
        assert_eq!(shown, value, "{name} in tasks");
    }
    for name in ["reason", "elapsed-seconds", "started-at", "finished-at"] {
        assert!(!task[name].is_null(), "{name} in tasks");
    }
    assert_eq!(task["task-id"], TASK);
}

#[test]
fn unknown_output_is_empty() {
    let body = r#"{"is_migrating":null,"offset":"","source_dbsize":null}"#;
    let cloud = FakeCloud::start()
        .stats([json_reply(200, body)])
        .detail([refusal(403, "DCS.2003")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_TIMEOUT", "700ms")
        .run();
    run.ended("timeout", 124);
    for name in [
        "is-migrating",
        "offset",
        "full-migration-progress",
        "source-dbsize",
        "target-dbsize",
        "task-status",
    ] {
        assert_eq!(run.output(name), "", "{name}");
    }
    // So is everything of a wait that saw nothing at all.
    let run = Sandbox::waiting_on(&FakeCloud::start()).run();
    run.ended("invalid-input", 2);
    assert_eq!(
        (
            run.output("offset"),
            run.output("stats"),
            run.output("task-status")
        ),
        ("", "", "")
    );
}

#[test]
fn github_files_keep_earlier_lines() {
    let run = Sandbox::waiting_on(&ready())
        // Without a line break at its end.
        .file("output", "theirs=1\nalso<<E\nx\nE")
        .file("summary.md", "# Theirs")
        .run();
    assert_eq!(
        (
            run.output("theirs"),
            run.output("also"),
            run.output("result")
        ),
        ("1", "x", "completed")
    );
    assert!(run.summary.starts_with("# Theirs\n"), "{}", run.summary);
}

#[test]
fn gitlab_gets_dotenv_by_default() {
    let run = Sandbox::waiting_on(&ready())
        .unset("DCS_DOTENV")
        .on_gitlab()
        .run();
    assert_eq!(run.code, 0);
    let dotenv = formats::dotenv(&run.file("dcs-migration.env")).unwrap();
    assert_eq!(
        (dotenv["DCS_RESULT"].as_str(), dotenv["DCS_READY"].as_str()),
        ("completed", "true")
    );
}

#[test]
fn long_reason_fits_into_dotenv() {
    for long in ["x".repeat(400), "é".repeat(400), "😀".repeat(400)] {
        let mut sandbox = Sandbox::waiting_on(&ready());
        for name in [
            "UNTIL",
            "MAX_OFFSET",
            "STABLE_POLLS",
            "TIMEOUT",
            "STALL_TIMEOUT",
            "MAX_OUTAGE",
            "INITIAL_INTERVAL",
            "MAX_INTERVAL",
            "MULTIPLIER",
            "MAX_REQUESTS_PER_SECOND",
            "STATUS_CHECK",
            "SUMMARY",
            "REPORT",
            "LOG_FORMAT",
            "REQUEST_TIMEOUT",
            "ENDPOINT",
            "TASK_ID",
            "REGION",
            "PROJECT_ID",
        ] {
            sandbox = sandbox.set(&format!("DCS_{name}"), &long);
        }
        let run = sandbox.run();
        run.ended("invalid-input", 2);
        assert!(run.reason().len() > 5 * 1024, "no test of a limit");
    }
}
