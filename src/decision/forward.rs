//! Permission to forward one request, and what the front end needs to do it.

use super::{AnswerToSign, held_body::HeldBody};
use crate::{
    gate::Admission,
    identity::RequestOrigin,
    limits::LimitPermit,
    policy::{CanonicalRequest, OutgoingTarget},
};

/// A request that may pass. Its head has been rewritten for the upstream: headers a client must not
/// set are removed, and verified ones are set. A front end that has to name the changes compares
/// the heads before and after. The origin and the request's id are not among the headers.
#[derive(Debug)]
#[must_use = "a request that was admitted is to be forwarded"]
pub struct Forward<'e, B> {
    /// The request in its canonical form.
    pub request: &'e CanonicalRequest,
    /// Its target as the upstream receives it; `None`: the canonical one.
    pub outgoing: Option<Box<OutgoingTarget>>,
    /// The permission, with the route and what was proven.
    pub admission: Admission<'e>,
    /// Where it came from, to be sent beside these headers; `None`: they say it.
    pub origin: Option<RequestOrigin<'e>>,
    /// The body to be forwarded.
    pub body: VerifiedBody<B>,
    /// The room for the upstream's answer, where that is to be signed.
    pub answer: Option<AnswerToSign>,
    /// What is to be held until the answer has ended, where the request counts as one of those at
    /// the same time.
    pub permit: Option<Box<LimitPermit>>,
}

/// The body of a request that may pass.
#[derive(Debug)]
pub enum VerifiedBody<B> {
    /// Unread, as the front end gave it: the route requires no signature.
    Unread(Option<B>),
    /// All of it: the bytes that the signature was verified over, or that were buffered.
    Held(HeldBody),
}
