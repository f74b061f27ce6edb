//! GitHub: the lines of `GITHUB_OUTPUT`.

use super::{Report, json};
use std::fmt::Write as _;

/// A body longer than this is not handed on: all outputs of a job together may be a megabyte. A usual one is 200 bytes.
const LARGEST_STATS: usize = 512 * 1024;
/// All outputs together stay under GitHub's mebibyte, with room for the first version.
const LARGEST_OUTPUTS: usize = 1000 * 1000;

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
    let room = LARGEST_OUTPUTS.saturating_sub(text.len());
    let tasks = json::tasks_within(report, room);
    entry(&mut text, "tasks", &tasks, &mut delimiter);
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
    fn thousands_of_tasks_fit() {
        use crate::report::tests::long_wait;
        use serde_json::Value;
        for (n, truncated) in [(100, false), (3000, false), (20_000, true)] {
            let mut report = long_wait(1);
            report.tasks[0].history = Default::default();
            let task = report.tasks.remove(0);
            report.tasks = (0..n)
                .map(|n| crate::report::TaskReport {
                    id: crate::domain::TaskId::parse(&format!("{n:032x}")).unwrap(),
                    ..task.clone()
                })
                .collect();
            let text = outputs_with(&report, String::new);
            assert!(text.len() < 1024 * 1024, "{n}: {}", text.len());
            let (_, tasks) = text.rsplit_once("\ntasks=").unwrap();
            let tasks: Vec<Value> = serde_json::from_str(tasks).unwrap();
            let told = tasks.last().unwrap()["truncated"].as_u64();
            let kept = tasks.len() - usize::from(told.is_some());
            assert_eq!(told.is_some(), truncated, "{n}");
            assert_eq!(kept as u64 + told.unwrap_or(0), n as u64);
            assert!(tasks[0]["task-id"].is_string() && tasks[0]["result"].is_string());
        }
    }

    #[test]
    fn multiline_value_has_unique_delimiter() {
        let mut text = String::new();
        entry(&mut text, "a", "x\ny=1", &mut || "EOF1".to_owned());
        entry(&mut text, "b", "x", &mut || "EOF2".to_owned());
        assert_eq!(text, "a<<EOF1\nx\ny=1\nEOF1\nb=x\n");
        assert_ne!(random_delimiter(), random_delimiter());
    }
}
