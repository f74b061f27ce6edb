//! Proxies.

use super::*;

// ------------------------------------------------------------------------------------------------------------ proxies

/// A wait on a cloud that only a proxy can reach.
fn behind_proxy(proxy: &FakeCloud) -> Sandbox {
    Sandbox::waiting_on(proxy)
        .sets(&[
            ("DCS_ENDPOINT", "http://dcs.behind.invalid:8080"),
            ("DCS_ALLOW_HTTP", "true"),
            ("DCS_MAX_OUTAGE", "1s"),
        ])
        .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
}

#[test]
fn proxy_of_environment_is_used() {
    for name in ["HTTP_PROXY", "http_proxy"] {
        let proxy = FakeCloud::start()
            .stats([done()])
            .detail([status("TERMINATED")]);
        behind_proxy(&proxy)
            .set(name, &proxy.url())
            .run()
            .ended("completed", 0);
        let target =
            format!("http://dcs.behind.invalid:8080/v2/{PROJECT}/migration-task/{TASK}/stats");
        assert_eq!(proxy.requests()[0].target, target);
    }
}

#[test]
fn no_proxy_is_honoured() {
    let proxy = FakeCloud::start().stats([refusal(403, "DCS.2003")]);
    let cloud = FakeCloud::start()
        .stats([done()])
        .detail([status("TERMINATED")]);
    let run = |no_proxy: &str| -> Run {
        Sandbox::waiting_on(&cloud)
            .set("HTTP_PROXY", &proxy.url())
            .set("NO_PROXY", no_proxy)
            .run()
    };
    run("127.0.0.1").ended("completed", 0);
    run("dcs.example.com,127.0.0.0/8").ended("completed", 0);
    assert_eq!(proxy.requests().len(), 0);
    run("dcs.example.com").ended("denied", 5);
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn https_tunnels_through_the_proxy() {
    let proxy = FakeCloud::start();
    let run = Sandbox::waiting_on(&proxy)
        .sets(&[
            ("DCS_ENDPOINT", "https://dcs.behind.invalid"),
            ("DCS_MAX_OUTAGE", "1s"),
            ("HTTPS_PROXY", &proxy.url()),
        ])
        .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
        .run();
    assert_ne!(run.code, 0);
    run.holds_together();
    let requests = proxy.requests();
    assert_eq!(
        (requests[0].method.as_str(), requests[0].target.as_str()),
        ("CONNECT", "dcs.behind.invalid:443")
    );
    // The proxy does not get to see the token.
    assert_eq!(requests[0].header("x-auth-token"), None);
}

#[test]
fn wrong_proxy_is_outage_without_password() {
    let cloud = FakeCloud::start();
    let rows = [
        ("HTTP_PROXY", "http://dcs.behind.invalid"),
        ("HTTPS_PROXY", "https://dcs.behind.invalid"),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |&(name, endpoint)| {
            let run = behind_proxy(&cloud)
                .set("DCS_ENDPOINT", endpoint)
                .set("DCS_LOG_LEVEL", "trace")
                .hide("ProxyPassword7")
                .set(name, "http://user:ProxyPassword7@127.0.0.1:1")
                .run();
            run.ended("unreachable", 6);
        },
    );
}
