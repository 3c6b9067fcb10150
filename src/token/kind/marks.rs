//! Claims that only one kind of token has.

use super::{Evidence, MarkedKind, TokenKind, purpose};
use crate::json::Json;

/// The claims of a person that a `UserInfo` endpoint answers with (OpenID Connect Core §5.1).
const PROFILE: [&str; 8] = [
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "email",
    "email_verified",
    "phone_number",
    "updated_at",
];

/// The other kind that the claims show.
pub(super) fn other_kind(evidence: Evidence<'_>) -> Option<MarkedKind<'_>> {
    security_event(evidence)
        .or_else(|| marked(evidence))
        .or_else(|| id_token(evidence))
        .or_else(|| authorization_response(evidence))
        .or_else(|| client_assertion(evidence))
}

fn marked(evidence: Evidence<'_>) -> Option<MarkedKind<'_>> {
    evidence.claims.iter().find_map(|(name, value)| {
        let kind = mark(name)?;
        let is_there = !value.is_null() && !evidence.is_expected(name);
        let counts = is_there && evidence.refuses(kind);
        counts.then_some((kind, name))
    })
}

/// The kind that a claim defines, whatever the provider.
fn mark(claim: &str) -> Option<TokenKind> {
    Some(match claim {
        // OpenID Connect Core §3.1.3.6, §3.3.2.11; FAPI; CIBA §10.3.1.
        "at_hash"
        | "c_hash"
        | "s_hash"
        | "urn:openid:params:jwt:claim:rt_hash"
        | "urn:openid:params:jwt:claim:auth_req_id" => TokenKind::Id,
        // Spring Security OAuth 2.x names the access token that a refresh token renews; UAA what
        // was granted.
        "ati" | "granted_scopes" => TokenKind::Refresh,
        // RFC 9101 §4, RFC 7636 §4.3, CIBA §7.1.
        "response_type"
        | "redirect_uri"
        | "code_challenge"
        | "request_uri"
        | "binding_message"
        | "client_notification_token" => TokenKind::RequestObject,
        // RFC 7591 §2, and the directories of open banking.
        "redirect_uris"
        | "grant_types"
        | "token_endpoint_auth_method"
        | "software_id"
        | "software_redirect_uris"
        | "software_jwks_endpoint"
        | "software_jwks_uri" => TokenKind::SoftwareStatement,
        // RFC 9449 §4.2.
        "htm" | "htu" | "ath" => TokenKind::DpopProof,
        // RFC 9701 §5.
        "token_introspection" => TokenKind::IntrospectionResponse,
        // Token Status List §5.1; a token that refers to one has `status`.
        "status_list" => TokenKind::StatusList,
        // VC Data Model 1.1 §6.3.1 and 2.0, SD-JWT VC §3.2.2, RFC 9901 §4.
        "vc"
        | "vp"
        | "vct"
        | "@context"
        | "credentialSubject"
        | "verifiableCredential"
        | "_sd"
        | "_sd_alg"
        | "sd_hash" => TokenKind::Credential,
        // OAuth Transaction Tokens §2; a security event may name one, too (RFC 8417 §2.2).
        "txn" | "tctx" | "rctx" | "req_wl" => TokenKind::Transaction,
        // OpenID Federation §3, RFC 8414 §2.1.
        "jwks"
        | "jwks_uri"
        | "authority_hints"
        | "metadata_policy"
        | "authorization_endpoint"
        | "token_endpoint" => TokenKind::Metadata,
        _ => return None,
    })
}

/// `events` with the URI of an event in it (RFC 8417 §2.2), as logout tokens have it. Anything else
/// of that name is a private claim.
fn security_event(evidence: Evidence<'_>) -> Option<MarkedKind<'_>> {
    let events = evidence.claims.get("events")?.as_object()?;
    let is_uri = |name: &str| name.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme));
    let names_one = events.iter().any(|(name, _)| is_uri(name));
    (names_one && !evidence.is_expected("events")).then_some((TokenKind::SecurityEvent, "events"))
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_scheme_byte)
}

/// ID tokens without a mark, by what they have and access tokens don't.
fn id_token(evidence: Evidence<'_>) -> Option<MarkedKind<'_>> {
    if !evidence.refuses(TokenKind::Id) || evidence.is_typed || purpose::is_access(evidence) {
        return None;
    }
    let has_scopes = ["scope", "scp", "scopes"].iter().any(|name| evidence.has(name));
    // Some providers (Keycloak before 25) repeat the `nonce` in access tokens.
    if evidence.has("nonce") && !has_scopes && !evidence.is_expected("nonce") {
        return Some((TokenKind::Id, "nonce"));
    }
    if is_for_its_client(evidence) && !has_grant(evidence) && !evidence.is_settled("azp") {
        return Some((TokenKind::Id, "azp"));
    }
    if has_grant(evidence) || evidence.has("azp") {
        return None;
    }
    nameless_client(evidence)
}

/// Entra's access tokens name the client in `azp` or `appid` and Okta's in `cid`; their ID tokens
/// have the other claims of the provider alone.
fn nameless_client(evidence: Evidence<'_>) -> Option<MarkedKind<'_>> {
    const PROVIDERS: [&[&str]; 2] = [&["tid", "ver", "oid"], &["idp", "ver", "amr"]];
    let has_all = |claims: &&[&str]| claims.iter().all(|name| evidence.has(name));
    let shown = PROVIDERS.iter().find(|claims| has_all(claims))?.first()?;
    (!evidence.is_settled(shown)).then_some((TokenKind::Id, shown))
}

/// Whether the only audience is the client that the token was issued to (OpenID Connect Core §2).
fn is_for_its_client(evidence: Evidence<'_>) -> bool {
    let Some(client) = evidence.claims.get("azp").and_then(Json::as_str) else {
        return false;
    };
    match evidence.claims.get("aud") {
        Some(Json::String(audience)) => audience == client,
        Some(Json::Array(audiences)) => {
            matches!(&**audiences, [only] if only.as_str() == Some(client))
        }
        _ => false,
    }
}

fn has_grant(evidence: Evidence<'_>) -> bool {
    evidence.claims.iter().any(|(name, value)| is_grant(name) && !value.is_null())
}

/// Whether a claim says what was granted, or to which client: access tokens have such a one (RFC
/// 9068 §2.2; Okta's `cid`, Entra's `appid` and `azpacr`, Auth0's `gty` and `permissions`,
/// Keycloak's access), and kinds that look like one without a mark of their own have none.
fn is_grant(claim: &str) -> bool {
    matches!(
        claim,
        "scope"
            | "scp"
            | "scopes"
            | "client_id"
            | "cid"
            | "appid"
            | "azpacr"
            | "gty"
            | "permissions"
            | "realm_access"
            | "resource_access"
    )
}

/// JARM §2.1: the parameters of a response, and never a subject.
fn authorization_response(evidence: Evidence<'_>) -> Option<MarkedKind<'_>> {
    let is_answer = evidence.has("state") || !evidence.has("sub");
    let parameters = ["code", "error", "access_token", "id_token"];
    let found =
        parameters.into_iter().find(|name| evidence.has(name) && !evidence.is_expected(name))?;
    is_answer.then_some((TokenKind::AuthorizationResponse, found))
}

/// RFC 7523 §3: issued by a client about itself, with nothing granted.
fn client_assertion(evidence: Evidence<'_>) -> Option<MarkedKind<'_>> {
    let claim = |name| evidence.claims.get(name).and_then(Json::as_str);
    let is_about_itself = claim("sub").is_some_and(|sub| claim("iss") == Some(sub));
    let is_access = evidence.is_typed || purpose::is_access(evidence) || has_grant(evidence);
    let counts = is_about_itself && !is_access && !evidence.is_settled("sub");
    counts.then_some((TokenKind::ClientAssertion, "sub"))
}

/// A signed response of a `UserInfo` endpoint describes a user, without issue time or expiry
/// (OpenID Connect Core §5.3.2).
pub(super) fn user_info(evidence: Evidence<'_>) -> Option<MarkedKind<'_>> {
    let has_times = ["exp", "iat", "nbf"].iter().any(|name| evidence.has(name));
    if has_times || evidence.is_typed || has_grant(evidence) {
        return None;
    }
    let found =
        PROFILE.into_iter().find(|name| evidence.has(name) && !evidence.is_expected(name))?;
    Some((TokenKind::UserInfo, found))
}
