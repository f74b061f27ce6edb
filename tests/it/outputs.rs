//! What is written: outputs, summary, log, reports; and what never is.

use crate::support::cloud::{REDIS_PASSWORD, detail};
use crate::support::formats::holds_command;
use crate::support::sandbox::{BINARY, BOUND};
use crate::support::{
    Answer, FakeCloud, OTHER_TASK, Run, Sandbox, TASK, TOKEN, each, formats, json_reply, refusal,
    status,
};
use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The vendor's own example, ended.
const STATS: &str = r#"{
  "full_migration_progress": "100",
  "offset": 0,
  "source_dbsize": 531221,
  "target_dbsize": "531211",
  "target_input_kbps": 50,
  "target_ops": 5300,
  "is_migrating": false,
  "extra": [1.50, "é", null]
}"#;

fn ready() -> FakeCloud {
    FakeCloud::start()
        .stats([json_reply(200, STATS)])
        .detail([status("TERMINATED")])
}

fn following(offset: i64) -> Answer {
    json_reply(
        200,
        &format!(r#"{{"is_migrating":true,"full_migration_progress":100,"offset":{offset}}}"#),
    )
}

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

// ------------------------------------------------------------------------------------------------------------ summary

/// Takes out what is different in every run: times, the port, the version, and charts, whose scale is time.
fn redacted(text: &str, cloud: &FakeCloud) -> String {
    let mut lines = Vec::new();
    let (mut in_chart, mut in_events) = (false, false);
    for line in text.replace(&cloud.port().to_string(), "[port]").lines() {
        if in_chart {
            in_chart = line != "```";
            continue;
        }
        in_events = line.starts_with("| Since the start ") || (in_events && line.starts_with('|'));
        lines.push(match line {
            "```mermaid" | "```text" => {
                in_chart = true;
                "[chart]".to_owned()
            }
            line if line.starts_with("| Took ") => "| Took | [duration] |".to_owned(),
            line if line.starts_with("| Time ") => "| Time | [instants] |".to_owned(),
            line if in_events && !line.starts_with("| Since") && !line.starts_with("| ---") => {
                let (_, what) = line.trim_start_matches("| ").split_once(" | ").unwrap();
                match what.split_once(" failed polls in ") {
                    Some((before, _)) => {
                        format!("| [duration] | {before} failed polls in [duration] |")
                    }
                    None => format!("| [duration] | {what}"),
                }
            }
            line if line.starts_with("<sub>dcs-migration-wait") => {
                "<sub>[version]</sub>".to_owned()
            }
            line if line.starts_with("<sub>Scale: ") => "<sub>[scale]</sub>".to_owned(),
            line if line.contains(is_block) => {
                let cell = |cell: &str| {
                    if cell.contains(is_block) {
                        " [blocks] ".to_owned()
                    } else {
                        cell.to_owned()
                    }
                };
                line.split('|').map(cell).collect::<Vec<_>>().join("|")
            }
            line => line.to_owned(),
        });
    }
    lines.join("\n")
}

/// A part of a chart in blocks.
fn is_block(c: char) -> bool {
    ('▁'..='█').contains(&c)
}

#[test]
fn summary_of_a_ready_wait() {
    let cloud = ready();
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("completed", 0);
    insta::assert_snapshot!("summary-ready", redacted(&run.summary, &cloud));
}

#[test]
fn summary_of_stopped_out_of_sync() {
    let stats = r#"{"is_migrating":false,"full_migration_progress":100,"offset":4711,"source_dbsize":10,"target_dbsize":8}"#;
    let cloud = FakeCloud::start()
        .stats([json_reply(200, stats)])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("failed", 3);
    insta::assert_snapshot!("summary-failed", redacted(&run.summary, &cloud));
}

#[test]
fn summary_of_in_sync_without_status() {
    let cloud = FakeCloud::start()
        .stats([following(0)])
        .detail([refusal(403, "DCS.2003")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", "in-sync")
        .run();
    run.ended("in-sync", 0);
    insta::assert_snapshot!("summary-in-sync", redacted(&run.summary, &cloud));
}

#[test]
fn the_summary_of_several_tasks() {
    let cloud = ready()
        .stats_of(OTHER_TASK, [following(5)])
        .detail_of(OTHER_TASK, [status("ERROR")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_TASK_ID", &format!("{TASK} {OTHER_TASK}")),
            ("DCS_FAIL_FAST", "false"),
        ])
        .run();
    run.ended("failed", 3);
    insta::assert_snapshot!("summary-several", redacted(&run.summary, &cloud));
}

#[test]
fn the_summary_of_a_refusal() {
    let cloud = FakeCloud::start().stats([refusal(403, "DCS.2003").with("X-Request-Id", "rid-1")]);
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("denied", 5);
    insta::assert_snapshot!("summary-denied", redacted(&run.summary, &cloud));
}

#[test]
fn the_summary_can_be_left_out() {
    let run = Sandbox::waiting_on(&ready())
        .set("DCS_SUMMARY", "false")
        .run();
    run.ended("completed", 0);
    assert_eq!(run.summary, "");
}

// --------------------------------------------------------------------------------------------------------- the runner

#[test]
fn github_gets_masks_group_and_annotation() {
    let failed = || {
        FakeCloud::start()
            .stats([following(0)])
            .detail([status("FAILED")])
    };
    type Row = (
        &'static str,
        FakeCloud,
        &'static [(&'static str, &'static str)],
        &'static str,
    );
    let rows: Vec<Row> = vec![
        ("ready", ready(), &[], "::notice"),
        ("failed", failed(), &[], "::error"),
        (
            "denied",
            FakeCloud::start().stats([refusal(401, "APIGW.0301")]),
            &[],
            "::error",
        ),
        (
            "timeout",
            FakeCloud::start()
                .stats([following(5)])
                .detail([status("MIGRATING")]),
            &[("DCS_TIMEOUT", "700ms")],
            "::error",
        ),
        (
            "at trace",
            ready(),
            &[("DCS_LOG_LEVEL", "trace")],
            "::notice",
        ),
        ("silent", ready(), &[("DCS_LOG_LEVEL", "off")], "::notice"),
        (
            "invalid input",
            ready(),
            &[("DCS_TIMEOUT", "5"), ("DCS_UNTIL", "x")],
            "::error",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(name, cloud, more, annotation)| {
            let run = Sandbox::waiting_on(cloud).on_github().sets(more).run();
            run.holds_together();
            let commands: Vec<&str> = run
                .stdout
                .lines()
                .filter(|line| holds_command(line))
                .collect();
            let named = |name: &str| {
                commands
                    .iter()
                    .filter(|line| line.starts_with(name))
                    .count()
            };
            assert_eq!(
                named("::error") + named("::notice") + named("::warning"),
                1,
                "{commands:?}"
            );
            assert_eq!(named(annotation), 1, "{commands:?}");
            assert_eq!(named("::group::"), named("::endgroup::"));
            assert!(
                run.stderr.lines().all(|line| !holds_command(line)),
                "{}",
                run.stderr
            );
            if *name != "invalid input" {
                assert_eq!(named("::group::"), 1);
                let mask = format!("::add-mask::{TOKEN}");
                let masked = run.stdout.find(&mask).unwrap();
                assert!(!run.stdout[..masked].contains(TOKEN));
            }
            // The annotation stands outside of the group, so that it is seen.
            let last = run.stdout.lines().last().unwrap();
            assert!(last.starts_with(annotation), "{last}");
            assert!(last.contains(run.output("result")));
        },
    );
}

#[test]
fn unused_secrets_are_masked_too() {
    let run = Sandbox::waiting_on(&ready())
        .on_github()
        .secret("DCS_SECRET_KEY", "SecretKey%OfNobody")
        .secret("DCS_ACCESS_KEY", "AKOFNOBODY")
        .secret("DCS_PASSWORD", "Password Of Nobody")
        .run();
    run.ended("completed", 0);
    for mask in [TOKEN, "SecretKey%25OfNobody", "Password Of Nobody"] {
        assert!(
            run.stdout.contains(&format!("::add-mask::{mask}\n")),
            "{mask}\n{}",
            run.transcript()
        );
    }
}

#[test]
fn multiline_secret_is_masked_by_line() {
    let cloud = ready();
    let run = Sandbox::waiting_on(&cloud)
        .on_github()
        .unset("DCS_AUTH_TOKEN")
        .secret("DCS_ACCESS_KEY", "AKOFNOBODY")
        .secret("DCS_SECRET_KEY", "FirstLineOfNobody\nSecondLine%OfNobody")
        .hide("FirstLineOfNobody")
        .hide("SecondLine%OfNobody")
        .run();
    for mask in ["FirstLineOfNobody", "SecondLine%25OfNobody"] {
        assert!(
            run.stdout.contains(&format!("::add-mask::{mask}\n")),
            "{mask}\n{}",
            run.transcript()
        );
    }
    run.shows_no_secret();
}

#[test]
fn gitlab_gets_a_collapsible_section() {
    let run = Sandbox::waiting_on(&ready()).on_gitlab().run();
    run.ended("completed", 0);
    let section = |word: &str| -> Vec<String> {
        let lines = run
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("\u{1b}[0Ksection_{word}:")));
        lines
            .map(|line| line.split_once('\r').unwrap().0.to_owned())
            .collect()
    };
    let (starts, ends) = (section("start"), section("end"));
    assert_eq!((starts.len(), ends.len()), (1, 1), "{}", run.transcript());
    let parts = |text: &str| {
        text.split_once(':')
            .map(|(time, name)| (time.parse::<u64>().unwrap(), name.to_owned()))
            .unwrap()
    };
    let ((start, name), (end, other)) = (parts(&starts[0]), parts(&ends[0]));
    assert!(start <= end && name == other && !name.is_empty());
    // Nothing of GitHub's is in it, and the verdict stands below the section.
    assert!(!run.stdout.contains("::"), "{}", run.stdout);
    assert!(run.stdout.lines().last().unwrap().contains("completed"));
}

#[test]
fn stdout_has_result_stderr_the_log() {
    let run = Sandbox::waiting_on(&ready()).run();
    run.ended("completed", 0);
    assert_eq!(run.stdout.lines().count(), 1);
    assert!(run.stdout.starts_with("completed: "), "{}", run.stdout);
    assert!(run.stderr.contains(TASK), "{}", run.stderr);
}

#[test]
fn json_log_is_json_lines() {
    for level in ["info", "trace"] {
        let cloud = FakeCloud::start()
            .stats([refusal(503, "x"), following(5), json_reply(200, STATS)])
            .detail([status("MIGRATING"), status("TERMINATED")]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_LOG_FORMAT", "json"), ("DCS_LOG_LEVEL", level)])
            .run();
        run.ended("completed", 0);
        for line in run.log().lines() {
            let value: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(value.is_object());
        }
        let last: serde_json::Value =
            serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(
            (last["result"].as_str(), last["exit-code"].as_i64()),
            (Some("completed"), Some(0))
        );
        assert_eq!(last["tasks"][0]["stats"]["target_ops"], 5300);
    }
}

#[test]
fn a_long_wait_is_quiet() {
    let mut stats: Vec<Answer> = (0..100).map(|n| following(100_000 + n % 7)).collect();
    stats.push(json_reply(200, STATS));
    let cloud = FakeCloud::start()
        .stats(stats)
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("completed", 0);
    assert!(run.stderr.lines().count() < 40, "{}", run.stderr);
}

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
        run.stdout.contains(&format!("::add-mask::{TOKEN}\n")),
        "{}",
        run.transcript()
    );
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

// -------------------------------------------------------------------------------------------------------------- sinks

/// Every sink in every place where it cannot be written. Root writes read-only files; a directory stops everybody.
fn broken_sinks() -> Vec<(&'static str, &'static str, &'static str)> {
    let sinks = [
        ("GITHUB_OUTPUT", "GITHUB_OUTPUT"),
        ("DCS_DOTENV", "dotenv"),
        ("GITHUB_STEP_SUMMARY", "summary"),
        ("DCS_REPORT", "report"),
    ];
    let places = [
        "given-directory",
        "given-directory.json",
        "missing/below/report.json",
        "/proc/x.json",
        "/dev/full",
    ];
    let rows = sinks
        .iter()
        .flat_map(|&(variable, word)| places.iter().map(move |&place| (variable, word, place)));
    // A directory for reports is made.
    let is_report = |place: &str| place.ends_with(".json") && !place.starts_with("missing");
    rows.filter(|&(variable, _, place)| variable != "DCS_REPORT" || is_report(place))
        .collect()
}

#[test]
fn report_creates_its_directory() {
    let cloud = FakeCloud::start()
        .stats([json_reply(200, STATS)])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_REPORT", "build/reports/report.json")
        .run();
    run.ended("completed", 0);
    assert!(run.file("build/reports/report.json").contains("completed"));
}

fn with_broken_sink(cloud: &FakeCloud, variable: &str, place: &str) -> Run {
    let sandbox = Sandbox::waiting_on(cloud).set(variable, place);
    std::fs::create_dir(sandbox.path("given-directory")).unwrap();
    std::fs::create_dir(sandbox.path("given-directory.json")).unwrap();
    sandbox.run()
}

#[test]
fn unwritable_file_changes_nothing_else() {
    each(
        &broken_sinks(),
        |row| format!("{row:?}"),
        |&(variable, word, place)| {
            let denied = FakeCloud::start().stats([refusal(403, "x")]);
            for (result, code, cloud) in [("completed", 0, ready()), ("denied", 5, denied)] {
                let run = with_broken_sink(&cloud, variable, place);
                assert_eq!(run.code, code, "{}", run.transcript());
                let complaint = run
                    .log()
                    .lines()
                    .find(|line| line.contains("cannot write"))
                    .unwrap()
                    .to_owned();
                assert!(
                    complaint.contains(word) && complaint.contains(place),
                    "{complaint}"
                );
                let other = match variable {
                    "GITHUB_OUTPUT" => run.dotenv["DCS_RESULT"].as_str(),
                    _ => run.output("result"),
                };
                assert_eq!(other, result);
                assert!(variable == "GITHUB_STEP_SUMMARY" || run.summary.contains(result));
            }
        },
    );
}

#[test]
fn unwritable_file_is_named_once() {
    each(
        &broken_sinks(),
        |row| format!("{row:?}"),
        |&(variable, _, place)| {
            let run = with_broken_sink(&ready(), variable, place);
            let log = run.log();
            let complaints: Vec<&str> = log
                .lines()
                .filter(|line| line.contains("cannot write"))
                .collect();
            assert_eq!(complaints.len(), 1, "{complaints:?}");
        },
    );
}

#[test]
fn read_only_files_stop_nothing() {
    let cloud = ready();
    let sandbox = Sandbox::waiting_on(&cloud).file("given-read-only", "");
    std::fs::set_permissions(
        sandbox.path("given-read-only"),
        Permissions::from_mode(0o444),
    )
    .unwrap();
    let run = sandbox
        .set("GITHUB_STEP_SUMMARY", "given-read-only")
        .set("GITHUB_OUTPUT", "not-there-yet")
        .run();
    assert_eq!(
        (run.code, run.dotenv["DCS_RESULT"].as_str()),
        (0, "completed")
    );
    assert_eq!(
        formats::github_output(&run.file("not-there-yet")).unwrap()["result"],
        "completed"
    );
}

#[test]
fn hanging_file_does_not_delay_end() {
    for variable in ["GITHUB_STEP_SUMMARY", "DCS_REPORT"] {
        let cloud = ready();
        let sandbox = Sandbox::waiting_on(&cloud).set(variable, "given-pipe.json");
        let made = Command::new("mkfifo")
            .arg(sandbox.path("given-pipe.json"))
            .status()
            .unwrap();
        assert!(made.success());
        let run = sandbox.run();
        run.ended("completed", 0);
    }
}

#[test]
fn file_hanging_at_start_ends() {
    for variable in ["GITHUB_OUTPUT", "DCS_DOTENV"] {
        let cloud = ready();
        let sandbox =
            Sandbox::waiting_on(&cloud).sets(&[(variable, "given-pipe"), ("DCS_TIMEOUT", "1s")]);
        let made = Command::new("mkfifo")
            .arg(sandbox.path("given-pipe"))
            .status()
            .unwrap();
        assert!(made.success());
        let run = sandbox.run();
        assert!(run.took < Duration::from_secs(7), "{:?}", run.took);
    }
}

#[test]
fn closed_reader_does_not_stop_wait() {
    for forge in ["GITHUB_ACTIONS", "GITLAB_CI", "NONE"] {
        let mut stats: Vec<Answer> = (0..20).map(following).collect();
        stats.push(json_reply(200, STATS));
        let cloud = FakeCloud::start()
            .stats(stats)
            .detail([status("INCRMIGEATING"), status("TERMINATED")]);
        let sandbox =
            Sandbox::waiting_on(&cloud).sets(&[(forge, "true"), ("DCS_LOG_LEVEL", "trace")]);
        let output = sandbox.path("output");
        let mut child = sandbox
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 1];
        let mut streams: (Box<dyn Read>, Box<dyn Read>) = (
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        );
        let _ = if forge == "NONE" {
            streams.1.read(&mut first)
        } else {
            streams.0.read(&mut first)
        };
        drop(streams);
        assert_eq!(ends(&mut child), 0);
        let outputs = formats::github_output(&std::fs::read_to_string(output).unwrap()).unwrap();
        assert_eq!(outputs["result"], "completed");
    }
}

#[test]
fn stuck_reader_does_not_delay_end() {
    // Far more than a pipe holds.
    let mut stats: Vec<Answer> = (0..200).map(following).collect();
    stats.push(json_reply(200, STATS));
    let cloud = FakeCloud::start()
        .stats(stats)
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let sandbox = Sandbox::waiting_on(&cloud).sets(&[
        ("GITHUB_ACTIONS", "true"),
        ("DCS_LOG_LEVEL", "trace"),
        ("DCS_INITIAL_INTERVAL", "1ms"),
    ]);
    let output = sandbox.path("output");
    let mut child = sandbox
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(ends(&mut child), 0);
    let outputs = formats::github_output(&std::fs::read_to_string(output).unwrap()).unwrap();
    assert_eq!(outputs["result"], "completed");
}

fn ends(child: &mut std::process::Child) -> i32 {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if started.elapsed() > BOUND {
            let _ = child.kill();
            panic!("has not ended");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn closed_streams_change_nothing() {
    let cloud = ready();
    let sandbox = Sandbox::waiting_on(&cloud);
    let output = sandbox.path("output");
    let mut shell = sandbox.command();
    let variables: Vec<_> = shell
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec '{BINARY}' >&- 2>&- <&-")])
        .env_clear()
        .envs(variables);
    assert_eq!(shell.status().unwrap().code(), Some(0));
    let outputs = formats::github_output(&std::fs::read_to_string(output).unwrap()).unwrap();
    assert_eq!(outputs["result"], "completed");
}

#[test]
fn full_disk_behind_stdout_changes_nothing() {
    let cloud = ready();
    let sandbox = Sandbox::waiting_on(&cloud).on_github();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut child = sandbox
        .command()
        .stdout(full)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(ends(&mut child), 0);
}

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
