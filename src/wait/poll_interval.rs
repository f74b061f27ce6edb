//! When is the next poll? [`PollTimer::next_poll`] decides, by numbered rules.

use super::backoff::Backoff;
use super::eta::Range;
use super::plan::Rules;
use std::time::Duration;

/// Of the time until the goal is met at the earliest, the next poll waits no longer than this share.
const SHARE: f64 = 0.5;
/// The shortest time that is kept for the answer to a last poll.
const LEAST_FOR_AN_ANSWER: Duration = Duration::from_millis(300);

/// Decides when a task is polled.
#[derive(Debug)]
pub(super) struct PollTimer {
    initial: Duration,
    max: Duration,
    polling: Backoff,
    retrying: Backoff,
    /// The longest time from a poll's request to its last answer.
    slowest_poll: Duration,
    request_timeout: Duration,
    max_outage: Duration,
    deadline: Duration,
}

/// What the next poll follows.
#[derive(Debug)]
pub(super) enum After {
    /// A reading that was too old to evaluate.
    TooOld,
    /// A reading that was evaluated.
    Reading(Progress),
    /// The session was refused; a new one is obtained first.
    RefusedSession,
    /// A failed poll.
    Failure {
        /// What the server asked for with `Retry-After`.
        retry_after: Option<Duration>,
        /// When `max-outage` is over.
        give_up_at: Duration,
    },
}

/// What an evaluated reading says about the time of the next poll.
#[derive(Debug)]
pub(super) struct Progress {
    /// It meets the goal, though not often enough in a row yet.
    pub(super) is_met: bool,
    /// The migration took a step, to another phase for example.
    pub(super) took_step: bool,
    /// What is expected.
    pub(super) expected: Expected,
    /// When `stall-timeout` is over.
    pub(super) stall_at: Option<Duration>,
}

/// What is expected of a task.
#[derive(Debug)]
pub(super) enum Expected {
    /// The goal, within this range from now on.
    Goal(Range),
    /// The end at any moment.
    End,
    /// What was expected before is not expected any more.
    NoLonger,
    /// Nothing in particular.
    Nothing,
}

impl PollTimer {
    /// A timer whose jitter can be repeated: the same seed gives the same intervals.
    pub(super) fn seeded(rules: &Rules, seed: u64) -> Self {
        Self {
            initial: rules.pace.initial,
            max: rules.pace.max,
            polling: Backoff::seeded(rules.pace, seed),
            retrying: Backoff::seeded(rules.pace, !seed),
            slowest_poll: Duration::ZERO,
            request_timeout: rules.request_timeout,
            max_outage: rules.max_outage,
            deadline: rules.deadline,
        }
    }

    /// A poll took so long, from its request to its last answer.
    pub(super) fn note_poll(&mut self, took: Duration) {
        self.slowest_poll = self.slowest_poll.max(took);
    }

    /// When the next poll is due:
    ///
    /// 1. After a reading that was too old, or a session that was refused: at once.
    /// 2. After a failed poll: after a backoff of its own, no sooner than the server asked for with `Retry-After`. A server
    ///    that asks for more than is left of `max-outage` is asked once more before the end of that.
    /// 3. Goal met, but not often enough in a row: after `initial-interval`.
    /// 4. The goal is expected within a range: see [`Self::towards`].
    /// 5. The end is expected at any moment: after `initial-interval`.
    /// 6. Otherwise by backoff, from `initial-interval` to `max-interval`. It starts again where the migration took a
    ///    step, where the goal was met, and where something expected did not come.
    /// 7. A reading's next poll is never later than the end of `stall-timeout`.
    /// 8. No poll is so late that its answer would come after `timeout`: see [`Self::early_enough`].
    pub(super) fn next_poll(&mut self, now: Duration, after: After) -> Duration {
        let at = match after {
            After::TooOld => now,
            After::RefusedSession => {
                self.retrying.next_delay();
                now
            }
            After::Failure {
                retry_after,
                give_up_at,
            } => {
                let asked_for = now.saturating_add(retry_after.unwrap_or_default());
                let asked_for = self.early_enough(now, asked_for, give_up_at, self.max_outage);
                (now + self.retrying.next_delay()).max(asked_for)
            }
            After::Reading(progress) => {
                self.retrying.reset();
                let at = now + self.delay_after(&progress);
                progress.stall_at.map_or(at, |stall_at| at.min(stall_at))
            }
        };
        self.early_enough(now, at, self.deadline, self.deadline)
    }

    /// Rules 3 to 6.
    fn delay_after(&mut self, progress: &Progress) -> Duration {
        if progress.is_met || progress.took_step {
            self.polling.reset();
        }
        if progress.is_met {
            return self.initial;
        }
        match progress.expected {
            Expected::Goal(range) => return self.towards(range),
            Expected::End => return self.initial,
            Expected::NoLonger => self.polling.reset(),
            Expected::Nothing => {}
        }
        self.polling.next_delay()
    }

    /// The delay on the way to a goal that is expected: the longest while it is far, backoff as long as that is less than
    /// a share of the way, then that share, then the shortest. Between `initial-interval` and `max-interval` in any case.
    fn towards(&mut self, goal: Range) -> Duration {
        let is_certain = goal.latest.saturating_sub(goal.earliest) <= self.initial;
        let share = if is_certain && goal.latest <= self.initial.saturating_mul(2) {
            // One poll is left, and it is aimed at the goal itself.
            goal.latest
        } else {
            goal.earliest.mul_f64(SHARE)
        };
        if self.max <= share {
            return self.max;
        }
        if share <= self.initial {
            // It is near. Should it not come after all, backoff starts again.
            self.polling.reset();
            return self.initial;
        }
        self.polling.next_delay().min(share)
    }

    /// `at`, or earlier where that would be too late for `end`, which ends a time of `length`: early enough for twice the
    /// slowest answer so far. What is due after that is polled as well, since its answer may be a quick one.
    fn early_enough(
        &self,
        now: Duration,
        at: Duration,
        end: Duration,
        length: Duration,
    ) -> Duration {
        let needed = (self.slowest_poll * 2 + LEAST_FOR_AN_ANSWER).min(self.request_timeout);
        let last_poll = end.saturating_sub(needed.min(length / 2));
        if at <= last_poll {
            at
        } else if now < last_poll {
            last_poll
        } else {
            at.min(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Condition, Goal};
    use crate::wait::{PollSettings, StatusCheck};

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn timer() -> PollTimer {
        let rules = Rules {
            condition: Condition {
                goal: Goal::InSync,
                max_offset: 0,
                max_missing_keys: Default::default(),
            },
            stable_polls: 1,
            status_check: StatusCheck::Off,
            pace: PollSettings {
                initial: secs(5),
                max: secs(120),
                multiplier: 1.5,
            },
            max_gap: secs(360),
            max_outage: secs(600),
            stall_timeout: None,
            request_timeout: secs(10),
            deadline: secs(36_000),
        };
        PollTimer::seeded(&rules, 1)
    }

    fn goal_within(earliest: u64, latest: u64) -> After {
        After::Reading(Progress {
            is_met: false,
            took_step: false,
            expected: Expected::Goal(Range {
                earliest: secs(earliest),
                likely: secs(latest),
                latest: secs(latest),
            }),
            stall_at: None,
        })
    }

    #[test]
    fn nearer_goals_are_polled_sooner() {
        for (earliest, latest, expected) in [
            (7200, 9000, 120),
            (240, 250, 120),
            (100, 110, 50),
            (12, 13, 6),
            // So near and so certain that one poll is enough.
            (8, 9, 9),
            (5, 10, 10),
            // Near, but uncertain.
            (8, 40, 5),
            (0, 3, 5),
        ] {
            let mut timer = timer();
            // Backoff alone would wait for long by now.
            for _ in 0..20 {
                timer.polling.next_delay();
            }
            let at = timer.next_poll(secs(0), goal_within(earliest, latest));
            assert_eq!(at, secs(expected), "{earliest} to {latest}");
        }
        // On the way up, backoff is the rule.
        assert!(timer().next_poll(secs(0), goal_within(200, 200)) <= secs(6));
    }
}
