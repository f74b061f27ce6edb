//! Lines of the log and of the live view.

use super::{count, duration, known, known_offset, percent, plural};
use crate::api::{ApiError, Class, SignedIn};
use crate::domain::{Detail, Phase, Restart, StatusClass};
use crate::wait::{Eta, Event, Range, Rules, TaskWait};
use std::time::Duration;

/// When something will be reached, or that this is not known.
pub fn time_to(what: &str, eta: Eta) -> String {
    match eta {
        Eta::Unknown => format!("time to {what} unknown"),
        Eta::NotConverging => format!("{what}: not converging at the present rate"),
        Eta::Within(Range {
            earliest, latest, ..
        }) => {
            let (from, to) = (roughly(earliest), roughly(latest));
            if from == to {
                format!("{what} in about {}", duration(to))
            } else if from * 4 < to {
                format!("{what} within {}", duration(to))
            } else {
                format!("{what} in {} to {}", duration(from), duration(to))
            }
        }
    }
}

/// As exact as an estimate deserves: to about a tenth.
fn roughly(estimate: Duration) -> Duration {
    let seconds = estimate.as_secs().max(1);
    let steps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600];
    let step = steps
        .into_iter()
        .rev()
        .find(|step| step * 8 <= seconds)
        .unwrap_or(1);
    Duration::from_secs((seconds + step / 2) / step * step)
}

/// The state of a task, for one line of a log.
pub fn progress_line(task: &TaskWait, rules: &Rules) -> String {
    let snapshot = task.snapshot();
    let Some(seen) = snapshot.seen else {
        return "no reading yet".to_owned();
    };
    let reading = &seen.reading;
    let mut parts = vec![snapshot.phase.as_str().to_owned()];
    match snapshot.phase {
        Phase::FullSync => {
            let rate = snapshot
                .rates
                .full_sync_rate()
                .filter(|rate| rate.abs() >= 0.005);
            let rate = rate
                .map(|rate| format!(" ({rate:+.2} %/s)"))
                .unwrap_or_default();
            parts.push(format!(
                "{}{rate}",
                reading
                    .full_migration_progress
                    .map_or_else(|| "unknown %".to_owned(), percent)
            ));
        }
        Phase::Unknown
        | Phase::NotStarted
        | Phase::Incremental
        | Phase::Stopping
        | Phase::Ended => {
            let rate = snapshot
                .rates
                .offset_rate()
                .filter(|rate| rate.abs() >= 0.5);
            let rate = rate
                .map(|rate| format!(" ({rate:+.0}/s)"))
                .unwrap_or_default();
            let is_full_only = snapshot.detail.is_some_and(Detail::is_full_only);
            parts.push(format!(
                "offset {}{rate}",
                known_offset(reading.offset, is_full_only)
            ));
        }
    }
    parts.push(format!(
        "keys {} -> {}",
        known(reading.source_dbsize),
        known(reading.target_dbsize)
    ));
    let stable = snapshot.stable;
    if stable > 0 {
        parts.push(format!(
            "goal seen {stable} of {} times",
            rules.stable_polls
        ));
    } else {
        let goal = match snapshot.phase {
            Phase::FullSync => "full sync done".to_owned(),
            Phase::Unknown
            | Phase::NotStarted
            | Phase::Incremental
            | Phase::Stopping
            | Phase::Ended => rules.condition.goal.to_string(),
        };
        parts.push(time_to(&goal, snapshot.rates.eta()));
    }
    parts.join(", ")
}

/// A session that was obtained.
pub fn signed_in(session: &SignedIn) -> String {
    let lifetime = session
        .lifetime
        .map(|lifetime| format!(", valid for {}", duration(lifetime)));
    format!(
        "signed in by {}{}",
        session.kind,
        lifetime.unwrap_or_default()
    )
}

/// Why the session goes on with the token that it has.
pub fn renewal_failed(error: &ApiError) -> String {
    format!(
        "token renewal failed; the current token is still valid: {}",
        error.message
    )
}

/// A note, for one line of a log.
pub fn event(event: &Event) -> String {
    match event {
        Event::Phase(phase) => format!("phase: {}", phase.as_str()),
        Event::Status(status) => match status.class() {
            StatusClass::Unknown => {
                format!("unknown status {}, ignored", status.word())
            }
            StatusClass::NotStarted => format!("status {}: the task waits to be configured", status.word()),
            StatusClass::FullSync
            | StatusClass::Migrating
            | StatusClass::Incremental
            | StatusClass::Stopping
            | StatusClass::Stopped
            | StatusClass::Succeeded
            | StatusClass::Failed
            | StatusClass::Released
            | StatusClass::Deleted => format!("status {}", status.word()),
        },
        Event::Regressed(from, to) => {
            format!("full sync restarted: {} after {}; the link may have broken", percent(*to), percent(*from))
        }
        Event::NegativeOffset(offset) => {
            format!("the offset is negative ({}), which counts as not in sync", count(*offset))
        }
        Event::StatusUnavailable(error) => {
            format!("the task's status cannot be read, continuing without it: {}", error.message)
        }
        Event::Failing(error) if error.class == Class::Unauthenticated => {
            format!("the session is no longer accepted, signing in again: {}", error.message)
        }
        Event::Failing(error) => match &error.advice {
            Some(advice) => format!("request failed, retrying: {}; {advice}", error.message),
            None => format!("request failed, retrying: {}", error.message),
        },
        Event::Recovered(polls, since) => {
            format!("the API responds again after {} in {}", plural((*polls).into(), "failed poll"), duration(*since))
        }
        Event::GoalMet(times) => format!("goal met ({times} in a row)"),
        Event::GoalLost => "goal no longer met".to_owned(),
        Event::Restarted(Restart::TooFarApart) => {
            "more than 3 × `max-interval` since the reading before, counting readings from the start again".to_owned()
        }
        Event::Restarted(Restart::Halved(side, from, to)) => format!(
            "the keys of the {} fell from {} to {} between two readings, counting readings from the start again",
            side.as_str(),
            count(*from),
            count(*to)
        ),
        Event::Restarted(Restart::MissingGrows(from, to)) => format!(
            "the target lacks more keys with each reading ({from} to {to}), counting readings from the start again"
        ),
        Event::ReadAgain => "not all tasks met the goal at the same time: polling this one again".to_owned(),
        Event::TooOld => "the reading was too old to evaluate, polling again".to_owned(),
    }
}
