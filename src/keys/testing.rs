//! What the tests of this room share: keys, settings, a scripted source and a key server.

mod scripted;
mod server;

use std::{path::Path, sync::Arc, time::Duration};

use http::Uri;

use crate::{
    clock::{Clock, ManualClock, UnixTime},
    jose::{Algorithm, AlgorithmSet, JwkSet, SigningKey, jwk::KeyLimits},
    keys::{
        KeyStore,
        settings::{KeyOwner, KeySettings, KeySource},
    },
    tasks::Tasks,
    telemetry::MetricRegistry,
};

pub(super) use self::{
    scripted::{Rig, ScriptedRead},
    server::{KeyServer, Manner, Reply},
};

/// A store with a set for each owner, and its refreshers.
#[expect(clippy::needless_pass_by_value, reason = "any clock becomes one only by value")]
pub(super) fn store_of<'o>(
    owners: impl IntoIterator<Item = &'o KeyOwner>,
    clock: Arc<dyn Clock>,
    metrics: &MetricRegistry,
) -> (KeyStore, Tasks) {
    let (mut store, mut refreshers) = (KeyStore::default(), Tasks::default());
    for owner in owners {
        store.add(owner.clone(), None, &mut refreshers, &clock, metrics);
    }
    store.show();
    (store, refreshers)
}

/// The present of every test clock.
pub(super) const NOW: UnixTime = UnixTime(1_800_000_000);

/// A fresh public key of that name, as JWK text.
pub(super) fn jwk(kid: &str) -> String {
    let key = SigningKey::generate(Algorithm::EdDsa, Some(kid)).unwrap();
    key.public_jwk().unwrap().to_text()
}

/// The same key under another name, or under none.
pub(super) fn renamed(jwk: &str, kid: Option<&str>) -> String {
    let mut jwk: serde_json::Value = serde_json::from_str(jwk).unwrap();
    let members = jwk.as_object_mut().unwrap();
    members.remove("kid");
    if let Some(kid) = kid {
        members.insert("kid".to_owned(), kid.into());
    }
    jwk.to_string()
}

/// A JWKS of these keys.
pub(super) fn jwks<S: AsRef<str>>(keys: &[S]) -> String {
    let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// The parsed set of these keys.
pub(super) fn set<S: AsRef<str>>(keys: &[S]) -> JwkSet {
    JwkSet::parse(jwks(keys).as_bytes(), &KeyLimits::default()).unwrap()
}

/// An issuer with the default bounds, but a fetch deadline that tests can wait for.
pub(super) fn settings(source: KeySource) -> KeyOwner {
    KeyOwner {
        name: "corp".to_owned(),
        issuer: Some("https://idp.example.com".to_owned()),
        discovered: Some("https://idp.example.com".to_owned()),
        algorithms: AlgorithmSet::from_iter([Algorithm::EdDsa]),
        keys: KeySettings {
            source,
            refresh: Duration::from_mins(10),
            cooldown: Duration::from_secs(30),
            max_stale: Duration::from_hours(24),
            snapshot: None,
            timeout: Duration::from_millis(400),
            max_bytes: 256 * 1024,
            max_keys: 100,
            max_rsa_bits: 8_192,
            ca_file: None,
            proxy: None,
        },
    }
}

pub(super) fn from_url(url: &str) -> KeyOwner {
    settings(KeySource::JwksUrl(url.parse().unwrap()))
}

/// Discovery at the two well-known places of an issuer that is the server itself.
pub(super) fn from_discovery(server: &KeyServer) -> KeyOwner {
    let url = |path: &str| -> Uri { server.url(path).parse().unwrap() };
    let mut settings =
        settings(KeySource::Discovery { urls: vec![url(OPENID), url(OAUTH)], allow_http: false });
    settings.discovered = Some(server.url(""));
    settings
}

/// Metadata of that issuer, with that key set.
pub(super) fn metadata(issuer: &str, jwks_uri: &str) -> Reply {
    Reply::ok(format!(r#"{{"issuer":{issuer:?},"jwks_uri":{jwks_uri:?},"x":[1,2.5,null]}}"#))
}

pub(super) const OPENID: &str = "/.well-known/openid-configuration";
pub(super) const OAUTH: &str = "/.well-known/oauth-authorization-server";

pub(super) fn from_file(source: fn(std::path::PathBuf) -> KeySource, path: &Path) -> KeyOwner {
    settings(source(path.to_owned()))
}

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOW))
}

pub(super) fn metrics() -> MetricRegistry {
    MetricRegistry::default()
}

/// Waits until something that other tasks bring about is so; fails the test if it never is.
pub(super) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
