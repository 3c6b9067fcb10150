//! Carries decisions out: connections, bodies, forwarding, upgrades.
//!
//! Everything here lives on one worker: a connection, its requests and its upstream connections
//! live on the same thread, so nothing but the compiled rules and the key sets is shared.

mod acceptor;
mod body;
mod bound_listener;
mod client_body;
mod connection;
mod forward;
mod guarded_io;
mod guards;
mod listener_rules;
mod location;
mod loops;
mod metrics;
mod outbound;
mod parts;
mod proxied;
mod rare_headers;
mod route_rules;
mod served_upstream;
pub mod settings;
mod stop;
mod stream_guard;
mod tls;
mod tunnel;
mod upgrade;
mod upload;
mod worker;

pub use acceptor::serve;
pub use bound_listener::BoundListener;
pub use guards::ConnectionBudget;
pub use listener_rules::ListenerRules;
pub(crate) use metrics::Metrics;
pub use parts::{ProxyParts, RouteLimitParts};
pub use proxied::{ProxiedClient, ProxyHeader, ProxyHeaderError};
pub use stop::StopStages;
pub use worker::{ProxyConfig, Worker};
