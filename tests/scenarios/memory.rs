//! D-12: what waits for slow clients and slow upstreams is bounded, and its room comes back.

use std::{
    io::{Read, Write},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use countersign::reason::Reason;

use crate::support::{
    bare::{self, Meter},
    client::{Client, Request},
    h2::{self, Frame, Frames, H2, RawH2},
    h2_upstream::H2Upstream,
    listening::Listening,
    oracle::assert_refused,
    upstream::Reply,
    wait_until,
    wire::Head,
    world::World,
};

/// Larger than what sockets and buffers hold.
const LARGE: usize = 32 * 1024 * 1024;

/// `SETTINGS_INITIAL_WINDOW_SIZE`.
const INITIAL_WINDOW: u16 = 4;

const KIB: f64 = 1024.0;

/// What a client reads without having any room reserved for it, and what is sent uncounted before.
const PER_ANSWER: f64 = 24.0 * KIB;

fn large_upstream(length: usize) -> Listening {
    bare::upstream(move |_, mut reader| {
        let stream = reader.get_mut();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        bare::write_large(stream, length, &Meter::default());
    })
}

fn world_of(upstream: &str, limits: &str) -> World {
    let mut world = bare::in_front_of_with(upstream, "", &format!("[server.limits]\n{limits}"));
    world.proxy.expect_unmatched_answers();
    world
}

fn held(world: &World) -> f64 {
    world.proxy.metric("countersign_waiting_body_bytes")
}

fn wait_until_held(world: &World) {
    wait_until("bytes to wait", || held(world) > 0.0);
}

fn wait_until_none_is_held(world: &World) {
    wait_until("the room to come back", || held(world) == 0.0);
}

/// A client that has read the head of an answer, and nothing else.
fn slow_client(world: &World) -> Client {
    let mut client = world.proxy.client();
    client.send(&Request::get("/public/").bytes());
    let head = Head::read(client.stream()).unwrap().unwrap();
    assert!(head.start.contains(" 200 "), "{head:?}");
    client
}

#[test]
fn d12_what_waits_for_a_slow_client_is_bounded_and_its_room_comes_back() {
    let upstream = large_upstream(LARGE);
    let world = world_of(&bare::url(&upstream), "connection_memory = \"100KiB\"");
    let mut slow = slow_client(&world);
    wait_until_held(&world);
    let most = 100.0 * KIB + PER_ANSWER;
    assert!(held(&world) <= most, "{}", held(&world));
    bare::read_large(slow.stream(), LARGE);
    wait_until_none_is_held(&world);
}

#[test]
fn d12_a_slow_client_does_not_stop_a_fast_one() {
    let upstream = large_upstream(LARGE);
    let world = world_of(&bare::url(&upstream), "memory = \"4MiB\"\nconnection_memory = \"1MiB\"");
    let slow: Vec<_> = (0..20).map(|_| slow_client(&world)).collect();
    // With the requests themselves, three quarters of it: some 2,112 KiB, less what is left where the
    // next frame does not fit.
    wait_until("the room for bodies to be used up", || held(&world) > 2000.0 * KIB);
    bare::read_large(slow_client(&world).stream(), LARGE);
    drop(slow);
    wait_until_none_is_held(&world);
}

/// Takes all frames of an answer; how many bytes of it there were.
fn read_stream(client: &mut RawH2, stream: u32) -> usize {
    let mut length = 0;
    loop {
        let Frame { flags, payload, .. } = client.read_until(h2::DATA, stream).unwrap();
        length += payload.len();
        if flags & h2::END_STREAM != 0 {
            return length;
        }
    }
}

#[test]
fn d12_streams_without_window_do_not_stop_another_of_their_connection() {
    const LENGTH: usize = 3_000_000;
    let upstream = large_upstream(LENGTH);
    let world = world_of(&bare::url(&upstream), "connection_memory = \"64KiB\"");
    let mut client = RawH2::connect(world.proxy.address(), &[(INITIAL_WINDOW, 0)]);
    for stream in [1, 3, 5, 7, 9, 11] {
        client.get(stream, "/public/", "");
        assert_eq!(client.read_status(stream), Some(200));
    }
    let most = 64.0 * KIB + 6.0 * PER_ANSWER;
    assert!(held(&world) <= most, "{}", held(&world));
    for stream in [0, 11] {
        client.send(h2::WINDOW_UPDATE, 0, stream, &(1_u32 << 30).to_be_bytes());
    }
    assert_eq!(read_stream(&mut client, 11), LENGTH);
    // Each of them gives its room back when it is aborted.
    for stream in [1, 3, 5, 7, 9] {
        client.send(h2::RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    }
    wait_until_none_is_held(&world);
}

#[test]
fn d12_with_a_byte_of_room_every_answer_arrives_unchanged() {
    const LENGTH: usize = 3_000_000;
    let upstream = large_upstream(LENGTH);
    let world = world_of(&bare::url(&upstream), "memory = \"1MiB\"\nconnection_memory = 1");
    bare::read_large(slow_client(&world).stream(), LENGTH);
    let client = H2::connect(world.proxy.address());
    let requests = (0..8).map(|_| h2::request("GET", "/public/").body(Frames::default()).unwrap());
    for answer in client.all(requests.collect::<Vec<_>>()) {
        bare::read_large(&mut answer.unwrap().body.as_slice(), LENGTH);
    }
    wait_until_none_is_held(&world);
}

#[test]
fn d12_with_a_byte_of_room_an_http2_upstream_is_read_and_written_as_well() {
    let upstream = H2Upstream::start();
    let world = world_of(&upstream.url(), "memory = \"1MiB\"\nconnection_memory = 1");
    let mut body = Vec::new();
    bare::write_large(&mut body, 500_000, &Meter::default());
    let request = Request::new("POST", "/public/").body(&body);
    let answer = world.proxy.exchange(&request);
    assert!(answer.body.bytes == body, "{} bytes", answer.body.bytes.len());
    let client = H2::connect(world.proxy.address());
    let chunks: Vec<_> = body.chunks(10_000).collect();
    let request = h2::request("POST", "/public/").body(Frames::new(&chunks, &[])).unwrap();
    assert!(client.exchange(request).unwrap().body == body);
    wait_until_none_is_held(&world);
}

#[test]
fn d12_an_upload_that_its_upstream_does_not_take_is_bounded() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = bare::upstream(move |_, mut reader| {
        let _ = wait.lock().unwrap().recv();
        bare::read_large(&mut reader, LARGE);
        let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    let world = world_of(&bare::url(&upstream), "connection_memory = \"64KiB\"");
    let mut client = world.proxy.client();
    let head = Request::new("PUT", "/public/").field("content-length", LARGE.to_string());
    client.send(&head.bytes());
    let written = Meter::default();
    let (mut sending, meter) = (client.stream().get_ref().try_clone().unwrap(), written.clone());
    let upload = thread::spawn(move || bare::write_large(&mut sending, LARGE, &meter));
    written.standstill();
    // Besides, what may come before it is asked for, and a frame.
    let most = (64.0 + 64.0 + 64.0) * KIB;
    assert!(held(&world) > 0.0 && held(&world) <= most, "{}", held(&world));
    go.send(()).unwrap();
    upload.join().unwrap();
    assert_eq!(client.read().status, 200);
    wait_until_none_is_held(&world);
}

#[test]
fn d12_a_client_that_goes_away_gives_its_room_back_and_a_reload_keeps_count() {
    let upstream = large_upstream(LARGE);
    let world = world_of(&bare::url(&upstream), "");
    let mut slow = slow_client(&world);
    wait_until_held(&world);
    let before = held(&world);
    let settings = crate::support::setup::Setup::new()
        .issuer("corp", &world.issuer, &world.key_server, "", "")
        .load(&world.upstream);
    world.proxy.server().reload(settings.unwrap()).unwrap();
    assert!(held(&world) >= before, "{} after {before}", held(&world));
    let mut some = vec![0; 1_000_000];
    slow.stream().read_exact(&mut some).unwrap();
    wait_until_held(&world);
    drop(slow);
    wait_until_none_is_held(&world);
}

#[test]
fn d12_beyond_the_memory_a_request_is_503_and_the_upstream_is_not_asked() {
    let mut world = World::with_setup(|setup| setup.server("[server.limits]\nmemory = \"1MiB\""));
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|received| {
        let is_slow = received.target() == "/public/slow";
        Reply::ok().after(if is_slow { Duration::from_secs(1) } else { Duration::ZERO })
    });
    let request = Request::get("/public/slow").bytes();
    let mut in_flight: Vec<_> = (0..60)
        .map(|_| {
            let mut client = world.proxy.client();
            client.send(&request);
            client
        })
        .collect();
    let denied = || {
        let metrics = world.proxy.metrics();
        let line = metrics.lines().find(|line| line.contains("memory_exhausted"));
        line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or(0)
    };
    wait_until("the requests to arrive", || world.upstream.requests().len() + denied() == 60);
    assert!(world.upstream.requests().len() > 10 && denied() > 10);
    let before = world.mark();
    let answer = world.proxy.exchange(&Request::get("/public/other"));
    assert_refused("no room", &answer, Reason::MemoryExhausted, &before);
    let statuses: Vec<_> = in_flight.iter_mut().map(|client| client.read().status).collect();
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    // And then there is room again.
    assert_eq!(world.proxy.exchange(&Request::get("/public/other")).status, 200);
}
