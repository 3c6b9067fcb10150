//! An admission that waits for the signature over a body which has not been read yet.

use std::{rc::Rc, sync::Arc};

use http::HeaderMap;

use super::{Admission, Denial, Route, limited::SignerLimits};
use crate::{
    json::Object,
    policy::{CanonicalRequest, Redirect},
    reason::Cause,
    signature::{PendingSignature, SignatureRules},
    token::VerifiedToken,
};

/// The gate's decision on a request whose body it has not seen.
#[derive(Debug)]
pub enum Decision<'g> {
    /// It may pass, whatever its body.
    Admitted(Admission<'g>),
    /// It may pass once its signature is verified.
    Unsigned(Unsigned<'g>),
    /// It is answered with a redirect of that route.
    Redirect(&'g Arc<Route>, &'g Redirect),
    /// It is a preflight of that route, to be answered in place of the service.
    Preflight(&'g Arc<Route>),
}

impl<'g> Decision<'g> {
    /// The route that was taken.
    pub fn route(&self) -> &'g Arc<Route> {
        match self {
            Self::Admitted(admission) => admission.route,
            Self::Unsigned(unsigned) => unsigned.route(),
            Self::Redirect(route, _) | Self::Preflight(route) => route,
        }
    }
}

/// An admission that waits for a signature. Only a verified one makes an [`Admission`] of it.
#[derive(Debug)]
pub struct Unsigned<'g> {
    admission: Admission<'g>,
    rules: &'g SignatureRules,
    limits: Option<Box<SignerLimits<'g>>>,
}

impl<'g> Unsigned<'g> {
    pub(super) fn new(
        admission: Admission<'g>,
        rules: &'g SignatureRules,
        limits: Option<Box<SignerLimits<'g>>>,
    ) -> Self {
        Self { admission, rules, limits }
    }

    /// The rules by which it has to be signed.
    pub fn rules(&self) -> &'g SignatureRules {
        self.rules
    }

    /// The route that was taken.
    pub fn route(&self) -> &'g Arc<Route> {
        self.admission.route
    }

    /// The token, to be kept; `None` if the route requires none.
    pub fn shared_token(&self) -> Option<&Rc<VerifiedToken>> {
        self.admission.shared_token()
    }

    /// The claims of the token, if the route requires one.
    pub fn claims(&self) -> Option<&Object> {
        self.admission.token().map(VerifiedToken::claims)
    }

    /// Looks at the signature's header and finds the signer's key. The body is to be fed to what
    /// comes back.
    ///
    /// # Errors
    /// The [`Denial`] of the first check that fails.
    pub async fn begin(&self, headers: &HeaderMap) -> Result<PendingSignature<'g>, Denial> {
        self.rules.begin(headers, self.claims()).await.map_err(|cause| self.refuse(cause))
    }

    /// The body is whole: verifies the signature over it, and asks the limits by the signer.
    /// `in_memory` is the body, if all of it is
    /// in memory.
    ///
    /// # Errors
    /// The [`Denial`] of the first check that fails.
    pub async fn finish(
        self,
        signature: PendingSignature<'g>,
        request: &CanonicalRequest,
        in_memory: Option<&[u8]>,
    ) -> Result<Admission<'g>, Denial> {
        let verified = signature.finish(request, in_memory, self.claims()).await;
        let verified = verified.map_err(|cause| self.refuse(cause))?;
        let Self { mut admission, limits, .. } = self;
        if let Some(limits) = limits {
            let checked = limits.check(admission.route, admission.caller.as_ref(), &verified).await;
            let later = checked.map_err(|denial| denial.on(admission.route))?;
            admission.permit.get_or_insert_default().join(later);
        }
        Ok(Admission { signature: Some(Box::new(verified)), ..admission })
    }

    /// The refusal for that cause.
    pub fn refuse(&self, cause: impl Into<Cause>) -> Denial {
        Denial::of_signature(cause).on(self.admission.route)
    }
}
