//! What clients see of a stop: in the grace they are asked to leave and served all the same, idle
//! connections end at its end, and streams within a time of their own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use countersign::{
    lifecycle::Server,
    settings::{self, Sources},
};

use crate::support::{
    DEADLINE, bare,
    client::{Client, Request},
    h2::{self, RawH2},
    listening::Listening,
    logs, wait_until,
    wire::Head,
};

/// A proxy whose every route is public, in front of one service.
struct Scene {
    server: Option<Server>,
    address: SocketAddr,
}

impl Scene {
    fn start(url: &str, server: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countersign.toml");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nworkers = 1\n{server}\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n[log]\naccess = \"all\"\n[upstreams.app]\nurl = \"{url}\"\n\
             [[routes]]\npath = \"/**\"\naccess = \"public\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let settings = settings::load(&Sources { file: Some(file), ..Sources::default() }).unwrap();
        let server = Server::start(settings).unwrap();
        let address = server.address().to_string().parse().unwrap();
        Self { server: Some(server), address }
    }

    fn client(&self) -> Client {
        Client::connect(self.address, &Arc::default())
    }

    /// Stops in the background; ends with how long that took.
    fn stop(&mut self) -> JoinHandle<Duration> {
        let server = self.server.take().unwrap();
        thread::spawn(move || {
            let started = Instant::now();
            server.stop();
            started.elapsed()
        })
    }

    /// Waits until a new connection sees that the grace has begun.
    fn wait_for_grace(&self) {
        wait_until("the grace", || {
            self.client().exchange(&Request::get("/")).field("connection") == Some("close")
        });
    }
}

/// A service that answers every request.
fn service() -> Listening {
    bare::upstream(|_, mut reader| {
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
    })
}

#[test]
fn d10_in_the_grace_each_answer_of_http1_is_the_last_of_its_connection() {
    let service = service();
    let mut scene = Scene::start(&bare::url(&service), "shutdown_grace = \"3s\"");
    let mut clients: Vec<_> = (0..2).map(|_| scene.client()).collect();
    for client in &mut clients {
        assert_eq!(client.exchange(&Request::get("/")).field("connection"), None);
    }
    let stopped = scene.stop();
    scene.wait_for_grace();
    let [used, idle] = &mut clients[..] else { unreachable!() };
    let answer = used.exchange(&Request::get("/"));
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    assert!(used.is_closed());
    // Refusals as well.
    let refused = scene.client().exchange(&Request::new("GET", "/%00"));
    assert_eq!((refused.status, refused.field("connection")), (400, Some("close")));
    assert!(!stopped.is_finished(), "the grace is over already");
    assert!(idle.is_closed());
    let lasted = stopped.join().unwrap();
    assert!((3.0..6.0).contains(&lasted.as_secs_f64()), "{lasted:?}");
}

#[test]
fn d10_in_the_grace_http2_gets_a_goaway_and_its_streams_are_answered() {
    let service = service();
    let mut scene = Scene::start(&bare::url(&service), "shutdown_grace = \"2s\"");
    let mut used = RawH2::connect(scene.address, &[]);
    used.get(1, "/", "none");
    assert_eq!(used.read_status(1), Some(200));
    let mut unused = RawH2::connect(scene.address, &[]);
    assert!(unused.read_until(h2::SETTINGS, 0).is_some());
    let stopped = scene.stop();
    let goaway = used.read_until(h2::GOAWAY, 0).unwrap();
    assert_eq!(&goaway.payload[..4], [0x7f, 0xff, 0xff, 0xff], "any stream so far");
    // What the client has sent before it saw the GOAWAY is answered: its PING is not acknowledged.
    used.get(3, "/", "none");
    assert_eq!(used.read_status(3), Some(200));
    // A connection without a request learns of the stop with its first one.
    scene.wait_for_grace();
    unused.get(1, "/", "none");
    assert!(unused.read_until(h2::GOAWAY, 0).is_some());
    assert_eq!(unused.read_status(1), Some(200));
    drop((used, unused));
    assert!(stopped.join().unwrap() < Duration::from_secs(6));
}

#[test]
fn d10_a_head_of_which_a_part_is_here_at_the_end_of_the_grace_is_answered() {
    let service = service();
    let mut scene = Scene::start(&bare::url(&service), "shutdown_grace = \"300ms\"");
    let mut client = scene.client();
    assert_eq!(client.exchange(&Request::get("/")).status, 200);
    let request = Request::get("/").bytes();
    let (begin, rest) = request.split_at(20);
    client.send(begin);
    let mut idle = scene.client();
    assert_eq!(idle.exchange(&Request::get("/")).status, 200);
    let stopped = scene.stop();
    assert!(idle.is_closed(), "the grace is over");
    client.send(rest);
    let answer = client.read();
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    assert!(client.is_closed());
    assert!(stopped.join().unwrap() < Duration::from_secs(5));
}

/// A service whose answer to `/stream` begins and does not end.
fn endless(content_type: &'static str) -> Listening {
    bare::upstream(move |_, mut reader| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n\
             8\r\ndata: 1\n\r\n"
        );
        reader.get_mut().write_all(head.as_bytes()).unwrap();
        let _ = reader.read_to_end(&mut Vec::new());
    })
}

const SHORT: &str =
    "shutdown_grace = \"0s\"\ndrain_timeout = \"20s\"\nstream_drain_timeout = \"400ms\"";

#[test]
fn d10_events_come_to_an_end_in_a_time_of_their_own() {
    let (service, logged) = (endless("text/event-stream"), logs::capture());
    let mut scene = Scene::start(&bare::url(&service), SHORT);
    let mut client = scene.client();
    client.send(&Request::get("/stream").bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    let stopped = scene.stop();
    let mut rest = String::new();
    client.stream().read_to_string(&mut rest).unwrap();
    assert!(rest.contains("data: 1") && rest.ends_with("0\r\n\r\n"), "a whole answer: {rest:?}");
    let lasted = stopped.join().unwrap();
    assert!((0.4..5.0).contains(&lasted.as_secs_f64()), "{lasted:?}");
    let (lines, url) = (logs::since(logged), bare::url(&service));
    let line = lines.lines().find(|line| line.contains(&url) && line.contains(" end=")).unwrap();
    assert_eq!(logs::field(line, "end"), Some("stopped"), "{line}");
}

#[test]
fn d10_another_answer_without_a_length_is_no_stream_and_has_the_whole_drain() {
    let service = endless("text/plain");
    let mut scene = Scene::start(
        &bare::url(&service),
        "shutdown_grace = \"0s\"\ndrain_timeout = \"1200ms\"\nstream_drain_timeout = \"100ms\"",
    );
    let mut client = scene.client();
    client.send(&Request::get("/stream").bytes());
    Head::read(client.stream()).unwrap().unwrap();
    let stopped = scene.stop();
    let mut rest = String::new();
    let _ = client.stream().read_to_string(&mut rest);
    assert!(!rest.ends_with("0\r\n\r\n"), "what was cut off must not look whole: {rest:?}");
    let lasted = stopped.join().unwrap();
    assert!((1.2..6.0).contains(&lasted.as_secs_f64()), "{lasted:?}");
}

#[test]
fn d10_a_grpc_stream_ends_with_a_status_that_says_to_try_elsewhere() {
    let service = bare::h2_upstream(|raw, stream| {
        let fields = [(":status", &b"200"[..]), ("content-type", b"application/grpc")];
        raw.headers(stream, &fields, false);
    });
    let mut scene = Scene::start(&bare::h2_url(&service), SHORT);
    let mut client = RawH2::connect(scene.address, &[]);
    client.get(1, "/a.B/C", "none");
    assert_eq!(client.read_status(1), Some(200));
    let stopped = scene.stop();
    let trailers = client.read_until(h2::HEADERS, 1).unwrap();
    assert_ne!(trailers.flags & h2::END_STREAM, 0, "they end the stream");
    let text = String::from_utf8_lossy(&trailers.payload).into_owned();
    assert!(!trailers.payload.is_empty(), "{text}");
    drop(client);
    let lasted = stopped.join().unwrap();
    assert!((0.4..5.0).contains(&lasted.as_secs_f64()), "{lasted:?}");
}

#[test]
fn d10_a_tunnel_ends_for_both_sides_in_a_time_of_its_own() {
    let (opened, services) = mpsc::sync_channel::<TcpStream>(1);
    let opened = Mutex::new(opened);
    let service = bare::upstream(move |_, mut reader| {
        let agreed = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
                       connection: upgrade\r\n\r\n";
        reader.get_mut().write_all(agreed).unwrap();
        opened.lock().unwrap().send(reader.into_inner()).unwrap();
    });
    let mut scene = Scene::start(&bare::url(&service), SHORT);
    let mut client = scene.client();
    let handshake = Request::get("/")
        .field("connection", "upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    client.send(&handshake.bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.contains(" 101 "), "{head:?}");
    assert_eq!(head.field("connection").map(str::to_lowercase).as_deref(), Some("upgrade"));
    let mut service = BufReader::new(services.recv_timeout(DEADLINE).unwrap());
    let stopped = scene.stop();
    client.send(b"still here\n");
    let mut line = String::new();
    service.read_line(&mut line).unwrap();
    assert_eq!(line, "still here\n", "the tunnel is open");
    // An end, and no reset.
    assert_eq!(client.stream().read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(service.read(&mut [0; 1]).unwrap(), 0);
    let lasted = stopped.join().unwrap();
    assert!((0.4..5.0).contains(&lasted.as_secs_f64()), "{lasted:?}");
}

#[test]
fn an_idle_proxy_that_is_stopped_by_hand_waits_for_nothing() {
    let service = service();
    let mut scene = Scene::start(&bare::url(&service), "shutdown_grace = \"1h\"");
    let mut idle = scene.client();
    assert_eq!(idle.exchange(&Request::get("/")).status, 200);
    let server = scene.server.take().unwrap();
    let since = Instant::now();
    server.stop_when_idle();
    assert!(since.elapsed() < Duration::from_millis(500), "{:?}", since.elapsed());
    assert!(idle.is_closed());
}

#[test]
fn a_proxy_that_is_stopped_by_hand_accepts_until_its_last_request_has_an_answer() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let service = bare::upstream(move |head, mut reader| {
        if head.start.contains("/slow") {
            let _ = released.lock().unwrap().recv();
        }
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
    });
    let mut scene = Scene::start(&bare::url(&service), "shutdown_grace = \"1h\"");
    let mut busy = scene.client();
    busy.send(&Request::get("/slow").bytes());
    assert_eq!(scene.client().exchange(&Request::get("/")).status, 200, "the slow one is there");
    let server = scene.server.take().unwrap();
    let stopped = thread::spawn(move || server.stop_when_idle());
    scene.wait_for_grace();
    release.send(()).unwrap();
    assert_eq!(busy.read().status, 200);
    wait_until("the end", || stopped.is_finished());
}
