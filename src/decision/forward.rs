//! Permission to forward one request, and what the front end needs to do it.

use super::{AnswerToSign, held_body::HeldBody};
use crate::{gate::Admission, policy::CanonicalRequest};

/// A request that may pass. Its head has been rewritten for the upstream: headers a client must not
/// set are removed, and verified ones are set. A front end that has to name the changes compares
/// the heads before and after.
#[derive(Debug)]
#[must_use = "a request that was admitted is to be forwarded"]
pub struct Forward<'e, B> {
    /// The request in its canonical form.
    pub request: &'e CanonicalRequest,
    /// The permission, with the route and what was proven.
    pub admission: Admission<'e>,
    /// The body to be forwarded.
    pub body: VerifiedBody<B>,
    /// The room for the upstream's answer, where that is to be signed.
    pub answer: Option<AnswerToSign>,
}

/// The body of a request that may pass.
#[derive(Debug)]
pub enum VerifiedBody<B> {
    /// Unread, as the front end gave it: the route requires no signature.
    Unread(Option<B>),
    /// All of it: the bytes that the signature was verified over, or that were buffered.
    Held(HeldBody),
}
