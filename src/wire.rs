//! Bytes on a socket, of clients and upstreams alike: the framing of messages, HTTP/1.1 as a client
//! speaks it, the frames of HTTP/2, small writes, and the timers and wake-ups of the task that
//! serves the socket. Nothing here knows a route, a token or an upstream.

pub(crate) mod burst_allowance;
pub(crate) mod frames;
pub(crate) mod framing;
pub mod http1;
pub(crate) mod pieces;
pub(crate) mod timer;
pub(crate) mod woken_task;
