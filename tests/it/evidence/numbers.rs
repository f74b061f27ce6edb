//! Numbers as the API spells them.

use super::*;

// ------------------------------------------------------------------------------------------------------- numbers

#[test]
fn nearly_100_is_not_100() {
    let rows = [
        "99.99999999999999999999",
        "\"99.99999999999999999999\"",
        "\"99.999999999999999999999999999999 %\"",
        "99.999999999999999999999999999999999999999999999999999999999999",
    ];
    each(
        &rows,
        |row| (*row).to_owned(),
        |progress| {
            let cloud = FakeCloud::start()
                .stats([reading("false", progress, "0")])
                .detail([status("TERMINATED")]);
            Sandbox::waiting_on(&cloud).run().ended("failed", 3);
            let cloud = FakeCloud::start()
                .stats([reading("true", progress, "0")])
                .detail([status("INCRMIGEATING")]);
            for until in ["in-sync", "full-sync"] {
                let run = Sandbox::waiting_on(&cloud)
                    .sets(&[("DCS_UNTIL", until), ("DCS_TIMEOUT", "700ms")])
                    .run();
                run.ended("timeout", 124);
            }
        },
    );
}

#[test]
fn odd_number_spellings_are_malformed() {
    let progress = [
        "9.999999999999999999999e1",
        "\"9.999999999999999999999e1\"",
        "\"099.99999999999999999999\"",
        "\"+99.99999999999999999999\"",
        "\"+100\"",
        "\"0100\"",
        "\"00100\"",
        "\"0100.0\"",
        "1e2",
        "1E2",
        "\"1e2\"",
        "\"1E+2\"",
        "100e0",
        "10000e-2",
        "\"100e0\"",
    ];
    let offset = [
        "\"+0\"", "\"00\"", "\"000\"", "0e0", "0E5", "\"0e0\"", "\"0E5\"", "\"+7\"", "\"007\"",
        "\"-00\"",
    ];
    let rows: Vec<(&str, &str, &str)> = progress
        .iter()
        .map(|&value| ("full_migration_progress", value, "0"))
        .chain(offset.iter().map(|&value| ("offset", "100", value)))
        .collect();
    each(
        &rows,
        |row| format!("{row:?}"),
        |(field, progress, offset)| {
            let cloud = FakeCloud::start()
                .stats([reading("false", progress, offset)])
                .detail([status("TERMINATED")]);
            let run = Sandbox::waiting_on(&cloud)
                .set("DCS_MAX_OUTAGE", "400ms")
                .run();
            run.ended("unreachable", 6).says(&[field]);
            assert!(cloud.count(Kind::Stats) >= 2);
        },
    );
}

#[test]
fn plain_number_spellings_are_read() {
    let rows = [
        ("100", "0"),
        ("\"100\"", "\"0\""),
        ("100.0", "0"),
        ("\"100.000\"", "\" 0\""),
        ("\" 100 \"", "\"0 \""),
        ("\"100%\"", "0"),
        ("\"100 %\"", "0"),
        ("\" 100.0 % \"", "0"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |(progress, offset)| {
            let cloud = FakeCloud::start()
                .stats([reading("false", progress, offset)])
                .detail([status("TERMINATED")]);
            Sandbox::waiting_on(&cloud).run().ended("completed", 0);
        },
    );
}

// ------------------------------------------------------------------------------------------------------ the past

#[test]
fn the_last_known_progress_counts() {
    let unmeasured = |is_migrating: &str, spelling: &str| reading(is_migrating, spelling, "0");
    let copy = || (copying(), status("FULLMIGRATING"));
    let incremental = || (behind(), status("INCRMIGEATING"));
    let ended = |spelling: &str, word: &str| (unmeasured("false", spelling), status(word));
    let end = || (refusal(403, "DCS.2003"), refusal(403, "DCS.2003"));
    let follows = |word: &str| (unmeasured("true", "null"), status(word));
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        Vec<Moment>,
        &'static str,
        i32,
    );
    let rows: Vec<Row> = vec![
        (
            "null",
            "completed",
            "auto",
            vec![copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        (
            "absent",
            "completed",
            "auto",
            vec![copy(), ended("", "TERMINATED")],
            "failed",
            3,
        ),
        (
            "empty",
            "completed",
            "auto",
            vec![copy(), ended("\"\"", "SUCCESS")],
            "failed",
            3,
        ),
        (
            "released",
            "completed",
            "auto",
            vec![copy(), ended("null", "RELEASED")],
            "failed",
            3,
        ),
        (
            "several",
            "completed",
            "auto",
            vec![copy(), follows("MIGRATING"), ended("null", "SUCCESS")],
            "failed",
            3,
        ),
        (
            "required",
            "completed",
            "require",
            vec![copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        // Seen migrating, and three readings agree.
        (
            "without a status",
            "completed",
            "off",
            vec![copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        (
            "full-sync",
            "full-sync",
            "auto",
            vec![copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        // A newer one replaces it.
        (
            "newer",
            "completed",
            "auto",
            vec![copy(), incremental(), ended("null", "TERMINATED")],
            "completed",
            0,
        ),
        (
            "newer, released",
            "completed",
            "auto",
            vec![incremental(), ended("null", "RELEASED")],
            "completed",
            0,
        ),
        (
            "a copy that began again",
            "completed",
            "auto",
            vec![incremental(), copy(), ended("null", "TERMINATED")],
            "failed",
            3,
        ),
        (
            "in-sync",
            "in-sync",
            "auto",
            vec![incremental(), follows("MIGRATING")],
            "in-sync",
            0,
        ),
        (
            "in-sync, short",
            "in-sync",
            "auto",
            {
                let mut life = vec![copy()];
                life.extend(vec![follows("INCRMIGEATING"); 5]);
                life.push(end());
                life
            },
            "denied",
            5,
        ),
        // None was known.
        (
            "never known",
            "completed",
            "auto",
            vec![ended("null", "TERMINATED")],
            "completed",
            0,
        ),
    ];
    each(
        &rows,
        |row| format!("{}: {} -> {}", row.0, row.1, row.4),
        |(_, until, mode, life, result, code)| {
            let cloud = FakeCloud::start().life(life.clone());
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_UNTIL", until),
                    ("DCS_STATUS_CHECK", mode),
                    ("DCS_STABLE_POLLS", "1"),
                ])
                .set("DCS_TIMEOUT", "4s")
                .run();
            run.ended(result, *code);
        },
    );
}
