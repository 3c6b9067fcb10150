//! The program among its peers. In all incidents the same names are used: the issuer is `corp`, the
//! upstream `app`, the signature and the limit are `partner`.

use std::{
    any::Any,
    fs,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::support::{
    client::Request,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    process::{Process, binary},
    setup::Setup,
    upstream::Upstream,
    world::JWKS,
};

/// What is there before the program starts.
pub(super) struct Stage {
    pub(super) issuer: Issuer,
    pub(super) upstream: Upstream,
    pub(super) key_server: KeyServer,
    pub(super) files: tempfile::TempDir,
}

/// The program and what it runs among.
pub(super) struct Scene {
    // First, so that it goes first.
    pub(super) process: Process,
    pub(super) stage: Stage,
    peers: Vec<Box<dyn Any + Send>>,
}

/// As in production, not as in other tests.
const LOG: &str = "[log]\nlevel = \"info\"\n";

impl Stage {
    pub(super) fn new() -> Self {
        Self::of(Issuer::usual())
    }

    pub(super) fn of(issuer: Issuer) -> Self {
        let key_server = KeyServer::start();
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let files = tempfile::tempdir().unwrap();
        Self { issuer, upstream: Upstream::start(), key_server, files }
    }

    /// With further lines of `[issuers.corp.keys]`.
    pub(super) fn setup(&self, keys: &str) -> Setup {
        Setup::new().issuer("corp", &self.issuer, &self.key_server, "", keys).with(LOG)
    }

    /// With the keys of `corp` from elsewhere, and another issuer whose keys are at hand: without
    /// that one nothing could be decided, and the program would not be ready.
    pub(super) fn setup_of_two(&self, keys: &str) -> Setup {
        let other = self.issuer.named("https://other.test");
        Setup::new()
            .issuer_from("corp", &self.issuer, "", keys)
            .issuer_from("other", &other, "", &format!("jwks_url = \"{}\"", self.jwks_url()))
            .with(LOG)
    }

    pub(super) fn jwks_url(&self) -> String {
        self.key_server.url(JWKS)
    }

    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let (path, new) = (self.files.path().join(name), self.files.path().join("new"));
        // Replaced as a whole: it may be read at any time.
        fs::write(&new, text).unwrap();
        fs::rename(&new, &path).unwrap();
        path.display().to_string()
    }

    pub(super) fn start(self, setup: &Setup) -> Scene {
        self.start_by(Command::new(binary()).env_clear(), setup)
    }

    pub(super) fn start_by(self, command: &mut Command, setup: &Setup) -> Scene {
        let process = Process::start_by(command, setup, &self.upstream);
        Scene { process, stage: self, peers: Vec::new() }
    }
}

impl Scene {
    /// Something that has to live as long.
    pub(super) fn beside(mut self, peer: impl Any + Send) -> Self {
        self.peers.push(Box::new(peer));
        self
    }

    /// A token of the client `shop`, for now.
    pub(super) fn token(&self, changes: Value) -> String {
        self.token_with(json!({}), changes)
    }

    /// With changes to its header, too.
    pub(super) fn token_with(&self, header: Value, changes: Value) -> String {
        let mut claims = json!({ "iat": now() - 10, "exp": now() + 300, "azp": "shop" });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.stage.issuer.mint_with(header, claims)
    }

    /// The status of the answer.
    pub(super) fn ask(&self, request: &Request) -> u16 {
        self.process.client().exchange(request).status
    }

    pub(super) fn get(&self, token: &str) -> u16 {
        self.ask(&Request::get("/loans/17").bearer(token))
    }
}

/// The machine's time, which the program has.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs().try_into().unwrap()
}
