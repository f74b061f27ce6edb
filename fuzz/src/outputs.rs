//! Whole waits against a cloud that answers as the input says, and everything that is written about them.

use super::sinks;
use super::text::{
    Message, SECRET, assert_line, assert_log_line, assert_no_secret, parts, read, with_secret,
};
use super::wire::{asked_for, sign_in_named};
use dcs_migration_wait::api::Cloud;
use dcs_migration_wait::api::error::{ErrorResponse, SignIn, classify};
use dcs_migration_wait::api::{ApiError, Class, Page, SignedIn, Stats, retry_after, wire};
use dcs_migration_wait::auth::token;
use dcs_migration_wait::clock::Clock;
use dcs_migration_wait::domain::TaskId;
use dcs_migration_wait::domain::{Condition, Detail, Failure, FullSync, Goal, OffsetState};
use dcs_migration_wait::escape;
use dcs_migration_wait::exit_code;
use dcs_migration_wait::outcome::{Internal, Interrupt, Outcome};
use dcs_migration_wait::report::history::Recorder;
use dcs_migration_wait::report::{Report, TaskReport, messages};
use dcs_migration_wait::wait::{
    Event, Observer, Plan, PollSettings, Rules, StatusCheck, TaskWait, Tasks, wait,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Whatever the API answers, the wait ends in time, calls ready what was seen to be ready, and writes answers that
/// forges, shells and people read as what they are.
///
/// A part of settings (`NAME=VALUE`, see [`Settings::read`]), then parts of answers: `stats STATUS`, `detail STATUS`,
/// `list STATUS` or `iam STATUS`, headers, an empty line, the body. Each kind is a queue of its own, whose last answer stays. The status 0
/// is an attempt without an answer, and the body the words for it. In the body of a detail `@SECRET@` is a password.
pub fn outputs(data: &[u8]) {
    let Some(text) = read(data) else { return };
    let parts = parts(data);
    let settings = Settings::read(&String::from_utf8_lossy(parts[0]));
    let script = Script::read(&parts[1..], settings.sign_in);
    // Where foreign words hold it by right, nothing can be said about it.
    let is_hidden = !script.details.iter().any(Scripted::shows_the_secret);
    let started_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let (mut report, logged) = runtime.expect("a runtime").block_on(async {
        let clock = Clock::start();
        let (_sender, mut interrupts) = tokio::sync::mpsc::unbounded_channel();
        let mut log = Log {
            rules: settings.rules.clone(),
            lines: String::new(),
        };
        let mut recorder = Recorder::default();
        let cloud = Arc::new(ScriptedCloud(Mutex::new(script)));
        let (outcome, tasks) = wait(
            cloud,
            settings.plan(),
            clock,
            &mut interrupts,
            &mut (&mut log, &mut recorder),
        )
        .await;
        let now = clock.elapsed();
        let report = Report {
            goal: Some(settings.rules.condition.goal),
            outcome: Some(outcome),
            rules: Some(settings.rules.clone()),
            tasks: tasks
                .iter()
                .map(|task| TaskReport::of(task, recorder.take(&task.id), now))
                .collect(),
            listing: recorder.listing,
            events: recorder.events,
            elapsed: now,
            started_at,
            finished_at: Some(started_at + now),
        };
        (report, log.lines)
    });
    // The paused clock goes in whole milliseconds.
    assert!(report.elapsed <= settings.rules.deadline + Duration::from_millis(1));
    ended_rightly(&report, &settings.rules);

    let mut written = sinks::check(&report) + &logged;
    // A signal comes at any time, and a bug says what it says. One of these a run, which the length of the input picks:
    // to write and read everything once more takes as long as the wait and its own end.
    report.outcome = match data.len() % 4 {
        0 => None,
        1 => Some(Outcome::Cancelled(Interrupt::Term)),
        2 => Some(Outcome::TimedOut),
        _ => Some(Outcome::InternalError(Internal::Bug(
            text.chars().rev().take(400).collect(),
        ))),
    };
    written.push_str(&sinks::check(&report));
    if is_hidden {
        assert_no_secret(&written);
    }
}

/// Ready needs evidence in the newest reading of each task; a refusal for good ends the wait as what it is.
fn ended_rightly(report: &Report, rules: &Rules) {
    let Some(outcome) = &report.outcome else {
        panic!("no end")
    };
    match outcome {
        Outcome::Ready => {
            assert!(!report.tasks.is_empty(), "of no tasks, none is ready");
            for task in &report.tasks {
                let reading = task.reading.as_ref().expect("ready without a reading");
                let gap = reading.offset_state(rules.condition.max_offset);
                assert!(task.stable >= rules.stable_polls);
                match rules.condition.goal {
                    Goal::Completed => {
                        assert_eq!(reading.is_migrating, Some(false));
                        assert!(
                            reading.full_sync() != FullSync::Incomplete
                                || gap == OffsetState::Unknown
                        );
                        assert!(
                            gap == OffsetState::Closed
                                || (gap == OffsetState::Unknown && task.detail.is_some())
                        );
                    }
                    Goal::InSync => {
                        assert_eq!(reading.is_migrating, Some(true));
                        assert!(reading.full_sync() == FullSync::Done || task.detail.is_some());
                        assert_ne!(reading.full_sync(), FullSync::Incomplete);
                        assert_eq!(gap, OffsetState::Closed);
                    }
                    Goal::Switched => {
                        assert!(reading.is_migrating.is_some());
                        let switch = task
                            .detail
                            .as_ref()
                            .and_then(|detail| detail.task_status.as_deref());
                        assert_eq!(switch, Some("EXCHANGE_SUCCESS"));
                    }
                    Goal::FullSync => {
                        assert!(reading.is_migrating.is_some());
                        assert_eq!(reading.full_sync(), FullSync::Done);
                    }
                }
            }
        }
        Outcome::Failed(Failure::TaskFailed) => {
            assert!(
                report.tasks.iter().any(|task| task.detail.is_some()),
                "failed without a status"
            );
        }
        Outcome::Failed(_) => assert!(
            report
                .tasks
                .iter()
                .any(|task| task.reading.is_some() || task.detail.is_some())
        ),
        Outcome::UnknownTask(error) => assert_eq!(error.class, Class::UnknownTask),
        Outcome::Rejected(error) => assert_eq!(error.class, Class::Rejected),
        Outcome::Denied(error) => {
            assert!(matches!(
                error.class,
                Class::Denied | Class::Forbidden | Class::Unauthenticated
            ))
        }
        Outcome::Unreachable(None, _) => {
            assert!(report.tasks.iter().any(|task| task.reading.is_some()))
        }
        Outcome::Unreachable(Some(after), _) => {
            assert!(*after == rules.max_outage && report.elapsed >= *after)
        }
        Outcome::Stalled(after) => {
            assert!(rules.stall_timeout == Some(*after) && report.elapsed >= *after)
        }
        Outcome::TimedOut => assert!(report.elapsed >= rules.deadline),
        Outcome::InvalidInput(_) => {
            assert!(
                report.tasks.is_empty(),
                "only a list of no tasks is found to be wrong later"
            )
        }
        Outcome::Cancelled(_) | Outcome::InternalError(_) => panic!("{outcome:?}"),
    }
    assert_eq!(
        report.exit_code() == Some(exit_code::READY),
        outcome.is_ready()
    );
}

struct Settings {
    rules: Rules,
    /// None for `all-running`.
    n_tasks: usize,
    fail_fast: bool,
    sign_in: SignIn,
}

impl Settings {
    /// `until`, `max-offset`, `stable-polls`, `status-check`, `timeout`, `stall-timeout` and `max-outage` (seconds),
    /// `tasks` (their number, 0 for `all-running`), `fail-fast`, `sign-in`; what is missing or odd is the default.
    fn read(text: &str) -> Self {
        let word = |name: &str| {
            text.split_whitespace().find_map(|word| {
                word.split_once('=')
                    .filter(|(other, _)| *other == name)?
                    .1
                    .into()
            })
        };
        let number = |name: &str, default: u64, most: u64| {
            word(name)
                .and_then(|text: &str| text.parse().ok())
                .map_or(default, |number: u64| number.min(most))
        };
        let seconds = |name: &str, default: u64| Duration::from_secs(number(name, default, 3600));
        let goal = Goal::ALL
            .into_iter()
            .find(|goal| word("until") == Some(goal.as_str()));
        let stall = seconds("stall-timeout", 0);
        let rules = Rules {
            condition: Condition {
                goal: goal.unwrap_or(Goal::Completed),
                max_offset: i64::try_from(number("max-offset", 0, u64::MAX)).unwrap_or(i64::MAX),
                max_missing_keys: Default::default(),
            },
            stable_polls: u32::try_from(number("stable-polls", 1, 20))
                .unwrap_or(1)
                .max(1),
            status_check: match word("status-check") {
                Some("require") => StatusCheck::Require,
                Some("off") => StatusCheck::Off,
                _ => StatusCheck::Auto,
            },
            pace: PollSettings {
                initial: Duration::from_secs(5),
                max: Duration::from_secs(30),
                multiplier: 1.5,
            },
            max_gap: Duration::from_secs(90),
            max_outage: seconds("max-outage", 120).max(Duration::from_millis(1)),
            stall_timeout: (!stall.is_zero()).then_some(stall),
            request_timeout: Duration::from_secs(10),
            deadline: seconds("timeout", 300).max(Duration::from_millis(1)),
        };
        Self {
            rules,
            n_tasks: usize::try_from(number("tasks", 1, 3)).unwrap_or(1),
            fail_fast: word("fail-fast") != Some("false"),
            sign_in: sign_in_named(word("sign-in").unwrap_or_default()),
        }
    }

    fn plan(&self) -> Plan {
        let id = |n: usize| {
            TaskId::parse(&format!("31c6fd2b-2893-430b-90ff-d1adb806058{n}")).expect("an id")
        };
        Plan {
            tasks: match self.n_tasks {
                0 => Tasks::AllRunning,
                n => Tasks::Named((0..n).map(id).collect()),
            },
            rules: self.rules.clone(),
            requests_per_second: 4.0,
            fail_fast: self.fail_fast,
        }
    }
}

/// One answer, read as the client reads it.
#[derive(Clone)]
enum Scripted {
    Stats(Result<Stats, ApiError>),
    Detail(Result<Detail, ApiError>),
    List(Result<Page, ApiError>),
    SignedIn(Result<SignedIn, ApiError>),
}

impl Scripted {
    fn shows_the_secret(&self) -> bool {
        match self {
            Self::Detail(Ok(detail)) => format!("{detail:?}").contains(SECRET),
            Self::Detail(Err(error)) => format!("{error:?}").contains(SECRET),
            Self::Stats(_) | Self::List(_) | Self::SignedIn(_) => false,
        }
    }
}

struct Script {
    stats: VecDeque<Scripted>,
    details: VecDeque<Scripted>,
    lists: VecDeque<Scripted>,
    sign_ins: VecDeque<Scripted>,
    has_session: bool,
}

impl Script {
    fn read(parts: &[&[u8]], sign_in: SignIn) -> Self {
        let mut script = Self {
            stats: VecDeque::new(),
            details: VecDeque::new(),
            lists: VecDeque::new(),
            sign_ins: VecDeque::new(),
            has_session: sign_in != SignIn::RenewableToken,
        };
        for part in parts.iter().take(64) {
            let message = Message::read(part);
            let word = |n: usize| message.words.get(n).map(String::as_str).unwrap_or_default();
            let status = word(1).parse().unwrap_or(200);
            match word(0) {
                "detail" => {
                    let planted = with_secret(&String::from_utf8_lossy(message.body));
                    let answer = match status {
                        200 => wire::detail(planted.as_bytes())
                            .map(|(_, detail)| detail)
                            .map_err(|error| {
                                ApiError::transient(format!("the task's status: {error}"))
                            }),
                        // What a refusal says is shown: no place for passwords.
                        _ => Err(refused(&message, status, sign_in)),
                    };
                    script.details.push_back(Scripted::Detail(answer));
                }
                "list" => {
                    let answer = match status {
                        200 => wire::page(message.body)
                            .map_err(|error| ApiError::transient(error.to_string())),
                        _ => Err(refused(&message, status, sign_in)),
                    };
                    script.lists.push_back(Scripted::List(answer));
                }
                "iam" => {
                    let answer = match status {
                        201 => {
                            let token = message
                                .header(token::SUBJECT_HEADER)
                                .map(|token| format!("{token}{SECRET}"));
                            token::issued(token.as_deref(), None, message.body)
                                .map(|issued| SignedIn {
                                    kind: "user name and password",
                                    lifetime: issued.lifetime,
                                })
                                .map_err(|error| ApiError::transient(error.to_string()))
                        }
                        _ => Err(refused(&message, status, SignIn::ByPassword)),
                    };
                    script.sign_ins.push_back(Scripted::SignedIn(answer));
                }
                _ => {
                    let answer = match status {
                        200 => wire::reading(message.body)
                            .map(|reading| Stats {
                                reading,
                                raw: wire::compact(message.body),
                            })
                            .map_err(|error| ApiError::transient(error.to_string())),
                        _ => Err(refused(&message, status, sign_in)),
                    };
                    script.stats.push_back(Scripted::Stats(answer));
                }
            }
        }
        script
    }

    /// What a refused session leads to, as in the client.
    fn note(&mut self, error: &ApiError) {
        if error.class == Class::Unauthenticated {
            self.has_session = false;
        }
    }
}

fn refused(message: &Message<'_>, status: u16, sign_in: SignIn) -> ApiError {
    if status == 0 {
        return ApiError::transient(escape::line(&String::from_utf8_lossy(message.body)));
    }
    classify(&ErrorResponse {
        status,
        body: message.body,
        request_id: message.header("x-request-id"),
        retry_after: message
            .header("retry-after")
            .and_then(|text| retry_after::parse(text, SystemTime::UNIX_EPOCH)),
        clock_skew: None,
        location: message.header("location"),
        sign_in,
        asked: asked_for(&message.words),
    })
}

/// The next answer of a queue; the last one stays.
fn next(queue: &mut VecDeque<Scripted>) -> Option<Scripted> {
    if queue.len() > 1 {
        queue.pop_front()
    } else {
        queue.front().cloned()
    }
}

struct ScriptedCloud(Mutex<Script>);

impl ScriptedCloud {
    fn with<T>(&self, use_it: impl FnOnce(&mut Script) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn silence() -> ApiError {
    ApiError::transient("no answer")
}

impl Cloud for ScriptedCloud {
    fn needs_sign_in(&self) -> bool {
        self.with(|script| !script.has_session)
    }

    async fn sign_in(&self) -> Result<Option<SignedIn>, ApiError> {
        self.with(|script| match next(&mut script.sign_ins) {
            Some(Scripted::SignedIn(answer)) => {
                script.has_session = answer.is_ok();
                answer.map(Some)
            }
            Some(_) | None => Err(silence()),
        })
    }

    async fn stats(&self, _: &TaskId) -> Result<Stats, ApiError> {
        self.with(|script| match next(&mut script.stats) {
            Some(Scripted::Stats(answer)) => answer.inspect_err(|error| script.note(error)),
            Some(_) | None => Err(silence()),
        })
    }

    async fn detail(&self, _: &TaskId) -> Result<Detail, ApiError> {
        self.with(|script| match next(&mut script.details) {
            Some(Scripted::Detail(answer)) => answer.inspect_err(|error| script.note(error)),
            Some(_) | None => Err(silence()),
        })
    }

    async fn list(&self, _: usize) -> Result<Page, ApiError> {
        self.with(|script| match next(&mut script.lists) {
            Some(Scripted::List(answer)) => answer.inspect_err(|error| script.note(error)),
            Some(_) | None => Err(silence()),
        })
    }
}

/// Every line that a console could write.
struct Log {
    rules: Rules,
    lines: String,
}

impl Log {
    fn say(&mut self, text: &str) {
        assert_line(text);
        assert_log_line(&escape::log(text));
        self.lines.push_str(text);
        self.lines.push('\n');
    }
}

impl Observer for Log {
    fn polled(&mut self, now: Duration, task: &TaskWait, events: &[Event], next: Option<Duration>) {
        assert!(next.is_none_or(|next| next >= now));
        for event in events {
            self.say(&messages::event(event));
        }
        let standing = messages::progress_line(task, &self.rules);
        self.say(&standing);
    }

    fn listed(&mut self, _: Duration, running: &[TaskWait], _: usize) {
        assert!(!running.is_empty());
    }

    fn list_failed(&mut self, _: Duration, _: &ApiError, events: &[Event]) {
        for event in events {
            self.say(&messages::event(event));
        }
    }

    fn signed_in(&mut self, _: Duration, session: &SignedIn) {
        self.say(&messages::signed_in(session));
    }

    fn renewal_failed(&mut self, _: Duration, error: &ApiError) {
        self.say(&messages::renewal_failed(error));
    }

    fn ended(&mut self, _: Duration, task: &TaskWait) {
        assert!(task.outcome.is_some());
    }
}
