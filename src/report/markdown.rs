//! The job summary, in Markdown.

use super::{Report, TaskReport, words};
use crate::condition::Goal;
use crate::escape::markdown as escape;
use crate::migration::{FullCopy, Gap};
use std::fmt::Write as _;

/// The whole summary.
pub fn summary(report: &Report) -> String {
    let mut text = String::new();
    let icon = match (&report.outcome, report.is_ready()) {
        (None, _) => "⏳",
        (Some(_), true) => "✅",
        (Some(_), false) => "❌",
    };
    let goal = report.goal.map(|goal| format!(" (waited for {goal})")).unwrap_or_default();
    let goal = if report.is_ready() { String::new() } else { goal };
    let _ = writeln!(text, "## {icon} Redis migration: {}{}\n", report.result(), escape(&goal));
    let _ = writeln!(text, "{}\n", prose(&words::sentence(&words::reason(report))));

    match report.tasks.as_slice() {
        [] => {}
        [task] => {
            conditions(&mut text, report, task);
            figures(&mut text, report, task);
        }
        tasks => fleet(&mut text, report, tasks),
    }

    let steps = words::next_steps(report);
    if !steps.is_empty() {
        let _ = writeln!(text, "### What to do next\n");
        for step in steps {
            let _ = writeln!(text, "- {}", prose(&step));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "<sub>dcs-migration-wait {}</sub>\n", env!("CARGO_PKG_VERSION"));
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
            let _ = write!(out, "<code>{}</code>", escape(part));
        } else {
            out.push_str(&escape(part));
        }
    }
    out
}

fn row(text: &mut String, cells: &[&str]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn mark(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "✅ yes",
        Some(false) => "❌ no",
        None => "❔ unknown",
    }
}

/// What was wanted against what was seen.
fn conditions(text: &mut String, report: &Report, task: &TaskReport) {
    let (Some(rules), Some(reading)) = (&report.rules, &task.reading) else { return };
    row(text, &["Condition", "Wanted", "Seen last", "Met"]);
    row(text, &["---", "---", "---", "---"]);
    let wanted_migrating = match rules.condition.goal {
        Goal::Completed => Some(false),
        Goal::InSync => Some(true),
        Goal::FullSync => None,
    };
    let seen = reading.is_migrating.map_or("unknown", |is| if is { "yes" } else { "no" });
    match wanted_migrating {
        Some(wanted) => {
            let met = mark(reading.is_migrating.map(|is| is == wanted));
            row(text, &["Migrating", if wanted { "yes" } else { "no" }, seen, met]);
        }
        None => row(text, &["Migrating", "any", seen, mark(reading.is_migrating.map(|_| true))]),
    }
    let copied = reading.full_migration_progress.map_or_else(|| "unknown".to_owned(), words::percent);
    let met = match reading.full_copy() {
        FullCopy::Unknown => None,
        FullCopy::Short => Some(false),
        FullCopy::Done => Some(true),
    };
    row(text, &["Full copy", "100 %", &escape(&copied), mark(met)]);
    let max_offset = rules.condition.max_offset;
    let met = match reading.gap(max_offset) {
        Gap::Unknown => None,
        Gap::Closed => Some(true),
        Gap::Open => Some(false),
    };
    let offset = escape(&words::known(reading.offset));
    match rules.condition.goal {
        Goal::Completed | Goal::InSync => {
            row(text, &["Offset", &escape(&format!("at most {}", words::count(max_offset))), &offset, mark(met)]);
        }
        Goal::FullSync => row(text, &["Offset", "any", &offset, mark(Some(true))]),
    }
    if rules.stable_polls > 1 {
        let wanted = rules.stable_polls.to_string();
        row(
            text,
            &["Readings in a row", &wanted, &task.stable.to_string(), mark(Some(task.stable >= rules.stable_polls))],
        );
    }
    let status = match &task.detail {
        Some(detail) => escape(detail.status.word()),
        None if task.status_unavailable => "could not be read".to_owned(),
        None => "not read".to_owned(),
    };
    row(text, &["Status", "", &status, if task.detail.is_some() { "" } else { "❔ not confirmed" }]);
    if let Some(switch) = task.detail.as_ref().and_then(|detail| detail.task_status.as_deref()) {
        row(text, &["IP switch", "", &escape(switch), ""]);
    }
    text.push('\n');
}

fn figures(text: &mut String, report: &Report, task: &TaskReport) {
    row(text, &["Wait", ""]);
    row(text, &["---", "---"]);
    row(text, &["Task", &format!("<code>{}</code>", escape(task.id.as_str()))]);
    if let Some(reading) = &task.reading {
        let keys = format!(
            "{} in the source, {} in the target",
            words::known(reading.source_dbsize),
            words::known(reading.target_dbsize)
        );
        let differ = reading.source_dbsize != reading.target_dbsize;
        let remark = if differ { " (expiring keys make them differ)" } else { "" };
        row(text, &["Keys", &escape(&format!("{keys}{remark}"))]);
    }
    let failed = if task.failed_polls > 0 { format!(", {} of them failed", task.failed_polls) } else { String::new() };
    row(text, &["Polls", &format!("{}{failed}", task.polls)]);
    row(text, &["Took", &escape(&words::duration(report.elapsed))]);
    let finished = report.finished_at.map(words::instant).unwrap_or_default();
    row(text, &["From, to", &escape(&format!("{} to {finished}", words::instant(report.started_at)))]);
    text.push('\n');
}

/// Longest list of tasks in a summary; the outputs hold all of them.
const MOST_ROWS: usize = 500;

fn fleet(text: &mut String, report: &Report, tasks: &[TaskReport]) {
    row(text, &["Task", "Result", "Full copy", "Offset", "Status", "Polls"]);
    row(text, &["---", "---", "---", "---", "---", "---"]);
    for task in tasks.iter().take(MOST_ROWS) {
        let reading = task.reading.clone().unwrap_or_default();
        let result = task.outcome.as_ref().map_or("waiting", |outcome| super::result(outcome, report.goal));
        row(
            text,
            &[
                &format!("<code>{}</code>", escape(task.id.as_str())),
                result,
                &escape(&reading.full_migration_progress.map_or_else(|| "unknown".to_owned(), words::percent)),
                &escape(&words::known(reading.offset)),
                &task.detail.as_ref().map(|detail| escape(detail.status.word())).unwrap_or_default(),
                &task.polls.to_string(),
            ],
        );
    }
    if tasks.len() > MOST_ROWS {
        let _ = writeln!(text, "\n{} more tasks are in the output `tasks`.", tasks.len() - MOST_ROWS);
    }
    text.push('\n');
}
