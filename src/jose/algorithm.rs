//! The signature algorithms (RFC 7518, RFC 8037, RFC 9864, ML-DSA for JOSE), one table row each.

mod scheme;

use std::fmt;

use aws_lc_rs::{digest, hmac, signature};

pub(super) use self::scheme::{
    Curve, ED25519_CURVE, ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES, KeyType, Scheme,
};
use self::scheme::{ecdsa, ml_dsa, rsa};

/// Builds [`Algorithm`] and everything that enumerates algorithms from one table.
macro_rules! algorithms {
    ($($(#[$doc:meta])* $variant:ident = $name:literal $(or $alias:literal)*, $scheme:expr;)*) => {
        /// A signature algorithm.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are the registered ones")]
        pub enum Algorithm {
            $($(#[$doc])* $variant,)*
        }

        impl Algorithm {
            /// Every algorithm, in table order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The algorithm of a registered `alg` name, compared byte for byte.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $alias)* => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The registered name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// How it signs and verifies.
            pub(super) fn scheme(self) -> Scheme {
                match self {
                    $(Self::$variant => $scheme,)*
                }
            }
        }
    };
}

algorithms! {
    Rs256 = "RS256", rsa(&signature::RSA_PKCS1_2048_8192_SHA256, &signature::RSA_PKCS1_SHA256);
    Rs384 = "RS384", rsa(&signature::RSA_PKCS1_2048_8192_SHA384, &signature::RSA_PKCS1_SHA384);
    Rs512 = "RS512", rsa(&signature::RSA_PKCS1_2048_8192_SHA512, &signature::RSA_PKCS1_SHA512);
    Ps256 = "PS256", rsa(&signature::RSA_PSS_2048_8192_SHA256, &signature::RSA_PSS_SHA256);
    Ps384 = "PS384", rsa(&signature::RSA_PSS_2048_8192_SHA384, &signature::RSA_PSS_SHA384);
    Ps512 = "PS512", rsa(&signature::RSA_PSS_2048_8192_SHA512, &signature::RSA_PSS_SHA512);
    Es256 = "ES256", ecdsa(
        Curve::P256,
        &signature::ECDSA_P256_SHA256_FIXED,
        &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
    );
    Es384 = "ES384", ecdsa(
        Curve::P384,
        &signature::ECDSA_P384_SHA384_FIXED,
        &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
    );
    Es512 = "ES512", ecdsa(
        Curve::P521,
        &signature::ECDSA_P521_SHA512_FIXED,
        &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
    );
    /// `EdDSA` with Ed25519, also under its RFC 9864 name `Ed25519`.
    EdDsa = "EdDSA" or "Ed25519", Scheme::Ed25519;
    Hs256 = "HS256", Scheme::Hmac(hmac::HMAC_SHA256);
    Hs384 = "HS384", Scheme::Hmac(hmac::HMAC_SHA384);
    Hs512 = "HS512", Scheme::Hmac(hmac::HMAC_SHA512);
    MlDsa44 = "ML-DSA-44",
        ml_dsa(&signature::ML_DSA_44, &signature::ML_DSA_44_SIGNING, 1312, 2420);
    MlDsa65 = "ML-DSA-65",
        ml_dsa(&signature::ML_DSA_65, &signature::ML_DSA_65_SIGNING, 1952, 3309);
    MlDsa87 = "ML-DSA-87",
        ml_dsa(&signature::ML_DSA_87, &signature::ML_DSA_87_SIGNING, 2592, 4627);
}

impl Algorithm {
    /// How many algorithms there are.
    pub const COUNT: usize = Self::ALL.len();

    /// A dense number below [`Algorithm::COUNT`], for tables.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Whether the key is a shared secret (HMAC).
    pub fn is_symmetric(self) -> bool {
        matches!(self.scheme(), Scheme::Hmac(_))
    }

    /// Whether it signs a hash of the message, not the message itself.
    pub fn signs_a_hash(self) -> bool {
        self.hash().is_some()
    }

    /// The hash that is all that it signs; `None` where the message itself is read, or there is
    /// no signature (HMAC).
    pub(super) fn hash(self) -> Option<&'static digest::Algorithm> {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => Some(&digest::SHA256),
            Self::Rs384 | Self::Ps384 | Self::Es384 => Some(&digest::SHA384),
            Self::Rs512 | Self::Ps512 | Self::Es512 => Some(&digest::SHA512),
            Self::EdDsa
            | Self::Hs256
            | Self::Hs384
            | Self::Hs512
            | Self::MlDsa44
            | Self::MlDsa65
            | Self::MlDsa87 => None,
        }
    }

    /// The `crv` of its keys, where they have one.
    pub(super) fn curve_name(self) -> Option<&'static str> {
        match self.scheme() {
            Scheme::Ecdsa { curve, .. } => Some(curve.name()),
            Scheme::Ed25519 => Some(ED25519_CURVE),
            Scheme::Rsa { .. } | Scheme::Hmac(_) | Scheme::MlDsa { .. } => None,
        }
    }

    /// The `kty` of its keys.
    pub(super) fn key_type(self) -> KeyType {
        match self.scheme() {
            Scheme::Rsa { .. } => KeyType::Rsa,
            Scheme::Ecdsa { .. } => KeyType::Ec,
            Scheme::Ed25519 => KeyType::Okp,
            Scheme::Hmac(_) => KeyType::Oct,
            Scheme::MlDsa { .. } => KeyType::Akp,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct AlgorithmSet(u32);

impl AlgorithmSet {
    /// Whether the set holds the algorithm.
    pub fn contains(self, alg: Algorithm) -> bool {
        self.0 & (1 << alg.index()) != 0
    }
    /// Adds one.
    pub fn insert(&mut self, alg: Algorithm) {
        self.0 |= 1 << alg.index();
    }
    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Whether the two have an algorithm in common.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    /// The members in table order.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(move |a| self.contains(*a))
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(iter: I) -> Self {
        let mut set = Self::default();
        iter.into_iter().for_each(|a| set.insert(a));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_algorithm() {
        assert_eq!(Algorithm::COUNT, 16);
        for (place, alg) in Algorithm::ALL.iter().enumerate() {
            assert_eq!(alg.index(), place);
            assert_eq!(Algorithm::from_name(alg.name()), Some(*alg));
        }
    }

    #[test]
    fn t10_ed25519_is_another_name_for_eddsa() {
        assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDsa));
        assert_eq!(Algorithm::EdDsa.name(), "EdDSA");
    }

    #[test]
    fn t1_t3_no_other_name_is_an_algorithm() {
        for name in [
            "", "none", "None", "nOnE", "NONE", "rs256", "RS256 ", " RS256", "RS256\0", "RS1",
            "ES256K", "ES521", "Ed448", "eddsa", "A256GCM", "HS1", "ML-DSA-2", "ernw",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn only_hmac_is_symmetric() {
        let symmetric: AlgorithmSet =
            Algorithm::ALL.iter().copied().filter(|a| a.is_symmetric()).collect();
        let hmac = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];
        assert_eq!(symmetric, hmac.into_iter().collect());
    }

    #[test]
    fn ml_dsa_lengths_are_those_of_the_library() {
        for alg in Algorithm::ALL {
            if let Scheme::MlDsa { sign, signature_bytes, .. } = alg.scheme() {
                assert_eq!(sign.signature_len(), signature_bytes);
            }
        }
    }
}
