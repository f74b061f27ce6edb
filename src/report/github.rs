//! GitHub: the lines of `GITHUB_OUTPUT`.

use super::{Report, json};
use std::fmt::Write as _;

/// A body longer than this is not handed on: all outputs of a job together may be a megabyte. A usual one is 200 bytes.
const LARGEST_STATS: usize = 512 * 1024;

/// Every output, as the runner's file format wants it.
pub fn outputs_with(report: &Report, mut delimiter: impl FnMut() -> String) -> String {
    let mut text = String::new();
    for (name, value) in super::outputs(report) {
        entry(&mut text, name, &value, &mut delimiter);
    }
    let stats = report
        .least_advanced()
        .and_then(|task| task.raw.as_deref())
        .filter(|raw| raw.len() <= LARGEST_STATS)
        .unwrap_or_default();
    entry(&mut text, "stats", stats, &mut delimiter);
    entry(&mut text, "tasks", &json::tasks(report), &mut delimiter);
    text
}

/// Every output, with random delimiters.
pub fn outputs(report: &Report) -> String {
    outputs_with(report, random_delimiter)
}

/// `name=value`, or a heredoc where the value has line breaks.
fn entry(text: &mut String, name: &str, value: &str, delimiter: &mut impl FnMut() -> String) {
    if value.contains(['\n', '\r']) {
        let delimiter = delimiter();
        let _ = writeln!(text, "{name}<<{delimiter}\n{value}\n{delimiter}");
    } else {
        let _ = writeln!(text, "{name}={value}");
    }
}

/// It cannot be guessed by anyone who writes into a value.
fn random_delimiter() -> String {
    let mut bytes = [0; 16];
    // Without randomness there is no delimiter that cannot be guessed; this one is at least no word of any value.
    let _ = getrandom::fill(&mut bytes);
    bytes
        .iter()
        .fold("ghadelimiter_".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiline_value_has_unique_delimiter() {
        let mut text = String::new();
        entry(&mut text, "a", "x\ny=1", &mut || "EOF1".to_owned());
        entry(&mut text, "b", "x", &mut || "EOF2".to_owned());
        assert_eq!(text, "a<<EOF1\nx\ny=1\nEOF1\nb=x\n");
        assert_ne!(random_delimiter(), random_delimiter());
    }
}
