//! What is fuzzed: the same functions that `cargo test` runs over the kept corpus.

#[path = "../../tests/code/fuzzing/targets.rs"]
pub mod targets;
