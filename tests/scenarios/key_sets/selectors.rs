//! K-16: keys that are found by the hash of their certificate.

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::{
    jose::{Algorithm, base64url},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::support::{
    issuer::{Issuer, public, sign},
    key_server::Page,
    wait_until,
    world::{JWKS, World},
};

const BY_HASH: &str = "key_selectors = [\"x5t\", \"x5t#S256\"]";
const BY_ALL: &str = "key_selectors = [\"kid\", \"x5t\", \"x5t#S256\"]";

/// What stands for the certificate of a key: its hash is all that counts.
fn certificate(kid: &str) -> Vec<u8> {
    format!("the certificate of {kid}").into_bytes()
}

fn sha1(certificate: &[u8]) -> String {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    base64url::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate).as_ref())
}

fn sha256(certificate: &[u8]) -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    base64url::encode(digest(&SHA256, certificate).as_ref())
}

/// Three keys: `k0` states its hashes, `k1` has a certificate, `k2` neither.
fn keys(issuer: &Issuer) -> Value {
    let [mut stated, mut chained, plain] = ["k0", "k1", "k2"].map(|kid| public(issuer.key(kid)));
    stated["x5t"] = sha1(&certificate("k0")).into();
    stated["x5t#S256"] = sha256(&certificate("k0")).into();
    chained["x5c"] = json!([BASE64_STANDARD.encode(certificate("k1"))]);
    json!({ "keys": [stated, chained, plain] })
}

fn world(rules: &str) -> World {
    let issuer = Issuer::new("https://idp.test", &[Algorithm::Es256; 3]);
    let page = Page::json(&keys(&issuer));
    let world = World::unready(issuer, rules, "cooldown = \"1s\"", page);
    world.proxy.wait_until_ready();
    world
}

/// A token by that key with these names of it in the header.
fn token(world: &World, kid: &str, header: Value) -> String {
    sign(world.issuer.key(kid), header, world.issuer.claims().to_string().as_bytes())
}

#[test]
fn k16_by_default_the_hash_of_a_certificate_finds_no_key() {
    let world = world("");
    let hash = json!({ "kid": null, "x5t": sha1(&certificate("k0")) });
    world.refuses("three keys fit", &token(&world, "k0", hash), Reason::KeyAmbiguous);
    let wrong = json!({ "x5t": sha1(&certificate("k1")) });
    world.admits("the kid decides", &token(&world, "k0", wrong));
    world.admits("and no hash is read", &token(&world, "k0", json!({ "x5t": 7 })));
}

#[test]
fn k16_a_key_is_found_by_the_hash_of_its_certificate() {
    let world = world(BY_HASH);
    for kid in ["k0", "k1"] {
        let (sha1, sha256) = (sha1(&certificate(kid)), sha256(&certificate(kid)));
        for header in [
            json!({ "kid": null, "x5t": sha1 }),
            json!({ "kid": null, "x5t#S256": sha256 }),
            json!({ "kid": null, "x5t": sha1, "x5t#S256": sha256 }),
            json!({ "kid": "of another set", "x5t": sha1 }),
        ] {
            world.admits(&header.to_string(), &token(&world, kid, header));
        }
    }
}

#[test]
fn k16_names_that_contradict_each_other_or_are_malformed_find_nothing() {
    let world = world(BY_ALL);
    let (of_0, of_1) = (certificate("k0"), certificate("k1"));
    world.admits("all agree", &token(&world, "k0", json!({ "x5t": sha1(&of_0) })));
    world.admits("kid alone", &token(&world, "k2", json!({})));
    for (header, reason) in [
        (json!({ "x5t": sha1(&of_1) }), Reason::KidUnknown),
        (json!({ "kid": null, "x5t": sha1(&of_0), "x5t#S256": sha256(&of_1) }), Reason::KidUnknown),
        (json!({ "kid": null, "x5t": sha1(b"unknown") }), Reason::KidUnknown),
        (json!({ "kid": null }), Reason::KeyAmbiguous),
        (json!({ "x5t": 7 }), Reason::HeaderMalformed),
        (json!({ "x5t": "" }), Reason::HeaderMalformed),
        (json!({ "x5t": format!("{}=", sha1(&of_0)) }), Reason::HeaderMalformed),
        (json!({ "x5t": sha256(&of_0) }), Reason::HeaderMalformed),
        (json!({ "x5t#S256": sha1(&of_0) }), Reason::HeaderMalformed),
    ] {
        world.refuses(&header.to_string(), &token(&world, "k0", header), reason);
    }
    let stranger = json!({ "kid": null, "x5t": sha1(&of_1) });
    world.refuses("another's hash", &token(&world, "k0", stranger), Reason::SignatureInvalid);
}

/// An attacker who forges a token writes its header: a certificate in it, and the hash of that.
#[test]
fn k16_t15_a_certificate_in_the_header_of_a_token_names_no_key() {
    let world = world(BY_ALL);
    let own = b"a certificate of the attacker";
    let key = crate::support::issuer::key(Algorithm::Es256, "mine");
    for header in [
        json!({ "kid": null, "x5c": [BASE64_STANDARD.encode(own)], "x5t": sha1(own) }),
        json!({ "kid": null, "x5c": [BASE64_STANDARD.encode(own)], "jwk": public(&key), "x5t#S256": sha256(own) }),
    ] {
        let forged = sign(&key, header, world.issuer.claims().to_string().as_bytes());
        world.refuses("forged", &forged, Reason::KidUnknown);
    }
}

#[test]
fn k16_two_keys_of_one_hash_are_ambiguous() {
    let issuer = Issuer::new("https://idp.test", &[Algorithm::Es256; 3]);
    let mut set = keys(&issuer);
    set["keys"][2]["x5t"] = sha1(&certificate("k0")).into();
    let world = World::unready(issuer, BY_HASH, "", Page::json(&set));
    world.proxy.wait_until_ready();
    let hash = json!({ "kid": null, "x5t": sha1(&certificate("k0")) });
    world.refuses("either", &token(&world, "k0", hash), Reason::KeyAmbiguous);
}

#[test]
fn k16_an_unknown_hash_has_the_set_fetched_and_a_moved_one_ends_what_was_cached() {
    let issuer = Issuer::new("https://idp.test", &[Algorithm::Es256; 3]);
    let mut set = keys(&issuer);
    set["keys"][0]["x5t"] = sha1(b"later").into();
    let world = World::unready(issuer, BY_HASH, "cooldown = \"1s\"", Page::json(&set));
    world.proxy.wait_until_ready();
    let by_hash = token(&world, "k0", json!({ "kid": null, "x5t": sha1(&certificate("k0")) }));
    let known = token(&world, "k0", json!({ "kid": null, "x5t": sha1(b"later") }));
    world.admits("the old hash", &known);
    world.key_server.serve(JWKS, Page::json(&keys(&world.issuer)));
    wait_until("the new set", || world.proxy.get("/", Some(&by_hash)).is_from_upstream());
    world.refuses("the old hash", &known, Reason::KidUnknown);
}
