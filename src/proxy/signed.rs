//! Signed requests: the body is held until its signature is verified, and the proof is kept.

use http::HeaderMap;
use hyper::body::Incoming;

use super::{
    body::ClientFault,
    held_body::{BodyStore, HeldBody, HoldError, HoldRules},
};
use crate::{
    evidence::{Entry, Journal},
    gate::{Admission, Conditional, Denial, PendingAdmission, Route},
    identity::ClaimPath,
    jose::{Json, Object},
    policy::CanonicalRequest,
    proxy::settings::LimitSettings,
    reason::Reason,
    signature::{PendingSignature, VerifiedSignature},
    token::VerifiedToken,
};

/// What bodies may take, and where the proof is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holding<'s> {
    pub(super) limits: &'s LimitSettings,
    pub(super) store: &'s BodyStore,
    pub(super) journal: Option<&'s Journal>,
}

/// Why a signed request is not forwarded.
#[derive(Debug)]
pub(super) enum Unverified<'g> {
    /// It is refused.
    Denied(Denial),
    /// The client did not send it to its end.
    Unfinished(&'g Route, ClientFault),
}

/// Verifies the signature over the body. Nothing of a body is read before it is known whose
/// signature it should have (threats S-12), and nothing is forwarded before it has it (S-2) and
/// the proof of that is on disk.
pub(super) async fn verify<'g>(
    condition: Conditional<'g>,
    request: &CanonicalRequest,
    headers: &HeaderMap,
    body: Incoming,
    holding: Holding<'_>,
) -> Result<(Admission<'g>, HeldBody), Unverified<'g>> {
    let claim = holding.claim(&condition, headers);
    let outcome = match condition.begin(headers).await {
        Ok(pending) => hold_and_verify(pending, request, body, holding).await,
        Err(denial) => Err(Unverified::Denied(denial)),
    };
    if let (Err(Unverified::Denied(denial)), Some(claim)) = (&outcome, claim) {
        holding.note(request, claim, denial);
    }
    outcome
}

/// What a request says of itself that may turn out to be refused.
struct Claim {
    rules: String,
    jws: Option<String>,
    claims: Vec<(String, Json)>,
}

async fn hold_and_verify<'g>(
    mut pending: PendingAdmission<'g>,
    request: &CanonicalRequest,
    body: Incoming,
    holding: Holding<'_>,
) -> Result<(Admission<'g>, HeldBody), Unverified<'g>> {
    if holding.journal.is_some() {
        pending.signature().ask_for_sha256();
    }
    let rules = holding.rules(pending.signature());
    let signature = pending.signature();
    let held = HeldBody::read(body, &rules, holding.store, |part| signature.update(part)).await;
    let held = held.map_err(|error| unheld(&pending, &error))?;
    let admission = pending.finish(request, held.in_memory()).await.map_err(Unverified::Denied)?;
    if let (Some(journal), Some(signature)) = (holding.journal, admission.signature()) {
        let claims = admission.token().map(VerifiedToken::claims);
        let entry = proof(journal, request, signature, claims, &held);
        if journal.record(entry).await.is_err() {
            signature.rollback().await;
            return Err(Unverified::Denied(admission.refuse(Reason::EvidenceUnavailable)));
        }
    }
    Ok((admission, held))
}

/// What is kept of a request that passes.
fn proof(
    journal: &Journal,
    request: &CanonicalRequest,
    signature: &VerifiedSignature,
    claims: Option<&Object>,
    held: &HeldBody,
) -> Entry {
    let key = signature.key();
    let thumbprint = key.thumbprint().to_text();
    let has_body = signature.payload().kind == "body";
    Entry {
        signer: Some(signature.signer().to_owned()),
        claims: kept_claims(journal.claims(), claims),
        payload: Some(signature.payload().clone()),
        signed_hash: signature.signed_hash().map(<[u8]>::to_vec),
        key: key.public_jwk().map(|jwk| (jwk, thumbprint)),
        verdict: "verified",
        body: (journal.keeps_bodies() && has_body).then(|| held.evidence()),
        ..entry(request, signature.rules(), Some(signature.jws().to_owned()))
    }
}

fn entry(request: &CanonicalRequest, rules: &str, jws: Option<String>) -> Entry {
    Entry {
        method: request.method().to_string(),
        host: request.authority().to_owned(),
        target: request.target().as_str().to_owned(),
        rules: rules.to_owned(),
        signer: None,
        claims: Vec::new(),
        jws,
        payload: None,
        signed_hash: None,
        key: None,
        verdict: "",
        body: None,
    }
}

fn kept_claims(wanted: &[ClaimPath], claims: Option<&Object>) -> Vec<(String, Json)> {
    let found = wanted.iter().filter_map(|claim| {
        let value = claims.and_then(|claims| claim.find(claims))?;
        Some((claim.as_str().to_owned(), value.clone()))
    });
    found.collect()
}

fn unheld<'g>(pending: &PendingAdmission<'g>, error: &HoldError) -> Unverified<'g> {
    let reason = match error {
        HoldError::TooLarge(_) => Reason::BodyTooLarge,
        HoldError::BudgetSpent => Reason::BodyBufferUnavailable,
        HoldError::Disk(error) => {
            tracing::error!(%error, "a body could not be kept");
            Reason::BodyBufferUnavailable
        }
        HoldError::Stalled(_) | HoldError::Slow(_) => {
            return Unverified::Unfinished(pending.route(), ClientFault::Stalled);
        }
        HoldError::Broke(_) => return Unverified::Unfinished(pending.route(), ClientFault::Broke),
    };
    Unverified::Denied(pending.refuse(reason))
}

/// The body itself, and what is signed of it for an algorithm that reads that more than once: in
/// base64url a third more than the body, in a buffer that grows.
const COPIES_OF_KEPT: usize = 3;

impl Holding<'_> {
    /// A body that has to be in memory as a whole is not larger than what fits there.
    fn rules(&self, signature: &PendingSignature<'_>) -> HoldRules {
        let held = &self.limits.held;
        let copies = if signature.keeps_payload() { COPIES_OF_KEPT } else { 1 };
        let in_memory = held.body_memory.min(held.buffer_bytes / copies);
        let most = if signature.needs_whole_body() { in_memory } else { usize::MAX };
        HoldRules {
            max_bytes: held.body_bytes.min(most) as u64,
            memory_bytes: held.body_memory,
            stall_after: self.limits.body_timeout,
            bytes_per_second: held.body_rate as u64,
            copies: copies as u64,
            folder: held.buffer_folder.clone(),
        }
    }

    /// What is to be kept if the request is refused, where the operator wants that and there is a
    /// signature.
    fn claim(&self, condition: &Conditional<'_>, headers: &HeaderMap) -> Option<Claim> {
        let journal = self.journal.filter(|journal| journal.records_refused())?;
        Some(Claim {
            rules: condition.rules().name().to_owned(),
            jws: condition.rules().received(headers)?.jws.map(str::to_owned),
            claims: kept_claims(journal.claims(), condition.claims()),
        })
    }

    fn note(&self, request: &CanonicalRequest, claim: Claim, denial: &Denial) {
        if let Some(journal) = self.journal {
            let Claim { rules, jws, claims } = claim;
            let verdict = denial.reason().code();
            journal.note(Entry { claims, verdict, ..entry(request, &rules, jws) });
        }
    }
}
