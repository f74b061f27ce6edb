//! Broken and odd responses.

use super::*;

/// A cloud whose task is done, once the stats can be read.
fn then_done(answers: Vec<Answer>) -> FakeCloud {
    FakeCloud::start()
        .stats(answers.into_iter().chain([done()]))
        .detail([status("TERMINATED")])
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
            assert_eq!(run.output("polls"), "1", "{}", run.transcript());
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
