//! Opaque tokens: what a real endpoint, found by discovery, says of them.

use crate::identity_provider::{
    provider::{CLIENT_SECRET, Provider},
    resource,
    scene::Scene,
};

#[test]
fn an_opaque_token_passes_on_the_providers_word() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    let scene = Scene::asking(&provider, CLIENT_SECRET, "");
    let token = provider.access_token(&resource("opaque"));
    assert!(!token.contains('.'), "opaque: {token}");
    assert!(scene.passes(&token));
    assert!(scene.passes(&token));
    assert_eq!(scene.reason(&format!("{token}x")).as_deref(), Some("token_inactive"));
}

#[test]
fn i12_a_revoked_token_is_refused_when_the_answer_has_grown_old() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    let scene = Scene::asking(&provider, CLIENT_SECRET, "cache_ttl = \"10s\"");
    let token = provider.access_token(&resource("opaque"));
    assert!(scene.passes(&token));
    provider.revoke(&token);
    scene.proxy.advance(9);
    assert!(scene.passes(&token), "the endpoint was not asked again yet");
    scene.proxy.advance(1);
    assert_eq!(scene.reason(&token).as_deref(), Some("token_inactive"));
}

#[test]
fn i13_wrong_credentials_of_ours_are_503_and_an_alarm() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    let scene = Scene::asking(&provider, "the-tests-do-not-know-it", "");
    let token = provider.access_token(&resource("opaque"));
    assert_eq!(scene.reason(&token).as_deref(), Some("introspection_unavailable"));
    let refused =
        "countersign_introspections_total{issuer=\"idp\",outcome=\"credentials_refused\"}";
    assert!(scene.proxy.metric(refused) > 0.5);
    assert!(scene.proxy.metric("countersign_introspection_up{issuer=\"idp\"}") < 0.5);
}

/// The provider does not introspect its JWTs (400 `unsupported_token_type`), which is no verdict.
#[test]
fn i15_a_jwt_that_the_endpoint_does_not_look_at_passes_by_its_signature_or_not_at_all() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    let token = provider.access_token(&resource("es256"));
    let opaque = Scene::asking(&provider, CLIENT_SECRET, "when = \"opaque\"");
    assert!(opaque.passes(&token));
    let always = Scene::asking(&provider, CLIENT_SECRET, "when = \"always\"");
    assert_eq!(always.reason(&token).as_deref(), Some("introspection_unavailable"));
}

#[test]
fn i11_an_outage_of_the_provider_is_503_for_new_tokens_and_nothing_for_remembered_ones() {
    let Some(mut provider) = Provider::start() else {
        return;
    };
    let scene = Scene::asking(&provider, CLIENT_SECRET, "");
    let (known, new) =
        (provider.access_token(&resource("opaque")), provider.access_token(&resource("opaque")));
    assert!(scene.passes(&known));
    provider.go_down();
    assert!(scene.passes(&known));
    assert_eq!(scene.reason(&new).as_deref(), Some("introspection_unavailable"));
    provider.come_back();
    crate::support::wait_until("the endpoint", || scene.passes(&new));
}
