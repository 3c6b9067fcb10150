//! A signature whose payload is still on its way.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::{
    AsideSignature, PayloadFacts, SignatureRules, VerifiedSignature, content, signer_key::FoundKey,
};
use crate::{
    jose::{Algorithm, DetachedJws, Dialect, PayloadReader, SignedPayload},
    json::Object,
    policy::CanonicalRequest,
    providers::LiveSignerKeys,
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
};

/// A signature with its key, not verified yet.
#[derive(Debug)]
pub struct PendingSignature<'r> {
    rules: &'r SignatureRules,
    claimed: ClaimedSignature,
    key: FoundKey,
    /// The message's id from the header, where one is required.
    id: Option<String>,
    /// The header, where it may hold the message's time and that is checked.
    header: Option<Object>,
    reader: PayloadReader,
    sha256: Option<Hasher>,
    length: u64,
}

/// The unverified facts about a signature.
#[derive(Debug)]
pub(super) struct ClaimedSignature {
    /// As it was received.
    pub(super) jws: String,
    pub(super) signer: String,
    pub(super) kid: Option<String>,
    /// Whether its `kid` decides which key it is.
    kid_matters: bool,
    pub(super) algorithm: Algorithm,
    pub(super) dialect: Dialect,
}

impl ClaimedSignature {
    pub(super) fn new(text: &str, jws: &DetachedJws, signer: String, kid_matters: bool) -> Self {
        Self {
            jws: text.to_owned(),
            signer,
            kid: jws.header().kid().map(str::to_owned),
            kid_matters,
            algorithm: jws.algorithm(),
            dialect: jws.dialect(),
        }
    }

    /// The `kid` that its key must have; `None`: it does not matter.
    pub(super) fn wanted_kid(&self) -> Option<&str> {
        self.kid.as_deref().filter(|_| self.kid_matters)
    }

    /// The refusal for want of a key, or of a right one.
    #[cold]
    pub(super) fn cause(&self, reason: Reason, rules: &SignatureRules) -> Cause {
        let signers = &rules.signers;
        let algorithm = self.algorithm;
        let kid = match &self.kid {
            Some(kid) => Excerpt::quoted(kid),
            None => Excerpt::own(format_args!("none")),
        };
        let found = Excerpt::own(format_args!("{algorithm}, kid {kid}"));
        reason.about(match reason {
            Reason::SignatureInvalid => Subject::new(Part::Signature, Fault::Wrong).found(found),
            Reason::KeysUnavailable => signers.described(&self.signer, Fault::Unavailable),
            Reason::SignatureAlgorithmNotAllowed => {
                Subject::parameter("alg", Fault::Unsuitable).found(found)
            }
            Reason::SignerUnknown => {
                let known = match &rules.keys {
                    LiveSignerKeys::Registry(_) => "in the registry of",
                    LiveSignerKeys::Set(_) => "in the keys of",
                };
                let known =
                    Excerpt::own(format_args!("one {known} {}", Excerpt::quoted(&rules.name)));
                signers.described(&self.signer, Fault::Unknown).expected(known)
            }
            _ => signers.described(&self.signer, Fault::NotAllowed),
        })
    }
}

/// A SHA-256 under way; `Context` shows nothing of itself.
struct Hasher(Context);

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256")
    }
}

impl<'r> PendingSignature<'r> {
    pub(super) fn new(
        rules: &'r SignatureRules,
        claimed: ClaimedSignature,
        jws: DetachedJws,
        key: FoundKey,
        id: Option<String>,
    ) -> Self {
        let header = rules.freshness.as_ref().map(|_| jws.header().members().clone());
        Self { rules, claimed, key, id, header, reader: jws.begin(), sha256: None, length: 0 }
    }

    /// Also computes the SHA-256 of the payload, for the journal. To be called before the first
    /// [`Self::update`].
    pub fn compute_sha256(&mut self) {
        self.sha256 = Some(Hasher(Context::new(&SHA256)));
    }

    /// Whether the body has to be in memory as a whole: the algorithm reads it twice, or the rules
    /// look into it.
    pub fn needs_whole_body(&self) -> bool {
        self.reader.needs_whole_payload() || self.rules.reads_body
    }

    /// Whether it keeps what is signed in memory itself, until it is verified.
    pub fn keeps_payload(&self) -> bool {
        self.reader.needs_whole_payload()
    }

    /// Takes the next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.take(bytes);
    }

    fn take(&mut self, bytes: &[u8]) {
        self.reader.update(bytes);
        if let Some(Hasher(context)) = &mut self.sha256 {
            context.update(bytes);
        }
    }

    /// The claimed signer, the form and the key; for operators.
    pub fn describe(&self) -> String {
        let ClaimedSignature { signer, algorithm, dialect, .. } = &self.claimed;
        format!("{signer:?}, {algorithm} as {dialect}, key {}", self.key.describe())
    }

    /// Whether the signature is valid over the payload so far; stores nothing.
    pub fn is_right(self) -> bool {
        let Self { key, reader, .. } = self;
        key.verifies(&reader.finish())
    }

    /// The body is whole. `in_memory` is all of it, where [`Self::needs_whole_body`] requires that;
    /// `claims` are as they were in the beginning.
    ///
    /// # Errors
    /// The reason why it does not pass.
    pub async fn finish(
        mut self,
        request: &CanonicalRequest,
        in_memory: Option<&[u8]>,
        claims: Option<&Object>,
    ) -> Result<VerifiedSignature, Cause> {
        let payload = self.payload(request).map_err(without_body)?;
        let Self { rules, claimed, key, id, header, reader, .. } = self;
        let signed = reader.finish();
        let key = key.confirmed_by(&signed, &claimed, claims).await;
        let key = key.map_err(|reason| claimed.cause(reason, rules))?;
        let now = rules.clock.now();
        let message = content::check(rules, id, header.as_ref(), in_memory, now)?;
        let reservation = match (&rules.replay, message) {
            (Some(replay), Some(message)) => {
                Some(replay.reserve(&claimed.signer, &message, now).await?)
            }
            _ => None,
        };
        let at = rules.clock.now();
        Ok(rules.report.verified(claimed, key, payload, hash_of(&signed), reservation, at))
    }

    /// As [`Self::finish`], of a body in memory and without any effect: nothing is counted, no
    /// lookup is sent, and the message's id may be used as before.
    ///
    /// # Errors
    /// The reason why it does not pass.
    pub fn finish_aside(
        mut self,
        request: &CanonicalRequest,
        body: &[u8],
    ) -> Result<AsideSignature, Cause> {
        let payload = self.payload(request).map_err(without_body)?;
        let Self { rules, claimed, key, id, header, reader, .. } = self;
        if !key.verifies(&reader.finish()) {
            return Err(claimed.cause(Reason::SignatureInvalid, rules));
        }
        let now = rules.clock.now();
        let message = content::check(rules, id, header.as_ref(), Some(body), now)?;
        if let (Some(replay), Some(message)) = (&rules.replay, message) {
            replay.check(&claimed.signer, &message, now)?;
        }
        Ok(AsideSignature::new(payload, rules.report.headers(&claimed, &key, now)))
    }

    /// What is signed: the body, or the path in its place.
    fn payload(&mut self, request: &CanonicalRequest) -> Result<PayloadFacts, Reason> {
        let mut kind = "body";
        let mut length = self.length;
        if length == 0 {
            let path = self.rules.bodiless.payload(request)?;
            self.take(path.as_bytes());
            (kind, length) = ("path", path.len() as u64);
        }
        let sha256 = self.sha256.take().map(|Hasher(context)| {
            let mut digest = [0; 32];
            digest.copy_from_slice(context.finish().as_ref());
            digest
        });
        Ok(PayloadFacts { sha256, length, kind })
    }
}

#[cold]
fn without_body(reason: Reason) -> Cause {
    reason.about(Subject::new(Part::Body, Fault::Missing).setting("body"))
}

fn hash_of(signed: &SignedPayload) -> Option<Arc<[u8]>> {
    signed.digest().map(|digest| Arc::from(digest.as_ref()))
}
