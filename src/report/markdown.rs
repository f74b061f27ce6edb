//! The job summary and the `.md` report, in Markdown as GitHub and GitLab show it.

use super::chart::{self, Axis, Points, TimeSeries};
use super::messages;
use super::templates::markdown as filters;
use super::view::{TaskView, TimeLine, View};
use askama::Template;

/// Moments in a chart: more are not seen.
const MOMENTS: usize = 60;
/// Blocks in a line of them.
const BLOCKS: usize = 48;
/// The same for the offset in a cell of a table.
const CELL_BLOCKS: usize = 12;
/// Bytes for what happened to one task.
const EVENTS_BYTES: usize = 24 * 1024;
/// Bytes for what happened to all of several tasks, of the megabyte that GitHub takes.
const ALL_EVENTS_BYTES: usize = 400 * 1024;
/// Longest list of tasks in a summary; the outputs hold all of them.
const MOST_ROWS: usize = 500;
/// Most tasks of which there are details.
const MOST_DETAILS: usize = 100;

/// The values of `templates/summary.md`.
#[derive(Template)]
#[template(path = "summary.md", config = "src/report/templates/askama.toml")]
struct Summary<'a> {
    view: &'a View<'a>,
    /// What happened to no task, where that is all there is to say.
    events: Option<TimeLine>,
    /// Of several tasks, the least advanced first.
    rows: Vec<Row<'a>>,
    /// The tasks in detail, the least advanced first.
    tasks: Vec<Section<'a>>,
}

struct Row<'a> {
    task: &'a TaskView<'a>,
    /// The offset over time.
    blocks: String,
}

struct Section<'a> {
    task: &'a TaskView<'a>,
    /// Of the least advanced task only.
    charts: Vec<Captioned>,
    blocks: String,
    time_line: TimeLine,
}

/// A Mermaid chart and what to know about it.
struct Captioned {
    mermaid: String,
    note: String,
}

/// The whole summary.
pub fn summary<'a>(view: &'a View<'a>) -> String {
    let tasks = view.by_advance();
    let shown = tasks.len().min(MOST_DETAILS);
    let room = match shown {
        0 | 1 => EVENTS_BYTES,
        shown => ALL_EVENTS_BYTES / shown,
    };
    let max_offset = view.report.max_offset();
    let fit = |events: &[_]| {
        TimeLine::fit(events, room, |(at, what)| {
            "|  |  |\n".len() + at.len() + filters::markup(what).len()
        })
    };
    let section = |(n, task): (usize, &&'a TaskView<'a>)| Section {
        task,
        charts: if n == 0 {
            charts(&task.series, max_offset)
        } else {
            Vec::new()
        },
        blocks: blocks(task, max_offset),
        time_line: fit(&view.events_of(task)),
    };
    let row = |task: &&'a TaskView<'a>| Row {
        task,
        blocks: if task.series.offsets.is_empty() {
            String::new()
        } else {
            chart::offset_sparkline(&task.series, max_offset, CELL_BLOCKS)
        },
    };
    let summary = Summary {
        view,
        // Without a task, only a session can have been obtained.
        events: (!view.report.events.is_empty()).then(|| fit(&view.events())),
        rows: tasks.iter().take(MOST_ROWS).map(row).collect(),
        tasks: tasks.iter().take(shown).enumerate().map(section).collect(),
    };
    // Writing to memory does not fail.
    summary.render().unwrap_or_default() + "\n\n"
}

/// The full sync and the offset in lines of blocks, for readers without Mermaid; empty where nothing is known of either.
fn blocks(task: &TaskView<'_>, max_offset: i64) -> String {
    let series = &task.series;
    let mut lines = String::new();
    if !series.copied.is_empty() {
        let blocks = chart::copied_sparkline(series, BLOCKS);
        lines.push_str(&format!("full sync  {blocks}  {}\n", task.full_sync));
    }
    if !series.offsets.is_empty() {
        let blocks = chart::offset_sparkline(series, max_offset, BLOCKS);
        lines.push_str(&format!("offset     {blocks}  {}\n", task.offset));
    }
    if !lines.is_empty() {
        let end = messages::duration(series.until);
        lines.push_str(&format!("           0s{end:>width$}\n", width = BLOCKS - 2));
    }
    lines
}

/// A chart in the words that every Mermaid since 10.6 reads. Its numbers and names are ours: no foreign text is in it.
/// The values of `templates/mermaid.md`.
#[derive(Template)]
#[template(path = "mermaid.md", config = "src/report/templates/askama.toml")]
struct Mermaid {
    title: &'static str,
    x_axis: Axis,
    y_axis: &'static str,
    y_range: (f64, f64),
    /// The first is drawn in the strong colour. Each has a value for each step of the axis.
    lines: Vec<Vec<f64>>,
}

impl Mermaid {
    fn with_note(&self, note: String) -> Captioned {
        Captioned {
            mermaid: self.render().unwrap_or_default(),
            note,
        }
    }
}

fn charts(series: &TimeSeries, max_offset: i64) -> Vec<Captioned> {
    let charts = [copy_chart(series), offset_chart(series, max_offset)];
    charts.into_iter().flatten().collect()
}

fn copy_chart(series: &TimeSeries) -> Option<Captioned> {
    // A copy that was done from the beginning, or of which nothing shows, is in the table. When it is done, its
    // line is flat, and the offset goes on.
    let &(_, done) = series.copying.last()?;
    let points: Points<f64> = series
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
    let line = x_axis.sample(&points, f64::min);
    let chart = Mermaid {
        title: "Full sync",
        x_axis,
        y_axis: "percent",
        y_range: (0.0, 100.0),
        lines: vec![line.into_iter().map(shown).collect()],
    };
    Some(chart.with_note(String::new()))
}

fn offset_chart(series: &TimeSeries, max_offset: i64) -> Option<Captioned> {
    let stretch = series.last_stretch()?;
    let (&(from, _), &(until, _)) = (stretch.first()?, stretch.last()?);
    if until <= from {
        return None;
    }
    let x_axis = Axis::new(from, until, MOMENTS);
    let line = x_axis.sample(&chart::scaled_points(stretch), chart::farther);
    let limit = chart::scaled(max_offset);
    let top = line.iter().copied().fold(limit, f64::max).ceil().max(1.0);
    let bottom = line.iter().copied().fold(0.0, f64::min).floor();
    let mut lines = vec![line];
    let mut note = scale_in_words(top);
    if series.offsets.len() > 1 {
        note.push_str(" Only since the last start of the full sync.");
    }
    if limit > 0.0 {
        lines.push(vec![limit; x_axis.count]);
        note.push_str(" The flat line is `max-offset`.");
    }
    if let Some(numbers) = messages::offset_summary(series) {
        note.push_str(&format!(" Offset: {numbers}."));
    }
    let chart = Mermaid {
        title: "Offset",
        x_axis,
        y_axis: "offset: 1 is 9, 2 is 99, 3 is 999",
        y_range: (bottom, top),
        lines,
    };
    Some(chart.with_note(note))
}

/// The axis of the offset in words, up to its end: Mermaid cannot write other numbers beside it.
fn scale_in_words(top: f64) -> String {
    let at = |step: u32| messages::count(10_i64.checked_pow(step).unwrap_or(i64::MAX) - 1);
    let mut steps: Vec<u32> = (1..=3).collect();
    steps.extend(Some(top as u32).filter(|&top| top > 3));
    let steps: Vec<String> = steps
        .into_iter()
        .map(|step| format!("{step} is {}", at(step)))
        .collect();
    format!(
        "Each step up the axis is about ten times the offset: 0 is 0, {}.",
        steps.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hostile, long_wait};
    use super::*;

    #[test]
    fn week_of_polls_under_64_kib() {
        let text = summary(&View::of(&long_wait(1)));
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
            let text = summary(&View::of(&long_wait(tasks)));
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
        let text = summary(&View::of(&hostile()));
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
