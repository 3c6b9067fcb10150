//! Signed requests: the body is held until its signature is verified, and the proof is kept.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;

use super::{
    exchange::Stopped,
    held_body::{BodyStore, HeldBody, HoldError, HoldRules, Unheld, settings::HeldBodySettings},
    proof::{self, Claim},
};
use crate::{
    evidence::Journal,
    gate::{Admission, Denial, Unsigned},
    policy::CanonicalRequest,
    reason::Reason,
    signature::PendingSignature,
};

/// What bodies may take, and where the proof is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holding<'s> {
    pub(super) settings: &'s HeldBodySettings,
    pub(super) body_timeout: Duration,
    pub(super) store: &'s BodyStore,
    pub(super) journal: Option<&'s Journal>,
}

/// Verifies the signature over the body. Nothing of a body is read before it is known whose
/// signature it should have (threats S-12), and nothing is forwarded before it has it (S-2) and
/// the proof of that is on disk.
pub(super) async fn verify<'g>(
    unsigned: Unsigned<'g>,
    request: &CanonicalRequest,
    headers: &HeaderMap,
    body: impl Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
    holding: Holding<'_>,
) -> Result<(Admission<'g>, HeldBody), Stopped> {
    let claim = holding.journal.and_then(|journal| Claim::of(journal, &unsigned, headers));
    let outcome = match unsigned.begin(headers).await {
        Ok(signature) => hold_and_verify(unsigned, signature, request, body, holding).await,
        Err(denial) => Err(denial.into()),
    };
    if let (Err(Stopped::Denied(denial)), Some(claim), Some(journal)) =
        (&outcome, claim, holding.journal)
    {
        claim.note(journal, request, denial);
    }
    outcome
}

async fn hold_and_verify<'g>(
    unsigned: Unsigned<'g>,
    mut signature: PendingSignature<'g>,
    request: &CanonicalRequest,
    body: impl Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
    holding: Holding<'_>,
) -> Result<(Admission<'g>, HeldBody), Stopped> {
    if holding.journal.is_some() {
        signature.compute_sha256();
    }
    let rules = holding.rules(&signature);
    let held = HeldBody::read(body, &rules, holding.store, |part| signature.update(part)).await;
    let held = held.map_err(|error| unheld(&unsigned, &error))?;
    let admission = unsigned.finish(signature, request, held.in_memory()).await?;
    if let Some(journal) = holding.journal {
        record(journal, request, &admission, &held).await?;
    }
    Ok((admission, held))
}

/// Without its proof the request does not pass.
async fn record(
    journal: &Journal,
    request: &CanonicalRequest,
    admission: &Admission<'_>,
    held: &HeldBody,
) -> Result<(), Denial> {
    let Some(signature) = admission.signature() else {
        return Ok(());
    };
    let entry = proof::of_admitted(journal, request, admission, signature, held);
    if journal.record(entry).await.is_err() {
        signature.rollback().await;
        return Err(admission.refuse(Reason::EvidenceUnavailable));
    }
    Ok(())
}

fn unheld(unsigned: &Unsigned<'_>, error: &HoldError) -> Stopped {
    match Unheld::of(error, "server.limits.body_bytes") {
        Unheld::Refused(cause) => Stopped::Denied(unsigned.refuse(cause)),
        Unheld::Unfinished(fault) => Stopped::Unfinished(fault),
    }
}

/// The body itself, and what is signed of it for an algorithm that reads that more than once: in
/// base64url a third more than the body, in a buffer that grows.
const COPIES_OF_KEPT: usize = 3;

impl Holding<'_> {
    /// A body that has to be in memory as a whole is not larger than what fits there.
    fn rules(&self, signature: &PendingSignature<'_>) -> HoldRules {
        let held = self.settings;
        let copies = if signature.keeps_payload() { COPIES_OF_KEPT } else { 1 };
        let in_memory = held.body_memory.min(held.buffer_bytes / copies);
        let most = if signature.needs_whole_body() { in_memory } else { usize::MAX };
        HoldRules {
            max_bytes: held.body_bytes.min(most) as u64,
            memory_bytes: held.body_memory,
            stall_after: self.body_timeout,
            bytes_per_second: held.body_rate as u64,
            copies: copies as u64,
            folder: held.buffer_folder.clone(),
        }
    }
}
