use super::*;
use crate::api::{ApiError, Class, ListedTask, Page, SignedIn, Stats};
use crate::auth::renew_after;
use crate::domain::{Condition, Detail, Goal, Reading, Status, TaskId};
use std::sync::Mutex;
use std::time::Duration;

type Answers = dyn Fn(Duration, &TaskId) -> Result<Stats, ApiError> + Send + Sync;

/// A cloud that answers from a script, at times that the test can read.
struct Script {
    clock: Clock,
    /// How long each answer takes.
    takes: Duration,
    /// When a request was begun.
    asked: Mutex<Vec<(Duration, &'static str)>>,
    answer: Box<Answers>,
    /// When the session of the moment has to be renewed, and when it ends.
    session: Mutex<Option<(Duration, Duration)>>,
    /// How long a session lives; `None`: none is needed.
    lifetime: Option<Duration>,
    /// IAM does not answer any more after the first session.
    iam_is_down: bool,
    most_in_flight: usize,
    /// The project's tasks, two a page.
    pages: Vec<Vec<(u32, &'static str)>>,
}

impl Script {
    fn new(
        answer: impl Fn(Duration, &TaskId) -> Result<Stats, ApiError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            clock: Clock::start(),
            takes: Duration::ZERO,
            asked: Mutex::default(),
            answer: Box::new(answer),
            session: Mutex::default(),
            lifetime: None,
            iam_is_down: false,
            most_in_flight: usize::MAX,
            pages: Vec::new(),
        }
    }

    async fn take(&self, what: &'static str) -> Duration {
        let now = self.clock.elapsed();
        self.asked.lock().unwrap().push((now, what));
        self.clock.sleep_until(now + self.takes).await;
        now
    }

    fn times(&self) -> Vec<u64> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|(at, _)| at.as_secs())
            .collect()
    }
}

impl Cloud for Script {
    fn needs_sign_in(&self) -> bool {
        let end = self.session.lock().unwrap().map(|(_, end)| end);
        self.lifetime.is_some() && end.is_none_or(|at| at <= self.clock.elapsed())
    }
    fn should_renew(&self) -> bool {
        let renew_at = self.session.lock().unwrap().map(|(renew_at, _)| renew_at);
        self.lifetime.is_some() && renew_at.is_none_or(|at| at <= self.clock.elapsed())
    }
    fn most_in_flight(&self) -> usize {
        self.most_in_flight
    }
    async fn sign_in(&self) -> Result<Option<SignedIn>, ApiError> {
        let now = self.take("sign-in").await;
        if self.iam_is_down && self.session.lock().unwrap().is_some() {
            return Err(ApiError::transient("IAM is down"));
        }
        let lifetime = self.lifetime.unwrap();
        *self.session.lock().unwrap() = Some((now + renew_after(lifetime), now + lifetime));
        Ok(Some(SignedIn {
            kind: "test",
            lifetime: Some(lifetime),
        }))
    }
    async fn stats(&self, task: &TaskId) -> Result<Stats, ApiError> {
        let at = self.take("stats").await;
        if self.lifetime.is_some()
            && self
                .session
                .lock()
                .unwrap()
                .is_none_or(|(_, end)| end <= at)
        {
            return refused(Class::Unauthenticated);
        }
        let answer = (self.answer)(at, task);
        if matches!(&answer, Err(error) if error.class == Class::Unauthenticated) {
            *self.session.lock().unwrap() = None;
        }
        answer
    }
    async fn detail(&self, _: &TaskId) -> Result<Detail, ApiError> {
        self.take("detail").await;
        Ok(Detail {
            status: Status::parse("INCRMIGEATING"),
            task_status: None,
            migration_method: None,
        })
    }
    async fn list(&self, offset: usize) -> Result<Page, ApiError> {
        self.take("list").await;
        let page = self.pages.get(offset / 2).cloned().unwrap_or_default();
        let tasks = page
            .iter()
            .map(|&(n, status)| ListedTask {
                id: task(n),
                status: Status::parse(status),
                error_message: None,
            })
            .collect();
        Ok(Page { total: None, tasks })
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn task(n: u32) -> TaskId {
    TaskId::parse(&format!("{n:032x}")).unwrap()
}

fn plan(tasks: u32) -> Plan {
    Plan {
        tasks: Tasks::Named((1..=tasks).map(task).collect()),
        rules: Rules {
            condition: Condition {
                goal: Goal::Completed,
                max_offset: 0,
                max_missing_keys: Default::default(),
            },
            stable_polls: 1,
            status_check: StatusCheck::Off,
            pace: PollSettings {
                initial: Duration::from_secs(5),
                max: Duration::from_secs(5),
                multiplier: 1.0,
            },
            max_gap: Duration::from_secs(15),
            max_outage: Duration::from_secs(600),
            stall_timeout: None,
            request_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(60),
        },
        requests_per_second: 1000.0,
        fail_fast: true,
    }
}

fn migrating(is_migrating: bool) -> Result<Stats, ApiError> {
    let reading = Reading {
        is_migrating: Some(is_migrating),
        offset: Some(0),
        full_migration_progress: Some(100.0),
        ..Reading::default()
    };
    Ok(Stats {
        reading,
        raw: String::new(),
    })
}

fn refused(class: Class) -> Result<Stats, ApiError> {
    Err(ApiError {
        class,
        message: "refused".to_owned(),
        advice: None,
    })
}

async fn run(script: Script, plan: Plan) -> (Outcome, Duration, Arc<Script>, Vec<TaskWait>) {
    let (_keep, mut interrupts) = mpsc::unbounded_channel();
    let clock = script.clock;
    let script = Arc::new(script);
    let (outcome, tasks) = wait(Arc::clone(&script), plan, clock, &mut interrupts, &mut ()).await;
    (outcome, clock.elapsed(), script, tasks)
}

#[tokio::test(start_paused = true)]
async fn polls_immediately_then_as_scheduled() {
    let script = Script::new(|at, _| migrating(at < Duration::from_secs(12)));
    let (outcome, took, script, _) = run(script, plan(1)).await;
    assert!(outcome.is_ready());
    assert_eq!(script.times(), [0, 5, 10, 15]);
    assert_eq!(took.as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn deadline_ends_the_wait_despite_hang() {
    let script = Script {
        takes: Duration::from_secs(100_000),
        ..Script::new(|_, _| migrating(false))
    };
    let (outcome, took, ..) = run(script, plan(1)).await;
    assert!(matches!(outcome, Outcome::TimedOut));
    assert_eq!(took.as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn last_poll_before_deadline_counts() {
    let mut plan = plan(1);
    plan.rules.pace = PollSettings {
        initial: Duration::from_secs(50),
        max: Duration::from_secs(50),
        multiplier: 1.0,
    };
    plan.rules.max_gap = Duration::from_secs(150);
    let script = Script::new(|at, _| migrating(at < Duration::from_secs(55)));
    let (outcome, took, ..) = run(script, plan).await;
    assert!(outcome.is_ready());
    assert!(Duration::from_secs(55) < took && took < Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn signal_ends_a_hanging_request() {
    let script = Script {
        takes: Duration::from_secs(100_000),
        ..Script::new(|_, _| migrating(false))
    };
    let (sender, mut interrupts) = mpsc::unbounded_channel();
    sender.send(Interrupt::Term).unwrap();
    let clock = script.clock;
    let (outcome, _) = wait(Arc::new(script), plan(1), clock, &mut interrupts, &mut ()).await;
    assert!(matches!(outcome, Outcome::Cancelled(Interrupt::Term)));
}

#[tokio::test(start_paused = true)]
async fn outage_ends_before_a_far_poll() {
    let mut plan = plan(1);
    plan.rules.max_outage = Duration::from_secs(30);
    let far = Some(Duration::from_secs(3600));
    let script = Script::new(move |_, _| refused(Class::Transient { retry_after: far }));
    let (outcome, took, script, _) = run(script, plan).await;
    assert!(matches!(outcome, Outcome::Unreachable(..)));
    // Once more before the end, as long as that can still help.
    assert_eq!((took.as_secs(), script.times()), (30, vec![0, 29]));
}

#[tokio::test(start_paused = true)]
async fn session_precedes_polls_renewed_after_401() {
    let refused_once = Mutex::new(false);
    let script = Script::new(move |_, _| {
        let mut done = refused_once.lock().unwrap();
        if std::mem::replace(&mut *done, true) {
            migrating(false)
        } else {
            refused(Class::Unauthenticated)
        }
    });
    let (outcome, _, script, _) = run(
        Script {
            lifetime: Some(HOUR),
            ..script
        },
        plan(1),
    )
    .await;
    assert!(outcome.is_ready());
    let asked: Vec<&str> = script
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|&(_, what)| what)
        .collect();
    assert_eq!(asked, ["sign-in", "stats", "sign-in", "stats"]);
}

#[tokio::test(start_paused = true)]
async fn thirty_hours_renew_sessions_when_due() {
    for (lifetime, sign_ins) in [(24 * HOUR, 2), (HOUR / 4, 134), (10 * 24 * HOUR, 1)] {
        let script = Script::new(|at, _| migrating(at < 30 * HOUR));
        let mut plan = plan(1);
        plan.rules.deadline = 31 * HOUR;
        plan.rules.pace.initial = Duration::from_secs(30);
        plan.rules.pace.max = Duration::from_secs(30);
        let (outcome, took, script, tasks) = run(
            Script {
                lifetime: Some(lifetime),
                ..script
            },
            plan,
        )
        .await;
        assert!(outcome.is_ready());
        assert!(30 * HOUR <= took && took <= 30 * HOUR + Duration::from_secs(30));
        let asked = script
            .asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, what)| *what == "sign-in")
            .count();
        assert_eq!(asked, sign_ins, "sessions of {lifetime:?}");
        // None of them was renewed by a refusal.
        assert_eq!(tasks[0].snapshot().failed_polls, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn all_tasks_ready_or_first_failure() {
    let ready_at = |ready: [u64; 3]| {
        Script::new(move |at, id| {
            let n = ready
                .iter()
                .zip(1..)
                .find(|&(_, n)| task(n) == *id)
                .map(|(&ready, _)| ready)
                .unwrap();
            if n == 0 && at.as_secs() >= 10 {
                refused(Class::UnknownTask)
            } else {
                migrating(at.as_secs() < n.max(1))
            }
        })
    };
    let (outcome, took, ..) = run(ready_at([5, 20, 10]), plan(3)).await;
    assert!(outcome.is_ready());
    assert_eq!(took.as_secs(), 20);

    let failing = |n: u64| {
        Script::new(move |at, id| match (*id == task(2), at.as_secs()) {
            (true, 10..) => refused(Class::UnknownTask),
            _ => migrating(at.as_secs() < n),
        })
    };
    let (outcome, took, _, tasks) = run(failing(40), plan(3)).await;
    assert!(matches!(outcome, Outcome::Failed(_)));
    assert_eq!(took.as_secs(), 20);
    assert_eq!(
        tasks.iter().filter(|task| task.outcome.is_some()).count(),
        1
    );

    let (outcome, took, _, tasks) = run(
        failing(40),
        Plan {
            fail_fast: false,
            ..plan(3)
        },
    )
    .await;
    assert!(matches!(outcome, Outcome::Failed(_)));
    assert_eq!(took.as_secs(), 40);
    assert_eq!(
        tasks
            .iter()
            .filter(|task| matches!(task.outcome, Some((Outcome::Ready, _))))
            .count(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn denial_ends_all_tasks() {
    let script = Script::new(|_, id| {
        if *id == task(2) {
            refused(Class::Denied)
        } else {
            migrating(true)
        }
    });
    let (outcome, took, ..) = run(
        script,
        Plan {
            fail_fast: false,
            ..plan(3)
        },
    )
    .await;
    assert!(matches!(outcome, Outcome::Denied(_)));
    assert_eq!(took.as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn first_request_tests_the_credential() {
    let slow = |answer: fn() -> Result<Stats, ApiError>| Script {
        takes: Duration::from_secs(1),
        ..Script::new(move |_, _| answer())
    };
    let (outcome, _, script, _) = run(slow(|| refused(Class::Denied)), plan(100)).await;
    assert!(matches!(outcome, Outcome::Denied(_)));
    assert_eq!(script.times(), [0]);

    let (outcome, took, script, _) = run(slow(|| migrating(false)), plan(100)).await;
    assert!(outcome.is_ready());
    assert_eq!((took.as_secs(), script.times().len()), (2, 100));
}

#[tokio::test(start_paused = true)]
async fn the_budget_holds_over_all_tasks() {
    let script = Script::new(|_, _| migrating(true));
    let (_, _, script, _) = run(
        script,
        Plan {
            requests_per_second: 4.0,
            ..plan(100)
        },
    )
    .await;
    let times = script.asked.lock().unwrap().clone();
    for window in times.windows(5) {
        assert!(window[4].0 - window[0].0 >= Duration::from_secs(1));
    }
    assert!(times.len() >= 230, "{}", times.len());
}

#[tokio::test(start_paused = true)]
async fn all_running_follows_the_list() {
    let pages = vec![
        vec![(1, "SUCCESS"), (2, "MIGRATING")],
        vec![(3, "INCRMIGEATING"), (4, "RUNNING")],
        vec![(5, "FULLMIGRATING")],
    ];
    let script = Script {
        pages,
        ..Script::new(|at, _| migrating(at < Duration::from_secs(7)))
    };
    let (outcome, _, script, tasks) = run(
        script,
        Plan {
            tasks: Tasks::AllRunning,
            ..plan(0)
        },
    )
    .await;
    assert!(outcome.is_ready());
    assert_eq!(
        tasks.iter().map(|wait| wait.id.clone()).collect::<Vec<_>>(),
        [task(2), task(3), task(5)]
    );
    assert_eq!(
        script
            .asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, what)| *what == "list")
            .count(),
        4
    );
}

#[tokio::test(start_paused = true)]
async fn no_tasks_is_never_ready() {
    // The last of these serves the same page for ever.
    for pages in [
        Vec::new(),
        vec![vec![(1, "SUCCESS"), (2, "SUCCESS")]; 10_000],
        vec![vec![(1, "SUCCESS"), (2, "TERMINATED")]],
    ] {
        let script = Script {
            pages,
            ..Script::new(|_, _| migrating(false))
        };
        let (outcome, ..) = run(
            script,
            Plan {
                tasks: Tasks::AllRunning,
                ..plan(0)
            },
        )
        .await;
        assert!(matches!(outcome, Outcome::InvalidInput(_)), "{outcome:?}");
    }
    let (outcome, ..) = run(Script::new(|_, _| migrating(false)), plan(0)).await;
    assert!(matches!(outcome, Outcome::TimedOut), "{outcome:?}");
}

/// What was asked for, and how often.
fn count(script: &Script, what: &str) -> usize {
    script
        .asked
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, asked)| *asked == what)
        .count()
}

#[tokio::test(start_paused = true)]
async fn unrenewable_session_serves_until_expiry() {
    let hour_and_a_half = HOUR * 3 / 2;
    let script = Script::new(move |at, _| migrating(at < HOUR - Duration::from_secs(60)));
    let script = Script {
        lifetime: Some(HOUR),
        iam_is_down: true,
        ..script
    };
    let mut plan = plan(3);
    plan.rules.deadline = 2 * HOUR;
    plan.rules.pace = PollSettings {
        initial: Duration::from_secs(30),
        max: Duration::from_secs(30),
        multiplier: 1.0,
    };
    plan.rules.max_gap = Duration::from_secs(90);
    let (outcome, took, script, tasks) = run(script, plan).await;
    assert!(outcome.is_ready());
    assert!(took < hour_and_a_half);
    assert!(tasks.iter().all(|task| task.snapshot().failed_polls == 0));
    // Six minutes of trying, at the pace of retries.
    assert!(
        (8..=14).contains(&count(&script, "sign-in")),
        "{}",
        count(&script, "sign-in")
    );
}

#[tokio::test(start_paused = true)]
async fn session_refusals_count_across_tasks() {
    let script = Script::new(|_, _| refused(Class::Unauthenticated));
    let (outcome, _, script, _) = run(
        Script {
            lifetime: Some(HOUR),
            ..script
        },
        plan(5),
    )
    .await;
    assert!(matches!(outcome, Outcome::Denied(_)));
    assert_eq!((count(&script, "sign-in"), count(&script, "stats")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn late_401_spares_the_new_session() {
    // After a minute, the session ends for what is under way, and a new one is good.
    let minute = Duration::from_secs(60);
    let script = Script::new(move |at, id| {
        let is_late = (minute..minute + Duration::from_secs(3)).contains(&at) && *id != task(1);
        if is_late {
            refused(Class::Unauthenticated)
        } else {
            migrating(at < 3 * minute)
        }
    });
    let script = Script {
        lifetime: Some(HOUR),
        takes: Duration::from_secs(1),
        ..script
    };
    let mut plan = plan(4);
    plan.rules.deadline = HOUR;
    let (outcome, _, script, _) = run(script, plan).await;
    assert!(
        outcome.is_ready(),
        "{outcome:?} {:?}",
        script.asked.lock().unwrap()
    );
    assert_eq!(count(&script, "sign-in"), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_are_limited() {
    let revoked = |at: Duration| at >= Duration::from_secs(20);
    let script = Script::new(move |at, _| {
        if revoked(at) {
            refused(Class::Denied)
        } else {
            migrating(true)
        }
    });
    let script = Script {
        most_in_flight: 4,
        takes: Duration::from_secs(2),
        ..script
    };
    let (outcome, _, script, _) = run(script, plan(40)).await;
    assert!(matches!(outcome, Outcome::Denied(_)));
    let sent = script
        .asked
        .lock()
        .unwrap()
        .iter()
        .filter(|&&(at, _)| revoked(at))
        .count();
    assert!((1..=4).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_request_slows_every_task() {
    let after = Some(Duration::from_secs(20));
    let throttled_once = Mutex::new(false);
    let script = Script::new(move |at, _| {
        let mut done = throttled_once.lock().unwrap();
        if at >= Duration::from_secs(10) && !std::mem::replace(&mut *done, true) {
            return refused(Class::Throttled { retry_after: after });
        }
        migrating(true)
    });
    let script = Script {
        takes: Duration::from_millis(100),
        ..script
    };
    let mut plan = plan(8);
    plan.requests_per_second = 8.0;
    plan.rules.deadline = Duration::from_secs(120);
    let (_, _, script, _) = run(script, plan).await;
    let times = script.times();
    let held = |at: &u64| (11..30).contains(at);
    assert_eq!(times.iter().filter(|at| held(at)).count(), 0, "{times:?}");
    // Half of the budget at first, and more of it after every successful response.
    let in_second = |second: u64| times.iter().filter(|&&at| at == second).count();
    assert_eq!(in_second(30), 4, "{times:?}");
    assert!((90..120).any(|second| in_second(second) > 5), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn hanging_list_ends_after_max_outage() {
    let mut plan = Plan {
        tasks: Tasks::AllRunning,
        ..plan(0)
    };
    plan.rules.max_outage = Duration::from_secs(30);
    let script = Script {
        takes: HOUR,
        ..Script::new(|_, _| migrating(false))
    };
    let (outcome, took, ..) = run(script, plan).await;
    assert!(matches!(outcome, Outcome::Unreachable(..)), "{outcome:?}");
    assert_eq!(took.as_secs(), 30);
}
