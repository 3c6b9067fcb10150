//! What the introspection of a whole fleet asks of its endpoint and of Redis, in virtual time.

mod endpoint;
mod replicas;
/// Shared with the test of ten real processes.
#[path = "../../../tests/processes/fleet/scenes.rs"]
mod scenes;

use tokio::time::sleep;

use replicas::Fleet;
use scenes::{CACHE_TTL, Counts, REPLICAS, TOKENS_PER_REPLICA, scenes};

use crate::testing::fleet::{
    Figure, LATENCY, PerSecond, SizingTable, highest_of_independent, sizes,
};

const SOME: u32 = 100;

/// The default `cache_ttl`, in seconds.
const DEFAULT_TTL: f64 = 30.0;

/// The default `negative_ttl`, in seconds.
const NEGATIVE_TTL: u64 = 5;
const REPEATS: u64 = 6;

/// Of one token, on average.
const BETWEEN_USES: f64 = 10.0;

/// As long as it takes until as many tokens expire as are looked up.
const WARM_UP: u64 = 45;

struct Usual {
    introspections: f64,
    redis: f64,
}

/// One request a second and replica, of ten tokens for each replica, at any replica.
async fn usual(replicas: u32, is_shared: bool) -> Usual {
    // For a small fleet longer, so that there are as many requests.
    let measured = u64::from(6_000 / replicas).clamp(80, 600);
    let end = WARM_UP + measured;
    let fleet = Fleet::start(replicas, is_shared);
    fleet.requests(end, tokens(replicas)).await;
    let servers = &fleet.servers;
    let rate = |events: &PerSecond| events.rate(WARM_UP..end);
    Usual {
        introspections: rate(&servers.introspections),
        redis: rate(&servers.redis_reads) + rate(&servers.redis_writes),
    }
}

fn tokens(replicas: u32) -> usize {
    replicas as usize * TOKENS_PER_REPLICA
}

/// Introspections a second of the usual load: each answer counts for its time, in each of so many
/// caches, and then until the next use there.
fn expected(replicas: u32, caches: f64) -> f64 {
    let tokens = f64::from(u32::try_from(tokens(replicas)).unwrap());
    tokens * caches / (DEFAULT_TTL + BETWEEN_USES * caches)
}

fn assert_near(what: &str, found: f64, expected: f64) {
    assert!((0.85 * expected..1.15 * expected).contains(&found), "{what}: {found}, not {expected}");
}

async fn assert_usual(replicas: u32) -> (Usual, Usual) {
    let (alone, shared) = (usual(replicas, false).await, usual(replicas, true).await);
    let with_all_caches = expected(replicas, f64::from(replicas));
    assert_near("each with its own cache", alone.introspections, with_all_caches);
    assert_near("one cache for all", shared.introspections, expected(replicas, 1.0));
    assert!(alone.redis.abs() < f64::EPSILON, "without [shared]");
    // A read for each miss of a replica, a write for each answer.
    assert_near("operations", shared.redis, with_all_caches + shared.introspections);
    (alone, shared)
}

/// One token on every replica, such as that of a batch job: all of its answers expire together.
/// Returns the highest second of introspections.
async fn one_token(replicas: u32, is_shared: bool) -> u32 {
    let fleet = Fleet::start(replicas, is_shared);
    fleet.requests(65, 1).await;
    let introspections = &fleet.servers.introspections;
    let highest = introspections.highest(5..65);
    assert!(introspections.total(0..30) <= replicas, "more than one of each replica and TTL");
    if is_shared {
        assert!(f64::from(highest) <= meanwhile(replicas), "{highest} of {replicas}");
    }
    highest
}

/// The replicas whose request comes before the answer to the first one.
fn meanwhile(replicas: u32) -> f64 {
    highest_of_independent(f64::from(replicas) * LATENCY.as_secs_f64())
}

/// A token that all replicas have used is revoked, and its client goes on. Returns the
/// introspections of the next times that an *inactive* counts.
async fn revoked_token(replicas: u32, is_shared: bool) -> u32 {
    let fleet = Fleet::start(replicas, is_shared);
    fleet.requests(25, 1).await;
    fleet.servers.revoke();
    fleet.requests(6 + NEGATIVE_TTL * REPEATS, 1).await;
    fleet.servers.introspections.total(25..31 + NEGATIVE_TTL * REPEATS)
}

#[tokio::test(start_paused = true)]
async fn replicas_that_share_answers_ask_once_for_all_of_them() {
    assert_usual(SOME).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_on_all_replicas_costs_one_request_of_each_and_with_redis_a_few() {
    let (alone, shared) = (one_token(SOME, false).await, one_token(SOME, true).await);
    assert!(shared * 4 < alone, "{shared}, and {alone} without Redis");
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_costs_one_request_of_each_replica_per_negative_ttl_and_with_redis_a_few() {
    let times = u32::try_from(REPEATS).unwrap() + 2;
    let (alone, shared) = (revoked_token(SOME, false).await, revoked_token(SOME, true).await);
    assert!((SOME..=SOME * times).contains(&alone), "{alone}");
    assert!(f64::from(shared) <= meanwhile(SOME) * f64::from(times), "{shared}");
    assert!(shared >= times - 2 && shared * 4 < alone, "{shared}, and {alone} without Redis");
}

/// What each scene costs ten replicas.
async fn costs_of_ten(is_shared: bool) -> Vec<Counts> {
    let replicas = u32::try_from(REPLICAS).unwrap();
    let fleet = Fleet::start_with(replicas, is_shared, &format!("cache_ttl = \"{CACHE_TTL:?}\""));
    let mut costs = Vec::new();
    for scene in scenes() {
        if scene.is_after_expiry {
            sleep(CACHE_TTL).await;
        }
        let before = fleet.counts();
        for step in scene.steps {
            fleet.take(step).await;
        }
        costs.push(fleet.counts().since(before));
    }
    costs
}

/// Ten processes are compared with the same table (`tests/processes/fleet/introspection.rs`).
#[tokio::test(start_paused = true)]
async fn the_table_of_ten_is_what_ten_replicas_ask_of_their_endpoint_and_redis() {
    let mut table = SizingTable::new(&[
        "Ten replicas",
        "Introspections",
        "With `[shared]`",
        "Redis reads",
        "Redis writes",
    ]);
    let (alone, shared) = (costs_of_ten(false).await, costs_of_ten(true).await);
    for ((scene, alone), shared) in scenes().iter().zip(alone).zip(shared) {
        assert_eq!((alone.reads, alone.writes), (0, 0), "without [shared]");
        let counts = [alone.introspections, shared.introspections, shared.reads, shared.writes];
        table.add(scene.name, &counts.map(Figure::Count));
    }
    table.compare_with_document();
}

#[tokio::test(start_paused = true)]
async fn the_sizing_table_is_what_fleets_ask_of_their_endpoint_and_redis() {
    let mut table = SizingTable::new(&[
        "Replicas",
        "Introspections a second",
        "With `[shared]`",
        "Redis operations a second",
        "One token everywhere, highest second",
        "With `[shared]`, highest second",
    ]);
    for replicas in sizes() {
        let (alone, shared) = assert_usual(replicas).await;
        table.add_fleet(
            replicas,
            &[
                Figure::Rate(alone.introspections),
                Figure::Rate(shared.introspections),
                Figure::Rate(shared.redis),
                Figure::Highest(one_token(replicas, false).await),
                Figure::Highest(one_token(replicas, true).await),
            ],
        );
    }
    table.compare_with_document();
}
