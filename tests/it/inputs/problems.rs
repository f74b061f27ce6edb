//! Wrong and missing inputs, all reported at once.

use super::*;

#[test]
fn broken_root_certificate_is_invalid_input() {
    let cloud = FakeCloud::start();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let run = Sandbox::waiting_on(&cloud)
        .file("given-ca.pem", broken)
        .set("DCS_CA_FILE", "given-ca.pem")
        .run();
    run.ended("invalid-input", 2).says(&["`ca-file`", "PEM"]);
}

#[test]
fn incomplete_command_names_the_gap() {
    let run = Sandbox::new().arg("completions").run();
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("<SHELL>") && !run.stderr.contains("task-id"),
        "{}",
        run.stderr
    );
}

#[test]
fn one_wrong_input_is_one_problem() {
    let cloud = FakeCloud::start();
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_INITIAL_INTERVAL", "soon")
        .set("DCS_MAX_INTERVAL", "1s")
        .run();
    run.ended("invalid-input", 2).says(&["`initial-interval`"]);
    assert!(!run.reason().contains("max-interval"), "{}", run.reason());
}

#[test]
fn secret_for_unknown_flag_is_hidden() {
    let cloud = FakeCloud::start();
    for secret in [
        "SecretOnTheLine7",
        "-SecretOnTheLine7",
        "--SecretOnTheLine7",
    ] {
        let run = Sandbox::waiting_on(&cloud)
            .hide("SecretOnTheLine7")
            .args(&["--password", secret])
            .run();
        run.ended("invalid-input", 2)
            .says(&["`--password` is a secret and has no flag"]);
    }
    let run = Sandbox::waiting_on(&cloud)
        .args(&["--password", "--until=in-syn"])
        .run();
    run.ended("invalid-input", 2)
        .says(&["`--password`", "`in-syn`"]);
}

#[test]
fn misplaced_secret_is_not_shown() {
    let cloud = FakeCloud::start();
    let run = Sandbox::waiting_on(&cloud).set("DCS_REGION", TOKEN).run();
    run.ended("invalid-input", 2).says(&["`region`", "`***`"]);
}

#[test]
fn stray_argument_is_hidden_unless_harmless() {
    let cloud = FakeCloud::start();
    let secret = "MIIEpAIBAAKCAQEA7";
    let run = Sandbox::waiting_on(&cloud)
        .hide(secret)
        .arg("--until")
        .arg("in-sync")
        .arg(secret)
        .run();
    run.ended("invalid-input", 2)
        .says(&["`argument 3 (not shown)` is not known"]);
    let run = Sandbox::waiting_on(&cloud)
        .arg("31c6fd2b2893430b90ffd1adb8060585")
        .run();
    run.ended("invalid-input", 2)
        .says(&["did you mean `--task-id`?"]);
    let run = Sandbox::waiting_on(&cloud).arg("simulat").run();
    run.ended("invalid-input", 2)
        .says(&["did you mean `simulate`?"]);
}

#[test]
fn all_bad_inputs_are_reported_together() {
    let cloud = ready();
    let run = refused(
        Sandbox::waiting_on(&cloud)
            .args(&[
                "--until",
                "finished",
                "--multiplier",
                "11",
                "--max-requests-per-second",
                "0",
            ])
            .sets(&[
                ("INPUT_TASK-ID", "not-a-task"),
                ("DCS_PROJECT_ID", "eu-de project"),
                ("DCS_MAX_OFFSET", "-1"),
                ("DCS_STABLE_POLLS", "0"),
                ("DCS_TIMEOUT", "30"),
                ("DCS_STALL_TIMEOUT", "soon"),
                ("DCS_MAX_OUTAGE", "1M"),
                ("DCS_INITIAL_INTERVAL", "5x"),
                ("DCS_STATUS_CHECK", "maybe"),
                ("DCS_SUMMARY", "perhaps"),
                ("DCS_REPORT", "report.pdf"),
                ("DCS_LOG_FORMAT", "xml"),
                ("DCS_REQUEST_TIMEOUT", "-1s"),
                ("DCS_ENDPOINT", "dcs.eu-de.otc.t-systems.com"),
                ("DCS_CA_FILE", "given-nothing.pem"),
                ("DCS_ALLOW_HTTP", "si"),
                ("DCS_FAIL_FAST", "2"),
            ]),
        &cloud,
    );
    let expected = [
        ("until", "finished", "in-sync"),
        ("multiplier", "11", "1 to 10"),
        ("max-requests-per-second", "0", "accepted"),
        ("task-id", "not-a-task", "UUID"),
        ("project-id", "eu-de project", "accepted"),
        ("max-offset", "-1", "from 0 to"),
        ("stable-polls", "0", "accepted"),
        ("timeout", "30", "unit"),
        ("stall-timeout", "soon", "accepted"),
        ("max-outage", "1M", "month"),
        ("initial-interval", "5x", "accepted"),
        ("status-check", "maybe", "`require`"),
        ("summary", "perhaps", "`true` or `false`"),
        ("report", "report.pdf", "`.json`"),
        ("log-format", "xml", "`json`"),
        ("request-timeout", "-1s", "accepted"),
        ("endpoint", "dcs.eu-de.otc.t-systems.com", "https"),
        ("ca-file", "given-nothing.pem", ""),
        ("allow-http", "si", "`true` or `false`"),
        ("fail-fast", "2", "`true` or `false`"),
    ];
    for (input, value, accepted) in expected {
        // The log has a line for each.
        let line = run
            .stderr
            .lines()
            .find(|line| line.starts_with(&format!("error: `{input}`")));
        let line = line.unwrap_or_else(|| panic!("{input} is not reported\n{}", run.transcript()));
        assert!(line.contains(value) && line.contains(accepted), "{line}");
        run.says(&[&format!("`{input}`"), value]);
    }
}

#[test]
fn missing_inputs_are_reported_together() {
    let run = Sandbox::new().run();
    run.ended("invalid-input", 2).says(&[
        "`task-id`",
        "`project-id`",
        "`region`",
        "`endpoint`",
        "`auth-token`",
    ]);
}

#[test]
fn half_a_credential_is_a_mistake() {
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
    );
    let rows: [Row; 6] = [
        (
            "access key alone",
            &[("DCS_ACCESS_KEY", "AK")],
            "`secret-key`",
        ),
        (
            "secret key alone",
            &[("DCS_SECRET_KEY", "SecretOfNobody1")],
            "`access-key`",
        ),
        (
            "user alone",
            &[("DCS_USERNAME", "ci"), ("DCS_DOMAIN_NAME", "d")],
            "`password`",
        ),
        (
            "password alone",
            &[
                ("DCS_PASSWORD", "SecretOfNobody1"),
                ("DCS_DOMAIN_NAME", "d"),
            ],
            "`username`",
        ),
        (
            "no domain",
            &[("DCS_USERNAME", "ci"), ("DCS_PASSWORD", "SecretOfNobody1")],
            "`domain-name`",
        ),
        (
            "identity provider alone",
            &[("DCS_IDP_ID", "gitlab")],
            "`id-token`",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, set, missing)| {
            let cloud = ready();
            let sandbox = Sandbox::waiting_on(&cloud)
                .unset("DCS_AUTH_TOKEN")
                .hide("SecretOfNobody1");
            refused(
                sandbox.set("DCS_IAM_ENDPOINT", &cloud.url()).sets(set),
                &cloud,
            )
            .says(&[missing]);
        },
    );
}

#[test]
fn secret_has_no_flag() {
    for input in INPUTS
        .iter()
        .filter(|input| input.kind == InputKind::Secret)
    {
        for arguments in [
            vec![format!("--{}", input.name), "HideMe4711".to_owned()],
            vec![format!("--{}=HideMe4711", input.name)],
        ] {
            let cloud = ready();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let run = refused(
                Sandbox::waiting_on(&cloud)
                    .hide("HideMe4711")
                    .args(&arguments),
                &cloud,
            );
            let variable = format!("DCS_{}", input.name.to_ascii_uppercase().replace('-', "_"));
            run.says(&[&format!("--{}", input.name), "secret", &variable]);
        }
    }
}

#[test]
fn password_in_endpoint_is_refused() {
    for name in ["DCS_ENDPOINT", "DCS_IAM_ENDPOINT"] {
        let cloud = ready();
        let sandbox = Sandbox::waiting_on(&cloud)
            .hide("HideMe4711")
            .set(name, "https://user:HideMe4711@dcs.example.com");
        refused(sandbox, &cloud).says(&["endpoint"]);
    }
}

#[test]
fn misspelled_names_get_a_suggestion() {
    let rows = [
        (Some("--tiemout=5s"), None, "--timeout"),
        (Some("--task_id=x"), None, "--task-id"),
        (Some("--stable-poll=3"), None, "--stable-polls"),
        (None, Some("INPUT_TASK-IDS"), "INPUT_TASK-ID"),
        (None, Some("INPUT_TIMEOUTS"), "INPUT_TIMEOUT"),
        (None, Some("DCS_TIMEOUTS"), "DCS_TIMEOUT"),
        (None, Some("DCS_STABLEPOLLS"), "DCS_STABLE_POLLS"),
        (None, Some("DCS_PASWORD"), "DCS_PASSWORD"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(flag, variable, suggestion)| {
            let cloud = ready();
            let mut sandbox = Sandbox::waiting_on(&cloud);
            if let Some(flag) = flag {
                sandbox = sandbox.arg(flag);
            }
            if let Some(variable) = variable {
                // It may hold a secret.
                sandbox = sandbox.secret(variable, "HideMe4711");
            }
            refused(sandbox, &cloud).says(&[&format!("did you mean `{suggestion}`")]);
        },
    );
}

#[test]
fn unknown_flag_without_suggestion_is_refused() {
    let cloud = ready();
    refused(
        Sandbox::waiting_on(&cloud).args(&["--frobnicate", "7"]),
        &cloud,
    )
    .says(&["--frobnicate"]);
    refused(Sandbox::waiting_on(&cloud).arg("waitt"), &cloud).says(&["waitt"]);
}

#[test]
fn non_text_arguments_are_refused() {
    let cloud = ready();
    let sandbox = Sandbox::waiting_on(&cloud);
    let output = sandbox.path("output");
    for argument in [&b"--until=\xff"[..], b"\xff\xfe", b"--\xff=1", b"--until"] {
        let mut command = sandbox.command();
        command
            .arg(OsStr::from_bytes(argument))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        assert_eq!(command.status().unwrap().code(), Some(2), "{argument:?}");
        let outputs = formats::github_output(&std::fs::read_to_string(&output).unwrap()).unwrap();
        assert_eq!(
            (outputs["result"].as_str(), outputs["ready"].as_str()),
            ("invalid-input", "false")
        );
    }
    assert_eq!(cloud.requests().len(), 0);
}

#[test]
fn foreign_names_and_outputs_are_ignored() {
    // GitLab hands the dotenv report of an earlier wait to later jobs.
    let cloud = ready();
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("INPUT_WHO-TO-GREET", "x"),
            ("DCS_READY", "false"),
            ("DCS_RESULT", "timeout"),
            ("DCS_OFFSET", "4711"),
            ("DCS_TASK_STATUS", "FAILED"),
            ("DCS_EXIT_CODE", "124"),
            ("DCS_POLLS", "9"),
            ("DCS_CONSOLE_ADDRESS", "x"),
        ])
        .run();
    run.ended("completed", 0);
}
