//! Several tasks: each with evidence of its own.

use super::*;

#[test]
fn early_in_sync_task_reads_again() {
    // With three readings the status is read at the first one and before the end of the row.
    let ends_as = |stable: &str, stats: Vec<Answer>, word: &str| {
        let mut details = vec![status("INCRMIGEATING"); if stable == "1" { 1 } else { 2 }];
        details.push(status(word));
        let cloud = FakeCloud::start()
            .stats_of(TASK, stats)
            .detail_of(TASK, details)
            .stats_of(OTHER_TASK, late())
            .detail_of(OTHER_TASK, [status("INCRMIGEATING")]);
        two(&cloud)
            .set("DCS_STABLE_POLLS", stable)
            .run()
            .ended("failed", 3)
            .says(&[TASK]);
    };
    // It failed since, and it was stopped since.
    ends_as("1", vec![sync()], "FAILED");
    ends_as("3", vec![sync()], "FAILED");
    ends_as("3", vec![sync(), sync(), sync(), done()], "TERMINATED");
}

#[test]
fn task_that_lost_sync_waits_on() {
    // Its row is over after three readings; what comes then is read at the end.
    let lost = |after: Vec<Answer>| {
        let stats: Vec<Answer> = vec![sync(); 3].into_iter().chain(after).collect();
        FakeCloud::start()
            .stats_of(TASK, stats)
            .stats_of(OTHER_TASK, late())
            .detail([status("INCRMIGEATING")])
    };
    let cloud = lost(vec![behind(), behind(), sync()]);
    two(&cloud).run().ended("in-sync", 0);
    let of_first = cloud
        .requests()
        .iter()
        .filter(|r| r.kind == Kind::Stats && r.target.contains(TASK))
        .count();
    assert!(
        of_first >= 6,
        "{of_first} readings of the task that lost it"
    );

    let run = two(&lost(vec![behind()])).set("DCS_TIMEOUT", "3s").run();
    run.ended("timeout", 124).says(&[TASK]);
}

#[test]
fn a_deleted_task_hides_no_other() {
    let id = |n: usize| format!("{n:032x}");
    // Where pages of any usual size begin, and the last two.
    let running: Vec<usize> = vec![10, 20, 50, 100, 200, 500, 1000, 1001];
    let list = |skipped: usize| -> Arc<Vec<(String, String)>> {
        let word = |n: usize| {
            if running.contains(&n) {
                "INCRMIGEATING"
            } else {
                "SUCCESS"
            }
        };
        Arc::new(
            (skipped..1002)
                .map(|n| (id(n), word(n).to_owned()))
                .collect(),
        )
    };
    for lives in [
        vec![list(0), list(1)],
        vec![list(0), list(1), list(2), list(3)],
        vec![list(0)],
    ] {
        let pages = lives.into_iter().map(Answer::Page);
        let cloud = FakeCloud::start()
            .on("GET", &list_path(), pages)
            .stats([sync()])
            .detail([status("INCRMIGEATING")]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[
                ("DCS_TASK_ID", "all-running"),
                ("DCS_UNTIL", "in-sync"),
                ("DCS_STABLE_POLLS", "1"),
            ])
            .run();
        run.ended("in-sync", 0);
        let tasks = run.tasks();
        let mut waited: Vec<&str> = tasks
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|t| t["task-id"].as_str())
            .collect();
        waited.sort_unstable();
        assert_eq!(waited, running.iter().map(|&n| id(n)).collect::<Vec<_>>());
        let queries = cloud
            .requests()
            .into_iter()
            .filter(|request| request.kind == Kind::Other);
        for request in queries {
            assert!(request.target.contains("limit=1000"), "{}", request.target);
        }
    }
}

#[test]
fn oversized_page_is_requested_smaller() {
    let running = [10, 120, 249];
    let word = |n: usize| {
        if running.contains(&n) {
            "INCRMIGEATING"
        } else {
            "SUCCESS"
        }
    };
    let list = Arc::new(
        (0..250)
            .map(|n| (format!("{n:032x}"), word(n).to_owned()))
            .collect(),
    );
    let too_large = json_reply(
        200,
        &format!(r#"{{"count":250,"x":"{}"}}"#, "x".repeat(1 << 20)),
    );
    let cloud = FakeCloud::start()
        .on("GET", &list_path(), [too_large, Answer::Page(list)])
        .stats([sync()])
        .detail([status("INCRMIGEATING")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_TASK_ID", "all-running"),
            ("DCS_UNTIL", "in-sync"),
            ("DCS_STABLE_POLLS", "1"),
        ])
        .run();
    run.ended("in-sync", 0);
    assert_eq!(run.tasks().as_array().unwrap().len(), running.len());
    let pages: Vec<String> = cloud
        .requests()
        .into_iter()
        .filter(|request| request.kind == Kind::Other)
        .map(|request| request.target.split_once('?').unwrap().1.to_owned())
        .collect();
    let all = "offset=0&limit=1000";
    assert_eq!(
        pages,
        [
            all,
            "offset=0&limit=100",
            "offset=100&limit=100",
            "offset=200&limit=100"
        ]
    );
}

/// A task, its readings, its detail, and a word that tells it from the others.
type Bad = (fn() -> Answer, &'static str, &'static str, &'static str);

#[test]
fn the_headline_speaks_of_one_task() {
    let kinds: &[(&str, Bad)] = &[
        (
            "failed",
            (
                || reading("false", "62", "null"),
                "FAILED",
                "failed",
                "FAILED",
            ),
        ),
        (
            "out of sync",
            (
                || reading("false", "100", "4711"),
                "TERMINATED",
                "failed",
                "TERMINATED",
            ),
        ),
        (
            "short",
            (
                || reading("false", "33", "0"),
                "SUCCESS",
                "failed",
                "SUCCESS",
            ),
        ),
        (
            "unreachable",
            (
                || refusal(503, "APIG.0613"),
                "INCRMIGEATING",
                "unreachable",
                "APIG.0613",
            ),
        ),
        (
            "stalled",
            (behind, "INCRMIGEATING", "stalled", "INCRMIGEATING"),
        ),
        (
            "unknown",
            (
                || refusal(400, "DCS.4133"),
                "RUNNING",
                "invalid-input",
                "DCS.4133",
            ),
        ),
    ];
    let pairs: Vec<_> = kinds
        .iter()
        .flat_map(|one| kinds.iter().map(move |other| (one, other)))
        .filter(|(one, other)| one.0 != other.0)
        .collect();
    each(
        &pairs,
        |(one, other)| format!("{} and {}", one.0, other.0),
        |(one, other)| {
            let cloud = FakeCloud::start()
                .stats_of(TASK, [one.1.0()])
                .detail_of(TASK, [status(one.1.1)])
                .stats_of(OTHER_TASK, [other.1.0()])
                .detail_of(OTHER_TASK, [status(other.1.1)]);
            let run = two(&cloud)
                .sets(&[("DCS_UNTIL", "completed"), ("DCS_FAIL_FAST", "false")])
                .sets(&[("DCS_MAX_OUTAGE", "500ms"), ("DCS_STALL_TIMEOUT", "500ms")])
                .run();
            run.holds_together();
            let reason = run.reason();
            let named: Vec<&str> = [TASK, OTHER_TASK]
                .into_iter()
                .filter(|task| reason.contains(task))
                .collect();
            assert_eq!(named.len(), 1, "{reason}");
            let (its, not_its) = if named[0] == TASK {
                (one, other)
            } else {
                (other, one)
            };
            assert_eq!(run.output("result"), its.1.2, "{reason}");
            run.says(&[its.1.3]);
            assert!(
                !reason.contains(not_its.1.3),
                "`{}` is of the other task: {reason}",
                not_its.1.3
            );
        },
    );
}

#[test]
fn the_other_failures_are_counted() {
    let ids: Vec<String> = (0..4).map(|n| format!("{n:032x}")).collect();
    let out_of_sync = || reading("false", "100", "4700");
    let cloud = FakeCloud::start()
        .stats_of(&ids[0], [reading("false", "60", "null")])
        .detail_of(&ids[0], [status("FAILED")])
        .stats_of(&ids[1], [out_of_sync()])
        .stats_of(&ids[2], [out_of_sync()])
        .detail([status("TERMINATED")])
        .stats_of(&ids[3], [reading("true", "70", "null")])
        .detail_of(&ids[3], [status("FULLMIGRATING")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_TASK_ID", ids.join(",").as_str()),
            ("DCS_FAIL_FAST", "false"),
            ("DCS_TIMEOUT", "3s"),
        ])
        .run();
    run.ended("failed", 3);
    let reason = run.reason();
    assert_eq!(
        ids.iter().filter(|id| reason.contains(id.as_str())).count(),
        1,
        "{reason}"
    );
    // One failed, two are out of sync, one ran out of time: one of the first three is the headline.
    let others = ids.iter().fold(reason.to_owned(), |text, id| {
        text.replace(id.as_str(), "the task")
    });
    let words: Vec<&str> = others.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let is_first = reason.contains(&ids[0]);
    assert!(words.contains(&"1"), "{reason}");
    assert!(!is_first || words.contains(&"2"), "{reason}");
    assert!(
        is_first || words.iter().filter(|&&word| word == "1").count() >= 2,
        "{reason}"
    );
}
