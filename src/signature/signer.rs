//! Who signed, and what that has to do with whom the token belongs to.

use std::borrow::Cow;

use crate::{
    identity::ClaimPath,
    jose::{DetachedJws, MAX_KID_BYTES},
    json::{Json, Object},
    policy::comparison,
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    signature::settings::{CallerBinding, SignatureSettings, SignerSource, key},
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
    ) -> Result<String, Cause> {
        let name = match &self.source {
            SignerSource::Claim(claim) => {
                claims.and_then(|claims| claim.find(claims)).and_then(Json::identifier)
            }
            SignerSource::Kid => jws.header().kid().map(Cow::Borrowed),
            SignerSource::Parameter(name) => jws.header().get(name).and_then(Json::identifier),
            SignerSource::Fixed(name) => Some(Cow::Borrowed(name.as_str())),
        };
        let name = name.filter(|name| is_name(name)).ok_or_else(|| self.nameless())?;
        if let CallerBinding::Claim(claim) = &self.caller {
            let caller = claims.and_then(|claims| claim.find(claims));
            if !caller.is_some_and(|caller| comparison::equals(caller, &name)) {
                return Err(other_caller(claim, caller));
            }
        }
        Ok(name.into_owned())
    }

    #[cold]
    fn nameless(&self) -> Cause {
        let from = self.place();
        let expected = Excerpt::own(format_args!("a name in {from}"));
        let subject = Subject::new(Part::Signer, Fault::Missing).expected(expected);
        Reason::SignerUnknown.about(subject.setting(key::SIGNER))
    }

    /// Where the name of the signer is.
    fn place(&self) -> String {
        match &self.source {
            SignerSource::Claim(claim) => format!("claim {}", Excerpt::quoted(claim.as_str())),
            SignerSource::Kid => "header parameter 'kid'".to_owned(),
            SignerSource::Parameter(name) => format!("header parameter {}", Excerpt::quoted(name)),
            SignerSource::Fixed(_) => "the configuration".to_owned(),
        }
    }

    /// The signer in the words of a refusal. A claim may name a person, and is not shown.
    pub(super) fn described(&self, name: &str, fault: Fault) -> Subject {
        let subject = Subject::new(Part::Signer, fault);
        match &self.source {
            SignerSource::Claim(_) => {
                subject.found(Excerpt::own(format_args!("the one of {}", self.place())))
            }
            _ => subject.named_by_client(name),
        }
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

#[cold]
fn other_caller(claim: &ClaimPath, caller: Option<&Json>) -> Cause {
    let fault = if caller.is_some() { Fault::Different } else { Fault::Missing };
    let expected = Excerpt::own(format_args!("the name of the signer"));
    let subject = Subject::claim(claim.as_str(), fault).expected(expected);
    Reason::SignerMismatch.about(subject.setting(key::CALLER))
}

/// It is looked for, sent upstream, and written into logs.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_KID_BYTES && !name.chars().any(char::is_control)
}
