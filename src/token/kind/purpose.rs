//! Claims whose value names the purpose of the token.

use super::{Evidence, MarkedKind, TokenKind};
use crate::json::Json;

/// The values of [a claim that names the kind](names_kind) that mark an access token, compared
/// without case. `DPoP` is Keycloak's value for one that is bound to a key; whether that is proven
/// is checked elsewhere.
const ACCESS: [&str; 8] =
    ["access", "access_token", "access-token", "at", "at+jwt", "bearer", "dpop", "jwt"];

/// Claims that may name the kind (`type`: flask-jwt-extended) and may also mean something else:
/// here a value has to be recognised.
const PERHAPS_KIND_CLAIMS: [&str; 7] =
    ["type", "purpose", "use", "usage", "kind", "action", "intent"];

/// Words by which the value of one of [`PERHAPS_KIND_CLAIMS`] names another kind.
const WORDS: &[(&str, TokenKind)] = &[
    ("refresh", TokenKind::Refresh),
    ("offline", TokenKind::Refresh),
    ("idtoken", TokenKind::Id),
    ("logout", TokenKind::SecurityEvent),
    ("activate", TokenKind::OneTimeAction),
    ("activation", TokenKind::OneTimeAction),
    ("confirm", TokenKind::OneTimeAction),
    ("confirmation", TokenKind::OneTimeAction),
    ("forgot", TokenKind::OneTimeAction),
    ("forgotten", TokenKind::OneTimeAction),
    ("invitation", TokenKind::OneTimeAction),
    ("invite", TokenKind::OneTimeAction),
    ("magic", TokenKind::OneTimeAction),
    ("magiclink", TokenKind::OneTimeAction),
    ("otp", TokenKind::OneTimeAction),
    ("recover", TokenKind::OneTimeAction),
    ("recovery", TokenKind::OneTimeAction),
    ("reset", TokenKind::OneTimeAction),
    ("unsubscribe", TokenKind::OneTimeAction),
    ("verification", TokenKind::OneTimeAction),
    ("verify", TokenKind::OneTimeAction),
];

/// Where a purpose is one of these and nothing more. As a `type`, they may be the login method.
const PURPOSES: [&str; 2] = ["email", "password"];

/// The claims that name a purpose and nothing else.
const PURPOSE_CLAIMS: [&str; 4] = ["purpose", "use", "usage", "intent"];

/// The other kind that the claims name.
pub(super) fn other_kind(evidence: Evidence<'_>) -> Option<MarkedKind<'_>> {
    evidence.claims.iter().find_map(|(name, value)| {
        if value.is_null() || evidence.is_settled(name) {
            return None;
        }
        let kind = if names_kind(name) {
            named(value)
        } else if PERHAPS_KIND_CLAIMS.contains(&name) && !evidence.is_expected(name) {
            recognised(name, value.as_str()?)
        } else {
            None
        };
        kind.filter(|kind| evidence.refuses(*kind)).map(|kind| (kind, name))
    })
}

/// Whether the value of a claim names it an access token.
pub(super) fn is_access(evidence: Evidence<'_>) -> bool {
    let is_access = |value: &Json| value.as_str().is_some_and(is_access_value);
    evidence.claims.iter().any(|(name, value)| names_kind(name) && is_access(value))
}

/// Whether a claim names the kind of token and nothing else, so that any value but those of
/// [`ACCESS`] is another kind: `token_use` (Cognito, Hydra), `token_type` (simplejwt), `typ`
/// (Keycloak), `tokenName` (`ForgeRock`), `tokenType` (Casdoor).
fn names_kind(claim: &str) -> bool {
    matches!(claim, "token_use" | "token_type" | "typ" | "tokenName" | "tokenType")
}

/// The kind of a value of such a claim; one that is no text names none that we know.
fn named(value: &Json) -> Option<TokenKind> {
    match value.as_str() {
        Some(text) if is_access_value(text) => None,
        Some(text) if text.eq_ignore_ascii_case("id") => Some(TokenKind::Id),
        Some(text) => Some(by_words(text).unwrap_or(TokenKind::Other)),
        None => Some(TokenKind::Other),
    }
}

fn is_access_value(text: &str) -> bool {
    ACCESS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn recognised(claim: &str, text: &str) -> Option<TokenKind> {
    if text.eq_ignore_ascii_case("id") && claim != "kind" {
        return Some(TokenKind::Id);
    }
    let is_purpose = PURPOSES.iter().any(|purpose| purpose.eq_ignore_ascii_case(text));
    let by_purpose =
        (PURPOSE_CLAIMS.contains(&claim) && is_purpose).then_some(TokenKind::OneTimeAction);
    by_purpose.or_else(|| by_words(text))
}

/// The kind that one of the words names, or two of them: `id_token`, `ID-Token`, `idToken`.
fn by_words(text: &str) -> Option<TokenKind> {
    let words = words(text);
    let kind_of = |word: &String| WORDS.iter().find(|(known, _)| word == known);
    let is_id =
        words.windows(2).any(|pair| matches!(pair, [id, token] if id == "id" && token == "token"));
    if is_id { Some(TokenKind::Id) } else { words.iter().find_map(kind_of).map(|(_, kind)| *kind) }
}

/// The words of an identifier in lower case, however they are joined.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut after_lower_case = false;
    for character in text.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && after_lower_case) {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        after_lower_case = character.is_lowercase();
    }
    words
}
