//! Answers of the API: readings, task details, refusals, tokens.

use super::text::{
    Message, SECRET, assert_line, assert_log_line, assert_no_secret, read, with_secret,
};
use dcs_migration_wait::api::error::{ErrorBody, ErrorResponse, RequestKind, SignIn, classify};
use dcs_migration_wait::api::{Class, ListedTask, retry_after as header, wire};
use dcs_migration_wait::auth::{self, oidc, token};
use dcs_migration_wait::domain::{FullSync, Reading};
use dcs_migration_wait::escape;
use secrecy::ExposeSecret;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use std::time::{Duration, SystemTime};

/// The fields of a JSON object in their order, doubles included, their values unread.
pub(super) struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Fields {
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        serde_json::from_str(&String::from_utf8_lossy(body)).ok()
    }

    /// A field's value, `Null` where it is not there; no answer where it cannot be known.
    pub(super) fn one(&self, name: &str) -> Option<Value> {
        let mut found = self.0.iter().filter(|(other, _)| other == name);
        let value = found.next().map_or(Some(Value::Null), |(_, raw)| {
            serde_json::from_str(raw.get()).ok()
        });
        value.filter(|_| found.next().is_none())
    }

    /// A field's value as it is written.
    fn written(&self, name: &str) -> String {
        let found = self.0.iter().find(|(other, _)| other == name);
        found
            .map(|(_, raw)| raw.get().to_owned())
            .unwrap_or_default()
    }
}

/// JSON is UTF-8: any other body may be refused as a whole, also where only a field that is not read is spoilt.
fn is_text(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok()
}

/// What the contract makes of a body: `None` for what it calls malformed.
fn expected(body: &[u8]) -> Option<Reading> {
    let fields = Fields::of(body)?;
    let written = |name| {
        Some(match fields.one(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Number(_) => Some(fields.written(name)),
            Value::Bool(_) if name != "is_migrating" => return None,
            Value::Bool(is) => Some(is.to_string()),
            Value::Array(_) | Value::Object(_) => return None,
        })
    };
    let whole = |name| {
        let Some(text) = written(name)? else {
            return Some(None);
        };
        let is_plain = text
            .bytes()
            .enumerate()
            .all(|(n, byte)| byte.is_ascii_digit() || (n == 0 && byte == b'-'));
        text.parse::<i64>().ok().filter(|_| is_plain).map(Some)
    };
    let decimal = |name| {
        let Some(text) = written(name)? else {
            return Some(None);
        };
        let text = text.strip_suffix('%').unwrap_or(&text).trim_end();
        let is_plain = text.bytes().all(|byte| b"0123456789.eE+-".contains(&byte));
        text.parse::<f64>()
            .ok()
            .filter(|number| is_plain && number.is_finite())
            .map(Some)
    };
    let is_migrating = match written("is_migrating")?.as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return None,
    };
    let progress: Option<f64> = decimal("full_migration_progress")?;
    Some(Reading {
        is_migrating,
        offset: whole("offset")?,
        full_migration_progress: if progress
            .is_some_and(|progress| !(0.0..=100.0).contains(&progress))
        {
            return None;
        } else {
            progress
        },
        source_dbsize: whole("source_dbsize")?,
        target_dbsize: whole("target_dbsize")?,
        target_input_kbps: decimal("target_input_kbps")?,
        target_ops: decimal("target_ops")?,
    })
}

/// A body of the stats is read as the contract says, or refused in words that fit on a line; what is handed on of it is
/// the same JSON on one harmless line.
pub fn reading(body: &[u8]) {
    match (wire::reading(body), expected(body)) {
        (Ok(reading), Some(mut expected)) => {
            // What is written as less than 100 and read as 100 by rounding is no finished copy.
            let almost = Some(100.0_f64.next_down());
            if reading.full_migration_progress == almost
                && expected.full_migration_progress == Some(100.0)
            {
                assert!(String::from_utf8_lossy(body).contains('9'));
                expected.full_migration_progress = almost;
            }
            assert_eq!(reading, expected);
            if reading.full_sync() == FullSync::Done {
                assert_eq!(reading.full_migration_progress, Some(100.0));
            }
            raw(body, &reading);
        }
        (Err(error), expected) if expected.is_none() || !is_text(body) => {
            let error = error.to_string();
            assert!(error.starts_with("malformed reading: "), "{error}");
            assert!(error.len() < 4000, "{} bytes", error.len());
            assert_line(&error);
            assert_log_line(&escape::log(&error));
        }
        (got, expected) => panic!("{got:?} instead of {expected:?}"),
    }
}

fn raw(body: &[u8], reading: &Reading) {
    let text = String::from_utf8_lossy(body);
    let raw = escape::compact_json(&text);
    assert!(
        raw.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
        "{raw:?}"
    );
    assert_log_line(&raw);
    assert_eq!(escape::compact_json(&raw), raw);
    assert_eq!(wire::reading(raw.as_bytes()).as_ref(), Ok(reading));
    // Numbers out of range, half surrogates and great depth pass as unread fields.
    if let Ok(value) = serde_json::from_str::<Value>(&text) {
        assert_eq!(serde_json::from_str::<Value>(&raw).ok(), Some(value));
    }
}

/// A task detail is three words; of everything else in it, passwords above all, nothing comes through.
pub fn task_detail(data: &[u8]) {
    let Some(text) = read(data) else { return };
    // As it came where no secret has a place in it, so that bad UTF-8 is tried, too.
    let planted = with_secret(&text);
    let body = if planted == text {
        data
    } else {
        planted.as_bytes()
    };
    let fields = Fields::of(body);
    let word = |name| match fields.as_ref()?.one(name)? {
        Value::String(text) => Some(escape::line(&text)),
        Value::Null => Some(String::new()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let words = (
        word("status"),
        word("task_status"),
        word("migration_method"),
    );
    match (wire::detail(body), words) {
        (Ok((_, detail)), (Some(status), Some(switch), Some(method))) => {
            assert!(!status.is_empty());
            assert_eq!(detail.status.word(), status);
            assert_eq!(detail.task_status.as_deref().unwrap_or_default(), switch);
            assert_eq!(
                detail.migration_method.as_deref().unwrap_or_default(),
                method
            );
            for word in [&status, &switch, &method] {
                assert_line(word);
                assert!(word.chars().count() <= 10 * 300 + 1);
            }
            if ![status, switch, method]
                .iter()
                .any(|word| word.contains(SECRET))
            {
                assert_no_secret(&format!("{detail:?}"));
            }
        }
        (Err(error), words) => {
            let is_good = matches!(&words, (Some(status), Some(_), Some(_)) if !status.is_empty());
            assert!(!is_good || !is_text(body), "{error} for {words:?}");
            // Not only without the secret: there is no place in these words for anything that was read.
            let error = error.to_string();
            let text = error
                .strip_prefix("malformed reading: ")
                .expect("they say whose they are");
            let is_number =
                |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let is_place = text
                .strip_prefix("the body is no valid JSON at line ")
                .and_then(|place| place.split_once(" column "))
                .is_some_and(|(line, column)| is_number(line) && is_number(column));
            const FIXED: [&str; 8] = [
                "the body is no JSON object",
                "`status` is there twice",
                "`task_status` is there twice",
                "`migration_method` is there twice",
                "`status` is missing",
                "`status` is no text",
                "`task_status` is no text",
                "`migration_method` is no text",
            ];
            assert!(is_place || FIXED.contains(&text), "{text}");
        }
        (Ok(detail), words) => panic!("{detail:?} for {words:?}"),
    }
}

/// A list of tasks is complete, with ids that can stand in a path, or it is none.
pub fn task_list(body: &[u8]) {
    match wire::page(body) {
        Ok(page) => {
            let written = Fields::of(body).and_then(|fields| fields.one("migration_tasks"));
            let written = written.as_ref().and_then(Value::as_array).map(Vec::len);
            // Of depth and the like in unread fields the reader here knows less.
            assert!(written.is_none_or(|n_tasks| n_tasks == page.tasks.len()));
            for ListedTask {
                id,
                status,
                error_message,
            } in &page.tasks
            {
                assert!(
                    id.as_str()
                        .bytes()
                        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
                );
                assert!(matches!(id.as_str().len(), 32 | 36));
                assert_line(status.word());
                if let Some(text) = error_message {
                    assert_line(text);
                }
            }
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with("malformed reading: ") && error.len() < 4000);
            assert_line(&error);
        }
    }
}

const SIGN_INS: [(&str, SignIn); 6] = [
    ("token", SignIn::Token),
    ("renewable", SignIn::RenewableToken),
    ("access-key", SignIn::AccessKey),
    ("signing-in", SignIn::ByPassword),
    ("by-oidc", SignIn::ByOidc),
    ("asking-github", SignIn::AskingGitHub),
];

/// How the request was authenticated, by its word in an input.
pub(super) fn sign_in_named(name: &str) -> SignIn {
    SIGN_INS
        .iter()
        .find(|(other, _)| *other == name)
        .map_or(SignIn::Token, |&(_, sign_in)| sign_in)
}

/// What a request was for, by the words of an answer.
pub(super) fn asked_for(words: &[String]) -> RequestKind {
    let has = |word: &str| words.iter().any(|other| other == word);
    if has("list") {
        RequestKind::List
    } else if has("project") {
        RequestKind::Project
    } else if has("iam") || has("session") {
        RequestKind::Session
    } else {
        RequestKind::Task
    }
}

/// A refusal has one class and visible words, whatever it says; only what may heal is tried again.
///
/// `STATUS SIGN-IN WHAT-FOR`, then the headers `Retry-After`, `X-Request-Id`, `Location` and `Skew` (seconds), then the body.
pub fn error_body(data: &[u8]) {
    let message = Message::read(data);
    let word = |n: usize| message.words.get(n).map(String::as_str).unwrap_or_default();
    let Ok(status) = word(0).parse::<u16>() else {
        return;
    };
    let refusal = ErrorResponse {
        status,
        body: message.body,
        request_id: message.header("x-request-id"),
        retry_after: message
            .header("retry-after")
            .and_then(|text| header::parse(text, SystemTime::UNIX_EPOCH)),
        clock_skew: message.header("skew").and_then(|text| text.parse().ok()),
        location: message.header("location"),
        sign_in: sign_in_named(word(1)),
        asked: asked_for(&message.words),
    };
    let error = classify(&refusal);

    assert_line(&error.message);
    assert_log_line(&escape::log(&error.message));
    let reported = ["", "GitHub: ", "IAM: "]
        .iter()
        .any(|who| error.message.starts_with(&format!("{who}HTTP {status}")));
    assert!(reported, "{}", error.message);
    assert!(
        error.message.len() < 4 * 4000,
        "{} bytes",
        error.message.len()
    );
    if let Some(advice) = &error.advice {
        assert_line(advice);
        assert!(!advice.is_empty() && advice.len() < 5000);
    }
    // No request follows a fatal error, so it has to say what to change.
    match error.class {
        Class::Transient { retry_after } | Class::Throttled { retry_after } => {
            assert!(
                matches!(status, 400 | 408 | 429 | 500..) || status < 300,
                "{status} is tried again"
            );
            assert!(retry_after.is_none() || retry_after == refusal.retry_after);
        }
        Class::Unauthenticated => {
            assert_eq!(refusal.sign_in, SignIn::RenewableToken);
            assert!(matches!(status, 400 | 401));
        }
        Class::UnknownTask => assert_eq!(status, 400),
        Class::Denied | Class::Forbidden => assert!(matches!(status, 400 | 401 | 403 | 407)),
        Class::NotFound => assert!(matches!(status, 404 | 405)),
        Class::Rejected => assert!((300..500).contains(&status)),
    }
    if !matches!(
        error.class,
        Class::Transient { .. } | Class::Throttled { .. } | Class::Unauthenticated
    ) {
        assert!(error.advice.is_some(), "{error:?}");
    }
    // Busy servers and broken gateways heal, whatever they write.
    let retry_after = refusal.retry_after;
    match status {
        429 => assert_eq!(error.class, Class::Throttled { retry_after }),
        408 | 500..=599 => assert_eq!(error.class, Class::Transient { retry_after }),
        _ => {}
    }
    // The same problem is reported once, although each answer has an id of its own.
    assert!(error.is_like(&error));
    assert!(error.is_like(&classify(&ErrorResponse {
        request_id: Some("another"),
        ..refusal
    })));

    let ErrorBody { code, message, .. } = ErrorBody::parse(message.body);
    for text in code.iter().chain(&message) {
        assert_line(text);
        assert!(!text.is_empty());
    }
    let reported = Fields::of(refusal.body).is_some();
    assert!(
        reported || (code.is_none() && message.is_none()),
        "{code:?} {message:?}"
    );
}

/// No header makes us wait for longer than a day.
///
/// The time now in seconds since 1970, then the header on the next line.
pub fn retry_after(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (now, value) = text.split_once('\n').unwrap_or(("784111777", &text));
    const LAST_SECOND: u64 = 253_402_300_799;
    let now = SystemTime::UNIX_EPOCH
        + Duration::from_secs(now.parse().unwrap_or(0).min(LAST_SECOND - 86_400));
    const DAY: Duration = Duration::from_secs(86_400);

    let wait = header::parse(value, now);
    assert!(wait.is_none_or(|wait| wait <= DAY));
    assert_eq!(header::parse(&format!(" {value}\t"), now), wait);
    let later = header::parse(value, now + Duration::from_secs(60));
    let digits = value.trim();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = digits.trim_start_matches('0');
        let seconds = if seconds.len() > 9 {
            u64::MAX
        } else {
            seconds.parse().unwrap_or(0)
        };
        assert_eq!(wait, Some(Duration::from_secs(seconds).min(DAY)));
        assert_eq!(later, wait);
    } else if let Some(wait) = wait {
        // A date: the same one in the usual spelling means the same, and comes nearer.
        let date = httpdate::fmt_http_date(now + wait);
        assert_eq!(header::parse(&date, now), Some(wait));
        assert!(later.is_none_or(
            |later| later <= wait && (wait == DAY || later + Duration::from_secs(60) == wait)
        ));
    } else {
        assert_eq!(later, None);
    }
}

/// A token is shown nowhere, and an id that IAM tells stays one segment of a path.
///
/// An answer with the headers `X-Subject-Token` and `Date`; `Request-Url` and `Audience` for GitHub's part.
pub fn sign_in(data: &[u8]) {
    let Some(text) = read(data) else { return };
    let planted = with_secret(&text);
    let message = Message::read(planted.as_bytes());
    let is_path_safe = |id: &str| {
        !id.is_empty()
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };

    let date = message
        .header("date")
        .and_then(|date| httpdate::parse_http_date(date).ok());
    match token::issued(message.header(token::SUBJECT_HEADER), date, message.body) {
        Ok(issued) => {
            let text = issued.token.expose_secret();
            assert!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
            if let Some(id) = &issued.project_id {
                assert!(is_path_safe(id), "{id}");
            } else {
                assert_no_secret(&format!("{issued:?}"));
            }
            if let Some(lifetime) = issued.lifetime {
                let renew = auth::renew_after(lifetime);
                assert!(
                    !lifetime.is_zero()
                        && renew <= lifetime
                        && lifetime - renew <= Duration::from_secs(600)
                );
            }
        }
        Err(error) => assert_no_secret(&error.to_string()),
    }
    match token::only_project(message.body) {
        Ok(id) => assert!(is_path_safe(&id), "{id}"),
        Err(error) => {
            assert_line(&error.to_string());
            assert_no_secret(&format!("{error} {error:?}"));
        }
    }
    match oidc::github_token(message.body) {
        Ok(token) => {
            assert!(!token.expose_secret().trim().is_empty());
            assert_no_secret(&format!("{token:?}"));
        }
        Err(error) => assert_no_secret(&format!("{error} {error:?}")),
    }
    let Some(url) = message.header("request-url") else {
        return;
    };
    let audience = message.header("audience");
    match oidc::github_url(url, audience) {
        Ok(url) => {
            assert!(matches!(url.scheme(), "http" | "https") && url.host().is_some());
            if let Some(audience) = audience {
                let last = url.query_pairs().last();
                assert_eq!(last, Some(("audience".into(), audience.into())), "{url}");
            }
        }
        Err(error) => assert_no_secret(&format!("{error} {error:?}")),
    }
}
