//! One entry of a JWK set, and what it means for the others.

use crate::{
    jose::{
        AlgorithmSet,
        jwk::{
            KeyLimits, KeyRejection, Thumbprint, VerificationKey, binding, material::PublicMaterial,
        },
    },
    json::Object,
};

/// An entry as it was read, usable or not.
pub(super) struct JwkEntry<'d> {
    pub(super) kid: Option<&'d str>,
    pub(super) key: Result<VerificationKey, KeyRejection>,
    /// The algorithms it is for, or may be for where that is unknown.
    algorithms: AlgorithmSet,
    /// Its key, where it can be read: a key that is left out for its use or algorithm, say, is
    /// still known to be the same as another one.
    thumbprint: Option<Thumbprint>,
}

impl<'d> JwkEntry<'d> {
    pub(super) fn read(jwk: &'d Object, limits: &KeyLimits) -> Self {
        let key = VerificationKey::from_jwk(jwk, limits);
        let (algorithms, thumbprint) = match &key {
            Ok(key) => (key.algorithms(), Some(key.thumbprint())),
            Err(_) => (binding::possible_algorithms(jwk), thumbprint(jwk, limits)),
        };
        Self { kid: kid(jwk), key, algorithms, thumbprint }
    }

    /// An entry past the limit. Its key is not read: that would take the time that the limit
    /// bounds.
    pub(super) fn beyond(jwk: Option<&'d Object>, limit: usize) -> Self {
        Self {
            kid: jwk.and_then(kid),
            key: Err(KeyRejection::TooManyKeys { limit }),
            algorithms: jwk.map(binding::possible_algorithms).unwrap_or_default(),
            thumbprint: None,
        }
    }

    pub(super) fn no_object() -> Self {
        Self {
            kid: None,
            key: Err(KeyRejection::NotAnObject),
            algorithms: AlgorithmSet::default(),
            thumbprint: None,
        }
    }

    /// Why a key that is sound by itself is not usable in this set.
    pub(super) fn objection(&self, set: &[Self]) -> Option<KeyRejection> {
        let thumbprint = self.key.as_ref().ok()?.thumbprint();
        set.iter().enumerate().find_map(|(other, entry)| entry.objects_to(self, thumbprint, other))
    }

    /// What this entry, at that place, has against a usable key.
    fn objects_to(&self, key: &Self, thumbprint: Thumbprint, place: usize) -> Option<KeyRejection> {
        let is_same = self.thumbprint == Some(thumbprint);
        if is_same {
            let is_private = matches!(self.key, Err(KeyRejection::PrivateKey));
            return is_private.then_some(KeyRejection::PrivateHalfListed { other: place });
        }
        let may_be_meant =
            self.kid.is_some() && self.kid == key.kid && self.algorithms.intersects(key.algorithms);
        may_be_meant.then_some(match self.thumbprint {
            Some(_) => KeyRejection::DuplicateKid { other: place },
            None => KeyRejection::KidOfUnreadable { other: place },
        })
    }
}

fn kid(jwk: &Object) -> Option<&str> {
    jwk.get("kid")?.as_str()
}

fn thumbprint(jwk: &Object, limits: &KeyLimits) -> Option<Thumbprint> {
    PublicMaterial::from_jwk(jwk, limits).ok().map(|material| Thumbprint::of(&material))
}
