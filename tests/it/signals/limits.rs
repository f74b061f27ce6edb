//! Limits of the machine: file sizes, threads, and disks that take their time.

use super::*;
use std::io::Read as _;

/// What machines read of a run: result, ready and exit code, from both files.
fn answers(run: &Run) -> [[String; 3]; 2] {
    let word = |values: &formats::Values, name: &str| values.get(name).cloned().unwrap_or_default();
    [
        ["result", "ready", "exit-code"].map(|name| word(&run.outputs, name)),
        ["DCS_RESULT", "DCS_READY", "DCS_EXIT_CODE"].map(|name| word(&run.dotenv, name)),
    ]
}

/// Outputs that say something else than the exit code would switch applications, or stop a switch that is due.
fn agree(run: &Run) {
    for [result, ready, exit_code] in answers(run) {
        let is_first = result == "unknown" && ready == "false" && exit_code.is_empty();
        let is_absent = result.is_empty() && ready.is_empty() && exit_code.is_empty();
        let is_last = exit_code == run.code.to_string() && ready == (run.code == 0).to_string();
        assert!(
            is_last || is_absent || (is_first && run.code != 0),
            "{result} {ready} {exit_code}\n{}",
            run.transcript()
        );
    }
}

#[test]
fn size_limit_is_an_error_of_the_file() {
    let lengths: Vec<usize> = (0..40).map(|n| 100 + n * 24).collect();
    each(
        &lengths,
        |length| format!("behind {length} bytes of others"),
        |&length| {
            for cloud in [ready(), endless()] {
                let others = format!("other={}\n", "x".repeat(length - 7));
                let sandbox = Sandbox::waiting_on(&cloud)
                    .set("DCS_TIMEOUT", "300ms")
                    .set("DCS_REPORT", "report.json")
                    .file("output", &others);
                let limit = ["bash", "-c", "ulimit -f 1; exec \"$@\"", "bash"];
                let run = sandbox.within(&limit).run();
                assert!([0, 1, 124].contains(&run.code), "{}", run.transcript());
                agree(&run);
                assert!(run.log().contains("File too large"), "{}", run.transcript());
            }
        },
    );
}

#[test]
fn thread_limit_is_said_and_written() {
    let as_nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    if !may(
        "a limit of threads",
        &[&as_nobody[..], &["prlimit", "--nproc=9", "true"]].concat(),
    ) {
        return;
    }
    let limits: Vec<u32> = (1..12).collect();
    each(
        &limits,
        |limit| format!("{limit} threads"),
        |limit| {
            // Another user does not reach the directory of the build.
            let script = format!(
                "chmod 755 . && chown -R 65534 . && ln \"$1\" program 2>/dev/null || cp \"$1\" program; shift; \
                 exec {} prlimit --nproc={limit} ./program \"$@\"",
                as_nobody.join(" ")
            );
            let cloud = ready();
            let run = Sandbox::waiting_on(&cloud)
                .within(&["sh", "-c", &script, "sh"])
                .run();
            agree(&run);
            let [[result, ..], _] = answers(&run);
            assert_ne!(result, "unknown", "{}", run.transcript());
            if run.code != 0 {
                run.says(&["no thread could be started", "ulimit -u"]);
            }
        },
    );
}

/// The last answer has all the time that is left.
#[test]
fn slow_disk_gets_the_last_answer() {
    let cloud = FakeCloud::start()
        .stats([following(5), done()])
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let running = Sandbox::waiting_on(&cloud)
        .set("GITHUB_OUTPUT", "given-pipe")
        .pipe("given-pipe")
        .start();
    let read = |path: &std::path::Path| {
        let mut text = String::new();
        let mut pipe = std::fs::File::open(path).unwrap();
        pipe.read_to_string(&mut text).unwrap();
        text
    };
    let pipe = running.path("given-pipe");
    let first = read(&pipe);
    assert!(first.contains("result=unknown"), "{first}");
    // As slow as a network file system that is moved to another server.
    thread::sleep(Duration::from_secs(2));
    let last = read(&pipe);
    let run = running.end();
    assert_eq!(run.code, 0, "{}", run.transcript());
    assert!(
        last.contains("result=completed") && last.contains("ready=true"),
        "{last}"
    );
}
