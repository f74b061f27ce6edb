//! What can happen to a migration, as a pure function of the time.
//!
//! A scenario is a table of stages (`definition`); a stage says where percentage and offset begin and end, and what the
//! task does in between. The key counts follow from that (`state`), and `time_series` has what users do to a task.
//! Nothing here was measured on a live cloud: the values follow the vendor's documents. Where those say nothing (about
//! the offset during a full sync, for example) the scenarios differ on purpose.

mod catalog;
mod definition;
mod fault;
mod snapshot;
mod stage;
mod state;
mod time_series;

pub use catalog::Scenario;
pub use fault::Fault;
#[cfg(test)]
pub(super) use snapshot::REDIS_PASSWORD;
pub use snapshot::Snapshot;
pub use time_series::TimeSeries;
pub(super) use time_series::{Action, NotAllowed};

#[cfg(test)]
mod tests;
