//! The simulated DCS: what can be requested of tasks, and what users can do with them.

use super::options::Options;
use super::request::{ApiRequest, ServedRequest};
use super::response::{ApiResponse, Delivery};
use super::scenario::{Action, Fault, NotAllowed, Scenario, Snapshot, TimeSeries};
use super::system::Now;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Tasks that are remembered.
const MAX_TASKS: usize = 10_000;
/// Entries of a list: the default limit, and the highest.
const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 1000;
/// Tasks that one request can stop.
const MAX_BATCH: usize = 50;

/// An operation of the API, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    Stats(&'a str),
    Detail(&'a str),
    Logs(&'a str),
    Act(Action, &'a str),
    BatchStop,
    List,
}

impl<'a> Operation<'a> {
    /// The operation of a path behind `/v2/{project_id}/`.
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

/// The tasks that were requested so far, by their ids without dashes.
#[derive(Default)]
pub(super) struct Dcs {
    tasks: HashMap<String, Task>,
}

struct Task {
    /// When it was requested first.
    started: Instant,
    series: TimeSeries,
}

impl Task {
    fn elapsed(&self, options: &Options, now: Now) -> Duration {
        options.simulated(now.instant.saturating_duration_since(self.started))
    }
}

impl Dcs {
    /// For a client that may use the project.
    pub(super) fn respond(
        &mut self,
        options: &Options,
        operation: Operation<'_>,
        request: &ApiRequest<'_>,
        log: &mut ServedRequest,
    ) -> ApiResponse {
        match operation {
            Operation::List => self.list(options, request),
            Operation::BatchStop => Ok(self.batch_stop(options, request)),
            Operation::Stats(task)
            | Operation::Detail(task)
            | Operation::Logs(task)
            | Operation::Act(_, task) => self.about_task(options, operation, task, request, log),
        }
        .unwrap_or_else(|refused| refused)
    }

    fn about_task(
        &mut self,
        options: &Options,
        operation: Operation<'_>,
        id: &str,
        request: &ApiRequest<'_>,
        log: &mut ServedRequest,
    ) -> Result<ApiResponse, ApiResponse> {
        let now = request.received_at;
        let task = self.task(options, id, now)?;
        let elapsed = task.elapsed(options, now);
        let snapshot = task.series.at(elapsed);
        let fault = snapshot.fault;
        log.task = Some((task.series.scenario(), elapsed));
        log.fault = fault;
        let body = match operation {
            Operation::Logs(_) => logs(options, task, elapsed, request)?,
            Operation::Detail(_) => detail(snapshot, id),
            // A fault that refuses the request prevents the action.
            Operation::Act(action, _) if !matches!(fault, Some(Fault::Status { .. })) => {
                if action == Action::ExchangeIp {
                    check_exchange(request)?;
                }
                task.series.act(action, elapsed).map_err(not_allowed)?;
                if action != Action::Stop {
                    return Ok(ApiResponse::new(204, String::new()));
                }
                detail(task.series.at(elapsed), id)
            }
            Operation::Stats(_) | Operation::Act(..) | Operation::BatchStop | Operation::List => {
                snapshot.stats
            }
        };
        Ok(match fault {
            None => ApiResponse::json(200, &body),
            Some(fault) => faulty(options, &body, fault, request),
        })
    }

    /// The task with this id. It starts now unless it has started already.
    fn task(&mut self, options: &Options, id: &str, now: Now) -> Result<&mut Task, ApiResponse> {
        let error = ApiResponse::dcs_error;
        let id = plain_id(id).ok_or_else(|| error(400, "DCS.4070", "Invalid task ID format."))?;
        let scenario = scenario_of(&id)
            .or(options.scenario)
            .ok_or_else(|| error(400, "DCS.4133", "Instance job is not found."))?;
        if !self.tasks.contains_key(&id) && self.tasks.len() >= MAX_TASKS {
            let message = "The simulator remembers no more tasks: start it again.";
            return Err(error(503, "DCS.5000", message));
        }
        Ok(self.tasks.entry(id).or_insert_with(|| Task {
            started: now.instant,
            series: TimeSeries::of(scenario),
        }))
    }

    /// Stops several tasks, each independent of the others.
    fn batch_stop(&mut self, options: &Options, request: &ApiRequest<'_>) -> ApiResponse {
        let now = request.received_at;
        let body = request.json().unwrap_or_default();
        let ids = body.get("migration_tasks").and_then(strings);
        let Some(ids) = ids.filter(|ids| (1..=MAX_BATCH).contains(&ids.len())) else {
            let message = "migration_tasks has to be a list of 1 to 50 task IDs.";
            return ApiResponse::dcs_error(400, "DCS.4005", message);
        };
        let results: Vec<Value> = ids
            .into_iter()
            .map(|id| {
                let stopped = self.task(options, id, now).and_then(|task| {
                    let elapsed = task.elapsed(options, now);
                    let stopped = task.series.act(Action::Stop, elapsed);
                    stopped.map_err(not_allowed)
                });
                let result = if stopped.is_ok() { "success" } else { "failed" };
                json!({"task_id": id, "result": result})
            })
            .collect();
        ApiResponse::json(200, &json!({"migration_tasks": results}))
    }

    /// Every scenario's own task, then the others in the order in which they were requested first.
    fn list(
        &self,
        options: &Options,
        request: &ApiRequest<'_>,
    ) -> Result<ApiResponse, ApiResponse> {
        let now = request.received_at;
        let (offset, limit) = page(request)?;
        let mut others: Vec<_> = self
            .tasks
            .iter()
            .filter(|(id, _)| scenario_of(id).is_none())
            .collect();
        others.sort_by_key(|(id, task)| (task.started, id.as_str()));
        let own = Scenario::ALL
            .into_iter()
            .map(|scenario| (scenario, scenario.task_id().to_owned()));
        let others = others
            .into_iter()
            .map(|(id, task)| (task.series.scenario(), with_dashes(id)));
        let name = request.query("name").unwrap_or_default();
        let all: Vec<_> = own
            .chain(others)
            .filter(|(scenario, _)| scenario.task_name().contains(&name))
            .collect();
        let page: Vec<Value> = all
            .iter()
            .skip(offset)
            .take(limit)
            .map(|(scenario, id)| {
                let task = plain_id(id).and_then(|id| self.tasks.get(&id));
                let snapshot = match task {
                    Some(task) => task.series.at(task.elapsed(options, now)),
                    None => TimeSeries::of(*scenario).at(Duration::ZERO),
                };
                list_entry(*scenario, id, &snapshot)
            })
            .collect();
        let body = json!({"count": all.len(), "migration_tasks": page});
        Ok(ApiResponse::json(200, &body))
    }
}

/// The response with something wrong.
fn faulty(options: &Options, body: &Value, fault: Fault, request: &ApiRequest<'_>) -> ApiResponse {
    let whole = ApiResponse::json(200, body);
    match fault {
        Fault::Slow(delay) => whole.delayed(options.real(delay)),
        Fault::CutBody => whole.delivered(Delivery::Cut),
        Fault::Reset => whole.delivered(Delivery::Reset),
        Fault::Malformed => ApiResponse::new(200, body.to_string().replace(':', "=")),
        Fault::Status {
            status,
            code,
            message,
            retry_after,
        } => {
            let response = match code {
                None => ApiResponse::error_page(status, message),
                Some(code) if code.starts_with("DCS.") => {
                    ApiResponse::dcs_error(status, code, message)
                }
                Some(code) => ApiResponse::gateway_error(status, code, message, request.id),
            };
            let Some(after) = retry_after else {
                return response;
            };
            // Whole seconds are the shortest that the header can express; with 503 it is a date.
            let seconds = options.real(after).as_secs_f64().ceil().max(1.0);
            let value = if status == 503 {
                let at = request.received_at.wall + Duration::from_secs(seconds as u64 + 1);
                httpdate::fmt_http_date(at)
            } else {
                format!("{seconds}")
            };
            response.with_header("retry-after", value)
        }
    }
}

/// The task's log, newest first.
fn logs(
    options: &Options,
    task: &Task,
    elapsed: Duration,
    request: &ApiRequest<'_>,
) -> Result<Value, ApiResponse> {
    const LEVELS: [&str; 4] = ["INFO", "ERROR", "WARN", "DEBUG"];
    let (offset, limit) = page(request)?;
    let level = request.query("log_level");
    let level = level.as_deref();
    if level.is_some_and(|level| !LEVELS.contains(&level)) {
        let message = "Invalid log_level.";
        return Err(ApiResponse::dcs_error(400, "DCS.4001", message));
    }
    let mut lines = task.series.log(elapsed);
    lines.retain(|line| level.is_none_or(|level| level == line.entry.level));
    let entries: Vec<Value> = lines
        .iter()
        .rev()
        .skip(offset)
        .take(limit)
        .map(|line| {
            let ago = options.real(elapsed.saturating_sub(line.at));
            let at = request.received_at.wall.checked_sub(ago);
            let at = at.unwrap_or(SystemTime::UNIX_EPOCH);
            json!({
                "created_at": humantime::format_rfc3339_millis(at).to_string(),
                "log_level": line.entry.level,
                "message": line.entry.message,
                "log_code": line.entry.code,
                "keyword": [],
            })
        })
        .collect();
    Ok(json!({"log_num": lines.len(), "migration_logs": entries}))
}

/// No document names the code.
fn not_allowed(error: NotAllowed) -> ApiResponse {
    ApiResponse::dcs_error(400, "DCS.4017", &error.to_string())
}

/// Both fields of the body are mandatory. A stop and a rollback have no body.
fn check_exchange(request: &ApiRequest<'_>) -> Result<(), ApiResponse> {
    let error = |code, message| Err(ApiResponse::dcs_error(400, code, message));
    if request.body.is_empty() {
        return error("DCS.4004", "Empty request body.");
    }
    let Some(body) = request.json() else {
        return error("DCS.4005", "The message body is not in JSON format.");
    };
    let addresses = body.get("exchanged_ip").and_then(strings);
    if addresses.is_none_or(|addresses| addresses.is_empty()) {
        return error("DCS.4005", "exchanged_ip has to be a list of IP addresses.");
    }
    if !body
        .get("is_exchange_domain")
        .is_some_and(Value::is_boolean)
    {
        return error("DCS.4005", "is_exchange_domain has to be true or false.");
    }
    Ok(())
}

/// A list of strings; `None` where something else is in it.
fn strings(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// `offset` and `limit` of a list.
fn page(request: &ApiRequest<'_>) -> Result<(usize, usize), ApiResponse> {
    let number = |name: &str, default: usize| match request.query(name) {
        None => Some(default),
        Some(text) => text.parse().ok(),
    };
    match (number("offset", 0), number("limit", DEFAULT_LIMIT)) {
        (Some(offset), Some(limit @ 1..=MAX_LIMIT)) => Ok((offset, limit)),
        _ => Err(ApiResponse::dcs_error(
            400,
            "DCS.4001",
            "Invalid offset or limit.",
        )),
    }
}

/// The task's detail, with the id as the request spells it.
fn detail(snapshot: Snapshot, id: &str) -> Value {
    let mut detail = snapshot.detail;
    if let Some(own) = detail.get_mut("task_id") {
        *own = json!(id);
    }
    detail
}

/// A task in the list: unlike the detail it has no passwords and no `task_status`.
fn list_entry(scenario: Scenario, id: &str, snapshot: &Snapshot) -> Value {
    json!({
        "task_id": id,
        "task_name": scenario.task_name(),
        "status": snapshot.detail.get("status"),
        "error_message": snapshot.error_message,
        "migration_type": snapshot.detail.get("migration_type"),
        "migration_method": snapshot.detail.get("migration_method"),
        "data_source": "192.168.1.139:6379",
        "source_instance_name": null,
        "source_instance_id": null,
        "source_instance_status": snapshot.instance_status,
        "target_instance_name": "dcs-target",
        "target_instance_id": "b34b3e60-4b5c-4d6b-9b4e-5a1f0c2d3e4f",
        "target_instance_status": snapshot.instance_status,
        "target_instance_addrs": "192.168.1.157:6379",
        "created_at": "2019-10-22T14:44:30.000Z",
        "released_at": null,
        "description": scenario.describe(),
    })
}

/// An id without dashes, in lower case; `None` where it is neither a UUID nor 32 hexadecimal digits.
fn plain_id(id: &str) -> Option<String> {
    let dashes: Vec<usize> = id.match_indices('-').map(|(at, _)| at).collect();
    let plain = id.replace('-', "").to_ascii_lowercase();
    let is_shaped = dashes.is_empty() || dashes == [8, 13, 18, 23];
    let is_hex = plain.len() == 32 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_shaped && is_hex).then_some(plain)
}

/// A plain id as a UUID.
fn with_dashes(id: &str) -> String {
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
fn scenario_of(plain_id: &str) -> Option<Scenario> {
    Scenario::ALL
        .into_iter()
        .find(|scenario| scenario.task_id().replace('-', "") == plain_id)
}

#[cfg(test)]
impl Dcs {
    /// Moves the start of a scenario's own task into the past.
    pub(super) fn set_elapsed(&mut self, options: &Options, scenario: Scenario, elapsed: Duration) {
        let now = super::system::now();
        let task = self.task(options, scenario.task_id(), now).unwrap();
        task.started = now.instant.checked_sub(options.real(elapsed)).unwrap();
    }

    /// As many tasks as are remembered, with the ids 0, 1, ...
    pub(super) fn fill(&mut self, options: &Options) -> usize {
        let now = super::system::now();
        for n in 0..MAX_TASKS {
            self.task(options, &format!("{n:032x}"), now).unwrap();
        }
        MAX_TASKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_equal_without_dashes() {
        let plain = "31c6fd2b2893430b90ffd1adb8060585";
        let with = "31c6fd2b-2893-430b-90ff-d1adb8060585";
        assert_eq!(plain_id(&with.to_uppercase()).as_deref(), Some(plain));
        assert_eq!(plain_id(plain).as_deref(), Some(plain));
        assert_eq!(with_dashes(plain), with);
        for bad in [
            "",
            "31c6fd2b",
            "31c6fd2b2893-430b90ff-d1adb8060585-",
            "31c6fd2b2893430b90ffd1adb806058g",
        ] {
            assert_eq!(plain_id(bad), None, "{bad}");
        }
    }
}
