//! The harness of the end-to-end tests: a client, the proxy started through the library, a
//! recording upstream, a scriptable key server, and the oracle that says what is right.
//!
//! [`World`] is all of them at once. When a [`Proxy`] goes, the invariants that hold over
//! everything it did are checked: see `invariants.rs` in here.

#![allow(dead_code, reason = "each test binary uses its own part of the harness")]

pub(crate) mod authority;
pub(crate) mod bare;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod collections;
pub(crate) mod config_map;
pub(crate) mod curl;
pub(crate) mod detached_vectors;
pub(crate) mod dns;
pub(crate) mod egress_proxy;
pub(crate) mod flaky;
pub(crate) mod fleet;
pub(crate) mod foreign;
pub(crate) mod form;
pub(crate) mod h2;
pub(crate) mod h2_upstream;
pub(crate) mod h2load;
pub(crate) mod introspection;
pub(crate) mod invariants;
pub(crate) mod issuer;
pub(crate) mod journal;
pub(crate) mod key_server;
pub(crate) mod listening;
pub(crate) mod logs;
pub(crate) mod optional;
pub(crate) mod oracle;
pub(crate) mod page;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod published;
pub(crate) mod raw_h2_upstream;
pub(crate) mod redis;
pub(crate) mod redis_group;
pub(crate) mod setup;
pub(crate) mod shipped;
pub(crate) mod signalled;
pub(crate) mod tls_front;
pub(crate) mod upstream;
pub(crate) mod wire;
pub(crate) mod world;
pub(crate) mod wsgi;

use std::{
    thread,
    time::{Duration, Instant},
};

/// The moment at which every test begins, in Unix seconds. Only a test moves its clock.
pub(crate) const NOW: i64 = 1_900_000_000;

/// How long anything may take before a test gives up on it. Passing tests never wait as long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for a condition, and panics if it does not come true within [`DEADLINE`]. Looks often at
/// first and less often later: many tests wait at the same time, and looking is not for free.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    const LONGEST_PAUSE: Duration = Duration::from_millis(50);
    let until = Instant::now() + DEADLINE;
    let mut pause = Duration::from_millis(1);
    while !holds() {
        assert!(Instant::now() < until, "waited too long for {what}");
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
