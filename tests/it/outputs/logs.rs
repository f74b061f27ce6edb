//! The log, as each forge shows it.

use super::*;

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
            // Masks go to standard error, which a `>` does not keep.
            let (masks, others): (Vec<&str>, Vec<&str>) = run
                .stderr
                .lines()
                .partition(|line| line.starts_with("::add-mask::"));
            assert!(
                others.iter().all(|line| !holds_command(line)),
                "{}",
                run.stderr
            );
            assert!(!run.stdout.contains(TOKEN));
            if *name != "invalid input" {
                assert_eq!(named("::group::"), 1);
                assert!(masks.contains(&format!("::add-mask::{TOKEN}").as_str()));
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
            run.stderr.contains(&format!("::add-mask::{mask}\n")),
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
            run.stderr.contains(&format!("::add-mask::{mask}\n")),
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
