//! Which web page may read the answer to a request: what `[cors]` adds to answers of any origin.

use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Exchange, Outcome, Refusal, refusal::empty};
use crate::{
    cors::{AnswerFrom, Cors},
    gate::Route,
};

/// The sender of a request, as far as `[cors]` knows it. Looked up before the request is forwarded,
/// since its headers go with it.
#[derive(Debug, Clone, Copy)]
pub struct CrossOrigin<'e> {
    cors: &'e Cors,
    /// What its page may read; `None`: nothing.
    allowed: Option<&'e HeaderValue>,
}

impl<'e> Exchange<'e> {
    /// The sender of the request; `None` without `[cors]`.
    pub fn cross_origin(&self, headers: &HeaderMap) -> Option<CrossOrigin<'e>> {
        let cors = self.engine.engine.gate().cors()?;
        Some(CrossOrigin { cors, allowed: cors.allowed_origin(headers) })
    }

    /// Lets the sender's page read the answer, on a route with `cors`. A refusal without a route
    /// holds nothing of any service, and is readable, too. The metadata of a resource is readable
    /// by every page already.
    pub fn share(&self, headers: &mut HeaderMap, from: AnswerFrom, sender: CrossOrigin<'_>) {
        let is_shared = match self.route.get() {
            Some(route) => route.is_shared(),
            None => !self.is_for_metadata(),
        };
        if is_shared {
            sender.cors.share(headers, from, sender.allowed);
        }
    }

    fn is_for_metadata(&self) -> bool {
        self.request().is_some_and(|request| self.engine.engine.has_document(request))
    }

    /// The answer to a preflight, which its sender may read.
    pub(super) fn answer_preflight(&self) -> Box<Refusal> {
        let mut response = empty(StatusCode::NO_CONTENT);
        if let Some(cors) = self.engine.engine.gate().cors() {
            cors.answer_preflight(response.headers_mut());
        }
        self.record_subject(self.route.get().map(|route| &**route as &Route), None);
        self.end(Outcome::Preflight);
        Box::new(Refusal::new(response))
    }
}
