//! One fetch from a key source, outside of any refresher.

use crate::keys::settings::KeyOwner;

use super::{
    KeyError, KeySet,
    source::{OpenKeySource, Origin},
};

/// Fetches the issuer's keys now, as its refresher would, and returns all of them: the usable keys
/// and the others. For `check --online` and `explain`.
///
/// # Errors
/// The source can't be used; see [`KeyError`].
pub async fn probe(settings: &KeyOwner) -> Result<KeySet, KeyError> {
    let reading = OpenKeySource::new(settings).read().await?;
    match reading.content {
        Some(content) => Ok(KeySet::new(content.keys)),
        // A first request is never conditional, so no response can be "not modified".
        None => Err(KeyError::Internal { cause: "not modified since never".to_owned() }),
    }
}
