//! Two proxies that share through a real Redis: what one has learnt, the other need not ask.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use countersign::{
    jose::{Algorithm, Dialect, SigningKey},
    json::Object,
};
use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::Request,
    introspection::Endpoint,
    issuer::{AUDIENCE, Issuer, key, public},
    key_server::{KeyServer, Page},
    proxy::Proxy,
    redis::{PASSWORD, RedisServer},
    setup::Setup,
    upstream::Upstream,
    wait_until,
};

/// What replicas have in common.
struct Deployment {
    redis: RedisServer,
    endpoint: Endpoint,
    key_server: KeyServer,
    issuer: Issuer,
    signer: Arc<SigningKey>,
    files: tempfile::TempDir,
}

/// One proxy with a service of its own, so that its invariants are its own.
struct Replica {
    proxy: Proxy,
    _upstream: Upstream,
}

impl Deployment {
    /// `None`, with a notice, where there is no Redis.
    fn start() -> Option<Self> {
        let redis = RedisServer::start()?;
        let (endpoint, key_server) = (Endpoint::start(), KeyServer::start());
        let issuer = Issuer::usual();
        key_server.serve("/corp/jwks", Page::json(&issuer.jwks()));
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("password"), PASSWORD).unwrap();
        fs::write(files.path().join("key"), "k".repeat(32)).unwrap();
        fs::write(files.path().join("other-key"), "o".repeat(32)).unwrap();
        let signer = key(Algorithm::Es256, "signer");
        let signers = json!({ "keys": [public(&signer)] }).to_string();
        fs::write(files.path().join("signers.json"), signers).unwrap();
        Some(Self { redis, endpoint, key_server, issuer, signer, files })
    }

    fn replica(&self) -> Replica {
        self.replica_with("proxy", "key")
    }

    /// One that asks as that client and seals under that key.
    fn replica_with(&self, client: &str, key: &str) -> Replica {
        let upstream = Upstream::start();
        let folder = self.files.path().display();
        let introspection = format!(
            "[issuers.corp.introspection]\nurl = \"{}\"\nauth = \"none\"\nclient_id = \"{client}\"",
            self.endpoint.url("/introspect")
        );
        let shared = format!(
            "[shared]\nurl = \"redis://127.0.0.1:{}/0\"\npassword_file = \"{folder}/password\"\n\
             integrity_key_file = \"{folder}/{key}\"\ntimeout = \"1s\"",
            self.redis.port()
        );
        let signature = format!(
            "[signatures.partner]\nsigner = {{ fixed = \"acme\" }}\ncaller = \"unrelated\"\n\
             [signatures.partner.keys]\njwks_file = \"{folder}/signers.json\"\n\
             [signatures.partner.replay]\nid = {{ header = \"jti\" }}"
        );
        let logout = "backchannel_logout = { client_ids = [\"web\"] }";
        let proxy = Setup::new()
            .issuer("corp", &self.issuer, &self.key_server, logout, &introspection)
            .with(&shared)
            .with(&signature)
            .routes(
                "[[routes]]\npath = \"/signed/**\"\nsignature = \"partner\"\n\
                 [[routes]]\npath = \"/**\"",
            )
            .start_unready(&upstream);
        let replica = Replica { proxy, _upstream: upstream };
        wait_until("the store", || replica.proxy.metric("countersign_shared_connected") > 0.5);
        replica.proxy.wait_until_ready();
        replica
    }
}

impl Replica {
    fn passes(&self, token: &str) -> bool {
        self.proxy.get("/", Some(token)).is_from_upstream()
    }

    fn operations(&self, operation: &str, outcome: &str) -> f64 {
        let labels = format!("{{operation=\"{operation}\",outcome=\"{outcome}\"}}");
        self.proxy.metric(&format!("countersign_shared_operations_total{labels}"))
    }

    /// Passes a token that no replica has seen, and waits until the others can know.
    fn introduces(&self, token: &str, passes: bool) {
        let before = self.operations("put", "done");
        assert_eq!(self.passes(token), passes);
        wait_until("the write", || self.operations("put", "done") > before);
    }
}

fn opaque(name: &str) -> String {
    format!("opaque.{name}-8d1f6c0b5a7e4932b1c6")
}

fn claims() -> Value {
    json!({ "aud": AUDIENCE, "sub": "alice", "scope": "read", "exp": NOW + 300 })
}

#[test]
fn an_answer_that_one_replica_got_is_for_all() {
    let Some(deployment) = Deployment::start() else { return };
    let (one, two) = (deployment.replica(), deployment.replica());
    let (alice, mallory) = (opaque("alice"), opaque("mallory"));
    deployment.endpoint.activate(&alice, &claims());
    one.introduces(&alice, true);
    one.introduces(&mallory, false);
    assert!(two.passes(&alice));
    assert!(!two.passes(&mallory));
    assert_eq!(deployment.endpoint.count(), 2, "one question for each token, by the first replica");
    assert!(two.operations("get", "hit") >= 2.0);
    assert!(deployment.redis.names().iter().all(|name| !name.contains("opaque")));
}

/// "Redis operations" of docs/operations.md, by what the server counts.
#[test]
fn answers_and_marks_cost_as_many_operations_as_the_sizing_says() {
    let Some(deployment) = Deployment::start() else { return };
    let (one, two) = (deployment.replica(), deployment.replica());
    let operations = || (deployment.redis.calls("getrange"), deployment.redis.calls("set"));
    let alice = opaque("alice");
    deployment.endpoint.activate(&alice, &claims());
    one.introduces(&alice, true);
    assert_eq!(operations(), (1, 1), "a read, and a write of the endpoint's answer");
    for _ in 0..5 {
        assert!(two.passes(&alice));
    }
    assert_eq!(operations(), (2, 1), "a read in the other replica, for all of its requests");
    assert!(one.proxy.exchange(&signed_message(&deployment, "1")).is_from_upstream());
    assert_eq!(operations(), (2, 2), "a mark");
}

#[test]
fn i7_it_counts_no_longer_there_than_here() {
    let Some(deployment) = Deployment::start() else { return };
    let (one, two) = (deployment.replica(), deployment.replica());
    let alice = opaque("alice");
    deployment.endpoint.activate(&alice, &claims());
    one.introduces(&alice, true);
    two.proxy.advance(29);
    assert!(two.passes(&alice));
    deployment.endpoint.revoke(&alice);
    two.proxy.advance(1);
    assert!(!two.passes(&alice), "half a minute after the request of either replica");
}

#[test]
fn i6_another_client_or_another_key_shares_nothing() {
    let Some(deployment) = Deployment::start() else { return };
    let one = deployment.replica();
    let alice = opaque("alice");
    deployment.endpoint.activate(&alice, &claims());
    one.introduces(&alice, true);
    let client = deployment.replica_with("other-client", "key");
    assert!(client.passes(&alice));
    assert_eq!(deployment.endpoint.count_of(&alice), 2, "asked for itself");
    assert!(client.operations("get", "miss") >= 1.0);
    let stranger = deployment.replica_with("proxy", "other-key");
    assert!(stranger.passes(&alice));
    assert_eq!(deployment.endpoint.count_of(&alice), 3, "what it can't check, it does not believe");
    assert!(stranger.operations("get", "rejected") >= 1.0);
}

#[test]
fn while_a_replica_leaves_the_endpoint_alone_the_others_answers_count() {
    let Some(deployment) = Deployment::start() else { return };
    let (one, two) = (deployment.replica(), deployment.replica());
    let alice = opaque("alice");
    deployment.endpoint.activate(&alice, &claims());
    one.introduces(&alice, true);
    deployment.endpoint.say_of_all(Some(Page::status(503)));
    for n in 0..10 {
        assert!(!two.passes(&opaque(&format!("lost-{n}"))));
    }
    let resting = "countersign_introspections_total{issuer=\"corp\",outcome=\"resting\"}";
    assert!(two.proxy.metric(resting) > 0.5);
    assert!(two.passes(&alice));
}

#[test]
fn redis_killed_and_started_again_in_the_middle_of_traffic_loses_no_request() {
    let Some(mut deployment) = Deployment::start() else { return };
    let (one, two) = (deployment.replica(), deployment.replica());
    for n in 0..2_000 {
        deployment.endpoint.activate(&opaque(&format!("t{n}")), &claims());
    }
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for replica in [&one, &two] {
            for _ in 0..2 {
                let (stop, served, next) = (&stop, &served, &next);
                scope.spawn(move || {
                    let mut client = replica.proxy.client();
                    while !stop.load(Ordering::Relaxed) {
                        let n = next.fetch_add(1, Ordering::Relaxed) % 2_000;
                        let token = opaque(&format!("t{n}"));
                        let answer = client.exchange(&Request::get("/").bearer(&token));
                        assert!(answer.is_from_upstream(), "{answer:?}");
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        }
        let reaches = |count: usize| {
            wait_until("traffic", || served.load(Ordering::Relaxed) >= count);
        };
        reaches(50);
        deployment.redis.kill();
        reaches(served.load(Ordering::Relaxed) + 100);
        deployment.redis.start_again();
        for replica in [&one, &two] {
            let is_back = || replica.proxy.metric("countersign_shared_connected") > 0.5;
            wait_until("the store to be back", is_back);
        }
        reaches(served.load(Ordering::Relaxed) + 50);
        stop.store(true, Ordering::Relaxed);
    });
    assert!(one.operations("get", "disconnected") + two.operations("get", "disconnected") > 0.5);
    let bob = opaque("bob");
    deployment.endpoint.activate(&bob, &claims());
    one.introduces(&bob, true);
    assert!(two.passes(&bob));
    assert_eq!(deployment.endpoint.count_of(&bob), 1, "they share again");
}

/// The issuer tells one replica that the session has ended.
fn log_out(deployment: &Deployment, replica: &Replica) {
    let claims = json!({
        "aud": "web",
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "l1",
        "sub": null,
        "sid": "s1",
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    let token = deployment.issuer.mint_with(json!({ "typ": "logout+jwt" }), claims);
    let answer = replica.proxy.ask_admin(
        &Request::new("POST", "/backchannel-logout")
            .field("content-type", "application/x-www-form-urlencoded")
            .body(format!("logout_token={token}").as_bytes()),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_logout_told_to_one_replica_is_heard_by_all_and_remembered_over_a_restart() {
    let Some(deployment) = Deployment::start() else { return };
    let (one, two) = (deployment.replica(), deployment.replica());
    let session = deployment.issuer.mint(json!({ "sid": "s1" }));
    let other = deployment.issuer.mint(json!({ "sid": "s2" }));
    for replica in [&one, &two] {
        assert!(replica.passes(&session) && replica.passes(&other));
    }
    log_out(&deployment, &one);
    assert!(!one.passes(&session), "at once where it was told");
    wait_until("the other to hear", || !two.passes(&session));
    assert_eq!(two.proxy.get("/", Some(&session)).reason().as_deref(), Some("token_revoked"));
    assert!(two.passes(&other));
    let restarted = deployment.replica();
    // It has heard of it before it serves a request.
    assert!(!restarted.passes(&session));
    assert!(restarted.passes(&other));
}

/// A message that may come once, by the `jti` of its signature.
fn signed_message(deployment: &Deployment, id: &str) -> Request {
    const BODY: &[u8] = b"{}";
    let header = Object::parse(json!({ "jti": id }).to_string().as_bytes()).unwrap();
    let signature = deployment.signer.sign_detached(Dialect::Rfc7797, &header, BODY).unwrap();
    Request::new("POST", "/signed/x")
        .bearer(&deployment.issuer.mint(json!({})))
        .field("x-jws-signature", signature)
        .body(BODY)
}

#[test]
fn s8_a_signed_message_that_one_replica_has_forwarded_the_others_refuse() {
    let Some(deployment) = Deployment::start() else { return };
    let (one, two) = (deployment.replica(), deployment.replica());
    let message = signed_message(&deployment, "1");
    assert!(one.proxy.exchange(&message).is_from_upstream());
    let refused = two.proxy.exchange(&message);
    assert_eq!(refused.reason().as_deref(), Some("signature_replayed"));
    assert!(two.proxy.exchange(&signed_message(&deployment, "2")).is_from_upstream());
}

#[test]
fn without_the_store_the_proxy_is_ready_and_says_so() {
    let Some(mut deployment) = Deployment::start() else { return };
    let replica = deployment.replica();
    deployment.redis.kill();
    wait_until("the end", || replica.proxy.metric("countersign_shared_connected") < 0.5);
    let answer = replica.proxy.admin("/readyz");
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body.bytes).unwrap();
    let note =
        format!("ready\nnote: shared store redis://127.0.0.1:{}/0: ", deployment.redis.port());
    assert!(text.starts_with(&note), "{text}");
    let alice = opaque("alice");
    deployment.endpoint.activate(&alice, &claims());
    assert!(replica.passes(&alice));
}
