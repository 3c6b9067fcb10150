//! Request signatures through the running proxy: the S rows of the threat catalogue. What is
//! refused is refused before the upstream gets a byte of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[expect(clippy::print_stdout, reason = "a collection that is skipped is named")]
#[path = "support/collections.rs"]
mod collections;
#[path = "support/detached_vectors.rs"]
mod detached_vectors;
#[path = "support/h2.rs"]
mod h2;
mod support;

#[path = "signatures/answers.rs"]
mod answers;
#[path = "signatures/bodies.rs"]
mod bodies;
#[path = "signatures/carriers.rs"]
mod carriers;
#[path = "signatures/chunks.rs"]
mod chunks;
#[path = "signatures/dialects.rs"]
mod dialects;
#[path = "signatures/forwarded.rs"]
mod forwarded;
#[path = "signatures/messages.rs"]
mod messages;
#[path = "signatures/published.rs"]
mod published;
#[path = "signatures/scene.rs"]
mod scene;
#[path = "signatures/signers.rs"]
mod signers;
