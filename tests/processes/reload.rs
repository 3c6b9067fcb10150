//! A configuration that changes while the program runs: what has it read again, and the verdict.

mod command;
mod diagnosis;
mod listeners;
mod private_listener;
pub(crate) mod scene;
mod service_manager;
mod watching;
