//! The moment from which connections are served.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::providers::Providers;

/// How long a source that says nothing keeps connections waiting: several times what a key server
/// that is well takes, and less than clients wait for. Tokens of other issuers and public routes
/// must not stand still for it any longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Opens once every source that decisions depend on was read for the first time, well or not.
/// Until then connections wait in the listeners' queues, since all that could be said to most of
/// them is that nobody can decide yet: every start would be a short outage.
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
