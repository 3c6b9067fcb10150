//! While the provider is away: no request passes without its credential, and warm ones go on.

use countersign::reason::Reason;

use crate::{
    support::{page::Page, wait_until},
    upstream_credentials::scene::{LIFE, Scene, issue},
};

#[test]
fn g6_without_the_provider_it_is_503_and_then_it_works_again() {
    let scene = Scene::exchange("");
    scene.endpoint.answer_by(|_| Page::hang_up());
    let token = scene.caller("alice");
    for n in 0..8 {
        let case = format!("request {n}");
        scene.refuses(&case, &token, Reason::UpstreamCredentialUnavailable);
    }
    assert!(scene.outcomes("resting") > 0.0, "the circuit is open");
    let ready = scene.world.proxy.page("/readyz");
    assert!(
        ready.starts_with("ready\n") && ready.contains("upstream credential orders"),
        "{ready}"
    );
    assert!(scene.requests() <= 12, "{} requests", scene.requests());

    scene.endpoint.answer_by(issue);
    wait_until("recovery", || scene.world.proxy.get("/", Some(&token)).is_from_upstream());
    assert_eq!(scene.world.proxy.page("/readyz"), "ready\n");
}

#[test]
fn warm_callers_go_on_until_their_tokens_end_and_no_longer() {
    let scene = Scene::exchange("");
    let token = scene.caller("alice");
    let first = scene.authorization(&token);
    scene.endpoint.answer_by(|_| Page::status(503));
    scene.world.proxy.advance(LIFE * 4 / 5);
    assert_eq!(scene.authorization(&token), first);
    scene.wait_for_requests(2);
    wait_until("the failure", || scene.outcomes("status") > 0.0);
    for _ in 0..10 {
        assert_eq!(scene.authorization(&token), first);
    }
    assert_eq!(scene.requests(), 2, "a failed renewal is not repeated at once");
    scene.world.proxy.advance(LIFE / 10);
    scene.refuses("it has ended", &token, Reason::UpstreamCredentialUnavailable);
}

#[test]
fn a_secret_that_can_t_be_read_is_503_and_read_again() {
    let scene = Scene::exchange("");
    std::fs::remove_file(scene.files.path().join("secret")).unwrap();
    scene.refuses("gone", &scene.caller("alice"), Reason::UpstreamCredentialUnavailable);
    assert!(scene.outcomes("secret") > 0.0);
    scene.write("secret", "another");
    scene.authorization(&scene.caller("alice"));
}
