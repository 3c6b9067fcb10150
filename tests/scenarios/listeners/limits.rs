//! Bounds on the connections of a listener.

use std::{
    io::Read,
    net::{SocketAddr, TcpStream},
};

use socket2::{Domain, Socket, Type};

use super::scene::{request, world};
use crate::support::{DEADLINE, wait_until};

/// A connection from another loopback address.
pub(crate) fn from(address: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let own: SocketAddr = format!("{address}:0").parse().unwrap();
    socket.bind(&own.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0)) || stream.take_error().unwrap().is_some()
}

fn refused(cause: &str) -> String {
    format!(
        "countersign_listener_connections_refused_total{{cause=\"{cause}\",listener=\"inside\"}}"
    )
}

#[test]
fn n4_a_listener_has_at_most_so_many_connections_and_another_is_not_affected() {
    let listeners =
        "[[listeners]]\nname = \"inside\"\nlisten = \"127.0.0.1:0\"\nmax_connections = 2\n";
    let world = world(listeners, None, "");
    let request = request(&world);
    let mut first = world.proxy.client_of(1);
    let mut second = world.proxy.client_of(1);
    assert!(first.exchange(&request).is_from_upstream());
    assert!(second.exchange(&request).is_from_upstream());
    assert!(world.proxy.client_of(1).is_closed());
    assert!((world.proxy.metric(&refused("limit")) - 1.0).abs() < f64::EPSILON);
    assert!(world.proxy.client().exchange(&request).is_from_upstream(), "the other listener");
    drop(first);
    wait_until("a place that was given back", || {
        world.proxy.metric("countersign_listener_connections{listener=\"inside\"}") < 2.0
    });
    assert!(world.proxy.client_of(1).exchange(&request).is_from_upstream());
    assert!(second.exchange(&request).is_from_upstream());
}

#[test]
fn n4_one_address_can_not_take_the_places_of_others() {
    let listeners = "[[listeners]]\nname = \"inside\"\nlisten = \"127.0.0.1:0\"\n\
                     max_connections_per_address = 2\n";
    let world = world(listeners, None, "");
    let address = world.proxy.address_of(1);
    let _held = [from("127.0.0.2", address), from("127.0.0.2", address)];
    wait_until("both connections", || {
        world.proxy.metric("countersign_listener_connections{listener=\"inside\"}") > 1.0
    });
    assert!(is_closed(&mut from("127.0.0.2", address)));
    assert!((world.proxy.metric(&refused("address_limit")) - 1.0).abs() < f64::EPSILON);
    assert!(world.proxy.client_of(1).exchange(&request(&world)).is_from_upstream());
}
