use super::view::View;
use super::*;
use crate::api::Class;
use crate::domain::{Condition, Failure, Missing, Phase, Status};
use crate::outcome::{Internal, Interrupt};
use crate::wait::{PollSettings, StatusCheck};

fn error(class: Class, message: &str, advice: &str) -> ApiError {
    ApiError {
        class,
        message: message.to_owned(),
        advice: Some(advice.to_owned()).filter(|advice| !advice.is_empty()),
    }
}

fn report(goal: Goal, outcome: Outcome, task: TaskReport) -> Report {
    Report {
        outcome: Some(outcome.clone()),
        goal: Some(goal),
        rules: Some(Rules {
            condition: Condition {
                goal,
                max_offset: 0,
                max_missing_keys: Default::default(),
            },
            stable_polls: if goal == Goal::InSync { 3 } else { 1 },
            status_check: StatusCheck::Auto,
            pace: PollSettings {
                initial: Duration::from_secs(5),
                max: Duration::from_secs(30),
                multiplier: 1.5,
            },
            max_gap: Duration::from_secs(90),
            max_outage: Duration::from_secs(600),
            stall_timeout: None,
            request_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(3600),
        }),
        tasks: vec![TaskReport {
            outcome: Some(outcome),
            ..task
        }],
        listing: None,
        events: Vec::new(),
        elapsed: Duration::from_secs(754),
        started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400),
        finished_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_479_154)),
    }
}

fn task(reading: Reading, status: Option<&str>, check: Check) -> TaskReport {
    TaskReport {
        id: TaskId::parse("31c6fd2b-2893-430b-90ff-d1adb8060585").unwrap(),
        outcome: None,
        reading: Some(Reading {
            source_dbsize: Some(531_221),
            target_dbsize: Some(531_211),
            ..reading
        }),
        read_at: Some(Duration::from_secs(753)),
        raw: Some(r#"{"offset":"0"}"#.to_owned()),
        check: Some(check),
        detail: status.map(|word| Detail {
            status: Status::parse(word),
            task_status: None,
            migration_method: Some("incremental_migration".to_owned()),
        }),
        status_unavailable: false,
        stable: 0,
        polls: 41,
        failed_polls: 2,
        failing: None,
        cloud_reason: None,
        unanswered: None,
        elapsed: Duration::from_secs(754),
        history: History::default(),
        advance: ProgressKey::default(),
    }
}

fn reading(is_migrating: bool, offset: Option<i64>, progress: f64) -> Reading {
    Reading {
        is_migrating: Some(is_migrating),
        offset,
        full_migration_progress: Some(progress),
        ..Reading::default()
    }
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
/// A report of every kind of end, with a name.
pub(crate) fn samples() -> Vec<(Report, &'static str)> {
    let done = || {
        task(
            reading(false, Some(0), 100.0),
            Some("TERMINATED"),
            Check::Met,
        )
    };
    let running = || {
        task(
            reading(true, Some(5320), 100.0),
            Some("INCRMIGEATING"),
            Check::NotYet(Missing::OffsetOpen),
        )
    };
    let nothing = || TaskReport {
        reading: None,
        read_at: None,
        raw: None,
        check: None,
        detail: None,
        ..done()
    };
    let outage = || {
        error(
            Class::Transient { retry_after: None },
            "HTTP 503 with a body that is no error of this API",
            "",
        )
    };
    vec![
        (report(Goal::Completed, Outcome::Ready, done()), "completed"),
        (
            report(
                Goal::Completed,
                Outcome::Ready,
                TaskReport {
                    detail: None,
                    status_unavailable: true,
                    ..done()
                },
            ),
            "unconfirmed",
        ),
        (
            report(
                Goal::InSync,
                Outcome::Ready,
                TaskReport {
                    stable: 3,
                    ..task(
                        reading(true, Some(0), 100.0),
                        Some("INCRMIGEATING"),
                        Check::Met,
                    )
                },
            ),
            "in-sync",
        ),
        (
            report(
                Goal::FullSync,
                Outcome::Ready,
                task(
                    reading(true, Some(12), 100.0),
                    Some("MIGRATING"),
                    Check::Met,
                ),
            ),
            "full-sync",
        ),
        (
            report(
                Goal::Completed,
                Outcome::Failed(Failure::StoppedShort),
                task(
                    reading(false, Some(0), 62.5),
                    Some("TERMINATED"),
                    Check::Failed(Failure::StoppedShort),
                ),
            ),
            "stopped short",
        ),
        (
            report(
                Goal::InSync,
                Outcome::Failed(Failure::StoppedBeforeInSync),
                task(
                    reading(false, Some(0), 100.0),
                    Some("TERMINATED"),
                    Check::Failed(Failure::StoppedBeforeInSync),
                ),
            ),
            "stopped before in-sync",
        ),
        (
            report(
                Goal::Completed,
                Outcome::Failed(Failure::TaskDeleted),
                nothing(),
            ),
            "deleted",
        ),
        (
            report(Goal::InSync, Outcome::TimedOut, running()),
            "timeout",
        ),
        (
            report(
                Goal::Completed,
                Outcome::TimedOut,
                TaskReport {
                    failing: Some(outage()),
                    ..task(
                        reading(true, Some(0), 100.0),
                        None,
                        Check::NotYet(Missing::StillMigrating),
                    )
                },
            ),
            "timeout of a task that was not stopped",
        ),
        (
            report(
                Goal::InSync,
                Outcome::Stalled(Duration::from_secs(300)),
                running(),
            ),
            "stalled",
        ),
        (
            report(
                Goal::InSync,
                Outcome::Unreachable(Some(Duration::from_secs(600)), outage()),
                running(),
            ),
            "unreachable",
        ),
        (
            report(
                Goal::Completed,
                Outcome::Denied(error(Class::Denied, "HTTP 403 DCS.2003", "grant it")),
                nothing(),
            ),
            "denied",
        ),
        (
            report(
                Goal::Completed,
                Outcome::UnknownTask(error(
                    Class::UnknownTask,
                    "HTTP 400 DCS.4133",
                    "check `task-id`",
                )),
                nothing(),
            ),
            "unknown task",
        ),
        (
            report(Goal::InSync, Outcome::Cancelled(Interrupt::Term), running()),
            "cancelled",
        ),
        (
            report(
                Goal::InSync,
                Outcome::InternalError(Internal::Bug("panic at src/x.rs:1".to_owned())),
                nothing(),
            ),
            "internal error",
        ),
        (
            Report {
                rules: None,
                tasks: Vec::new(),
                ..report(
                    Goal::Completed,
                    Outcome::InvalidInput("`task-id` is missing; `region` is missing".to_owned()),
                    done(),
                )
            },
            "invalid input",
        ),
    ]
}

pub(crate) fn fleet() -> Report {
    let (mut report, _) = samples().remove(7);
    let (done, _) = samples().remove(2);
    report.tasks.insert(0, done.tasks[0].clone());
    report.tasks[0].id = TaskId::parse("00000000000000000000000000000001").unwrap();
    report.tasks[0].advance = ProgressKey::new(3, Phase::Ended, &Reading::default());
    report.tasks[1].outcome = None;
    report
}

/// A task with such readings: seconds since the start, percent of the full sync, offset.
pub(crate) fn task_with(values: &[(u64, f64, Option<i64>)]) -> TaskReport {
    let (report, _) = samples().remove(0);
    let mut task = report.tasks.into_iter().next().unwrap();
    for &(at, percent, offset) in values {
        task.history
            .add_reading(Duration::from_secs(at), &reading(true, offset, percent));
    }
    task.elapsed = Duration::from_secs(values.last().map_or(0, |value| value.0));
    task
}

/// Untrusted text, as an API or a proxy could send it to do harm; as it is after `escape::line`.
fn foreign() -> String {
    const TEXT: &str = "\u{1b}[31m<script>alert(1)</script><img src=x> [a](http://x) @org #1 | x | **bold** `x\n\n# h\n\
        ::error::x ##[error]x ]]> -- & \" ' \u{202e}\u{fffe}\u{ffff} ``` </svg></td> https://example.org &lt;b&gt;";
    crate::escape::line(TEXT)
}

/// A wait in which everything that can be foreign text is, and means harm.
pub(crate) fn hostile() -> Report {
    let text = foreign();
    let refusal = error(Class::Denied, &text, &text);
    let (mut report, _) = samples().remove(7);
    report.outcome = Some(Outcome::Denied(refusal.clone()));
    report.events = vec![(Duration::ZERO, text.clone())];
    for task in &mut report.tasks {
        task.outcome.clone_from(&report.outcome);
        task.detail = Some(Detail {
            status: Status::parse(&text),
            task_status: Some(text.clone()),
            migration_method: Some(text.clone()),
        });
        task.failing = Some(refusal.clone());
        task.history =
            task_with(&[(0, 0.0, None), (10, 100.0, Some(9)), (20, 100.0, Some(0))]).history;
        task.history.add_event(Duration::ZERO, text.clone());
    }
    report
}

/// So many tasks, each after a week of polling in which a lot happened, in the words that escapes make longest.
pub(crate) fn long_wait(tasks: usize) -> Report {
    let (mut report, _) = samples().remove(7);
    let mut history = History::default();
    for n in 0..20_000_u64 {
        let at = Duration::from_secs(30 * n);
        let (percent, offset) = if n < 2000 {
            (n as f64 / 20.0, None)
        } else {
            (100.0, Some((n * n % 1_000_003) as i64))
        };
        history.add_reading(at, &reading(true, offset, percent));
        if n % 20 == 0 {
            history.add_event(
                at,
                format!(
                    "request failed, retrying: {} (request id {n:032x})",
                    foreign()
                ),
            );
        }
    }
    report.elapsed = Duration::from_secs(7 * 24 * 3600);
    let task = TaskReport {
        history,
        elapsed: report.elapsed,
        ..report.tasks.remove(0)
    };
    report.tasks = (0..tasks)
        .map(|n| TaskReport {
            id: TaskId::parse(&format!("{n:032x}")).unwrap(),
            ..task.clone()
        })
        .collect();
    report
}

/// A wait with a full sync, a burst and an approach to zero.
pub(crate) fn eventful() -> Report {
    let mut values: Vec<(u64, f64, Option<i64>)> =
        (0..=20).map(|n| (n * 20, n as f64 * 5.0, None)).collect();
    values.extend((1..=9).map(|n| (400 + n * 20, 100.0, Some(180_000 / 4_i64.pow(n as u32)))));
    values.extend([
        (600, 100.0, Some(46_800)),
        (620, 100.0, Some(9_400)),
        (640, 100.0, Some(80)),
    ]);
    values.extend((0..3).map(|n| (660 + n * 20, 100.0, Some(0))));
    let mut task = TaskReport {
        history: task_with(&values).history,
        stable: 3,
        ..task(
            reading(true, Some(0), 100.0),
            Some("INCRMIGEATING"),
            Check::Met,
        )
    };
    for (at, text) in [
        (0, "phase: full sync"),
        (
            300,
            "request failed, retrying: HTTP 503 APIG.0613: \"The IAM service is currently unavailable.\"",
        ),
        (340, "the API responds again after 2 failed polls in 40s"),
        (400, "phase: incremental"),
        (600, "goal no longer met"),
        (700, "goal met (3 in a row)"),
    ] {
        task.history
            .add_event(Duration::from_secs(at), text.to_owned());
    }
    let mut report = report(Goal::InSync, Outcome::Ready, task);
    report.events.push((
        Duration::ZERO,
        "signed in by password, valid for 1day".to_owned(),
    ));
    report.elapsed = Duration::from_secs(700);
    report
}

#[test]
fn every_end_names_seen_missing_change() {
    let reasons: Vec<String> = samples()
        .iter()
        .map(|(report, name)| {
            format!(
                "{name} ({:?})\n  {}",
                report.exit_code(),
                messages::reason(report)
            )
        })
        .collect();
    insta::assert_snapshot!(reasons.join("\n"));
}

#[test]
fn summaries() {
    for name in ["completed", "unconfirmed", "timeout", "invalid input"] {
        let (report, _) = samples()
            .into_iter()
            .find(|&(_, sample)| sample == name)
            .unwrap();
        insta::assert_snapshot!(
            format!("summary of {name}"),
            markdown::summary(&View::of(&report))
        );
    }
    insta::assert_snapshot!(
        "summary of several tasks",
        markdown::summary(&View::of(&fleet()))
    );
    insta::assert_snapshot!(
        "summary of a wait with a burst",
        markdown::summary(&View::of(&eventful()))
    );
    insta::assert_snapshot!(
        "summary in hostile words",
        markdown::summary(&View::of(&hostile()))
    );
}

#[test]
fn reports() {
    insta::assert_snapshot!(
        "html report",
        html::report(&View::of(&eventful())).replace(include_str!("html.css"), "STYLE")
    );
    insta::assert_snapshot!(
        "junit report of a wait with a burst",
        junit::report(&View::of(&eventful()))
    );
    insta::assert_snapshot!(
        "junit report of several tasks",
        junit::report(&View::of(&fleet()))
    );
    insta::assert_snapshot!("json report with readings", json::report(&eventful()));
}

#[test]
fn machine_readable_outputs() {
    insta::assert_snapshot!("github outputs", github::outputs(&samples().remove(2).0));
    insta::assert_snapshot!("dotenv", gitlab::dotenv(&samples().remove(7).0));
    insta::assert_snapshot!("json report", json::report(&fleet()));
}

#[test]
fn unknown_output_is_empty_never_zero() {
    let (report, _) = samples()
        .into_iter()
        .find(|&(_, sample)| sample == "deleted")
        .unwrap();
    for (name, value) in outputs(&report) {
        let unknown = [
            "is-migrating",
            "offset",
            "full-migration-progress",
            "source-dbsize",
            "target-dbsize",
            "task-status",
            "ip-switch",
        ];
        assert_eq!(value.is_empty(), unknown.contains(&name), "{name}={value}");
    }
}

#[test]
fn values_describe_least_advanced_task() {
    assert_eq!(
        fleet()
            .least_advanced()
            .unwrap()
            .reading
            .as_ref()
            .unwrap()
            .offset,
        Some(5320)
    );
}

#[test]
fn dotenv_stays_within_gitlab_limits() {
    let (mut report, _) = samples().remove(0);
    report.outcome = Some(Outcome::InvalidInput("€$(x)`".repeat(3000)));
    let text = gitlab::dotenv(&report);
    assert!(text.len() < 5 * 1024);
    assert_eq!(text.lines().count(), OUTPUTS.len());
    assert!(!text.contains(['$', '`']));
}
