//! The HTML report: one file that needs nothing else, runs no script and asks for nothing over a network.
//!
//! Its charts are pictures for the eye and are described for the ear; the table beside them has the same numbers. No
//! meaning is in a colour alone.

mod svg;

use super::chart::{self, TimeSeries};
use super::messages::{self, Met};
use super::{Report, TaskReport};
use crate::domain::Reading;
use crate::escape::html as escape;
use crate::outcome::Outcome;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use svg::{Drawing, mini};

/// The only style that the page's policy lets through.
const STYLE: &str = include_str!("html.css");

/// Spans of time of which a chart shows up to four readings each: for one task, and for each of very many.
const MOST_SPANS: usize = 75;
const LEAST_SPANS: usize = 5;
/// Spans for the charts of all tasks together.
const ALL_SPANS: usize = 600;
/// The same in the table of numbers.
const TABLE_SPANS: usize = 10;
const LEAST_TABLE_SPANS: usize = 3;
/// Bytes for what happened to a task; and to all of them.
const EVENTS_ROOM: usize = 64 * 1024;
const ALL_EVENTS_ROOM: usize = 256 * 1024;
/// Most tasks with details.
const MOST_DETAILS: usize = 200;

/// How much there is to show of each task, by their number.
#[derive(Debug, Clone, Copy)]
struct Limits {
    spans: usize,
    table_spans: usize,
    events: usize,
    /// Events up to this number are marked in the chart, too; more would hide each other.
    marks: usize,
}

impl Limits {
    fn of(tasks: usize) -> Self {
        let tasks = tasks.max(1);
        Self {
            spans: (ALL_SPANS / tasks).clamp(LEAST_SPANS, MOST_SPANS),
            table_spans: (100 / tasks).clamp(LEAST_TABLE_SPANS, TABLE_SPANS),
            events: (ALL_EVENTS_ROOM / tasks).min(EVENTS_ROOM),
            marks: if tasks <= 10 { 60 } else { 0 },
        }
    }
}

/// The whole page.
pub fn report(report: &Report) -> String {
    let mut page = String::new();
    let result = report.result();
    let sign = sign(report.outcome.as_ref());
    let goal = report
        .goal
        .map(|goal| format!(" (waited for {goal})"))
        .unwrap_or_default();
    let goal = if report.is_ready() {
        String::new()
    } else {
        goal
    };
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>{sign} {result}: Redis migration</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{DEFINITIONS}\n",
        BASE64_STANDARD.encode(Sha256::digest(STYLE.as_bytes())),
    );
    let class = if report.is_ready() {
        "ready"
    } else {
        "not-ready"
    };
    let _ = writeln!(
        page,
        "<main>\n<h1 class=\"{class}\"><span class=\"sign\" aria-hidden=\"true\">{sign}</span> Redis migration: {result}{goal}</h1>"
    );
    let _ = writeln!(
        page,
        "<p class=\"verdict\">{}</p>",
        prose(&messages::verdict(report))
    );

    let room = Limits::of(report.tasks.len());
    match report.tasks.as_slice() {
        [] => {}
        [task] => {
            particulars(&mut page, report, task);
            next_steps(&mut page, report);
            conditions(&mut page, report, task);
            page.push_str("<h2>Course</h2>\n");
            course(&mut page, report, task, room);
        }
        _ => {
            next_steps(&mut page, report);
            fleet(&mut page, report);
        }
    }
    match report.tasks.as_slice() {
        [] => {
            next_steps(&mut page, report);
            figures(&mut page, report, None);
        }
        [task] => {
            figures(&mut page, report, Some(task));
            page.push_str("<h2>What happened</h2>\n");
            time_line(&mut page, report, task, room);
        }
        _ => {
            figures(&mut page, report, None);
            details(&mut page, report, room);
        }
    }
    let _ = write!(
        page,
        "</main>\n<footer>dcs-migration-wait {}. This page is complete in itself; the same numbers are in the JSON \
         report.</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    page
}

/// A sign for the end that fonts have everywhere; pictures of the kind that a summary shows are missing on many a
/// server. The words beside it say the same.
fn sign(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        None => "…",
        Some(outcome) if outcome.is_ready() => "✓",
        Some(_) => "✗",
    }
}

/// Its colour.
fn class(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        None => "open",
        Some(outcome) if outcome.is_ready() => "yes",
        Some(_) => "no",
    }
}

/// What charts refer to.
const DEFINITIONS: &str = "<svg class=\"none\" aria-hidden=\"true\"><defs><pattern id=\"hatch\" class=\"hatch\" \
     width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\"><path d=\"M0 8 8 0\"/></pattern></defs></svg>";

/// Our own prose with names in backticks. Foreign text cannot open a code span that it does not close: an odd backtick
/// is shown as one.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let mut out = String::new();
    for (n, part) in parts.into_iter().enumerate() {
        if n % 2 == 1 {
            let _ = write!(out, "<code>{}</code>", escape(part));
        } else {
            out.push_str(&escape(part));
        }
    }
    out
}

fn particulars(page: &mut String, report: &Report, task: &TaskReport) {
    let parts = messages::particulars(report, task);
    if parts.is_empty() {
        return;
    }
    page.push_str("<ul>\n");
    for (name, what) in parts {
        let _ = writeln!(page, "<li><strong>{name}:</strong> {}</li>", prose(&what));
    }
    page.push_str("</ul>\n");
}

fn next_steps(page: &mut String, report: &Report) {
    let steps = messages::next_steps(report);
    if steps.is_empty() {
        return;
    }
    page.push_str("<h2>What to do next</h2>\n<ul>\n");
    for step in steps {
        let _ = writeln!(page, "<li>{}</li>", prose(&step));
    }
    page.push_str("</ul>\n");
}

fn conditions(page: &mut String, report: &Report, task: &TaskReport) {
    let conditions = messages::conditions(report, task);
    if conditions.is_empty() {
        return;
    }
    page.push_str(
        "<div class=\"wide\"><table><caption>Conditions of the goal</caption><thead><tr><th scope=\"col\">Condition</th>\
         <th scope=\"col\">Wanted</th><th scope=\"col\">Seen last</th><th scope=\"col\">Met</th></tr></thead><tbody>\n",
    );
    for condition in conditions {
        let (class, sign) = match condition.met {
            Met::Yes => (" yes", "✓"),
            Met::No => (" no", "✗"),
            Met::Unknown => (" no", "?"),
            Met::NotAsked => ("", "–"),
        };
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"s\">{}</td><td class=\"w{class}\"><span class=\"sign\" \
             aria-hidden=\"true\">{sign}</span> {}</td></tr>",
            condition.name,
            prose(&condition.wanted),
            escape(&condition.seen),
            condition.met.as_str()
        );
    }
    page.push_str("</tbody></table></div>\n");
}

fn figures(page: &mut String, report: &Report, task: Option<&TaskReport>) {
    page.push_str("<table><caption>The wait</caption><tbody>\n");
    for (name, value) in messages::figures(report, task) {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>",
            prose(&value)
        );
    }
    page.push_str("</tbody></table>\n");
}

fn time_line(page: &mut String, report: &Report, task: &TaskReport, room: Limits) {
    let rows: Vec<String> = messages::time_line(report, Some(task))
        .iter()
        .map(|(at, what)| {
            format!(
                "<tr><td class=\"t n\">{}</td><td>{}</td></tr>\n",
                escape(&messages::duration(*at)),
                prose(what)
            )
        })
        .collect();
    let (head, left_out, tail) = chart::fit(&rows, room.events);
    page.push_str(
        "<table><caption>Times are since the start of the wait</caption><thead><tr>\
         <th scope=\"col\" class=\"n\">Time</th><th scope=\"col\">What</th></tr></thead><tbody>\n",
    );
    page.push_str(&head.concat());
    if left_out > 0 {
        let words = messages::plural(left_out as u64, "event");
        let _ = writeln!(
            page,
            "<tr><td class=\"t n\">…</td><td>{words} left out here</td></tr>"
        );
    }
    page.push_str(&tail.concat());
    page.push_str("</tbody></table>\n");
}

fn fleet(page: &mut String, report: &Report) {
    page.push_str(
        "<h2>Tasks</h2>\n<div class=\"wide\"><table><caption>The least advanced first</caption><thead><tr>\
         <th scope=\"col\">Task</th><th scope=\"col\">Result</th><th scope=\"col\" class=\"n\">Full sync</th>\
         <th scope=\"col\" class=\"n\">Offset</th><th scope=\"col\">Course of the offset</th><th scope=\"col\">Status</th>\
         <th scope=\"col\" class=\"n\">Polls</th></tr></thead><tbody>\n",
    );
    for (n, task) in report.by_advance().into_iter().enumerate() {
        let reading = task.reading.clone().unwrap_or_default();
        let id = format!("<code>{}</code>", escape(task.id.as_str()));
        let id = if n < MOST_DETAILS {
            format!("<a href=\"#task-{}\">{id}</a>", n + 1)
        } else {
            id
        };
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\" class=\"w\">{id}</th><td class=\"w {}\"><span class=\"sign\" aria-hidden=\"true\">{}</span> {}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"s\">{}</td><td class=\"n\">{}</td></tr>",
            class(report.outcome_of(task)),
            sign(report.outcome_of(task)),
            messages::task_result(report, task),
            escape(
                &reading
                    .full_migration_progress
                    .map_or_else(|| "unknown".to_owned(), messages::percent)
            ),
            escape(&messages::known(reading.offset)),
            mini(&TimeSeries::of(task)),
            task.detail
                .as_ref()
                .map(|detail| escape(detail.status.word()))
                .unwrap_or_default(),
            task.polls
        );
    }
    page.push_str("</tbody></table></div>\n");
}

/// Each of several tasks, folded, but for the least advanced.
fn details(page: &mut String, report: &Report, room: Limits) {
    let tasks = report.by_advance();
    page.push_str("<h2>Each task</h2>\n");
    for (n, task) in tasks.iter().take(MOST_DETAILS).enumerate() {
        let open = if n == 0 { " open" } else { "" };
        let _ = writeln!(
            page,
            "<details class=\"task\"{open}><summary class=\"{}\"><span class=\"sign\" aria-hidden=\"true\">{}</span> <code>{}</code>: {}</summary>\n\
             <p id=\"task-{}\">{}</p>",
            class(report.outcome_of(task)),
            sign(report.outcome_of(task)),
            escape(task.id.as_str()),
            messages::task_result(report, task),
            n + 1,
            prose(&messages::sentence(&messages::task_reason(report, task)))
        );
        conditions(page, report, task);
        course(page, report, task, room);
        if let Some(reading) = &task.reading {
            let _ = writeln!(page, "<p>Keys: {}.</p>", escape(&messages::keys(reading)));
        }
        time_line(page, report, task, room);
        page.push_str("</details>\n");
    }
    if tasks.len() > MOST_DETAILS {
        let _ = writeln!(
            page,
            "<p>{} more tasks are in the table above.</p>",
            tasks.len() - MOST_DETAILS
        );
    }
}

/// The chart and the table of the same numbers.
fn course(page: &mut String, report: &Report, task: &TaskReport, room: Limits) {
    let readings = &task.history.readings;
    let course = TimeSeries::of(task);
    if readings.is_empty() {
        page.push_str("<p>There was no reading.</p>\n");
        return;
    }
    if course.copied.is_empty() && course.offsets.is_empty() {
        page.push_str(
            "<p>No reading told how much is copied or how far the target is behind.</p>\n",
        );
    } else if readings.len() > 1 {
        Drawing::new(report, task, &course, room).draw(page);
    }
    let shown = chart::thin(readings, room.table_spans);
    let _ = writeln!(
        page,
        "<details><summary>The numbers</summary>\n<div class=\"wide\"><table><caption>{} of {}; of each span of time the \
         first, the last and the worst</caption><thead><tr><th scope=\"col\" class=\"n\">Time</th>\
         <th scope=\"col\">Migrating</th><th scope=\"col\" class=\"n\">Full sync</th><th scope=\"col\" class=\"n\">Offset</th>\
         <th scope=\"col\" class=\"n\">Keys, source</th><th scope=\"col\" class=\"n\">Keys, target</th></tr></thead><tbody>",
        shown.len(),
        messages::plural(task.history.total_readings, "reading")
    );
    for (at, reading) in &shown {
        let _ = writeln!(
            page,
            "<tr><td class=\"t n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            messages::duration(*at),
            reading
                .is_migrating
                .map_or("unknown", |is| if is { "yes" } else { "no" }),
            copied(reading),
            messages::known(reading.offset),
            messages::known(reading.source_dbsize),
            messages::known(reading.target_dbsize),
        );
    }
    page.push_str("</tbody></table></div>\n</details>\n");
}

fn copied(reading: &Reading) -> String {
    reading
        .full_migration_progress
        .map_or_else(|| "unknown".to_owned(), messages::percent)
}

// The picture's own units: where the panels begin and end.
#[cfg(test)]
#[path = "html/tests.rs"]
mod tests;
