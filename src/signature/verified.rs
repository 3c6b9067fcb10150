//! What a verified signature is, and what the upstream receives about it.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use prometheus::IntCounter;

use super::{AnswerSigner, Metrics, PayloadFacts, pending::ClaimedSignature, signer_key::FoundKey};
use crate::{
    clock::UnixTime,
    identity::percent_encoded,
    jose::{Dialect, VerificationKey},
    replay::ReplayReservation,
    signature::settings::{SignatureFact, SignatureHeaderSettings, SignatureSettings},
};

/// A valid signature, by a key of the signer, over the payload as received. Only verification
/// creates one.
#[derive(Debug)]
pub struct VerifiedSignature {
    rules: Arc<str>,
    claimed: ClaimedSignature,
    key: Arc<VerificationKey>,
    payload: PayloadFacts,
    signed_hash: Option<Arc<[u8]>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    answers: Option<Arc<AnswerSigner>>,
    reservation: Option<ReplayReservation>,
}

/// What is reported of verified signatures: to the upstream, and in metrics.
#[derive(Debug)]
pub(super) struct SignatureReport {
    rules: Arc<str>,
    forward: Vec<SignatureHeaderSettings>,
    answers: Option<Arc<AnswerSigner>>,
    /// In the order of [`Dialect::ALL`].
    verified: Vec<IntCounter>,
}

impl SignatureReport {
    pub(super) fn new(settings: &SignatureSettings, metrics: &Metrics) -> Self {
        Self {
            rules: settings.name.as_str().into(),
            forward: settings.forward.clone(),
            answers: AnswerSigner::new(settings, metrics),
            verified: metrics.verified(&settings.name),
        }
    }

    /// Only to be called for a signature that has passed every check.
    pub(super) fn verified(
        &self,
        claimed: ClaimedSignature,
        key: FoundKey,
        payload: PayloadFacts,
        signed_hash: Option<Arc<[u8]>>,
        reservation: Option<ReplayReservation>,
        at: UnixTime,
    ) -> VerifiedSignature {
        let position = Dialect::ALL.iter().position(|dialect| *dialect == claimed.dialect);
        if let Some(counter) = position.and_then(|position| self.verified.get(position)) {
            counter.inc();
        }
        let headers = self.headers(&claimed, &key, at);
        VerifiedSignature {
            rules: Arc::clone(&self.rules),
            claimed,
            key: key.key,
            payload,
            signed_hash,
            headers,
            answers: self.answers.clone(),
            reservation,
        }
    }

    /// What the upstream receives of it.
    pub(super) fn headers(
        &self,
        claimed: &ClaimedSignature,
        key: &FoundKey,
        at: UnixTime,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let headers = self.forward.iter().filter_map(|forward| {
            let text = text(forward.fact, claimed, &key.key, at)?;
            let mut value = HeaderValue::from_str(&text).ok()?;
            value.set_sensitive(true);
            Some((forward.header.clone(), value))
        });
        headers.collect()
    }
}

/// A header's value; percent-encoded where a header can't hold it, as claims are.
fn text(
    fact: SignatureFact,
    claimed: &ClaimedSignature,
    key: &VerificationKey,
    at: UnixTime,
) -> Option<String> {
    match fact {
        SignatureFact::Signer => Some(percent_encoded(&claimed.signer)),
        SignatureFact::Kid => claimed.kid.as_deref().map(percent_encoded),
        SignatureFact::Thumbprint => Some(key.thumbprint().to_text()),
        SignatureFact::Algorithm => Some(claimed.algorithm.name().to_owned()),
        SignatureFact::Dialect => Some(claimed.dialect.name().to_owned()),
        SignatureFact::VerifiedAt => Some(at.0.to_string()),
    }
}

impl VerifiedSignature {
    /// Sets the headers for the upstream.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// The message is about to be forwarded: a second one with its id is a replay, unless this one
    /// is rolled back. Dropped before, it is rolled back.
    pub fn commit(&self) {
        if let Some(reservation) = &self.reservation {
            reservation.commit();
        }
    }

    /// The message did not reach the upstream, and not for its sender's fault: its id may be used
    /// again.
    pub async fn rollback(&self) {
        if let Some(reservation) = &self.reservation {
            reservation.rollback().await;
        }
    }

    /// The signer of the response, if it is signed.
    pub fn answers(&self) -> Option<&Arc<AnswerSigner>> {
        self.answers.as_ref()
    }

    /// The name of the rules.
    pub fn rules(&self) -> &str {
        &self.rules
    }

    /// Who signed.
    pub fn signer(&self) -> &str {
        &self.claimed.signer
    }

    /// The signature as it was received.
    pub fn jws(&self) -> &str {
        &self.claimed.jws
    }

    /// How it is written.
    pub fn dialect(&self) -> Dialect {
        self.claimed.dialect
    }

    /// The key that it was verified with.
    pub fn key(&self) -> &VerificationKey {
        &self.key
    }

    /// What was signed.
    pub fn payload(&self) -> &PayloadFacts {
        &self.payload
    }

    /// The hash that the algorithm signs, where it signs one.
    pub fn signed_hash(&self) -> Option<&[u8]> {
        self.signed_hash.as_deref()
    }
}
