//! What the upstream of an explained request receives.

use std::{rc::Rc, sync::Arc};

use http::{HeaderMap, HeaderValue};

use super::{Explained, ExplainedRequest, NotExplained, caller::ExplainedCaller};
use crate::{
    gate::{Admission, Caller, Denial, Gate, Route},
    policy::ids::UpstreamId,
    signature::AsideSignature,
};

impl Gate {
    pub(super) fn explain_forwarded<'g>(
        &'g self,
        (route, upstream): (&'g Arc<Route>, UpstreamId),
        caller: Option<ExplainedCaller>,
        signature: Option<AsideSignature>,
        asked: &ExplainedRequest<'_>,
        path: String,
    ) -> Result<Explained<'g>, NotExplained> {
        let (mut headers, mut claims) = (asked.headers.clone(), HeaderMap::new());
        let issuer = caller.as_ref().map(|caller| caller.token.issuer());
        let caller = caller.map(|ExplainedCaller { token, places }| {
            token.headers().apply(&mut claims);
            Caller { token: Rc::new(token), places, assertion: None }
        });
        let is_asserted = caller.is_some();
        let admission = Admission { route, upstream, caller, signature: None, permit: None };
        // A client's forged headers are counted, and these are no client's.
        let cleaned = self.hygiene.uncounted().clean_request(&mut headers);
        cleaned.map_err(|violation| Denial::new(violation.cause()).on(route))?;
        if let Some(origin) = self.rewrite(&admission, asked.request, &mut headers, asked.peer) {
            origin.set(&mut headers);
        }
        if let Some(signature) = signature {
            signature.apply(&mut headers);
        }
        if let Some(assertions) = self.assertions.as_ref().filter(|_| is_asserted) {
            // Only its name is shown: none is signed for it.
            headers.insert(assertions.header(), HeaderValue::from_static(""));
        }
        Ok(Explained {
            route,
            issuer,
            own_answer: None,
            path,
            headers,
            claims,
            unchecked: Vec::new(),
        })
    }
}
