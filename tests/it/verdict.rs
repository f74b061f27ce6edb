//! The contract's verdict table, row by row, and what it says about the three goals.

mod completed;
mod full_sync;
mod in_sync;
mod rows;
mod shapes;
mod status;

use crate::support::cloud::detail;
use crate::support::{
    Answer, FakeCloud, Kind, Run, Sandbox, broken, each, json_reply, refusal, status,
};
use Verdict::{Failed, Ready, ReadyAtTheSecond, Suspect, Wait};

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
