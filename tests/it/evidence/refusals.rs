//! Refusals, TLS and proxies that no retry helps against.

use super::*;

// ------------------------------------------------------------------------------------ refusals after readings

/// Refusals that end at once from the start, and what they end with after a reading.
const REFUSALS: &[(u16, &str, &str, i32, &str, i32)] = &[
    (403, "DCS.2003", "denied", 5, "denied", 5),
    (403, "APIGW.0302", "denied", 5, "denied", 5),
    (404, "APIGW.0101", "invalid-input", 2, "unreachable", 6),
    (404, "DCS.3022", "invalid-input", 2, "unreachable", 6),
    (405, "DCS.5001", "invalid-input", 2, "unreachable", 6),
    (400, "DCS.4133", "invalid-input", 2, "failed", 3),
];

#[test]
fn third_403_after_a_reading_ends() {
    each(
        REFUSALS,
        |row| format!("{row:?}"),
        |&(http, code, at_start, start_code, later, later_code)| {
            let no = || (refusal(http, code), status("INCRMIGEATING"));
            let seen = || (behind(), status("INCRMIGEATING"));
            let good = || (done(), status("TERMINATED"));
            let run = |life: Vec<Moment>| {
                let cloud = FakeCloud::start().life(life);
                let run = Sandbox::waiting_on(&cloud).run();
                (run, cloud.count(Kind::Stats))
            };
            // From the start.
            let (first, asked) = run(vec![no(), no(), no(), good()]);
            first.ended(at_start, start_code).says(&[code]);
            assert_eq!(asked, if code == "DCS.4133" { 3 } else { 1 });
            // After a reading.
            for n_seen in [1, 3] {
                let seen = || vec![seen(); n_seen];
                let (third, asked) = run([seen(), vec![no(), no(), no(), good()]].concat());
                third.ended(later, later_code);
                assert_eq!(asked, n_seen + 3, "{}", third.transcript());
                for two in [vec![no()], vec![no(), no()]] {
                    let (healed, _) = run([seen(), two, vec![good()]].concat());
                    healed.ended("completed", 0);
                }
                // A reading in between: no three in a row.
                let (healed, _) =
                    run([seen(), vec![no(), no()], seen(), vec![no(), no(), good()]].concat());
                healed.ended("completed", 0);
            }
        },
    );
}

#[test]
fn first_403_without_readings_ends() {
    // The first task has readings, the second one none: what it is refused from the start ends the wait at once.
    let cloud = FakeCloud::start()
        .stats_of(TASK, [behind()])
        .stats_of(OTHER_TASK, [refusal(403, "DCS.2003").late(300)])
        .detail([status("INCRMIGEATING")]);
    let run = two(&cloud).set("DCS_UNTIL", "completed").run();
    run.ended("denied", 5);
    let of_other = cloud
        .requests()
        .iter()
        .filter(|r| r.target.contains(OTHER_TASK) && r.kind == Kind::Stats)
        .count();
    assert_eq!(of_other, 1);
}

// -------------------------------------------------------------------------------------- what cannot heal by itself

/// A server that answers the first message of TLS with a fatal alert. Counts connections.
fn alerting(alert: u8) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let connections = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            connections.fetch_add(1, Ordering::Relaxed);
            let mut hello = [0; 1 << 14];
            let _ = stream.read(&mut hello);
            let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, alert]);
            let _ = stream.shutdown(Shutdown::Write);
            // Until the client has gone.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    (port, count)
}

#[test]
fn tls_without_common_cipher_ends() {
    let rows = [
        ("no common version", 70),
        ("no common cipher", 40),
        ("a cipher that is too weak", 71),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |&(_, alert)| {
            let (port, connections) = alerting(alert);
            let cloud = FakeCloud::start();
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_ENDPOINT", format!("https://127.0.0.1:{port}").as_str()),
                    ("DCS_MAX_OUTAGE", "2s"),
                ])
                .run();
            run.ended("invalid-input", 2).says(&["endpoint"]);
            assert_eq!(connections.load(Ordering::Relaxed), 1);

            let (port, connections) = alerting(alert);
            let run = with_password(&cloud)
                .sets(&[
                    (
                        "DCS_IAM_ENDPOINT",
                        format!("https://127.0.0.1:{port}").as_str(),
                    ),
                    ("DCS_MAX_OUTAGE", "2s"),
                ])
                .run();
            run.ended("invalid-input", 2).says(&["iam-endpoint"]);
            assert_eq!(connections.load(Ordering::Relaxed), 1);
        },
    );
}

const PROXY_PASSWORD: &str = "ProxyPassword7";

#[test]
fn proxy_refusing_the_credential_ends() {
    let wants = Answer::Raw(
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n".to_vec(),
    );
    let (tunnelled, plain_http) = ("https://dcs.behind.invalid", "http://dcs.behind.invalid");
    let rows = [
        ("HTTPS_PROXY", tunnelled, ""),
        ("HTTPS_PROXY", tunnelled, "user:ProxyPassword7@"),
        ("https_proxy", tunnelled, "user:ProxyPassword7@"),
        ("ALL_PROXY", tunnelled, "user:ProxyPassword7@"),
        ("HTTP_PROXY", plain_http, ""),
        ("HTTP_PROXY", plain_http, "user:ProxyPassword7@"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(name, endpoint, credential)| {
            let proxy = FakeCloud::start()
                .stats([wants.clone()])
                .detail([wants.clone()])
                .on("CONNECT", "dcs.behind.invalid:443", [wants.clone()]);
            let run = Sandbox::waiting_on(&proxy)
                .sets(&[
                    ("DCS_ENDPOINT", endpoint),
                    ("DCS_ALLOW_HTTP", "true"),
                    ("DCS_MAX_OUTAGE", "2s"),
                ])
                .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
                .set(
                    name,
                    &format!("http://{credential}127.0.0.1:{}", proxy.port()),
                )
                .hide(PROXY_PASSWORD)
                .run();
            run.ended("invalid-input", 2);
            assert!(
                run.reason().to_lowercase().contains(&name.to_lowercase()),
                "{}",
                run.reason()
            );
            // A reading and its status may leave together.
            assert!(
                proxy.requests().len() <= 2,
                "{} requests",
                proxy.requests().len()
            );
        },
    );
}

#[test]
fn unusable_proxy_url_ends() {
    let rows = [
        (
            "HTTPS_PROXY",
            "https://dcs.behind.invalid",
            "ftp://user:ProxyPassword7@127.0.0.1:1",
        ),
        (
            "HTTPS_PROXY",
            "https://dcs.behind.invalid",
            "http://user:ProxyPassword7@127.0.0.1:99999",
        ),
        ("HTTPS_PROXY", "https://dcs.behind.invalid", "http://"),
        ("HTTP_PROXY", "http://dcs.behind.invalid", "http://[::1"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(name, endpoint, url)| {
            let cloud = FakeCloud::start();
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_ENDPOINT", endpoint),
                    ("DCS_ALLOW_HTTP", "true"),
                    ("DCS_MAX_OUTAGE", "2s"),
                ])
                .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
                .set(name, url)
                .hide(PROXY_PASSWORD)
                .run();
            run.ended("invalid-input", 2).says(&[name]);
        },
    );
}

// ------------------------------------------------------------------------------------------------- who gets a token

#[test]
fn bearer_never_goes_over_http() {
    let cloud = || {
        FakeCloud::start()
            .stats([done()])
            .detail([status("TERMINATED")])
            .on(
                "GET",
                "/oidc",
                [json_reply(200, r#"{"value":"JobTokenOne"}"#)],
            )
            .on("POST", EXCHANGE, [issued("IssuedToken1")])
    };
    let asking = |cloud: &FakeCloud, host: &str| {
        with_oidc(cloud)
            .unset("DCS_ID_TOKEN")
            .on_github()
            .set(
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                &format!("http://{host}/oidc?api-version=2.0"),
            )
            .secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "RequestTokenOfTheJob")
            // What would leave the machine can be seen here.
            .sets(&[
                ("HTTP_PROXY", cloud.url().as_str()),
                ("NO_PROXY", "127.0.0.1,0.0.0.0"),
            ])
            .set("DCS_MAX_OUTAGE", "3s")
    };
    let hosts = [
        "token.example.invalid",
        "localhost.example.invalid",
        "127.0.0.1.example.invalid",
        "0.0.0.0",
    ];
    each(
        &hosts,
        |host| (*host).to_owned(),
        |host| {
            let cloud = cloud();
            let host = if *host == "0.0.0.0" {
                format!("0.0.0.0:{}", cloud.port())
            } else {
                (*host).to_owned()
            };
            let run = asking(&cloud, &host).run();
            assert!([2, 5].contains(&run.code), "{}", run.transcript());
            run.holds_together();
            assert_eq!(cloud.requests().len(), 0, "{:?}", cloud.requests());
        },
    );
    // To this machine it may go, and anywhere where the user allows it.
    let here = cloud();
    asking(&here, &format!("127.0.0.1:{}", here.port()))
        .run()
        .ended("completed", 0);
    let allowed = cloud();
    asking(&allowed, "token.example.invalid")
        .set("DCS_ALLOW_HTTP", "true")
        .run()
        .ended("completed", 0);
}
