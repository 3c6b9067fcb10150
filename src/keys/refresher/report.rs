//! The log lines of a refresher. What comes from a source is quoted and truncated.

use std::time::Duration;

use crate::{
    clock::UnixTime,
    fetch::{FetchError, quoted},
    jose::{KeyRejection, VerificationKey},
    keys::{KeyError, KeySet, LiveKeySet, facts},
};

/// One line when the keys changed, one more for each key that is newly left out.
pub(super) fn changes(issuer: &str, old: Option<&KeySet>, new: &KeySet) {
    if old.is_none_or(|old| !old.has_same_keys(new)) {
        let added = difference(Some(new), old);
        let removed = difference(old, Some(new));
        let (keys, skipped) = (new.keys().len(), new.skipped().len());
        tracing::info!(issuer, added, removed, keys, skipped, "the keys have changed");
    }
    let known = old.map(KeySet::skipped).unwrap_or_default();
    for key in new.skipped().iter().filter(|key| !known.contains(key)) {
        let kid = key.kid.as_deref().map(quoted);
        let (position, code) = (key.position, key.rejection.code());
        let reason = &key.rejection;
        if key.rejection == KeyRejection::UseNotSig {
            // Of a provider that encrypts, too, there is one in every set.
            tracing::info!(issuer, position, kid, "a key of the set is not for signatures");
        } else {
            tracing::warn!(issuer, position, kid, code, %reason, "a key of the set is not used");
        }
    }
}

/// One line per failed attempt; the backoff bounds how many there are.
pub(super) fn failure(keys: &LiveKeySet, error: &KeyError, wait: Duration, now: UnixTime) {
    let (issuer, code) = (keys.name(), error.code());
    let (retry_in, hint) = (format!("{:.1}s", wait.as_secs_f32()), hint(error));
    if keys.current(now).is_some() {
        tracing::warn!(
            issuer,
            code,
            %error,
            retry_in,
            hint,
            "refresh failed, the current keys stay in use"
        );
    } else {
        tracing::error!(
            issuer,
            code,
            %error,
            retry_in,
            hint,
            "refresh failed, there are no usable keys"
        );
    }
}

/// What to do; `None`: the error says it.
fn hint(error: &KeyError) -> Option<&'static str> {
    match error {
        KeyError::Fetch(FetchError::Connect { .. }) => {
            Some("check that the provider runs, and that this host reaches it")
        }
        KeyError::Fetch(FetchError::Timeout { .. }) => {
            Some("the provider is slow: look at its load; keys.timeout says how long it may take")
        }
        KeyError::Fetch(FetchError::Status { .. }) => {
            Some("check the URL of the key set with the provider's documentation or operator")
        }
        _ => None,
    }
}

/// The keys of one set that are not in the other, each once, as it is called in it.
fn difference(of: Option<&KeySet>, without: Option<&KeySet>) -> String {
    let keys = of.map(KeySet::keys).unwrap_or_default();
    let others = without.map(KeySet::keys).unwrap_or_default();
    let same = |one: &VerificationKey, other: &VerificationKey| {
        let identity = |key: &VerificationKey| (key.thumbprint(), key.algorithms());
        identity(one) == identity(other) && one.kid() == other.kid()
    };
    let missing = keys.iter().filter(|key| !others.iter().any(|other| same(key, other)));
    let mut labels: Vec<String> = Vec::new();
    for label in missing.map(facts::label) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels.join(", ")
}

#[cfg(test)]
mod tests {
    use crate::{
        jose::{Algorithm, SigningKey},
        keys::testing::{jwk, renamed, set},
    };

    use super::*;

    #[test]
    fn o1_added_and_removed_keys_are_told_by_quoted_names() {
        let (kept, hostile) = (jwk("kept"), jwk("evil\nlevel=INFO\u{1b}[2J"));
        let old = KeySet::new(set(&[&kept, &jwk("gone")]));
        let new = KeySet::new(set(&[&kept, &hostile, &renamed(&jwk("x"), None)]));
        let added = r#""evil\nlevel=INFO\u{1b}[2J", an unnamed OKP Ed25519"#;
        assert_eq!(difference(Some(&new), Some(&old)), added);
        assert_eq!(difference(Some(&old), Some(&new)), r#""gone""#);
        assert_eq!(difference(Some(&old), Some(&old)), "");
        assert_eq!(difference(None, Some(&old)), "");
    }

    /// One key that is listed for each algorithm is one name in the line; that it is no longer for
    /// one of them is a change.
    #[test]
    fn k15_a_key_that_is_listed_per_algorithm_is_named_once() {
        let rsa = SigningKey::generate(Algorithm::Rs256, Some("a")).unwrap();
        let rs256 = rsa.public_jwk().unwrap().to_text();
        let ps256 = rs256.replace("RS256", "PS256");
        let (both, one) = (KeySet::new(set(&[&rs256, &ps256])), KeySet::new(set(&[&rs256])));
        assert_eq!(difference(Some(&both), None), r#""a""#);
        assert_eq!(difference(Some(&both), Some(&one)), r#""a""#);
        assert_eq!(difference(Some(&one), Some(&both)), "");
    }

    /// Another key under the same name is a change, and the one that matters most.
    #[test]
    fn k9_a_key_that_is_exchanged_under_its_name_is_told() {
        let (old, new) = (KeySet::new(set(&[jwk("a")])), KeySet::new(set(&[jwk("a")])));
        assert_eq!(difference(Some(&new), Some(&old)), r#""a""#);
        assert_eq!(difference(Some(&old), Some(&new)), r#""a""#);
    }
}
