//! What a new configuration takes over of the one before: it has to change only what it says.

mod connections;
mod counts;
mod equivalence;
mod keys;
mod refused;
mod scene;
mod tls;
mod verified;
