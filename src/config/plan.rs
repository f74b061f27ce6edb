//! What is waited for: the tasks, the project, the goal, the limits and how often to poll.

use super::env::{Reader, default};
use super::values::{in_range, parse_duration, parse_goal, parse_key_limit, without_password};
use crate::auth::{Credentials, Identity, Named, ProjectScope};
use crate::domain::{Condition, Goal, TaskId};
use crate::escape;
use crate::wait::{PollSettings, Rules, StatusCheck, Tasks};
use std::collections::BTreeSet;
use std::time::Duration;

/// The shortest duration that an input accepts.
const MILLI: Duration = Duration::from_millis(1);

impl Reader<'_> {
    pub(super) fn tasks(&mut self) -> Option<Tasks> {
        if self.find("task-id").is_none() {
            self.problems.add(
                "task-id",
                "is missing: set the id of the migration task (UUID or 32 hex digits), or `all-running`",
            );
            return None;
        }
        self.parse("task-id", None, |text| {
            let (mut tasks, mut bad) = (Vec::new(), Vec::new());
            let mut known = BTreeSet::new();
            for piece in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|piece| !piece.is_empty()) {
                if piece.eq_ignore_ascii_case("all-running") {
                    let alone = text == piece;
                    return alone.then_some(Some(Tasks::AllRunning)).ok_or("`all-running` cannot be combined with ids".to_owned());
                }
                match TaskId::parse(piece) {
                    Some(task) if known.insert(task.digits()) => tasks.push(task),
                    Some(_) => {}
                    None => bad.push(format!("`{}`", escape::line(&without_password(piece)))),
                }
            }
            if let [first, others @ ..] = bad.as_slice() {
                let bad = match others.len() {
                    0 => format!("{first} is no task id"),
                    1..=4 => format!("{} are no task ids", bad.join(", ")),
                    more => format!("{first} and {more} others are no task ids"),
                };
                return Err(format!(
                    "{bad}; accepted: a UUID or 32 hex digits each, separated by commas, or `all-running`"
                ));
            }
            if tasks.is_empty() {
                return Err("no task id in it; accepted: UUIDs or 32 hex digits, separated by commas".to_owned());
            }
            Ok(Some(Tasks::Named(tasks)))
        })
    }

    pub(super) fn project(&mut self, credentials: Option<&Credentials>) -> Option<ProjectScope> {
        match self.find_named("project-id", "project-name") {
            Some(Named::Id(_)) => self.parse("project-id", None, |text| {
                let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
                if text.len() <= 64 && text.bytes().all(is_id) {
                    Ok(Some(ProjectScope::Id(text.to_owned())))
                } else {
                    Err("accepted: a project's id, 32 hex digits as a rule".to_owned())
                }
            }),
            Some(Named::Name(name)) => Some(ProjectScope::Name(name, self.project_domain())),
            None if matches!(
                credentials,
                Some(Credentials::Identity(
                    Identity::ApplicationCredential { .. }
                ))
            ) =>
            {
                Some(ProjectScope::OfToken)
            }
            None => {
                self.problems.add(
                    "project-id",
                    "is missing: set the id of the project that the task belongs to, or `project-name`",
                );
                None
            }
        }
    }

    /// The domain of a project that is named.
    fn project_domain(&self) -> Option<Named> {
        let get = |name: &str| self.environment.get(name);
        if self.find_explicit("project-name").is_some() {
            return Named::of(get("OS_PROJECT_DOMAIN_ID"), get("OS_PROJECT_DOMAIN_NAME"))
                .or_else(|| Named::of(get("OS_DOMAIN_ID"), get("OS_DOMAIN_NAME")));
        }
        let cloud = self.cloud.as_ref()?;
        Named::of(
            cloud.project_domain_id.clone(),
            cloud.project_domain_name.clone(),
        )
    }

    /// The rules of the wait. Endpoints on this machine may be polled more often than every second.
    pub(super) fn rules(&mut self, is_loopback: bool, requests_per_second: f64) -> Rules {
        let goal = self.value("until", parse_goal);
        let max_offset = self.value("max-offset", |text| {
            text.parse()
                .ok()
                .filter(|&offset| 0 <= offset)
                .ok_or_else(|| format!("accepted: a whole number from 0 to {}", i64::MAX))
        });
        let stable_polls = self.stable_polls(goal);
        let max_missing_keys = self.value("max-missing-keys", parse_key_limit);
        let status_check = self.status_check(goal);
        let deadline = self.duration("timeout", MILLI);
        let stall = self.duration("stall-timeout", Duration::ZERO);
        let max_outage = self.duration("max-outage", MILLI);
        let pace = self.poll_settings(is_loopback);
        Rules {
            condition: Condition {
                goal,
                max_offset,
                max_missing_keys,
            },
            stable_polls,
            status_check,
            pace,
            max_gap: Rules::max_gap(pace, requests_per_second),
            max_outage,
            stall_timeout: (!stall.is_zero()).then_some(stall),
            request_timeout: self.duration("request-timeout", MILLI),
            deadline,
        }
    }

    fn stable_polls(&mut self, goal: Goal) -> u32 {
        let parse = |text: &str| {
            let accepted = || "accepted: a whole number from 1 to 1000".to_owned();
            text.parse()
                .ok()
                .filter(|polls| (1..=1000).contains(polls))
                .ok_or_else(accepted)
        };
        let default = default("stable-polls", |text| {
            let (others, in_sync) = text.split_once(", for `in-sync` ").ok_or("two defaults")?;
            parse(if goal == Goal::InSync {
                in_sync
            } else {
                others
            })
        });
        self.parse("stable-polls", default, parse)
    }

    fn status_check(&mut self, goal: Goal) -> StatusCheck {
        let checked = self.value("status-check", |text| {
            match (text.to_ascii_lowercase().as_str(), goal) {
                // Only the task's detail reports a switch.
                ("off", Goal::Switched) => Err(
                    "`until: switched` is read from the task's status; accepted: `require`"
                        .to_owned(),
                ),
                ("auto", _) => Ok(StatusCheck::Auto),
                ("require", _) => Ok(StatusCheck::Require),
                ("off", _) => Ok(StatusCheck::Off),
                _ => Err("accepted: `auto`, `require` or `off`".to_owned()),
            }
        });
        match goal {
            Goal::Switched => StatusCheck::Require,
            Goal::Completed | Goal::InSync | Goal::FullSync => checked,
        }
    }

    fn poll_settings(&mut self, is_loopback: bool) -> PollSettings {
        let shortest = if is_loopback {
            MILLI
        } else {
            Duration::from_secs(1)
        };
        // Where only one of the two is set, the other adapts.
        let longest = self
            .find("max-interval")
            .and_then(|found| parse_duration(&found.text).ok());
        let usual = default("initial-interval", parse_duration)
            .min(longest.unwrap_or(Duration::MAX))
            .max(shortest);
        let initial = self.duration_or("initial-interval", usual, shortest);
        let knows_initial = !self.has_problem(&["initial-interval"]);
        let max = self.parse("max-interval", default("max-interval", parse_duration).max(initial), |text| {
            let max = parse_duration(text)?;
            if max < initial && knows_initial {
                let initial = humantime::format_duration(initial);
                return Err(format!(
                    "shorter than `initial-interval`, which is {initial}; accepted: {initial} or longer"
                ));
            }
            Ok(max)
        });
        let multiplier = self.value("multiplier", |text| {
            in_range(text, 1.0, 10.0).map_err(|()| "accepted: a number from 1 to 10".to_owned())
        });
        PollSettings {
            initial,
            max: max.max(initial),
            multiplier,
        }
    }
}
