//! The limits of a route, asked about one request.

use std::net::IpAddr;

use http::HeaderMap;

use super::{Denial, Gate, Peer, Route, caller::Caller};
use crate::{
    json::Object,
    limits::{LimitPermit, LimitSubject, Limited, RouteLimits},
    reason::{Excerpt, Fault, Part, Subject},
    signature::VerifiedSignature,
};

/// The limits by the signer of a request whose signature is not verified yet.
#[derive(Debug)]
pub(super) struct SignerLimits<'g> {
    gate: &'g Gate,
    limits: &'g RouteLimits,
    address: Option<IpAddr>,
}

impl Gate {
    /// Asks the limits that need no signature. Boxed, so that a request without limits does not
    /// carry the room for it along.
    pub(super) async fn limit<'g>(
        &'g self,
        route: &'g Route,
        limits: &'g RouteLimits,
        caller: Option<&Caller>,
        headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<(Box<LimitPermit>, Option<Box<SignerLimits<'g>>>), Denial> {
        let address = self.forwarded.client(headers, peer.address.as_ref());
        let token = self.limited_token(caller);
        let subject = LimitSubject { token, signer: None, address, route: route.label() };
        let permit = limits.check(&subject).await.map_err(denied)?;
        let signer = SignerLimits { gate: self, limits, address };
        let later = limits.has_signer().then(|| Box::new(signer));
        Ok((Box::new(permit), later))
    }

    /// What limits know of a caller. Each tenant of an issuer is an issuer of its own (threats
    /// C-18), which the configured name does not tell.
    fn limited_token<'c>(&'c self, caller: Option<&'c Caller>) -> Option<(&'c str, &'c Object)> {
        let token = &caller?.token;
        Some((self.verifier.iss_of(token), token.claims()))
    }
}

impl SignerLimits<'_> {
    /// Asks the limits by the signer.
    pub(super) async fn check(
        &self,
        route: &Route,
        caller: Option<&Caller>,
        signature: &VerifiedSignature,
    ) -> Result<LimitPermit, Denial> {
        let subject = LimitSubject {
            token: self.gate.limited_token(caller),
            signer: Some((signature.rules(), signature.signer())),
            address: self.address,
            route: route.label(),
        };
        self.limits.check_signed(&subject).await.map_err(denied)
    }
}

/// The log gets the limit's name and a digest of the caller, under keys that only this process
/// has.
#[cold]
fn denied(limited: Limited) -> Denial {
    let found = Excerpt::own(format_args!("caller {}", limited.caller));
    let subject = Subject::new(Part::Limit, Fault::UsedUp).named(&limited.limit).found(found);
    Denial::limited(limited.reason.about(subject.setting("limits")), limited.answer)
}
