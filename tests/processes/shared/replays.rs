//! S-8: ids that may be used once, over several replicas.

use std::time::{Duration, Instant};

use countersign::{
    clock::Clock,
    replay::{
        ReplayCheck, ReplayId, ReplayLimits, ReplayReservation, ReplayStore, ReplayStores,
        ReplicatedStore,
    },
};

use super::scene::{Files, Replica, TTL, eventually};
use crate::support::redis::RedisServer;

const LIMITS: ReplayLimits =
    ReplayLimits { window: TTL, clock_skew: Duration::ZERO, max_entries: 10 };

/// The replay store of one replica.
struct Replays {
    replica: Replica,
    store: ReplicatedStore,
}

impl Replays {
    async fn connected(server: &RedisServer, files: &Files) -> Self {
        let replica = Replica::connected(&files.settings(server)).await;
        let store = ReplayStores::default().replicated("rule", LIMITS, replica.store.clone());
        Self { replica, store }
    }

    async fn check(&self, id: &str) -> ReplayCheck {
        self.store.check_and_insert(ReplayId::new(&[id]), None, self.replica.clock.now()).await
    }

    /// An id that has to be new.
    async fn reserve(&self, id: &str) -> ReplayReservation {
        match self.check(id).await {
            ReplayCheck::New(reservation) => reservation,
            check => panic!("{id}: {check:?}"),
        }
    }

    async fn refuses(&self, id: &str) -> bool {
        matches!(self.check(id).await, ReplayCheck::Replayed)
    }
}

#[tokio::test]
async fn s8_an_id_that_one_replica_has_accepted_the_others_refuse() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replays::connected(&server, &files).await;
    let other = Replays::connected(&server, &files).await;
    one.reserve("a").await.commit();
    assert!(other.refuses("a").await);
    // Known here by now: neither asks Redis again.
    assert!(other.refuses("a").await && one.refuses("a").await);
    assert_eq!(other.replica.count("first", "seen"), 1);
    other.reserve("b").await.commit();
    assert!(one.refuses("b").await);
}

#[tokio::test]
async fn s8_of_two_copies_that_reach_two_replicas_at_once_one_is_new() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replays::connected(&server, &files).await;
    let other = Replays::connected(&server, &files).await;
    for round in 0..20 {
        let id = round.to_string();
        let (a, b) = tokio::join!(one.check(&id), other.check(&id));
        let is_new = |check: &ReplayCheck| matches!(check, ReplayCheck::New(_));
        assert!(is_new(&a) != is_new(&b), "{a:?} {b:?}");
    }
}

#[tokio::test]
async fn s8_what_came_to_nothing_is_free_for_every_replica() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replays::connected(&server, &files).await;
    let other = Replays::connected(&server, &files).await;
    one.reserve("a").await.rollback().await;
    other.reserve("a").await.rollback().await;
    drop(one.reserve("a").await);
    eventually("the entry's end", async || server.names().is_empty()).await;
    other.reserve("a").await.commit();
}

#[tokio::test]
async fn s8_a_refused_copy_frees_no_id() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replays::connected(&server, &files).await;
    let other = Replays::connected(&server, &files).await;
    let third = Replays::connected(&server, &files).await;
    let reservation = one.reserve("a").await;
    assert!(other.refuses("a").await);
    reservation.commit();
    assert_eq!(other.replica.count("forget", "done"), 0);
    assert!(third.refuses("a").await);
}

#[tokio::test]
async fn s8_without_redis_each_replica_remembers_alone() {
    let Some(mut server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replays::connected(&server, &files).await;
    let other = Replays::connected(&server, &files).await;
    one.reserve("before").await.commit();
    server.kill();
    eventually("the end", async || !one.replica.is_connected() && !other.replica.is_connected())
        .await;
    one.reserve("meanwhile").await.commit();
    assert!(one.refuses("meanwhile").await);
    other.reserve("meanwhile").await.commit();
    server.start_again();
    one.replica.until_connected().await;
    other.replica.until_connected().await;
    // Redis has lost everything; what a replica has accepted itself, it still refuses.
    assert!(one.refuses("before").await && one.refuses("meanwhile").await);
    one.reserve("after").await.commit();
    assert!(other.refuses("after").await);
}

#[tokio::test]
async fn s8_an_entry_in_redis_outlasts_the_last_second_in_which_a_copy_is_fresh() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replays::connected(&server, &files).await;
    let committed = Instant::now();
    one.reserve("a").await.commit();
    let names = server.names();
    let left: u64 = redis::cmd("PTTL").arg(&names[0]).query(&mut server.intruder()).unwrap();
    // To the end of that second, and a second for the command about a copy.
    let least = TTL + Duration::from_secs(2);
    assert!(Duration::from_millis(left + 1) + committed.elapsed() >= least, "{left} ms");
}

#[tokio::test]
async fn s8_an_entry_in_redis_ends_after_its_window() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    let limits = ReplayLimits { window: Duration::from_millis(1), ..LIMITS };
    let store = ReplayStores::default().replicated("rule", limits, replica.store.clone());
    let now = replica.clock.now();
    match store.check_and_insert(ReplayId::new(&["a"]), None, now).await {
        ReplayCheck::New(reservation) => reservation.commit(),
        check => panic!("{check:?}"),
    }
    assert_eq!(replica.count("first", "first"), 1);
    eventually("the entry's end", async || server.names().is_empty()).await;
}
