//! Faults of the network and of what answers on it, over real sockets: the end that the contract asks for, in words that
//! help, and never "ready".

use crate::errors::{LOGIN, with_password};
use crate::support::{Answer, FakeCloud, Kind, Sandbox, TOKEN, each, json_reply, refusal, status};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What says ready, if anything does.
const GOOD: &str = r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#;

fn done() -> Answer {
    json_reply(200, GOOD)
}

/// A cloud whose task is done, once the stats can be read.
fn then_done(answers: Vec<Answer>) -> FakeCloud {
    FakeCloud::start()
        .stats(answers.into_iter().chain([done()]))
        .detail([status("TERMINATED")])
}

fn raw(head: &str, body: impl AsRef<[u8]>) -> Answer {
    Answer::Raw([format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), body.as_ref()].concat())
}

fn body(bytes: impl AsRef<[u8]>) -> Answer {
    raw(
        &format!("200 OK\r\nContent-Length: {}", bytes.as_ref().len()),
        bytes,
    )
}

fn pieces(start: &str, piece: impl Into<Vec<u8>>, count: usize, pause: u64) -> Answer {
    Answer::Pieces {
        start: start.as_bytes().to_vec(),
        piece: piece.into(),
        count,
        pause,
    }
}

// -------------------------------------------------------------------------------------------------- broken answers

/// Answers that are none, and words that have to be said about each.
fn broken_answers() -> Vec<(&'static str, Answer, &'static str)> {
    let ok = "HTTP/1.1 200 OK\r\n";
    let length = GOOD.len();
    let mut with_mark = b"\xef\xbb\xbf".to_vec();
    with_mark.extend_from_slice(GOOD.as_bytes());
    let utf16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let reset_after = |text: String| Answer::ResetAfter(text.into_bytes());
    vec![
        // The connection.
        (
            "reset in the head",
            reset_after(format!("{ok}Content-Le")),
            "reset",
        ),
        (
            "reset after the head",
            reset_after(format!("{ok}Content-Length: {length}\r\n\r\n")),
            "connection",
        ),
        (
            "reset in the body",
            reset_after(format!("{ok}Content-Length: {length}\r\n\r\n{{\"is_mig")),
            "connection",
        ),
        // The frame.
        (
            "a length that is too short",
            raw(&format!("200 OK\r\nContent-Length: {}", length - 1), GOOD),
            "JSON",
        ),
        (
            "a length that is too long",
            raw(&format!("200 OK\r\nContent-Length: {}", length + 1), GOOD),
            "connection",
        ),
        (
            "two lengths",
            raw(
                &format!("200 OK\r\nContent-Length: {length}\r\nContent-Length: 3"),
                GOOD,
            ),
            "",
        ),
        (
            "a length that is none",
            raw("200 OK\r\nContent-Length: -1", GOOD),
            "",
        ),
        (
            "a length beyond all numbers",
            raw("200 OK\r\nContent-Length: 99999999999999999999999", GOOD),
            "",
        ),
        (
            "a chunk that is none",
            raw(
                "200 OK\r\nTransfer-Encoding: chunked",
                "zz\r\n{}\r\n0\r\n\r\n",
            ),
            "",
        ),
        (
            "an end before the last chunk",
            raw("200 OK\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n"),
            "",
        ),
        (
            "a head without end",
            pieces(ok, "X-Words: about nothing\r\n", usize::MAX, 0),
            "",
        ),
        (
            "a header without end",
            pieces(
                "HTTP/1.1 200 OK\r\nX-Words: ",
                "x".repeat(4096),
                usize::MAX,
                0,
            ),
            "",
        ),
        (
            "a head that drips",
            pieces(ok, "x", usize::MAX, 50),
            "`request-timeout`",
        ),
        (
            "nothing but interim answers",
            pieces("", "HTTP/1.1 100 Continue\r\n\r\n", usize::MAX, 5),
            "",
        ),
        (
            "a body of 30 MB",
            pieces("HTTP/1.1 200 OK\r\n\r\n", " ".repeat(1 << 16), 480, 0),
            "1 MiB",
        ),
        (
            "a body of 30 MB, as it says",
            pieces(
                "HTTP/1.1 200 OK\r\nContent-Length: 31457280\r\n\r\n",
                " ".repeat(1 << 16),
                480,
                0,
            ),
            "1 MiB",
        ),
        (
            "another encoding",
            raw("200 OK\r\nContent-Encoding: gzip", b"\x1f\x8b\x08\x00\x00"),
            "JSON",
        ),
        // The text.
        ("a mark at the beginning", body(with_mark), "JSON"),
        ("another set of characters", body(utf16), "JSON"),
        (
            "no UTF-8",
            body(b"{\"is_migrating\":\"fals\xff\",\"offset\":0,\"full_migration_progress\":100}"),
            "JSON",
        ),
        ("two objects", body(format!("{GOOD}{GOOD}")), "JSON"),
        ("something behind it", body(format!("{GOOD}]")), "JSON"),
        ("a comment", body(format!("// all is well\n{GOOD}")), "JSON"),
        // The values.
        (
            "twice the same",
            body(r#"{"is_migrating":true,"is_migrating":false,"offset":0}"#),
            "`is_migrating` is there twice",
        ),
        (
            "not a number",
            body(r#"{"is_migrating":false,"offset":NaN}"#),
            "JSON",
        ),
        (
            "not a number, as text",
            body(r#"{"is_migrating":false,"offset":"NaN"}"#),
            "offset",
        ),
        (
            "no end of it",
            body(r#"{"is_migrating":false,"offset":Infinity}"#),
            "JSON",
        ),
        (
            "beyond all floats",
            body(r#"{"is_migrating":false,"full_migration_progress":1e400,"offset":0}"#),
            "`1e400`, not a percentage",
        ),
        (
            "beyond all floats, as text",
            body(r#"{"is_migrating":false,"full_migration_progress":"1e400","offset":0}"#),
            "full_migration_progress",
        ),
        (
            "beyond 64 bits",
            body(r#"{"is_migrating":false,"offset":18446744073709551616}"#),
            "offset",
        ),
        (
            "a thousand digits",
            body(format!(
                r#"{{"is_migrating":false,"offset":{}}}"#,
                "0".repeat(1000)
            )),
            "",
        ),
        (
            "nothing to the power of much",
            body(r#"{"is_migrating":false,"offset":0e99999}"#),
            "offset",
        ),
        ("deep", body("[".repeat(100_000)), "JSON"),
        (
            "a deep value",
            body(format!(
                r#"{{"offset":{}{}}}"#,
                "[".repeat(50_000),
                "]".repeat(50_000)
            )),
            "`offset`",
        ),
        (
            "an object for a number",
            body(r#"{"is_migrating":false,"offset":{"value":0}}"#),
            "offset",
        ),
        (
            "a number for a truth",
            body(r#"{"is_migrating":0,"offset":0}"#),
            "is_migrating",
        ),
    ]
}

#[test]
fn broken_response_fails_the_poll() {
    each(
        &broken_answers(),
        |row| row.0.to_owned(),
        |(_, answer, words)| {
            let cloud = FakeCloud::start()
                .stats([answer.clone()])
                .detail([status("TERMINATED")]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_REQUEST_TIMEOUT", "500ms"),
                    ("DCS_MAX_OUTAGE", "1500ms"),
                ])
                .run();
            run.ended("unreachable", 6).says(&[words, "`max-outage`"]);
            assert!(cloud.count(Kind::Stats) >= 2);
            // Some of it fits into the buffers of the sockets.
            assert!(cloud.sent() < 20 << 20, "{} bytes went out", cloud.sent());
        },
    );
}

#[test]
fn response_after_broken_one_counts() {
    each(
        &broken_answers(),
        |row| row.0.to_owned(),
        |(_, answer, _)| {
            let cloud = then_done(vec![answer.clone()]);
            // Only an answer that never ends is to be given up, not a good one on a slow machine.
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_REQUEST_TIMEOUT", "10s"),
                    ("DCS_MAX_OUTAGE", "1m"),
                    ("DCS_TIMEOUT", "1m"),
                ])
                .run();
            run.ended("completed", 0);
            assert_eq!((run.output("polls"), cloud.count(Kind::Stats)), ("2", 2));
        },
    );
}

#[test]
fn odd_but_valid_response_is_read() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let rows = vec![
        (
            "HTTP/1.0",
            Answer::Raw(format!("HTTP/1.0 200 OK\r\n\r\n{GOOD}").into_bytes()),
        ),
        ("no length", raw("200 OK", GOOD)),
        ("chunks of a byte", {
            let chunks: String = GOOD.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
            raw(
                "200 OK\r\nTransfer-Encoding: chunked",
                format!("{chunks}0\r\n\r\n"),
            )
        }),
        ("a byte now and then", {
            let (start, rest) = GOOD.split_at(GOOD.len() - 1);
            pieces(&format!("HTTP/1.1 200 OK\r\n\r\n{start}"), rest, 1, 50)
        }),
        (
            "an interim answer before",
            Answer::Raw(
                format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{GOOD}").into_bytes(),
            ),
        ),
        (
            "numbers as text",
            body(r#"{"is_migrating":"false","full_migration_progress":" 100.0 %","offset":" 0 "}"#),
        ),
        (
            "deep in a field that is not read",
            body(GOOD.replace('{', &format!(r#"{{"more":{deep},"#))),
        ),
        (
            "no UTF-8 in a field that is not read",
            body([b"{\"more\":\"\xff\",", &GOOD.as_bytes()[1..]].concat()),
        ),
        (
            "a huge number in a field that is not read",
            body(GOOD.replace('{', r#"{"more":1e400,"#)),
        ),
        (
            "a field that is not read twice",
            body(GOOD.replace('{', r#"{"more":1,"more":2,"#)),
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, answer)| {
            let cloud = FakeCloud::start()
                .stats([answer.clone()])
                .detail([status("TERMINATED")]);
            // On a slow machine, too, one poll is enough.
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_REQUEST_TIMEOUT", "30s"),
                    ("DCS_MAX_OUTAGE", "1m"),
                    ("DCS_TIMEOUT", "1m"),
                ])
                .run();
            run.ended("completed", 0);
            assert_eq!(run.output("polls"), "1");
        },
    );
}

#[test]
fn endless_response_delays_nothing() {
    let endless = || {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
        FakeCloud::start().stats([pieces("", interim, usize::MAX, 0)])
    };
    let cloud = endless();
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_REQUEST_TIMEOUT", "500ms"),
            ("DCS_MAX_OUTAGE", "1s"),
            ("DCS_TIMEOUT", "30s"),
        ])
        .run();
    run.ended("unreachable", 6).says(&["`max-outage`"]);

    let cloud = endless();
    let running = Sandbox::waiting_on(&cloud)
        .set("DCS_TIMEOUT", "30s")
        .start();
    cloud.until_requests(1);
    running.signal("TERM");
    // Not the short answer of the watchdog.
    let run = running.end();
    run.ended("cancelled", 143);
    assert_eq!(
        run.tasks().as_array().map(Vec::len),
        Some(1),
        "{}",
        run.transcript()
    );
}

// ----------------------------------------------------------------------------------------------------- connections

#[test]
fn ipv6_address_is_enough() {
    let here = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let Ok(cloud) = FakeCloud::start_at(here, None) else {
        println!("SKIPPED: this machine has no IPv6");
        return;
    };
    let cloud = cloud.stats([done()]).detail([status("TERMINATED")]);
    Sandbox::waiting_on(&cloud).run().ended("completed", 0);
    assert_eq!(
        cloud.requests()[0].header("host"),
        Some(format!("[::1]:{}", cloud.port()).as_str())
    );
    // A name with addresses of both versions, where only one of them answers.
    if ("localhost", 0)
        .to_socket_addrs()
        .unwrap()
        .any(|address| address.is_ipv6())
    {
        let named = Sandbox::waiting_on(&cloud).set(
            "DCS_ENDPOINT",
            &format!("http://localhost:{}", cloud.port()),
        );
        named.run().ended("completed", 0);
    }
}

/// A server of stats that keeps connections, and closes each after an answer: at once, or when the next request comes.
/// Its task is done after so many answers. Counts requests and connections.
fn closing(at_next_request: bool, n_answers: usize) -> (u16, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (requests, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&requests), Arc::clone(&connections));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            counts.1.fetch_add(1, Ordering::Relaxed);
            let requests = Arc::clone(&counts.0);
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    head.push(byte[0]);
                }
                let n = requests.fetch_add(1, Ordering::Relaxed);
                let copying = r#"{"is_migrating":true,"full_migration_progress":100,"offset":5}"#;
                let text = if n < n_answers { copying } else { GOOD };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len()
                );
                let _ = stream.write_all(answer.as_bytes());
                if at_next_request {
                    let _ = stream.read(&mut byte);
                }
            });
        }
    });
    (port, requests, connections)
}

#[test]
fn idle_close_costs_no_poll() {
    const ANSWERS: usize = 12;
    let run = |at_next_request| {
        let (port, requests, connections) = closing(at_next_request, ANSWERS);
        let cloud = FakeCloud::start();
        let run = Sandbox::waiting_on(&cloud)
            .set("DCS_ENDPOINT", &format!("http://127.0.0.1:{port}"))
            // With the status, a second request would follow while the server is closing.
            .sets(&[
                ("DCS_INITIAL_INTERVAL", "100ms"),
                ("DCS_STATUS_CHECK", "off"),
            ])
            .run();
        run.ended("completed", 0);
        (
            run,
            requests.load(Ordering::Relaxed),
            connections.load(Ordering::Relaxed),
        )
    };
    let (idle, requests, connections) = run(false);
    assert_eq!(
        (idle.output("polls").parse(), requests, connections),
        (Ok(ANSWERS + 1), ANSWERS + 1, ANSWERS + 1)
    );
    assert!(
        !idle.log().contains("request failed"),
        "{}",
        idle.transcript()
    );
    // A server that goes when the next request has come may have taken it: that was the poll's one request, and it
    // failed.
    let (raced, requests, _) = run(true);
    assert_eq!(requests, ANSWERS + 1);
    assert!(
        raced.output("polls").parse::<usize>().unwrap() > requests,
        "{}",
        raced.transcript()
    );
}

#[test]
fn redirect_never_forwards_the_password() {
    for http in [301, 302, 303, 307, 308] {
        let elsewhere = FakeCloud::start();
        let location = format!("{}{LOGIN}", elsewhere.url());
        let cloud = FakeCloud::start().on(
            "POST",
            LOGIN,
            [json_reply(http, "").with("Location", &location)],
        );
        let run = with_password(&cloud).run();
        run.ended("invalid-input", 2).says(&[
            &http.to_string(),
            "redirects are not followed",
            &location,
        ]);
        assert_eq!(
            (elsewhere.connections(), cloud.requests().len()),
            (0, 1),
            "HTTP {http}"
        );
    }
}

// ------------------------------------------------------------------------------------------------------------- TLS

/// An authority, and what it can sign.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    /// What a server of these names shows.
    fn server(&self, names: &[&str], change: impl Fn(&mut CertificateParams)) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        shown(certificate.der().clone(), &key)
    }
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>(),
    )
    .unwrap()
}

fn shown(
    certificate: rustls::pki_types::CertificateDer<'static>,
    key: &KeyPair,
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate], key).unwrap())
}

fn over_tls(config: Arc<ServerConfig>) -> FakeCloud {
    let cloud = FakeCloud::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), Some(config)).unwrap();
    cloud.stats([done()]).detail([status("TERMINATED")])
}

const HERE: &[&str] = &["127.0.0.1", "localhost"];

#[test]
fn untrusted_server_sees_no_token() {
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let key = KeyPair::generate().unwrap();
    let self_signed = params(HERE).self_signed(&key).unwrap();
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let not_yet = |params: &mut CertificateParams| params.not_before = date_time_ymd(2999, 1, 1);
    // With our authority's certificate as `ca-file`, and without.
    let rows: Vec<(&str, Arc<ServerConfig>, bool, &str)> = vec![
        (
            "self-signed",
            shown(self_signed.der().clone(), &key),
            false,
            "UnknownIssuer",
        ),
        (
            "self-signed, with ca-file",
            shown(self_signed.der().clone(), &key),
            true,
            "UnknownIssuer",
        ),
        (
            "unknown authority",
            ours.server(HERE, |_| {}),
            false,
            "UnknownIssuer",
        ),
        (
            "another authority",
            other.server(HERE, |_| {}),
            true,
            "UnknownIssuer",
        ),
        (
            "wrong name",
            ours.server(&["dcs.example.com"], |_| {}),
            true,
            "not valid for name",
        ),
        ("expired", ours.server(HERE, expired), true, "expired"),
        (
            "not yet valid",
            ours.server(HERE, not_yet),
            true,
            "not valid yet",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, config, has_file, words)| {
            let sandbox = |cloud: &FakeCloud| {
                let sandbox = Sandbox::waiting_on(cloud).file("given-ca.pem", &ours.pem());
                if *has_file {
                    sandbox.set("DCS_CA_FILE", "given-ca.pem")
                } else {
                    sandbox
                }
            };
            let cloud = over_tls(Arc::clone(config));
            let run = sandbox(&cloud).run();
            run.ended("invalid-input", 2)
                .says(&["cannot trust 127.0.0.1", "`ca-file`", words]);
            assert_eq!(
                (cloud.connections(), cloud.requests().len()),
                (1, 0),
                "{}",
                run.transcript()
            );

            // Nor does it get to see a password.
            let iam = over_tls(Arc::clone(config)).on("POST", LOGIN, [refusal(403, "IAM.0081")]);
            let run = sandbox(&iam)
                .unset("DCS_AUTH_TOKEN")
                .sets(&[
                    ("DCS_USERNAME", "ci"),
                    ("DCS_DOMAIN_NAME", "OTC1"),
                    ("DCS_IAM_ENDPOINT", &iam.url()),
                ])
                .secret("DCS_PASSWORD", "PasswordOfNobody1")
                .run();
            run.ended("invalid-input", 2).says(&["`ca-file`"]);
            assert_eq!((iam.connections(), iam.requests().len()), (1, 0));
        },
    );
}

#[test]
fn ca_file_makes_authority_trusted() {
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let several = format!("{}{}", other.pem(), ours.pem());
    for pem in [ours.pem(), several] {
        let cloud = over_tls(ours.server(HERE, |_| {}));
        let trusting = || Sandbox::waiting_on(&cloud).file("given-ca.pem", &pem);
        trusting()
            .set("DCS_CA_FILE", "given-ca.pem")
            .run()
            .ended("completed", 0);
        trusting()
            .set("OS_CACERT", "given-ca.pem")
            .run()
            .ended("completed", 0);
        assert_eq!(cloud.requests()[0].header("x-auth-token"), Some(TOKEN));
        let named = trusting().set(
            "DCS_ENDPOINT",
            &format!("https://localhost:{}", cloud.port()),
        );
        named
            .set("DCS_CA_FILE", "given-ca.pem")
            .run()
            .ended("completed", 0);
    }
}

#[test]
fn ca_certificate_as_server_is_named() {
    let key = KeyPair::generate().unwrap();
    let mut authority = params(HERE);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap();
    let cloud = over_tls(shown(certificate.der().clone(), &key));
    let trusting = Sandbox::waiting_on(&cloud).file("given-ca.pem", &certificate.pem());
    let run = trusting.set("DCS_CA_FILE", "given-ca.pem").run();
    run.ended("invalid-input", 2)
        .says(&["cannot trust 127.0.0.1", "CA:TRUE"]);
}

#[test]
fn self_signed_certificate_as_ca_file() {
    let key = KeyPair::generate().unwrap();
    let certificate = params(HERE).self_signed(&key).unwrap();
    let cloud = over_tls(shown(certificate.der().clone(), &key));
    let trusting = Sandbox::waiting_on(&cloud).file("given-ca.pem", &certificate.pem());
    trusting
        .set("DCS_CA_FILE", "given-ca.pem")
        .run()
        .ended("completed", 0);
}

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
