//! C-18: a provider of many tenants, each an issuer of its own under common keys.

use std::fs;

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use crate::support::{
    client::Request,
    issuer::{Issuer, public, sign},
    key_server::{KeyServer, Page},
    setup::Setup,
    upstream::Upstream,
    world::{World, identity},
};

const ANY: &str = "https://login.test/{tid}/v2.0";
/// As the metadata and the keys of all tenants have it.
const PUBLISHED: &str = "https://login.test/{tenantid}/v2.0";
const ONE: &str = "11111111-2222-4333-8444-555555555555";
const OTHER: &str = "99999999-8888-4777-8666-555555555555";

fn iss(tenant: &str) -> String {
    ANY.replace("{tid}", tenant)
}

/// Keys of which each says whose it is: `k0` every tenant's, `k1` only [`OTHER`]'s, `k2` nothing.
fn keys(issuer: &Issuer) -> Value {
    let [mut common, mut others, open] = ["k0", "k1", "k2"].map(|kid| public(issuer.key(kid)));
    common["issuer"] = PUBLISHED.into();
    others["issuer"] = iss(OTHER).into();
    json!({ "keys": [common, others, open] })
}

/// The provider as Entra publishes itself. `change` puts more into the configuration.
fn provider(rules: &str, change: impl FnOnce(Setup) -> Setup) -> World {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let issuer = Issuer::new(ANY, &[Algorithm::Es256; 3]);
    key_server.serve("/keys", Page::json(&keys(&issuer)));
    let metadata = json!({ "issuer": PUBLISHED, "jwks_uri": key_server.url("/keys") });
    key_server.serve("/metadata", Page::json(&metadata));
    let source = format!("discovery = \"{}\"", key_server.url("/metadata"));
    let setup = change(Setup::new().issuer_from("entra", &issuer, rules, &source));
    let proxy = setup.start(&upstream);
    World { proxy, upstream, key_server, issuer }
}

fn world() -> World {
    provider("", |setup| setup)
}

fn token(world: &World, iss: &str, tid: Value) -> String {
    world.issuer.mint(json!({ "iss": iss, "tid": tid }))
}

#[test]
fn c18_a_token_of_any_tenant_passes_in_the_name_of_that_tenant() {
    let world = world();
    for tenant in [ONE, OTHER, "contoso-1", "A"] {
        let token = token(&world, &iss(tenant), json!(tenant));
        let received =
            world.admits_request(tenant, &Request::get("/").bearer(&token), &identity(&token));
        assert!(format!("{received:?}").contains(&iss(tenant)), "{received:?}");
    }
}

#[test]
fn c18_the_claim_must_make_the_whole_issuer() {
    let world = world();
    for (iss, tid, reason) in [
        (iss(ONE), json!(OTHER), Reason::IssuerUnknown),
        (iss(ONE), json!(ONE.replace('1', "2")), Reason::IssuerUnknown),
        (iss("A"), json!("a"), Reason::IssuerUnknown),
        (iss(ONE), json!(""), Reason::IssuerUnknown),
        (iss(ONE), Value::Null, Reason::ClaimMissing),
        (iss(ONE), json!([ONE]), Reason::ClaimMalformed),
        (iss(ONE), json!(7), Reason::ClaimMalformed),
        (iss("7"), json!(7), Reason::ClaimMalformed),
    ] {
        world.refuses(&format!("{iss} of {tid}"), &token(&world, &iss, tid), reason);
    }
    // What is no tenant makes no issuer, even where both agree.
    for tenant in
        ["", "a/b", "a.b", "..", "a%2Fb", "a b", "{tid}", "{tenantid}", "é", "a\n", "a?b", "a#b"]
    {
        let token = token(&world, &iss(tenant), json!(tenant));
        world.refuses(tenant, &token, Reason::IssuerUnknown);
    }
    for other in [ANY, PUBLISHED, "https://login.test/v2.0", "https://evil.test/a/v2.0"] {
        world.refuses(other, &token(&world, other, json!("a")), Reason::IssuerUnknown);
    }
}

#[test]
fn c18_by_default_a_placeholder_of_the_metadata_is_not_accepted() {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let issuer = Issuer::new(&iss(ONE), &[Algorithm::Es256]);
    key_server.serve("/keys", Page::json(&issuer.jwks()));
    for published in [PUBLISHED, ANY] {
        let metadata = json!({ "issuer": published, "jwks_uri": key_server.url("/keys") });
        key_server.serve("/metadata", Page::json(&metadata));
        let source = format!("discovery = \"{}\"", key_server.url("/metadata"));
        let setup = Setup::new().issuer_from("entra", &issuer, "", &source);
        let proxy = setup.start_unready(&upstream);
        crate::support::wait_until(published, || {
            proxy.metric(
                "countersign_key_refreshes_total{issuer=\"entra\",outcome=\"issuer_mismatch\"}",
            ) > 0.0
        });
    }
}

#[test]
fn c18_only_listed_tenants_pass_where_there_is_a_list() {
    let world = provider(&format!("tenants = [\"{ONE}\"]"), |setup| setup);
    world.admits("listed", &token(&world, &iss(ONE), json!(ONE)));
    world.refuses("another", &token(&world, &iss(OTHER), json!(OTHER)), Reason::IssuerUnknown);
}

/// A key of one tenant must not speak for another.
#[test]
fn c18_a_key_that_says_whose_it_is_verifies_only_those_tokens() {
    let world = world();
    let by = |kid: &str, tenant: &str| {
        let mut claims = world.issuer.claims();
        claims["iss"] = iss(tenant).into();
        claims["tid"] = tenant.into();
        sign(world.issuer.key(kid), json!({}), claims.to_string().as_bytes())
    };
    for (kid, tenant) in [("k0", ONE), ("k0", OTHER), ("k1", OTHER), ("k2", ONE), ("k2", OTHER)] {
        world.admits(&format!("{kid} for {tenant}"), &by(kid, tenant));
    }
    world.refuses("another tenant's key", &by("k1", ONE), Reason::KeyUnsuitable);
}

/// What was verified under a key is verified again when the key becomes another tenant's.
#[test]
fn c18_a_cached_token_follows_the_issuer_of_its_key() {
    let world =
        provider("", |setup| setup.rewritten("discovery =", "refresh = \"1s\"\ndiscovery ="));
    let token = token(&world, &iss(ONE), json!(ONE));
    world.admits("before", &token);
    let mut keys = keys(&world.issuer);
    keys["keys"][0]["issuer"] = iss(OTHER).into();
    world.key_server.serve("/keys", Page::json(&keys));
    crate::support::wait_until("the new set", || {
        !world.proxy.get("/", Some(&token)).is_from_upstream()
    });
    world.refuses("after", &token, Reason::KeyUnsuitable);
}

/// A subject is unique within its tenant only.
#[test]
fn c18_a_revocation_of_one_tenants_subject_is_not_another_tenants() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("revoked.json");
    fs::write(&file, json!({ "revoked": [{ "sub": "alice", "iss": iss(ONE) }] }).to_string())
        .unwrap();
    let table = format!("[revocation]\nfile = {}\n", Value::from(file.to_str().unwrap()));
    let world = provider("", |setup| setup.with(&table));
    world.refuses("revoked", &token(&world, &iss(ONE), json!(ONE)), Reason::TokenRevoked);
    world.admits("another alice", &token(&world, &iss(OTHER), json!(OTHER)));
}

/// One tenant's clients use up nothing of another's.
#[test]
fn c18_a_limit_counts_each_tenant_for_itself() {
    for key in ["{ claim = \"client_id\" }", "\"issuer\""] {
        let limit = format!("[limits.own]\nkey = {key}\nrate = \"2/h\"");
        let world = provider("", |setup| {
            setup.with(&limit).routes("[[routes]]\npath = \"/**\"\nlimit = \"own\"")
        });
        for tenant in [ONE, OTHER] {
            let claims = json!({ "iss": iss(tenant), "tid": tenant, "client_id": "app" });
            let token = world.issuer.mint(claims);
            let statuses = [(); 3].map(|()| world.proxy.get("/", Some(&token)).status);
            assert_eq!(statuses, [200, 200, 429], "{key}, {tenant}");
        }
    }
}
