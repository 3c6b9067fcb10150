//! Health checks of our own.

use crate::support::{
    client::Request,
    fleet::{Instance, Protocol, load},
    wait_until,
};

use super::scene::{ejections, endpoints, in_front_of, is};

const CHECKED: &str = "eject = { for = \"200ms\" }\n[upstreams.other.health]\npath = \"/healthz\"\n\
                       interval = \"200ms\"\ntimeout = \"200ms\"";

#[test]
fn a_check_that_fails_takes_an_endpoint_out_and_one_that_passes_brings_it_back() {
    for protocol in Protocol::ALL {
        let instances = Instance::several(3, protocol);
        let world = in_front_of(&instances, CHECKED);
        wait_until("checks", || instances.iter().all(|it| it.checks() > 1));
        instances[2].is_healthy(false);
        wait_until("the ejection", || is(endpoints(&world.proxy, "ejected"), 1));
        assert!(is(ejections(&world.proxy, "check"), 1), "{protocol:?}");
        let before = instances[2].count();
        let others = || instances[0].count().min(instances[1].count());
        let answers = load(&world.proxy, 2, true, || others() > 30);
        assert!(answers.failed.is_empty(), "{protocol:?}: {:?}", answers.failed);
        assert_eq!(instances[2].count(), before, "{protocol:?}");
        instances[2].is_healthy(true);
        let back = load(&world.proxy, 2, true, || instances[2].count() > before + 20);
        assert!(back.failed.is_empty(), "{protocol:?}: {:?}", back.failed);
    }
}

#[test]
fn u6_checks_that_fail_everywhere_leave_half_of_the_endpoints() {
    let instances = Instance::several(4, Protocol::Http1);
    let world = in_front_of(&instances, CHECKED);
    for instance in &instances {
        instance.is_healthy(false);
    }
    wait_until("the ejections", || is(endpoints(&world.proxy, "ejected"), 2));
    let mut client = world.proxy.client();
    for number in 0..20 {
        let request = Request::get(&format!("/public/{number}"));
        assert_eq!(client.exchange(&request).status, 200);
    }
    assert!(is(endpoints(&world.proxy, "ejected"), 2));
}

#[test]
fn an_endpoint_that_does_not_answer_its_checks_in_time_is_taken_out() {
    let mut instances = Instance::several(2, Protocol::Http1);
    let world = in_front_of(&instances, CHECKED);
    wait_until("checks", || instances.iter().all(|it| it.checks() > 0));
    instances[0].kill();
    // Takes connections and says nothing.
    let _silent = std::net::TcpListener::bind(instances[0].address()).unwrap();
    wait_until("the ejection", || is(endpoints(&world.proxy, "ejected"), 1));
    assert!(is(ejections(&world.proxy, "check"), 1));
}
