//! The files that hold secrets, wherever a configuration names them.

use std::path::Path;

use super::Settings;
use crate::{
    keys::settings::KeySource,
    oauth_client::settings::{ClientProof, client::ClientSettings},
    shared::settings::Integrity,
};

impl Settings {
    /// Each with the full name of its setting.
    pub(super) fn secret_files<'s>(&'s self) -> Vec<(String, &'s Path)> {
        let mut files = Vec::new();
        let mut add = |setting: &str, name: &str, file: Option<&'s Path>| {
            files.extend(file.map(|file| (format!("{setting}.{name}"), file)));
        };
        let tls = self.server.tls.as_ref();
        add("server.tls", "private_key", tls.map(|tls| tls.private_key.as_path()));
        let assertion = self.identity.assertion.as_ref();
        let key = assertion.map(|assertion| assertion.private_key_file.as_path());
        add("identity.assertion", "private_key_file", key);
        if let Some(shared) = &self.shared {
            add("shared", "password_file", shared.password_file.as_deref());
            add("shared", "integrity_key_file", shared.integrity.key_file());
        }
        for issuer in &self.issuers {
            let setting = format!("issuers.{}", issuer.name);
            add(
                &setting,
                "keys.secret_file",
                issuer.keys.as_ref().and_then(|keys| keys.source.secret_file()),
            );
            if let Some(asked) = &issuer.introspection {
                for (name, file) in asked.client.secret_files() {
                    add(&format!("{setting}.introspection"), name, file);
                }
            }
        }
        for signature in &self.signatures {
            let setting = format!("signatures.{}", signature.name);
            if let Some(registry) = signature.registry() {
                for (name, file) in registry.client.secret_files() {
                    add(&format!("{setting}.keys.registry"), name, file);
                }
            }
            let key = signature.respond.as_ref().map(|respond| respond.key.file.as_path());
            add(&setting, "respond.key", key);
        }
        let key = self.evidence.as_ref().and_then(|evidence| evidence.key.as_ref());
        add("evidence", "key_file", key.map(|key| key.file.as_path()));
        files
    }
}

impl Integrity {
    fn key_file(&self) -> Option<&Path> {
        match self {
            Self::KeyFile(file) => Some(file),
            Self::None => None,
        }
    }
}

impl KeySource {
    fn secret_file(&self) -> Option<&Path> {
        match self {
            Self::SecretFile(file) => Some(file),
            _ => None,
        }
    }
}

impl ClientSettings {
    /// Each with the name of its setting.
    fn secret_files(&self) -> [(&'static str, Option<&Path>); 2] {
        let key = self.identity.as_ref().map(|identity| identity.private_key.as_path());
        [self.proof.secret_file(), ("client_key", key)]
    }
}

impl ClientProof {
    /// With the name of its setting.
    fn secret_file(&self) -> (&'static str, Option<&Path>) {
        match self {
            Self::Nobody | Self::Id(_) => ("auth", None),
            Self::Basic { secret_file, encoded: false, .. } => ("password_file", Some(secret_file)),
            Self::Basic { secret_file, .. } | Self::Post { secret_file, .. } => {
                ("client_secret_file", Some(secret_file))
            }
            Self::PrivateKeyJwt { key_file, .. } => ("private_key_file", Some(key_file)),
            Self::Bearer { client, .. } => client.secret_file(),
        }
    }
}
