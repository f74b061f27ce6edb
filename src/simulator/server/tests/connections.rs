//! Faults and limits.

use super::*;

#[tokio::test]
async fn faults_break_responses() {
    let simulator = Fixture::start(Options {
        speed: 100.0,
        ..Options::default()
    })
    .await;
    let at = async |second: u64| {
        simulator.set_elapsed(Scenario::Flaky, Duration::from_secs(second));
        simulator
            .send("GET", &stats(Scenario::Flaky), &[TOKEN], "")
            .await
    };
    let before = now().instant;
    assert_eq!(at(36).await.unwrap().status(), 200);
    assert!(now().instant - before >= Duration::from_millis(40));
    assert_eq!(at(101).await.unwrap().code(), (500, "DCS.5000".to_owned()));
    let throttled = at(161).await.unwrap();
    assert_eq!(
        (throttled.code(), throttled.header("retry-after")),
        ((429, "APIGW.0308".to_owned()), Some("1"))
    );
    let cut = at(231).await.unwrap();
    let claimed: usize = cut.header("content-length").unwrap().parse().unwrap();
    assert_eq!(cut.body().len(), claimed / 2);
    assert_eq!(
        at(311).await.unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    let malformed = at(381).await.unwrap();
    assert_eq!(malformed.status(), 200);
    assert!(serde_json::from_str::<Value>(malformed.body()).is_err());
    let unavailable = at(451).await.unwrap();
    assert_eq!(unavailable.status(), 503);
    let date = httpdate::parse_http_date(unavailable.header("retry-after").unwrap()).unwrap();
    assert!(date > now().wall && date < now().wall + Duration::from_secs(5));
    let page = at(881).await.unwrap();
    assert_eq!(
        (page.status(), page.header("content-type")),
        (502, Some("text/html"))
    );
    assert_eq!(at(1000).await.unwrap().json()["is_migrating"], false);

    let lines: Vec<String> = simulator
        .log
        .try_iter()
        .map(|served| served.to_string())
        .collect();
    // On a busy machine a simulated second or two pass until the request arrives.
    for (line, start, end) in [
        (&lines[0], "/stats 200 flaky at ", "s (slow response)"),
        (&lines[4], "/stats --- flaky at 5m ", "s (connection reset)"),
    ] {
        assert!(line.contains(start) && line.ends_with(end), "{line}");
    }
}

#[tokio::test]
async fn large_body_is_refused_unread() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    let request = "POST /v3/auth/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    // Where the announced length alone does not refuse it, the missing body does: nothing hangs.
    stream.shutdown().await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert_eq!(TextResponse(response).status(), 413);

    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    let request =
        "POST /v3/auth/tokens HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; 0x10_0001]).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert_eq!(TextResponse(response).status(), 413);
}

#[tokio::test]
async fn silent_connection_blocks_no_other() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let mut silent = TcpStream::connect(simulator.address).await.unwrap();
    silent.write_all(b"GET /v2/").await.unwrap();
    assert_eq!(
        simulator
            .get(&stats(Scenario::Full), &[TOKEN])
            .await
            .status(),
        200
    );
    simulator.server.abort();
    let mut rest = Vec::new();
    let end = silent.read_to_end(&mut rest).await;
    assert!(end.is_err() || rest.is_empty());
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let simulator = Fixture::with_auth(Auth::Any).await;
    let mut stream = TcpStream::connect(simulator.address).await.unwrap();
    for _ in 0..3 {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: a\r\nX-Auth-Token: t\r\n\r\n",
            stats(Scenario::Full)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"}") {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        assert!(seen.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn remembered_tasks_have_a_limit() {
    let simulator = Fixture::start(Options {
        scenario: Some(Scenario::Full),
        ..Options::default()
    })
    .await;
    let path = |n: usize| format!("/v2/{PROJECT_ID}/migration-task/{n:032x}/stats");
    let n_tasks = {
        let (_, dcs) = &mut *simulator.services.state.lock().unwrap();
        dcs.fill(&simulator.services.options)
    };
    assert_eq!(simulator.get(&path(n_tasks), &[TOKEN]).await.status(), 503);
    assert_eq!(simulator.get(&path(7), &[TOKEN]).await.status(), 200);
}
