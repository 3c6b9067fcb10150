//! Limits by verified identity: how often, and how many at once, one caller may pass.
//!
//! A route names its limits. The gate asks them once it knows in whose name a request passes, so
//! that a forged identity makes no bucket: after the token is verified, and after the signature is
//! where the key of the limit has the signer in it. A token that is cached is limited like any
//! other.
//!
//! `settings` says what is limited and by which `key`. A `limiter` is one limit, compiled; it finds
//! the bucket of a caller in a `table` of bounded size that all workers share, and `gcra` decides.
//! `permit` is what a request holds until its answer ends. Over replicas, the bucket is in the
//! [shared store](crate::shared); see `share`.

mod answer;
mod gcra;
mod key;
mod limiter;
mod metrics;
mod permit;
mod route_limits;
pub mod settings;
mod share;
mod table;
mod tables;

pub use answer::LimitAnswer;
pub use key::LimitSubject;
pub(crate) use metrics::Metrics;
pub use permit::{LimitPermit, Limited};
pub(crate) use route_limits::Limiters;
pub use route_limits::RouteLimits;
pub use tables::LimitTables;
