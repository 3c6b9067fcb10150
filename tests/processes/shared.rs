//! What replicas share through a real Redis: what one stores the other gets, what an attacker
//! stores none gets, and what happens when there is no Redis.

mod scene;

mod cluster;
mod hostile;
mod limits;
mod log;
mod outages;
mod replays;
mod sentinel;
mod tls;
mod values;
