//! Which kind of token it is (RFC 8725 §3.11, §3.12): one that was made for another purpose is no
//! access token, however well it is signed (threats T-19, T-23, T-24).
//!
//! An issuer signs many kinds of JWT with one key. Those whose header names a type are matched
//! against a list of accepted types. For the others there are tables: of the claims whose value
//! names a kind ([`purpose`]), and of those that only one kind has ([`marks`]). Other kinds can't
//! be distinguished; `docs/security.md` lists them.

mod marks;
mod purpose;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::{
    identity::ClaimPath,
    jose::short_media_type,
    json::Object,
    reason::{Cause, Excerpt, Fault, Reason, Subject},
    token::issuer::settings::{IssuerSettings, key},
};

/// What one issuer's access tokens are recognised by.
#[derive(Debug, Clone)]
pub(super) struct KindRules {
    /// Accepted `typ` header values without `application/`; an empty one means no `typ`.
    token_types: Vec<String>,
    accept_id_tokens: bool,
    /// Claims that the issuer's access tokens are known to have, so that they mark no other kind.
    expected: Vec<String>,
    /// Claims whose values the operator has listed: that list alone decides.
    settled: Vec<String>,
}

/// A kind of token that an issuer makes besides access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// An authorization response (JARM).
    AuthorizationResponse,
    /// A client's assertion, or a grant (RFC 7523).
    ClientAssertion,
    /// A verifiable credential or presentation.
    Credential,
    /// A proof of possession (RFC 9449).
    DpopProof,
    /// An ID token (`OpenID` Connect Core §2).
    Id,
    /// A response of an introspection endpoint (RFC 9701).
    IntrospectionResponse,
    /// Metadata of a provider, or a statement of a federation.
    Metadata,
    /// For one step of an account's life: an e-mail to confirm, a password to reset.
    OneTimeAction,
    /// Of another purpose, by its own claims.
    Other,
    /// A refresh token.
    Refresh,
    /// An authorization request (RFC 9101).
    RequestObject,
    /// A logout token, or another security event (RFC 8417).
    SecurityEvent,
    /// A software statement (RFC 7591).
    SoftwareStatement,
    /// A status list.
    StatusList,
    /// A transaction token.
    Transaction,
    /// A response of a `UserInfo` endpoint.
    UserInfo,
}

/// Why a token is not accepted as an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrongKind<'t> {
    /// Its header's `typ`, or that it has none.
    Type(Option<&'t str>),
    /// The kind that its claims show.
    Claims {
        /// The kind that it is.
        kind: TokenKind,
        /// The claim that shows it.
        claim: &'t str,
    },
}

/// Claims and the rules that they are read under.
#[derive(Clone, Copy)]
struct Evidence<'t> {
    claims: &'t Object,
    rules: &'t KindRules,
    /// Whether the type `at+jwt` marks it as an access token, besides the claims.
    is_typed: bool,
}

/// A kind, and the claim that shows it.
type MarkedKind<'t> = (TokenKind, &'t str);

/// The type of an access token (RFC 9068 §2.1).
const ACCESS_TYPE: &str = "at+jwt";

impl KindRules {
    pub(super) fn new(settings: &IssuerSettings) -> Self {
        let alternatives = settings.require_any.iter().flatten().map(ClaimPath::as_str);
        let expected = settings.require.iter().map(ClaimPath::as_str).chain(alternatives);
        let settled = settings.require_values.iter().map(|required| required.claim.as_str());
        Self {
            token_types: settings.token_types.clone(),
            accept_id_tokens: settings.accept_id_tokens,
            expected: expected.map(str::to_owned).collect(),
            settled: settled.map(str::to_owned).collect(),
        }
    }

    /// The rules for introspection responses: `token_type` has a setting of its own there (RFC 7662
    /// §2.2).
    pub(super) fn of_answers(settings: &IssuerSettings, accept_id_tokens: bool) -> Self {
        let mut rules = Self::new(settings);
        rules.accept_id_tokens |= accept_id_tokens;
        rules.settled.push("token_type".to_owned());
        rules
    }

    /// Whether a JWT with this `typ` and these claims is accepted as an access token.
    pub(super) fn check_jwt<'t>(
        &'t self,
        typ: Option<&'t str>,
        claims: &'t Object,
    ) -> Result<(), WrongKind<'t>> {
        if !self.accepts_type(typ) {
            return Err(WrongKind::Type(typ));
        }
        let is_typed =
            typ.is_some_and(|typ| short_media_type(typ).eq_ignore_ascii_case(ACCESS_TYPE));
        let evidence = Evidence { claims, rules: self, is_typed };
        judge(marks::user_info(evidence).or_else(|| evidence.other_kind()))
    }

    /// Whether what an issuer answers is about an access token.
    pub(super) fn check_answer<'t>(&'t self, claims: &'t Object) -> Result<(), WrongKind<'t>> {
        judge(Evidence { claims, rules: self, is_typed: false }.other_kind())
    }

    /// The refusal of a token of another kind.
    #[cold]
    pub(super) fn cause(&self, wrong: WrongKind<'_>) -> Cause {
        Reason::TokenTypeNotAllowed.about(match wrong {
            WrongKind::Type(typ) => {
                let subject = match typ {
                    Some(typ) => {
                        Subject::parameter("typ", Fault::NotAllowed).found(Excerpt::quoted(typ))
                    }
                    None => Subject::parameter("typ", Fault::Missing),
                };
                let listed = self.token_types.iter().map(String::as_str);
                subject.expected(Excerpt::list(listed)).setting(key::TOKEN_TYPES)
            }
            WrongKind::Claims { kind, claim } => Subject::claim(claim, Fault::NotAllowed)
                .found(Excerpt::own(format_args!("{kind}")))
                .expected(Excerpt::own(format_args!("an access token"))),
        })
    }

    fn accepts_type(&self, typ: Option<&str>) -> bool {
        let is_accepted =
            |typ: &str| self.token_types.iter().any(|accepted| accepted.eq_ignore_ascii_case(typ));
        match typ.map(short_media_type) {
            None => is_accepted(""),
            // Only an absent one is none.
            Some("") => false,
            Some(typ) => is_accepted(typ),
        }
    }
}

fn judge(found: Option<MarkedKind<'_>>) -> Result<(), WrongKind<'_>> {
    found.map_or(Ok(()), |(kind, claim)| Err(WrongKind::Claims { kind, claim }))
}

impl<'t> Evidence<'t> {
    /// The kind that the claims show, if it is another one, and the claim that shows it.
    fn other_kind(self) -> Option<MarkedKind<'t>> {
        purpose::other_kind(self).or_else(|| marks::other_kind(self))
    }

    /// Whether a token of that kind is refused.
    fn refuses(self, kind: TokenKind) -> bool {
        kind != TokenKind::Id || !self.rules.accept_id_tokens
    }

    /// Whether the claim is present, whatever the settings say of it.
    fn has(self, name: &str) -> bool {
        self.claims.get(name).is_some()
    }

    fn is_settled(self, name: &str) -> bool {
        self.rules.settled.iter().any(|settled| settled == name)
    }

    fn is_expected(self, name: &str) -> bool {
        self.is_settled(name) || self.rules.expected.iter().any(|expected| expected == name)
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthorizationResponse => "an authorization response",
            Self::ClientAssertion => "a client assertion",
            Self::Credential => "a verifiable credential",
            Self::DpopProof => "a DPoP proof",
            Self::Id => "an ID token",
            Self::IntrospectionResponse => "an introspection response",
            Self::Metadata => "signed metadata",
            Self::OneTimeAction => "a token for one action on an account",
            Self::Other => "no access token",
            Self::Refresh => "a refresh token",
            Self::RequestObject => "an authorization request",
            Self::SecurityEvent => "a security event",
            Self::SoftwareStatement => "a software statement",
            Self::StatusList => "a status list",
            Self::Transaction => "a transaction token",
            Self::UserInfo => "a UserInfo response",
        })
    }
}
