//! Takes certificates that were renewed in their files into use. cert-manager and certbot replace
//! files without sending a signal.

use std::{sync::Arc, time::Duration};

use tokio::task::spawn_blocking;

use crate::{
    clock::{Clock, SystemClock},
    refresh::{Confirmation, ContentAge, Refresh, RefreshPlan, Refreshed, Schedule, keep_fresh},
};

use super::{ServerTls, TlsError, server::InUse};

/// The task that loads renewed certificates into the current configuration.
pub(crate) async fn keep_renewed(
    in_use: impl Fn() -> Option<Arc<ServerTls>> + Send + Sync + 'static,
) {
    keep_fresh(CertificateRenewal(Arc::new(in_use))).await;
}

#[derive(Clone)]
struct CertificateRenewal(Arc<dyn Fn() -> Option<Arc<ServerTls>> + Send + Sync>);

/// How often the files are read. Certificates are renewed days before they expire, and Kubernetes
/// itself takes about as long until a changed secret is in the file.
pub(super) const INTERVAL: Duration = Duration::from_mins(1);

impl RefreshPlan for CertificateRenewal {
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
        tracing::error!(cause, "the renewal of certificates failed");
    }
}

impl Refresh for CertificateRenewal {
    type Content = (Arc<ServerTls>, InUse);
    type Error = TlsError;

    /// No check is cheaper than reading.
    const LOOK_INTERVAL: Duration = INTERVAL;

    fn content_age(&self) -> Option<&ContentAge> {
        None
    }

    async fn read(&mut self) -> Result<Refreshed<Self::Content>, TlsError> {
        let confirmed = Confirmation::now(&SystemClock);
        let tls = (self.0)();
        let read = spawn_blocking(move || {
            let tls = tls?;
            tls.changed().map(|changed| Some((tls, changed?))).transpose()
        });
        // A panic there has been reported; the certificate in use stays.
        let content = read.await.ok().flatten().transpose()?;
        Ok(Refreshed { content, max_age: None, confirmed })
    }

    fn replace(&mut self, (tls, renewed): Self::Content) -> bool {
        let problem = renewed.files.validity_problem(SystemClock.now());
        tls.in_use.store(Arc::new(renewed));
        match problem {
            None => tracing::info!("the renewed certificate is in use"),
            Some(problem) => tracing::warn!(problem, "the renewed certificate is in use"),
        }
        true
    }

    /// Such as between the writing of one file and of the other.
    fn failed(&mut self, error: &TlsError, _wait: Duration) {
        tracing::warn!(%error, "the certificate in use is kept");
    }
}

impl ServerTls {
    /// What the files hold, if they hold other certificates than before.
    fn changed(&self) -> Result<Option<InUse>, TlsError> {
        let files = self.settings.read_files()?;
        if files.is_same(&self.in_use.load().files) {
            return Ok(None);
        }
        InUse::new(&self.settings, files).map(Some)
    }
}

#[cfg(test)]
mod tests;
