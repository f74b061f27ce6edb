//! Whether anything improves, for `stall-timeout`.

use crate::domain::{FullSync, Phase, Reading};
use std::time::Duration;

/// The best values that were seen, and when one of them improved last.
#[derive(Debug)]
pub(super) struct Stall {
    full_sync: Option<f64>,
    offset: Option<i64>,
    phase: u8,
    stable: u32,
    improved_at: Duration,
}

impl Stall {
    /// Nothing was seen yet; the time runs from `now`.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            full_sync: None,
            offset: None,
            phase: 0,
            stable: 0,
            improved_at: now,
        }
    }

    /// When anything improved last.
    pub(super) fn improved_at(&self) -> Duration {
        self.improved_at
    }

    /// Takes a reading into account, which may be an improvement: more of the full sync, a smaller offset, a later phase,
    /// or one more reading in a row that meets the goal.
    ///
    /// A full sync that starts again lowers the mark, so that its progress counts once more.
    pub(super) fn add(&mut self, now: Duration, reading: &Reading, phase: Phase, stable: u32) {
        let phase = phase.rank();
        let mut improved = phase > self.phase;
        if let Some(percent) = reading.full_migration_progress {
            match self.full_sync {
                Some(best) if percent < best => {
                    self.full_sync = Some(percent);
                    self.offset = None;
                    self.phase = phase;
                }
                Some(best) if percent == best => {}
                _ => {
                    self.full_sync = Some(percent);
                    improved = true;
                }
            }
        }
        if let Some(offset) = reading
            .offset
            .filter(|_| reading.full_sync() != FullSync::Incomplete)
        {
            let distance = offset.checked_abs().unwrap_or(i64::MAX);
            if self.offset.is_none_or(|best| distance < best) {
                self.offset = Some(distance);
                improved = true;
            }
        }
        self.phase = self.phase.max(phase);
        improved |= stable > self.stable;
        self.stable = self.stable.max(stable);
        if improved {
            self.improved_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(progress: f64, offset: Option<i64>) -> Reading {
        Reading {
            is_migrating: Some(true),
            full_migration_progress: Some(progress),
            offset,
            ..Reading::default()
        }
    }

    #[test]
    fn improvement_is_more_or_less_outstanding() {
        let mut stall = Stall::new(Duration::ZERO);
        let readings = [
            (reading(10.0, None), true),
            (reading(10.0, None), false),
            (reading(11.0, None), true),
            (reading(100.0, Some(50)), true),
            (reading(100.0, Some(60)), false),
            (reading(100.0, Some(49)), true),
            // The full sync starts again.
            (reading(5.0, None), false),
            (reading(6.0, None), true),
        ];
        for (n, (reading, improves)) in readings.iter().enumerate() {
            let now = Duration::from_secs(n as u64 + 1);
            stall.add(now, reading, Phase::of(reading, None), 0);
            assert_eq!(stall.improved_at() == now, *improves, "{n}");
        }
    }
}
