//! What replicas share through a real Redis: what one puts the other gets, what somebody else
//! puts nobody gets, and what happens when there is no Redis.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy sees only functions marked as tests as tests"
)]

mod support;

#[path = "tls/authority.rs"]
#[allow(dead_code, reason = "made for the tests of the listener")]
mod authority;
#[path = "support/redis.rs"]
mod redis_server;
#[path = "shared/scene.rs"]
mod scene;

#[path = "shared/hostile.rs"]
mod hostile;
#[path = "shared/log.rs"]
mod log;
#[path = "shared/outages.rs"]
mod outages;
#[path = "shared/replays.rs"]
mod replays;
#[path = "shared/tls.rs"]
mod tls;
#[path = "shared/values.rs"]
mod values;
