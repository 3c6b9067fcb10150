//! Why a key is not usable: one variant for each way to be wrong.

/// Why one key is not usable. The messages carry numbers and member names, never key material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRejection {
    /// An entry of `keys` that is no JSON object.
    #[error("the entry is not a JSON object")]
    NotAnObject,
    /// A member that the key type requires is absent.
    #[error("the member {0:?} is missing")]
    MemberMissing(&'static str),
    /// A member of the wrong type, encoding or length.
    #[error("the member {0:?} is malformed")]
    MemberMalformed(&'static str),
    /// Private members: the key is compromised by being published.
    #[error("it holds private members: this key was published and must be replaced")]
    PrivateKey,
    /// `kty: oct` in a key set.
    #[error("shared secrets are not taken from a key set")]
    SharedSecret,
    /// `use` is neither `sig` (RFC 7517 §4.2) nor `jwt-svid`.
    #[error("its \"use\" is not \"sig\"")]
    UseNotSig,
    /// `key_ops` does not name `verify` (RFC 7517 §4.3).
    #[error("its \"key_ops\" do not name \"verify\"")]
    KeyOpsWithoutVerify,
    /// `key_ops` names encryption or key agreement beside `verify` (RFC 7517 §4.3).
    #[error("its \"key_ops\" mix signatures with other operations")]
    KeyOpsConflict,
    /// An unknown `kty`.
    #[error("its key type is not supported")]
    KeyTypeUnsupported,
    /// A `crv` that is unknown or not one of the key type's.
    #[error("its curve is not supported for its key type")]
    CurveUnsupported,
    /// An `alg` that is not a known signature algorithm.
    #[error("its \"alg\" is not a supported signature algorithm")]
    AlgorithmUnsupported,
    /// An `alg` that does not fit the key type or curve.
    #[error("its \"alg\" does not fit its key type or curve")]
    AlgorithmMismatch,
    /// Below 2048 bits (RFC 7518 §3.3).
    #[error("its RSA modulus has {bits} bits, fewer than 2048")]
    RsaTooSmall {
        /// The size of the modulus.
        bits: usize,
    },
    /// Above the configured limit.
    #[error("its RSA modulus has {bits} bits, more than the limit of {limit}")]
    RsaTooLarge {
        /// The size of the modulus.
        bits: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// An even modulus, or one with a tiny prime factor.
    #[error("its RSA modulus has a small factor")]
    RsaModulusWeak,
    /// An exponent that is even, 1, or beyond 33 bits.
    #[error("its RSA exponent is not an odd number of at least 3 and at most 33 bits")]
    RsaExponent,
    /// The fingerprint of CVE-2017-15361: the private key can be computed.
    #[error("its RSA modulus comes from a broken generator (ROCA, CVE-2017-15361)")]
    RsaRoca,
    /// Not a point of the curve, or one of small order.
    #[error("its point is not a sound point of the curve")]
    PointInvalid,
    /// The cryptographic library does not take it.
    #[error("the cryptographic library refuses it")]
    Unsound,
    /// A secret shorter than the hash (RFC 7518 §3.2).
    #[error("the secret is shorter than the {required} bytes that the algorithm requires")]
    SecretTooShort {
        /// The hash's length in bytes.
        required: usize,
    },
    /// A different key of the set has the same `kid` and one of the same algorithms.
    #[error("keys[{other}] is a different key of the same \"kid\" for the same algorithm")]
    DuplicateKid {
        /// The other's place in the document, from 0.
        other: usize,
    },
    /// An entry of the set has the same `kid` and may be for the same algorithm, and it is unknown
    /// whether it is the same key.
    #[error("keys[{other}] has the same \"kid\" and is unusable itself: it may be a different key")]
    KidOfUnreadable {
        /// The other's place in the document, from 0.
        other: usize,
    },
    /// An entry of the set is this key with its private members.
    #[error("keys[{other}] holds its private members: this key was published and must be replaced")]
    PrivateHalfListed {
        /// The other's place in the document, from 0.
        other: usize,
    },
    /// Past the limit of keys in one set.
    #[error("the set has more keys than the limit of {limit}")]
    TooManyKeys {
        /// The most keys taken from one set.
        limit: usize,
    },
}

impl KeyRejection {
    /// A stable `snake_case` code with bounded cardinality, for metric labels.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::MemberMissing(_) => "member_missing",
            Self::MemberMalformed(_) => "member_malformed",
            Self::PrivateKey => "private_key",
            Self::SharedSecret => "shared_secret",
            Self::UseNotSig => "use_not_sig",
            Self::KeyOpsWithoutVerify => "key_ops_without_verify",
            Self::KeyOpsConflict => "key_ops_conflict",
            Self::KeyTypeUnsupported => "key_type_unsupported",
            Self::CurveUnsupported => "curve_unsupported",
            Self::AlgorithmUnsupported => "alg_unsupported",
            Self::AlgorithmMismatch => "alg_mismatch",
            Self::RsaTooSmall { .. } => "rsa_too_small",
            Self::RsaTooLarge { .. } => "rsa_too_large",
            Self::RsaModulusWeak => "rsa_modulus_weak",
            Self::RsaExponent => "rsa_exponent",
            Self::RsaRoca => "rsa_roca",
            Self::PointInvalid => "point_invalid",
            Self::Unsound => "unsound",
            Self::SecretTooShort { .. } => "secret_too_short",
            Self::DuplicateKid { .. } | Self::KidOfUnreadable { .. } => "duplicate_kid",
            Self::PrivateHalfListed { .. } => "private_half_listed",
            Self::TooManyKeys { .. } => "too_many_keys",
        }
    }
}
