//! Several issuers, a real server, real time.

use std::time::Duration;

use crate::{
    clock::Clock,
    jose::Algorithm,
    keys::{
        KeyLookup, KeyWait,
        testing::{
            KeyServer, Manner, Reply, clock, eventually, from_url, jwk, jwks, metrics, store_of,
        },
    },
};

#[tokio::test]
async fn k3_not_modified_confirms_and_a_change_replaces() {
    let server = KeyServer::start().await;
    let first = Reply::ok(jwks(&[jwk("a")])).header("etag", "\"1\"");
    server.answer("/jwks", first);
    let mut settings = from_url(&server.url("/jwks"));
    settings.keys.cooldown = Duration::ZERO;
    let (clock, metrics) = (clock(), metrics());
    let (store, refreshers) = store_of(&[settings], clock.clone(), &metrics);
    let _refreshers = refreshers.spawn();
    let keys = store.iter().next().unwrap();
    eventually("keys", || keys.confirmed_at().is_some()).await;
    let generation = keys.generation_now(clock.now());

    clock.advance(100);
    assert_eq!(keys.refresh_for("x").await, KeyWait::Unknown);
    assert_eq!(keys.confirmed_at(), Some(clock.now()));
    assert_eq!(keys.generation_now(clock.now()), generation);

    server.answer("/jwks", Reply::ok(jwks(&[jwk("b")])).header("etag", "\"2\""));
    assert_eq!(keys.refresh_for("b").await, KeyWait::Refreshed);
    assert!(keys.generation_now(clock.now()) > generation);

    let heads = server.requests("/jwks");
    let asked: Vec<bool> = heads.iter().map(|h| h.contains("if-none-match: \"1\"\r\n")).collect();
    assert_eq!(asked, [false, true, true]);
}

/// An answer that was refused must not be confirmed by a 304 to its own `ETag`.
#[tokio::test]
async fn k3_the_etag_of_a_refused_answer_is_forgotten() {
    let server = KeyServer::start().await;
    server.answer("/jwks", Reply::ok("<html>").header("etag", "\"html\""));
    let settings = from_url(&server.url("/jwks"));
    let (store, refreshers) = store_of(&[settings], clock(), &metrics());
    let _refreshers = refreshers.spawn();
    eventually("two attempts", || server.requests("/jwks").len() >= 2).await;
    assert!(server.requests("/jwks").iter().all(|head| !head.contains("if-none-match")));
    assert_eq!(store.iter().next().unwrap().confirmed_at(), None);
}

#[tokio::test]
async fn c6_one_issuers_kid_is_unknown_to_the_other() {
    let server = KeyServer::start().await;
    server.answer("/a", Reply::ok(jwks(&[jwk("same"), jwk("a")])));
    server.answer("/b", Reply::ok(jwks(&[jwk("same")])));
    let settings = ["/a", "/b"].map(|path| {
        let mut settings = from_url(&server.url(path));
        settings.name = path[1..].to_owned();
        settings
    });
    let clock = clock();
    let (store, refreshers) = store_of(&settings, clock.clone(), &metrics());
    let _refreshers = refreshers.spawn();
    let confirmed = || store.iter().all(|keys| keys.confirmed_at().is_some());
    eventually("both", confirmed).await;
    let sets: Vec<_> = store.iter().map(|keys| keys.current(clock.now()).unwrap()).collect();
    let [a, b] = sets.try_into().unwrap();
    assert!(matches!(b.lookup(Some("a"), Algorithm::EdDsa), KeyLookup::UnknownKid));
    let print = |set: &crate::keys::KeySet| match set.lookup(Some("same"), Algorithm::EdDsa) {
        KeyLookup::Found(key) => key.thumbprint(),
        other => panic!("{other:?}"),
    };
    assert_ne!(print(&a), print(&b));
    assert_ne!(a.generation(), b.generation());
}

#[tokio::test]
async fn k2_one_slow_source_keeps_no_other_issuer_waiting() {
    let server = KeyServer::start().await;
    server.answer("/slow", Reply::ok("").manner(Manner::Hang));
    server.answer("/jwks", Reply::ok(jwks(&[jwk("a")])));
    let mut settings = ["/slow", "/jwks"].map(|path| from_url(&server.url(path)));
    settings[0].keys.timeout = Duration::from_hours(1);
    let (store, refreshers) = store_of(&settings, clock(), &metrics());
    let _refreshers = refreshers.spawn();
    eventually("the other", || store.iter().nth(1).unwrap().confirmed_at().is_some()).await;
    assert!(store.iter().next().unwrap().confirmed_at().is_none());
}

#[tokio::test]
async fn a_refresher_ends_with_its_handle() {
    let server = KeyServer::start().await;
    server.answer("/jwks", Reply::ok(jwks(&[jwk("a")])));
    let mut settings = from_url(&server.url("/jwks"));
    settings.keys.cooldown = Duration::ZERO;
    let (store, refreshers) = store_of(&[settings], clock(), &metrics());
    let running = refreshers.spawn();
    let keys = store.iter().next().unwrap();
    eventually("keys", || keys.confirmed_at().is_some()).await;
    drop(running);
    assert_eq!(keys.refresh_for("x").await, KeyWait::Unavailable);
    assert_eq!(server.requests("/jwks").len(), 1);
}
