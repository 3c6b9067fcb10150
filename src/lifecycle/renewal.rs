//! What is looked after now and then: certificates that are renewed in their files, as cert-manager
//! and certbot do it (nobody has to send a signal, which nobody remembers until the old one has
//! expired), and journals that nobody writes to any more.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{task::spawn_blocking, time::sleep};

use crate::{evidence::Journals, proxy::ProxyConfig};

/// How often to look. Certificates are renewed days before they expire, and Kubernetes itself
/// takes about as long until a changed secret is in the file.
const INTERVAL: Duration = Duration::from_mins(1);

/// Looks again and again, in whatever configuration is in use by then. Never ends.
pub(super) async fn run(config: Arc<ArcSwap<ProxyConfig>>, journals: Arc<Journals>) {
    loop {
        sleep(INTERVAL).await;
        let (config, journals) = (config.load_full(), Arc::clone(&journals));
        // A panic there has been reported; the certificate in use stays.
        let _ = spawn_blocking(move || {
            config.renew_certificate();
            drop(config); // its journal may be one of them
            journals.release();
        })
        .await;
    }
}
