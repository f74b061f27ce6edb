//! What each input accepts.

use super::*;

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
