//! Closed and stuck streams.

use super::*;

#[test]
fn closed_reader_does_not_stop_wait() {
    for forge in ["GITHUB_ACTIONS", "GITLAB_CI", "NONE"] {
        let mut stats: Vec<Answer> = (0..20).map(following).collect();
        stats.push(json_reply(200, STATS));
        let cloud = FakeCloud::start()
            .stats(stats)
            .detail([status("INCRMIGEATING"), status("TERMINATED")]);
        let sandbox =
            Sandbox::waiting_on(&cloud).sets(&[(forge, "true"), ("DCS_LOG_LEVEL", "trace")]);
        let output = sandbox.path("output");
        let mut child = sandbox
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 1];
        let mut streams: (Box<dyn Read>, Box<dyn Read>) = (
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        );
        let _ = if forge == "NONE" {
            streams.1.read(&mut first)
        } else {
            streams.0.read(&mut first)
        };
        drop(streams);
        assert_eq!(ends(&mut child), 0);
        let outputs = formats::github_output(&std::fs::read_to_string(output).unwrap()).unwrap();
        assert_eq!(outputs["result"], "completed");
    }
}

#[test]
fn stuck_reader_does_not_delay_end() {
    // Far more than a pipe holds.
    let mut stats: Vec<Answer> = (0..200).map(following).collect();
    stats.push(json_reply(200, STATS));
    let cloud = FakeCloud::start()
        .stats(stats)
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let sandbox = Sandbox::waiting_on(&cloud).sets(&[
        ("GITHUB_ACTIONS", "true"),
        ("DCS_LOG_LEVEL", "trace"),
        ("DCS_INITIAL_INTERVAL", "1ms"),
    ]);
    let output = sandbox.path("output");
    let mut child = sandbox
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(ends(&mut child), 0);
    let outputs = formats::github_output(&std::fs::read_to_string(output).unwrap()).unwrap();
    assert_eq!(outputs["result"], "completed");
}

#[test]
fn closed_streams_change_nothing() {
    let cloud = ready();
    let sandbox = Sandbox::waiting_on(&cloud);
    let output = sandbox.path("output");
    let mut shell = sandbox.command();
    let variables: Vec<_> = shell
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec '{BINARY}' >&- 2>&- <&-")])
        .env_clear()
        .envs(variables);
    assert_eq!(shell.status().unwrap().code(), Some(0));
    let outputs = formats::github_output(&std::fs::read_to_string(output).unwrap()).unwrap();
    assert_eq!(outputs["result"], "completed");
}

#[test]
fn full_disk_behind_stdout_changes_nothing() {
    let cloud = ready();
    let sandbox = Sandbox::waiting_on(&cloud).on_github();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut child = sandbox
        .command()
        .stdout(full)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(ends(&mut child), 0);
}
