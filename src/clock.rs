//! The clock of the process: time since its start.

use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Time since the start of the process. It goes on steadily when the wall clock is set.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The wall clock, for people and for signatures; nothing is decided by it.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn wall(self) -> SystemTime {
        SystemTime::now()
    }

    /// Time since the start.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn elapsed(self) -> Duration {
        Instant::now().saturating_duration_since(self.0)
    }

    /// For how long the machine has been suspended since the start, as far as the wall clock shows: this clock may
    /// have stopped. A wall clock that is set forward has the same effect.
    pub(crate) fn suspended(self, wall_at_start: SystemTime) -> Duration {
        let wall = self.wall().duration_since(wall_at_start);
        wall.unwrap_or_default().saturating_sub(self.elapsed())
    }

    /// Sleeps until so long after the start.
    #[expect(clippy::disallowed_methods, reason = "this is the loop's one sleep")]
    pub(crate) async fn sleep_until(self, at: Duration) {
        tokio::time::sleep_until(self.0 + at).await;
    }
}
