//! Ends from outside.

use super::*;

#[test]
fn signal_ends_with_everything_written() {
    type Row = (
        &'static str,
        &'static [&'static str],
        i32,
        fn() -> FakeCloud,
        usize,
    );
    let asleep: fn() -> FakeCloud = endless;
    let in_stats: fn() -> FakeCloud = || FakeCloud::start().stats([Answer::Hang]);
    let in_detail: fn() -> FakeCloud = || {
        FakeCloud::start()
            .stats([following(5)])
            .detail([Answer::Hang])
    };
    let in_body: fn() -> FakeCloud = || FakeCloud::start().stats([Answer::Drip]);
    let in_retry: fn() -> FakeCloud =
        || FakeCloud::start().stats([refusal(429, "x").with("Retry-After", "60")]);
    let rows: Vec<Row> = vec![
        ("SIGINT asleep", &["INT"], 130, asleep, 2),
        ("SIGTERM asleep", &["TERM"], 143, asleep, 2),
        ("SIGINT while the stats hang", &["INT"], 130, in_stats, 1),
        ("SIGTERM while the stats hang", &["TERM"], 143, in_stats, 1),
        ("SIGINT while the detail hangs", &["INT"], 130, in_detail, 2),
        ("SIGTERM while a body drips", &["TERM"], 143, in_body, 1),
        (
            "SIGTERM while the server asks to wait",
            &["TERM"],
            143,
            in_retry,
            1,
        ),
        ("SIGINT twice", &["INT", "INT"], 130, asleep, 2),
        ("SIGTERM twice", &["TERM", "TERM"], 143, asleep, 2),
        ("SIGTERM five times", &["TERM"; 5], 143, in_stats, 1),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, signals, code, cloud, requests)| {
            let cloud = cloud();
            let running = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_TIMEOUT", "1h"),
                    ("DCS_REQUEST_TIMEOUT", "1h"),
                    ("DCS_INITIAL_INTERVAL", "1h"),
                    ("DCS_MAX_INTERVAL", "1h"),
                ])
                .start();
            cloud.until_requests(*requests);
            // Time to read the answer and to fall asleep.
            std::thread::sleep(Duration::from_millis(150));
            let since = Instant::now();
            for signal in *signals {
                running.signal(signal);
            }
            cancelled(running, *code, since);
        },
    );
}

#[test]
fn hanging_file_does_not_delay_signals() {
    let cloud = endless();
    let sandbox = Sandbox::waiting_on(&cloud).set("GITHUB_STEP_SUMMARY", "given-pipe");
    assert!(
        Command::new("mkfifo")
            .arg(sandbox.path("given-pipe"))
            .status()
            .unwrap()
            .success()
    );
    let running = sandbox.start();
    cloud.until_requests(2);
    let since = Instant::now();
    running.signal("TERM");
    let run = running.end();
    run.ended("cancelled", 143);
    assert!(
        since.elapsed() < Duration::from_secs(2) + NOISE,
        "{:?}",
        since.elapsed()
    );
}

#[test]
fn signal_reports_last_reading() {
    let cloud = FakeCloud::start()
        .stats([following(4711)])
        .detail([status("INCRMIGEATING")]);
    let running = Sandbox::waiting_on(&cloud)
        .sets(&[("DCS_INITIAL_INTERVAL", "1h"), ("DCS_MAX_INTERVAL", "1h")])
        .start();
    cloud.until_requests(2);
    std::thread::sleep(Duration::from_millis(150));
    running.signal("INT");
    let run = cancelled(running, 130, Instant::now());
    run.says(&["SIGINT", "seen last", "4,711", "INCRMIGEATING"]);
    assert_eq!(run.output("offset"), "4711");
}

// ------------------------------------------------------------------------------------------------- the first answer

#[test]
fn killed_process_leaves_not_ready() {
    let cloud = FakeCloud::start().stats([Answer::Hang]);
    let sandbox = Sandbox::waiting_on(&cloud).set("DCS_UNTIL", "in-sync");
    // What an earlier job left behind.
    let mut running = sandbox
        .file(
            "dcs.env",
            "DCS_RESULT=completed\nDCS_READY=true\nDCS_OLD=1\n",
        )
        .file("output", "ready=true\n")
        .start();
    cloud.until_requests(1);
    let answers = |running: &Running| {
        let output = std::fs::read_to_string(running.path("output")).unwrap();
        let dotenv = std::fs::read_to_string(running.path("dcs.env")).unwrap();
        (
            formats::github_output(&output).unwrap(),
            formats::dotenv(&dotenv).unwrap(),
        )
    };
    let (output, dotenv) = answers(&running);
    assert_eq!(
        (output["result"].as_str(), output["ready"].as_str()),
        ("unknown", "false")
    );
    assert_eq!(
        (dotenv["DCS_RESULT"].as_str(), dotenv["DCS_READY"].as_str()),
        ("unknown", "false")
    );
    assert_eq!(
        (output["until"].as_str(), output["exit-code"].as_str()),
        ("in-sync", "")
    );
    assert!(!dotenv.contains_key("DCS_OLD"));

    running.signal("KILL");
    assert_eq!(running.code(), -1);
    assert_eq!(answers(&running), (output, dotenv));
}
