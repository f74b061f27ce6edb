//! SIGINT, SIGTERM and SIGHUP, on a thread of their own, which nothing else can hold up.

use crate::outcome::{Interrupt, Outcome};
use crate::watchdog::Watchdog;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Signals, from now on, as a queue. The first of them starts the watchdog, whatever the wait is doing: the process ends
/// `within` that time. Returns once they are listened to, or after `patience`.
pub(crate) fn listen(
    watchdog: &Watchdog,
    within: Duration,
    patience: Duration,
) -> UnboundedReceiver<Interrupt> {
    let (sender, receiver) = unbounded_channel();
    let (ready, registered) = std::sync::mpsc::channel::<()>();
    let watchdog = watchdog.clone();
    let listen = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
        else {
            return;
        };
        runtime.block_on(async move {
            let mut signals = Signals::register();
            // Registered: not even the first moments are without it.
            drop(ready);
            let mut is_first = true;
            while let Some(interrupt) = signals.next().await {
                if std::mem::take(&mut is_first) {
                    watchdog.end_within(within, Outcome::Cancelled(interrupt).exit_code());
                }
                let _ = sender.send(interrupt);
            }
        });
    };
    // Where no thread can be had, a signal ends the process in the system's own way; the outputs written first stay.
    let _ = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen);
    let _ = registered.recv_timeout(patience);
    receiver
}

#[cfg(unix)]
struct Signals {
    heard: [Option<tokio::signal::unix::Signal>; 3],
    /// Kept, so that a file that reaches the limit of `ulimit -f` is an error of that file and not the end of the process.
    _too_large: Option<tokio::signal::unix::Signal>,
}

/// `SIGXFSZ` of Linux and macOS.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

#[cfg(unix)]
impl Signals {
    fn register() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let [int, term] =
            [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok());
        // Started with `nohup`, the wait is meant to outlive the terminal. Only Linux shows that.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hup = if is_hangup_heard(&status) {
            signal(SignalKind::hangup()).ok()
        } else {
            None
        };
        Self {
            heard: [int, term, hup],
            _too_large: signal(SignalKind::from_raw(SIGXFSZ)).ok(),
        }
    }

    async fn next(&mut self) -> Option<Interrupt> {
        let [int, term, hup] = &mut self.heard;
        tokio::select! {
            Some(()) = async { int.as_mut()?.recv().await } => Some(Interrupt::Int),
            Some(()) = async { term.as_mut()?.recv().await } => Some(Interrupt::Term),
            Some(()) = async { hup.as_mut()?.recv().await } => Some(Interrupt::Hup),
            else => None,
        }
    }
}

/// Whether the process was started with SIGHUP as it is by default: the first bit of the signals that are ignored.
#[cfg(unix)]
fn is_hangup_heard(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 0)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn register() -> Self {
        Self
    }

    async fn next(&mut self) -> Option<Interrupt> {
        tokio::signal::ctrl_c().await.ok().map(|()| Interrupt::Int)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::is_hangup_heard;

    #[test]
    fn ignored_hangup_stays_ignored() {
        assert!(is_hangup_heard(
            "SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n"
        ));
        assert!(!is_hangup_heard(
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n"
        ));
        assert!(!is_hangup_heard(""));
        assert!(!is_hangup_heard("SigIgn:\tnone\n"));
    }
}
