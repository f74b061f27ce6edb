//! While connecting and resolving names.

use super::*;

// ---------------------------------------------------------------------------------------------------------- stages

/// A port with a listener that accepts no connection and has no place for one more: a client waits.
struct Unaccepting {
    _runtime: tokio::runtime::Runtime,
    _listener: tokio::net::TcpListener,
    _waiting: Vec<TcpStream>,
    address: SocketAddr,
}

fn unaccepting() -> Unaccepting {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let listener = {
        let _guard = runtime.enter();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        socket.listen(1).unwrap()
    };
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 1000, "the listener takes everybody");
    }
    Unaccepting {
        _runtime: runtime,
        _listener: listener,
        _waiting: waiting,
        address,
    }
}

const HUP: u32 = 1;

#[test]
fn signal_while_connecting_ends() {
    let nobody = unaccepting();
    let cloud = FakeCloud::start();
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        if name == "HUP" && is_ignored(HUP) {
            continue;
        }
        let running = slow(Sandbox::waiting_on(&cloud))
            .set("DCS_ENDPOINT", &format!("http://{}", nobody.address))
            .start();
        until("the first answer", || has_begun(&running));
        thread::sleep(Duration::from_millis(150));
        let since = Instant::now();
        running.signal(name);
        cancelled(running, code, since);
    }
}

#[test]
fn wake_up_after_deadline_ends_orderly() {
    let cloud = endless();
    let running = slow(Sandbox::waiting_on(&cloud))
        .set("DCS_TIMEOUT", "2s")
        .start();
    cloud.until_requests(2);
    thread::sleep(Duration::from_millis(300));
    running.signal("STOP");
    thread::sleep(Duration::from_secs(4));
    running.signal("CONT");
    let run = running.end();
    // Not the short answer of the watchdog.
    run.ended("timeout", 124).says(&["seen last"]);
    assert!(run.summary.contains("timeout"), "{}", run.summary);
}

#[test]
fn nohup_wait_outlives_its_terminal() {
    let cloud = endless();
    let running = slow(Sandbox::waiting_on(&cloud)).within(&["nohup"]).start();
    cloud.until_requests(2);
    running.signal("HUP");
    thread::sleep(Duration::from_millis(150));
    let since = Instant::now();
    running.signal("TERM");
    cancelled(running, 143, since);
}

#[test]
fn deadline_and_outage_end_connecting() {
    let nobody = unaccepting();
    let cloud = FakeCloud::start();
    let rows = [
        ("DCS_TIMEOUT", "timeout", 124),
        ("DCS_MAX_OUTAGE", "unreachable", 6),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |&(bound, result, code)| {
            let run = slow(Sandbox::waiting_on(&cloud))
                .set("DCS_ENDPOINT", &format!("http://{}", nobody.address))
                .set(bound, "800ms")
                .run();
            run.ended(result, code);
            assert!(run.took < Duration::from_secs(2) + NOISE, "{:?}", run.took);
        },
    );
}

#[test]
fn hanging_name_resolution_delays_nothing() {
    const SERVER: &str = "127.53.19.1";
    // A name server that never answers.
    let Ok(_silent) = UdpSocket::bind((SERVER, 53)) else {
        println!("SKIPPED: a name server of our own needs port 53, which is not permitted here");
        return;
    };
    let [unshare, mount, sh, c] = OWN_FILES;
    if !may(
        "a name server of our own",
        &[
            unshare,
            mount,
            sh,
            c,
            "mount --bind /etc/resolv.conf /etc/resolv.conf",
        ],
    ) {
        return;
    }
    let cloud = FakeCloud::start();
    let sandbox = || {
        slow(Sandbox::waiting_on(&cloud))
            .file(
                "resolv.conf",
                &format!("nameserver {SERVER}\noptions timeout:30 attempts:5\n"),
            )
            .sets(&[
                ("DCS_ENDPOINT", "http://dcs.example.com"),
                ("DCS_ALLOW_HTTP", "true"),
            ])
            .within(&[
                unshare,
                mount,
                sh,
                c,
                "mount --bind resolv.conf /etc/resolv.conf; exec \"$@\"",
                sh,
            ])
    };
    let running = sandbox().start();
    until("the first answer", || has_begun(&running));
    thread::sleep(Duration::from_millis(150));
    let since = Instant::now();
    running.signal("TERM");
    cancelled(running, 143, since);

    let run = sandbox().set("DCS_TIMEOUT", "1s").run();
    run.ended("timeout", 124);
    assert!(run.took < Duration::from_secs(2) + NOISE, "{:?}", run.took);
}
