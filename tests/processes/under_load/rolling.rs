//! Replicas that are replaced one after the other under load: no request fails, with a load
//! balancer that follows `/readyz`, and without one.

mod clients;
mod haproxy;
mod replica;

use std::{net::Ipv4Addr, thread, time::Duration};

use clients::{ClientLoad, Tally};
use haproxy::HaProxy;
use replica::{Ports, Replica, Site};

use super::{
    RATE, is_full,
    served::{assert_rate, assert_served},
    service::Service,
};
use crate::support::{
    fleet::Protocol,
    h2load::{Load, RunningLoad, Speaks, alone},
    optional, wait_until,
};

/// Times that a replica is replaced.
fn restarts() -> usize {
    if is_full() { 20 } else { 3 }
}

/// Requests a second, of both versions of HTTP together. The build for the tests serves as many
/// while it starts and stops.
fn rate() -> usize {
    match (is_full(), std::env::var_os("COUNTERSIGN_BIN")) {
        (true, Some(_)) => RATE,
        (true, None) => 500,
        (false, _) => 300,
    }
}

/// Of each version. Their rate is whole.
const CLIENTS: usize = 10;

#[test]
fn d10_rolling_restarts_behind_haproxy_fail_nothing() {
    let Some(service) = Service::start((Ipv4Addr::LOCALHOST, 0).into(), Protocol::Http1) else {
        return;
    };
    let _alone = alone();
    let site = Site::in_front_of(&service.url());
    let ports = [(); 2].map(|()| Ports::free());
    let Some(haproxy) = HaProxy::start(&ports) else { return };
    let mut replicas = ports.map(|ports| Replica::start(&site, ports));
    wait_until("both replicas", || haproxy.are_up(2));
    // Longer than the restarts take; what is left of it is waited for.
    let seconds = restarts() * 5 / 2 + 2;
    let lanes = [(Speaks::Http1, haproxy.http1()), (Speaks::Http2, haproxy.http2())];
    let loads: Option<Vec<_>> = lanes
        .iter()
        .map(|(speaks, address)| {
            let rate = rate() / 2;
            let (requests, token) = (rate * seconds, Some(site.token().to_owned()));
            let load =
                Load { speaks: *speaks, requests, rate, clients: CLIENTS, token, body: None };
            load.start(&format!("http://{address}/orders"))
        })
        .collect();
    let Some(mut loads) = loads else { return };
    for number in 0..restarts() {
        let replica = &mut replicas[number % 2];
        replica.restart();
        wait_until("the replica in rotation", || haproxy.are_up(2));
    }
    assert!(!loads.iter_mut().any(RunningLoad::is_over), "the load is too short");
    assert_served(&format!("behind HAProxy, {} restarts", restarts()), rate(), loads);
}

#[test]
fn d10_rolling_restarts_without_a_balancer_fail_nothing() {
    if !std::path::Path::new("/bin/sh").exists() {
        return optional::skip("/bin/sh", "the socket is passed by it");
    }
    let Some(service) = Service::start((Ipv4Addr::LOCALHOST, 0).into(), Protocol::Http1) else {
        return;
    };
    let _alone = alone();
    let site = Site::in_front_of(&service.url());
    // One socket for all, as a service manager has it.
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    let mut current = Replica::start_with_socket(&site, &socket);
    let load =
        ClientLoad { address, token: site.token().to_owned(), clients: CLIENTS, rate: rate() };
    let running = load.start();
    wait_until("requests", || running.count() > 50);
    for _ in 0..restarts() {
        let next = Replica::start_with_socket(&site, &socket);
        let before = running.count();
        let mut old = std::mem::replace(&mut current, next);
        old.stop();
        // The next one serves.
        wait_until("requests", || running.count() > before + 20);
    }
    thread::sleep(Duration::from_millis(100));
    let case = format!("without a balancer, {} restarts", restarts());
    let finished = running.finish();
    assert_rate(&case, finished.rate(), rate());
    for (speaks, tally) in finished.tallies {
        let Tally { answered, connections, unannounced, unprocessed, failed } = tally;
        println!(
            "{case}, {speaks:?}: {answered} requests on {connections} connections, {unannounced} \
             ended unannounced, {unprocessed} unprocessed by GOAWAY, {} failed",
            failed.len()
        );
        assert!(failed.is_empty(), "{speaks:?}: {failed:?}");
        // Each client had to leave each of them.
        assert!(connections >= CLIENTS * (restarts() + 1), "{speaks:?}: {connections}");
        assert_eq!(unannounced, 0, "{speaks:?}");
        assert!(unprocessed * 20 <= connections, "{speaks:?}: {unprocessed} of {connections}");
    }
}
