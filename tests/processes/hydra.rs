//! A real Ory Hydra, whose access tokens are opaque or JWTs, under `config/oidc.toml` with
//! introspection: its access tokens are admitted, nothing else that it gives out is.
//!
//! Building Hydra takes minutes: `tests/processes/hydra/run` does, and runs these tests. Without it
//! they say that they are skipped, in `.ci/run` as well.

mod changes;
mod provider;
mod scene;

use countersign::reason::Reason;

use crate::hydra::{
    provider::{CLIENT, Hydra, Strategy, USER, text},
    scene::{ALWAYS, ONLY, OPAQUE, Scene},
};

#[test]
fn access_tokens_pass_by_introspection() {
    passes_access_tokens(Strategy::Opaque);
}

#[test]
fn access_tokens_pass_by_signature_and_by_introspection() {
    passes_access_tokens(Strategy::Jwt);
}

fn passes_access_tokens(strategy: Strategy) {
    let Some(hydra) = Hydra::start(strategy) else {
        return;
    };
    for when in [OPAQUE, ONLY, ALWAYS] {
        let scene = Scene::start(&hydra, when);
        scene.admits(when, &text(&hydra.tokens()["access_token"]), USER);
        scene.admits(when, &hydra.client_token(), CLIENT);
    }
}

/// T-19, cases IDP-1: good for 30 days, and active as an access token is.
#[test]
fn t19_refresh_tokens_beside_opaque_access_tokens_are_refused() {
    refuses_refresh_tokens(Strategy::Opaque);
}

#[test]
fn t19_refresh_tokens_beside_jwt_access_tokens_are_refused() {
    refuses_refresh_tokens(Strategy::Jwt);
}

fn refuses_refresh_tokens(strategy: Strategy) {
    let Some(hydra) = Hydra::start(strategy) else {
        return;
    };
    for when in [OPAQUE, ONLY, ALWAYS] {
        let token = text(&hydra.tokens()["refresh_token"]);
        assert!(token.starts_with("ory_rt_"), "{token}");
        Scene::start(&hydra, when).refuses(when, &token, Reason::TokenTypeNotAllowed);
    }
}

/// T-19. The client is among the audiences here, as it is where a service is its own client.
#[test]
fn t19_id_tokens_and_userinfo_responses_are_refused() {
    let Some(hydra) = Hydra::start(Strategy::Jwt) else {
        return;
    };
    let tokens = hydra.tokens();
    let user_info = hydra.user_info(&text(&tokens["access_token"]));
    let of_token = Reason::TokenTypeNotAllowed;
    for (when, of_id_token, of_user_info) in [
        (OPAQUE, of_token, Reason::ClaimMissing),
        (ALWAYS, of_token, Reason::ClaimMissing),
        (ONLY, Reason::TokenInactive, Reason::TokenInactive),
    ] {
        let scene = Scene::start(&hydra, when);
        scene.refuses(when, &text(&tokens["id_token"]), of_id_token);
        scene.refuses(when, &user_info, of_user_info);
    }
}

#[test]
fn authorization_codes_are_refused() {
    for strategy in [Strategy::Opaque, Strategy::Jwt] {
        let Some(hydra) = Hydra::start(strategy) else {
            return;
        };
        Scene::start(&hydra, OPAQUE).refuses("a code", &hydra.code(), Reason::TokenInactive);
    }
}
