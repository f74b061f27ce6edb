//! Report files.

use super::*;

// ------------------------------------------------------------------------------------------------------------ reports

#[test]
fn reports_are_written_by_their_ending() {
    let run = Sandbox::waiting_on(&ready())
        .args(&["--report", "out.json", "--report", "out.md"])
        .run();
    run.ended("completed", 0);
    let report: serde_json::Value = serde_json::from_str(&run.file("out.json")).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(
        (report["result"].as_str(), report["ready"].as_bool()),
        (Some("completed"), Some(true))
    );
    assert_eq!(report["reason"], run.reason());
    assert_eq!(report["tasks"][0]["task-id"], TASK);
    assert_eq!(
        report["tasks"][0]["stats"],
        serde_json::from_str::<serde_json::Value>(STATS).unwrap()
    );
    assert!(run.file("out.md").contains("completed"));

    let run = Sandbox::waiting_on(&ready())
        .set("DCS_REPORT", "out.html,out.xml")
        .run();
    run.ended("completed", 0);
    let html = run.file("out.html").to_ascii_lowercase();
    assert!(
        html.trim_start().starts_with("<!doctype html>") && html.contains("completed"),
        "{html}"
    );
    let elements = formats::xml_elements(&run.file("out.xml")).unwrap();
    assert!(
        elements[0].starts_with("testsuite") && elements.contains(&"testcase".to_owned()),
        "{elements:?}"
    );
    assert!(
        !elements.contains(&"failure".to_owned()) && !elements.contains(&"error".to_owned()),
        "{elements:?}"
    );

    let failed = FakeCloud::start()
        .stats([following(5)])
        .detail([status("FAILED")]);
    let run = Sandbox::waiting_on(&failed)
        .set("DCS_REPORT", "out.xml")
        .run();
    run.ended("failed", 3);
    let elements = formats::xml_elements(&run.file("out.xml")).unwrap();
    assert!(
        elements
            .iter()
            .any(|element| element == "failure" || element == "error"),
        "{elements:?}"
    );
}

#[test]
fn report_replaces_the_earlier_one() {
    let run = Sandbox::waiting_on(&FakeCloud::start().stats([refusal(403, "x")]))
        .file(
            "out.json",
            &format!("{{\"result\":\"completed\"}}{}", " ".repeat(100_000)),
        )
        .set("DCS_REPORT", "out.json")
        .run();
    run.ended("denied", 5);
    let report: serde_json::Value = serde_json::from_str(&run.file("out.json")).unwrap();
    assert_eq!(report["result"], "denied");
}

#[test]
fn invalid_inputs_have_a_report() {
    let run = Sandbox::waiting_on(&ready())
        .sets(&[("DCS_REPORT", "out.json"), ("DCS_TIMEOUT", "5")])
        .run();
    run.ended("invalid-input", 2);
    let report: serde_json::Value = serde_json::from_str(&run.file("out.json")).unwrap();
    assert_eq!(report["result"], "invalid-input");
}

#[test]
fn reports_name_restart_outage_switch() {
    let reading = |is_migrating, percent, offset: &str| {
        json_reply(
            200,
            &format!(
                r#"{{"is_migrating":{is_migrating},"full_migration_progress":{percent},"offset":{offset}}}"#
            ),
        )
    };
    let cloud = FakeCloud::start().life([
        (reading(true, 80, "null"), switch("FULLMIGRATING", "")),
        (refusal(503, "APIG.0201"), status("FULLMIGRATING")),
        (reading(true, 10, "null"), switch("FULLMIGRATING", "")),
        (reading(true, 100, "0"), switch("INCRMIGEATING", "")),
        (
            reading(true, 100, "0"),
            switch("INCRMIGEATING", "\"EXCHANGING\""),
        ),
        (
            reading(false, 100, "0"),
            switch("SUCCESS", "\"EXCHANGE_SUCCESS\""),
        ),
    ]);
    let run = Sandbox::waiting_on(&cloud)
        .on_github()
        .set("DCS_UNTIL", "switched")
        .set("DCS_REPORT", "out.html")
        .run();
    run.ended("switched", 0);
    for text in [&run.summary, &run.file("out.html")] {
        for wanted in [
            "polls failed from ",
            "full sync restarted at ",
            "IP switch started at ",
            "no longer migrating at ",
            "IP switch done at ",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
    }
}
