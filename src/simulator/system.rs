//! What the simulator takes from the system: the time, pauses and random bytes.
//!
//! It does not share the program's clock: it plays a cloud, which keeps its own time.

use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// One moment on both clocks: the steady one and the calendar's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) wall: SystemTime,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulator keeps its own time; only this reads its clock"
)]
pub(super) fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: SystemTime::now(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server that responds late; no wait depends on its end"
)]
pub(super) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Random bytes; `None` where the system has none.
pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
