//! Answers as they are on the wire, and their way into the domain.
//!
//! The vendor's table says strings where its example shows numbers, so both are accepted. Absent, null and empty are
//! unknown. Any other shape is an error that names the field, never a guess.

use super::error::ErrorBody;
use super::{ListedTask, Page};
use crate::domain::TaskId;
use crate::domain::{Detail, Reading, Status};
use crate::escape;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A body that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Which field, and what is wrong with it.
    #[error("malformed reading: {0}")]
    Shape(String),
    /// An error in the clothes of a success: its code and message.
    #[error("{0}")]
    Refused(String),
}

/// Fields that only an error has.
#[derive(Deserialize)]
struct ErrorFields {
    #[serde(alias = "errorCode")]
    error_code: Option<Value>,
    error: Option<Map<String, Value>>,
}

/// A success that holds an error is none.
fn refuse_error(body: &[u8]) -> Result<(), Malformed> {
    let Ok(ErrorFields { error_code, error }) = serde_json::from_slice(body) else {
        return Ok(());
    };
    let is_error = match error_code {
        None | Some(Value::Null) => error.is_some(),
        Some(Value::String(code)) => !code.trim().is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => true,
    };
    if !is_error {
        return Ok(());
    }
    let ErrorBody { code, message, .. } = ErrorBody::parse(body);
    let code = code.map(|code| format!(" {code}")).unwrap_or_default();
    let message = message
        .map(|message| format!(" \"{message}\""))
        .unwrap_or_default();
    Err(Malformed::Refused(format!(
        "HTTP 200 with an error{code}{message}"
    )))
}

/// `ShowMigrationTaskStats`. A field that occurs twice is an error: which one is meant cannot be known.
///
/// Numbers are taken as they are written: one that is not quite 100 must not become 100 by being read.
#[derive(Deserialize)]
struct StatsBody<'a> {
    is_migrating: Option<Value>,
    #[serde(borrow)]
    offset: Written<'a>,
    #[serde(borrow)]
    full_migration_progress: Written<'a>,
    #[serde(borrow)]
    source_dbsize: Written<'a>,
    #[serde(borrow)]
    target_dbsize: Written<'a>,
    #[serde(borrow)]
    target_input_kbps: Written<'a>,
    #[serde(borrow)]
    target_ops: Written<'a>,
}

type Written<'a> = Option<&'a RawValue>;

/// Reads a body of the stats.
///
/// # Errors
/// Where it is no JSON object, or a field has a shape that the contract does not know.
pub fn reading(body: &[u8]) -> Result<Reading, Malformed> {
    let body: StatsBody<'_> = object(body)?;
    Ok(Reading {
        is_migrating: boolean("is_migrating", body.is_migrating.as_ref())?,
        offset: integer("offset", body.offset)?,
        full_migration_progress: percentage(
            "full_migration_progress",
            body.full_migration_progress,
        )?,
        source_dbsize: integer("source_dbsize", body.source_dbsize)?,
        target_dbsize: integer("target_dbsize", body.target_dbsize)?,
        target_input_kbps: decimal("target_input_kbps", body.target_input_kbps)?,
        target_ops: decimal("target_ops", body.target_ops)?,
    })
}

/// A body of the stats on one line of ASCII, to be handed on; empty where strict readers would refuse it, and with it
/// whatever it is in: too deep, or with numbers out of range, in fields that are not read.
pub fn compact(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(_) => escape::compact_json(&String::from_utf8_lossy(body)),
        Err(_) => String::new(),
    }
}

/// `ShowMigrationTask`, reduced to what may be kept: the rest of the body holds passwords.
#[derive(Deserialize)]
struct DetailBody {
    task_id: Option<Value>,
    status: Option<Value>,
    task_status: Option<Value>,
    migration_method: Option<Value>,
}

/// Reads a body of the task detail: the id of its task, where it tells, and the detail.
///
/// # Errors
/// Where it is no JSON object or has no status. The error holds nothing of the body but the words of an error.
pub fn detail(body: &[u8]) -> Result<(Option<String>, Detail), Malformed> {
    let body: DetailBody = object(body)?;
    let word = |name: &str, value: Option<Value>| match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(escape::line(&text)).filter(|text| !text.is_empty())),
        Some(_) => Err(Malformed::Shape(format!("`{name}` is no text"))),
    };
    let detail = Detail {
        status: Status::parse(
            &word("status", body.status)?
                .ok_or_else(|| Malformed::Shape("`status` is missing".to_owned()))?,
        ),
        task_status: word("task_status", body.task_status)?,
        migration_method: word("migration_method", body.migration_method)?,
    };
    Ok((word("task_id", body.task_id)?, detail))
}

/// `ListMigrationTasks`.
#[derive(Deserialize)]
struct ListBody<'a> {
    #[serde(borrow)]
    count: Written<'a>,
    /// May be left out where there are none.
    migration_tasks: Option<Vec<ListEntry>>,
}

#[derive(Deserialize)]
struct ListEntry {
    task_id: Option<String>,
    status: Option<String>,
    error_message: Option<Value>,
}

/// Reads one page of the project's tasks.
///
/// # Errors
/// Where it is no list, or an entry lacks its id or status: a task that is left out would never be waited for.
pub fn page(body: &[u8]) -> Result<Page, Malformed> {
    refuse_error(body)?;
    let body: ListBody<'_> = serde_json::from_slice(body).map_err(|error| {
        Malformed::Shape(format!(
            "the list of tasks is not one, at line {} column {}",
            error.line(),
            error.column()
        ))
    })?;
    let total =
        integer("count", body.count)?.map(|count| usize::try_from(count).unwrap_or_default());
    let entries = match body.migration_tasks {
        None if total == Some(0) => Vec::new(),
        entries => {
            entries.ok_or_else(|| Malformed::Shape("`migration_tasks` is missing".to_owned()))?
        }
    };
    let tasks = entries.into_iter().map(|entry| {
        let id = entry.task_id.as_deref().and_then(TaskId::parse);
        let status = entry
            .status
            .map(|status| Status::parse(&escape::line(&status)));
        let (id, status) = id.zip(status).ok_or_else(|| {
            Malformed::Shape("a task in the list has no status, or no id that is one".to_owned())
        })?;
        Ok(ListedTask {
            id,
            status,
            error_message: text(entry.error_message.as_ref()),
        })
    });
    Ok(Page {
        total,
        tasks: tasks.collect::<Result<_, _>>()?,
    })
}

/// `ListMigrationTaskLogs`, as far as it matters.
#[derive(Deserialize)]
struct LogBody {
    migration_logs: Option<Vec<LogEntry>>,
}

#[derive(Deserialize)]
struct LogEntry {
    created_at: Option<Value>,
    log_level: Option<Value>,
    message: Option<Value>,
}

/// The newest error in a task's log; `None` where the body holds none, or is no log.
pub fn newest_error(body: &[u8]) -> Option<String> {
    let body: LogBody = serde_json::from_slice(body).ok()?;
    let errors = body.migration_logs?.into_iter().filter_map(|entry| {
        let is_error =
            text(entry.log_level.as_ref()).is_none_or(|level| level.eq_ignore_ascii_case("ERROR"));
        // RFC 3339 in UTC: the later is the greater text.
        Some((
            text(entry.created_at.as_ref()),
            text(entry.message.as_ref()).filter(|_| is_error)?,
        ))
    });
    // Of entries without a time, the first one is the newest.
    errors
        .reduce(|newest, other| if newest.0 < other.0 { other } else { newest })
        .map(|(_, message)| message)
}

/// A text that is only shown: one visible line, `None` where it is empty or of another kind.
fn text(value: Option<&Value>) -> Option<String> {
    Some(escape::line(value?.as_str()?)).filter(|text| !text.is_empty())
}

/// The parser's own words are not passed on where they could quote the body.
fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    // `from_slice` would take an array of the right length for a struct.
    if body.trim_ascii_start().first() != Some(&b'{') {
        let is_page = body.trim_ascii_start().first() == Some(&b'<');
        let what = if is_page {
            "the body is a page for a browser, such as the login page of a proxy, and no JSON object"
        } else {
            "the body is no JSON object"
        };
        return Err(Malformed::Shape(what.to_owned()));
    }
    refuse_error(body)?;
    serde_json::from_slice(body).map_err(|error| {
        let words = error.to_string();
        // The name of the field is from this file.
        Malformed::Shape(
            match words
                .strip_prefix("duplicate field `")
                .and_then(|rest| rest.split_once('`'))
            {
                Some((field, _)) => format!("`{field}` is there twice"),
                None => format!(
                    "the body is no valid JSON at line {} column {}",
                    error.line(),
                    error.column()
                ),
            },
        )
    })
}

fn boolean(field: &str, value: Option<&Value>) -> Result<Option<bool>, Malformed> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(Value::String(text)) => match text.trim() {
            "" => Ok(None),
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            other => Err(Malformed::Shape(format!(
                "`{field}` is `{}`, not true or false",
                escape::line(other)
            ))),
        },
        Some(Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(Malformed::Shape(format!("`{field}` is not true or false")))
        }
    }
}

fn integer(field: &str, written: Written<'_>) -> Result<Option<i64>, Malformed> {
    let Some(text) = characters(field, written, "a whole number")? else {
        return Ok(None);
    };
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if !is_plain(digits) {
        return Err(not(field, &text, "a whole number"));
    }
    // What does not fit is larger than any number of keys or bytes.
    text.parse()
        .map(Some)
        .map_err(|_| not(field, &text, "a whole number of at most 64 bits"))
}

/// A decimal number; a trailing `%` is accepted.
fn decimal(field: &str, written: Written<'_>) -> Result<Option<f64>, Malformed> {
    let Some(text) = characters(field, written, "a number")? else {
        return Ok(None);
    };
    let digits = text.strip_suffix('%').map_or(text.as_str(), str::trim_end);
    let plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'e' | b'E' | b'+'));
    // `parse` alone would take "inf" and "nan".
    let number = digits
        .parse()
        .ok()
        .filter(|number: &f64| plain && number.is_finite());
    number
        .map(Some)
        .ok_or_else(|| not(field, &text, "a number"))
}

/// Digits as people write them: no sign, no leading zeros. What is odd may mean something else.
fn is_plain(digits: &str) -> bool {
    let has_leading_zero = digits.len() > 1 && digits.starts_with('0');
    !digits.is_empty() && !has_leading_zero && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A percentage. One so near to 100 that it is rounded to it is not 100: the copy is done when the server says so.
fn percentage(field: &str, written: Written<'_>) -> Result<Option<f64>, Malformed> {
    let Some(text) = characters(field, written, "a percentage")? else {
        return Ok(None);
    };
    let digits = text.strip_suffix('%').map_or(text.as_str(), str::trim_end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = is_plain(whole)
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let Some(percent) = Some(digits)
        .filter(|_| is_number)
        .and_then(|digits| digits.parse::<f64>().ok())
    else {
        return Err(not(field, &text, "a percentage, written in plain digits"));
    };
    // Decided on the digits: a number may be rounded where it is read.
    match whole.parse() {
        Ok(0..=99_u32) => Ok(Some(percent.min(100.0_f64.next_down()))),
        Ok(100) if fraction.bytes().all(|byte| byte == b'0') => Ok(Some(100.0)),
        Ok(_) | Err(_) => Err(not(field, &text, "a percentage, which is 100 at most")),
    }
}

/// A number as it is written, in quotation marks or without; `None` where it is unknown.
fn characters(
    field: &str,
    written: Written<'_>,
    wanted: &str,
) -> Result<Option<String>, Malformed> {
    let Some(written) = written.map(RawValue::get) else {
        return Ok(None);
    };
    if written.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Ok(Some(written.to_owned()));
    }
    match serde_json::from_str(written) {
        Ok(Value::Null) => Ok(None),
        Ok(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Ok(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | Err(_) => {
            Err(Malformed::Shape(format!("`{field}` is not {wanted}")))
        }
    }
}

fn not(field: &str, text: &str, wanted: &str) -> Malformed {
    Malformed::Shape(format!(
        "`{field}` is `{}`, not {wanted}",
        escape::line(text)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str) -> Result<Reading, String> {
        reading(body.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn vendor_example_and_table_read_alike() {
        let numbers = r#"{"full_migration_progress":100,"offset":100,"source_dbsize":531221,"target_dbsize":531211,
            "target_input_kbps":50,"target_ops":5300,"is_migrating":true}"#;
        let strings = r#"{"full_migration_progress":"100 %","offset":" 100 ","source_dbsize":"531221",
            "target_dbsize":"531211","target_input_kbps":"50","target_ops":"5300","is_migrating":"true","new":[]}"#;
        assert_eq!(read(numbers).unwrap(), read(strings).unwrap());
        assert_eq!(read(numbers).unwrap().offset, Some(100));
    }

    #[test]
    fn absent_null_and_empty_are_unknown() {
        let empty =
            r#"{"full_migration_progress":"","offset":null,"source_dbsize":" ","is_migrating":""}"#;
        assert_eq!(read(empty).unwrap(), Reading::default());
        assert_eq!(read("{}").unwrap(), Reading::default());
    }

    #[test]
    fn wrong_shape_is_malformed_naming_field() {
        for (body, field) in [
            (r#"{"offset":"x"}"#, "offset"),
            (r#"{"offset":0.5}"#, "offset"),
            (r#"{"offset":"-0.0"}"#, "offset"),
            (r#"{"offset":"0%"}"#, "offset"),
            (r#"{"offset":1e400}"#, "`offset` is `1e400`"),
            (r#"{"offset":-0.0}"#, "offset"),
            (
                r#"{"offset":99999999999999999999}"#,
                "`99999999999999999999`, not a whole number of at most 64 bits",
            ),
            (
                r#"{"full_migration_progress":1e400}"#,
                "full_migration_progress",
            ),
            (r#"{"offset":"1e2"}"#, "offset"),
            (r#"{"offset":18446744073709551615}"#, "offset"),
            (r#"{"offset":false}"#, "offset"),
            (r#"{"offset":[0]}"#, "offset"),
            (r#"{"offset":0,"offset":5}"#, "`offset` is there twice"),
            (r#"{"is_migrating":0}"#, "is_migrating"),
            (r#"{"is_migrating":"no"}"#, "is_migrating"),
            (
                r#"{"full_migration_progress":101}"#,
                "full_migration_progress",
            ),
            (
                r#"{"full_migration_progress":"-1"}"#,
                "full_migration_progress",
            ),
            (
                r#"{"full_migration_progress":"NaN"}"#,
                "full_migration_progress",
            ),
            (
                r#"{"full_migration_progress":"inf"}"#,
                "full_migration_progress",
            ),
            (r#"{"source_dbsize":{}}"#, "source_dbsize"),
            ("[true,0,100,1,1,1,1]", "object"),
            ("null", "object"),
            ("", "object"),
            ("{\"offset\":0", "JSON"),
            ("\u{feff}{}", "object"),
        ] {
            let error = read(body).expect_err(body);
            assert!(error.contains(field), "{body}: {error}");
        }
    }

    #[test]
    fn almost_done_is_not_rounded_up() {
        for text in [
            "99.99999999999999999999",
            "\"99.99999999999999999999\"",
            "\"\\u00399.99999999999999999999 %\"",
        ] {
            let reading = read(&format!(r#"{{"full_migration_progress":{text}}}"#)).unwrap();
            assert!(
                reading
                    .full_migration_progress
                    .is_some_and(|percent| percent < 100.0),
                "{text}"
            );
        }
        for text in ["100", "100.0", "\"100.00%\""] {
            let reading = read(&format!(r#"{{"full_migration_progress":{text}}}"#)).unwrap();
            assert_eq!(reading.full_migration_progress, Some(100.0), "{text}");
        }
        assert_eq!(read(r#"{"offset":-0}"#).unwrap().offset, Some(0));
    }

    #[test]
    fn unembeddable_raw_body_is_dropped() {
        assert_eq!(
            compact(br#"{ "offset": 0, "new": [1.0] }"#),
            r#"{"offset":0,"new":[1.0]}"#
        );
        let deep = format!(
            r#"{{"offset":0,"new":{}{}}}"#,
            "[".repeat(500),
            "]".repeat(500)
        );
        for body in [
            r#"{"offset":0,"new":1e400}"#,
            r#"{"offset":0,"new":"\ud800"}"#,
            &deep,
        ] {
            assert_eq!(read(body).unwrap().offset, Some(0), "{body}");
            assert_eq!(compact(body.as_bytes()), "", "{body}");
        }
    }

    #[test]
    fn incomplete_list_is_an_error() {
        let list = r#"{"count":2,"migration_tasks":[{"task_id":"31c6fd2b2893430b90ffd1adb8060585","status":"MIGRATING","x":1},
            {"task_id":"31c6fd2b2893430b90ffd1adb8060586","status":"SUCCESS"}]}"#;
        let page = page(list.as_bytes()).unwrap();
        assert_eq!((page.total, page.tasks.len()), (Some(2), 2));
        for bad in [
            "{}",
            "[]",
            r#"{"migration_tasks":[{"task_id":"x","status":"MIGRATING"}]}"#,
            r#"{"migration_tasks":[{"task_id":"31c6fd2b2893430b90ffd1adb8060585"}]}"#,
        ] {
            assert!(super::page(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn detail_keeps_three_words_errors_none() {
        let body = r#"{"status":"INCRMIGEATING","task_status":"EXCHANGING","migration_method":"incremental_migration",
            "source_instance":{"password":"DCStest123"}}"#;
        let (id, seen) = detail(body.as_bytes()).unwrap();
        assert_eq!(id, None);
        assert_eq!(seen.status.word(), "INCRMIGEATING");
        assert_eq!(seen.task_status.as_deref(), Some("EXCHANGING"));
        for bad in [
            r#"{"password":"DCStest123","status":["DCStest123"]}"#,
            r#"{"password":"DCStest123"}"#,
            r#"{"status":"DCStest123","status":1}"#,
            r#"{"status":{"DCStest123""#,
            "\"DCStest123\"",
            "DCStest123",
        ] {
            assert!(
                !detail(bad.as_bytes())
                    .unwrap_err()
                    .to_string()
                    .contains("DCS"),
                "{bad}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(body in any::<Vec<u8>>(), json in r#"\{"(offset|is_migrating)": ?("?-?[0-9.e%]{0,22}"?|null|true)\}"#) {
            let _ = (reading(&body), detail(&body), reading(json.as_bytes()));
        }
    }
}
