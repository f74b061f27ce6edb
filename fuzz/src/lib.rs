//! What must hold for whatever comes from outside, as functions of bytes: one for each fuzz target, none of which may
//! panic.
//!
//! `tests/it/corpus.rs` includes this file and walks the committed corpus through it on the stable toolchain, so it
//! needs nothing that the program's tests do not have. Inputs are text with a frame ([`text`]) rather than packed
//! structures: a person can write a seed and read a finding.

#![expect(
    clippy::disallowed_methods,
    reason = "prepares the files that inputs name"
)]

mod clouds;
#[expect(
    dead_code,
    reason = "the tests' readers of what forges read; not all of them are needed here"
)]
#[allow(
    clippy::duplicate_mod,
    reason = "the tests have it as well; here it is this crate's own"
)]
#[path = "../../tests/it/support/formats.rs"]
mod formats;
mod inputs;
mod outputs;
mod sinks;
mod text;
mod wire;

pub use clouds::clouds_yaml;
pub use inputs::inputs;
pub use outputs::outputs;
pub use wire::{error_body, reading, retry_after, sign_in, task_detail, task_list};

/// What must hold for any bytes.
pub type Property = fn(&[u8]);

/// Each target's name and its property.
pub const TARGETS: [(&str, Property); 9] = [
    ("reading", reading),
    ("task_detail", task_detail),
    ("task_list", task_list),
    ("error_body", error_body),
    ("retry_after", retry_after),
    ("sign_in", sign_in),
    ("clouds_yaml", clouds_yaml),
    ("inputs", inputs),
    ("outputs", outputs),
];
