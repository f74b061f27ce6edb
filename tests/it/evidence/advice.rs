//! What is reported as missing, and what is advised.

use super::*;

// ----------------------------------------------------------------------------------------------------- max-offset

#[test]
fn what_is_outstanding_is_told() {
    let outstanding = [
        "outstanding",
        "not copied",
        "not replicated",
        "not yet",
        "behind",
        "still to",
        "lag",
        "missing",
    ];
    let rows = [
        ("in-sync", reading("true", "100", "21739"), "INCRMIGEATING"),
        ("completed", reading("false", "100", "21739"), "TERMINATED"),
    ];
    for (until, stats, word) in rows {
        let cloud = FakeCloud::start().stats([stats]).detail([status(word)]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_UNTIL", until), ("DCS_MAX_OFFSET", "50000")])
            .run();
        run.ended(until, 0);
        let reason = plain(run.reason());
        assert!(
            reason.contains("21739") && outstanding.iter().any(|word| reason.contains(word)),
            "{reason}"
        );
    }
}

#[test]
fn nobody_is_told_to_accept_more() {
    let following = |offset: &str| reading("true", "100", offset);
    type Row = (
        &'static str,
        Answer,
        &'static str,
        &'static [(&'static str, &'static str)],
    );
    let rows: Vec<Row> = vec![
        ("in-sync", following("21739"), "INCRMIGEATING", &[]),
        (
            "in-sync",
            following("21739"),
            "INCRMIGEATING",
            &[("DCS_MAX_OFFSET", "500")],
        ),
        (
            "in-sync",
            following("-7"),
            "INCRMIGEATING",
            &[("DCS_MAX_OFFSET", "500")],
        ),
        (
            "in-sync",
            following("21739"),
            "INCRMIGEATING",
            &[("DCS_STALL_TIMEOUT", "300ms")],
        ),
        (
            "in-sync",
            following("21739"),
            "INCRMIGEATING",
            &[("DCS_STATUS_CHECK", "off")],
        ),
        (
            "completed",
            reading("false", "100", "21739"),
            "TERMINATED",
            &[],
        ),
        (
            "completed",
            reading("false", "100", "21739"),
            "TERMINATED",
            &[("DCS_MAX_OFFSET", "500")],
        ),
        (
            "completed",
            reading("false", "100", "21739"),
            "TERMINATED",
            &[("DCS_STATUS_CHECK", "off")],
        ),
        (
            "completed",
            following("21739"),
            "INCRMIGEATING",
            &[("DCS_MAX_OFFSET", "500")],
        ),
    ];
    each(
        &rows,
        |row| format!("{} {} {:?}", row.0, row.2, row.3),
        |(until, stats, word, more)| {
            let cloud = FakeCloud::start()
                .stats([stats.clone()])
                .detail([status(word)]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_UNTIL", until), ("DCS_TIMEOUT", "900ms")])
                .sets(more)
                .run();
            assert_ne!(run.code, 0);
            run.holds_together();
            for text in [run.reason().to_lowercase(), run.summary.to_lowercase()] {
                for clause in text
                    .split([';', '\n', '.'])
                    .filter(|clause| clause.contains("max-offset"))
                {
                    let accepts = [
                        "raise",
                        "increase",
                        "higher",
                        "larger",
                        "accept",
                        "set `max-offset`",
                    ];
                    assert!(
                        !accepts.iter().any(|word| clause.contains(word)),
                        "{clause}"
                    );
                }
            }
        },
    );
}
