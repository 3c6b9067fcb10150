//! Bytes on a socket, of clients and upstreams alike: the framing of messages, the frames of HTTP/2,
//! small writes, and the timers and wake-ups of the task that serves the socket. Nothing here knows
//! a route, a token or an upstream.

pub(crate) mod burst_allowance;
pub(crate) mod frames;
pub(crate) mod framing;
pub(crate) mod held_wakes;
pub(crate) mod pieces;
pub(crate) mod reads_on;
pub(crate) mod timer;
pub(crate) mod woken_task;
