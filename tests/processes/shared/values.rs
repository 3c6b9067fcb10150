//! Values and single uses.

use std::time::Duration;

use countersign::shared::{SharedKey, SharedKind, SharedStore, settings::SharedSettings};

use super::scene::{Files, Replica, TTL, eventually, key};
use crate::support::redis::{PASSWORD, RedisServer};

#[tokio::test]
async fn what_one_replica_puts_the_other_gets() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replica::connected(&files.settings(&server)).await;
    let other = Replica::connected(&files.settings(&server)).await;
    assert_eq!(other.store.get(&key(1)).await, None);
    one.put(&key(1), b"value").await;
    assert_eq!(other.store.get(&key(1)).await.unwrap(), "value");
    assert_eq!(other.store.get(&key(2)).await, None);
    assert_eq!((other.count("get", "hit"), other.count("get", "miss")), (1, 2));
}

#[tokio::test]
async fn an_empty_value_is_a_value() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    replica.put(&key(1), b"").await;
    assert_eq!(replica.store.get(&key(1)).await.unwrap(), "");
}

#[tokio::test]
async fn names_hold_the_prefix_and_a_digest_and_values_go_by_themselves() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    replica.put(&key(0), b"value").await;
    assert_eq!(
        server.names(),
        ["cs-test:introspection:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
    );
    let left: u64 =
        redis::cmd("PTTL").arg(&server.names()[0]).query(&mut server.intruder()).unwrap();
    assert!(u128::from(left) <= TTL.as_millis() && left > 0, "{left}");
}

#[tokio::test]
async fn i7_a_value_ends_for_a_replica_even_if_the_server_still_has_it() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    replica.put(&key(1), b"value").await;
    replica.clock.advance(i64::try_from(TTL.as_secs()).unwrap() - 1);
    assert!(replica.store.get(&key(1)).await.is_some());
    replica.clock.advance(1);
    assert_eq!(replica.store.get(&key(1)).await, None);
    assert_eq!(server.names().len(), 1);
}

#[tokio::test]
async fn of_all_replicas_one_is_first_until_the_time_is_over() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let settings = files.settings(&server);
    let one = Replica::connected(&settings).await;
    let other = Replica::connected(&settings).await;
    let replay = SharedKey::new(SharedKind::Replay, [1; 32]);
    let (a, b) = tokio::join!(
        one.store.set_if_absent(&replay, TTL),
        other.store.set_if_absent(&replay, TTL)
    );
    assert_ne!(a.unwrap(), b.unwrap());
    assert_eq!(one.store.set_if_absent(&replay, TTL).await, Some(false));
    // The other kinds are not concerned.
    assert_eq!(one.store.set_if_absent(&key(1), Duration::from_millis(1)).await, Some(true));
    eventually("the end", async || {
        one.store.set_if_absent(&key(1), Duration::from_millis(1)).await == Some(true)
    })
    .await;
}

#[tokio::test]
async fn replicas_of_another_prefix_share_nothing() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let settings = files.settings(&server);
    let one = Replica::connected(&settings).await;
    let stranger = SharedSettings { prefix: "other".to_owned(), ..settings };
    let stranger = Replica::connected(&stranger).await;
    one.put(&key(1), b"value").await;
    assert_eq!(stranger.store.get(&key(1)).await, None);
    assert_eq!(stranger.count("get", "miss"), 1);
}

#[tokio::test]
async fn what_is_too_large_is_not_shared() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    let value = vec![1; 64 * 1024 + 1];
    replica.store.set(&key(1), &value, TTL);
    replica.store.append(SharedKind::Revocation, &value[..4097], TTL);
    assert_eq!((replica.count("put", "oversize"), replica.count("append", "oversize")), (1, 1));
    replica.put(&key(2), &value[1..]).await;
    assert_eq!(replica.store.get(&key(2)).await.unwrap(), value[1..]);
    assert_eq!(server.names().len(), 1);
}

#[tokio::test]
async fn writes_that_come_too_fast_are_dropped_and_counted() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    // One thread: nothing is sent before the test waits for something.
    for _ in 0..300 {
        replica.store.set(&key(1), b"value", TTL);
    }
    assert_eq!(replica.count("put", "dropped"), 300 - 256);
    eventually("the others", async || replica.count("put", "done") == 256).await;
}

#[tokio::test]
async fn without_a_shared_store_nothing_is_known() {
    let store = SharedStore::default();
    store.set(&key(1), b"value", TTL);
    assert_eq!(store.get(&key(1)).await, None);
    assert_eq!(store.set_if_absent(&key(1), TTL).await, None);
}

#[tokio::test]
async fn o2_nothing_shown_holds_a_secret() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    let shown = format!("{:?}", replica.store);
    assert!(shown.contains("password_file"), "{shown}");
    for secret in [PASSWORD, "kkkk"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
