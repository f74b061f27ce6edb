//! The goal `full-sync`.

use super::*;

#[test]
fn full_sync_is_ready_at_100() {
    let mut rows = cases(
        "full-sync",
        "true",
        &side_by_side(&["5", "0", "null"], HUNDRED),
        &words(&["INCRMIGEATING", "MIGRATING"]),
        Ready,
    );
    rows.extend(cases(
        "full-sync",
        "true",
        &side_by_side(&["5"], HUNDRED),
        NOT_KNOWN,
        Ready,
    ));
    // A finished task whose progress is 100 has reached it, whatever its offset is.
    let ended = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    rows.extend(cases(
        "full-sync",
        "false",
        &[("0", "100"), ("5", "100"), ("null", "100")],
        &ended,
        Ready,
    ));
    rows.extend(cases(
        "full-sync",
        "true",
        &side_by_side(&["0"], UNDER),
        &words(&["FULLMIGRATING", "INCRMIGEATING"]),
        Wait,
    ));
    rows.extend(cases(
        "full-sync",
        "true",
        &side_by_side(&["0"], UNKNOWN),
        NOT_KNOWN,
        Wait,
    ));
    hold(&rows);
}

#[test]
fn full_sync_fails_when_ended_short() {
    let mut rows = Vec::new();
    for is_migrating in ["true", "false"] {
        let ended = words(&["FAILED", "MIGRATION_FAILED", "ERROR", "DELETED"]);
        rows.extend(cases(
            "full-sync",
            is_migrating,
            &[("0", "62"), ("0", "100"), ("null", "null")],
            &ended,
            Failed,
        ));
    }
    let ended = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    rows.extend(cases(
        "full-sync",
        "false",
        &side_by_side(&["0", "5"], UNDER),
        &ended,
        Failed,
    ));
    rows.extend(cases(
        "full-sync",
        "false",
        &[("0", "62")],
        NOT_KNOWN,
        Suspect,
    ));
    hold(&rows);
}
