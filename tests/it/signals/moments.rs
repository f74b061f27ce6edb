//! At any other moment.

use super::*;

#[test]
fn signal_during_sign_in_ends() {
    type Row = (
        &'static str,
        fn() -> FakeCloud,
        fn(&FakeCloud) -> Sandbox,
        usize,
    );
    let rows: [Row; 4] = [
        (
            "password",
            || FakeCloud::start().on("POST", LOGIN, [Answer::Hang]),
            with_password,
            1,
        ),
        (
            "OIDC",
            || FakeCloud::start().on("POST", EXCHANGE, [Answer::Drip]),
            with_oidc,
            1,
        ),
        (
            "GitHub's token",
            || FakeCloud::start().on("GET", "/oidc", [Answer::Hang]),
            |cloud| {
                with_oidc(cloud)
                    .unset("DCS_ID_TOKEN")
                    .on_github()
                    .set(
                        "ACTIONS_ID_TOKEN_REQUEST_URL",
                        &format!("{}/oidc?v=1", cloud.url()),
                    )
                    .secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "RequestTokenOfTheJob")
            },
            1,
        ),
        (
            "renewing",
            || {
                FakeCloud::start().stats([refusal(401, "APIGW.0307")]).on(
                    "POST",
                    LOGIN,
                    [issued("IssuedToken1"), Answer::Hang],
                )
            },
            // The renewal comes with the next look.
            |cloud| {
                with_password(cloud).sets(&[
                    ("DCS_INITIAL_INTERVAL", "10ms"),
                    ("DCS_MAX_INTERVAL", "10ms"),
                ])
            },
            3,
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, cloud, sandbox, requests)| {
            for (name, code) in [("INT", 130), ("TERM", 143)] {
                let cloud = cloud();
                let running = sandbox(&cloud)
                    .sets(&[("DCS_TIMEOUT", "1h"), ("DCS_REQUEST_TIMEOUT", "1h")])
                    .start();
                cloud.until_requests(*requests);
                let since = Instant::now();
                running.signal(name);
                cancelled(running, code, since);
            }
        },
    );
}

#[test]
fn first_signal_decides() {
    let rows: [(&[&str], i32); 4] = [
        (&["INT", "TERM"], 130),
        (&["TERM", "INT"], 143),
        (&["INT", "INT", "INT", "TERM", "TERM"], 130),
        (&["TERM", "TERM", "TERM", "INT", "INT"], 143),
    ];
    for pause in [0, 50] {
        each(
            &rows,
            |row| format!("{row:?}, {pause} ms apart"),
            |&(signals, code)| {
                // Writing takes its time: nobody reads the summary.
                let cloud = endless();
                let running = slow(Sandbox::waiting_on(&cloud))
                    .set("GITHUB_STEP_SUMMARY", "given-pipe")
                    .pipe("given-pipe")
                    .start();
                cloud.until_requests(2);
                let since = Instant::now();
                for name in signals {
                    running.signal(name);
                    thread::sleep(Duration::from_millis(pause));
                }
                let run = running.end();
                assert!(
                    since.elapsed() < Duration::from_secs(2) + NOISE,
                    "{:?}",
                    since.elapsed()
                );
                // Two that come at once have no order.
                if pause == 0 {
                    assert!(run.code == 130 || run.code == 143, "{}", run.transcript());
                    run.ended("cancelled", run.code);
                } else {
                    run.ended("cancelled", code);
                }
            },
        );
    }
}

/// From the first instruction to the end: before the first answer the process may die of a signal, as every program
/// does; from then on there is an answer.
#[test]
fn signal_at_any_moment_writes_outputs() {
    const MOMENTS: u32 = 48;
    let usual = {
        let cloud = endless();
        let running = slow(Sandbox::waiting_on(&cloud)).start();
        let since = Instant::now();
        cloud.until_requests(2);
        running.signal("TERM");
        cancelled(running, 143, since);
        since.elapsed()
    };
    let moments: Vec<u32> = (0..MOMENTS).collect();
    let terminate_only = is_ignored(INT);
    each(
        &moments,
        |n| format!("after {n}/{MOMENTS} of {usual:?}"),
        |n| {
            let (name, code) = if terminate_only || n % 2 == 0 {
                ("TERM", 143)
            } else {
                ("INT", 130)
            };
            let cloud = endless();
            let mut running = slow(Sandbox::waiting_on(&cloud)).start();
            thread::sleep(usual * *n / MOMENTS);
            let (begun, since) = (has_begun(&running), Instant::now());
            running.signal(name);
            if running.code() == -1 {
                assert!(!begun, "died of the signal after its first answer");
                let run = running.end();
                assert!(
                    run.outputs
                        .get("ready")
                        .is_none_or(|ready| ready == "false")
                );
            } else {
                cancelled(running, code, since);
            }
        },
    );
}

// ----------------------------------------------------------------------------------------------------------- PID 1

#[test]
fn pid_1_obeys_signals() {
    let own_pids = ["unshare", "--pid", "--fork", "--mount-proc"];
    if !may("being PID 1", &[&own_pids[..], &["true"]].concat()) {
        return;
    }
    let rows: [(&[&str], i32); 4] = [
        (&["INT"], 130),
        (&["TERM"], 143),
        (&["INT", "INT"], 130),
        (&["TERM", "TERM"], 143),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(signals, code)| {
            let cloud = endless();
            let running = slow(Sandbox::waiting_on(&cloud)).within(&own_pids).start();
            cloud.until_requests(2);
            let children = format!("/proc/{0}/task/{0}/children", running.pid());
            let first: u32 = std::fs::read_to_string(children)
                .unwrap()
                .trim()
                .parse()
                .unwrap();
            let names = std::fs::read_to_string(format!("/proc/{first}/status")).unwrap();
            let inside = names
                .lines()
                .find_map(|line| line.strip_prefix("NSpid:"))
                .unwrap();
            assert_eq!(
                inside.split_whitespace().last(),
                Some("1"),
                "not PID 1: {inside}"
            );
            let since = Instant::now();
            // It may have ended before the second one.
            assert!(signal(first, signals[0]));
            for name in &signals[1..] {
                signal(first, name);
            }
            // The exit code of `unshare` is that of its child.
            cancelled(running, code, since);
        },
    );
}

// --------------------------------------------------------------------------------------------------------- kill -9

#[test]
fn kill_at_any_moment_leaves_truth() {
    const KILLS: u32 = 200;
    // Long answers take the longest to write; the last look is the one that shows the goal.
    let field = format!(r#""words":"{}""#, "x".repeat(50_000));
    let long = |body: &str| json_reply(200, &format!("{{{body},{field}}}"));
    let to_ready = || {
        let following =
            long(r#""is_migrating":true,"full_migration_progress":100,"offset":5"#).late(20);
        let done =
            long(r#""is_migrating":false,"full_migration_progress":100,"offset":0"#).late(20);
        FakeCloud::start()
            .stats([following.clone(), following, done])
            .detail([status("INCRMIGEATING"), status("TERMINATED")])
    };
    let sandbox = |cloud: &FakeCloud| Sandbox::waiting_on(cloud).set("DCS_REPORT", "report.json");
    // How long it takes when nobody kills it, in the company that it has here.
    let usual = {
        let took = Mutex::new(Duration::ZERO);
        each(
            &[0; 16],
            |_| "unharmed".to_owned(),
            |_| {
                let cloud = to_ready();
                let run = sandbox(&cloud).run();
                run.ended("completed", 0);
                *took.lock().unwrap() += run.took / 16;
            },
        );
        took.into_inner().unwrap()
    };
    let left: [AtomicUsize; 3] = Default::default();
    let moments: Vec<u32> = (0..KILLS).collect();
    each(
        &moments,
        |n| format!("after {n}/{KILLS} of {usual:?}"),
        |n| {
            let cloud = to_ready();
            let mut running = sandbox(&cloud).start();
            // A little beyond the usual end.
            thread::sleep(usual * *n * 5 / (KILLS * 4));
            running.kill();
            let code = running.code();
            let (may_be_ready, looks) = (cloud.requests().len() >= 5, cloud.requests().len());
            let text = |file: &str| std::fs::read_to_string(running.path(file)).unwrap_or_default();
            let (output, dotenv) = (text("output"), text("dcs.env"));
            let parsed = formats::github_output(&output).unwrap_or_else(|error| panic!("{error}"));
            let dotenv =
                formats::dotenv(&dotenv).unwrap_or_else(|error| panic!("{error} in\n{dotenv}"));
            let word = |name: &str| parsed.get(name).map_or("", String::as_str);
            let variable = |name: &str| dotenv.get(name).map_or("", String::as_str);
            for (result, ready, exit_code) in [
                (word("result"), word("ready"), word("exit-code")),
                (
                    variable("DCS_RESULT"),
                    variable("DCS_READY"),
                    variable("DCS_EXIT_CODE"),
                ),
            ] {
                let is_known = [
                    ("", "", ""),
                    ("unknown", "false", ""),
                    ("completed", "true", "0"),
                ]
                .contains(&(result, ready, exit_code));
                // Cut off between two lines of the last answer, the older line of a name still stands.
                let is_between = ["", "unknown", "completed"].contains(&result)
                    && ready != "true"
                    && exit_code != "0";
                assert!(is_known || is_between, "{result}, {ready}, {exit_code}");
                if ready == "true" {
                    assert!(may_be_ready, "ready after {looks} requests");
                }
            }
            assert!(code == -1 || word("ready") == "true");
            let which = ["", "false", "true"]
                .iter()
                .position(|&ready| ready == word("ready"))
                .unwrap();
            left[which].fetch_add(1, Ordering::Relaxed);
        },
    );
    let [nothing, first, last] = left.map(AtomicUsize::into_inner);
    println!(
        "{KILLS} kills within {usual:?}: {nothing} before any answer, {first} after the first, {last} at the end"
    );
    assert!(
        first > 0,
        "no kill came between the first answer and the last"
    );
}
