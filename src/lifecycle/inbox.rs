//! What the control thread is to do, from wherever it comes.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::admin::control::ReloadRequest;

use super::{
    drain::Grace,
    reload::{PendingReload, ReloadSource},
};

/// Commands to the control thread.
#[derive(Debug)]
pub(super) enum ControlCommand {
    /// Load another configuration, and report the verdict.
    Reload(PendingReload),
    /// Stop gently.
    Stop(Grace),
}

/// Where commands come from.
pub(super) struct ControlChannels {
    /// Of the server's handle.
    pub(super) commands: mpsc::Receiver<ControlCommand>,
    /// Of the private listener, which gets `reloads`.
    pub(super) requested: mpsc::Receiver<ReloadRequest>,
    pub(super) reloads: mpsc::Sender<ReloadRequest>,
}

/// Commands that wait. Each channel is bounded.
pub(super) struct Inbox {
    pub(super) commands: mpsc::Receiver<ControlCommand>,
    pub(super) requested: mpsc::Receiver<ReloadRequest>,
    /// Of the watcher.
    pub(super) watched: mpsc::Receiver<PendingReload>,
}

/// What the control thread does next.
pub(super) enum NextCommand {
    Reload(PendingReload),
    Stop(Grace),
    /// Nothing any more: the workers have ended.
    Finished,
}

impl Inbox {
    /// The next command. Dropped, it has taken none.
    pub(super) async fn next(&mut self, finished: &CancellationToken) -> NextCommand {
        tokio::select! {
            Some(command) = self.commands.recv() => match command {
                ControlCommand::Reload(reload) => NextCommand::Reload(reload),
                ControlCommand::Stop(grace) => NextCommand::Stop(grace),
            },
            Some(ReloadRequest { trigger, done }) = self.requested.recv() => {
                let source = ReloadSource::Reread;
                NextCommand::Reload(PendingReload { source, trigger, done })
            }
            Some(reload) = self.watched.recv() => NextCommand::Reload(reload),
            () = finished.cancelled() => NextCommand::Finished,
        }
    }
}
