//! Readings in a row.

use super::*;

/// A wait with defaults for `stable-polls`, and how many readings it took.
fn wait_until(goal: &str, stats: Vec<Answer>, more: &[(&str, &str)]) -> (Run, usize) {
    let cloud = FakeCloud::start()
        .stats(stats)
        .detail([status("INCRMIGEATING")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", goal)
        .set("DCS_MAX_INTERVAL", "10s")
        .sets(more)
        .run();
    (run, cloud.count(Kind::Stats))
}

#[test]
fn stable_polls_are_consecutive_readings() {
    let closed = || reading("true", "100", "0");
    let open = || reading("true", "100", "5");
    let short = || reading("true", "62", "0");
    let unknown = || reading("", "100", "0");
    let failed = || refusal(503, "APIG.0613");
    type Row = (
        &'static str,
        Vec<Answer>,
        &'static [(&'static str, &'static str)],
        usize,
    );
    let rows: Vec<Row> = vec![
        ("three by default for in-sync", vec![closed()], &[], 3),
        (
            "as many as asked for",
            vec![closed()],
            &[("DCS_STABLE_POLLS", "5")],
            5,
        ),
        (
            "one where one is asked for",
            vec![closed()],
            &[("DCS_STABLE_POLLS", "1")],
            1,
        ),
        (
            "a reading over the limit starts again",
            vec![closed(), closed(), open(), closed()],
            &[],
            6,
        ),
        (
            "so does one whose copy is short",
            vec![closed(), closed(), short(), closed()],
            &[],
            6,
        ),
        (
            "so does an unknown one",
            vec![closed(), closed(), unknown(), closed()],
            &[],
            6,
        ),
        (
            "a failed poll neither counts nor resets",
            vec![closed(), failed(), closed(), broken(), closed()],
            &[],
            5,
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, stats, more, readings)| {
            let mut stats = stats.clone();
            // Never more than needed: one more request is refused.
            let last = stats.last().cloned().unwrap();
            while stats.len() < *readings {
                stats.push(last.clone());
            }
            stats.push(end());
            let (run, asked) = wait_until("in-sync", stats, more);
            run.ended("in-sync", 0);
            assert_eq!(asked, *readings);
        },
    );
}

#[test]
fn other_goals_need_one_reading() {
    let (run, asked) = wait_until("full-sync", vec![reading("true", "100", "7"), end()], &[]);
    run.ended("full-sync", 0);
    assert_eq!(asked, 1);
    let cloud = FakeCloud::start()
        .stats([reading("false", "100", "0"), end()])
        .detail([status("TERMINATED")]);
    Sandbox::waiting_on(&cloud).run().ended("completed", 0);
    assert_eq!(cloud.count(Kind::Stats), 1);
}

#[test]
fn readings_far_apart_make_no_row() {
    // 3 × max-interval is 600 ms here, and an answer, bad or slow, takes longer.
    let closed = || reading("true", "100", "0");
    for between in [
        refusal(503, "APIG.0613").with("Retry-After", "1"),
        reading("true", "100", "0").late(900),
    ] {
        let stats = vec![
            closed(),
            closed(),
            between,
            closed(),
            closed(),
            closed(),
            closed(),
            end(),
        ];
        let (run, asked) = wait_until(
            "in-sync",
            stats,
            &[("DCS_MAX_INTERVAL", "200ms"), ("DCS_STABLE_POLLS", "4")],
        );
        run.ended("in-sync", 0);
        // What a reading says is as old as its request: a late one is far from the next.
        assert_eq!(asked, 7);
    }
}
