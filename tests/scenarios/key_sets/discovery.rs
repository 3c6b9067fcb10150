//! K-10 and K-11: how the key set is found, and where it can't be.

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::support::{
    issuer::Issuer,
    key_server::{KeyServer, Page},
    listening::Listening,
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::World,
};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// An issuer whose name is its key server's URL with `path` behind it; its key set is at `/keys`.
/// The proxy does not wait for it.
fn discovering(path: &str, pages: impl FnOnce(&KeyServer, &Issuer)) -> World {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let issuer = Issuer::usual().named(&key_server.url(path));
    key_server.serve("/keys", Page::json(&issuer.jwks()));
    pages(&key_server, &issuer);
    let proxy = Setup::new().issuer_from("corp", &issuer, "", "").start_unready(&upstream);
    World { proxy, upstream, key_server, issuer }
}

fn metadata(issuer: &str, jwks_uri: &str) -> Page {
    Page::json(&json!({ "issuer": issuer, "jwks_uri": jwks_uri }))
}

/// Whether a refresh has failed with that code.
fn failed(world: &World, code: &str) -> bool {
    let series = format!("countersign_key_refreshes_total{{issuer=\"corp\",outcome=\"{code}\"}}");
    world.proxy.metric(&series) > 0.0
}

#[test]
fn k10_keys_are_found_by_either_kind_of_metadata() {
    for (path, well_known) in [
        ("", OPENID.to_owned()),
        ("", OAUTH.to_owned()),
        ("/realms/a", format!("/realms/a{OPENID}")),
        ("/realms/a", format!("{OAUTH}/realms/a")),
    ] {
        let world = discovering(path, |key_server, issuer| {
            key_server.serve(&well_known, metadata(issuer.iss(), &key_server.url("/keys")));
        });
        world.proxy.wait_until_ready();
        world.admits(&well_known, &world.issuer.mint(json!({})));
    }
}

#[test]
fn c16_a_null_member_of_metadata_is_an_absent_one() {
    let with_nulls = |issuer: &str, jwks_uri: Value| {
        Page::json(&json!({
            "issuer": issuer, "jwks_uri": jwks_uri, "introspection_endpoint": null,
            "service_documentation": null, "token_endpoint": null,
        }))
    };
    let world = discovering("", |key_server, issuer| {
        let keys = json!(key_server.url("/keys"));
        key_server.serve(OPENID, with_nulls(issuer.iss(), keys));
    });
    world.proxy.wait_until_ready();
    world.admits("nulls beside what is needed", &world.issuer.mint(json!({})));
    let world = discovering("", |key_server, issuer| {
        key_server.serve(OPENID, with_nulls(issuer.iss(), Value::Null));
    });
    wait_until("a null jwks_uri is a missing one", || failed(&world, "jwks_uri"));
}

#[test]
fn k10_metadata_of_another_issuer_is_refused() {
    let world = discovering("", |_, _| {});
    let iss = world.issuer.iss().to_owned();
    for other in [
        json!(format!("{iss}/")),
        json!(iss.to_uppercase()),
        json!("https://evil.test"),
        json!([iss]),
        json!(null),
        json!(""),
    ] {
        let world = discovering("", |key_server, _| {
            let page = json!({ "issuer": other, "jwks_uri": key_server.url("/keys") });
            key_server.serve(OPENID, Page::json(&page));
        });
        wait_until("a refusal", || failed(&world, "issuer_mismatch"));
        world.refuses(&other.to_string(), &world.issuer.mint(json!({})), Reason::KeysUnavailable);
        assert!(world.proxy.pending().contains("issuer"), "{}", world.proxy.pending());
    }
}

#[test]
fn k10_k11_metadata_can_not_point_into_the_network() {
    let canary = Listening::canary();
    let port = canary.address().port();
    for jwks_uri in [
        json!("http://169.254.169.254/latest/meta-data"),
        json!("http://idp.test/jwks"),
        json!(format!("http://[::ffff:127.0.0.1]:{port}/jwks")),
        json!(format!("http://127.1:{port}/jwks")),
        json!(format!("http://user@127.0.0.1:{port}/jwks")),
        json!(format!("http://localhost@127.0.0.1:{port}/jwks")),
        json!("file:///etc/passwd"),
        json!("/keys"),
        json!(""),
        json!(17),
        json!(null),
    ] {
        let world = discovering("", |key_server, issuer| {
            let page = json!({ "issuer": issuer.iss(), "jwks_uri": jwks_uri });
            key_server.serve(OPENID, Page::json(&page));
        });
        wait_until("a refusal", || failed(&world, "jwks_uri"));
        let token = world.issuer.mint(json!({}));
        world.refuses(&jwks_uri.to_string(), &token, Reason::KeysUnavailable);
    }
    assert_eq!(canary.accepted(), 0, "the proxy followed a jwks_uri that is not acceptable");
}

#[test]
fn k10_metadata_is_bounded_like_a_key_set() {
    let world = discovering("", |key_server, issuer| {
        let mut page = json!({ "issuer": issuer.iss(), "jwks_uri": key_server.url("/keys") });
        page["padding"] = " ".repeat(300 * 1024).into();
        key_server.serve(OPENID, Page::json(&page));
    });
    wait_until("a refusal", || failed(&world, "too_large"));
    world.refuses("300 KiB", &world.issuer.mint(json!({})), Reason::KeysUnavailable);
}

#[test]
fn k10_keys_that_move_are_found_again() {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let issuer = Issuer::usual().named(&key_server.url(""));
    key_server.serve("/keys", Page::json(&issuer.jwks()));
    key_server.serve(OPENID, metadata(issuer.iss(), &key_server.url("/keys")));
    let setup = Setup::new().issuer_from("corp", &issuer, "", "refresh = \"1s\"\n");
    let proxy = setup.start(&upstream);
    let world = World { proxy, upstream, key_server, issuer };
    world.admits("at first", &world.issuer.mint(json!({})));
    let moved = Issuer::usual().named(world.issuer.iss());
    world.key_server.serve("/moved", Page::json(&moved.jwks()));
    world.key_server.serve(OPENID, metadata(moved.iss(), &world.key_server.url("/moved")));
    world.key_server.serve("/keys", Page::status(410));
    let token = moved.mint(json!({}));
    wait_until("the move", || world.proxy.get("/", Some(&token)).is_from_upstream());
    world.refuses_somehow("the old key", &world.issuer.mint(json!({})));
}

/// The key set is where it was, whether its metadata can be read or not.
#[test]
fn k13_metadata_that_are_down_stop_no_key_set_that_works() {
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let issuer = Issuer::usual().named(&key_server.url(""));
    key_server.serve("/keys", Page::json(&issuer.jwks()));
    key_server.serve(OPENID, metadata(issuer.iss(), &key_server.url("/keys")));
    let setup = Setup::new().issuer_from("corp", &issuer, "", "refresh = \"1s\"\n");
    let proxy = setup.start(&upstream);
    let world = World { proxy, upstream, key_server, issuer };
    world.key_server.serve(OPENID, Page::status(500));
    world.key_server.serve("/keys", Page::status(404));
    wait_until("a failure", || failed(&world, "status"));
    let rotated = Issuer::usual().named(world.issuer.iss());
    world.key_server.serve("/keys", Page::json(&rotated.jwks()));
    let token = rotated.mint(json!({}));
    wait_until("the new key", || world.proxy.get("/", Some(&token)).is_from_upstream());
}

#[test]
fn k11_a_key_source_is_https_or_this_machine() {
    let (upstream, issuer) = (Upstream::start(), Issuer::usual());
    for url in [
        "http://idp.test/jwks",
        "http://169.254.169.254/",
        "http://[::ffff:127.0.0.1]/jwks",
        "http://127.0.0.1.evil.test/jwks",
        "http://localhost@evil.test/jwks",
        "https://user:secret@idp.test/jwks",
        "ftp://127.0.0.1/jwks",
        "file:///etc/passwd",
        "idp.test/jwks",
    ] {
        let line = format!("jwks_url = {}", Value::from(url));
        let setup = Setup::new().issuer_from("corp", &issuer, "", &line);
        let errors = setup.load(&upstream).unwrap_err().to_string();
        assert!(errors.contains("issuers.corp.keys.jwks_url"), "{url}: {errors}");
        assert!(!errors.contains("secret"), "{url}: {errors}");
    }
}
