//! Two replicas with one limit under four times its rate, while a primary of the shared store is
//! killed.

use std::{fs, path::Path, time::Duration};

use super::{
    scene::{HALF, LITTLE, Lane, RATE, Scene, Traffic, is_full},
    service::Service,
};
use crate::support::{
    fleet::Protocol,
    h2load::{Outcome, alone, now},
    redis::PASSWORD,
    redis_group::{MASTER, RedisCluster, RedisSentinels, SENTINEL_PASSWORD},
    wait_until,
};

/// The store's deadline.
const TIMEOUT: Duration = Duration::from_millis(200);

/// How much later an answer may come on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(2);

/// How long both replicas send, and what.
struct Scale {
    seconds: usize,
    lanes: &'static [Lane],
    /// Requests a second that pass.
    limit: usize,
}

const FULL: Scale = Scale { seconds: 30, lanes: &HALF, limit: RATE / 4 };
/// A fifth of the requests, for an unoptimised build.
const SHORT: Scale = Scale { seconds: 15, lanes: &LITTLE, limit: RATE / 20 };

/// What is configured of the store and the limit.
fn tables(url: &str, folder: &Path, limit: usize) -> String {
    let write = |name: &str, content: &str| {
        fs::write(folder.join(name), content).unwrap();
        folder.join(name)
    };
    let password = write("password", PASSWORD);
    let password = password.display();
    let sentinels = if url.contains("sentinel") {
        let file = write("sentinels", SENTINEL_PASSWORD);
        format!("sentinel_password_file = \"{}\"", file.display())
    } else {
        String::new()
    };
    format!(
        "[shared]\nurl = \"{url}\"\npassword_file = \"{password}\"\n{sentinels}\n\
         integrity = \"none\"\ntimeout = \"{}ms\"\nlimits.replicas = 2\n\
         [limits.own]\nkey = {{ claim = \"client_id\" }}\nshared = true\n\
         rate = \"{limit}/s\"\nburst = {limit}",
        TIMEOUT.as_millis()
    )
}

struct Replicas([Scene; 2]);

impl Replicas {
    fn start(url: &str, folder: &Path, service: &Service, limit: usize) -> Self {
        let tables = tables(url, folder, limit);
        let lines = format!("url = \"{}\"", service.url());
        let replicas = Self([0, 1].map(|_| Scene::start(&lines, "limit = \"own\"", &tables)));
        wait_until("the store", || replicas.are_connected());
        replicas
    }

    fn metric(&self, name: &str) -> f64 {
        self.0.iter().map(|replica| replica.process.metric(name)).sum()
    }

    fn are_connected(&self) -> bool {
        self.metric("countersign_shared_connected") > 1.5
    }

    /// Waits until the limit has refused so many more.
    fn refuse(&self, more: f64) {
        let limited = || self.metric("countersign_limited_total{limit=\"own\"}");
        let before = limited();
        wait_until("refusals", || limited() > before + more);
    }

    fn send(&self, scale: &Scale) -> Option<Vec<Traffic>> {
        self.0.iter().map(|replica| replica.send(scale.lanes, scale.seconds)).collect()
    }
}

fn loses_no_request(case: &str, url: &str, kill: impl FnOnce()) {
    let Some(service) = Service::start(([127, 0, 0, 1], 0).into(), Protocol::Http1) else { return };
    let _alone = alone();
    let scale = if is_full() { FULL } else { SHORT };
    let folder = tempfile::tempdir().unwrap();
    let replicas = Replicas::start(url, folder.path(), &service, scale.limit);
    let Some(mut traffic) = replicas.send(&scale) else { return };
    replicas.refuse(50.0);
    kill();
    wait_until("the loss", || !replicas.are_connected());
    let lost = now();
    wait_until("the recovery", || replicas.are_connected());
    let recovered = now();
    // The bucket of the new primary may be full once.
    replicas.refuse(50.0);
    let from = now();
    assert!(!traffic.iter_mut().any(Traffic::is_over), "{case}: the load is too short");
    let ended = traffic.into_iter().map(|traffic| traffic.finish(case).0);
    let all = ended.reduce(Outcome::and).unwrap();
    let refused = all.with_status(429);
    println!(
        "{case}: {:.0}/s, without the store for {:?}",
        all.rate(),
        recovered.checked_sub(lost).unwrap()
    );
    assert_eq!(all.failed(), refused, "{case}: {all}");
    assert_eq!(all.longer_than(TIMEOUT + SLACK), 0, "{case}: {all}");
    let steady = all.between(from, Duration::MAX);
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let expected = number(scale.limit) * steady.elapsed().as_secs_f64();
    let error = (number(steady.with_status(200)) - expected) / expected;
    println!("{case}: {steady}, {:+.2} %", error * 100.0);
    assert!(error.abs() <= 0.05, "{case}: {error} of {expected}");
}

#[test]
fn l6_a_primary_of_a_cluster_that_is_killed_under_load_costs_no_request() {
    let Some(mut cluster) = RedisCluster::start() else { return };
    let nodes: Vec<_> = cluster.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    loses_no_request("cluster", &format!("redis+cluster://{}", nodes.join(",")), || {
        // The one that has the bucket.
        let has_keys = |port: &u16| cluster.ask::<usize>(*port, &["DBSIZE"]) > 0;
        let owner = cluster.primaries().into_iter().find(has_keys).unwrap();
        cluster.kill(owner);
    });
}

#[test]
fn l6_a_primary_with_sentinels_that_is_killed_under_load_costs_no_request() {
    let Some(mut group) = RedisSentinels::start() else { return };
    let ports = group.sentinel_ports();
    let nodes: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let url = format!("redis+sentinel://{}/{MASTER}", nodes.join(","));
    loses_no_request("sentinels", &url, || group.kill_primary());
}
