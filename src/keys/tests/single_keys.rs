//! One key: behind a URL, perhaps wrapped in something else, or written in the configuration.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Clock,
    jose::HexKey,
    json::JsonPointer,
    keys::{
        KeyLookup, LiveKeySet, probe,
        settings::{KeyOwner, KeySource},
        testing::{
            KeyServer, Manner, Reply, clock, eventually, jwk, jwks, metrics, settings, store_of,
        },
    },
};

const JWK: &str = "/api/tokens/v2/jwk";

/// The development key of ubirch's token manager.
const HEX: &str = "2e09fc73de8b067c4c38292e8d683ed3abaef220c9b8a6b85935a055359139a7\
                   0f17b2e76543518a113fba84863db6060bb0224fc45104ca0ac8a8279b0d744a";

fn from_jwk_url(url: &str, pointer: Option<&str>) -> KeyOwner {
    let pointer = pointer.map(|text| JsonPointer::parse(text).unwrap());
    settings(KeySource::JwkUrl { url: url.parse().unwrap(), pointer })
}

fn from_hex() -> KeyOwner {
    settings(KeySource::Hex(HexKey::parse(HEX).unwrap()))
}

fn running(settings: &KeyOwner, clock: &Arc<impl Clock + 'static>) -> Arc<LiveKeySet> {
    let clock: Arc<dyn Clock> = clock.clone();
    let (store, refreshers) = store_of(std::slice::from_ref(settings), clock, &metrics());
    // Until the test's runtime ends.
    std::mem::forget(refreshers.spawn());
    Arc::clone(store.iter().next().unwrap())
}

#[tokio::test]
async fn a_wrapped_key_is_found_by_its_pointer() {
    let server = KeyServer::start().await;
    let (one, two) = (jwk("one"), jwk("two"));
    let text = serde_json::Value::from(one.as_str());
    for (document, pointer, kids) in [
        (one.clone(), None, 1),
        (jwks(&[&one, &two]), None, 2),
        (format!(r#"{{"version":"1.0","ok":true,"data":{one}}}"#), Some("/data"), 1),
        (format!(r#"{{"data":{}}}"#, jwks(&[&one, &two])), Some("/data"), 2),
        (format!(r#"{{"data":{{"jwk":{text}}}}}"#), Some("/data/jwk"), 1),
    ] {
        server.answer(JWK, Reply::ok(document.as_str()));
        let set = probe(&from_jwk_url(&server.url(JWK), pointer)).await.unwrap();
        assert_eq!(set.keys().len(), kids, "{document}");
        assert_eq!(set.keys()[0].kid(), Some("one"), "{document}");
    }
}

#[tokio::test]
async fn k3_a_pointer_to_no_key_fails_by_its_place() {
    let server = KeyServer::start().await;
    let url = server.url(JWK);
    for (document, code) in [
        (r#"{"ok":false,"errorType":"ServerError"}"#.to_owned(), "malformed"),
        (r#"{"data":"no key"}"#.to_owned(), "malformed"),
        (r#"{"data":{"kid":"no kty"}}"#.to_owned(), "malformed"),
        // Not the pointer's business: what is beside the place is no key to trust.
        (jwks(&[jwk("a")]), "malformed"),
        (r#"{"data":{"keys":[]}}"#.to_owned(), "no_usable_keys"),
        (r#"{"data":{"kty":"oct","k":"c2VjcmV0"}}"#.to_owned(), "no_usable_keys"),
    ] {
        server.answer(JWK, Reply::ok(document.as_str()));
        let error = probe(&from_jwk_url(&url, Some("/data"))).await.unwrap_err();
        assert_eq!(error.code(), code, "{document}: {error}");
        assert!(error.to_string().starts_with(&format!("{url} at /data: ")), "{error}");
    }
}

#[tokio::test]
async fn k1_the_limits_of_a_document_hold_around_a_key() {
    let server = KeyServer::start().await;
    let filler = " ".repeat(256 * 1024);
    server.answer(JWK, Reply::ok(format!(r#"{{"data":{}{filler}}}"#, jwk("a"))));
    let settings = from_jwk_url(&server.url(JWK), Some("/data"));
    assert_eq!(probe(&settings).await.unwrap_err().code(), "too_large");
    let keys: Vec<String> = (0..120).map(|n| jwk(&n.to_string())).collect();
    server.answer(JWK, Reply::ok(format!(r#"{{"data":{}}}"#, jwks(&keys))));
    let set = probe(&settings).await.unwrap();
    assert_eq!((set.keys().len(), set.skipped().len()), (100, 20));
}

#[tokio::test]
async fn k13_a_wrapped_key_survives_a_cold_start_without_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let server = KeyServer::start().await;
    server.answer(JWK, Reply::ok(format!(r#"{{"data":{}}}"#, jwk("a"))));
    let mut settings = from_jwk_url(&server.url(JWK), Some("/data"));
    settings.keys.snapshot = Some(folder.path().to_owned());
    let clock = clock();
    let is_written = || {
        let mut entries = std::fs::read_dir(folder.path()).unwrap();
        entries.any(|entry| entry.unwrap().path().extension().is_some_and(|end| end == "json"))
    };
    let first = running(&settings, &clock);
    eventually("the snapshot", is_written).await;
    assert_eq!(first.status().source, format!("{} at /data", server.url(JWK)));

    server.answer(JWK, Reply::ok("").manner(Manner::Close));
    clock.advance(i64::try_from(Duration::from_hours(23).as_secs()).unwrap());
    let second = running(&settings, &clock);
    eventually("keys", || second.current(clock.now()).is_some()).await;
    assert!(second.status().from_snapshot);

    // The snapshot of another place in the same document is not this one's.
    let mut other = from_jwk_url(&server.url(JWK), Some("/other"));
    other.keys.snapshot = settings.keys.snapshot;
    let other = running(&other, &clock);
    eventually("the first failure", || other.status().last_error.is_some()).await;
    assert!(other.current(clock.now()).is_none());
}

#[tokio::test]
async fn a_key_in_the_configuration_is_there_at_once_and_fits_every_kid() {
    let clock = clock();
    let keys = running(&from_hex(), &clock);
    eventually("the key", || keys.current(clock.now()).is_some()).await;
    let status = keys.status();
    assert_eq!(status.source, "EC P-256 key in the configuration");
    assert_eq!(status.keys[0].algorithms, ["ES256"]);
    let set = keys.current(clock.now()).unwrap();
    for kid in [None, Some("any")] {
        let found = set.lookup(kid, crate::jose::Algorithm::Es256);
        assert!(matches!(found, KeyLookup::Found(_)), "{kid:?}");
    }
    assert_eq!(probe(&from_hex()).await.unwrap().key_facts()[0].kind, "EC P-256");
}
