//! From an accepted socket to the task that serves it.

use std::{io, net::IpAddr, rc::Rc, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::listener::{ByteStream, ConnectionHandler, Listener};

use super::{
    bound_listener::BoundListener,
    connection::{self, Accepted},
    guards::ConnectionBudget,
    listener_rules::ListenerRules,
    proxied, tls,
    worker::Worker,
};

/// Serves the connections of one listener on one worker.
struct Acceptor {
    worker: Rc<Worker>,
    listener: Arc<BoundListener>,
    budget: Arc<ConnectionBudget>,
}

/// Serves a listener's connections on a worker until `stop` is cancelled. `socket` is the worker's
/// of that listener.
///
/// # Errors
/// If the socket can't join the worker's runtime.
pub async fn serve(
    socket: Listener,
    listener: Arc<BoundListener>,
    worker: Rc<Worker>,
    budget: Arc<ConnectionBudget>,
    stop: &CancellationToken,
) -> io::Result<()> {
    socket.accept(&Acceptor { worker, listener, budget }, stop).await
}

impl ConnectionHandler for Acceptor {
    type Slot = ();

    /// Over the budget a connection is closed at once, not kept waiting.
    async fn slot(&self) -> io::Result<()> {
        Ok(())
    }

    /// A socket that is dropped is closed.
    fn serve(&self, socket: impl ByteStream, peer: Option<IpAddr>, (): ()) {
        self.budget.count_accepted();
        let serving = self.worker.serving();
        let Some(rules) = serving.listener_rules(self.listener.position()) else {
            return self.listener.refused().removed.inc();
        };
        let Some(accepted) = self.admit(peer, rules) else { return };
        let worker = Rc::clone(&self.worker);
        let tasks = worker.tasks.clone();
        if rules.proxy_protocol.is_some() {
            let (listener, rules) = (Arc::clone(&self.listener), Arc::clone(rules));
            tasks.spawn_local(proxied::serve(worker, listener, rules, socket, accepted));
        } else if let Some(tls) = &rules.tls {
            tasks.spawn_local(tls::serve(worker, Arc::clone(tls), socket, accepted));
        } else {
            tasks.spawn_local(connection::serve(worker, socket, accepted));
        }
    }
}

impl Acceptor {
    /// A connection that may be served, as far as its peer's address can say.
    fn admit(&self, peer: Option<IpAddr>, rules: &ListenerRules) -> Option<Accepted> {
        if rules.proxy_protocol.as_ref().is_some_and(|proxies| !proxies.contains(peer)) {
            self.listener.refused().proxy_peer.inc();
            return None;
        }
        let place = self.listener.take(rules.caps)?;
        let mut accepted = Accepted::now(peer, self.listener.position(), self.budget.take(place)?);
        if rules.proxy_protocol.is_none()
            && let Some(address) = peer
            && !accepted.permit.count_address(address, rules.caps)
        {
            return None;
        }
        Some(accepted)
    }
}
