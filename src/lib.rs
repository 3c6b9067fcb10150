//! Countersign, a verification sidecar.

pub mod jose;
