//! The program under a constant load, while the services behind it come and go:
//!
//! ```sh
//! cargo test --test processes under_load -- --nocapture       # in some 25 s
//! COUNTERSIGN_BIN=target/release/countersign COUNTERSIGN_LOAD=full \
//!     cargo test --test processes under_load -- --nocapture   # a release, and for longer
//! ```

mod changes;
mod lost_primaries;
mod rolling;
mod scene;
mod served;
mod service;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::Duration,
};

use scene::{CLIENTS, HALF, MIXED, RATE, Scene, is_full};
use served::assert_rate;
use service::Service;

use crate::support::{
    dns::Dns,
    fleet::Protocol,
    h2load::{Outcome, alone, now},
    redis::{PASSWORD, RedisServer},
    wait_until,
};

/// `None`, with a notice, where there is no nginx.
fn three(protocol: Protocol) -> Option<Vec<Service>> {
    (0..3).map(|_| Service::start((Ipv4Addr::LOCALHOST, 0).into(), protocol)).collect()
}

fn in_front_of(services: &[Service], lines: &str) -> Scene {
    let urls: Vec<_> = services.iter().map(Service::url).collect();
    Scene::start(&format!("urls = {urls:?}\n{lines}"), "", "")
}

#[test]
fn u5_one_of_three_endpoints_killed_and_started_again_fails_nothing_but_posts_in_flight() {
    for protocol in Protocol::ALL {
        let Some(mut services) = three(protocol) else { return };
        let _alone = alone();
        let scene = in_front_of(&services, "eject = { failures = 3, for = \"300ms\" }");
        let (seconds, kills) = if is_full() { (10, 3) } else { (3, 1) };
        let Some(mut traffic) = scene.send(&MIXED, seconds) else { return };
        wait_until("requests", || services.iter().all(|it| it.count() > 200));
        for killed in services.iter_mut().rev().take(kills) {
            killed.kill();
            wait_until("the ejection", || scene.are("ejected", 1));
            killed.start_again();
            let before = killed.count();
            wait_until("the return", || killed.count() > before + 50);
            wait_until("the whole share", || scene.are("used", 3));
        }
        assert!(!traffic.is_over(), "{protocol:?}: the load is too short");
        let (gets, posts) = traffic.finish(&format!("killed, {protocol:?}"));
        gets.assert_nothing_failed(&format!("{protocol:?}"));
        // Each client sends one at a time.
        assert!(posts.failed() <= CLIENTS * kills, "{protocol:?}: {posts}");
        assert_rate(&format!("killed, {protocol:?}"), gets.and(posts).rate(), RATE);
    }
}

#[test]
fn an_endpoint_that_stands_still_fails_nothing_and_holds_up_few() {
    for protocol in Protocol::ALL {
        let Some(services) = three(protocol) else { return };
        let _alone = alone();
        let scene = in_front_of(&services, "");
        let still = if is_full() { 10 } else { 4 };
        let Some(mut traffic) = scene.send(&MIXED, still + 2) else { return };
        wait_until("requests", || services.iter().all(|it| it.count() > 200));
        services[0].freeze();
        let from = now();
        thread::sleep(Duration::from_secs(still.try_into().unwrap()));
        let until = now();
        services[0].thaw();
        assert!(!traffic.is_over(), "{protocol:?}: the load is too short");
        let (gets, posts) = traffic.finish(&format!("still, {protocol:?}"));
        let all = gets.and(posts);
        all.assert_nothing_failed(&format!("{protocol:?}"));
        let meanwhile = all.between(from, until);
        let held_up = meanwhile.longer_than(Duration::from_secs(1));
        println!("still, {protocol:?}: meanwhile {meanwhile}, {held_up} held up");
        assert!(meanwhile.count() > RATE * still / 4, "{protocol:?}: {meanwhile}");
        assert!(held_up < meanwhile.count() / 20, "{protocol:?}: {held_up} of {meanwhile}");
    }
}

#[test]
fn addresses_that_change_fail_nothing_and_the_old_one_may_then_be_killed() {
    for protocol in Protocol::ALL {
        let dns = Dns::start();
        dns.addresses("app.test", &["127.0.0.2", "127.0.0.3"]);
        let Some(mut services) = at_one_port(4, protocol) else { return };
        let _alone = alone();
        let url = services[0].url().replace("127.0.0.2", "app.test");
        let lines = format!("url = \"{url}\"\nresolve = \"all\"");
        let resolver = dns.section("allow_loopback = true\nmin_ttl = \"100ms\"");
        let scene = Scene::start(&lines, "", &resolver);
        let seconds = if is_full() { 10 } else { 2 };
        let Some(mut traffic) = scene.send(&MIXED, seconds) else { return };
        wait_until("the first two", || services[..2].iter().all(|it| it.count() > 200));
        assert_eq!(services[2].count() + services[3].count(), 0);
        dns.addresses("app.test", &["127.0.0.4", "127.0.0.3", "127.0.0.5"]);
        wait_until("the new two", || services[2..].iter().all(|it| it.count() > 50));
        wait_until("the old one drains", || {
            let (old, new) = (services[0].count(), services[2].count());
            wait_until("requests", || services[2].count() > new + 50);
            services[0].count() == old
        });
        services[0].kill();
        let new = services[2].count();
        wait_until("requests", || services[2].count() > new + 50);
        assert!(!traffic.is_over(), "{protocol:?}: the load is too short");
        let case = format!("addresses, {protocol:?}");
        let (gets, posts) = traffic.finish(&case);
        let all = gets.and(posts);
        all.assert_nothing_failed(&case);
        assert_rate(&case, all.rate(), RATE);
        assert!(scene.are("used", 3));
    }
}

/// At 127.0.0.2 and so on.
fn at_one_port(count: u8, protocol: Protocol) -> Option<Vec<Service>> {
    let first = Service::start((Ipv4Addr::new(127, 0, 0, 2), 0).into(), protocol)?;
    let port = first.address().port();
    let others = (3..count + 2).map(|last| {
        let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port));
        Service::start(address, protocol)
    });
    std::iter::once(Some(first)).chain(others).collect()
}

#[test]
fn l1_a_load_of_four_times_the_rate_passes_two_replicas_at_the_rate() {
    const LIMIT: usize = RATE / 4;
    let Some(redis) = RedisServer::start() else { return };
    let Some(services) = three(Protocol::Http1) else { return };
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, PASSWORD).unwrap();
    let _alone = alone();
    // A burst of a second: a pause of this machine takes nothing away.
    let tables = format!(
        "[shared]\nurl = \"redis://127.0.0.1:{}\"\npassword_file = {password:?}\n\
         integrity = \"none\"\ntimeout = \"500ms\"\n[limits.own]\nkey = {{ claim = \"client_id\" }}\nshared = true\n\
         rate = \"{LIMIT}/s\"\nburst = {LIMIT}",
        redis.port()
    );
    let lines = format!("url = \"{}\"", services[0].url());
    let replicas = [0, 1].map(|_| Scene::start(&lines, "limit = \"own\"", &tables));
    for replica in &replicas {
        let connected = || replica.process.metric("countersign_shared_connected") > 0.5;
        wait_until("the store", connected);
    }
    let seconds = if is_full() { 10 } else { 3 };
    let traffic: Option<Vec<_>> =
        replicas.iter().map(|replica| replica.send(&HALF, seconds)).collect();
    let Some(traffic) = traffic else { return };
    let ended = traffic.into_iter().map(|traffic| traffic.finish("limited").0);
    let all = ended.reduce(Outcome::and).unwrap();
    let (passed, refused) = (all.with_status(200), all.with_status(429));
    assert_eq!(passed + refused, RATE * seconds, "{all}");
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let expected = number(LIMIT) * (1.0 + all.elapsed().as_secs_f64());
    let error = (number(passed) - expected) / expected;
    println!(
        "limited: {:.0}/s sent, {passed} passed of {expected:.0}, {:+.2} %",
        all.rate(),
        error * 100.0
    );
    assert!(error.abs() <= 0.05, "{passed} instead of {expected}");
    let local = "countersign_limit_local_total{limit=\"own\"}";
    assert!(replicas.iter().all(|replica| replica.process.metric(local) < 0.5));
}
