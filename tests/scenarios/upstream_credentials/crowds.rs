//! Many callers at once: one exchange for each token, a bounded number of them in flight.

use std::thread;

use countersign::reason::Reason;

use crate::{
    support::wait_until,
    upstream_credentials::scene::{CLIENT, EXCHANGE, Scene},
};

fn wait_for_connections(scene: &Scene, count: u32) {
    wait_until("connections", || {
        scene.world.proxy.metric("countersign_connections") >= f64::from(count)
    });
}

#[test]
fn g5_a_hundred_requests_at_once_are_one_exchange() {
    let scene = Scene::start(EXCHANGE, |setup| setup.server("workers = 2"));
    let token = scene.caller("alice");
    scene.endpoint.hold();
    thread::scope(|scope| {
        let request = || scene.world.proxy.get("/", Some(&token));
        let callers: Vec<_> = (0..100).map(|_| scope.spawn(request)).collect();
        scene.wait_for_requests(1);
        wait_for_connections(&scene, 100);
        scene.endpoint.release();
        for caller in callers {
            assert!(caller.join().unwrap().is_from_upstream());
        }
    });
    assert_eq!(scene.requests(), 1);
    let mut tokens: Vec<_> = scene.world.upstream.requests();
    tokens.dedup_by_key(|received| received.head.field("authorization").map(str::to_owned));
    assert_eq!(tokens.len(), 1);
}

#[test]
fn the_token_of_the_proxy_itself_is_fetched_once_for_all_callers() {
    let scene = Scene::start(CLIENT, |setup| setup.server("workers = 2"));
    let tokens: Vec<_> = (0..50).map(|n| scene.caller(&format!("user-{n}"))).collect();
    scene.endpoint.hold();
    thread::scope(|scope| {
        let request = |token| move |scene: &Scene| scene.world.proxy.get("/", Some(token)).status;
        let callers: Vec<_> = tokens
            .iter()
            .map(|token| {
                let request = request(token);
                let scene = &scene;
                scope.spawn(move || request(scene))
            })
            .collect();
        scene.wait_for_requests(1);
        wait_for_connections(&scene, 50);
        scene.endpoint.release();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() == 200));
    });
    assert_eq!(scene.requests(), 1);
}

#[test]
fn g5_one_client_with_many_tokens_is_a_bounded_number_of_exchanges_at_once() {
    let scene = Scene::exchange("concurrency = 3\ntimeout = \"30s\"");
    let tokens: Vec<_> = (0..40).map(|n| scene.caller(&format!("user-{n}"))).collect();
    scene.endpoint.hold();
    thread::scope(|scope| {
        for token in &tokens {
            let scene = &scene;
            scope.spawn(move || assert!(scene.world.proxy.get("/", Some(token)).status == 200));
        }
        scene.wait_for_requests(3);
        wait_for_connections(&scene, 40);
        scene.endpoint.release();
    });
    assert_eq!(scene.requests(), 40);
    assert!(scene.endpoint.most_at_once() <= 3, "{}", scene.endpoint.most_at_once());
}

#[test]
fn g5_more_callers_than_are_kept_are_exchanged_again_and_never_confused() {
    let scene = Scene::exchange("cache_entries = 2");
    let callers: Vec<_> = (0..6).map(|n| (n, scene.caller(&format!("user-{n}")))).collect();
    for _ in 0..3 {
        for (n, token) in &callers {
            let authorization = scene.authorization(token);
            assert!(authorization.contains(&format!(".user-{n}.")), "{authorization}");
        }
    }
}

#[test]
fn a_caller_that_goes_away_leaves_the_token_to_the_others() {
    let scene = Scene::exchange("");
    let token = scene.caller("alice");
    scene.endpoint.hold();
    let mut leader = scene.world.proxy.client();
    leader.send(&crate::support::client::Request::get("/").bearer(&token).bytes());
    scene.wait_for_requests(1);
    drop(leader);
    thread::scope(|scope| {
        let follower = scope.spawn(|| scene.world.proxy.get("/", Some(&token)));
        scene.endpoint.release();
        assert!(follower.join().unwrap().is_from_upstream());
    });
    assert_eq!(scene.requests(), 1);
}

#[test]
fn nothing_is_exchanged_for_a_token_that_was_not_verified() {
    let scene = Scene::exchange("");
    let token = scene.caller("alice");
    scene.authorization(&token);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged: String = signature.chars().rev().collect();
    let forged = format!("{signed}.{forged}");
    let answer = scene.world.proxy.get("/", Some(&forged));
    assert_eq!(answer.status, 401, "{answer:?}");
    let of_another = scene.world.issuer.mint(serde_json::json!({ "aud": "https://other.test" }));
    scene.refuses("for another service", &of_another, Reason::AudienceMismatch);
    assert_eq!(scene.requests(), 1);
}
