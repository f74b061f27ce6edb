use super::super::history::Mark;
use super::super::markdown;
use super::super::tests::{eventful, hostile, long_wait, samples, task_with};
use super::svg::{power, short, ticks};
use super::*;
use crate::domain::IpSwitch;
use std::time::Duration;

#[test]
fn axes_have_round_numbers() {
    let shown = |until| {
        ticks(Duration::from_millis(until))
            .into_iter()
            .map(messages::duration)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        shown(7300),
        ["0s", "1s", "2s", "3s", "4s", "5s", "6s", "7s"]
    );
    assert_eq!(shown(754_000), ["0s", "2m", "4m", "6m", "8m", "10m", "12m"]);
    assert_eq!(
        shown(604_800_000),
        [
            "0s", "1day", "2days", "3days", "4days", "5days", "6days", "7days"
        ]
    );
    assert_eq!(shown(0), ["0s"]);
    assert_eq!(
        [0, 9999, 10_000, 46_800, -131_072, 2_000_000_000, i64::MAX].map(short),
        ["0", "9,999", "10k", "46.8k", "-131.1k", "2G", "9223.4P"]
    );
    assert_eq!(
        [1, -1000, 1_000_000, 10_000_000, 1_000_000_000_000_000].map(power),
        ["1", "-1,000", "1,000,000", "10 million", "1,000 trillion"]
    );
}

#[test]
fn week_or_hundred_tasks_stay_small() {
    for (tasks, most) in [(1, 192), (100, 2048), (1000, 3584)] {
        let size = report(&View::of(&long_wait(tasks))).len() / 1024;
        assert!(size < most, "{tasks}: {size} KiB");
    }
}

#[test]
fn untrusted_text_makes_no_markup() {
    for page in [
        report(&View::of(&hostile())),
        report(&View::of(&long_wait(3))),
        report(&View::of(&samples().remove(0).0)),
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
            page.matches("url(#hatch)").count() + page.matches("url(#dots)").count()
        );
    }
}

#[test]
fn policy_allows_only_the_style() {
    let page = report(&View::of(&hostile()));
    let (_, rest) = page.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let hash = BASE64_STANDARD.encode(Sha256::digest(style.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    );
    assert!(page.contains(&policy), "{policy}");
    assert!(!style.contains('<') && !style.contains("url(") && !style.contains("@import"));
}

#[test]
fn chart_marks_what_happened() {
    let plain = report(&View::of(&eventful()));
    for absent in [
        "class=\"failing\"",
        "class=\"mark\"",
        "</svg> dotted:",
        "</svg> line:",
    ] {
        assert!(!plain.contains(absent), "{absent}");
    }
    let mut wait = eventful();
    let restarts = &mut wait.tasks[0].history;
    for n in 0..9 {
        restarts.add_mark(Duration::from_secs(60 * n), Mark::FullSyncRestarted);
    }
    let page = report(&View::of(&wait));
    assert_eq!(page.matches("class=\"mark\" x1=").count(), 9 + 1);
    assert_eq!(page.matches(">full sync restarted</text>").count(), 3);
    let mut wait = eventful();
    let history = &mut wait.tasks[0].history;
    history.note_failing(Duration::from_secs(300), true);
    history.note_failing(Duration::from_secs(340), false);
    // The last is at the right edge, where no label begins.
    for (at, mark) in [
        (350, Mark::FullSyncRestarted),
        (600, Mark::IpSwitch(IpSwitch::Switching)),
        (610, Mark::Stopped),
        (700, Mark::IpSwitch(IpSwitch::Switched)),
    ] {
        history.add_mark(Duration::from_secs(at), mark);
    }
    let view = View::of(&wait);
    let page = report(&view);
    for wanted in [
        "dotted: polls failed from 5m to 5m 40s",
        "line: full sync restarted at 5m 50s",
        "line: no longer migrating at 10m 10s",
        ">full sync restarted</text>",
        ">IP switch started</text>",
        ">no longer migrating</text>",
        "text-anchor=\"end\" class=\"strong\">IP switch done</text>",
    ] {
        assert!(page.contains(wanted), "{wanted}\n{page}");
    }
    assert!(
        markdown::summary(&view)
            .contains("Over time: polls failed from 5m to 5m 40s; full sync restarted at 5m 50s;")
    );
}

#[test]
fn full_migration_has_no_offset() {
    const NONE: &str = "none in a full migration";
    for (method, is_none) in [
        (Some("full_amount_migration"), true),
        (Some("incremental_migration"), false),
        (None, false),
    ] {
        let mut wait = eventful();
        let task = &mut wait.tasks[0];
        task.history = task_with(&[(0, 0.0, None), (10, 100.0, None)]).history;
        task.reading = task
            .history
            .readings
            .last()
            .map(|(_, reading)| reading.clone());
        if let Some(detail) = &mut task.detail {
            detail.migration_method = method.map(str::to_owned);
        }
        let view = View::of(&wait);
        for text in [
            report(&view),
            markdown::summary(&view),
            super::super::card::card(&view, false).join("\n"),
        ] {
            assert_eq!(text.contains(NONE), is_none, "{method:?}: {text}");
            assert_eq!(
                text.contains("offset unknown"),
                !is_none,
                "{method:?}: {text}"
            );
        }
    }
}
