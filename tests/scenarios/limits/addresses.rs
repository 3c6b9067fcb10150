//! L-4: where there is no name, the address counts, as trusted forwarding decides.

use serde_json::json;

use super::{get, keys, passes, public, world, world_with};
use crate::support::world::World;

const BY_ADDRESS: &str = "key = \"address\"\nrate = \"2/h\"";

fn trusting() -> World {
    let tables =
        format!("[limits.own]\n{BY_ADDRESS}\n[forwarding]\ntrusted_proxies = [\"127.0.0.0/8\"]");
    world_with(&tables, "limit = \"own\"")
}

#[test]
fn l4_an_address_that_a_client_invents_gives_it_no_other_bucket() {
    let world = world(BY_ADDRESS);
    let mut number = 0;
    let passed = passes(20, || {
        number += 1;
        public(&world, ("x-forwarded-for", &format!("192.0.2.{number}")))
    });
    assert_eq!((passed, keys(&world)), (2, 1));
}

#[test]
fn l4_behind_a_trusted_proxy_each_client_has_a_bucket_and_none_can_invent_another() {
    let world = trusting();
    for client in ["192.0.2.1", "192.0.2.2"] {
        let mut number = 0;
        let passed = passes(5, || {
            number += 1;
            // What stands before the proxy's own word is the client's.
            public(&world, ("x-forwarded-for", &format!("203.0.113.{number}, {client}")))
        });
        assert_eq!(passed, 2, "{client}");
    }
    assert_eq!(keys(&world), 2);
}

#[test]
fn l4_a_client_that_changes_its_address_within_its_ipv6_network_stays_one() {
    let world = trusting();
    let mut number = 0;
    let passed = passes(20, || {
        number += 1;
        public(&world, ("x-forwarded-for", &format!("2001:db8:0:1:{number:x}::{number:x}")))
    });
    assert_eq!((passed, keys(&world)), (2, 1));
    assert_eq!(public(&world, ("x-forwarded-for", "2001:db8:0:2::1")).status, 200);
}

#[test]
fn l1_without_the_claim_the_address_counts_and_takes_nothing_of_those_who_have_it() {
    let world = world("key = { claim = \"client_id\" }\nrate = \"2/h\"");
    let unnamed = world.issuer.mint(json!({}));
    assert_eq!(passes(4, || get(&world, &unnamed)), 2);
    assert_eq!(passes(4, || public(&world, ("accept", "*/*"))), 0, "the same address");
    let app = world.issuer.mint(json!({ "client_id": "app" }));
    assert_eq!(passes(4, || get(&world, &app)), 2);
}
