//! Where files go, whose they are, and what a terminal gets.

use super::*;
use std::os::unix::fs::MetadataExt;

#[test]
fn report_paths_are_separated_by_spaces() {
    let run = Sandbox::waiting_on(&ready())
        .set(
            "DCS_REPORT",
            "reports/a.json reports/b.html\n reports/c.xml,d.md",
        )
        .run();
    run.ended("completed", 0);
    for file in ["reports/a.json", "reports/b.html", "reports/c.xml", "d.md"] {
        assert!(run.file(file).contains("completed"), "{file}");
    }
}

#[test]
fn paths_for_a_shell_are_refused() {
    for (name, path) in [
        ("DCS_REPORT", "$HOME/report.json"),
        ("DCS_REPORT", "good.json,${CI_PROJECT_DIR}/report.html"),
        ("DCS_REPORT", "~/report.xml"),
        ("DCS_DOTENV", "~/wait.env"),
    ] {
        let run = Sandbox::waiting_on(&ready()).set(name, path).run();
        assert_eq!((run.code, run.output("result")), (2, "invalid-input"));
        run.says(&[name, "no shell has replaced"]);
        assert!(!run.path("~").exists() && !run.path("$HOME").exists());
    }
}

#[test]
fn report_lost_with_container_is_warned_of() {
    let outside = tempfile::tempdir().unwrap();
    let lost = outside.path().join("report.json");
    let run = Sandbox::waiting_on(&ready())
        .on_github()
        .set("GITHUB_WORKSPACE", "/github/workspace")
        .set("DCS_REPORT", &format!("kept.json {}", lost.display()))
        .run();
    run.ended("completed", 0);
    let log = run.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(" warn ")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(lost.to_str().unwrap()) && warnings[0].contains("workspace"));
    assert!(lost.exists());
}

#[test]
fn dotenv_of_others_is_kept() {
    const OTHERS: &str = "DATABASE_PASSWORD=kept\n";
    let run = Sandbox::waiting_on(&ready())
        .file("app.env", OTHERS)
        .set("DCS_DOTENV", "app.env")
        .run();
    assert_eq!((run.code, run.output("result")), (0, "completed"));
    assert_eq!(run.file("app.env"), OTHERS);
    assert!(
        run.log().contains("set `dotenv` to another path"),
        "{}",
        run.transcript()
    );

    // Its own, from an earlier job, is replaced.
    let run = Sandbox::waiting_on(&ready())
        .file("app.env", "DCS_RESULT=timeout\nDCS_READY=false\n")
        .set("DCS_DOTENV", "app.env")
        .run();
    assert!(
        run.file("app.env").contains("DCS_READY=true"),
        "{}",
        run.transcript()
    );
}

#[test]
fn reports_belong_to_directory_owner() {
    let cloud = ready();
    let sandbox = Sandbox::waiting_on(&cloud).set("DCS_REPORT", "report.html");
    let directory = sandbox.path("");
    // Only root may give a directory away; for everybody else the two are the same anyway.
    let given = std::os::unix::fs::chown(&directory, Some(65534), Some(65534));
    let run = sandbox.run();
    run.ended("completed", 0);
    let report = run.path("report.html").metadata().unwrap();
    if given.is_ok() {
        assert_eq!((report.uid(), report.gid()), (65534, 65534));
    }
    assert_eq!(report.uid(), directory.metadata().unwrap().uid());
}

#[test]
fn killed_wait_is_a_junit_error() {
    let cloud = FakeCloud::start().stats([Answer::Hang]);
    let mut running = Sandbox::waiting_on(&cloud)
        .set("DCS_REPORT", "report.xml")
        .start();
    cloud.until_requests(1);
    running.kill();
    let run = running.end();
    let elements = formats::xml_elements(&run.file("report.xml")).unwrap();
    assert!(elements.contains(&"error".to_owned()), "{elements:?}");
}

#[test]
fn runner_debug_shows_debug_lines() {
    let lines = |debug: &str| {
        let run = Sandbox::waiting_on(&ready())
            .on_github()
            .set("RUNNER_DEBUG", debug)
            .run();
        run.ended("completed", 0);
        run.log().contains(" debug ")
    };
    assert!(lines("1") && !lines("0"));
}

/// Runs on a terminal; what it shows, with its escape sequences.
fn shown_on_a_terminal(variables: &[(&str, &str)]) -> String {
    let terminal = ["sh", "-c", "script -qec \"$1\" /dev/null", "sh"];
    let run = Sandbox::waiting_on(&ready())
        .sets(&[("TERM", "xterm"), ("COLUMNS", "80")])
        .sets(variables)
        .within(&terminal)
        .run();
    assert_eq!(run.code, 0, "{}", run.transcript());
    run.stdout.clone()
}

#[test]
fn colour_is_only_for_terminals() {
    const GREEN: &str = "\u{1b}[32m";
    let coloured = shown_on_a_terminal(&[]);
    assert!(coloured.contains(GREEN), "{coloured:?}");
    let plain = shown_on_a_terminal(&[("NO_COLOR", "1")]);
    assert!(!plain.contains(GREEN), "{plain:?}");
    for (name, value) in [
        ("TERM", "dumb"),
        ("JENKINS_URL", "https://jenkins.example/"),
        ("TF_BUILD", "True"),
        ("CI", "true"),
    ] {
        let lines = shown_on_a_terminal(&[(name, value)]);
        assert!(!lines.contains('\u{1b}'), "{name}: {lines:?}");
        assert!(lines.contains("GO"), "{name}: {lines}");
    }
}
