//! Metadata: OpenID Connect Discovery and RFC 8414.

use std::sync::Arc;

use crate::keys::{
    KeyWait, LiveKeySet, probe,
    settings::KeyOwner,
    testing::{
        KeyServer, Manner, OAUTH, OPENID, Reply, clock, eventually, from_discovery, jwk, jwks,
        metadata, metrics, store_of,
    },
};

/// A provider with one key, whose metadata is up to the test.
async fn provider() -> (KeyServer, KeyOwner) {
    let server = KeyServer::start().await;
    server.answer("/jwks", Reply::ok(jwks(&[jwk("a")])));
    let settings = from_discovery(&server);
    (server, settings)
}

async fn code(settings: &KeyOwner) -> &'static str {
    probe(settings).await.map_or_else(|error| error.code(), |_| "ok")
}

#[tokio::test]
async fn either_metadata_document_leads_to_the_keys() {
    for place in [OPENID, OAUTH] {
        let (server, settings) = provider().await;
        server.answer(place, metadata(&server.url(""), &server.url("/jwks")));
        assert_eq!(code(&settings).await, "ok", "{place}");
    }
}

#[tokio::test]
async fn the_second_document_serves_if_the_first_is_broken() {
    let (server, settings) = provider().await;
    server.answer(OAUTH, metadata(&server.url(""), &server.url("/jwks")));
    for broken in [
        Reply::new(500, ""),
        Reply::ok("<html>"),
        Reply::ok("").manner(Manner::Hang),
        metadata("https://other.example", &server.url("/jwks")),
    ] {
        server.answer(OPENID, broken);
        assert_eq!(code(&settings).await, "ok");
    }
}

#[tokio::test]
async fn k10_the_issuer_must_be_the_configured_one_byte_for_byte() {
    let (server, settings) = provider().await;
    let own = server.url("");
    for other in [
        format!("{own}/"),
        own.to_uppercase(),
        own.replace("http:", "https:"),
        String::new(),
        format!(" {own}"),
    ] {
        server.answer(OPENID, metadata(&other, &server.url("/jwks")));
        assert_eq!(code(&settings).await, "issuer_mismatch", "{other:?}");
    }
    let jwks_uri = server.url("/jwks");
    for issuer in ["", r#""issuer":null,"#, r#""issuer":["x"],"#] {
        server.answer(OPENID, Reply::ok(format!(r#"{{{issuer}"jwks_uri":{jwks_uri:?}}}"#)));
        assert_eq!(code(&settings).await, "issuer_mismatch", "{issuer}");
    }
    assert!(server.requests("/jwks").is_empty());
}

#[tokio::test]
async fn k10_without_an_issuer_the_metadata_names_the_one_that_it_is_published_by() {
    let (server, mut settings) = provider().await;
    settings.discovered = None;
    for place in [OPENID, OAUTH] {
        server.answer(place, metadata(&server.url(""), &server.url("/jwks")));
        assert_eq!(code(&settings).await, "ok", "{place}");
        let other = [server.url("/tenant"), "https://other.example".to_owned(), String::new()];
        for other in other {
            server.answer(place, metadata(&other, &server.url("/jwks")));
            assert_eq!(code(&settings).await, "issuer_mismatch", "{place}: {other:?}");
        }
        server.answer(place, Reply::new(404, ""));
    }
}

#[tokio::test]
async fn k10_a_member_that_occurs_twice_decides_nothing() {
    let (server, settings) = provider().await;
    let (own, jwks_uri) = (server.url(""), server.url("/jwks"));
    let twice = format!(r#"{{"issuer":"x","issuer":{own:?},"jwks_uri":{jwks_uri:?}}}"#);
    server.answer(OPENID, Reply::ok(twice));
    assert_eq!(code(&settings).await, "malformed");
}

#[tokio::test]
async fn k10_k11_an_unacceptable_jwks_uri_is_never_asked() {
    let (server, mut settings) = provider().await;
    let own = server.url("");
    for jwks_uri in [
        "http://idp.example.com/jwks",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1@169.254.169.254/",
        "gopher://127.0.0.1/",
        "/jwks",
        "",
    ] {
        server.answer(OPENID, metadata(&own, jwks_uri));
        assert_eq!(code(&settings).await, "jwks_uri", "{jwks_uri:?}");
    }
    server.answer(OPENID, Reply::ok(format!(r#"{{"issuer":{own:?}}}"#)));
    assert_eq!(code(&settings).await, "jwks_uri");
    // The metadata's own size has the key set's limit.
    settings.keys.max_bytes = 20;
    assert_eq!(code(&settings).await, "too_large");
}

#[tokio::test]
async fn k10_the_keys_may_be_on_another_host() {
    let (server, settings) = provider().await;
    let keys = KeyServer::start().await;
    keys.answer("/certs", Reply::ok(jwks(&[jwk("elsewhere")])));
    server.answer(OPENID, metadata(&server.url(""), &keys.url("/certs")));
    let set = probe(&settings).await.unwrap();
    assert_eq!(set.keys()[0].kid(), Some("elsewhere"));
}

#[tokio::test]
async fn of_several_failures_the_telling_one_is_told() {
    let (server, settings) = provider().await;
    assert!(probe(&settings).await.unwrap_err().to_string().contains(OPENID));
    server.answer(OAUTH, Reply::new(500, ""));
    let error = probe(&settings).await.unwrap_err().to_string();
    assert_eq!(error, format!("{}: status 500, expected 200", server.url(OAUTH)));
}

fn running(settings: &KeyOwner) -> Arc<LiveKeySet> {
    let (store, refreshers) = store_of(std::slice::from_ref(settings), clock(), &metrics());
    // Until the test's runtime ends.
    std::mem::forget(refreshers.spawn());
    Arc::clone(store.iter().next().unwrap())
}

#[tokio::test]
async fn k10_metadata_is_read_once_and_again_when_its_keys_are_gone() {
    let (server, mut settings) = provider().await;
    settings.keys.cooldown = std::time::Duration::ZERO;
    let tagged = |kid: &str| Reply::ok(jwks(&[jwk(kid)])).header("etag", "\"1\"");
    server.answer("/jwks", tagged("a"));
    server.answer(OPENID, metadata(&server.url(""), &server.url("/jwks")));
    let keys = running(&settings);
    eventually("the first keys", || keys.confirmed_at().is_some()).await;
    for kid in ["x", "y"] {
        assert_eq!(keys.refresh_for(kid).await, KeyWait::Unknown);
    }
    assert_eq!(server.requests("/jwks").len(), 3);
    assert_eq!(server.requests(OPENID).len(), 1);

    // The provider moves its keys. One URL's ETag means nothing at the other.
    server.answer("/jwks", Reply::new(410, ""));
    server.answer("/moved", tagged("b"));
    server.answer(OPENID, metadata(&server.url(""), &server.url("/moved")));
    assert_eq!(keys.refresh_for("b").await, KeyWait::Unavailable);
    // The backoff's first wait is a second at most.
    eventually("the moved keys", || {
        keys.status().keys.iter().any(|key| key.kid.as_deref() == Some("b"))
    })
    .await;
    assert_eq!(server.requests(OPENID).len(), 2);
}
