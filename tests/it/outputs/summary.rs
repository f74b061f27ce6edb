//! The job summary.

use super::*;

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
            line if line.starts_with("<sub>Each step ") => "<sub>[scale]</sub>".to_owned(),
            line if line.starts_with("Over time: ") => "Over time: [marks]".to_owned(),
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
