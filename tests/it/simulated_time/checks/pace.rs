//! How soon a poll has to follow, and when the end has to come.

use super::*;

impl TaskRecord<'_> {
    /// Polls keep the distance that the user asked for, and a server's `Retry-After`.
    pub(super) fn check_pace(&self, state: &State, poll: &Poll) -> Verdict {
        let rules = self.rules;
        let Some(next) = poll.next.filter(|_| poll.now < rules.deadline) else {
            return Ok(());
        };
        ensure!(
            poll.now <= next && next <= rules.deadline.max(poll.now),
            "a poll at {next:?}: {poll:?}"
        );
        let last_poll = rules.deadline.saturating_sub(rules.request_timeout);
        if poll.too_old || next >= last_poll {
            return Ok(());
        }
        if poll.judged == Some(poll.now) || (poll.judged.is_some() && poll.failed.is_none()) {
            let delay = next - poll.now;
            let stall_ends = rules.stall_timeout.is_some_and(|stall| {
                next >= stall
                    && self
                        .polls
                        .iter()
                        .any(|before| before.now + stall == next || next == stall)
            });
            let began = state
                .polls()
                .next()
                .map_or(Duration::ZERO, |first| first.now);
            let stall_ends = stall_ends
                || rules
                    .stall_timeout
                    .is_some_and(|stall| next <= began + stall);
            ensure!(
                delay >= rules.pace.initial || stall_ends,
                "a poll {delay:?} after a good one: {poll:?}"
            );
            ensure!(
                delay <= rules.pace.max,
                "a poll only {delay:?} after a good one: {poll:?}"
            );
        }
        if let Some(
            Class::Transient {
                retry_after: Some(after),
            }
            | Class::Throttled {
                retry_after: Some(after),
            },
        ) = poll.failed
        {
            // One more before `max-outage` is over.
            let waits = next
                >= poll.now
                    + after
                        .min(rules.max_outage / 2)
                        .saturating_sub(rules.request_timeout * 2);
            let short = self.polls.iter().any(|first| {
                first.failed.is_some()
                    && first.now <= poll.now
                    && next + rules.request_timeout * 3 > first.now + rules.max_outage / 2
            });
            ensure!(
                waits || short,
                "a poll at {next:?}, told at {:?} to wait {after:?}",
                poll.now
            );
        }
        Ok(())
    }

    /// What was there to see for long enough, undisturbed, until the end, must have ended the wait.
    pub(super) fn check_liveness(&self, state: &State) -> Verdict {
        let ended = self.run.ended;
        let last = self.polls.last().and_then(|poll| poll.outcome.as_ref());
        if last.is_some_and(|outcome| !matches!(outcome, Outcome::TimedOut)) {
            return Ok(());
        }
        let listed = state
            .calls
            .iter()
            .filter(|call| matches!(call.what, What::List(_)));
        let began = listed
            .map(Call::answered)
            .filter(|&at| at < Duration::MAX)
            .max()
            .unwrap_or_default();
        let Some(span) = self.undisturbed(state, began) else {
            return Ok(());
        };
        let from = ended - span;
        let shows: Vec<Shows> = (0..=60).map(|n| self.shows(from + span * n / 60)).collect();
        let all = |wanted: Shows| shows.iter().all(|&shows| shows == wanted);
        ensure!(
            !all(Shows::Ready),
            "the goal was true for {span:?}, unnoticed"
        );
        ensure!(
            !all(Shows::Failed),
            "a failure was there for {span:?}, unnoticed"
        );
        ensure!(
            !all(Shows::Gone),
            "the task was gone for {span:?}, unnoticed"
        );
        let migration = self.migration();
        let same = |n: u32| {
            let still = |truth: Truth| Truth {
                source_writes: truth.lag(),
                target_has: 0,
                ..truth
            };
            still(migration.at(from + span * n / 60)) == still(migration.at(from))
        };
        let stall = self
            .rules
            .stall_timeout
            .filter(|stall| span / 2 > *stall + self.rules.pace.max);
        ensure!(
            stall.is_none() || !(0..=60).all(same),
            "nothing has happened for {span:?}, unnoticed"
        );
        Ok(())
    }

    fn shows(&self, at: Duration) -> Shows {
        let (migration, condition) = (self.migration(), self.rules.condition);
        let truth = migration.at(at);
        let is_read = self.rules.status_check != StatusCheck::Off;
        let status = Some(&truth).filter(|_| is_read);
        let reading = migration.reading(&truth);
        let has_numbers = migration.progress == Progress::Always
            && (reading.offset.is_some() || condition.goal != Goal::InSync);
        let has_offset = reading
            .offset
            .is_some_and(|offset| (0..=condition.max_offset).contains(&offset));
        let released = truth.class() == StatusClass::Released;
        if !truth.exists {
            return Shows::Gone;
        }
        if status.is_some() && truth.is_bad() {
            return Shows::Failed;
        }
        if truth.is_lie
            || truth.stage == Stage::Waiting
            || lacks_keys(condition.max_missing_keys, &reading)
        {
            return Shows::Other;
        }
        let offset_counts = matches!(condition.goal, Goal::InSync | Goal::Completed);
        let fits = !offset_counts || has_offset || (migration.full_only && is_read && !released);
        if has_numbers
            && fits
            && migration
                .objection(condition, &truth, status, false)
                .is_none()
        {
            // Where no status is read, a switch is not seen either.
            return if is_read || truth.switch.is_none() {
                Shows::Ready
            } else {
                Shows::Other
            };
        }
        let finished = matches!(truth.class(), StatusClass::Stopped | StatusClass::Succeeded);
        let stopped = is_read && finished && truth.switch.is_none() && truth.stage == Stage::Ended;
        if stopped
            && offset_counts
            && has_numbers
            && reading
                .offset
                .is_some_and(|offset| offset > condition.max_offset)
        {
            return Shows::Failed;
        }
        if stopped && condition.goal == Goal::InSync {
            Shows::Failed
        } else {
            Shows::Other
        }
    }

    /// How long before the end nothing was in the way of a poll, if that is long enough to notice whatever is true.
    fn undisturbed(&self, state: &State, began: Duration) -> Option<Duration> {
        let (script, rules, ended) = (&self.run.world.script, self.rules, self.run.ended);
        if script.flaky > 0
            || matches!(script.credential, Credential::Token { expires } if expires <= ended)
        {
            return None;
        }
        let mut from = began.max(script.cache);
        for fault in script.faults.iter().filter(|fault| fault.from <= ended) {
            let told = match fault.trouble {
                Trouble::Refused(
                    Class::Transient { retry_after } | Class::Throttled { retry_after },
                ) => retry_after.unwrap_or_default(),
                Trouble::HangsForever => return None,
                Trouble::Refused(_) | Trouble::Hangs | Trouble::Slow(_) | Trouble::Malformed => {
                    Duration::ZERO
                }
            };
            from = from.max(fault.to + told);
        }
        for (_, to) in state.stalls() {
            from = from.max(to);
        }
        for event in &self.migration().key_events {
            for at in [event.from, event.to].into_iter().filter(|&at| at <= ended) {
                from = from.max(at);
            }
            // An empty side, or one that drifts away, counts for as long as it lasts.
            if event.to > ended
                && event.from < ended
                && rules.condition.max_missing_keys != KeyLimit::Off
            {
                return None;
            }
        }
        let requests = 3.0 * script.tasks.len() as f64 + 3.0;
        let budget = Duration::from_secs_f64(requests * 2.0 / script.requests_per_second);
        let one = rules.pace.max + rules.request_timeout * 4 + budget + script.cache;
        let enough = one * (rules.stable_polls.max(3) + 3) + STATUS_MAX_AGE + ms(10_000);
        ended.checked_sub(from + TICK).filter(|span| *span > enough)
    }
}

/// What is there to see of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Ready,
    Failed,
    Gone,
    Other,
}
