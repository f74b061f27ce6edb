//! Files that cannot be written.

use super::*;

// -------------------------------------------------------------------------------------------------------------- sinks

/// Every sink in every place where it cannot be written. Root writes read-only files; a directory stops everybody.
fn broken_sinks() -> Vec<(&'static str, &'static str, &'static str)> {
    let sinks = [
        ("GITHUB_OUTPUT", "GITHUB_OUTPUT"),
        ("DCS_DOTENV", "dotenv"),
        ("GITHUB_STEP_SUMMARY", "summary"),
        ("DCS_REPORT", "report"),
    ];
    let places = [
        "given-directory",
        "given-directory.json",
        "missing/below/report.json",
        "/proc/x.json",
        "/dev/full",
    ];
    let rows = sinks
        .iter()
        .flat_map(|&(variable, word)| places.iter().map(move |&place| (variable, word, place)));
    // A directory for reports is made.
    let is_report = |place: &str| place.ends_with(".json") && !place.starts_with("missing");
    rows.filter(|&(variable, _, place)| variable != "DCS_REPORT" || is_report(place))
        .collect()
}

#[test]
fn report_creates_its_directory() {
    let cloud = FakeCloud::start()
        .stats([json_reply(200, STATS)])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_REPORT", "build/reports/report.json")
        .run();
    run.ended("completed", 0);
    assert!(run.file("build/reports/report.json").contains("completed"));
}

fn with_broken_sink(cloud: &FakeCloud, variable: &str, place: &str) -> Run {
    let sandbox = Sandbox::waiting_on(cloud).set(variable, place);
    std::fs::create_dir(sandbox.path("given-directory")).unwrap();
    std::fs::create_dir(sandbox.path("given-directory.json")).unwrap();
    sandbox.run()
}

#[test]
fn unwritable_file_changes_nothing_else() {
    each(
        &broken_sinks(),
        |row| format!("{row:?}"),
        |&(variable, word, place)| {
            let denied = FakeCloud::start().stats([refusal(403, "x")]);
            for (result, code, cloud) in [("completed", 0, ready()), ("denied", 5, denied)] {
                let run = with_broken_sink(&cloud, variable, place);
                assert_eq!(run.code, code, "{}", run.transcript());
                let complaint = run
                    .log()
                    .lines()
                    .find(|line| line.contains("cannot write"))
                    .unwrap()
                    .to_owned();
                assert!(
                    complaint.contains(word) && complaint.contains(place),
                    "{complaint}"
                );
                let other = match variable {
                    "GITHUB_OUTPUT" => run.dotenv["DCS_RESULT"].as_str(),
                    _ => run.output("result"),
                };
                assert_eq!(other, result);
                assert!(variable == "GITHUB_STEP_SUMMARY" || run.summary.contains(result));
            }
        },
    );
}

#[test]
fn unwritable_file_is_named_once() {
    each(
        &broken_sinks(),
        |row| format!("{row:?}"),
        |&(variable, _, place)| {
            let run = with_broken_sink(&ready(), variable, place);
            let log = run.log();
            let complaints: Vec<&str> = log
                .lines()
                .filter(|line| line.contains("cannot write"))
                .collect();
            assert_eq!(complaints.len(), 1, "{complaints:?}");
        },
    );
}

#[test]
fn read_only_files_stop_nothing() {
    let cloud = ready();
    let sandbox = Sandbox::waiting_on(&cloud).file("given-read-only", "");
    std::fs::set_permissions(
        sandbox.path("given-read-only"),
        Permissions::from_mode(0o444),
    )
    .unwrap();
    let run = sandbox
        .set("GITHUB_STEP_SUMMARY", "given-read-only")
        .set("GITHUB_OUTPUT", "not-there-yet")
        .run();
    assert_eq!(
        (run.code, run.dotenv["DCS_RESULT"].as_str()),
        (0, "completed")
    );
    assert_eq!(
        formats::github_output(&run.file("not-there-yet")).unwrap()["result"],
        "completed"
    );
}

#[test]
fn hanging_file_does_not_delay_end() {
    for variable in ["GITHUB_STEP_SUMMARY", "DCS_REPORT"] {
        let cloud = ready();
        let sandbox = Sandbox::waiting_on(&cloud).set(variable, "given-pipe.json");
        let made = Command::new("mkfifo")
            .arg(sandbox.path("given-pipe.json"))
            .status()
            .unwrap();
        assert!(made.success());
        let run = sandbox.run();
        run.ended("completed", 0);
    }
}

#[test]
fn file_hanging_at_start_ends() {
    for variable in ["GITHUB_OUTPUT", "DCS_DOTENV"] {
        let cloud = ready();
        let sandbox =
            Sandbox::waiting_on(&cloud).sets(&[(variable, "given-pipe"), ("DCS_TIMEOUT", "1s")]);
        let made = Command::new("mkfifo")
            .arg(sandbox.path("given-pipe"))
            .status()
            .unwrap();
        assert!(made.success());
        let run = sandbox.run();
        assert!(run.took < Duration::from_secs(7), "{:?}", run.took);
    }
}
