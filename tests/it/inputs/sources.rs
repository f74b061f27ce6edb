//! Where a value comes from.

use super::*;

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
        (
            "domain-name",
            &["OS_USER_DOMAIN_NAME", "OS_DOMAIN_NAME", "HW_DOMAIN_NAME"],
        ),
        (
            "domain-id",
            &["OS_USER_DOMAIN_ID", "OS_DOMAIN_ID", "HW_DOMAIN_ID"],
        ),
        ("user-id", &["OS_USER_ID"]),
        ("passcode", &["OS_PASSCODE"]),
        (
            "project-name",
            &["OS_PROJECT_NAME", "OS_TENANT_NAME", "HW_PROJECT_NAME"],
        ),
        ("cloud-domain", &["HW_CLOUD"]),
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
