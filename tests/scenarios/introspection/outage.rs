//! I-11 and I-13: the endpoint is down, or does not know us.

use countersign::reason::Reason;
use serde_json::json;

use crate::{
    introspection::scene::{PATH, Scene, opaque},
    support::{
        introspection::Endpoint,
        key_server::{KeyServer, Page as KeyPage},
        page::Page,
        wait_until,
    },
};

#[test]
fn i11_a_dead_endpoint_is_503_an_alarm_and_a_note_but_no_reason_to_be_unready() {
    let scene = Scene::start("");
    assert!(scene.is_up());
    scene.endpoint.say_of_all(Some(Page::hang_up()));
    scene.refuses("dead", &opaque("any"), Reason::IntrospectionUnavailable);
    assert!(!scene.is_up());
    let ready = scene.world.proxy.admin("/readyz");
    let text = String::from_utf8(ready.body.bytes).unwrap();
    assert_eq!(ready.status, 200, "other tokens are not concerned: {text}");
    assert!(text.starts_with("ready\nnote: introspection of issuer corp: failing for "), "{text}");
    scene.endpoint.say_of_all(None);
    let token = scene.active("alice", json!({}));
    wait_until("the endpoint", || scene.passes(&token));
    assert!(scene.is_up());
    assert_eq!(scene.world.proxy.page("/readyz"), "ready\n");
}

#[test]
fn i13_credentials_of_ours_that_are_refused_are_our_fault() {
    let scene = Scene::start("");
    let token = scene.active("alice", json!({}));
    scene.endpoint.demand(|_| false);
    scene.refuses("401", &token, Reason::IntrospectionUnavailable);
    assert_eq!(scene.outcomes("credentials_refused"), 2);
    assert!(!scene.is_up());
    let note = scene.world.proxy.page("/readyz");
    assert!(note.contains("does not accept this proxy's credentials"), "{note}");
    scene.endpoint.demand(|_| true);
    scene.admits("with the right ones", &token);
    scene.endpoint.say_of_all(Some(Page::status(403)));
    scene.refuses("403", &opaque("other"), Reason::IntrospectionUnavailable);
}

#[test]
fn i11_tokens_that_make_the_endpoint_fail_are_no_outage_for_the_others() {
    for status in [400, 403, 414, 500] {
        let scene = Scene::start("");
        let token = scene.active("alice", json!({}));
        scene.endpoint.say_of_all(Some(Page::status(status)));
        for n in 0..10 {
            let odd = opaque(&format!("odd-{n}"));
            scene.refuses("odd", &odd, Reason::IntrospectionUnavailable);
        }
        scene.endpoint.say_of_all(None);
        scene.admits("another", &token);
    }
}

#[test]
fn i11_an_endpoint_that_has_too_much_to_do_is_left_alone() {
    let scene = Scene::start("");
    let token = scene.active("alice", json!({}));
    scene.endpoint.say_of_all(Some(Page::status(429)));
    for n in 0..5 {
        let refused = opaque(&format!("refused-{n}"));
        scene.refuses("429", &refused, Reason::IntrospectionUnavailable);
    }
    scene.endpoint.say_of_all(None);
    scene.refuses("left alone", &token, Reason::IntrospectionUnavailable);
    assert!(scene.outcomes("resting") > 0);
}

#[test]
fn i13_a_rotated_secret_needs_no_reload_and_a_missing_one_is_no_pass() {
    let scene = Scene::start(
        "auth = \"client_secret_post\"\nclient_id = \"proxy\"\n\
                              client_secret_file = \"FILES/secret\"",
    );
    let (first, second) = (scene.active("first", json!({})), scene.active("second", json!({})));
    scene.endpoint.demand(|question| question.parameter("client_secret") == Some("new"));
    assert_eq!(scene.reason(&first), "introspection_unavailable");
    scene.write("secret", "new\n");
    scene.admits("with the new secret", &first);
    scene.write("secret", "");
    scene.refuses("with none", &second, Reason::IntrospectionUnavailable);
    assert_eq!(scene.outcomes("secret"), 2);
}

#[test]
fn i11_without_permission_no_old_answer_stands_in() {
    let scene = Scene::start("cache_ttl = \"10s\"");
    let token = scene.active("alice", json!({}));
    scene.admits("new", &token);
    scene.endpoint.say_of_all(Some(Page::status(404)));
    scene.world.proxy.advance(10);
    scene.refuses("old", &token, Reason::IntrospectionUnavailable);
}

#[test]
fn i11_with_permission_an_old_yes_stands_in_for_a_while_and_that_shows() {
    let scene = Scene::start("cache_ttl = \"10s\"\nstale_if_error = \"30s\"");
    let token = scene.active("alice", json!({}));
    scene.admits("new", &token);
    scene.endpoint.say_of_all(Some(Page::status(404)));
    scene.world.proxy.advance(10);
    scene.admits("old", &token);
    assert!(scene.outcomes("stale") >= 1);
    assert!(scene.world.proxy.logs().contains("introspection fails"));
    scene.world.proxy.advance(29);
    scene.admits("39 s old", &token);
    scene.world.proxy.advance(1);
    scene.refuses("40 s old", &token, Reason::IntrospectionUnavailable);
}

#[test]
fn i11_neither_a_no_nor_an_ended_token_stands_in() {
    let scene = Scene::start("cache_ttl = \"10s\"\nstale_if_error = \"5m\"");
    let revoked = scene.active("revoked", json!({}));
    scene.admits("new", &revoked);
    scene.world.proxy.advance(10);
    scene.endpoint.revoke(&revoked);
    scene.refuses("revoked", &revoked, Reason::TokenInactive);
    let brief = scene.active("brief", json!({ "exp": crate::support::NOW + 20 }));
    scene.admits("brief", &brief);
    scene.endpoint.say_of_all(Some(Page::status(404)));
    scene.world.proxy.advance(10);
    scene.refuses("a no stays one", &revoked, Reason::IntrospectionUnavailable);
    scene.refuses("ended by its own word", &brief, Reason::IntrospectionUnavailable);
}

/// The endpoint is where it was, whether its metadata can be read or not.
#[test]
fn i11_metadata_that_are_down_stop_no_endpoint_that_works() {
    const METADATA: &str = "/.well-known/openid-configuration";
    let (metadata, endpoint) = (KeyServer::start(), Endpoint::start());
    let issuer = metadata.url("");
    let document = json!({
        "issuer": issuer,
        "jwks_uri": metadata.url("/jwks"),
        "introspection_endpoint": endpoint.url(PATH),
    });
    metadata.serve(METADATA, KeyPage::json(&document));
    let files = tempfile::tempdir().unwrap();
    let scene = Scene::at(endpoint, files, "# discovered\nissuers = \"any\"", |setup| {
        setup.rewritten("issuer = \"https://idp.test\"", &format!("issuer = \"{issuer}\""))
    });
    let token = scene.active("first", json!({}));
    assert!(scene.passes(&token));
    metadata.serve(METADATA, KeyPage::status(500));
    scene.endpoint.say_of_all(Some(Page::hang_up()));
    assert_eq!(scene.reason(&opaque("other")), "introspection_unavailable");
    scene.endpoint.say_of_all(None);
    for n in 0..3 {
        let token = scene.active(&format!("later-{n}"), json!({}));
        assert!(scene.passes(&token), "{n}");
    }
    let logs = || scene.world.proxy.logs();
    wait_until("the warning", || logs().contains("metadata can't be refreshed"));
    assert_eq!(logs().matches("metadata can't be refreshed").count(), 1);
}
