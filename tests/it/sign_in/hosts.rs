//! Which hosts are asked: seen by a proxy that lets nothing through.

use super::*;

/// The hosts that a wait asks for, in order, each once; and the run.
fn hosts(variables: &[(&str, &str)]) -> (Vec<String>, Run) {
    let proxy = FakeCloud::start();
    let run = Sandbox::waiting_on(&proxy)
        .unset("DCS_ENDPOINT")
        .unset("DCS_REGION")
        .set("HTTPS_PROXY", &proxy.url())
        .sets(&[
            ("DCS_TIMEOUT", "500ms"),
            ("DCS_INITIAL_INTERVAL", "1s"),
            ("DCS_MAX_INTERVAL", "1s"),
        ])
        .sets(variables)
        .run();
    let mut hosts: Vec<String> = Vec::new();
    for request in proxy.requests() {
        assert_eq!(request.method, "CONNECT");
        if !hosts.contains(&request.target) {
            hosts.push(request.target);
        }
    }
    (hosts, run)
}

const USER: [(&str, &str); 4] = [
    ("DCS_AUTH_TOKEN", ""),
    ("DCS_USERNAME", "ci"),
    ("DCS_PASSWORD", "pw-of-nobody"),
    ("DCS_DOMAIN_NAME", "OTC1"),
];

#[test]
fn credentials_go_to_named_hosts_only() {
    type Row = (&'static [(&'static str, &'static str)], bool, &'static str);
    let rows: [Row; 8] = [
        (
            &[("DCS_REGION", "eu-de")],
            false,
            "dcs.eu-de.otc.t-systems.com:443",
        ),
        (
            &[("DCS_REGION", "eu-ch2")],
            true,
            "iam-pub.eu-ch2.sc.otc.t-systems.com:443",
        ),
        (
            &[("DCS_REGION", "cn-north-4")],
            true,
            "iam.cn-north-4.myhuaweicloud.com:443",
        ),
        (
            &[("DCS_REGION", "r1"), ("HW_CLOUD", "cloud.example.com")],
            true,
            "iam.r1.cloud.example.com:443",
        ),
        (
            &[("OS_AUTH_URL", "https://iam.cloud.example.com/v3")],
            false,
            "dcs.cloud.example.com:443",
        ),
        (
            &[("DCS_ENDPOINT", "https://dcs.cloud.example.com")],
            true,
            "iam.cloud.example.com:443",
        ),
        (
            &[("DCS_PROJECT_NAME", "eu-nl_shop"), ("DCS_PROJECT_ID", "")],
            true,
            "iam.eu-nl.otc.t-systems.com:443",
        ),
        (
            &[
                ("DCS_REGION", "r1"),
                (
                    "HUAWEICLOUD_SDK_REGION_DCS_R1",
                    "https://dcs.r1.example.com",
                ),
            ],
            false,
            "dcs.r1.example.com:443",
        ),
    ];
    each(
        &rows,
        |row| format!("{:?}", row.0),
        |(variables, by_password, host)| {
            let user = if *by_password { USER.as_slice() } else { &[] };
            let (hosts, run) = hosts(&[user, variables].concat());
            assert_eq!(hosts, [*host], "{}", run.transcript());
        },
    );
}

#[test]
fn unknown_place_is_asked_for() {
    type Row = (
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
    );
    let rows: [Row; 5] = [
        (
            &[("DCS_REGION", "eu-de-01")],
            &["`region`", "did you mean `eu-de`?", "`cloud-domain`"],
        ),
        (&[("DCS_REGION", "eu-dee")], &["did you mean `eu-de`?"]),
        (
            &[
                ("DCS_REGION", "eu-de"),
                ("OS_AUTH_URL", "https://keystone.example.com/v3"),
            ],
            &["`endpoint`", "keystone.example.com"],
        ),
        (
            &[
                ("DCS_REGION", "eu-de"),
                ("OS_AUTH_URL", "https://iam.other.example.com/v3"),
            ],
            &["`endpoint`", "iam.other.example.com"],
        ),
        (
            &[("HW_CLOUD", "cloud.example.com")],
            &["`region`", "`cloud-domain`"],
        ),
    ];
    each(
        &rows,
        |row| format!("{:?}", row.0),
        |(variables, words)| {
            let (hosts, run) = hosts(variables);
            run.ended("invalid-input", 2).says(words);
            assert_eq!(hosts, [""; 0]);
        },
    );
}

#[test]
fn derived_hosts_are_in_the_log() {
    let (_, run) = hosts(&[USER.as_slice(), &[("DCS_REGION", "eu-de")]].concat());
    let log = run.log();
    for words in [
        "at dcs.eu-de.otc.t-systems.com (of the region eu-de)",
        "IAM at iam.eu-de.otc.t-systems.com (of the region eu-de)",
    ] {
        assert!(log.contains(words), "{log}");
    }
}

#[test]
fn proxies_are_read_in_either_case() {
    let proxy = FakeCloud::start();
    let run = |variables: &[(&str, &str)]| {
        Sandbox::waiting_on(&proxy)
            .set("DCS_ENDPOINT", "https://dcs.example.invalid")
            .sets(&[
                ("DCS_TIMEOUT", "400ms"),
                ("DCS_INITIAL_INTERVAL", "1s"),
                ("DCS_MAX_INTERVAL", "1s"),
            ])
            .sets(variables)
            .run()
    };
    run(&[("HTTPS_PROXY", ""), ("https_proxy", &proxy.url())]).ended("timeout", 124);
    assert!(
        !proxy.requests().is_empty(),
        "an empty variable hides the other"
    );
    let count = proxy.requests().len();
    for no_proxy in [
        "*.example.invalid",
        ".invalid",
        "10.0.0.0/8 example.invalid",
        "*",
    ] {
        run(&[("https_proxy", &proxy.url()), ("NO_PROXY", no_proxy)]);
        assert_eq!(proxy.requests().len(), count, "{no_proxy}");
    }
    for (url, words) in [
        ("ftp://127.0.0.1:9", "scheme"),
        ("http://user:p#ss@127.0.0.1:9", "percent-encoded"),
        ("http://user:p@ss@127.0.0.1:9", "percent-encoded"),
    ] {
        run(&[("https_proxy", url)])
            .ended("invalid-input", 2)
            .says(&["`https_proxy`", words]);
    }
    run(&[("https_proxy", "socks5h://127.0.0.1:9")]).ended("timeout", 124);
    assert_eq!(proxy.requests().len(), count);
}
