//! From an accepted socket to the task that serves it.

use std::{io, net::IpAddr, rc::Rc, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::listener::{ByteStream, ConnectionHandler, Listener};

use super::{
    connection::{self, Accepted},
    guards::ConnectionBudget,
    tls,
    worker::Worker,
};

/// Serves the connections of one worker.
struct Acceptor {
    worker: Rc<Worker>,
    budget: Arc<ConnectionBudget>,
}

/// Serves a listener's connections on a worker until `stop` is cancelled.
///
/// # Errors
/// If the socket can't join the worker's runtime.
pub async fn serve(
    listener: Listener,
    worker: Rc<Worker>,
    budget: Arc<ConnectionBudget>,
    stop: &CancellationToken,
) -> io::Result<()> {
    listener.accept(&Acceptor { worker, budget }, stop).await
}

impl ConnectionHandler for Acceptor {
    type Slot = ();

    /// Over the budget a connection is closed at once, not kept waiting.
    async fn slot(&self) -> io::Result<()> {
        Ok(())
    }

    fn serve(&self, socket: impl ByteStream, peer: Option<IpAddr>, (): ()) {
        // Over the budget the socket is dropped, which closes it.
        let Some(permit) = self.budget.take() else { return };
        let accepted = Accepted::now(peer, permit);
        let worker = Rc::clone(&self.worker);
        let tasks = worker.tasks.clone();
        match worker.tls_acceptor() {
            None => tasks.spawn_local(connection::serve(worker, socket, accepted)),
            Some(tls) => tasks.spawn_local(tls::serve(worker, tls, socket, accepted)),
        };
    }
}
