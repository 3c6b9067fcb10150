//! Countersign, a verification sidecar.

pub mod admin;
pub mod clock;
pub mod config;
pub mod gate;
pub mod identity;
pub mod jose;
pub mod keys;
pub mod lifecycle;
pub mod policy;
pub mod proxy;
pub mod reason;
pub mod telemetry;
pub mod token;
