use super::*;

fn refused_with(status: u16, body: &[u8], sign_in: SignIn) -> ErrorResponse<'_> {
    ErrorResponse {
        status,
        body,
        request_id: None,
        retry_after: Some(Duration::from_secs(7)),
        clock_skew: None,
        location: None,
        sign_in,
        asked: match sign_in {
            SignIn::Token | SignIn::RenewableToken | SignIn::OneTimeToken | SignIn::AccessKey => {
                RequestKind::Task
            }
            SignIn::ByPassword | SignIn::ByOidc | SignIn::AskingGitHub => RequestKind::Session,
        },
    }
}

fn refusal(status: u16, body: &str, sign_in: SignIn) -> ApiError {
    classify(&refused_with(status, body.as_bytes(), sign_in))
}

fn coded(status: u16, code: &str, sign_in: SignIn) -> ApiError {
    refusal(
        status,
        &format!(r#"{{"error_code":"{code}","error_msg":"text"}}"#),
        sign_in,
    )
}

#[test]
fn every_status_has_its_class() {
    let name = |class| match class {
        Class::Transient {
            retry_after: Some(_),
        } => "again, not before Retry-After",
        Class::Transient { retry_after: None } => "again",
        Class::Throttled {
            retry_after: Some(_),
        } => "again, more slowly, not before Retry-After",
        Class::Throttled { retry_after: None } => "again, more slowly",
        Class::Unauthenticated => "renew",
        Class::Denied => "denied",
        Class::Forbidden => "forbidden",
        Class::UnknownTask => "unknown task",
        Class::NotFound => "not found",
        Class::Rejected => "rejected",
    };
    let mut runs: Vec<(u16, u16, &str)> = Vec::new();
    for status in 100..600 {
        let class = name(refusal(status, "", SignIn::RenewableToken).class);
        match runs.last_mut() {
            Some((_, last, before)) if *before == class => *last = status,
            _ => runs.push((status, status, class)),
        }
    }
    let table: Vec<String> = runs
        .iter()
        .map(|(from, to, class)| format!("{from}-{to} {class}"))
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    100-299 again
    300-400 rejected
    401-401 renew
    402-402 rejected
    403-403 forbidden
    404-405 not found
    406-407 rejected
    408-408 again, not before Retry-After
    409-428 rejected
    429-429 again, more slowly, not before Retry-After
    430-499 rejected
    500-599 again, not before Retry-After
    ");
}

#[test]
fn error_body_of_any_shape_parses() {
    for body in [
        r#"{"error_code":"X.1","error_msg":"m"}"#,
        r#"{"errorCode":"X.1","errorMsg":"m","other":[]}"#,
        r#"{"code":"X.1","message":"m"}"#,
        r#"{"error":{"code":"X.1","message":"m","title":"t"}}"#,
        r#"{"error_code":"X.1","error_msg":"m","error_ext_msg":null,"request_id":"r"}"#,
    ] {
        let parsed = ErrorBody::parse(body.as_bytes());
        assert_eq!(
            (parsed.code.as_deref(), parsed.message.as_deref()),
            (Some("X.1"), Some("m")),
            "{body}"
        );
    }
    let keystone =
        ErrorBody::parse(br#"{"error":{"code":401,"message":"m","title":"Unauthorized"}}"#);
    assert_eq!(keystone.code.as_deref(), Some("401"));
    for body in [
        "",
        "<html>",
        "[]",
        "null",
        "{}",
        r#"{"error_code":[],"error_msg":{}}"#,
        r#"{"error":"x"}"#,
    ] {
        assert_eq!(
            ErrorBody::parse(body.as_bytes()),
            ErrorBody::default(),
            "{body}"
        );
    }
}

#[test]
fn busy_codes_retry_other_400s_end() {
    for code in BUSY {
        assert!(
            matches!(
                coded(400, code, SignIn::Token).class,
                Class::Transient { .. }
            ),
            "{code}"
        );
    }
    for code in [
        "DCS.4070", "DCS.4002", "IAM.1104", "IAM.1109", "DCS.4110", "X",
    ] {
        assert_eq!(
            coded(400, code, SignIn::Token).class,
            Class::Rejected,
            "{code}"
        );
    }
    assert_eq!(
        coded(400, "DCS.4133", SignIn::Token).class,
        Class::UnknownTask
    );
}

#[test]
fn a_401_renews_only_renewable_sessions() {
    for (code, renewable) in [
        ("APIGW.0301", true),
        ("APIGW.0307", true),
        ("DCS.1002", true),
        ("IAM.0066", true),
        ("DCS.1004", false),
        ("IAM.0061", false),
    ] {
        let class = if renewable {
            Class::Unauthenticated
        } else {
            Class::Denied
        };
        assert_eq!(
            coded(401, code, SignIn::RenewableToken).class,
            class,
            "{code}"
        );
        for sign_in in [
            SignIn::Token,
            SignIn::AccessKey,
            SignIn::ByPassword,
            SignIn::ByOidc,
        ] {
            assert_eq!(
                coded(401, code, sign_in).class,
                Class::Denied,
                "{code} {sign_in:?}"
            );
        }
    }
}

#[test]
fn advice_names_the_input_to_change() {
    let advice = |status, code: &str, text: &str, sign_in| {
        let body = format!(r#"{{"error_code":"{code}","error_msg":"{text}"}}"#);
        refusal(status, &body, sign_in).advice.unwrap_or_default()
    };
    for (advice, words) in [
        (advice(401, "DCS.1004", "", SignIn::Token), "`project-id`"),
        (advice(401, "APIGW.0307", "", SignIn::Token), "`region`"),
        (
            advice(401, "APIGW.0307", "", SignIn::RenewableToken),
            "`region`",
        ),
        (
            advice(401, "DCS.1002", "", SignIn::Token),
            "outlive every token",
        ),
        (
            advice(401, "APIGW.0301", "signature expired", SignIn::AccessKey),
            "clock",
        ),
        (
            advice(401, "APIGW.0301", "AK is locked", SignIn::AccessKey),
            "wait five minutes",
        ),
        (
            advice(401, "APIGW.0301", "", SignIn::AccessKey),
            "`secret-key`",
        ),
        (advice(401, "IAM.0061", "", SignIn::ByPassword), "locked"),
        (
            advice(403, "DCS.2007", "", SignIn::Token),
            "`dcs:migrationTask:get`",
        ),
        (advice(403, "DCS.2003", "", SignIn::Token), "enterprise"),
        (
            advice(403, "IAM.0081", "", SignIn::ByPassword),
            "programmatic access",
        ),
        (advice(403, "IAM.0003", "", SignIn::ByOidc), "mapping rules"),
        (advice(404, "APIGW.0101", "", SignIn::Token), "`endpoint`"),
        (advice(404, "IAM.0004", "", SignIn::ByOidc), "`idp-id`"),
        (advice(400, "DCS.4133", "", SignIn::Token), "`task-id`"),
        (advice(400, "DCS.4002", "", SignIn::Token), "`project-id`"),
        (
            advice(400, "IAM.1108", "", SignIn::AccessKey),
            "temporary access keys",
        ),
        (advice(302, "", "", SignIn::Token), "`endpoint`"),
    ] {
        assert!(advice.contains(words), "{words}: {advice}");
    }
}

#[test]
fn wrong_clock_is_named_with_skew() {
    let advice = |skew| {
        let refusal = ErrorResponse {
            status: 401,
            body: br#"{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information"}"#,
            request_id: None,
            retry_after: None,
            clock_skew: Some(skew),
            location: None,
            sign_in: SignIn::AccessKey,
            asked: RequestKind::Task,
        };
        classify(&refusal).advice.unwrap_or_default()
    };
    assert!(advice(3600).contains("1h behind"), "{}", advice(3600));
    assert!(advice(-7200).contains("2h ahead of"), "{}", advice(-7200));
    assert!(!advice(10).contains("clock"), "{}", advice(10));
    // The gateway allows a quarter of an hour, and no second more.
    assert!(!advice(900).contains("clock") && !advice(-900).contains("clock"));
    assert!(advice(901).contains("15m 1s behind"), "{}", advice(901));
    assert!(advice(-901).contains("15m 1s ahead of"), "{}", advice(-901));
    // No two clocks are so far apart, but who knows what a server says.
    assert!(advice(i64::MIN).contains("clock"));
}

#[test]
fn late_signature_does_not_blame_clock() {
    let advice = |clock_skew| {
        let body = br#"{"error_code":"APIGW.0301","error_msg":"verify aksk signature fail, signature expired"}"#;
        let refusal = ErrorResponse {
            clock_skew,
            ..refused_with(401, body, SignIn::AccessKey)
        };
        classify(&refusal).advice.unwrap_or_default()
    };
    for (skew, words) in [
        (None, "check this machine's clock"),
        (Some(10), "no more than 10s off"),
        (Some(-900), "no more than 15m off"),
        (Some(901), "15m 1s behind"),
    ] {
        assert!(advice(skew).contains(words), "{skew:?}: {}", advice(skew));
    }
}

#[test]
fn same_error_ignores_its_request_id() {
    let error = |status, code: &str, id| {
        let body = format!(r#"{{"error_code":"{code}","error_msg":"text"}}"#);
        classify(&ErrorResponse {
            request_id: Some(id),
            ..refused_with(status, body.as_bytes(), SignIn::Token)
        })
    };
    let first = error(503, "APIG.0613", "a");
    assert!(first.is_like(&error(503, "APIG.0613", "b")));
    assert!(!first.is_like(&error(503, "APIG.0614", "a")));
    // The same words in another class.
    assert!(!first.is_like(&ApiError {
        class: Class::Denied,
        ..first.clone()
    }));
    assert!(!first.is_like(&error(401, "DCS.1002", "a")));
}

#[test]
fn each_class_has_its_advice() {
    let wait = Some(Duration::from_secs(7));
    let classes = [
        (Class::Transient { retry_after: wait }, true, wait),
        (Class::Throttled { retry_after: wait }, true, wait),
        (Class::Transient { retry_after: None }, true, None),
        (Class::Unauthenticated, false, None),
        (Class::Denied, false, None),
        (Class::Forbidden, false, None),
        (Class::UnknownTask, false, None),
        (Class::Rejected, false, None),
    ];
    for (class, is_transient, retry_after) in classes {
        let error = ApiError {
            class,
            message: "words".to_owned(),
            advice: Some("advice".to_owned()),
        };
        assert_eq!(
            (error.is_transient(), error.retry_after()),
            (is_transient, retry_after),
            "{class:?}"
        );
        // As an error of one endpoint it says the same, and asks for no pause of all.
        let transient = error.clone().into_transient();
        assert_eq!(transient.class, Class::Transient { retry_after: None });
        assert_eq!(
            (transient.message, transient.advice),
            (error.message, error.advice)
        );
    }
}

#[test]
fn useless_body_is_reported_empty_not() {
    let message = |body: &str| refusal(502, body, SignIn::Token).message;
    assert_eq!(message(""), "HTTP 502");
    assert_eq!(
        message("<html>"),
        "HTTP 502 with a body that is no error of this API"
    );
    assert_eq!(
        message(r#"{"error_code":" ","error_msg":""}"#),
        "HTTP 502 with a body that is no error of this API"
    );
    assert_eq!(message(r#"{"error_code":"X.1"}"#), "HTTP 502 X.1");
    assert_eq!(message(r#"{"error_msg":"words"}"#), "HTTP 502 \"words\"");
    // What is blank in one spelling may stand in another.
    assert_eq!(
        message(r#"{"error_code":"","code":"X.2","message":"words"}"#),
        "HTTP 502 X.2 \"words\""
    );
    assert_eq!(refusal(502, "", SignIn::ByOidc).message, "IAM: HTTP 502");
    assert_eq!(
        refusal(502, "", SignIn::AskingGitHub).message,
        "GitHub: HTTP 502"
    );
}

#[test]
fn redirect_and_404_advice_names_input() {
    let redirect = ErrorResponse {
        location: Some("https://elsewhere\n"),
        ..refused_with(302, b"", SignIn::Token)
    };
    assert!(
        classify(&redirect)
            .advice
            .unwrap()
            .contains("(to `https://elsewhere")
    );
    let advice = |code: &str| coded(404, code, SignIn::ByOidc).advice.unwrap();
    assert_eq!(
        advice("IAM.0004"),
        "the identity provider is not known: check `idp-id` and `iam-endpoint`"
    );
    assert_eq!(advice("IAM.0005"), "check `iam-endpoint` and `region`");
}

#[test]
fn message_is_one_line_with_id() {
    let error = classify(&ErrorResponse {
        status: 403,
        body: "{\"error_code\":\"DCS.2003\",\"error_msg\":\"no\\n::error::\\u001b[31m\"}"
            .as_bytes(),
        request_id: Some("abc\u{202e}"),
        retry_after: None,
        clock_skew: None,
        location: None,
        sign_in: SignIn::Token,
        asked: RequestKind::Task,
    });
    insta::assert_snapshot!(error.message, @r#"HTTP 403 DCS.2003 "no ::error::\u{1b}[31m" (request id abc\u{202e})"#);
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
/// The vendor's table of codes, as collected in its references: what each does to a wait, and what it advises.
#[test]
fn vendor_error_table_gives_class_advice() {
    use SignIn::{AccessKey, AskingGitHub, ByOidc, ByPassword, RenewableToken, Token};
    let rows: &[(u16, &str, &str, &[SignIn])] = &[
        (400, "DCS.4133", "Instance job is not found.", &[Token]),
        (400, "DCS.4070", "Invalid task ID format.", &[Token]),
        (400, "111400070", "Invalid task ID format.", &[Token]),
        (400, "DCS.4002", "Invalid project ID format.", &[Token]),
        (400, "111400002", "Invalid project ID format.", &[Token]),
        (
            400,
            "DCS.4017",
            "The instance is being backed up. Try again later.",
            &[Token],
        ),
        (
            400,
            "DCS.4104",
            "Recovering from an internal fault.",
            &[Token],
        ),
        (
            400,
            "IAM.1108",
            "The securitytoken has expired.",
            &[AccessKey, RenewableToken],
        ),
        (400, "IAM.1104", "Invalid parameter.", &[ByPassword, ByOidc]),
        (401, "DCS.1001", "Invalid token.", &[Token, RenewableToken]),
        (
            401,
            "DCS.1002",
            "The token has expired.",
            &[Token, RenewableToken],
        ),
        (401, "DCS.1003", "Missing token.", &[Token]),
        (
            401,
            "DCS.1004",
            "The project ID does not match the token.",
            &[Token, RenewableToken, AccessKey],
        ),
        (
            401,
            "111401004",
            "The project ID does not match the token.",
            &[Token],
        ),
        (
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: verify aksk signature fail",
            &[AccessKey, RenewableToken],
        ),
        (
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: AK access failed to reach the limit, forbidden",
            &[AccessKey],
        ),
        (
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: verify aksk signature fail, signature expired",
            &[AccessKey],
        ),
        (
            401,
            "APIGW.0301",
            "Incorrect IAM authentication information: the token of the AK has expired",
            &[AccessKey],
        ),
        (
            401,
            "APIG.0301",
            "Incorrect IAM authentication information: decrypt token fail",
            &[Token],
        ),
        (
            401,
            "APIGW.0307",
            "The token must be updated.",
            &[Token, RenewableToken],
        ),
        (
            401,
            "IAM.0001",
            "Authentication failed.",
            &[ByPassword, ByOidc, AskingGitHub],
        ),
        (401, "IAM.0061", "Account locked.", &[ByPassword]),
        (401, "IAM.0062", "Incorrect password.", &[ByPassword]),
        (
            401,
            "IAM.0066",
            "The token has expired.",
            &[Token, RenewableToken],
        ),
        (401, "401", "The X-Auth-Token is invalid!", &[Token]),
        (403, "DCS.2003", "Unauthorized role.", &[Token]),
        (
            403,
            "DCS.2007",
            "Policy does not allow dcs:migrationTask:get to be performed.",
            &[AccessKey],
        ),
        (
            403,
            "APIGW.0302",
            "The IAM user is not allowed to access the API.",
            &[Token],
        ),
        (
            403,
            "IAM.0003",
            "Policy doesn't allow.",
            &[ByPassword, ByOidc],
        ),
        (
            403,
            "IAM.0081",
            "This user only supports console access, not programmatic access.",
            &[ByPassword, AccessKey],
        ),
        (404, "DCS.4001", "Resource not found.", &[Token]),
        (
            404,
            "APIGW.0101",
            "The API does not exist or has not been published in the environment.",
            &[Token],
        ),
        (
            404,
            "IAM.0004",
            "Could not find %(target)s.",
            &[ByOidc, ByPassword],
        ),
        (405, "DCS.5001", "Method not allowed.", &[Token]),
        (408, "", "", &[Token]),
        (
            429,
            "APIGW.0308",
            "The throttling threshold has been reached: policy ip over ratelimit,limit:5,time:1 second",
            &[Token],
        ),
        (
            429,
            "IAM.0012",
            "Threshold: 5 times per 1 seconds",
            &[ByPassword],
        ),
        (500, "DCS.5000", "Internal service error.", &[Token]),
        (
            500,
            "DCS.5095",
            "The request needs to be retried.",
            &[Token],
        ),
        (502, "APIGW.0201", "Backend unavailable.", &[Token]),
        (
            503,
            "APIG.0613",
            "The IAM service is currently unavailable.",
            &[Token],
        ),
        (504, "APIGW.0201", "Backend timeout.", &[Token]),
    ];
    let mut table = Vec::new();
    for (status, code, message, sign_ins) in rows {
        for sign_in in *sign_ins {
            let body = serde_json::json!({ "error_code": code, "error_msg": message }).to_string();
            let error = refusal(*status, &body, *sign_in);
            let class = match error.class {
                Class::Transient { .. } => "retried".to_owned(),
                Class::Throttled { .. } => "retried, more slowly".to_owned(),
                class @ (Class::Unauthenticated
                | Class::Denied
                | Class::Forbidden
                | Class::UnknownTask
                | Class::NotFound
                | Class::Rejected) => {
                    format!("{class:?}")
                }
            };
            table.push(format!(
                "{} [{sign_in:?}] {class}\n    {}",
                error.message,
                error.advice.as_deref().unwrap_or("-")
            ));
        }
    }
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn refused_list_names_the_list_action() {
    let refused = |status, body: &str| {
        classify(&ErrorResponse {
            status,
            body: body.as_bytes(),
            request_id: None,
            retry_after: None,
            clock_skew: None,
            location: None,
            sign_in: SignIn::AccessKey,
            asked: RequestKind::List,
        })
    };
    let forbidden = refused(403, r#"{"error_code":"DCS.2007","error_msg":"no"}"#);
    assert_eq!(forbidden.class, Class::Forbidden);
    assert!(
        forbidden
            .advice
            .unwrap()
            .contains("`dcs:migrationTask:list`")
    );
    let unknown = refused(
        400,
        r#"{"error_code":"DCS.4133","error_msg":"Instance job is not found."}"#,
    );
    assert_eq!(unknown.class, Class::Rejected);
    assert!(unknown.advice.unwrap().starts_with("check `project-id`"));
}

#[test]
fn transport_error_names_its_innermost_cause() {
    // The client's own words for this one hold the address, and with it perhaps a password.
    let error = reqwest::Proxy::all("http://user:secret@").unwrap_err();
    let message = from_transport(
        &error,
        &Server {
            name: "the server",
            input: "`endpoint`",
            proxy: "HTTPS_PROXY",
            has_answered: false,
            is_looked_up: false,
        },
    );
    assert_eq!(
        message,
        ApiError::transient("the connection to the server broke: empty host")
    );
    assert_eq!(words(&error), "empty host");
    for (cause, is_certificate_s) in [
        ("invalid peer certificate: UnknownIssuer", true),
        ("received fatal alert: HandshakeFailure", false),
        ("connection reset", false),
    ] {
        assert_eq!(is_certificate_problem(cause), is_certificate_s, "{cause}");
    }
}
