//! HTTP/2 clients with prior knowledge: hyper's for what honest clients do, and one that writes
//! raw frames for the rest.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, request};
use http_body::{Body, Frame as BodyFrame};
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;

use crate::support::DEADLINE;

/// An honest client: one connection, driven by a thread of its own.
pub(crate) struct H2 {
    pub(crate) runtime: Runtime,
    pub(crate) sender: http2::SendRequest<Frames>,
}

/// A request body out of frames that are there from the beginning.
#[derive(Debug, Default)]
pub(crate) struct Frames(VecDeque<BodyFrame<Bytes>>);

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct H2Answer {
    pub(crate) status: u16,
    /// But for `x-request-id`.
    pub(crate) headers: HeaderMap,
    pub(crate) request_id: Option<HeaderValue>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

impl H2 {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sender = runtime.block_on(async {
            let socket = tokio::net::TcpStream::connect(address).await.unwrap();
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender }
    }

    /// Sends one request and reads its answer to the end.
    pub(crate) fn exchange(&self, request: Request<Frames>) -> hyper::Result<H2Answer> {
        self.all([request]).remove(0)
    }

    /// Sends all requests at once, each on a stream of its own.
    pub(crate) fn all(
        &self,
        requests: impl IntoIterator<Item = Request<Frames>>,
    ) -> Vec<hyper::Result<H2Answer>> {
        let running: Vec<_> = requests
            .into_iter()
            .map(|request| {
                let mut sender = self.sender.clone();
                self.runtime.spawn(async move {
                    sender.ready().await?;
                    read(sender.send_request(request).await?).await
                })
            })
            .collect();
        let all = async {
            let mut answers = Vec::new();
            for exchange in running {
                answers.push(exchange.await.unwrap());
            }
            answers
        };
        self.runtime.block_on(async {
            tokio::time::timeout(DEADLINE, all).await.expect("no answer within the deadline")
        })
    }
}

async fn read(response: http::Response<hyper::body::Incoming>) -> hyper::Result<H2Answer> {
    let (mut parts, body) = response.into_parts();
    let request_id = parts.headers.remove("x-request-id");
    let collected = body.collect().await?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Ok(H2Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        request_id,
        body: collected.to_bytes().to_vec(),
        trailers,
    })
}

impl H2Answer {
    /// The value of a header.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A request to `api.test`.
pub(crate) fn request(method: &str, target: &str) -> request::Builder {
    Request::builder().method(method).uri(format!("http://api.test{target}"))
}

/// A GET of `api.test` with a token.
pub(crate) fn get(target: &str, token: &str) -> Request<Frames> {
    request("GET", target)
        .header("authorization", format!("Bearer {token}"))
        .body(Frames::default())
        .unwrap()
}

impl Frames {
    /// One data frame for each chunk, then trailers if there are any.
    pub(crate) fn new(chunks: &[&[u8]], trailers: &[(&'static str, &str)]) -> Self {
        let data = |chunk: &&[u8]| BodyFrame::data(Bytes::copy_from_slice(chunk));
        let mut frames: VecDeque<_> = chunks.iter().map(data).collect();
        if !trailers.is_empty() {
            let map = trailers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            frames.push_back(BodyFrame::trailers(map.collect()));
        }
        Self(frames)
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

/// Frame types (RFC 9113 §6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags.
pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

/// What HTTP/2 begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection on which every frame is written by hand.
#[derive(Debug)]
pub(crate) struct RawH2 {
    stream: TcpStream,
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The status of a response, if it is one of those that HPACK has an index for; else 0.
    pub(crate) fn status(&self) -> u16 {
        match self.payload.first() {
            Some(0x88) => 200,
            Some(0x8c) => 400,
            Some(0x8d) => 404,
            // A literal with the name of `:status`: three digits, Huffman-coded or not.
            _ => 0,
        }
    }
}

impl RawH2 {
    /// Connects and says what every client says first, with these settings.
    pub(crate) fn connect(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), settings)
    }

    /// The same with a receive buffer of a few KiB: what it does not read soon stops the proxy.
    pub(crate) fn connect_with_little_room(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::over(socket.into(), &[])
    }

    /// The other side of a connection: says what every server says first. `None` if what comes is
    /// no HTTP/2.
    pub(crate) fn accept(mut stream: TcpStream) -> Option<Self> {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface).ok()?;
        let mut raw = Self { stream };
        raw.send(SETTINGS, 0, 0, &[]);
        (preface == PREFACE).then_some(raw)
    }

    /// On a socket that the test has made.
    pub(crate) fn over(stream: TcpStream, settings: &[(u16, u32)]) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut raw = Self { stream };
        raw.write(PREFACE);
        let settings = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()[..]].concat());
        raw.send(SETTINGS, 0, 0, &settings.collect::<Vec<_>>());
        raw
    }

    /// Sends one frame. What the proxy no longer takes is lost without a word.
    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.write(&frame(kind, flags, stream, payload));
    }

    /// Sends a whole header block, in literals.
    pub(crate) fn headers(&mut self, stream: u32, fields: &[(&str, &[u8])], end_stream: bool) {
        let flags = END_HEADERS | if end_stream { END_STREAM } else { 0 };
        self.send(HEADERS, flags, stream, &block(fields));
    }

    /// A GET with a token and nothing else.
    pub(crate) fn get(&mut self, stream: u32, path: &str, token: &str) {
        let bearer = format!("Bearer {token}");
        let fields = [
            (":method", b"GET".as_slice()),
            (":scheme", b"http"),
            (":path", path.as_bytes()),
            (":authority", b"api.test"),
            ("authorization", bearer.as_bytes()),
        ];
        self.headers(stream, &fields, true);
    }

    /// Sends any bytes, e.g. many frames at once.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.try_write(bytes);
    }

    /// The same, for who wants to know whether the connection is still there.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next frame; `None` at the end of the connection. Settings and pings are acknowledged,
    /// as every client does.
    pub(crate) fn read(&mut self) -> Option<Frame> {
        let frame = read_frame(&mut self.stream)?;
        if [SETTINGS, PING].contains(&frame.kind) && frame.flags & ACK == 0 {
            self.send(frame.kind, ACK, 0, if frame.kind == PING { &frame.payload } else { &[] });
        }
        Some(frame)
    }

    /// Reads until a frame is of that kind (and stream, if not 0). `None` if the connection ends
    /// first.
    pub(crate) fn read_until(&mut self, kind: u8, stream: u32) -> Option<Frame> {
        loop {
            let frame = self.read()?;
            if frame.kind == kind && (stream == 0 || frame.stream == stream) {
                return Some(frame);
            }
        }
    }

    /// The [status](Frame::status) of the response on that stream.
    pub(crate) fn read_status(&mut self, stream: u32) -> Option<u16> {
        Some(self.read_until(HEADERS, stream)?.status())
    }

    /// Reads until the proxy closes.
    pub(crate) fn read_to_end(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.read()).collect()
    }
}

/// The next frame; `None` at the end of the connection.
pub(crate) fn read_frame(stream: &mut TcpStream) -> Option<Frame> {
    let mut head = [0; 9];
    match stream.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("no frame in time"),
        Err(_) => return None,
    }
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let id = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).ok()?;
    Some(Frame { kind: head[3], flags: head[4], stream: id, payload })
}

/// A frame as it is sent.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// An HPACK block of literal fields without indexing (RFC 7541 §6.2.2).
pub(crate) fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        string(&mut out, name.as_bytes());
        string(&mut out, value);
    }
    out
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    const PREFIX: usize = 127;
    if text.len() < PREFIX {
        out.push(u8::try_from(text.len()).unwrap());
    } else {
        out.push(127);
        let mut rest = text.len() - PREFIX;
        while rest >= 128 {
            out.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        out.push(u8::try_from(rest).unwrap());
    }
    out.extend_from_slice(text);
}
