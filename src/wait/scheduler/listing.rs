//! The search for the tasks that run, page by page.

use super::{Answered, Next, Scheduler};
use crate::api::Cloud;
use crate::api::{ApiError, ListedTask, Page};
use crate::domain::TaskId;
use crate::outcome::Outcome;
use crate::wait::{Observer, Step, TaskPoller};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The search for the tasks that run.
pub(super) struct Listing {
    /// Evaluates failures as those of a poll; it never gets a reading, and is replaced by a new one after each page.
    pub(super) failures: TaskPoller,
    pub(super) next: Next,
    running: Vec<TaskId>,
    /// Every task on the pages so far: a server that repeats a page has no more of them.
    known: BTreeSet<TaskId>,
    offset: usize,
    /// How many tasks there are, as the page before reported.
    total: Option<usize>,
}

/// What a page adds.
enum Added {
    /// Another page follows.
    More,
    /// It was the last one.
    All,
    /// The pages do not fit together: a task could be left out, and would never be waited for.
    Inconsistent(String),
}

impl Listing {
    pub(super) fn new(failures: TaskPoller, now: Duration) -> Self {
        Self {
            failures,
            next: Next::StatsAt(now),
            running: Vec::new(),
            known: BTreeSet::new(),
            offset: 0,
            total: None,
        }
    }

    /// Whether the next page is to be requested.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.next.is_due(now)
    }

    /// From the first page again.
    fn restart(&mut self) {
        self.running.clear();
        self.known.clear();
        self.offset = 0;
        self.total = None;
    }

    fn add(&mut self, page: Page) -> Added {
        let before = std::mem::replace(&mut self.total, page.total);
        if let (Some(before), Some(total)) = (before, page.total)
            && before != total
        {
            // After a task that is gone, all others have moved up: one of them would be left out.
            return Added::Inconsistent(format!(
                "the number of tasks changed from {before} to {total} while they were listed"
            ));
        }
        self.offset += page.tasks.len();
        let n_before = self.known.len();
        for ListedTask { id, status, .. } in page.tasks {
            if self.known.insert(id.clone()) && status.is_running() {
                self.running.push(id);
            }
        }
        let n_known = self.known.len();
        match page.total {
            Some(total) if self.offset < total && n_known > n_before => Added::More,
            None if n_known > n_before => Added::More,
            Some(total) if n_known < total => {
                Added::Inconsistent(format!("the list of tasks ends after {n_known} of {total}"))
            }
            Some(_) | None => Added::All,
        }
    }
}

impl<C: Cloud> Scheduler<C> {
    /// Requests the next page where that is due.
    pub(super) fn send_list(&mut self, now: Duration) -> bool {
        let Some(listing) = self.listing.as_mut().filter(|listing| listing.is_due(now)) else {
            return false;
        };
        listing.next = Next::InFlight;
        listing.failures.begin_poll(now);
        let offset = listing.offset;
        let cloud = Arc::clone(&self.cloud);
        self.send(now, async move { Answered::List(cloud.list(offset).await) });
        true
    }

    /// Takes a page of tasks, and begins to wait once it was the last one.
    pub(super) fn listed(
        &mut self,
        asked: Duration,
        now: Duration,
        page: Page,
        observer: &mut impl Observer,
    ) {
        let Some(listing) = &mut self.listing else {
            return;
        };
        match listing.add(page) {
            Added::Inconsistent(text) => {
                listing.restart();
                self.list_failed(asked, now, ApiError::transient(text), observer);
            }
            Added::More => {
                listing.failures = TaskPoller::new(self.rules.clone(), now);
                listing.next = Next::StatsAt(now);
            }
            Added::All if listing.running.is_empty() => {
                // Nothing to wait for is no evidence of anything.
                self.ends_all = Some(Outcome::InvalidInput(
                    "`task-id` is `all-running`, but no migration task of the project is running; name the tasks"
                        .to_owned(),
                ));
                self.listing = None;
            }
            Added::All => {
                let others = listing.known.len() - listing.running.len();
                let running = std::mem::take(&mut listing.running);
                self.listing = None;
                self.begin(running, now);
                observer.listed(now, &self.tasks, others);
            }
        }
    }

    pub(super) fn list_failed(
        &mut self,
        asked: Duration,
        now: Duration,
        error: ApiError,
        observer: &mut impl Observer,
    ) {
        let Some(listing) = &mut self.listing else {
            return;
        };
        let failures = &mut listing.failures;
        match failures.handle_stats(asked, now, Err(error.clone())) {
            Step::StatsAt(at) => listing.next = Next::StatsAt(at),
            Step::StatusNow => listing.next = Next::StatsAt(now),
            Step::Done(outcome) => self.ends_all = Some(outcome),
        }
        observer.list_failed(now, &error, &listing.failures.take_events());
    }
}
