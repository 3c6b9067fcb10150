//! Claims that only one kind of token has.

use super::{Evidence, Finding, Kind, purpose};
use crate::json::Json;

/// Any of these makes the token what it says, wherever it comes from.
const MARKS: &[(&str, Kind)] = &[
    // OpenID Connect Core §3.1.3.6, §3.3.2.11; FAPI; CIBA §10.3.1.
    ("at_hash", Kind::Id),
    ("c_hash", Kind::Id),
    ("s_hash", Kind::Id),
    ("urn:openid:params:jwt:claim:rt_hash", Kind::Id),
    ("urn:openid:params:jwt:claim:auth_req_id", Kind::Id),
    // Spring Security OAuth 2.x names the access token that a refresh token renews; UAA what was
    // granted.
    ("ati", Kind::Refresh),
    ("granted_scopes", Kind::Refresh),
    // RFC 9101 §4, RFC 7636 §4.3, CIBA §7.1.
    ("response_type", Kind::RequestObject),
    ("redirect_uri", Kind::RequestObject),
    ("code_challenge", Kind::RequestObject),
    ("request_uri", Kind::RequestObject),
    ("binding_message", Kind::RequestObject),
    ("client_notification_token", Kind::RequestObject),
    // RFC 7591 §2, and the directories of open banking.
    ("redirect_uris", Kind::SoftwareStatement),
    ("grant_types", Kind::SoftwareStatement),
    ("token_endpoint_auth_method", Kind::SoftwareStatement),
    ("software_id", Kind::SoftwareStatement),
    ("software_redirect_uris", Kind::SoftwareStatement),
    ("software_jwks_endpoint", Kind::SoftwareStatement),
    ("software_jwks_uri", Kind::SoftwareStatement),
    // RFC 9449 §4.2.
    ("htm", Kind::DpopProof),
    ("htu", Kind::DpopProof),
    ("ath", Kind::DpopProof),
    // RFC 9701 §5.
    ("token_introspection", Kind::IntrospectionResponse),
    // Token Status List §5.1; a token that refers to one says `status`.
    ("status_list", Kind::StatusList),
    // VC Data Model 1.1 §6.3.1 and 2.0, SD-JWT VC §3.2.2, RFC 9901 §4.
    ("vc", Kind::Credential),
    ("vp", Kind::Credential),
    ("vct", Kind::Credential),
    ("@context", Kind::Credential),
    ("credentialSubject", Kind::Credential),
    ("verifiableCredential", Kind::Credential),
    ("_sd", Kind::Credential),
    ("_sd_alg", Kind::Credential),
    ("sd_hash", Kind::Credential),
    // OAuth Transaction Tokens §2; a security event may name one, too (RFC 8417 §2.2).
    ("txn", Kind::Transaction),
    ("tctx", Kind::Transaction),
    ("rctx", Kind::Transaction),
    ("req_wl", Kind::Transaction),
    // OpenID Federation §3, RFC 8414 §2.1.
    ("jwks", Kind::Metadata),
    ("jwks_uri", Kind::Metadata),
    ("authority_hints", Kind::Metadata),
    ("metadata_policy", Kind::Metadata),
    ("authorization_endpoint", Kind::Metadata),
    ("token_endpoint", Kind::Metadata),
];

/// What was granted, or to which client: access tokens have one of these (RFC 9068 §2.2; Okta's
/// `cid`, Entra's `appid` and `azpacr`, Auth0's `gty` and `permissions`, Keycloak's access), and
/// kinds that look like one without a mark of their own have none.
const GRANTS: [&str; 11] = [
    "scope",
    "scp",
    "scopes",
    "client_id",
    "cid",
    "appid",
    "azpacr",
    "gty",
    "permissions",
    "realm_access",
    "resource_access",
];

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
pub(super) fn other_kind(evidence: Evidence<'_>) -> Option<Finding<'_>> {
    security_event(evidence)
        .or_else(|| marked(evidence))
        .or_else(|| id_token(evidence))
        .or_else(|| authorization_response(evidence))
        .or_else(|| client_assertion(evidence))
}

fn marked(evidence: Evidence<'_>) -> Option<Finding<'_>> {
    evidence.claims.iter().find_map(|(name, value)| {
        let (_, kind) = MARKS.iter().find(|(mark, _)| *mark == name)?;
        let is_there = *value != Json::Null && !evidence.is_expected(name);
        let counts = is_there && evidence.refuses(*kind);
        counts.then_some((*kind, name))
    })
}

/// `events` with the URI of an event in it (RFC 8417 §2.2), as logout tokens have it. Anything else
/// of that name is a claim of somebody's own.
fn security_event(evidence: Evidence<'_>) -> Option<Finding<'_>> {
    let events = evidence.claims.get("events")?.as_object()?;
    let is_uri = |name: &str| name.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme));
    let names_one = events.iter().any(|(name, _)| is_uri(name));
    (names_one && !evidence.is_expected("events")).then_some((Kind::SecurityEvent, "events"))
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_scheme_byte)
}

/// ID tokens without a mark, by what they have and access tokens don't.
fn id_token(evidence: Evidence<'_>) -> Option<Finding<'_>> {
    if !evidence.refuses(Kind::Id) || evidence.is_typed || purpose::is_access(evidence) {
        return None;
    }
    let has_scopes = ["scope", "scp", "scopes"].iter().any(|name| evidence.has(name));
    // Some providers (Keycloak before 25) repeat the `nonce` in access tokens.
    if evidence.has("nonce") && !has_scopes && !evidence.is_expected("nonce") {
        return Some((Kind::Id, "nonce"));
    }
    if is_for_its_client(evidence) && !has_grant(evidence) && !evidence.is_settled("azp") {
        return Some((Kind::Id, "azp"));
    }
    if has_grant(evidence) || evidence.has("azp") {
        return None;
    }
    nameless_client(evidence)
}

/// Entra's access tokens name the client in `azp` or `appid` and Okta's in `cid`; their ID tokens
/// have the other claims of the provider alone.
fn nameless_client(evidence: Evidence<'_>) -> Option<Finding<'_>> {
    const PROVIDERS: [&[&str]; 2] = [&["tid", "ver", "oid"], &["idp", "ver", "amr"]];
    let has_all = |claims: &&[&str]| claims.iter().all(|name| evidence.has(name));
    let shown = PROVIDERS.iter().find(|claims| has_all(claims))?.first()?;
    (!evidence.is_settled(shown)).then_some((Kind::Id, shown))
}

/// Whether the only audience is the client that the token was issued to (OpenID Connect Core §2).
fn is_for_its_client(evidence: Evidence<'_>) -> bool {
    let Some(client) = evidence.claims.get("azp").and_then(Json::as_str) else {
        return false;
    };
    match evidence.claims.get("aud") {
        Some(Json::String(audience)) => audience == client,
        Some(Json::Array(audiences)) => {
            matches!(audiences.as_slice(), [only] if only.as_str() == Some(client))
        }
        _ => false,
    }
}

fn has_grant(evidence: Evidence<'_>) -> bool {
    GRANTS.iter().any(|name| evidence.has(name))
}

/// JARM §2.1: the parameters of a response, and never a subject.
fn authorization_response(evidence: Evidence<'_>) -> Option<Finding<'_>> {
    let is_answer = evidence.has("state") || !evidence.has("sub");
    let parameters = ["code", "error", "access_token", "id_token"];
    let found =
        parameters.into_iter().find(|name| evidence.has(name) && !evidence.is_expected(name))?;
    is_answer.then_some((Kind::AuthorizationResponse, found))
}

/// RFC 7523 §3: issued by a client about itself, with nothing granted.
fn client_assertion(evidence: Evidence<'_>) -> Option<Finding<'_>> {
    let claim = |name| evidence.claims.get(name).and_then(Json::as_str);
    let is_about_itself = claim("sub").is_some_and(|sub| claim("iss") == Some(sub));
    let is_access = evidence.is_typed || purpose::is_access(evidence) || has_grant(evidence);
    let counts = is_about_itself && !is_access && !evidence.is_settled("sub");
    counts.then_some((Kind::ClientAssertion, "sub"))
}

/// A signed response of a `UserInfo` endpoint says who somebody is, and neither since when nor for
/// how long (OpenID Connect Core §5.3.2).
pub(super) fn user_info(evidence: Evidence<'_>) -> Option<Finding<'_>> {
    let has_times = ["exp", "iat", "nbf"].iter().any(|name| evidence.has(name));
    if has_times || evidence.is_typed || has_grant(evidence) {
        return None;
    }
    let found =
        PROFILE.into_iter().find(|name| evidence.has(name) && !evidence.is_expected(name))?;
    Some((Kind::UserInfo, found))
}
