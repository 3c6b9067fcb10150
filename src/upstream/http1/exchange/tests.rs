use std::{future::poll_fn, pin::Pin, rc::Rc, time::Duration};

use http::Request;
use http_body::Frame;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::{LocalSet, yield_now},
};

use super::{super::BrokenBody, *};

/// A body whose parts come when a test sends them.
struct Parts(UnboundedReceiver<Result<&'static [u8], &'static str>>);

type Sender = UnboundedSender<Result<&'static [u8], &'static str>>;

impl Body for Parts {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let part = self.0.poll_recv(cx);
        part.map(|part| part.map(|part| part.map(Bytes::from_static).map(Frame::data)))
    }
}

type Answered = Result<Response<Http1Body<DuplexStream>>, ExchangeFailure>;

/// The upstream's end of a connection, and the pool that ours is given back to.
struct Scene {
    upstream: DuplexStream,
    ours: Option<DuplexStream>,
    home: Rc<IdleConnections<DuplexStream>>,
}

impl Scene {
    fn new() -> Self {
        let (upstream, ours) = duplex(64 * 1024);
        let home = Rc::new(IdleConnections::new(10, Duration::from_mins(1)));
        Self { upstream, ours: Some(ours), home }
    }

    /// What is answered to a request with this body.
    fn exchange(&mut self, body: Parts) -> impl Future<Output = Answered> + use<> {
        let mut request = OutgoingRequest::of(Request::put("/").body(body).unwrap());
        let connection = Http1Connection::new(self.ours.take().unwrap());
        let home = Rc::downgrade(&self.home);
        async move {
            let mut exchange = Http1Exchange::new(connection, &mut request);
            poll_fn(|cx| exchange.poll(cx, &home)).await
        }
    }

    /// The answer to a request whose upload has not ended.
    async fn answer_early(&mut self, answer: &[u8]) -> (Response<Http1Body<DuplexStream>>, Sender) {
        let (sender, body): (Sender, _) = unbounded_channel();
        sender.send(Ok(b"first")).unwrap();
        let mut exchange = Box::pin(self.exchange(Parts(body)));
        assert!(poll_fn(|cx| Poll::Ready(exchange.as_mut().poll(cx).is_pending())).await);
        self.upstream.write_all(answer).await.unwrap();
        (exchange.await.unwrap(), sender)
    }

    async fn answer(&mut self, answer: &[u8]) -> Response<Http1Body<DuplexStream>> {
        let (sender, body) = unbounded_channel();
        drop(sender);
        let mut exchange = Box::pin(self.exchange(Parts(body)));
        assert!(poll_fn(|cx| Poll::Ready(exchange.as_mut().poll(cx).is_pending())).await);
        self.upstream.write_all(answer).await.unwrap();
        exchange.await.unwrap()
    }

    /// What the upstream has received and can be read now.
    async fn received(&mut self) -> String {
        let mut bytes = [0; 1024];
        let length = self.upstream.read(&mut bytes).await.unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Whether the connection was given back.
    fn is_kept(&self) -> bool {
        self.home.take(true).is_some()
    }
}

/// The rest of a body.
async fn rest(body: &mut Http1Body<DuplexStream>) -> Result<Vec<u8>, BrokenBody> {
    let mut data = Vec::new();
    loop {
        match body.received() {
            Poll::Ready(Some(frame)) => data.extend_from_slice(&frame?.into_data().unwrap()),
            Poll::Ready(None) => return Ok(data),
            Poll::Pending => drop(poll_fn(|cx| body.poll_receive(cx, FIRST_READ)).await?),
        }
    }
}

async fn on_one_thread(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n";

#[tokio::test]
async fn an_upload_goes_on_although_its_answer_is_not_taken() {
    on_one_thread(async {
        let mut scene = Scene::new();
        let (answer, upload) = scene.answer_early(CHUNKED).await;
        assert!(scene.received().await.ends_with("\r\n\r\n5\r\nfirst\r\n"));
        upload.send(Ok(b"second")).unwrap();
        assert_eq!(scene.received().await, "6\r\nsecond\r\n");
        drop(upload);
        assert_eq!(scene.received().await, "0\r\n\r\n");
        scene.upstream.write_all(b"0\r\n\r\n").await.unwrap();
        assert_eq!(rest(&mut answer.into_body()).await.unwrap(), b"body");
        assert!(!scene.is_kept());
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_breaks_its_answer_off() {
    on_one_thread(async {
        let mut scene = Scene::new();
        let (mut answer, upload) = scene.answer_early(CHUNKED).await;
        upload.send(Err("gone")).unwrap();
        let broken = rest(answer.body_mut()).await.unwrap_err();
        assert!(matches!(broken, BrokenBody::Upload(_)), "{broken}");
        assert!(rest(answer.body_mut()).await.is_err(), "and stays so");
        scene.received().await;
        assert_eq!(scene.received().await, "", "the connection is closed");
    })
    .await;
}

#[tokio::test]
async fn the_end_of_an_answer_is_the_end_of_its_upload() {
    on_one_thread(async {
        for whole in [true, false] {
            let mut scene = Scene::new();
            let head = &b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\n"[..];
            let first = if whole { [head, b"full"].concat() } else { head.to_vec() };
            let (answer, upload) = scene.answer_early(&first).await;
            if !whole {
                scene.upstream.write_all(b"full").await.unwrap();
            }
            let mut body = answer.into_body();
            assert_eq!(rest(&mut body).await.unwrap(), b"full");
            yield_now().await;
            assert!(upload.is_closed() && !scene.is_kept());
            scene.received().await;
            assert_eq!(scene.received().await, "");
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_upstream_sent_before_it_closed_is_read_although_writing_fails() {
    on_one_thread(async {
        let mut scene = Scene::new();
        let (upload, body): (Sender, _) = unbounded_channel();
        let mut exchange = Box::pin(scene.exchange(Parts(body)));
        assert!(poll_fn(|cx| Poll::Ready(exchange.as_mut().poll(cx).is_pending())).await);
        upload.send(Ok(b"part")).unwrap();
        let answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nfull";
        scene.upstream.write_all(answer).await.unwrap();
        drop(scene.upstream);
        let answer = exchange.await.unwrap();
        assert_eq!(answer.status(), 413);
        assert_eq!(rest(&mut answer.into_body()).await.unwrap(), b"full");
        assert!(scene.home.take(true).is_none());
    })
    .await;
}

#[tokio::test]
async fn f13_nothing_is_written_to_a_connection_that_is_over_or_speaks_first() {
    for unasked in [&b""[..], b"HTTP/1.1 408 Request Timeout\r\n\r\n"] {
        let mut scene = Scene::new();
        scene.upstream.write_all(unasked).await.unwrap();
        let shut = scene.upstream.shutdown();
        shut.await.unwrap();
        let (_sender, body) = unbounded_channel();
        let outcome = scene.exchange(Parts(body)).await;
        assert!(matches!(outcome, Err(ExchangeFailure::Unsent)), "{outcome:?}");
        assert_eq!(scene.received().await, "");
    }
}

#[tokio::test]
async fn f13_an_exchange_without_an_answer_says_whether_one_had_begun() {
    for (answer, expected) in [(&b""[..], true), (b"H", false), (b"SSH-2.0\r\n", false)] {
        let mut scene = Scene::new();
        let (_sender, body) = unbounded_channel();
        let mut exchange = Box::pin(scene.exchange(Parts(body)));
        assert!(poll_fn(|cx| Poll::Ready(exchange.as_mut().poll(cx).is_pending())).await);
        scene.upstream.write_all(answer).await.unwrap();
        drop(scene.upstream);
        let ExchangeFailure::Failed { is_unanswered, .. } = exchange.await.unwrap_err() else {
            panic!("it was sent");
        };
        assert_eq!(is_unanswered, expected, "{answer:?}");
    }
}

#[tokio::test]
async fn f12_a_connection_is_given_back_only_if_both_sides_know_where_the_answer_ended() {
    for (answer, closes, is_kept) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false, true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, true),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, true),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", false, true),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok", false, true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false, true),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", false, false),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", false, false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200", false, false),
        ("HTTP/1.1 204 No Content\r\n\r\n\r\n", false, false),
        ("HTTP/1.1 200 OK\r\n\r\nok", true, false),
    ] {
        let mut scene = Scene::new();
        let mut body = scene.answer(answer.as_bytes()).await.into_body();
        if closes {
            scene.upstream.shutdown().await.unwrap();
        }
        body.release_at_end();
        rest(&mut body).await.unwrap();
        assert_eq!(scene.is_kept(), is_kept, "{answer:?}");

        let mut scene = Scene::new();
        let mut body = scene.answer(answer.as_bytes()).await.into_body();
        body.close_afterwards();
        if closes {
            scene.upstream.shutdown().await.unwrap();
        }
        rest(&mut body).await.unwrap();
        assert!(!scene.is_kept(), "{answer:?}, as an answer to an upgrade");
    }
}

#[tokio::test]
async fn f10_behind_a_101_is_the_other_protocol_from_its_first_byte() {
    let mut scene = Scene::new();
    let head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
    let answer = scene.answer(&[&head[..], b"\x81\x02hi"].concat()).await;
    let (mut socket, sent) = answer.into_body().into_tunnel().unwrap();
    assert_eq!(sent, b"\x81\x02hi"[..]);
    scene.upstream.write_all(b"more").await.unwrap();
    let mut more = [0; 4];
    socket.read_exact(&mut more).await.unwrap();
    assert_eq!(&more, b"more");

    on_one_thread(async {
        let mut scene = Scene::new();
        let (answer, _upload) = scene.answer_early(head).await;
        assert_eq!(answer.status(), 101);
        assert!(answer.into_body().into_tunnel().is_none());
    })
    .await;
}
