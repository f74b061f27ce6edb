//! The contract's verdict table, row by row, and what it says about the three goals.

use crate::support::cloud::detail;
use crate::support::{
    Answer, FakeCloud, Kind, Run, Sandbox, broken, each, json_reply, refusal, status,
};

/// A body of the stats; each value is JSON text, and an empty one is left out.
fn reading(is_migrating: &str, progress: &str, offset: &str) -> Answer {
    let fields = [
        ("is_migrating", is_migrating),
        ("full_migration_progress", progress),
        ("offset", offset),
    ];
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    let fields: Vec<String> = fields
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    json_reply(200, &format!("{{{}}}", fields.join(",")))
}

/// An answer that ends every wait, at whatever time.
fn end() -> Answer {
    refusal(400, "DCS.9999")
}

/// What a reading leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// At once.
    Ready,
    /// Once it is seen again.
    ReadyAtTheSecond,
    /// Never, however often it is seen.
    Wait,
    /// At once.
    Failed,
    /// Waits; failed once the task was seen migrating before and three readings agree.
    Suspect,
}

use Verdict::{Failed, Ready, ReadyAtTheSecond, Suspect, Wait};

/// What is known about the status.
#[derive(Debug, Clone, Copy)]
enum Known {
    Word(&'static str),
    /// A full migration that has this status.
    FullOnly(&'static str),
    /// `status-check: off`, although the status would be FAILED.
    Off,
    /// `status-check: auto`, and the endpoint does not answer.
    Unanswered,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    until: &'static str,
    max_offset: &'static str,
    is_migrating: &'static str,
    progress: &'static str,
    offset: &'static str,
    known: Known,
    verdict: Verdict,
    /// Also with `status-check: require`, where the status is known.
    require: bool,
}

impl Case {
    fn name(&self) -> String {
        let Self {
            until,
            max_offset,
            is_migrating,
            progress,
            offset,
            known,
            verdict,
            ..
        } = self;
        format!(
            "{until} (max-offset {max_offset}): is_migrating {is_migrating}, offset {offset}, progress {progress}, \
             {known:?} -> {verdict:?}"
        )
    }

    fn reading(&self) -> Answer {
        reading(self.is_migrating, self.progress, self.offset)
    }

    /// Polls that a status endpoint costs that does not answer: it has to fail three times before that is believed.
    fn lost_polls(&self) -> usize {
        if matches!(self.known, Known::Unanswered) {
            2
        } else {
            0
        }
    }

    /// How the wait ended, and how many readings it took, but for those that were lost.
    fn run(&self, mode: &str, stats: impl IntoIterator<Item = Answer>) -> (Run, usize) {
        let mut stats: Vec<Answer> = stats.into_iter().collect();
        for _ in 0..self.lost_polls() {
            stats.insert(0, stats[0].clone());
        }
        let answer = match self.known {
            Known::Word(word) => status(word),
            Known::FullOnly(word) => detail(word, "full_amount_migration"),
            Known::Off => status("FAILED"),
            Known::Unanswered => refusal(404, "APIGW.0101"),
        };
        let cloud = FakeCloud::start().stats(stats).detail([answer]);
        let sandbox = Sandbox::waiting_on(&cloud)
            .set("DCS_UNTIL", self.until)
            .set("DCS_MAX_OFFSET", self.max_offset)
            .set("DCS_STABLE_POLLS", "1")
            .set("DCS_STATUS_CHECK", mode);
        let run = sandbox.run();
        assert_eq!(cloud.count(Kind::Detail) == 0, mode == "off");
        (run, cloud.count(Kind::Stats) - self.lost_polls())
    }

    fn check(&self) {
        let modes: &[&str] = match self.known {
            Known::Word(_) | Known::FullOnly(_) if self.require => &["auto", "require"],
            Known::Word(_) | Known::FullOnly(_) => &["auto"],
            Known::Off => &["off"],
            Known::Unanswered => &["auto"],
        };
        for mode in modes {
            match self.verdict {
                Ready => {
                    let (run, asked) = self.run(mode, [self.reading(), end()]);
                    run.ended(self.until, 0);
                    assert_eq!(asked, 1);
                }
                ReadyAtTheSecond => {
                    let (run, asked) = self.run(mode, [self.reading(), self.reading(), end()]);
                    run.ended(self.until, 0);
                    assert_eq!(asked, 2);
                }
                Failed => {
                    let (run, asked) = self.run(mode, [self.reading(), end()]);
                    run.ended("failed", 3);
                    assert_eq!(asked, 1);
                }
                Wait => self.waits(mode, None),
                Suspect => {
                    // Never seen migrating: no number of readings is enough.
                    self.waits(mode, None);
                    let migrating = || reading("true", "50", "");
                    let (bad, good) = (|| self.reading(), || reading("false", "100", "0"));
                    let (run, asked) = self.run(mode, [migrating(), bad(), bad(), bad(), good()]);
                    run.ended("failed", 3);
                    assert_eq!(asked, 4);
                    if self.until == "completed" {
                        // Two are not enough, and two more after a good one are not either.
                        let (run, _) = self.run(mode, [migrating(), bad(), bad(), good()]);
                        run.ended("completed", 0);
                    }
                    let unknown = || reading("", self.progress, self.offset);
                    let rows = [migrating(), bad(), bad(), unknown(), bad(), bad(), end()];
                    self.run(mode, rows).0.ended("invalid-input", 2);
                }
            }
        }
    }

    /// Six readings bring no verdict: the seventh request is made, and its refusal ends the wait.
    fn waits(&self, mode: &str, first: Option<Answer>) {
        let mut script: Vec<Answer> = first.into_iter().collect();
        script.extend((0..6).map(|_| self.reading()));
        let polls = script.len() + 1;
        script.push(end());
        let (run, asked) = self.run(mode, script);
        run.ended("invalid-input", 2);
        assert_eq!(asked, polls);
    }
}

const ZERO: &[&str] = &["0", "\"0\"", "\" 0 \""];
const OVER: &[&str] = &[
    "1",
    "\"531221\"",
    "-1",
    "\"-1\"",
    "9223372036854775807",
    "-9223372036854775808",
];
const UNKNOWN: &[&str] = &["", "null", "\"\"", "\"  \""];
const HUNDRED: &[&str] = &["100", "\"100\"", "\"100 %\"", "\" 100.0% \"", "100.0"];
const UNDER: &[&str] = &["99.99", "\"62\"", "0", "\"99.5 %\""];
const ANY_OFFSET: &[&str] = &["0", "5", "-1", "null"];
const ANY_PROGRESS: &[&str] = &["100", "62", "null"];

const NOT_KNOWN: &[Known] = &[Known::Off, Known::Unanswered];

/// Spellings of two values side by side, each at least once.
fn side_by_side(
    offsets: &[&'static str],
    progresses: &[&'static str],
) -> Vec<(&'static str, &'static str)> {
    let length = offsets.len().max(progresses.len());
    (0..length)
        .map(|n| (offsets[n % offsets.len()], progresses[n % progresses.len()]))
        .collect()
}

fn every_pair(
    offsets: &[&'static str],
    progresses: &[&'static str],
) -> Vec<(&'static str, &'static str)> {
    offsets
        .iter()
        .flat_map(|&offset| progresses.iter().map(move |&progress| (offset, progress)))
        .collect()
}

fn cases(
    until: &'static str,
    is_migrating: &'static str,
    values: &[(&'static str, &'static str)],
    known: &[Known],
    verdict: Verdict,
) -> Vec<Case> {
    let case = |n: usize, (offset, progress): (&'static str, &'static str), known: Known| Case {
        until,
        max_offset: "0",
        is_migrating,
        progress,
        offset,
        known,
        verdict,
        require: n == 0,
    };
    let values = values.iter().enumerate();
    values
        .flat_map(|(n, &values)| known.iter().map(move |&known| case(n, values, known)))
        .collect()
}

fn words(words: &[&'static str]) -> Vec<Known> {
    words.iter().map(|&word| Known::Word(word)).collect()
}

fn hold(rows: &[Case]) {
    each(rows, Case::name, Case::check);
}

const SUCCEEDED: [&str; 2] = ["SUCCESS", "MIGRATION_SUCCESS"];
const IN_FLIGHT: [&str; 9] = [
    "TERMINATING",
    "FULLMIGRATING",
    "MIGRATING",
    "INCRMIGEATING",
    "INCRMIGRATING",
    "CREATING",
    "RUNNING",
    "PAUSED",
    // Nearly a known word is an unknown word.
    "Success",
];

#[test]
fn completed_closed_synced_ended_is_ready() {
    let mut values = side_by_side(ZERO, HUNDRED);
    values.extend(side_by_side(ZERO, UNKNOWN));
    hold(&cases(
        "completed",
        "false",
        &values,
        &words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED"]),
        Ready,
    ));
    hold(&cases("completed", "\"false\"", &values, NOT_KNOWN, Ready));
}

#[test]
fn completed_released_needs_full_sync() {
    hold(&cases(
        "completed",
        "false",
        &side_by_side(ZERO, HUNDRED),
        &words(&["RELEASED"]),
        Ready,
    ));
    // No row of the table makes this ready.
    hold(&cases(
        "completed",
        "false",
        &side_by_side(&["0"], UNKNOWN),
        &words(&["RELEASED"]),
        Wait,
    ));
}

#[test]
fn completed_without_status_waits_for_confirmation() {
    hold(&cases(
        "completed",
        "false",
        &side_by_side(&["0"], &["99.99", "\"62\""]),
        NOT_KNOWN,
        Suspect,
    ));
    let open = every_pair(&["1", "-1"], ANY_PROGRESS);
    hold(&cases("completed", "false", &open, &[Known::Off], Suspect));
    hold(&cases(
        "completed",
        "false",
        &[("\"5\"", "100")],
        &[Known::Unanswered],
        Suspect,
    ));
}

#[test]
fn completed_waits_for_its_status() {
    hold(&cases(
        "completed",
        "false",
        &every_pair(ANY_OFFSET, ANY_PROGRESS),
        &words(&IN_FLIGHT),
        Wait,
    ));
}

#[test]
fn completed_fails_with_failed_or_deleted() {
    let ended = words(&["FAILED", "MIGRATION_FAILED", "ERROR", "DELETED"]);
    hold(&cases(
        "completed",
        "false",
        &every_pair(ANY_OFFSET, ANY_PROGRESS),
        &ended,
        Failed,
    ));
}

#[test]
fn completed_fails_with_stopped_short() {
    let ended = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    hold(&cases(
        "completed",
        "false",
        &side_by_side(ZERO, UNDER),
        &ended,
        Failed,
    ));
}

#[test]
fn completed_fails_with_out_of_sync() {
    let ended = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    let mut values = side_by_side(OVER, &["100"]);
    values.extend(every_pair(&["5"], ANY_PROGRESS));
    hold(&cases("completed", "false", &values, &ended, Failed));
}

#[test]
fn completed_without_offset_needs_full_migration() {
    let values = side_by_side(UNKNOWN, &["100", "null"]);
    let full_only: Vec<Known> = SUCCEEDED
        .iter()
        .map(|&word| Known::FullOnly(word))
        .collect();
    hold(&cases("completed", "false", &values, &full_only, Ready));
    let mut otherwise = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    otherwise.extend([
        Known::FullOnly("TERMINATED"),
        Known::FullOnly("RELEASED"),
        Known::Off,
        Known::Unanswered,
    ]);
    hold(&cases("completed", "false", &values, &otherwise, Wait));
}

#[test]
fn unknown_is_migrating_is_never_ready() {
    let mut rows = Vec::new();
    for until in ["completed", "in-sync", "full-sync"] {
        for is_migrating in UNKNOWN {
            rows.extend(cases(
                until,
                is_migrating,
                &[("0", "100")],
                &words(&["SUCCESS", "INCRMIGEATING"]),
                Wait,
            ));
            rows.extend(cases(
                until,
                is_migrating,
                &[("0", "100")],
                &[Known::Off],
                Wait,
            ));
        }
    }
    hold(&rows);
}

#[test]
fn completed_never_ready_while_migrating() {
    let known: Vec<Known> = words(&["INCRMIGEATING", "TERMINATED", "SUCCESS"]);
    hold(&cases("completed", "true", &[("0", "100")], &known, Wait));
    hold(&cases(
        "completed",
        "\"true\"",
        &[("0", "100")],
        NOT_KNOWN,
        Wait,
    ));
}

#[test]
fn max_offset_is_inclusive() {
    let row = |until, is_migrating, offset, known, verdict| Case {
        until,
        max_offset: "10",
        is_migrating,
        progress: "100",
        offset,
        known,
        verdict,
        require: true,
    };
    let mut rows = Vec::new();
    for offset in ["0", "9", "\"10\""] {
        rows.push(row(
            "completed",
            "false",
            offset,
            Known::Word("TERMINATED"),
            Ready,
        ));
        rows.push(row("completed", "false", offset, Known::Off, Ready));
        rows.push(row(
            "in-sync",
            "true",
            offset,
            Known::Word("INCRMIGEATING"),
            Ready,
        ));
    }
    for offset in ["11", "-1", "-10"] {
        rows.push(row(
            "completed",
            "false",
            offset,
            Known::Word("TERMINATED"),
            Failed,
        ));
        rows.push(row("completed", "false", offset, Known::Off, Suspect));
        rows.push(row(
            "in-sync",
            "true",
            offset,
            Known::Word("INCRMIGEATING"),
            Wait,
        ));
    }
    hold(&rows);
}

#[test]
fn in_sync_needs_running_synced_closed() {
    let mut rows = cases(
        "in-sync",
        "true",
        &side_by_side(ZERO, HUNDRED),
        &words(&["INCRMIGEATING", "INCRMIGRATING", "MIGRATING"]),
        Ready,
    );
    rows.extend(cases(
        "in-sync",
        "\"true\"",
        &[("0", "100")],
        NOT_KNOWN,
        Ready,
    ));
    // The incremental phase begins where the full sync ends: its status proves what the percentage does not tell, for
    // an offset that was read after it.
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(ZERO, UNKNOWN),
        &words(&["INCRMIGEATING", "INCRMIGRATING"]),
        ReadyAtTheSecond,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(ZERO, UNKNOWN),
        &words(&["MIGRATING"]),
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(&["0"], UNKNOWN),
        NOT_KNOWN,
        Wait,
    ));
    // During the full sync the offset means nothing.
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(ZERO, UNDER),
        &words(&["FULLMIGRATING", "MIGRATING", "INCRMIGEATING"]),
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(&["0"], UNDER),
        NOT_KNOWN,
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(OVER, HUNDRED),
        &words(&["INCRMIGEATING"]),
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &side_by_side(UNKNOWN, &["100"]),
        &words(&["INCRMIGEATING"]),
        Wait,
    ));
    rows.extend(cases(
        "in-sync",
        "true",
        &[("0", "100")],
        &words(&["CREATING", "RUNNING", "TERMINATING", "PAUSED"]),
        Wait,
    ));
    hold(&rows);
}

#[test]
fn in_sync_fails_with_ended_task() {
    let mut rows = Vec::new();
    for is_migrating in ["true", "false"] {
        let ended = words(&["FAILED", "MIGRATION_FAILED", "ERROR", "DELETED"]);
        rows.extend(cases(
            "in-sync",
            is_migrating,
            &[("0", "100"), ("5", "62")],
            &ended,
            Failed,
        ));
    }
    // Stopped in sync is too late for an IP switch; stopped otherwise is worse.
    let stopped = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    rows.extend(cases(
        "in-sync",
        "false",
        &[("0", "100"), ("0", "62"), ("5", "100"), ("-1", "100")],
        &stopped,
        Failed,
    ));
    rows.extend(cases(
        "in-sync",
        "false",
        &[("0", "62"), ("5", "100")],
        NOT_KNOWN,
        Suspect,
    ));
    rows.extend(cases(
        "in-sync",
        "false",
        &[("0", "100"), ("0", "62"), ("5", "100")],
        &words(&["RUNNING", "TERMINATING", "PAUSED"]),
        Wait,
    ));
    hold(&rows);
}

#[test]
fn in_sync_fails_when_stopped_unconfirmed() {
    let stopped = || reading("false", "100", "0");
    let cloud = FakeCloud::start().stats([
        reading("true", "100", "7"),
        stopped(),
        stopped(),
        stopped(),
        end(),
    ]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", "in-sync")
        .run();
    run.ended("failed", 3).says(&["in-sync"]);
}

#[test]
fn full_sync_is_ready_at_100() {
    let mut rows = cases(
        "full-sync",
        "true",
        &side_by_side(&["5", "0", "null"], HUNDRED),
        &words(&["INCRMIGEATING", "MIGRATING"]),
        Ready,
    );
    rows.extend(cases(
        "full-sync",
        "true",
        &side_by_side(&["5"], HUNDRED),
        NOT_KNOWN,
        Ready,
    ));
    // A finished task whose progress is 100 has reached it, whatever its offset is.
    let ended = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    rows.extend(cases(
        "full-sync",
        "false",
        &[("0", "100"), ("5", "100"), ("null", "100")],
        &ended,
        Ready,
    ));
    rows.extend(cases(
        "full-sync",
        "true",
        &side_by_side(&["0"], UNDER),
        &words(&["FULLMIGRATING", "INCRMIGEATING"]),
        Wait,
    ));
    rows.extend(cases(
        "full-sync",
        "true",
        &side_by_side(&["0"], UNKNOWN),
        NOT_KNOWN,
        Wait,
    ));
    hold(&rows);
}

#[test]
fn full_sync_fails_when_ended_short() {
    let mut rows = Vec::new();
    for is_migrating in ["true", "false"] {
        let ended = words(&["FAILED", "MIGRATION_FAILED", "ERROR", "DELETED"]);
        rows.extend(cases(
            "full-sync",
            is_migrating,
            &[("0", "62"), ("0", "100"), ("null", "null")],
            &ended,
            Failed,
        ));
    }
    let ended = words(&["SUCCESS", "MIGRATION_SUCCESS", "TERMINATED", "RELEASED"]);
    rows.extend(cases(
        "full-sync",
        "false",
        &side_by_side(&["0", "5"], UNDER),
        &ended,
        Failed,
    ));
    rows.extend(cases(
        "full-sync",
        "false",
        &[("0", "62")],
        NOT_KNOWN,
        Suspect,
    ));
    hold(&rows);
}

/// A wait with defaults for `stable-polls`, and how many readings it took.
fn wait_until(goal: &str, stats: Vec<Answer>, more: &[(&str, &str)]) -> (Run, usize) {
    let cloud = FakeCloud::start()
        .stats(stats)
        .detail([status("INCRMIGEATING")]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", goal)
        .set("DCS_MAX_INTERVAL", "10s")
        .sets(more)
        .run();
    (run, cloud.count(Kind::Stats))
}

#[test]
fn stable_polls_are_consecutive_readings() {
    let closed = || reading("true", "100", "0");
    let open = || reading("true", "100", "5");
    let short = || reading("true", "62", "0");
    let unknown = || reading("", "100", "0");
    let failed = || refusal(503, "APIG.0613");
    type Row = (
        &'static str,
        Vec<Answer>,
        &'static [(&'static str, &'static str)],
        usize,
    );
    let rows: Vec<Row> = vec![
        ("three by default for in-sync", vec![closed()], &[], 3),
        (
            "as many as asked for",
            vec![closed()],
            &[("DCS_STABLE_POLLS", "5")],
            5,
        ),
        (
            "one where one is asked for",
            vec![closed()],
            &[("DCS_STABLE_POLLS", "1")],
            1,
        ),
        (
            "a reading over the limit starts again",
            vec![closed(), closed(), open(), closed()],
            &[],
            6,
        ),
        (
            "so does one whose copy is short",
            vec![closed(), closed(), short(), closed()],
            &[],
            6,
        ),
        (
            "so does an unknown one",
            vec![closed(), closed(), unknown(), closed()],
            &[],
            6,
        ),
        (
            "a failed poll neither counts nor resets",
            vec![closed(), failed(), closed(), broken(), closed()],
            &[],
            5,
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, stats, more, readings)| {
            let mut stats = stats.clone();
            // Never more than needed: one more request is refused.
            let last = stats.last().cloned().unwrap();
            while stats.len() < *readings {
                stats.push(last.clone());
            }
            stats.push(end());
            let (run, asked) = wait_until("in-sync", stats, more);
            run.ended("in-sync", 0);
            assert_eq!(asked, *readings);
        },
    );
}

#[test]
fn other_goals_need_one_reading() {
    let (run, asked) = wait_until("full-sync", vec![reading("true", "100", "7"), end()], &[]);
    run.ended("full-sync", 0);
    assert_eq!(asked, 1);
    let cloud = FakeCloud::start()
        .stats([reading("false", "100", "0"), end()])
        .detail([status("TERMINATED")]);
    Sandbox::waiting_on(&cloud).run().ended("completed", 0);
    assert_eq!(cloud.count(Kind::Stats), 1);
}

#[test]
fn readings_far_apart_make_no_row() {
    // 3 × max-interval is 600 ms here, and an answer, bad or slow, takes longer.
    let closed = || reading("true", "100", "0");
    for between in [
        refusal(503, "APIG.0613").with("Retry-After", "1"),
        reading("true", "100", "0").late(900),
    ] {
        let stats = vec![
            closed(),
            closed(),
            between,
            closed(),
            closed(),
            closed(),
            closed(),
            end(),
        ];
        let (run, asked) = wait_until(
            "in-sync",
            stats,
            &[("DCS_MAX_INTERVAL", "200ms"), ("DCS_STABLE_POLLS", "4")],
        );
        run.ended("in-sync", 0);
        // What a reading says is as old as its request: a late one is far from the next.
        assert_eq!(asked, 7);
    }
}

#[test]
fn status_is_read_before_ready() {
    let open = || reading("true", "100", "5");
    let cloud = FakeCloud::start()
        .stats([open(), open(), open(), open(), end()])
        .detail([status("MIGRATING")]);
    Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", "in-sync")
        .run()
        .ended("invalid-input", 2);
    assert_eq!(cloud.count(Kind::Detail), 1);
    assert_eq!(cloud.requests()[1].kind, Kind::Detail);

    // What the first answer said is not believed when it counts.
    for (until, good) in [
        ("in-sync", reading("true", "100", "0")),
        ("completed", reading("false", "100", "0")),
    ] {
        let cloud = FakeCloud::start()
            .stats([open(), open(), good])
            .detail([status("INCRMIGEATING"), status("FAILED")]);
        let run = Sandbox::waiting_on(&cloud)
            .set("DCS_UNTIL", until)
            .set("DCS_STABLE_POLLS", "1")
            .run();
        run.ended("failed", 3).says(&["FAILED"]);
    }

    // A change of `is_migrating` is a new request, too.
    let cloud = FakeCloud::start()
        .stats([open(), open(), reading("", "100", "5"), end()])
        .detail([status("MIGRATING"), status("MIGRATING")]);
    Sandbox::waiting_on(&cloud)
        .set("DCS_UNTIL", "in-sync")
        .run()
        .ended("invalid-input", 2);
    assert_eq!(cloud.count(Kind::Detail), 2);
}

/// Ways in which the detail alone does not answer.
fn no_status() -> Vec<(&'static str, Answer)> {
    vec![
        ("404", refusal(404, "APIGW.0101")),
        ("405", refusal(405, "DCS.5001")),
        ("500", refusal(500, "DCS.5000")),
        ("403", refusal(403, "DCS.2003")),
        ("429", refusal(429, "APIGW.0308")),
        ("hang", Answer::Hang),
        ("reset", Answer::Reset),
        ("broken off", broken()),
        ("no JSON", json_reply(200, "<html>")),
        ("no status", json_reply(200, "{}")),
        ("status null", json_reply(200, r#"{"status":null}"#)),
        ("status is no text", json_reply(200, r#"{"status":7}"#)),
        (
            "too large",
            json_reply(
                200,
                &format!(r#"{{"status":"SUCCESS","x":"{}"}}"#, "x".repeat(1 << 20)),
            ),
        ),
    ]
}

#[test]
fn auto_goes_on_after_three_failures() {
    each(
        &no_status(),
        |row| row.0.to_owned(),
        |(_, answer)| {
            let cloud = FakeCloud::start()
                .stats([reading("false", "100", "0")])
                .detail([answer.clone()]);
            let run = Sandbox::waiting_on(&cloud)
                .set("DCS_REQUEST_TIMEOUT", "400ms")
                .set("DCS_STABLE_POLLS", "2")
                .run();
            run.ended("completed", 0).says(&["status not confirmed"]);
            assert_eq!(run.output("task-status"), "");
            assert!(run.output("polls").parse::<u32>().unwrap() >= 4);
            assert!(run.summary.contains("not confirmed"), "{}", run.summary);
            let warnings = run
                .log()
                .lines()
                .filter(|line| line.contains("continuing without it"))
                .count();
            assert_eq!(warnings, 1, "{}", run.transcript());
        },
    );
}

#[test]
fn require_fails_polls_without_detail() {
    each(
        &no_status(),
        |row| row.0.to_owned(),
        |(name, answer)| {
            let cloud = FakeCloud::start()
                .stats([reading("false", "100", "0")])
                .detail([answer.clone()]);
            let run = Sandbox::waiting_on(&cloud)
                .sets(&[
                    ("DCS_STATUS_CHECK", "require"),
                    ("DCS_REQUEST_TIMEOUT", "300ms"),
                    ("DCS_MAX_OUTAGE", "900ms"),
                ])
                .run();
            // 403 is a permission, and that does not come back by itself.
            let (result, code) = if *name == "403" {
                ("denied", 5)
            } else {
                ("unreachable", 6)
            };
            run.ended(result, code);
            assert_eq!(run.output("ready"), "false");
        },
    );
    let cloud = FakeCloud::start()
        .stats([reading("false", "100", "0")])
        .detail([
            refusal(500, "DCS.5000"),
            json_reply(200, "{}"),
            status("TERMINATED"),
        ]);
    let run = Sandbox::waiting_on(&cloud)
        .set("DCS_STATUS_CHECK", "require")
        .run();
    run.ended("completed", 0).says(&["TERMINATED"]);
    assert_eq!(run.output("polls"), "3");
}

#[test]
fn a_hanging_status_decides_nothing() {
    let until_soon = |cloud: &FakeCloud| {
        Sandbox::waiting_on(cloud)
            .sets(&[("DCS_TIMEOUT", "1500ms"), ("DCS_REQUEST_TIMEOUT", "10s")])
            .run()
    };
    // What was seen without it is shown.
    for stats in [
        vec![reading("false", "100", "0")],
        vec![reading("true", "62", "null"), reading("false", "100", "0")],
    ] {
        let mut details = vec![status("FULLMIGRATING"); stats.len() - 1];
        details.push(Answer::Hang);
        let run = until_soon(&FakeCloud::start().stats(stats).detail(details));
        run.ended("timeout", 124).says(&[
            "is_migrating false, full sync 100 %, offset 0",
            "the status that belongs",
        ]);
        assert_eq!(
            (run.output("ready"), run.output("full-migration-progress")),
            ("false", "100")
        );
    }
}

#[test]
fn status_failure_still_shows_the_reading() {
    let cloud = FakeCloud::start()
        .stats([reading("true", "100", "7"), reading("true", "100", "0")])
        .detail([status("INCRMIGEATING"), refusal(500, "DCS.5000")]);
    let run = Sandbox::waiting_on(&cloud)
        .sets(&[
            ("DCS_STATUS_CHECK", "require"),
            ("DCS_UNTIL", "in-sync"),
            ("DCS_MAX_OUTAGE", "500ms"),
        ])
        .run();
    run.ended("unreachable", 6).says(&[
        "the task's status: HTTP 500",
        "offset 0",
        "`status-check: auto`",
    ]);
    assert!(!run.reason().contains("writers"), "{}", run.reason());
    assert_eq!(run.output("offset"), "0");
}

#[test]
fn unknown_task_is_invalid_input() {
    let unknown = || refusal(400, "DCS.4133");
    let cloud = FakeCloud::start().stats([
        unknown(),
        unknown(),
        unknown(),
        reading("false", "100", "0"),
    ]);
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("invalid-input", 2)
        .says(&["DCS.4133", "`task-id`"]);
    assert_eq!(cloud.count(Kind::Stats), 3);

    let cloud = FakeCloud::start()
        .stats([
            unknown(),
            unknown(),
            reading("true", "62", ""),
            unknown(),
            unknown(),
            reading("false", "100", "0"),
        ])
        .detail([status("TERMINATED")]);
    Sandbox::waiting_on(&cloud).run().ended("completed", 0);
}

#[test]
fn vanished_task_was_deleted() {
    let unknown = || refusal(400, "DCS.4133");
    let cloud = FakeCloud::start()
        .stats([
            reading("true", "62", ""),
            unknown(),
            unknown(),
            unknown(),
            reading("false", "100", "0"),
        ])
        .detail([status("MIGRATING")]);
    Sandbox::waiting_on(&cloud)
        .run()
        .ended("failed", 3)
        .says(&["deleted"]);
    assert_eq!(cloud.count(Kind::Stats), 4);
}

#[test]
fn wrong_shape_is_malformed_naming_field() {
    let rows = [
        (
            r#"{"is_migrating":0,"offset":0,"full_migration_progress":100}"#,
            "is_migrating",
        ),
        (
            r#"{"is_migrating":"no","offset":0,"full_migration_progress":100}"#,
            "is_migrating",
        ),
        (
            r#"{"is_migrating":[false],"offset":0,"full_migration_progress":100}"#,
            "is_migrating",
        ),
        (
            r#"{"is_migrating":false,"offset":"none","full_migration_progress":100}"#,
            "offset",
        ),
        (
            r#"{"is_migrating":false,"offset":false,"full_migration_progress":100}"#,
            "offset",
        ),
        (
            r#"{"is_migrating":false,"offset":{},"full_migration_progress":100}"#,
            "offset",
        ),
        (
            r#"{"is_migrating":false,"offset":"0x0","full_migration_progress":100}"#,
            "offset",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":"done"}"#,
            "full_migration_progress",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":"inf"}"#,
            "full_migration_progress",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":true}"#,
            "full_migration_progress",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":100,"source_dbsize":"many"}"#,
            "source_dbsize",
        ),
        (
            r#"{"is_migrating":false,"offset":0,"full_migration_progress":100,"target_dbsize":[]}"#,
            "target_dbsize",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(body, field)| {
            let cloud = FakeCloud::start()
                .stats([json_reply(200, body), reading("false", "100", "0")])
                .detail([status("TERMINATED")]);
            let run = Sandbox::waiting_on(&cloud).run();
            run.ended("completed", 0);
            assert_eq!(run.output("polls"), "2");
            assert!(
                run.log().contains(&format!("`{field}`")),
                "{}",
                run.transcript()
            );
        },
    );
}

#[test]
fn unknown_fields_are_ignored() {
    let body = r#"{"is_migrating":false,"offset":0,"full_migration_progress":100,"eta":"soon","ready":false,"x":[{}]}"#;
    let cloud = FakeCloud::start()
        .stats([json_reply(200, body)])
        .detail([status("TERMINATED")]);
    let run = Sandbox::waiting_on(&cloud).run();
    run.ended("completed", 0);
    assert_eq!(run.output("polls"), "1");
}
