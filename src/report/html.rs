//! The HTML report: one file that needs nothing else, runs no script and asks for nothing over a network.
//!
//! Its charts are pictures for the eye and are described for the ear; the table beside them has the same numbers. No
//! meaning is in a colour alone.

use super::chart::{self, TimeSeries};
use super::words::{self, Met};
use super::{Report, TaskReport};
use crate::domain::Reading;
use crate::escape::html as escape;
use crate::outcome::Outcome;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::time::Duration;

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
        base64(&Sha256::digest(STYLE.as_bytes())),
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
        prose(&words::verdict(report))
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

/// Standard base64, for the policy's hash.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for n in 0..4 {
            let letter = ALPHABET
                .get((bits >> (18 - 6 * n) & 63) as usize)
                .copied()
                .unwrap_or(b'=');
            out.push(if n <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

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
    let parts = words::particulars(report, task);
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
    let steps = words::next_steps(report);
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
    let conditions = words::conditions(report, task);
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
    for (name, value) in words::figures(report, task) {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>",
            prose(&value)
        );
    }
    page.push_str("</tbody></table>\n");
}

fn time_line(page: &mut String, report: &Report, task: &TaskReport, room: Limits) {
    let rows: Vec<String> = words::time_line(report, Some(task))
        .iter()
        .map(|(at, what)| {
            format!(
                "<tr><td class=\"t n\">{}</td><td>{}</td></tr>\n",
                escape(&words::duration(*at)),
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
        let words = words::plural(left_out as u64, "event");
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
            words::task_result(report, task),
            escape(
                &reading
                    .full_migration_progress
                    .map_or_else(|| "unknown".to_owned(), words::percent)
            ),
            escape(&words::known(reading.offset)),
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

/// A chart of the offset as small as a word; everything in it is said elsewhere.
fn mini(course: &TimeSeries) -> String {
    let samples = course.offset_samples(24);
    let top = samples
        .iter()
        .flatten()
        .copied()
        .fold(0.0, chart::farther)
        .abs()
        .max(1.0);
    let mut path = String::new();
    let mut drawing = false;
    for (n, value) in samples.into_iter().enumerate() {
        if let Some(value) = value {
            let step = if drawing { 'L' } else { 'M' };
            let _ = write!(
                path,
                "{step}{} {}",
                4 * n + 2,
                chart::decimal(20.0 - 18.0 * value.abs() / top, 1)
            );
        }
        drawing = value.is_some();
    }
    if path.is_empty() {
        return "<span class=\"soft\">none</span>".to_owned();
    }
    format!(
        "<svg class=\"mini\" viewBox=\"0 0 96 22\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"offset\" d=\"{path}\"/></svg>"
    )
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
            words::task_result(report, task),
            n + 1,
            prose(&words::sentence(&words::task_reason(report, task)))
        );
        conditions(page, report, task);
        course(page, report, task, room);
        if let Some(reading) = &task.reading {
            let _ = writeln!(page, "<p>Keys: {}.</p>", escape(&words::keys(reading)));
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
        words::plural(task.history.total_readings, "reading")
    );
    for (at, reading) in &shown {
        let _ = writeln!(
            page,
            "<tr><td class=\"t n\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            words::duration(*at),
            reading
                .is_migrating
                .map_or("unknown", |is| if is { "yes" } else { "no" }),
            copied(reading),
            words::known(reading.offset),
            words::known(reading.source_dbsize),
            words::known(reading.target_dbsize),
        );
    }
    page.push_str("</tbody></table></div>\n</details>\n");
}

fn copied(reading: &Reading) -> String {
    reading
        .full_migration_progress
        .map_or_else(|| "unknown".to_owned(), words::percent)
}

/// One picture: the full sync above, the offset below, on one axis of time.
struct Drawing<'a> {
    report: &'a Report,
    task: &'a TaskReport,
    course: &'a TimeSeries,
    room: Limits,
    max_offset: i64,
    /// The ends of the offset's axis, on its scale.
    bottom: f64,
    top: f64,
    /// Where the picture's axis of time is.
    floor: f64,
}

// The picture's own units: where the panels begin and end.
const WIDTH: f64 = 800.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 730.0;
const COPY_TOP: f64 = 28.0;
const COPY_BOTTOM: f64 = 108.0;
const OFFSET_TOP: f64 = 148.0;
const OFFSET_BOTTOM: f64 = 318.0;
/// Room for the axis of time.
const BELOW: f64 = 48.0;

impl<'a> Drawing<'a> {
    fn new(report: &'a Report, task: &'a TaskReport, course: &'a TimeSeries, room: Limits) -> Self {
        let max_offset = report.max_offset();
        let scaled = || {
            course
                .offsets
                .iter()
                .flatten()
                .map(|&(_, offset)| chart::scaled(offset))
        };
        let top = scaled()
            .chain([chart::scaled(max_offset), 1.0])
            .fold(0.0, f64::max)
            .ceil();
        let bottom = scaled().fold(0.0, f64::min).floor();
        // A full migration has no offset.
        let floor = if course.offsets.is_empty() {
            COPY_BOTTOM
        } else {
            OFFSET_BOTTOM
        };
        Self {
            report,
            task,
            course,
            room,
            max_offset,
            bottom,
            top,
            floor,
        }
    }

    fn x(&self, at: Duration) -> f64 {
        let until = self.course.until.as_secs_f64();
        LEFT + if until > 0.0 {
            (RIGHT - LEFT) * at.as_secs_f64() / until
        } else {
            0.0
        }
    }

    fn copy_y(percent: f64) -> f64 {
        COPY_BOTTOM - (COPY_BOTTOM - COPY_TOP) * percent.clamp(0.0, 100.0) / 100.0
    }

    fn offset_y(&self, scaled: f64) -> f64 {
        OFFSET_BOTTOM
            - (OFFSET_BOTTOM - OFFSET_TOP) * (scaled - self.bottom) / (self.top - self.bottom)
    }

    fn draw(&self, page: &mut String) {
        let id = escape(self.task.id.as_str());
        let _ = writeln!(
            page,
            "<figure><div class=\"wide\"><svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-labelledby=\"title-{id} desc-{id}\">\
             <title id=\"title-{id}\">Full sync and offset over time</title><desc id=\"desc-{id}\">{}</desc>",
            one(self.floor + BELOW),
            escape(&self.description())
        );
        self.axes(page);
        self.lines(page);
        let events = words::time_line(self.report, Some(self.task));
        let marks = events.len() <= self.room.marks;
        if marks {
            self.marks(page, &events);
        }
        self.values(page);
        page.push_str("</svg></div>\n<figcaption>");
        if self.has_offsets() {
            page.push_str("The offset's scale is logarithmic, with a zero. ");
            if !self.course.copying.is_empty() {
                page.push_str(
                    "Hatched: the data set is being copied, and the offset means nothing yet. ",
                );
            }
        }
        if marks {
            page.push_str("Marks on the axis of time are events. ");
        }
        page.push_str("<span class=\"screen\">Point at the picture for values.</span></figcaption></figure>\n");
    }

    fn has_offsets(&self) -> bool {
        !self.course.offsets.is_empty()
    }

    /// The picture in a sentence, for whoever does not see it.
    fn description(&self) -> String {
        let mut text = format!("From the start to {}.", words::duration(self.course.until));
        if let (Some((_, from)), Some((_, until))) =
            (self.course.copied.first(), self.course.copied.last())
        {
            text.push_str(&format!(
                " Full sync from {} to {}.",
                words::percent(*from),
                words::percent(*until)
            ));
        }
        if let Some(numbers) = words::offset_course(self.course) {
            text.push_str(&format!(" Offset: {numbers}."));
        }
        text.push_str(" The table of numbers follows.");
        text
    }

    fn axes(&self, page: &mut String) {
        let mut label = |x: f64, y: f64, anchor: &str, class: &str, text: &str| {
            let class = if class.is_empty() {
                String::new()
            } else {
                format!(" class=\"{class}\"")
            };
            let _ = write!(
                page,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\"{class}>{}</text>",
                one(x),
                one(y),
                escape(text)
            );
        };
        label(LEFT, COPY_TOP - 12.0, "start", "name", "Full sync");
        if self.has_offsets() {
            label(LEFT, OFFSET_TOP - 12.0, "start", "name", "Offset");
        }
        for percent in [0.0, 50.0, 100.0] {
            label(
                LEFT - 8.0,
                Self::copy_y(percent) + 4.0,
                "end",
                "",
                &words::percent(percent),
            );
        }
        let decades = if self.has_offsets() {
            self.decades()
        } else {
            Vec::new()
        };
        for &(scaled, offset) in &decades {
            label(
                LEFT - 8.0,
                self.offset_y(scaled) + 4.0,
                "end",
                "",
                &short(offset),
            );
        }
        let ticks = ticks(self.course.until);
        for &tick in &ticks {
            label(
                self.x(tick),
                self.floor + 24.0,
                "middle",
                "",
                &words::duration(tick),
            );
        }
        label(RIGHT, self.floor + 42.0, "end", "", "time since the start");

        let mut line = |class: &str, x1: f64, y1: f64, x2: f64, y2: f64| {
            let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(one);
            let _ = write!(
                page,
                "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
            );
        };
        for percent in [50.0, 100.0] {
            line(
                "grid",
                LEFT,
                Self::copy_y(percent),
                RIGHT,
                Self::copy_y(percent),
            );
        }
        for &(scaled, _) in decades.iter().filter(|&&(scaled, _)| scaled != 0.0) {
            line(
                "grid",
                LEFT,
                self.offset_y(scaled),
                RIGHT,
                self.offset_y(scaled),
            );
        }
        for &tick in &ticks {
            line(
                "axis",
                self.x(tick),
                self.floor,
                self.x(tick),
                self.floor + 6.0,
            );
        }
        line("axis", LEFT, COPY_BOTTOM, RIGHT, COPY_BOTTOM);
        if !self.has_offsets() {
            page.push('\n');
            return;
        }
        line("axis", LEFT, self.offset_y(0.0), RIGHT, self.offset_y(0.0));
        for &(from, until) in &self.course.copying {
            let (x, width) = (self.x(from), self.x(until) - self.x(from));
            let [x, y, width, height] = [x, OFFSET_TOP, width, OFFSET_BOTTOM - OFFSET_TOP].map(one);
            let _ = write!(
                page,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"url(#hatch)\"/>"
            );
        }
        page.push('\n');
    }

    /// Offsets worth a line: zero and powers of ten, with their places on the scale.
    fn decades(&self) -> Vec<(f64, i64)> {
        let steps = (self.top.max(-self.bottom) as u32).min(19);
        // With many orders of magnitude, every second or third one has room.
        let stride = (steps / 7 + 1) as usize;
        let powers = (0..steps)
            .step_by(stride)
            .filter_map(|power| 10_i64.checked_pow(power));
        let both = powers.flat_map(|offset| [offset, -offset]).chain([0]);
        let placed = both.map(|offset| (chart::scaled(offset), offset));
        let apart = |scaled: f64| {
            scaled == 0.0 || (self.offset_y(scaled) - self.offset_y(0.0)).abs() > 14.0
        };
        placed
            .filter(|&(scaled, _)| scaled <= self.top && scaled >= self.bottom && apart(scaled))
            .collect()
    }

    fn lines(&self, page: &mut String) {
        let shown = chart::thin(&self.task.history.readings, self.room.spans);
        let mut copy = Path::default();
        let mut offset = Path::default();
        for (at, reading) in &shown {
            let x = self.x(*at);
            if let Some(percent) = reading.full_migration_progress {
                copy.to(x, Self::copy_y(percent));
            }
            if !chart::counts(reading) {
                offset.lift();
            } else if let Some(value) = reading.offset {
                offset.to(x, self.offset_y(chart::scaled(value)));
            }
        }
        if self.max_offset > 0 && self.has_offsets() {
            let y = self.offset_y(chart::scaled(self.max_offset));
            let _ = writeln!(
                page,
                "<line class=\"limit\" x1=\"{LEFT}\" y1=\"{0}\" x2=\"{RIGHT}\" y2=\"{0}\"/>\
                 <text x=\"{3}\" y=\"{1}\">max-offset {2}</text>",
                one(y),
                one(y - 5.0),
                words::count(self.max_offset),
                LEFT + 6.0,
            );
        }
        copy.draw(page, "copy", &self.last_copied());
        offset.draw(page, "offset", &self.last_offset());
    }

    fn last_copied(&self) -> String {
        self.course
            .copied
            .last()
            .map(|&(_, percent)| words::percent(percent))
            .unwrap_or_default()
    }

    fn last_offset(&self) -> String {
        let last = self
            .course
            .offsets
            .last()
            .and_then(|stretch| stretch.last());
        last.map(|&(_, offset)| short(offset)).unwrap_or_default()
    }

    fn marks(&self, page: &mut String, events: &[(Duration, String)]) {
        for moment in events.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((at, _)) = moment.first() else {
                continue;
            };
            let what: Vec<String> = moment
                .iter()
                .map(|(_, what)| what.replace('`', ""))
                .collect();
            let _ = write!(
                page,
                "<g><title>{}: {}</title><line class=\"event\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{}\"/></g>",
                words::duration(*at),
                escape(&what.join("; ")),
                self.floor,
                self.floor + 10.0,
                x = one(self.x(*at)),
            );
        }
        page.push('\n');
    }

    /// Values to point at: a column for each reading, half-way to its neighbours.
    fn values(&self, page: &mut String) {
        let shown = chart::thin(&self.task.history.readings, self.room.spans);
        let places: Vec<f64> = shown.iter().map(|(at, _)| self.x(*at)).collect();
        for (n, (at, reading)) in shown.iter().enumerate() {
            let x = self.x(*at);
            let half_way = |neighbour: Option<&f64>, end: f64| {
                neighbour.map_or(end, |there| f64::midpoint(x, *there))
            };
            let left = half_way(
                n.checked_sub(1).and_then(|before| places.get(before)),
                x - 4.0,
            );
            let right = half_way(places.get(n + 1), x + 4.0);
            let _ = write!(
                page,
                "<g class=\"at\"><title>{}: full sync {}, offset {}{}, keys {} → {}</title>\
                 <rect class=\"hit\" x=\"{}\" y=\"{COPY_TOP}\" width=\"{}\" height=\"{}\"/>\
                 <line x1=\"{x}\" y1=\"{COPY_TOP}\" x2=\"{x}\" y2=\"{}\"/>",
                words::duration(*at),
                copied(reading),
                words::known(reading.offset),
                if chart::counts(reading) || reading.offset.is_none() {
                    ""
                } else {
                    " (does not count yet)"
                },
                words::known(reading.source_dbsize),
                words::known(reading.target_dbsize),
                one(left),
                one((right - left).max(0.0)),
                self.floor - COPY_TOP,
                self.floor,
                x = one(x),
            );
            let mut dot = |class: &str, y: f64| {
                let _ = write!(
                    page,
                    "<circle class=\"dot-{class}\" cx=\"{}\" cy=\"{}\" r=\"4\"/>",
                    one(x),
                    one(y)
                );
            };
            if let Some(percent) = reading.full_migration_progress {
                dot("copy", Self::copy_y(percent));
            }
            if let Some(offset) = reading.offset.filter(|_| chart::counts(reading)) {
                dot("offset", self.offset_y(chart::scaled(offset)));
            }
            page.push_str("</g>\n");
        }
    }
}

/// A line through points, with holes.
#[derive(Debug, Default)]
struct Path {
    data: String,
    drawing: bool,
    last: Option<(f64, f64)>,
}

impl Path {
    fn to(&mut self, x: f64, y: f64) {
        let step = if self.drawing { 'L' } else { 'M' };
        let _ = write!(self.data, "{step}{} {}", one(x), one(y));
        // A point without neighbours would not be seen.
        if !self.drawing {
            self.data.push_str("h.1");
        }
        self.drawing = true;
        self.last = Some((x, y));
    }

    fn lift(&mut self) {
        self.drawing = false;
    }

    /// The line, a dot at its end, and the value there in words.
    fn draw(&self, page: &mut String, class: &str, label: &str) {
        let Some((x, y)) = self.last else { return };
        let _ = writeln!(
            page,
            "<path class=\"{class}\" d=\"{}\"/><circle class=\"dot-{class}\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>\
             <text class=\"last\" x=\"{}\" y=\"{}\">{}</text>",
            self.data,
            one(x + 9.0),
            one(self.last.map_or(0.0, |(_, y)| y) + 4.0),
            escape(label),
            x = one(x),
            y = one(y),
        );
    }
}

/// A coordinate, to a tenth.
fn one(value: f64) -> String {
    chart::decimal(value, 1)
}

/// A number that fits beside an axis.
fn short(offset: i64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (1_000_000_000_000_000, "P"),
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (10_000, "k"),
    ];
    let size = offset.unsigned_abs();
    let Some(&(_, unit)) = UNITS.iter().find(|&&(least, _)| size >= least) else {
        return words::count(offset);
    };
    let divisor = match unit {
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => 1e15,
    };
    format!("{}{unit}", chart::decimal(offset as f64 / divisor, 1))
}

/// Round times for an axis that ends at `until`, at most eight steps apart.
fn ticks(until: Duration) -> Vec<Duration> {
    const MINUTE: u64 = 60_000;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const STEPS: [u64; 26] = [
        50,
        100,
        200,
        500,
        1000,
        2000,
        5000,
        10_000,
        15_000,
        30_000,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        2 * DAY,
        5 * DAY,
        10 * DAY,
        30 * DAY,
    ];
    let end = until.as_millis() as u64;
    let step = STEPS
        .into_iter()
        .find(|step| end / step <= 8)
        .unwrap_or(end.max(1));
    (0..=end / step)
        .map(|n| Duration::from_millis(n * step))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hostile, long_wait, samples};
    use super::*;

    #[test]
    fn base64_agrees_with_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn axes_have_round_numbers() {
        let words = |until| {
            ticks(Duration::from_millis(until))
                .into_iter()
                .map(words::duration)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            words(7300),
            ["0s", "1s", "2s", "3s", "4s", "5s", "6s", "7s"]
        );
        assert_eq!(words(754_000), ["0s", "2m", "4m", "6m", "8m", "10m", "12m"]);
        assert_eq!(
            words(604_800_000),
            [
                "0s", "1day", "2days", "3days", "4days", "5days", "6days", "7days"
            ]
        );
        assert_eq!(words(0), ["0s"]);
        assert_eq!(
            [0, 9999, 10_000, 46_800, -131_072, 2_000_000_000, i64::MAX].map(short),
            ["0", "9,999", "10k", "46.8k", "-131.1k", "2G", "9223.4P"]
        );
    }

    #[test]
    fn week_or_hundred_tasks_stay_small() {
        for (tasks, most) in [(1, 192), (100, 2048), (1000, 3072)] {
            let size = report(&long_wait(tasks)).len() / 1024;
            assert!(size < most, "{tasks}: {size} KiB");
        }
    }

    #[test]
    fn untrusted_text_makes_no_markup() {
        for page in [
            report(&hostile()),
            report(&long_wait(3)),
            report(&samples().remove(0).0),
        ] {
            let head = page.find("<body>").unwrap();
            for forbidden in [
                "<script",
                "<img",
                "<link",
                "<iframe",
                " style=",
                " onerror=",
                " onload=",
                "javascript:",
            ] {
                let lower = page.to_ascii_lowercase();
                let found = lower.match_indices(forbidden).filter(|&(at, _)| at > head);
                assert_eq!(found.count(), 0, "{forbidden}");
            }
            // Links lead to the page itself.
            assert_eq!(
                page.matches("href=\"").count(),
                page.matches("href=\"#task-").count()
            );
            assert_eq!(
                page.matches("url(").count(),
                page.matches("url(#hatch)").count()
            );
        }
    }

    #[test]
    fn policy_allows_only_the_style() {
        let page = report(&hostile());
        let (_, rest) = page.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let hash = base64(&Sha256::digest(style.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
        );
        assert!(page.contains(&policy), "{policy}");
        assert!(!style.contains('<') && !style.contains("url(") && !style.contains("@import"));
    }
}
