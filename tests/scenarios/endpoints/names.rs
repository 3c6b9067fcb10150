//! Names of which every address is an endpoint.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    authority::Authority,
    bare,
    client::Request,
    dns::{Data, Dns},
    fleet::{Instance, Protocol, load},
    wait_until,
    world::World,
};

use super::scene::{endpoints, is};

const LOOPBACK: &str = "allow_loopback = true\nmin_ttl = \"100ms\"\ntimeout = \"500ms\"";

/// Instances at 127.0.0.2 and so on, at one port.
fn instances(count: u8, protocol: Protocol) -> Vec<Instance> {
    let first = Instance::start_at((Ipv4Addr::new(127, 0, 0, 2), 0).into(), protocol);
    let port = first.address().port();
    let others = (3..count + 2).map(|last| {
        let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port));
        Instance::start_at(address, protocol)
    });
    std::iter::once(first).chain(others).collect()
}

fn in_front_of(instances: &[Instance], dns: &Dns, lines: &str) -> World {
    let url = instances[0].url().replace("127.0.0.2", "app.test");
    let lines = format!("url = \"{url}\"\nresolve = \"all\"\n{lines}");
    bare::in_front_of_several(&lines, &dns.section(LOOPBACK))
}

#[test]
fn addresses_that_change_under_load_fail_nothing_and_the_old_ones_drain() {
    for protocol in Protocol::ALL {
        let dns = Dns::start();
        dns.addresses("app.test", &["127.0.0.2", "127.0.0.3"]);
        let instances = instances(4, protocol);
        let world = in_front_of(&instances, &dns, "idle_timeout = \"1m\"");
        let is_over = AtomicBool::new(false);
        let answers = thread::scope(|scope| {
            let running =
                scope.spawn(|| load(&world.proxy, 4, true, || is_over.load(Ordering::SeqCst)));
            wait_until("the first two", || instances[..2].iter().all(|it| it.count() > 50));
            assert_eq!(instances[2].count() + instances[3].count(), 0);
            dns.addresses("app.test", &["127.0.0.4", "127.0.0.3", "127.0.0.5"]);
            wait_until("the new two", || instances[2..].iter().all(|it| it.count() > 50));
            // Long before the idle time.
            wait_until("the old one drains", || instances[0].open() == 0);
            is_over.store(true, Ordering::SeqCst);
            running.join().unwrap()
        });
        assert!(answers.failed.is_empty(), "{protocol:?}: {:?}", answers.failed);
        assert!(is(endpoints(&world.proxy, "used"), 3));
        println!("{protocol:?}: {} requests", answers.count);
    }
}

#[test]
fn u7_a_name_that_cannot_be_resolved_any_more_keeps_its_addresses() {
    let dns = Dns::start();
    dns.addresses("app.test", &["127.0.0.2"]);
    let instances = instances(1, Protocol::Http1);
    let world = in_front_of(&instances, &dns, "");
    assert_eq!(world.proxy.get("/public/a", None).status, 200);
    let failed = "countersign_upstream_resolutions_total{outcome=\"failed\",upstream=\"other\"}";
    dns.fails(true);
    wait_until("failures", || world.proxy.metric(failed) > 0.0);
    assert_eq!(world.proxy.get("/public/b", None).status, 200);
    dns.fails(false);
    dns.addresses("app.test", &[]);
    let before = world.proxy.metric(failed);
    wait_until("an empty answer", || world.proxy.metric(failed) > before);
    assert_eq!(world.proxy.get("/public/c", None).status, 200);
    assert_eq!(instances[0].count(), 3);
}

#[test]
fn a_request_waits_for_the_first_resolution_and_not_for_ever() {
    let dns = Dns::start();
    dns.fails(true);
    let instances = instances(1, Protocol::Http1);
    let world = in_front_of(&instances, &dns, "connect_timeout = \"200ms\"");
    let began = Instant::now();
    assert_eq!(world.proxy.get("/public/a", None).status, 502);
    assert!(began.elapsed() >= Duration::from_millis(200));
    dns.addresses("app.test", &["127.0.0.2"]);
    dns.fails(false);
    wait_until("the name", || world.proxy.get("/public/b", None).status == 200);
}

#[test]
fn srv_records_tell_addresses_ports_and_weights() {
    let dns = Dns::start();
    let instances = Instance::several(3, Protocol::Http1);
    let service = |priority, weight, instance: &Instance, target: &str| Data::Service {
        priority,
        weight,
        port: instance.address().port(),
        target: target.to_owned(),
    };
    dns.addresses("one.test", &["127.0.0.1"]);
    dns.records(
        "_http._tcp.app.test",
        vec![
            service(1, 30, &instances[0], "one.test"),
            service(1, 10, &instances[1], "one.test"),
            service(2, 90, &instances[2], "one.test"),
            service(1, 90, &instances[2], "gone.test"),
        ],
    );
    let lines = "url = \"http://_http._tcp.app.test\"\nresolve = \"srv\"";
    let world = bare::in_front_of_several(lines, &dns.section(LOOPBACK));
    let mut client = world.proxy.client();
    for number in 0..400 {
        let request = Request::get(&format!("/public/{number}"));
        assert_eq!(client.exchange(&request).status, 200);
    }
    let counts: Vec<_> = instances.iter().map(Instance::count).collect();
    assert!((250..=350).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
}

/// Each endpoint is verified by the name in the URL, whatever its address, and speaks what it has
/// agreed on.
#[test]
fn every_address_of_a_name_shows_the_certificate_of_the_name() {
    let dns = Dns::start();
    dns.addresses("app.test", &["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
    let (trusted, stranger) = (Authority::new("of the service"), Authority::new("stranger"));
    let start = |last, port, protocol, authority: &Authority| {
        let address = (Ipv4Addr::new(127, 0, 0, last), port).into();
        Instance::start_tls_at(address, protocol, &authority.server("app.test"))
    };
    let first = start(2, 0, Protocol::Http1, &trusted);
    let port = first.address().port();
    let second = start(3, port, Protocol::H2c, &trusted);
    let third = start(4, port, Protocol::Http1, &stranger);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, trusted.pem()).unwrap();
    let lines = format!(
        "url = \"https://app.test:{port}\"\nresolve = \"all\"\neject.failures = 2\n\
         tls.ca_file = \"{}\"\n[upstreams.other.health]\npath = \"/healthz\"\n\
         interval = \"500ms\"\ntimeout = \"500ms\"",
        ca.display()
    );
    let world = bare::in_front_of_several(&lines, &dns.section(LOOPBACK));
    let answers = load(&world.proxy, 4, true, || first.count().min(second.count()) > 30);
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
    assert_eq!(third.count(), 0);
    wait_until("the stranger is out", || is(endpoints(&world.proxy, "ejected"), 1));
    wait_until("checks", || first.checks() > 0 && second.checks() > 0);
    assert_eq!(third.checks(), 0);
}

#[test]
fn u7_hostile_answers_are_bounded() {
    let dns = Dns::start();
    let many: Vec<_> =
        (0..1000).map(|number| format!("127.1.{}.{}", number / 250, number % 250)).collect();
    dns.addresses("app.test", &many.iter().map(String::as_str).collect::<Vec<_>>());
    let alias = |name: &str| vec![Data::Alias(name.to_owned())];
    dns.records("loop.test", alias("loop2.test"));
    dns.records("loop2.test", alias("loop.test"));
    let lines = "url = \"http://app.test:1\"\nresolve = \"all\"\n[upstreams.loop]\n\
                 url = \"http://loop.test:1\"\nresolve = \"all\"";
    let section = dns.section("allow_loopback = true\nmin_ttl = \"200ms\"");
    let began = Instant::now();
    let world = bare::in_front_of_several(lines, &section);
    let resolved =
        "countersign_upstream_resolutions_total{outcome=\"resolved\",upstream=\"other\"}";
    wait_until("resolutions", || world.proxy.metric(resolved) >= 3.0);
    assert!(is(endpoints(&world.proxy, "used"), 64));
    // A time to live of nothing is the floor: two queries, over UDP and TCP, each 200 ms. The loop
    // backs off.
    let most = 8 * (began.elapsed().as_millis() / 180 + 1) + 100;
    assert!((dns.queries() as u128) < most, "{} in {:?}", dns.queries(), began.elapsed());
    let looping = "countersign_upstream_resolutions_total{outcome=\"failed\",upstream=\"loop\"}";
    wait_until("the loop is given up", || world.proxy.metric(looping) > 0.0);
    assert!(world.proxy.logs().contains("more addresses than are used"));
}

#[test]
fn u7_a_name_is_not_led_to_this_machine() {
    let dns = Dns::start();
    dns.addresses("app.test", &["127.0.0.2", "169.254.169.254", "::1"]);
    let instances = instances(1, Protocol::Http1);
    let url = instances[0].url().replace("127.0.0.2", "app.test");
    let lines = format!("url = \"{url}\"\nresolve = \"all\"\nconnect_timeout = \"200ms\"");
    let world = bare::in_front_of_several(&lines, &dns.section(""));
    assert_eq!(world.proxy.get("/public/a", None).status, 502);
    assert_eq!(instances[0].count(), 0);
}
