//! `[identity.assertion]`: what the upstream is told under the operator's signature, and that
//! no other party can tell it.

use std::{fs, thread};

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::{
    jose::{Algorithm, JwkSet, KeyLimits, SigningKey, VerificationKey, base64url, verify_compact},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::Request,
    invariants::FORGED,
    issuer::{AUDIENCE, Issuer, LIFETIME, key},
    key_server::Page,
    oracle::{assert_admitted, fold},
    setup::Setup,
    upstream::Received,
    world::{World, identity},
};

const HEADER: &str = "x-jwt-assertion";

/// A private key in a file, and the section that names it.
struct Operator {
    folder: tempfile::TempDir,
    lines: String,
}

impl Operator {
    fn new(key: &SigningKey, lines: &str) -> Self {
        let operator = Self { folder: tempfile::tempdir().unwrap(), lines: lines.to_owned() };
        operator.write("key.jwk", &key.private_jwk().to_text());
        operator
    }

    /// ES256, which takes no time to make.
    fn quick(lines: &str) -> Self {
        Self::new(&key(Algorithm::Es256, "gateway-1"), &format!("algorithm = \"ES256\"\n{lines}"))
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn section(&self) -> String {
        format!(
            "[identity.assertion]\nprivate_key_file = \"{}/key.jwk\"\nissuer = \"gateway\"\n{}",
            self.folder.path().display(),
            self.lines
        )
    }

    fn world(&self) -> World {
        World::with_setup(|setup| setup.with(&self.section()))
    }
}

/// How many assertions were signed.
fn signed(world: &World) -> u64 {
    let metrics = world.proxy.metrics();
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix("countersign_assertions_signed_total "));
    count.unwrap().parse().unwrap()
}

/// The key that the admin listener serves under the `kid` of an assertion.
fn served_key(world: &World, kid: &str) -> std::sync::Arc<VerificationKey> {
    let page = world.proxy.admin("/jwks");
    assert_eq!((page.status, page.field("content-type")), (200, Some("application/jwk-set+json")));
    let set = JwkSet::parse(&page.body.bytes, &KeyLimits::default()).unwrap();
    assert!(set.skipped.is_empty(), "{:?}", set.skipped);
    set.keys.into_iter().find(|key| key.kid() == Some(kid)).unwrap()
}

fn assertion(received: &Received) -> &str {
    received.head.field(HEADER).unwrap()
}

/// The header of an assertion in base64url.
fn header(assertion: &str) -> Value {
    let header = assertion.split('.').next().unwrap();
    serde_json::from_slice(&base64url::decode(header.as_bytes()).unwrap()).unwrap()
}

/// The claims of an assertion that verifies under the served keys.
#[track_caller]
fn verified(world: &World, assertion: &str) -> Value {
    let header = header(assertion);
    let key = served_key(world, header["kid"].as_str().unwrap());
    let payload = verify_compact(assertion.as_bytes(), &key).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// What the upstream receives for a token, which is admitted, cold and warm, with the same bytes.
#[track_caller]
fn asserted(world: &World, token: &str) -> String {
    assertion(&world.admits("asserted", token)).to_owned()
}

/// What the upstream receives on one request.
#[track_caller]
fn asserted_now(world: &World, token: &str) -> String {
    let before = world.mark();
    let answer = world.proxy.get("/", Some(token));
    assert!(answer.is_from_upstream(), "{answer:?}");
    assertion(&before.only_request("now")).to_owned()
}

#[test]
fn the_upstream_gets_the_verified_claims_under_the_operators_key() {
    let rsa = SigningKey::generate(Algorithm::Rs256, None).unwrap();
    let operator = Operator::new(
        &rsa,
        "audience = \"app\"\n[identity.assertion.mapping]\n\
         \"http://wso2.org/claims/enduser\" = \"sub\"",
    );
    let world = operator.world();
    let token =
        world.issuer.mint(json!({ "scope": "a b", "roles": ["x", { "y": 1 }], "jti": "7" }));
    let assertion = asserted(&world, &token);
    assert_eq!(header(&assertion), json!({ "typ": "JWT", "alg": "RS256", "kid": rsa.kid() }));
    assert_eq!(
        verified(&world, &assertion),
        json!({
            "iss": "gateway",
            "aud": "app",
            "token_iss": "https://idp.test",
            "iat": NOW,
            "exp": NOW + 300,
            "sub": "alice",
            "scope": "a b",
            "roles": ["x", { "y": 1 }],
            "http://wso2.org/claims/enduser": "alice",
        })
    );
    // The token itself does not reach the upstream, nor does anything of it that is a credential.
    assert!(!assertion.contains(token.rsplit('.').next().unwrap()));
}

#[test]
fn a_key_of_another_kind_signs_as_well() {
    for alg in [Algorithm::Es256, Algorithm::EdDsa] {
        let lines = format!("algorithm = \"{alg}\"\nkid = \"mine\"\nheader = \"X-Backend-JWT\"");
        let world = Operator::new(&key(alg, "own"), &lines).world();
        let received = world.admits("kind", &world.issuer.mint(json!({})));
        let assertion = received.head.field("x-backend-jwt").unwrap();
        assert_eq!(header(assertion), json!({ "typ": "JWT", "alg": alg.name(), "kid": "mine" }));
        assert_eq!(verified(&world, assertion)["sub"], "alice");
        assert_eq!(received.head.field(HEADER), None);
    }
}

/// As WSO2's API Manager writes it by default.
#[test]
fn plain_base64_is_possible() {
    let world = Operator::quick("encoding = \"base64\"\nclaims = [\"name\"]").world();
    let assertion = asserted(&world, &world.issuer.mint(json!({ "name": "ÿþý~~~" })));
    let parts: Vec<_> = assertion.split('.').collect();
    let bytes: Vec<_> = parts.iter().map(|part| BASE64_STANDARD.decode(part).unwrap()).collect();
    let claims: Value = serde_json::from_slice(&bytes[1]).unwrap();
    assert_eq!((&claims["name"], &claims["exp"]), (&json!("ÿþý~~~"), &json!(NOW + 300)));
    let signed = format!("{}.{}", parts[0], parts[1]);
    let key = served_key(&world, "gateway-1");
    assert!(key.verify(Algorithm::Es256, signed.as_bytes(), &bytes[2]));
}

#[test]
fn h1_h2_a_forged_assertion_never_passes() {
    let with = Operator::quick("").world();
    let without = World::start();
    for name in
        [HEADER, "X-JWT-Assertion", "x_jwt_assertion", "X-Jwt_Assertion", "x.jwt--assertion"]
    {
        for (world, expected) in [(&with, 1), (&without, 0)] {
            let token = world.issuer.mint(json!({}));
            let request = Request::get("/").field(name, FORGED).bearer(&token).field(name, FORGED);
            let received = world.admits_request(name, &request, &identity(&token));
            assert_eq!(assertions(&received), expected, "{name}: {received:?}");

            let before = world.mark();
            let answer = world.proxy.exchange(&Request::get("/public/x").field(name, FORGED));
            let received = assert_admitted(name, &answer, &before, &[]);
            assert_eq!(assertions(&received), 0, "{name}: {received:?}");
        }
    }
}

/// How many headers an upstream could take for the assertion; none is the client's.
fn assertions(received: &Received) -> usize {
    let named = received.head.fields.iter().filter(|(name, _)| fold(name).contains("assertion"));
    named.inspect(|(_, value)| assert!(!value.contains(FORGED))).count()
}

#[test]
fn it_is_signed_once_and_again_when_it_is_about_to_end() {
    let world = Operator::quick("lifetime = \"1m\"").world();
    let token = world.issuer.mint(json!({ "exp": NOW + 4000 }));
    let first = asserted(&world, &token);
    world.proxy.set_time(NOW + 48);
    assert_eq!(asserted(&world, &token), first, "a fifth is left");
    assert_eq!(signed(&world), 1);

    world.proxy.set_time(NOW + 49);
    let second = asserted(&world, &token);
    let claims = verified(&world, &second);
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW + 49), &json!(NOW + 109)));
    assert_eq!(signed(&world), 2);
    // Every token has its own.
    let other = world.issuer.mint(json!({ "sub": "bob" }));
    assert_eq!(verified(&world, &asserted(&world, &other))["sub"], "bob");
    assert_eq!(signed(&world), 3);
}

#[test]
fn it_never_outlives_the_token() {
    let world = Operator::quick("lifetime = \"1h\"").world();
    let token = world.issuer.mint(json!({}));
    let first = asserted(&world, &token);
    let ends = NOW + LIFETIME;
    assert_eq!(verified(&world, &first)["exp"], ends);
    // Close to the end of the token another one would not live longer: none is signed.
    world.proxy.set_time(ends - 1);
    assert_eq!(verified(&world, &asserted_now(&world, &token))["exp"], ends);
    let before = signed(&world);
    asserted(&world, &token);
    assert_eq!(signed(&world), before);
    // Where only the clock skew still keeps the token, it keeps the assertion as long.
    world.proxy.set_time(ends + 1);
    let last = verified(&world, &asserted(&world, &token));
    assert_eq!((&last["iat"], &last["exp"]), (&json!(ends + 1), &json!(ends + 60)));
    world.proxy.set_time(ends + 60);
    world.refuses("ended", &token, Reason::TokenExpired);
}

#[test]
fn however_many_come_with_a_new_token_one_signature_is_made() {
    const CLIENTS: usize = 32;
    let world = Operator::quick("").world();
    let token = world.issuer.mint(json!({}));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| assert_eq!(world.proxy.get("/", Some(&token)).status, 200));
        }
    });
    assert_eq!(signed(&world), 1);
}

#[test]
fn nothing_is_signed_for_a_request_that_is_refused() {
    let operator = Operator::quick("");
    let routes = "[[routes]]\npath = \"/**\"\nscopes = [\"admin\"]";
    let world = World::with_setup(|setup| setup.with(&operator.section()).routes(routes));
    world.refuses("scope", &world.issuer.mint(json!({})), Reason::ScopeInsufficient);
    world.refuses("expired", &world.issuer.mint(json!({ "exp": 1 })), Reason::TokenExpired);
    assert_eq!(signed(&world), 0);
    asserted(&world, &world.issuer.mint(json!({ "scope": "admin" })));
    assert_eq!(signed(&world), 1);
}

#[test]
fn h6_what_does_not_fit_into_a_header_is_refused_not_cut() {
    let operator = Operator::quick("");
    let large = |more: &str| {
        let tables = format!("{}\n[credential]\nmax_bytes = \"16KiB\"\n{more}", operator.section());
        World::with_setup(|setup| setup.with(&tables))
    };
    let claims = json!({ "blob": "x".repeat(6_500) });
    let world = large("");
    world.refuses("8 KiB", &world.issuer.mint(claims.clone()), Reason::ClaimUnrenderable);
    let world = large("[forwarding]\nmax_header_bytes = \"16KiB\"");
    let assertion = asserted(&world, &world.issuer.mint(claims));
    assert_eq!(verified(&world, &assertion)["blob"].as_str().unwrap().len(), 6_500);
    // The bound on a claim does not bind the assertion, which would never fit.
    let world = large("[forwarding]\nmax_header_bytes = \"64B\"");
    asserted(&world, &world.issuer.mint(json!({})));
}

#[test]
fn a_reload_takes_another_key_and_serves_the_one_before() {
    let old = key(Algorithm::Es256, "gateway-1");
    let operator = Operator::new(&old, "algorithm = \"ES256\"");
    let world = operator.world();
    let token = world.issuer.mint(json!({}));
    let before = asserted(&world, &token);
    let settings = |lines: &str| {
        let section = format!("{}\n{lines}", operator.section());
        let setup = Setup::new().issuer("corp", &world.issuer, &world.key_server, "", "");
        setup.with(&section).load(&world.upstream)
    };

    // A file that holds no key is a mistake of the configuration, and nothing changes.
    operator.write("key.jwk", "{}");
    assert!(settings("").unwrap_err().to_string().contains("private_key_file"));
    assert_eq!(asserted(&world, &token), before);

    operator.write("key.jwk", &key(Algorithm::Es256, "gateway-2").private_jwk().to_text());
    let previous = json!({ "keys": [crate::support::issuer::public(&old)] }).to_string();
    operator.write("previous.json", &previous);
    let file = operator.folder.path().join("previous.json");
    let line = format!("previous_keys_file = \"{}\"", file.display());
    world.proxy.server().reload(settings(&line).unwrap()).unwrap();
    let after = asserted(&world, &token);
    assert_eq!(header(&after)["kid"], "gateway-2");
    assert_eq!(verified(&world, &after)["sub"], "alice");
    assert_eq!(verified(&world, &before)["sub"], "alice", "an upstream may still hold it");
    assert!(!world.proxy.page("/jwks").contains("\"d\""));
}

#[test]
fn without_the_section_there_is_no_assertion_and_no_key_set() {
    let world = World::start();
    let received = world.admits("none", &world.issuer.mint(json!({})));
    assert_eq!(received.head.field(HEADER), None);
    assert_eq!(world.proxy.admin("/jwks").status, 404);
}

/// A subject is unique per issuer only: the upstream learns whose it is, from us.
#[test]
fn c10_each_issuer_is_named_by_its_own_name() {
    let operator = Operator::quick("");
    let world = Operator::world(&operator);
    let other = Issuer::new("https://other.test", &[Algorithm::Es256]);
    world.key_server.serve("/other/jwks", Page::json(&other.jwks()));
    let setup = Setup::new()
        .issuer("corp", &world.issuer, &world.key_server, "", "")
        .issuer("other", &other, &world.key_server, "", "")
        .with(&operator.section());
    world.proxy.server().reload(setup.load(&world.upstream).unwrap()).unwrap();
    let forged = json!({ "token_iss": "https://idp.test" });
    let claims = verified(&world, &asserted(&world, &other.mint(forged)));
    assert_eq!(claims["token_iss"], "https://other.test");
}

/// What an issuer says of an opaque token is asserted as the claims of a JWT are.
#[test]
fn a_token_that_only_its_issuer_can_read_is_asserted_as_well() {
    let operator = Operator::quick("claims = [\"sub\", \"scope\"]");
    let world = operator.world();
    let said = json!({ "sub": "carol", "scope": "a", "exp": NOW + 100, "aud": AUDIENCE });
    world.key_server.serve("/validate?access_token=opaque-1", Page::json(&said));
    let introspection = format!(
        "[issuers.corp.introspection]\nurl = \"{}\"\nmethod = \"validate_access_token\"",
        world.key_server.url("/validate")
    );
    let setup = Setup::new().issuer("corp", &world.issuer, &world.key_server, "", &introspection);
    let settings = setup.with(&operator.section()).load(&world.upstream);
    world.proxy.server().reload(settings.unwrap_or_else(|errors| panic!("{errors}"))).unwrap();

    let first = asserted_now(&world, "opaque-1");
    assert_eq!(
        verified(&world, &first),
        json!({
            "iss": "gateway",
            "token_iss": "https://idp.test",
            "iat": NOW,
            "exp": NOW + 100,
            "sub": "carol",
            "scope": "a",
        })
    );
    assert_eq!(asserted_now(&world, "opaque-1"), first);
    assert_eq!(signed(&world), 1);
}
