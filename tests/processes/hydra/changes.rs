//! A Hydra whose keys, tokens and sessions change while they are in use.

use countersign::{jose::base64url, reason::Reason};
use serde_json::Value;

use crate::{
    hydra::{
        provider::{Hydra, Strategy, USER, text},
        scene::{ALWAYS, OPAQUE, Scene},
    },
    support::{shipped::Shipped, wait_until},
};

/// Keys are fetched as often as they can be.
fn refreshing(shipped: Shipped) -> Shipped {
    shipped
        .with("[claims]\n", "[issuers.idp.keys]\nrefresh = \"1s\"\ncooldown = \"1s\"\n\n[claims]\n")
}

fn kid(token: &str) -> String {
    let header = token.split('.').next().unwrap();
    let header: Value =
        serde_json::from_slice(&base64url::decode(header.as_bytes()).unwrap()).unwrap();
    text(&header["kid"])
}

fn access(tokens: &Value) -> String {
    text(&tokens["access_token"])
}

#[test]
fn k9_a_new_key_is_taken_and_a_deleted_one_is_refused() {
    let Some(hydra) = Hydra::start(Strategy::Jwt) else {
        return;
    };
    let scene = Scene::with(&hydra, OPAQUE, refreshing);
    let status = |token: &str| scene.proxy.get("/orders", Some(token)).status;
    let before = access(&hydra.tokens());
    scene.admits("under the first key", &before, USER);
    hydra.rotate_key();
    let after = access(&hydra.tokens());
    assert_ne!(kid(&before), kid(&after));
    wait_until("the new key", || status(&after) == 200);
    scene.admits("under the second key", &after, USER);
    scene.admits("under the first key, still", &before, USER);
    hydra.delete_key(&kid(&before));
    wait_until("the refresh", || status(&before) == 401);
    scene.refuses("under the deleted key", &before, Reason::KidUnknown);
    scene.admits("under the second key, still", &after, USER);
}

#[test]
fn i12_a_revoked_token_is_refused_where_hydra_is_asked() {
    for strategy in [Strategy::Opaque, Strategy::Jwt] {
        let Some(hydra) = Hydra::start(strategy) else {
            return;
        };
        let case = format!("{strategy:?}");
        let (revoked, other) = (access(&hydra.tokens()), access(&hydra.tokens()));
        let scene = Scene::start(&hydra, ALWAYS);
        scene.admits(&case, &revoked, USER);
        hydra.revoke(&revoked);
        let status = || {
            scene.proxy.advance(5);
            scene.proxy.get("/orders", Some(&revoked)).status
        };
        wait_until("the answer is asked for again", || status() == 401);
        scene.refuses(&case, &revoked, Reason::TokenInactive);
        scene.admits(&case, &other, USER);
    }
}

/// Cases IDP-11: Hydra's logout token names a session only, and no access token of its does. What
/// ends tokens there is the consent.
#[test]
fn a_logout_ends_no_access_token_of_hydra_and_says_so() {
    let Some(hydra) = Hydra::start(Strategy::Jwt) else {
        return;
    };
    let scene = Scene::with(&hydra, ALWAYS, |shipped| {
        shipped.with("# backchannel_logout =", "backchannel_logout =")
    });
    let admin = scene.proxy.server().admin_address().to_string();
    hydra.set_logout_url(&format!("http://{admin}/backchannel-logout"));
    let token = access(&hydra.log_in_and_out());
    let said = "nothing, if the issuer's access tokens have no 'sid'";
    wait_until("the logout token", || scene.proxy.logs().contains(said));
    scene.admits("logged out", &token, USER);

    hydra.withdraw_consent();
    let status = || {
        scene.proxy.advance(5);
        scene.proxy.get("/orders", Some(&token)).status
    };
    wait_until("the answer is asked for again", || status() == 401);
    scene.refuses("without consent", &token, Reason::TokenInactive);
}
