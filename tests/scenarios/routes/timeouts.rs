//! How long a route waits: what it says, else what its upstream says, else the defaults.

use std::{io::Write, time::Duration};

use serde_json::json;

use crate::support::{
    bare,
    client::Request,
    h2::{self, H2},
    upstream::Reply,
    wire::{Head, Unframed},
    world::World,
};

const LATE: Duration = Duration::from_millis(500);

/// Three routes: with a time of its own, with that of its upstream, and with the default one.
fn world(key: &str, routes: [&str; 3], url: Option<&str>) -> World {
    let [own, upstreams, default] = routes;
    World::with_setup(|setup| {
        let url = url.map_or_else(|| "http://127.0.0.1:1".to_owned(), str::to_owned);
        setup
            .with(&format!(
                "[defaults]\n{key} = \"{default}\"\n\
                 [upstreams.other]\nurl = \"{url}\"\nconnect_timeout = \"50ms\"\n\
                 {key} = \"{upstreams}\"\n\
                 [upstreams.silent]\nurl = \"{url}\"\nconnect_timeout = \"50ms\""
            ))
            .routes(&format!(
                "[[routes]]\npath = \"/own\"\nupstream = \"other\"\n{key} = \"{own}\"\n\
                 [[routes]]\npath = \"/upstream\"\nupstream = \"other\"\n\
                 [[routes]]\npath = \"/default\"\nupstream = \"silent\""
            ))
    })
}

#[test]
fn an_answer_is_waited_for_as_long_as_the_route_says() {
    let slow = bare::upstream(|_, mut reader| {
        std::thread::sleep(LATE);
        let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    let (short, long) = ("50ms", "20s");
    for (times, expected) in [
        ([short, long, long], [504, 200, 200]),
        ([long, short, short], [200, 504, 504]),
        ([long, long, short], [200, 200, 504]),
    ] {
        let world = world("response_timeout", times, Some(&bare::url(&slow)));
        let token = world.issuer.mint(json!({}));
        let found = ["/own", "/upstream", "/default"]
            .map(|path| world.proxy.get(path, Some(&token)).status);
        assert_eq!(found, expected, "{times:?}");
        let client = H2::connect(world.proxy.address());
        let found = client.exchange(h2::get("/own", &token)).unwrap().status;
        assert_eq!(found, expected[0], "{times:?} over HTTP/2");
    }
}

#[test]
fn an_answer_may_pause_as_long_as_the_route_says() {
    let pausing = bare::upstream(|_, mut reader| {
        let stream = reader.get_mut();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab").unwrap();
        std::thread::sleep(LATE);
        let _ = stream.write_all(b"cd");
    });
    let mut world = world("stream_timeout", ["100ms", "20s", "100ms"], Some(&bare::url(&pausing)));
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    let whole = |path: &str| {
        let mut client = world.proxy.client();
        client.send(&Request::get(path).bearer(&token).bytes());
        let head = Head::read(client.stream()).unwrap().unwrap();
        head.read_body(client.stream(), Unframed::UntilClose).is_ok()
    };
    assert_eq!(["/own", "/upstream", "/default"].map(whole), [false, true, false]);
    let client = H2::connect(world.proxy.address());
    let over_http2 = |path: &str| client.exchange(h2::get(path, &token)).is_ok();
    assert_eq!(["/own", "/upstream"].map(over_http2), [false, true]);
}

#[test]
fn a_route_that_says_nothing_waits_as_before() {
    let world = World::start();
    world.upstream.answer_by(|_| Reply::ok().after(LATE));
    assert_eq!(world.proxy.get("/", Some(&world.issuer.mint(json!({})))).status, 200);
    let shown = world.proxy.page("/config");
    for line in ["response_timeout = \"30s\"", "stream_timeout = \"5m\"", "max_body = \"none\""] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}
