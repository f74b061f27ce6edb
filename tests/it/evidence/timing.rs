//! The age of readings.

use super::*;

/// What a noisy machine may add to the age of a reading.
const LATE: Duration = Duration::from_millis(400);

#[test]
fn other_tasks_age_no_reading() {
    // The other task has to wait while the reading that would make ready is under way.
    const SLOW: u64 = 700;
    let busy = refusal(429, "APIGW.0308").with("Retry-After", "3");
    let mut others = vec![behind(); 15];
    others.extend([busy, done()]);
    let cloud = FakeCloud::start()
        .stats_of(TASK, [behind(), done().late(SLOW), done()])
        .stats_of(OTHER_TASK, others)
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_TASK_ID", &format!("{TASK},{OTHER_TASK}"))
        .set("DCS_REQUEST_TIMEOUT", "1s")
        .run();
    run.ended("completed", 0);
    let most = Duration::from_millis(SLOW) + Duration::from_secs(1) + LATE;
    assert!(lag(&cloud, TASK) <= most, "{:?}", lag(&cloud, TASK));
}

#[test]
fn a_small_budget_ages_no_reading() {
    let ids: Vec<String> = (0..12).map(|n| format!("{n:032x}")).collect();
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_TASK_ID", &ids.join(","))
        .sets(&[
            ("DCS_MAX_REQUESTS_PER_SECOND", "4"),
            ("DCS_REQUEST_TIMEOUT", "500ms"),
        ])
        .run();
    run.ended("completed", 0);
    for id in &ids {
        assert!(
            lag(&cloud, id) <= Duration::from_millis(500) + LATE,
            "{id}: {:?}",
            lag(&cloud, id)
        );
    }
}

#[test]
fn a_small_budget_breaks_no_row() {
    // Two polls a second at most, and 3 × max-interval is 300 ms: the budget alone keeps readings further apart.
    let ids = [TASK, OTHER_TASK].join(",");
    for (tasks, budget) in [(TASK, "4"), (TASK, "3"), (&ids, "4")] {
        let cloud = FakeCloud::start()
            .stats([sync()])
            .detail([status("INCRMIGEATING")]);
        let run = Sandbox::waiting_on(&cloud)
            .sets(&[
                ("DCS_UNTIL", "in-sync"),
                ("DCS_STABLE_POLLS", "3"),
                ("DCS_TASK_ID", tasks),
            ])
            .set("DCS_MAX_REQUESTS_PER_SECOND", budget)
            .run();
        run.ended("in-sync", 0);
    }
}

#[test]
fn standstill_restarts_the_count() {
    // 3 × max-interval is 900 ms here. Where the machine was too slow for the plan, there is another try.
    for _ in 0..5 {
        let cloud = FakeCloud::start()
            .stats([sync()])
            .detail([status("INCRMIGEATING")]);
        let running = Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_UNTIL", "in-sync"), ("DCS_STABLE_POLLS", "3")])
            .sets(&[
                ("DCS_INITIAL_INTERVAL", "300ms"),
                ("DCS_MAX_INTERVAL", "300ms"),
            ])
            .start();
        let start = Instant::now();
        while cloud.count(Kind::Stats) < 2 && start.elapsed() < NOISE {
            thread::sleep(Duration::from_millis(5));
        }
        // Time to read the answers.
        thread::sleep(Duration::from_millis(100));
        running.signal("STOP");
        let before = cloud.count(Kind::Stats);
        thread::sleep(Duration::from_millis(1500));
        running.signal("CONT");
        let run = running.end();
        run.ended("in-sync", 0);
        let after = cloud.count(Kind::Stats) - before;
        if before == 2 {
            assert!(
                after >= 3,
                "{after} readings after it\n{}",
                run.transcript()
            );
            return;
        }
    }
    println!("SKIPPED: this machine is too slow to stop a process between two readings");
}

// --------------------------------------------------------------------------------------- secrets that are words

#[test]
fn secret_word_changes_no_reading() {
    // Secret, reading, status, result, exit code.
    type Row = (
        &'static str,
        fn() -> Answer,
        &'static str,
        &'static str,
        i32,
    );
    let short: fn() -> Answer = || reading("false", "40", "0");
    let open: fn() -> Answer = || reading("false", "100", "531221");
    let rows: &[Row] = &[
        ("progress", short, "TERMINATED", "failed", 3),
        ("full_migration_progress", short, "TERMINATED", "failed", 3),
        ("migration", short, "TERMINATED", "failed", 3),
        ("offset", open, "TERMINATED", "failed", 3),
        ("531221", open, "TERMINATED", "failed", 3),
        ("is_migrating", done, "TERMINATED", "completed", 0),
        ("TERMINATED", done, "TERMINATED", "completed", 0),
        ("status", done, "FAILED", "failed", 3),
        ("FAILED", done, "FAILED", "failed", 3),
        ("incremental_migration", done, "TERMINATED", "completed", 0),
    ];
    each(
        rows,
        |row| format!("{} with {}", row.0, row.2),
        |&(secret, stats, word, result, code)| {
            let check = |run: &Run| {
                let got = run.outputs.get("result").map(String::as_str);
                assert_eq!(
                    (got, run.code),
                    (Some(result), code),
                    "{}",
                    run.transcript()
                );
            };
            let cloud = FakeCloud::start().stats([stats()]).detail([status(word)]);
            let bounded = |sandbox: Sandbox| {
                sandbox
                    .sets(&[("DCS_TIMEOUT", "3s"), ("DCS_MAX_OUTAGE", "2s")])
                    .run()
            };
            check(&bounded(
                Sandbox::waiting_on(&cloud).set("DCS_AUTH_TOKEN", secret),
            ));
            let cloud = cloud.on("POST", LOGIN, [issued("IssuedToken1")]);
            check(&bounded(with_password(&cloud).set("DCS_PASSWORD", secret)));
        },
    );
}

#[test]
fn body_of_secrets_delays_nothing() {
    const SHORT_TOKEN: &str = "kzqvwxyj";
    let words = SHORT_TOKEN.repeat((1 << 20) / SHORT_TOKEN.len() - 100);
    let rows: Vec<(&str, Answer, Answer)> = vec![
        (
            "an error",
            json_reply(
                503,
                &format!(r#"{{"error_code":"x","error_msg":"{words}"}}"#),
            ),
            status("TERMINATED"),
        ),
        (
            "a reading",
            json_reply(200, &format!(r#"{{"is_migrating":true,"x":"{words}"}}"#)),
            status("TERMINATED"),
        ),
        (
            "a status",
            done(),
            json_reply(
                503,
                &format!(r#"{{"error_code":"x","error_msg":"{words}"}}"#),
            ),
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, stats, detail)| {
            let cloud = FakeCloud::start()
                .stats([stats.clone(), stats.clone(), done()])
                .detail([detail.clone(), detail.clone(), status("TERMINATED")]);
            let run = Sandbox::waiting_on(&cloud)
                .secret("DCS_AUTH_TOKEN", SHORT_TOKEN)
                .run();
            run.ended("completed", 0);
            assert!(
                cloud.count(Kind::Stats) >= 3,
                "{} readings",
                cloud.count(Kind::Stats)
            );
        },
    );
}
