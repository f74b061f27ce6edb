//! The live view on a terminal, below the log: three lines for a task, and a line for each of several, as many as fit.
//!
//! Drawn by a thread of the library; nothing of it is there when the output is no terminal.

use super::messages;
use crate::clock::Clock;
use crate::domain::TaskId;
use crate::domain::{Detail, FullSync, Goal, Phase};
use crate::outcome::Outcome;
use crate::wait::{ProgressKey, Rules, TaskWait};
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The view. Dropping it leaves what is on the screen; [`ProgressView::clear`] takes it away.
pub struct ProgressView {
    bar: ProgressBar,
    shared: Arc<Mutex<View>>,
}

/// What is to be seen; the lines are made again at each tick, since time passes between polls, too.
struct View {
    rules: Rules,
    /// Every task, those without a poll so far, too.
    tasks: BTreeMap<TaskId, Option<Shown>>,
    next_poll: Option<Duration>,
}

/// What is to be seen of one task.
#[derive(Clone)]
struct Shown {
    phase: Phase,
    /// How far it is: the full sync, or the offset.
    progress: String,
    /// What it waits for.
    why: String,
    keys: String,
    is_failing: bool,
    outcome: Option<Outcome>,
    advance: ProgressKey,
}

/// Cells of the bar for the full sync.
const BAR: usize = 14;
/// Lines of the window that are not for rows of tasks: the empty one, the counts, the times.
const AROUND_ROWS: usize = 3;
/// How often the lines are drawn again: a clock that jumps is hard to read.
const TICK: Duration = Duration::from_millis(250);

impl ProgressView {
    /// A view that is not drawn yet.
    pub fn new(rules: &Rules, clock: Clock) -> Self {
        let view = View {
            rules: rules.clone(),
            tasks: BTreeMap::new(),
            next_poll: None,
        };
        let shared = Arc::new(Mutex::new(view));
        let for_lines = Arc::clone(&shared);
        let lines = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let view = for_lines.lock().unwrap_or_else(PoisonError::into_inner);
            let (height, width) = Term::stderr().size();
            // A line that wraps cannot be drawn over; the spinner and a blank stand before the first.
            let width = usize::from(width).saturating_sub(3);
            let lines: Vec<String> = view
                .lines(clock.elapsed(), usize::from(height))
                .iter()
                .map(|line| cut(line, width))
                .collect();
            let _ = out.write_str(&lines.join("\n  "));
        };
        // No colours: the words carry everything. The first line is empty: the `^C` that a terminal writes at Ctrl-C moves
        // the cursor a line down, so that the first line is left when the view is taken away.
        let style = ProgressStyle::with_template(" \n{spinner} {lines}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .tick_chars("|/-\\ ")
            .with_key("lines", lines);
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
            .with_style(style);
        Self { bar, shared }
    }

    /// Begins to draw on standard error.
    pub fn start(&self) {
        self.bar.enable_steady_tick(TICK);
    }

    /// The drawn lines, for the code that writes other lines above them.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Shows tasks that have not been polled so far, too.
    pub fn expect<'a>(&self, tasks: impl Iterator<Item = &'a TaskId>) {
        let mut view = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        for task in tasks {
            view.tasks.entry(task.clone()).or_insert(None);
        }
    }

    /// Takes a poll into account.
    pub fn update(&self, task: &TaskWait, next_poll: Option<Duration>) {
        let mut view = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = Shown::of(task, &view.rules);
        view.tasks.insert(task.id.clone(), Some(shown));
        view.next_poll = next_poll.or(view.next_poll);
    }

    /// Leaves the screen as if it had never been there.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Shown {
    fn of(task: &TaskWait, rules: &Rules) -> Self {
        let snapshot = task.snapshot();
        let reading = snapshot
            .seen
            .map(|seen| seen.reading.clone())
            .unwrap_or_default();
        let phase = snapshot.phase;
        let progress = match (reading.full_sync(), reading.full_migration_progress) {
            (FullSync::Incomplete, Some(percent)) => {
                format!("{} {}", bar(percent), messages::percent(percent))
            }
            _ => {
                let rate = snapshot
                    .rates
                    .offset_rate()
                    .filter(|rate| rate.abs() >= 0.5);
                let rate = rate
                    .map(|rate| format!(" ({rate:+.0}/s)"))
                    .unwrap_or_default();
                {
                    let is_full_only = snapshot.detail.is_some_and(Detail::is_full_only);
                    let offset = messages::known_offset(reading.offset, is_full_only);
                    format!("offset {offset}{rate}")
                }
            }
        };
        let goal = match reading.full_sync() {
            FullSync::Incomplete => "full sync done".to_owned(),
            FullSync::Done | FullSync::Unknown => rules.condition.goal.to_string(),
        };
        let why = match (snapshot.failing, snapshot.stable) {
            (Some(error), _) => format!("request failed, retrying: {}", error.message),
            (None, 0) => messages::time_to(&goal, snapshot.rates.eta()),
            (None, stable) => format!("goal met {stable} of {} times", rules.stable_polls),
        };
        Self {
            phase,
            progress,
            why,
            keys: format!(
                "keys {} -> {}",
                messages::known(reading.source_dbsize),
                messages::known(reading.target_dbsize)
            ),
            is_failing: snapshot.failing.is_some(),
            outcome: task.outcome.as_ref().map(|(outcome, _)| outcome.clone()),
            advance: snapshot.progress_key,
        }
    }

    fn is_ready(&self) -> bool {
        self.outcome.as_ref().is_some_and(Outcome::is_ready)
    }

    /// Its state in a word; the states of several tasks are counted.
    fn state(&self, goal: Goal) -> &'static str {
        match &self.outcome {
            Some(outcome) => outcome.word(Some(goal)),
            None if self.is_failing => "not answering",
            None => self.phase.as_str(),
        }
    }
}

impl View {
    /// The lines for a window of so many.
    fn lines(&self, now: Duration, height: usize) -> Vec<String> {
        let left = format!(
            "timeout in {}",
            messages::duration(whole_seconds(self.rules.deadline.saturating_sub(now)))
        );
        let next = match self.next_poll {
            Some(at) if at > now => {
                format!(
                    "next poll in {}",
                    messages::duration(whole_seconds(at - now))
                )
            }
            Some(_) | None => "polling".to_owned(),
        };
        let last = format!("{next}, {left}");
        if let [shown] = self.tasks.values().collect::<Vec<_>>().as_slice() {
            return match shown {
                Some(shown) => {
                    let second = if shown.is_failing {
                        shown.why.clone()
                    } else {
                        format!("{}, {}", shown.why, shown.keys)
                    };
                    vec![
                        format!("{}  {}", shown.phase.as_str(), shown.progress),
                        second,
                        last,
                    ]
                }
                None => vec!["connecting".to_owned(), last],
            };
        }
        let mut lines = vec![self.counts()];
        lines.extend(self.rows(height.saturating_sub(AROUND_ROWS)));
        lines.push(last);
        lines
    }

    /// How many tasks are in which state; the numbers add up.
    fn counts(&self) -> String {
        let goal = self.rules.condition.goal;
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for shown in self.tasks.values() {
            let state = match shown {
                Some(shown) if shown.is_ready() => continue,
                Some(shown) => shown.state(goal),
                None => "connecting",
            };
            *states.entry(state).or_default() += 1;
        }
        let ready = self
            .tasks
            .values()
            .flatten()
            .filter(|shown| shown.is_ready());
        let states: Vec<String> = states
            .iter()
            .map(|(state, count)| format!(", {count} {state}"))
            .collect();
        format!(
            "{} of {} tasks reached {goal}{}",
            ready.count(),
            self.tasks.len(),
            states.concat()
        )
    }

    /// The tasks that have not reached the goal: those that never will, then the least advanced.
    fn rows(&self, most: usize) -> Vec<String> {
        let ids = messages::short_ids(self.tasks.keys().map(TaskId::as_str));
        let mut waiting: Vec<(&TaskId, &Shown)> = self
            .tasks
            .iter()
            .filter_map(|(id, shown)| Some((id, shown.as_ref()?)))
            .filter(|(_, shown)| !shown.is_ready())
            .collect();
        waiting.sort_by(|(_, a), (_, b)| {
            let is_waiting = |shown: &Shown| shown.outcome.is_none();
            is_waiting(a)
                .cmp(&is_waiting(b))
                .then_with(|| a.advance.compare(&b.advance))
        });
        let most = if waiting.len() > most {
            most.saturating_sub(1)
        } else {
            most
        };
        let goal = self.rules.condition.goal;
        let mut rows: Vec<String> = waiting
            .iter()
            .take(most)
            .map(|(id, shown)| {
                let short = ids.get(id.as_str()).copied().unwrap_or(id.as_str());
                let why = if shown.outcome.is_some() {
                    ""
                } else {
                    &shown.why
                };
                format!(
                    "{short}  {:<13} {:<24} {why}",
                    shown.state(goal),
                    shown.progress
                )
                .trim_end()
                .to_owned()
            })
            .collect();
        if let more @ 1.. = waiting.len() - rows.len() {
            rows.push(format!("and {more} more"));
        }
        rows
    }
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

/// `[#####---------------]`
fn bar(percent: f64) -> String {
    let done = ((percent / 100.0 * BAR as f64) as usize).min(BAR);
    format!("[{}{}]", "#".repeat(done), "-".repeat(BAR - done))
}

/// The beginning of a line, as far as it fits.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars()
        .take(width.saturating_sub(1))
        .chain(std::iter::once('…'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_never_outgrows_the_window() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 5), "abcd…");
        assert_eq!(cut("abcdef", 0), "…");
    }

    #[test]
    fn bar_is_full_only_when_done() {
        assert_eq!(bar(0.0), format!("[{}]", "-".repeat(BAR)));
        assert!(bar(99.9).contains('-'));
        assert_eq!(bar(100.0), format!("[{}]", "#".repeat(BAR)));
    }
}
