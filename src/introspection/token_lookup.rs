//! Introspection as a lookup: how one issuer's request is sent, and what of the response is cached.

use std::sync::Arc;

use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::{
    clock::{Clock, UnixTime},
    lookup::Lookup,
};

use super::{
    IntrospectionError, Recheck, Statement,
    answer::IntrospectionAnswer,
    endpoint::Endpoint,
    health::IntrospectionHealth,
    memory::{Digest, Memory, StoredStatement},
    shared_answers::SharedAnswers,
};

/// The lookup of tokens at one issuer's endpoint.
#[derive(Debug)]
pub(super) struct TokenLookup {
    pub(super) endpoint: Endpoint,
    pub(super) memory: Arc<Memory>,
    pub(super) shared: SharedAnswers,
    pub(super) health: Arc<IntrospectionHealth>,
    pub(super) clock: Arc<dyn Clock>,
}

/// What a lookup needs besides the token's digest.
pub(super) struct TokenRequest {
    token: Zeroizing<String>,
    recheck: Option<Arc<Recheck>>,
    /// For an explanation: nothing of the response is cached.
    is_aside: bool,
}

impl Lookup for TokenLookup {
    type Key = Digest;
    type Request = TokenRequest;
    type Response = IntrospectionAnswer;
    type Answer = Option<Statement>;
    type Error = IntrospectionError;

    /// A response that another replica has stored. Not for a recheck, which needs the current
    /// state.
    async fn find_elsewhere(
        &self,
        digest: &Digest,
        request: &TokenRequest,
    ) -> Option<Option<Statement>> {
        if request.recheck.is_some() {
            return None;
        }
        let now = self.clock.now();
        let answer = self.shared.find(digest, now).await?;
        Some(Some(self.stored(digest, request, answer.response, answer.until).statement))
    }

    async fn send(
        &self,
        _: &Digest,
        request: &TokenRequest,
    ) -> Result<IntrospectionAnswer, IntrospectionError> {
        let began = Instant::now();
        let response = self.endpoint.introspect(&request.token).await;
        self.health.observe(began.elapsed());
        response
    }

    fn responded(
        &self,
        digest: &Digest,
        request: &TokenRequest,
        response: IntrospectionAnswer,
    ) -> Option<Statement> {
        self.health.responded(matches!(response, IntrospectionAnswer::Active(_)));
        let kept = self.stored(digest, request, response, UnixTime(i64::MAX));
        if !request.is_aside {
            self.shared.keep(digest, &kept.statement, kept.until, self.clock.now());
        }
        request.rechecked(Some(kept.statement))
    }

    /// An earlier, stale response is used, if the operator allows that.
    fn failed(
        &self,
        digest: &Digest,
        request: &TokenRequest,
        error: &IntrospectionError,
    ) -> Option<Statement> {
        let now = self.clock.now();
        let stale = self.memory.find_stale(digest, now);
        self.health.failed(error, stale.is_some(), now);
        request.rechecked(stale)
    }

    /// A client can't invent a token that the issuer has called active.
    fn is_known(&self, digest: &Digest) -> bool {
        self.memory.has_called_active(digest)
    }
}

impl TokenLookup {
    /// What a response says, cached unless it is for an explanation.
    fn stored(
        &self,
        digest: &Digest,
        request: &TokenRequest,
        response: IntrospectionAnswer,
        at_most: UnixTime,
    ) -> StoredStatement {
        let now = self.clock.now();
        if request.is_aside {
            self.memory.read(response, at_most, now).0
        } else {
            self.memory.keep(digest, response, at_most, now)
        }
    }
}

impl TokenRequest {
    /// For an explanation.
    pub(super) fn aside(token: &str) -> Self {
        Self { is_aside: true, ..Self::new(token, None) }
    }

    pub(super) fn new(token: &str, recheck: Option<&Arc<Recheck>>) -> Self {
        let (token, recheck) = (Zeroizing::new(token.to_owned()), recheck.map(Arc::clone));
        Self { token, recheck, is_aside: false }
    }

    /// The request that made the recheck learns its result at once, not only the next one.
    fn rechecked(&self, statement: Option<Statement>) -> Option<Statement> {
        if let (Some(recheck), Some(statement)) = (&self.recheck, &statement) {
            recheck.note(statement);
        }
        statement
    }
}
