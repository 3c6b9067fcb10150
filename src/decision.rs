//! Decides requests for front ends: it takes a request's head, and where its route requires a
//! signature its body as well; it returns [`Forward`] or [`Refusal`].
//!
//! An [`Engine`] is one configuration, compiled; each worker of a front end uses it through a
//! [`WorkerEngine`]. For each request a front end begins an [`Exchange`], lets it
//! [decide](Exchange::decide), carries the decision out and reports the [outcome](Exchange::end).
//! It needs no other room to know whether a request may pass.

mod answer_signing;
mod buffered;
mod cross_origin;
pub mod denials;
mod engine;
mod exchange;
mod forward;
mod grpc;
pub mod held_body;
mod metrics;
mod outcome;
mod private_answer;
mod proof;
pub mod record;
mod refusal;
mod signed;

pub use crate::{cors::AnswerFrom, gate::Peer, identity::PeerAddress, limits::LimitPermit};
pub use answer_signing::{AnswerToSign, SignedAnswer, Unsignable};
pub use cross_origin::CrossOrigin;
pub use engine::{Engine, EngineParts, RequestArrival, WorkerEngine};
pub use exchange::Exchange;
pub use forward::{Forward, VerifiedBody};
pub use grpc::{GrpcStatus, RefusalForm};
pub(crate) use metrics::Metrics;
pub use outcome::{Outcome, UploadFault};
pub use record::RequestRecord;
pub use refusal::Refusal;

#[cfg(test)]
mod tests;
