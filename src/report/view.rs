//! What people read about a wait, put into words once: the job summary, the HTML page and the JUnit report lay it out.

use super::chart::TimeSeries;
use super::messages::{self, Condition, Marked};
use super::{Report, TaskReport};
use crate::domain::Goal;
use crate::outcome::Outcome;
use std::collections::BTreeMap;
use std::time::Duration;

/// Something that happened, and when: since the start of the wait.
pub type Happened = (Duration, String);

/// A whole wait.
#[derive(Debug)]
pub struct View<'a> {
    /// What it is made of.
    pub report: &'a Report,
    /// The contract's word for the end.
    pub result: &'static str,
    /// Whether the goal is reached.
    pub is_ready: bool,
    /// The goal, where it is not reached.
    pub missed_goal: Option<Goal>,
    /// What to do with the applications, in the fewest words.
    pub decision: &'static str,
    /// The end in one sentence.
    pub verdict: String,
    /// What to do next.
    pub next_steps: Vec<String>,
    /// How the wait went, in numbers.
    pub facts: Vec<(&'static str, String)>,
    /// Each task, in the order of the input.
    pub tasks: Vec<TaskView<'a>>,
}

/// One task.
#[derive(Debug)]
pub struct TaskView<'a> {
    /// What it is made of.
    pub task: &'a TaskReport,
    /// Which task.
    pub id: &'a str,
    /// As much of the id as tells it from the others.
    pub short_id: &'a str,
    /// How its wait ended, where it has.
    pub outcome: Option<&'a Outcome>,
    /// The same in a word.
    pub result: &'static str,
    /// Why it ended so.
    pub reason: String,
    /// Why it has not reached the goal, in a few words; empty where it has.
    pub why: String,
    /// What a bad end leaves to say: what was seen last, what was not met, what the API said.
    pub details: Vec<(&'static str, String)>,
    /// What was wanted against what was seen.
    pub conditions: Vec<Condition>,
    /// The newest full sync, or "unknown".
    pub full_sync: String,
    /// The newest offset, "unknown", or that a full migration has none.
    pub offset: String,
    /// The newest status, or nothing.
    pub status: &'a str,
    /// The keys on both sides, where there was a reading.
    pub keys: Option<String>,
    /// The full sync and the offset over time.
    pub series: TimeSeries,
    /// What happened that changes how the two are to be read.
    pub marked: Marked,
}

impl<'a> View<'a> {
    /// Puts a wait into words.
    pub fn of(report: &'a Report) -> Self {
        let only = match report.tasks.as_slice() {
            [task] => Some(task),
            _ => None,
        };
        let short_ids = messages::short_ids(report.tasks.iter().map(|task| task.id.as_str()));
        Self {
            report,
            result: report.result(),
            is_ready: report.is_ready(),
            missed_goal: report.goal.filter(|_| !report.is_ready()),
            decision: decision(report),
            verdict: messages::verdict(report),
            next_steps: messages::next_steps(report),
            facts: messages::stats_rows(report, only),
            tasks: report
                .tasks
                .iter()
                .map(|task| TaskView::of(report, task, &short_ids))
                .collect(),
        }
    }

    /// Several tasks in a few lines.
    pub fn overview(&self) -> Option<Overview> {
        Overview::of(self)
    }

    /// Each task, the least advanced first.
    pub fn by_advance(&self) -> Vec<&TaskView<'a>> {
        let mut tasks: Vec<_> = self.tasks.iter().collect();
        tasks.sort_by(|a, b| a.task.compare_advance(b.task));
        tasks
    }

    /// What happened to no task in particular.
    pub fn events(&self) -> Vec<Happened> {
        messages::time_line(self.report, None)
    }

    /// What happened to a task.
    pub fn events_of(&self, task: &TaskView<'_>) -> Vec<Happened> {
        messages::time_line(self.report, Some(task.task))
    }
}

impl<'a> TaskView<'a> {
    fn of(
        report: &'a Report,
        task: &'a TaskReport,
        short_ids: &BTreeMap<&'a str, &'a str>,
    ) -> Self {
        let reading = task.reading.as_ref();
        let id = task.id.as_str();
        Self {
            task,
            id,
            short_id: short_ids.get(id).copied().unwrap_or(id),
            outcome: report.outcome_of(task),
            result: messages::task_result(report, task),
            reason: messages::task_reason(report, task),
            why: messages::why_in_short(report, task),
            details: messages::details(report, task),
            conditions: messages::conditions(report, task),
            full_sync: messages::known_percent(
                reading.and_then(|reading| reading.full_migration_progress),
            ),
            offset: messages::known_offset(
                reading.and_then(|reading| reading.offset),
                task.is_full_only(),
            ),
            status: task
                .detail
                .as_ref()
                .map_or("", |detail| detail.status.word()),
            keys: reading.map(messages::keys),
            series: TimeSeries::of(task),
            marked: Marked::of(&task.history),
        }
    }
}

fn decision(report: &Report) -> &'static str {
    match (report.is_ready(), report.goal) {
        (true, Some(Goal::FullSync)) => "GO ON, but do not switch yet",
        (true, Some(_) | None) => "GO",
        (false, _) if report.outcome.is_none() => "WAIT",
        (false, _) => "DO NOT SWITCH",
    }
}

/// Several tasks in a few lines.
#[derive(Debug)]
pub struct Overview {
    /// How many tasks are in which state; the numbers add up.
    pub counts: String,
    /// Why tasks have not reached the goal, and the short ids of those: what most have in common comes first.
    pub reasons: Vec<(String, String)>,
    /// What holds up the rest, or took the longest.
    pub slowest: Option<(&'static str, String)>,
}

/// So many reasons, and so many ids for each, are named of many tasks.
const MOST_REASONS: usize = 6;
const MOST_IDS: usize = 5;

impl Overview {
    /// Of several tasks; nothing of a single one.
    fn of(view: &View<'_>) -> Option<Self> {
        if view.tasks.len() < 2 {
            return None;
        }
        let by_advance = view.by_advance();
        let mut states: Vec<(&str, usize)> = Vec::new();
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for task in &by_advance {
            match states.iter_mut().find(|(state, _)| *state == task.result) {
                Some((_, count)) => *count += 1,
                None => states.push((task.result, 1)),
            }
            match reasons.iter_mut().find(|(why, _)| *why == task.why) {
                _ if task.why.is_empty() => {}
                Some((_, ids)) => ids.push(task.short_id),
                None => reasons.push((&task.why, vec![task.short_id])),
            }
        }
        states.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        reasons.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
        let states: Vec<String> = states
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let left_out = reasons.len().saturating_sub(MOST_REASONS);
        let mut reasons: Vec<(String, String)> = reasons
            .into_iter()
            .take(MOST_REASONS)
            .map(|(why, ids)| (why.to_owned(), first_of(&ids)))
            .collect();
        if left_out > 0 {
            let more = messages::plural(left_out as u64, "more reason");
            reasons.push((more, "see each task".to_owned()));
        }
        let slowest = if view.is_ready {
            let slowest = view.tasks.iter().max_by_key(|task| task.task.elapsed);
            slowest.map(|task| {
                let took = messages::duration(task.task.elapsed);
                ("Slowest", format!("{}, {took}", task.short_id))
            })
        } else {
            by_advance.first().map(|task| {
                let state = format!("full sync {}, offset {}", task.full_sync, task.offset);
                ("Furthest back", format!("{}: {state}", task.short_id))
            })
        };
        Some(Self {
            counts: format!("{} tasks: {}", view.tasks.len(), states.join(", ")),
            reasons,
            slowest,
        })
    }
}

/// The first ids, and how many more there are.
fn first_of(ids: &[&str]) -> String {
    let shown: Vec<&str> = ids.iter().copied().take(MOST_IDS).collect();
    match ids.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What happened, in rows of a time and words: as much of it as there is room for.
#[derive(Debug)]
pub struct TimeLine {
    /// "3 events", those that are left out included.
    pub total: String,
    /// The rows. One of them says how many events are left out, where some are.
    pub rows: Vec<(String, String)>,
}

impl TimeLine {
    /// The first and the newest of the events, in so many bytes; `size` is that of a row.
    pub fn fit(
        events: &[Happened],
        room: usize,
        size: impl Fn(&(String, String)) -> usize,
    ) -> Self {
        let mut rows: Vec<(String, String)> = events
            .iter()
            .map(|(at, what)| (messages::duration(*at), what.clone()))
            .collect();
        let sizes: Vec<usize> = rows.iter().map(size).collect();
        let omitted = middle(&sizes, room);
        if !omitted.is_empty() {
            let number = messages::plural(omitted.len() as u64, "event");
            rows.splice(
                omitted,
                [("…".to_owned(), format!("{number} left out here"))],
            );
        }
        Self {
            total: messages::plural(events.len() as u64, "event"),
            rows,
        }
    }
}

/// What to leave out in the middle, so that the beginning and the end fit into the room.
fn middle(sizes: &[usize], room: usize) -> std::ops::Range<usize> {
    if sizes.iter().sum::<usize>() <= room {
        return 0..0;
    }
    let within = |sizes: &mut dyn Iterator<Item = &usize>| {
        let mut left = room / 2;
        sizes
            .take_while(|&&size| {
                let fits = size <= left;
                left = left.saturating_sub(size);
                fits
            })
            .count()
    };
    let head = within(&mut sizes.iter());
    let tail = within(&mut sizes.iter().rev()).min(sizes.len() - head);
    head..sizes.len() - tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_is_cut_from_the_middle() {
        assert_eq!(middle(&[1; 10], 10), 0..0);
        assert_eq!(middle(&[1; 10], 6), 3..7);
        assert_eq!(middle(&[1; 10], 0), 0..10);
    }
}
