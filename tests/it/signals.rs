//! Signals at every stage, kills at any moment, and disks that have no room: whatever the machine does to the process,
//! its answer is written or was never promised.

use crate::ends::{NOISE, cancelled};
use crate::errors::{EXCHANGE, LOGIN, issued, with_oidc, with_password};
use crate::support::sandbox::{BOUND, signal};
use crate::support::{
    Answer, FakeCloud, Run, Running, Sandbox, each, formats, json_reply, refusal, status,
};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn following(offset: i64) -> Answer {
    json_reply(
        200,
        &format!(r#"{{"is_migrating":true,"full_migration_progress":100,"offset":{offset}}}"#),
    )
}

fn done() -> Answer {
    json_reply(
        200,
        r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#,
    )
}

fn ready() -> FakeCloud {
    FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")])
}

/// A cloud whose task never gets anywhere.
fn endless() -> FakeCloud {
    FakeCloud::start()
        .stats([following(5)])
        .detail([status("INCRMIGEATING")])
}

/// So slow that nothing but a signal ends it.
fn slow(sandbox: Sandbox) -> Sandbox {
    sandbox.sets(&[
        ("DCS_TIMEOUT", "1h"),
        ("DCS_MAX_OUTAGE", "1h"),
        ("DCS_REQUEST_TIMEOUT", "1h"),
        ("DCS_INITIAL_INTERVAL", "1h"),
        ("DCS_MAX_INTERVAL", "1h"),
    ])
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < BOUND, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the first answer is in both files.
fn has_begun(running: &Running) -> bool {
    ["output", "dcs.env"].iter().all(|file| {
        running
            .path(file)
            .metadata()
            .is_ok_and(|metadata| metadata.len() > 0)
    })
}

/// Whether this machine lets us do this; says so where it does not.
#[expect(
    clippy::print_stdout,
    reason = "a reader of the log needs to know what was not tested"
)]
fn may(what: &str, command: &[&str]) -> bool {
    let tried = Command::new(command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let may = tried.is_ok_and(|status| status.success());
    if !may {
        println!(
            "SKIPPED: {what} needs `{}`, which is not permitted here",
            command.join(" ")
        );
    }
    may
}

// ---------------------------------------------------------------------------------------------------------- stages

/// A port with a listener that accepts no connection and has no place for one more: a client waits.
struct Unaccepting {
    _runtime: tokio::runtime::Runtime,
    _listener: tokio::net::TcpListener,
    _waiting: Vec<TcpStream>,
    address: SocketAddr,
}

fn unaccepting() -> Unaccepting {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let listener = {
        let _guard = runtime.enter();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        socket.listen(1).unwrap()
    };
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 1000, "the listener takes everybody");
    }
    Unaccepting {
        _runtime: runtime,
        _listener: listener,
        _waiting: waiting,
        address,
    }
}

const HUP: u32 = 1;
const INT: u32 = 2;

/// Whether these tests were started with that signal ignored, and so is the program: until it listens, and SIGHUP for good.
/// A shell does that to SIGINT for its jobs in the background, `nohup` to SIGHUP.
fn is_ignored(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 << (signal - 1) != 0)
}

#[test]
fn signal_while_connecting_ends() {
    let nobody = unaccepting();
    let cloud = FakeCloud::start();
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        if name == "HUP" && is_ignored(HUP) {
            continue;
        }
        let running = slow(Sandbox::waiting_on(&cloud))
            .set("DCS_ENDPOINT", &format!("http://{}", nobody.address))
            .start();
        until("the first answer", || has_begun(&running));
        thread::sleep(Duration::from_millis(150));
        let since = Instant::now();
        running.signal(name);
        cancelled(running, code, since);
    }
}

#[test]
fn wake_up_after_deadline_ends_orderly() {
    let cloud = endless();
    let running = slow(Sandbox::waiting_on(&cloud))
        .set("DCS_TIMEOUT", "2s")
        .start();
    cloud.until_requests(2);
    thread::sleep(Duration::from_millis(300));
    running.signal("STOP");
    thread::sleep(Duration::from_secs(4));
    running.signal("CONT");
    let run = running.end();
    // Not the short answer of the watchdog.
    run.ended("timeout", 124).says(&["seen last"]);
    assert!(run.summary.contains("timeout"), "{}", run.summary);
}

#[test]
fn nohup_wait_outlives_its_terminal() {
    let cloud = endless();
    let running = slow(Sandbox::waiting_on(&cloud)).within(&["nohup"]).start();
    cloud.until_requests(2);
    running.signal("HUP");
    thread::sleep(Duration::from_millis(150));
    let since = Instant::now();
    running.signal("TERM");
    cancelled(running, 143, since);
}

#[test]
fn deadline_and_outage_end_connecting() {
    let nobody = unaccepting();
    let cloud = FakeCloud::start();
    let rows = [
        ("DCS_TIMEOUT", "timeout", 124),
        ("DCS_MAX_OUTAGE", "unreachable", 6),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |&(bound, result, code)| {
            let run = slow(Sandbox::waiting_on(&cloud))
                .set("DCS_ENDPOINT", &format!("http://{}", nobody.address))
                .set(bound, "800ms")
                .run();
            run.ended(result, code);
            assert!(run.took < Duration::from_secs(2) + NOISE, "{:?}", run.took);
        },
    );
}

/// Runs a shell script, which ends in the binary, with a file system of its own.
const OWN_FILES: [&str; 4] = ["unshare", "--mount", "sh", "-ec"];

#[test]
fn hanging_name_resolution_delays_nothing() {
    const SERVER: &str = "127.53.19.1";
    // A name server that never answers.
    let Ok(_silent) = UdpSocket::bind((SERVER, 53)) else {
        println!("SKIPPED: a name server of our own needs port 53, which is not permitted here");
        return;
    };
    let [unshare, mount, sh, c] = OWN_FILES;
    if !may(
        "a name server of our own",
        &[
            unshare,
            mount,
            sh,
            c,
            "mount --bind /etc/resolv.conf /etc/resolv.conf",
        ],
    ) {
        return;
    }
    let cloud = FakeCloud::start();
    let sandbox = || {
        slow(Sandbox::waiting_on(&cloud))
            .file(
                "resolv.conf",
                &format!("nameserver {SERVER}\noptions timeout:30 attempts:5\n"),
            )
            .sets(&[
                ("DCS_ENDPOINT", "http://dcs.example.com"),
                ("DCS_ALLOW_HTTP", "true"),
            ])
            .within(&[
                unshare,
                mount,
                sh,
                c,
                "mount --bind resolv.conf /etc/resolv.conf; exec \"$@\"",
                sh,
            ])
    };
    let running = sandbox().start();
    until("the first answer", || has_begun(&running));
    thread::sleep(Duration::from_millis(150));
    let since = Instant::now();
    running.signal("TERM");
    cancelled(running, 143, since);

    let run = sandbox().set("DCS_TIMEOUT", "1s").run();
    run.ended("timeout", 124);
    assert!(run.took < Duration::from_secs(2) + NOISE, "{:?}", run.took);
}

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

// ------------------------------------------------------------------------------------------------ disks and pipes

/// Runs the binary with a disk of so many pages of 4 KiB below `disk`; what is on it at the end is kept in the sandbox.
fn on_a_disk(pages: u32, before: &str, sandbox: Sandbox) -> Sandbox {
    let [unshare, mount, sh, c] = OWN_FILES;
    let script = format!(
        "mkdir disk; mount -t tmpfs -o size={}k none disk; {before}; code=0; \"$@\" || code=$?; rm -f disk/filler; \
         cp disk/* . 2>/dev/null || true; exit $code",
        pages * 4
    );
    sandbox
        .sets(&[
            ("GITHUB_OUTPUT", "disk/output"),
            ("DCS_DOTENV", "disk/dcs.env"),
        ])
        .sets(&[
            ("GITHUB_STEP_SUMMARY", "disk/summary.md"),
            ("DCS_REPORT", "disk/report.json"),
        ])
        .within(&[unshare, mount, sh, c, &script, sh])
}

fn may_mount() -> bool {
    let [unshare, mount, sh, c] = OWN_FILES;
    may(
        "a small disk",
        &[unshare, mount, sh, c, "mount -t tmpfs -o size=4k none /tmp"],
    )
}

fn complaints(run: &Run) -> Vec<String> {
    run.log()
        .lines()
        .filter(|line| line.contains("cannot write"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn full_disk_is_named_per_file() {
    if !may_mount() {
        return;
    }
    const FILL: &str = "dd if=/dev/zero of=disk/filler bs=4k 2>/dev/null || true";
    for (result, code, cloud) in [
        ("completed", 0, ready()),
        (
            "denied",
            5,
            FakeCloud::start().stats([refusal(403, "DCS.2003")]),
        ),
    ] {
        let run = on_a_disk(4, FILL, Sandbox::waiting_on(&cloud)).run();
        assert_eq!(run.code, code, "{}", run.transcript());
        assert!(run.log().contains(result), "{}", run.transcript());
        let complaints = complaints(&run);
        assert_eq!(complaints.len(), 4, "{complaints:?}");
        for file in [
            "disk/output",
            "disk/dcs.env",
            "disk/summary.md",
            "disk/report.json",
        ] {
            let of_it: Vec<_> = complaints
                .iter()
                .filter(|line| line.contains(file))
                .collect();
            assert!(
                of_it.len() == 1 && of_it[0].contains("No space left"),
                "{complaints:?}"
            );
        }
    }
}

/// What others wrote leaves no room for the whole of the last answer: never may the part that fits mean something else.
#[test]
fn filling_disk_leaves_no_half_output() {
    if !may_mount() {
        return;
    }
    let lengths: Vec<usize> = (0..64).map(|n| 2600 + n * 24).collect();
    each(
        &lengths,
        |length| format!("behind {length} bytes of others"),
        |&length| {
            let cloud = endless();
            let others = format!("other={}\n", "x".repeat(length - 7));
            let sandbox = Sandbox::waiting_on(&cloud)
                .set("DCS_TIMEOUT", "300ms")
                .file("given-others", &others);
            let run = on_a_disk(2, "cp given-others disk/output", sandbox).run();
            assert_eq!(run.code, 124, "{}", run.transcript());
            for (result, ready, exit_code) in [
                (
                    run.outputs.get("result"),
                    run.outputs.get("ready"),
                    run.outputs.get("exit-code"),
                ),
                (
                    run.dotenv.get("DCS_RESULT"),
                    run.dotenv.get("DCS_READY"),
                    run.dotenv.get("DCS_EXIT_CODE"),
                ),
            ] {
                let words = [result, ready, exit_code].map(|word| word.map_or("", String::as_str));
                assert!(
                    [
                        ["unknown", "false", ""],
                        ["timeout", "false", "124"],
                        ["", "", ""]
                    ]
                    .contains(&words),
                    "{words:?}\n{}",
                    run.transcript()
                );
            }
            assert_eq!(run.outputs["other"].len(), length - 7);
        },
    );
}

#[test]
fn unread_pipe_delays_no_signal() {
    let sinks = [
        "GITHUB_OUTPUT",
        "DCS_DOTENV",
        "GITHUB_STEP_SUMMARY",
        "DCS_REPORT",
    ];
    each(
        &sinks,
        |sink| (*sink).to_owned(),
        |sink| {
            let other = |run: &Run| match *sink {
                "GITHUB_OUTPUT" => run.dotenv["DCS_RESULT"].clone(),
                _ => run.output("result").to_owned(),
            };
            let cloud = endless();
            let running = slow(Sandbox::waiting_on(&cloud))
                .set(sink, "given-pipe.json")
                .pipe("given-pipe.json")
                .start();
            // The pipe holds up the first answer, but not the first request.
            cloud.until_requests(2);
            let since = Instant::now();
            running.signal("TERM");
            let run = running.end();
            assert!(
                since.elapsed() < Duration::from_secs(2) + NOISE,
                "{:?}",
                since.elapsed()
            );
            assert_eq!(
                (run.code, other(&run).as_str()),
                (143, "cancelled"),
                "{}",
                run.transcript()
            );

            let run = Sandbox::waiting_on(&ready())
                .set(sink, "given-pipe.json")
                .pipe("given-pipe.json")
                .run();
            assert_eq!(
                (run.code, other(&run).as_str()),
                (0, "completed"),
                "{}",
                run.transcript()
            );
        },
    );
}
