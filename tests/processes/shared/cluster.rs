//! A real Redis Cluster: whichever node has a key, and even if that node fails.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use countersign::shared::{
    LogPosition, RateAnswer, RateRule, SharedKey, SharedKind,
    settings::{SharedLayout, SharedSettings},
};

use super::scene::{Files, Replica, TTL, eventually, key, local};
use crate::support::{authority::Authority, logs, redis_group::RedisCluster};

const TIMEOUT: Duration = Duration::from_millis(200);

/// How much later than its deadline an answer may come on a machine that is busy with other
/// tests.
const SLACK: Duration = Duration::from_secs(2);

/// A primary counts as lost after half a second; its replica is elected within two, and found
/// within one. On a busy machine.
const RECOVERY: Duration = Duration::from_secs(20);

/// So many keys that every primary has some.
const KEYS: u8 = 60;

fn settings(cluster: &RedisCluster, files: &Files) -> SharedSettings {
    // One of them is enough to find all others.
    let seeds = vec![local(cluster.ports()[1])];
    files.settings_of(SharedLayout::Cluster(seeds))
}

fn names(cluster: &RedisCluster) -> BTreeSet<String> {
    let of = |port| cluster.ask::<Vec<String>>(port, &["KEYS", "*"]);
    cluster.primaries().into_iter().flat_map(of).collect()
}

/// The primary that has a key of that name.
fn owner(cluster: &RedisCluster, name: &str) -> u16 {
    let has = |port: &u16| cluster.ask::<Vec<String>>(*port, &["KEYS", name]).len() == 1;
    cluster.primaries().into_iter().find(has).unwrap()
}

#[tokio::test]
async fn every_use_of_the_store_works_over_all_nodes_of_a_cluster() {
    let Some(cluster) = RedisCluster::start() else { return };
    let files = Files::new();
    let settings = settings(&cluster, &files);
    let one = Replica::connected(&settings).await;
    let other = Replica::connected(&settings).await;
    assert_eq!(one.store.dependency().unwrap().missing, None);
    for number in 0..KEYS {
        one.put(&key(number), &[number]).await;
        assert_eq!(other.store.get(&key(number)).await.unwrap().as_ref(), [number]);
        let mark = SharedKey::new(SharedKind::Replay, [number; 32]);
        assert_eq!(one.store.set_if_absent(&mark, TTL).await, Some(true));
        assert_eq!(other.store.set_if_absent(&mark, TTL).await, Some(false));
        let bucket = SharedKey::new(SharedKind::Limit, [number; 32]);
        let rule = RateRule::new(3_600_000_000_000, 1);
        let taken = one.store.take(&bucket, &rule).await;
        assert!(matches!(taken, Some(RateAnswer::Passed { .. })), "{taken:?}");
        let taken = other.store.take(&bucket, &rule).await;
        assert!(matches!(taken, Some(RateAnswer::Refused { .. })), "{taken:?}");
    }
    for port in cluster.primaries() {
        assert!(cluster.ask::<usize>(port, &["DBSIZE"]) > 10, "{port} has too few");
    }
    one.store.append(SharedKind::Revocation, b"logout", TTL);
    let mut position = LogPosition::default();
    eventually("the log", async || {
        let batch = other.store.read_since(SharedKind::Revocation, &mut position).await;
        batch.is_some_and(|batch| batch.entries == ["logout"])
    })
    .await;
}

#[tokio::test]
async fn k14_every_node_of_a_cluster_is_reached_under_tls_and_by_its_own_name() {
    let authority = Authority::new("ours");
    let identity = authority.server("127.0.0.1");
    let (certificate, key_pem) = (&identity.certificate_pem, identity.key_pem());
    let cluster = RedisCluster::start_with_tls(certificate, &key_pem, &authority.pem());
    let Some(cluster) = cluster else { return };
    let files = Files::new();
    let plain = files.settings_of(SharedLayout::Cluster(vec![local(cluster.tls_port())]));
    let mut settings =
        SharedSettings { ca_file: Some(files.write("ca.pem", authority.pem())), ..plain };
    settings.address.tls = true;
    let replica = Replica::connected(&settings).await;
    for number in 0..KEYS {
        assert_eq!(replica.store.set_if_absent(&key(number), TTL).await, Some(true));
    }
    let other = Authority::new("other");
    let stranger =
        SharedSettings { ca_file: Some(files.write("other.pem", other.pem())), ..settings };
    let begin = logs::capture();
    let replica = Replica::start(&stranger);
    eventually("the refusal", async || logs::since(begin).contains("UnknownIssuer")).await;
    assert!(!replica.is_connected());
}

#[tokio::test]
async fn a_key_that_moves_to_another_node_is_followed_there() {
    let Some(cluster) = RedisCluster::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&settings(&cluster, &files)).await;
    let before = names(&cluster);
    assert_eq!(replica.store.set_if_absent(&key(1), TTL).await, Some(true));
    let now = names(&cluster);
    let name = now.difference(&before).next().unwrap();
    let from = owner(&cluster, name);
    let to = cluster.primaries().into_iter().find(|port| *port != from).unwrap();
    let id = |port| cluster.ask::<String>(port, &["CLUSTER", "MYID"]);
    let slot = cluster.ask::<u16>(from, &["CLUSTER", "KEYSLOT", name]).to_string();
    let set = |port, words: &[&str]| {
        let command = [&["CLUSTER", "SETSLOT", slot.as_str()], words].concat();
        cluster.ask::<()>(port, &command);
    };
    set(to, &["IMPORTING", &id(from)]);
    set(from, &["MIGRATING", &id(to)]);
    cluster.ask::<()>(from, &["DEL", name]);
    // On its way: the old node says ASK, and the new one takes it only then.
    assert_eq!(replica.store.set_if_absent(&key(1), TTL).await, Some(true));
    assert_eq!(cluster.ask::<usize>(to, &["CLUSTER", "COUNTKEYSINSLOT", &slot]), 1);
    for port in [to, from] {
        set(port, &["NODE", &id(to)]);
    }
    // Moved: the old node says so, and it costs nothing.
    assert_eq!(replica.store.set_if_absent(&key(1), TTL).await, Some(false));
    assert_eq!(replica.count("first", "error"), 0);
    eventually("the new topology", async || {
        replica.store.set_if_absent(&key(1), TTL).await == Some(false)
            && owner(&cluster, name) == to
    })
    .await;
}

#[tokio::test]
async fn l6_of_a_primary_that_is_killed_only_its_slots_are_lost_until_its_replica_is_one() {
    let begin = logs::capture();
    let Some(mut cluster) = RedisCluster::start() else { return };
    let files = Files::new();
    let settings = SharedSettings { timeout: TIMEOUT, ..settings(&cluster, &files) };
    let replica = Replica::connected(&settings).await;
    let lost = cluster.primaries()[0];
    cluster.kill(lost);
    let began = Instant::now();
    eventually("the loss", async || replica.store.dependency().unwrap().missing.is_some()).await;
    assert!(!replica.is_connected());
    let (mut answered, mut unknown) = (0, 0);
    while !replica.is_connected() {
        assert!(began.elapsed() < RECOVERY, "{:?}", began.elapsed());
        for number in 0..KEYS {
            let asked = Instant::now();
            match replica.store.set_if_absent(&key(number), TTL).await {
                Some(_) => answered += 1,
                None => unknown += 1,
            }
            assert!(asked.elapsed() < TIMEOUT + SLACK, "{:?}", asked.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(answered > 0 && unknown > 0, "{answered} {unknown}");
    eventually("all keys", async || {
        for number in 0..KEYS {
            if replica.store.set_if_absent(&key(number), TTL).await.is_none() {
                return false;
            }
        }
        true
    })
    .await;
    let log = logs::since(begin);
    assert!(log.contains("some of the shared store can't be reached"), "{log}");
}
