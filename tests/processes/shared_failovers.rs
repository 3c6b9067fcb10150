//! Two proxies with one rate, over a cluster and over sentinels: a primary that is killed costs no
//! request.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    client::Request,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    proxy::Proxy,
    redis::PASSWORD,
    redis_group::{MASTER, RedisCluster, RedisSentinels, SENTINEL_PASSWORD},
    setup::Setup,
    upstream::Upstream,
    wait_until,
};

/// The operation's deadline.
const TIMEOUT: Duration = Duration::from_millis(200);

/// How much later than that an answer may come on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(2);

/// What the rate is measured over.
const MEASURED: Duration = Duration::from_secs(2);

/// How often it is measured until the store was there all the time. A server that becomes the
/// primary closes its connections once more when its sentinels tell it so (`CLIENT KILL`).
const MEASUREMENTS: usize = 5;

/// Requests a second that pass.
const RATE: f64 = 100.0;

struct Replica {
    proxy: Proxy,
    _upstream: Upstream,
    /// Passwords are read again for each connection.
    _files: tempfile::TempDir,
}

/// What the clients of a deployment see.
#[derive(Default)]
struct Seen {
    passed: AtomicUsize,
    refused: AtomicUsize,
    ends: AtomicBool,
}

impl Replica {
    fn start(url: &str, issuer: &Issuer, key_server: &KeyServer) -> Self {
        let upstream = Upstream::start();
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("password"), PASSWORD).unwrap();
        fs::write(files.path().join("sentinels"), SENTINEL_PASSWORD).unwrap();
        let folder = files.path().display();
        let sentinels = if url.contains("sentinel") {
            format!("sentinel_password_file = \"{folder}/sentinels\"")
        } else {
            String::new()
        };
        let tables = format!(
            "[shared]\nurl = \"{url}\"\npassword_file = \"{folder}/password\"\n{sentinels}\n\
             integrity = \"none\"\ntimeout = \"{}ms\"\nlimits.replicas = 2\n\
             [limits.own]\nkey = {{ claim = \"client_id\" }}\nrate = \"{RATE}/s\"\nburst = 50\n\
             shared = true",
            TIMEOUT.as_millis()
        );
        let proxy = Setup::new()
            .issuer("corp", issuer, key_server, "", "")
            .with(&tables)
            .routes("[[routes]]\npath = \"/**\"\nlimit = \"own\"")
            .start_unready(&upstream);
        let replica = Self { proxy, _upstream: upstream, _files: files };
        wait_until("the store", || replica.is_connected());
        replica
    }

    fn is_connected(&self) -> bool {
        self.proxy.metric("countersign_shared_connected") > 0.5
    }

    /// Requests that it has decided on without the store.
    fn decided_alone(&self) -> f64 {
        let operations = "countersign_shared_operations_total{operation=\"limit\"";
        let outcomes = ["disconnected", "timeout", "error"];
        let of = |outcome| self.proxy.metric(&format!("{operations},outcome=\"{outcome}\"}}"));
        outcomes.into_iter().map(of).sum()
    }
}

impl Seen {
    /// One client after the other, until the end.
    fn traffic(&self, replica: &Replica, token: &str) {
        let mut client = replica.proxy.client();
        let request = Request::get("/").bearer(token);
        while !self.ends.load(Relaxed) {
            let asked = Instant::now();
            let answer = client.exchange(&request);
            assert!(asked.elapsed() < TIMEOUT + SLACK, "{:?}", asked.elapsed());
            match answer.status {
                200 => self.passed.fetch_add(1, Relaxed),
                429 => self.refused.fetch_add(1, Relaxed),
                _ => panic!("{answer:?}"),
            };
        }
    }

    /// How many requests pass in some time, and how many should. `None`: a replica has decided
    /// without the store meanwhile, by a bucket of its own.
    fn rate_by_the_store(&self, replicas: &[Replica]) -> Option<(f64, f64)> {
        let alone = || replicas.iter().map(Replica::decided_alone).sum::<f64>();
        let alone_before = alone();
        // The bucket of the new primary may be full once.
        let refused = self.refused.load(Relaxed);
        wait_until("an empty bucket", || self.refused.load(Relaxed) > refused + 20);
        let (before, began) = (self.passed.load(Relaxed), Instant::now());
        thread::sleep(MEASURED);
        let passed = u32::try_from(self.passed.load(Relaxed) - before).unwrap();
        let expected = RATE * began.elapsed().as_secs_f64();
        (alone() <= alone_before).then(|| (f64::from(passed), expected))
    }
}

/// Kills a primary under traffic of one client that wants more than its rate.
fn loses_no_request(url: &str, kill: impl FnOnce()) {
    let (key_server, issuer) = (KeyServer::start(), Issuer::usual());
    key_server.serve("/corp/jwks", Page::json(&issuer.jwks()));
    let token = issuer.mint(json!({ "client_id": "app" }));
    let replicas = [(); 2].map(|()| Replica::start(url, &issuer, &key_server));
    let seen = Seen::default();
    thread::scope(|scope| {
        let _ends = EndsOnDrop(&seen.ends);
        for replica in &replicas {
            scope.spawn(|| seen.traffic(replica, &token));
        }
        wait_until("traffic", || seen.refused.load(Relaxed) > 20);
        kill();
        let are_connected = || replicas.iter().all(Replica::is_connected);
        wait_until("the loss", || !are_connected());
        let killed = Instant::now();
        wait_until("the recovery", are_connected);
        assert!(killed.elapsed() < Duration::from_secs(20), "{:?}", killed.elapsed());
        let (passed, expected) = (0..MEASUREMENTS)
            .find_map(|_| seen.rate_by_the_store(&replicas))
            .expect("a store that stays connected");
        let error = (passed - expected).abs() / expected;
        assert!(error <= 0.05, "{passed} instead of {expected}");
    });
}

/// The threads end, also where the test fails.
struct EndsOnDrop<'e>(&'e AtomicBool);

impl Drop for EndsOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn l6_a_primary_of_a_cluster_that_is_killed_costs_no_request() {
    let Some(mut cluster) = RedisCluster::start() else { return };
    let nodes: Vec<_> = cluster.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
    loses_no_request(&format!("redis+cluster://{}", nodes.join(",")), || {
        // The one that has the bucket.
        let has_keys = |port: &u16| cluster.ask::<usize>(*port, &["DBSIZE"]) > 0;
        let owner = cluster.primaries().into_iter().find(has_keys).unwrap();
        cluster.kill(owner);
    });
}

#[test]
fn l6_a_primary_with_sentinels_that_is_killed_costs_no_request() {
    let Some(mut group) = RedisSentinels::start() else { return };
    let ports = group.sentinel_ports();
    let nodes: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let url = format!("redis+sentinel://{}/{MASTER}", nodes.join(","));
    loses_no_request(&url, || group.kill_primary());
}
