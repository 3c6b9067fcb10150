//! C-17: what an issuer's tokens may be like only because its settings say so.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use crate::support::{
    client::Request,
    issuer::{Issuer, key, public, sign},
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    world::World,
};

const INTEGERS: &str = "integer_subject = true";

/// The identity of a token of the usual issuer.
fn subject(sub: &str) -> Vec<(String, String)> {
    let told = [("x-auth-issuer", "https://idp.test"), ("x-auth-subject", sub)];
    told.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

#[test]
fn c17_an_integer_subject_is_refused_unless_the_issuer_may_write_them() {
    let strict = World::start();
    strict.refuses("by default", &strict.issuer.mint(json!({ "sub": 1 })), Reason::ClaimMalformed);
    let world = World::with_rules(INTEGERS);
    for (written, text) in [
        ("1", "1"),
        ("0", "0"),
        ("-7", "-7"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        let token = world.issuer.mint_text("sub", written);
        world.admits_request(written, &Request::get("/").bearer(&token), &subject(text));
    }
    let token = world.issuer.mint(json!({ "sub": "alice" }));
    world.admits_request("a text", &Request::get("/").bearer(&token), &subject("alice"));
}

/// Else they would be spellings of one subject, or one subject for all of them.
#[test]
fn c17_only_integers_are_taken_for_their_text() {
    let world = World::with_rules(INTEGERS);
    for written in ["true", "false", "1.5", "1.0", "1e0", "-0", "[1]", "{}", r#"{"id":1}"#] {
        let token = world.issuer.mint_text("sub", written);
        world.refuses(written, &token, Reason::ClaimMalformed);
    }
    let beyond = world.issuer.mint_text("sub", "18446744073709551616");
    world.refuses("beyond 64 bits", &beyond, Reason::ClaimsMalformed);
    for claim in ["client_id", "azp", "jti", "sid", "iss"] {
        let token = world.issuer.mint(json!({ claim: 1 }));
        world.refuses(claim, &token, Reason::ClaimMalformed);
    }
}

/// A revocation names a subject by its text.
#[test]
fn c17_a_route_and_a_form_see_the_text_of_an_integer_subject() {
    let rules = format!("{INTEGERS}\nrequire = [\"sub\"]\nrequire_values = {{ sub = [\"7\"] }}");
    let world = World::with_rules(&rules);
    let token = world.issuer.mint(json!({ "sub": 7 }));
    world.admits_request("7", &Request::get("/").bearer(&token), &subject("7"));
    let other = world.issuer.mint(json!({ "sub": 8 }));
    world.refuses("8", &other, Reason::ClaimValueNotAllowed);
}

/// Two issuers whose tokens may leave `iss` out, `/a` for the one, `/b` for the other, `/both` for
/// both, and `/strict` for one that has no such setting.
fn unnamed_issuers(routes: &str) -> (World, [Issuer; 3]) {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let issuers = ["a", "b", "strict"].map(|name| {
        let issuer = Issuer::new(&format!("https://{name}.test"), &[Algorithm::Es256]);
        key_server.serve(&format!("/{name}/jwks"), Page::json(&issuer.jwks()));
        (name, issuer)
    });
    let setup = issuers.iter().fold(Setup::new(), |setup, (name, issuer)| {
        let rules = if *name == "strict" { "" } else { "accept_without_issuer = true" };
        setup.issuer(name, issuer, &key_server, rules, "")
    });
    let proxy = setup.routes(routes).start(&upstream);
    let issuers = issuers.map(|(_, issuer)| issuer);
    let world = World { proxy, upstream, key_server, issuer: issuers[0].clone() };
    (world, issuers)
}

const ROUTES: &str = r#"
[[routes]]
path = "/a"
issuers = ["a"]

[[routes]]
path = "/b"
issuers = ["b"]

[[routes]]
path = "/both"
issuers = ["a", "b"]

[[routes]]
path = "/strict"
issuers = ["strict"]
"#;

fn unnamed(issuer: &Issuer) -> String {
    issuer.mint(json!({ "iss": Value::Null }))
}

fn of(issuer: &Issuer) -> Vec<(String, String)> {
    let told = [("x-auth-issuer", issuer.iss()), ("x-auth-subject", "alice")];
    told.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

#[test]
fn c17_a_token_without_issuer_is_of_the_only_issuer_of_its_route() {
    let (world, [a, b, strict]) = unnamed_issuers(ROUTES);
    let get = |path: &str, token: &str| Request::get(path).bearer(token);
    world.admits_request("a", &get("/a", &unnamed(&a)), &of(&a));
    world.admits_request("b", &get("/b", &unnamed(&b)), &of(&b));
    world.admits_request("named", &get("/both", &a.mint(json!({}))), &of(&a));
    for (path, issuer) in [("/both", &a), ("/both", &b), ("/strict", &strict)] {
        let request = get(path, &unnamed(issuer));
        world.refuses_request(path, &request, Reason::ClaimMissing);
    }
    let empty = a.mint(json!({ "iss": "" }));
    world.refuses_request("an empty one", &get("/a", &empty), Reason::IssuerUnknown);
    let foreign = b.mint(json!({ "iss": "https://a.test" }));
    world.refuses_request("another's key", &get("/a", &foreign), Reason::SignatureInvalid);
}

/// The caches know a token by its bytes, which say nothing of whose it is.
#[test]
fn c17_what_is_cached_of_a_token_without_issuer_counts_only_where_it_is_the_same_issuers() {
    let (world, [a, b, _]) = unnamed_issuers(ROUTES);
    // Under the same key name, so that the signature is all that tells them apart.
    let (of_a, of_b) = (unnamed(&a), unnamed(&b));
    let get = |path: &str, token: &str| Request::get(path).bearer(token);
    for _ in 0..2 {
        world.admits_request("a's", &get("/a", &of_a), &of(&a));
        world.refuses_request("a's elsewhere", &get("/b", &of_a), Reason::SignatureInvalid);
        world.refuses_request("of either", &get("/both", &of_a), Reason::ClaimMissing);
        world.refuses_request("of neither", &get("/strict", &of_a), Reason::ClaimMissing);
        // What is known to be forged under a's keys is not so under b's.
        world.refuses_request("b's elsewhere", &get("/a", &of_b), Reason::SignatureInvalid);
        world.admits_request("b's", &get("/b", &of_b), &of(&b));
    }
}

/// What SPIRE issues and publishes: no `iss`, and a bundle with the authorities of both kinds.
#[test]
fn c17_a_jwt_svid_passes_under_the_bundle_of_its_trust_domain() {
    let issuer = Issuer::new("https://td.test", &[Algorithm::Es256, Algorithm::Es256]);
    let bundle = |uses: [&str; 2]| {
        let keys = ["k0", "k1"].iter().zip(uses).map(|(kid, purpose)| {
            let mut jwk = public(issuer.key(kid));
            jwk["use"] = purpose.into();
            jwk
        });
        let keys: Vec<Value> = keys.collect();
        json!({ "keys": keys, "spiffe_sequence": 1, "spiffe_refresh_hint": 300 })
    };
    let rules = "accept_without_issuer = true\nprofile = \"jwt-svid\"";
    let page = Page::json(&bundle(["jwt-svid", "x509-svid"]));
    let world = World::unready(issuer.clone(), rules, "", page);
    world.proxy.wait_until_ready();

    let id = "spiffe://td.test/ns/prod/sa/api";
    let svid = |header: Value, changes: Value| {
        let mut claims = json!({ "iss": Value::Null, "iat": Value::Null, "sub": id });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        world.issuer.mint_with(header, claims)
    };
    let identity = [("x-auth-issuer", "https://td.test"), ("x-auth-subject", id)];
    let identity = identity.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for typ in [Value::Null, json!("JWT"), json!("JOSE")] {
        let token = svid(json!({ "typ": typ }), json!({}));
        world.admits_request("an SVID", &Request::get("/").bearer(&token), &identity);
    }
    for (changes, reason) in [
        (json!({ "sub": "alice" }), Reason::ClaimMalformed),
        (json!({ "sub": "spiffe://td.test/a/../b" }), Reason::ClaimMalformed),
        (json!({ "aud": Value::Null }), Reason::ClaimMissing),
        (json!({ "aud": ["other"] }), Reason::AudienceMismatch),
        (json!({ "exp": Value::Null }), Reason::ClaimMissing),
    ] {
        let case = changes.to_string();
        world.refuses(&case, &svid(json!({}), changes), reason);
    }
    let typed = svid(json!({ "typ": "at+jwt" }), json!({}));
    world.refuses("another type", &typed, Reason::TokenTypeNotAllowed);
    let claims = json!({ "sub": id, "aud": world.issuer.claims()["aud"], "exp": world.issuer.claims()["exp"] });
    let by_certificate_key = sign(issuer.key("k1"), json!({}), claims.to_string().as_bytes());
    world.refuses("a key for certificates", &by_certificate_key, Reason::KeyUnsuitable);
    let stranger = sign(&key(Algorithm::Es256, "k0"), json!({}), claims.to_string().as_bytes());
    world.refuses("a stranger's", &stranger, Reason::SignatureInvalid);
}
