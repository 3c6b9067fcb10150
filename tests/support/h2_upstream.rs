//! An upstream that speaks HTTP/2 with prior knowledge and says everything back, as a gRPC service
//! with one bidirectional method would.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    thread,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, request::Parts};
use http_body::{Body, Frame};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The running upstream; stops when dropped.
#[derive(Debug)]
pub(crate) struct H2Upstream {
    address: SocketAddr,
    seen: Arc<Seen>,
    _stop: DropGuard,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    heads: Mutex<Vec<Parts>>,
    trailers: Mutex<Vec<HeaderMap>>,
}

impl H2Upstream {
    pub(crate) fn start() -> Self {
        let stop = CancellationToken::new();
        let seen = Arc::<Seen>::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stopped, seen_there) = (stop.clone(), Arc::clone(&seen));
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = accept(listener, seen_there) => {}
                }
            });
        });
        Self { address, seen, _stop: stop.drop_guard() }
    }

    pub(crate) fn url(&self) -> String {
        format!("h2c://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Every request's head so far.
    pub(crate) fn heads(&self) -> Vec<Parts> {
        self.seen.heads.lock().unwrap().clone()
    }

    /// Every request's trailers so far.
    pub(crate) fn trailers(&self) -> Vec<HeaderMap> {
        self.seen.trailers.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((socket, _)) = listener.accept().await {
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let seen = Arc::clone(&seen);
        let service = service_fn(move |request| {
            let answer = answer(request, &seen);
            async move { Ok::<_, Infallible>(answer) }
        });
        let serving = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(socket), service);
        tokio::spawn(serving);
    }
}

fn answer(request: Request<Incoming>, seen: &Arc<Seen>) -> Response<Echo> {
    let (head, incoming) = request.into_parts();
    let mut response = Response::new(Echo { incoming, seen: Arc::clone(seen), ended: false });
    if let Some(kind) = head.headers.get("content-type") {
        response.headers_mut().insert("content-type", kind.clone());
    }
    response.headers_mut().insert("x-answered-by", HeaderValue::from_static("upstream"));
    seen.heads.lock().unwrap().push(head);
    response
}

/// The request's data as it comes, then `grpc-status: 0`.
struct Echo {
    incoming: Incoming,
    seen: Arc<Seen>,
    ended: bool,
}

impl Body for Echo {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match frame {
            Some(Ok(frame)) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
            Some(Ok(frame)) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.seen.trailers.lock().unwrap().push(trailers);
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => {}
        }
        self.ended = true;
        let status = [("grpc-status", "0"), ("x-checksum", "abc")];
        let status = status.map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
        Poll::Ready(Some(Ok(Frame::trailers(status.into_iter().collect()))))
    }
}
