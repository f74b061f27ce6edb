use super::inputs::INPUTS;
use super::*;
use crate::auth::AccessKey;
use crate::domain::{Condition, Goal};
use crate::wait::{StatusCheck, Tasks};

/// Resolves an environment written as `NAME=value` words, on top of a valid minimum.
fn resolve_with(variables: &[(&str, &str)]) -> Result<Config, String> {
    let minimum = [
        ("DCS_TASK_ID", "31c6fd2b-2893-430b-90ff-d1adb8060585"),
        ("DCS_PROJECT_ID", "666486c2d9b948c1bbea57e714d744fa"),
        ("DCS_REGION", "eu-de"),
        ("DCS_AUTH_TOKEN", "token"),
    ];
    let all = minimum
        .iter()
        .chain(variables)
        .map(|&(name, value)| (name.to_owned(), value.into()))
        .collect();
    let environment = Environment {
        variables: all,
        ..Environment::default()
    };
    resolve(&environment, Flags::new(), Problems::default())
        .1
        .map_err(|problems| problems.to_string())
}

#[test]
fn the_defaults_are_the_contract_s() {
    let config = resolve_with(&[]).unwrap();
    let rules = &config.plan.rules;
    assert_eq!(
        rules.condition,
        Condition {
            goal: Goal::Completed,
            max_offset: 0,
            max_missing_keys: Default::default()
        }
    );
    assert_eq!(
        (rules.stable_polls, rules.status_check),
        (1, StatusCheck::Auto)
    );
    let seconds = [
        rules.deadline,
        rules.max_outage,
        rules.pace.initial,
        rules.pace.max,
        rules.request_timeout,
    ];
    assert_eq!(
        seconds.map(|duration| duration.as_secs()),
        [3600, 600, 5, 30, 10]
    );
    assert_eq!((rules.stall_timeout, rules.pace.multiplier), (None, 1.5));
    assert_eq!(
        (config.plan.requests_per_second, config.plan.fail_fast),
        (4.0, true)
    );
    assert_eq!(
        config.connection.dcs.as_str(),
        "https://dcs.eu-de.otc.t-systems.com/"
    );
    assert_eq!(
        resolve_with(&[("DCS_UNTIL", "in-sync")])
            .unwrap()
            .plan
            .rules
            .stable_polls,
        3
    );
}

#[test]
fn bad_value_error_lists_accepted() {
    for (name, value, words) in [
        ("DCS_TIMEOUT", "30", "has no unit"),
        ("DCS_TIMEOUT", "1M", "a month"),
        ("DCS_TIMEOUT", "soon", "90s"),
        ("DCS_TIMEOUT", "0s", "shorter than 1ms"),
        ("DCS_TIMEOUT", "-5s", "no duration"),
        ("DCS_INITIAL_INTERVAL", "500ms", "shorter than 1s"),
        (
            "DCS_MAX_INTERVAL",
            "500ms",
            "shorter than `initial-interval`",
        ),
        ("DCS_MULTIPLIER", "0", "1 to 10"),
        ("DCS_MULTIPLIER", "NaN", "1 to 10"),
        ("DCS_MULTIPLIER", "inf", "1 to 10"),
        ("DCS_MAX_OFFSET", "-1", "from 0 to 9223372036854775807"),
        ("DCS_STABLE_POLLS", "0", "1 to 1000"),
        ("DCS_UNTIL", "done", "`in-sync`"),
        ("DCS_STATUS_CHECK", "maybe", "`require`"),
        ("DCS_FAIL_FAST", "perhaps", "`true`"),
        ("DCS_TASK_ID", "31c6fd2b", "32 hex digits"),
        (
            "DCS_TASK_ID",
            "31c6fd2b28934-30b-90ff-d1adb8060585ab",
            "32 hex digits",
        ),
        ("DCS_PROJECT_ID", "a/../b", "project's id"),
        ("DCS_REGION", "eu-de.evil.example/", "`eu-de`"),
        ("DCS_ENDPOINT", "http://10.0.0.1", "`allow-http`"),
        ("DCS_CA_FILE", "/nowhere/ca.pem", "cannot be read"),
        ("DCS_CA_FILE", "/", "not a file"),
        ("DCS_REPORT", "x.pdf", "`.json`"),
        ("DCS_LOG_FORMAT", "xml", "`json`"),
        ("DCS_LOG_LEVEL", "loud,,=", "`debug`"),
        ("DCS_MAX_REQUESTS_PER_SECOND", "0", "0.01"),
        ("DCS_TIMEOUTS", "5m", "did you mean `DCS_TIMEOUT`?"),
        ("INPUT_TASKIDS", "5m", "did you mean `INPUT_TASK-ID`?"),
    ] {
        let problems = resolve_with(&[(name, value)])
            .err()
            .unwrap_or_else(|| panic!("{name}={value} is accepted"));
        assert!(problems.contains(words), "{name}={value}: {problems}");
    }
}

#[test]
fn outputs_of_earlier_jobs_are_ignored() {
    let outputs: Vec<(String, &str)> = crate::report::OUTPUTS
        .map(|name| {
            (
                format!("DCS_{}", name.to_uppercase().replace('-', "_")),
                "completed",
            )
        })
        .into();
    let outputs: Vec<(&str, &str)> = outputs
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let config = resolve_with(&outputs).unwrap();
    assert!(
        config
            .warnings
            .iter()
            .any(|warning| warning.contains("--until")),
        "{:?}",
        config.warnings
    );
}

#[test]
fn task_ids_split_and_deduplicate() {
    let ids = "31c6fd2b28934 30b90ff";
    assert!(resolve_with(&[("DCS_TASK_ID", ids)]).is_err());
    let a = "31c6fd2b-2893-430b-90ff-d1adb8060585";
    let b = "31C6FD2B2893430B90FFD1ADB8060586";
    let config = resolve_with(&[("DCS_TASK_ID", &format!(" {a},\n{b} ,{a}, "))]).unwrap();
    let ids = |config: Config| match config.plan.tasks {
        Tasks::Named(tasks) => tasks
            .iter()
            .map(|task| task.as_str().to_owned())
            .collect::<Vec<_>>(),
        Tasks::AllRunning => vec!["all-running".to_owned()],
    };
    assert_eq!(ids(config), [a, b]);
    assert_eq!(
        ids(resolve_with(&[("DCS_TASK_ID", "all-running")]).unwrap()),
        ["all-running"]
    );
    assert!(resolve_with(&[("DCS_TASK_ID", &format!("all-running {a}"))]).is_err());
}

#[test]
fn credentials_have_order_halves_are_errors() {
    let kind = |variables: &[(&str, &str)]| {
        let mut all = vec![("DCS_AUTH_TOKEN", "")];
        all.extend(variables);
        resolve_with(&all).map(|config| config.credentials.kind())
    };
    let password = [
        ("OS_USERNAME", "u"),
        ("OS_PASSWORD", "p"),
        ("OS_USER_DOMAIN_NAME", "d"),
    ];
    let oidc = [("DCS_IDP_ID", "i"), ("DCS_ID_TOKEN", "j")];
    let keys = [("OS_ACCESS_KEY", "a"), ("OS_SECRET_KEY", "s")];
    assert_eq!(kind(&password).unwrap(), "user name and password");
    assert_eq!(
        kind(&[&password[..], &oidc].concat()).unwrap(),
        "OIDC token of the job"
    );
    assert_eq!(
        kind(&[&password[..], &oidc, &keys].concat()).unwrap(),
        "access key"
    );
    assert_eq!(
        kind(&[&keys[..], &[("HW_AUTH_TOKEN", "t")]].concat()).unwrap(),
        "token"
    );
    assert!(kind(&[]).unwrap_err().contains("every other credential"));
    assert!(
        kind(&keys[..1])
            .unwrap_err()
            .contains("`secret-key` is missing")
    );
    assert!(
        kind(&keys[1..])
            .unwrap_err()
            .contains("`access-key` is missing")
    );
    assert!(kind(&[&keys[..1], &password].concat()).is_err());
    assert!(
        kind(&password[..2])
            .unwrap_err()
            .contains("`domain-name` is missing")
    );
    assert!(
        kind(&oidc[..1])
            .unwrap_err()
            .contains("`id-token` is missing")
    );
    let on_github = [("GITHUB_ACTIONS", "true"), ("DCS_IDP_ID", "i")];
    assert!(
        kind(&on_github)
            .unwrap_err()
            .contains("`permissions: id-token: write`")
    );
}

#[test]
fn secrets_show_in_no_problem_debug() {
    let environment = Environment {
        variables: [
            ("DCS_PASSWORD", "hunter2"),
            ("DCS_SECRET_KEY", "hunter2"),
            ("DCS_TASK_ID", "x"),
        ]
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into(),
        ..Environment::default()
    };
    let (_, config) = resolve(&environment, Flags::new(), Problems::default());
    assert!(!config.unwrap_err().to_string().contains("hunter2"));
    let config = resolve_with(&[("DCS_AUTH_TOKEN", "hunter2")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn stray_argument_value_is_hidden() {
    for argument in [
        "DCS_AUTH_TOKEN=MYSECRET",
        "--auth-token=MYSECRET",
        "https://user:MYSECRET@host",
        "--x=MYSECRET",
    ] {
        let mut problems = Problems::default();
        cli::parse(&[argument.into()], &mut problems);
        let text = problems.to_string();
        assert!(!text.is_empty() && !text.contains("MYSECRET"), "{text}");
    }
}

#[test]
fn secret_unfit_for_header_is_refused() {
    for (name, value) in [
        ("DCS_AUTH_TOKEN", "MYSEC RET"),
        ("DCS_AUTH_TOKEN", "MYSEC\nRET"),
        ("DCS_AUTH_TOKEN", "MYSECRÉT"),
    ] {
        let error = resolve_with(&[(name, value)]).unwrap_err();
        assert!(
            error.contains("`auth-token`")
                && error.contains("not ASCII")
                && !error.contains("MYSEC"),
            "{error}"
        );
    }
}

#[test]
fn task_id_spellings_are_one_task() {
    let both = "31c6fd2b-2893-430b-90ff-d1adb8060585,31C6FD2B2893430B90FFD1ADB8060585";
    let config = resolve_with(&[("DCS_TASK_ID", both)]).unwrap();
    assert!(matches!(config.plan.tasks, Tasks::Named(tasks) if tasks.len() == 1));
}

#[test]
fn password_keeps_spaces_loses_newline() {
    use secrecy::ExposeSecret;
    let user = [
        ("OS_USERNAME", "u"),
        ("OS_USER_DOMAIN_NAME", "d"),
        ("OS_PASSWORD", " pass word \r\n"),
        ("DCS_AUTH_TOKEN", " "),
    ];
    let config = resolve_with(&user).unwrap();
    assert!(
        matches!(&config.credentials, Credentials::Identity(auth::Identity::Password { password, .. }) if password.expose_secret() == " pass word ")
    );
}

#[test]
fn missing_cloud_matters_only_if_needed() {
    let config = resolve_with(&[
        ("OS_CLOUD", "otc"),
        ("OS_CLIENT_CONFIG_FILE", "/no/such/clouds.yaml"),
    ])
    .unwrap();
    assert!(
        config
            .warnings
            .iter()
            .any(|warning| warning.starts_with("OS_CLOUD"))
    );
    let error = resolve_with(&[("OS_CLOUD", "otc"), ("DCS_AUTH_TOKEN", "")]).unwrap_err();
    assert!(error.contains("`OS_CLOUD`"), "{error}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "prepares a file")]
fn own_inputs_win_over_clouds_yaml() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clouds.yaml");
    std::fs::write(
        &path,
        "clouds:\n  otc:\n    auth:\n      ak: AK\n      sk: from-the-file\n      security_token: another\n",
    )
    .unwrap();
    let file = [
        ("OS_CLOUD", "otc"),
        ("OS_CLIENT_CONFIG_FILE", path.to_str().unwrap()),
        ("DCS_AUTH_TOKEN", ""),
    ];
    assert!(matches!(
        resolve_with(&file).unwrap().credentials,
        Credentials::AccessKey(AccessKey {
            security_token: Some(_),
            ..
        })
    ));
    let keys = [("DCS_ACCESS_KEY", "ak"), ("DCS_SECRET_KEY", "sk")];
    let config = resolve_with(&[&file[..], &keys].concat()).unwrap();
    assert!(matches!(
        config.credentials,
        Credentials::AccessKey(AccessKey {
            security_token: None,
            ..
        })
    ));
}

#[test]
fn every_default_is_readable() {
    // Resolving reads each default as it reads a user's value, and panics where it cannot.
    for goal in ["completed", "in-sync", "full-sync", "switched"] {
        assert!(resolve_with(&[("DCS_UNTIL", goal)]).is_ok());
    }
    assert!(
        INPUTS
            .iter()
            .all(|input| !input.default_value().contains('('))
    );
}
