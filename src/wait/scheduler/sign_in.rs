//! The sign-in: when it is due, and what a refused session means.

use super::{Answered, Scheduler};
use crate::api::Cloud;
use crate::api::{ApiError, Class, SignedIn};
use crate::wait::backoff::Backoff;
use crate::wait::{Observer, PollSettings, retry};
use std::sync::Arc;
use std::time::Duration;

/// How the sign-in is doing.
pub(super) struct SigningIn {
    /// One of its requests is under way.
    pub(super) is_under_way: bool,
    /// It takes another request.
    continues: bool,
    /// Sessions so far. A refusal of an older one says nothing about the present one.
    pub(super) sessions: u64,
    /// Sessions in a row that were refused, and the last of them.
    refusals: u32,
    refused: Option<u64>,
    /// When to try again to renew a session that is still accepted.
    renew_at: Duration,
    renewing: Backoff,
}

impl SigningIn {
    pub(super) fn new(pace: PollSettings) -> Self {
        Self {
            is_under_way: false,
            continues: false,
            sessions: 0,
            refusals: 0,
            refused: None,
            renew_at: Duration::ZERO,
            renewing: Backoff::new(pace),
        }
    }

    /// A request succeeded: the present session is accepted.
    pub(super) fn note_success(&mut self) {
        self.refusals = 0;
    }

    /// What the refusal of a session means for the wait as a whole: with many tasks, one refused session fails many
    /// requests.
    pub(super) fn reclassify_auth_error(&mut self, session: u64, error: ApiError) -> ApiError {
        if error.class != Class::Unauthenticated {
            return error;
        }
        if session < self.sessions {
            // A late answer: there is a new session already.
            return error.into_transient();
        }
        if self.refused.replace(session) != Some(session) {
            self.refusals += 1;
        }
        if retry::is_refused_for_good(self.refusals) {
            let class = Class::Denied;
            return ApiError { class, ..error };
        }
        error
    }
}

impl<C: Cloud> Scheduler<C> {
    /// Whether the next request is one of the sign-in.
    pub(super) fn wants_sign_in(&self, now: Duration) -> bool {
        let renews = self.sign_in.continues || self.sign_in.renew_at <= now;
        !self.sign_in.is_under_way
            && (self.cloud.needs_sign_in() || (renews && self.cloud.should_renew()))
    }

    pub(super) fn send_sign_in(&mut self, now: Duration) {
        self.sign_in.is_under_way = true;
        let cloud = Arc::clone(&self.cloud);
        self.send(
            now,
            async move { Answered::SignedIn(cloud.sign_in().await) },
        );
    }

    /// Takes an answer to a request of the sign-in; `None` where it takes another one.
    pub(super) fn signed_in(
        &mut self,
        asked: Duration,
        now: Duration,
        answer: Result<Option<SignedIn>, ApiError>,
        observer: &mut impl Observer,
    ) {
        self.sign_in.is_under_way = false;
        self.sign_in.continues = matches!(answer, Ok(None));
        match answer {
            Ok(None) => {}
            Ok(Some(session)) => {
                self.sign_in.sessions += 1;
                self.sign_in.renewing.reset();
                observer.signed_in(now, &session);
            }
            Err(error) => self.sign_in_failed(asked, now, error, observer),
        }
    }

    pub(super) fn sign_in_failed(
        &mut self,
        asked: Duration,
        now: Duration,
        error: ApiError,
        observer: &mut impl Observer,
    ) {
        if error.is_transient() && !self.cloud.needs_sign_in() {
            // The present session is still accepted; no task has to wait for the new one.
            let asked_for = error.retry_after().unwrap_or_default();
            let delay = self.sign_in.renewing.next_delay().max(asked_for);
            self.sign_in.renew_at = now.saturating_add(delay);
            observer.renewal_failed(now, &error);
            return;
        }
        // A refusal here is one of the session just obtained, which nothing else has used yet.
        self.sign_in.refused = None;
        let session = self.sign_in.sessions;
        let error = self.sign_in.reclassify_auth_error(session, error);
        // Tasks that were due could not be polled: for each of them this was a failed poll.
        for task in self.queue.due(now) {
            self.step(task, now, observer, |poller| {
                poller.handle_stats(asked, now, Err(error.clone()))
            });
        }
        self.slow_down(asked, now, &error);
        // Without the session, nothing can be requested.
        self.pause_requests(now, error.retry_after());
        let listing = self.listing.as_ref();
        if listing.is_some_and(|listing| listing.is_due(now)) {
            self.list_failed(asked, now, error, observer);
        }
    }
}
