//! The goal `in-sync`.

use super::*;

#[test]
fn in_sync_needs_running_synced_closed() {
    let mut rows = cases(
        "in-sync",
        "true",
        &side_by_side(ZERO, HUNDRED),
        &words(&["INCRMIGEATING", "INCRMIGRATING", "MIGRATING"]),
        Ready,
    );
    rows.extend(cases(
        "in-sync",
        "\"true\"",
        &[("0", "100")],
        NOT_KNOWN,
        Ready,
    ));
    // The incremental phase begins where the full sync ends: its status proves what the percentage does not tell, for
    // an offset that was read after it.
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(ZERO, UNKNOWN),
        &words(&["INCRMIGEATING", "INCRMIGRATING"]),
        ReadyAtTheSecond,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(ZERO, UNKNOWN),
        &words(&["MIGRATING"]),
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(&["0"], UNKNOWN),
        NOT_KNOWN,
        Wait,
    ));
    // During the full sync the offset means nothing.
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(ZERO, UNDER),
        &words(&["FULLMIGRATING", "MIGRATING", "INCRMIGEATING"]),
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(&["0"], UNDER),
        NOT_KNOWN,
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(OVER, HUNDRED),
        &words(&["INCRMIGEATING"]),
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(UNKNOWN, &["100"]),
        &words(&["INCRMIGEATING"]),
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &[("0", "100")],
        &words(&["CREATING", "RUNNING", "TERMINATING", "PAUSED"]),
        Wait,
    ));
    hold(&rows);
}

#[test]
fn in_sync_fails_with_ended_task() {
    let mut rows = Vec::new();
    for is_migrating in ["true", "false"] {
        let ended = words(&["FAILED", "MIGRATION_FAILED", "ERROR", "DELETED"]);
        rows.extend(cases(
            "in-sync",
            is_migrating,
            &[("0", "100"), ("5", "62")],
            &ended,
            Failed,
        ));
    }
    // Stopped in sync is too late for an IP switch; stopped otherwise is worse.
    let stopped = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    rows.extend(cases(
        "in-sync",
        "false",
        &[("0", "100"), ("0", "62"), ("5", "100"), ("-1", "100")],
        &stopped,
        Failed,
    ));
    rows.extend(cases(
        "in-sync",
        "false",
        &[("0", "62"), ("5", "100")],
        NOT_KNOWN,
        Suspect,
    ));
    rows.extend(cases(
        "in-sync",
        "false",
        &[("0", "100"), ("0", "62"), ("5", "100")],
        &words(&["RUNNING", "TERMINATING", "PAUSED"]),
        Wait,
    ));
    hold(&rows);
}

#[test]
fn in_sync_fails_when_stopped_unconfirmed() {
    let stopped = || reading("false", "100", "0");
    let cloud = FakeCloud::start().stats([
        reading("true", "100", "7"),
        stopped(),
        stopped(),
        stopped(),
        end(),
    ]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", "in-sync")
        .run();
    run.ended("failed", 3).says(&["in-sync"]);
}
