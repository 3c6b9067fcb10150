//! What every store promises, held against each of them.

use std::time::Duration;

use crate::{clock::UnixTime, shared::SharedStore};

use super::{ReplayCheck, ReplayId, ReplayLimits, ReplayStore, ReplayStores};

const LIMITS: ReplayLimits =
    ReplayLimits { window: Duration::from_secs(10), clock_skew: Duration::ZERO, max_entries: 2 };

/// The result of a check, with the reservation committed.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    New,
    Replayed,
    TooOld,
    Full,
}

/// Uses an id at that time.
async fn accept(store: &impl ReplayStore, id: &str, now: i64) -> Outcome {
    accept_issued(store, id, None, now).await
}

/// Uses the id of a message with that time of issue.
async fn accept_issued(
    store: &impl ReplayStore,
    id: &str,
    issued: Option<i64>,
    now: i64,
) -> Outcome {
    let issued = issued.map(UnixTime);
    match store.check_and_insert(ReplayId::new(&[id]), issued, UnixTime(now)).await {
        ReplayCheck::New(reservation) => {
            reservation.commit();
            Outcome::New
        }
        ReplayCheck::Replayed => Outcome::Replayed,
        ReplayCheck::TooOld => Outcome::TooOld,
        ReplayCheck::Full => Outcome::Full,
        ReplayCheck::Unavailable => panic!("nothing is shared"),
    }
}

/// Checks an id, and goes away without using it.
async fn abandon(store: &impl ReplayStore, id: &str, now: i64) {
    let check = store.check_and_insert(ReplayId::new(&[id]), None, UnixTime(now)).await;
    assert!(matches!(check, ReplayCheck::New(_)), "{check:?}");
}

async fn keeps_the_contract(store: impl ReplayStore) {
    abandon(&store, "a", 0).await;
    assert_eq!(accept(&store, "a", 0).await, Outcome::New, "nothing had come of it");
    assert_eq!(accept(&store, "a", 9).await, Outcome::Replayed, "a replay within the window");
    assert_eq!(accept(&store, "b", 9).await, Outcome::New);
    assert_eq!(accept(&store, "c", 9).await, Outcome::Full, "nothing is evicted for it");
    assert_eq!(accept(&store, "a", 10).await, Outcome::Replayed, "known though full");
    assert_eq!(accept(&store, "c", 11).await, Outcome::New, "the first window is over");
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
    let shorter = ReplayLimits { window: Duration::from_secs(1), max_entries: 1, ..LIMITS };
    let reopened = stores.clone().memory("rule", shorter);
    assert_eq!(accept(&reopened, "a", 9).await, Outcome::Replayed);
    assert_eq!(accept(&reopened, "b", 9).await, Outcome::Full, "the new bound counts at once");
    assert_eq!(accept(&reopened, "a", 11).await, Outcome::New);
}

const LONGER: ReplayLimits =
    ReplayLimits { window: Duration::from_secs(100), max_entries: 10, ..LIMITS };

#[tokio::test]
async fn s8_what_a_reload_to_a_longer_window_may_have_forgotten_is_too_old() {
    let stores = ReplayStores::default();
    assert_eq!(accept_issued(&stores.memory("rule", LIMITS), "a", Some(0), 0).await, Outcome::New);
    let longer = stores.memory("rule", LONGER);
    assert_eq!(accept_issued(&longer, "b", Some(0), 5).await, Outcome::New, "as before");
    assert_eq!(accept_issued(&longer, "a", Some(0), 10).await, Outcome::Replayed);
    for id in ["a", "c"] {
        assert_eq!(accept_issued(&longer, id, Some(0), 11).await, Outcome::TooOld, "{id}");
    }
    assert_eq!(accept_issued(&longer, "d", Some(6), 90).await, Outcome::New, "issued since");
    assert_eq!(accept(&longer, "a", 90).await, Outcome::New, "without a time there is no age");
}

#[tokio::test]
async fn s8_a_replica_refuses_what_another_one_may_have_accepted_before_the_reload() {
    let stores = ReplayStores::default();
    // It has checked nothing itself.
    drop(stores.replicated("rule", LIMITS, SharedStore::default()));
    let longer = stores.replicated("rule", LONGER, SharedStore::default());
    assert_eq!(accept_issued(&longer, "a", Some(0), 11).await, Outcome::TooOld);
    assert_eq!(accept_issued(&longer, "b", Some(1), 11).await, Outcome::New);
}

#[tokio::test]
async fn s8_a_reload_that_was_refused_hides_no_later_one() {
    let stores = ReplayStores::default();
    let earlier = stores.memory("rule", LIMITS);
    assert_eq!(accept_issued(&earlier, "a", Some(0), 0).await, Outcome::New);
    drop(stores.memory("rule", LONGER));
    assert_eq!(accept_issued(&earlier, "b", Some(50), 50).await, Outcome::New);
    let later = stores.memory("rule", LONGER);
    assert_eq!(accept_issued(&later, "b", Some(50), 61).await, Outcome::TooOld);
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
