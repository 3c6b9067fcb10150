//! How a line names the subject of a token.

use std::{borrow::Cow, path::PathBuf, sync::OnceLock};

use aws_lc_rs::{hmac, rand};

use crate::{config::files::read_secret, telemetry::settings::SubjectForm};

/// Names subjects by the operator's setting.
#[derive(Debug)]
pub(super) struct SubjectNames {
    form: SubjectForm,
    key: Option<hmac::Key>,
}

/// Of processes without a key file: another with each start, and the same after a reload.
static KEY_OF_PROCESS: OnceLock<hmac::Key> = OnceLock::new();

/// What is shown of a hash, in bytes: no two subjects of a provider have the same by chance.
const SHOWN_BYTES: usize = 16;
/// As long as the hash.
const KEY_BYTES: usize = 32;

impl SubjectNames {
    /// A key file that can't be read leaves the process's own key: never the plain subject.
    pub(super) fn new(form: SubjectForm, key_file: Option<PathBuf>) -> Self {
        let key = key_file.and_then(|file| match read_secret(&file) {
            Ok(secret) => Some(hmac::Key::new(hmac::HMAC_SHA256, &secret)),
            Err(problem) => {
                tracing::error!(problem, "subjects in the log are hashed with another key");
                None
            }
        });
        Self { form, key }
    }

    /// The name of a subject; `None`: it has none.
    pub(super) fn name<'s>(&self, subject: &'s str) -> Option<Cow<'s, str>> {
        match self.form {
            SubjectForm::None => None,
            SubjectForm::Plain => Some(Cow::Borrowed(subject)),
            SubjectForm::Hash => {
                let key = self.key.as_ref().unwrap_or_else(|| KEY_OF_PROCESS.get_or_init(made));
                let tag = hmac::sign(key, subject.as_bytes());
                let shown = tag.as_ref().get(..SHOWN_BYTES).unwrap_or_default();
                Some(Cow::Owned(hex::encode(shown)))
            }
        }
    }
}

fn made() -> hmac::Key {
    let mut bytes = [0; KEY_BYTES];
    // Without randomness nothing else works either; the key is no secret of others then.
    let _ = rand::fill(&mut bytes);
    hmac::Key::new(hmac::HMAC_SHA256, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o2_a_hashed_subject_is_that_of_openssl_and_shows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "key\n").unwrap();
        let names = SubjectNames::new(SubjectForm::Hash, Some(file));
        // printf 'The quick brown fox jumps over the lazy dog' | openssl dgst -sha256 -hmac key
        let name = names.name("The quick brown fox jumps over the lazy dog").unwrap();
        assert_eq!(name, "f7bc83f430538424b13298e6aa6fb143");
    }

    #[test]
    fn without_a_key_equal_subjects_are_equal_within_the_process() {
        let [one, other] = [(); 2].map(|()| SubjectNames::new(SubjectForm::Hash, None));
        assert_eq!(one.name("alice"), other.name("alice"));
        assert_ne!(one.name("alice"), one.name("bob"));
        assert_eq!(SubjectNames::new(SubjectForm::None, None).name("alice"), None);
        assert_eq!(SubjectNames::new(SubjectForm::Plain, None).name("alice").unwrap(), "alice");
    }
}
