//! The goal `completed`.

use super::*;

const ANY_OFFSET: &[&str] = &["0", "5", "-1", "null"];

const ANY_PROGRESS: &[&str] = &["100", "62", "null"];

fn every_pair(
    offsets: &[&'static str],
    progresses: &[&'static str],
) -> Vec<(&'static str, &'static str)> {
    offsets
        .iter()
        .flat_map(|&offset| progresses.iter().map(move |&progress| (offset, progress)))
        .collect()
}

const SUCCEEDED: [&str; 2] = ["SUCCESS", "MIGRATION_SUCCESS"];

const IN_FLIGHT: [&str; 9] = [
    "TERMINATING",
    "FULLMIGRATING",
    "MIGRATING",
    "INCRMIGEATING",
    "INCRMIGRATING",
    "CREATING",
    "RUNNING",
    "PAUSED",
    // Nearly a known word is an unknown word.
    "Success",
];

#[test]
fn completed_closed_synced_ended_is_ready() {
    let mut values = side_by_side(ZERO, HUNDRED);
    values.extend(side_by_side(ZERO, UNKNOWN));
    hold(&cases(
        "completed",
        "false",
        &values,
        &words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED"]),
        Ready,
    ));
    hold(&cases("completed", "\"false\"", &values, NOT_KNOWN, Ready));
}

#[test]
fn completed_released_needs_full_sync() {
    hold(&cases(
        "completed",
        "false",
        &side_by_side(ZERO, HUNDRED),
        &words(&["RELEASED"]),
        Ready,
    ));
    // No row of the table makes this ready.
    hold(&cases(
        "completed",
        "false",
        &side_by_side(&["0"], UNKNOWN),
        &words(&["RELEASED"]),
        Wait,
    ));
}

#[test]
fn completed_without_status_waits_for_confirmation() {
    hold(&cases(
        "completed",
        "false",
        &side_by_side(&["0"], &["99.99", "\"62\""]),
        NOT_KNOWN,
        Suspect,
    ));
    let open = every_pair(&["1", "-1"], ANY_PROGRESS);
    hold(&cases("completed", "false", &open, &[Known::Off], Suspect));
    hold(&cases(
        "completed",
        "false",
        &[("\"5\"", "100")],
        &[Known::Unanswered],
        Suspect,
    ));
}

#[test]
fn completed_waits_for_its_status() {
    hold(&cases(
        "completed",
        "false",
        &every_pair(ANY_OFFSET, ANY_PROGRESS),
        &words(&IN_FLIGHT),
        Wait,
    ));
}

#[test]
fn completed_fails_with_failed_or_deleted() {
    let ended = words(&["FAILED", "MIGRATION_FAILED", "ERROR", "DELETED"]);
    hold(&cases(
        "completed",
        "false",
        &every_pair(ANY_OFFSET, ANY_PROGRESS),
        &ended,
        Failed,
    ));
}

#[test]
fn completed_fails_with_stopped_short() {
    let ended = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    hold(&cases(
        "completed",
        "false",
        &side_by_side(ZERO, UNDER),
        &ended,
        Failed,
    ));
}

#[test]
fn completed_fails_with_out_of_sync() {
    let ended = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    let mut values = side_by_side(OVER, &["100"]);
    values.extend(every_pair(&["5"], ANY_PROGRESS));
    hold(&cases("completed", "false", &values, &ended, Failed));
}

#[test]
fn completed_without_offset_needs_full_migration() {
    let values = side_by_side(UNKNOWN, &["100", "null"]);
    let full_only: Vec<Known> = SUCCEEDED
        .iter()
        .map(|&word| Known::FullOnly(word))
        .collect();
    hold(&cases("completed", "false", &values, &full_only, Ready));
    let mut otherwise = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    otherwise.extend([
        Known::FullOnly("TERMINATED"),
        Known::FullOnly("RELEASED"),
        Known::Off,
        Known::Unanswered,
    ]);
    hold(&cases("completed", "false", &values, &otherwise, Wait));
}

#[test]
fn unknown_is_migrating_is_never_ready() {
    let mut rows = Vec::new();
    for until in ["completed", "in-sync", "full-sync"] {
        for is_migrating in UNKNOWN {
            rows.extend(cases(
                until,
                is_migrating,
                &[("0", "100")],
                &words(&["SUCCESS", "INCRMIGEATING"]),
                Wait,
            ));
            rows.extend(cases(
                until,
                is_migrating,
                &[("0", "100")],
                &[Known::Off],
                Wait,
            ));
        }
    }
    hold(&rows);
}

#[test]
fn completed_never_ready_while_migrating() {
    let known: Vec<Known> = words(&["INCRMIGEATING", "TERMINATED", "SUCCESS"]);
    hold(&cases("completed", "true", &[("0", "100")], &known, Wait));
    hold(&cases(
        "completed",
        "\"true\"",
        &[("0", "100")],
        NOT_KNOWN,
        Wait,
    ));
}

#[test]
fn max_offset_is_inclusive() {
    let row = |until, is_migrating, offset, known, verdict| Case {
        until,
        max_offset: "10",
        is_migrating,
        progress: "100",
        offset,
        known,
        verdict,
        require: true,
    };
    let mut rows = Vec::new();
    for offset in ["0", "9", "\"10\""] {
        rows.push(row(
            "completed",
            "false",
            offset,
            Known::Word("TERMINATED"),
            Ready,
        ));
        rows.push(row("completed", "false", offset, Known::Off, Ready));
        rows.push(row(
            "in-sync",
            "true",
            offset,
            Known::Word("INCRMIGEATING"),
            Ready,
        ));
    }
    for offset in ["11", "-1", "-10"] {
        rows.push(row(
            "completed",
            "false",
            offset,
            Known::Word("TERMINATED"),
            Failed,
        ));
        rows.push(row("completed", "false", offset, Known::Off, Suspect));
        rows.push(row(
            "in-sync",
            "true",
            offset,
            Known::Word("INCRMIGEATING"),
            Wait,
        ));
    }
    hold(&rows);
}
