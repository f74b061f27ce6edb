//! Whole switches.

use super::*;

#[test]
fn whole_switches_end_where_they_end() {
    // Goal, `stable-polls`, life, result, exit code, fewest and most readings.
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        i32,
        usize,
        usize,
    );
    let rows: &[Row] = &[
        // A switch that succeeds. The status may have been asked for before the reading beside it was made.
        ("switched", "1", "cbssxyzE", "switched", 0, 8, 9),
        ("switched", "2", "ssxyzE", "switched", 0, 7, 8),
        ("switched", "1", "E", "switched", 0, 1, 1),
        ("completed", "1", "bbsxxyzzE", "completed", 0, 9, 10),
        ("completed", "1", "zE", "completed", 0, 2, 3),
        ("completed", "1", "E", "completed", 0, 1, 1),
        ("full-sync", "1", "ccxxE", "full-sync", 0, 5, 6),
        ("full-sync", "1", "xxs", "full-sync", 0, 3, 4),
        ("in-sync", "1", "bxxE", "failed", 3, 2, 6),
        ("in-sync", "3", "bsxxE", "failed", 3, 2, 7),
        // One that is rolled back; the source serves, and the task says SUCCESS.
        ("switched", "1", "bsxyzR", "failed", 3, 6, 7),
        ("switched", "1", "R", "failed", 3, 1, 3),
        ("completed", "1", "bsxyzR", "failed", 3, 6, 7),
        ("completed", "1", "R", "failed", 3, 1, 3),
        ("full-sync", "1", "xxzzR", "failed", 3, 4, 6),
        ("in-sync", "1", "bxR", "failed", 3, 2, 4),
        // A new attempt after a rollback.
        ("switched", "1", "sxqqrqxyzE", "switched", 0, 10, 11),
        ("switched", "1", "sxqqxyzR", "failed", 3, 8, 9),
        ("completed", "1", "xqqxyzE", "completed", 0, 7, 8),
        ("in-sync", "1", "xxrq", "in-sync", 0, 4, 5),
        ("in-sync", "3", "xxqqq", "in-sync", 0, 5, 6),
        ("full-sync", "1", "xxr", "full-sync", 0, 3, 4),
        // A switch that begins in the middle of the row, before the reading that would make ready.
        ("in-sync", "3", "ssxxxxxx!", "denied", 5, 9, 99),
        ("in-sync", "3", "ssxxsss", "in-sync", 0, 5, 9),
        // A switch that never ends.
        ("switched", "1", "sxyzzzzz!", "denied", 5, 9, 99),
        ("completed", "1", "sxyzzzzz!", "denied", 5, 9, 99),
        // None that begins.
        ("switched", "1", "cbsssss!", "denied", 5, 8, 99),
    ];
    each(
        rows,
        |row| format!("{row:?}"),
        |&(until, stable, letters, result, code, fewest, most)| {
            let cloud = FakeCloud::start().life(life(letters));
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_UNTIL", until), ("DCS_STABLE_POLLS", stable)])
                // On a slow machine, too, no two readings are so far apart that the row starts again.
                .set("DCS_MAX_INTERVAL", "1s")
                .run();
            run.ended(result, code);
            let asked = cloud.count(Kind::Stats);
            assert!(
                (fewest..=most).contains(&asked),
                "{asked} readings\n{}",
                run.transcript()
            );
        },
    );
}

#[test]
fn a_rollback_sends_nobody_to_target() {
    let rows = [
        ("completed", "R"),
        ("switched", "bsxyzR"),
        ("full-sync", "R"),
        ("in-sync", "R"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(until, letters)| {
            let cloud = FakeCloud::start().life(life(letters));
            let run = Sandbox::waiting_on(&cloud).set("DCS_UNTIL", until).run();
            run.ended("failed", 3);
            assert!(
                plain(run.reason()).replace('_', " ").contains("roll"),
                "{}",
                run.reason()
            );
            assert!(
                !run.summary.contains("applications at the target"),
                "{}",
                run.summary
            );
        },
    );
}

#[test]
fn switched_wait_says_so() {
    let rows = [
        ("completed", "z"),
        ("in-sync", "x"),
        ("full-sync", "x"),
        ("switched", "z"),
        ("switched", "s"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(until, letters)| {
            let cloud = FakeCloud::start().life(life(letters));
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_UNTIL", until),
                    ("DCS_STABLE_POLLS", "1"),
                    ("DCS_TIMEOUT", "900ms"),
                ])
                .run();
            run.ended("timeout", 124);
            let reason = plain(run.reason());
            assert!(
                reason.contains("switch") || reason.contains("exchang"),
                "{}",
                run.reason()
            );
        },
    );
}
