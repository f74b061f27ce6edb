//! Why tasks failed, as the cloud says it.

use super::{Scheduler, TaskWait};
use crate::api::Cloud;
use crate::clock::Clock;
use crate::domain::TaskId;
use crate::outcome::{Interrupt, Outcome};
use crate::wait::RateLimiter;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;

impl<C: Cloud> Scheduler<C> {
    /// Asks the cloud why tasks failed, which its list or their logs may tell. One try each, and never for long: how the
    /// wait ended is known already.
    pub(in crate::wait) async fn ask_for_reasons(
        &mut self,
        interrupts: &mut mpsc::UnboundedReceiver<Interrupt>,
    ) {
        let now = self.clock.elapsed();
        // The answer has to be written before the deadline, too.
        let left = self.rules.deadline.saturating_sub(now) / 2;
        let until = now
            + left
                .min(LONGEST_FOR_REASONS)
                .min(self.rules.request_timeout.saturating_mul(2));
        self.in_flight.abort_all();
        let failed = |wait: &TaskWait| matches!(&wait.outcome, Some((Outcome::Failed(failure), _)) if failure.has_reason());
        let mut asked: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|wait| failed(wait))
            .map(|wait| wait.id.clone())
            .collect();
        // Of a batch that fails as a whole, one page and a few logs say enough.
        asked.truncate(MOST_REASONS);
        if asked.is_empty() {
            return;
        }
        let mut reasons = BTreeMap::new();
        let gather = gather_reasons(
            &*self.cloud,
            self.clock,
            &mut self.limiter,
            self.paused_until,
            &asked,
            &mut reasons,
        );
        tokio::select! {
            biased;
            _ = interrupts.recv() => {}
            () = self.clock.sleep_until(until) => {}
            () = gather => {}
        }
        for wait in self.tasks.iter_mut().filter(|wait| failed(wait)) {
            wait.cloud_reason = reasons.remove(&wait.id);
        }
    }
}

/// Why these tasks failed, as the cloud reports it: first a page of the list, then the logs of the tasks without a reason there.
async fn gather_reasons<C: Cloud>(
    cloud: &C,
    clock: Clock,
    limiter: &mut RateLimiter,
    paused_until: Duration,
    asked: &[TaskId],
    reasons: &mut BTreeMap<TaskId, String>,
) {
    let mut turn = async || {
        clock.sleep_until(limiter.free_at().max(paused_until)).await;
        limiter.take(clock.elapsed());
    };
    turn().await;
    if let Ok(page) = cloud.list(0).await {
        for listed in page.tasks {
            let task = asked.iter().find(|task| task.is_same(&listed.id));
            if let Some((task, message)) = task.zip(listed.error_message) {
                reasons.insert(task.clone(), message);
            }
        }
    }
    for task in asked {
        if !reasons.contains_key(task) {
            turn().await;
            if let Ok(Some(message)) = cloud.newest_error(task).await {
                reasons.insert(task.clone(), message);
            }
        }
    }
}

/// How long the cloud may take to say why tasks failed.
const LONGEST_FOR_REASONS: Duration = Duration::from_secs(5);
/// How many tasks it is asked about.
const MOST_REASONS: usize = 20;
