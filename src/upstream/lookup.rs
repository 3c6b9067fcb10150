//! The addresses of an upstream's name.

use std::{cell::RefCell, future::Future, io, net::SocketAddr, rc::Rc};

use tokio::{net::lookup_host, sync::watch, task::spawn_local};

/// One lookup at a time, for all requests of a worker to one upstream. The system's resolver
/// takes a thread until it answers, even if its waiters have gone: if it hangs, each new request
/// would take another one, and signing and held bodies need those threads as well.
#[derive(Debug, Default)]
pub(super) struct NameLookup {
    /// Of an endpoint that is one address of a name.
    known: Option<SocketAddr>,
    under_way: RefCell<Option<watch::Receiver<Resolved>>>,
}

/// `None`: no answer yet.
type Resolved = Option<Result<Vec<SocketAddr>, ResolveError>>;

/// An [`io::Error`] for all who wait.
#[derive(Debug, Clone)]
struct ResolveError(io::ErrorKind, String);

impl NameLookup {
    /// Whatever the name, its address is this one.
    pub(super) fn known(address: SocketAddr) -> Self {
        Self { known: Some(address), ..Self::default() }
    }

    /// The addresses of `host:port`. An address is its own.
    ///
    /// # Errors
    /// There are none, or that is unknown.
    pub(super) async fn addresses(self: &Rc<Self>, authority: &str) -> io::Result<Vec<SocketAddr>> {
        if let Some(address) = self.known.or_else(|| authority.parse().ok()) {
            return Ok(vec![address]);
        }
        let authority = authority.to_owned();
        self.join(async move { Ok(lookup_host(authority).await?.collect()) }).await
    }

    /// Waits for the lookup in flight, or begins this one. Dropping the future affects no other.
    async fn join(
        self: &Rc<Self>,
        lookup: impl Future<Output = io::Result<Vec<SocketAddr>>> + 'static,
    ) -> io::Result<Vec<SocketAddr>> {
        // One that ended without a result was abandoned.
        let under_way = self.under_way.borrow().clone().filter(|it| it.has_changed().is_ok());
        let mut answer = under_way.unwrap_or_else(|| self.begin(lookup));
        let landed = answer.wait_for(Option::is_some).await;
        match landed.ok().and_then(|outcome| outcome.clone()) {
            Some(Ok(addresses)) => Ok(addresses),
            Some(Err(ResolveError(kind, text))) => Err(io::Error::new(kind, text)),
            None => Err(io::Error::other("the lookup was given up")),
        }
    }

    fn begin(
        self: &Rc<Self>,
        lookup: impl Future<Output = io::Result<Vec<SocketAddr>>> + 'static,
    ) -> watch::Receiver<Resolved> {
        let (answer, waiting) = watch::channel(None);
        *self.under_way.borrow_mut() = Some(waiting.clone());
        let this = Rc::clone(self);
        spawn_local(async move {
            let found = lookup.await.map_err(|error| ResolveError(error.kind(), error.to_string()));
            // In this order: a lookup after a waiter has the result must be a new one.
            this.under_way.borrow_mut().take();
            answer.send_replace(Some(found));
        });
        waiting
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::{sync::oneshot, task::LocalSet};

    use super::*;

    fn at(port: u16) -> Vec<SocketAddr> {
        vec![SocketAddr::from(([127, 0, 0, 1], port))]
    }

    #[tokio::test]
    async fn those_who_come_meanwhile_wait_for_the_same_lookup_though_the_first_goes_away() {
        let local = LocalSet::new();
        local
            .run_until(async {
                let lookup = Rc::<NameLookup>::default();
                let count = Rc::new(Cell::new(0));
                let (answer, held) = oneshot::channel();
                let counted = Rc::clone(&count);
                let first = async {
                    let held = async move {
                        counted.set(counted.get() + 1);
                        held.await.unwrap()
                    };
                    lookup.join(held).await
                };
                // The first begins the lookup, and is dropped before there is a result.
                tokio::select! {
                    biased;
                    _ = first => panic!("no answer was given"),
                    () = tokio::task::yield_now() => {}
                }
                let second = lookup.join(async { panic!("a second lookup") });
                let (found, ()) = tokio::join!(second, async { answer.send(Ok(at(1))).unwrap() });
                assert_eq!(found.unwrap(), at(1));
                assert_eq!(count.get(), 1);
                assert_eq!(lookup.join(async { Ok(at(2)) }).await.unwrap(), at(2), "again");
                let error = lookup.join(async { Err(io::ErrorKind::NotFound.into()) }).await;
                assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NotFound);
            })
            .await;
    }

    #[tokio::test]
    async fn an_address_needs_no_lookup_and_a_name_has_one() {
        let local = LocalSet::new();
        local
            .run_until(async {
                let lookup = Rc::<NameLookup>::default();
                assert_eq!(lookup.addresses("127.0.0.1:7").await.unwrap(), at(7));
                assert!(lookup.addresses("[::1]:7").await.unwrap()[0].is_ipv6());
                let local = lookup.addresses("localhost:7").await.unwrap();
                assert!(
                    local.iter().all(|address| address.ip().is_loopback()) && !local.is_empty()
                );
                assert!(lookup.addresses("name.invalid:7").await.is_err());
            })
            .await;
    }
}
