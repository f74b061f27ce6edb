//! What a chart marks, in words.

use super::duration;
use crate::domain::IpSwitch;
use crate::report::history::{History, Mark};

/// Times that are named one by one; of more, the first and the last.
const MOST_NAMED: usize = 3;

/// What is marked, with its times, for a chart and for those who have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// When polls failed, where some did.
    pub failing: Option<String>,
    /// What the lines mark, in order: each kind once.
    pub lines: Vec<String>,
    /// How many are in neither, because there were so many.
    pub omitted: Option<String>,
}

impl Marked {
    /// What is marked in a history.
    pub fn of(history: &History) -> Self {
        let spans: Vec<String> = history
            .failing
            .iter()
            .map(|&(from, to)| match to {
                Some(to) => format!("from {} to {}", duration(from), duration(to)),
                None => format!("from {} to the end", duration(from)),
            })
            .collect();
        let mut kinds: Vec<(Mark, Vec<String>)> = Vec::new();
        for &(at, mark) in &history.marks {
            let at = format!("at {}", duration(at));
            match kinds.iter_mut().find(|(known, _)| *known == mark) {
                Some((_, times)) => times.push(at),
                None => kinds.push((mark, vec![at])),
            }
        }
        Self {
            failing: (!spans.is_empty()).then(|| format!("polls failed {}", listed(&spans))),
            lines: kinds
                .iter()
                .map(|(mark, times)| format!("{} {}", label(*mark), listed(times)))
                .collect(),
            omitted: (history.omitted_marks > 0)
                .then(|| format!("{} more not shown", history.omitted_marks)),
        }
    }

    /// All of it in one fragment; empty where nothing is marked.
    pub fn in_words(&self) -> String {
        let parts = self.failing.iter().chain(&self.lines).chain(&self.omitted);
        parts.cloned().collect::<Vec<_>>().join("; ")
    }
}

fn listed(times: &[String]) -> String {
    match times {
        [first, .., last] if times.len() > MOST_NAMED => {
            format!("{} times, first {first}, last {last}", times.len())
        }
        times => times.join(", "),
    }
}

/// A mark in a few words, as they fit beside a line.
pub fn label(mark: Mark) -> &'static str {
    match mark {
        Mark::FullSyncRestarted => "full sync restarted",
        Mark::IpSwitch(ip_switch) => super::ip_switch(ip_switch),
        Mark::Stopped => "no longer migrating",
    }
}

/// What an IP switch has become.
pub fn ip_switch(ip_switch: IpSwitch) -> &'static str {
    match ip_switch {
        IpSwitch::None => "IP switch gone",
        IpSwitch::Switching => "IP switch started",
        IpSwitch::Switched => "IP switch done",
        IpSwitch::RolledBack => "IP switch rolled back",
        IpSwitch::Unknown => "IP switch: unknown word",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn marks_are_named_with_times() {
        let mut history = History::default();
        for (at, is_failing) in [(10, true), (15, true), (30, false), (40, false), (50, true)] {
            history.note_failing(seconds(at), is_failing);
        }
        history.add_mark(seconds(20), Mark::FullSyncRestarted);
        history.add_mark(seconds(25), Mark::Stopped);
        history.add_mark(seconds(28), Mark::FullSyncRestarted);
        assert_eq!(
            Marked::of(&history).in_words(),
            "polls failed from 10s to 30s, from 50s to the end; full sync restarted at 20s, at 28s; no longer \
             migrating at 25s"
        );
    }

    #[test]
    fn many_marks_are_counted() {
        let mut history = History::default();
        for n in 0..500 {
            history.add_mark(seconds(n), Mark::FullSyncRestarted);
            history.note_failing(seconds(2 * n), true);
            history.note_failing(seconds(2 * n + 1), false);
        }
        assert_eq!((history.marks.len(), history.failing.len()), (200, 200));
        assert_eq!(
            Marked::of(&history).in_words(),
            "polls failed 200 times, first from 0s to 1s, last from 16m 38s to 16m 39s; full sync restarted 200 times, \
             first at 0s, last at 8m 19s; 600 more not shown"
        );
    }

    #[test]
    fn nothing_marked_is_silent() {
        assert_eq!(Marked::of(&History::default()).in_words(), "");
    }
}
