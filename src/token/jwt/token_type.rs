//! Which kind of JWT it is (RFC 8725 §3.11): one made for another purpose is no access token,
//! however well it is signed (threats T-19).

use crate::jose::{Json, Object};

use super::claims::is_present;

/// `typ` values of JWTs that are made for something else than access.
const OTHER_TYPES: &[&str] = &[
    "client-authentication+jwt",
    "dpop+jwt",
    "entity-statement+jwt",
    "id_token+jwt",
    "jwk-set+jwt",
    "kb+jwt",
    "logout+jwt",
    "oauth-authz-req+jwt",
    "oauth-id-jag+jwt",
    "openid4vci-proof+jwt",
    "rt+jwt", // WSO2 Identity Server's refresh token
    "secevent+jwt",
    "token-introspection+jwt",
    "vc+sd-jwt",
    "dc+sd-jwt",
];

/// Values of Keycloak's `typ` *claim* on tokens that are no access tokens.
const OTHER_KEYCLOAK_TYPES: &[&str] = &["ID", "Logout", "Offline", "Refresh"];

/// Whether `typ` is one of the accepted ones (lower case, without `application/`). An absent
/// `typ` is written as an empty string in the list.
pub(super) fn is_one_of(typ: Option<&str>, accepted: &[String]) -> bool {
    let typ = without_prefix(typ.unwrap_or_default());
    accepted.iter().any(|accepted| accepted.eq_ignore_ascii_case(typ))
}

/// Whether `typ` says that the JWT is made for something else.
pub(super) fn is_no_access_token(typ: Option<&str>) -> bool {
    let typ = without_prefix(typ.unwrap_or_default());
    OTHER_TYPES.iter().any(|other| other.eq_ignore_ascii_case(typ))
}

/// Whether the claims are those of an access token, not of a refresh, logout or ID token.
pub(super) fn claims_are_an_access_tokens(
    typ: Option<&str>,
    claims: &Object,
    accept_id_tokens: bool,
) -> bool {
    if is_present(claims, "events") {
        return false; // a logout token or another security event (RFC 8417)
    }
    let keycloak_type = claims.get("typ").and_then(Json::as_str);
    let is_id_token = keycloak_type == Some("ID") || is_id_token(typ, keycloak_type, claims);
    if is_id_token {
        return accept_id_tokens;
    }
    !keycloak_type.is_some_and(|typ| OTHER_KEYCLOAK_TYPES.contains(&typ))
}

/// An ID token carries `at_hash` or `c_hash`, or a `nonce` and nothing of an access token: some
/// providers (Keycloak before 25) repeat the `nonce` in access tokens.
fn is_id_token(typ: Option<&str>, keycloak_type: Option<&str>, claims: &Object) -> bool {
    if is_present(claims, "at_hash") || is_present(claims, "c_hash") {
        return true;
    }
    let is_access_token = keycloak_type == Some("Bearer")
        || typ.is_some_and(|typ| without_prefix(typ).eq_ignore_ascii_case("at+jwt"))
        || is_present(claims, "scope")
        || is_present(claims, "scp");
    is_present(claims, "nonce") && !is_access_token
}

/// A media type may be written with or without `application/` (RFC 7515 §4.1.9).
pub(super) fn without_prefix(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    }
}
