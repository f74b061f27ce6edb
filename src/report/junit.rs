//! JUnit XML: what GitLab's Tests tab and its like show. One test case a task; it passes where the task is ready, and
//! nowhere else.

use super::messages;
use super::view::{Happened, TaskView, TimeLine, View};
use crate::outcome::JunitKind;
use askama::Template;
use std::time::Duration;

/// Bytes for what happened to a task; and to all of them.
const EVENTS_BYTES: usize = 16 * 1024;
const ALL_EVENTS_BYTES: usize = 512 * 1024;

/// The values of `templates/junit.xml`.
#[derive(Template)]
#[template(path = "junit.xml", config = "src/report/templates/askama.toml")]
struct Suite<'a> {
    goal: &'a str,
    failures: usize,
    errors: usize,
    skipped: usize,
    /// Seconds.
    time: String,
    timestamp: String,
    /// The single values, as on GitHub.
    outputs: Vec<(&'static str, String)>,
    cases: Vec<Case<'a>>,
}

/// A test case.
struct Case<'a> {
    name: &'a str,
    /// Seconds.
    time: String,
    /// `None` where another task ended the wait before this one's own end: skipped.
    kind: Option<JunitKind>,
    /// The contract's word.
    result: &'a str,
    /// The whole reason.
    reason: String,
    /// The same in lines, with advice.
    text: String,
    /// What happened.
    log: String,
}

impl<'a> Case<'a> {
    fn of_task(view: &'a View<'a>, task: &'a TaskView<'a>) -> Self {
        let report = view.report;
        let headline = task
            .outcome
            .map(|outcome| messages::headline(outcome, report, Some(task.task)));
        let mut text = messages::sentence(headline.as_ref().unwrap_or(&task.reason));
        for (name, what) in &task.details {
            text.push_str(&format!("\n{name}: {what}"));
        }
        let room = EVENTS_BYTES.min(ALL_EVENTS_BYTES / view.tasks.len().max(1));
        Self {
            name: task.id,
            time: seconds(task.task.elapsed),
            kind: task.outcome.map(|outcome| outcome.consequence().junit),
            result: task
                .outcome
                .map_or("unknown", |outcome| outcome.word(report.goal)),
            reason: task.reason.clone(),
            text: with_steps(text, &view.next_steps),
            log: log(&view.events_of(task), room),
        }
    }

    /// For an end that is no task's own.
    fn of_wait(view: &'a View<'a>) -> Self {
        let outcome = view.report.outcome.as_ref();
        Self {
            name: "wait",
            time: seconds(view.report.elapsed),
            // The first version stays where the process is killed: it must not pass.
            kind: Some(outcome.map_or(JunitKind::Error, |outcome| outcome.consequence().junit)),
            result: view.result,
            reason: messages::reason(view.report),
            text: with_steps(view.verdict.clone(), &view.next_steps),
            log: log(&view.events(), EVENTS_BYTES),
        }
    }
}

fn with_steps(mut text: String, steps: &[String]) -> String {
    if !steps.is_empty() {
        text.push_str("\n\nWhat to do next:");
        for step in steps {
            text.push_str(&format!("\n- {step}"));
        }
    }
    text
}

fn log(events: &[Happened], room: usize) -> String {
    let line = |(at, what): &(String, String)| format!("{at:>12}  {what}\n");
    let lines = TimeLine::fit(events, room, |row| line(row).len());
    let lines: String = lines.rows.iter().map(line).collect();
    format!("\n{lines}")
}

/// The report.
pub fn report<'a>(view: &'a View<'a>) -> String {
    let report = view.report;
    let mut cases: Vec<Case<'a>> = view
        .tasks
        .iter()
        .map(|task| Case::of_task(view, task))
        .collect();
    let tells_the_end = cases
        .iter()
        .any(|case| matches!(case.kind, Some(JunitKind::Failure | JunitKind::Error)));
    // The suite passes where the whole wait is ready, and nowhere else.
    if cases.is_empty() || !(view.is_ready || tells_the_end) {
        cases.push(Case::of_wait(view));
    }
    let number = |kind: Option<JunitKind>| cases.iter().filter(|case| case.kind == kind).count();
    let suite = Suite {
        goal: report.goal.map_or("wait", |goal| goal.as_str()),
        failures: number(Some(JunitKind::Failure)),
        errors: number(Some(JunitKind::Error)),
        skipped: number(None),
        time: seconds(report.elapsed),
        timestamp: messages::instant(report.started_at),
        outputs: super::outputs(report),
        cases,
    };
    // Writing to memory does not fail.
    suite.render().unwrap_or_default() + "\n"
}

/// Cut to milliseconds, not rounded: whole seconds are the `elapsed-seconds` of the other outputs.
fn seconds(elapsed: Duration) -> String {
    format!("{}.{:03}", elapsed.as_secs(), elapsed.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fleet, hostile, long_wait, samples};
    use super::*;
    use crate::outcome::{Internal, Outcome};
    use quick_xml::Reader;
    use quick_xml::events::Event;

    #[test]
    fn time_agrees_with_whole_seconds() {
        assert_eq!(seconds(Duration::from_micros(7_999_900)), "7.999");
    }

    /// Names of the elements, with attributes; fails where the XML is not well-formed.
    fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
        let mut reader = Reader::from_str(xml);
        let mut found = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(element) | Event::Empty(element) => {
                    let attributes = element.attributes().map(|attribute| {
                        let attribute = attribute.unwrap();
                        let value = quick_xml::escape::unescape(&attribute.value).unwrap();
                        (attribute.key.as_ref().to_owned(), value.into_owned())
                    });
                    let name = element.name().as_ref().to_owned();
                    found.push((name, attributes.collect()));
                }
                Event::Eof => return found,
                Event::End(_)
                | Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_)
                | Event::GeneralRef(_) => {}
            }
        }
    }

    #[test]
    fn suite_passes_only_when_ready() {
        for (report, name) in samples() {
            let found = elements(&self::report(&View::of(&report)));
            let failing = found
                .iter()
                .filter(|(name, _)| ["failure", "error"].contains(&name.as_str()))
                .count();
            assert_eq!(failing == 0, report.is_ready(), "{name}");
            let suite = found.iter().find(|(name, _)| name == "testsuite").unwrap();
            let total = |name: &str| {
                suite
                    .1
                    .iter()
                    .find(|(key, _)| key == name)
                    .unwrap()
                    .1
                    .parse::<usize>()
                    .unwrap()
            };
            assert_eq!(total("failures") + total("errors"), failing, "{name}");
            assert_eq!(
                total("tests"),
                found.iter().filter(|(name, _)| name == "testcase").count(),
                "{name}"
            );
        }
        // A task that was still on its way when another one failed did not pass.
        let mut report = fleet();
        report.outcome = Some(Outcome::Failed(crate::domain::Failure::TaskFailed));
        report.tasks[0].outcome.clone_from(&report.outcome);
        report.tasks[1].outcome = None;
        let found = elements(&self::report(&View::of(&report)));
        assert_eq!(
            found.iter().filter(|(name, _)| name == "skipped").count(),
            1
        );
        assert_eq!(
            found.iter().filter(|(name, _)| name == "failure").count(),
            1
        );
        // A bug after every task was ready.
        let (mut report, _) = samples().remove(0);
        report.outcome = Some(Outcome::InternalError(Internal::Bug(String::new())));
        assert!(
            elements(&self::report(&View::of(&report)))
                .iter()
                .any(|(name, _)| name == "error")
        );
    }

    #[test]
    fn hostile_text_stays_text() {
        let xml = report(&View::of(&hostile()));
        assert!(xml.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(!xml.contains(['\u{fffe}', '\u{ffff}']));
        assert_eq!(
            elements(&xml)
                .iter()
                .filter(|(name, _)| name == "testcase")
                .count(),
            1
        );
    }

    #[test]
    fn hundred_tasks_stay_under_mebibyte() {
        let size = report(&View::of(&long_wait(100))).len();
        assert!(size < 1024 * 1024, "{size}");
    }
}
