//! What the introspection of a whole fleet asks of its endpoint and of Redis, in virtual time.

mod endpoint;
mod replicas;

use replicas::Fleet;

use crate::testing::fleet::{Figure, LATENCY, SizingTable, highest_of_independent, sizes};

const SOME: u32 = 100;

/// The default `cache_ttl`, in seconds.
const CACHE_TTL: f64 = 30.0;

/// Each token comes every ten seconds on average.
const TOKENS_PER_REPLICA: u32 = 10;
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
    fleet.requests(end, (replicas * TOKENS_PER_REPLICA) as usize).await;
    let servers = &fleet.servers;
    let introspections = servers.introspections.rate(WARM_UP..end);
    Usual { introspections, redis: servers.redis.rate(WARM_UP..end) }
}

/// Introspections a second of the usual load: each answer counts for its time, in each of so many
/// caches, and then until the next use there.
fn expected(replicas: u32, caches: f64) -> f64 {
    let tokens = f64::from(replicas * TOKENS_PER_REPLICA);
    tokens * caches / (CACHE_TTL + BETWEEN_USES * caches)
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
    // Twice, since it expires in a second of each.
    let highest = introspections.highest(5..65);
    assert!(introspections.total(0..30) <= replicas, "more than one of each replica and TTL");
    if is_shared {
        // Those whose request comes before the answer to the first one.
        let meanwhile = highest_of_independent(f64::from(replicas) * LATENCY.as_secs_f64());
        assert!(f64::from(highest) <= meanwhile, "{highest} of {replicas}");
    }
    highest
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
        table.add(
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
