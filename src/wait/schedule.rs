//! How long until the next look: exponential backoff with jitter, always between the two intervals.
//!
//! The only file that names the `backoff` crate, and it is used as a generator of delays alone: its own retry loop
//! ignores its limit under `Retry-After` and the paused clock of tests, and its jitter exceeds the longest interval.

use super::progress::Range;
use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Share of a delay by which jitter lengthens or shortens it.
const JITTER: f64 = 0.2;
/// Of the time until the goal shows at the earliest, the next look waits no longer than this share.
const SHARE: f64 = 0.5;

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
    /// State of the generator of jitter.
    random: u64,
}

impl Schedule {
    /// A schedule that starts with the shortest delay.
    pub fn new(pace: Pace) -> Self {
        Self::seeded(pace, random_seed())
    }

    /// A schedule whose jitter can be had again: the same seed gives the same delays.
    pub fn seeded(pace: Pace, seed: u64) -> Self {
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(pace.initial)
            .with_max_interval(pace.max)
            .with_multiplier(pace.multiplier)
            // Ours comes from a seed.
            .with_randomization_factor(0.0)
            // The deadline is the waiter's business.
            .with_max_elapsed_time(None)
            .build();
        Self {
            pace,
            backoff,
            random: seed,
        }
    }

    /// The next delay, at least `initial` and at most `max`, jitter included.
    pub fn next_delay(&mut self) -> Duration {
        let plain = self.backoff.next_backoff().unwrap_or(self.pace.max);
        let factor = 1.0 - JITTER + 2.0 * JITTER * self.next_random();
        let jittered =
            Duration::try_from_secs_f64(plain.as_secs_f64() * factor).unwrap_or(self.pace.max);
        jittered.clamp(self.pace.initial, self.pace.max)
    }

    /// The next delay on the way to a goal that is foreseen: the longest while it is far, backoff as long as that is less
    /// than a share of the way, then that share, then the shortest. Between `initial` and `max` in any case.
    pub(super) fn next_delay_towards(&mut self, goal: Range) -> Duration {
        let Pace { initial, max, .. } = self.pace;
        let is_certain = goal.latest.saturating_sub(goal.earliest) <= initial;
        let share = if is_certain && goal.latest <= initial.saturating_mul(2) {
            // One look is left, and it is aimed at the goal itself.
            goal.latest
        } else {
            goal.earliest.mul_f64(SHARE)
        };
        if max <= share {
            return max;
        }
        if share <= initial {
            // It is near. Should it not come after all, backoff begins anew.
            self.reset();
            return initial;
        }
        self.next_delay().min(share)
    }

    /// Starts again with the shortest delay.
    pub fn reset(&mut self) {
        self.backoff.reset();
    }

    /// From 0 to under 1, evenly spread: SplitMix64. Tasks must not look in step; nobody has to be unable to guess it.
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
    fn a_seed_gives_its_delays_again_and_no_two_schedules_go_in_step() {
        let pace = Pace {
            initial: Duration::from_secs(5),
            max: Duration::from_secs(300),
            multiplier: 1.5,
        };
        let delays =
            |mut schedule: Schedule| (0..9).map(|_| schedule.next_delay()).collect::<Vec<_>>();
        assert_eq!(
            delays(Schedule::seeded(pace, 7)),
            delays(Schedule::seeded(pace, 7))
        );
        assert_ne!(
            delays(Schedule::seeded(pace, 7)),
            delays(Schedule::seeded(pace, 8))
        );
        assert_ne!(delays(Schedule::new(pace)), delays(Schedule::new(pace)));
    }

    #[test]
    fn jitter_spreads_tasks_that_began_together_over_its_whole_width() {
        let pace = Pace {
            initial: Duration::from_secs(100),
            max: Duration::from_secs(999),
            multiplier: 1.5,
        };
        let second = |seed| {
            let mut schedule = Schedule::seeded(pace, seed);
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
        let pace = Pace {
            initial: Duration::from_secs(5),
            max: Duration::from_secs(300),
            multiplier: 1.5,
        };
        let mut schedule = Schedule::seeded(pace, 1_234_567);
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
    fn the_nearer_the_goal_the_sooner_the_next_look_and_the_last_one_is_aimed_at_it() {
        let secs = Duration::from_secs;
        let pace = Pace {
            initial: secs(5),
            max: secs(120),
            multiplier: 1.5,
        };
        let delay = |earliest, latest| {
            let mut schedule = Schedule::seeded(pace, 1);
            // Backoff alone would wait for long by now.
            for _ in 0..20 {
                schedule.next_delay();
            }
            let goal = Range {
                earliest: secs(earliest),
                likely: secs(latest),
                latest: secs(latest),
            };
            schedule.next_delay_towards(goal)
        };
        for (earliest, latest, expected) in [
            (7200, 9000, 120),
            (240, 250, 120),
            (100, 110, 50),
            (12, 13, 6),
            // So near and so certain that one look is enough.
            (8, 9, 9),
            (5, 10, 10),
            // Near, but nobody knows when.
            (8, 40, 5),
            (0, 3, 5),
        ] {
            assert_eq!(
                delay(earliest, latest),
                secs(expected),
                "{earliest} to {latest}"
            );
        }
        // On the way up, backoff is the rule.
        let goal = Range {
            earliest: secs(200),
            likely: secs(200),
            latest: secs(200),
        };
        assert!(Schedule::new(pace).next_delay_towards(goal) <= secs(6));
    }

    #[test]
    fn a_reset_starts_anew() {
        let pace = Pace {
            initial: Duration::from_secs(5),
            max: Duration::from_secs(300),
            multiplier: 10.0,
        };
        let mut schedule = Schedule::new(pace);
        schedule.next_delay();
        assert!(schedule.next_delay() > Duration::from_secs(30));
        schedule.reset();
        assert!(schedule.next_delay() <= Duration::from_secs(6));
    }
}
