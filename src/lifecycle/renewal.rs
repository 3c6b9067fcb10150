//! Certificates that are renewed in their files, as cert-manager and certbot do it. Nobody has to
//! send a signal, which nobody remembers until the old one has expired.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{task::spawn_blocking, time::sleep};

use crate::proxy::Engine;

/// How often to look. Certificates are renewed days before they expire, and Kubernetes itself
/// takes about as long until a changed secret is in the file.
const INTERVAL: Duration = Duration::from_mins(1);

/// Looks again and again, in whatever configuration is in use by then. Never ends.
pub(super) async fn run(engine: Arc<ArcSwap<Engine>>) {
    loop {
        sleep(INTERVAL).await;
        let engine = engine.load_full();
        // A panic there has been reported; the certificate in use stays.
        let _ = spawn_blocking(move || engine.renew_certificate()).await;
    }
}
