//! `concurrency`: as many requests of a route at once as it says, over all workers.

use std::{
    io::Write,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    bare::{self, Meter},
    client::{Client, Request},
    h2::{self, Frames, H2, RawH2},
    listening::Listening,
    wait_until,
    wire::{Head, Unframed},
    world::World,
};

/// An upstream that answers each request to `/held…` when it is let, and any other at once.
struct Held {
    listening: Listening,
    received: Meter,
    release: mpsc::Sender<()>,
}

impl Held {
    fn start() -> Self {
        let received = Meter::default();
        let (release, releases) = mpsc::channel();
        let (count, releases) = (received.clone(), Arc::new(Mutex::new(releases)));
        let listening = bare::upstream(move |first, mut reader| {
            let mut next = Some(first);
            while let Some(head) = next {
                head.read_body(&mut reader, Unframed::Empty).unwrap();
                count.add(1);
                if head.start.contains("/held") {
                    let _ = releases.lock().unwrap().recv();
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                if reader.get_mut().write_all(answer).is_err() {
                    return;
                }
                next = Head::read(&mut reader).unwrap_or(None);
            }
        });
        Self { listening, received, release }
    }

    fn world(&self, routes: &str, server: &str) -> (World, String) {
        let mut world = World::with_setup(|setup| {
            setup
                .with(&format!(
                    "[upstreams.other]\nurl = \"{}\"\nstream_timeout = \"20s\"",
                    bare::url(&self.listening)
                ))
                .server(server)
                .routes(&format!(
                    "[[routes]]\npath = \"/held/**\"\nupstream = \"other\"\n{routes}\n\
                     [[routes]]\npath = \"/free\"\nupstream = \"other\""
                ))
        });
        world.proxy.expect_unmatched_answers();
        let token = world.issuer.mint(json!({}));
        (world, token)
    }

    fn wait_for(&self, requests: u64) {
        wait_until("requests at the upstream", || self.received.total() == requests);
    }
}

/// A request that waits for its answer.
fn begun(world: &World, token: &str) -> Client {
    let mut client = world.proxy.client();
    client.send(&Request::get("/held/1").bearer(token).bytes());
    client
}

#[track_caller]
fn assert_busy(world: &World, token: &str) {
    let answer = world.proxy.get("/held/2", Some(token));
    let reason = answer.reason();
    assert_eq!((answer.status, reason.as_deref()), (503, Some(Reason::RouteBusy.code())));
    assert_eq!(answer.field("retry-after"), Some("5"));
}

#[test]
fn d14_what_is_beyond_is_503_until_one_has_ended() {
    let held = Held::start();
    let (world, token) = held.world("concurrency = 2", "workers = 2");
    let mut first: Vec<_> = (0..2).map(|_| begun(&world, &token)).collect();
    held.wait_for(2);
    for _ in 0..20 {
        assert_busy(&world, &token);
    }
    let over_http2 = H2::connect(world.proxy.address()).exchange(h2::get("/held/3", &token));
    assert_eq!(over_http2.unwrap().status, 503);
    let call = h2::request("POST", "/held/s")
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {token}"))
        .body(Frames::new(&[b"\0\0\0\0\0"], &[]))
        .unwrap();
    let call = H2::connect(world.proxy.address()).exchange(call).unwrap();
    assert_eq!((call.status, call.field("grpc-status")), (200, Some("14")));
    assert_eq!(world.proxy.get("/free", Some(&token)).status, 200, "another route");
    assert_eq!(world.proxy.get("/held/x", None).status, 401, "who has no token takes no place");
    held.release.send(()).unwrap();
    held.release.send(()).unwrap();
    for client in &mut first {
        assert_eq!(client.read().status, 200);
    }
    held.release.send(()).unwrap();
    assert_eq!(world.proxy.get("/held/4", Some(&token)).status, 200);
    let denials = "countersign_denials_total{issuer=\"\",reason=\"route_busy\"}";
    assert!(world.proxy.metric(denials) >= 22.0);
}

#[test]
fn d14_a_client_that_goes_away_gives_its_place_back() {
    let held = Held::start();
    let (world, token) = held.world("concurrency = 1", "");
    // Besides one for each try, one for the request that was given up: the upstream holds it still.
    let is_free_again = |held: &Held, world: &World, token: &str| {
        held.release.send(()).unwrap();
        wait_until("the place", || {
            held.release.send(()).unwrap();
            world.proxy.get("/held/1", Some(token)).status == 200
        });
    };
    let client = begun(&world, &token);
    held.wait_for(1);
    assert_busy(&world, &token);
    drop(client);
    is_free_again(&held, &world, &token);

    let held = Held::start();
    let (world, token) = held.world("concurrency = 1", "");
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    client.get(1, "/held/1", &token);
    held.wait_for(1);
    assert_busy(&world, &token);
    client.send(h2::RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    is_free_again(&held, &world, &token);
}

#[test]
fn d14_an_answer_that_is_being_read_has_its_place_until_its_end() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let upstream = bare::upstream(move |head, mut reader| {
        let stream = reader.get_mut();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab").unwrap();
        if head.start.contains("/slow") {
            let _ = gone.lock().unwrap().recv();
        }
        let _ = stream.write_all(b"cd");
    });
    let world = bare::in_front_of(&bare::url(&upstream), "concurrency = 1");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&Request::get("/slow").bearer(&token).bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert_eq!(world.proxy.get("/next", Some(&token)).status, 503);
    assert_eq!(world.proxy.get("/public/next", None).status, 200, "each route on its own");
    go.send(()).unwrap();
    assert_eq!(head.read_body(client.stream(), Unframed::Empty).unwrap().bytes, b"abcd");
    wait_until("the place", || world.proxy.get("/next", Some(&token)).status == 200);
}

/// Uploads that drip take places where they are streamed, and none where they are buffered.
#[test]
fn d14_slow_uploads_take_no_places_of_a_route_that_buffers() {
    let held = Held::start();
    let (world, token) = held.world("concurrency = 2\nbody = \"buffer\"", "workers = 2");
    let slow = Request::new("POST", "/held/slow").bearer(&token).field("content-length", "1000");
    let mut clients: Vec<_> = (0..20).map(|_| world.proxy.client()).collect();
    for client in &mut clients {
        client.send(&[slow.bytes(), b"x".to_vec()].concat());
    }
    let reading = || world.proxy.metric("countersign_held_body_bytes") > 0.0;
    wait_until("the uploads", reading);
    for _ in 0..5 {
        held.release.send(()).unwrap();
        assert_eq!(world.proxy.get("/held/1", Some(&token)).status, 200);
    }
}

/// Heads that drip are no requests yet.
#[test]
fn d14_unfinished_heads_take_no_places() {
    let held = Held::start();
    let (world, token) = held.world("concurrency = 1", "");
    let mut clients: Vec<_> = (0..50).map(|_| world.proxy.client()).collect();
    for client in &mut clients {
        client
            .send(format!("GET /held/1 HTTP/1.1\r\nauthorization: Bearer {token}\r\n").as_bytes());
    }
    for _ in 0..5 {
        held.release.send(()).unwrap();
        assert_eq!(world.proxy.get("/held/1", Some(&token)).status, 200);
    }
}

#[test]
fn d14_as_many_as_may_be_pass_at_once_and_never_more() {
    let held = Held::start();
    let (world, token) = held.world("concurrency = 4", "workers = 2");
    let statuses: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..12)
            .map(|_| scope.spawn(|| world.proxy.get("/held/1", Some(&token)).status))
            .collect();
        wait_until("all to be decided", || {
            let denials = "countersign_denials_total{issuer=\"\",reason=\"route_busy\"}";
            held.received.total() == 4 && world.proxy.metric(denials) >= 8.0
        });
        (0..4).for_each(|_| held.release.send(()).unwrap());
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 4, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 8, "{statuses:?}");
}
