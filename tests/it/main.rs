//! Black-box tests of the built binary over real sockets: what a pipeline sees of it, and nothing else.
//!
//! A module is a feature; [`support`] has the sandbox that runs the binary and the cloud that it talks to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "a test fails by panicking, has a clock and files of its own, plays the world around the binary, and has \
              tables of cases"
)]

mod corpus;
mod demo;
mod docs;
mod ends;
mod errors;
mod evidence;
mod exhaustive;
mod faults;
mod help;
mod imports;
mod inputs;
mod ip_switch;
mod keys;
mod model;
mod outputs;
mod sign_in;
mod signals;
mod simulated_time;
mod support;
mod surface;
mod verdict;
