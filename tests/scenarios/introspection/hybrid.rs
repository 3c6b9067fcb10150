//! A JWT that passes by its signature, and is asked about beside.

use serde_json::json;

use crate::{
    introspection::scene::{Scene, claims},
    support::{page::Page, wait_until},
};

/// A signed token that the endpoint calls active.
fn signed(scene: &Scene) -> String {
    let token = scene.world.issuer.mint(json!({ "scope": "read" }));
    scene.endpoint.activate(&token, &claims(json!({})));
    token
}

#[test]
fn no_request_waits_for_the_issuers_word() {
    let scene = Scene::start("when = \"hybrid\"");
    let token = signed(&scene);
    scene.endpoint.hold();
    scene.admits("while the question is open", &token);
    scene.endpoint.release();
    scene.endpoint.wait_for(1);
}

#[test]
fn i12_a_revoked_token_passes_until_the_next_question_is_answered() {
    let scene = Scene::start("when = \"hybrid\"\nrecheck = \"10s\"");
    let token = signed(&scene);
    scene.admits("new", &token);
    scene.endpoint.wait_for(1);
    // A question that is under way when the next is due stands for both.
    let answered = "countersign_introspections_total{issuer=\"corp\",outcome=\"active\"}";
    wait_until("the answer", || scene.world.proxy.metric(answered) > 0.5);
    scene.endpoint.revoke(&token);
    scene.world.proxy.advance(9);
    scene.admits("not due yet", &token);
    assert_eq!(scene.endpoint.count_of(&token), 1);
    scene.endpoint.hold();
    scene.world.proxy.advance(1);
    assert!(scene.passes(&token), "the request that brings the question up does not wait");
    scene.endpoint.release();
    wait_until("the answer", || !scene.passes(&token));
    assert_eq!(scene.reason(&token), "token_inactive");
    assert_eq!(scene.endpoint.count_of(&token), 2);
}

#[test]
fn a_token_that_is_active_again_passes_again() {
    let scene = Scene::start("when = \"hybrid\"\nrecheck = \"10s\"");
    let token = signed(&scene);
    scene.endpoint.revoke(&token);
    scene.passes(&token);
    wait_until("the first answer", || !scene.passes(&token));
    scene.endpoint.activate(&token, &claims(json!({})));
    scene.world.proxy.advance(10);
    wait_until("the next answer", || scene.passes(&token));
}

#[test]
fn i12_a_reload_does_not_forget_that_a_token_was_called_inactive() {
    let mut kept = None;
    let lines = "when = \"hybrid\"\nrecheck = \"10s\"";
    let scene = Scene::with(lines, |setup| kept.insert(setup).clone());
    let token = signed(&scene);
    scene.endpoint.revoke(&token);
    scene.passes(&token);
    wait_until("the first answer", || !scene.passes(&token));
    scene.endpoint.say_of_all(Some(Page::status(500)));
    let settings = kept.unwrap().load(&scene.world.upstream).unwrap();
    scene.world.proxy.server().reload(settings).unwrap();
    for _ in 0..3 {
        assert!(!scene.passes(&token));
    }
    assert_eq!(scene.reason(&token), "token_inactive");
}

#[test]
fn while_the_issuer_cannot_be_asked_the_signature_decides() {
    let scene = Scene::start("when = \"hybrid\"\nrecheck = \"1s\"");
    let token = signed(&scene);
    scene.endpoint.say_of_all(Some(Page::status(500)));
    for _ in 0..5 {
        scene.admits("without the issuer's word", &token);
        scene.world.proxy.advance(1);
    }
    wait_until("the alarm", || !scene.is_up());
}

#[test]
fn a_token_is_introspected_once_per_period_for_all_clients() {
    let scene = Scene::start("when = \"hybrid\"\nrecheck = \"10s\"");
    let token = signed(&scene);
    for period in 1..=3 {
        for _ in 0..10 {
            assert!(scene.passes(&token));
        }
        scene.endpoint.wait_for(period);
        assert_eq!(scene.endpoint.count_of(&token), period);
        // A question that is under way when the next is due stands for both.
        let answered = "countersign_introspections_total{issuer=\"corp\",outcome=\"active\"}";
        wait_until("the answer", || {
            scene.world.proxy.metric(answered) >= f64::from(u32::try_from(period).unwrap())
        });
        scene.world.proxy.advance(10);
    }
}
