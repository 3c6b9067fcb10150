//! `max_connections`, `max_requests` and `queue`: what an upstream has at once, of all workers.

use std::{
    io::{BufReader, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    DEADLINE, bare,
    client::{Client, Request},
    h2::{self, Frames, H2, RawH2},
    h2_upstream::H2Upstream,
    listening::Listening,
    raw_h2_upstream::{RawH2Upstream, Step},
    wait_until,
    wire::{Head, Unframed},
    world::World,
};

/// An upstream that counts what it has at once. Requests to `/held…` wait until one is let go.
struct Counting {
    listening: Listening,
    seen: Arc<Seen>,
    release: mpsc::Sender<()>,
}

struct Seen {
    open: AtomicUsize,
    most_open: AtomicUsize,
    received: AtomicUsize,
    releases: Mutex<mpsc::Receiver<()>>,
}

impl Counting {
    fn start() -> Self {
        let (release, releases) = mpsc::channel();
        let seen = Arc::new(Seen {
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            received: AtomicUsize::new(0),
            releases: Mutex::new(releases),
        });
        let there = Arc::clone(&seen);
        let listening = Listening::start(move |stream| {
            there.most_open.fetch_max(there.open.fetch_add(1, SeqCst) + 1, SeqCst);
            there.serve(stream);
            there.open.fetch_sub(1, SeqCst);
        });
        Self { listening, seen, release }
    }

    /// A world in front of it, with these lines of the upstream.
    fn world(&self, lines: &str, server: &str) -> (World, String) {
        let mut world = bare::in_front_of_with(&bare::url(&self.listening), lines, server);
        world.proxy.expect_unmatched_answers();
        let token = world.issuer.mint(json!({}));
        (world, token)
    }

    fn wait_for(&self, requests: usize) {
        wait_until("requests at the upstream", || self.seen.received.load(SeqCst) == requests);
    }

    fn let_go(&self) {
        self.release.send(()).unwrap();
    }

    fn most_open(&self) -> usize {
        self.seen.most_open.load(SeqCst)
    }
}

impl Seen {
    fn serve(&self, stream: TcpStream) {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut reader = BufReader::new(stream);
        while let Ok(Some(head)) = Head::read(&mut reader) {
            if head.read_body(&mut reader, Unframed::Empty).is_err() {
                return;
            }
            self.received.fetch_add(1, SeqCst);
            if head.start.contains("/held") {
                let _ = self.releases.lock().unwrap().recv_timeout(DEADLINE);
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if reader.get_mut().write_all(answer).is_err() {
                return;
            }
        }
    }
}

fn begun(world: &World, token: &str) -> Client {
    let mut client = world.proxy.client();
    client.send(&Request::get("/held/1").bearer(token).bytes());
    client
}

fn metric(world: &World, name: &str) -> f64 {
    world.proxy.metric(&format!("countersign_upstream_{name}{{upstream=\"other\"}}"))
}

/// The most connections that are open meanwhile. The upstream's own count may lag behind: it learns
/// of an end after the proxy has gone on.
fn most_while(world: &World, act: impl FnOnce() + Send) -> f64 {
    thread::scope(|scope| {
        let acting = scope.spawn(act);
        let mut most = metric(world, "connections");
        while !acting.is_finished() {
            most = most.max(metric(world, "connections"));
        }
        acting.join().unwrap();
        most
    })
}

fn queued(world: &World, requests: f64) {
    wait_until("the queue", || (metric(world, "queued") - requests).abs() < f64::EPSILON);
}

#[track_caller]
fn assert_busy(world: &World, token: &str) {
    let answer = world.proxy.get("/held/x", Some(token));
    let reason = answer.reason();
    assert_eq!((answer.status, reason.as_deref()), (503, Some(Reason::UpstreamBusy.code())));
    assert_eq!(answer.field("retry-after"), Some("5"));
}

#[test]
fn d14_a_flood_opens_no_more_connections_than_allowed_and_all_of_it_is_served() {
    for workers in [1, 2] {
        let upstream = Counting::start();
        let (world, token) = upstream.world(
            "max_connections = 4\nqueue = { length = 200, timeout = \"20s\" }",
            &format!("workers = {workers}"),
        );
        let most = most_while(&world, || {
            thread::scope(|scope| {
                for _ in 0..40 {
                    scope.spawn(|| {
                        let mut client = world.proxy.client();
                        for _ in 0..10 {
                            let answer = client.exchange(&Request::get("/a").bearer(&token));
                            assert_eq!(answer.status, 200);
                        }
                    });
                }
            });
        });
        assert!((1.0..=4.0).contains(&most), "{workers}: {most}");
        assert_eq!(upstream.seen.received.load(SeqCst), 400);
        if workers == 1 {
            assert!((1..=4).contains(&upstream.most_open()), "{}", upstream.most_open());
        }
        assert!(metric(&world, "busy_total") < f64::EPSILON);
        queued(&world, 0.0);
        assert!(metric(&world, "connections") <= 4.0);
        let idle = || metric(&world, "connections") < f64::EPSILON;
        wait_until("idle connections to be closed", idle);
    }
}

#[test]
fn d14_without_a_cap_a_flood_opens_as_many_as_it_needs() {
    let upstream = Counting::start();
    let (world, token) = upstream.world("", "");
    let clients: Vec<_> = (0..20).map(|_| begun(&world, &token)).collect();
    upstream.wait_for(20);
    assert_eq!(upstream.most_open(), 20);
    assert!((metric(&world, "connections") - 20.0).abs() < f64::EPSILON);
    (0..20).for_each(|_| upstream.let_go());
    for mut client in clients {
        assert_eq!(client.read().status, 200);
    }
}

#[test]
fn d14_who_waits_is_served_in_turn_or_refused_in_time() {
    for cap in ["max_requests = 2", "max_connections = 2"] {
        let upstream = Counting::start();
        let lines = format!("{cap}\nqueue = {{ length = 2, timeout = \"400ms\" }}");
        let (world, token) = upstream.world(&lines, "");
        let served: Vec<_> = (0..2).map(|_| begun(&world, &token)).collect();
        upstream.wait_for(2);
        let mut third = begun(&world, &token);
        queued(&world, 1.0);
        let mut fourth = begun(&world, &token);
        queued(&world, 2.0);
        let asked = Instant::now();
        assert_busy(&world, &token);
        assert!(asked.elapsed() < Duration::from_millis(350), "{cap}: the queue is full");
        upstream.let_go();
        upstream.wait_for(3);
        // The fourth is not let through, and the time that it may wait comes to its end.
        let answer = fourth.read();
        assert_eq!((answer.status, answer.reason().as_deref()), (503, Some("upstream_busy")));
        queued(&world, 0.0);
        upstream.let_go();
        upstream.let_go();
        for mut client in served {
            assert_eq!(client.read().status, 200);
        }
        assert_eq!(third.read().status, 200, "{cap}");
        assert!((metric(&world, "waits_total") - 2.0).abs() < f64::EPSILON);
        assert!((metric(&world, "busy_total") - 2.0).abs() < f64::EPSILON);
        let denials = "countersign_denials_total{issuer=\"\",reason=\"upstream_busy\"}";
        assert!((world.proxy.metric(denials) - 2.0).abs() < f64::EPSILON);
    }
}

#[test]
fn d14_clients_that_leave_the_queue_leave_room_in_it() {
    let upstream = Counting::start();
    let (world, token) =
        upstream.world("max_requests = 1\nqueue = { length = 3, timeout = \"20s\" }", "");
    let mut first = begun(&world, &token);
    upstream.wait_for(1);
    for _ in 0..5 {
        let over_http1: Vec<_> = (0..2).map(|_| begun(&world, &token)).collect();
        let mut over_http2 = RawH2::connect(world.proxy.address(), &[]);
        over_http2.get(1, "/held/1", &token);
        queued(&world, 3.0);
        assert_busy(&world, &token);
        drop(over_http1);
        over_http2.send(h2::RST_STREAM, 0, 1, &8_u32.to_be_bytes());
        queued(&world, 0.0);
    }
    let mut last = begun(&world, &token);
    queued(&world, 1.0);
    upstream.let_go();
    assert_eq!(first.read().status, 200);
    upstream.wait_for(2);
    upstream.let_go();
    assert_eq!(last.read().status, 200);
    assert_eq!(upstream.most_open(), 1, "nothing of those who left was sent");
}

/// The connections of a worker that is idle now are given up for another.
#[test]
fn d14_a_worker_does_not_keep_connections_that_another_needs() {
    let upstream = Counting::start();
    let (world, token) = upstream.world(
        "max_connections = 1\nidle_timeout = \"20s\"\nqueue = { timeout = \"10s\" }",
        "workers = 2",
    );
    let begun = Instant::now();
    let most = most_while(&world, || {
        for _ in 0..20 {
            assert_eq!(world.proxy.get("/a", Some(&token)).status, 200);
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert!((most - 1.0).abs() < f64::EPSILON, "{most}");
}

#[test]
fn d14_without_room_to_wait_what_is_beyond_is_refused_at_once() {
    let upstream = Counting::start();
    let (world, token) = upstream.world("max_requests = 1\nqueue = { length = 0 }", "workers = 2");
    let mut first = begun(&world, &token);
    upstream.wait_for(1);
    for _ in 0..10 {
        assert_busy(&world, &token);
    }
    let call = h2::request("POST", "/held/s")
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {token}"))
        .body(Frames::new(&[b"\0\0\0\0\0"], &[]))
        .unwrap();
    let call = H2::connect(world.proxy.address()).exchange(call).unwrap();
    assert_eq!((call.status, call.field("grpc-status")), (200, Some("14")));
    upstream.let_go();
    assert_eq!(first.read().status, 200);
}

#[test]
fn d14_an_http2_upstream_has_no_more_connections_and_requests_than_allowed() {
    // Each connection takes one stream, so that every request would open another.
    let upstream = RawH2Upstream::start(1, |_| vec![Step::Hold]);
    let lines = "max_connections = 2\nresponse_timeout = \"500ms\"\nconnect_timeout = \"50ms\"";
    let world = bare::in_front_of(&upstream.url(), lines);
    let token = world.issuer.mint(json!({}));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_eq!(world.proxy.get("/a", Some(&token)).status, 504));
        }
    });
    assert_eq!(upstream.connections(), 2);

    let upstream = H2Upstream::start();
    let mut world = bare::in_front_of(
        &upstream.url(),
        "max_requests = 2\nqueue = { length = 100, timeout = \"20s\" }",
    );
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let answers = H2::connect(world.proxy.address()).all((0..50).map(|_| h2::get("/a", &token)));
    assert!(answers.into_iter().all(|answer| answer.unwrap().status == 200));
    queued(&world, 0.0);
}
