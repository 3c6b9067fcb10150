//! A configuration that changes while the program runs: what has it read again, and the verdict.

mod command;
mod private_listener;
mod scene;
