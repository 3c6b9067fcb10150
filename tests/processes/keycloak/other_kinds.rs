//! What else the realm gives out, most of it signed by the keys of its access tokens: refused.

use countersign::reason::Reason;

use crate::{
    keycloak::{
        SIGNED, header,
        scene::{Scene, any_audience, ignoring_binding},
        server::Keycloak,
    },
    support::world::claims,
};

/// T-19. The audience mapper of these clients puts `my-api` into ID tokens, too.
#[test]
fn t19_an_id_token_is_refused_though_the_service_is_among_its_audiences() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let scene = Scene::start(keycloak);
    for (client, _) in SIGNED {
        let tokens = keycloak.tokens(client, "openid");
        let audiences = &claims(tokens.id())["aud"];
        assert!(audiences.as_array().unwrap().contains(&"my-api".into()), "{audiences}");
        scene.refuses(client, tokens.id(), Reason::TokenTypeNotAllowed);
        scene.admits(client, tokens.access());
    }
    let after_a_login = keycloak.browser_tokens("rs256");
    assert_eq!(claims(after_a_login.id())["nonce"], "n-1");
    scene.refuses("with a nonce", after_a_login.id(), Reason::TokenTypeNotAllowed);
}

/// T-19. `UserInfo` responses have neither `exp` nor `iat`, and the client as audience; neither is
/// what they are refused for.
#[test]
fn t19_a_userinfo_response_is_refused() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let scene = Scene::with(keycloak, |shipped| {
        any_audience(shipped).with("algorithms =", "accept_without_expiry = true\nalgorithms =")
    });
    for (client, algorithm) in SIGNED {
        let response = keycloak.user_info(keycloak.tokens(client, "openid").access());
        assert_eq!(header(&response)["alg"], algorithm);
        scene.refuses(client, &response, Reason::TokenTypeNotAllowed);
    }
}

/// T-19, C-8. Its audience is the client, and Keycloak writes `iss` into it twice.
#[test]
fn t19_an_authorization_response_is_refused() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let response = keycloak.authorization_response("rs256");
    assert!(claims(&response)["code"].is_string());
    Scene::with(keycloak, any_audience).refuses("JARM", &response, Reason::ClaimsMalformed);
}

/// T-1: they are signed with a secret of the realm's own.
#[test]
fn t19_refresh_and_offline_tokens_are_refused() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let scene = Scene::with(keycloak, any_audience);
    for (client, _) in SIGNED {
        for (scope, kind) in [("openid", "Refresh"), ("openid offline_access", "Offline")] {
            let tokens = keycloak.tokens(client, scope);
            assert_eq!(claims(tokens.refresh())["typ"], kind);
            scene.refuses(kind, tokens.refresh(), Reason::AlgorithmNotAllowed);
        }
    }
}

/// C-12: bound to a key that the request does not prove.
#[test]
fn c12_a_bound_token_is_refused_as_a_bearer_token_unless_its_binding_is_ignored() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let tokens = keycloak.bound_tokens();
    assert!(claims(tokens.access())["cnf"]["jkt"].is_string());
    Scene::start(keycloak).refuses("bound", tokens.access(), Reason::BindingUnproven);
    let ignoring = Scene::with(keycloak, ignoring_binding);
    ignoring.admits("ignored", tokens.access());
    ignoring.refuses("an ID token beside it", tokens.id(), Reason::TokenTypeNotAllowed);
}
