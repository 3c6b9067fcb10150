//! What every store promises, held against each of them.

use std::time::Duration;

use crate::{clock::UnixTime, shared::SharedStore};

use super::{ReplayCheck, ReplayId, ReplayLimits, ReplayStore, ReplayStores};

const LIMITS: ReplayLimits = ReplayLimits { window: Duration::from_secs(10), max_entries: 2 };

/// The result of a check, with the reservation committed.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    New,
    Replayed,
    Full,
}

/// Uses an id at that time.
async fn accept(store: &impl ReplayStore, id: &str, now: i64) -> Outcome {
    match store.check_and_insert(ReplayId::new(&[id]), UnixTime(now)).await {
        ReplayCheck::New(reservation) => {
            reservation.commit();
            Outcome::New
        }
        ReplayCheck::Replayed => Outcome::Replayed,
        ReplayCheck::Full => Outcome::Full,
        ReplayCheck::Unavailable => panic!("nothing is shared"),
    }
}

/// Checks an id, and goes away without using it.
async fn abandon(store: &impl ReplayStore, id: &str, now: i64) {
    let check = store.check_and_insert(ReplayId::new(&[id]), UnixTime(now)).await;
    assert!(matches!(check, ReplayCheck::New(_)), "{check:?}");
}

async fn keeps_the_contract(store: impl ReplayStore) {
    abandon(&store, "a", 0).await;
    assert_eq!(accept(&store, "a", 0).await, Outcome::New, "nothing had come of it");
    assert_eq!(accept(&store, "a", 9).await, Outcome::Replayed, "a replay within the window");
    assert_eq!(accept(&store, "b", 9).await, Outcome::New);
    assert_eq!(accept(&store, "c", 9).await, Outcome::Full, "nothing is evicted for it");
    assert_eq!(accept(&store, "a", 9).await, Outcome::Replayed, "known though full");
    assert_eq!(accept(&store, "c", 10).await, Outcome::New, "the first window is over");
    assert_eq!(accept(&store, "c", 2).await, Outcome::Replayed, "the clock was set back");
}

#[tokio::test]
async fn s8_memory_keeps_the_contract() {
    keeps_the_contract(ReplayStores::default().memory("rule", LIMITS)).await;
}

#[tokio::test]
async fn s8_replicas_that_share_nothing_keep_the_contract() {
    let shared = SharedStore::default();
    keeps_the_contract(ReplayStores::default().replicated("rule", LIMITS, shared)).await;
}

#[tokio::test]
async fn s8_a_reload_forgets_nothing() {
    let stores = ReplayStores::default();
    assert_eq!(accept(&stores.memory("rule", LIMITS), "a", 0).await, Outcome::New);
    let shorter = ReplayLimits { window: Duration::from_secs(1), max_entries: 1 };
    let reopened = stores.clone().memory("rule", shorter);
    assert_eq!(accept(&reopened, "a", 9).await, Outcome::Replayed);
    assert_eq!(accept(&reopened, "b", 9).await, Outcome::Full, "the new bound counts at once");
    assert_eq!(accept(&reopened, "a", 10).await, Outcome::New);
}

#[tokio::test]
async fn s8_one_rule_does_not_fill_another_ones_store() {
    let stores = ReplayStores::default();
    let (one, other) = (stores.memory("one", LIMITS), stores.memory("other", LIMITS));
    for id in ["a", "b"] {
        assert_eq!(accept(&one, id, 0).await, Outcome::New);
    }
    assert_eq!(accept(&one, "c", 0).await, Outcome::Full);
    assert_eq!(accept(&other, "c", 0).await, Outcome::New);
}
