//! Ends the process in time when nothing else does.
//!
//! A terminal, a file system or a reader can hang where no timeout reaches. Whatever of the answer is written by then
//! stands.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A thread that ends the process, unless it has ended before. Clones give orders to the same thread.
#[derive(Clone)]
pub(crate) struct Watchdog {
    orders: Sender<Order>,
    last_words: LastWords,
}

/// What is still to be done before the process is ended with the exit code.
type LastWords = Arc<Mutex<Option<Box<dyn FnOnce(u8) + Send>>>>;

struct Order {
    within: Duration,
    exit_code: u8,
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchdog")
    }
}

impl Watchdog {
    /// Starts the thread, which waits for its first order.
    pub(crate) fn start() -> Self {
        let (orders, inbox) = channel::<Order>();
        let last_words = LastWords::default();
        let words = Arc::clone(&last_words);
        // Where no thread can be had, there is no watchdog, and the wait goes on.
        let _ = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            let Ok(mut order) = inbox.recv() else { return };
            loop {
                match inbox.recv_timeout(order.within) {
                    // Each order replaces the one before.
                    Ok(next) => order = next,
                    Err(RecvTimeoutError::Timeout) => {
                        let words = words.lock().unwrap_or_else(PoisonError::into_inner).take();
                        if let Some(speak) = words {
                            speak(order.exit_code);
                        }
                        end(order.exit_code)
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Self { orders, last_words }
    }

    /// The process ends with `exit_code` once `within` is over, unless another order comes first.
    pub(crate) fn end_within(&self, within: Duration, exit_code: u8) {
        let _ = self.orders.send(Order { within, exit_code });
    }

    /// What to do before the process is ended; it must not take long. `None` where everything is done already.
    pub(crate) fn set_last_words(&self, words: Option<Box<dyn FnOnce(u8) + Send>>) {
        *self.last_words.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }
}

/// Ends the process now.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "the orderly way out hangs")]
pub(crate) fn end(exit_code: u8) -> ! {
    std::process::exit(i32::from(exit_code))
}
