//! Name lookups, with a note of those that are under way: a request that runs out of time says whether it was this.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::BTreeSet;
use std::net::ToSocketAddrs;
use std::sync::{Arc, Mutex, PoisonError};

/// Resolves names as the system does.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookups {
    /// Names whose lookup has begun and not ended.
    pending: Arc<Mutex<BTreeSet<String>>>,
}

impl Lookups {
    /// Whether a name is still being looked up.
    pub(super) fn is_pending(&self, name: &str) -> bool {
        self.with(|pending| pending.contains(name))
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        use_it(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Resolve for Lookups {
    fn resolve(&self, name: Name) -> Resolving {
        let lookups = self.clone();
        let name = name.as_str().to_owned();
        lookups.with(|pending| pending.insert(name.clone()));
        Box::pin(async move {
            // The system's resolver blocks. Where it hangs, nothing waits for its thread.
            let found = tokio::task::spawn_blocking(move || {
                let found = (name.as_str(), 0).to_socket_addrs();
                lookups.with(|pending| pending.remove(&name));
                found
            });
            let addresses = found.await??;
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
