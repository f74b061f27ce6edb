//! Inputs: where they come from, what is accepted, and what is said about the rest.

use crate::support::formats;
use crate::support::{
    Answer, FakeCloud, Kind, OTHER_TASK, PROJECT, Run, Sandbox, TASK, TOKEN, each, json_reply,
    status,
};
use dcs_migration_wait::config::inputs::{INPUTS, Input, Kind as InputKind};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

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

/// A cloud that gives tokens to everybody.
fn ready_with_iam() -> FakeCloud {
    let issued = || json_reply(201, "{}").with("X-Subject-Token", "IssuedToken");
    ready().on("POST", "/v3/auth/tokens", [issued()]).on(
        "POST",
        "/v3.0/OS-AUTH/id-token/tokens",
        [issued()],
    )
}

/// Ends as invalid input, before anything was asked.
fn refused(sandbox: Sandbox, cloud: &FakeCloud) -> Run {
    let run = sandbox.run();
    run.ended("invalid-input", 2);
    assert_eq!(cloud.requests().len(), 0, "{}", run.transcript());
    run
}

// ------------------------------------------------------------------------------------------------ sources and their order

/// A value for each source of an input, the first source first: (how it is set, value).
fn sources(input: &Input) -> Vec<Source> {
    let mut sources = Vec::new();
    if input.kind != InputKind::Secret {
        sources.push(Source::Flag(format!("--{}", input.name)));
    }
    let upper = input.name.to_ascii_uppercase();
    let mut names = vec![
        format!("INPUT_{upper}"),
        format!("INPUT_{}", upper.replace('-', "_")),
        format!("DCS_{}", upper.replace('-', "_")),
    ];
    names.extend(input.aliases.iter().map(|&alias| alias.to_owned()));
    names.dedup();
    sources.extend(names.into_iter().map(Source::Variable));
    sources
}

#[derive(Debug, Clone)]
enum Source {
    Flag(String),
    Variable(String),
}

impl Source {
    fn set(&self, sandbox: Sandbox, value: &str) -> Sandbox {
        match self {
            Self::Flag(flag) => sandbox.args(&[flag, value]),
            Self::Variable(name) => sandbox.set(name, value),
        }
    }
}

/// Sets every source from `first` on, each to its own value, and the ones before it to blanks; `used` finds the value
/// in what came of it.
fn first_set_wins(
    name: &str,
    value: impl Fn(usize) -> String + Sync,
    used: impl Fn(&FakeCloud, &Run) -> String + Sync,
) {
    let input = Input::named(name).unwrap();
    let sources = sources(input);
    let firsts: Vec<usize> = (0..sources.len()).collect();
    each(
        &firsts,
        |&first| format!("{name} from {:?}", sources[first]),
        |&first| {
            let cloud = ready_with_iam();
            let mut sandbox = Sandbox::waiting_on(&cloud);
            for (n, source) in sources.iter().enumerate() {
                let blank = if n % 2 == 0 { "" } else { " \t\n" };
                let value = if n < first {
                    blank.to_owned()
                } else {
                    value(n)
                };
                sandbox = source.set(sandbox, &value);
            }
            let run = sandbox.run();
            assert_eq!(used(&cloud, &run), value(first), "{}", run.transcript());
        },
    );
}

fn segment(cloud: &FakeCloud, position: usize) -> String {
    cloud.requests()[0]
        .target
        .split('/')
        .nth(position)
        .unwrap()
        .to_owned()
}

#[test]
fn first_set_source_wins() {
    first_set_wins(
        "task-id",
        |n| format!("{n:032}"),
        |cloud, _| segment(cloud, 4),
    );
    first_set_wins(
        "project-id",
        |n| format!("{n:032}"),
        |cloud, _| segment(cloud, 2),
    );
    let token = |cloud: &FakeCloud, _: &Run| {
        cloud.requests()[0]
            .header("x-auth-token")
            .unwrap()
            .to_owned()
    };
    first_set_wins("auth-token", |n| format!("token-from-source-{n}"), token);
    // One that is only seen when it is wrong.
    first_set_wins(
        "region",
        |n| format!("Region {n}"),
        |_, run| {
            run.ended("invalid-input", 2);
            run.reason()
                .split('`')
                .find(|part| part.starts_with("Region"))
                .unwrap()
                .to_owned()
        },
    );
}

#[test]
fn aliases_of_the_contract_are_read() {
    let rows: Vec<(&str, &[&str])> = vec![
        (
            "project-id",
            &[
                "OS_PROJECT_ID",
                "OS_TENANT_ID",
                "HW_PROJECT_ID",
                "HUAWEICLOUD_SDK_PROJECT_ID",
                "HUAWEI_CLOUD_PROJECT_ID",
            ],
        ),
        (
            "region",
            &["OS_REGION_NAME", "HW_REGION_NAME", "HUAWEI_CLOUD_REGION"],
        ),
        (
            "iam-endpoint",
            &["OS_AUTH_URL", "HW_AUTH_URL", "HUAWEICLOUD_SDK_IAM_ENDPOINT"],
        ),
        (
            "auth-token",
            &["OS_TOKEN", "OS_AUTH_TOKEN", "HW_AUTH_TOKEN"],
        ),
        (
            "access-key",
            &[
                "OS_ACCESS_KEY",
                "HW_ACCESS_KEY",
                "HUAWEICLOUD_SDK_AK",
                "HUAWEI_CLOUD_ACCESS_KEY_ID",
            ],
        ),
        (
            "secret-key",
            &[
                "OS_SECRET_KEY",
                "HW_SECRET_KEY",
                "HUAWEICLOUD_SDK_SK",
                "HUAWEI_CLOUD_SECRET_ACCESS_KEY",
            ],
        ),
        (
            "security-token",
            &[
                "OS_SECURITY_TOKEN",
                "HW_SECURITY_TOKEN",
                "HUAWEICLOUD_SDK_SECURITY_TOKEN",
            ],
        ),
        ("username", &["OS_USERNAME", "HW_USER_NAME"]),
        ("password", &["OS_PASSWORD", "HW_USER_PASSWORD"]),
        ("domain-name", &["OS_USER_DOMAIN_NAME", "HW_DOMAIN_NAME"]),
        (
            "idp-id",
            &["HUAWEICLOUD_SDK_IDP_ID", "HW_ASSUME_ROLE_IDP_ID"],
        ),
        ("id-token", &["HW_ASSUME_ROLE_ID_TOKEN"]),
        (
            "id-token-file",
            &[
                "HUAWEICLOUD_SDK_ID_TOKEN_FILE",
                "HW_ASSUME_ROLE_ID_TOKEN_FILE",
            ],
        ),
        ("ca-file", &["OS_CACERT"]),
        ("log-level", &["RUST_LOG"]),
    ];
    for (name, aliases) in &rows {
        assert_eq!(Input::named(name).unwrap().aliases, *aliases, "{name}");
    }
    let with_aliases = INPUTS
        .iter()
        .filter(|input| !input.aliases.is_empty())
        .count();
    assert_eq!(with_aliases, rows.len());
}

#[test]
fn flags_accept_both_value_forms() {
    let cloud = ready();
    let sandbox = || Sandbox::waiting_on(&cloud).unset("DCS_TASK_ID");
    sandbox()
        .arg(&format!("--task-id={TASK}"))
        .run()
        .ended("completed", 0);
    let run = sandbox()
        .args(&["--task-id", TASK, "--task-id", OTHER_TASK])
        .run();
    run.ended("completed", 0);
    assert_eq!(run.tasks().as_array().unwrap().len(), 2);
    // A switch alone means true.
    let run = sandbox()
        .args(&["--task-id", TASK, "--summary=false", "--fail-fast"])
        .run();
    run.ended("completed", 0);
    assert_eq!(run.summary, "");
}

#[test]
fn task_id_is_uuid_or_hex() {
    let upper = TASK.to_ascii_uppercase();
    for good in [
        TASK,
        OTHER_TASK,
        upper.as_str(),
        &format!(" {TASK} "),
        &format!("{TASK},{TASK}"),
    ] {
        let cloud = ready();
        let run = Sandbox::waiting_on(&cloud).set("DCS_TASK_ID", good).run();
        run.ended("completed", 0);
        assert_eq!(cloud.count(Kind::Stats), 1);
    }
    let cloud = ready();
    let bad = [
        "31c6fd2b",
        "31c6fd2b-2893-430b-90ff-d1adb806058g",
        "../../v2",
        "31c6fd2b-2893-430b-90ff-d1adb8060585/stop",
        ",",
        "31c6fd2b28934-30b-90ff-d1adb8060585",
    ];
    each(
        &bad,
        |bad| (*bad).to_owned(),
        |bad| {
            refused(Sandbox::waiting_on(&cloud).set("DCS_TASK_ID", bad), &cloud)
                .says(&["`task-id`", "32 hex digits"]);
        },
    );
}

// --------------------------------------------------------------------------------------------------- what is refused

#[test]
fn loopback_requests_bypass_the_proxy() {
    let cloud = FakeCloud::start().stats([json_reply(200, r#"{"is_migrating":false,"offset":0}"#)]);
    // Nothing listens there; a request through it would not end.
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("HTTP_PROXY", "http://192.0.2.1:3128"),
            ("http_proxy", "192.0.2.1:3128"),
        ])
        .set("DCS_STATUS_CHECK", "off")
        .run();
    run.ended("completed", 0);
}

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
        (None, Some("DCS_TIMOUT"), "DCS_TIMEOUT"),
        (None, Some("DCS_STABLEPOLLS"), "DCS_STABLE_POLLS"),
        (None, Some("DCS_PASWORD"), "DCS_PASSWORD"),
        (None, Some("DCS_UNTILL"), "DCS_UNTIL"),
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

// ---------------------------------------------------------------------------------------------------- single inputs

#[test]
fn durations_need_a_unit() {
    let good = [
        "90s", "45m", "1h 30m", "1h30m", "2h", "1day", "500ms", "1min", "7d",
    ];
    each(
        &good,
        |good| (*good).to_owned(),
        |good| {
            let cloud = ready();
            Sandbox::waiting_on(&cloud)
                .set("DCS_TIMEOUT", "20s")
                .set("DCS_MAX_OUTAGE", good)
                .run()
                .ended("completed", 0);
        },
    );
    let bad = [
        ("30", "unit"),
        ("3600", "unit"),
        ("1M", "month"),
        ("soon", "`90s`"),
        ("-5s", "`90s`"),
        ("1:30", "`90s`"),
        ("90 s s", "`90s`"),
        ("9999999999999999999h", "`90s`"),
        ("100y", ""),
        ("0", ""),
        ("0s", ""),
    ];
    each(
        &bad,
        |bad| bad.0.to_owned(),
        |&(bad, text)| {
            let cloud = ready();
            refused(Sandbox::waiting_on(&cloud).set("DCS_TIMEOUT", bad), &cloud).says(&[
                "`timeout`",
                bad,
                text,
            ]);
        },
    );
    // The one duration for which zero means something.
    for off in ["0", "0s"] {
        let cloud = ready();
        Sandbox::waiting_on(&cloud)
            .set("DCS_STALL_TIMEOUT", off)
            .run()
            .ended("completed", 0);
    }
}

#[test]
fn intervals_under_1s_need_loopback() {
    let cloud = ready();
    let sandbox = Sandbox::waiting_on(&cloud).set("DCS_ENDPOINT", "https://dcs.example.com");
    refused(sandbox, &cloud).says(&["`initial-interval`", "1s"]);
    let sandbox = Sandbox::waiting_on(&cloud)
        .sets(&[("DCS_INITIAL_INTERVAL", "10s"), ("DCS_MAX_INTERVAL", "5s")]);
    refused(sandbox, &cloud).says(&["`max-interval`", "5s", "10s"]);
    // Who only lengthens the shortest one means both.
    Sandbox::waiting_on(&cloud)
        .unset("DCS_MAX_INTERVAL")
        .set("DCS_INITIAL_INTERVAL", "2m")
        .run()
        .ended("completed", 0);
}

#[test]
fn numbers_and_switches_have_bounds() {
    let bad = [
        ("DCS_MULTIPLIER", "0.9"),
        ("DCS_MULTIPLIER", "10.1"),
        ("DCS_MULTIPLIER", "NaN"),
        ("DCS_MULTIPLIER", "inf"),
        ("DCS_MULTIPLIER", "1,5"),
        ("DCS_MAX_OFFSET", "1.5"),
        ("DCS_MAX_OFFSET", "9223372036854775808"),
        ("DCS_STABLE_POLLS", "-1"),
        ("DCS_STABLE_POLLS", "many"),
        ("DCS_MAX_REQUESTS_PER_SECOND", "-4"),
        ("DCS_MAX_REQUESTS_PER_SECOND", "NaN"),
        ("DCS_FAIL_FAST", "maybe"),
        ("DCS_UNTIL", "insync"),
        ("DCS_STATUS_CHECK", "on"),
        ("DCS_LOG_LEVEL", "loud"),
        ("DCS_REGION", "eu-de.otc"),
        ("DCS_REGION", "EU-DE"),
        ("DCS_PROJECT_ID", "../v3"),
    ];
    each(
        &bad,
        |bad| format!("{bad:?}"),
        |&(name, value)| {
            let cloud = ready();
            let input = name
                .trim_start_matches("DCS_")
                .to_ascii_lowercase()
                .replace('_', "-");
            refused(Sandbox::waiting_on(&cloud).set(name, value), &cloud).says(&[
                &format!("`{input}`"),
                value,
                "accepted",
            ]);
        },
    );
    for yes in ["true", "TRUE", "yes", "on", "1"] {
        let cloud = ready();
        Sandbox::waiting_on(&cloud)
            .set("DCS_ALLOW_HTTP", yes)
            .run()
            .ended("completed", 0);
    }
}

#[test]
fn http_needs_loopback_or_allow_http() {
    let bad = [
        "http://dcs.example.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "http://0.0.0.0:1",
    ];
    for name in ["DCS_ENDPOINT", "DCS_IAM_ENDPOINT"] {
        each(
            &bad,
            |bad| format!("{name} {bad}"),
            |bad| {
                let cloud = ready();
                refused(Sandbox::waiting_on(&cloud).set(name, bad), &cloud)
                    .says(&["endpoint`", bad]);
            },
        );
    }
    let cloud = ready();
    for (host, allow) in [
        ("127.0.0.1", "false"),
        ("localhost", "false"),
        ("127.0.0.1", "true"),
    ] {
        let endpoint = format!("http://{host}:{}/", cloud.port());
        Sandbox::waiting_on(&cloud)
            .sets(&[("DCS_ENDPOINT", &endpoint), ("DCS_ALLOW_HTTP", allow)])
            .run()
            .ended("completed", 0);
    }
}

#[test]
fn iam_endpoint_spellings_are_accepted() {
    for tail in ["", "/", "/v3", "/v3/"] {
        let cloud = ready_with_iam();
        Sandbox::waiting_on(&cloud)
            .unset("DCS_AUTH_TOKEN")
            .set("OS_AUTH_URL", &format!("{}{tail}", cloud.url()))
            .sets(&[("OS_USERNAME", "ci"), ("OS_USER_DOMAIN_NAME", "OTC1")])
            .secret("OS_PASSWORD", "PasswordOfNobody1")
            .run()
            .ended("completed", 0);
        assert_eq!(cloud.requests()[0].target, "/v3/auth/tokens");
    }
}

#[test]
fn a_region_gives_the_endpoints() {
    let rows = [
        ("eu-de", "dcs.eu-de.otc.t-systems.com"),
        ("eu-nl", "dcs.eu-nl.otc.t-systems.com"),
        ("cn-north-4", "dcs.cn-north-4.myhuaweicloud.com"),
        ("ap-southeast-1", "dcs.ap-southeast-1.myhuaweicloud.com"),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(region, host)| {
            // A proxy that refuses tells where the wait wants to go, and nothing leaves this machine.
            let proxy = FakeCloud::start();
            Sandbox::waiting_on(&proxy)
                .unset("DCS_ENDPOINT")
                .sets(&[
                    ("DCS_REGION", region),
                    ("HTTPS_PROXY", &proxy.url()),
                    ("DCS_TIMEOUT", "3s"),
                    ("DCS_MAX_OUTAGE", "500ms"),
                ])
                .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
                .run();
            assert_eq!(proxy.requests()[0].target, format!("{host}:443"));
        },
    );
}

#[test]
fn ca_file_must_hold_a_certificate() {
    for text in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let cloud = ready();
        let sandbox = Sandbox::waiting_on(&cloud).file("given.pem", text).sets(&[
            ("DCS_CA_FILE", "given.pem"),
            ("DCS_ENDPOINT", "https://127.0.0.1:1"),
            ("DCS_MAX_OUTAGE", "300ms"),
        ]);
        refused(sandbox, &cloud).says(&["`ca-file`"]);
    }
    refused(
        Sandbox::waiting_on(&ready()).set("DCS_CA_FILE", "not-there.pem"),
        &ready(),
    )
    .says(&["`ca-file`", "not-there.pem"]);
}

// -------------------------------------------------------------------------------------------------------- credentials

#[test]
fn strongest_credential_wins_and_is_named() {
    let kinds: [(&str, &[(&str, &str)]); 4] = [
        ("token", &[("DCS_AUTH_TOKEN", TOKEN)]),
        (
            "access key",
            &[
                ("DCS_ACCESS_KEY", "AKEXAMPLE"),
                ("DCS_SECRET_KEY", "SecretKeyOfNobody"),
            ],
        ),
        (
            "OIDC",
            &[
                ("DCS_IDP_ID", "gitlab"),
                ("DCS_ID_TOKEN", "JobTokenOfNobody"),
            ],
        ),
        (
            "password",
            &[
                ("DCS_USERNAME", "ci"),
                ("DCS_PASSWORD", "PasswordOfNobody1"),
                ("DCS_DOMAIN_NAME", "OTC1"),
            ],
        ),
    ];
    for first in 0..kinds.len() {
        let cloud = ready_with_iam();
        let mut sandbox = Sandbox::waiting_on(&cloud)
            .unset("DCS_AUTH_TOKEN")
            .set("DCS_IAM_ENDPOINT", &cloud.url());
        for secret in [
            "SecretKeyOfNobody",
            "JobTokenOfNobody",
            "PasswordOfNobody1",
            "IssuedToken",
        ] {
            sandbox = sandbox.hide(secret);
        }
        for (_, variables) in &kinds[first..] {
            sandbox = sandbox.sets(variables);
        }
        let run = sandbox.run();
        run.ended("completed", 0);
        let kind = kinds[first].0;
        assert!(run.sign_in().contains(kind), "{}", run.transcript());
        let requests = cloud.requests();
        match kind {
            "token" => assert_eq!(requests[0].header("x-auth-token"), Some(TOKEN)),
            "access key" => assert!(requests[0].header("authorization").is_some()),
            "OIDC" => assert_eq!(requests[0].target, "/v3.0/OS-AUTH/id-token/tokens"),
            _ => assert_eq!(requests[0].target, "/v3/auth/tokens"),
        }
    }
}

#[test]
fn id_token_comes_from_a_file() {
    let cloud = ready_with_iam();
    let sandbox = || {
        Sandbox::waiting_on(&cloud)
            .unset("DCS_AUTH_TOKEN")
            .sets(&[
                ("DCS_IDP_ID", "gitlab"),
                ("DCS_IAM_ENDPOINT", &cloud.url()),
                ("DCS_ID_TOKEN_FILE", "given.jwt"),
            ])
            .hide("JobTokenOfNobody")
    };
    sandbox()
        .file("given.jwt", "JobTokenOfNobody\n")
        .run()
        .ended("completed", 0);
    assert!(cloud.requests()[0].body.contains("\"JobTokenOfNobody\""));
    sandbox().run().says(&["id-token-file"]);
}

const CLOUDS: &str = "
clouds:
  otc:
    profile: otc
    auth:
      auth_url: IAM/v3
      username: ci
      password: PasswordOfNobody1
      user_domain_name: OTC00000000001000000000
      project_id: 666486c2d9b948c1bbea57e714d744fa
    region_name: eu-de
  keys:
    auth: { project_id: 666486c2d9b948c1bbea57e714d744fa, ak: AKFROMCLOUDS }
    sk: SecretKeyOfNobody
  named:
    auth: { auth_url: IAM, token: TokenFromClouds, project_name: eu-de_shop }
  secure:
    auth: { project_id: 666486c2d9b948c1bbea57e714d744fa }
";

fn with_clouds(cloud: &FakeCloud, name: &str) -> Sandbox {
    let mut sandbox = Sandbox::waiting_on(cloud)
        .unset("DCS_AUTH_TOKEN")
        .unset("DCS_PROJECT_ID")
        .file("given-clouds.yaml", &CLOUDS.replace("IAM", &cloud.url()))
        .sets(&[
            ("OS_CLOUD", name),
            ("OS_CLIENT_CONFIG_FILE", "given-clouds.yaml"),
        ]);
    for secret in [
        "PasswordOfNobody1",
        "SecretKeyOfNobody",
        "TokenFromClouds",
        "IssuedToken",
        "TokenFromSecure",
    ] {
        sandbox = sandbox.hide(secret);
    }
    sandbox
}

#[test]
fn clouds_yaml_fills_unset_inputs() {
    let cloud = ready_with_iam();
    with_clouds(&cloud, "otc").run().ended("completed", 0);
    let requests = cloud.requests();
    let body: serde_json::Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(body["auth"]["identity"]["password"]["user"]["name"], "ci");
    assert_eq!(body["auth"]["scope"]["project"]["id"], PROJECT);
    assert_eq!(requests[1].header("x-auth-token"), Some("IssuedToken"));

    let cloud = ready();
    with_clouds(&cloud, "keys").run().ended("completed", 0);
    assert!(
        cloud.requests()[0]
            .header("authorization")
            .unwrap()
            .contains("Access=AKFROMCLOUDS,")
    );

    // A project's name is resolved.
    let project = r#"{"projects":[{"id":"11112222333344445555666677778888","name":"eu-de_shop"}]}"#;
    let cloud = ready().on("GET", "/v3/projects", [json_reply(200, project)]);
    with_clouds(&cloud, "named").run().ended("completed", 0);
    let targets: Vec<String> = cloud
        .requests()
        .iter()
        .map(|request| request.target.clone())
        .collect();
    assert_eq!(targets[0], "/v3/projects?name=eu-de_shop");
    assert_eq!(
        targets[1],
        format!("/v2/11112222333344445555666677778888/migration-task/{TASK}/stats")
    );
    assert_eq!(
        cloud.requests()[1].header("x-auth-token"),
        Some("TokenFromClouds")
    );
}

#[test]
fn inputs_win_over_clouds_yaml() {
    let cloud = ready();
    with_clouds(&cloud, "otc")
        .secret("OS_TOKEN", TOKEN)
        .set("OS_PROJECT_ID", "00001111222233334444555566667777")
        .run()
        .ended("completed", 0);
    assert_eq!(cloud.requests()[0].header("x-auth-token"), Some(TOKEN));
    assert!(
        cloud.requests()[0]
            .target
            .starts_with("/v2/00001111222233334444555566667777/")
    );

    let cloud = ready();
    let secure = "clouds: { secure: { auth: { token: TokenFromSecure } } }";
    with_clouds(&cloud, "secure")
        .file("given-secure.yaml", secure)
        .set("OS_CLIENT_SECURE_FILE", "given-secure.yaml")
        .run()
        .ended("completed", 0);
    assert_eq!(
        cloud.requests()[0].header("x-auth-token"),
        Some("TokenFromSecure")
    );
}

#[test]
fn unusable_cloud_is_named_without_secrets() {
    let cloud = ready();
    refused(with_clouds(&cloud, "prod"), &cloud).says(&["OS_CLOUD", "prod", "otc", "keys"]);
    refused(
        with_clouds(&cloud, "otc").set("OS_CLIENT_CONFIG_FILE", "given-nowhere.yaml"),
        &cloud,
    )
    .says(&["OS_CLOUD"]);
    let broken = "clouds:\n  otc:\n    auth: [PasswordOfNobody1\n";
    refused(
        with_clouds(&cloud, "otc").file("given-clouds.yaml", broken),
        &cloud,
    )
    .says(&["OS_CLOUD", "line"]);
}

// ----------------------------------------------------------------------------------------------------- help and version

#[test]
fn help_and_version_need_no_input() {
    let run = Sandbox::new().arg("--version").run();
    assert_eq!(
        (run.code, run.stdout.trim()),
        (0, concat!("dcs-migration-wait ", env!("CARGO_PKG_VERSION")))
    );
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["demo", "--help"],
        &["simulate", "--help"],
        &["--until", "in-sync", "--help"],
    ] {
        let run = Sandbox::new().args(arguments).run();
        assert_eq!(run.code, 0, "{arguments:?}");
        assert!(
            run.stdout.contains("Usage") && run.stderr.is_empty(),
            "{}",
            run.transcript()
        );
    }
}
