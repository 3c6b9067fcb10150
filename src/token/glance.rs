//! What a refused token says of itself, for the log: nothing of it needs to be true, unless the
//! token was verified.

use std::cell::RefCell;

use super::{
    Credential, JwtCandidate, TokenCache, TokenVerifier, VerifiedToken, jwt::claims::string_claim,
};
use crate::json::Object;

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenGlance {
    /// Its `sub`.
    pub subject: Option<String>,
    /// Its `azp` or `client_id`.
    pub client_id: Option<String>,
    /// The id of the key in its header.
    pub kid: Option<String>,
    /// Whether its signature, or its issuer, vouches for that.
    pub is_verified: bool,
}

impl TokenGlance {
    /// That of a verified token.
    pub fn of(token: &VerifiedToken) -> Self {
        Self::new(token.claims(), token.kid(), true)
    }

    fn new(claims: &Object, kid: Option<&str>, is_verified: bool) -> Self {
        let text = |name| string_claim(claims, name).ok().flatten().map(str::to_owned);
        Self {
            subject: text("sub"),
            client_id: text("azp").or_else(|| text("client_id")),
            kid: kid.map(str::to_owned),
            is_verified,
        }
    }
}

impl TokenVerifier {
    /// What a credential says of itself; `None`: it is no JWT, and no token that was verified.
    /// It has not been refused for its length only.
    pub fn glance(
        &self,
        credential: Credential<'_>,
        cache: &RefCell<TokenCache>,
    ) -> Option<TokenGlance> {
        let token = credential.as_bytes();
        if token.len() > self.max_bytes() {
            return None;
        }
        if let Some(known) = cache.borrow().find(token, self.clock.now()) {
            return Some(TokenGlance::of(&known.token));
        }
        let candidate = JwtCandidate::read(token, &mut ()).ok()?;
        let kid = candidate.jws().header().kid();
        Some(TokenGlance::new(candidate.unverified_claims(), kid, false))
    }
}
