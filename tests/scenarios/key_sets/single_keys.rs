//! Issuers that publish one key: in hex, or wrapped in a document of their own.

use countersign::{
    jose::{Algorithm, base64url},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::support::{
    issuer::{self, Issuer, public, sign, sign_text},
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::World,
};

const JWK: &str = "/corp/jwk";

/// A world whose issuer has its keys from this source; `JWK` says `page`.
fn world(keys: impl FnOnce(&KeyServer) -> String, issuer: Issuer, page: Page) -> World {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    key_server.serve(JWK, page);
    let keys = keys(&key_server);
    let proxy = Setup::new().issuer_from("corp", &issuer, "", &keys).start(&upstream);
    World { proxy, upstream, key_server, issuer }
}

fn hex(jwk: &Value, members: &[&str]) -> String {
    let part = |name: &&str| base64url::decode(jwk[*name].as_str().unwrap().as_bytes()).unwrap();
    let bytes = members.iter().flat_map(part);
    bytes.fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// A token without `kid`, as issuers with one key write it.
fn unnamed(issuer: &Issuer, kid: &str) -> String {
    let key = issuer.key(kid);
    let header = json!({ "typ": "JWT", "alg": key.algorithm().name() }).to_string();
    sign_text(key, header.as_bytes(), issuer.claims().to_string().as_bytes())
}

#[test]
fn a_key_in_hex_verifies_tokens_of_its_kind() {
    let issuer = Issuer::usual();
    let p256 = hex(&public(issuer.key("ec")), &["x", "y"]);
    let ed25519 = hex(&public(issuer.key("ed")), &["x"]);
    for (hex, good, other) in
        [(p256.clone(), "ec", "ed"), (format!("04{p256}"), "ec", "ed"), (ed25519, "ed", "ec")]
    {
        let keys = |_: &KeyServer| format!("hex = \"{hex}\"");
        let world = world(keys, issuer.clone(), Page::status(404));
        world.admits("without kid", &unnamed(&issuer, good));
        world.refuses("of another kind", &unnamed(&issuer, other), Reason::KeyUnsuitable);
        let own = world.issuer.mint(json!({}));
        let stranger = issuer.with_keys(vec![issuer::key(issuer.key(good).algorithm(), "ec")]);
        world.refuses("a stranger's", &stranger.mint(json!({})), Reason::SignatureInvalid);
        if good == "ec" {
            world.admits("under a kid", &own);
        }
        assert_eq!(world.key_server.count(), 0, "the server is not asked");
        let keys: Value = serde_json::from_str(&world.proxy.page("/keys")).unwrap();
        assert!(keys[0]["source"].as_str().unwrap().ends_with("key in the configuration"));
        assert_eq!(keys[0]["keys"].as_array().unwrap().len(), 1);
    }
}

fn wrapped(issuer: &Issuer, kid: &str) -> Page {
    let mut jwk = public(issuer.key(kid));
    jwk.as_object_mut().unwrap().remove("kid");
    Page::json(&json!({ "version": "1.0", "ok": true, "data": jwk }))
}

fn at_data(key_server: &KeyServer) -> String {
    format!("jwk_url = \"{}\"\npointer = \"/data\"\nrefresh = \"1s\"", key_server.url(JWK))
}

#[test]
fn a_wrapped_key_verifies_tokens_and_rotates() {
    let issuer = Issuer::usual();
    let world = world(at_data, issuer.clone(), wrapped(&issuer, "ec"));
    let token = unnamed(&issuer, "ec");
    world.admits("the first key", &token);
    let next = issuer.with_keys(vec![issuer::key(Algorithm::Es256, "next")]);
    world.key_server.serve(JWK, wrapped(&next, "next"));
    let renewed = unnamed(&next, "next");
    wait_until("the next key", || world.proxy.get("/", Some(&renewed)).status == 200);
    world.admits("the next key", &renewed);
    world.refuses("the first key is gone", &token, Reason::SignatureInvalid);
}

#[test]
fn k03_a_wrapped_key_outlives_bad_answers() {
    let issuer = Issuer::usual();
    let world = world(at_data, issuer.clone(), wrapped(&issuer, "ec"));
    for page in [
        Page::json(&json!({ "ok": false, "errorType": "ServerError" })),
        Page::json(&json!({ "data": null })),
        Page::json(&issuer.jwks()),
    ] {
        world.key_server.serve(JWK, page);
        wait_until("the failure", || world.proxy.page("/keys").contains("at /data: found n"));
        world.admits("the key at hand serves on", &unnamed(&issuer, "ec"));
        world.key_server.serve(JWK, wrapped(&issuer, "ec"));
        wait_until("the repair", || !world.proxy.page("/keys").contains("at /data: found n"));
    }
}

/// WSO2 lists one certificate several times: an entry, and a `kid`, for each algorithm.
#[test]
fn k05_one_key_under_several_names_and_algorithms_is_one_key() {
    let issuer = Issuer::usual();
    let rsa = issuer.key("rsa");
    let entry = |kid: &str, alg: &str| {
        let mut jwk = public(rsa);
        jwk["kid"] = kid.into();
        jwk["alg"] = alg.into();
        jwk
    };
    let entries = [
        entry("OWY3_RS256", "RS256"),
        entry("OWY3_RS512", "RS512"),
        entry("OWY3_PS256", "PS256"),
        entry("OWY3", "RS256"),
    ];
    let page = Page::json(&json!({ "keys": entries }));
    let keys = |key_server: &KeyServer| format!("jwks_url = \"{}\"", key_server.url(JWK));
    let world = world(keys, issuer.clone(), page);
    let claims = issuer.claims().to_string();
    let by = |kid: Value| sign(rsa, json!({ "typ": "at+jwt", "kid": kid }), claims.as_bytes());
    world.admits("its name for the algorithm", &by(json!("OWY3_RS256")));
    world.admits("its older name", &by(json!("OWY3")));
    world.admits("no name", &by(Value::Null));
    world.refuses("its name for another", &by(json!("OWY3_RS512")), Reason::KeyUnsuitable);
    world.refuses("its name for PSS", &by(json!("OWY3_PS256")), Reason::KeyUnsuitable);
}
