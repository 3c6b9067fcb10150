//! Takes authorities and client certificates that were renewed in their files into use.

use std::{sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::Instant};

use crate::{
    clock::{Clock, SystemClock},
    refresh::{Confirmation, ContentAge, Refresh, RefreshPlan, Refreshed, Schedule, keep_fresh},
    tls::renewal::INTERVAL,
};

use super::{SESSION_LIFETIME, UpstreamTls, UpstreamTlsError, UpstreamTlsFiles, UpstreamTlsState};

/// Those of the current configuration.
pub(crate) type UpstreamsInUse = dyn Fn() -> Vec<Arc<UpstreamTls>> + Send + Sync;

/// The task that loads renewed files into the current configuration.
pub(crate) async fn keep_upstreams_renewed(
    in_use: impl Fn() -> Vec<Arc<UpstreamTls>> + Send + Sync + 'static,
) {
    keep_fresh(UpstreamTlsRenewal(Arc::new(in_use))).await;
}

#[derive(Clone)]
struct UpstreamTlsRenewal(Arc<UpstreamsInUse>);

/// What one upstream is to use from now on.
struct RenewedUpstreamTls {
    tls: Arc<UpstreamTls>,
    in_use: UpstreamTlsState,
}

impl RefreshPlan for UpstreamTlsRenewal {
    type Refresh = Self;

    fn refresh(&self) -> Self {
        self.clone()
    }

    fn schedule(&self) -> Schedule {
        Schedule::every(INTERVAL)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    fn panicked(&self, cause: String, _pause: Duration) {
        tracing::error!(cause, "the renewal of TLS to upstreams failed");
    }
}

impl Refresh for UpstreamTlsRenewal {
    type Content = Vec<RenewedUpstreamTls>;
    /// One upstream's files do not keep another's from being renewed.
    type Error = Vec<UpstreamTlsError>;

    /// No check is cheaper than reading.
    const LOOK_INTERVAL: Duration = INTERVAL;

    fn content_age(&self) -> Option<&ContentAge> {
        None
    }

    async fn read(&mut self) -> Result<Refreshed<Self::Content>, Self::Error> {
        let confirmed = Confirmation::now(&SystemClock);
        let upstreams = (self.0)();
        let read = spawn_blocking(move || {
            let renewed = upstreams.into_iter().filter_map(|tls| renewed(tls).transpose());
            renewed.partition::<Vec<_>, _>(Result::is_ok)
        });
        // A panic there has been reported; what is in use stays.
        let (renewed, failed) = read.await.unwrap_or_default();
        let renewed: Vec<_> = renewed.into_iter().flatten().collect();
        let failed: Vec<_> = failed.into_iter().filter_map(Result::err).collect();
        if renewed.is_empty() && !failed.is_empty() {
            return Err(failed);
        }
        self.failed(&failed, INTERVAL);
        let content = (!renewed.is_empty()).then_some(renewed);
        Ok(Refreshed { content, max_age: None, confirmed })
    }

    fn replace(&mut self, renewed: Self::Content) -> bool {
        for RenewedUpstreamTls { tls, in_use } in renewed {
            let has_changed = !in_use.files.is_same(&tls.in_use.load().files);
            tls.in_use.store(Arc::new(in_use));
            if has_changed {
                let upstream = &tls.upstream;
                tracing::info!(upstream, "the renewed certificates for TLS are in use");
            }
        }
        true
    }

    /// Such as between the writing of one file and of the other.
    fn failed(&mut self, errors: &Self::Error, _wait: Duration) {
        for error in errors {
            tracing::warn!(%error, "what is in use is kept");
        }
    }
}

/// What the files hold, if that is something else, or if the sessions are too old.
fn renewed(tls: Arc<UpstreamTls>) -> Result<Option<RenewedUpstreamTls>, UpstreamTlsError> {
    let at = |(key, problem)| UpstreamTlsError { upstream: tls.upstream.clone(), key, problem };
    let earlier = tls.in_use.load_full();
    let files = UpstreamTlsFiles::read(&tls.settings, Some(&earlier.files)).map_err(at)?;
    let are_sessions_young = Instant::now().duration_since(earlier.since) < SESSION_LIFETIME;
    if are_sessions_young && files.is_same(&earlier.files) {
        return Ok(None);
    }
    let in_use =
        UpstreamTlsState::new(&tls.upstream, &tls.settings, &tls.metrics, files).map_err(at)?;
    Ok(Some(RenewedUpstreamTls { tls, in_use }))
}

#[cfg(test)]
mod tests;
