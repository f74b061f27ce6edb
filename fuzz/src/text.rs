//! The frame of inputs, and what is said about text.

use std::borrow::Cow;

/// A secret that is planted where secrets are.
pub(super) const SECRET: &str = "s3cr3t-m4rk3r-0f-th3-pr0p3rt13s";

/// Where an input wants the secret to be.
const PLACE: &str = "@SECRET@";

/// The input as text, unless it knows the secret already.
pub(super) fn read(data: &[u8]) -> Option<Cow<'_, str>> {
    Some(String::from_utf8_lossy(data)).filter(|text| !text.contains(SECRET))
}

/// The text with the secret at its places.
pub(super) fn with_secret(text: &str) -> String {
    text.replace(PLACE, SECRET)
}

/// Parts of an input; a line `%%%` separates two.
pub(super) fn parts(data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let (mut start, mut line) = (0, 0);
    while line <= data.len() {
        let end = data
            .iter()
            .skip(line)
            .position(|&byte| byte == b'\n')
            .map_or(data.len(), |n| line + n);
        if &data[line..end] == b"%%%" {
            parts.push(&data[start..line]);
            start = (end + 1).min(data.len());
        }
        line = end + 1;
    }
    parts.push(&data[start..]);
    parts
}

/// A part in the form of an HTTP answer: words, header lines, an empty line, the body.
pub(super) struct Message<'a> {
    pub(super) words: Vec<String>,
    headers: Vec<(String, String)>,
    pub(super) body: &'a [u8],
}

impl<'a> Message<'a> {
    pub(super) fn read(part: &'a [u8]) -> Self {
        let mut rest = part;
        let mut line = || {
            let end = rest
                .iter()
                .position(|&byte| byte == b'\n')
                .unwrap_or(rest.len());
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = rest.get(end + 1..).unwrap_or_default();
            line
        };
        let words = line().split_whitespace().map(str::to_owned).collect();
        let mut headers = Vec::new();
        while let Some((name, value)) = line().split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Self {
            words,
            headers,
            body: rest,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Control characters, and what reorders, hides or separates text: written down apart from `escape`, by Unicode's lists
/// of `Bidi_Control`, `Cc`, `Zl`, `Zp`, tags and what else has no width.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One visible line.
#[track_caller]
pub(super) fn assert_line(text: &str) {
    assert!(!text.contains(is_hidden), "not one visible line: {text:?}");
}

/// One visible line that no runner takes a command from.
#[track_caller]
pub(super) fn assert_log_line(text: &str) {
    assert_line(text);
    assert!(!super::formats::holds_command(text), "a command: {text:?}");
}

/// Text without the secret.
#[track_caller]
pub(super) fn assert_no_secret(text: &str) {
    assert!(!text.contains(SECRET), "the secret is in: {text}");
}
