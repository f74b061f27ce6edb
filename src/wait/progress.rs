//! How fast it goes: rates, time to the goal, and whether anything improves.

use crate::condition::Goal;
use crate::migration::{FullCopy, Phase, Reading};
use std::collections::VecDeque;
use std::time::Duration;

/// Readings that a rate is made of.
const WINDOW: usize = 12;
/// Fewer readings than this say nothing about a rate.
const FEWEST: usize = 3;

/// Rates of the full copy and of the offset over the last readings. Times are since the start of the wait.
#[derive(Debug, Default)]
pub struct Trend {
    full_copy: Samples,
    offset: Samples,
}

/// Points of one curve, oldest first.
#[derive(Debug, Default)]
struct Samples(VecDeque<(Duration, f64)>);

impl Samples {
    fn push(&mut self, at: Duration, value: f64) {
        if self.0.len() == WINDOW {
            self.0.pop_front();
        }
        self.0.push_back((at, value));
    }

    /// Slope of the least-squares line, per second; `None` while there is too little to go on.
    fn rate(&self) -> Option<f64> {
        if self.0.len() < FEWEST {
            return None;
        }
        let n = self.0.len() as f64;
        let mean_t = self.0.iter().map(|(t, _)| t.as_secs_f64()).sum::<f64>() / n;
        let mean_v = self.0.iter().map(|(_, v)| v).sum::<f64>() / n;
        let (mut covariance, mut variance) = (0.0, 0.0);
        for (t, v) in &self.0 {
            let dt = t.as_secs_f64() - mean_t;
            covariance += dt * (v - mean_v);
            variance += dt * dt;
        }
        (variance > 0.0).then(|| covariance / variance).filter(|rate| rate.is_finite())
    }
}

impl Trend {
    /// Adds a reading.
    pub fn add(&mut self, at: Duration, reading: &Reading) {
        match (reading.full_copy(), reading.full_migration_progress) {
            (FullCopy::Short, Some(percent)) => self.full_copy.push(at, percent),
            _ => self.full_copy.0.clear(),
        }
        match reading.offset {
            // Before the incremental phase the offset has no meaning, and behind it no rate.
            Some(offset) if reading.full_copy() != FullCopy::Short && reading.is_migrating != Some(false) => {
                self.offset.push(at, offset as f64);
            }
            _ => self.offset.0.clear(),
        }
    }

    /// Percent of the full copy a second.
    pub fn full_copy_rate(&self) -> Option<f64> {
        self.full_copy.rate()
    }

    /// Change of the offset a second; negative where it closes.
    pub fn offset_rate(&self) -> Option<f64> {
        self.offset.rate()
    }

    /// Time until the goal shows at the present rate; `None` where nobody can know, which includes `completed` of a
    /// task that only ends when somebody stops it.
    pub fn time_to_goal(&self, goal: Goal, max_offset: i64, reading: &Reading) -> Option<Duration> {
        let seconds = match (goal, reading.full_copy()) {
            (Goal::FullSync | Goal::Completed | Goal::InSync, FullCopy::Short) => {
                let rate = self.full_copy_rate().filter(|&rate| rate > 0.0)?;
                (100.0 - reading.full_migration_progress?) / rate
            }
            (Goal::InSync, FullCopy::Done | FullCopy::Unknown) => {
                let open = reading.offset?.checked_sub(max_offset).filter(|&open| open > 0)?;
                let rate = self.offset_rate().filter(|&rate| rate < 0.0)?;
                open as f64 / -rate
            }
            (Goal::FullSync | Goal::Completed, FullCopy::Done | FullCopy::Unknown) => return None,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// The best that was seen, to tell whether anything improves.
#[derive(Debug, Default)]
pub(super) struct Best {
    full_copy: Option<f64>,
    offset: Option<i64>,
    phase: u8,
    stable: u32,
}

impl Best {
    /// Takes a reading into account; `true` where anything is better than ever before: more of the full copy, a
    /// smaller offset, a later phase, or one more reading in a row that shows the goal.
    ///
    /// A full copy that starts again lowers the mark, so that its progress counts as such once more.
    pub(super) fn improved_by(&mut self, reading: &Reading, phase: Phase, stable: u32) -> bool {
        let phase = phase.rank();
        let mut improved = phase > self.phase;
        if let Some(percent) = reading.full_migration_progress {
            match self.full_copy {
                Some(best) if percent < best => {
                    self.full_copy = Some(percent);
                    self.offset = None;
                    self.phase = phase;
                }
                Some(best) if percent == best => {}
                _ => {
                    self.full_copy = Some(percent);
                    improved = true;
                }
            }
        }
        if let Some(offset) = reading.offset.filter(|_| reading.full_copy() != FullCopy::Short) {
            let distance = offset.checked_abs().unwrap_or(i64::MAX);
            if self.offset.is_none_or(|best| distance < best) {
                self.offset = Some(distance);
                improved = true;
            }
        }
        self.phase = self.phase.max(phase);
        improved |= stable > self.stable;
        self.stable = self.stable.max(stable);
        improved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copying(percent: f64) -> Reading {
        Reading { is_migrating: Some(true), full_migration_progress: Some(percent), ..Reading::default() }
    }

    fn draining(offset: i64) -> Reading {
        Reading { offset: Some(offset), ..copying(100.0) }
    }

    #[test]
    fn time_to_goal_is_unknown_until_there_is_enough_to_go_on() {
        let mut trend = Trend::default();
        let mut seen = Vec::new();
        for (n, percent) in [10.0, 20.0, 30.0].into_iter().enumerate() {
            trend.add(Duration::from_secs(10 * n as u64), &copying(percent));
            seen.push(trend.time_to_goal(Goal::FullSync, 0, &copying(percent)));
        }
        assert_eq!(seen, [None, None, Some(Duration::from_secs(70))]);
    }

    #[test]
    fn a_growing_offset_has_no_time_to_goal() {
        let mut trend = Trend::default();
        for (n, offset) in [100, 200, 300].into_iter().enumerate() {
            trend.add(Duration::from_secs(10 * n as u64), &draining(offset));
        }
        assert_eq!(trend.offset_rate(), Some(10.0));
        assert_eq!(trend.time_to_goal(Goal::InSync, 0, &draining(300)), None);
    }

    #[test]
    fn improvement_is_more_copied_or_less_outstanding_and_starts_over_with_the_copy() {
        let mut best = Best::default();
        let readings = [
            copying(10.0),
            copying(10.0),
            copying(11.0),
            draining(50),
            draining(60),
            draining(49),
            copying(5.0),
            copying(6.0),
        ];
        let improved: Vec<bool> =
            readings.iter().map(|reading| best.improved_by(reading, Phase::of(reading, None), 0)).collect();
        assert_eq!(improved, [true, false, true, true, false, true, false, true]);
    }
}
