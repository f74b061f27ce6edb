//! What is known about a migration task, and what it means.
//!
//! Everything the API can leave out is an [`Option`]: unknown is a value of its own here, never zero and never false.
//! Nothing in these files knows HTTP, a clock or a file. `ready.rs` decides: it is the only place where "ready" comes from.

mod ip_switch;
mod keys;
mod phase;
mod reading;
mod ready;
mod status;
mod task_id;

pub use ip_switch::IpSwitch;
pub use keys::{KeyHistory, KeyLimit, Restart, Row, Side, missing};
pub use phase::Phase;
pub use reading::{FullSync, OffsetState, Reading};
pub use ready::{Check, Condition, Failure, Goal, Missing, PollHistory, UnconfirmedFailure};
pub use status::{Detail, Status, StatusClass};
pub use task_id::TaskId;
