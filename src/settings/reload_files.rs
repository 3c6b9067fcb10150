//! The files whose content comes into force by a reload only.

use std::path::{Path, PathBuf};

use super::Settings;
use crate::signature::settings::SignatureSettings;

impl Settings {
    /// What the configuration names and nothing else looks at: keys that the proxy signs with, and
    /// what shared values are sealed with and subjects in the log hashed. Certificates of listeners
    /// are among them, although their room looks at them each minute: a reload is sooner. Key sets
    /// and revocation lists are watched where they are used, other secrets are read with each use.
    pub fn reload_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if let Some(assertion) = &self.identity.assertion {
            files.push(assertion.private_key_file.clone());
            files.extend(assertion.previous_keys_file.clone());
        }
        let journal = self.evidence.as_ref().and_then(|evidence| evidence.key.as_ref());
        files.extend(journal.map(|key| key.file.clone()));
        let shared = self.shared.as_ref().and_then(|shared| shared.integrity.key_file());
        files.extend(shared.map(ToOwned::to_owned));
        let respond =
            |signature: &SignatureSettings| Some(signature.respond.as_ref()?.key.file.clone());
        files.extend(self.signatures.iter().filter_map(respond));
        files.extend(self.log.access.subject_key_file.clone());
        files.extend(self.certificate_files().map(Path::to_owned));
        files
    }

    /// The certificates of the listeners, with their keys.
    fn certificate_files(&self) -> impl Iterator<Item = &Path> {
        let of_listeners = self.listeners.iter().filter_map(|listener| listener.tls.as_ref());
        let certificates = of_listeners.flat_map(|tls| &tls.certificates);
        certificates.flat_map(|it| [it.certificate.as_path(), it.private_key.as_path()])
    }
}
