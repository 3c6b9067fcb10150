//! `algorithms`: what an issuer's tokens may be signed with.

use crate::{
    config::{nearest::suggestion, reader::Section, values::parsed},
    jose::{Algorithm, AlgorithmSet},
    token::issuer::settings::key,
};

/// The default algorithms of an issuer with public keys: everything of which a forged token is
/// cheap to refuse. ES384, ES512 and shared secrets have to be listed.
pub const DEFAULT_ALGORITHMS: &[Algorithm] = &[
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::EdDsa,
    Algorithm::MlDsa44,
    Algorithm::MlDsa65,
    Algorithm::MlDsa87,
];

/// The algorithms, of one kind with the keys: a public key must never serve as a shared secret
/// (threats T-2). `secret`: whether the keys are one; `None`: they could not be read.
pub(super) fn algorithms(section: &mut Section<'_>, secret: Option<bool>) -> Option<AlgorithmSet> {
    let expected = "a list such as [\"RS256\", \"ES256\"]";
    let names = parsed("the name of a signature algorithm such as \"ES256\"", |name| {
        Algorithm::from_name(name).ok_or_else(|| known_algorithms(name))
    });
    let given = section.peek(key::ALGORITHMS).is_some();
    let listed = section.list(key::ALGORITHMS, expected, names);
    let secret = secret?;
    let listed = match listed {
        Some(listed) => listed,
        None if given => return None,
        None if secret => {
            section.mistake(
                key::ALGORITHMS,
                "missing; expected the HMAC algorithms of the shared secret, such as [\"HS256\"]"
                    .to_owned(),
            );
            return None;
        }
        None => DEFAULT_ALGORITHMS.to_vec(),
    };
    let foreign = listed.iter().find(|alg| alg.is_symmetric() != secret);
    if let Some(foreign) = foreign {
        let rule = if secret {
            "a secret_file holds a shared secret, which only HS256, HS384 and HS512 use"
        } else {
            "HMAC algorithms need a shared secret (secret_file), never public keys"
        };
        section.mistake(key::ALGORITHMS, format!("found {:?}; {rule}", foreign.name()));
        return None;
    }
    Some(listed.into_iter().collect())
}

fn known_algorithms(name: &str) -> String {
    let names: Vec<&str> = Algorithm::ALL.iter().map(|alg| alg.name()).collect();
    suggestion(name, &names)
}
