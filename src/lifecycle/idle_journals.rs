//! Closes the journals of earlier configurations once their last request has ended.

use std::{sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::sleep};

use crate::evidence::Journals;

/// How often to look. Until then the folder stays locked and its thread idle.
const INTERVAL: Duration = Duration::from_mins(1);

/// Never ends.
pub(super) async fn run(journals: Arc<Journals>) {
    loop {
        sleep(INTERVAL).await;
        let journals = Arc::clone(&journals);
        // A panic there has been reported.
        let _ = spawn_blocking(move || journals.release()).await;
    }
}
