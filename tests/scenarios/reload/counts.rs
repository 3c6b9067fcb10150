//! What is counted, and what is known of endpoints, goes on: a reload gives nothing away twice.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::{
    endpoints::scene::{endpoints, is},
    support::{
        bare,
        fleet::{Instance, Protocol, load},
        wait_until,
    },
};

use super::scene::{Scene, upstream};

/// Long enough for a reload, and for what is to happen meanwhile.
const HELD: Duration = Duration::from_millis(600);

#[test]
fn u5_an_ejected_endpoint_stays_ejected_over_a_reload() {
    let mut instances = Instance::several(2, Protocol::Http1);
    let scene = Scene::in_front_of(&instances, "eject = { failures = 1, for = \"10m\" }");
    let proxy = &scene.world.proxy;
    wait_until("both", || {
        scene.get("/public/x");
        instances.iter().all(|instance| instance.count() > 0)
    });
    instances[1].kill();
    wait_until("the ejection", || {
        scene.get("/public/x");
        is(endpoints(proxy, "ejected"), 1)
    });
    instances[1].revive();
    let before = instances[1].count();
    scene.reload_routes();
    for n in 0..50 {
        assert_eq!(scene.get(&format!("/public/{n}")), 200);
    }
    assert_eq!(instances[1].count(), before, "it got nothing");
    assert!(is(endpoints(proxy, "ejected"), 1));
}

#[test]
fn u5_what_health_checks_have_found_stays_and_there_is_one_checker() {
    let instances = Instance::several(2, Protocol::Http1);
    let lines = "[upstreams.other.health]\npath = \"/healthz\"\ninterval = \"1s\"\n";
    instances[1].is_healthy(false);
    let scene = Scene::in_front_of(&instances, lines);
    let proxy = &scene.world.proxy;
    wait_until("the checks", || is(endpoints(proxy, "used"), 1));
    for n in 0..20 {
        scene.reload_routes();
        assert_eq!(scene.get(&format!("/public/{n}")), 200);
        assert!(is(endpoints(proxy, "used"), 1), "after {n}");
    }
    assert_eq!(instances[1].count(), 0);
}

#[test]
fn d9_an_upstream_never_has_more_connections_than_it_may_over_reloads_under_load() {
    const MOST: f64 = 2.0;
    let instances = Instance::several(1, Protocol::Http1);
    instances[0].delay(Duration::from_millis(10));
    let lines = |n: usize| format!("max_connections = 2\nconnect_timeout = \"{}s\"", 5 + n % 2);
    let scene = Scene::in_front_of(&instances, &lines(0));
    let is_over = AtomicBool::new(false);
    let world = &scene.world;
    let answers = thread::scope(|scope| {
        let running =
            scope.spawn(|| load(&world.proxy, 6, false, || is_over.load(Ordering::SeqCst)));
        wait_until("requests", || instances[0].count() > 20);
        for n in 0..20 {
            let changed = upstream(&instances, &lines(n));
            scene.reload(&scene.usual().with(&changed).routes(bare::ROUTES));
            for _ in 0..5 {
                let open = scene.of_upstream("countersign_upstream_connections");
                assert!(open <= MOST, "{open} connections after reload {n}");
            }
        }
        is_over.store(true, Ordering::SeqCst);
        running.join().unwrap()
    });
    assert!(answers.failed.is_empty() && answers.count > 50, "{answers:?}");
}

#[test]
fn d9_requests_of_before_count_under_the_bounds_of_after() {
    let instances = Instance::several(1, Protocol::Http1);
    let bounded = |most: usize| {
        upstream(&instances, &format!("max_requests = {most}\nqueue = {{ length = 0 }}"))
    };
    let scene = Scene::start(|setup| setup.with(&bounded(2)).routes(bare::ROUTES));
    let reload = |most| scene.reload(&scene.usual().with(&bounded(most)).routes(bare::ROUTES));
    instances[0].delay(HELD);
    thread::scope(|scope| {
        let in_flight = scope.spawn(|| scene.get("/public/held"));
        wait_until("the request", || instances[0].count() == 1);
        reload(1);
        assert_eq!(scene.get("/public/one-too-many"), 503);
        assert_eq!(in_flight.join().unwrap(), 200);
    });
    assert_eq!(scene.get("/public/again"), 200);
}

#[test]
fn d9_requests_of_before_count_for_the_concurrency_of_their_route() {
    let instances = Instance::several(1, Protocol::Http1);
    let table = upstream(&instances, "");
    let routes = |more: &str| {
        format!(
            "{more}[[routes]]\nname = \"held\"\npath = \"/public/**\"\naccess = \"public\"\n\
             upstream = \"other\"\nconcurrency = 1"
        )
    };
    let scene = Scene::start(|setup| setup.with(&table).routes(&routes("")));
    instances[0].delay(HELD);
    thread::scope(|scope| {
        let in_flight = scope.spawn(|| scene.get("/public/held"));
        wait_until("the request", || instances[0].count() == 1);
        // At another place among the routes: it is the same by its name.
        let before = "[[routes]]\npath = \"/before\"\naccess = \"public\"\nupstream = \"other\"\n";
        scene.reload(&scene.setup.clone().routes(&routes(before)));
        assert_eq!(scene.get("/public/one-too-many"), 503);
        assert_eq!(in_flight.join().unwrap(), 200);
        wait_until("the place", || scene.get("/public/again") == 200);
    });
}
