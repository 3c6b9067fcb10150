//! Keys in a file: a JWKS, PEM blocks, or a shared secret.

use std::path::Path;

use bytes::Bytes;

use crate::{
    jose::{AlgorithmSet, jwk::KeyLimits},
    keys::{
        KeyError,
        settings::{KeyFileError, KeyOwner, KeySource},
    },
    refresh::WatchedFile,
};

use super::{KeySetContent, KeySetReading};

/// A file that is read whole, with cheap checks for changes in between.
#[derive(Debug)]
pub(in crate::keys) struct KeyFile {
    file: WatchedFile,
    source: KeySource,
    limits: KeyLimits,
    /// What a shared secret is for.
    algorithms: AlgorithmSet,
}

impl KeyFile {
    pub(super) fn new(path: &Path, settings: &KeyOwner) -> Self {
        let keys = &settings.keys;
        Self {
            file: WatchedFile::new(path, keys.max_bytes, keys.timeout),
            source: keys.source.clone(),
            limits: keys.limits(),
            algorithms: settings.algorithms,
        }
    }

    pub(super) async fn read(&mut self) -> Result<KeySetReading, KeyError> {
        let bytes = self.file.read().await?;
        Ok(KeySetReading { content: Some(self.content(&bytes)?), max_age: None })
    }

    /// Whether the path holds another file than the one read last.
    pub(super) async fn has_changed(&self) -> bool {
        self.file.has_changed().await.unwrap_or(false)
    }

    fn content(&self, bytes: &[u8]) -> Result<KeySetContent, KeyError> {
        let place = self.file.place();
        let keys = self.source.parse_file(bytes, &self.limits, self.algorithms);
        let keys = keys.map_err(|error| match error {
            KeyFileError::Malformed(cause) => KeyError::Malformed { place: place.clone(), cause },
            KeyFileError::ShortSecret { found, needed } => {
                KeyError::ShortSecret { place: place.clone(), found, needed }
            }
        })?;
        let is_document = matches!(self.source, KeySource::JwksFile(_));
        let document = is_document.then(|| Bytes::copy_from_slice(bytes));
        KeySetContent::of(keys, document, &place)
    }
}
