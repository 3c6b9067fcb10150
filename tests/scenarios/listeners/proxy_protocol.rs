//! Load balancers that name the client in a PROXY header, and peers that may not.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use super::{limits::from, scene::request, scene::world};
use crate::support::{DEADLINE, client::Request, wait_until, world::World};

/// The balancer is 127.0.0.2; the tests' own address is none.
const LISTENERS: &str = r#"
[[listeners]]
name = "behind"
listen = "127.0.0.1:0"
proxy_protocol = { from = ["127.0.0.2", "127.0.0.3"] }
"#;

const BALANCER: &str = "127.0.0.2";
const BEHIND: usize = 1;
const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn version_2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x20 | command, family], &length, payload].concat()
}

fn of_client(octets: [u8; 4]) -> Vec<u8> {
    version_2(1, 0x11, &[&octets[..], &[198, 51, 100, 1, 0x9c, 0x40, 1, 0xbb]].concat())
}

fn balancer(world: &World) -> TcpStream {
    from(BALANCER, world.proxy.address_of(BEHIND))
}

/// Everything that comes back until the proxy closes.
fn read_all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends a header and a request that closes; returns the answer.
fn exchange(world: &World, header: &[u8], request: &Request) -> String {
    let mut stream = balancer(world);
    let request = request.clone().field("connection", "close");
    let _ = stream.write_all(&[header, &request.bytes()].concat());
    read_all(stream)
}

fn refused(world: &World, cause: &str) -> f64 {
    let series = format!(
        "countersign_listener_connections_refused_total{{cause=\"{cause}\",listener=\"behind\"}}"
    );
    world.proxy.metric(&series)
}

fn forwarded_for(world: &World) -> Option<String> {
    let requests = world.upstream.requests();
    requests.last().unwrap().head.field("x-forwarded-for").map(str::to_owned)
}

fn unmatched(mut world: World) -> World {
    // The balancer here keeps no journal.
    world.proxy.expect_unmatched_answers();
    world
}

fn scene(more: &str) -> World {
    unmatched(world(LISTENERS, None, more))
}

#[test]
fn both_versions_give_the_upstream_the_clients_address() {
    let world = scene("");
    for (header, client) in [
        (LINE.to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n".to_vec(), "2001:db8::7"),
        (of_client([192, 0, 2, 8]), "192.0.2.8"),
        (of_client([127, 0, 0, 1]), "127.0.0.1"),
    ] {
        let answer = exchange(&world, &header, &request(&world));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(forwarded_for(&world).as_deref(), Some(client));
    }
    let check = version_2(0, 0, &[]);
    assert!(exchange(&world, &check, &request(&world)).starts_with("HTTP/1.1 200"));
    assert_eq!(forwarded_for(&world).as_deref(), Some(BALANCER), "its own health check");
}

#[test]
fn a_header_split_at_every_byte_is_the_same_header() {
    let world = scene("");
    let request = request(&world).field("connection", "close");
    for header in [LINE.to_vec(), of_client([192, 0, 2, 7])] {
        let bytes = [header, request.bytes()].concat();
        for at in 1..LINE.len() {
            let mut stream = balancer(&world);
            stream.set_nodelay(true).unwrap();
            stream.write_all(&bytes[..at]).unwrap();
            stream.write_all(&bytes[at..]).unwrap();
            assert!(read_all(stream).starts_with("HTTP/1.1 200"), "{at}");
            assert_eq!(forwarded_for(&world).as_deref(), Some("192.0.2.7"));
        }
    }
}

/// The same at `server.listen`, which is the only listener here.
#[test]
fn n1_server_listen_takes_the_balancers_header_and_no_other_connection() {
    let world = unmatched(World::with_setup(|setup| {
        setup.server("proxy_protocol = { from = [\"127.0.0.2\"] }\nmax_connections = 1")
    }));
    let request = request(&world).field("connection", "close");
    let before = world.mark();
    let mut other = world.proxy.client();
    other.send(&[LINE, &request.bytes()].concat());
    assert!(other.is_closed());
    before.assert_untouched("not from the balancer");
    let mut only = from(BALANCER, world.proxy.address());
    only.write_all(LINE).unwrap();
    let refused = || {
        world.proxy.metric(
            "countersign_listener_connections_refused_total{cause=\"limit\",listener=\"server\"}",
        )
    };
    wait_until("a connection too many", || {
        let mut second = from(BALANCER, world.proxy.address());
        let _ = second.read(&mut [0]);
        refused() > 0.5
    });
    only.write_all(&request.bytes()).unwrap();
    assert!(read_all(only).starts_with("HTTP/1.1 200"));
    assert_eq!(forwarded_for(&world).as_deref(), Some("192.0.2.7"));
}

#[test]
fn n1_no_other_peer_can_claim_an_address_or_connect_at_all() {
    let world = scene("");
    let before = world.mark();
    let request = request(&world);
    for header in [&b""[..], LINE, &of_client([192, 0, 2, 7])] {
        let mut client = world.proxy.client_of(BEHIND);
        client.send(&[header, &request.bytes()].concat());
        assert!(client.is_closed());
    }
    before.assert_untouched("not from the balancer");
    assert!((refused(&world, "proxy_peer") - 3.0).abs() < f64::EPSILON);
}

#[test]
fn n1_the_balancer_has_to_send_a_header_and_a_right_one() {
    let world = scene("");
    let before = world.mark();
    let request = request(&world);
    let shorter = version_2(1, 0x11, &[192, 0, 2, 7]);
    let too_long = [SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat();
    let unspecified = version_2(1, 0, &[]);
    let cases: [&[u8]; 10] = [
        b"",
        b"\r\n",
        b"PROXY UNKNOWN\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
        b"\x16\x03\x01\x02\x00",
        &shorter,
        &too_long,
        &unspecified,
    ];
    for header in cases {
        assert_eq!(exchange(&world, header, &request), "", "{header:?}");
    }
    before.assert_untouched("no header, or a wrong one");
    // A check of the balancer that the port is open is none of them.
    drop(balancer(&world));
    wait_until("all of them counted", || refused(&world, "proxy_header") > 9.0);
}

#[test]
fn n1_a_second_header_is_a_bad_request_and_so_is_one_where_none_is_expected() {
    let world = scene("");
    let before = world.mark();
    let twice = exchange(&world, &[LINE, LINE].concat(), &request(&world));
    assert!(!twice.contains(" 200 "), "{twice}");
    let mut client = world.proxy.client();
    client.send(&[LINE, &request(&world).bytes()].concat());
    assert!(client.try_read().unwrap().is_none_or(|answer| answer.status == 400));
    let mut client = world.proxy.client();
    client.send(&[&of_client([192, 0, 2, 7])[..], &request(&world).bytes()].concat());
    assert!(client.try_read().unwrap().is_none_or(|answer| answer.status == 400));
    before.assert_untouched("a header that is not expected");
}

/// The balancer is trusted, too, as operators do who had an HTTP balancer before.
#[test]
fn n1_trust_in_forwarding_headers_goes_by_the_client_and_never_by_the_balancer() {
    let world =
        scene("[forwarding]\ntrusted_proxies = [\"127.0.0.2\", \"127.0.0.3\", \"203.0.113.0/24\"]");
    let forged = request(&world).field("x-forwarded-for", "10.9.9.9");
    exchange(&world, LINE, &forged);
    assert_eq!(forwarded_for(&world).as_deref(), Some("192.0.2.7"));
    exchange(&world, &of_client([203, 0, 113, 5]), &forged);
    assert_eq!(forwarded_for(&world).as_deref(), Some("10.9.9.9, 203.0.113.5"));
}

#[test]
fn d1_a_header_that_never_comes_is_waited_for_as_long_as_a_request() {
    let listeners = format!("{LISTENERS}\n[server.limits]\nheader_timeout = \"300ms\"\n");
    let world = unmatched(world(&listeners, None, ""));
    for beginning in [&b""[..], b"PROXY TCP4", SIGNATURE, LINE] {
        let mut stream = balancer(&world);
        stream.write_all(beginning).unwrap();
        let began = Instant::now();
        assert_eq!(read_all(stream), "", "{beginning:?}");
        let took = began.elapsed();
        assert!(took > Duration::from_millis(100) && took < DEADLINE, "{took:?}");
    }
    let mut stream = balancer(&world);
    stream.write_all(b"PROXY").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(stream), "");
}

#[test]
fn n4_connections_are_counted_by_the_client_that_the_header_names() {
    let listeners = format!("{}\nmax_connections_per_address = 1\n", LISTENERS.trim_end());
    let world = unmatched(world(&listeners, None, ""));
    let mut held = balancer(&world);
    held.write_all(&[LINE, &request(&world).bytes()].concat()).unwrap();
    held.read_exact(&mut [0; 12]).unwrap();
    assert_eq!(exchange(&world, LINE, &request(&world)), "", "the second of that client");
    assert!((refused(&world, "address_limit") - 1.0).abs() < f64::EPSILON);
    let other = exchange(&world, &of_client([192, 0, 2, 8]), &request(&world));
    assert!(other.starts_with("HTTP/1.1 200"), "{other}");
}
