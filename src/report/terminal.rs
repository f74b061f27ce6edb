//! The live view on a terminal: three lines that stay where they are, below the log.
//!
//! Drawn by a thread of the library; nothing of it is there when the output is no terminal.

use super::messages;
use crate::clock::Clock;
use crate::domain::TaskId;
use crate::domain::{FullSync, Phase};
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
    tasks: BTreeMap<TaskId, Shown>,
    next_look: Option<Duration>,
}

/// What is to be seen of one task.
#[derive(Clone)]
struct Shown {
    phase: Phase,
    first: String,
    second: String,
    failing: Option<String>,
    outcome: Option<Outcome>,
    advance: ProgressKey,
}

/// Cells of the bar for the full sync.
const BAR: usize = 20;
/// How often the lines are drawn again: a clock that jumps is hard to read.
const TICK: Duration = Duration::from_millis(250);

impl ProgressView {
    /// Begins to draw on standard error.
    pub fn start(rules: &Rules, clock: Clock) -> Self {
        let view = View {
            rules: rules.clone(),
            tasks: BTreeMap::new(),
            next_look: None,
        };
        let shared = Arc::new(Mutex::new(view));
        let line = |number: usize| {
            let shared = Arc::clone(&shared);
            move |_: &ProgressState, out: &mut dyn fmt::Write| {
                let view = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let text = view
                    .lines(clock.elapsed())
                    .into_iter()
                    .nth(number)
                    .unwrap_or_default();
                // A line that wraps cannot be drawn over; the spinner and a blank stand before the first.
                let width = usize::from(Term::stderr().size().1).saturating_sub(3);
                let _ = out.write_str(&cut(&text, width));
            }
        };
        // No colours: the words carry everything.
        let style = ProgressStyle::with_template("{spinner} {first}\n  {second}\n  {third}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .tick_chars("|/-\\ ")
            .with_key("first", line(0))
            .with_key("second", line(1))
            .with_key("third", line(2));
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
            .with_style(style);
        bar.enable_steady_tick(TICK);
        Self { bar, shared }
    }

    /// The drawn lines, for the code that writes other lines above them.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Takes a poll into account.
    pub fn update(&self, task: &TaskWait, next_look: Option<Duration>) {
        let mut view = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = Shown::of(task, &view.rules);
        view.tasks.insert(task.id.clone(), shown);
        view.next_look = next_look;
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
        let middle = match (reading.full_sync(), reading.full_migration_progress) {
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
                format!("offset {}{rate}", messages::known(reading.offset))
            }
        };
        let goal = match reading.full_sync() {
            FullSync::Incomplete => "full sync done".to_owned(),
            FullSync::Done | FullSync::Unknown => rules.condition.goal.to_string(),
        };
        let to_goal = if snapshot.stable > 0 {
            format!(
                "goal met {} of {} times",
                snapshot.stable, rules.stable_polls
            )
        } else {
            messages::time_to(&goal, snapshot.rates.eta())
        };
        Self {
            phase,
            first: format!("{}  {middle}", phase.as_str()),
            second: format!(
                "{to_goal}, keys {} -> {}",
                messages::known(reading.source_dbsize),
                messages::known(reading.target_dbsize)
            ),
            failing: snapshot
                .failing
                .map(|error| format!("request failed, retrying: {}", error.message)),
            outcome: task.outcome.as_ref().map(|(outcome, _)| outcome.clone()),
            advance: snapshot.progress_key,
        }
    }
}

impl View {
    fn lines(&self, now: Duration) -> [String; 3] {
        let left = format!(
            "timeout in {}",
            messages::duration(whole_seconds(self.rules.deadline.saturating_sub(now)))
        );
        let next = match self.next_look {
            Some(at) if at > now => {
                format!(
                    "next poll in {}",
                    messages::duration(whole_seconds(at - now))
                )
            }
            Some(_) | None => "polling".to_owned(),
        };
        let third = format!("{next}, {left}");
        let waiting = self.tasks.values().filter(|shown| shown.outcome.is_none());
        match self.tasks.len() {
            0 => ["connecting".to_owned(), String::new(), third],
            1 => {
                let shown = self.tasks.values().next();
                let second = shown.map(|shown| {
                    shown
                        .failing
                        .clone()
                        .unwrap_or_else(|| shown.second.clone())
                });
                [
                    shown.map(|shown| shown.first.clone()).unwrap_or_default(),
                    second.unwrap_or_default(),
                    third,
                ]
            }
            total => {
                let ready = self
                    .tasks
                    .values()
                    .filter(|shown| shown.outcome.as_ref().is_some_and(Outcome::is_ready));
                let failing = waiting
                    .clone()
                    .filter(|shown| shown.failing.is_some())
                    .count();
                let failing = if failing > 0 {
                    format!(", {failing} failing")
                } else {
                    String::new()
                };
                let counts: Vec<String> = [
                    Phase::NotStarted,
                    Phase::FullSync,
                    Phase::Incremental,
                    Phase::Stopping,
                    Phase::Ended,
                ]
                .into_iter()
                .map(|phase| {
                    (
                        phase,
                        waiting.clone().filter(|shown| shown.phase == phase).count(),
                    )
                })
                .filter(|&(_, count)| count > 0)
                .map(|(phase, count)| format!("{count} {}", phase.as_str()))
                .collect();
                let first = format!(
                    "{} of {total} tasks ready; {}{failing}",
                    ready.count(),
                    counts.join(", ")
                );
                let least = self
                    .tasks
                    .iter()
                    .filter(|(_, shown)| shown.outcome.is_none());
                let least = least.min_by(|a, b| a.1.advance.compare(&b.1.advance));
                let second =
                    least.map(|(id, shown)| format!("last is {}: {}", id.as_str(), shown.first));
                [first, second.unwrap_or_default(), third]
            }
        }
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
