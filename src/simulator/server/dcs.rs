//! DCS itself: what can be asked of tasks, and what a user can do with them.

use super::{Cloud, Memory, Now, Served};
use crate::simulator::iam::Asked;
use crate::simulator::reply::Reply;
use crate::simulator::scenario::{Action, Course, Fault, Frame, Scenario};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// Tasks whose clock is remembered.
pub(super) const MOST_TASKS: usize = 10_000;
/// Entries of a list where no limit is asked for, and the most that can be asked for.
const LIST_LIMIT: usize = 10;
const LARGEST_LIST_LIMIT: usize = 1000;
/// Tasks that can be stopped at once.
const LARGEST_BATCH: usize = 50;

/// A call of DCS's API, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call<'a> {
    Stats(&'a str),
    Detail(&'a str),
    Logs(&'a str),
    Act(Action, &'a str),
    BatchStop,
    List,
}

impl<'a> Call<'a> {
    /// The call behind `/v2/{project_id}/`.
    pub(super) fn of(segments: &[&'a str]) -> Option<Self> {
        Some(match *segments {
            ["migration-tasks"] => Self::List,
            ["migration-task", "batch-stop"] => Self::BatchStop,
            ["migration-task", task] => Self::Detail(task),
            ["migration-task", task, "stats"] => Self::Stats(task),
            ["migration-task", task, "logs"] => Self::Logs(task),
            ["migration-task", task, "stop"] => Self::Act(Action::Stop, task),
            ["migration-task", task, "sync-stop"] => Self::Act(Action::SyncStop, task),
            ["migration-task", task, "exchange-ip"] => Self::Act(Action::ExchangeIp, task),
            ["migration-task", task, "rollback-ip"] => Self::Act(Action::RollbackIp, task),
            _ => return None,
        })
    }

    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Stats(_) | Self::Detail(_) | Self::Logs(_) | Self::List => "GET",
            Self::Act(..) | Self::BatchStop => "POST",
        }
    }
}

/// A task that there is.
struct Found {
    /// Without dashes, in lower case.
    id: String,
    course: Course,
    elapsed: Duration,
}

impl Cloud {
    /// The request was admitted to the project.
    pub(super) fn dcs(
        &self,
        memory: &mut Memory,
        now: Now,
        call: Call<'_>,
        asked: &Asked<'_>,
        served: &mut Served,
    ) -> Reply {
        let task = match call {
            Call::List => return self.list(memory, now, asked),
            Call::BatchStop => return self.batch_stop(memory, now, asked),
            Call::Stats(task) | Call::Detail(task) | Call::Logs(task) | Call::Act(_, task) => task,
        };
        let (scenario, found) = match self.find(memory, now, task) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let frame = found.course.at(found.elapsed);
        let fault = frame.fault;
        served.task = Some((scenario, found.elapsed));
        served.fault = fault;
        let body = match call {
            Call::Logs(_) => match self.logs(&found, now, asked) {
                Ok(body) => body,
                Err(refusal) => return refusal,
            },
            Call::Detail(_) => detail(frame, task),
            Call::Act(action, _) if !matches!(fault, Some(Fault::Status { .. })) => {
                match act(memory, found, action, asked.body) {
                    Ok(Some(frame)) => detail(frame, task),
                    Ok(None) => return Reply::no_content(),
                    Err(refusal) => return refusal,
                }
            }
            // With a fault that refuses it, an action is not even tried.
            Call::Stats(_) | Call::Act(..) | Call::BatchStop | Call::List => frame.stats,
        };
        self.deliver(&body, fault, now, &served.request_id)
    }

    /// The task with this id, whose clock starts now unless it runs already.
    fn find(&self, memory: &mut Memory, now: Now, task: &str) -> Result<(Scenario, Found), Reply> {
        let id =
            plain_id(task).ok_or_else(|| Reply::dcs(400, "DCS.4070", "Invalid task ID format."))?;
        let scenario = scenario_of(&id)
            .or(self.options.scenario)
            .ok_or_else(|| Reply::dcs(400, "DCS.4133", "Instance job is not found."))?;
        if !memory.started.contains_key(&id) && memory.started.len() >= MOST_TASKS {
            return Err(Reply::dcs(
                503,
                "DCS.5000",
                "The simulator remembers no more tasks: start it again.",
            ));
        }
        let started = *memory.started.entry(id.clone()).or_insert(now.instant);
        let elapsed = self
            .options
            .simulated(now.instant.saturating_duration_since(started));
        let course = memory.course(&id, scenario);
        Ok((
            scenario,
            Found {
                id,
                course,
                elapsed,
            },
        ))
    }

    fn deliver(&self, body: &Value, fault: Option<Fault>, now: Now, request_id: &str) -> Reply {
        match fault {
            None => Reply::json(200, body),
            Some(Fault::Slow(delay)) => Reply::json(200, body).delayed(self.options.real(delay)),
            Some(Fault::CutBody) => Reply::json(200, body).cut(),
            Some(Fault::Malformed) => Reply::text(body.to_string().replace(':', "=")),
            Some(Fault::Reset) => Reply::reset(),
            Some(Fault::Status {
                status,
                code,
                message,
                retry_after,
            }) => {
                let reply = match code {
                    None => Reply::page(status, message),
                    Some(code) if code.starts_with("DCS.") => Reply::dcs(status, code, message),
                    Some(code) => Reply::gateway(status, code, message, request_id),
                };
                match retry_after {
                    None => reply,
                    Some(after) => reply.with("retry-after", self.retry_after(after, status, now)),
                }
            }
        }
    }

    /// Whole seconds are the shortest that the header can say; 503 says it as a date.
    fn retry_after(&self, after: Duration, status: u16, now: Now) -> String {
        let seconds = self.options.real(after).as_secs_f64().ceil().max(1.0);
        if status == 503 {
            httpdate::fmt_http_date(now.wall + Duration::from_secs(seconds as u64 + 1))
        } else {
            format!("{seconds}")
        }
    }

    /// The task's log, newest first.
    fn logs(&self, found: &Found, now: Now, asked: &Asked<'_>) -> Result<Value, Reply> {
        const LEVELS: [&str; 4] = ["INFO", "ERROR", "WARN", "DEBUG"];
        let (offset, limit) = page(asked)?;
        let wanted = asked.query("log_level");
        if wanted
            .as_deref()
            .is_some_and(|level| !LEVELS.contains(&level))
        {
            return Err(Reply::dcs(400, "DCS.4001", "Invalid log_level."));
        }
        let mut lines = found.course.log(found.elapsed);
        lines.retain(|line| wanted.as_deref().is_none_or(|level| level == line.level));
        let entry = |at: SystemTime, level, code, message| {
            let created_at = humantime::format_rfc3339_millis(at).to_string();
            json!({"created_at": created_at, "log_level": level, "message": message, "log_code": code, "keyword": []})
        };
        let entries: Vec<Value> = lines
            .iter()
            .rev()
            .skip(offset)
            .take(limit)
            .map(|line| {
                let ago = self.options.real(found.elapsed.saturating_sub(line.at));
                let at = now.wall.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH);
                entry(at, line.level, line.code, line.message)
            })
            .collect();
        Ok(json!({"log_num": lines.len(), "migration_logs": entries}))
    }

    /// Stops several tasks, each for itself.
    fn batch_stop(&self, memory: &mut Memory, now: Now, asked: &Asked<'_>) -> Reply {
        let body = serde_json::from_slice::<Value>(asked.body).unwrap_or_default();
        let tasks = body.get("migration_tasks").and_then(strings);
        let Some(tasks) = tasks.filter(|tasks| (1..=LARGEST_BATCH).contains(&tasks.len())) else {
            return Reply::dcs(
                400,
                "DCS.4005",
                "migration_tasks has to be a list of 1 to 50 task IDs.",
            );
        };
        let results: Vec<Value> = tasks
            .into_iter()
            .map(|task| {
                let stopped = self.find(memory, now, task).and_then(|(_, found)| act(memory, found, Action::Stop, &[]));
                json!({"task_id": task, "result": if stopped.is_ok() { "success" } else { "failed" }})
            })
            .collect();
        Reply::json(200, &json!({"migration_tasks": results}))
    }

    /// Every scenario's own task, then the others in the order in which they were asked for.
    fn list(&self, memory: &Memory, now: Now, asked: &Asked<'_>) -> Reply {
        let (offset, limit) = match page(asked) {
            Ok(page) => page,
            Err(refusal) => return refusal,
        };
        let mut others: Vec<_> = memory
            .started
            .iter()
            .filter(|(id, _)| scenario_of(id).is_none())
            .collect();
        others.sort_by(|left, right| (left.1, left.0).cmp(&(right.1, right.0)));
        let own = Scenario::ALL
            .into_iter()
            .map(|scenario| (scenario, scenario.task_id().to_owned()));
        let others = others
            .into_iter()
            .filter_map(|(id, _)| Some((self.options.scenario?, dashed(id))));
        let named = asked.query("name").unwrap_or_default();
        let all: Vec<_> = own
            .chain(others)
            .filter(|(scenario, _)| scenario.task_name().contains(&named))
            .collect();
        let page: Vec<Value> = all
            .iter()
            .skip(offset)
            .take(limit)
            .map(|(scenario, id)| {
                let plain = plain_id(id).unwrap_or_default();
                let started = memory.started.get(&plain).copied().unwrap_or(now.instant);
                let elapsed = self
                    .options
                    .simulated(now.instant.saturating_duration_since(started));
                list_entry(*scenario, id, &memory.course(&plain, *scenario).at(elapsed))
            })
            .collect();
        Reply::json(200, &json!({"count": all.len(), "migration_tasks": page}))
    }
}

impl Memory {
    fn course(&self, plain_id: &str, scenario: Scenario) -> Course {
        self.courses
            .get(plain_id)
            .cloned()
            .unwrap_or_else(|| Course::of(scenario))
    }
}

/// Does what a user wants; the frame where the answer has a body.
fn act(
    memory: &mut Memory,
    found: Found,
    action: Action,
    body: &[u8],
) -> Result<Option<Frame>, Reply> {
    let Found {
        id,
        mut course,
        elapsed,
    } = found;
    if action == Action::ExchangeIp {
        check_exchange(body)?;
    }
    // No document names the code.
    course
        .act(action, elapsed)
        .map_err(|state| Reply::dcs(400, "DCS.4017", &state.0))?;
    let frame = course.at(elapsed);
    memory.courses.insert(id, course);
    Ok(match action {
        Action::Stop => Some(frame),
        Action::SyncStop | Action::ExchangeIp | Action::RollbackIp => None,
    })
}

/// Both fields of the body are mandatory. A stop and a rollback have no body.
fn check_exchange(body: &[u8]) -> Result<(), Reply> {
    if body.is_empty() {
        return Err(Reply::dcs(400, "DCS.4004", "Empty request body."));
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Err(Reply::dcs(
            400,
            "DCS.4005",
            "The message body is not in JSON format.",
        ));
    };
    let addresses = body
        .get("exchanged_ip")
        .and_then(strings)
        .filter(|addresses| !addresses.is_empty());
    let is_exchange_domain = body.get("is_exchange_domain").and_then(Value::as_bool);
    match (addresses, is_exchange_domain) {
        (Some(_), Some(_)) => Ok(()),
        (None, _) => Err(Reply::dcs(
            400,
            "DCS.4005",
            "exchanged_ip has to be a list of IP addresses.",
        )),
        (Some(_), None) => Err(Reply::dcs(
            400,
            "DCS.4005",
            "is_exchange_domain has to be true or false.",
        )),
    }
}

/// A list of texts; `None` where something else is in it.
fn strings(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// `offset` and `limit` of a list.
fn page(asked: &Asked<'_>) -> Result<(usize, usize), Reply> {
    let number = |name: &str, default: usize| match asked.query(name) {
        None => Some(default),
        Some(text) => text.parse().ok(),
    };
    match (number("offset", 0), number("limit", LIST_LIMIT)) {
        (Some(offset), Some(limit @ 1..=LARGEST_LIST_LIMIT)) => Ok((offset, limit)),
        _ => Err(Reply::dcs(400, "DCS.4001", "Invalid offset or limit.")),
    }
}

/// The task's detail, under the id by which it was asked for.
fn detail(frame: Frame, task: &str) -> Value {
    let mut detail = frame.detail;
    if let Some(own) = detail.get_mut("task_id") {
        *own = json!(task);
    }
    detail
}

/// A task in the list: unlike the detail it names no passwords and no `task_status`.
fn list_entry(scenario: Scenario, id: &str, frame: &Frame) -> Value {
    json!({
        "task_id": id,
        "task_name": scenario.task_name(),
        "status": frame.detail.get("status"),
        "error_message": frame.error_message,
        "migration_type": frame.detail.get("migration_type"),
        "migration_method": frame.detail.get("migration_method"),
        "data_source": "192.168.1.139:6379",
        "source_instance_name": null,
        "source_instance_id": null,
        "source_instance_status": frame.instance_status,
        "target_instance_name": "dcs-target",
        "target_instance_id": "b34b3e60-4b5c-4d6b-9b4e-5a1f0c2d3e4f",
        "target_instance_status": frame.instance_status,
        "target_instance_addrs": "192.168.1.157:6379",
        "created_at": "2019-10-22T14:44:30.000Z",
        "released_at": null,
        "description": scenario.describe(),
    })
}

/// An id without dashes, in lower case; `None` where it is neither a UUID nor 32 hexadecimal digits.
pub(super) fn plain_id(id: &str) -> Option<String> {
    let dashes: Vec<usize> = id.match_indices('-').map(|(at, _)| at).collect();
    let plain = id.replace('-', "").to_ascii_lowercase();
    let shaped = dashes.is_empty() || dashes == [8, 13, 18, 23];
    (shaped && plain.len() == 32 && plain.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then_some(plain)
}

/// A plain id as a UUID.
pub(super) fn dashed(id: &str) -> String {
    let mut out = String::with_capacity(36);
    for (at, digit) in id.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(digit);
    }
    out
}

/// The scenario whose own task this is.
fn scenario_of(plain: &str) -> Option<Scenario> {
    Scenario::ALL
        .into_iter()
        .find(|scenario| plain_id(scenario.task_id()).as_deref() == Some(plain))
}
