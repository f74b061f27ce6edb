//! The `Retry-After` header.

use std::time::{Duration, SystemTime};

/// Longest wait that a server can ask for; what is longer is as good as a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long the server asks to wait: seconds, or a date as seen from `now`. Dates in the past and anything else than
/// the two documented forms ask for nothing.
pub fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(
            value
                .parse()
                .map_or(LONGEST, |seconds| Duration::from_secs(seconds).min(LONGEST)),
        );
    }
    let date = httpdate::parse_http_date(value).ok()?;
    date.duration_since(now).ok().map(|wait| wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_parse_nonsense_is_none() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let seconds = |value| parse(value, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:48:37 GMT"), None);
        assert_eq!(seconds("99999999999999999999999"), Some(86_400));
        for nonsense in ["", "-1", "+5", "1.5", "soon", "NaN", "1e9"] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
    }
}
