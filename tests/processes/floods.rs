//! Floods against the built program: what may wait for clients is bounded (D-12), and valid
//! requests beside it are answered as before. Each prints its figures.
//!
//! `COUNTERSIGN_FLOODS=full` makes them as large as docs/security.md says.

mod answers;
mod scene;
mod upstream;
