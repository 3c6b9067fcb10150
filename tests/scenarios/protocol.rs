//! What the proxy says on the wire, to clients and to upstreams: HTTP/1.1, HTTP/2, WebSocket.

mod bodies;
mod framing;
mod grpc;
mod http1;
mod http2;
mod loops;
mod multiplexed;
mod retries;
mod subjects;
mod unread_bodies;
mod unserved;
mod upgrades;
mod upstreams;
mod websocket;
