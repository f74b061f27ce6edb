//! The scenarios, by name.

use super::definition::{self, Definition};
use super::stage::IpSwitch;
use std::time::Duration;

/// One way in which a migration can go. [`Scenario::describe`] says which.
#[expect(missing_docs, reason = "each description is in `definition`")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scenario {
    Incremental,
    InSync,
    Full,
    Failed,
    StoppedShort,
    NeverConfigured,
    Flaky,
    Resync,
    Switch,
    Rollback,
    LostKeys,
    EmptyRestart,
    Live,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 13] = [
        Self::Incremental,
        Self::InSync,
        Self::Full,
        Self::Failed,
        Self::StoppedShort,
        Self::NeverConfigured,
        Self::Flaky,
        Self::Resync,
        Self::Switch,
        Self::Rollback,
        Self::LostKeys,
        Self::EmptyRestart,
        Self::Live,
    ];

    pub(super) fn definition(self) -> &'static Definition {
        match self {
            Self::Incremental => &definition::INCREMENTAL,
            Self::InSync => &definition::IN_SYNC,
            Self::Full => &definition::FULL,
            Self::Failed => &definition::FAILED,
            Self::StoppedShort => &definition::STOPPED_SHORT,
            Self::NeverConfigured => &definition::NEVER_CONFIGURED,
            Self::Flaky => &definition::FLAKY,
            Self::Resync => &definition::RESYNC,
            Self::Switch => &definition::SWITCH,
            Self::Rollback => &definition::ROLLBACK,
            Self::LostKeys => &definition::LOST_KEYS,
            Self::EmptyRestart => &definition::EMPTY_RESTART,
            Self::Live => &definition::LIVE,
        }
    }

    /// The scenario with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.as_str() == name)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.definition().name
    }

    /// What happens, in one sentence.
    pub fn describe(self) -> &'static str {
        self.definition().description
    }

    /// What the operator does in it, in simulated time since the start of the task.
    pub fn operator_acts(self) -> Vec<(Duration, &'static str)> {
        let stages = self.definition().stages;
        let begins = std::iter::once(0).chain(stages.iter().map(|stage| stage.until));
        let mut switch = IpSwitch::None;
        begins
            .zip(stages)
            .filter_map(|(begin, stage)| {
                let is_new = std::mem::replace(&mut switch, stage.ip_switch) != stage.ip_switch;
                let act = match stage.ip_switch {
                    _ if stage.status == "TERMINATING" => "stops the task, as you would now",
                    IpSwitch::Switching if is_new => "switches the IP addresses, as you would now",
                    IpSwitch::RollingBack if is_new => "rolls the switch back",
                    IpSwitch::None
                    | IpSwitch::Switching
                    | IpSwitch::Switched
                    | IpSwitch::RollingBack
                    | IpSwitch::RolledBack => return None,
                };
                Some((Duration::from_secs(begin), act))
            })
            .collect()
    }

    /// The id of the scenario's own task.
    pub fn task_id(self) -> &'static str {
        self.definition().task_id
    }

    /// The name of the task in the console.
    pub fn task_name(self) -> String {
        format!("rehearsal-{}", self.as_str())
    }

    /// The goal to wait for, as `DCS_UNTIL` spells it.
    pub fn goal(self) -> &'static str {
        self.definition().goal
    }

    /// The exit code of a wait for [`Scenario::goal`].
    pub fn exit_code(self) -> u8 {
        self.definition().exit_code
    }

    /// The timeout for a wait for [`Scenario::goal`], in simulated time: enough for every scenario that reaches an
    /// end, and short for one that does not.
    pub fn timeout(self) -> Duration {
        let ends = self.exit_code() != 124;
        Duration::from_secs(if ends { 60 * 60 } else { 10 * 60 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_acts_are_known() {
        let stops = Scenario::Incremental.operator_acts();
        assert_eq!(stops.len(), 1);
        assert_eq!(stops[0].0, Duration::from_secs(850));
        assert_eq!(Scenario::Rollback.operator_acts().len(), 2);
        assert_eq!(Scenario::InSync.operator_acts(), []);
    }

    #[test]
    fn names_and_ids_are_unique() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::parse(scenario.as_str()), Some(scenario));
            let same_id = |other: &&Scenario| other.task_id() == scenario.task_id();
            assert_eq!(Scenario::ALL.iter().filter(same_id).count(), 1);
            assert_eq!(scenario.describe().matches(". ").count(), 0);
        }
        assert_eq!(Scenario::parse("InSync"), None);
    }
}
