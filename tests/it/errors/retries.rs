//! Errors that are retried.

use super::*;

#[test]
fn temporary_error_is_retried() {
    each(
        &faults(),
        |row| row.0.to_owned(),
        |(_, fault)| {
            let cloud = then_done(vec![fault.clone(), fault.clone()]);
            let run = Sandbox::waiting_on(&cloud)
                .set("DCS_REQUEST_TIMEOUT", "700ms")
                .run();
            run.ended("completed", 0);
            assert_eq!((run.output("polls"), cloud.count(Kind::Stats)), ("3", 3));
        },
    );
}

#[test]
fn lasting_error_is_an_outage() {
    each(
        &faults(),
        |row| row.0.to_owned(),
        |(_, fault)| {
            let cloud = FakeCloud::start().stats([fault.clone()]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[("DCS_REQUEST_TIMEOUT", "300ms"), ("DCS_MAX_OUTAGE", "1s")])
                .run();
            run.ended("unreachable", 6).says(&["`max-outage`"]);
            assert!(cloud.count(Kind::Stats) >= 2);
        },
    );
}

#[test]
fn body_of_one_mebibyte_fits() {
    let good = r#"{"is_migrating":false,"full_migration_progress":100,"offset":0}"#;
    let body = format!("{good}{}", " ".repeat((1 << 20) - good.len()));
    let cloud = FakeCloud::start()
        .stats([json_reply(200, &body)])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("completed", 0);
    assert_eq!(run.output("polls"), "1");
}

#[test]
fn busy_codes_are_retried() {
    let codes = [
        "DCS.4017", "DCS.4026", "DCS.4049", "DCS.4096", "DCS.4097", "DCS.4104", "DCS.4111",
        "DCS.4112", "DCS.4113", "DCS.4114", "DCS.4115", "DCS.4116", "DCS.4117", "DCS.4118",
        "DCS.4120", "DCS.4121", "DCS.4231", "DCS.4975",
    ];
    each(
        &codes,
        |code| (*code).to_owned(),
        |code| {
            let cloud = then_done(vec![refusal(400, code), refusal(400, code)]);
            Sandbox::waiting_on(&cloud).run().ended("completed", 0);
            assert_eq!(cloud.count(Kind::Stats), 3);
        },
    );
}

#[test]
fn closed_port_is_an_outage() {
    // Not a port that was free a moment ago: another test may have it by now.
    let cloud = FakeCloud::start();
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_ENDPOINT", "http://127.0.0.1:1")
        .set("DCS_MAX_OUTAGE", "500ms")
        .run();
    run.ended("unreachable", 6)
        .says(&["refused", "127.0.0.1:1", "`endpoint`"]);
}

#[test]
fn unresolvable_name_is_an_outage() {
    let cloud = FakeCloud::start();
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_ENDPOINT", "http://dcs.nowhere.invalid"),
            ("DCS_ALLOW_HTTP", "true"),
            ("DCS_MAX_OUTAGE", "1s"),
        ])
        .sets(&[("DCS_INITIAL_INTERVAL", "1s"), ("DCS_MAX_INTERVAL", "1s")])
        .run();
    run.ended("unreachable", 6).says(&["dcs.nowhere.invalid"]);
}

#[test]
fn tls_on_plain_port_is_outage() {
    let cloud = FakeCloud::start().stats([done()]);
    let run = Sandbox::waiting_on(&cloud)
        .set(
            "DCS_ENDPOINT",
            &format!("https://127.0.0.1:{}", cloud.port()),
        )
        .set("DCS_MAX_OUTAGE", "800ms")
        .run();
    run.ended("unreachable", 6);
    assert_eq!(cloud.requests().len(), 0);
}

#[test]
fn retry_after_works_in_both_forms() {
    // The date has no fractions: three seconds are two at least.
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(4));
    let rows = [
        ("1", 1_000),
        ("2", 2_000),
        (date.as_str(), 1_500),
        ("soon", 0),
        ("-5", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |&(value, at_least)| {
            for http in [408, 429, 503] {
                let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3));
                let value = if value.len() > 10 && at_least > 0 {
                    &date
                } else {
                    value
                };
                let cloud = then_done(vec![refusal(http, "APIGW.0308").with("Retry-After", value)]);
                Sandbox::waiting_on(&cloud).run().ended("completed", 0);
                let requests = cloud.requests();
                let pause = requests[1].at.duration_since(requests[0].at);
                assert!(
                    pause >= Duration::from_millis(at_least) * 9 / 10,
                    "{pause:?}"
                );
                assert!(at_least > 0 || pause < Duration::from_secs(5), "{pause:?}");
            }
        },
    );
}

#[test]
fn retry_after_never_passes_the_deadline() {
    let far = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(30 * 24 * 3600));
    each(
        &["3600", "99999999999999999999", &far],
        |value| (*value).to_owned(),
        |value| {
            let cloud =
                FakeCloud::start().stats([refusal(429, "APIGW.0308").with("Retry-After", value)]);
            let run = Sandbox::waiting_on(&cloud).set("DCS_TIMEOUT", "1s").run();
            run.ended("timeout", 124).says(&["APIGW.0308"]);
            assert!(run.took < Duration::from_secs(7), "{:?}", run.took);
        },
    );
}

#[test]
fn retries_slow_down() {
    let cloud = FakeCloud::start().stats([refusal(503, "APIG.0613")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_MULTIPLIER", "3"),
            ("DCS_MAX_INTERVAL", "10s"),
            ("DCS_MAX_OUTAGE", "2s"),
        ])
        .run();
    run.ended("unreachable", 6);
    // 10, 30, 90, 270, 810 ms: not more than a handful, where a steady pace would have made 200.
    assert!(
        (4..=9).contains(&cloud.count(Kind::Stats)),
        "{}",
        cloud.count(Kind::Stats)
    );
}
