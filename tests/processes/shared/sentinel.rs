//! A real primary with real sentinels, of which some are lost.

use std::time::{Duration, Instant};

use countersign::shared::settings::{SharedLayout, SharedSettings};

use super::scene::{Files, Replica, TTL, eventually, key, local};
use crate::support::{
    authority::Authority,
    logs,
    redis_group::{MASTER, RedisSentinels, SENTINEL_PASSWORD},
};

const TIMEOUT: Duration = Duration::from_millis(200);

const SLACK: Duration = Duration::from_secs(2);

/// Half a second until it counts as lost, two until there is another one, one until it is found.
/// On a busy machine.
const RECOVERY: Duration = Duration::from_secs(20);

fn settings(group: &RedisSentinels, files: &Files) -> SharedSettings {
    let sentinels = group.sentinel_ports().into_iter().map(local).collect();
    let layout = SharedLayout::Sentinel { sentinels, master: MASTER.to_owned() };
    SharedSettings {
        sentinel_password_file: Some(files.write("sentinel", SENTINEL_PASSWORD)),
        timeout: TIMEOUT,
        ..files.settings_of(layout)
    }
}

#[tokio::test]
async fn l6_when_a_primary_is_killed_the_one_that_the_sentinels_elect_is_used() {
    let Some(mut group) = RedisSentinels::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&settings(&group, &files)).await;
    assert_eq!(replica.store.set_if_absent(&key(1), TTL).await, Some(true));
    // The first sentinel is not there any more either.
    group.kill_sentinel();
    group.kill_primary();
    let began = Instant::now();
    eventually("the end", async || !replica.is_connected()).await;
    while !replica.is_connected() {
        let asked = Instant::now();
        assert_eq!(replica.store.set_if_absent(&key(2), TTL).await, None);
        assert!(asked.elapsed() < TIMEOUT + SLACK, "{:?}", asked.elapsed());
        assert!(began.elapsed() < RECOVERY, "{:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    eventually("a primary", async || replica.store.set_if_absent(&key(3), TTL).await == Some(true))
        .await;
    assert_eq!(replica.store.dependency().unwrap().missing, None);
}

#[tokio::test]
async fn k14_sentinels_and_the_primary_that_they_elect_are_reached_under_tls() {
    let authority = Authority::new("ours");
    let identity = authority.server("127.0.0.1");
    let (certificate, key_pem) = (&identity.certificate_pem, identity.key_pem());
    let group = RedisSentinels::start_with_tls(certificate, &key_pem, &authority.pem());
    let Some(mut group) = group else { return };
    let files = Files::new();
    let layout = SharedLayout::Sentinel {
        sentinels: group.sentinel_tls_ports().into_iter().map(local).collect(),
        master: MASTER.to_owned(),
    };
    let mut settings = settings(&group, &files);
    settings.ca_file = Some(files.write("ca.pem", authority.pem()));
    settings.address.layout = layout;
    settings.address.tls = true;
    let replica = Replica::connected(&settings).await;
    assert_eq!(replica.store.set_if_absent(&key(1), TTL).await, Some(true));
    group.kill_primary();
    eventually("the end", async || !replica.is_connected()).await;
    eventually("a primary", async || replica.store.set_if_absent(&key(2), TTL).await == Some(true))
        .await;
    let other = Authority::new("other");
    let stranger =
        SharedSettings { ca_file: Some(files.write("other.pem", other.pem())), ..settings };
    let begin = logs::capture();
    let replica = Replica::start(&stranger);
    eventually("the refusal", async || logs::since(begin).contains("UnknownIssuer")).await;
    assert!(!replica.is_connected());
}

#[tokio::test]
async fn sentinels_that_do_not_know_us_or_the_primary_lead_nowhere() {
    let Some(group) = RedisSentinels::start() else { return };
    let files = Files::new();
    let good = settings(&group, &files);
    let unknown = SharedSettings { sentinel_password_file: None, ..good.clone() };
    let layout = SharedLayout::Sentinel {
        sentinels: group.sentinel_ports().into_iter().map(local).collect(),
        master: "another".to_owned(),
    };
    let mut another = good.clone();
    another.address.layout = layout;
    for (settings, problem) in [(unknown, "NOAUTH"), (another, "knows the primary")] {
        let begin = logs::capture();
        let replica = Replica::start(&settings);
        eventually(problem, async || logs::since(begin).contains(problem)).await;
        assert!(!replica.is_connected());
        let log = logs::since(begin);
        assert!(!log.contains(SENTINEL_PASSWORD), "{log}");
    }
}
