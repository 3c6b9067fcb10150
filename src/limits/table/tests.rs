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

/// A rate by which requests count, with the burst that it has by default.
fn at(requests: u32, period: Duration) -> Demand {
    Demand { rate: Some(Gcra::new(requests, period, requests)), concurrency: None }
}

fn an_hour(requests: u32) -> Demand {
    at(requests, Duration::from_hours(1))
}

/// How many of so many requests pass at that moment.
fn passes(table: &BucketTable, key: KeyDigest, demand: Demand, now: u64) -> usize {
    (0..2_000).filter(|_| table.take(key, demand, now).is_ok()).count()
}

/// A table in which a caller has used up that rate, which another one takes the place of.
fn used_up(before: Demand, after: Demand) -> (BucketTable, KeyDigest) {
    let (table, key) = (table(10), keys(1)[0]);
    table.adapt(before.rate.unwrap(), 0);
    assert_eq!(passes(&table, key, before, 0), before.rate.unwrap().burst() as usize);
    table.adapt(after.rate.unwrap(), 0);
    (table, key)
}

#[test]
fn a_rate_that_is_raised_counts_at_once_for_who_has_used_up_the_one_before() {
    let raised = at(100, Duration::from_secs(1));
    let (table, key) = used_up(an_hour(1_000), raised);
    assert_eq!(table.take(key, raised, 0), Err(TableRefusal::Rate(SECOND / 100)));
    assert!(table.take(key, raised, SECOND / 100).is_ok());
    assert_eq!(passes(&table, key, raised, SECOND), 99, "what a second of the new rate fills");
}

#[test]
fn a_rate_that_is_lowered_gives_what_an_hour_of_it_fills_and_no_more() {
    let (before, lowered) = (an_hour(1_000), an_hour(10));
    // The bucket is full in an hour, by either.
    let (table, key) = used_up(before, lowered);
    assert_eq!(passes(&table, key, lowered, 0), 0);
    let later = 360 * SECOND;
    assert_eq!(passes(&table, key, lowered, later), 1);
    for other in [before, lowered] {
        table.adapt(other.rate.unwrap(), later);
        assert_eq!(passes(&table, key, other, later), 0, "to and fro");
    }
}

#[test]
fn a_burst_that_is_lowered_is_waited_for_no_longer_than_it_takes() {
    let alone = Gcra::new(1_000, Duration::from_hours(1), 1);
    let alone = Demand { rate: Some(alone), concurrency: None };
    let (table, key) = used_up(an_hour(1_000), alone);
    assert_eq!(table.take(key, alone, 0), Err(TableRefusal::Rate(3_600 * SECOND / 1_000)));
}

#[test]
fn buckets_of_the_rate_before_take_no_room_for_longer_than_the_new_one_needs() {
    let (table, keys) = (table(2), keys(3));
    for key in &keys[..2] {
        assert_eq!(passes(&table, *key, an_hour(1_000), 0), 1_000);
    }
    let raised = at(100, Duration::from_secs(1));
    table.adapt(raised.rate.unwrap(), 0);
    assert_eq!(table.take(keys[2], raised, SECOND - 1), Err(TableRefusal::Full));
    assert!(table.take(keys[2], raised, SECOND).is_ok());
}

#[test]
fn a_request_by_the_rate_before_does_not_bring_its_wait_back() {
    let (table, key, raised) = (table(10), keys(1)[0], at(100, Duration::from_secs(1)));
    table.adapt(raised.rate.unwrap(), 0);
    assert_eq!(passes(&table, key, an_hour(1_000), 0), 1_000, "they began before");
    assert_eq!(table.take(key, raised, 0), Err(TableRefusal::Rate(SECOND / 100)));
    // What another limit refuses of them fills no bucket that counts by another rate.
    table.refund(key, an_hour(1_000).rate.unwrap());
    assert_eq!(table.take(key, raised, 0), Err(TableRefusal::Rate(SECOND / 100)));
}

#[test]
fn a_bucket_that_a_request_by_the_rate_before_has_made_is_evicted_when_the_new_one_fills_it() {
    let (table, keys) = (table(1), keys(2));
    let raised = at(100, Duration::from_secs(1));
    table.adapt(raised.rate.unwrap(), 0);
    table.take(keys[0], an_hour(1), 0).unwrap();
    assert!(table.take(keys[0], raised, 0).is_err(), "it is empty, and full in a second");
    assert!(table.take(keys[1], raised, SECOND).is_ok());
}

#[test]
fn requests_by_the_rate_before_give_nothing_of_the_new_one_away() {
    let (before, after) = (at(100, Duration::from_secs(1)), an_hour(1_000));
    let (table, key) = used_up(after, after);
    for _ in 0..10 {
        assert!(table.take(key, before, 0).is_err());
        assert!(table.take(key, after, 0).is_err(), "the bucket is empty by both");
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
