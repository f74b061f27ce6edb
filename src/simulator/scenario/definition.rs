//! The table of each scenario: what it is called, how a wait on it ends, and its stages.
//!
//! To add a scenario: add a [`Definition`] here and a variant to `Scenario`.

use super::fault::{self, FaultSpan};
use super::stage::{
    FOREVER, IpSwitch, Loss, Stage, Traffic, Writes, ZERO_OFFSET, blank, ended, full_sync,
    incremental, incremental_under, losing, stalled, stopped_by_switch, switching, without_writes,
};

/// One way in which a migration can go.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    /// What happens, in one sentence.
    pub(super) description: &'static str,
    pub(super) task_id: &'static str,
    /// The goal to wait for, as `DCS_UNTIL` spells it.
    pub(super) goal: &'static str,
    /// The exit code of a wait for that goal.
    pub(super) exit_code: u8,
    /// How many keys the source has at the start.
    pub(super) source_keys: f64,
    pub(super) method: &'static str,
    /// Sends numbers as strings, as the vendor's table of fields says. Its example has numbers: a client has to
    /// understand both.
    pub(super) sends_strings: bool,
    pub(super) faults: &'static [FaultSpan],
    /// Each follows the one before, and the last does not end.
    pub(super) stages: &'static [Stage],
}

/// What most scenarios have in common.
const COMMON: Definition = Definition {
    name: "",
    description: "",
    task_id: "",
    goal: "completed",
    exit_code: 0,
    source_keys: 0.0,
    method: "incremental_migration",
    sends_strings: false,
    faults: &[],
    stages: &[],
};

pub(super) const INCREMENTAL: Definition = Definition {
    name: "incremental",
    description: "Full sync, then the offset drains to 0, rises in a burst of writes and drains again; the operator \
                  stops the task in sync.",
    task_id: "dc500000-0000-4000-8000-000000000001",
    source_keys: 531_221.0,
    stages: &[
        full_sync(420, 100.0, None),
        incremental(600, 184_320, 0),
        incremental(640, 0, 0),
        incremental_under(Traffic::Burst, 690, 0, 46_800),
        incremental(790, 46_800, 0),
        incremental(850, 0, 0),
        stalled(880, "TERMINATING", 100.0, ZERO_OFFSET),
        ended("TERMINATED", 100.0, ZERO_OFFSET),
    ],
    ..COMMON
};

pub(super) const IN_SYNC: Definition = Definition {
    name: "in-sync",
    description: "Full sync, then the offset drains to 0 and stays there while the task keeps migrating.",
    task_id: "dc500000-0000-4000-8000-000000000002",
    goal: "in-sync",
    source_keys: 482_907.0,
    sends_strings: true,
    // The offset is zero during the full sync, which is not in sync. Later it reaches zero once and rises again.
    stages: &[
        full_sync(360, 100.0, ZERO_OFFSET),
        incremental(520, 96_256, 240),
        incremental(530, 0, 0),
        incremental_under(Traffic::Burst, 580, 0, 9_400),
        incremental(680, 9_400, 0),
        incremental(FOREVER, 0, 0),
    ],
    ..COMMON
};

pub(super) const FULL: Definition = Definition {
    name: "full",
    description: "A full migration, without an incremental phase: it copies everything once, ends by itself and has no \
                  offset.",
    task_id: "dc500000-0000-4000-8000-000000000003",
    source_keys: 356_118.0,
    method: "full_amount_migration",
    stages: &[
        full_sync(620, 100.0, None),
        stalled(650, "MIGRATING", 100.0, None),
        ended("SUCCESS", 100.0, None),
    ],
    ..COMMON
};

pub(super) const FAILED: Definition = Definition {
    name: "failed",
    description: "The full sync stops at 47 percent and the task fails.",
    task_id: "dc500000-0000-4000-8000-000000000004",
    exit_code: 3,
    source_keys: 918_540.0,
    stages: &[
        full_sync(300, 47.0, None),
        stalled(345, "FULLMIGRATING", 47.0, None),
        ended("FAILED", 47.0, None),
    ],
    ..COMMON
};

pub(super) const STOPPED_SHORT: Definition = Definition {
    name: "stopped-short",
    description: "The operator stops the task at 62 percent; its offset is 0 all the same.",
    task_id: "dc500000-0000-4000-8000-000000000005",
    exit_code: 3,
    source_keys: 742_306.0,
    stages: &[
        full_sync(380, 62.0, ZERO_OFFSET),
        stalled(405, "TERMINATING", 62.0, ZERO_OFFSET),
        ended("TERMINATED", 62.0, ZERO_OFFSET),
    ],
    ..COMMON
};

pub(super) const NEVER_CONFIGURED: Definition = Definition {
    name: "never-configured",
    description: "The task waits to be configured and never is.",
    task_id: "dc500000-0000-4000-8000-000000000006",
    exit_code: 124,
    // RUNNING means "to be configured".
    stages: &[blank(FOREVER, "RUNNING", false)],
    ..COMMON
};

pub(super) const FLAKY: Definition = Definition {
    name: "flaky",
    description: "Like incremental, behind an API that throttles, fails, hangs, resets and garbles.",
    task_id: "dc500000-0000-4000-8000-000000000007",
    faults: fault::FLAKY,
    ..INCREMENTAL
};

pub(super) const RESYNC: Definition = Definition {
    name: "resync",
    description: "The link breaks in the incremental phase, a second full sync starts, then the task is in sync.",
    task_id: "dc500000-0000-4000-8000-000000000008",
    goal: "in-sync",
    source_keys: 268_435.0,
    // The second full sync has an offset of zero again: that it was in sync before does not count any more.
    stages: &[
        full_sync(300, 100.0, ZERO_OFFSET),
        incremental(400, 131_072, 2_900),
        incremental_under(Traffic::None, 450, 2_900, 268_800),
        full_sync(720, 100.0, ZERO_OFFSET),
        incremental(860, 98_304, 0),
        incremental(FOREVER, 0, 0),
    ],
    ..COMMON
};

pub(super) const SWITCH: Definition = Definition {
    name: "switch",
    description: "In sync, then the IP addresses are switched: the task ends at the start of the switch, the target \
                  serves at its end.",
    task_id: "dc500000-0000-4000-8000-000000000009",
    goal: "switched",
    source_keys: 204_871.0,
    // From 450 s on the task has stopped and its offset is zero, but applications still use the source.
    stages: &[
        full_sync(300, 100.0, None),
        incremental(400, 98_304, 0),
        incremental(440, 0, 0),
        switching(450),
        stopped_by_switch(500, IpSwitch::Switching, Writes::None),
        stopped_by_switch(FOREVER, IpSwitch::Switched, Writes::Target),
    ],
    ..COMMON
};

pub(super) const ROLLBACK: Definition = Definition {
    name: "rollback",
    description: "In sync, then a switch of the IP addresses that is rolled back: the task reports SUCCESS, and the \
                  source serves.",
    task_id: "dc500000-0000-4000-8000-000000000010",
    exit_code: 3,
    source_keys: 617_302.0,
    stages: &[
        full_sync(300, 100.0, None),
        incremental(400, 98_304, 0),
        incremental(440, 0, 0),
        switching(450),
        stopped_by_switch(500, IpSwitch::Switching, Writes::None),
        stopped_by_switch(530, IpSwitch::RollingBack, Writes::None),
        stopped_by_switch(FOREVER, IpSwitch::RolledBack, Writes::Source),
    ],
    ..COMMON
};

pub(super) const LOST_KEYS: Definition = Definition {
    name: "lost-keys",
    description: "The target loses its keys in the incremental phase, and the operator stops the task at offset 0.",
    task_id: "dc500000-0000-4000-8000-000000000011",
    exit_code: 3,
    source_keys: 453_960.0,
    // Later writes arrive: the offset shows nothing of the loss.
    stages: &[
        full_sync(300, 100.0, None),
        incremental(400, 98_304, 0),
        incremental(440, 0, 0),
        losing(Loss::Target, incremental(480, 0, 0)),
        stalled(500, "TERMINATING", 100.0, ZERO_OFFSET),
        ended("TERMINATED", 100.0, ZERO_OFFSET),
    ],
    ..COMMON
};

pub(super) const EMPTY_RESTART: Definition = Definition {
    name: "empty-restart",
    description: "The source restarts without its data, and the target is emptied with it: 100 percent, offset 0 and \
                  no keys.",
    task_id: "dc500000-0000-4000-8000-000000000012",
    goal: "in-sync",
    exit_code: 124,
    source_keys: 389_014.0,
    // An empty data set is fully synced and in sync at once.
    stages: &[
        full_sync(300, 100.0, ZERO_OFFSET),
        incremental(400, 98_304, 900),
        losing(
            Loss::Source,
            without_writes(full_sync(410, 100.0, ZERO_OFFSET)),
        ),
        without_writes(incremental(FOREVER, 0, 0)),
    ],
    ..COMMON
};

pub(super) const LIVE: Definition = Definition {
    name: "live",
    description: "In sync under writes until you act: POST stop, sync-stop, exchange-ip and rollback-ip change the task.",
    task_id: "dc500000-0000-4000-8000-000000000013",
    goal: "in-sync",
    source_keys: 150_226.0,
    // The target keeps up with the writes: the result does not depend on when the user acts.
    stages: &[
        full_sync(60, 100.0, ZERO_OFFSET),
        incremental(120, 24_576, 0),
        incremental(FOREVER, 0, 0),
    ],
    ..COMMON
};
