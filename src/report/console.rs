//! Lines for the people who follow the wait: on change and as a heartbeat, not one a poll.

use super::stdio::StdioWriter;
use super::terminal::ProgressView;
use super::view::View;
use super::{Forge, LogFormat, OutputSettings};
use super::{Report, card, json, messages};
use crate::api::{ApiError, SignedIn};
use crate::clock::Clock;
use crate::domain::{Restart, TaskId};
use crate::escape;
use crate::outcome::Outcome;
use crate::wait::{Event, Observer, Rules, TaskWait, Tasks};
use console::Term;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber, info, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Sends every event of `tracing` to the lines; each is escaped.
struct LogLayer {
    lines: StdioWriter,
    clock: Clock,
    json: bool,
    /// Forges show one stream in order; shells keep standard output for the result.
    to_out: bool,
    /// Whether words are kept whole at the end of a terminal's line.
    wraps: bool,
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = messages::instant(self.clock.wall());
        let level = *event.metadata().level();
        let line = if self.json {
            let mut object = Map::new();
            object.insert("time".to_owned(), time.into());
            object.insert(
                "level".to_owned(),
                level.as_str().to_ascii_lowercase().into(),
            );
            object.insert("message".to_owned(), fields.message.into());
            object.extend(fields.rest);
            escape::compact_json(&Value::Object(object).to_string())
        } else {
            let mut line = time.get(11..).unwrap_or_default().to_owned();
            if level != Level::INFO {
                let _ = write!(line, " {}", level.as_str().to_ascii_lowercase());
            }
            let _ = write!(line, " {}", fields.message);
            for (name, value) in &fields.rest {
                let _ = write!(line, " {name}={value}");
            }
            escape::log(&line)
        };
        let line = if self.wraps { wrapped(&line) } else { line };
        if self.to_out {
            self.lines.out(line)
        } else {
            self.lines.err(line)
        }
    }
}

/// Longest text of an annotation, in characters: a page shows no more of it.
const LONGEST_ANNOTATION: usize = 1000;

/// A verdict, cut where it is too long for an annotation; reasons grow with the number of tasks.
fn annotation(verdict: &str) -> String {
    const REST: &str = "… (the job summary has the rest)";
    match verdict.char_indices().nth(LONGEST_ANNOTATION) {
        Some(_) => {
            let kept = LONGEST_ANNOTATION - REST.chars().count();
            verdict.chars().take(kept).chain(REST.chars()).collect()
        }
        None => verdict.to_owned(),
    }
}

/// A line in the width of the terminal.
fn wrapped(line: &str) -> String {
    let (_, width) = Term::stderr().size();
    let options = textwrap::Options::new(usize::from(width)).subsequent_indent("          ");
    textwrap::fill(line, options)
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Map<String, Value>,
}

impl Fields {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                self.rest.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}

/// The log of a wait, for people.
pub struct Console {
    lines: StdioWriter,
    forge: Forge,
    json: bool,
    clock: Clock,
    rules: Option<Rules>,
    /// What names a task among several; empty where there is but one.
    short_ids: HashMap<TaskId, String>,
    said: HashMap<TaskId, Said>,
    section_open: bool,
    /// Whether there is a terminal to draw on, and the view on it.
    on_terminal: bool,
    has_colour: bool,
    /// Whether the end is shown as a card: not where only warnings are wanted.
    shows_card: bool,
    live: Option<ProgressView>,
}

/// What was said about a task last.
#[derive(Debug, Clone, Default)]
struct Said {
    at: Duration,
    percent: Option<f64>,
    offset: Option<i64>,
}

impl Console {
    /// Sets up logging for the process.
    pub fn start(lines: StdioWriter, output: &OutputSettings, clock: Clock) -> Self {
        let forge = output.forge;
        let json = output.log_format == LogFormat::Json;
        let to_out = match forge {
            Forge::GitHub | Forge::GitLab => !json,
            Forge::None => false,
        };
        let on_terminal = output.on_terminal && output.log_format == LogFormat::Auto;
        let layer = LogLayer {
            lines: lines.clone(),
            clock,
            json,
            to_out,
            wraps: on_terminal,
        };
        // Fails where a subscriber is set already, as in tests; then that one gets the events.
        let _ = tracing_subscriber::registry()
            .with(output.log_filter.clone())
            .with(layer)
            .try_init();
        Self {
            lines,
            forge,
            json,
            clock,
            rules: None,
            short_ids: HashMap::new(),
            said: HashMap::new(),
            section_open: false,
            on_terminal,
            has_colour: output.has_colour,
            shows_card: !json
                && output
                    .log_filter
                    .would_enable(env!("CARGO_CRATE_NAME"), &Level::INFO),
            live: None,
        }
    }

    /// Writes the first lines.
    pub fn begin(&mut self, tasks: &Tasks, rules: &Rules, sign_in: &str, endpoint: &str) {
        self.rules = Some(rules.clone());
        let title = match tasks {
            Tasks::Named(tasks) => match tasks.as_slice() {
                [task] => format!("Waiting for migration task {}", task.as_str()),
                tasks => format!("Waiting for {} migration tasks", tasks.len()),
            },
            Tasks::AllRunning => "Waiting for all migration tasks that are running".to_owned(),
        };
        if let Tasks::Named(tasks) = tasks {
            self.short_ids = short_ids(tasks.iter());
        }
        match self.forge {
            _ if self.json => info!("{title}"),
            Forge::GitHub => self
                .lines
                .out(format!("::group::{}", escape::command_data(&title))),
            Forge::GitLab => {
                let line = format!(
                    "\u{1b}[0Ksection_start:{}:dcs_migration_wait\r\u{1b}[0K{}",
                    self.unix_time(),
                    escape::log(&title)
                );
                self.lines.out(line);
            }
            Forge::None => info!("{title}"),
        }
        self.section_open = true;
        info!("at {endpoint}, sign-in by {sign_in}");
        info!("until {}", messages::wanted(rules));
        let stall = rules
            .stall_timeout
            .map(|stall| format!(", when nothing improves for {}", messages::duration(stall)));
        info!(
            "gives up after {}{}, or without a successful response for {}",
            messages::duration(rules.deadline),
            stall.unwrap_or_default(),
            messages::duration(rules.max_outage),
        );
        self.go_live(rules);
        if let (Some(live), Tasks::Named(tasks)) = (&self.live, tasks) {
            live.expect(tasks.iter());
        }
    }

    /// Begins to draw the live view, where there is a terminal.
    fn go_live(&mut self, rules: &Rules) {
        if self.on_terminal {
            // What is still in the queue does not know of the view yet, and would be written over it.
            self.lines.flush(FLUSH_ABOVE);
            let live = ProgressView::new(rules, self.clock);
            let _ = self.lines.below.set(live.bar());
            live.start();
            self.live = Some(live);
        }
    }

    fn unix_time(&self) -> u64 {
        self.clock
            .wall()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }

    /// Writes the last line: the verdict, once.
    pub fn finish(&mut self, report: &Report) {
        if let Some(live) = self.live.take() {
            // What is still in the queue belongs above the view, which must be there until then.
            self.lines.flush(FLUSH_ABOVE);
            live.clear();
        }
        if self.section_open && !self.json {
            match self.forge {
                Forge::GitHub => self.lines.out("::endgroup::".to_owned()),
                Forge::GitLab => {
                    self.lines.out(format!(
                        "\u{1b}[0Ksection_end:{}:dcs_migration_wait\r\u{1b}[0K",
                        self.unix_time()
                    ));
                }
                Forge::None => {}
            }
        }
        self.section_open = false;
        self.show_card(report);
        let took = messages::duration(report.elapsed);
        let polls = messages::plural(report.polls(), "poll");
        let reason = match &report.outcome {
            // Each problem has its line above.
            Some(Outcome::InvalidInput(_)) if self.on_terminal && report.rules.is_none() => {
                "the inputs above are wrong or missing".to_owned()
            }
            // Who reads both has the reason on the card.
            _ if self.on_terminal && self.shows_card && io::stdout().is_terminal() => {
                "as shown above".to_owned()
            }
            _ => messages::reason(report),
        };
        let verdict = format!("{}: {reason} ({took}, {polls})", report.result());
        if self.json {
            self.lines.must_out(json::line(report));
        } else if self.forge == Forge::GitHub {
            let command = if report.is_ready() { "notice" } else { "error" };
            self.lines.must_out(format!(
                "::{command} title=DCS migration::{}",
                escape::command_data(&annotation(&verdict))
            ));
        } else {
            self.lines.must_out(escape::log(&verdict));
        }
    }

    /// The card, where the inputs were good enough to begin.
    fn show_card(&self, report: &Report) {
        if !self.shows_card || report.rules.is_none() {
            return;
        }
        let view = View::of(report);
        for line in card::card(&view, self.has_colour) {
            match self.forge {
                Forge::GitHub | Forge::GitLab => self.lines.out(line),
                Forge::None => self.lines.err(line),
            }
        }
    }

    /// Makes GitHub hide a secret from now on. It reads this from standard error, too, which a `>` leaves alone.
    pub fn mask(lines: &StdioWriter, secret: &SecretString) {
        for line in secret
            .expose_secret()
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            // A percent sign is the one character of such a line that the command's syntax escapes.
            lines.must_err(format!("::add-mask::{}", line.replace('%', "%25")));
        }
    }

    /// Whether anything about the task is worth a line now.
    fn is_due(&self, now: Duration, task: &TaskWait, minor_news: bool) -> bool {
        let Some(said) = self.said.get(&task.id) else {
            return true;
        };
        let silence = now.saturating_sub(said.at);
        let heartbeat = (now / 8).clamp(Duration::from_secs(15), LONGEST_SILENCE);
        if silence >= heartbeat {
            return true;
        }
        // Lines about small changes get rarer as the wait gets longer, however much it flutters.
        if silence < now / 16 {
            return false;
        }
        let reading = task
            .snapshot()
            .seen
            .map(|seen| seen.reading.clone())
            .unwrap_or_default();
        let copied = match (said.percent, reading.full_migration_progress) {
            (Some(before), Some(percent)) => (percent - before).abs() >= 10.0,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let drained = match (said.offset, reading.offset) {
            (Some(before), Some(offset)) => magnitude(before) != magnitude(offset),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        minor_news || copied || drained
    }
}

/// Some CI systems end a job that is silent for ten minutes.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);
/// How long lines may take to get above the live view before it goes.
const FLUSH_ABOVE: Duration = Duration::from_millis(200);

/// What tells tasks apart; nothing where there is but one.
fn short_ids<'a>(
    tasks: impl ExactSizeIterator<Item = &'a TaskId> + Clone,
) -> HashMap<TaskId, String> {
    if tasks.len() < 2 {
        return HashMap::new();
    }
    let short = messages::short_ids(tasks.clone().map(TaskId::as_str));
    tasks
        .filter_map(|task| Some((task.clone(), (*short.get(task.as_str())?).to_owned())))
        .collect()
}

/// Powers of four: a change of it is worth a line.
fn magnitude(offset: i64) -> u32 {
    (64 - offset.unsigned_abs().leading_zeros()).div_ceil(2)
}

/// How an event is logged.
enum Severity {
    Warning,
    Line,
    Minor,
}

fn severity(event: &Event) -> Severity {
    match event {
        Event::Regressed(..)
        | Event::NegativeOffset(_)
        | Event::StatusUnavailable(_)
        | Event::Failing(_)
        | Event::Restarted(Restart::Halved(..) | Restart::MissingGrows(..)) => Severity::Warning,
        Event::Phase(_)
        | Event::Status(_)
        | Event::Recovered(..)
        | Event::Restarted(Restart::TooFarApart)
        | Event::ReadAgain
        | Event::TooOld => Severity::Line,
        Event::GoalMet(_) | Event::GoalLost => Severity::Minor,
    }
}

impl Observer for Console {
    fn polled(&mut self, now: Duration, task: &TaskWait, events: &[Event], next: Option<Duration>) {
        let Some(rules) = self.rules.clone() else {
            return;
        };
        let next = next.filter(|&next| next < rules.deadline);
        let prefix = self.short_ids.get(&task.id);
        let prefix = prefix.map(|id| format!("task {id}: ")).unwrap_or_default();
        let mut minor = false;
        for event in events {
            let text = messages::event(event);
            match severity(event) {
                Severity::Warning => warn!("{prefix}{text}"),
                Severity::Line => info!("{prefix}{text}"),
                Severity::Minor => minor = true,
            }
        }
        if let Some(live) = &self.live {
            live.update(task, next);
            return;
        }
        if task.snapshot().failing.is_some() || !self.is_due(now, task, minor) {
            return;
        }
        let next = next.map(|next| {
            format!(
                ", next poll in {}",
                messages::duration(next.saturating_sub(now))
            )
        });
        info!(
            "{prefix}{}{}",
            messages::progress_line(task, &rules),
            next.unwrap_or_default()
        );
        let reading = task.snapshot().seen.map(|seen| &seen.reading);
        let said = Said {
            at: now,
            percent: reading.and_then(|reading| reading.full_migration_progress),
            offset: reading.and_then(|reading| reading.offset),
        };
        self.said.insert(task.id.clone(), said);
    }

    fn listed(&mut self, _: Duration, running: &[TaskWait], others: usize) {
        self.short_ids = short_ids(running.iter().map(|task| &task.id));
        if let Some(live) = &self.live {
            live.expect(running.iter().map(|task| &task.id));
        }
        for task in running {
            info!("task {} is running", task.id.as_str());
        }
        if others > 0 {
            info!(
                "{} not running: not waited for",
                messages::plural(others as u64, "task")
            );
        }
    }

    fn list_failed(&mut self, _: Duration, _: &ApiError, events: &[Event]) {
        for event in events {
            warn!("the list of tasks: {}", messages::event(event));
        }
    }

    fn signed_in(&mut self, _: Duration, session: &SignedIn) {
        info!("{}", messages::signed_in(session));
    }

    fn renewal_failed(&mut self, _: Duration, error: &ApiError) {
        warn!("{}", messages::renewal_failed(error));
    }

    fn ended(&mut self, _: Duration, task: &TaskWait) {
        if let Some((outcome, _)) = &task.outcome {
            let goal = self.rules.as_ref().map(|rules| rules.condition.goal);
            info!("task {}: {}", task.id.as_str(), outcome.word(goal));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Cloud;
    use crate::api::{Page, Stats};
    use crate::config::{self, Environment, Problems, cli::Flags};
    use crate::domain::{Condition, Detail, Goal, Reading, Status};
    use crate::outcome::Outcome;
    use crate::wait::{self, Plan, PollSettings, StatusCheck};
    use std::sync::Arc;

    const HOUR: f64 = 3600.0;

    /// Three hours of copying, then three of draining, with a burst of writes every quarter of an hour and an outage now
    /// and then.
    struct Slow(Clock);

    impl Cloud for Slow {
        fn needs_sign_in(&self) -> bool {
            false
        }
        async fn sign_in(&self) -> Result<Option<SignedIn>, ApiError> {
            Ok(None)
        }
        async fn stats(&self, _: &TaskId) -> Result<Stats, ApiError> {
            let at = self.0.elapsed().as_secs_f64();
            if at % 5000.0 > 4900.0 {
                return Err(ApiError::transient("HTTP 503"));
            }
            let percent = (at / (3.0 * HOUR) * 100.0).min(100.0);
            let burst = if at % 900.0 < 60.0 && at < 5.9 * HOUR {
                50_000.0
            } else {
                0.0
            };
            let offset =
                (percent >= 100.0).then_some(((6.0 * HOUR - at).max(0.0) * 900.0 + burst) as i64);
            let reading = Reading {
                is_migrating: Some(true),
                offset,
                full_migration_progress: Some(percent),
                ..Reading::default()
            };
            Ok(Stats {
                reading,
                raw: String::new(),
            })
        }
        async fn detail(&self, _: &TaskId) -> Result<Detail, ApiError> {
            let word = if self.0.elapsed().as_secs_f64() < 3.0 * HOUR {
                "FULLMIGRATING"
            } else {
                "INCRMIGEATING"
            };
            Ok(Detail {
                status: Status::parse(word),
                task_status: None,
                migration_method: None,
            })
        }
        async fn list(&self, _: usize) -> Result<Page, ApiError> {
            Err(ApiError::transient("there is no request"))
        }
    }

    /// Counts the lines that the console makes of the events.
    struct Counting(Console, usize);

    impl Observer for Counting {
        fn polled(
            &mut self,
            now: Duration,
            task: &TaskWait,
            events: &[Event],
            next: Option<Duration>,
        ) {
            let said_at = |console: &Console| console.said.get(&task.id).map(|said| said.at);
            let before = said_at(&self.0);
            self.0.polled(now, task, events, next);
            self.1 += usize::from(said_at(&self.0) != before);
            self.1 += events
                .iter()
                .filter(|event| !matches!(severity(event), Severity::Minor))
                .count();
        }
        fn listed(&mut self, _: Duration, _: &[TaskWait], _: usize) {}
        fn list_failed(&mut self, _: Duration, _: &ApiError, _: &[Event]) {}
        fn signed_in(&mut self, _: Duration, _: &SignedIn) {}
        fn renewal_failed(&mut self, _: Duration, _: &ApiError) {}
        fn ended(&mut self, _: Duration, _: &TaskWait) {}
    }

    #[tokio::test(start_paused = true)]
    async fn six_hours_log_about_100_lines() {
        let clock = Clock::start();
        let output = config::resolve(&Environment::default(), Flags::new(), Problems::default()).0;
        let rules = Rules {
            condition: Condition {
                goal: Goal::InSync,
                max_offset: 0,
                max_missing_keys: Default::default(),
            },
            stable_polls: 3,
            status_check: StatusCheck::Auto,
            pace: PollSettings {
                initial: Duration::from_secs(5),
                max: Duration::from_secs(30),
                multiplier: 1.5,
            },
            max_gap: Duration::from_secs(90),
            max_outage: Duration::from_secs(600),
            stall_timeout: None,
            request_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(7 * 3600),
        };
        let mut console = Console::start(StdioWriter::start(), &output, clock);
        console.rules = Some(rules.clone());
        let task = TaskId::parse("31c6fd2b2893430b90ffd1adb8060585").unwrap();
        let tasks = Tasks::Named(vec![task]);
        let plan = Plan {
            tasks,
            rules,
            requests_per_second: 4.0,
            fail_fast: true,
        };
        let (_keep, mut interrupts) = tokio::sync::mpsc::unbounded_channel();
        let mut counting = Counting(console, 0);
        let (outcome, _) = wait::wait(
            Arc::new(Slow(clock)),
            plan,
            clock,
            &mut interrupts,
            &mut counting,
        )
        .await;
        assert!(matches!(outcome, Outcome::Ready), "{outcome:?}");
        assert!(clock.elapsed().as_secs_f64() >= 6.0 * HOUR);
        // With the head and the verdict, of which there are ten at most.
        assert!((40..100).contains(&counting.1), "{} lines", counting.1);
    }
}
