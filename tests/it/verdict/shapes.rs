//! Unknown tasks and bodies of the wrong shape.

use super::*;

#[test]
fn unknown_task_is_invalid_input() {
    let unknown = || refusal(400, "DCS.4133");
    let cloud = FakeCloud::start().stats([
        unknown(),
        unknown(),
        unknown(),
        reading("false", "100", "0"),
    ]);
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("invalid-input", 2)
        .says(&["DCS.4133", "`task-id`"]);
    assert_eq!(cloud.count(Kind::Stats), 3);

    let cloud = FakeCloud::start()
        .stats([
            unknown(),
            unknown(),
            reading("true", "62", ""),
            unknown(),
            unknown(),
            reading("false", "100", "0"),
        ])
        .detail([status("TERMINATED")]);
    Sandbox::waiting_on(&cloud).run().ended("completed", 0);
}

#[test]
fn vanished_task_was_deleted() {
    let unknown = || refusal(400, "DCS.4133");
    let cloud = FakeCloud::start()
        .stats([
            reading("true", "62", ""),
            unknown(),
            unknown(),
            unknown(),
            reading("false", "100", "0"),
        ])
        .detail([status("MIGRATING")]);
    Sandbox::waiting_on(&cloud)
        .run()
        .ended("failed", 3)
        .says(&["deleted"]);
    assert_eq!(cloud.count(Kind::Stats), 4);
}

#[test]
fn wrong_shape_is_malformed_naming_field() {
    let rows = [
        (
            r#"{"is_migrating":0,"offset":0,"full_migration_progress":100}"#,
            "is_migrating",
        ),
        (
            r#"{"is_migrating":"no","offset":0,"full_migration_progress":100}"#,
            "is_migrating",
        ),
        (
            r#"{"is_migrating":[false],"offset":0,"full_migration_progress":100}"#,
            "is_migrating",
        ),
        (
            r#"{"is_migrating":false,"offset":"none","full_migration_progress":100}"#,
            "offset",
        ),
        (
            r#"{"is_migrating":false,"offset":false,"full_migration_progress":100}"#,
            "offset",
        ),
        (
            r#"{"is_migrating":false,"offset":{},"full_migration_progress":100}"#,
            "offset",
        ),
        (
            r#"{"is_migrating":false,"offset":"0x0","full_migration_progress":100}"#,
            "offset",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":"done"}"#,
            "full_migration_progress",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":"inf"}"#,
            "full_migration_progress",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":true}"#,
            "full_migration_progress",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":100,"source_dbsize":"many"}"#,
            "source_dbsize",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":100,"target_dbsize":[]}"#,
            "target_dbsize",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(body, field)| {
            let cloud = FakeCloud::start()
                .stats([json_reply(200, body), reading("false", "100", "0")])
                .detail([status("TERMINATED")]);
            let run = Sandbox::waiting_on(&cloud).run();
            run.ended("completed", 0);
            assert_eq!(run.output("polls"), "2");
            assert!(
                run.log().contains(&format!("`{field}`")),
                "{}",
                run.transcript()
            );
        },
    );
}

#[test]
fn unknown_fields_are_ignored() {
    let body = r#"{"is_migrating":false,"offset":0,"full_migration_progress":100,"eta":"soon","ready":false,"x":[{}]}"#;
    let cloud = FakeCloud::start()
        .stats([json_reply(200, body)])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("completed", 0);
    assert_eq!(run.output("polls"), "1");
}
