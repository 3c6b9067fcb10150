//! Real services over TLS: nginx, `HAProxy`, Node, uvicorn, gunicorn and gRPC, each under a load.

mod peers;
mod scene;

use std::{thread, time::Duration};

use peers::{Peer, PeerKind};
use scene::Scene;

use crate::support::{
    h2load::{Load, Speaks, alone},
    wait_until,
};

/// How many requests, and how many a second.
type Size = (usize, usize);

/// For services that are fast.
const FAST: Size = (3000, 2000);
/// For Python.
const SLOW: Size = (400, 200);

fn load((requests, rate): Size, speaks: Speaks) -> Load {
    Load { speaks, requests, rate, clients: 8, token: None, body: None }
}

/// Answers with what it was spoken, which is what its handshake agreed on; then none of the
/// requests of a load fails.
#[track_caller]
fn assert_serves(kind: PeerKind, protocol: &str, size: Size) {
    let Some(peer) = Peer::start(kind) else { return };
    let _alone = alone();
    let scene = Scene::start(&peer);
    assert_eq!(scene.get(), protocol, "{}", scene.process.log());
    for speaks in Speaks::ALL {
        let Some(load) = load(size, speaks).start(&scene.url()) else { return };
        load.finish().assert_nothing_failed(&format!("{kind:?} {speaks:?}"));
    }
    assert!(scene.handshakes("full") + scene.handshakes("resumed") >= 1.0);
}

#[test]
fn nginx_serves_over_tls() {
    assert_serves(PeerKind::Nginx, "HTTP/2.0", FAST);
    assert_serves(PeerKind::NginxHttp1, "HTTP/1.1", FAST);
}

#[test]
fn haproxy_serves_over_tls() {
    assert_serves(PeerKind::HaProxy, "HTTP/2.0", FAST);
}

#[test]
fn node_serves_over_tls() {
    assert_serves(PeerKind::NodeHttps, "1.1", FAST);
    assert_serves(PeerKind::NodeHttp2, "2.0", FAST);
}

#[test]
fn uvicorn_serves_over_tls() {
    assert_serves(PeerKind::Uvicorn, "1.1", SLOW);
}

#[test]
fn gunicorn_serves_over_tls() {
    assert_serves(PeerKind::Gunicorn, "HTTP/1.1", SLOW);
}

#[test]
fn grpc_serves_over_tls() {
    let Some(peer) = Peer::start(PeerKind::Grpc) else { return };
    let scene = Scene::start(&peer);
    peer.call_grpc(scene.process.address());
    assert!(scene.handshakes("full") >= 1.0, "{}", scene.process.log());
}

/// nginx reloads as it does after certbot: its connections come to their end, and the next show
/// another certificate, of another authority.
#[test]
fn a_certificate_that_is_renewed_by_another_authority_under_load_fails_no_request() {
    for kind in [PeerKind::Nginx, PeerKind::NginxHttp1] {
        let Some(peer) = Peer::start(kind) else { return };
        let _alone = alone();
        let scene = Scene::start(&peer);
        scene.get();
        for speaks in Speaks::ALL {
            let Some(mut load) = load(FAST, speaks).start(&scene.url()) else { return };
            for number in 0..4 {
                thread::sleep(Duration::from_millis(250));
                let before = scene.expiry();
                peer.renew(number % 2 == 0);
                wait_until("a handshake with the other certificate", || {
                    load.is_over() || (scene.expiry() - before).abs() > 1.0
                });
            }
            load.finish().assert_nothing_failed(&format!("{kind:?} {speaks:?}"));
        }
        for fault in ["unknown_authority", "closed", "protocol", "timeout"] {
            assert!(scene.handshakes(fault) < 1.0, "{fault}");
        }
        assert!(scene.handshakes("full") >= 2.0);
    }
}
