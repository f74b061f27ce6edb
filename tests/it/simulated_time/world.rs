//! The world at work: a cloud that answers as the script says, and an observer that writes down what the wait makes of it.

use super::script::{Credential, Fault, Kind, Rng, Script, Stall, Trouble, When, Where};
use super::truth::Truth;
use dcs_migration_wait::api::Cloud;
use dcs_migration_wait::api::{ApiError, Class, ListedTask, Page, SignedIn, Stats};
use dcs_migration_wait::auth::renew_after;
use dcs_migration_wait::clock::Clock;
use dcs_migration_wait::domain::TaskId;
use dcs_migration_wait::domain::{Detail, Reading};
use dcs_migration_wait::outcome::{Interrupt, Outcome};
use dcs_migration_wait::report::history::Recorder;
use dcs_migration_wait::wait::{Event, Observer, Plan, TaskWait, Tasks, wait};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    SignIn,
    List(usize),
    Stats(usize),
    Detail(usize),
    Log(usize),
}

impl What {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::SignIn => Kind::SignIn,
            Self::List(_) => Kind::List,
            Self::Stats(_) => Kind::Stats,
            Self::Detail(_) => Kind::Detail,
            Self::Log(_) => Kind::Log,
        }
    }

    pub(super) fn task(self) -> Option<usize> {
        match self {
            Self::SignIn | Self::List(_) => None,
            Self::Stats(task) | Self::Detail(task) | Self::Log(task) => Some(task),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Said {
    /// A session, or that the sign-in takes another request.
    Session(bool),
    Page(Page),
    Stats(Reading),
    Detail(Detail),
    Log,
}

/// One request, and what came of it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) what: What,
    pub(super) asked: Duration,
    /// When the server evaluates it: what it says is of that time.
    pub(super) made: Duration,
    /// `None` while it is under way, and for good where nobody waited for it.
    pub(super) answer: Option<(Duration, Result<Said, Class>)>,
    /// What was true at `made`.
    pub(super) truth: Option<Truth>,
    /// What was in the way.
    pub(super) trouble: Option<Trouble>,
}

impl Call {
    pub(super) fn answered(&self) -> Duration {
        self.answer.as_ref().map_or(Duration::MAX, |&(at, _)| at)
    }

    pub(super) fn reading(&self) -> Option<&Reading> {
        match &self.answer {
            Some((_, Ok(Said::Stats(reading)))) => Some(reading),
            Some((
                _,
                Ok(Said::Session(_) | Said::Page(_) | Said::Detail(_) | Said::Log) | Err(_),
            ))
            | None => None,
        }
    }

    pub(super) fn refusal(&self) -> Option<Class> {
        self.answer
            .as_ref()
            .and_then(|(_, said)| said.as_ref().err().copied())
    }

    pub(super) fn is_ok(&self) -> bool {
        self.answer.as_ref().is_some_and(|(_, said)| said.is_ok())
    }
}

/// What the wait made of a poll, as its observer is told.
#[derive(Debug, Clone)]
pub(super) struct Poll {
    pub(super) task: usize,
    pub(super) now: Duration,
    pub(super) next: Option<Duration>,
    pub(super) outcome: Option<Outcome>,
    /// When the reading was asked for that was judged now; `None` where none was.
    pub(super) judged: Option<Duration>,
    /// The poll failed, as that.
    pub(super) failed: Option<Class>,
    pub(super) too_old: bool,
    pub(super) reads_again: bool,
    pub(super) stable: u32,
}

#[derive(Debug)]
pub(super) enum LogEntry {
    Answered(usize),
    Polled(Poll),
    Listed { now: Duration },
    ListFailed,
    Ended,
    Stalled { from: Duration, to: Duration },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Session {
    renew_at: Duration,
    expires: Duration,
}

#[derive(Debug)]
pub(super) struct State {
    rng: Rng,
    pub(super) calls: Vec<Call>,
    pub(super) events: Vec<LogEntry>,
    /// How often each fault has hit.
    hits: Vec<usize>,
    stalled: Vec<bool>,
    pub(super) gone: Vec<Option<Duration>>,
    session: Option<Session>,
    pub(super) sessions: u64,
    steps: u32,
    /// When the signal was sent.
    pub(super) signalled: Option<Duration>,
}

impl State {
    pub(super) fn polls(&self) -> impl Iterator<Item = &Poll> {
        self.events.iter().filter_map(|event| {
            if let LogEntry::Polled(poll) = event {
                Some(poll)
            } else {
                None
            }
        })
    }

    pub(super) fn stalls(&self) -> impl Iterator<Item = (Duration, Duration)> {
        self.events.iter().filter_map(|event| match event {
            LogEntry::Stalled { from, to } => Some((*from, *to)),
            LogEntry::Answered(_)
            | LogEntry::Polled(_)
            | LogEntry::Listed { .. }
            | LogEntry::ListFailed
            | LogEntry::Ended => None,
        })
    }

    /// When the process can notice what happens at `at`: not while it stands still.
    pub(super) fn awake(&self, at: Duration) -> Duration {
        self.stalls().fold(
            at,
            |at, (from, to)| if (from..to).contains(&at) { to } else { at },
        )
    }
}

pub(super) struct World {
    pub(super) script: Script,
    clock: Clock,
    state: Mutex<State>,
    interrupts: mpsc::UnboundedSender<Interrupt>,
}

impl World {
    pub(super) fn state<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn task(&self, id: &TaskId) -> usize {
        self.script
            .tasks
            .iter()
            .position(|task| task.id == *id)
            .unwrap()
    }

    /// Somebody sends the signal of the script.
    fn signal(&self, interrupt: Interrupt) {
        self.state(|state| state.signalled = Some(self.clock.elapsed()));
        let _ = self.interrupts.send(interrupt);
    }

    /// Time goes on, and nothing runs.
    async fn stall(&self, stall: usize) {
        let from = self.clock.elapsed();
        let is_first = self.state(|state| !std::mem::replace(&mut state.stalled[stall], true));
        if is_first {
            let length = self.script.stalls[stall].length;
            self.state(|state| {
                state.events.push(LogEntry::Stalled {
                    from,
                    to: from + length,
                })
            });
            tokio::time::advance(length).await;
        }
    }

    fn stall_when(&self, wanted: impl Fn(When) -> bool) -> Option<usize> {
        self.script
            .stalls
            .iter()
            .position(|&Stall { when, .. }| wanted(when))
    }

    /// Plays one request, and the signal or the standstill that comes in the middle of it.
    async fn answer(&self, what: What) -> Result<Said, ApiError> {
        let before = self.state(|state| {
            state
                .calls
                .iter()
                .filter(|call| call.what.kind() == what.kind())
                .count()
        });
        let during = When::During(what.kind(), before);
        let signal = self
            .script
            .signal
            .filter(|&(when, _)| when == during)
            .map(|(_, interrupt)| interrupt);
        let stall = self.stall_when(|when| when == during);
        if signal.is_none() && stall.is_none() {
            return self.reply(what).await;
        }
        let reply = self.reply(what);
        tokio::pin!(reply);
        tokio::select! {
            biased;
            said = &mut reply => return said,
            () = tokio::time::sleep(self.script.latency.0 / 2) => {}
        }
        if let Some(interrupt) = signal {
            self.signal(interrupt);
        }
        if let Some(stall) = stall {
            self.stall(stall).await;
        }
        reply.await
    }

    /// The fault in the way of this request.
    fn fault(&self, state: &mut State, now: Duration, what: What) -> Option<Trouble> {
        let faults = self.script.faults.iter().zip(&mut state.hits);
        for (fault, hits) in faults.filter(|(fault, _)| fault.hits(now, what)) {
            if *hits < fault.most {
                *hits += 1;
                return Some(fault.trouble.clone());
            }
        }
        None
    }

    async fn reply(&self, what: What) -> Result<Said, ApiError> {
        let asked = self.clock.elapsed();
        let Script {
            latency,
            cache,
            ref rules,
            ..
        } = self.script;
        let (call, session, trouble, mut takes, share, age) = self.state(|state| {
            let trouble = self.fault(state, asked, what);
            let (takes, share) = (state.rng.between(latency.0, latency.1), state.rng.unit());
            let is_cached = what.task().is_some() && state.rng.chance(40);
            let age = if is_cached {
                cache.mul_f64(state.rng.unit())
            } else {
                Duration::ZERO
            };
            let answer = None;
            state.calls.push(Call {
                what,
                asked,
                made: asked,
                answer,
                truth: None,
                trouble: trouble.clone(),
            });
            (
                state.calls.len() - 1,
                state.session,
                trouble,
                takes,
                share,
                age,
            )
        });
        let mut refusal = None;
        match trouble {
            Some(Trouble::HangsForever) => std::future::pending().await,
            Some(Trouble::Hangs) => takes = Duration::MAX,
            Some(Trouble::Slow(slow)) => takes += slow,
            Some(Trouble::Refused(class)) => refusal = Some(class),
            Some(Trouble::Malformed) => refusal = Some(Class::Transient { retry_after: None }),
            None => {}
        }
        if takes >= rules.request_timeout {
            takes = rules.request_timeout;
            refusal = Some(Class::Transient { retry_after: None });
        }
        tokio::time::sleep(takes).await;
        let now = self.clock.elapsed();
        // Somewhere between request and answer: not when the answer is taken, which may be much later.
        let made = (asked + takes.mul_f64(share)).saturating_sub(age);
        // A cache does not go back behind what it has told.
        let told = |state: &mut State| {
            let calls = state
                .calls
                .iter()
                .rev()
                .filter(|call| call.what == what && call.answer.is_some());
            calls.map(|call| call.made).max().unwrap_or_default()
        };
        let made = if age.is_zero() {
            made
        } else {
            made.max(self.state(told)).min(now)
        };
        let truth = what.task().map(|task| self.truth(task, made));
        self.state(|state| {
            let expired = match self.script.credential {
                Credential::Keys => None,
                Credential::Token { expires } => (made >= expires).then_some(Class::Denied),
                Credential::Renewable { .. } => session
                    .is_none_or(|session| made >= session.expires)
                    .then_some(Class::Unauthenticated),
            };
            let refusal = refusal.or(expired.filter(|_| what != What::SignIn));
            let said = match refusal {
                // A key or a token from an input that is refused is refused for good; and so is who signs in.
                Some(Class::Unauthenticated)
                    if !self.script.is_renewable() || what == What::SignIn =>
                {
                    Err(Class::Denied)
                }
                Some(class) => Err(class),
                None => self.say(state, what, now, made, truth.as_ref()),
            };
            // The client lets go of a session that was refused, unless there is a newer one.
            if matches!(said, Err(Class::Unauthenticated)) && state.session == session {
                state.session = None;
            }
            let call_made = &mut state.calls[call];
            call_made.answer = Some((now, said.clone()));
            (call_made.truth, call_made.made) = (truth, made);
            state.events.push(LogEntry::Answered(call));
            said.map_err(|class| ApiError {
                class,
                message: format!("refused with {class:?}"),
                advice: None,
            })
        })
    }

    fn truth(&self, task: usize, at: Duration) -> Truth {
        let truth = self.script.tasks[task].at(at);
        let gone = self.state(|state| state.gone[task]);
        Truth {
            exists: truth.exists && gone.is_none_or(|gone| at < gone),
            ..truth
        }
    }

    /// An answer, or that the task is not known.
    fn say(
        &self,
        state: &mut State,
        what: What,
        now: Duration,
        made: Duration,
        truth: Option<&Truth>,
    ) -> Result<Said, Class> {
        let of_task = |task: usize| {
            let truth = truth
                .filter(|truth| truth.exists)
                .ok_or(Class::UnknownTask)?;
            Ok((&self.script.tasks[task], truth))
        };
        match what {
            What::SignIn => {
                state.steps += 1;
                if state.steps < self.script.sign_in_steps {
                    return Ok(Said::Session(false));
                }
                state.steps = 0;
                state.sessions += 1;
                if let Credential::Renewable { lifetime } = self.script.credential {
                    state.session = Some(Session {
                        renew_at: now + renew_after(lifetime),
                        expires: now + lifetime,
                    });
                }
                Ok(Said::Session(true))
            }
            What::List(offset) => {
                let tasks = self.script.tasks.iter().enumerate();
                let listed: Vec<ListedTask> = tasks
                    .map(|(n, task)| (n, task, task.at(made)))
                    .filter(|(n, _, truth)| {
                        truth.exists && state.gone[*n].is_none_or(|gone| made < gone)
                    })
                    .map(|(_, task, truth)| ListedTask {
                        id: task.id.clone(),
                        status: task.detail(&truth).status,
                        error_message: None,
                    })
                    .collect();
                if offset == 0 && self.script.deletes_between_pages && state.gone[0].is_none() {
                    state.gone[0] = Some(now + Duration::from_millis(1));
                }
                let total = Some(listed.len()).filter(|_| self.script.tells_total);
                Ok(Said::Page(Page {
                    total,
                    tasks: listed.into_iter().skip(offset).take(2).collect(),
                }))
            }
            What::Stats(task) => {
                let (task, truth) = of_task(task)?;
                let mut reading = task.reading(truth);
                let flaky = self.script.flaky;
                let mut is_missing = || state.rng.chance(flaky);
                if is_missing() {
                    reading.is_migrating = None;
                }
                if is_missing() {
                    reading.offset = None;
                }
                if is_missing() {
                    reading.full_migration_progress = None;
                }
                if is_missing() {
                    reading.target_dbsize = None;
                }
                Ok(Said::Stats(reading))
            }
            What::Detail(task) => {
                of_task(task).map(|(task, truth)| Said::Detail(task.detail(truth)))
            }
            What::Log(_) => Ok(Said::Log),
        }
    }
}

impl Fault {
    fn hits(&self, now: Duration, what: What) -> bool {
        let place = match what {
            What::SignIn => Where::SignIn,
            What::List(_) | What::Stats(_) | What::Log(_) => Where::Stats,
            What::Detail(_) => Where::Detail,
        };
        (self.from..self.to).contains(&now)
            && (self.place == Where::Everywhere || self.place == place)
            && self.task.is_none_or(|task| what.task() == Some(task))
    }
}

impl Cloud for World {
    fn needs_sign_in(&self) -> bool {
        let now = self.clock.elapsed();
        self.script.is_renewable()
            && self.state(|state| state.session.is_none_or(|session| session.renew_at <= now))
    }
    fn most_in_flight(&self) -> usize {
        self.script.most_in_flight
    }
    async fn sign_in(&self) -> Result<Option<SignedIn>, ApiError> {
        match self.answer(What::SignIn).await? {
            Said::Session(true) => Ok(Some(SignedIn {
                kind: "password",
                lifetime: None,
            })),
            Said::Session(false) => Ok(None),
            said @ (Said::Page(_) | Said::Stats(_) | Said::Detail(_) | Said::Log) => {
                unreachable!("{said:?}")
            }
        }
    }
    async fn stats(&self, task: &TaskId) -> Result<Stats, ApiError> {
        match self.answer(What::Stats(self.task(task))).await? {
            Said::Stats(reading) => Ok(Stats {
                reading,
                raw: r#"{"offset":"0"}"#.to_owned(),
            }),
            said @ (Said::Session(_) | Said::Page(_) | Said::Detail(_) | Said::Log) => {
                unreachable!("{said:?}")
            }
        }
    }
    async fn detail(&self, task: &TaskId) -> Result<Detail, ApiError> {
        match self.answer(What::Detail(self.task(task))).await? {
            Said::Detail(detail) => Ok(detail),
            said @ (Said::Session(_) | Said::Page(_) | Said::Stats(_) | Said::Log) => {
                unreachable!("{said:?}")
            }
        }
    }
    async fn list(&self, offset: usize) -> Result<Page, ApiError> {
        match self.answer(What::List(offset)).await? {
            Said::Page(page) => Ok(page),
            said @ (Said::Session(_) | Said::Detail(_) | Said::Stats(_) | Said::Log) => {
                unreachable!("{said:?}")
            }
        }
    }
    async fn newest_error(&self, task: &TaskId) -> Result<Option<String>, ApiError> {
        self.answer(What::Log(self.task(task)))
            .await
            .map(|_| Some("the source refused the connection".to_owned()))
    }
}

/// Writes down what the wait tells, and stops the process where the script says so.
struct EventLog {
    world: Arc<World>,
    /// For each task: failed polls so far, and the newest judged reading.
    before: Vec<(u64, Option<Duration>)>,
}

impl EventLog {
    fn note(&self, event: LogEntry) {
        self.world.state(|state| state.events.push(event));
    }
}

impl Observer for EventLog {
    fn polled(&mut self, now: Duration, wait: &TaskWait, events: &[Event], next: Option<Duration>) {
        let task = self.world.task(&wait.id);
        let snapshot = wait.snapshot();
        let (failed, seen) = (snapshot.failed_polls, snapshot.seen.map(|seen| seen.at));
        let before = std::mem::replace(&mut self.before[task], (failed, seen));
        let stable = snapshot.stable;
        let poll = Poll {
            task,
            now,
            next,
            outcome: wait.outcome.as_ref().map(|(outcome, _)| outcome.clone()),
            judged: seen.filter(|_| seen != before.1),
            failed: snapshot
                .failing
                .map(|error| error.class)
                .filter(|_| failed > before.0),
            too_old: events.iter().any(|event| matches!(event, Event::TooOld)),
            reads_again: events.iter().any(|event| matches!(event, Event::ReadAgain)),
            stable,
        };
        self.note(LogEntry::Polled(poll));
        if stable > 0
            && next.is_some()
            && let Some(stall) = self.world.stall_when(|when| when == When::InRow)
        {
            let world = Arc::clone(&self.world);
            tokio::spawn(async move { world.stall(stall).await });
        }
    }
    fn listed(&mut self, now: Duration, _: &[TaskWait], _: usize) {
        self.note(LogEntry::Listed { now });
    }
    fn list_failed(&mut self, _: Duration, _: &ApiError, _: &[Event]) {
        self.note(LogEntry::ListFailed);
    }
    fn signed_in(&mut self, _: Duration, _: &SignedIn) {}
    fn renewal_failed(&mut self, _: Duration, _: &ApiError) {}
    fn ended(&mut self, _: Duration, _: &TaskWait) {
        self.note(LogEntry::Ended);
    }
}

/// A finished run.
pub(super) struct Run {
    pub(super) world: Arc<World>,
    pub(super) outcome: Outcome,
    pub(super) tasks: Vec<TaskWait>,
    pub(super) recorder: Mutex<Recorder>,
    pub(super) ended: Duration,
}

pub(super) fn play(seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let script = Script::of(seed);
        let clock = Clock::start();
        let state = State {
            rng: Rng::new(seed ^ 0x5eed),
            calls: Vec::new(),
            events: Vec::new(),
            hits: vec![0; script.faults.len()],
            stalled: vec![false; script.stalls.len()],
            gone: vec![None; script.tasks.len()],
            session: None,
            sessions: 0,
            steps: 0,
            signalled: None,
        };
        let (sender, mut interrupts) = mpsc::unbounded_channel();
        let named = Tasks::Named(script.tasks.iter().map(|task| task.id.clone()).collect());
        let plan = Plan {
            tasks: if script.all_running {
                Tasks::AllRunning
            } else {
                named
            },
            rules: script.rules.clone(),
            requests_per_second: script.requests_per_second,
            fail_fast: script.fail_fast,
        };
        let world = Arc::new(World {
            script,
            clock,
            state: Mutex::new(state),
            interrupts: sender,
        });
        if let Some((When::At(at), interrupt)) = world.script.signal {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                tokio::time::sleep(at).await;
                world.signal(interrupt);
            });
        }
        for (n, stall) in world.script.stalls.iter().enumerate() {
            if let When::At(at) = stall.when {
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    tokio::time::sleep(at).await;
                    world.stall(n).await;
                });
            }
        }
        let before = vec![(0, None); world.script.tasks.len()];
        let (mut log, mut recorder) = (
            EventLog {
                world: Arc::clone(&world),
                before,
            },
            Recorder::default(),
        );
        let observer = &mut (&mut log, &mut recorder);
        let (outcome, tasks) =
            wait(Arc::clone(&world), plan, clock, &mut interrupts, observer).await;
        Run {
            world,
            outcome,
            tasks,
            recorder: Mutex::new(recorder),
            ended: clock.elapsed(),
        }
    })
}
