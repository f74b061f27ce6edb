//! Untrusted text in every output.

use super::*;

// -------------------------------------------------------------------------------------------------------- hostile text

/// Texts that want to be something else wherever they go.
const HOSTILE: [&str; 14] = [
    "x\n::error::pwned",
    "x\r\n::set-output name=ready::true",
    "x\n##[error]pwned",
    "##[command]pwned",
    "::add-mask::e",
    "  ::stop-commands::tok",
    "\u{1b}[2J\u{1b}]0;pwned\u{7}",
    "x\nready=true\nresult=completed",
    "x\nDCS_READY=true",
    "x<<EOF\nready=true\nEOF",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "| a | [pwned](https://example.com) ![x](https://example.com/x.png) @octocat #1 **b** `c` |",
    "\u{202e}drowssap\u{2066}\u{2028}\u{2029}\u{85}\u{9b}31m",
    "$(touch pwned) `touch pwned` ${IFS} ' \" ; & | > pwned",
];

/// Nothing that came from the API is anything but text in anything that was written.
fn is_inert(run: &Run) {
    run.holds_together();
    let ours = [
        "::group::",
        "::endgroup::",
        "::add-mask::",
        "::error title=DCS migration::",
        "::notice title=DCS migration::",
    ];
    for line in run.log().lines() {
        if holds_command(line) {
            assert!(ours.iter().any(|ours| line.starts_with(ours)), "{line:?}");
            assert!(!line.contains("##["), "{line:?}");
        }
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    }
    let commands = run.log().lines().filter(|line| holds_command(line)).count();
    // A group and its end, one mask, one annotation.
    assert_eq!(commands, 4, "{}", run.transcript());
    assert!(!run.summary.contains('\u{1b}') && !run.summary.contains('\u{202e}'));
    for markup in [
        "<script",
        "<img",
        "](https:",
        "![x]",
        " @octocat",
        "**b**",
        "##[",
    ] {
        assert!(
            !run.summary.contains(markup),
            "{markup} in:\n{}",
            run.summary
        );
    }
    for value in run.dotenv.values() {
        assert!(!value.contains(['$', '`', '\u{1b}']), "{value}");
    }
    for value in run.outputs.values() {
        assert!(!value.contains(|c: char| c.is_control()), "{value:?}");
    }
}

/// HTTP itself stops control characters.
fn header(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_control(), " ")
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn hostile_text_is_only_ever_text() {
    type Row = (&'static str, fn(&str) -> FakeCloud, &'static str, i32);
    let in_status: fn(&str) -> FakeCloud = |text| {
        FakeCloud::start()
            .stats([json_reply(200, STATS), refusal(403, "x")])
            .detail([status(text)])
    };
    let in_message: fn(&str) -> FakeCloud = |text| {
        FakeCloud::start().stats([json_reply(
            403,
            &format!(
                r#"{{"error_code":"DCS.2003","error_msg":{}}}"#,
                quoted(text)
            ),
        )])
    };
    let in_code: fn(&str) -> FakeCloud = |text| {
        FakeCloud::start().stats([json_reply(
            403,
            &format!(r#"{{"error_code":{},"error_msg":"x"}}"#, quoted(text)),
        )])
    };
    let in_field: fn(&str) -> FakeCloud = |text| {
        FakeCloud::start().stats([
            json_reply(200, &format!(r#"{{"offset":{}}}"#, quoted(text))),
            refusal(403, "x"),
        ])
    };
    let in_unknown_field: fn(&str) -> FakeCloud = |text| {
        let stats = format!(
            r#"{{"is_migrating":true,"offset":5,{}:{}}}"#,
            quoted(text),
            quoted(text)
        );
        FakeCloud::start()
            .stats([json_reply(200, &stats), refusal(403, "x")])
            .detail([status("MIGRATING")])
    };
    let in_switch: fn(&str) -> FakeCloud = |text| {
        let detail = format!(
            r#"{{"status":"MIGRATING","task_status":{0},"migration_method":{0}}}"#,
            quoted(text)
        );
        FakeCloud::start()
            .stats([following(5), refusal(403, "x")])
            .detail([json_reply(200, &detail)])
    };
    let in_request_id: fn(&str) -> FakeCloud =
        |text| FakeCloud::start().stats([refusal(403, "x").with("X-Request-Id", &header(text))]);
    let in_location: fn(&str) -> FakeCloud =
        |text| FakeCloud::start().stats([json_reply(307, "").with("Location", &header(text))]);
    let rows: [Row; 8] = [
        ("status", in_status, "denied", 5),
        ("error message", in_message, "denied", 5),
        ("error code", in_code, "denied", 5),
        ("field", in_field, "denied", 5),
        ("unknown field", in_unknown_field, "denied", 5),
        ("IP switch", in_switch, "denied", 5),
        ("request id", in_request_id, "denied", 5),
        ("location", in_location, "invalid-input", 2),
    ];
    let rows: Vec<(Row, &str)> = rows
        .iter()
        .flat_map(|row| HOSTILE.iter().map(move |text| (*row, *text)))
        .collect();
    each(
        &rows,
        |row| format!("{} {:?}", row.0.0, row.1),
        |((_, cloud, result, code), text)| {
            let cloud = cloud(text);
            let sandbox = Sandbox::waiting_on(&cloud)
                .on_github()
                .set("DCS_LOG_LEVEL", "trace")
                .set("DCS_REPORT", "report.json,report.md,report.html,report.xml");
            let run = sandbox.run();
            run.ended(result, *code);
            is_inert(&run);
            let html = run.file("report.html");
            for markup in ["<script>alert", "<img src=x", "\u{1b}", "\u{202e}"] {
                assert!(!html.contains(markup), "{markup} in:\n{html}");
            }
            formats::xml_elements(&run.file("report.xml")).unwrap();
            serde_json::from_str::<serde_json::Value>(&run.file("report.json")).unwrap();
        },
    );
}

#[test]
fn hostile_inputs_are_only_ever_text() {
    each(
        &HOSTILE,
        |text| format!("{text:?}"),
        |text| {
            let run = Sandbox::waiting_on(&ready())
                .on_github()
                .set("DCS_UNTIL", text)
                .set("DCS_TASK_ID", text)
                .arg(text)
                .run();
            run.ended("invalid-input", 2);
            for line in run.log().lines() {
                let is_ours = ["::error title=DCS migration::", "::add-mask::"]
                    .iter()
                    .any(|ours| line.starts_with(ours));
                assert!(!holds_command(line) || is_ours, "{line:?}");
                assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
            }
            assert!(
                !run.summary.contains("<script") && !run.summary.contains("](https:"),
                "{}",
                run.summary
            );
        },
    );
}

#[test]
fn dotenv_file_is_safe_to_source() {
    for text in HOSTILE {
        let cloud = FakeCloud::start()
            .stats([json_reply(200, STATS), refusal(403, "x")])
            .detail([status(text)]);
        let run = Sandbox::waiting_on(&cloud).run();
        run.ended("denied", 5);
        // Words behind a blank would be commands of their own; GitLab does not do this, people do.
        for value in run.dotenv.values() {
            assert!(
                !value.contains(['$', '`', ';', '&', '|', '<', '>', '"', '\'', '\\']),
                "{value}"
            );
        }
    }
}
