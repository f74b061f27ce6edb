//! How far a task is on its way to the goal, so that the least advanced of several can be found.

use crate::domain::{FullSync, Phase, Reading};
use std::cmp::{Ordering, Reverse};

/// How far a task is; the fields stand in the order of their weight. The default is a task of which nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct ProgressKey {
    /// Consecutive readings that show the goal.
    stable: u32,
    /// [`Phase::rank`].
    phase: u8,
    /// Percentage of the full sync; 0 where it is not known.
    copied: f64,
    /// What the target lacks; a negative offset counts by its size, and an unknown one is behind every other.
    outstanding: Option<Reverse<u64>>,
}

impl ProgressKey {
    /// What a reading says, of a task whose goal so many readings in a row have shown.
    pub fn new(stable: u32, phase: Phase, reading: &Reading) -> Self {
        let copied = match reading.full_sync() {
            FullSync::Unknown => 0.0,
            FullSync::Incomplete | FullSync::Done => {
                reading.full_migration_progress.unwrap_or_default()
            }
        };
        let outstanding = reading.offset.map(|offset| Reverse(offset.unsigned_abs()));
        Self {
            stable,
            phase: phase.rank(),
            copied,
            outstanding,
        }
    }

    /// The less advanced is the smaller.
    pub fn compare(&self, other: &Self) -> Ordering {
        // No percentage is a NaN: readings with one are refused.
        self.partial_cmp(other).unwrap_or(Ordering::Equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_orders_goal_phase_sync_offset() {
        let of = |stable, phase, percent, offset| {
            let reading = Reading {
                full_migration_progress: percent,
                offset,
                ..Reading::default()
            };
            ProgressKey::new(stable, phase, &reading)
        };
        let order = [
            ProgressKey::default(),
            of(0, Phase::FullSync, None, Some(0)),
            of(0, Phase::FullSync, Some(5.0), None),
            of(0, Phase::FullSync, Some(5.5), Some(900)),
            of(0, Phase::Incremental, Some(1.0), Some(0)),
            of(0, Phase::Incremental, Some(100.0), None),
            of(0, Phase::Incremental, Some(100.0), Some(i64::MIN)),
            of(0, Phase::Incremental, Some(100.0), Some(-700)),
            of(0, Phase::Incremental, Some(100.0), Some(600)),
            of(0, Phase::Incremental, Some(100.0), Some(0)),
            of(1, Phase::FullSync, None, None),
            of(2, Phase::FullSync, None, None),
        ];
        for (n, less) in order.iter().enumerate() {
            assert_eq!(less.compare(less), Ordering::Equal, "{less:?}");
            for more in order.iter().skip(n + 1) {
                assert_eq!(less.compare(more), Ordering::Less, "{less:?} {more:?}");
                assert_eq!(more.compare(less), Ordering::Greater, "{less:?} {more:?}");
            }
        }
    }
}
