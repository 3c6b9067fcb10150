//! The D rows of the threat catalogue: every phase of a connection has a deadline, everything that
//! grows has a bound.

mod descriptors;
mod early_answers;
mod floods;
mod frames;

use std::{
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    DEADLINE,
    bare::{self, Meter},
    client::{Client, Request},
    h2::{self, RawH2},
    issuer::Issuer,
    key_server::{KeyServer, Page},
    oracle::assert_refused,
    process::Process,
    setup::Setup,
    upstream::{Reply, Upstream},
    wait_until,
    wire::Head,
    world::{JWKS, World},
};

/// Long enough for an honest client on a busy machine, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

fn world_of(limits: &str) -> World {
    World::with_setup(|setup| setup.server(&format!("[server.limits]\n{limits}")))
}

/// Header blocks of at most 8 KiB.
fn world_of_small_headers() -> World {
    World::with_setup(|setup| {
        setup
            .server("[server.limits]\nheader_bytes = \"8KiB\"")
            .with("[credential]\nmax_bytes = \"4KiB\"")
    })
}

/// The usual scene with the proxy as a process. In this one everything is logged, which takes most
/// of the time where there are many frames.
struct Apart {
    process: Process,
    upstream: Upstream,
    /// Valid by the machine's clock.
    token: String,
    _key_server: KeyServer,
}

impl Apart {
    fn start(change: impl FnOnce(Setup) -> Setup) -> Self {
        let (upstream, key_server, issuer) =
            (Upstream::start(), KeyServer::start(), Issuer::usual());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let setup = Setup::new()
            .issuer("corp", &issuer, &key_server, "", "")
            .with("[log]\nlevel = \"debug\"");
        let process = Process::start(&change(setup), &upstream);
        let token = issuer.mint(json!({ "iat": 0, "exp": 9_000_000_000_u64 }));
        Self { process, upstream, token, _key_server: key_server }
    }
}

/// The connection ends, not before its time and not long after.
#[track_caller]
fn assert_cut(case: &str, client: &mut Client, since: Instant, allowed: Duration) {
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    let lasted = since.elapsed();
    assert!(lasted >= allowed, "{case}: cut after {lasted:?}");
    assert!(lasted < DEADLINE / 2, "{case}: cut after {lasted:?} only");
}

/// Every connection of the proxy's clients is gone.
fn wait_for_no_connections(world: &World) {
    wait_until("no connection to be left", || world.proxy.metric("countersign_connections") == 0.0);
}

#[test]
fn d1_a_connection_that_says_nothing_whole_is_cut() {
    let world = world_of("header_timeout = \"300ms\"");
    let beginnings: &[&[u8]] = &[
        b"",
        b"G",
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nS",
        b"GET / HTTP/1.1\r\nhost: api.test\r\nx-slow: ",
        b"\r\n\r\n",
    ];
    thread::scope(|scope| {
        for beginning in beginnings {
            let world = &world;
            scope.spawn(move || {
                let since = Instant::now();
                let mut client = world.proxy.client();
                client.send(beginning);
                let case = String::from_utf8_lossy(beginning);
                assert_cut(&case, &mut client, since, SHORT);
            });
        }
    });
    wait_for_no_connections(&world);
}

#[test]
fn d1_an_http2_frame_or_header_block_that_is_not_finished_is_cut() {
    let world = world_of("header_timeout = \"300ms\"");
    let settings = h2::frame(h2::SETTINGS, 0, 0, b"");
    let headers = h2::frame(h2::HEADERS, h2::END_STREAM, 1, &h2::block(&[(":method", b"GET")]));
    let more = h2::frame(h2::CONTINUATION, 0, 1, &h2::block(&[("x", b"y")]));
    let ping = h2::frame(h2::PING, 0, 0, &[0; 8]);
    let begun = [h2::PREFACE, &settings].concat();
    let beginnings = [
        ("no settings", h2::PREFACE.to_vec()),
        ("half of the settings", [h2::PREFACE, &settings[..4]].concat()),
        ("half a head", [&*begun, &headers[..5]].concat()),
        ("half a block", [&*begun, &headers[..12]].concat()),
        ("no end of the block", [&*begun, &headers].concat()),
        ("continued", [&*begun, &headers, &more].concat()),
        ("half a PING", [&*begun, &ping[..10]].concat()),
    ];
    thread::scope(|scope| {
        for (case, beginning) in &beginnings {
            let world = &world;
            scope.spawn(move || {
                let since = Instant::now();
                let mut client = world.proxy.client();
                client.send(beginning);
                assert_cut(case, &mut client, since, SHORT);
            });
        }
    });
    wait_for_no_connections(&world);
}

#[test]
fn d1_a_dripping_http2_header_block_is_cut_with_what_is_in_flight() {
    let mut world = world_of("header_timeout = \"300ms\"");
    world.proxy.expect_unmatched_answers();
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    world.upstream.answer_by(move |_| {
        let _ = told.lock().unwrap().recv();
        Reply::ok()
    });
    let token = world.issuer.mint(json!({}));
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let since = Instant::now();
    client.get(1, "/", &token);
    client.send(h2::HEADERS, h2::END_STREAM, 3, &h2::block(&[(":method", b"GET")]));
    // Few enough for the bound of CONTINUATION frames.
    for byte in h2::frame(h2::CONTINUATION, 0, 3, &h2::block(&[("x", &[b'y'; 100])])) {
        if client.try_write(&[byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    client.read_to_end();
    assert!((SHORT..5 * SHORT).contains(&since.elapsed()), "{:?}", since.elapsed());
    wait_for_no_connections(&world);
    drop(tell);
}

#[test]
fn d1_a_dripping_header_is_cut() {
    let world = world_of("header_timeout = \"300ms\"");
    let since = Instant::now();
    let mut client = world.proxy.client();
    client.send(b"GET / HTTP/1.1\r\n");
    let mut dripping = client.stream().get_ref().try_clone().unwrap();
    let drip = thread::spawn(move || {
        while dripping.write_all(b"x: y\r\n").is_ok() && since.elapsed() < DEADLINE {
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_cut("drip", &mut client, since, SHORT);
    drip.join().unwrap();
}

#[test]
fn d1_an_idle_connection_is_cut() {
    let mut world = world_of("header_timeout = \"300ms\"\nidle_timeout = \"400ms\"");
    world.proxy.expect_unmatched_answers();
    world.upstream.answer_by(|received| {
        let slow = received.target() == "/slow";
        Reply::ok().after(if slow { 2 * SHORT } else { Duration::ZERO })
    });
    let token = world.issuer.mint(json!({}));
    for (case, requests) in [
        ("refused last", vec![Request::get("/").bearer(&token), Request::get("/")]),
        ("forwarded last", vec![Request::get("/").bearer(&token)]),
        ("longer than any deadline", vec![Request::get("/slow").bearer(&token)]),
    ] {
        let mut client = world.proxy.client();
        for request in requests {
            client.exchange(&request);
        }
        let since = Instant::now();
        assert_cut(case, &mut client, since, SHORT);
        assert!(since.elapsed() < 5 * SHORT, "{case}: {:?}", since.elapsed());
    }
    wait_for_no_connections(&world);
}

#[test]
fn d1_an_idle_http2_connection_is_cut_whatever_it_did_before() {
    let mut world = world_of("idle_timeout = \"300ms\"");
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let address = world.proxy.address();

    let mut silent = RawH2::connect(address, &[]);
    silent.read_to_end();

    let mut answered = RawH2::connect(address, &[]);
    answered.get(1, "/", &token);
    assert_eq!(answered.read_status(1), Some(200));
    answered.read_to_end();

    let mut reset = RawH2::connect(address, &[]);
    reset.get(1, "/", &token);
    reset.send(h2::RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    reset.read_to_end();

    wait_for_no_connections(&world);
}

#[test]
fn d1_pings_do_not_keep_an_idle_connection() {
    let world = world_of("idle_timeout = \"300ms\"");
    let mut client = RawH2::connect(world.proxy.address(), &[]);
    let since = Instant::now();
    let mut pings = 0;
    loop {
        client.send(h2::PING, 0, 0, &[0; 8]);
        if client.read_until(h2::PING, 0).is_none() {
            break;
        }
        pings += 1;
        thread::sleep(Duration::from_millis(20));
        assert!(since.elapsed() < DEADLINE / 2, "{pings} pings answered");
    }
    assert!(pings > 0);
}

#[test]
fn d1_a_body_that_stalls_is_408_and_the_end() {
    let world = world_of("body_timeout = \"300ms\"");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    let since = Instant::now();
    let request = Request::new("POST", "/").bearer(&token);
    client.send(&request.field("content-length", "10").bytes());
    client.send(b"half");
    let answer = client.read();
    assert_eq!(answer.status, 408, "{answer:?}");
    assert!(since.elapsed() >= SHORT);
    assert!(client.is_closed());
    drop(client);
    wait_for_no_connections(&world);
}

#[test]
fn d1_a_client_that_pauses_is_not_blamed_on_the_upstream() {
    let upstream = Upstream::start();
    let mut world = bare::in_front_of_with(
        &upstream.url(),
        "response_timeout = \"150ms\"",
        "[server.limits]\nbody_timeout = \"600ms\"",
    );
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let request = || {
        let request = Request::new("POST", "/").bearer(&token);
        request.field("content-length", "10").bytes()
    };
    // A pause longer than the upstream may take to answer is no answer's delay.
    let mut client = world.proxy.client();
    client.send(&request());
    client.send(b"first");
    thread::sleep(Duration::from_millis(400));
    client.send(b"later");
    assert_eq!(client.read().status, 200);
    // And one that is too long is the client's fault, not a gateway's timeout.
    let mut client = world.proxy.client();
    client.send(&request());
    client.send(b"first");
    assert_eq!(client.read().status, 408);
}

/// An upstream that sends without end, and says when it can't any more.
fn endless(ended: &Meter) -> crate::support::listening::Listening {
    let ended = ended.clone();
    bare::upstream(move |_, mut reader| {
        let stream = reader.get_mut();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
        let _ = stream.write_all(head);
        let zeros = vec![0; 64 * 1024];
        while stream.write_all(&zeros).is_ok() {}
        ended.add(1);
    })
}

#[test]
fn d1_a_client_that_does_not_read_is_cut() {
    let ended = Meter::default();
    let upstream = endless(&ended);
    let limits = "[server.limits]\nbody_timeout = \"300ms\"";
    let world = bare::in_front_of_with(&bare::url(&upstream), "", limits);
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&Request::get("/").bearer(&token).bytes());
    Head::read(client.stream()).unwrap().unwrap();
    wait_for_no_connections(&world);
    wait_until("the upstream to be let go", || ended.total() == 1);
}

#[test]
fn d2_an_http2_client_that_gives_no_window_is_cut() {
    let ended = Meter::default();
    let upstream = endless(&ended);
    let limits = "[server.limits]\nbody_timeout = \"300ms\"";
    let world = bare::in_front_of_with(&bare::url(&upstream), "", limits);
    let token = world.issuer.mint(json!({}));
    // SETTINGS_INITIAL_WINDOW_SIZE = 0, and never an update.
    let mut client = RawH2::connect(world.proxy.address(), &[(4, 0)]);
    client.get(1, "/", &token);
    assert_eq!(client.read_status(1), Some(200));
    wait_until("the upstream to be let go", || ended.total() == 1);
}

#[test]
fn d1_an_upstream_that_stops_in_the_middle_is_cut() {
    let upstream = bare::upstream(|_, mut reader| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
        reader.get_mut().write_all(head).unwrap();
        let _ = reader.read_to_end(&mut Vec::new());
    });
    let world = bare::in_front_of(&bare::url(&upstream), "stream_timeout = \"300ms\"");
    let token = world.issuer.mint(json!({}));
    let mut client = world.proxy.client();
    client.send(&Request::get("/").bearer(&token).bytes());
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert!(rest.ends_with(b"half"));
    wait_for_no_connections(&world);
}

#[test]
fn d1_no_more_connections_than_allowed_are_open() {
    let world = world_of("connections = 3");
    let token = world.issuer.mint(json!({}));
    let mut open: Vec<_> = (0..3).map(|_| world.proxy.client()).collect();
    let request = Request::get("/").bearer(&token);
    for client in &mut open {
        assert!(client.exchange(&request).is_from_upstream());
    }
    let mut fourth = world.proxy.client();
    fourth.send(&request.bytes());
    assert!(fourth.is_closed());
    assert!(world.proxy.metric("countersign_connections") < 3.5);
    assert!(world.proxy.metric("countersign_connections_refused_total") >= 1.0);
    // One that goes makes room for another.
    open.pop();
    wait_until("room for another", || {
        let mut client = world.proxy.client();
        client.send(&request.bytes());
        client.try_read().is_ok_and(|answer| answer.is_some())
    });
    for client in &mut open {
        assert!(client.exchange(&request).is_from_upstream());
    }
}

#[test]
fn f14_a_header_block_that_is_too_large_is_431() {
    let world = world_of_small_headers();
    let token = world.issuer.mint(json!({}));
    let before = world.mark();
    for filler in [9_000, 100_000] {
        let request = Request::get("/").bearer(&token);
        let answer = world.proxy.exchange(&request.field("x-filler", "a".repeat(filler)));
        assert_eq!(answer.status, 431, "{filler}");
    }
    let many = (0..201)
        .fold(Request::get("/").bearer(&token), |request, n| request.field(&format!("x-{n}"), "1"));
    assert_eq!(world.proxy.exchange(&many).status, 431, "201 headers");
    before.assert_untouched("431");
    let fits = Request::get("/").bearer(&token).field("x-filler", "a".repeat(6_000));
    assert!(world.proxy.exchange(&fits).is_from_upstream());
}

#[test]
fn f14_a_header_block_that_never_ends_is_not_kept() {
    let world = world_of_small_headers();
    let mut client = world.proxy.client();
    client.send(b"GET / HTTP/1.1\r\nhost: api.test\r\nx-filler: ");
    let mut filling = client.stream().get_ref().try_clone().unwrap();
    let fill = thread::spawn(move || {
        // Far below what hyper would keep by itself.
        let _ = filling.write_all(&vec![b'a'; 64 * 1024]);
    });
    assert_eq!(client.read().status, 431);
    fill.join().unwrap();
}

#[test]
fn f14_a_header_block_that_is_too_large_is_refused_over_http2() {
    let mut world = world_of_small_headers();
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let before = world.mark();
    for (fields, filler) in [(1, 9_000), (400, 1)] {
        let bearer = format!("Bearer {token}");
        let filler = "a".repeat(filler);
        let names: Vec<_> = (0..fields).map(|n| format!("x-{n}")).collect();
        let mut all = vec![
            (":method", b"GET".as_slice()),
            (":scheme", b"http"),
            (":path", b"/"),
            (":authority", b"api.test"),
            ("authorization", bearer.as_bytes()),
        ];
        all.extend(names.iter().map(|name| (&**name, filler.as_bytes())));
        let mut client = RawH2::connect(world.proxy.address(), &[]);
        client.headers(1, &all, true);
        let refusal = std::iter::from_fn(|| client.read())
            .find(|f| [h2::HEADERS, h2::RST_STREAM, h2::GOAWAY].contains(&f.kind));
        // 431 has no HPACK index: a literal whose name is `:status`.
        let passed = refusal.is_some_and(|f| f.kind == h2::HEADERS && f.payload[0] == 0x88);
        assert!(!passed, "{fields} fields");
        before.assert_untouched("http2 header block");
    }
}

#[test]
fn d3_a_token_that_is_too_long_is_refused() {
    let world = World::with_setup(|setup| setup.with("[credential]\nmax_bytes = \"1KiB\""));
    let token = world.issuer.mint(json!({ "filler": "a".repeat(2_000) }));
    world.refuses("long", &token, Reason::TokenTooLarge);
    let before = world.mark();
    let dots = Request::get("/").bearer(&".".repeat(30_000));
    let answer = world.proxy.exchange(&dots);
    assert_refused("dots", &answer, Reason::TokenTooLarge, &before);
}
