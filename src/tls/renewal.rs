//! Takes certificates that were renewed in their files into use. cert-manager and certbot replace
//! files without sending a signal.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use tokio::task::spawn_blocking;

use crate::{
    clock::{Clock, SystemClock, UnixTime},
    refresh::{Confirmation, ContentAge, Refresh, RefreshPlan, Refreshed, Schedule, keep_fresh},
};

use super::{ServerTls, TlsError, server::InUse};

/// The task that loads renewed certificates and revocation lists into the current configuration.
pub(crate) async fn keep_renewed(in_use: impl Fn() -> Vec<Arc<ServerTls>> + Send + Sync + 'static) {
    keep_fresh(CertificateRenewal { in_use: Arc::new(in_use), warned: BTreeSet::new() }).await;
}

#[derive(Clone)]
struct CertificateRenewal {
    in_use: Arc<dyn Fn() -> Vec<Arc<ServerTls>> + Send + Sync>,
    /// The certificates that clients refuse at present, each said once.
    warned: BTreeSet<String>,
}

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
    /// Of each listener whose files have changed.
    type Content = Vec<(Arc<ServerTls>, InUse)>;
    /// A file that can't be read keeps what is in use of its listener, and delays no other.
    type Error = Infallible;

    /// No check is cheaper than reading.
    const LOOK_INTERVAL: Duration = INTERVAL;

    fn content_age(&self) -> Option<&ContentAge> {
        None
    }

    async fn read(&mut self) -> Result<Refreshed<Self::Content>, Infallible> {
        let confirmed = Confirmation::now(&SystemClock);
        let listeners = (self.in_use)();
        let read = spawn_blocking(move || listeners.into_iter().filter_map(renewed).collect());
        // A panic there has been reported; the certificates in use stay.
        let changed: Vec<_> = read.await.unwrap_or_default();
        self.warn_of_refused(SystemClock.now());
        let content = (!changed.is_empty()).then_some(changed);
        Ok(Refreshed { content, max_age: None, confirmed })
    }

    fn replace(&mut self, changed: Self::Content) -> bool {
        for (tls, renewed) in changed {
            let now = SystemClock.now();
            let problem = renewed.files.validity_problems(now).map(|(_, problem)| problem).next();
            let section = &tls.settings.section;
            match problem {
                None => tracing::info!(section, "the renewed certificate is in use"),
                Some(problem) => {
                    tracing::warn!(section, problem, "the renewed certificate is in use");
                }
            }
            tls.in_use.store(Arc::new(renewed));
        }
        true
    }

    fn failed(&mut self, error: &Infallible, _wait: Duration) {
        match *error {}
    }
}

impl CertificateRenewal {
    /// Nothing happens when a certificate expires, but that clients refuse it.
    fn warn_of_refused(&mut self, now: UnixTime) {
        let listeners = (self.in_use)();
        let refused: BTreeSet<_> = listeners.iter().filter_map(|tls| tls.problem(now)).collect();
        for problem in refused.difference(&self.warned) {
            tracing::warn!(
                problem,
                hint = "renew the file, which is taken into use within a minute",
                "clients refuse a certificate of ours"
            );
        }
        self.warned = refused;
    }
}

/// What the files of a listener hold, if that is new. They can't be read, for example, between the
/// writing of one file and of the other.
fn renewed(tls: Arc<ServerTls>) -> Option<(Arc<ServerTls>, InUse)> {
    match tls.changed() {
        Ok(changed) => changed.map(|renewed| (tls, renewed)),
        Err(error) => {
            tracing::warn!(%error, "the certificate in use is kept");
            None
        }
    }
}

impl ServerTls {
    /// What the files hold, if they hold other certificates than before.
    fn changed(&self) -> Result<Option<InUse>, TlsError> {
        let files = self.settings.read_files()?;
        if let Some(problem) = files.revocation_problem(SystemClock.now()) {
            let section = &self.settings.section;
            tracing::warn!(section, problem, "certificates of clients are refused");
        }
        if files.is_same(&self.in_use.load().files) {
            return Ok(None);
        }
        InUse::new(&self.settings, files).map(Some)
    }
}

#[cfg(test)]
mod tests;
