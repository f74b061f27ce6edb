//! SIGINT and SIGTERM, on a thread of their own, which nothing else can hold up.

use crate::exit_code;
use crate::wait::{Interrupt, Outcome};
use crate::watchdog::Watchdog;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Signals, from now on, as a queue. The first of them starts the watchdog, whatever the wait is doing: the process ends
/// `within` that time. Returns once they are listened to, or after `patience`.
pub(crate) fn listen(watchdog: &Watchdog, within: Duration, patience: Duration) -> UnboundedReceiver<Interrupt> {
    let (sender, receiver) = unbounded_channel();
    let (ready, registered) = std::sync::mpsc::channel::<()>();
    let watchdog = watchdog.clone();
    let listen = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async move {
            let mut signals = Signals::register();
            // Registered: not even the first moments are without it.
            drop(ready);
            let mut is_first = true;
            while let Some(interrupt) = signals.next().await {
                if std::mem::take(&mut is_first) {
                    watchdog.end_within(within, exit_code::of(&Outcome::Cancelled(interrupt)));
                }
                let _ = sender.send(interrupt);
            }
        });
    };
    // Where no thread can be had, a signal ends the process in the system's own way; the first answer stands.
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(listen);
    let _ = registered.recv_timeout(patience);
    receiver
}

#[cfg(unix)]
struct Signals([Option<tokio::signal::unix::Signal>; 2]);

#[cfg(unix)]
impl Signals {
    fn register() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self([SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok()))
    }

    async fn next(&mut self) -> Option<Interrupt> {
        let Self([int, term]) = self;
        tokio::select! {
            Some(()) = async { int.as_mut()?.recv().await } => Some(Interrupt::Int),
            Some(()) = async { term.as_mut()?.recv().await } => Some(Interrupt::Term),
            else => None,
        }
    }
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
