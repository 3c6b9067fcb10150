//! The usual world behind a certificate.

use std::fs;

use countersign::settings::Settings;
use serde_json::json;

use crate::{
    support::{
        authority::{Authority, Identity},
        issuer::Issuer,
        key_server::{KeyServer, Page},
        setup::Setup,
        upstream::Upstream,
        world::{JWKS, World},
    },
    tls::client::{Offer, TlsClient},
};

/// The name in the certificate of the proxy.
pub(crate) const NAME: &str = "api.test";

/// A proxy with TLS, all parties around it, and the files of its configuration.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) authority: Authority,
    setup: Setup,
    files: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn start() -> Self {
        Self::with("", |setup| setup)
    }

    /// With further lines of `[server.tls]`, and whatever else in the configuration. `client_ca`
    /// can be named as `"clients.crt"`, see [`Scene::start_for_clients_of`].
    pub(crate) fn with(lines: &str, change: impl FnOnce(Setup) -> Setup) -> Self {
        Self::with_clients_of(&Authority::new("of clients"), lines, change)
    }

    /// A proxy that asks clients for certificates of an authority.
    pub(crate) fn start_for_clients_of(clients: &Authority, client_auth: &str) -> Self {
        let lines = format!("client_ca = \"clients.crt\"\nclient_auth = \"{client_auth}\"");
        Self::with_clients_of(clients, &lines, |setup| setup)
    }

    fn with_clients_of(
        clients: &Authority,
        lines: &str,
        change: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let authority = Authority::new("of servers");
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("clients.crt"), clients.pem()).unwrap();
        install(&files, &authority.server(NAME));

        let (issuer, upstream, key_server) =
            (Issuer::usual(), Upstream::start(), KeyServer::start());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let folder = files.path().display().to_string();
        let lines = lines.replace("clients.crt", &format!("{folder}/clients.crt"));
        let setup = change(Setup::new().issuer("corp", &issuer, &key_server, "", ""));
        let setup = setup.server(&format!(
            "[server.tls]\ncertificate = \"{folder}/tls.crt\"\n\
             private_key = \"{folder}/tls.key\"\n{lines}"
        ));
        let mut proxy = setup.start(&upstream);
        // The clients here keep no journal.
        proxy.expect_unmatched_answers();
        let world = World { proxy, upstream, key_server, issuer };
        Self { world, authority, setup, files }
    }

    /// A client that trusts the proxy's authority and has nothing else to say.
    pub(crate) fn offer(&self) -> Offer<'_> {
        Offer::trusting(&self.authority)
    }

    pub(crate) fn client(&self) -> TlsClient {
        self.connect(&self.offer())
    }

    pub(crate) fn connect(&self, offer: &Offer<'_>) -> TlsClient {
        offer.connect(self.world.proxy.address()).unwrap()
    }

    /// A token that opens everything.
    pub(crate) fn token(&self) -> String {
        self.world.issuer.mint(json!({}))
    }

    /// Puts another certificate into the same files.
    pub(crate) fn install(&self, identity: &Identity) {
        install(&self.files, identity);
    }

    /// Overwrites one of the files.
    pub(crate) fn overwrite(&self, name: &str, content: &str) {
        fs::write(self.files.path().join(name), content).unwrap();
    }

    /// The settings, from the files as they are now.
    pub(crate) fn settings(&self) -> Settings {
        self.setup.load(&self.world.upstream).unwrap()
    }
}

fn install(files: &tempfile::TempDir, identity: &Identity) {
    fs::write(files.path().join("tls.crt"), &identity.certificate_pem).unwrap();
    fs::write(files.path().join("tls.key"), identity.key_pem()).unwrap();
}
