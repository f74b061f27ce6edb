//! What happened during a wait, kept small however long it lasts.

use super::{chart, messages};
use crate::api::{ApiError, SignedIn};
use crate::domain::{IpSwitch, Reading, TaskId};
use crate::wait::{Event, Observer, TaskWait};
use std::collections::BTreeMap;
use std::time::Duration;

/// Readings of a task that are kept; twice as many are thinned to these. A burst of a single reading survives that.
pub const MOST_READINGS: usize = 1000;
/// With many tasks it is fewer: so many of all of them together, and at least so many of each. A day of a thousand tasks
/// would fill the memory with more than any report shows.
const MOST_READINGS_OF_ALL: usize = 50_000;
const LEAST_READINGS: usize = 40;
/// Events that are kept from the beginning; of those after that, the newest [`MOST_EVENTS`]. The same for what a chart
/// marks.
pub const MOST_EVENTS: usize = 100;

/// The readings and events of one task's wait.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Readings in order, with the time since the start of the process. The first, the newest and the worst are always
    /// there.
    pub readings: Vec<(Duration, Reading)>,
    /// How many readings there were.
    pub total_readings: u64,
    /// What happened, in words, in order.
    pub events: Vec<(Duration, String)>,
    /// How many events in the middle are left out.
    pub omitted_events: u64,
    /// What a chart marks with a line, in order.
    pub marks: Vec<(Duration, Mark)>,
    /// From the first failed poll to the next good one; the last has no end while polls fail.
    pub failing: Vec<(Duration, Option<Duration>)>,
    /// How many marks, and spans in which polls failed, are left out in the middle.
    pub omitted_marks: u64,
    /// The IP switch as it was seen last: a mark is made where it changes.
    ip_switch: Option<IpSwitch>,
}

/// What changes how a chart has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The data set is copied again, from the start.
    FullSyncRestarted,
    /// The IP switch is another one than before.
    IpSwitch(IpSwitch),
    /// `is_migrating` was true and is false.
    Stopped,
}

impl History {
    /// Adds a reading of the only task.
    pub fn add_reading(&mut self, at: Duration, reading: &Reading) {
        self.add_reading_of(1, at, reading);
    }

    /// Adds a reading of one of so many tasks.
    fn add_reading_of(&mut self, n_tasks: usize, at: Duration, reading: &Reading) {
        let was_migrating = self
            .readings
            .iter()
            .rev()
            .find_map(|(_, before)| before.is_migrating);
        if was_migrating == Some(true) && reading.is_migrating == Some(false) {
            self.add_mark(at, Mark::Stopped);
        }
        let most = (MOST_READINGS_OF_ALL / n_tasks.max(1)).clamp(LEAST_READINGS, MOST_READINGS);
        self.readings.push((at, reading.clone()));
        self.total_readings += 1;
        if self.readings.len() >= 2 * most {
            self.readings = chart::at_most(&self.readings, most);
        }
    }

    /// Adds an event.
    pub fn add_event(&mut self, at: Duration, text: String) {
        self.omitted_events += add(&mut self.events, (at, text));
    }

    /// Adds a mark.
    pub fn add_mark(&mut self, at: Duration, mark: Mark) {
        self.omitted_marks += add(&mut self.marks, (at, mark));
    }

    /// Notes whether polls fail since a poll that ended at that time.
    pub fn note_failing(&mut self, at: Duration, is_failing: bool) {
        match self.failing.last_mut() {
            Some((_, until @ None)) if !is_failing => *until = Some(at),
            Some((_, Some(_))) | None if is_failing => {
                self.omitted_marks += add(&mut self.failing, (at, None));
            }
            Some(_) | None => {}
        }
    }

    /// Notes the IP switch; what it is at first is no change, unless there is one.
    fn note_ip_switch(&mut self, at: Duration, ip_switch: IpSwitch) {
        if self.ip_switch.unwrap_or(IpSwitch::None) != ip_switch {
            self.ip_switch = Some(ip_switch);
            self.add_mark(at, Mark::IpSwitch(ip_switch));
            self.add_event(at, messages::ip_switch(ip_switch).to_owned());
        }
    }
}

/// Adds something to a list that keeps the first and the newest. How many it leaves out for that.
fn add<T>(list: &mut Vec<T>, new: T) -> u64 {
    let is_full = list.len() >= 2 * MOST_EVENTS;
    if is_full {
        list.remove(MOST_EVENTS);
    }
    list.push(new);
    is_full.into()
}

/// Keeps the history of every task.
#[derive(Debug, Default)]
pub struct Recorder {
    tasks: BTreeMap<TaskId, History>,
    /// Renewals and the like, which belong to no task.
    pub events: Vec<(Duration, String)>,
    /// Why the tasks could not be listed, as long as that is so.
    pub listing: Option<ApiError>,
}

impl Recorder {
    /// Hands out the history of a task.
    pub fn take(&mut self, task: &TaskId) -> History {
        self.tasks.remove(task).unwrap_or_default()
    }

    /// A session of a minute in a wait of a day would fill the list; a day's worth of the usual ones does not.
    fn add_event(&mut self, now: Duration, text: String) {
        if self.events.len() < 2 * MOST_EVENTS {
            self.events.push((now, text));
        }
    }
}

impl Observer for Recorder {
    fn polled(&mut self, now: Duration, task: &TaskWait, events: &[Event], _: Option<Duration>) {
        let n_tasks = self.tasks.len();
        let history = self.tasks.entry(task.id.clone()).or_default();
        if let Some(seen) = task.snapshot().seen.filter(|seen| seen.evaluated_at == now) {
            history.add_reading_of(n_tasks, now, &seen.reading);
        }
        history.note_failing(now, task.snapshot().failing.is_some());
        for event in events {
            if matches!(event, Event::Regressed(..)) {
                history.add_mark(now, Mark::FullSyncRestarted);
            }
            history.add_event(now, messages::event(event));
        }
        if let Some(detail) = task.snapshot().detail {
            history.note_ip_switch(now, detail.ip_switch());
        }
    }

    fn listed(&mut self, _: Duration, _: &[TaskWait], _: usize) {
        self.listing = None;
    }

    fn list_failed(&mut self, now: Duration, error: &ApiError, events: &[Event]) {
        for event in events {
            self.add_event(now, messages::event(event));
        }
        self.listing = Some(error.clone());
    }

    fn signed_in(&mut self, now: Duration, session: &SignedIn) {
        self.add_event(now, messages::signed_in(session));
    }

    fn renewal_failed(&mut self, now: Duration, error: &ApiError) {
        self.add_event(now, messages::renewal_failed(error));
    }

    fn ended(&mut self, _: Duration, _: &TaskWait) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn week_of_readings_stays_small() {
        let mut history = History::default();
        for n in 0..120_960_u64 {
            let offset = if n == 5001 { 1_000_000 } else { n as i64 };
            let percent = if n == 60_001 { 20.0 } else { 100.0 };
            let reading = Reading {
                offset: Some(offset),
                full_migration_progress: Some(percent),
                ..Reading::default()
            };
            history.add_reading(Duration::from_secs(5 * n), &reading);
            assert!(history.readings.len() < 2 * MOST_READINGS);
            assert_eq!(history.readings[0].1.offset, Some(0));
            assert_eq!(history.readings.last().unwrap().1.offset, Some(offset));
        }
        assert!(
            history
                .readings
                .iter()
                .any(|(_, reading)| reading.offset == Some(1_000_000))
        );
        assert!(
            history
                .readings
                .iter()
                .any(|(_, reading)| reading.full_migration_progress == Some(20.0))
        );
        assert!(history.readings.is_sorted_by_key(|&(at, _)| at));
        // No part of the week is a hole.
        let widest = history
            .readings
            .windows(2)
            .map(|pair| pair[1].0 - pair[0].0)
            .max()
            .unwrap();
        assert!(widest < Duration::from_secs(7 * 24 * 36), "{widest:?}");
        assert_eq!(history.total_readings, 120_960);
    }

    #[test]
    fn tasks_share_the_reading_limit() {
        // What is kept of each in the end, at most and at least.
        for (n_tasks, most, least) in [
            (1, 1999, 500),
            (50, 1999, 500),
            (1_000, 99, 25),
            (10_000, 79, 20),
        ] {
            let mut history = History::default();
            for n in 0..20_000_u64 {
                let offset = if n == 5001 { 1_000_000 } else { n as i64 };
                let reading = Reading {
                    offset: Some(offset),
                    full_migration_progress: Some(100.0),
                    ..Reading::default()
                };
                history.add_reading_of(n_tasks, Duration::from_secs(5 * n), &reading);
                assert!(
                    history.readings.len() <= most,
                    "{n_tasks} tasks: {}",
                    history.readings.len()
                );
            }
            assert!(
                least <= history.readings.len(),
                "{n_tasks} tasks: {}",
                history.readings.len()
            );
            assert!(
                history
                    .readings
                    .iter()
                    .any(|(_, reading)| reading.offset == Some(1_000_000))
            );
            assert_eq!(history.total_readings, 20_000);
        }
    }

    #[test]
    fn events_keep_first_and_newest() {
        let mut history = History::default();
        for n in 0..1000 {
            history.add_event(Duration::from_secs(n), n.to_string());
        }
        assert_eq!(history.events.len(), 2 * MOST_EVENTS);
        assert_eq!(
            (
                history.events[99].1.as_str(),
                history.events[100].1.as_str()
            ),
            ("99", "900")
        );
        assert_eq!(
            (history.events[199].1.as_str(), history.omitted_events),
            ("999", 800)
        );
    }
}
