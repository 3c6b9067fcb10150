//! A signature that was verified for an explanation. It admits nothing.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{PayloadFacts, PendingSignature, SignatureRules, signer_key};
use crate::{json::Object, reason::Cause};

/// What an upstream would receive about a valid signature.
#[derive(Debug)]
pub struct AsideSignature {
    payload: PayloadFacts,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl AsideSignature {
    pub(super) fn new(payload: PayloadFacts, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self { payload, headers }
    }

    /// What was signed.
    pub fn payload(&self) -> &PayloadFacts {
        &self.payload
    }

    /// Sets the headers for the upstream.
    pub fn apply(self, headers: &mut HeaderMap) {
        headers.extend(self.headers);
    }
}

impl SignatureRules {
    /// As [`Self::begin`], without a lookup at a registry. `None`: the signer is not cached of it.
    ///
    /// # Errors
    /// The reason of the first check that fails.
    pub async fn begin_aside(
        &self,
        headers: &HeaderMap,
        claims: Option<&Object>,
    ) -> Result<Option<PendingSignature<'_>>, Cause> {
        let now = self.clock.now();
        let (claimed, jws, id) = self.claimed(headers, claims, now)?;
        let key = signer_key::find_aside(&self.keys, &claimed, &self.signers, claims, now).await;
        let key = key.map_err(|reason| claimed.cause(reason, self))?;
        Ok(key.map(|key| PendingSignature::new(self, claimed, jws, key, id)))
    }

    /// Whether other replicas know of messages that this one has not seen.
    pub fn shares_replays(&self) -> bool {
        self.replay.as_ref().is_some_and(super::ReplayRule::is_shared)
    }
}
