//! What operators change.

use super::*;
use crate::reason::{Excerpt, Fault, Subject};

#[test]
fn an_own_profile_changes_what_it_says_and_keeps_the_rest() {
    let scene = Scene::new(
        r#"
        [denials]
        profile = "own"
        [denials.profiles.own]
        credential_missing = { status = 403 }
        credential_invalid = { body = "{\"code\":\"{reason}\"}", content_type = "application/json" }
        not_permitted = { status = 401, body = "no", content_type = "text/plain" }
        request_malformed = { headers = { "WWW-Authenticate" = "Own", "x-a" = "b" } }
        "#,
    );
    assert_lines(
        &scene,
        &[
            (Reason::CredentialMissing, "403 [] "),
            (
                Reason::TokenExpired,
                "401 [Bearer error=\"invalid_token\"] {\"code\":\"token_expired\"}",
            ),
            (Reason::ScopeInsufficient, "401 [Bearer] no"),
            (Reason::MethodNotAllowed, "405 [Own] "),
            (Reason::CredentialMalformed, "400 [Own] "),
            (Reason::KeysUnavailable, "503 [] "),
        ],
    );
    let denial = Denial::new(Reason::MethodNotAllowed);
    assert_eq!(field(scene.refuse(&denial).headers(), "x-a"), "b");
}

#[test]
fn o4_an_own_body_tells_the_subject_without_anything_of_the_client() {
    let own = "credential_invalid = { content_type = \"application/json\", \
               body = '{\"why\":\"{reason}\",\"what\":\"{subject}\"}' }";
    let scene = Scene::new(&format!("[denials]\nprofile = \"own\"\n[denials.profiles.own]\n{own}"));
    let of_client = Excerpt::quoted("\"}<script>");
    let subject = Subject::claim("aud", Fault::NotAllowed)
        .found(of_client)
        .expected(Excerpt::list(["a\"b", "é"]));
    let body = text(scene.refuse(&Denial::new(Reason::AudienceMismatch.about(subject))).body());
    let json: HashMap<String, String> = serde_json::from_str(&body).unwrap();
    assert_eq!(json["what"], "claim 'aud' is not allowed; expected: 'a\"b', 'é'", "{body}");
    assert!(!body.contains("script"), "{body}");
    assert_eq!(
        scene.line(Reason::TokenExpired).split_once(']').unwrap().1,
        " {\"why\":\"token_expired\",\"what\":\"\"}"
    );
}

#[test]
fn an_own_profile_stands_on_any_built_in_one() {
    let scene = Scene::new(
        r#"
        [denials]
        profile = "own"
        expose_reasons = true
        [denials.profiles.own]
        based_on = "ubirch"
        [denials.profiles.own.cannot_decide]
        status = 500
        body = "later"
        content_type = "text/plain"
        [denials.profiles.own.request_malformed]
        status = 422
        "#,
    );
    let missing = "401 [Bearer realm=\"Verification Access\"] ";
    assert_lines(
        &scene,
        &[
            (Reason::CredentialMissing, missing),
            (Reason::TokenExpired, "403 [] "),
            (Reason::KeysUnavailable, "500 [] later"),
            (Reason::MethodNotAllowed, "422 [] "),
            (Reason::CredentialMalformed, "422 [] "),
        ],
    );
    let outage = scene.refuse(&Denial::new(Reason::KeysUnavailable));
    assert_eq!(outage.headers()[RETRY_AFTER], RETRY_AFTER_SECONDS);
}

#[test]
fn an_own_profile_can_take_the_body_away() {
    let scene = Scene::new(
        r#"
        [denials]
        profile = "own"
        expose_reasons = true
        [denials.profiles.own]
        credential_invalid = { body = "" }
        "#,
    );
    let expected = "401 [Bearer error=\"invalid_token\"] ";
    assert_eq!(scene.line(Reason::TokenExpired), expected);
    assert!(scene.line(Reason::CredentialMissing).contains("credential_missing"));
}
