//! Ends the process in time when nothing else does.
//!
//! A terminal, a file system or a reader can hang where no timeout reaches. Whatever of the answer is written by then
//! stands.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A thread that ends the process, unless it has ended before. Clones give orders to the same thread.
#[derive(Clone)]
pub(crate) struct Watchdog {
    orders: Sender<Order>,
    forced_exit: ForcedExit,
}

/// What is still to be done before the process is ended with the exit code.
type ForcedExit = Arc<Mutex<Option<Box<dyn FnOnce(u8) + Send>>>>;

struct Order {
    within: Duration,
    exit_code: u8,
}

/// The watchdog sleeps in slices of this length at most.
const SLICE: Duration = Duration::from_millis(250);
/// A slice that takes so much longer has not been slept: the whole process stood still.
const STANDSTILL: Duration = Duration::from_millis(500);

/// What is left after a slice. A standstill (a paused container, a machine that slept) does not count, so that a
/// process that wakes up has the time to end in order.
fn left(within: Duration, slice: Duration, slept: Duration) -> Duration {
    within.saturating_sub(if slept > slice + STANDSTILL {
        slice.min(within / 2)
    } else {
        slept
    })
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchdog")
    }
}

impl Watchdog {
    /// Starts the thread, which waits for its first order.
    #[expect(
        clippy::disallowed_methods,
        reason = "it has to know how long it slept"
    )]
    pub(crate) fn start() -> Self {
        let (orders, inbox) = channel::<Order>();
        let forced_exit = ForcedExit::default();
        let before_exit = Arc::clone(&forced_exit);
        // Where no thread can be had, there is no watchdog, and the wait goes on.
        let _ = std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || {
                let Ok(mut order) = inbox.recv() else { return };
                loop {
                    let slice = order.within.min(SLICE);
                    let began = Instant::now();
                    match inbox.recv_timeout(slice) {
                        // Each order replaces the one before.
                        Ok(next) => order = next,
                        Err(RecvTimeoutError::Timeout) => {
                            order.within = left(order.within, slice, began.elapsed())
                        }
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                    if order.within.is_zero() {
                        let report = before_exit
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .take();
                        if let Some(report) = report {
                            report(order.exit_code);
                        }
                        end(order.exit_code)
                    }
                }
            });
        Self {
            orders,
            forced_exit,
        }
    }

    /// The process ends with `exit_code` once `within` is over, unless another order comes first.
    pub(crate) fn end_within(&self, within: Duration, exit_code: u8) {
        let _ = self.orders.send(Order { within, exit_code });
    }

    /// What to do before the process is ended; it must not take long. `None` where everything is done already.
    pub(crate) fn set_forced_exit(&self, report: Option<Box<dyn FnOnce(u8) + Send>>) {
        *self
            .forced_exit
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = report;
    }
}

/// Ends the process now.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the orderly way out hangs"
)]
pub(crate) fn end(exit_code: u8) -> ! {
    std::process::exit(i32::from(exit_code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Set in the process that is to be ended.
    const CHILD: &str = "TEST_OF_THE_WATCHDOG";

    #[test]
    fn a_process_that_hangs_is_ended() {
        // It ends its process, so that the test runs once more, as a child.
        #[expect(
            clippy::disallowed_methods,
            reason = "tells the two processes of this test apart"
        )]
        if let Ok(path) = std::env::var(CHILD) {
            let watchdog = Watchdog::start();
            watchdog.set_forced_exit(Some(Box::new(move |code| {
                std::fs::write(path, code.to_string()).unwrap()
            })));
            watchdog.end_within(Duration::from_secs(3600), 5);
            watchdog.end_within(Duration::from_millis(300), 124);
            loop {
                std::thread::park();
            }
        }
        let said = tempfile::NamedTempFile::new().unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "watchdog::tests::a_process_that_hangs_is_ended",
            ])
            .env(CHILD, said.path())
            .output()
            .unwrap()
            .status;
        assert_eq!(status.code(), Some(124));
        assert_eq!(std::fs::read_to_string(said.path()).unwrap(), "124");
    }

    #[test]
    fn sleep_counts_standstill_does_not() {
        let millis = Duration::from_millis;
        assert_eq!(left(millis(1000), SLICE, millis(251)), millis(749));
        assert_eq!(left(millis(100), millis(100), millis(100)), Duration::ZERO);
        assert_eq!(left(millis(1000), SLICE, millis(700)), millis(300));
        assert_eq!(left(millis(1000), SLICE, millis(60_000)), millis(750));
        // A writer that was about to be stopped in the middle of it gets half of the rest.
        assert_eq!(left(millis(200), millis(200), millis(60_000)), millis(100));
    }
}
