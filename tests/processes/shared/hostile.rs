//! An attacker can write to the server.

use bytes::Bytes;
use countersign::shared::{
    LogPosition, SharedKind,
    settings::{Integrity, SharedSettings},
};

use super::scene::{Files, Replica, TTL, eventually, key};
use crate::support::redis::RedisServer;

fn set(server: &RedisServer, name: &str, value: &[u8]) {
    redis::cmd("SET").arg(name).arg(value).query::<()>(&mut server.intruder()).unwrap();
}

fn value(server: &RedisServer, name: &str) -> Vec<u8> {
    redis::cmd("GET").arg(name).query(&mut server.intruder()).unwrap()
}

#[tokio::test]
async fn a_value_that_was_changed_is_a_miss() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    replica.put(&key(1), br#"{"active":false}"#).await;
    let name = &server.names()[0];
    let original = value(&server, name);
    for position in 0..original.len() {
        let mut changed = original.clone();
        changed[position] ^= 1;
        set(&server, name, &changed);
        assert_eq!(replica.store.get(&key(1)).await, None, "byte {position}");
    }
    assert_eq!(replica.count("get", "rejected"), original.len() as u64);
    set(&server, name, &original);
    assert!(replica.store.get(&key(1)).await.is_some());
}

#[tokio::test]
async fn i6_a_value_of_another_name_is_a_miss() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    replica.put(&key(1), b"of an active token").await;
    let sealed = value(&server, &server.names()[0]);
    replica.put(&key(2), b"of a revoked one").await;
    for name in server.names() {
        set(&server, &name, &sealed);
    }
    assert_eq!(replica.store.get(&key(2)).await, None);
    assert_eq!(replica.store.get(&key(1)).await.unwrap(), "of an active token");
}

#[tokio::test]
async fn values_under_another_integrity_key_or_none_are_misses() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let settings = files.settings(&server);
    let replica = Replica::connected(&settings).await;
    let other_key = Integrity::KeyFile(files.write("other", [9; 32]));
    for integrity in [other_key, Integrity::None] {
        let other = SharedSettings { integrity, ..settings.clone() };
        let other = Replica::connected(&other).await;
        other.put(&key(1), b"value").await;
        assert_eq!(replica.store.get(&key(1)).await, None);
        assert!(other.store.get(&key(1)).await.is_some());
        replica.put(&key(1), b"value").await;
        assert_eq!(other.store.get(&key(1)).await, None);
    }
    assert_eq!(replica.count("get", "rejected"), 2);
}

#[tokio::test]
async fn a_huge_value_or_one_of_another_type_is_a_miss_and_nothing_else_breaks() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    replica.put(&key(1), b"value").await;
    replica.put(&key(2), b"value").await;
    let names = server.names();
    let name = names.iter().find(|name| name.contains("AgIC")).unwrap();
    let mut intruder = server.intruder();
    let huge = 100_000_000;
    redis::cmd("SETRANGE").arg(name).arg(huge).arg("x").query::<()>(&mut intruder).unwrap();
    assert_eq!(replica.store.get(&key(2)).await, None);
    assert_eq!(replica.count("get", "rejected"), 1);
    redis::cmd("DEL").arg(name).query::<()>(&mut intruder).unwrap();
    redis::cmd("LPUSH").arg(name).arg("x").query::<()>(&mut intruder).unwrap();
    for _ in 0..20 {
        assert_eq!(replica.store.get(&key(2)).await, None);
    }
    assert_eq!(replica.count("get", "error"), 20);
    assert!(replica.store.get(&key(1)).await.is_some());
}

#[tokio::test]
async fn strange_entries_of_a_log_are_passed_over() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    let mut intruder = server.intruder();
    let mut strange = |fields: &[&[u8]]| {
        let mut command = redis::cmd("XADD");
        command.arg("cs-test:revocation:log").arg("*").arg(fields);
        command.query::<String>(&mut intruder).unwrap();
    };
    strange(&[b"e", b"forged"]);
    replica.store.append(SharedKind::Revocation, b"ours", TTL);
    eventually("the write", async || replica.count("append", "done") == 1).await;
    strange(&[b"f", b"", b"e", b""]);
    strange(&[b"\xff", b"\xff"]);
    let mut position = LogPosition::default();
    let batch = replica.store.read_since(SharedKind::Revocation, &mut position).await.unwrap();
    assert_eq!(batch.entries, [Bytes::from_static(b"ours")]);
    assert_eq!(replica.count("read", "rejected"), 3);
}

#[tokio::test]
async fn a_server_that_sends_more_than_was_asked_for_is_left() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    replica.put(&key(1), b"value").await;
    let (name, huge) = ("cs-test:revocation:log", vec![0_u8; 20_000_000]);
    let mut command = redis::cmd("XADD");
    command.arg(name).arg("*").arg("e").arg(huge);
    command.query::<String>(&mut server.intruder()).unwrap();
    let mut position = LogPosition::default();
    assert_eq!(replica.store.read_since(SharedKind::Revocation, &mut position).await, None);
    eventually("the end", async || !replica.is_connected()).await;
    // Everything else goes on with the next connection.
    replica.until_connected().await;
    assert!(replica.store.get(&key(1)).await.is_some());
}
