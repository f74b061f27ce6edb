//! Exponential backoff with jitter, always between the two intervals.
//!
//! The only file that names the `backoff` crate, and it is used as a generator of delays alone: its own retry loop
//! ignores its limit under `Retry-After` and the paused clock of tests, and its jitter exceeds the longest interval.

use super::plan::PollSettings;
use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Share of a delay by which jitter lengthens or shortens it.
const JITTER: f64 = 0.2;

/// A sequence of growing delays.
#[derive(Debug)]
pub struct Backoff {
    settings: PollSettings,
    backoff: ExponentialBackoff,
    /// State of the generator of jitter.
    random: u64,
}

impl Backoff {
    /// A backoff that starts with the shortest delay.
    pub fn new(settings: PollSettings) -> Self {
        Self::seeded(settings, random_seed())
    }

    /// A backoff whose jitter can be repeated: the same seed gives the same delays.
    pub fn seeded(settings: PollSettings, seed: u64) -> Self {
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(settings.initial)
            .with_max_interval(settings.max)
            .with_multiplier(settings.multiplier)
            // Here it comes from a seed.
            .with_randomization_factor(0.0)
            // The deadline is applied in `poll_interval`.
            .with_max_elapsed_time(None)
            .build();
        Self {
            settings,
            backoff,
            random: seed,
        }
    }

    /// The next delay, at least `initial` and at most `max`, jitter included.
    pub fn next_delay(&mut self) -> Duration {
        let plain = self.backoff.next_backoff().unwrap_or(self.settings.max);
        let factor = 1.0 - JITTER + 2.0 * JITTER * self.next_random();
        let jittered =
            Duration::try_from_secs_f64(plain.as_secs_f64() * factor).unwrap_or(self.settings.max);
        jittered.clamp(self.settings.initial, self.settings.max)
    }

    /// Starts again with the shortest delay.
    pub fn reset(&mut self) {
        self.backoff.reset();
    }

    /// From 0 to under 1, evenly spread: SplitMix64. Tasks must not be polled in step; it need not be unpredictable.
    fn next_random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Another one at each call, from the randomness that the standard library keeps for its hash maps.
pub(super) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn delays_grow_within_the_intervals(
            initial in 1u64..100_000, longer in 0u64..100_000, multiplier in 1.0f64..10.0, steps in 1usize..60,
        ) {
            let settings = PollSettings {
                initial: Duration::from_millis(initial),
                max: Duration::from_millis(initial + longer),
                multiplier,
            };
            let mut schedule = Backoff::new(settings);
            for step in 0..steps {
                let delay = schedule.next_delay();
                prop_assert!(settings.initial <= delay && delay <= settings.max);
                // Without jitter this would be the delay; no delay is further from it than the jitter allows.
                let plain = (initial as f64 * multiplier.powi(step as i32)).min(settings.max.as_millis() as f64);
                prop_assert!(delay.as_millis() as f64 >= plain * (1.0 - JITTER) - 2.0);
                prop_assert!(delay.as_millis() as f64 <= plain * (1.0 + JITTER) + 2.0);
            }
        }
    }

    #[test]
    fn seed_repeats_delays_others_differ() {
        let settings = PollSettings {
            initial: Duration::from_secs(5),
            max: Duration::from_secs(300),
            multiplier: 1.5,
        };
        let delays =
            |mut schedule: Backoff| (0..9).map(|_| schedule.next_delay()).collect::<Vec<_>>();
        assert_eq!(
            delays(Backoff::seeded(settings, 7)),
            delays(Backoff::seeded(settings, 7))
        );
        assert_ne!(
            delays(Backoff::seeded(settings, 7)),
            delays(Backoff::seeded(settings, 8))
        );
        assert_ne!(
            delays(Backoff::new(settings)),
            delays(Backoff::new(settings))
        );
    }

    #[test]
    fn jitter_spreads_tasks_started_together() {
        let settings = PollSettings {
            initial: Duration::from_secs(100),
            max: Duration::from_secs(999),
            multiplier: 1.5,
        };
        let second = |seed| {
            let mut schedule = Backoff::seeded(settings, seed);
            schedule.next_delay();
            schedule.next_delay().as_secs_f64()
        };
        // 150 s and a fifth of it to either side.
        let mut by_tens = [0; 6];
        for delay in (0..600).map(second) {
            by_tens[((delay - 120.0) / 10.0) as usize] += 1;
        }
        assert!(by_tens.iter().all(|&tasks| 60 < tasks), "{by_tens:?}");
    }

    #[test]
    fn random_numbers_are_those_of_splitmix64() {
        let settings = PollSettings {
            initial: Duration::from_secs(5),
            max: Duration::from_secs(300),
            multiplier: 1.5,
        };
        let mut schedule = Backoff::seeded(settings, 1_234_567);
        // As others publish them for this seed.
        for expected in [
            6_457_827_717_110_365_317_u64,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ] {
            let share = schedule.next_random();
            assert_eq!((share * 2_f64.powi(53)) as u64, expected >> 11);
        }
    }

    #[test]
    fn reset_starts_again() {
        let settings = PollSettings {
            initial: Duration::from_secs(5),
            max: Duration::from_secs(300),
            multiplier: 10.0,
        };
        let mut schedule = Backoff::new(settings);
        schedule.next_delay();
        assert!(schedule.next_delay() > Duration::from_secs(30));
        schedule.reset();
        assert!(schedule.next_delay() <= Duration::from_secs(6));
    }
}
