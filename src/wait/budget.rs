//! One budget of requests over the whole process.
//!
//! The gateway counts requests by address and second, and throttled ones count too. So the bound holds in every
//! window, not only on average: no more than the budget in any stretch of time, bursts included.

use std::collections::VecDeque;
use std::time::Duration;

/// Requests that may still be sent. Times are since the start of the process.
#[derive(Debug)]
pub struct Budget {
    capacity: usize,
    window: Duration,
    sent: VecDeque<Duration>,
}

impl Budget {
    /// A budget of so many requests a second; more than zero, fractions allowed.
    pub fn new(per_second: f64) -> Self {
        let capacity = per_second.max(1.0).floor();
        Self {
            capacity: capacity as usize,
            window: Duration::from_secs_f64(capacity / per_second),
            sent: VecDeque::new(),
        }
    }

    /// The earliest time at which a request may be sent.
    pub fn free_at(&self) -> Duration {
        match self.sent.front() {
            Some(&oldest) if self.sent.len() >= self.capacity => oldest + self.window,
            _ => Duration::ZERO,
        }
    }

    /// Takes one request at `now`, or says no.
    pub fn try_take(&mut self, now: Duration) -> bool {
        if now < self.free_at() {
            return false;
        }
        if self.sent.len() >= self.capacity {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_within(per_second: f64, millis: u64) -> Vec<u64> {
        let mut budget = Budget::new(per_second);
        (0..millis).filter(|&at| budget.try_take(Duration::from_millis(at))).collect()
    }

    #[test]
    fn no_window_holds_more_than_the_budget() {
        for per_second in [1.0, 4.0, 4.7, 100.0] {
            let sent = sent_within(per_second, 5_000);
            for window in sent.windows(per_second as usize + 1) {
                assert!(
                    window[per_second as usize] - window[0] >= 1000 * (per_second as u64) / (per_second.ceil() as u64)
                );
            }
            assert!(sent.len() >= (per_second * 4.9) as usize, "{per_second}: {}", sent.len());
        }
    }

    #[test]
    fn a_fraction_is_one_request_in_a_longer_window() {
        assert_eq!(sent_within(0.5, 5_000), [0, 2_000, 4_000]);
    }
}
