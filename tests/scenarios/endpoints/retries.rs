//! Requests that are sent to another endpoint, and how many.

use std::time::{Duration, Instant};

use crate::support::{
    bare,
    client::Request,
    fleet::{Instance, Protocol, load},
    listening::Listening,
    raw_h2_upstream::{REFUSED_STREAM, RawH2Upstream, Step},
};

use super::scene::{endpoints, in_front_of, is};

const ANSWERED: &str =
    "countersign_upstream_endpoint_retries_total{outcome=\"answered\",upstream=\"other\"}";
const OVER_BUDGET: &str =
    "countersign_upstream_endpoint_retries_total{outcome=\"over_budget\",upstream=\"other\"}";

#[test]
fn u5_an_outage_of_all_endpoints_is_no_flood_and_is_answered_at_once() {
    // Each takes the connection and hangs up: every attempt is counted.
    let canaries: Vec<_> = (0..3).map(|_| Listening::canary()).collect();
    let urls: Vec<_> = canaries.iter().map(bare::url).collect();
    let world = bare::in_front_of_several(&format!("urls = {urls:?}"), "");
    let attempts = || canaries.iter().map(Listening::accepted).sum::<usize>();
    let began = Instant::now();
    let answers = load(&world.proxy, 4, true, || attempts() > 2_000);
    assert_eq!(answers.failed.len(), answers.count);
    assert!(answers.failed.iter().all(|(_, status)| *status == 502), "{:?}", answers.failed);
    // The reserve is ten, and one more each second.
    let floor = usize::try_from(began.elapsed().as_secs()).unwrap() + 11;
    let most = answers.count + answers.count / 5 + floor;
    assert!((answers.count..=most).contains(&attempts()), "{} of {}", attempts(), answers.count);
    assert!(world.proxy.metric(OVER_BUDGET) > 500.0);
    assert!(endpoints(&world.proxy, "ejected") <= 1.0);
}

#[test]
fn endpoints_that_are_all_down_are_502_at_once() {
    for scheme in ["http", "h2c"] {
        let urls: Vec<_> = (0..3).map(|_| bare::closed_port().replace("http", scheme)).collect();
        let world = bare::in_front_of_several(&format!("urls = {urls:?}"), "");
        let began = Instant::now();
        for number in 0..50 {
            assert_eq!(world.proxy.get(&format!("/public/{number}"), None).status, 502);
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{scheme}: {:?}", began.elapsed());
    }
}

#[test]
fn f13_a_second_attempt_that_finds_no_connection_goes_to_another_endpoint_as_well() {
    let upstream = RawH2Upstream::start(100, |call| match call.number {
        0 => vec![Step::Reset(REFUSED_STREAM)],
        _ => vec![Step::Answer],
    });
    let urls = [upstream.url(), bare::closed_port().replace("http", "h2c")];
    let lines = format!("urls = {urls:?}\nbalance = \"round-robin\"");
    let world = bare::in_front_of_several(&lines, "");
    assert_eq!(world.proxy.get("/public/x", None).status, 200);
    assert_eq!(upstream.calls().len(), 2);
}

#[test]
fn a_request_without_a_connection_goes_to_another_endpoint_whatever_it_is() {
    for protocol in Protocol::ALL {
        let mut instances = Instance::several(2, protocol);
        let world = in_front_of(&instances, "retry = \"none\"\nretry_budget = 1.0");
        instances[0].kill();
        let mut client = world.proxy.client();
        for number in 0..40 {
            let target = format!("/public/{number}");
            let request = Request::new("POST", &target).body(b"once");
            assert_eq!(client.exchange(&request).status, 200, "{protocol:?} {number}");
            assert_eq!(instances[1].times(&format!("POST {target}")), 1);
        }
        assert!(is(endpoints(&world.proxy, "ejected"), 1), "{protocol:?}");
        assert!(is(world.proxy.metric(ANSWERED), 5), "one for each failure, {protocol:?}");
    }
}

#[test]
fn u5_without_a_budget_nothing_is_sent_to_another_endpoint() {
    let instances = Instance::several(1, Protocol::Http1);
    let closed = bare::closed_port();
    let lines = format!("urls = [\"{closed}\", \"{}\"]\nretry_budget = 0.0", instances[0].url());
    let world = bare::in_front_of_several(&lines, "");
    let answers: Vec<_> =
        (0..20).map(|n| world.proxy.get(&format!("/public/{n}"), None).status).collect();
    let failed = answers.iter().filter(|status| **status == 502).count();
    assert_eq!(failed, 5, "one for each failure until it is ejected: {answers:?}");
}
