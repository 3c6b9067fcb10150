//! What the proxy says on the wire, to clients and to upstreams: HTTP/1.1, HTTP/2, WebSocket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy sees only functions marked as tests as tests"
)]

mod support;

#[path = "support/bare.rs"]
mod bare;
#[path = "support/h2.rs"]
mod h2;
#[path = "support/h2_upstream.rs"]
mod h2_upstream;

#[path = "protocol/bodies.rs"]
mod bodies;
#[path = "protocol/grpc.rs"]
mod grpc;
#[path = "protocol/http1.rs"]
mod http1;
#[path = "protocol/http2.rs"]
mod http2;
#[path = "protocol/upstreams.rs"]
mod upstreams;
#[path = "protocol/websocket.rs"]
mod websocket;
