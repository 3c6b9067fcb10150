//! Buckets, their room and their eviction, at times that the tests choose.

use std::{sync::Arc, thread, time::Duration};

use super::*;
use crate::{
    identity::ClaimPath,
    json::Object,
    limits::{
        Metrics,
        key::{DigestKeys, KeyRule, LimitSubject},
        settings::KeyPart,
    },
    telemetry::MetricRegistry,
};

const SECOND: u64 = 1_000_000_000;

fn table(max_keys: usize) -> BucketTable {
    let metrics = Metrics::register(&MetricRegistry::default());
    BucketTable::new(max_keys, metrics.of_table("limit"))
}

/// Ten a second, two at once.
fn rate() -> Demand {
    Demand { rate: Some(Gcra::new(10, Duration::from_secs(1), 2)), concurrency: None }
}

fn at_once(most: u32) -> Demand {
    Demand { rate: None, concurrency: Some(most) }
}

/// The digests of that many clients of one issuer.
fn keys(count: usize) -> Vec<KeyDigest> {
    let keys = DigestKeys::default();
    let rule = KeyRule::new(vec![KeyPart::Claim(ClaimPath::parse("client_id").unwrap())]);
    let digest = |number| {
        let claims = Object::parse(format!(r#"{{"client_id":"{number}"}}"#).as_bytes()).unwrap();
        let token = Some(("corp", &claims));
        let subject = LimitSubject { token, signer: None, address: None, route: "/**" };
        rule.digest(&subject, &keys).0
    };
    (0..count).map(digest).collect()
}

#[test]
fn each_key_has_a_bucket_of_its_own() {
    let (table, keys) = (table(10), keys(2));
    let passes = |key: usize, now| table.take(keys[key], rate(), now).is_ok();
    assert_eq!([passes(0, 0), passes(0, 0), passes(0, 0)], [true, true, false]);
    assert_eq!([passes(1, 0), passes(1, 0), passes(1, 0)], [true, true, false]);
    assert_eq!([passes(0, SECOND / 10), passes(0, SECOND / 10)], [true, false]);
}

#[test]
fn l2_a_full_table_evicts_no_bucket_that_is_not_full_and_says_so() {
    let (table, keys) = (table(2), keys(4));
    table.take(keys[0], rate(), 0).unwrap();
    table.take(keys[1], rate(), SECOND / 20).unwrap();
    assert_eq!(table.take(keys[2], rate(), SECOND / 20), Err(TableRefusal::Full));
    assert!(table.take(keys[0], rate(), SECOND / 20).is_ok(), "who is there is served on");
    // The second one is full again after 0.15 s, the first only after 0.2 s.
    assert_eq!(table.take(keys[2], rate(), SECOND / 10), Err(TableRefusal::Full));
    assert!(table.take(keys[2], rate(), SECOND * 3 / 20).is_ok());
    assert_eq!(table.take(keys[3], rate(), SECOND * 3 / 20), Err(TableRefusal::Full));
    assert!(table.take(keys[1], rate(), SECOND).is_ok(), "evicted, and as if it had never been");
}

#[test]
fn l2_a_bucket_that_a_request_holds_is_not_evicted() {
    let (table, keys) = (table(1), keys(2));
    table.take(keys[0], at_once(1), 0).unwrap();
    assert_eq!(table.take(keys[0], at_once(1), SECOND), Err(TableRefusal::Concurrency));
    assert_eq!(table.take(keys[1], at_once(1), 100 * SECOND), Err(TableRefusal::Full));
    table.release(keys[0]);
    assert!(table.take(keys[1], at_once(1), 100 * SECOND).is_ok());
    // What was released before a reload changed the limit, or twice, frees nothing of another.
    table.release(keys[0]);
    assert_eq!(table.take(keys[1], at_once(1), 100 * SECOND), Err(TableRefusal::Concurrency));
}

#[test]
fn what_is_refused_costs_nothing() {
    let (table, keys) = (table(1), keys(1));
    let both = Demand { concurrency: Some(1), ..rate() };
    table.take(keys[0], both, 0).unwrap();
    assert_eq!(table.take(keys[0], both, 0), Err(TableRefusal::Concurrency));
    table.release(keys[0]);
    assert_eq!(table.take(keys[0], both, 0).unwrap().remaining, 0);
    assert!(matches!(table.take(keys[0], rate(), 0), Err(TableRefusal::Rate(_))));
    table.refund(keys[0], rate().rate.unwrap());
    assert!(table.take(keys[0], rate(), 0).is_ok());
}

#[test]
fn d11_l5_a_time_that_runs_backwards_evicts_and_gives_nothing() {
    let (table, keys) = (table(1), keys(2));
    table.take(keys[0], rate(), 10 * SECOND).unwrap();
    table.take(keys[0], rate(), 10 * SECOND).unwrap();
    for earlier in [0, SECOND, 9 * SECOND] {
        assert!(matches!(table.take(keys[0], rate(), earlier), Err(TableRefusal::Rate(_))));
        assert_eq!(table.take(keys[1], rate(), earlier), Err(TableRefusal::Full));
    }
}

/// What the maps have allocated, by their layout: a slot and a byte of control for each place, and
/// an eighth of the places stays empty.
fn bytes(table: &BucketTable) -> usize {
    let places = |shard: &Mutex<Shard>| (shard.lock().buckets.capacity() * 8).div_ceil(7);
    let slots: usize = table.shards.iter().map(places).sum();
    slots * (size_of::<(KeyDigest, Bucket)>() + 1)
}

#[test]
fn l2_a_hundred_thousand_identities_stay_within_the_memory_that_is_said() {
    const KEYS: usize = 100_000;
    let (table, keys) = (table(KEYS), keys(KEYS + 1_000));
    for key in &keys[..KEYS] {
        table.take(*key, rate(), 0).unwrap();
    }
    let full = bytes(&table);
    for key in &keys[KEYS..] {
        assert_eq!(table.take(*key, rate(), 0), Err(TableRefusal::Full));
    }
    assert_eq!(bytes(&table), full, "who is refused leaves nothing behind");
    assert!(full <= 64 * KEYS, "{full} bytes");
    // All of them again and again, with others in between: no more than that.
    for round in 1..5 {
        for key in &keys {
            table.take(*key, rate(), round * SECOND).ok();
        }
    }
    assert!(bytes(&table) <= 64 * KEYS, "{} bytes", bytes(&table));
}

#[test]
fn a_table_does_not_grow_with_callers_who_are_gone() {
    let (table, keys) = (table(1_000_000), keys(20_000));
    for (number, key) in keys.iter().enumerate() {
        // A hundred are there at a time.
        table.take(*key, rate(), number as u64 * SECOND / 1_000).unwrap();
    }
    assert!(table.buckets.load(Relaxed) < 1_000, "{:?}", table.buckets);
}

#[test]
fn all_threads_together_get_the_burst_and_no_more() {
    const THREADS: usize = 4;
    let table = Arc::new(table(100));
    let key = keys(1)[0];
    let burst = 10_000;
    let demand = Demand { rate: Some(Gcra::new(1, Duration::from_hours(1), burst)), ..rate() };
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let table = Arc::clone(&table);
            let take = move |_: &u32| table.take(key, demand, 0).is_ok();
            thread::spawn(move || (0..burst).filter(take).count())
        })
        .collect();
    let passed: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(passed, burst as usize);
}
