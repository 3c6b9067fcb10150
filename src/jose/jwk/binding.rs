//! The declared purpose of a key: `use`, `key_ops` and `alg` (RFC 7517 §4.2-4.4).

use super::{KeyRejection, PublicMaterial};
use crate::{
    jose::{
        Algorithm, AlgorithmSet,
        algorithm::{Curve, KeyType, Scheme},
    },
    json::{Json, Object},
};

/// The private members of every key type (RFC 7518 §6, RFC 8037 §2; `priv` for `AKP`).
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The uses of a key that verifies: of RFC 7517 §4.2, and of the JWT authorities in the bundles of
/// SPIFFE, which sign JWTs and nothing else (SPIFFE Trust Domain and Bundle §4.2.2). An `x509-svid`
/// signs certificates only.
const SIGNATURE_USES: [&str; 2] = ["sig", "jwt-svid"];

/// The registered operations that have no place beside `verify`.
const OTHER_OPERATIONS: [&str; 6] =
    ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"];

/// A member that is a string where it is present.
pub(super) fn text<'j>(
    jwk: &'j Object,
    name: &'static str,
) -> Result<Option<&'j str>, KeyRejection> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyRejection::MemberMalformed(name)),
    }
}

/// A member that must be a string.
pub(super) fn required<'j>(jwk: &'j Object, name: &'static str) -> Result<&'j str, KeyRejection> {
    text(jwk, name)?.ok_or(KeyRejection::MemberMissing(name))
}

/// Refuses what must stay secret: shared secrets, and private keys published by mistake.
pub(super) fn refuse_private_members(jwk: &Object) -> Result<(), KeyRejection> {
    if required(jwk, "kty")? == "oct" {
        return Err(KeyRejection::SharedSecret);
    }
    if PRIVATE_MEMBERS.iter().any(|name| jwk.get(name).is_some()) {
        return Err(KeyRejection::PrivateKey);
    }
    Ok(())
}

/// Refuses keys that are for anything but signatures.
pub(super) fn refuse_other_uses(jwk: &Object) -> Result<(), KeyRejection> {
    if text(jwk, "use")?.is_some_and(|purpose| !SIGNATURE_USES.contains(&purpose)) {
        return Err(KeyRejection::UseNotSig);
    }
    let Some(operations) = jwk.get("key_ops") else {
        return Ok(());
    };
    let operations = operations
        .as_array()
        .and_then(|list| list.iter().map(Json::as_str).collect::<Option<Vec<_>>>())
        .ok_or(KeyRejection::MemberMalformed("key_ops"))?;
    if !operations.contains(&"verify") {
        return Err(KeyRejection::KeyOpsWithoutVerify);
    }
    if OTHER_OPERATIONS.iter().any(|op| operations.contains(op)) {
        return Err(KeyRejection::KeyOpsConflict);
    }
    Ok(())
}

/// The algorithms that the key may be used with: the one it names, or all that fit it.
pub(super) fn algorithms(
    jwk: &Object,
    material: &PublicMaterial,
) -> Result<AlgorithmSet, KeyRejection> {
    let fitting = material.fitting_algorithms();
    // Absent, it would bind the key to every algorithm that fits.
    if jwk.is_null("alg") {
        return Err(KeyRejection::MemberMalformed("alg"));
    }
    let Some(name) = text(jwk, "alg")? else {
        return Ok(fitting);
    };
    let alg = Algorithm::from_name(name).ok_or(KeyRejection::AlgorithmUnsupported)?;
    if fitting.contains(alg) {
        Ok(AlgorithmSet::from_iter([alg]))
    } else {
        Err(KeyRejection::AlgorithmMismatch)
    }
}

/// The algorithms that a token may be signed with under an entry that is not usable, as far as
/// known: members that are clear count, what is left open counts as any algorithm.
pub(super) fn possible_algorithms(jwk: &Object) -> AlgorithmSet {
    if is_for_another_use(jwk) {
        return AlgorithmSet::default();
    }
    let fitting = algorithms_of_type(jwk);
    match jwk.get("alg") {
        Some(Json::String(name)) => match Algorithm::from_name(name) {
            Some(alg) if fitting.contains(alg) => AlgorithmSet::from_iter([alg]),
            // The two contradict each other, and either may be the mistake.
            Some(alg) => fitting.iter().chain([alg]).collect(),
            // An algorithm that no token is verified with.
            None => AlgorithmSet::default(),
        },
        _ => fitting,
    }
}

/// Whether it declares a purpose other than signatures.
fn is_for_another_use(jwk: &Object) -> bool {
    let purpose = jwk.get("use").and_then(Json::as_str);
    let operations: Vec<&str> = match jwk.get("key_ops").and_then(Json::as_array) {
        Some(list) => list.iter().filter_map(Json::as_str).collect(),
        None => Vec::new(),
    };
    let signs = purpose.is_some_and(|purpose| SIGNATURE_USES.contains(&purpose))
        || operations.iter().any(|operation| ["sign", "verify"].contains(operation));
    !signs && (purpose.is_some() || !operations.is_empty())
}

/// The algorithms of its `kty` and `crv`. A type or curve that is not known is of none of them: a
/// reader must ignore what it does not understand (RFC 7517 §5).
fn algorithms_of_type(jwk: &Object) -> AlgorithmSet {
    let kty = match jwk.get("kty") {
        Some(Json::String(name)) => KeyType::from_name(name),
        _ => return Algorithm::ALL.iter().copied().collect(),
    };
    let curve = jwk.get("crv").and_then(Json::as_str);
    let fits = |alg: &Algorithm| match alg.scheme() {
        Scheme::Ecdsa { curve: own, .. } => {
            curve.is_none_or(|name| Curve::from_name(name) == Some(own))
        }
        // `EdDSA` is the algorithm of Ed448, too; X25519 and X448 are for key agreement.
        Scheme::Ed25519 => curve.is_none_or(|name| !["X25519", "X448"].contains(&name)),
        Scheme::Rsa { .. } | Scheme::Hmac(_) | Scheme::MlDsa { .. } => true,
    };
    let of_type = |alg: &Algorithm| kty == Some(alg.key_type());
    Algorithm::ALL.iter().copied().filter(|alg| of_type(alg) && fits(alg)).collect()
}
