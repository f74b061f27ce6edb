//! GitLab: the dotenv report.

use super::Report;
use crate::escape;
use std::fmt::Write as _;

/// GitLab refuses a dotenv report of 5 KiB or more, whole.
const LARGEST: usize = 5 * 1024 - 1;
/// The one value that can be long, cut to leave room for all others.
const LONGEST_REASON: usize = 1000;

/// The outputs as variables, `DCS_RESULT=completed` and so on.
pub fn dotenv(report: &Report) -> String {
    let mut text = String::new();
    for (name, value) in super::outputs(report) {
        let name = name.to_ascii_uppercase().replace('-', "_");
        let mut value = escape::dotenv(&value);
        while value.len() > LONGEST_REASON {
            value.pop();
        }
        if text.len() + name.len() + value.len() + 6 <= LARGEST {
            let _ = writeln!(text, "DCS_{name}={value}");
        }
    }
    text
}
