//! A logout at Keycloak and the token that tells of it.

use countersign::reason::Reason;

use crate::{
    keycloak::{
        scene::{Scene, any_audience},
        server::Keycloak,
    },
    support::{client::Request, form::with_form, shipped::Shipped},
};

fn told_of_logouts(shipped: Shipped) -> Shipped {
    shipped.with(
        "# backchannel_logout = { client_ids = [\"my-web-client\"] }",
        "backchannel_logout = { client_ids = [\"rs256\"] }",
    )
}

#[test]
fn a_logout_token_ends_its_session_and_no_other() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let scene = Scene::with(keycloak, told_of_logouts);
    let (ended, other) = (keycloak.tokens("rs256", "openid"), keycloak.tokens("rs256", "openid"));
    scene.admits("logged in", ended.access());
    let logout_token = keycloak.log_out(ended.refresh());
    assert_eq!(tell(&scene, &logout_token), 200);
    scene.refuses("logged out", ended.access(), Reason::TokenRevoked);
    scene.admits("the other session", other.access());
}

/// T-19, both ways round: a logout token opens nothing, and an access token logs no user out.
#[test]
fn t19_logout_tokens_and_access_tokens_are_not_taken_for_each_other() {
    let Some(keycloak) = Keycloak::get() else {
        return;
    };
    let scene = Scene::with(keycloak, |shipped| any_audience(told_of_logouts(shipped)));
    let (ended, other) = (keycloak.tokens("rs256", "openid"), keycloak.tokens("rs256", "openid"));
    let logout_token = keycloak.log_out(ended.refresh());
    scene.refuses("a logout token", &logout_token, Reason::TokenTypeNotAllowed);
    for token in [other.access(), other.id(), other.refresh()] {
        assert_eq!(tell(&scene, token), 400);
    }
    scene.admits("still logged in", other.access());
}

/// What is answered to a logout token.
fn tell(scene: &Scene, token: &str) -> u16 {
    let request = Request::new("POST", "/backchannel-logout");
    scene.proxy.ask_admin(&with_form(request, &[("logout_token", token)])).status
}
