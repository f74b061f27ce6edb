//! The HTML report: one file that needs no network, no script and no colour to be read.

use super::chart::{self, Course, Points};
use super::words;
use super::{Report, TaskReport};
use crate::escape::html as escape;
use std::fmt::Write as _;
use std::time::Duration;

/// Most points that get a value of their own to hover over.
const MOMENTS: usize = 200;
/// Readings in the table of numbers; each span shows its first, last, worst and least copied.
const SPANS: usize = 15;
/// Most tasks with details of their own.
const MOST_DETAILS: usize = 200;

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1f2328;--muted:#59636e;--line:#d1d9e0;--back:#fff;--copy:#0969da;--offset:#9a6700}\
@media (prefers-color-scheme:dark){:root{--text:#e6edf3;--muted:#9198a1;--line:#3d444d;--back:#0d1117;--copy:#4493f8;--offset:#d29922}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;margin:1rem 0}th,td{border:1px solid var(--line);padding:.3rem .7rem;text-align:left;vertical-align:top}\
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}.verdict{font-size:1.15rem}small,figcaption,.axis{color:var(--muted)}\
figure{margin:1.5rem 0}svg{width:100%;height:auto}svg text{fill:var(--muted);font:12px system-ui,sans-serif}\
.grid{stroke:var(--line)}.copy{stroke:var(--copy);fill:none;stroke-width:2}.offset{stroke:var(--offset);fill:none;stroke-width:2;stroke-dasharray:7 3}\
.limit{stroke:var(--muted);stroke-dasharray:2 3}.hit{fill:transparent}.hit:hover{fill:var(--text)}summary{cursor:pointer}\
@media print{body{max-width:none;margin:0}details>*{display:block}}";

/// The whole report.
pub fn report(report: &Report) -> String {
    let mut page = String::new();
    let title = format!("Redis migration: {}", report.result());
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    let goal = report.goal.filter(|_| !report.is_ready()).map(|goal| format!(" (waited for {goal})"));
    let _ = writeln!(page, "<h1>{} {title}{}</h1>", words::icon(report.outcome.as_ref()), goal.unwrap_or_default());
    let _ = writeln!(page, "<p class=\"verdict\">{}</p>", prose(&words::verdict(report)));
    match report.tasks.as_slice() {
        [] => {}
        [task] => details(&mut page, report, task),
        _ => fleet(&mut page, report),
    }
    let steps = words::next_steps(report);
    if !steps.is_empty() {
        let steps: String = steps.iter().map(|step| format!("<li>{}</li>\n", prose(step))).collect();
        let _ = writeln!(page, "<h2>What to do next</h2>\n<ul>\n{steps}</ul>");
    }
    match report.tasks.as_slice() {
        [task] => {
            figures(&mut page, report, Some(task));
            time_line(&mut page, report, Some(task));
            numbers(&mut page, task);
        }
        [] if report.events.is_empty() => figures(&mut page, report, None),
        _ => {
            figures(&mut page, report, None);
            time_line(&mut page, report, None);
        }
    }
    let _ = write!(
        page,
        "</main>\n<p><small>dcs-migration-wait {}</small></p>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    page
}

/// Our own prose with names in backticks. An odd backtick is shown as one.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let parts = parts.into_iter().enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) }).collect()
}

fn table(page: &mut String, headings: &[&str], rows: &[Vec<String>]) {
    page.push_str("<table>\n");
    if !headings.is_empty() {
        let cells: String = headings.iter().map(|heading| format!("<th scope=\"col\">{heading}</th>")).collect();
        let _ = writeln!(page, "<thead><tr>{cells}</tr></thead>");
    }
    page.push_str("<tbody>\n");
    for row in rows {
        let mut cells = row.iter();
        let first = cells.next().map(|cell| format!("<th scope=\"row\">{cell}</th>")).unwrap_or_default();
        let rest: String = cells.map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = writeln!(page, "<tr>{first}{rest}</tr>");
    }
    page.push_str("</tbody></table>\n");
}

fn details(page: &mut String, report: &Report, task: &TaskReport) {
    let particulars: String = words::particulars(report, task)
        .iter()
        .map(|(name, what)| format!("<li><strong>{name}:</strong> {}</li>\n", prose(what)))
        .collect();
    if !particulars.is_empty() {
        let _ = writeln!(page, "<ul>\n{particulars}</ul>");
    }
    let conditions: Vec<Vec<String>> = words::conditions(report, task)
        .into_iter()
        .map(|condition| {
            let met = format!("{} {}", condition.met.icon(), condition.met.as_str());
            vec![condition.name.to_owned(), prose(&condition.wanted), escape(&condition.seen), met]
        })
        .collect();
    if !conditions.is_empty() {
        table(page, &["Condition", "Wanted", "Seen last", "Met"], &conditions);
    }
    let course = Course::of(task);
    copy_chart(page, &course);
    offset_chart(page, &course, report);
}

/// Where a chart's values are drawn.
struct Plot {
    from: Duration,
    until: Duration,
    bottom: f64,
    top: f64,
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 70.0;
const BELOW: f64 = 30.0;
const ABOVE: f64 = 10.0;

impl Plot {
    fn x(&self, at: Duration) -> f64 {
        let span = self.until.saturating_sub(self.from).as_secs_f64();
        let share = if span > 0.0 { at.saturating_sub(self.from).as_secs_f64() / span } else { 0.0 };
        LEFT + share * (WIDTH - LEFT - 10.0)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.bottom) / (self.top - self.bottom);
        HEIGHT - BELOW - share * (HEIGHT - BELOW - ABOVE)
    }

    /// A line through the points, and a dot for each that shows its value when it is pointed at.
    fn line(&self, class: &str, points: &Points<f64>, label: impl Fn(Duration, f64) -> String) -> String {
        let path: Vec<String> =
            points.iter().map(|&(at, value)| format!("{:.1},{:.1}", self.x(at), self.y(value))).collect();
        let mut svg = format!("<polyline class=\"{class}\" points=\"{}\"/>\n", path.join(" "));
        for &(at, value) in points {
            let _ = writeln!(
                svg,
                "<circle class=\"hit\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\"><title>{}</title></circle>",
                self.x(at),
                self.y(value),
                escape(&label(at, value))
            );
        }
        svg
    }

    fn frame(&self, title: &str, description: &str, marks: &[(f64, String)], lines: &str) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n<desc>{}</desc>\n",
            escape(title),
            escape(description)
        );
        for (value, label) in marks {
            let y = self.y(*value);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                escape(label)
            );
        }
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let at = self.from + self.until.saturating_sub(self.from).mul_f64(share);
            let anchor = if share == 0.0 {
                "start"
            } else if share == 1.0 {
                "end"
            } else {
                "middle"
            };
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                self.x(at),
                HEIGHT - 8.0,
                escape(&words::duration(at))
            );
        }
        svg.push_str(lines);
        svg.push_str("</svg>\n");
        svg
    }
}

/// At most [`MOMENTS`] points between two times.
fn points(stretch: &Points<f64>, worst: fn(f64, f64) -> f64) -> Points<f64> {
    let (Some(&(from, _)), Some(&(until, _))) = (stretch.first(), stretch.last()) else { return Points::new() };
    if stretch.len() <= MOMENTS {
        return stretch.clone();
    }
    let values = chart::sample(std::slice::from_ref(stretch), from, until, MOMENTS, worst);
    let step = until.saturating_sub(from).div_f64((MOMENTS - 1) as f64);
    values.into_iter().enumerate().filter_map(|(n, value)| Some((from + step.mul_f64(n as f64), value?))).collect()
}

fn copy_chart(page: &mut String, course: &Course) {
    if course.copied.len() < 2 || course.copying.is_empty() {
        return;
    }
    let plot = Plot { from: Duration::ZERO, until: course.until, bottom: 0.0, top: 100.0 };
    let line = plot.line("copy", &points(&course.copied, f64::min), |at, percent| {
        format!("{} after {}", words::percent((percent * 10.0).round() / 10.0), words::duration(at))
    });
    let marks = [0.0, 50.0, 100.0].map(|percent| (percent, words::percent(percent)));
    let svg = plot.frame("Full copy over time", "Percent of the full copy since the start of the wait", &marks, &line);
    let _ = writeln!(page, "<figure>\n{svg}<figcaption>Full copy (solid line), in percent</figcaption></figure>");
}

fn offset_chart(page: &mut String, course: &Course, report: &Report) {
    if course.last_stretch().is_none() {
        return;
    }
    let max_offset = report.rules.as_ref().map_or(0, |rules| rules.condition.max_offset);
    let stretches: Vec<Points<f64>> =
        course.offsets.iter().map(|stretch| points(&chart::scaled_points(stretch), chart::farther)).collect();
    let values = || stretches.iter().flatten().map(|&(_, value)| value);
    let limit = chart::scaled(max_offset);
    let top = values().fold(limit, f64::max).ceil().max(1.0);
    let bottom = values().fold(0.0, f64::min).floor();
    let plot = Plot { from: Duration::ZERO, until: course.until, bottom, top };
    let mut lines: String = stretches
        .iter()
        .map(|stretch| {
            plot.line("offset", stretch, |at, value| {
                format!("offset {} after {}", words::count(chart::unscaled(value).round() as i64), words::duration(at))
            })
        })
        .collect();
    if limit > 0.0 {
        let y = plot.y(limit);
        let _ = writeln!(lines, "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
    }
    let marks: Vec<(f64, String)> = (bottom as i32..=top as i32)
        .map(|mark| (f64::from(mark), words::count(chart::unscaled(f64::from(mark)).round() as i64)))
        .collect();
    let description = words::offset_course(course).unwrap_or_default();
    let svg = plot.frame("Offset over time, logarithmic scale", &description, &marks, &lines);
    let limit = if max_offset > 0 { ", <code>max-offset</code> dotted" } else { "" };
    let _ = writeln!(
        page,
        "<figure>\n{svg}<figcaption>Offset (dashed line) on a logarithmic scale{limit}. {}</figcaption></figure>",
        escape(&words::sentence(&description))
    );
}

fn figures(page: &mut String, report: &Report, task: Option<&TaskReport>) {
    let rows: Vec<Vec<String>> =
        words::figures(report, task).into_iter().map(|(name, value)| vec![name.to_owned(), prose(&value)]).collect();
    page.push_str("<h2>The wait</h2>\n");
    table(page, &[], &rows);
}

fn time_line(page: &mut String, report: &Report, task: Option<&TaskReport>) {
    let rows: Vec<Vec<String>> = words::time_line(report, task)
        .into_iter()
        .map(|(at, what)| vec![escape(&words::duration(at)), prose(&what)])
        .collect();
    let _ = writeln!(
        page,
        "<details open><summary>What happened ({})</summary>",
        words::plural(rows.len() as u64, "event")
    );
    table(page, &["Since the start", "What"], &rows);
    page.push_str("</details>\n");
}

/// The numbers behind the charts, for whoever cannot see them.
fn numbers(page: &mut String, task: &TaskReport) {
    let readings = chart::thin(&task.history.readings, SPANS);
    if readings.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = readings
        .iter()
        .map(|(at, reading)| {
            vec![
                escape(&words::duration(*at)),
                escape(&reading.full_migration_progress.map_or_else(|| "unknown".to_owned(), words::percent)),
                escape(&words::known(reading.offset)),
                escape(&words::known(reading.source_dbsize)),
                escape(&words::known(reading.target_dbsize)),
            ]
        })
        .collect();
    let _ = writeln!(
        page,
        "<details><summary>Readings ({} of {})</summary>",
        rows.len(),
        words::count(i64::try_from(task.history.total_readings).unwrap_or(i64::MAX))
    );
    table(page, &["Since the start", "Full copy", "Offset", "Keys in the source", "Keys in the target"], &rows);
    page.push_str("</details>\n");
}

/// Every task in a table, then each with its details, the least advanced first.
fn fleet(page: &mut String, report: &Report) {
    let tasks = report.by_advance();
    let rows: Vec<Vec<String>> = tasks
        .iter()
        .map(|task| {
            let reading = task.reading.clone().unwrap_or_default();
            vec![
                format!("<code>{}</code>", escape(task.id.as_str())),
                format!("{} {}", words::icon(report.outcome_of(task)), words::task_result(report, task)),
                escape(&reading.full_migration_progress.map_or_else(|| "unknown".to_owned(), words::percent)),
                escape(&words::known(reading.offset)),
                task.detail.as_ref().map(|detail| escape(detail.status.word())).unwrap_or_default(),
                task.polls.to_string(),
            ]
        })
        .collect();
    table(page, &["Task", "Result", "Full copy", "Offset", "Status", "Polls"], &rows);
    for task in tasks.iter().take(MOST_DETAILS) {
        let _ = writeln!(
            page,
            "<details><summary><code>{}</code>: {}</summary>\n<p>{}</p>",
            escape(task.id.as_str()),
            words::task_result(report, task),
            prose(&words::sentence(&words::task_reason(report, task)))
        );
        details(page, report, task);
        time_line(page, report, Some(task));
        page.push_str("</details>\n");
    }
}
