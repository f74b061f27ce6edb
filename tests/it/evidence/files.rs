//! Report files.

use super::*;

// ---------------------------------------------------------------------------------------------------------- files

#[test]
fn a_report_follows_no_link() {
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")]);
    // What a neighbour can guess: a name with the id of the process.
    let plant = "for name in report.json report.md report.xml report.html dcs.env; do \
                 ln -s given-victim \"$name.$$.tmp\"; done; exec \"$@\"";
    let run = Sandbox::waiting_on(&cloud)
        .file("given-victim", "untouched")
        .set("DCS_REPORT", "report.json,report.md,report.xml,report.html")
        .within(&["sh", "-c", plant, "sh"])
        .run();
    run.ended("completed", 0);
    assert_eq!(run.file("given-victim"), "untouched");
    assert!(run.file("report.json").contains("completed"));
}

#[test]
fn a_file_keeps_its_mode() {
    for mode in [0o600, 0o640] {
        let cloud = FakeCloud::start()
            .stats([done()])
            .detail([status("TERMINATED")]);
        let sandbox = Sandbox::waiting_on(&cloud)
            .file("dcs.env", "DCS_OLD=1\n")
            .file("report.json", "{}");
        let sandbox = sandbox.set("DCS_REPORT", "report.json");
        let paths = ["dcs.env", "report.json"].map(|name| sandbox.path(name));
        for path in &paths {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut running = sandbox.start();
        assert_eq!(running.code(), 0);
        for path in &paths {
            assert_eq!(
                std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
                mode,
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn full_disk_keeps_old_report() {
    let old = "the report of the run before";
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .file("report.html", old)
        .set("DCS_REPORT", "report.html")
        // No file may grow beyond 4 KiB, which is room for the outputs.
        .within(&["sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
        .run();
    run.ended("completed", 0);
    assert!(
        run.log()
            .contains("cannot write the report to `report.html`"),
        "{}",
        run.transcript()
    );
    assert_eq!(run.file("report.html"), old);
}
