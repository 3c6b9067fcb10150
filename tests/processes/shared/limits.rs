//! L-6: rates that replicas share: one bucket for all, by the server's clock.

use std::time::{Duration, Instant};

use countersign::{
    clock::UnixTime,
    replay::{ReplayCheck, ReplayId, ReplayLimits, ReplayStore, ReplayStores},
    shared::{
        LostStore, RateAnswer, RateRule, SharedKey, SharedKind,
        settings::{SharedSettings, UseSettings},
    },
};

use super::scene::{Files, Replica, eventually};
use crate::support::{NOW, redis::RedisServer};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;

fn bucket(byte: u8) -> SharedKey {
    SharedKey::new(SharedKind::Limit, [byte; 32])
}

async fn passes(replica: &Replica, rule: &RateRule) -> bool {
    matches!(replica.store.take(&bucket(1), rule).await, Some(RateAnswer::Passed { .. }))
}

#[tokio::test]
async fn l1_replicas_share_one_burst_whatever_their_clocks_say() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replica::connected(&files.settings(&server)).await;
    let other = Replica::connected(&files.settings(&server)).await;
    other.clock.set(UnixTime(NOW - 1_000_000));
    let rule = RateRule::new(HOUR, 4);
    let mut passed = Vec::new();
    for replica in [&one, &other, &one, &other, &one, &other] {
        passed.push(passes(replica, &rule).await);
    }
    assert_eq!(passed, [true, true, true, true, false, false]);
    match one.store.take(&bucket(1), &rule).await {
        Some(RateAnswer::Refused { wait }) => {
            assert!((3_500_000_000..=3_600_000_000).contains(&wait), "{wait} µs");
        }
        answer => panic!("{answer:?}"),
    }
    assert_eq!((one.count("limit", "done"), one.count("limit", "limited")), (2, 2));
    assert!(matches!(
        other.store.take(&bucket(2), &rule).await,
        Some(RateAnswer::Passed { full_in: 3_600_000_000 })
    ));
}

#[tokio::test]
async fn l1_the_rate_of_all_replicas_together_is_the_one_that_is_said() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let one = Replica::connected(&files.settings(&server)).await;
    let other = Replica::connected(&files.settings(&server)).await;
    let (rate, burst) = (200_u32, 100_u32);
    let rule = RateRule::new(SECOND / u64::from(rate), burst);
    let began = Instant::now();
    let mut passed = 0;
    while began.elapsed() < Duration::from_secs(2) {
        let (a, b) = tokio::join!(passes(&one, &rule), passes(&other, &rule));
        passed += u32::from(a) + u32::from(b);
    }
    let expected = f64::from(burst) + f64::from(rate) * began.elapsed().as_secs_f64();
    let error = (f64::from(passed) - expected).abs() / expected;
    assert!(error <= 0.05, "{passed} instead of {expected}");
}

#[tokio::test]
async fn l6_what_others_write_there_is_not_for_ever() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    let rule = RateRule::new(SECOND / 10, 2);
    assert!(passes(&replica, &rule).await);
    let [name] = &*server.names() else { panic!("{:?}", server.names()) };
    let write = |value: &str| {
        redis::cmd("SET").arg(name).arg(value).query::<()>(&mut server.intruder()).unwrap();
    };
    write("no number");
    assert!(passes(&replica, &rule).await, "as if nothing were there");
    write("-1");
    assert!(passes(&replica, &rule).await);
    // As a server whose clock was set back by years.
    write("9e15");
    assert!(!passes(&replica, &rule).await, "an empty bucket");
    eventually("a request that passes", async || passes(&replica, &rule).await).await;
    redis::cmd("DEL").arg(name).query::<()>(&mut server.intruder()).unwrap();
    redis::cmd("LPUSH").arg(name).arg("x").query::<i64>(&mut server.intruder()).unwrap();
    assert_eq!(replica.store.take(&bucket(1), &rule).await, None, "not decided");
    assert!(replica.is_connected());
}

/// As each replica alone does: see the tests of `limits::table`.
#[tokio::test]
async fn a_rate_that_is_raised_counts_at_once_and_a_lowered_one_gives_nothing_away() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    let hourly = RateRule::new(HOUR / 20, 20);
    for _ in 0..20 {
        assert!(passes(&replica, &hourly).await);
    }
    let lowered = RateRule::new(HOUR / 10, 10);
    assert!(!passes(&replica, &lowered).await, "the bucket is full in an hour, by either");
    assert!(!passes(&replica, &hourly).await);
    let raised = RateRule::new(SECOND / 100, 100);
    match replica.store.take(&bucket(1), &raised).await {
        Some(RateAnswer::Refused { wait }) => assert!(wait <= 10_001, "{wait} µs"),
        answer => panic!("{answer:?}"),
    }
    eventually("a request that passes", async || passes(&replica, &raised).await).await;
}

#[tokio::test]
async fn a_bucket_that_is_full_again_is_gone() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    assert!(passes(&replica, &RateRule::new(SECOND / 100, 1)).await);
    eventually("its end", async || server.names().is_empty()).await;
}

#[tokio::test]
async fn s8_without_redis_no_message_is_new_where_that_is_refused() {
    let Some(mut server) = RedisServer::start() else { return };
    let files = Files::new();
    let uses = UseSettings { replay: LostStore::Refuse, ..UseSettings::default() };
    let settings = SharedSettings { uses, ..files.settings(&server) };
    let replica = Replica::connected(&settings).await;
    let limits = ReplayLimits {
        window: Duration::from_mins(5),
        clock_skew: Duration::ZERO,
        max_entries: 10,
    };
    let store = ReplayStores::default().replicated("rule", limits, replica.store.clone());
    let check =
        async |id: &str| store.check_and_insert(ReplayId::new(&[id]), None, UnixTime(NOW)).await;
    match check("before").await {
        ReplayCheck::New(reservation) => reservation.commit(),
        check => panic!("{check:?}"),
    }
    server.kill();
    eventually("the end", async || !replica.is_connected()).await;
    for _ in 0..3 {
        assert!(matches!(check("meanwhile").await, ReplayCheck::Unavailable));
        assert!(matches!(check("before").await, ReplayCheck::Replayed), "known here");
    }
    server.start_again();
    replica.until_connected().await;
    assert!(matches!(check("meanwhile").await, ReplayCheck::New(_)), "it was not delivered before");
}
