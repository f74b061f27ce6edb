//! The HTML report: one file that needs nothing else, runs no script and asks for nothing over a network.
//!
//! Its charts are described in words, too, and the table beside them has the same numbers. No meaning is in a colour
//! alone.

mod svg;

use super::messages::{self, Met};
use super::templates::html as filters;
use super::view::{Happened, TaskView, TimeLine, View};
use crate::domain::Reading;
use crate::outcome::Outcome;
use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::time::Duration;
use svg::Chart;

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
const EVENTS_BYTES: usize = 64 * 1024;
const ALL_EVENTS_BYTES: usize = 256 * 1024;
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
            events: (ALL_EVENTS_BYTES / tasks).min(EVENTS_BYTES),
            marks: if tasks <= 10 { 60 } else { 0 },
        }
    }
}

/// The values of `templates/report.html`.
#[derive(Template)]
#[template(path = "report.html", config = "src/report/templates/askama.toml")]
struct Page<'a> {
    view: &'a View<'a>,
    style_hash: String,
    /// The only task, where there is one.
    only: Option<Section<'a>>,
    /// Several tasks, the least advanced first; and those of them that are shown in detail.
    tasks: Vec<&'a TaskView<'a>>,
    sections: Vec<Section<'a>>,
}

/// A task in detail.
struct Section<'a> {
    task: &'a TaskView<'a>,
    chart: Option<Chart>,
    numbers: Vec<(Duration, Reading)>,
    /// "41 readings", those that the table leaves out included.
    total: String,
    time_line: TimeLine,
}

impl<'a> Section<'a> {
    fn of(view: &'a View<'a>, task: &'a TaskView<'a>, limits: Limits) -> Self {
        let history = &task.task.history;
        let events: Vec<Happened> = view.events_of(task);
        let has_chart = history.readings.len() > 1;
        Self {
            task,
            chart: has_chart.then(|| Chart::of(view, task, &events, limits)),
            numbers: super::chart::thin(&history.readings, limits.table_spans),
            total: messages::plural(history.total_readings, "reading"),
            time_line: TimeLine::fit(&events, limits.events, |(at, what)| {
                const MARKUP: usize = "<tr><td class=\"t n\"></td><td></td></tr>\n".len();
                MARKUP + at.len() + filters::markup(what).len()
            }),
        }
    }
}

/// The whole page.
pub fn report(view: &View<'_>) -> String {
    let limits = Limits::of(view.tasks.len());
    let section = |task| Section::of(view, task, limits);
    let (only, tasks) = match view.tasks.as_slice() {
        [task] => (Some(section(task)), Vec::new()),
        _ => (None, view.by_advance()),
    };
    let page = Page {
        view,
        style_hash: BASE64_STANDARD.encode(Sha256::digest(STYLE.as_bytes())),
        only,
        sections: tasks
            .iter()
            .copied()
            .take(MOST_DETAILS)
            .map(section)
            .collect(),
        tasks,
    };
    // Writing to memory does not fail.
    page.render().unwrap_or_default() + "\n"
}

/// Whether only the first of so many tasks is printed in full: a page or two each is more than anybody reads on paper.
fn is_shortened_in_print(sections: usize) -> bool {
    sections > 4
}

/// A sign for the end that fonts have everywhere; the pictures of a summary are missing on many a server. The words
/// beside it say the same.
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

/// The colour and the sign of a condition.
fn met_sign(met: Met) -> (&'static str, &'static str) {
    match met {
        Met::Yes => (" yes", "✓"),
        Met::No => (" no", "✗"),
        Met::Unknown => (" no", "?"),
        Met::NotAsked => ("", "–"),
    }
}

#[cfg(test)]
mod tests;
