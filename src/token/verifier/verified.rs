//! A verified token. Its fields are private to the verifier, so that only it creates one.

use std::{
    cell::{Cell, OnceCell},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    clock::{Expiry, UnixTime},
    identity::RenderedHeaders,
    introspection::{Introspector, Recheck},
    jose::{Algorithm, VerificationKey},
    json::Object,
    keys::{KeyLookup, KeySet},
    policy::{AuthenticationEvent, ids::IssuerId},
    reason::Cause,
    token::jwt::{
        Validity,
        claims::{audience_matches, numeric_date, other_audience, string_claim},
    },
};

use super::RouteIssuers;

/// A token that has passed every check. Only the verifier creates one.
#[derive(Debug)]
pub struct VerifiedToken {
    /// Its issuer's id in the configuration in use, which a reload may change.
    pub(super) issuer: Cell<IssuerId>,
    /// `None`: only introspection vouches for it.
    pub(super) signature: Option<TokenSignature>,
    pub(super) standing: IssuerStatement,
    pub(super) validity: Validity,
    pub(super) claims: Object,
    pub(super) headers: RenderedHeaders,
    /// Whether its issuer is the route's, since the token names none.
    pub(super) is_unnamed: bool,
    /// Of the token's text, once it was needed.
    pub(super) digest: OnceCell<Box<[u8; 32]>>,
}

/// The signature that vouches for a token.
#[derive(Debug)]
pub(super) struct TokenSignature {
    pub(super) algorithm: Algorithm,
    key: Arc<VerificationKey>,
    /// Whether the token's `kid` is the key's. Then it is not stored a second time.
    has_kid_of_key: bool,
    other_kid: Option<Box<str>>,
    /// Whether the `kid` and the algorithm are all that the key was chosen by.
    is_by_kid: bool,
}

impl TokenSignature {
    /// The signature by a key, in a token with this `kid`.
    pub(super) fn new(algorithm: Algorithm, kid: Option<&str>, key: Arc<VerificationKey>) -> Self {
        let has_kid_of_key = kid == key.kid();
        let other_kid = kid.filter(|_| !has_kid_of_key).map(Box::from);
        Self { algorithm, key, has_kid_of_key, other_kid, is_by_kid: true }
    }

    /// Whether another set can be asked with what is kept here whether it would choose the key.
    pub(super) fn chosen_by_kid(self, is_by_kid: bool) -> Self {
        Self { is_by_kid, ..self }
    }

    fn kid(&self) -> Option<&str> {
        if self.has_kid_of_key { self.key.kid() } else { self.other_kid.as_deref() }
    }
}

/// The role of introspection for a token.
#[derive(Debug)]
pub(super) enum IssuerStatement {
    /// None: it was not introspected.
    Unasked,
    /// The response was *active*, and counts until then.
    Until(Expiry),
    /// It is introspected from time to time, in the background.
    Watched(Arc<Introspector>, Arc<Recheck>),
}

impl VerifiedToken {
    /// Its issuer.
    pub fn issuer(&self) -> IssuerId {
        self.issuer.get()
    }

    /// The verified claims.
    pub fn claims(&self) -> &Object {
        &self.claims
    }

    /// The claim headers for the upstream.
    pub fn headers(&self) -> &RenderedHeaders {
        &self.headers
    }

    /// Whether it is for one of these audiences.
    ///
    /// # Errors
    /// [`Reason::AudienceMismatch`](crate::reason::Reason::AudienceMismatch).
    pub fn check_audience(&self, audiences: &[String]) -> Result<(), Cause> {
        let accepted = Some(audiences);
        if audience_matches(&self.claims, accepted)? {
            Ok(())
        } else {
            Err(other_audience(&self.claims, accepted))
        }
    }

    /// The SHA-256 of its text, if that was needed before.
    pub fn known_digest(&self) -> Option<&[u8; 32]> {
        self.digest.get().map(|digest| &**digest)
    }

    /// The SHA-256 of its text, which is this.
    pub fn digest(&self, text: &[u8]) -> &[u8; 32] {
        self.digest.get_or_init(|| {
            let mut bytes = Box::new([0; 32]);
            bytes.copy_from_slice(digest(&SHA256, text).as_ref());
            bytes
        })
    }

    /// Whether only introspection vouches for it.
    pub fn is_introspected_only(&self) -> bool {
        self.signature.is_none()
    }

    /// The `kid` of its header.
    pub fn kid(&self) -> Option<&str> {
        self.signature.as_ref().and_then(TokenSignature::kid)
    }

    /// What it says of the authentication of its subject (RFC 9068 §2.2.1). What has the wrong type
    /// says nothing.
    pub fn authentication(&self) -> AuthenticationEvent<'_> {
        let time = numeric_date(&self.claims, "auth_time").ok().flatten();
        AuthenticationEvent {
            acr: string_claim(&self.claims, "acr").ok().flatten(),
            time: time.map(|date| UnixTime(date.floor)),
        }
    }

    /// When what is derived from the token ends; see [`Validity::ends`].
    pub fn ends(&self, now: UnixTime) -> UnixTime {
        self.validity.ends(now)
    }

    /// Whether a set would still choose the key that verified this token: the key may be gone,
    /// or be there and no longer made for the algorithm. Where more than the `kid` has chosen it,
    /// the answer is no, and the token is verified again.
    pub(super) fn would_verify_under(&self, keys: &KeySet) -> bool {
        let by_kid = self.signature.as_ref().filter(|signature| signature.is_by_kid);
        by_kid.is_some_and(|signature| {
            let chosen = keys.lookup(signature.kid(), signature.algorithm);
            let thumbprint = signature.key.thumbprint();
            matches!(chosen, KeyLookup::Found(key) if key.thumbprint() == thumbprint)
        })
    }

    /// Whether it is of the same issuer on that route: one that names its issuer is, everywhere.
    pub(super) fn is_known_to(&self, route: RouteIssuers) -> bool {
        !self.is_unnamed || route.unnamed == Some(self.issuer())
    }

    /// Whether the introspection response, if there is one, is still fresh.
    pub(super) fn stands(&self, now: UnixTime) -> bool {
        !matches!(self.standing, IssuerStatement::Until(until) if until.has_come(now))
    }

    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.signature.as_ref().map(|signature| signature.algorithm)
    }

    /// Bytes that the token takes in a cache, besides its text.
    pub(in crate::token) fn memory(&self) -> usize {
        size_of::<Self>() + self.claims.memory() + self.headers.memory()
    }
}
