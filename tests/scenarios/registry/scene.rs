//! A registry of participants, a proxy that asks it, and participants who sign.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign::{
    jose::{Dialect, SigningKey},
    json::Object,
    reason::{Class, Reason},
};
use serde_json::{Value, json};

use crate::support::{
    client::{Answer, Request},
    issuer::public,
    key_server::{KeyServer, Page},
    oracle::assert_refused_as,
    setup::Setup,
    world::World,
};

pub(crate) const BODY: &[u8] = br#"{"loan":{"amount":100}}"#;

/// The proxy's `/signed/**` asks for a token and the signature of its `participantId`, whose key
/// is at `/roles/{signer}` of the registry.
pub(crate) struct Scene {
    // First, so that the proxy in it goes first.
    pub(crate) world: World,
    pub(crate) registry: KeyServer,
}

impl Scene {
    pub(crate) fn start(lines: &str) -> Self {
        Self::with(KeyServer::start(), "/roles/{signer}", lines, |setup| setup)
    }

    pub(crate) fn with(
        registry: KeyServer,
        path: &str,
        lines: &str,
        change: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let url = registry.url(path);
        let rules = format!(
            "[signatures.partner]\nsigner = {{ claim = \"participantId\" }}\n\n\
             [signatures.partner.keys.registry]\nurl = \"{url}\"\n{lines}\n"
        );
        let world = World::with_setup(|setup| {
            change(
                setup
                    .with(&rules)
                    .routes("[[routes]]\npath = \"/signed/**\"\nsignature = \"partner\"\n"),
            )
        });
        Self { world, registry }
    }

    /// From now on, the registry says this of a participant.
    pub(crate) fn say(&self, participant: &str, answer: &Value) {
        self.registry.serve(&format!("/roles/{participant}"), Page::json(answer));
    }

    /// How often the registry was asked about participants.
    pub(crate) fn questions(&self) -> usize {
        let asked = self.registry.asked();
        asked.iter().filter(|head| head.start.contains("/roles")).count()
    }

    /// A request of that participant, signed with that key.
    pub(crate) fn request(&self, participant: &str, key: &SigningKey) -> Request {
        self.request_with(json!({ "participantId": participant }), key)
    }

    pub(crate) fn request_with(&self, claims: Value, key: &SigningKey) -> Request {
        Request::new("POST", "/signed/a")
            .bearer(&self.world.issuer.mint(claims))
            .field("x-jws-signature", sign(key, BODY))
            .body(BODY)
    }

    #[track_caller]
    pub(crate) fn admits(&self, case: &str, request: &Request) {
        let before = self.world.mark();
        let answer = self.world.proxy.exchange(request);
        assert!(answer.is_from_upstream(), "{case}: {answer:?}");
        assert_eq!(before.only_request(case).body.bytes, BODY, "{case}");
    }

    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, request: &Request, reason: Reason) -> Answer {
        let before = self.world.mark();
        let answer = self.world.proxy.exchange(request);
        let class = match reason.class() {
            Class::CredentialInvalid => Class::SignatureRefused,
            class => class,
        };
        assert_refused_as(case, &answer, reason, class, &before);
        answer
    }
}

pub(crate) fn sign(key: &SigningKey, body: &[u8]) -> String {
    key.sign_detached(Dialect::Rfc7797, &Object::default(), body).unwrap()
}

/// The key as OCEN's registry has it: a JWK as text.
pub(crate) fn as_text(key: &Arc<SigningKey>) -> Value {
    json!({ "publicKey": public(key).to_string() })
}

pub(crate) const AT_PUBLIC_KEY: &str = "pointer = \"/publicKey\"";

/// The snapshots in a folder, without one that is being written: that has another name till then.
pub(crate) fn snapshots_in(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect()
}
