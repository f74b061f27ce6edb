//! The verdict card: the end of a wait on one screen of text, above the line with the result.

use super::messages::{self, Met};
use super::view::{Overview, TaskView, View};
use crate::domain::Goal;
use crate::escape;
use crate::outcome::Outcome;
use console::Style;

/// Columns of the card; a terminal has 80.
const WIDTH: usize = 78;
/// Columns of the names on the left.
const NAMES: usize = 14;

/// Good and bad in colour, where there is colour; the words say the same.
struct Palette {
    good: Style,
    bad: Style,
    strong: Style,
    soft: Style,
}

impl Palette {
    fn new(has_colour: bool) -> Self {
        let style = || Style::new().force_styling(has_colour);
        Self {
            good: style().green().bold(),
            bad: style().red().bold(),
            strong: style().bold(),
            soft: style().dim(),
        }
    }
}

/// The lines of the card, each of visible text but for colours.
pub fn card(view: &View<'_>, has_colour: bool) -> Vec<String> {
    let palette = Palette::new(has_colour);
    let mut lines = vec!["=".repeat(WIDTH)];
    lines.push(title(view, &palette));
    lines.extend(wrapped("  ", &plain(&view.verdict)));
    if let Some(rules) = &view.report.rules {
        lines.extend(named(
            "Goal",
            &format!(
                "{}: {}",
                rules.condition.goal,
                meaning(rules.condition.goal)
            ),
        ));
    }
    match view.tasks.as_slice() {
        [] => {}
        [task] => {
            lines.extend(facts(task));
            lines.extend(conditions(task, &palette));
        }
        _ => lines.extend(view.overview().iter().flat_map(many)),
    }
    if !view.next_steps.is_empty() {
        lines.push(String::new());
        lines.push(format!("  {}", palette.strong.apply_to("Next")));
    }
    for step in &view.next_steps {
        lines.extend(hanging("  - ", &plain(step)));
    }
    for line in next_command(view)
        .iter()
        .flat_map(|command| folded(command))
    {
        lines.push(format!("    {}", palette.soft.apply_to(line)));
    }
    lines
}

/// What a goal means for the data, in a line.
fn meaning(goal: Goal) -> &'static str {
    match goal {
        Goal::FullSync => "all keys are copied once; changes are still to follow",
        Goal::InSync => "the target has every change, the task runs on",
        Goal::Completed => "the task has ended, and the target has every change",
        Goal::Switched => "the target has the source's IP address",
    }
}

fn title(view: &View<'_>, palette: &Palette) -> String {
    let style = if view.is_ready {
        &palette.good
    } else {
        &palette.bad
    };
    let code = view
        .report
        .exit_code()
        .map(|code| format!(", exit code {code}"))
        .unwrap_or_default();
    let took = messages::duration(view.report.elapsed);
    format!(
        "  {}  {}{code}, after {took}",
        style.apply_to(view.decision),
        view.result
    )
}

/// What the conditions do not say.
fn facts(task: &TaskView<'_>) -> Vec<String> {
    let polls = messages::plural(task.task.polls, "poll");
    let failed = match task.task.failed_polls {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let mut lines = named("Task", &format!("{}, {polls}{failed}", task.id));
    for (name, what) in &task.details {
        // The conditions show the others.
        if !["Seen last", "Not met"].contains(name) {
            lines.extend(named(name, &plain(what)));
        }
    }
    lines
}

fn conditions(task: &TaskView<'_>, palette: &Palette) -> Vec<String> {
    if task.conditions.is_empty() {
        return Vec::new();
    }
    const COLUMNS: [usize; 3] = [18, 21, 32];
    let row = |cells: [&str; 3], last: String| {
        let cells: Vec<String> = cells
            .iter()
            .zip(COLUMNS)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("  {}{last}", cells.concat())
    };
    let mut lines = vec![row(["Condition", "Wanted", "Seen last"], "Met".to_owned())];
    for condition in &task.conditions {
        let met = condition.met.as_str();
        let met = match condition.met {
            Met::Yes => palette.good.apply_to(met).to_string(),
            Met::No | Met::Unknown => palette.bad.apply_to(met).to_string(),
            Met::NotAsked => palette.soft.apply_to("-").to_string(),
        };
        let [_, wanted, seen] = COLUMNS;
        let wanted = textwrap::wrap(&plain(&condition.wanted), wanted - 1)
            .into_iter()
            .map(std::borrow::Cow::into_owned)
            .collect::<Vec<_>>();
        let seen: Vec<String> = textwrap::wrap(&plain(&condition.seen), seen - 1)
            .into_iter()
            .map(std::borrow::Cow::into_owned)
            .collect();
        let cell = |cells: &[String], n: usize| cells.get(n).cloned().unwrap_or_default();
        for n in 0..wanted.len().max(seen.len()).max(1) {
            let (name, met) = match n {
                0 => (condition.name, met.clone()),
                _ => ("", String::new()),
            };
            lines.push(
                row([name, &cell(&wanted, n), &cell(&seen, n)], met)
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    lines
}

/// Counts by state that add up, why tasks are not there, and the task that is the slowest.
fn many(overview: &Overview) -> Vec<String> {
    let mut lines = hanging("  ", &overview.counts);
    for (why, ids) in &overview.reasons {
        lines.extend(hanging("  - ", &format!("{}: {ids}", plain(why))));
    }
    if let Some((name, what)) = &overview.slowest {
        lines.extend(named(name, what));
    }
    lines
}

/// The command to run next, where there is one.
fn next_command(view: &View<'_>) -> Option<String> {
    let goal = view.report.goal?;
    let ids: Vec<&str> = view.tasks.iter().map(|task| task.id).collect();
    let ids = match ids.as_slice() {
        [] => return None,
        ids if ids.len() <= 2 => ids.join(","),
        _ => "\"$DCS_TASK_ID\"".to_owned(),
    };
    let wait = |goal: &str, more: &str| {
        Some(format!(
            "dcs-migration-wait --task-id {ids} --until {goal}{more}"
        ))
    };
    match view.report.outcome.as_ref()? {
        Outcome::Ready => match goal {
            Goal::FullSync => wait("in-sync", ""),
            Goal::InSync => wait("completed", ""),
            Goal::Completed | Goal::Switched => None,
        },
        Outcome::Failed(crate::domain::Failure::AlreadySwitched) => wait("switched", ""),
        Outcome::TimedOut => wait(goal.as_str(), " --timeout 4h"),
        Outcome::Stalled(_) | Outcome::Unreachable(..) | Outcome::Cancelled(_) => {
            wait(goal.as_str(), "")
        }
        Outcome::Failed(_)
        | Outcome::Denied(_)
        | Outcome::Rejected(_)
        | Outcome::UnknownTask(_)
        | Outcome::InvalidInput(_)
        | Outcome::InternalError(_) => None,
    }
}

/// A command, in lines that a shell takes as one.
fn folded(command: &str) -> Vec<String> {
    match command.split_once(" --until") {
        Some((begin, end)) if command.len() > WIDTH - 4 => {
            vec![format!("{begin} \\"), format!("  --until{end}")]
        }
        _ => vec![command.to_owned()],
    }
}

/// Without the marks of names, as a log shows it.
fn plain(text: &str) -> String {
    escape::log(&text.replace('`', ""))
}

fn named(name: &str, text: &str) -> Vec<String> {
    hanging(&format!("  {name:<NAMES$}"), text)
}

fn wrapped(indent: &str, text: &str) -> Vec<String> {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(indent)
        .subsequent_indent(indent)
        .break_words(false);
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(|line| line.into_owned()).collect()
}

/// Text behind a beginning, and its other lines below where it starts.
fn hanging(begin: &str, text: &str) -> Vec<String> {
    let below = " ".repeat(begin.chars().count());
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(begin)
        .subsequent_indent(&below)
        .break_words(false);
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(|line| line.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fleet, hostile, samples};
    use super::*;

    #[test]
    fn every_end_fits_one_screen() {
        let mut cards = String::new();
        for (report, name) in samples() {
            let lines = card(&View::of(&report), false);
            assert!(lines.len() <= 24, "{name}: {}", lines.len());
            for line in &lines {
                assert!(
                    line.chars().count() <= 80 || line.contains("dcs-migration-wait"),
                    "{name}: {line}"
                );
            }
            cards.push_str(&format!("{name}\n{}\n\n", lines.join("\n")));
        }
        insta::assert_snapshot!("verdict cards", cards);
    }

    #[test]
    fn many_tasks_fit_one_screen() {
        let mut report = fleet();
        let (ready, waiting) = (report.tasks[0].clone(), report.tasks[1].clone());
        report.tasks = (0..20)
            .map(|n| super::super::TaskReport {
                id: crate::domain::TaskId::parse(&format!("31c6fd2b2893430b90ffd1adb80605{n:02x}"))
                    .unwrap(),
                ..if n == 7 {
                    waiting.clone()
                } else {
                    ready.clone()
                }
            })
            .collect();
        let lines = card(&View::of(&report), false);
        assert!(lines.len() <= 22, "{}", lines.join("\n"));
        insta::assert_snapshot!("verdict card of many tasks", lines.join("\n"));
    }

    #[test]
    fn colour_is_never_alone() {
        let (report, _) = samples().remove(0);
        let view = View::of(&report);
        let coloured = card(&view, true).join("\n");
        assert!(coloured.contains('\u{1b}'));
        let pieces = coloured.split('\u{1b}').enumerate();
        let without: String = pieces
            .map(|(n, piece)| match piece.split_once('m') {
                Some((_, rest)) if n > 0 => rest,
                _ => piece,
            })
            .collect();
        assert_eq!(without, card(&view, false).join("\n"));
        assert!(
            !card(&View::of(&hostile()), false)
                .join("")
                .contains('\u{1b}')
        );
    }
}
