//! The moment from which connections are served.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, providers::Providers};

/// How long a source that says nothing keeps connections waiting: several times what a key server
/// that is well takes, and less than clients wait for. Tokens of other issuers and public routes
/// must not stand still for it any longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// A file is read within this time.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Opens once every source that decisions depend on was read for the first time, well or not.
/// Until then connections wait in the listeners' queues, since all that could be said to most of
/// them is that nobody can decide yet: every start would be a short outage.
pub(super) async fn open(
    providers: Arc<Providers>,
    clock: Arc<dyn Clock>,
    open: CancellationToken,
) {
    let tried = async {
        while !providers.were_tried(clock.now()) {
            sleep(LOOK_INTERVAL).await;
        }
    };
    if timeout(PATIENCE, tried).await.is_err() {
        tracing::warn!(waited = ?PATIENCE, "serving, though not every source has answered yet");
    }
    open.cancel();
}
