//! One question to a key source, outside of any refresher.

use crate::keys::settings::KeyOwner;

use super::{
    KeyError, KeySet,
    source::{OpenKeySource, Origin},
};

/// Asks the issuer's source now, as its refresher would, and returns what it has: the usable keys
/// and the others. For `check --online` and `explain`.
///
/// # Errors
/// The source can't be used; see [`KeyError`].
pub async fn probe(settings: &KeyOwner) -> Result<KeySet, KeyError> {
    let reading = OpenKeySource::new(settings).read().await?;
    match reading.content {
        Some(content) => Ok(KeySet::new(content.keys)),
        // A first question is never conditional, so that no answer can be "not modified".
        None => Err(KeyError::Internal { cause: "not modified since never".to_owned() }),
    }
}
