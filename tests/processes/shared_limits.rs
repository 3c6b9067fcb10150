//! Two proxies with one rate through a real Redis, and what its loss means for each use.

use std::{
    fs,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use countersign::{
    jose::{Algorithm, Dialect, SigningKey},
    json::Object,
    reason::Reason,
};
use serde_json::json;

use crate::support::{
    client::{Answer, Request},
    issuer::{Issuer, key, public},
    key_server::{KeyServer, Page},
    oracle::assert_refused,
    proxy::{Proxy, metric_in},
    redis::{PASSWORD, RedisServer},
    setup::Setup,
    upstream::Upstream,
    wait_until,
};

/// What the replicas have in common.
struct Deployment {
    redis: RedisServer,
    key_server: KeyServer,
    issuer: Issuer,
    signer: Arc<SigningKey>,
    files: tempfile::TempDir,
}

struct Replica {
    proxy: Proxy,
    _upstream: Upstream,
}

impl Deployment {
    fn start() -> Option<Self> {
        let (redis, key_server, issuer) =
            (RedisServer::start()?, KeyServer::start(), Issuer::usual());
        key_server.serve("/corp/jwks", Page::json(&issuer.jwks()));
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("password"), PASSWORD).unwrap();
        let signer = key(Algorithm::Es256, "signer");
        let signers = json!({ "keys": [public(&signer)] }).to_string();
        fs::write(files.path().join("signers.json"), signers).unwrap();
        Some(Self { redis, key_server, issuer, signer, files })
    }

    /// With that limit by client, and these lines of `[shared]`.
    fn replica(&self, limit: &str, shared: &str) -> Replica {
        let upstream = Upstream::start();
        let folder = self.files.path().display();
        let tables = format!(
            "[shared]\nurl = \"redis://127.0.0.1:{}\"\npassword_file = \"{folder}/password\"\n\
             integrity = \"none\"\ntimeout = \"500ms\"\n{shared}\n\
             [limits.own]\nkey = {{ claim = \"client_id\" }}\nshared = true\n{limit}\n\
             [signatures.partner]\nsigner = {{ fixed = \"acme\" }}\ncaller = \"unrelated\"\n\
             replay = {{ id = {{ header = \"jti\" }} }}\n\
             keys.jwks_file = \"{folder}/signers.json\"",
            self.redis.port()
        );
        let proxy = Setup::new()
            .issuer("corp", &self.issuer, &self.key_server, "", "")
            .with(&tables)
            .routes(
                "[[routes]]\npath = \"/signed/**\"\nsignature = \"partner\"\n\
                 [[routes]]\npath = \"/**\"\nlimit = \"own\"",
            )
            .start_unready(&upstream);
        let replica = Replica { proxy, _upstream: upstream };
        replica.until_connected(true);
        replica.proxy.wait_until_ready();
        replica
    }

    fn token(&self, client: &str) -> String {
        self.issuer.mint(json!({ "client_id": client }))
    }

    /// A signed message of that id.
    fn message(&self, id: &str) -> Request {
        let header = Object::parse(json!({ "jti": id }).to_string().as_bytes()).unwrap();
        let signature = self.signer.sign_detached(Dialect::Rfc7797, &header, b"{}").unwrap();
        Request::new("POST", "/signed/x")
            .bearer(&self.token("app"))
            .field("x-jws-signature", signature)
            .body(b"{}")
    }
}

impl Replica {
    fn until_connected(&self, connected: bool) {
        let is_connected = || self.proxy.metric("countersign_shared_connected") > 0.5;
        wait_until("the store", || is_connected() == connected);
    }

    fn get(&self, token: &str) -> Answer {
        self.proxy.get("/", Some(token))
    }

    /// How many of so many requests pass; the others are refused for that reason.
    fn passes(&self, count: usize, token: &str, reason: Reason) -> usize {
        let answers: Vec<_> = (0..count).map(|_| self.get(token)).collect();
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
        assert!(refused.iter().all(|it| it.reason().as_deref() == Some(reason.code())));
        count - refused.len()
    }
}

#[test]
fn l1_a_client_has_one_burst_at_all_replicas() {
    let Some(deployment) = Deployment::start() else { return };
    let limit = "rate = \"6/h\"\nconcurrency = 5";
    let (one, two) = (deployment.replica(limit, ""), deployment.replica(limit, ""));
    let app = deployment.token("app");
    let told = one.get(&app);
    assert_eq!(told.field("ratelimit-policy"), Some("\"own\";q=6;w=3600"));
    assert_eq!(told.field("ratelimit"), Some("\"own\";r=5;t=600"));
    assert_eq!(deployment.redis.calls("eval"), 1, "see the sizing in docs/operations.md");
    assert_eq!(two.passes(3, &app, Reason::RateLimited), 3);
    assert_eq!(one.passes(5, &app, Reason::RateLimited), 2);
    assert_eq!(two.passes(5, &app, Reason::RateLimited), 0);
    assert_eq!(two.passes(1, &deployment.token("other"), Reason::RateLimited), 1);
    let local = "countersign_limit_local_total{limit=\"own\"}";
    assert!(one.proxy.metric(local) + two.proxy.metric(local) < 0.5);
    assert!(deployment.redis.names().iter().all(|name| !name.contains("app")), "a digest");
}

#[test]
fn l1_two_replicas_together_are_within_five_hundredths_of_the_rate() {
    let Some(deployment) = Deployment::start() else { return };
    // A burst of a second: a pause of this machine takes nothing away.
    let limit = "rate = \"100/s\"\nburst = 100";
    let (one, two) = (deployment.replica(limit, ""), deployment.replica(limit, ""));
    let request = Request::get("/").bearer(&deployment.token("app"));
    let began = Instant::now();
    let (passed, elapsed) = thread::scope(|scope| {
        let client = |replica: &'_ Replica| {
            let mut client = replica.proxy.client();
            let mut passed = 0;
            while began.elapsed() < Duration::from_secs(2) {
                passed += u32::from(client.exchange(&request).status == 200);
            }
            (passed, began.elapsed())
        };
        let threads: Vec<_> =
            [&one, &two, &one, &two].map(|replica| scope.spawn(move || client(replica))).into();
        let all = threads.into_iter().map(|thread| thread.join().unwrap());
        all.fold((0, Duration::ZERO), |all, one| (all.0 + one.0, all.1.max(one.1)))
    });
    let expected = 100.0 + 100.0 * elapsed.as_secs_f64();
    let error = (f64::from(passed) - expected).abs() / expected;
    assert!(error <= 0.05, "{passed} instead of {expected}");
}

#[test]
fn l6_without_redis_each_replica_lets_its_share_pass() {
    let Some(mut deployment) = Deployment::start() else { return };
    let (limit, shared) = ("rate = \"6/h\"", "limits.replicas = 2");
    let (one, two) = (deployment.replica(limit, shared), deployment.replica(limit, shared));
    let app = deployment.token("app");
    deployment.redis.kill();
    for replica in [&one, &two] {
        replica.until_connected(false);
        assert_eq!(replica.passes(6, &app, Reason::RateLimited), 3);
        let local =
            metric_in(&replica.proxy.metrics(), "countersign_limit_local_total{limit=\"own\"}")
                .map(str::to_owned);
        assert_eq!(local.as_deref(), Some("6"));
    }
    deployment.redis.start_again();
    one.until_connected(true);
    assert_eq!(one.get(&app).status, 200, "the store has a bucket for all again");
    // What was accepted once is accepted: a message is once-only in each replica.
    assert!(one.proxy.exchange(&deployment.message("1")).is_from_upstream());
}

#[test]
fn s8_l6_without_redis_nothing_passes_where_that_is_set() {
    let Some(mut deployment) = Deployment::start() else { return };
    let refuse = "limits.on_failure = \"refuse\"\nreplay.on_failure = \"refuse\"";
    let one = deployment.replica("rate = \"6/h\"\nconcurrency = 1", refuse);
    let app = deployment.token("app");
    assert_eq!(one.get(&app).status, 200);
    assert!(one.proxy.exchange(&deployment.message("1")).is_from_upstream());
    deployment.redis.kill();
    one.until_connected(false);
    let before = one.proxy.mark();
    for _ in 0..3 {
        let answer = one.get(&app);
        assert_refused("no limit", &answer, Reason::LimitUnavailable, &before);
        let answer = one.proxy.exchange(&deployment.message("2"));
        assert_refused("no mark", &answer, Reason::ReplayUnavailable, &before);
    }
    deployment.redis.start_again();
    one.until_connected(true);
    assert_eq!(one.get(&app).status, 200, "and its place was given back each time");
    assert!(one.proxy.exchange(&deployment.message("2")).is_from_upstream(), "not used up");
}

#[test]
fn l6_a_redis_that_is_silent_costs_the_deadline_and_no_more() {
    let Some(deployment) = Deployment::start() else { return };
    let one = deployment.replica("rate = \"6/h\"", "");
    deployment.redis.freeze();
    let began = Instant::now();
    assert_eq!(one.get(&deployment.token("app")).status, 200);
    let took = began.elapsed();
    deployment.redis.thaw();
    assert!((Duration::from_millis(500)..Duration::from_millis(2_500)).contains(&took), "{took:?}");
}
