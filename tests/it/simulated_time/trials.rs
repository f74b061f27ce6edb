//! What the world has thrown at a wait, by name: a script that has become tame is noticed.

use super::script::{Credential, Trouble};
use super::truth::{KeyTrouble, Progress, Stage};
use super::world::{Call, Poll, Run, Said, State, What};
use dcs_migration_wait::api::Class;
use dcs_migration_wait::domain::{Goal, IpSwitch, Reading, StatusClass};
use dcs_migration_wait::outcome::Outcome;
use dcs_migration_wait::wait::StatusCheck;
use std::time::Duration;

type Trial = (&'static str, bool);

impl Run {
    /// What the wait had to go through.
    pub(super) fn trials(&self) -> Vec<Trial> {
        self.world.state(|state| {
            let mut trials = self.of_the_api(state);
            trials.extend(self.of_the_status(state));
            trials.extend(self.of_the_migration(state));
            trials.extend(self.of_time(state));
            trials.extend(self.of_several(state));
            trials
        })
    }

    fn of_the_api(&self, state: &State) -> Vec<Trial> {
        let script = &self.world.script;
        let calls = || state.calls.iter();
        let told = |class: Class| {
            matches!(
                class,
                Class::Transient {
                    retry_after: Some(_)
                }
            )
        };
        let busy = |class: Class| matches!(class, Class::Transient { retry_after: None });
        let met = |wanted: &dyn Fn(&Trouble) -> bool| {
            calls().any(|call| call.trouble.as_ref().is_some_and(wanted))
        };
        let in_row = |wanted: &dyn Fn(Class) -> bool| {
            let calls: Vec<bool> = calls()
                .map(|call| call.refusal().is_some_and(wanted))
                .collect();
            calls
                .windows(5)
                .any(|five| five.iter().all(|&refused| refused))
        };
        let outage = script.rules.max_outage;
        let long = |call: &Call| match call.refusal() {
            Some(
                Class::Transient {
                    retry_after: Some(after),
                }
                | Class::Throttled {
                    retry_after: Some(after),
                },
            ) => after > outage,
            _ => false,
        };
        let mid_wait = |class: Class| {
            (0..script.tasks.len()).any(|task| {
                let polls: Vec<&Poll> = state.polls().filter(|poll| poll.task == task).collect();
                let judged = |poll: &&Poll| poll.judged.is_some();
                polls.windows(2).enumerate().any(|(n, two)| {
                    two[0].failed == Some(class) && judged(&two[1]) && polls[..n].iter().any(judged)
                })
            })
        };
        let is_token = matches!(script.credential, Credential::Token { .. });
        let refused = |class: Class| calls().any(|call| call.refusal() == Some(class));
        vec![
            (
                "five refusals in a row that tell when to come back",
                in_row(&told),
            ),
            ("five refusals in a row that do not tell", in_row(&busy)),
            (
                "a Retry-After that is longer than max-outage",
                calls().any(long),
            ),
            (
                "a slow answer",
                met(&|trouble| matches!(trouble, Trouble::Slow(_))),
            ),
            (
                "a malformed answer or an error in a 200",
                met(&|trouble| *trouble == Trouble::Malformed),
            ),
            (
                "no answer within request-timeout",
                met(&|trouble| *trouble == Trouble::Hangs),
            ),
            (
                "no answer ever",
                met(&|trouble| *trouble == Trouble::HangsForever),
            ),
            ("a 403 in mid-wait that passed", mid_wait(Class::Forbidden)),
            ("a 404 in mid-wait that passed", mid_wait(Class::NotFound)),
            (
                "a DCS.4133 in mid-wait that passed",
                mid_wait(Class::UnknownTask),
            ),
            ("a session that was renewed", state.sessions > 1),
            (
                "a session that was refused",
                refused(Class::Unauthenticated),
            ),
            (
                "a token that ran out",
                is_token && matches!(self.outcome, Outcome::Denied(_)) && script.faults.is_empty(),
            ),
            (
                "a sign-in that failed",
                calls().any(|call| call.what == What::SignIn && call.refusal().is_some()),
            ),
            (
                "a sign-in of two requests",
                calls().any(|call| matches!(call.answer, Some((_, Ok(Said::Session(false)))))),
            ),
            (
                "an answer from a cache",
                calls().any(|call| call.made < call.asked),
            ),
        ]
    }

    fn of_the_status(&self, state: &State) -> Vec<Trial> {
        let script = &self.world.script;
        let ready = self.outcome.is_ready();
        let auto = script.rules.status_check == StatusCheck::Auto;
        let details = |task: usize| {
            state
                .calls
                .iter()
                .filter(move |call| call.what == What::Detail(task))
        };
        let tasks = || 0..script.tasks.len();
        let any = |wanted: &dyn Fn(&[&Call]) -> bool| {
            tasks().any(|task| {
                wanted(
                    &details(task)
                        .filter(|call| call.answer.is_some())
                        .collect::<Vec<_>>(),
                )
            })
        };
        let hits_deadline = tasks().any(|task| {
            let last = details(task).next_back();
            last.is_some_and(|call| call.asked < script.rules.deadline && call.answer.is_none())
        });
        let timed_out = matches!(self.outcome, Outcome::TimedOut);
        let good_stats = |task: usize, at: Duration| {
            let stats = state
                .calls
                .iter()
                .filter(|call| call.what == What::Stats(task) && call.answered() <= at);
            stats
                .fold(None, |_, call| Some(call))
                .and_then(Call::reading)
        };
        let unread_then_good = tasks().any(|task| {
            let good = |reading: &Reading| {
                let offset = reading.offset.is_some_and(|offset| {
                    (0..=script.rules.condition.max_offset).contains(&offset)
                });
                offset && reading.full_migration_progress == Some(100.0)
            };
            details(task).any(|call| {
                call.refusal().is_some() && good_stats(task, call.asked).is_some_and(good)
            })
        });
        let unread_over = tasks().any(|task| {
            let over = |reading: &Reading| {
                reading
                    .offset
                    .is_some_and(|offset| offset > script.rules.condition.max_offset)
            };
            let readings =
                |call: &Call| good_stats(task, call.asked).filter(|_| call.refusal().is_some());
            self.world.script.rules.condition.goal == Goal::InSync
                && details(task).filter_map(readings).any(over)
                && state
                    .polls()
                    .any(|poll| poll.task == task && poll.stable > 0)
        });
        let late = tasks().any(|task| {
            details(task).any(|call| {
                let stats = state
                    .calls
                    .iter()
                    .filter(|stats| stats.what == What::Stats(task));
                let before = stats
                    .filter(|stats| stats.answered() <= call.asked)
                    .map(Call::answered)
                    .max();
                let between = before.map(|at| call.answered().saturating_sub(at));
                call.answer.is_some()
                    && between.is_some_and(|between| between > script.rules.max_status_delay())
            })
        });
        vec![
            (
                "a status that failed the first time",
                any(&|calls| calls.len() > 1 && !calls[0].is_ok() && calls[1].is_ok()),
            ),
            (
                "one or two failures of the status after it was read",
                any(&|calls| {
                    calls
                        .windows(3)
                        .any(|three| three[0].is_ok() && !three[1].is_ok() && three[2].is_ok())
                }),
            ),
            ("a good reading whose status failed", unread_then_good),
            ("a reading over the limit whose status failed", unread_over),
            (
                "a status unanswered at the deadline",
                timed_out && hits_deadline,
            ),
            ("a status that came too late for its reading", late),
            (
                "a reading taken again",
                state.polls().any(|poll| poll.too_old),
            ),
            (
                "a status given up",
                auto && any(&|calls| {
                    calls
                        .windows(3)
                        .any(|three| three.iter().all(|call| !call.is_ok()))
                }),
            ),
            (
                "ready without a status that was given up",
                ready
                    && auto
                    && self
                        .tasks
                        .iter()
                        .any(|wait| wait.snapshot().is_status_unavailable),
            ),
        ]
    }

    fn of_the_migration(&self, state: &State) -> Vec<Trial> {
        let script = &self.world.script;
        let truths = |what: fn(What) -> bool| {
            state
                .calls
                .iter()
                .filter(move |call| what(call.what) && call.is_ok())
                .filter_map(|call| call.truth.as_ref())
        };
        let of_stats = || truths(|what| matches!(what, What::Stats(_)));
        let of_details = || truths(|what| matches!(what, What::Detail(_)));
        let two = |wanted: &dyn Fn(&Reading, &Reading) -> bool| {
            (0..script.tasks.len()).any(|task| {
                let stats = state
                    .calls
                    .iter()
                    .filter(|call| call.what == What::Stats(task));
                let readings: Vec<&Reading> = stats.filter_map(|call| call.reading()).collect();
                readings.windows(2).any(|two| wanted(two[0], two[1]))
            })
        };
        let fell = |from: Option<i64>, to: Option<i64>| {
            from.zip(to)
                .is_some_and(|(from, to)| from > 1000 && to * 2 < from)
        };
        let has_event = |wanted: KeyTrouble| {
            let of_task = |task: usize| {
                let stats = move |call: &&Call| call.what == What::Stats(task) && call.is_ok();
                let mut events = script.tasks[task]
                    .key_events
                    .iter()
                    .filter(|event| event.trouble == wanted);
                events.any(|event| {
                    state
                        .calls
                        .iter()
                        .filter(stats)
                        .any(|call| (event.from..event.to).contains(&call.made))
                })
            };
            (0..script.tasks.len()).any(of_task)
        };
        let switch = |wanted: IpSwitch| of_details().any(|truth| truth.ip_switch() == wanted);
        let stopped = |class| {
            matches!(
                class,
                StatusClass::Stopped | StatusClass::Succeeded | StatusClass::Released
            )
        };
        let standstill = of_stats()
            .any(|truth| truth.is_lie && truth.stage == Stage::Following && truth.migrating);
        let drift = KeyTrouble::Drift(script.rules.pace.initial);
        vec![
            (
                "a full sync that began again",
                two(&|then, now| {
                    let percents = then
                        .full_migration_progress
                        .zip(now.full_migration_progress);
                    percents.is_some_and(|(then, now)| now < then)
                }),
            ),
            (
                "an offset that grew",
                two(&|then, now| {
                    then.offset
                        .zip(now.offset)
                        .is_some_and(|(then, now)| then < now)
                }),
            ),
            (
                "a negative offset",
                two(&|_, now| now.offset.is_some_and(|offset| offset < 0)),
            ),
            (
                "fields that are missing",
                two(&|_, now| now.is_migrating.is_none()),
            ),
            (
                "progress that is no longer told",
                two(&|then, now| {
                    then.full_migration_progress.is_some() && now.full_migration_progress.is_none()
                }) && script
                    .tasks
                    .iter()
                    .any(|task| matches!(task.progress, Progress::UpTo(_))),
            ),
            (
                "counts that fell by half",
                two(&|then, now| fell(then.target_dbsize, now.target_dbsize)),
            ),
            (
                "a source that was emptied",
                has_event(KeyTrouble::SourceEmpty),
            ),
            ("a flush of both sides", has_event(KeyTrouble::BothEmpty)),
            (
                "a target that was emptied",
                has_event(KeyTrouble::TargetEmpty),
            ),
            (
                "a target that lost keys",
                has_event(KeyTrouble::TargetLost(0.2)),
            ),
            ("a target that loses ever more keys", has_event(drift)),
            ("a target that stands still, at offset 0", standstill),
            ("a switch under way", switch(IpSwitch::Switching)),
            ("a switch that was made", switch(IpSwitch::Switched)),
            (
                "a switch that was rolled back",
                switch(IpSwitch::RolledBack),
            ),
            ("a switch in an unknown state", switch(IpSwitch::Unknown)),
            (
                "a switch under way with the status of a finished task",
                of_details().any(|truth| {
                    truth.ip_switch() == IpSwitch::Switching && stopped(truth.class())
                }),
            ),
            (
                "an unknown status",
                of_details().any(|truth| truth.class() == StatusClass::Unknown),
            ),
            (
                "not migrating, while it migrates",
                of_stats()
                    .any(|truth| truth.is_lie && truth.stage != Stage::Ended && !truth.migrating),
            ),
            (
                "a failure that only the status told",
                of_stats().any(|truth| truth.is_lie && truth.is_bad()),
            ),
        ]
    }

    fn of_time(&self, state: &State) -> Vec<Trial> {
        let script = &self.world.script;
        let under_way = |what: &dyn Fn(What) -> bool| {
            state
                .calls
                .iter()
                .any(|call| call.answer.is_none() && what(call.what))
        };
        let cancelled = matches!(self.outcome, Outcome::Cancelled(_));
        let long = script.rules.pace.max * 3;
        let rows: Vec<&Poll> = state.polls().filter(|poll| poll.judged.is_some()).collect();
        let gap = rows.windows(2).any(|two| {
            let apart = two[1]
                .judged
                .zip(two[0].judged)
                .is_some_and(|(now, then)| now > then + long);
            apart && two[0].task == two[1].task && two[0].stable > 0 && two[1].stable > 0
        });
        let stale = state.calls.iter().any(|call| {
            let bound = script.rules.request_timeout + Duration::from_secs(1);
            call.reading().is_some() && call.answered() > call.asked + bound
        });
        vec![
            ("a row with a gap", gap),
            (
                "a reading that lay there while the process stood still",
                stale,
            ),
            (
                "a process that stood still",
                state.stalls().next().is_some(),
            ),
            ("a clock set forward", script.wall_step > 0),
            (
                "a clock set back behind the start",
                script.wall_step < 0
                    && self.ended < Duration::from_secs(script.wall_step.unsigned_abs()),
            ),
            (
                "a signal while nothing is under way",
                cancelled && !under_way(&|_| true),
            ),
            (
                "a signal while stats are under way",
                cancelled && under_way(&|what| matches!(what, What::Stats(_))),
            ),
            (
                "a signal while a status is under way",
                cancelled && under_way(&|what| matches!(what, What::Detail(_))),
            ),
            (
                "a signal while signing in",
                cancelled && under_way(&|what| what == What::SignIn),
            ),
            (
                "a signal while listing",
                cancelled && under_way(&|what| matches!(what, What::List(_))),
            ),
            (
                "a deadline while a request is under way",
                matches!(self.outcome, Outcome::TimedOut) && under_way(&|_| true),
            ),
        ]
    }

    fn of_several(&self, state: &State) -> Vec<Trial> {
        let script = &self.world.script;
        let again: Vec<&Poll> = state.polls().filter(|poll| poll.reads_again).collect();
        let lost = again
            .iter()
            .any(|poll| !poll.outcome.as_ref().is_some_and(Outcome::is_ready));
        let in_sync = script.rules.condition.goal == Goal::InSync;
        let deleted = script.deletes_between_pages && state.gone[0].is_some() && script.tells_total;
        let held = state.calls.iter().any(|call| {
            let other = |other: &&Call| {
                other.what.task() != call.what.task() && other.answered() <= call.asked
            };
            let told = state
                .calls
                .iter()
                .filter(other)
                .any(|other| match other.refusal() {
                    Some(Class::Throttled {
                        retry_after: Some(after),
                    }) => other.answered() + after + after / 10 >= call.asked,
                    _ => false,
                });
            matches!(call.what, What::Detail(_)) && told
        });
        vec![
            ("several tasks", self.tasks.len() > 1),
            (
                "an early task that was read again",
                in_sync && !again.is_empty(),
            ),
            ("an early task that had lost it", in_sync && lost),
            (
                "a list of tasks",
                script.all_running && !self.tasks.is_empty(),
            ),
            ("a task deleted between two pages", deleted),
            ("a Retry-After of another task", held),
        ]
    }
}
