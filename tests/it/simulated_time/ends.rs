//! What has to hold of a whole wait: its tasks together, its time, its budget, and every output.

use super::checks::{TaskRecord, Verdict, ensure};
use super::truth::TICK;
use super::world::{Call, LogEntry, Poll, Run, Said, State, What};
use dcs_migration_wait::api::Class;
use dcs_migration_wait::domain::Goal;
use dcs_migration_wait::domain::TaskId;
use dcs_migration_wait::outcome::Outcome;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the cloud may take to say why a task failed, once the wait is over.
const FOR_REASONS: Duration = Duration::from_secs(5);

impl Run {
    /// Everything that is promised of a run.
    pub(super) fn check(&self) -> Verdict {
        self.world.state(|state| {
            for wait in &self.tasks {
                let task = self.world.task(&wait.id);
                TaskRecord::of(self, state, task)
                    .check(state)
                    .map_err(|why| format!("task {task}: {why}"))?;
            }
            self.check_listing(state)?;
            self.check_whole(state)?;
            self.check_early_tasks(state)?;
            self.check_deadline(state)?;
            self.check_budget(state)
        })?;
        self.check_sinks()?;
        // Last, so that what is known of it hides nothing else.
        self.world.state(|state| {
            self.tasks.iter().try_for_each(|wait| {
                TaskRecord::of(self, state, self.world.task(&wait.id)).check_rows()
            })
        })
    }

    /// `all-running`: what ran all the while the tasks were listed is waited for, and nothing that never ran.
    fn check_listing(&self, state: &State) -> Verdict {
        let script = &self.world.script;
        let waited: Vec<&TaskId> = self.tasks.iter().map(|wait| &wait.id).collect();
        if !script.all_running {
            ensure!(
                waited
                    .iter()
                    .copied()
                    .eq(script.tasks.iter().map(|task| &task.id)),
                "waited for {waited:?}"
            );
            return Ok(());
        }
        let listed = state.events.iter().find_map(|event| match event {
            LogEntry::Listed { now } => Some(*now),
            LogEntry::Answered(_)
            | LogEntry::Polled(_)
            | LogEntry::ListFailed
            | LogEntry::Ended
            | LogEntry::Stalled { .. } => None,
        });
        let until = listed.unwrap_or(self.ended);
        // The last list is read from the first page on.
        let pages: Vec<&Call> = state
            .calls
            .iter()
            .filter(|call| matches!(call.answer, Some((at, Ok(Said::Page(_)))) if at <= until))
            .collect();
        let first = pages
            .iter()
            .rposition(|call| call.what == What::List(0))
            .unwrap_or_default();
        let times: Vec<Duration> = pages[first..].iter().map(|call| call.made).collect();
        let runs = |task: usize, at: Duration| {
            let truth = script.tasks[task].at(at);
            let exists = truth.exists && state.gone[task].is_none_or(|gone| at < gone);
            exists && script.tasks[task].detail(&truth).status.is_running()
        };
        for (task, migration) in script.tasks.iter().enumerate() {
            let is_waited_for = waited.contains(&&migration.id);
            let always = !times.is_empty() && times.iter().all(|&at| runs(task, at));
            let decided = listed.is_some() || matches!(self.outcome, Outcome::InvalidInput(_));
            // Where no page tells how many there are, nobody can know that one is left out.
            let left_out = always && !is_waited_for && decided && script.tells_total;
            ensure!(!left_out, "task {task} runs and is not waited for");
            let once = times.iter().any(|&at| runs(task, at));
            ensure!(
                once || !is_waited_for,
                "task {task} is waited for and did not run"
            );
        }
        ensure!(
            waited.is_empty() == listed.is_none(),
            "waited for {waited:?}, listed at {listed:?}"
        );
        if listed.is_none() {
            let no_end = matches!(
                self.outcome,
                Outcome::Ready | Outcome::Failed(_) | Outcome::Stalled(_)
            );
            ensure!(!no_end, "{:?} of no task", self.outcome);
        }
        Ok(())
    }

    /// "Ready when all are; the first failed ends the wait for all unless fail-fast is false; denied always does."
    fn check_whole(&self, state: &State) -> Verdict {
        // Of a task that was read again, the last end counts.
        let mut ends: BTreeMap<usize, &Poll> = BTreeMap::new();
        for poll in state.polls() {
            ends.remove(&poll.task);
            if poll.outcome.is_some() {
                ends.insert(poll.task, poll);
            }
        }
        for wait in self.tasks.iter().filter(|wait| wait.outcome.is_none()) {
            ends.remove(&self.world.task(&wait.id));
        }
        let several = self.tasks.len() > 1;
        let told = state
            .events
            .iter()
            .any(|event| matches!(event, LogEntry::Ended));
        ensure!(
            !told || several,
            "the only task's end was told apart from that of the wait"
        );
        if self.tasks.is_empty() {
            return Ok(());
        }
        let outcome = |poll: &&Poll| poll.outcome.clone();
        let bad: Vec<Outcome> = ends
            .values()
            .filter_map(outcome)
            .filter(|outcome| !outcome.is_ready())
            .collect();
        let all = ends.len() == self.tasks.len();
        ensure!(
            !self.outcome.is_ready() || (all && bad.is_empty()),
            "ready, while a task is not: {bad:?}"
        );
        let denied = bad
            .iter()
            .find(|outcome| matches!(outcome, Outcome::Denied(_)));
        let out_of_time = self.ended >= self.world.script.rules.deadline;
        let gravest = bad.iter().max_by_key(|outcome| outcome.severity());
        let from_outside = matches!(self.outcome, Outcome::TimedOut | Outcome::Cancelled(_));
        let decided = match denied {
            Some(denied) => Some(denied.clone()),
            None if self.world.script.fail_fast && !bad.is_empty() => gravest.cloned(),
            None if all => Some(gravest.cloned().unwrap_or(Outcome::Ready)),
            None => None,
        };
        match decided {
            Some(decided) => {
                let same = decided.severity() == self.outcome.severity();
                ensure!(
                    same || (out_of_time && from_outside),
                    "ends as {:?}, not as {decided:?}",
                    self.outcome
                );
            }
            None => {
                let graver = gravest
                    .is_some_and(|gravest| gravest.severity() > Outcome::TimedOut.severity());
                let fits = from_outside || (out_of_time && graver);
                ensure!(fits, "nothing decided that the end is {:?}", self.outcome);
            }
        }
        Ok(())
    }

    /// "Tasks that got there more than 3 × max-interval before the last one are read once more before the end."
    fn check_early_tasks(&self, state: &State) -> Verdict {
        let rules = &self.world.script.rules;
        if !self.outcome.is_ready() || rules.condition.goal != Goal::InSync {
            return Ok(());
        }
        let mut arrived = Vec::new();
        let mut read = Vec::new();
        for task in 0..self.world.script.tasks.len() {
            let polls: Vec<&Poll> = state
                .polls()
                .filter(|poll| poll.task == task && poll.judged.is_some())
                .collect();
            let Some(last) = polls.last() else { continue };
            read.push(last.judged.unwrap_or_default());
            // Since it got there, it was only confirmed.
            let since = polls
                .iter()
                .rev()
                .take_while(|poll| poll.outcome.is_some())
                .last();
            arrived.push(since.and_then(|poll| poll.judged).unwrap_or_default());
        }
        let last = arrived.iter().max().copied().unwrap_or_default();
        let oldest = read.iter().min().copied().unwrap_or_default();
        let fresh = oldest + rules.pace.max * 3 >= last;
        ensure!(
            fresh,
            "ready at {:?}, though one was last read at {oldest:?} and another got there at {last:?}",
            self.ended
        );
        Ok(())
    }

    fn check_deadline(&self, state: &State) -> Verdict {
        let script = &self.world.script;
        let deadline = state.awake(script.rules.deadline);
        ensure!(
            self.ended <= deadline,
            "ended at {:?}, after the deadline {deadline:?}",
            self.ended
        );
        if matches!(self.outcome, Outcome::TimedOut) {
            ensure!(
                self.ended == deadline,
                "timed out at {:?}, the deadline is {deadline:?}",
                self.ended
            );
        }
        let decided = state.polls().last().map_or(Duration::ZERO, |poll| poll.now);
        if matches!(self.outcome, Outcome::Failed(_) | Outcome::Ready) {
            let late = self.ended > state.awake(decided + FOR_REASONS);
            // A failure decides for all only at the deadline, unless the first one ends the wait.
            ensure!(
                !late || self.ended == deadline,
                "decided at {decided:?}, ended at {:?}",
                self.ended
            );
        }
        let signal = state
            .signalled
            .zip(script.signal.map(|(_, interrupt)| interrupt));
        match (&self.outcome, signal) {
            (Outcome::Cancelled(said), Some((at, sent))) => {
                ensure!(*said == sent, "{sent:?} was heard as {said:?}");
                let heard = at <= self.ended && self.ended <= state.awake(at) + TICK;
                ensure!(heard, "a signal at {at:?} was heard at {:?}", self.ended);
            }
            (Outcome::Cancelled(_), None) => return Err("cancelled by nobody".to_owned()),
            (_, Some((at, _))) => ensure!(
                self.ended <= state.awake(at) + TICK,
                "a signal at {at:?} was not heard"
            ),
            (_, None) => {}
        }
        for wait in &self.tasks {
            if let Some((Outcome::TimedOut, at)) = wait.outcome {
                ensure!(
                    at == deadline,
                    "the time of a task was up at {at:?}, the deadline is {deadline:?}"
                );
            }
        }
        // What a process that stood still was about to send leaves as it wakes.
        let wakes = |at: Duration| state.stalls().any(|(_, to)| to == at);
        let late = state
            .calls
            .iter()
            .find(|call| call.asked >= deadline && !wakes(call.asked));
        ensure!(late.is_none(), "asked after the deadline: {late:?}");
        self.check_last_poll(state)
    }

    /// "If the next poll would come after the deadline, a last one is made early enough for its answer to count." Where
    /// nothing is in the way, that is.
    fn check_last_poll(&self, state: &State) -> Verdict {
        let script = &self.world.script;
        let rules = &script.rules;
        let quiet = script.faults.is_empty() && script.stalls.is_empty() && script.tasks.len() == 1;
        if !matches!(self.outcome, Outcome::TimedOut) || !quiet || self.tasks.is_empty() {
            return Ok(());
        }
        let polls = state
            .calls
            .iter()
            .filter(|call| matches!(call.what, What::Stats(_) | What::SignIn));
        let budget = Duration::from_secs_f64(4.0 / script.requests_per_second);
        let last = polls.map(|call| call.asked).max().unwrap_or_default();
        let in_time = last + (rules.request_timeout + budget) * 2 >= rules.deadline;
        ensure!(in_time, "the last poll was at {last:?}");
        Ok(())
    }

    fn check_budget(&self, state: &State) -> Verdict {
        // Two at least: a reading and its status belong together.
        let per_second = self.world.script.requests_per_second;
        let capacity = per_second.max(2.0).floor();
        let window = Duration::from_secs_f64(capacity / per_second);
        // A budget that was cut and comes back has other windows, which are held against nothing here.
        let asks_for_less = |class: Class| match class {
            Class::Transient { retry_after } => retry_after.is_some(),
            Class::Throttled { .. } => true,
            _ => false,
        };
        let cuts = state
            .calls
            .iter()
            .filter(|call| call.refusal().is_some_and(asks_for_less));
        let cut_at = cuts.map(Call::answered).min().unwrap_or(Duration::MAX);
        let is_cut = |at: Duration| cut_at <= at;
        for calls in state.calls.windows(capacity as usize + 1) {
            let (first, last) = (calls[0].asked, calls[capacity as usize].asked);
            // What a process that stood still was about to send leaves once it goes on.
            if is_cut(last) || state.stalls().any(|(_, to)| first <= to && to <= last) {
                continue;
            }
            ensure!(
                last - first + TICK >= window,
                "{} requests between {first:?} and {last:?}",
                capacity + 1.0
            );
        }
        self.check_one_at_a_time(state)
    }

    fn check_one_at_a_time(&self, state: &State) -> Verdict {
        // Until one was answered well, one at a time over all: many with the same wrong access key would lock it.
        let good = |call: &&Call| call.what != What::SignIn && call.is_ok();
        let proven = state
            .calls
            .iter()
            .filter(good)
            .map(Call::answered)
            .min()
            .unwrap_or(Duration::MAX);
        for calls in state
            .calls
            .windows(2)
            .filter(|calls| calls[1].asked < proven)
        {
            let at_once = calls[0].answered() > calls[1].asked;
            ensure!(
                !at_once || self.is_over(calls[1].asked),
                "two at once, none answered well before: {calls:?}"
            );
        }
        // One request at a time: for each task, and for signing in and listing.
        for (n, call) in state.calls.iter().enumerate() {
            let same = |after: &&Call| after.what.task() == call.what.task();
            let after = state.calls[n + 1..].iter().find(same);
            let at_once = after
                .is_some_and(|after| call.answered() > after.asked && !self.is_over(after.asked));
            ensure!(!at_once, "two at a time: {call:?} {after:?}");
        }
        let most = self.world.script.most_in_flight;
        for call in &state.calls {
            let under_way = state
                .calls
                .iter()
                .filter(|other| other.asked <= call.asked && other.answered() > call.asked);
            ensure!(
                most > 10 || under_way.count() <= most || self.is_over(call.asked),
                "too many under way at {call:?}"
            );
        }
        Ok(())
    }

    /// When it was decided how the wait ends: after that, the cloud may be asked for reasons.
    pub(super) fn decided(&self) -> Duration {
        let decided = self
            .tasks
            .iter()
            .filter_map(|wait| wait.outcome.as_ref())
            .map(|(_, at)| *at)
            .max();
        decided
            .filter(|_| matches!(self.outcome, Outcome::Failed(_)))
            .unwrap_or(self.ended)
    }

    /// Whether the wait was decided by then: what was under way is dropped, and the cloud is asked for reasons.
    fn is_over(&self, at: Duration) -> bool {
        let decided = self
            .tasks
            .iter()
            .filter_map(|wait| wait.outcome.as_ref())
            .map(|(_, at)| *at)
            .max();
        matches!(self.outcome, Outcome::Failed(_)) && decided.is_some_and(|decided| decided <= at)
    }
}
