//! Proxies.

use super::*;

// --------------------------------------------------------------------------------------------------------- proxies

#[test]
fn proxy_refusing_tunnel_is_named() {
    let rows = vec![
        (
            "forbids",
            raw("403 Forbidden\r\nContent-Length: 0", ""),
            "`HTTPS_PROXY`: it refuses",
        ),
        (
            "has no way",
            raw("502 Bad Gateway\r\nContent-Length: 0", ""),
            "`HTTPS_PROXY`: it refuses",
        ),
        (
            "talks nonsense",
            Answer::Raw(b"no HTTP at all\r\n\r\n".to_vec()),
            "`HTTPS_PROXY`",
        ),
        ("says nothing", Answer::Hang, "`request-timeout`"),
        ("hangs up", Answer::Reset, ""),
        (
            "connects to nothing",
            raw("200 Connection established", ""),
            "",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, answer, words)| {
            let proxy =
                FakeCloud::start().on("CONNECT", "dcs.behind.invalid:443", [answer.clone()]);
            let run = Sandbox::waiting_on(&proxy)
                .sets(&[
                    ("DCS_ENDPOINT", "https://dcs.behind.invalid"),
                    ("HTTPS_PROXY", &proxy.url()),
                ])
                .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
                .sets(&[
                    ("DCS_REQUEST_TIMEOUT", "500ms"),
                    ("DCS_MAX_OUTAGE", "1500ms"),
                ])
                .run();
            assert_ne!(run.code, 0);
            run.ended("unreachable", 6)
                .says(&["dcs.behind.invalid", words]);
            assert!(
                proxy
                    .requests()
                    .iter()
                    .all(|request| request.method == "CONNECT")
            );
        },
    );
}

#[test]
fn proxy_wanting_credentials_is_asked_once() {
    let wants = raw("407 Proxy Authentication Required\r\nContent-Length: 0", "");
    let proxy = FakeCloud::start().on("CONNECT", "dcs.behind.invalid:443", [wants]);
    let run = Sandbox::waiting_on(&proxy)
        .sets(&[
            ("DCS_ENDPOINT", "https://dcs.behind.invalid"),
            ("HTTPS_PROXY", &proxy.url()),
        ])
        .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
        .run();
    run.ended("invalid-input", 2)
        .says(&["the proxy of `HTTPS_PROXY`: it asks for credentials"]);
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn missing_proxy_differs_from_missing_cloud() {
    let cloud = FakeCloud::start();
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_ENDPOINT", "https://dcs.behind.invalid"),
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ])
        .sets(&[
            ("DCS_INITIAL_INTERVAL", "1s"),
            ("DCS_MAX_INTERVAL", "1s"),
            ("DCS_MAX_OUTAGE", "1s"),
        ])
        .run();
    run.ended("unreachable", 6).says(&[
        "the proxy of `HTTPS_PROXY`: connection refused",
        "`NO_PROXY`",
    ]);
}
