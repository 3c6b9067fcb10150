//! What the proxy says on the wire, to clients and to upstreams: HTTP/1.1, HTTP/2, WebSocket.

mod bodies;
mod grpc;
mod http1;
mod http2;
mod multiplexed;
mod retries;
mod upstreams;
mod websocket;
