//! The job summary and the `.md` report, in Markdown as GitHub and GitLab show it.

use super::chart::{self, Axis, Points, TimeSeries};
use super::messages;
use super::{Report, TaskReport};
use crate::escape::markdown as escape;
use std::fmt::Write as _;

/// Moments in a chart: more are not seen.
const MOMENTS: usize = 60;
/// Blocks in a line of them.
const BLOCKS: usize = 48;
/// The same for the offset in a cell of a table.
const CELL_BLOCKS: usize = 12;
/// Bytes for what happened to one task.
const EVENTS_ROOM: usize = 24 * 1024;
/// Bytes for what happened to all of several tasks, of the megabyte that GitHub takes.
const FLEET_EVENTS_ROOM: usize = 400 * 1024;
/// Longest list of tasks in a summary; the outputs hold all of them.
const MOST_ROWS: usize = 500;
/// Most tasks of which there are details.
const MOST_DETAILS: usize = 100;

/// The whole summary.
pub fn summary(report: &Report) -> String {
    let mut text = String::new();
    let icon = messages::icon(report.outcome.as_ref());
    let goal = report
        .goal
        .map(|goal| format!(" (waited for {goal})"))
        .unwrap_or_default();
    let goal = if report.is_ready() {
        String::new()
    } else {
        goal
    };
    let _ = writeln!(
        text,
        "## {icon} Redis migration: {}{}\n",
        report.result(),
        escape(&goal)
    );
    let _ = writeln!(text, "{}\n", prose(&messages::verdict(report)));

    match report.tasks.as_slice() {
        [] => next_steps(&mut text, report),
        [task] => {
            particulars(&mut text, report, task);
            conditions(&mut text, report, task);
            next_steps(&mut text, report);
            course(&mut text, report, task);
            figures(&mut text, report, Some(task));
        }
        _ => fleet(&mut text, report),
    }
    match report.tasks.as_slice() {
        // Without a task, only a session can have been obtained.
        [] if report.events.is_empty() => {}
        [] => time_line(&mut text, report, None, EVENTS_ROOM),
        [task] => time_line(&mut text, report, Some(task), EVENTS_ROOM),
        _ => details(&mut text, report),
    }
    let _ = writeln!(
        text,
        "<sub>dcs-migration-wait {}</sub>\n",
        env!("CARGO_PKG_VERSION")
    );
    text
}

/// Our own prose with names in backticks; everything else in it is shown as it is. Foreign text cannot open a code
/// span that it does not close: an odd backtick is shown as one.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let mut out = String::new();
    for (n, part) in parts.into_iter().enumerate() {
        if n % 2 == 1 {
            // In HTML, since no escape works within Markdown's own code spans.
            out.push_str(&code(part));
        } else {
            out.push_str(&escape(part));
        }
    }
    out
}

fn row(text: &mut String, cells: &[&str]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", crate::escape::markdown_code(text))
}

fn next_steps(text: &mut String, report: &Report) {
    let steps = messages::next_steps(report);
    if !steps.is_empty() {
        let _ = writeln!(text, "### What to do next\n");
        for step in steps {
            let _ = writeln!(text, "- {}", prose(&step));
        }
        text.push('\n');
    }
}

/// What a bad end leaves to say, beside the one sentence.
fn particulars(text: &mut String, report: &Report, task: &TaskReport) {
    let parts = messages::particulars(report, task);
    for (name, what) in &parts {
        let _ = writeln!(text, "- **{name}:** {}", prose(what));
    }
    if !parts.is_empty() {
        text.push('\n');
    }
}

/// What was wanted against what was seen.
fn conditions(text: &mut String, report: &Report, task: &TaskReport) {
    let conditions = messages::conditions(report, task);
    if conditions.is_empty() {
        return;
    }
    row(text, &["Condition", "Wanted", "Seen last", "Met"]);
    row(text, &["---", "---", "---", "---"]);
    for condition in conditions {
        let met = format!("{} {}", condition.met.icon(), condition.met.as_str());
        row(
            text,
            &[
                condition.name,
                &prose(&condition.wanted),
                &escape(&condition.seen),
                &met,
            ],
        );
    }
    text.push('\n');
}

/// Charts of the full sync and the offset, and the same in blocks for readers without Mermaid.
fn course(text: &mut String, report: &Report, task: &TaskReport) {
    let course = TimeSeries::of(task);
    let charts = [copy_chart(&course), offset_chart(&course, report)];
    if charts.iter().all(Option::is_none) {
        return;
    }
    for chart in charts.into_iter().flatten() {
        let _ = writeln!(text, "{chart}");
    }
    let _ = writeln!(
        text,
        "<details><summary>The same without pictures</summary>\n"
    );
    let _ = writeln!(text, "```text\n{}```\n", blocks(&course, report, task));
    let _ = writeln!(
        text,
        "`·` no value, or one that does not count: offsets mean nothing while the data set is copied."
    );
    let _ = writeln!(
        text,
        "The offset's scale is logarithmic; its lowest block is in sync and nothing else.\n"
    );
    let _ = writeln!(text, "</details>\n");
}

fn blocks(course: &TimeSeries, report: &Report, task: &TaskReport) -> String {
    let mut lines = String::new();
    let reading = task.reading.as_ref();
    if !course.copied.is_empty() {
        let last = reading.and_then(|reading| reading.full_migration_progress);
        let last = last.map_or_else(|| "unknown".to_owned(), messages::percent);
        let _ = writeln!(
            lines,
            "full sync  {}  {last}",
            chart::copied_sparkline(course, BLOCKS)
        );
    }
    if !course.offsets.is_empty() {
        let last = messages::known(reading.and_then(|reading| reading.offset));
        let _ = writeln!(
            lines,
            "offset     {}  {last}",
            chart::offset_sparkline(course, report.max_offset(), BLOCKS)
        );
    }
    let end = messages::duration(course.until);
    let _ = writeln!(lines, "           0s{end:>width$}", width = BLOCKS - 2);
    lines
}

/// A chart in the words that every Mermaid since 10.6 reads. Its numbers and names are ours: no foreign text is in it.
struct Mermaid<'a> {
    title: &'a str,
    x_axis: Axis,
    y_axis: &'a str,
    y_range: (f64, f64),
    /// The first is drawn in the strong colour. Each has a value for each step of the axis.
    lines: &'a [Vec<f64>],
}

impl Mermaid<'_> {
    fn draw(&self) -> String {
        // The colours that Mermaid chooses itself cannot be seen on one of the two backgrounds, and its labels overlap.
        let mut text = String::from(
            "```mermaid\n%%{init: {\"xyChart\": {\"width\": 900, \"height\": 300, \"titleFontSize\": 16, \
             \"yAxis\": {\"labelFontSize\": 12}}, \"themeVariables\": {\"xyChart\": {\"backgroundColor\": \
             \"transparent\", \"plotColorPalette\": \"#2f81f7, #d29922\"}}}}%%\nxychart-beta\n",
        );
        let _ = writeln!(text, "    title \"{}\"", self.title);
        let (from, until) = self.x_axis.range;
        let _ = writeln!(
            text,
            "    x-axis \"{} since the start\" {from} --> {until}",
            self.x_axis.unit
        );
        let (bottom, top) = self.y_range;
        let bounds = [bottom, top].map(|bound| chart::decimal(bound, 2));
        let _ = writeln!(
            text,
            "    y-axis \"{}\" {}",
            self.y_axis,
            bounds.join(" --> ")
        );
        for line in self.lines {
            let values: Vec<String> = line.iter().map(|&value| chart::decimal(value, 2)).collect();
            let _ = writeln!(text, "    line [{}]", values.join(", "));
        }
        text.push_str("```\n");
        text
    }
}

fn copy_chart(course: &TimeSeries) -> Option<String> {
    // A copy that was done from the beginning, or of which nothing shows, is told by the table. When it is done, its
    // line is flat, and the offset goes on.
    let &(_, done) = course.copying.last()?;
    let points: Points<f64> = course
        .copied
        .iter()
        .copied()
        .filter(|&(at, _)| at <= done)
        .collect();
    let (&(from, _), &(until, _)) = (points.first()?, points.last()?);
    if until <= from {
        return None;
    }
    let x_axis = Axis::new(from, until, MOMENTS);
    // As in words: what is under 100 is never rounded to it.
    let shown = |percent: f64| {
        if percent < 100.0 {
            percent.min(99.9)
        } else {
            percent
        }
    };
    let lines = [x_axis
        .sample(&points, f64::min)
        .into_iter()
        .map(shown)
        .collect()];
    Some(
        Mermaid {
            title: "Full sync",
            x_axis,
            y_axis: "percent",
            y_range: (0.0, 100.0),
            lines: &lines,
        }
        .draw(),
    )
}

fn offset_chart(course: &TimeSeries, report: &Report) -> Option<String> {
    let stretch = course.last_stretch()?;
    let (&(from, _), &(until, _)) = (stretch.first()?, stretch.last()?);
    if until <= from {
        return None;
    }
    let x_axis = Axis::new(from, until, MOMENTS);
    let line = x_axis.sample(&chart::scaled_points(stretch), chart::farther);
    let limit = chart::scaled(report.max_offset());
    let top = line.iter().copied().fold(limit, f64::max).ceil().max(1.0);
    let bottom = line.iter().copied().fold(0.0, f64::min).floor();
    let mut lines = vec![line];
    let mut remark = String::new();
    if limit > 0.0 {
        lines.push(vec![limit; x_axis.count]);
        remark.push_str(" The flat line is <code>max-offset</code>.");
    }
    let chart = Mermaid {
        title: "Offset, on a logarithmic scale",
        x_axis,
        y_axis: "log10(1 + offset)",
        y_range: (bottom, top),
        lines: &lines,
    }
    .draw();
    let numbers = messages::offset_course(course)
        .map(|numbers| format!(" Offset: {numbers}."))
        .unwrap_or_default();
    let since = if course.offsets.len() > 1 {
        " Only since the last start of the full sync."
    } else {
        ""
    };
    Some(format!(
        "{chart}\n<sub>Scale: 0 is an offset of 0, 1 is 9, 2 is 99, 3 is 999 and so on.{since}{remark}{}</sub>\n",
        escape(&numbers)
    ))
}

fn figures(text: &mut String, report: &Report, task: Option<&TaskReport>) {
    row(text, &["Wait", ""]);
    row(text, &["---", "---"]);
    for (name, value) in messages::figures(report, task) {
        row(text, &[name, &prose(&value)]);
    }
    text.push('\n');
}

/// What happened, folded away.
fn time_line(text: &mut String, report: &Report, task: Option<&TaskReport>, room: usize) {
    let events = messages::time_line(report, task);
    let rows: Vec<String> = events
        .iter()
        .map(|(at, what)| {
            let mut line = String::new();
            row(
                &mut line,
                &[&escape(&messages::duration(*at)), &prose(what)],
            );
            line
        })
        .collect();
    let (head, left_out, tail) = chart::fit(&rows, room);
    let _ = writeln!(
        text,
        "<details><summary>What happened ({})</summary>\n",
        messages::plural(rows.len() as u64, "event")
    );
    row(text, &["Since the start", "What"]);
    row(text, &["---", "---"]);
    text.push_str(&head.concat());
    if left_out > 0 {
        row(
            text,
            &[
                "…",
                &format!(
                    "{} left out here",
                    messages::plural(left_out as u64, "event")
                ),
            ],
        );
    }
    text.push_str(&tail.concat());
    let _ = writeln!(text, "\n</details>\n");
}

fn fleet(text: &mut String, report: &Report) {
    row(
        text,
        &[
            "Task",
            "Result",
            "Full sync",
            "Offset",
            "Course",
            "Status",
            "Polls",
        ],
    );
    row(text, &["---", "---", "--:", "--:", "---", "---", "--:"]);
    let tasks = report.by_advance();
    for task in tasks.iter().take(MOST_ROWS) {
        let reading = task.reading.clone().unwrap_or_default();
        let course = TimeSeries::of(task);
        let blocks = if course.offsets.is_empty() {
            String::new()
        } else {
            chart::offset_sparkline(&course, report.max_offset(), CELL_BLOCKS)
        };
        row(
            text,
            &[
                &code(task.id.as_str()),
                &format!(
                    "{} {}",
                    messages::icon(report.outcome_of(task)),
                    messages::task_result(report, task)
                ),
                &escape(
                    &reading
                        .full_migration_progress
                        .map_or_else(|| "unknown".to_owned(), messages::percent),
                ),
                &escape(&messages::known(reading.offset)),
                &blocks,
                &task
                    .detail
                    .as_ref()
                    .map(|detail| escape(detail.status.word()))
                    .unwrap_or_default(),
                &task.polls.to_string(),
            ],
        );
    }
    if tasks.len() > MOST_ROWS {
        let _ = writeln!(
            text,
            "\n{} more tasks are in the output `tasks`.",
            tasks.len() - MOST_ROWS
        );
    }
    text.push('\n');
    if let Some(task) = report.least_advanced() {
        let _ = writeln!(text, "### Least advanced: {}\n", code(task.id.as_str()));
        particulars(text, report, task);
        conditions(text, report, task);
        next_steps(text, report);
        course(text, report, task);
    }
    figures(text, report, None);
}

/// Each of several tasks, folded away, the least advanced first.
fn details(text: &mut String, report: &Report) {
    let tasks = report.by_advance();
    let shown = tasks.len().min(MOST_DETAILS);
    let _ = writeln!(text, "### Each task\n");
    for task in tasks.into_iter().take(shown) {
        let icon = messages::icon(report.outcome_of(task));
        let result = messages::task_result(report, task);
        let _ = writeln!(
            text,
            "<details><summary>{icon} {}: {result}</summary>\n",
            code(task.id.as_str())
        );
        let _ = writeln!(
            text,
            "{}\n",
            prose(&messages::sentence(&messages::task_reason(report, task)))
        );
        conditions(text, report, task);
        let course = TimeSeries::of(task);
        if !course.copied.is_empty() || !course.offsets.is_empty() {
            let _ = writeln!(text, "```text\n{}```\n", blocks(&course, report, task));
        }
        if let Some(reading) = &task.reading {
            let _ = writeln!(text, "Keys: {}.\n", escape(&messages::keys(reading)));
        }
        time_line(text, report, Some(task), FLEET_EVENTS_ROOM / shown.max(1));
        let _ = writeln!(text, "</details>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hostile, long_wait};
    use super::*;

    #[test]
    fn week_of_polls_under_64_kib() {
        let text = summary(&long_wait(1));
        assert!(text.len() < 64 * 1024, "{}", text.len());
        assert!(
            text.contains("left out here") && text.contains("the wait ended"),
            "{text}"
        );
        let points = text
            .lines()
            .filter(|line| line.contains("line ["))
            .map(|line| line.split(", ").count());
        assert!(points.max().unwrap() <= MOMENTS);
    }

    #[test]
    fn many_tasks_stay_under_a_mebibyte() {
        for tasks in [100, 1000] {
            let text = summary(&long_wait(tasks));
            assert!(text.len() < 1024 * 1024, "{tasks}: {}", text.len());
            assert_eq!(text.matches("```mermaid").count(), 2);
            assert_eq!(
                text.matches("<details>").count(),
                text.matches("</details>").count()
            );
        }
    }

    #[test]
    fn foreign_text_makes_no_markup() {
        let text = summary(&hostile());
        for markup in [
            "<script", "<img", "[a](http", "@org", "| x |", "**bold**", "\n#",
        ] {
            let ours = text
                .lines()
                .filter(|line| line.contains(markup))
                .filter(|line| !line.starts_with("##"));
            assert_eq!(ours.count(), 0, "{markup}\n{text}");
        }
        assert_eq!(text.matches("```").count() % 2, 0);
    }
}
