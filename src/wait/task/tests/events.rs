//! What is reported.

use super::*;

#[test]
fn events_report_only_changes() {
    let mut poller = TaskPoller::new(
        Rules {
            stable_polls: 9,
            ..rules(Goal::InSync)
        },
        secs(0),
    );
    let mut events = |now, answer| {
        poller.handle_stats(secs(now), secs(now), answer);
        poller
            .take_events()
            .iter()
            .map(|note| format!("{note:?}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(events(0, stats(true, 0, 10.0)), "Phase(FullSync)");
    assert_eq!(events(10, stats(true, 0, 20.0)), "");
    assert_eq!(events(20, stats(true, 5, 100.0)), "Phase(Incremental)");
    assert!(events(30, Err(outage())).starts_with("Failing"));
    assert_eq!(events(35, Err(outage())), "");
    assert_eq!(
        events(40, stats(true, 0, 100.0)),
        "Recovered(2, 10s) GoalMet(1)"
    );
    assert_eq!(
        events(50, stats(true, -3, 100.0)),
        "NegativeOffset(-3) GoalLost"
    );
    assert_eq!(
        events(60, stats(true, 0, 3.0)),
        "Regressed(100.0, 3.0) Phase(FullSync)"
    );
}

#[test]
fn status_changes_are_reported_polls_counted() {
    let mut poller = with_a_status(StatusCheck::Auto);
    for (now, word) in [(10, "FULLMIGRATING"), (20, "MIGRATION"), (30, "MIGRATION")] {
        poller.handle_stats(secs(now), secs(now), stats(true, 0, 100.0));
        poller.handle_status(secs(now), status(word));
    }
    let reported = |note: Event| {
        if let Event::Status(status) = note {
            Some(status.word().to_owned())
        } else {
            None
        }
    };
    let reported: Vec<String> = poller
        .take_events()
        .into_iter()
        .filter_map(reported)
        .collect();
    assert_eq!(reported, ["FULLMIGRATING", "MIGRATION"]);
    assert_eq!(
        (poller.snapshot().polls, poller.snapshot().failed_polls),
        (4, 0)
    );
}

#[test]
fn what_is_told_is_told_once() {
    let mut poller = TaskPoller::new(rules(Goal::InSync), secs(0));
    let mut reported = Vec::new();
    for (now, answer) in [
        (0, stats(true, -3, 100.0)),
        (10, stats(true, -5, 100.0)),
        (20, Err(outage())),
        (
            30,
            Err(ApiError {
                message: "HTTP 502".to_owned(),
                ..outage()
            }),
        ),
        (40, Err(error(THROTTLED))),
        (50, Err(error(THROTTLED))),
        (60, stats(true, 4, 100.0)),
        (70, stats(true, -5, 100.0)),
    ] {
        poller.handle_stats(secs(now), secs(now), answer);
        for note in poller.take_events() {
            let note = format!("{note:?}");
            reported.push((now, note.split('(').next().unwrap_or_default().to_owned()));
        }
    }
    let expected = [
        (0, "NegativeOffset"),
        (0, "Phase"),
        (20, "Failing"),
        // Other words, and another class of error, are news.
        (30, "Failing"),
        (40, "Failing"),
        (60, "Recovered"),
        (70, "NegativeOffset"),
    ];
    assert_eq!(reported, expected.map(|(now, note)| (now, note.to_owned())));
}
