//! How fast a migration goes, and when it will meet the goal.

mod curve;

use self::curve::{Better, Curve};
use crate::domain::{Condition, FullSync, Goal, Reading};
use std::time::Duration;

/// When the goal will be met, as far as the readings show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eta {
    /// Too few readings, an end that cannot be foreseen, or one that was foreseen and did not come.
    Unknown,
    /// There are enough readings, and the goal does not come closer.
    NotConverging,
    /// Within this range from the newest reading on.
    Within(Range),
}

/// When something is expected, from the newest reading on. A single time would promise too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// No sooner than that; at most `likely`.
    pub earliest: Duration,
    /// The best guess.
    pub likely: Duration,
    /// No later than that, if it goes on like this; at least `likely`.
    pub latest: Duration,
}

/// The curves of the full sync and of the offset. Times are since the start of the wait.
#[derive(Debug)]
pub struct RateEstimator {
    condition: Condition,
    full_sync: Curve,
    offset: Curve,
    /// When the full sync was first seen done; `None` while it is not.
    copied_at: Option<Duration>,
    /// When the goal should be met by the estimate that was made at the newest progress. After that nothing is foreseen
    /// until there is progress again: an estimate that was wrong is not repeated.
    due: Option<Duration>,
    eta: Eta,
    /// The newest reading took away what had been foreseen.
    disappointed: bool,
}

impl RateEstimator {
    /// Curves without a point, on the way to what is waited for.
    pub fn new(condition: Condition) -> Self {
        Self {
            condition,
            full_sync: Curve::default(),
            offset: Curve::default(),
            copied_at: None,
            due: None,
            eta: Eta::Unknown,
            disappointed: false,
        }
    }

    /// Adds a reading.
    pub fn add(&mut self, at: Duration, reading: &Reading) {
        let mut progress = false;
        match (reading.full_sync(), reading.full_migration_progress) {
            (FullSync::Incomplete, Some(percent)) => {
                // Full sync started again: what came before says nothing about it.
                if self
                    .full_sync
                    .points
                    .last()
                    .is_some_and(|&(_, before)| percent < before)
                {
                    self.full_sync.clear();
                }
                self.copied_at = None;
                progress |= self.full_sync.push(at, percent, Better::Larger);
            }
            (FullSync::Done, _) => {
                self.copied_at.get_or_insert(at);
                self.full_sync.clear();
            }
            (FullSync::Incomplete | FullSync::Unknown, _) => self.full_sync.clear(),
        }
        match reading.offset {
            // Before the incremental phase the offset has no meaning, and after it no rate.
            Some(offset)
                if reading.full_sync() != FullSync::Incomplete
                    && reading.is_migrating != Some(false) =>
            {
                progress |= self.offset.push(at, offset as f64, Better::Smaller);
            }
            _ => self.offset.clear(),
        }
        if progress {
            self.due = None;
        }
        let before = self.eta;
        self.eta = match (self.estimate(reading), self.due) {
            (Eta::Within(_), Some(due)) if due < at => {
                let is_stuck = self.full_sync.is_stuck() || self.offset.is_stuck();
                if is_stuck {
                    Eta::NotConverging
                } else {
                    Eta::Unknown
                }
            }
            (Eta::Within(range), None) => {
                self.due = Some(at.saturating_add(range.latest));
                Eta::Within(range)
            }
            (eta @ (Eta::Within(_) | Eta::Unknown | Eta::NotConverging), _) => eta,
        };
        let is_range = |eta| matches!(eta, Eta::Within(_));
        self.disappointed = is_range(before) && !is_range(self.eta);
    }

    /// Whether the newest reading took away what had been foreseen.
    pub(super) fn was_disappointed(&self) -> bool {
        self.disappointed
    }

    /// Percent of the full sync a second.
    pub fn full_sync_rate(&self) -> Option<f64> {
        self.full_sync.rate()
    }

    /// Change of the offset a second; negative where it closes.
    pub fn offset_rate(&self) -> Option<f64> {
        self.offset.rate()
    }

    /// When the goal will be met, as of the newest reading; unknown for `completed` of a task that only ends when it is
    /// stopped. During the full sync, it is the end of that which can be foreseen.
    pub fn eta(&self) -> Eta {
        self.eta
    }

    /// How long the full sync has been done at `now`.
    pub(super) fn copied_for(&self, now: Duration) -> Option<Duration> {
        Some(now.saturating_sub(self.copied_at?))
    }

    fn estimate(&self, reading: &Reading) -> Eta {
        let Condition {
            goal, max_offset, ..
        } = self.condition;
        match (goal, reading.full_sync(), reading.full_migration_progress) {
            // An operator asks for a switch, at a time that nothing shows in advance.
            (Goal::Switched, _, _) => Eta::Unknown,
            (
                Goal::FullSync | Goal::Completed | Goal::InSync,
                FullSync::Incomplete,
                Some(percent),
            ) => self.full_sync.eta_of_full_sync(percent),
            (Goal::InSync, FullSync::Done | FullSync::Unknown, _) => {
                match reading
                    .offset
                    .and_then(|offset| offset.checked_sub(max_offset))
                    .filter(|&open| 0 < open)
                {
                    Some(open) => self.offset.eta_of_offset(open as f64, max_offset as f64),
                    None => Eta::Unknown,
                }
            }
            (Goal::InSync, FullSync::Incomplete, None)
            | (
                Goal::FullSync | Goal::Completed,
                FullSync::Incomplete | FullSync::Done | FullSync::Unknown,
                _,
            ) => Eta::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::curve::KEPT;
    use super::*;

    fn copying(percent: f64) -> Reading {
        Reading {
            is_migrating: Some(true),
            full_migration_progress: Some(percent),
            ..Reading::default()
        }
    }

    fn draining(offset: i64) -> Reading {
        Reading {
            offset: Some(offset),
            ..copying(100.0)
        }
    }

    const EVERY: u64 = 30;

    fn trend(goal: Goal, readings: impl IntoIterator<Item = Reading>) -> RateEstimator {
        let mut trend = RateEstimator::new(Condition {
            goal,
            max_offset: 0,
            max_missing_keys: Default::default(),
        });
        for (n, reading) in readings.into_iter().enumerate() {
            trend.add(Duration::from_secs(EVERY * n as u64), &reading);
        }
        trend
    }

    /// The range in seconds: earliest, likely, latest.
    #[track_caller]
    fn seconds(trend: &RateEstimator) -> [f64; 3] {
        match trend.eta() {
            Eta::Within(Range {
                earliest,
                likely,
                latest,
            }) => [earliest, likely, latest].map(|time| time.as_secs_f64()),
            other @ (Eta::Unknown | Eta::NotConverging) => panic!("{other:?}"),
        }
    }

    #[test]
    fn eta_needs_readings_then_is_range() {
        for n in 0..3 {
            assert_eq!(
                trend(Goal::FullSync, (0..n).map(|n| copying(n as f64))).eta(),
                Eta::Unknown
            );
        }
        // 1 % in 30 s.
        let [earliest, likely, latest] =
            seconds(&trend(Goal::FullSync, (0..=40).map(|n| copying(n as f64))));
        assert!(earliest < likely && likely < latest);
        assert!((1750.0..1850.0).contains(&likely), "{likely}");
        assert!(latest < 2.0 * earliest, "{earliest} to {latest}");
    }

    #[test]
    fn range_narrows_with_steady_readings() {
        let width = |until: u32| {
            // Reported in whole percent, so that a short time says little.
            let [earliest, _, latest] = seconds(&trend(
                Goal::FullSync,
                (0..until).map(|n| copying((f64::from(n) * 0.4).floor())),
            ));
            (latest - earliest) / latest
        };
        assert!(width(100) < width(12));
    }

    #[test]
    fn slowing_drain_lengthens_the_eta() {
        // Halved every minute: 2^20 at first, 2^10 after ten, at 0 after twenty.
        let halving = |n: i32| draining(2_f64.powf(20.0 - f64::from(n) / 2.0) as i64);
        let [_, likely, _] = seconds(&trend(Goal::InSync, (0..=20).map(halving)));
        assert!((570.0..630.0).contains(&likely), "{likely}");
        // As much in each minute: a line.
        let [_, likely, _] = seconds(&trend(
            Goal::InSync,
            (0..=20).map(|n| draining(1_000_000 - 25_000 * n)),
        ));
        assert!((590.0..610.0).contains(&likely), "{likely}");
    }

    #[test]
    fn growing_offset_is_not_converging() {
        let growing = trend(Goal::InSync, (1..20).map(|n| draining(100 * n)));
        assert!(growing.offset_rate().is_some_and(|rate| 3.0 < rate));
        assert_eq!(growing.eta(), Eta::NotConverging);
        let standing = trend(
            Goal::FullSync,
            (0..40).map(|n| copying(f64::min(f64::from(n) * 2.0, 30.0))),
        );
        assert_eq!(standing.eta(), Eta::NotConverging);
    }

    #[test]
    fn what_flutters_foretells_nothing() {
        // Up and down between 1,000 and 1,900, as writes come and are followed.
        let fluttering = |n: i64| draining(1_000 + 100 * ((n * 7 + n * n * 3) % 10));
        let foreseen = (5..60)
            .filter(|&n| {
                matches!(
                    trend(Goal::InSync, (0..n).map(fluttering)).eta(),
                    Eta::Within(_)
                )
            })
            .count();
        assert!(foreseen <= 3, "{foreseen} times in 55");
    }

    #[test]
    fn missed_goal_is_not_promised_again() {
        // To 99 % in 99 polls; there it stays.
        let mut trend = trend(Goal::FullSync, (0..100).map(|n| copying(f64::from(n))));
        let [_, _, latest] = seconds(&trend);
        assert!(latest < 60.0);
        let mut promised = 0;
        for n in 0..200 {
            trend.add(Duration::from_secs(EVERY * 100 + 5 * n), &copying(99.0));
            promised += usize::from(matches!(trend.eta(), Eta::Within(_)));
        }
        assert!(promised <= 12, "{promised}");
        assert_eq!(trend.eta(), Eta::NotConverging);
    }

    #[test]
    fn restarted_full_sync_is_estimated_again() {
        let twice = (0..90).chain(0..30).map(|n| copying(f64::from(n)));
        let [_, likely, _] = seconds(&trend(Goal::InSync, twice));
        assert!((2050.0..2150.0).contains(&likely), "{likely}");
    }

    #[test]
    fn hours_of_readings_stay_small() {
        let trend = trend(
            Goal::FullSync,
            (0..5_000).map(|n| copying(f64::from(n) / 51.0)),
        );
        let points = &trend.full_sync.points;
        assert_eq!((points.len(), points[0].0), (KEPT, 0.0));
        let last: Vec<f64> = points[KEPT - 4..].iter().map(|point| point.0).collect();
        assert_eq!(
            last,
            [4996.0, 4997.0, 4998.0, 4999.0].map(|n| n * EVERY as f64)
        );
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
