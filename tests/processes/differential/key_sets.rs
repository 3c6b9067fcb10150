//! Key sets that are wrong, or only unusual (RFC 7517, RFC 7518 §6, RFC 8037).

mod documents;
mod entries;
mod names;

use std::sync::Arc;

use countersign::jose::{Algorithm, SigningKey};

use super::{case::Case, draft::Draft, keyring::Keyring};

pub(super) fn cases() -> Vec<Case> {
    [entries::cases(), documents::cases(), names::cases()].into_iter().flatten().collect()
}

fn own(alg: Algorithm) -> &'static Arc<SigningKey> {
    Keyring::get().own(alg)
}

fn token_of(alg: Algorithm) -> String {
    Draft::of(own(alg)).token()
}
