//! Connections to upstreams: those of an unchanged one go on, those of any other end with their
//! requests.

use std::{thread, time::Duration};

use crate::support::{
    bare,
    client::Request,
    fleet::{Instance, Protocol},
    setup::Setup,
    wait_until,
};

use super::scene::{Scene, upstream};

const OPEN: &str = "countersign_upstream_connections";

/// Long enough for a reload, and for what is to happen meanwhile.
const HELD: Duration = Duration::from_millis(600);

/// Kept for longer than any test takes.
const LASTING: &str = "idle_timeout = \"1m\"";

#[test]
fn x3_connections_to_an_unchanged_upstream_outlive_reloads() {
    for protocol in Protocol::ALL {
        let instances = Instance::several(1, protocol);
        let scene = Scene::in_front_of(&instances, LASTING);
        assert_eq!(scene.get("/public/before"), 200);
        for n in 0..5 {
            scene.reload_routes();
            assert_eq!(scene.get(&format!("/public/{n}")), 200);
        }
        assert_eq!((instances[0].opened(), instances[0].count()), (1, 6), "{protocol:?}");
    }
}

#[test]
fn x3_several_endpoints_keep_their_connections_too() {
    for protocol in Protocol::ALL {
        let instances = Instance::several(2, protocol);
        let scene = Scene::in_front_of(&instances, LASTING);
        let both = || instances.iter().all(|instance| instance.count() > 0);
        wait_until("connections to both", || scene.get("/public/before") == 200 && both());
        for n in 0..20 {
            scene.reload_routes();
            assert_eq!(scene.get(&format!("/public/{n}")), 200);
        }
        let opened: Vec<_> = instances.iter().map(Instance::opened).collect();
        assert_eq!(opened, [1, 1], "{protocol:?}");
    }
}

#[test]
fn x3_idle_connections_to_a_changed_or_removed_upstream_are_closed_though_no_request_comes() {
    for protocol in Protocol::ALL {
        let instances = Instance::several(1, protocol);
        let changed = upstream(&instances, "idle_timeout = \"2m\"");
        let changed = |setup: Setup| setup.with(&changed).routes(bare::ROUTES);
        let removed = |setup: Setup| setup;
        for change in [&changed as &dyn Fn(Setup) -> Setup, &removed] {
            let scene = Scene::in_front_of(&instances, LASTING);
            assert_eq!(scene.get("/public/before"), 200);
            wait_until("the connection", || instances[0].open() == 1);
            let usual =
                Setup::new().issuer("corp", &scene.world.issuer, &scene.world.key_server, "", "");
            scene.reload(&change(usual));
            wait_until("its end", || instances[0].open() == 0);
            assert!(scene.of_upstream(OPEN).abs() < f64::EPSILON, "{protocol:?}");
        }
    }
}

#[test]
fn x3_a_connection_in_use_to_an_upstream_that_is_changed_ends_with_its_request() {
    for protocol in Protocol::ALL {
        let instances = Instance::several(1, protocol);
        let scene = Scene::in_front_of(&instances, LASTING);
        instances[0].delay(HELD);
        thread::scope(|scope| {
            let in_flight = scope.spawn(|| scene.get("/public/held"));
            wait_until("the request", || instances[0].count() == 1);
            let changed = upstream(&instances, "idle_timeout = \"2m\"");
            scene.reload(&scene.usual().with(&changed).routes(bare::ROUTES));
            assert_eq!(instances[0].open(), 1, "{protocol:?}: in use");
            assert_eq!(in_flight.join().unwrap(), 200);
        });
        wait_until("its end", || instances[0].open() == 0);
    }
}

#[test]
fn x3_a_request_of_before_that_connects_later_leaves_no_connection_either() {
    for protocol in Protocol::ALL {
        let held = Instance::several(1, protocol);
        let scene = Scene::in_front_of(&held, "max_requests = 1\nidle_timeout = \"1m\"");
        held[0].delay(HELD);
        thread::scope(|scope| {
            let first = scope.spawn(|| scene.get("/public/first"));
            wait_until("the first", || held[0].count() == 1);
            // It waits in the queue of the configuration before, and goes on there.
            let queued = scope.spawn(|| scene.get("/public/queued"));
            wait_until("the queue", || scene.of_upstream("countersign_upstream_queued") > 0.5);
            scene.reload(&scene.usual());
            assert_eq!((first.join().unwrap(), queued.join().unwrap()), (200, 200));
        });
        wait_until("no connection", || held[0].open() == 0);
    }
}

#[test]
fn x3_a_client_connection_that_outlives_reloads_is_served_over_the_same_upstream_connection() {
    let instances = Instance::several(1, Protocol::Http1);
    let scene = Scene::in_front_of(&instances, LASTING);
    let mut client = scene.world.proxy.client();
    for n in 0..5 {
        let answer = client.exchange(&Request::get(&format!("/public/{n}")));
        assert_eq!(answer.status, 200);
        scene.reload_routes();
    }
    assert_eq!(instances[0].opened(), 1);
}
