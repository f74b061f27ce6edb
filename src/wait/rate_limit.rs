//! One budget of requests over the whole process.
//!
//! The gateway counts requests by address and second, and throttled ones count too. So the bound holds in every
//! window, not only on average: no more than the budget in any stretch of time, bursts included. Where the gateway
//! throttles all the same (other programs share the address), the budget halves, and comes back step by step.

use std::collections::VecDeque;
use std::time::Duration;

/// Requests that may still be sent. Times are since the start of the process.
#[derive(Debug)]
pub struct RateLimiter {
    /// Requests a second at most, and at present.
    most: f64,
    rate: f64,
    /// The newest requests, as many as the largest budget can ask about.
    sent: VecDeque<Duration>,
    /// When the budget was cut last.
    cut_at: Option<Duration>,
}

/// The least share of the budget that is left, however often it is cut.
const LEAST: f64 = 1.0 / 16.0;
/// A reading and its status.
const PAIR: usize = 2;
/// Share of the limit that each successful response restores.
const STEP: f64 = 1.0 / 100.0;

impl RateLimiter {
    /// A budget of so many requests a second; more than zero, fractions allowed.
    pub fn new(per_second: f64) -> Self {
        Self {
            most: per_second,
            rate: per_second,
            sent: VecDeque::new(),
            cut_at: None,
        }
    }

    /// So many requests fit into each such stretch of time. Two at least: a reading and its status belong together.
    fn window(&self) -> (usize, Duration) {
        let capacity = self.rate.max(PAIR as f64).floor();
        (
            capacity as usize,
            Duration::from_secs_f64(capacity / self.rate),
        )
    }

    /// The earliest time at which a request may be sent.
    pub fn free_at(&self) -> Duration {
        self.free_for(1)
    }

    /// The earliest time at which two requests may be sent together.
    pub fn pair_at(&self) -> Duration {
        self.free_for(PAIR)
    }

    fn free_for(&self, requests: usize) -> Duration {
        let (capacity, window) = self.window();
        let oldest = (self.sent.len() + requests)
            .checked_sub(capacity + 1)
            .and_then(|at| self.sent.get(at));
        oldest.map_or(Duration::ZERO, |&oldest| oldest + window)
    }

    /// Counts a request that is sent at `now`, which is not before [`Self::free_at`].
    pub fn take(&mut self, now: Duration) {
        if self.sent.len() >= self.most.max(PAIR as f64) as usize {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// A request that was sent at `asked` was throttled: half of the budget is left. What was sent before the budget was
    /// cut says nothing about the cut.
    pub fn cut(&mut self, asked: Duration, now: Duration) {
        if self.cut_at.is_none_or(|cut_at| cut_at <= asked) {
            self.rate = (self.rate / 2.0).max(self.most * LEAST);
            self.cut_at = Some(now);
        }
    }

    /// A request that was sent at `asked` was answered well.
    pub fn restore(&mut self, asked: Duration) {
        if self.cut_at.is_some_and(|cut_at| cut_at <= asked) {
            self.rate = (self.rate + self.most * STEP).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_within(budget: &mut RateLimiter, from: u64, until: u64) -> Vec<u64> {
        let mut takes = |at| {
            let at = Duration::from_millis(at);
            let is_free = budget.free_at() <= at;
            if is_free {
                budget.take(at);
            }
            is_free
        };
        (from..until).filter(|&at| takes(at)).collect()
    }

    #[test]
    fn no_window_exceeds_the_limit() {
        for per_second in [1.0, 4.0, 4.7, 100.0] {
            let sent = sent_within(&mut RateLimiter::new(per_second), 0, 5_000);
            let capacity = (per_second as usize).max(2);
            for window in sent.windows(capacity + 1) {
                assert!(
                    window[capacity] - window[0] >= (1000.0 * capacity as f64 / per_second) as u64
                );
            }
            assert!(
                sent.len() >= (per_second * 4.9) as usize,
                "{per_second}: {}",
                sent.len()
            );
        }
    }

    #[test]
    fn a_small_budget_still_has_pairs() {
        assert_eq!(
            sent_within(&mut RateLimiter::new(0.5), 0, 5_000),
            [0, 1, 4_000, 4_001]
        );
        let mut budget = RateLimiter::new(0.5);
        let second = Duration::from_secs(1);
        assert_eq!(budget.pair_at(), Duration::ZERO);
        budget.take(second);
        assert_eq!(
            (budget.free_at(), budget.pair_at()),
            (Duration::ZERO, 5 * second)
        );
    }

    #[test]
    fn throttling_halves_limit_successes_restore() {
        let secs = Duration::from_secs;
        let mut budget = RateLimiter::new(8.0);
        assert_eq!(sent_within(&mut budget, 0, 1_000).len(), 8);
        for _ in 0..8 {
            budget.cut(Duration::ZERO, secs(1));
        }
        assert_eq!(sent_within(&mut budget, 1_000, 3_000).len(), 8);
        // It was asked for before the cut.
        budget.restore(Duration::ZERO);
        assert_eq!(sent_within(&mut budget, 3_000, 5_000).len(), 8);
        for _ in 0..50 {
            budget.restore(secs(4));
        }
        let back = sent_within(&mut budget, 5_000, 9_000);
        assert!((29..=32).contains(&back.len()), "{}", back.len());
        for second in 10..100 {
            budget.cut(secs(second), secs(second));
        }
        // Half a request a second: two in four seconds.
        assert_eq!(sent_within(&mut budget, 100_000, 110_000).len(), 6);
    }
}
