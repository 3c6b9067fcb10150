//! Logs: what every replica hears of.

use std::time::Duration;

use bytes::Bytes;
use countersign::shared::{LogPosition, SharedKind};

use super::scene::{Files, Replica, TTL, eventually};
use crate::support::redis::RedisServer;

impl Replica {
    /// Appends, and waits until it is there.
    async fn append(&self, entry: &str) {
        let before = self.count("append", "done");
        self.store.append(SharedKind::Revocation, entry.as_bytes(), TTL);
        eventually("the write", async || self.count("append", "done") > before).await;
    }

    async fn read(&self, position: &mut LogPosition) -> Vec<Bytes> {
        let batch = self.store.read_since(SharedKind::Revocation, position).await.unwrap();
        assert!(!batch.has_more);
        batch.entries
    }
}

#[tokio::test]
async fn every_replica_reads_every_entry_once_and_in_order() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replica::connected(&files.settings(&server)).await;
    let other = Replica::connected(&files.settings(&server)).await;
    let mut position = LogPosition::default();
    assert!(other.read(&mut position).await.is_empty());
    one.append("a").await;
    one.append("b").await;
    assert_eq!(other.read(&mut position).await, ["a", "b"]);
    assert!(other.read(&mut position).await.is_empty());
    other.append("c").await;
    assert_eq!(other.read(&mut position).await, ["c"]);
    // Who comes later hears of all that has not ended.
    let late = Replica::connected(&files.settings(&server)).await;
    assert_eq!(late.read(&mut LogPosition::default()).await, ["a", "b", "c"]);
    late.clock.advance(i64::try_from(TTL.as_secs()).unwrap());
    assert!(late.read(&mut LogPosition::default()).await.is_empty());
}

#[tokio::test]
async fn a_long_log_is_read_in_parts() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    for entry in 0..600 {
        replica.store.append(SharedKind::Revocation, format!("{entry}").as_bytes(), TTL);
        if entry % 100 == 99 {
            eventually("the writes", async || replica.count("append", "done") > entry).await;
        }
    }
    let (mut position, mut entries, mut parts) = (LogPosition::default(), Vec::new(), 0);
    loop {
        let batch = replica.store.read_since(SharedKind::Revocation, &mut position).await.unwrap();
        entries.extend(batch.entries);
        parts += 1;
        if !batch.has_more {
            break;
        }
    }
    assert_eq!(parts, 3);
    let expected: Vec<String> = (0..600).map(|entry| entry.to_string()).collect();
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn an_entry_appended_during_an_outage_is_heard_of_after_it() {
    let Some(mut server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    let mut position = LogPosition::default();
    replica.append("before").await;
    assert_eq!(replica.read(&mut position).await, ["before"]);
    server.kill();
    eventually("the end", async || !replica.is_connected()).await;
    replica.store.append(SharedKind::Revocation, b"during", TTL);
    assert_eq!(replica.store.read_since(SharedKind::Revocation, &mut position).await, None);
    // It comes back empty: positions of before mean nothing any more.
    server.start_again();
    replica.until_connected().await;
    eventually("the write", async || replica.count("append", "done") == 2).await;
    assert_eq!(replica.read(&mut position).await, ["during"]);
}

#[tokio::test]
async fn a_log_does_not_grow_for_ever() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    let name = "cs-test:revocation:log";
    let mut intruder = server.intruder();
    let mut pipeline = redis::pipe();
    for _ in 0..102_000 {
        pipeline.cmd("XADD").arg(name).arg("*").arg("e").arg("x").ignore();
    }
    pipeline.query::<()>(&mut intruder).unwrap();
    replica.store.append(SharedKind::Revocation, b"last", Duration::from_secs(1));
    eventually("the write", async || replica.count("append", "done") == 1).await;
    let length: usize = redis::cmd("XLEN").arg(name).query(&mut intruder).unwrap();
    assert!((100_000..100_200).contains(&length), "{length}");
}
