//! A token request as a lookup: how it is sent, and what of the response is kept.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    clock::{Clock, UnixTime},
    lookup::Lookup,
};

use super::{
    GrantError, ObtainedToken, TokenDigest,
    grant_answer::GrantAnswer,
    grant_endpoint::{GrantEndpoint, GrantSubject},
    grant_health::GrantHealth,
    kept_tokens::KeptTokens,
};

/// The lookup of one credential's tokens.
#[derive(Debug)]
pub(super) struct GrantLookup {
    pub(super) endpoint: GrantEndpoint,
    pub(super) kept: Arc<KeptTokens>,
    pub(super) health: Arc<GrantHealth>,
    pub(super) clock: Arc<dyn Clock>,
}

/// What a token request needs besides the key.
#[derive(Debug)]
pub(super) struct GrantRequest {
    pub(super) subject: GrantSubject,
    /// When the caller's token ends, and with it what it was exchanged for.
    pub(super) ends: UnixTime,
}

impl Lookup for GrantLookup {
    type Key = TokenDigest;
    type Request = GrantRequest;
    type Response = GrantAnswer;
    type Answer = ObtainedToken;
    type Error = GrantError;

    async fn send(
        &self,
        _: &TokenDigest,
        request: &GrantRequest,
    ) -> Result<GrantAnswer, GrantError> {
        let began = Instant::now();
        let response = self.endpoint.request(&request.subject).await;
        self.health.observe(began.elapsed());
        response
    }

    /// A refusal replaces a token of before: the permission was withdrawn.
    fn responded(
        &self,
        key: &TokenDigest,
        request: &GrantRequest,
        response: GrantAnswer,
    ) -> ObtainedToken {
        self.health.responded(&response);
        let now = self.clock.now();
        match response {
            GrantAnswer::Granted(granted) => {
                self.kept.keep(key, &granted, request.ends, now);
                ObtainedToken::Token(granted.value)
            }
            GrantAnswer::Denied(_) => {
                self.kept.refuse(key, now);
                ObtainedToken::Refused
            }
        }
    }

    /// A token that could not be renewed is used to its end, and never beyond.
    fn failed(&self, key: &TokenDigest, _: &GrantRequest, error: &GrantError) -> ObtainedToken {
        let now = self.clock.now();
        let kept = self.kept.postpone(key, now);
        self.health.failed(error, kept.is_some(), now);
        kept.map_or(ObtainedToken::Unavailable, ObtainedToken::Token)
    }

    /// A caller can't invent a token that another was granted for.
    fn is_known(&self, key: &TokenDigest) -> bool {
        self.kept.has_granted(key)
    }
}
