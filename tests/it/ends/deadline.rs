//! The deadline.

use super::*;

// ---------------------------------------------------------------------------------------------------- the deadline

#[test]
fn the_deadline_holds_whatever_hangs() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody_accepts = format!("http://{}", silent.local_addr().unwrap());
    let rows: Vec<(&str, FakeCloud)> = vec![
        ("the stats hang", FakeCloud::start().stats([Answer::Hang])),
        ("the stats drip", FakeCloud::start().stats([Answer::Drip])),
        (
            "the detail hangs",
            FakeCloud::start()
                .stats([following(5)])
                .detail([Answer::Hang]),
        ),
        (
            "the server asks for an hour",
            FakeCloud::start().stats([refusal(429, "APIGW.0308").with("Retry-After", "3600")]),
        ),
        ("no connection accepted", FakeCloud::start()),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(what, cloud)| {
            let mut sandbox = Sandbox::waiting_on(cloud)
                .sets(&[("DCS_TIMEOUT", "1s"), ("DCS_REQUEST_TIMEOUT", "60s")]);
            if *what == "no connection accepted" {
                sandbox = sandbox.set("DCS_ENDPOINT", &nobody_accepts);
            }
            let run = sandbox.run();
            run.ended("timeout", 124);
            // Our own clock starts a little later.
            assert!(
                run.took >= Duration::from_millis(900) && run.took < Duration::from_secs(2) + NOISE,
                "{:?}",
                run.took
            );
        },
    );
}

#[test]
fn hanging_sign_in_ends_in_time() {
    let cloud = FakeCloud::start().on("POST", "/v3/auth/tokens", [Answer::Hang]);
    let run = Sandbox::waiting_on(&cloud)
        .unset("DCS_AUTH_TOKEN")
        .sets(&[
            ("DCS_USERNAME", "ci"),
            ("DCS_DOMAIN_NAME", "OTC1"),
            ("DCS_TIMEOUT", "1s"),
            ("DCS_REQUEST_TIMEOUT", "60s"),
        ])
        .secret("DCS_PASSWORD", "PasswordOfNobody1")
        .set("DCS_IAM_ENDPOINT", &cloud.url())
        .run();
    run.ended("timeout", 124);
    assert!(run.took < Duration::from_secs(2) + NOISE, "{:?}", run.took);
}

#[test]
fn last_poll_before_deadline_counts() {
    // The second poll would come long after the deadline.
    let cloud = FakeCloud::start()
        .stats([following(5), done()])
        .detail([status("INCRMIGEATING"), status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_TIMEOUT", "4s"),
            ("DCS_INITIAL_INTERVAL", "1m"),
            ("DCS_MAX_INTERVAL", "1m"),
        ])
        .run();
    run.ended("completed", 0);
    assert_eq!(cloud.count(Kind::Stats), 2);
}

#[test]
fn no_poll_follows_the_last() {
    let cloud = endless();
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_TIMEOUT", "3s"),
            ("DCS_INITIAL_INTERVAL", "1m"),
            ("DCS_MAX_INTERVAL", "1m"),
        ])
        .run();
    run.ended("timeout", 124);
    assert_eq!(cloud.count(Kind::Stats), 2);
}

#[test]
fn deadline_too_short_for_anything() {
    for timeout in ["1ms", "20ms", "100ms"] {
        let cloud = FakeCloud::start().stats([Answer::Hang]);
        let run = Sandbox::waiting_on(&cloud)
            .set("DCS_TIMEOUT", timeout)
            .run();
        run.ended("timeout", 124);
        assert!(run.took < Duration::from_secs(2) + NOISE, "{:?}", run.took);
    }
}
