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
        let Self { commands, requested, watched } = self;
        tokio::select! {
            next = given(commands, requested, finished) => next,
            Some(reload) = watched.recv() => NextCommand::Reload(reload),
        }
    }

    /// The next command that ends a reload under way. What the watcher has seen does not: mostly
    /// it is what is being loaded, and an operator waits for that verdict. Dropped, it has taken
    /// none.
    pub(super) async fn overtaking(&mut self, finished: &CancellationToken) -> NextCommand {
        given(&mut self.commands, &mut self.requested, finished).await
    }
}

async fn given(
    commands: &mut mpsc::Receiver<ControlCommand>,
    requested: &mut mpsc::Receiver<ReloadRequest>,
    finished: &CancellationToken,
) -> NextCommand {
    tokio::select! {
        Some(command) = commands.recv() => match command {
            ControlCommand::Reload(reload) => NextCommand::Reload(reload),
            ControlCommand::Stop(grace) => NextCommand::Stop(grace),
        },
        Some(ReloadRequest { trigger, done }) = requested.recv() => {
            let source = ReloadSource::Reread;
            NextCommand::Reload(PendingReload { source, trigger, done })
        }
        () = finished.cancelled() => NextCommand::Finished,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::oneshot, time::timeout};

    use super::*;
    use crate::{admin::control::ReloadTrigger, refresh::FileSnapshot};

    #[tokio::test]
    async fn what_the_watcher_has_seen_waits_for_the_reload_under_way() {
        let (_commands, commands) = mpsc::channel(1);
        let (request, requested) = mpsc::channel(1);
        let (watcher, watched) = mpsc::channel(1);
        let mut inbox = Inbox { commands, requested, watched };
        let finished = CancellationToken::new();
        let (source, trigger) = (ReloadSource::Seen(FileSnapshot::default()), ReloadTrigger::Watch);
        watcher.try_send(PendingReload { source, trigger, done: oneshot::channel().0 }).unwrap();
        let overtaking = timeout(Duration::ZERO, inbox.overtaking(&finished)).await;
        assert!(overtaking.is_err(), "nothing is there that would");
        let trigger = ReloadTrigger::Request;
        request.try_send(ReloadRequest { trigger, done: oneshot::channel().0 }).unwrap();
        for expected in [ReloadTrigger::Request, ReloadTrigger::Watch] {
            let next = match expected {
                ReloadTrigger::Request => inbox.overtaking(&finished).await,
                _ => inbox.next(&finished).await,
            };
            let NextCommand::Reload(reload) = next else { panic!("no reload") };
            assert_eq!(reload.trigger, expected);
        }
    }
}
