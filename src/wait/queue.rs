//! Which task is polled next: of the due ones the nearest to its goal, and none waits for ever.

use std::collections::BTreeSet;
use std::time::Duration;

/// How urgent a poll is; lower goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// The status that belongs to a reading: it is worth nothing without it.
    StatusNext,
    /// The goal shows and is to be confirmed.
    Confirming,
    /// The goal is near.
    Near,
    /// Everything else.
    Far,
}

/// Tasks that are to be polled, by number. Times are since the start of the process.
///
/// As long as the request limit allows it, each task is polled when it is due. Where it does not, the nearest go
/// first; but every second turn belongs to a task that has waited longer than the patience, so that none starves.
#[derive(Debug, Default)]
pub struct Queue {
    later: BTreeSet<(Duration, usize)>,
    /// Those who are due, in both orders.
    by_priority: BTreeSet<(Priority, Duration, usize)>,
    by_age: BTreeSet<(Duration, usize)>,
    entries: Vec<Option<(Duration, Priority)>>,
    was_by_priority: bool,
}

impl Queue {
    /// The task is to be polled then, and at no other time.
    pub fn put(&mut self, task: usize, at: Duration, priority: Priority) {
        self.remove(task);
        if self.entries.len() <= task {
            self.entries.resize(task + 1, None);
        }
        if let Some(entry) = self.entries.get_mut(task) {
            *entry = Some((at, priority));
        }
        self.later.insert((at, task));
    }

    /// The task is not to be polled.
    pub fn remove(&mut self, task: usize) {
        if let Some((at, priority)) = self.entries.get_mut(task).and_then(Option::take) {
            self.later.remove(&(at, task));
            self.by_priority.remove(&(priority, at, task));
            self.by_age.remove(&(at, task));
        }
    }

    /// When the next task is due; in the past where one is.
    pub fn due_at(&self) -> Option<Duration> {
        self.by_age
            .first()
            .or(self.later.first())
            .map(|&(at, _)| at)
    }

    /// Takes out the next task, where one is due.
    pub fn pop(&mut self, now: Duration, patience: Duration) -> Option<usize> {
        while let Some(&(at, task)) = self.later.first().filter(|&&(at, _)| at <= now) {
            self.later.remove(&(at, task));
            if let Some(&Some((_, priority))) = self.entries.get(task) {
                self.by_priority.insert((priority, at, task));
                self.by_age.insert((at, task));
            }
        }
        let (priority, _, nearest) = *self.by_priority.first()?;
        let patience = match priority {
            // A status that comes late belongs to no reading. There are never more of them than readings before.
            Priority::StatusNext => {
                self.remove(nearest);
                return Some(nearest);
            }
            // Readings that are far apart make no row.
            Priority::Confirming => patience.saturating_mul(10),
            Priority::Near | Priority::Far => patience,
        };
        let impatient = self
            .by_age
            .first()
            .filter(|&&(at, _)| now.saturating_sub(at) > patience);
        let task = match impatient {
            Some(&(_, oldest)) if self.was_by_priority => oldest,
            _ => nearest,
        };
        self.was_by_priority = task == nearest;
        self.remove(task);
        Some(task)
    }

    /// Every task that is due, the oldest first.
    pub fn due(&self, now: Duration) -> Vec<usize> {
        let due = self.later.iter().take_while(|&&(at, _)| at <= now);
        self.by_age
            .iter()
            .chain(due)
            .map(|&(_, task)| task)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn order(queue: &mut Queue, now: Duration) -> Vec<usize> {
        std::iter::from_fn(|| queue.pop(now, PATIENCE)).collect()
    }

    #[test]
    fn due_tasks_come_nearest_first() {
        let mut queue = Queue::default();
        queue.put(0, secs(10), Priority::Far);
        queue.put(1, secs(12), Priority::Near);
        queue.put(2, secs(11), Priority::Near);
        queue.put(3, secs(13), Priority::StatusNext);
        queue.put(4, secs(30), Priority::StatusNext);
        assert_eq!(queue.due_at(), Some(secs(10)));
        assert!(order(&mut queue, secs(9)).is_empty());
        assert_eq!(queue.due(secs(12)), [0, 2, 1]);
        assert_eq!(order(&mut queue, secs(13)), [3, 2, 1, 0]);
        assert_eq!(queue.due_at(), Some(secs(30)));
    }

    #[test]
    fn half_read_task_is_never_late() {
        let mut queue = Queue::default();
        queue.put(0, secs(0), Priority::Far);
        queue.put(1, secs(0), Priority::Far);
        queue.put(2, secs(9_000), Priority::StatusNext);
        queue.put(3, secs(9_000), Priority::StatusNext);
        assert_eq!(order(&mut queue, secs(9_999))[..2], [2, 3]);
    }

    #[test]
    fn task_put_twice_is_queued_once() {
        let mut queue = Queue::default();
        queue.put(0, secs(1), Priority::Far);
        assert_eq!(queue.due(secs(1)), [0]);
        queue.put(0, secs(5), Priority::Near);
        queue.put(1, secs(2), Priority::Far);
        queue.remove(1);
        assert_eq!(order(&mut queue, secs(9)), [0]);
        assert_eq!(queue.due_at(), None);
    }

    #[test]
    fn long_waiting_task_gets_its_turn() {
        let mut queue = Queue::default();
        queue.put(0, secs(0), Priority::Far);
        queue.put(1, secs(1), Priority::Far);
        let mut turns = Vec::new();
        for now in 0..100 {
            queue.put(9, secs(now), Priority::Near);
            turns.extend(queue.pop(secs(now), PATIENCE));
        }
        let far: Vec<usize> = (0..turns.len()).filter(|&turn| turns[turn] != 9).collect();
        assert_eq!(far, [61, 63]);
    }

    proptest! {
        #[test]
        fn queued_tasks_come_out_once(
            tasks in proptest::collection::vec((0u64..200, 0usize..4), 1..60), now in 0u64..200,
        ) {
            let priorities = [Priority::StatusNext, Priority::Confirming, Priority::Near, Priority::Far];
            let mut queue = Queue::default();
            for (task, &(at, priority)) in tasks.iter().enumerate() {
                queue.put(task, secs(at), priorities[priority]);
            }
            let mut came = order(&mut queue, secs(now));
            came.sort_unstable();
            let due: Vec<usize> = (0..tasks.len()).filter(|&task| tasks[task].0 <= now).collect();
            prop_assert_eq!(came, due);
            prop_assert_eq!(queue.due_at().map(|at| at.as_secs()), tasks.iter().map(|task| task.0).filter(|&at| at > now).min());
        }
    }
}
