//! The IP switch of a task: source and target exchange their addresses.

/// What `task_status` says about an IP switch of the task.
///
/// No vendor document lists its values: `EXCHANGING` is in the API reference, the other two are what Huawei Cloud's
/// provider for Terraform waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IpSwitch {
    /// No switch was asked for.
    None,
    /// The addresses are being exchanged.
    Switching,
    /// The target has the source's address.
    Switched,
    /// The source has its address back. The user guide says that the task's `status` is then the one of success.
    RolledBack,
    /// A word that is not in any vendor document known to us.
    Unknown,
}

impl IpSwitch {
    /// Understands a `task_status`; an empty one is none.
    pub fn parse(word: &str) -> Self {
        match word.trim() {
            "" => Self::None,
            "EXCHANGING" => Self::Switching,
            "EXCHANGE_SUCCESS" => Self::Switched,
            "ROLLBACK_SUCCESS" => Self::RolledBack,
            _ => Self::Unknown,
        }
    }
}
