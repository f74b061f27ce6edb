//! Several tasks.

use super::*;

/// Results of the output `tasks`, in order.
fn results(run: &Run) -> Vec<(String, String)> {
    let tasks = run.tasks();
    let text = |task: &serde_json::Value, name: &str| task[name].as_str().unwrap().to_owned();
    tasks
        .as_array()
        .unwrap()
        .iter()
        .map(|task| (text(task, "task-id"), text(task, "result")))
        .collect()
}

#[test]
fn tasks_are_ready_together() {
    for separator in [",", " ", "\n", ", \n\t"] {
        let cloud = FakeCloud::start()
            .stats_of(TASK, [done()])
            .stats_of(OTHER_TASK, [copying(10), copying(60), following(3), done()])
            .detail([status("MIGRATING")])
            .detail_of(TASK, [status("TERMINATED")])
            .detail_of(OTHER_TASK, [status("FULLMIGRATING"), status("SUCCESS")]);
        let run = Sandbox::waiting_on(&cloud)
            .set("DCS_TASK_ID", &format!("{TASK}{separator}{OTHER_TASK}"))
            .run();
        run.ended("completed", 0);
        let expected = [
            (TASK.to_owned(), "completed".to_owned()),
            (OTHER_TASK.to_owned(), "completed".to_owned()),
        ];
        assert_eq!(results(&run), expected);
    }
}

#[test]
fn first_failure_ends_all_unless_disabled() {
    let cloud = || {
        FakeCloud::start()
            .stats_of(
                TASK,
                [
                    following(5),
                    following(5),
                    following(5),
                    following(5),
                    following(5),
                    done(),
                ],
            )
            .detail_of(TASK, [status("INCRMIGEATING"), status("TERMINATED")])
            .stats_of(OTHER_TASK, [copying(62)])
            .detail_of(OTHER_TASK, [status("FAILED")])
    };
    let fast = cloud();
    // So slow that the good task has no second poll before the bad one is known.
    let run = two(&fast)
        .sets(&[("DCS_INITIAL_INTERVAL", "10s"), ("DCS_MAX_INTERVAL", "10s")])
        .run();
    run.ended("failed", 3).says(&[OTHER_TASK, "FAILED"]);
    assert!(run.took < Duration::from_secs(10));
    assert_eq!(results(&run)[1].1, "failed");
    assert_ne!(results(&run)[0].1, "completed");

    let slow = cloud();
    let run = two(&slow).set("DCS_FAIL_FAST", "false").run();
    run.ended("failed", 3).says(&[OTHER_TASK]);
    let expected = [
        (TASK.to_owned(), "completed".to_owned()),
        (OTHER_TASK.to_owned(), "failed".to_owned()),
    ];
    assert_eq!(results(&run), expected);
    let ready: Vec<bool> = run
        .tasks()
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["ready"].as_bool().unwrap())
        .collect();
    assert_eq!(ready, [true, false]);
}

#[test]
fn failed_task_outweighs_timed_out_ones() {
    let cloud = FakeCloud::start()
        .stats_of(TASK, [following(5)])
        .detail_of(TASK, [status("INCRMIGEATING")])
        .stats_of(OTHER_TASK, [copying(62)])
        .detail_of(OTHER_TASK, [status("FAILED")]);
    let slow = || {
        two(&cloud)
            .set("DCS_FAIL_FAST", "false")
            .set("DCS_TIMEOUT", "2s")
    };
    let run = slow().run();
    run.ended("failed", 3)
        .says(&[OTHER_TASK, "FAILED", "1 other had no end within 2s"]);
    let expected = [
        (TASK.to_owned(), "timeout".to_owned()),
        (OTHER_TASK.to_owned(), "failed".to_owned()),
    ];
    assert_eq!(results(&run), expected);

    // A stall may be over the next time, and a signal is an end of its own; both say what they are.
    let stalled = slow().set("DCS_STALL_TIMEOUT", "500ms").run();
    stalled.ended("failed", 3).says(&[OTHER_TASK, "FAILED"]);
    let before = cloud.requests().len();
    let running = slow().set("DCS_TIMEOUT", "1h").start();
    cloud.until_requests(before + 6);
    running.signal("TERM");
    running
        .end()
        .ended("cancelled", 143)
        .says(&["cancelled by SIGTERM", OTHER_TASK, "FAILED"]);
}

#[test]
fn unpolled_task_differs_from_unanswered() {
    let cloud = endless();
    let ids: Vec<String> = (0..40).map(|n| format!("{n:032x}")).collect();
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_TASK_ID", &ids.join(","))
        .sets(&[("DCS_TIMEOUT", "1s"), ("DCS_MAX_REQUESTS_PER_SECOND", "4")])
        .run();
    run.ended("timeout", 124).says(&[
        "not polled: request limit reached",
        "`max-requests-per-second`",
    ]);
}

#[test]
fn denied_always_ends_all() {
    let cloud = FakeCloud::start()
        .stats_of(TASK, [following(5)])
        .detail_of(TASK, [status("INCRMIGEATING")])
        .stats_of(OTHER_TASK, [refusal(403, "DCS.2003")]);
    two(&cloud)
        .set("DCS_FAIL_FAST", "false")
        .run()
        .ended("denied", 5);
}

#[test]
fn outputs_describe_least_advanced_task() {
    let orders = [(TASK, OTHER_TASK), (OTHER_TASK, TASK)];
    each(
        &orders,
        |order| order.0.to_owned(),
        |(first, second)| {
            let cloud = FakeCloud::start()
                .stats_of(first, [copying(40)])
                .detail_of(first, [status("FULLMIGRATING")])
                .stats_of(second, [following(7)])
                .detail_of(second, [status("INCRMIGEATING")]);
            let run = two(&cloud).set("DCS_TIMEOUT", "1500ms").run();
            run.ended("timeout", 124);
            assert_eq!(
                (
                    run.output("full-migration-progress"),
                    run.output("task-status")
                ),
                ("40", "FULLMIGRATING")
            );
            assert_eq!(
                (run.output("offset"), run.output("is-migrating")),
                ("", "true")
            );
            assert_eq!(run.output("source-dbsize"), "10");
        },
    );
}
