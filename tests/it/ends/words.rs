//! What each end says.

use super::*;

/// Every end that one task can come to, but for signals.
#[test]
fn each_end_has_result_and_code() {
    type Row = (
        &'static str,
        i32,
        FakeCloud,
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    );
    let ended = |word| FakeCloud::start().stats([done()]).detail([status(word)]);
    let rows: Vec<Row> = vec![
        ("completed", 0, ended("TERMINATED"), &[], &["TERMINATED"]),
        (
            "in-sync",
            0,
            FakeCloud::start()
                .stats([following(0)])
                .detail([status("INCRMIGEATING")]),
            &[("DCS_UNTIL", "in-sync")],
            &["offset 0"],
        ),
        (
            "full-sync",
            0,
            FakeCloud::start()
                .stats([copying(100)])
                .detail([status("MIGRATING")]),
            &[("DCS_UNTIL", "full-sync")],
            &["100 %"],
        ),
        (
            "invalid-input",
            2,
            endless(),
            &[("DCS_TASK_ID", "x")],
            &["`task-id`", "`x`", "UUID or 32 hex digits"],
        ),
        (
            "invalid-input",
            2,
            FakeCloud::start().stats([refusal(404, "APIGW.0101")]),
            &[],
            &["APIGW.0101", "`endpoint`"],
        ),
        (
            "invalid-input",
            2,
            FakeCloud::start().stats([refusal(405, "DCS.5001")]),
            &[],
            &["DCS.5001", "`endpoint`"],
        ),
        (
            "invalid-input",
            2,
            FakeCloud::start().stats([refusal(400, "DCS.4133")]),
            &[],
            &["DCS.4133", "`task-id`"],
        ),
        (
            "failed",
            3,
            ended("FAILED"),
            &[],
            &["FAILED", "seen last", "`task-id`"],
        ),
        (
            "stalled",
            4,
            endless(),
            &[("DCS_STALL_TIMEOUT", "400ms")],
            &["`stall-timeout`", "offset 5"],
        ),
        (
            "denied",
            5,
            FakeCloud::start().stats([refusal(403, "DCS.2003")]),
            &[],
            &["DCS.2003", "dcs:migrationTask:get"],
        ),
        (
            "denied",
            5,
            FakeCloud::start().stats([refusal(401, "APIGW.0301")]),
            &[],
            &["APIGW.0301", "`auth-token`"],
        ),
        (
            "unreachable",
            6,
            FakeCloud::start().stats([refusal(503, "APIG.0613")]),
            &[("DCS_MAX_OUTAGE", "400ms")],
            &["`max-outage`", "APIG.0613"],
        ),
        (
            "timeout",
            124,
            endless(),
            &[("DCS_TIMEOUT", "900ms")],
            &["`timeout`", "offset 5", "still migrates", "in-sync"],
        ),
    ];
    each(
        &rows,
        |row| format!("{} {:?}", row.0, row.3),
        |(result, code, cloud, more, texts)| {
            let run = Sandbox::waiting_on(cloud).sets(more).run();
            run.ended(result, *code).says(texts);
            assert!(!run.output("started-at").is_empty() && !run.output("finished-at").is_empty());
            assert!(run.summary.contains(result), "{}", run.summary);
            assert!(run.log().contains(result), "{}", run.transcript());
        },
    );
}

#[test]
fn bad_end_names_seen_missing_change() {
    let still = |body: &str| {
        FakeCloud::start()
            .stats([json_reply(200, body)])
            .detail([status("MIGRATING")])
    };
    let rows = [
        (
            "completed",
            r#"{"is_migrating":true,"full_migration_progress":100,"offset":0}"#,
            "still migrates",
            "until: in-sync",
        ),
        (
            "in-sync",
            r#"{"is_migrating":true,"full_migration_progress":100,"offset":1234}"#,
            "1,234",
            "`max-offset`",
        ),
        (
            "in-sync",
            r#"{"is_migrating":true,"full_migration_progress":100,"offset":-1}"#,
            "negative",
            "`timeout`",
        ),
        (
            "in-sync",
            r#"{"is_migrating":true,"full_migration_progress":62,"offset":0}"#,
            "under 100 %",
            "`timeout`",
        ),
        (
            "in-sync",
            r#"{"is_migrating":true,"full_migration_progress":100}"#,
            "offset is unknown",
            "`timeout`",
        ),
        (
            "full-sync",
            r#"{"is_migrating":true,"full_migration_progress":62}"#,
            "under 100 %",
            "`timeout`",
        ),
        (
            "completed",
            r#"{"full_migration_progress":100,"offset":0}"#,
            "`is_migrating` is unknown",
            "`timeout`",
        ),
    ];
    each(
        &rows,
        |row| row.1.to_owned(),
        |(until, body, missing, change)| {
            let cloud = still(body);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_UNTIL", until), ("DCS_TIMEOUT", "900ms")])
                .run();
            run.ended("timeout", 124)
                .says(&["seen last", "not met", missing, change]);
        },
    );
}

#[test]
fn advice_fits_what_was_missing() {
    let copying_only = || vec![detail("FULLMIGRATING", "full_amount_migration")];
    let stopped = |offset: i64| {
        vec![json_reply(
            200,
            &format!(r#"{{"is_migrating":false,"offset":{offset},"full_migration_progress":100}}"#),
        )]
    };
    let no_status = || vec![refusal(403, "DCS.2003")];
    let incremental = || vec![status("INCRMIGEATING")];
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        Vec<Answer>,
        Vec<Answer>,
        &'static str,
        &'static str,
    );
    let rows: Vec<Row> = vec![
        (
            "a full migration ends by itself",
            &[],
            vec![copying(50)],
            copying_only(),
            "; raise `timeout`",
            "stop it",
        ),
        (
            "a copy takes time",
            &[],
            vec![copying(50)],
            vec![status("FULLMIGRATING")],
            "raise `timeout`, or wait with `until: full-sync`",
            "stop it",
        ),
        (
            "it has to be stopped",
            &[],
            vec![following(0)],
            incremental(),
            "stop it when it is in sync",
            "raise",
        ),
        (
            "writers",
            &[("DCS_UNTIL", "in-sync")],
            vec![following(9)],
            incremental(),
            "stop the writers",
            "console",
        ),
        (
            "a negative offset",
            &[("DCS_UNTIL", "in-sync")],
            vec![following(-3)],
            incremental(),
            "check the task in the console",
            "writers",
        ),
        (
            "no status",
            &[],
            stopped(7),
            no_status(),
            "`dcs:migrationTask:get`",
            "raise",
        ),
        (
            "a negative one",
            &[],
            stopped(-3),
            no_status(),
            "the offset is negative",
            "over `max-offset`",
        ),
        (
            "a status unasked",
            &[("DCS_STATUS_CHECK", "off")],
            stopped(7),
            no_status(),
            "`status-check: auto`",
            "raise",
        ),
        (
            "a late status",
            &[("DCS_UNTIL", "in-sync")],
            stopped(0),
            incremental(),
            "`is_migrating` is false, and the status INCRMIGEATING",
            "does not show",
        ),
        (
            "nothing known",
            &[],
            vec![json_reply(200, "{}")],
            incremental(),
            "the API does not tell what decides",
            "stop",
        ),
        (
            "too few readings",
            &[("DCS_STABLE_POLLS", "1000")],
            stopped(0),
            no_status(),
            "lower `stable-polls`",
            "console",
        ),
        (
            "stalled",
            &[("DCS_UNTIL", "in-sync"), ("DCS_STALL_TIMEOUT", "300ms")],
            vec![following(9)],
            incremental(),
            "raise `stall-timeout`",
            "`timeout` or",
        ),
        (
            "no answer",
            &[],
            vec![Answer::Hang],
            vec![Answer::Hang],
            "no request was answered",
            "no reading",
        ),
        (
            "no answer any more",
            &[],
            vec![copying(50), Answer::Hang],
            incremental(),
            "the request under way was not answered for 1",
            "no request",
        ),
        (
            "no sign-in",
            &[
                ("DCS_AUTH_TOKEN", ""),
                ("DCS_USERNAME", "ci"),
                ("DCS_PASSWORD", "PasswordOfNobody1"),
                ("DCS_DOMAIN_NAME", "OTC1"),
            ],
            vec![Answer::Hang],
            vec![Answer::Hang],
            "the sign-in was not answered before `timeout`; check the network and `iam-endpoint`",
            "`region`",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, inputs, stats, detail, words, others)| {
            let cloud = FakeCloud::start().on("POST", "/v3/auth/tokens", [Answer::Hang]);
            let cloud = cloud.stats(stats.clone()).detail(detail.clone());
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_TIMEOUT", "2s"), ("DCS_IAM_ENDPOINT", &cloud.url())])
                .sets(inputs)
                .run();
            run.says(&[words]);
            assert!(!run.reason().contains(others), "{}", run.reason());
        },
    );
}

#[test]
fn unconfigured_task_says_so() {
    let cloud = FakeCloud::start()
        .stats([json_reply(200, r#"{"is_migrating":false}"#)])
        .detail([status("RUNNING")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_TIMEOUT", "800ms")
        .run();
    run.ended("timeout", 124).says(&["RUNNING", "configure"]);
}
