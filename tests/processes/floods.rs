//! Floods against the built program: what may wait for clients is bounded (D-2, D-11), and valid
//! requests beside it are answered as before. Each prints its figures.
//!
//! `COUNTERSIGN_FLOODS=full` makes them as large as `docs/performance.md` says.

mod answers;
mod scene;
mod upstream;
