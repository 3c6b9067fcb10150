//! When the providers of a new configuration can take the place of the running ones.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use crate::{clock::Clock, keys::LiveKeySet};

use super::Providers;

/// The new configuration lacks what the running one has.
#[derive(Debug, thiserror::Error)]
#[error("not ready within {deadline:?}: {}", missing.join("; "))]
pub struct NotUsable {
    deadline: Duration,
    missing: Vec<String>,
}

impl Providers {
    /// Waits until these can decide all that `running` can. What goes on from there is not waited
    /// for, whatever its state. Of a source that is not required, or that `running` lacks as well, one
    /// attempt is waited for: the new configuration may be what mends it, and to refuse it would
    /// mend nothing.
    ///
    /// # Errors
    /// [`NotUsable`]: a source that `running` has is not there after `deadline`.
    pub async fn usable_in_place_of(
        &self,
        running: &Self,
        clock: &dyn Clock,
        deadline: Duration,
    ) -> Result<(), NotUsable> {
        let (until, now) = (Instant::now() + deadline, clock.now());
        let (lacked, needed): (Vec<_>, Vec<_>) = self
            .key_sets()
            .filter(|keys| running.key_sets().all(|running| !Arc::ptr_eq(running, keys)))
            .partition(|keys| {
                let mut running = running.key_sets();
                let lacked =
                    |it: &LiveKeySet| it.name() == keys.name() && it.missing(now).is_some();
                !self.awaits(keys) || running.any(|it| lacked(it))
            });
        let needs_list = running.revocations.pending(now).is_none();
        let there = async {
            for keys in &needed {
                keys.usable().await;
            }
            if needs_list {
                self.revocations.readiness().usable().ready().await;
            }
        };
        if timeout_at(until, there).await.is_err() {
            let now = clock.now();
            let keys = needed.iter().filter_map(|keys| keys.pending(now));
            let list = self.revocations.pending(now).filter(|_| needs_list);
            return Err(NotUsable { deadline, missing: keys.chain(list).collect() });
        }
        // Past the deadline they are missing still, as they are now.
        let _ = timeout_at(until, self.attempted(&lacked)).await;
        Ok(())
    }

    async fn attempted(&self, keys: &[&Arc<LiveKeySet>]) {
        for keys in keys {
            keys.first_read().await;
        }
        self.revocations.list_read().await;
    }
}
