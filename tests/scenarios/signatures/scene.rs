//! The usual scene of a signed request: a token of the usual issuer, a route that asks for a
//! signature, and signers whose keys are in a file.

use std::{fs, sync::Arc};

use countersign::{
    jose::{Dialect, SigningKey},
    json::Object,
    reason::{Class, Reason},
};
use serde_json::{Value, json};

use crate::support::{
    client::{Answer, Request},
    issuer::public,
    oracle::assert_refused_as,
    setup::Setup,
    upstream::Received,
    world::World,
};

/// A proxy whose `/signed/**` asks for a token and a signature, `/open/**` for a signature alone.
pub(crate) struct Scene {
    pub(crate) world: World,
    _keys: tempfile::TempDir,
}

pub(crate) const ROUTES: &str = r#"
[[routes]]
path = "/signed/**"
signature = "partner"

[[routes]]
path = "/public/**"
access = "public"
"#;

impl Scene {
    /// With these lines of `[signatures.partner]`, the tables inside of it included, and a JWKS of
    /// the signers' keys.
    pub(crate) fn start(rules: &str, jwks: &Value) -> Self {
        Self::with(rules, jwks, |setup| setup)
    }

    pub(crate) fn with(rules: &str, jwks: &Value, change: impl FnOnce(Setup) -> Setup) -> Self {
        Self::with_routes(rules, jwks, ROUTES, change)
    }

    /// With these routes instead of the usual ones.
    pub(crate) fn with_routes(
        rules: &str,
        jwks: &Value,
        routes: &str,
        change: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let file = keys.path().join("signers.json");
        fs::write(&file, jwks.to_string()).unwrap();
        let signature = format!(
            "[signatures.partner]\n{rules}\n\n[signatures.partner.keys]\njwks_file = \"{}\"\n",
            file.display()
        );
        let world = World::with_setup(|setup| {
            // A test's own routes replace these.
            change(setup.with(&signature).routes(routes))
        });
        Self { world, _keys: keys }
    }

    /// A token of whom the tests call alice, with further claims.
    pub(crate) fn token(&self, claims: Value) -> String {
        self.world.issuer.mint(claims)
    }

    /// A signed POST of alice's.
    pub(crate) fn post(&self, signature: &str, body: &[u8]) -> Request {
        self.unsigned().field("x-jws-signature", signature).body(body)
    }

    /// The same without signature and body.
    pub(crate) fn unsigned(&self) -> Request {
        Request::new("POST", "/signed/loans").bearer(&self.token(json!({})))
    }

    /// The request arrives, its body byte for byte.
    #[track_caller]
    pub(crate) fn admits(&self, case: &str, request: &Request, body: &[u8]) -> Received {
        let before = self.world.mark();
        let answer = self.world.proxy.exchange(request);
        assert!(answer.is_from_upstream(), "{case}: {answer:?}");
        let received = before.only_request(case);
        assert_eq!(received.body.bytes, body, "{case}");
        received
    }

    /// The request is refused for that reason, and the upstream gets nothing.
    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, request: &Request, reason: Reason) -> Answer {
        let before = self.world.mark();
        let answer = self.world.proxy.exchange(request);
        assert_refused_as(case, &answer, reason, class_of(reason), &before);
        answer
    }
}

/// Of a refusal for the signature, not for the token.
pub(crate) fn class_of(reason: Reason) -> Class {
    match reason.class() {
        Class::CredentialInvalid => Class::SignatureRefused,
        class => class,
    }
}

/// The rules of most tests: one signer, who has nothing to do with the token's owner.
pub(crate) const ONE_SIGNER: &str = r#"
signer = { fixed = "acme" }
caller = "unrelated"
"#;

pub(crate) fn jwks(keys: &[&Arc<SigningKey>]) -> Value {
    json!({ "keys": keys.iter().map(|key| public(key)).collect::<Vec<_>>() })
}

/// A signature by that key in RFC 7797's own way.
pub(crate) fn sign(key: &SigningKey, body: &[u8]) -> String {
    sign_with(key, Dialect::Rfc7797, &json!({}), body)
}

/// The same in any way, with further header parameters.
pub(crate) fn sign_with(key: &SigningKey, dialect: Dialect, header: &Value, body: &[u8]) -> String {
    let header = Object::parse(header.to_string().as_bytes()).unwrap();
    key.sign_detached(dialect, &header, body).unwrap()
}
