//! A refusal says what it is about: in the log, bounded, escaped, and without anything that may be
//! personal or secret.

use countersign::{
    jose::{Algorithm, base64url},
    reason::{Reason, Subject},
};
use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::Request,
    issuer::{AUDIENCE, key, parts, sign},
    logs::subject_in,
    world::World,
};

/// What would leave its line of a log, or change what a terminal shows.
const HOSTILE: &str = "x\r\n2026 INFO denied FORGED\u{1b}[2J\u{202e}\u{7}\"}";

const RULES: &str = "require = [\"exp\", \"tenant\"]\nrequire_values = { plan = [\"gold\"] }\n\
                     max_lifetime = \"1h\"\nformats = { device = \"uuid\" }";

/// The subject in the log line of the refusal.
#[track_caller]
fn subject_of(world: &World, case: &str, token: &str, reason: Reason) -> String {
    let before = world.proxy.worker_logs().len();
    world.refuses(case, token, reason);
    let logs = world.proxy.worker_logs();
    let code = format!(" denied reason=\"{reason}\"");
    let line = logs[before..].lines().find(|line| line.contains(&code));
    let line = line.unwrap_or_else(|| panic!("{case}: no line of {reason}"));
    subject_in(line).unwrap_or_else(|| panic!("{case}: {line}"))
}

/// A claim that is put over the good ones, and what its refusal is about.
type Case<S> = (&'static str, Value, Reason, S);

#[track_caller]
fn assert_subjects<S: AsRef<str>>(world: &World, cases: impl IntoIterator<Item = Case<S>>) {
    let good = json!({
        "tenant": "t-1", "plan": "gold", "device": "963995ed-ce12-4ea5-89dc-b181701d1d7b",
        "iat": NOW, "exp": NOW + 100,
    });
    world.admits("good", &world.issuer.mint(good.clone()));
    for (name, value, reason, expected) in cases {
        let case = format!("{name}: {value}");
        let mut claims = good.clone();
        claims[name] = value;
        let subject = subject_of(world, &case, &world.issuer.mint(claims), reason);
        assert!(subject.starts_with(expected.as_ref()), "{case}: {subject}");
    }
}

#[test]
fn br31_a_refusal_says_which_claim_has_no_right_form() {
    let cases = [
        (
            "exp",
            json!("1900000000"),
            Reason::ClaimMalformed,
            "claim 'exp' is of the wrong type; found: a string of 10 bytes; expected: a number of \
             seconds",
        ),
        (
            "exp",
            json!(1_900_000_000_000_i64),
            Reason::ClaimMalformed,
            "claim 'exp' is out of range; found: 1900000000000; expected: seconds since 1970, up \
             to the year 2500",
        ),
        (
            "sub",
            json!(["alice"]),
            Reason::ClaimMalformed,
            "claim 'sub' is of the wrong type; found: an array of 1; expected: a string",
        ),
        (
            "device",
            json!("phone"),
            Reason::ClaimMalformed,
            "claim 'device' is malformed; found: a string of 5 bytes; expected: a UUID; setting: \
             formats",
        ),
        ("tenant", Value::Null, Reason::ClaimMissing, "claim 'tenant' is missing"),
        (
            "plan",
            json!("silver"),
            Reason::ClaimValueNotAllowed,
            "claim 'plan' is not allowed; found: a string of 6 bytes; expected: 'gold'; setting: \
             require_values",
        ),
    ];
    assert_subjects(&World::with_rules(RULES), cases);
}

#[test]
fn a_refusal_says_which_claim_does_not_hold_and_what_would() {
    use Reason::{
        AudienceMismatch, BindingUnproven, IssuerUnknown, LifetimeTooLong, TokenExpired,
        TokenIssuedInFuture, TokenNotYetValid, TokenTypeNotAllowed,
    };
    let world = World::with_rules(RULES);
    let iss = world.issuer.iss().to_owned();
    let cases = [
        (
            "exp",
            json!(NOW - 100),
            TokenExpired,
            format!(
                "claim 'exp' is in the past; found: {}, 100 s ago; setting: clock_skew",
                NOW - 100
            ),
        ),
        (
            "nbf",
            json!(NOW + 100),
            TokenNotYetValid,
            "claim 'nbf' is in the future; found: ".to_owned(),
        ),
        (
            "iat",
            json!(NOW + 70),
            TokenIssuedInFuture,
            format!("claim 'iat' is in the future; found: {}, 70 s from now", NOW + 70),
        ),
        (
            "iat",
            json!(NOW - 3600),
            LifetimeTooLong,
            "claim 'exp' is out of range; found: 3700 s after 'iat'; expected: at most 3600 s; \
             setting: max_lifetime"
                .to_owned(),
        ),
        (
            "aud",
            json!(["other", "another"]),
            AudienceMismatch,
            format!(
                "claim 'aud' is not allowed; found: 'other', 'another'; expected: '{AUDIENCE}'; \
                 setting: audiences"
            ),
        ),
        ("aud", Value::Null, AudienceMismatch, "claim 'aud' is missing; found: nothing".to_owned()),
        (
            "iss",
            json!("https://stranger.test"),
            IssuerUnknown,
            format!("claim 'iss' is not known; found: 'https://stranger.test'; expected: '{iss}'"),
        ),
        (
            "cnf",
            json!({ "jkt": "x" }),
            BindingUnproven,
            "claim 'cnf' is not proven; setting: ignore_binding".to_owned(),
        ),
        (
            "token_use",
            json!("id"),
            TokenTypeNotAllowed,
            "claim 'token_use' is not allowed; found: an ID token; expected: an access token"
                .to_owned(),
        ),
    ];
    assert_subjects(&world, cases);
}

#[test]
fn br33_a_member_that_is_not_acceptable_is_named_with_its_fault() {
    let world = World::start();
    let header = json!({});
    for (payload, expected) in [
        (r#"{"sub":"a","sub":"b"}"#, "claim 'sub' occurs twice"),
        (r#"{"a":{"roles":1,"roles":2}}"#, "claim 'roles' occurs twice"),
        (r#"{"limit":18446744073709551616}"#, "claim 'limit' is out of range"),
        (r#"{"a":{"b":[1e999]}}"#, "claim 'b' is out of range"),
        (r#"{"name":"\ud800"}"#, "claim 'name' holds half of a surrogate pair"),
        (r#"{"name":}"#, "claim 'name' is not valid JSON"),
        ("[]", "the payload is no JSON object"),
        ("{", "the payload is not valid JSON"),
    ] {
        let token = world.issuer.sign(header.clone(), payload);
        let subject = subject_of(&world, payload, &token, Reason::ClaimsMalformed);
        assert_eq!(subject, expected, "{payload}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let token = world.issuer.sign(header, &deep);
    let subject = subject_of(&world, "deep", &token, Reason::ClaimsMalformed);
    assert_eq!(subject, "claim 'a' is nested too deeply or has too many values");
}

#[test]
fn a_refusal_says_which_parameter_of_the_header() {
    let world = World::start();
    let mint = |header: Value| world.issuer.mint_with(header, json!({}));
    let forged = |header: &str| {
        let [_, payload, signature] = parts(&mint(json!({}))).map(str::to_owned);
        format!("{}.{payload}.{signature}", base64url::encode(header.as_bytes()))
    };
    for (token, reason, expected) in [
        (
            forged(r#"{"alg":"none"}"#),
            Reason::AlgorithmUnsupported,
            "header parameter 'alg' is not supported; found: 'none'",
        ),
        (forged("{}"), Reason::AlgorithmUnsupported, "header parameter 'alg' is missing"),
        (
            forged(r#"{"alg":"ES256","crit":["x"],"x":1}"#),
            Reason::CriticalUnknown,
            "header parameter 'crit' is not supported; found: 'x'",
        ),
        (
            forged(r#"{"alg":"ES256","kid":7}"#),
            Reason::HeaderMalformed,
            "header parameter 'kid' is malformed; found: a number",
        ),
        (
            forged(r#"{"alg":"ES256","cty":"JWT"}"#),
            Reason::HeaderMalformed,
            "header parameter 'cty' is not allowed; found: 'JWT'",
        ),
        (forged("nonsense"), Reason::HeaderMalformed, "the token's header is not valid JSON"),
        (
            mint(json!({ "typ": "secevent+jwt" })),
            Reason::TokenTypeNotAllowed,
            "header parameter 'typ' is not allowed; found: 'secevent+jwt'; expected: ",
        ),
        (
            mint(json!({ "kid": "gone" })),
            Reason::KidUnknown,
            "header parameter 'kid' is not known; found: 'gone' with alg ",
        ),
        (
            "a.b".to_owned(),
            Reason::TokenMalformed,
            "the token is malformed; found: 2 parts; expected: three parts, none of them empty",
        ),
        (
            "a".repeat(16_385),
            Reason::TokenTooLarge,
            "the token is too long; found: 16385 bytes; expected: at most 16384 bytes; setting: \
             credential.max_bytes",
        ),
    ] {
        let subject = subject_of(&world, expected, &token, reason);
        assert!(subject.starts_with(expected), "{subject}");
    }
    let [header, payload, signature] = parts(&mint(json!({}))).map(str::to_owned);
    let wrong = format!("{header}.{payload}.{}", signature.chars().rev().collect::<String>());
    if base64url::decode(wrong.rsplit('.').next().unwrap().as_bytes()).is_ok() {
        let subject = subject_of(&world, "a wrong signature", &wrong, Reason::SignatureInvalid);
        assert!(subject.starts_with("the signature is wrong; found: "), "{subject}");
    }
}

#[test]
fn a_refusal_says_what_the_route_requires() {
    let routes = "[[routes]]\npath = \"/scoped\"\nscopes = [\"a\", \"b\"]\n\
                  [[routes]]\npath = \"/any\"\nany_scopes = [\"c\", \"d\"]\n\
                  [[routes]]\npath = \"/ruled\"\nclaims = { email_verified = \"true\" }\n\
                  [[routes]]\npath = \"/**\"\n";
    let world = World::with_setup(|setup| setup.routes(routes));
    let token = world.issuer.mint(json!({ "scope": "a", "email_verified": false }));
    for (path, reason, expected) in [
        ("/scoped", Reason::ScopeInsufficient, "scope is missing; expected: 'b'; setting: scopes"),
        (
            "/any",
            Reason::ScopeInsufficient,
            "scope is missing; expected: one of 'c', 'd'; setting: any_scopes",
        ),
        (
            "/ruled",
            Reason::ClaimNotPermitted,
            "claim 'email_verified' is not allowed; found: a boolean; expected: 'true'; setting: \
             claims",
        ),
    ] {
        let request = Request::get(path).bearer(&token);
        world.refuses_request(path, &request, reason);
        let logs = world.proxy.worker_logs();
        let said = logs.lines().filter_map(subject_in).any(|subject| subject == expected);
        assert!(said, "{path}: {logs}");
    }
}

#[test]
fn idp13_a_claim_that_is_too_long_for_its_header_names_both() {
    let world = World::with_setup(|setup| {
        setup.with("[claims]\n\"X-Auth-Groups\" = \"groups\"\n[forwarding]\nmax_header_bytes = 64")
    });
    let token = world.issuer.mint(json!({ "groups": vec!["g"; 200] }));
    let subject = subject_of(&world, "groups", &token, Reason::ClaimUnrenderable);
    assert_eq!(
        subject,
        "claim 'groups' does not fit; found: 399 bytes for header 'x-auth-groups'; expected: at \
         most 64 bytes; setting: forwarding.max_header_bytes"
    );
}

#[test]
fn o1_d8_hostile_values_stay_in_their_line_and_within_their_bound() {
    let world = World::start();
    let long = format!("{HOSTILE}{}", "A".repeat(5000));
    let hostile_key = key(Algorithm::Es256, "k");
    let mut cases = Vec::new();
    for claim in ["iss", "aud", "token_use", "exp", "sub", "scope", "cnf"] {
        cases.push(world.issuer.mint(json!({ claim: HOSTILE })));
        cases.push(world.issuer.mint(json!({ claim: [HOSTILE, 1] })));
        cases.push(world.issuer.mint(json!({ claim: long })));
        cases.push(world.issuer.mint(json!({ claim: vec![HOSTILE; 100] })));
    }
    let name = serde_json::to_string(HOSTILE).unwrap();
    cases.push(world.issuer.sign(json!({}), &format!("{{{name}:1,{name}:2}}")));
    cases.push(world.issuer.mint_with(json!({ "typ": HOSTILE }), json!({})));
    cases.push(world.issuer.mint_with(json!({ "kid": HOSTILE }), json!({})));
    cases.push(sign(&hostile_key, json!({ "crit": [HOSTILE], "kid": long }), b"{}"));
    let before = world.proxy.logs().len();
    for token in &cases {
        let _ = world.proxy.exchange(&Request::get("/").bearer(token));
    }
    let logs = world.proxy.logs();
    let denied: Vec<_> = logs[before..].lines().filter(|l| l.contains(" denied reason=")).collect();
    assert!(denied.iter().filter(|line| line.contains("FORGED")).count() > 6, "{denied:?}");
    for line in denied {
        assert!(line.len() < 2 * Subject::MAX_BYTES + 1024, "{}", line.len());
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        assert!(line.starts_with("20"), "one line each: {line}");
    }
}

#[test]
fn d8_a_kid_or_a_claim_of_a_megabyte_is_cut() {
    let world = World::with_setup(|setup| {
        setup
            .with("[credential]\nmax_bytes = \"48KiB\"")
            .server("[server.limits]\nheader_bytes = \"64KiB\"")
    });
    for token in [
        world.issuer.mint(json!({ "iss": "i".repeat(30_000) })),
        world.issuer.mint(json!({ "aud": vec!["a"; 5000] })),
        world.issuer.mint_with(json!({ "kid": "k".repeat(5000) }), json!({})),
    ] {
        let before = world.proxy.logs().len();
        let answer = world.proxy.exchange(&Request::get("/").bearer(&token));
        assert_eq!(answer.status, 401);
        let logs = world.proxy.logs();
        let mut denied = logs[before..].lines().filter(|line| line.contains(" denied reason="));
        assert!(denied.all(|line| line.len() < 2500), "{logs}");
    }
}

#[test]
fn o2_a_subject_shows_no_claim_that_may_be_personal() {
    let world = World::with_rules("require_values = { email = [\"other@x.test\"] }");
    let token = world.issuer.mint(json!({ "email": "PERSONAL@x.test" }));
    let subject = subject_of(&world, "email", &token, Reason::ClaimValueNotAllowed);
    assert!(subject.contains("found: a string of 15 bytes"), "{subject}");
    assert!(!subject.contains("PERSONAL"), "{subject}");
}
