//! A tunnel has its place among the requests of its route, its upstream and its endpoint until it
//! ends.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::json;
use socket2::SockRef;

use crate::support::{
    DEADLINE, bare,
    client::{Client, Request},
    listening::Listening,
    wait_until,
    wire::Head,
    world::World,
};

/// A service that agrees to every handshake and leaves the rest to the test.
struct Service {
    listening: Listening,
    tunnels: Receiver<TcpStream>,
}

/// Both ends.
struct Tunnel {
    client: Client,
    service: TcpStream,
}

/// What bounds requests to one at a time, and the reason of what is beyond.
const CAPS: [(&str, &str); 3] = [
    ("concurrency = 1", "route_busy"),
    ("max_requests = 1\nqueue = { length = 0 }", "upstream_busy"),
    ("max_connections = 1\nqueue = { length = 0 }", "upstream_busy"),
];

impl Service {
    fn start() -> Self {
        let (opened, tunnels) = channel();
        let listening = bare::upstream(move |head, mut reader| {
            if head.field("upgrade").is_none() {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
                return reader.get_mut().write_all(answer).unwrap();
            }
            let agreed = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
                           connection: upgrade\r\n\r\n";
            reader.get_mut().write_all(agreed).unwrap();
            opened.send(reader.into_inner()).unwrap();
        });
        Self { listening, tunnels }
    }

    fn world(&self, lines: &str) -> (World, String) {
        let url = bare::url(&self.listening);
        let mut world = bare::in_front_of_with(&url, lines, "workers = 2");
        world.proxy.expect_unmatched_answers();
        let token = world.issuer.mint(json!({}));
        (world, token)
    }

    fn open(&self, world: &World, token: &str) -> Tunnel {
        let client = shake_hands(world, token);
        Tunnel { client, service: self.opened() }
    }

    /// The service's end of the next tunnel.
    fn opened(&self) -> TcpStream {
        self.tunnels.recv_timeout(DEADLINE).unwrap()
    }
}

fn shake_hands(world: &World, token: &str) -> Client {
    let mut client = world.proxy.client();
    let handshake = Request::get("/chat")
        .bearer(token)
        .field("connection", "upgrade")
        .field("upgrade", "websocket")
        .field("sec-websocket-version", "13")
        .field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    client.send(&handshake.bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.contains(" 101 "), "{head:?}");
    client
}

#[track_caller]
fn assert_busy(world: &World, token: &str, reason: &str, case: &str) {
    let answer = world.proxy.get("/next", Some(token));
    assert_eq!((answer.status, answer.reason().as_deref()), (503, Some(reason)), "{case}");
}

fn assert_becomes_free(world: &World, token: &str, case: &str) {
    wait_until(case, || world.proxy.get("/next", Some(token)).status == 200);
}

/// Closes so that the other side gets an RST.
fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Ends a tunnel, and returns the side that the test keeps open.
type End = fn(Tunnel) -> Option<TcpStream>;

const ENDS: [(&str, End); 4] = [
    ("both sides close", |_| None),
    ("the client is gone", |mut tunnel| {
        reset(tunnel.client.stream().get_ref());
        Some(tunnel.service)
    }),
    ("the service is gone", |mut tunnel| {
        reset(&tunnel.service);
        Some(tunnel.client.stream().get_ref().try_clone().unwrap())
    }),
    ("halves close in turn", |mut tunnel| {
        tunnel.client.finish_sending();
        assert_eq!(tunnel.service.read(&mut [0; 8]).unwrap(), 0);
        tunnel.service.shutdown(Shutdown::Write).unwrap();
        assert_eq!(tunnel.client.stream().read(&mut [0; 8]).unwrap(), 0);
        Some(tunnel.service)
    }),
];

#[test]
fn d14_a_tunnel_has_its_place_until_it_ends() {
    for (lines, reason) in CAPS {
        let service = Service::start();
        let (world, token) = service.world(lines);
        for (end, how) in ENDS {
            let case = format!("{lines}: {end}");
            let tunnel = service.open(&world, &token);
            for _ in 0..5 {
                assert_busy(&world, &token, reason, &case);
            }
            let _left_open = how(tunnel);
            assert_becomes_free(&world, &token, &case);
        }
    }
}

#[test]
fn d14_half_a_tunnel_has_its_place() {
    for (lines, reason) in CAPS {
        let service = Service::start();
        let (world, token) = service.world(lines);
        let mut tunnel = service.open(&world, &token);
        tunnel.client.finish_sending();
        assert_eq!(tunnel.service.read(&mut [0; 8]).unwrap(), 0);
        for _ in 0..5 {
            assert_busy(&world, &token, reason, lines);
        }
        tunnel.service.write_all(b"bye").unwrap();
        drop(tunnel.service);
        let mut rest = Vec::new();
        tunnel.client.stream().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"bye");
        assert_becomes_free(&world, &token, lines);
    }
}

#[test]
fn d14_a_tunnel_that_ends_for_its_silence_gives_its_place_back() {
    thread::scope(|scope| {
        for (lines, reason) in CAPS {
            scope.spawn(move || {
                let service = Service::start();
                let (world, token) = service.world(&format!("{lines}\nstream_timeout = \"2s\""));
                let _tunnel = service.open(&world, &token);
                assert_busy(&world, &token, reason, lines);
                assert_becomes_free(&world, &token, lines);
            });
        }
    });
}

#[test]
fn d14_the_end_of_a_tunnel_makes_room_for_a_request_that_waits() {
    for cap in ["max_requests = 1", "max_connections = 1"] {
        let service = Service::start();
        let (world, token) =
            service.world(&format!("{cap}\nqueue = {{ length = 1, timeout = \"20s\" }}"));
        let first = service.open(&world, &token);
        let mut waiting = world.proxy.client();
        waiting.send(&Request::get("/next").bearer(&token).bytes());
        let queued = "countersign_upstream_queued{upstream=\"other\"}";
        wait_until("the queue", || world.proxy.metric(queued) > 0.0);
        drop(first);
        assert_eq!(waiting.read().status, 200, "{cap}");
    }
}

/// Each goes to the endpoint that has fewer.
#[test]
fn tunnels_count_among_the_requests_in_flight_of_their_endpoint() {
    let services = [Service::start(), Service::start()];
    let [one, other] = services.each_ref().map(|service| bare::url(&service.listening));
    let mut world = bare::in_front_of_several(&format!("urls = [\"{one}\", \"{other}\"]"), "");
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let mut open = Vec::new();
    for _ in 0..10 {
        let clients = [(); 2].map(|()| shake_hands(&world, &token));
        open.push((clients, services.each_ref().map(Service::opened)));
    }
}
