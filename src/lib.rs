//! Countersign, a verification sidecar.

pub mod clock;
pub mod jose;
pub mod reason;
