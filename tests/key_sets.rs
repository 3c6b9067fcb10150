//! The K rows of the threat catalogue through the running proxy: key sets that are hostile,
//! late, broken or gone, and what that means for requests.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

#[path = "tls/authority.rs"]
#[allow(dead_code, reason = "some of it is for other tests")]
mod authority;

#[path = "key_sets/connections.rs"]
mod connections;
#[path = "key_sets/discovery.rs"]
mod discovery;
#[path = "key_sets/documents.rs"]
mod documents;
#[path = "key_sets/keys.rs"]
mod keys;
#[path = "key_sets/outage.rs"]
mod outage;
#[path = "key_sets/rotation.rs"]
mod rotation;
#[path = "key_sets/single_keys.rs"]
mod single_keys;
