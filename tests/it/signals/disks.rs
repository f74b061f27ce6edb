//! Full disks and unread pipes.

use super::*;

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
