//! The same tokens where Keycloak is asked about them.

use countersign::reason::Reason;

use crate::{
    keycloak::{
        scene::{Scene, any_audience, ignoring_binding, introspecting},
        server::Keycloak,
    },
    support::world::claims,
};

/// Who is asked, and about which tokens: opaque ones, these instead of their signature, or these
/// besides it.
const OPAQUE: &str = "opaque";
const ONLY: &str = "only";
const ALWAYS: &str = "always";

#[test]
fn access_tokens_pass_whenever_keycloak_is_asked() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    for when in [OPAQUE, ONLY, ALWAYS] {
        let scene = Scene::introspecting(keycloak, when);
        for client in ["rs256", "eddsa"] {
            let case = format!("{when}, {client}");
            scene.admits(&case, keycloak.tokens(client, "openid").access());
            scene.admits(&case, &keycloak.client_token(client));
        }
        scene.admits(when, keycloak.browser_tokens("rs256").access());
    }
}

/// I-5: Keycloak calls an ID token active, of the type `ID`.
#[test]
fn i5_an_id_token_is_refused_though_keycloak_calls_it_active() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    for when in [OPAQUE, ONLY, ALWAYS] {
        let scene = Scene::introspecting(keycloak, when);
        let tokens = keycloak.tokens("rs256", "openid");
        scene.refuses(when, tokens.id(), Reason::TokenTypeNotAllowed);
    }
}

#[test]
fn refresh_offline_userinfo_and_logout_tokens_are_refused_whenever_keycloak_is_asked() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let tokens = keycloak.tokens("rs256", "openid");
    let offline = keycloak.tokens("rs256", "openid offline_access");
    let user_info = keycloak.user_info(tokens.access());
    let ended = keycloak.tokens("rs256", "openid");
    let logout = keycloak.log_out(ended.refresh());
    for (when, of_refresh, of_others) in [
        (OPAQUE, Reason::AlgorithmNotAllowed, Reason::TokenTypeNotAllowed),
        (ALWAYS, Reason::AlgorithmNotAllowed, Reason::TokenTypeNotAllowed),
        (ONLY, Reason::TokenInactive, Reason::TokenInactive),
    ] {
        let scene = Scene::with(keycloak, |shipped| introspecting(any_audience(shipped), when));
        scene.refuses(&format!("{when}, refresh"), tokens.refresh(), of_refresh);
        scene.refuses(&format!("{when}, offline"), offline.refresh(), of_refresh);
        scene.refuses(&format!("{when}, userinfo"), &user_info, of_others);
        scene.refuses(&format!("{when}, logout"), &logout, of_others);
    }
}

/// `docs/security.md`: nothing in it tells the two apart, and nothing needs to.
#[test]
fn what_keycloak_answers_as_a_jwt_is_the_access_token_once_more() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let tokens = keycloak.tokens("rs256", "openid");
    let response = keycloak.introspection_response(tokens.access());
    assert_eq!(claims(&response), claims(tokens.access()));
    Scene::start(keycloak).admits("the response", &response);
}

#[test]
fn an_ended_session_is_over_where_every_token_is_asked_about() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let tokens = keycloak.tokens("rs256", "openid");
    keycloak.log_out(tokens.refresh());
    let asked = Scene::introspecting(keycloak, ALWAYS);
    asked.refuses("asked", tokens.access(), Reason::TokenInactive);
    Scene::introspecting(keycloak, OPAQUE).admits("not asked", tokens.access());
}

/// C-12 and I-5, cases IDP-6: Keycloak's answer says `token_type: "DPoP"`.
#[test]
fn c12_a_bound_token_passes_only_where_its_binding_is_ignored() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let tokens = keycloak.bound_tokens();
    for when in [OPAQUE, ONLY, ALWAYS] {
        let strict = Scene::introspecting(keycloak, when);
        strict.refuses(when, tokens.access(), Reason::BindingUnproven);
        let ignoring =
            Scene::with(keycloak, |shipped| ignoring_binding(introspecting(shipped, when)));
        ignoring.admits(when, tokens.access());
        ignoring.refuses(when, tokens.id(), Reason::TokenTypeNotAllowed);
    }
}
