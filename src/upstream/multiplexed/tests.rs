use std::{cell::Cell, convert::Infallible};

use http::{Request, Response};
use http_body_util::Empty;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::LocalSet};

use super::*;
use crate::policy::{BasePath, settings::ExchangeLimits};
use crate::telemetry::MetricRegistry;
use crate::upstream::{
    self,
    exec::LocalExec,
    settings::{CapSettings, RetryRule, UpgradeProtocols, UpstreamAddress},
};

/// How many connections an upstream has had, and how many of them have ended.
#[derive(Debug, Default)]
struct Count {
    opened: Cell<usize>,
    closed: Cell<usize>,
}

/// An upstream on this thread, and its authority.
async fn upstream(count: &Rc<Count>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = format!("localhost:{}", listener.local_addr().unwrap().port());
    let count = Rc::clone(count);
    spawn_local(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.opened.set(count.opened.get() + 1);
            let service = service_fn(|_: Request<Incoming>| async {
                Ok::<_, Infallible>(Response::new(Empty::<bytes::Bytes>::new()))
            });
            let serving =
                http2::Builder::new(LocalExec).serve_connection(TokioIo::new(socket), service);
            let count = Rc::clone(&count);
            spawn_local(async move {
                let _ = serving.await;
                count.closed.set(count.closed.get() + 1);
            });
        }
    });
    authority
}

fn connections(authority: &str) -> Rc<MultiplexedConnections> {
    let settings = UpstreamSettings {
        name: "app".to_owned(),
        address: UpstreamAddress::H2c(authority.to_owned()),
        endpoints: None,
        path: BasePath::default(),
        connect_timeout: Duration::from_secs(10),
        limits: ExchangeLimits::default(),
        idle_timeout: Duration::from_secs(10),
        max_idle: 1,
        retry: RetryRule::Idempotent,
        caps: CapSettings::default(),
        upgrades: UpgradeProtocols::default(),
        maintenance: None,
        credential: None,
        tls: None,
    };
    let transport = Transport::new(&settings.address, None);
    let idle = Rc::new(IdleConnections::new(1, Duration::from_secs(10)));
    let metrics = upstream::Metrics::register(&MetricRegistry::default());
    let caps = UpstreamCaps::new(&settings.caps, None, metrics.caps("app"));
    MultiplexedConnections::new(&settings, &transport, &idle, &caps)
}

async fn until(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), waiting).await.unwrap();
}

/// Makes all connections old.
fn age(connections: &MultiplexedConnections) {
    for connection in connections.open.borrow().iter() {
        connection.set_renew_at(Instant::now());
    }
}

#[tokio::test]
async fn d9_an_old_connection_is_replaced_and_comes_to_its_end_with_its_last_stream() {
    let work = async {
        let count = Rc::<Count>::default();
        let connections = connections(&upstream(&count).await);
        let first = connections.stream(None).await.unwrap();
        age(&connections);
        // The name is looked up again, while requests go on.
        let second = connections.stream(None).await.unwrap();
        assert_eq!(count.opened.get(), 1);
        until(|| count.opened.get() == 2 && connections.opening.borrow().is_none()).await;
        assert_eq!(connections.open.borrow().len(), 1);
        drop(second);
        assert!(!first.sender().is_closed(), "a stream is left");
        assert_eq!(count.closed.get(), 0);
        drop(first);
        until(|| count.closed.get() == 1).await;
        assert_eq!(count.opened.get(), 2);
    };
    LocalSet::new().run_until(work).await;
}

#[tokio::test]
async fn d9_a_connection_that_cannot_be_replaced_stays() {
    let work = async {
        let count = Rc::<Count>::default();
        let connections = connections(&upstream(&count).await);
        drop(connections.stream(None).await.unwrap());
        age(&connections);
        connections.renewed(Err(ConnectFailure::Timeout(Duration::ZERO))).unwrap_err();
        drop(connections.stream(None).await.unwrap());
        assert!(connections.opening.borrow().is_none(), "not at once again");
        assert_eq!((count.opened.get(), connections.open.borrow().len()), (1, 1));
    };
    LocalSet::new().run_until(work).await;
}
