//! Carries the gate's answer out: connections, bodies, forwarding, upgrades, the upstream pool.
//!
//! Everything here lives on one worker: a connection, its requests and its upstream connections
//! are born and die on the same thread, so nothing but the compiled rules and the key sets is
//! shared.

mod acceptor;
pub mod answer;
mod answer_signing;
mod body;
mod connection;
mod forward;
mod framing;
mod guarded_io;
mod guards;
mod held_body;
mod outbound;
mod parts;
mod pieces;
pub mod settings;
mod signed;
mod stream_guard;
mod tls;
mod tunnel;
mod upgrade;
pub mod upstream;
mod worker;

pub use acceptor::serve;
pub use answer::AnswerStyle;
pub use guards::ConnectionBudget;
pub use parts::EngineParts;
pub use worker::{Engine, Worker};
