//! How long until the next look: exponential backoff with jitter, always between the two intervals.
//!
//! The only file that names the `backoff` crate, and it is used as a generator of delays alone: its own retry loop
//! ignores its limit under `Retry-After` and the paused clock of tests, and its jitter exceeds the longest interval.

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use std::time::Duration;

/// Share of a delay by which jitter lengthens or shortens it.
const JITTER: f64 = 0.2;

/// How often to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Shortest and first delay; more than zero.
    pub initial: Duration,
    /// Longest delay; at least `initial`.
    pub max: Duration,
    /// Growth from one delay to the next, 1 to 10.
    pub multiplier: f64,
}

/// A sequence of growing delays.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    backoff: ExponentialBackoff,
}

impl Schedule {
    /// A schedule that starts with the shortest delay.
    pub fn new(pace: Pace) -> Self {
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(pace.initial)
            .with_max_interval(pace.max)
            .with_multiplier(pace.multiplier)
            .with_randomization_factor(JITTER)
            // The deadline is the waiter's business.
            .with_max_elapsed_time(None)
            .build();
        Self { pace, backoff }
    }

    /// The next delay, at least `initial` and at most `max`, jitter included.
    pub fn next_delay(&mut self) -> Duration {
        self.backoff.next_backoff().unwrap_or(self.pace.max).clamp(self.pace.initial, self.pace.max)
    }

    /// Starts again with the shortest delay.
    pub fn reset(&mut self) {
        self.backoff.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn delays_stay_within_the_intervals_and_grow_to_the_longest(
            initial in 1u64..100_000, longer in 0u64..100_000, multiplier in 1.0f64..10.0, steps in 1usize..60,
        ) {
            let pace = Pace {
                initial: Duration::from_millis(initial),
                max: Duration::from_millis(initial + longer),
                multiplier,
            };
            let mut schedule = Schedule::new(pace);
            for step in 0..steps {
                let delay = schedule.next_delay();
                prop_assert!(pace.initial <= delay && delay <= pace.max);
                // Without jitter this would be the delay; no delay is further from it than the jitter allows.
                let plain = (initial as f64 * multiplier.powi(step as i32)).min(pace.max.as_millis() as f64);
                prop_assert!(delay.as_millis() as f64 >= plain * (1.0 - JITTER) - 2.0);
                prop_assert!(delay.as_millis() as f64 <= plain * (1.0 + JITTER) + 2.0);
            }
        }
    }

    #[test]
    fn a_reset_starts_anew() {
        let pace = Pace { initial: Duration::from_secs(5), max: Duration::from_secs(300), multiplier: 10.0 };
        let mut schedule = Schedule::new(pace);
        schedule.next_delay();
        assert!(schedule.next_delay() > Duration::from_secs(30));
        schedule.reset();
        assert!(schedule.next_delay() <= Duration::from_secs(6));
    }
}
