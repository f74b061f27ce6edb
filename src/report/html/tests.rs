use super::super::tests::{hostile, long_wait, samples};
use super::svg::{short, ticks};
use super::*;
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
}

#[test]
fn week_or_hundred_tasks_stay_small() {
    for (tasks, most) in [(1, 192), (100, 2048), (1000, 3072)] {
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
            page.matches("url(#hatch)").count()
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
