//! Callers for whom the provider issues nothing.

use countersign::reason::Reason;

use crate::upstream_credentials::scene::{Scene, denied, issue};

#[test]
fn g6_what_the_provider_says_of_the_caller_is_403_and_never_401() {
    for (status, error) in [
        (400, "invalid_grant"),
        (400, "invalid_request"),
        (400, "invalid_target"),
        (400, "invalid_scope"),
        (403, "access_denied"),
        (401, "invalid_token"),
    ] {
        let scene = Scene::exchange("");
        scene.endpoint.answer_by(move |_| denied(status, error));
        let token = scene.caller("alice");
        let reason = Reason::UpstreamCredentialRefused;
        let answer = scene.refuses(error, &token, reason);
        assert_eq!((answer.status, answer.field("www-authenticate")), (403, None), "{error}");
        let text = String::from_utf8(answer.body.bytes).unwrap();
        assert!(!text.contains("words of the provider"), "{text}");
        // The same caller is not asked about again at once, and no other is affected.
        scene.refuses(error, &token, reason);
        assert_eq!(scene.requests(), 1, "{error}");
        scene.endpoint.answer_by(issue);
        scene.authorization(&scene.caller("bob"));
        scene.world.proxy.advance(5);
        scene.authorization(&token);
        assert!((scene.outcomes("denied") - 1.0).abs() < f64::EPSILON);
        assert!(!scene.world.proxy.worker_logs().contains("words of the provider"));
    }
}

#[test]
fn g6_a_caller_that_is_refused_does_not_stop_the_exchange_for_others() {
    let scene = Scene::exchange("");
    scene.endpoint.answer_by(|question| {
        let sub = crate::support::world::claims(question.parameter("subject_token").unwrap());
        if sub["sub"] == "alice" { issue(question) } else { denied(400, "a new error") }
    });
    for n in 0..20 {
        let token = scene.caller(&format!("mallory-{n}"));
        scene.refuses("mallory", &token, Reason::UpstreamCredentialUnavailable);
    }
    scene.authorization(&scene.caller("alice"));
}

#[test]
fn a_permission_that_was_withdrawn_ends_the_kept_token_with_its_renewal() {
    let scene = Scene::exchange("");
    let token = scene.caller("alice");
    scene.authorization(&token);
    scene.endpoint.answer_by(|_| denied(400, "invalid_grant"));
    scene.world.proxy.advance(super::scene::LIFE * 4 / 5);
    scene.authorization(&token);
    crate::support::wait_until("the refusal", || {
        scene.world.proxy.get("/", Some(&token)).status == 403
    });
}

#[test]
fn errors_of_this_proxy_are_503() {
    for (status, error) in [
        (401, "invalid_client"),
        (400, "unauthorized_client"),
        (400, "unsupported_grant_type"),
        (400, "of our own making"),
        (500, "invalid_grant"),
        (503, "temporarily_unavailable"),
        (404, ""),
    ] {
        let scene = Scene::exchange("");
        scene.endpoint.answer_by(move |_| denied(status, error));
        scene.refuses(error, &scene.caller("alice"), Reason::UpstreamCredentialUnavailable);
    }
}
