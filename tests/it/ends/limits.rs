//! Stall and outage.

use super::*;

#[test]
fn request_limit_covers_all_tasks() {
    let cloud = endless();
    let run = two(&cloud)
        .sets(&[("DCS_MAX_REQUESTS_PER_SECOND", "5"), ("DCS_TIMEOUT", "3s")])
        .run();
    run.ended("timeout", 124);
    let requests = cloud.requests();
    // Five in any second, also with a little shift between sending and receiving.
    for window in requests.windows(6) {
        let span = window[5].at.duration_since(window[0].at);
        assert!(
            span > Duration::from_millis(700),
            "six requests in {span:?}"
        );
    }
}

// ------------------------------------------------------------------------------------------------- stall and outage

#[test]
fn progress_keeps_a_wait_from_stalling() {
    // Each step is far shorter than the limit, all of them together longer.
    let mut stats: Vec<Answer> = (0..30).map(|n| following(1000 - n)).collect();
    stats.push(done());
    let cloud = FakeCloud::start()
        .stats(stats)
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_STALL_TIMEOUT", "2s"),
            ("DCS_INITIAL_INTERVAL", "100ms"),
            ("DCS_MAX_INTERVAL", "100ms"),
        ])
        .run();
    run.ended("completed", 0);
}

#[test]
fn stalling_is_off_by_default() {
    let mut stats = vec![following(5); 30];
    stats.push(done());
    let cloud = FakeCloud::start()
        .stats(stats)
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    Sandbox::waiting_on(&cloud).run().ended("completed", 0);
}

#[test]
fn a_good_answer_ends_an_outage() {
    let stats: Vec<Answer> = (0..60)
        .map(|n| {
            if n % 3 == 0 {
                following(5)
            } else {
                refusal(503, "APIG.0613")
            }
        })
        .collect();
    let cloud = FakeCloud::start()
        .stats(stats.into_iter().chain([done()]))
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_MAX_OUTAGE", "2s"),
            ("DCS_INITIAL_INTERVAL", "50ms"),
            ("DCS_MAX_INTERVAL", "50ms"),
        ])
        .run();
    run.ended("completed", 0);
}

#[test]
fn outage_ends_despite_hanging_or_waiting() {
    let busy = || refusal(503, "APIG.0613").with("Retry-After", "60");
    let rows: Vec<(&str, FakeCloud)> = vec![
        ("asks to wait", FakeCloud::start().stats([busy()])),
        (
            "hangs after a refusal",
            FakeCloud::start().stats([refusal(503, "APIG.0613"), Answer::Hang]),
        ),
        (
            "hangs from the start",
            FakeCloud::start().stats([Answer::Hang]),
        ),
        (
            "hangs after a successful response",
            FakeCloud::start().stats([following(5), Answer::Hang]),
        ),
        (
            "asks to wait after a successful response",
            FakeCloud::start().stats([following(5), busy()]),
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, cloud)| {
            let run = Sandbox::waiting_on(cloud)
                .sets(&[
                    ("DCS_MAX_OUTAGE", "600ms"),
                    ("DCS_REQUEST_TIMEOUT", "15s"),
                    ("DCS_STATUS_CHECK", "off"),
                ])
                .run();
            run.ended("unreachable", 6);
            assert!(
                run.took < Duration::from_millis(600) + NOISE,
                "{:?}",
                run.took
            );
        },
    );
}

#[test]
fn outage_reports_the_reading_before() {
    let cloud = FakeCloud::start()
        .stats([following(4711), Answer::Reset])
        .detail([status("INCRMIGEATING")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_MAX_OUTAGE", "500ms")
        .run();
    run.ended("unreachable", 6)
        .says(&["seen last", "4,711", "`max-outage`", "reset"]);
}
