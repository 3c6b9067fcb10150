//! Countersign, a verification sidecar.

