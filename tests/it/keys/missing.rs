//! Keys that are missing in the target.

use super::*;

/// Kinds of readings that would make that goal ready at once, and whether the task has ended with them.
const READY_KINDS: &[(&str, &str, bool)] = &[
    ("completed", "d", true),
    ("in-sync", "s", false),
    ("full-sync", "s", false),
    ("full-sync", "d", true),
    ("switched", "e", true),
    ("switched", "t", false),
];

// ------------------------------------------------------------------------------------------------------- the limit

/// `max-missing-keys`, counts, and whether what is missing is within the limit.
const LIMITS: &[(&str, &str, bool)] = &[
    ("", "531221/531211", true),
    ("", "531221/531221", true),
    // The target holds more: keys of its own.
    ("", "100/200", true),
    ("", "0/0", true),
    ("", "0/5", true),
    // 10 % of the source's keys, and not one more.
    ("", "1000/900", true),
    ("", "1000/899", false),
    ("", "531221/478099", true),
    ("", "531221/478098", false),
    ("", "10/9", true),
    ("", "9/8", false),
    ("", "1/0", false),
    ("", "531221/0", false),
    ("", "\"531221\"/\"0\"", false),
    ("", "\"531221\"/\"531211\"", true),
    ("", "9223372036854775807/9223372036854775807", true),
    ("", "9223372036854775807/0", false),
    ("", "0/9223372036854775807", true),
    ("10%", "1000/900", true),
    ("10%", "1000/899", false),
    // A number of keys.
    ("0", "10/10", true),
    ("0", "10/11", true),
    ("0", "10/9", false),
    ("5", "10/5", true),
    ("5", "10/4", false),
    ("1000", "1000/0", true),
    ("1000", "1001/0", false),
    ("9223372036854775807", "531221/0", true),
    // A percentage.
    ("0%", "10/10", true),
    ("0%", "10/9", false),
    ("1%", "100/99", true),
    ("1%", "100/98", false),
    ("50%", "100/50", true),
    ("50%", "100/49", false),
    ("100%", "531221/0", true),
    // Any.
    ("off", "531221/0", true),
    ("OFF", "531221/0", true),
    // Counts that are unknown are not judged.
    ("", "-/0", true),
    ("", "531221/-", true),
    ("", "-/-", true),
    ("", "\"\"/0", true),
    ("0", "-/0", true),
];

#[test]
fn missing_keys_beyond_the_limit_wait() {
    let mut cases = Vec::new();
    for &(until, kind, ended) in READY_KINDS {
        for &(limit, counts, within) in LIMITS {
            let end = match (within, ended) {
                (true, _) => Ready(1),
                (false, true) => Failed(3),
                (false, false) => Wait,
            };
            cases.push(Case {
                until,
                stable: "1",
                limit,
                life: format!("{kind}{counts}"),
                end,
            });
        }
    }
    each(&cases, Case::name, Case::check);
}

#[test]
fn three_readings_confirm_missing_keys() {
    hold(&[
        ("completed", "1", "", "d1000/0 d1000/0 d1000/1000", Ready(3)),
        (
            "completed",
            "1",
            "",
            "d1000/0 d1000/500 d1000/899 d1000/1000",
            Failed(3),
        ),
        (
            "completed",
            "1",
            "",
            "b1000/0 b1000/0 b1000/0 d1000/1000",
            Ready(4),
        ),
        (
            "completed",
            "1",
            "",
            "b1000/0 b1000/0 b1000/0 d1000/0 d1000/0 d1000/1000",
            Ready(6),
        ),
        // Two and two are not three in a row.
        (
            "completed",
            "1",
            "",
            "d1000/0 d1000/0 b1000/0 d1000/0 d1000/0 d1000/1000",
            Ready(6),
        ),
        ("completed", "3", "", "d1000/0 d1000/0 d1000/1000", Ready(5)),
        (
            "full-sync",
            "1",
            "",
            "c1000/0 d1000/10 d1000/10 d1000/10 d1000/1000",
            Failed(4),
        ),
        (
            "switched",
            "1",
            "",
            "b1000/0 e1000/0 e1000/0 e1000/0 e1000/1000",
            Failed(4),
        ),
        // While it migrates, keys may still come.
        (
            "in-sync",
            "1",
            "",
            "s1000/0 s1000/0 s1000/0 s1000/0 s1000/1000",
            Ready(5),
        ),
        (
            "full-sync",
            "1",
            "",
            "s1000/0 s1000/0 s1000/0 s1000/0 s1000/1000",
            Ready(5),
        ),
        (
            "in-sync",
            "3",
            "",
            "s1000/0 s1000/0 s1000/990 s1000/1000 s1000/1000",
            Ready(5),
        ),
        // A reading over the limit is none of the row.
        (
            "in-sync",
            "3",
            "",
            "s100/100 s100/100 s100/50 s100/100 s100/100 s100/100",
            Ready(6),
        ),
    ]);
}

#[test]
fn the_reason_has_the_numbers() {
    let rows = [
        ("completed", "d531221/12", "failed", 3),
        ("in-sync", "s531221/12", "timeout", 124),
        ("full-sync", "s531221/12", "timeout", 124),
        ("switched", "e531221/12", "failed", 3),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(until, text, result, code)| {
            let cloud = FakeCloud::start().life(life(text));
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_UNTIL", until),
                    ("DCS_STABLE_POLLS", "1"),
                    ("DCS_TIMEOUT", "1500ms"),
                ])
                .run();
            run.ended(result, code);
            let reason = plain(run.reason());
            for word in ["key", "531"] {
                assert!(
                    reason.contains(word),
                    "`{word}` is not in: {}",
                    run.reason()
                );
            }
            assert!(
                reason.contains("531221") && reason.contains("12") || reason.contains("531209"),
                "{reason}"
            );
        },
    );
}

#[test]
fn unknown_counts_are_told_in_summary() {
    let said = |text: &str| {
        let cloud = FakeCloud::start().life(life(text));
        let run = Sandbox::waiting_on(&cloud).run();
        run.ended("completed", 0);
        plain(&run.summary).contains("not compared")
    };
    for unknown in ["d-/-", "d531221/-", "d-/531221"] {
        assert!(said(unknown), "{unknown}");
    }
    assert!(!said("d531221/531211"));
}

// ------------------------------------------------------------------------------------------------- counts of nothing

#[test]
fn count_fallen_to_zero_waits() {
    hold(&[
        // Both fall in the middle of the row: a source that restarted empty, and replicated that.
        ("in-sync", "3", "", "s5000/5000 s5000/5000 s0/0", Wait),
        ("in-sync", "3", "", "s5000/5000 s0/0", Wait),
        ("in-sync", "1", "", "b5000/5000 s0/0", Wait),
        ("in-sync", "3", "", "s5/5 s5/5 s0/0", Wait),
        ("in-sync", "3", "", "b1/1 b5000/5000 b0/0 s0/0", Wait),
        ("full-sync", "1", "", "c5000/100 s0/0", Wait),
        ("switched", "1", "", "b5000/5000 t0/0", Wait),
        // One of them falls; the limit itself would allow it.
        ("in-sync", "1", "100000", "b5000/5000 s5000/0", Wait),
        ("in-sync", "1", "", "b5000/5000 s0/5000", Wait),
        ("in-sync", "1", "100%", "b5000/5000 s5000/0", Wait),
        // Until it is over 0 again.
        (
            "in-sync",
            "3",
            "",
            "s5000/5000 s0/0 s0/0 s100/100",
            Ready(6),
        ),
        (
            "in-sync",
            "1",
            "",
            "b5000/5000 s0/0 s0/0 s100/100",
            Ready(4),
        ),
        ("in-sync", "1", "", "b5000/5000 s0/0 s1/1", Ready(3)),
        ("completed", "1", "", "b5000/5000 b0/0 b7/7 d7/7", Ready(4)),
        // A count that is not known is not over 0.
        ("in-sync", "1", "", "b5000/5000 s0/0 s-/-", Wait),
        // The source's counts while the task migrates, the target's always.
        ("completed", "1", "", "b5000/5000 d0/0", Wait),
        ("completed", "1", "", "b5000/5000 d0/5000", Ready(2)),
        ("completed", "1", "100%", "b5000/5000 d5000/0", Wait),
        ("switched", "1", "", "b5000/5000 e0/0", Wait),
        ("switched", "1", "", "b5000/5000 e0/5000", Ready(2)),
        ("full-sync", "1", "", "c5000/5000 d0/0", Wait),
        ("full-sync", "1", "", "c5000/5000 d0/5000", Ready(2)),
        // Over the limit, too: that fails.
        ("completed", "1", "", "b5000/5000 d5000/0", Failed(4)),
        ("switched", "1", "", "b5000/5000 e5000/0", Failed(4)),
        // A count that never was over 0.
        ("in-sync", "3", "", "s0/0", Ready(3)),
        ("completed", "1", "", "b0/0 d0/0", Ready(2)),
        ("completed", "1", "", "b-/- d0/0", Ready(2)),
        ("completed", "1", "", "b5000/0 d5000/5000", Ready(2)),
        ("in-sync", "1", "5000", "b5000/0 s5000/0", Ready(2)),
        // No rule about keys.
        ("in-sync", "3", "off", "s5000/5000 s0/0 s0/0", Ready(3)),
        ("completed", "1", "off", "b5000/5000 d0/0", Ready(2)),
        ("completed", "1", "off", "b5000/5000 d5000/0", Ready(2)),
    ]);
}
