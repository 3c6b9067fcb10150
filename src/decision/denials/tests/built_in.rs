//! What each built-in profile says.

use super::*;

#[test]
fn rfc6750_says_what_the_standards_say_and_nothing_more() {
    assert_lines(
        &Scene::profile("rfc6750", false),
        &[
            (Reason::CredentialMissing, "401 [Bearer] "),
            (Reason::CredentialSchemeUnknown, "401 [Bearer] "),
            (Reason::TokenExpired, "401 [Bearer error=\"invalid_token\"] "),
            (Reason::CredentialMalformed, "400 [Bearer error=\"invalid_request\"] "),
            (Reason::CredentialAmbiguous, "400 [Bearer error=\"invalid_request\"] "),
            (
                Reason::ScopeInsufficient,
                "403 [Bearer error=\"insufficient_scope\", scope=\"a b\"] ",
            ),
            (Reason::ClaimNotPermitted, "403 [] "),
            (Reason::RouteUnknown, "403 [] "),
            (Reason::RequestNotCanonical, "400 [] "),
            (Reason::MethodNotAllowed, "405 [] "),
            (Reason::MethodNotSupported, "405 [] "),
            (Reason::ExpectationNotSupported, "417 [] "),
            (Reason::KeysUnavailable, "503 [] "),
            (Reason::UpstreamUnreachable, "502 [] "),
            (Reason::UpstreamConnectTimeout, "504 [] "),
            (Reason::UpstreamUntrusted, "502 [] "),
            (Reason::UpstreamBroken, "502 [] "),
            (Reason::UpstreamTimeout, "504 [] "),
            (Reason::UpstreamResponseInvalid, "502 [] "),
        ],
    );
}

#[test]
fn rfc6750_tells_the_reason_where_that_is_allowed() {
    let scene = Scene::profile("rfc6750", true);
    assert_lines(
        &scene,
        &[
            (
                Reason::TokenExpired,
                "401 [Bearer error=\"invalid_token\"] {\"detail\":\"The token has expired.\",\
                 \"reason\":\"token_expired\",\"status\":401,\"title\":\"Unauthorized\"}",
            ),
            (
                Reason::KeysUnavailable,
                "503 [] {\"detail\":\"The issuer's keys are not available at the moment.\",\
                 \"reason\":\"keys_unavailable\",\"status\":503,\"title\":\"Service Unavailable\"}",
            ),
        ],
    );
}

#[test]
fn problem_differs_from_rfc6750_in_the_body_only() {
    let (plain, problem) = (Scene::profile("rfc6750", false), Scene::profile("problem", false));
    let (exposing, both) = (Scene::profile("rfc6750", true), Scene::profile("problem", true));
    for reason in Reason::ALL {
        let line = problem.line(*reason);
        let (rest, body) = line.split_once('{').unwrap();
        assert_eq!(plain.line(*reason), rest, "{reason}");
        assert!(!body.contains(reason.code()) && !body.contains(reason.text()), "{line}");
        assert_eq!(exposing.line(*reason), both.line(*reason), "{reason}");
    }
    let expected = "403 [] {\"status\":403,\"title\":\"Forbidden\"}";
    assert_eq!(problem.line(Reason::RouteUnknown), expected);
}

#[test]
fn ubirch_knows_nothing_sent_and_everything_else() {
    for expose_reasons in [false, true] {
        let scene = Scene::profile("ubirch", expose_reasons);
        let missing = "401 [Bearer realm=\"Verification Access\"] ";
        assert_eq!(scene.line(Reason::CredentialMissing), missing);
        let invalid =
            Reason::ALL.iter().filter(|reason| reason.class() == Class::CredentialInvalid);
        let others = [
            Reason::CredentialSchemeUnknown,
            Reason::CredentialMalformed,
            Reason::CredentialAmbiguous,
            Reason::ScopeInsufficient,
            Reason::IssuerNotAllowed,
            Reason::RouteUnknown,
        ];
        for reason in invalid.chain(&others) {
            assert_eq!(scene.line(*reason), "403 [] ", "{reason}");
        }
        assert_eq!(scene.line(Reason::RequestNotCanonical), "400 [] ");
        assert_eq!(scene.line(Reason::MethodNotAllowed), "405 [] ");
        assert_eq!(scene.line(Reason::ConcurrencyLimited), "429 [] ");
        assert_eq!(scene.line(Reason::KeysUnavailable), "503 [] ");
        assert_eq!(scene.line(Reason::UpstreamBroken), "502 [] ");
    }
}

#[test]
fn genauth_repeats_the_status_as_a_code() {
    assert_lines(
        &Scene::profile("genauth", false),
        &[
            (Reason::CredentialMissing, "401 [Bearer] {\"code\":401,\"message\":\"Unauthorized\"}"),
            (Reason::TokenExpired, "400 [] {\"code\":400,\"message\":\"access_token is invalid\"}"),
            (Reason::ClaimNotPermitted, "403 [] {\"code\":403,\"message\":\"Forbidden\"}"),
            (Reason::KeysUnavailable, "503 [] {\"code\":503,\"message\":\"Service Unavailable\"}"),
            (Reason::UpstreamTimeout, "504 [] {\"code\":504,\"message\":\"Gateway Timeout\"}"),
        ],
    );
    let exposing = Scene::profile("genauth", true);
    let expected = "400 [] {\"code\":400,\"message\":\"The token has expired.\"}";
    assert_eq!(exposing.line(Reason::TokenExpired), expected);
}

#[test]
fn ocen_acknowledges_with_an_id_of_its_own_and_the_time() {
    let stamp = "\"traceId\":\"ID\",\"timestamp\":\"2018-12-06T11:39:57Z\"}";
    let scene = Scene::profile("ocen", false);
    let expired = scene.line(Reason::TokenExpired);
    assert_eq!(
        expired,
        format!("401 [Bearer error=\"invalid_token\"] {{\"error\":\"401\",{stamp}")
    );
    let exposing = Scene::profile("ocen", true).line(Reason::RouteUnknown);
    assert_eq!(exposing, format!("403 [] {{\"error\":\"route_unknown\",{stamp}"));
}

#[test]
fn empty_tells_no_more_than_it_must() {
    for expose_reasons in [false, true] {
        let scene = Scene::profile("empty", expose_reasons);
        for reason in Reason::ALL {
            let (line, class) = (scene.line(*reason), reason.class());
            let expected = match class {
                Class::CredentialMissing | Class::CredentialInvalid => "401 [Bearer] ",
                Class::SignatureRefused => "401 [Signature] ",
                Class::NotPermitted
                | Class::RequestMalformed
                | Class::CannotDecide
                | Class::UpstreamFailed => "[] ",
            };
            assert!(line.ends_with(expected), "{reason}: {line}");
        }
        assert_eq!(scene.line(Reason::MethodNotAllowed), "405 [] ");
        assert_eq!(scene.line(Reason::RateLimited), "429 [] ");
        assert_eq!(scene.line(Reason::ScopeInsufficient), "403 [] ");
    }
}
