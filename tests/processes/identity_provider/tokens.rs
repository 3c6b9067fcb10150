//! What of all that the provider issues is admitted, and until when.

use countersign::{jose::base64url, reason::Reason};

use crate::{
    identity_provider::{SIGNED, part, provider::Provider, resource, scene::Scene, with_part_of},
    support::client::Request,
};

/// T-10 for the name `Ed25519` (RFC 9864); H-1 and H-2 for the forged headers that every request
/// of these tests carries.
#[test]
fn t10_tokens_of_every_algorithm_pass_and_their_claims_reach_the_upstream() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    let scene = Scene::start(&provider);
    for (name, algorithm) in SIGNED {
        let token = provider.access_token(&resource(name));
        assert_eq!(part(&token, 0)["alg"], algorithm);
        assert_eq!(part(&token, 0)["typ"], "at+jwt");
        let cold = scene.admits(&token);
        let warm = scene.admits(&token);
        assert_eq!(cold.head, warm.head, "INV-6");
        assert_eq!(warm.target(), "/loans/7?full=yes");
        assert_eq!(warm.head.field("authorization"), None);
    }
}

#[test]
fn c7_a_token_for_another_resource_is_refused() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    let scene = Scene::start(&provider);
    let elsewhere = provider.access_token(&resource("elsewhere"));
    scene.refuses(&elsewhere, Reason::AudienceMismatch);
}

/// C-5: a provider is trusted for its own name only, whatever it signs.
#[test]
fn c5_a_token_of_another_provider_is_refused() {
    let (Some(provider), Some(other)) = (Provider::shared(), Provider::start()) else {
        return;
    };
    let scene = Scene::start(&provider);
    let own = provider.access_token(&resource("es256"));
    let foreign = other.access_token(&resource("es256"));
    scene.refuses(&foreign, Reason::IssuerUnknown);
    // Its header and signature under our provider's claims: a key that is none of ours.
    scene.refuses(&with_part_of(&foreign, &own, 1), Reason::KidUnknown);
}

#[test]
fn t22_a_tampered_token_is_refused_whatever_its_algorithm() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    let scene = Scene::start(&provider);
    for (name, _) in SIGNED {
        let token = provider.access_token(&resource(name));
        let another = provider.access_token(&resource(name));
        scene.admits(&token);
        for index in [1, 2] {
            let swapped = with_part_of(&token, &another, index);
            scene.refuses(&swapped, Reason::SignatureInvalid);
            scene.refuses(&swapped, Reason::SignatureInvalid);
        }
        let stripped = &token[..=token.rfind('.').unwrap()];
        scene.refuses(stripped, Reason::TokenMalformed);
        scene.admits(&token);
    }
}

/// T-4: the provider's keys say what each of them is for, and its tokens must keep to it.
#[test]
fn t4_a_header_that_names_another_of_the_providers_keys_is_refused() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    let scene = Scene::start(&provider);
    let rs256 = provider.access_token(&resource("rs256"));
    let ps256 = provider.access_token(&resource("ps256"));
    let swapped = with_part_of(&rs256, &ps256, 0);
    scene.refuses(&swapped, Reason::SignatureInvalid);

    let mut header = part(&rs256, 0);
    header["alg"] = "PS256".into();
    let header = base64url::encode(header.to_string().as_bytes());
    let renamed = with_part_of(&rs256, &header, 0);
    scene.refuses(&renamed, Reason::KeyUnsuitable);
}

/// T-2, T-17, T-19, C-12: what else one and the same provider issues for the right audience.
#[test]
fn t19_nothing_but_a_plain_access_token_is_taken_for_one() {
    let Some(mut provider) = Provider::shared() else {
        return;
    };
    let scene = Scene::start(&provider);
    let others = [
        (provider.other_token("idtoken"), Reason::TokenTypeNotAllowed),
        (provider.other_token("logout"), Reason::TokenTypeNotAllowed),
        (provider.access_token(&resource("opaque")), Reason::TokenMalformed),
        (provider.access_token(&resource("encrypted")), Reason::TokenEncrypted),
        (provider.access_token(&resource("hs256")), Reason::AlgorithmNotAllowed),
        (provider.bound_token(&resource("es256")), Reason::BindingUnproven),
    ];
    for (token, reason) in others {
        scene.refuses(&token, reason);
    }
}

/// T-19 as RFC 9068 §4 has it.
#[test]
fn t19_where_types_are_listed_only_these_are_taken() {
    let Some(mut provider) = Provider::shared() else {
        return;
    };
    // Takes away the other reason to refuse an ID token.
    let unlisted = "accept_id_tokens = true";
    let listed = "accept_id_tokens = true\ntoken_types = [\"at+jwt\"]";
    let id_token = provider.other_token("idtoken");
    assert!(Scene::with_rules(&provider, unlisted).passes(&id_token));

    let scene = Scene::with_rules(&provider, listed);
    scene.refuses(&id_token, Reason::TokenTypeNotAllowed);
    scene.admits(&provider.access_token(&resource("es256")));
}

#[test]
fn c9_a_scope_that_the_provider_did_not_grant_is_missed() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    let routes = "[[routes]]\npath = \"/**\"\nscopes = [\"loans:write\"]";
    let scene = Scene::with_routes(&provider, routes);
    let token = provider.access_token(&resource("es256"));
    scene.refuses(&token, Reason::ScopeInsufficient);
    let answer = scene.proxy.exchange(&Request::get("/").bearer(&token));
    assert_eq!(
        answer.field("www-authenticate"),
        Some("Bearer error=\"insufficient_scope\", scope=\"loans:write\"")
    );
}

/// C-4 and I-7: also for a token that has been verified before and is remembered.
#[test]
fn c4_a_token_is_good_until_its_expiry_and_the_skew_after_it() {
    let Some(provider) = Provider::shared() else {
        return;
    };
    for skew in [0, 30] {
        let rules = format!("clock_skew = \"{skew}s\"");
        let scene = Scene::with_rules(&provider, &rules);
        let token = provider.access_token(&resource("es256"));
        let end = part(&token, 1)["exp"].as_i64().unwrap() + skew;
        for _ in 0..2 {
            scene.proxy.set_time(end - 1);
            scene.admits(&token);
            scene.proxy.set_time(end);
            scene.refuses(&token, Reason::TokenExpired);
        }
        let unremembered = Scene::with_rules(&provider, &rules);
        unremembered.proxy.set_time(end);
        unremembered.refuses(&token, Reason::TokenExpired);
    }
}
