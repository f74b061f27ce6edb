//! Times, numbers and sentences, as people read them.

use std::time::{Duration, SystemTime};

/// A duration to the second, to the tenth under ten seconds, to the millisecond under one.
pub fn duration(duration: Duration) -> String {
    let whole = if duration < Duration::from_secs(1) {
        Duration::from_millis(duration.as_millis() as u64)
    } else if duration < Duration::from_secs(10) {
        Duration::from_millis(duration.as_millis() as u64 / 100 * 100)
    } else {
        Duration::from_secs(duration.as_secs())
    };
    humantime::format_duration(whole).to_string()
}

/// A wall-clock instant, RFC 3339 in UTC.
pub fn instant(at: SystemTime) -> String {
    // The formatter refuses times before 1970.
    humantime::format_rfc3339_seconds(at.max(SystemTime::UNIX_EPOCH)).to_string()
}

/// A number with thousands separated.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: "1 poll", "2 polls".
pub fn plural(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A percentage, without needless decimals. What is under 100 is never rounded to it.
pub fn percent(value: f64) -> String {
    let shown = if value < 100.0 {
        value.min(99.9)
    } else {
        value
    };
    if shown.fract() == 0.0 {
        format!("{shown:.0} %")
    } else {
        format!("{shown:.1} %")
    }
}

/// A count or "unknown".
pub fn known(number: Option<i64>) -> String {
    number.map_or_else(|| "unknown".to_owned(), count)
}

/// An offset, "unknown", or that a full migration has none.
pub fn known_offset(offset: Option<i64>, is_full_only: bool) -> String {
    match offset {
        None if is_full_only => "none in a full migration".to_owned(),
        offset => known(offset),
    }
}

/// A percentage or "unknown".
pub fn known_percent(value: Option<f64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), percent)
}

/// "yes", "no" or "unknown".
pub fn yes_no(value: Option<bool>) -> &'static str {
    value.map_or("unknown", |is| if is { "yes" } else { "no" })
}

/// A fragment as a sentence.
pub fn sentence(fragment: &str) -> String {
    let mut chars = fragment.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let end = if fragment.ends_with(['.', '!', '?', ':']) {
        ""
    } else {
        "."
    };
    format!("{}{}{end}", first.to_uppercase(), chars.as_str())
}
