//! Errors that end a wait, and their advice.

use super::*;

// ------------------------------------------------------------------------------------------------------ ends at once

#[test]
fn permanent_error_ends_at_once() {
    let rows: Vec<(u16, &str, &str, i32)> = vec![
        (400, "DCS.4070", "invalid-input", 2),
        (400, "DCS.4002", "invalid-input", 2),
        (400, "111400070", "invalid-input", 2),
        (400, "DCS.9999", "invalid-input", 2),
        (401, "DCS.1001", "denied", 5),
        (401, "DCS.1002", "denied", 5),
        (401, "DCS.1004", "denied", 5),
        (401, "APIGW.0301", "denied", 5),
        (401, "APIGW.0307", "denied", 5),
        (401, "IAM.0061", "denied", 5),
        (403, "DCS.2003", "denied", 5),
        (403, "DCS.2007", "denied", 5),
        (403, "APIGW.0302", "denied", 5),
        (403, "IAM.0081", "denied", 5),
        (404, "APIGW.0101", "invalid-input", 2),
        (404, "DCS.3022", "invalid-input", 2),
        (405, "DCS.5001", "invalid-input", 2),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(http, code, result, exit_code)| {
            // Also after readings of the task, where it is not a refusal of the task itself.
            let after_readings: &[usize] = if matches!(http, 403..=405) {
                &[0]
            } else {
                &[0, 2]
            };
            for &before in after_readings {
                let mut answers = vec![migrating(); before];
                answers.push(refusal(http, code));
                let cloud = FakeCloud::start()
                    .stats(answers.into_iter().chain([done()]))
                    .detail([status("MIGRATING")]);
                let run = Sandbox::waiting_on(&cloud).run();
                run.ended(result, exit_code).says(&[
                    &http.to_string(),
                    code,
                    &format!("words about {code}"),
                ]);
                assert_eq!(cloud.count(Kind::Stats), before + 1);
            }
        },
    );
}

#[test]
fn error_body_of_any_shape_reads() {
    let rows = [
        (
            r#"{"error_code":"DCS.2003","error_msg":"no policy","error_ext_msg":null}"#,
            "DCS.2003",
        ),
        (
            r#"{"error_msg":"no policy","error_code":"APIGW.0302","request_id":"abc"}"#,
            "APIGW.0302",
        ),
        (
            r#"{"error":{"code":403,"message":"no policy","title":"Forbidden"}}"#,
            "no policy",
        ),
        ("<html><body>403 Forbidden</body></html>", "403"),
        ("", "403"),
        ("{", "403"),
        ("null", "403"),
        ("[1]", "403"),
        (r#"{"error_code":7,"error_msg":{}}"#, "403"),
        (r#"{"error":null}"#, "403"),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(body, text)| {
            let cloud = FakeCloud::start().stats([json_reply(403, body)]);
            Sandbox::waiting_on(&cloud)
                .run()
                .ended("denied", 5)
                .says(&[text]);
        },
    );
}

#[test]
fn message_holds_the_request_id() {
    for header in ["X-Request-Id", "X-IAM-Trace-Id"] {
        let cloud =
            FakeCloud::start().stats([refusal(403, "DCS.2003").with(header, "rid-4711-abc")]);
        Sandbox::waiting_on(&cloud)
            .run()
            .ended("denied", 5)
            .says(&["rid-4711-abc"]);
    }
}

#[test]
fn refusals_come_with_advice() {
    let rows = [
        (401, "DCS.1004", "`project-id`"),
        (401, "APIGW.0307", "`region`"),
        (401, "DCS.1002", "24 hours"),
        (403, "DCS.2007", "dcs:migrationTask:get"),
        (403, "IAM.0081", "programmatic"),
        (404, "APIGW.0101", "`region`"),
        (400, "DCS.4002", "`project-id`"),
        (400, "DCS.4070", "`task-id`"),
    ];
    each(
        &rows,
        |row| format!("{row:?}"),
        |&(http, code, advice)| {
            let cloud = FakeCloud::start().stats([refusal(http, code)]);
            let run = Sandbox::waiting_on(&cloud).run();
            assert!(run.code == 2 || run.code == 5);
            run.says(&[advice]);
        },
    );
}

#[test]
fn a_redirect_is_not_followed() {
    for http in [301, 302, 303, 307, 308] {
        let elsewhere = FakeCloud::start()
            .stats([done()])
            .detail([status("TERMINATED")]);
        let location = format!(
            "{}/v2/{PROJECT}/migration-task/{TASK}/stats",
            elsewhere.url()
        );
        let cloud = FakeCloud::start().stats([json_reply(http, "").with("Location", &location)]);
        let run = Sandbox::waiting_on(&cloud)
            .set("DCS_MAX_OUTAGE", "500ms")
            .run();
        assert_ne!(run.code, 0);
        run.holds_together();
        assert_eq!(elsewhere.requests().len(), 0, "HTTP {http}");
    }
}
