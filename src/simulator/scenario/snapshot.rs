//! What the API reports of a task at one moment, in the vendor's JSON.

use super::catalog::Scenario;
use super::fault::Fault;
use super::state::State;
use serde_json::{Value, json};

/// The password of both Redis instances in the task's detail. The vendor's API sends it in clear text, and so does the
/// simulator: a client that reads the detail has to keep it out of logs.
pub(in crate::simulator) const REDIS_PASSWORD: &str = "DCStest123";

/// Why a task fails: a cause from the vendor's own list.
pub(super) const FAILURE: &str = "Disconnecting timedout slave.";

/// What the API reports of a task at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The body of the stats call.
    pub stats: Value,
    /// The body of the detail call, clear-text passwords included.
    pub detail: Value,
    /// Why the task failed, as the list has it.
    pub error_message: Option<&'static str>,
    /// The status of both instances, as the list has it.
    pub instance_status: &'static str,
    /// What goes wrong at this moment.
    pub fault: Option<Fault>,
}

impl Snapshot {
    pub(super) fn of(scenario: Scenario, state: &State, fault: Option<Fault>) -> Self {
        Self {
            stats: stats(scenario, state),
            detail: detail(scenario, state),
            error_message: (state.stage.status == "FAILED").then_some(FAILURE),
            instance_status: state.stage.ip_switch.instance_status(),
            fault,
        }
    }
}

fn stats(scenario: Scenario, state: &State) -> Value {
    let sends_strings = scenario.definition().sends_strings;
    let number = |value: Option<i64>| match value {
        Some(value) if sends_strings => json!(value.to_string()),
        Some(value) => json!(value),
        None => Value::Null,
    };
    let percent = match state.percent {
        Some(percent) if sends_strings => {
            json!(format!("{:.1}", (percent * 10.0).floor() / 10.0))
        }
        percent => number(percent.map(|percent| percent as i64)),
    };
    json!({
        "full_migration_progress": percent,
        "offset": number(state.offset),
        "source_dbsize": number(state.counts.map(|counts| counts.source_keys)),
        "target_dbsize": number(state.counts.map(|counts| counts.target_keys)),
        "target_input_kbps": number(state.counts.map(|counts| counts.kbps)),
        "target_ops": number(state.counts.map(|counts| counts.ops)),
        "is_migrating": state.stage.is_migrating,
    })
}

fn detail(scenario: Scenario, state: &State) -> Value {
    let updated_at = (!state.stage.is_migrating).then_some("2019/10/22 18:00:00");
    json!({
        "task_id": scenario.task_id(),
        "task_name": scenario.task_name(),
        "description": scenario.describe(),
        "status": state.stage.status,
        "task_status": state.stage.ip_switch.task_status(),
        "migration_type": "online_migration",
        "migration_method": scenario.definition().method,
        "ecs_tenant_private_ip": "192.168.1.72",
        "backup_files": null,
        "network_type": "vpc",
        "source_instance": {
            "addrs": "192.168.1.139:6379",
            "password": REDIS_PASSWORD,
            "task_status": null,
        },
        "target_instance": {
            "id": "b34b3e60-4b5c-4d6b-9b4e-5a1f0c2d3e4f",
            "name": "dcs-target",
            "addrs": "192.168.1.157:6379",
            "password": REDIS_PASSWORD,
            "task_status": null,
        },
        "created_at": "2019/10/22 14:44:30",
        "updated_at": updated_at,
        "released_at": null,
        "version": "2.4.0",
        "resume_mode": "auto",
        "supported_features": ["supported_auto_resume"],
        "tenant_vpc_id": "a0f4e7cb-5e1d-4f2a-8a7f-0c9d1b2e3f40",
        "tenant_subnet_id": "d09ff4c3-1a2b-4c3d-8e4f-5a6b7c8d9e0f",
        "tenant_security_group_id": "6f1a2b3c-4d5e-4f60-9182-a3b4c5d6e7f8",
        "bandwidth_limit_mb": "0",
    })
}
