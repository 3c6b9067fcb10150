//! What a route lets through, and what it does where its upstream does not answer.

mod addresses;
mod answers;
mod buffered;
mod caps;
mod concurrency;
mod failures;
mod large_bodies;
mod maintenance;
mod timeouts;
mod tunnels;
