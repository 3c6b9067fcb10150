//! The moment from which connections are served.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::providers::Providers;

/// How long a silent source keeps connections waiting: several times what a healthy key server
/// takes, and less than clients wait. Tokens of other issuers and public routes must not be delayed
/// any longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Opens once every source that decisions depend on was read for the first time, well or not. Until
/// then connections wait in the listeners' queues, since most requests could only be refused with
/// 503: every start would be a short outage.
pub(super) async fn open(providers: Arc<Providers>, open: CancellationToken) {
    if timeout(PATIENCE, providers.first_read()).await.is_err() {
        let pending = providers.pending_reads().join(", ");
        tracing::warn!(
            waited = ?PATIENCE,
            pending,
            "serving, though not every source has answered yet"
        );
    }
    open.cancel();
}
