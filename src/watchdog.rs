//! Ends the process in time when nothing else does.
//!
//! A file system or a reader can hang where no timeout reaches. Whatever of the answer is written by then stands.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// A thread that ends the process, unless it has ended before.
#[derive(Debug)]
pub(crate) struct Watchdog {
    orders: Sender<Order>,
}

struct Order {
    within: Duration,
    exit_code: u8,
}

impl Watchdog {
    /// Starts the thread, which waits for its first order.
    pub(crate) fn start() -> Self {
        let (orders, inbox) = channel::<Order>();
        // Where no thread can be had, there is no watchdog, and the wait goes on.
        let _ = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            let Ok(mut order) = inbox.recv() else { return };
            loop {
                match inbox.recv_timeout(order.within) {
                    // Each order replaces the one before.
                    Ok(next) => order = next,
                    Err(RecvTimeoutError::Timeout) => end(order.exit_code),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Self { orders }
    }

    /// The process ends with `exit_code` once `within` is over, unless another order comes first.
    pub(crate) fn end_within(&self, within: Duration, exit_code: u8) {
        let _ = self.orders.send(Order { within, exit_code });
    }
}

/// Ends the process now.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "the orderly way out hangs")]
pub(crate) fn end(exit_code: u8) -> ! {
    std::process::exit(i32::from(exit_code))
}
