//! What every written answer and report has to obey.

use super::formats;
use super::text::{assert_line, assert_log_line};
use dcs_migration_wait::escape;
use dcs_migration_wait::report::view::View;
use dcs_migration_wait::report::{
    self, OUTPUTS, Report, github, gitlab, html, json, junit, markdown, messages,
};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Checks every output of a report by the rules of its reader. Returns everything that was written.
pub(super) fn check(report: &Report) -> String {
    let values = report::outputs(report);
    let names: Vec<&str> = values.iter().map(|&(name, _)| name).collect();
    assert_eq!(names, OUTPUTS);
    for (_, value) in &values {
        assert_line(value);
    }
    let of = |name: &str| {
        values
            .iter()
            .find(|(other, _)| *other == name)
            .map_or("", |(_, value)| value)
    };
    // The one bit, in each of its spellings.
    let is_ready = report.is_ready();
    assert_eq!(of("ready"), is_ready.to_string());
    assert_eq!(of("exit-code") == "0", is_ready);
    assert_eq!(
        ["completed", "in-sync", "full-sync"].contains(&of("result")),
        is_ready
    );
    assert!(!of("reason").is_empty());

    let written = [
        check_github(report, &values),
        check_gitlab(report, &values),
        check_json(report),
        check_markdown(report),
        check_html(report),
        check_junit(report),
        check_verdict(report),
    ];
    written.concat()
}

fn check_github(report: &Report, values: &[(&str, String)]) -> String {
    let text = github::outputs(report);
    let mut read =
        formats::github_output(&text).unwrap_or_else(|error| panic!("{error} in:\n{text}"));
    // A name a line, so that none is there twice.
    assert_eq!(text.lines().count(), OUTPUTS.len() + 2, "{text}");
    for line in text.lines() {
        assert_line(line);
        assert!(!line.trim_start().starts_with("::"), "{line}");
    }
    for (name, value) in values {
        // A later step may echo it.
        assert!(
            !value.starts_with("::") && !value.contains("##["),
            "{name}: {value}"
        );
        assert_eq!(read.remove(*name).as_ref(), Some(value));
    }
    let stats = read.remove("stats").expect("`stats` is always there");
    assert!(stats.is_ascii() && stats.len() <= 512 * 1024);
    assert_log_line(&stats);
    assert!(
        stats.is_empty()
            || serde_json::from_str::<&RawValue>(&stats)
                .is_ok_and(|raw| raw.get().starts_with('{'))
    );
    let tasks = read.remove("tasks").expect("`tasks` is always there");
    assert!(tasks.is_ascii());
    assert_log_line(&tasks);
    let tasks: Vec<BTreeMap<String, Value>> =
        serde_json::from_str(&tasks).expect("an array of objects");
    assert_eq!(tasks.len(), report.tasks.len());
    for (task, of) in tasks.iter().zip(&report.tasks) {
        assert_eq!(task["task-id"], of.id.as_str());
        assert_eq!(task["ready"] == true, task["exit-code"] == 0);
        if report.is_ready() {
            assert_eq!(task["ready"], true);
        }
    }
    assert!(read.is_empty(), "more than ours: {read:?}");
    text
}

fn check_gitlab(report: &Report, values: &[(&str, String)]) -> String {
    let text = gitlab::dotenv(report);
    let mut read = formats::dotenv(&text).unwrap_or_else(|error| panic!("{error} in:\n{text}"));
    assert_eq!(text.lines().count(), OUTPUTS.len(), "{text}");
    for line in text.lines() {
        assert_line(line);
        assert!(!line.trim_start().starts_with("::"), "{line}");
    }
    for (name, value) in values {
        let variable = format!("DCS_{}", name.to_ascii_uppercase().replace('-', "_"));
        let read = read
            .remove(&variable)
            .unwrap_or_else(|| panic!("no {variable}"));
        // Neither GitLab, which expands variables, nor a shell that sources the file finds anything to do.
        assert!(
            !read.contains(['$', '`', '"', '\'', '\\', ';', '&', '|', '<', '>', '(', ')']),
            "{read}"
        );
        if !["reason", "task-status", "ip-switch"].contains(name) {
            assert_eq!(read, *value);
        }
    }
    assert!(read.is_empty(), "more than ours: {read:?}");
    text
}

fn check_json(report: &Report) -> String {
    let (line, text) = (json::line(report), json::report(report));
    assert!(
        line.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
        "{line:?}"
    );
    assert_log_line(&line);
    for text in [&line, &text] {
        assert!(
            serde_json::from_str::<Value>(text).is_ok(),
            "a strict reader refuses {text}"
        );
        let whole: BTreeMap<String, &RawValue> =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(whole["ready"].get(), report.is_ready().to_string());
        assert_eq!(whole["result"].get(), format!("\"{}\"", report.result()));
        let reason: String = serde_json::from_str(whole["reason"].get()).expect("a string");
        assert_eq!(reason, messages::reason(report));
        let tasks: Vec<BTreeMap<String, &RawValue>> =
            serde_json::from_str(whole["tasks"].get()).expect("objects");
        assert_eq!(tasks.len(), report.tasks.len());
        for (name, value) in tasks.iter().flatten().filter(|(name, _)| *name != "stats") {
            assert!(serde_json::from_str::<Value>(value.get()).is_ok(), "{name}");
        }
    }
    line + &text
}

/// The summary has our tags, our tables and our code spans, and nothing that foreign text could open.
fn check_markdown(report: &Report) -> String {
    const TAGS: [&str; 8] = [
        "<code>",
        "</code>",
        "<sub>",
        "</sub>",
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
    ];
    let text = markdown::summary(&View::of(report));
    let (mut columns, mut in_block) = (None, false);
    for line in text.lines() {
        assert_log_line(line);
        if line.starts_with("```") {
            in_block = !in_block;
            continue;
        }
        if in_block {
            // Charts and lines of blocks: numbers and our own words.
            assert!(!line.contains('`'), "{line}");
            continue;
        }
        let bare = TAGS
            .iter()
            .fold(line.to_owned(), |line, tag| line.replace(tag, ""));
        assert!(!bare.contains(['<', '>', '@']), "{line}");
        assert_eq!(
            line.matches("<code>").count(),
            line.matches("</code>").count(),
            "{line}"
        );
        // What to do and the counts of tasks are bold, in plain words.
        let bold = bare
            .strip_prefix("**")
            .and_then(|line| line.split_once("**"));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " ,:.-".contains(c);
        let bare = match bold {
            Some((bold, rest)) if bold.chars().all(is_plain) => rest.to_owned(),
            _ => bare,
        };
        // Bold names begin an item, and one of the notes is in backticks.
        let bare = bare
            .strip_prefix("- **")
            .map_or(bare.clone(), |rest| rest.replacen(":**", "", 1));
        let bare = bare.strip_prefix("`·`").map_or(bare.clone(), str::to_owned);
        let (mut is_escaped, mut bars) = (false, 0);
        for c in bare.chars() {
            match c {
                '`' | '[' | ']' | '*' | '~' | '$' => assert!(is_escaped, "{c} in {line}"),
                '|' if !is_escaped => bars += 1,
                _ => {}
            }
            is_escaped = c == '\\' && !is_escaped;
        }
        if line.starts_with("| ") {
            assert_eq!(*columns.get_or_insert(bars), bars, "{line}");
        } else {
            columns = None;
            assert_eq!(bars, 0, "{line}");
        }
    }
    assert!(!in_block);
    text
}

/// The page is well-formed, has our elements, and fetches and runs nothing.
fn check_html(report: &Report) -> String {
    const ELEMENTS: [&str; 40] = [
        "a",
        "body",
        "caption",
        "circle",
        "code",
        "defs",
        "desc",
        "details",
        "div",
        "figcaption",
        "figure",
        "footer",
        "g",
        "h1",
        "h2",
        "h3",
        "li",
        "line",
        "main",
        "p",
        "path",
        "pattern",
        "polyline",
        "rect",
        "span",
        "strong",
        "summary",
        "svg",
        "table",
        "tbody",
        "td",
        "text",
        "th",
        "thead",
        "title",
        "tr",
        "ul",
        "use",
        "em",
        "small",
    ];
    let page = html::report(&View::of(report));
    let start = page.find("<body").expect("a body");
    let end = page.find("</body>").expect("an end");
    let body = &page[start..end + "</body>".len()];
    let elements =
        formats::xml_elements(body).unwrap_or_else(|error| panic!("{error} in:\n{body}"));
    for element in elements {
        assert!(ELEMENTS.contains(&element.as_str()), "<{element}>");
    }
    for line in body.lines() {
        assert_line(line);
    }
    // Every link leads to the page itself, and no foreign text has a quote left to end an attribute with.
    assert_eq!(
        body.matches("href=\"").count(),
        body.matches("href=\"#task-").count()
    );
    for text in body.split('>').filter_map(|piece| piece.split('<').next()) {
        assert!(!text.contains('"'), "{text}");
    }
    page
}

/// A suite fails unless the whole wait is ready, or has not ended, which passes for nothing either.
fn check_junit(report: &Report) -> String {
    let text = junit::report(&View::of(report));
    let elements =
        formats::xml_elements(&text).unwrap_or_else(|error| panic!("{error} in:\n{text}"));
    let count = |name: &str| elements.iter().filter(|element| *element == name).count();
    let n_bad = count("failure") + count("error");
    if report.outcome.is_some() {
        assert_eq!(n_bad == 0, report.is_ready(), "{text}");
    } else {
        // A task can have ended before the whole.
        assert!(n_bad + count("skipped") > 0, "{text}");
    }
    assert!(count("testcase") >= report.tasks.len().max(1));
    const ELEMENTS: [&str; 9] = [
        "testsuites",
        "testsuite",
        "properties",
        "property",
        "testcase",
        "failure",
        "error",
        "skipped",
        "system-out",
    ];
    assert!(
        elements
            .iter()
            .all(|element| ELEMENTS.contains(&element.as_str())),
        "{elements:?}"
    );
    for line in text.lines() {
        assert_line(line);
    }
    text
}

/// The last line of a log, as the console writes it.
fn check_verdict(report: &Report) -> String {
    let verdict = format!("{}: {}", report.result(), messages::reason(report));
    assert_log_line(&escape::log(&verdict));
    let data = escape::command_data(&verdict);
    assert_log_line(&data);
    // Whatever the runner decodes is a percent sign and nothing else.
    for (at, _) in data.match_indices('%') {
        assert!(data[at..].starts_with("%25"), "{data}");
    }
    for step in messages::next_steps(report) {
        assert_line(&step);
    }
    verdict
}
