//! Counts that start the row again.

use super::*;

/// Lines of the log that warn.
fn warnings(run: &Run) -> Vec<String> {
    let log = run.log();
    let lines = log.lines().filter(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        value["level"]
            .as_str()
            .is_some_and(|level| level.to_lowercase().starts_with("warn"))
    });
    lines.map(str::to_owned).collect()
}

// ------------------------------------------------------------------------------------------- a row that starts again

/// Rows that start again, each with one warning.
const AGAIN: &[Line] = &[
    // A count of 1,000 or more falls by more than half.
    (
        "in-sync",
        "3",
        "",
        "s2000/2000 s2000/2000 s900/900",
        Ready(5),
    ),
    ("in-sync", "3", "", "s2000/2000 s900/900", Ready(4)),
    (
        "in-sync",
        "3",
        "",
        "s1000/1000 s1000/1000 s499/499",
        Ready(5),
    ),
    (
        "in-sync",
        "3",
        "5000",
        "s2000/2000 s2000/2000 s2000/900",
        Ready(5),
    ),
    (
        "in-sync",
        "3",
        "",
        "s2000/2000 s2000/2000 s900/2000",
        Ready(5),
    ),
    ("in-sync", "2", "", "s2000/2000 s900/900", Ready(3)),
    (
        "completed",
        "3",
        "",
        "d2000/2000 d2000/2000 d900/900",
        Ready(5),
    ),
    (
        "full-sync",
        "3",
        "",
        "s2000/2000 s2000/2000 s900/900",
        Ready(5),
    ),
    (
        "switched",
        "3",
        "",
        "e2000/2000 e2000/2000 e900/900",
        Ready(5),
    ),
    // What is missing grew in each reading, by more than 1 % in all.
    (
        "in-sync",
        "3",
        "",
        "s1000/1000 s1010/1000 s1020/1000",
        Ready(5),
    ),
    (
        "in-sync",
        "3",
        "",
        "s1000/1000 s1000/990 s1000/980",
        Ready(5),
    ),
    ("in-sync", "2", "", "s1000/1000 s1020/1000", Ready(3)),
    (
        "in-sync",
        "3",
        "",
        "s531221/531221 s534000/531221 s537000/531221",
        Ready(5),
    ),
    (
        "completed",
        "3",
        "",
        "d1000/1000 d1000/990 d1000/980",
        Ready(5),
    ),
    (
        "full-sync",
        "3",
        "",
        "s1000/1000 s1010/1000 s1020/1000",
        Ready(5),
    ),
];

#[test]
fn counts_that_halve_start_again() {
    hold(AGAIN);
    // A failed poll in between takes nothing away.
    hold(&[(
        "in-sync",
        "3",
        "",
        "s2000/2000 s2000/2000 f s900/900",
        Ready(6),
    )]);
}

#[test]
fn restarted_row_warns_once() {
    each(
        AGAIN,
        |row| format!("{row:?}"),
        |&(until, stable, limit, text, end)| {
            let case = Case {
                until,
                stable,
                limit,
                life: text.to_owned(),
                end,
            };
            let (run, ..) = case.run();
            run.ended(until, 0);
            assert_eq!(warnings(&run).len(), 1, "{:#?}", warnings(&run));
        },
    );
}

#[test]
fn source_that_outgrows_target_waits() {
    let growing: String = (0..9)
        .map(|n| format!("s{}/1000 ", 1000 + n * 10))
        .collect();
    let run = |life: String, result: &str, code: i32| {
        let (run, asked, _) = Case {
            until: "in-sync",
            stable: "3",
            limit: "",
            life,
            end: Ready(0),
        }
        .run();
        run.ended(result, code);
        asked
    };
    // As long as it grows, and once it stops.
    let asked = run(format!("{growing} !"), "denied", 5);
    assert!(asked > 9, "{asked} readings");
    let asked = run(growing.clone(), "in-sync", 0);
    assert!((10..=12).contains(&asked), "{asked} readings");
}

#[test]
fn small_changes_restart_nothing() {
    hold(&[
        // Half, and no more than that.
        (
            "in-sync",
            "3",
            "",
            "s2000/2000 s2000/2000 s1000/1000",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/1000 s1000/1000 s500/500",
            Ready(3),
        ),
        // Under 1,000 keys.
        ("in-sync", "3", "", "s999/999 s999/999 s1/1", Ready(3)),
        // More keys.
        (
            "in-sync",
            "3",
            "",
            "s900/900 s2000/2000 s5000/5000",
            Ready(3),
        ),
        // It fell before the row began.
        ("in-sync", "3", "", "b5000/5000 b900/900 s900/900", Ready(5)),
        // Grown by 1 % at most.
        (
            "in-sync",
            "3",
            "",
            "s10000/10000 s10030/10000 s10060/10000",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/1000 s1000/995 s1000/990",
            Ready(3),
        ),
        // Not in each reading.
        (
            "in-sync",
            "3",
            "",
            "s1000/1000 s1020/1000 s1020/1000",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/980 s1000/1000 s1030/1000",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/950 s1000/960 s1000/970",
            Ready(3),
        ),
        // Source and target grow alike.
        (
            "in-sync",
            "3",
            "",
            "s1000/1000 s1100/1100 s1200/1200",
            Ready(3),
        ),
        // A row of one reading has nothing to grow in.
        ("in-sync", "1", "", "s1000/1000", Ready(1)),
        // No counts.
        ("in-sync", "3", "", "s2000/2000 s-/- s-/-", Ready(3)),
        // No rule about keys.
        (
            "in-sync",
            "3",
            "off",
            "s2000/2000 s2000/2000 s900/900",
            Ready(3),
        ),
        (
            "in-sync",
            "3",
            "off",
            "s1000/1000 s1010/1000 s1020/1000",
            Ready(3),
        ),
    ]);
}
