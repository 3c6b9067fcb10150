//! Where the entries of a registry come from: what is requested, by which client, and which
//! authorities vouch for the server. Entries of another origin do not count, in memory or on disk.

use crate::{
    oauth_client::settings::{ClientProof, client::ClientSettings},
    refresh::FileVersions,
    registry::settings::RegistrySettings,
};

/// The origin of what is in memory: its identity, and the files of this moment that say whom to
/// trust as the registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RegistryOrigin {
    identity: String,
    trust_files: FileVersions,
}

impl RegistryOrigin {
    pub(super) fn of(settings: &RegistrySettings) -> Self {
        Self {
            identity: identity(settings),
            trust_files: FileVersions::now(settings.client.trust_files()),
        }
    }
}

/// Identifies a registry, what is requested of it, by which client and through which proxy, so that
/// snapshots are never mixed up. A client whose secret was rotated is the same one.
pub(super) fn identity(settings: &RegistrySettings) -> String {
    let RegistrySettings { url, pointer, format, select, require, client, .. } = settings;
    let fields: Vec<_> = require.iter().map(|it| it.field.as_str()).collect();
    let pointer = pointer.as_ref().map(ToString::to_string).unwrap_or_default();
    let question = format!("{url} {pointer} {format:?} {select:?} {fields:?}");
    [question].into_iter().chain(client_parts(client)).collect::<Vec<_>>().join(" ")
}

/// What is configured of the client. Defaults add nothing, so that snapshots of earlier versions are
/// used where all of it is at its default.
fn client_parts(client: &ClientSettings) -> impl Iterator<Item = String> {
    let ClientSettings { proof, identity, ca_file, proxy, .. } = client;
    let proof = (*proof != ClientProof::Unauthenticated).then(|| proof.identity());
    let certificate =
        identity.as_ref().map(|it| format!("certificate {}", it.certificate.display()));
    let authorities = ca_file.as_ref().map(|file| format!("ca_file {}", file.display()));
    let proxy = proxy.as_ref().map(|proxy| format!("proxy {}", proxy.shown()));
    [proof, certificate, authorities, proxy].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::settings::{Sources, load};

    /// The settings of a registry with these further lines.
    fn settings(folder: &Path, lines: &str) -> RegistrySettings {
        let file = folder.join("countersign.toml");
        let text = format!(
            "[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n[[routes]]\npath = \"/**\"\n\
             signature = \"partner\"\n[signatures.partner]\nheader = \"x-jws\"\n\
             signer = \"kid\"\ncaller = \"unrelated\"\n[issuers.corp]\n\
             issuer = \"https://idp.test\"\naudiences = \"any\"\n\
             [signatures.partner.keys.registry]\nurl = \"https://registry.test/{{signer}}\"\n\
             {lines}"
        );
        fs::write(&file, text).unwrap();
        let settings = load(&Sources { file: Some(file), ..Sources::default() });
        let settings = settings.unwrap_or_else(|errors| panic!("{errors}"));
        settings.signatures.iter().next().unwrap().registry().unwrap().clone()
    }

    #[test]
    fn whatever_says_whom_to_trust_and_who_requests_is_a_part_of_the_origin() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "user:password").unwrap();
        let secret = secret.display();
        let of = |lines: &str| RegistryOrigin::of(&settings(folder.path(), lines));
        let client = |id: &str| {
            format!(
                "auth = \"client_secret_post\"\nclient_id = \"{id}\"\nclient_secret_file = \"{secret}\""
            )
        };
        let proxy = "proxy = \"http://proxy.test:3128\"";
        let origins = [
            of(""),
            of(&client("a")),
            of(&client("b")),
            of(proxy),
            of(&format!("{proxy}\nproxy_credentials_file = \"{secret}\"")),
            of("pointer = \"/key\""),
        ];
        for (place, origin) in origins.iter().enumerate() {
            assert!(origins[..place].iter().all(|other| other != origin), "{origin:?}");
        }
        for same in ["refresh = \"1m\"", "timeout = \"1s\"\nconcurrency = 1", "entries = 7"] {
            assert_eq!(of(same), origins[0], "{same}");
        }
    }
}
