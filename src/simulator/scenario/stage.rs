//! A stage of a migration: one row of a scenario's table, and the constructors that keep the tables short.

/// A span of a task's life. Percentage and offset change from the first value to the second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stage {
    /// Where it ends, in seconds from the start of the task.
    pub(super) until: u64,
    pub(super) status: &'static str,
    pub(super) ip_switch: IpSwitch,
    pub(super) is_migrating: bool,
    /// The full sync in percent.
    pub(super) percent: Option<(f64, f64)>,
    pub(super) offset: Option<(i64, i64)>,
    pub(super) traffic: Traffic,
    pub(super) writes: Writes,
    /// What happens to the keys at the start.
    pub(super) loss: Loss,
}

/// What arrives in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Traffic {
    #[default]
    None,
    /// The data set.
    FullSync,
    /// The usual writes.
    Usual,
    /// Many writes.
    Burst,
}

/// Where applications write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Writes {
    Source,
    Target,
    #[default]
    None,
}

/// Which keys are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Loss {
    #[default]
    None,
    /// The target is emptied.
    Target,
    /// The source restarts without its data, and sends that to the target.
    Source,
}

/// How far a switch of the IP addresses is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum IpSwitch {
    #[default]
    None,
    Switching,
    Switched,
    RollingBack,
    RolledBack,
}

impl IpSwitch {
    /// The value of `task_status`. No document has one for a rollback in progress.
    pub(super) fn task_status(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Switching | Self::RollingBack => Some("EXCHANGING"),
            Self::Switched => Some("EXCHANGE_SUCCESS"),
            Self::RolledBack => Some("ROLLBACK_SUCCESS"),
        }
    }

    /// The status of both instances.
    pub(super) fn instance_status(self) -> &'static str {
        match self {
            Self::None | Self::Switched | Self::RolledBack => "RUNNING",
            Self::Switching => "IPEXCHANGING",
            Self::RollingBack => "IPROLLBACKING",
        }
    }
}

/// The end of a stage that does not end.
pub(super) const FOREVER: u64 = u64::MAX;

/// The status of the incremental phase, as the server spells it.
pub(super) const INCREMENTAL: &str = "INCRMIGEATING";

pub(super) const ZERO_OFFSET: Option<(i64, i64)> = Some((0, 0));

const FULLY_SYNCED: Option<(f64, f64)> = Some((100.0, 100.0));

/// A stage in which nothing is known about percentage and offset.
pub(super) const fn blank(until: u64, status: &'static str, is_migrating: bool) -> Stage {
    Stage {
        until,
        status,
        ip_switch: IpSwitch::None,
        is_migrating,
        percent: None,
        offset: None,
        traffic: Traffic::None,
        writes: if is_migrating {
            Writes::Source
        } else {
            Writes::None
        },
        loss: Loss::None,
    }
}

pub(super) const fn full_sync(until: u64, to_percent: f64, offset: Option<(i64, i64)>) -> Stage {
    Stage {
        percent: Some((0.0, to_percent)),
        offset,
        traffic: Traffic::FullSync,
        ..blank(until, "FULLMIGRATING", true)
    }
}

/// The incremental phase under the usual writes.
pub(super) const fn incremental(until: u64, from: i64, to: i64) -> Stage {
    incremental_under(Traffic::Usual, until, from, to)
}

pub(super) const fn incremental_under(traffic: Traffic, until: u64, from: i64, to: i64) -> Stage {
    Stage {
        percent: FULLY_SYNCED,
        offset: Some((from, to)),
        traffic,
        ..blank(until, INCREMENTAL, true)
    }
}

/// The task is migrating, and nothing changes.
pub(super) const fn stalled(
    until: u64,
    status: &'static str,
    percent: f64,
    offset: Option<(i64, i64)>,
) -> Stage {
    Stage {
        percent: Some((percent, percent)),
        offset,
        ..blank(until, status, true)
    }
}

pub(super) const fn ended(status: &'static str, percent: f64, offset: Option<(i64, i64)>) -> Stage {
    Stage {
        is_migrating: false,
        writes: Writes::None,
        ..stalled(FOREVER, status, percent, offset)
    }
}

/// The same stage, with a loss at its start.
pub(super) const fn losing(loss: Loss, stage: Stage) -> Stage {
    Stage { loss, ..stage }
}

/// The same stage, with no application writing.
pub(super) const fn without_writes(stage: Stage) -> Stage {
    Stage {
        writes: Writes::None,
        ..stage
    }
}

/// The IP addresses are being switched, and the task still reports that it migrates. The instances are read-only.
pub(super) const fn switching(until: u64) -> Stage {
    Stage {
        ip_switch: IpSwitch::Switching,
        traffic: Traffic::None,
        ..without_writes(incremental(until, 0, 0))
    }
}

/// The switch has stopped the task. No document says which status it has then, except SUCCESS after a rollback. Here
/// it is always SUCCESS, the status that proves the least.
pub(super) const fn stopped_by_switch(until: u64, ip_switch: IpSwitch, writes: Writes) -> Stage {
    Stage {
        until,
        ip_switch,
        writes,
        ..ended("SUCCESS", 100.0, ZERO_OFFSET)
    }
}
