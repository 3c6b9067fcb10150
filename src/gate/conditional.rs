//! An admission that depends on the signature over a body which has not been read yet.

use std::sync::Arc;

use http::HeaderMap;

use super::{Admission, Denial, Route};
use crate::{
    jose::Object,
    policy::CanonicalRequest,
    reason::Reason,
    signature::{PendingSignature, SignatureRules},
    token::VerifiedToken,
};

/// What the gate says to a request whose body it has not seen.
#[derive(Debug)]
pub enum Decision<'g> {
    /// It may pass, whatever its body.
    Admitted(Admission<'g>),
    /// It may pass once its signature is verified.
    OnceSigned(Conditional<'g>),
}

/// An admission that waits for a signature. Only a verified one makes an [`Admission`] of it.
#[derive(Debug)]
pub struct Conditional<'g> {
    admission: Admission<'g>,
    rules: &'g SignatureRules,
}

/// The same, with everything about the signature known but whether it is right.
#[derive(Debug)]
pub struct PendingAdmission<'g> {
    admission: Admission<'g>,
    signature: PendingSignature<'g>,
}

impl<'g> Conditional<'g> {
    pub(super) fn new(admission: Admission<'g>, rules: &'g SignatureRules) -> Self {
        Self { admission, rules }
    }

    /// The rules by which it has to be signed.
    pub fn rules(&self) -> &'g SignatureRules {
        self.rules
    }

    /// The claims of the token, if the route asks for one.
    pub fn claims(&self) -> Option<&Object> {
        self.admission.token().map(VerifiedToken::claims)
    }

    /// Looks at the signature's header and finds the signer's key.
    ///
    /// # Errors
    /// The [`Denial`] of the first check that fails.
    pub async fn begin(self, headers: &HeaderMap) -> Result<PendingAdmission<'g>, Denial> {
        let signature = self.rules.begin(headers, self.claims()).await;
        let signature = signature.map_err(|reason| refuse(self.admission.route, reason))?;
        Ok(PendingAdmission { admission: self.admission, signature })
    }
}

impl<'g> PendingAdmission<'g> {
    /// The signature, which is to be given the body.
    pub fn signature(&mut self) -> &mut PendingSignature<'g> {
        &mut self.signature
    }

    /// The body is whole: verifies the signature over it. `in_memory` is the body, if all of it is
    /// in memory.
    ///
    /// # Errors
    /// The [`Denial`] of the first check that fails.
    pub async fn finish(
        self,
        request: &CanonicalRequest,
        in_memory: Option<&[u8]>,
    ) -> Result<Admission<'g>, Denial> {
        let Self { mut admission, signature } = self;
        let claims = admission.token().map(VerifiedToken::claims);
        let verified = signature.finish(request, in_memory, claims).await;
        let verified = verified.map_err(|reason| refuse(admission.route, reason))?;
        admission.signature = Some(Box::new(verified));
        Ok(admission)
    }

    /// The body can't be had.
    pub fn refuse(&self, reason: Reason) -> Denial {
        refuse(self.admission.route, reason)
    }

    /// The route that was taken.
    pub fn route(&self) -> &'g Route {
        self.admission.route
    }
}

fn refuse(route: &Arc<Route>, reason: Reason) -> Denial {
    Denial::of_signature(reason).on(route)
}
