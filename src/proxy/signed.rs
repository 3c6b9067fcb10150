//! Signed requests: the body is held until its signature is verified.

use std::sync::Arc;

use http::HeaderMap;
use hyper::body::Incoming;

use super::{
    body::ClientFault,
    held_body::{BodyBudget, HeldBody, HoldError, HoldRules},
};
use crate::{
    config::LimitSettings,
    gate::{Admission, Conditional, Denial, PendingAdmission, Route},
    policy::CanonicalRequest,
    reason::Reason,
};

/// What bodies may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holding<'s> {
    pub(super) limits: &'s LimitSettings,
    pub(super) budget: &'s Arc<BodyBudget>,
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
/// signature it should have (threats S-12), and nothing is forwarded before it has it (S-2).
pub(super) async fn verify<'g>(
    condition: Conditional<'g>,
    request: &CanonicalRequest,
    headers: &HeaderMap,
    body: Incoming,
    holding: Holding<'_>,
) -> Result<(Admission<'g>, HeldBody), Unverified<'g>> {
    let mut pending = condition.begin(headers).await.map_err(Unverified::Denied)?;
    let rules = holding.rules(pending.signature().needs_whole_body());
    let signature = pending.signature();
    let held = HeldBody::read(body, &rules, holding.budget, |part| signature.update(part)).await;
    let held = held.map_err(|error| unheld(&pending, &error))?;
    let admission = pending.finish(request, held.in_memory()).await.map_err(Unverified::Denied)?;
    Ok((admission, held))
}

fn unheld<'g>(pending: &PendingAdmission<'g>, error: &HoldError) -> Unverified<'g> {
    let reason = match error {
        HoldError::TooLarge(_) => Reason::BodyTooLarge,
        HoldError::BudgetSpent => Reason::BodyBufferUnavailable,
        HoldError::Disk(error) => {
            tracing::error!(%error, "a body could not be kept");
            Reason::BodyBufferUnavailable
        }
        HoldError::Stalled(_) => {
            return Unverified::Unfinished(pending.route(), ClientFault::Stalled);
        }
        HoldError::Broke(_) => return Unverified::Unfinished(pending.route(), ClientFault::Broke),
    };
    Unverified::Denied(pending.refuse(reason))
}

impl Holding<'_> {
    /// A body that has to be in memory as a whole is not larger than what fits there.
    fn rules(&self, in_memory: bool) -> HoldRules {
        let held = &self.limits.held;
        let most = if in_memory { held.body_bytes.min(held.body_memory) } else { held.body_bytes };
        HoldRules {
            max_bytes: most as u64,
            memory_bytes: held.body_memory,
            stall_after: self.limits.body_timeout,
            folder: held.buffer_folder.clone(),
        }
    }
}
