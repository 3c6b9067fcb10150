//! The signature of an explained request, over the body that is given with it.

use std::{borrow::Cow, sync::Arc};

use super::{ExplainedRequest, NotExplained, Unchecked};
use crate::{
    gate::{Denial, Gate, Route},
    json::Object,
    reason::Cause,
    signature::AsideSignature,
    token::Observer,
};

impl Gate {
    /// `None` where the route requires no signature, or what is needed to verify it is not here.
    pub(super) async fn explain_signature(
        &self,
        route: &Arc<Route>,
        claims: Option<&Object>,
        asked: &ExplainedRequest<'_>,
        unchecked: &mut Vec<Unchecked>,
        observer: &mut impl Observer,
    ) -> Result<Option<AsideSignature>, NotExplained> {
        let Some(rules) = route.signature() else {
            return Ok(None);
        };
        let mut headers = Cow::Borrowed(asked.headers);
        if let Some(signature) = asked.signature {
            rules.carry(headers.to_mut(), signature);
        }
        let denied = |cause: Cause| Denial::of_signature(cause).on(route);
        observer.began("signer");
        let pending = rules.begin_aside(&headers, claims).await.map_err(denied)?;
        let Some(mut pending) = pending else {
            unchecked.push(Unchecked::Signer);
            return Ok(None);
        };
        observer.passed("signer", || pending.describe());
        let Some(body) = asked.body else {
            unchecked.push(Unchecked::Body);
            return Ok(None);
        };
        observer.began("body");
        pending.update(body);
        let verified = pending.finish_aside(asked.request, body).map_err(denied)?;
        observer.passed("body", || {
            let payload = verified.payload();
            format!("the signature over the {} of {} bytes is right", payload.kind, payload.length)
        });
        if rules.shares_replays() {
            unchecked.push(Unchecked::SharedReplays);
        }
        Ok(Some(verified))
    }
}
