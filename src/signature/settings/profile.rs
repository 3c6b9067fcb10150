//! Profiles: an ecosystem's conventions as defaults, so that a configuration sets only its own.

use http::HeaderName;

use crate::{
    identity::ClaimPath,
    jose::{Algorithm, AlgorithmSet, Dialect, DialectSet},
    policy::RequiredValue,
    signature::settings::{HeaderRequirement, SignerSource},
    token::issuer::settings::DEFAULT_ALGORITHMS,
};

/// A bundle of defaults; each can be replaced by the setting of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignatureProfile {
    /// RFC 7797, and nothing that it does not allow.
    #[default]
    Rfc7797,
    /// OCEN 4.0.
    Ocen,
    /// The Account Aggregators of `ReBIT` and Sahamati.
    Rebit,
    /// UK Open Banking's message signing.
    OpenBankingUk,
}

/// Their names.
pub(crate) const PROFILES: &[(&str, SignatureProfile)] = &[
    ("rfc7797", SignatureProfile::Rfc7797),
    ("ocen", SignatureProfile::Ocen),
    ("rebit", SignatureProfile::Rebit),
    ("openbanking-uk", SignatureProfile::OpenBankingUk),
];

/// The defaults of a profile.
pub(super) struct Defaults(SignatureProfile);

/// UK Open Banking's header parameters.
pub(super) const OPENBANKING_ISSUED: &str = "http://openbanking.org.uk/iat";
const OPENBANKING_SIGNER: &str = "http://openbanking.org.uk/iss";
const OPENBANKING_TRUST_ANCHOR: &str = "http://openbanking.org.uk/tan";

impl SignatureProfile {
    pub(super) fn defaults(self) -> Defaults {
        Defaults(self)
    }
}

impl Defaults {
    pub(super) fn headers(&self) -> Vec<HeaderName> {
        let names: &[&'static str] = match self.0 {
            // The reference code uses the one, its documents name the other.
            SignatureProfile::Ocen => &["x-jws-signature", "signature"],
            _ => &["x-jws-signature"],
        };
        names.iter().map(|name| HeaderName::from_static(name)).collect()
    }

    pub(super) fn dialects(&self) -> DialectSet {
        let dialects: &[Dialect] = match self.0 {
            SignatureProfile::Rfc7797 => &[Dialect::Rfc7797],
            // jose4j, and with it the reference code, leaves `crit` out.
            SignatureProfile::Ocen => &[Dialect::Rfc7797, Dialect::B64FalseWithoutCrit],
            // The FAQ leaves `crit` out, Sahamati has it, Setu splits an ordinary JWS.
            SignatureProfile::Rebit => {
                &[Dialect::Rfc7797, Dialect::B64FalseWithoutCrit, Dialect::Detached]
            }
            // Up to 3.1.3, and from 3.1.4 on.
            SignatureProfile::OpenBankingUk => &[Dialect::Rfc7797, Dialect::Detached],
        };
        dialects.iter().copied().collect()
    }

    pub(super) fn algorithms(&self) -> AlgorithmSet {
        let algorithms: &[Algorithm] = match self.0 {
            SignatureProfile::Rfc7797 => DEFAULT_ALGORITHMS,
            SignatureProfile::Ocen => &[Algorithm::Rs256],
            SignatureProfile::Rebit => &[Algorithm::Rs256, Algorithm::Rs512],
            SignatureProfile::OpenBankingUk => &[Algorithm::Ps256],
        };
        algorithms.iter().copied().collect()
    }

    pub(super) fn critical(&self) -> Vec<String> {
        let names: &[&str] = match self.0 {
            SignatureProfile::OpenBankingUk => {
                &[OPENBANKING_ISSUED, OPENBANKING_SIGNER, OPENBANKING_TRUST_ANCHOR]
            }
            _ => &[],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    pub(super) fn require(&self) -> Vec<HeaderRequirement> {
        match self.0 {
            SignatureProfile::OpenBankingUk => vec![HeaderRequirement {
                parameter: OPENBANKING_TRUST_ANCHOR.to_owned(),
                value: RequiredValue::AnyOf(vec!["openbanking.org.uk".to_owned()]),
            }],
            _ => Vec::new(),
        }
    }

    pub(super) fn signer(&self) -> Option<SignerSource> {
        let claim = |name| ClaimPath::parse(name).ok().map(SignerSource::Claim);
        match self.0 {
            SignatureProfile::Rfc7797 => Some(SignerSource::Kid),
            SignatureProfile::Ocen => claim("participantId"),
            SignatureProfile::Rebit => claim("azp"),
            SignatureProfile::OpenBankingUk => {
                Some(SignerSource::Parameter(OPENBANKING_SIGNER.to_owned()))
            }
        }
    }

    /// Whether a request without a body is signed by its path.
    pub(super) fn signs_paths(&self) -> bool {
        self.0 == SignatureProfile::Ocen
    }

    /// The header parameter with the signing time.
    pub(super) fn issued(&self) -> Option<&'static str> {
        (self.0 == SignatureProfile::OpenBankingUk).then_some(OPENBANKING_ISSUED)
    }
}
