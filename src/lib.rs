//! `dcs-migration-wait` blocks until an online Redis migration is really done or really in sync, and reports it.
//!
//! Three questions, and the one file that answers each:
//!
//! - **Ready?** `domain/ready.rs`: what a reading, a status and the key counts together mean.
//! - **Retry or end?** `wait/retry.rs`: what follows from a request that failed.
//! - **When is the next poll?** `wait/poll_interval.rs`: one function, its rules numbered.
//!
//! A run, from the left to the right:
//!
//! ```text
//! environment, flags -> config -> wait (the loop) <-> api (one request each) -> report -> exit code
//! ```
//!
//! Imports go down only, which `tests/it/imports.rs` checks:
//!
//! ```text
//! app > demo > config > report > wait > outcome > api > auth > domain, clock, escape
//! ```
//!
//! `simulator` is a cloud to try against; it shares no code with the client. [`domain`] and the files below the loop in
//! [`wait`] know neither HTTP nor files, and are given the time. `ARCHITECTURE.md` has the invariants.

pub mod api;
mod app;
pub mod auth;
pub mod clock;
pub mod config;
mod demo;
pub mod domain;
pub mod escape;
pub mod outcome;
pub mod report;
mod shutdown;
mod signals;
pub mod simulator;
pub mod wait;
mod watchdog;

pub use app::run;
pub use outcome::exit_code;
