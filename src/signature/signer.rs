//! Who signed, and what that has to do with whom the token belongs to.

use std::borrow::Cow;

use crate::{
    jose::{DetachedJws, MAX_KID_BYTES},
    json::{Json, Object},
    policy::comparison,
    reason::Reason,
    signature::settings::{CallerBinding, SignatureSettings, SignerSource},
};

/// How a signer is known.
#[derive(Debug)]
pub(super) struct Signers {
    source: SignerSource,
    caller: CallerBinding,
    kid_must_match: bool,
}

impl Signers {
    pub(super) fn new(settings: &SignatureSettings) -> Self {
        Self {
            source: settings.signer.clone(),
            caller: settings.caller.clone(),
            kid_must_match: settings.kid_must_match,
        }
    }

    /// The signer's name, bound to the caller where the rules require it (threats S-7).
    pub(super) fn identify(
        &self,
        jws: &DetachedJws,
        claims: Option<&Object>,
    ) -> Result<String, Reason> {
        let name = match &self.source {
            SignerSource::Claim(claim) => {
                claims.and_then(|claims| claim.find(claims)).and_then(Json::identifier)
            }
            SignerSource::Kid => jws.header().kid().map(Cow::Borrowed),
            SignerSource::Parameter(name) => jws.header().get(name).and_then(Json::identifier),
            SignerSource::Fixed(name) => Some(Cow::Borrowed(name.as_str())),
        };
        let name = name.filter(|name| is_name(name)).ok_or(Reason::SignerUnknown)?;
        if let CallerBinding::Claim(claim) = &self.caller {
            let caller = claims.and_then(|claims| claim.find(claims));
            if !caller.is_some_and(|caller| comparison::equals(caller, &name)) {
                return Err(Reason::SignerMismatch);
            }
        }
        Ok(name.into_owned())
    }

    /// Whether a `kid` decides which key it is. Where it names the signer, it always does.
    pub(super) fn kid_matters(&self) -> bool {
        self.kid_must_match || self.source == SignerSource::Kid
    }

    /// Whether the keys of a set belong to signers by their `kid`; if not, all of them belong to
    /// the one signer that there is.
    pub(super) fn are_named_by_kid(&self) -> bool {
        !matches!(self.source, SignerSource::Fixed(_))
    }
}

/// It is looked for, sent upstream, and written into logs.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_KID_BYTES && !name.chars().any(char::is_control)
}
