//! K-14 and X-5: whom the proxy talks to when it fetches keys.

use std::process::Command;

use countersign::reason::Reason;
use rcgen::date_time_ymd;
use serde_json::json;
use tempfile::NamedTempFile;

use crate::support::{
    authority::{Authority, Identity},
    client::Request,
    introspection::Endpoint,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    listening::Listening,
    process::{BINARY, Process},
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::{JWKS, World},
};

/// A key server for `localhost` with that certificate, and a proxy that trusts the authority; the
/// file that says so is read when keys are fetched.
fn behind(authority: &Authority, server: &Identity) -> (World, Endpoint, NamedTempFile) {
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![server.certificate.clone()], server.key())
        .unwrap();
    let (issuer, upstream, keys) =
        (Issuer::usual(), Upstream::start(), Endpoint::start_with_tls(config));
    keys.serve(JWKS, Page::json(&issuer.jwks()));
    let ca = NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), authority.pem()).unwrap();
    let url = keys.url(JWKS).replace("127.0.0.1", "localhost");
    let source = format!("jwks_url = \"{url}\"\nca_file = \"{}\"", ca.path().display());
    let setup = Setup::new().issuer_from("corp", &issuer, "", &source);
    let proxy = setup.start_unready(&upstream);
    (World { proxy, upstream, key_server: KeyServer::start(), issuer }, keys, ca)
}

#[test]
fn k14_keys_come_from_the_server_that_the_url_names_and_from_no_other() {
    let authority = Authority::new("tests");
    let (world, _keys, _ca) = behind(&authority, &authority.server("localhost"));
    world.proxy.wait_until_ready();
    world.admits("trusted", &world.issuer.mint(json!({})));

    let expired = authority.server_with("localhost", |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    for (case, server) in [
        ("of another authority of the same name", Authority::new("tests").server("localhost")),
        ("for another name", authority.server("idp.test")),
        ("for a name that only begins like it", authority.server("localhost.evil.test")),
        ("expired", expired),
    ] {
        let (world, keys, _ca) = behind(&authority, &server);
        let refused = "countersign_key_refreshes_total{issuer=\"corp\",outcome=\"tls\"}";
        wait_until(case, || world.proxy.metric(refused) > 0.0);
        world.refuses(case, &world.issuer.mint(json!({})), Reason::KeysUnavailable);
        assert!(keys.visits(JWKS).is_empty(), "{case}: nothing was asked");
    }
}

#[test]
fn x5_no_proxy_of_the_environment_comes_between() {
    let canary = Listening::canary();
    let url = format!("http://{}", canary.address());
    let (upstream, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let setup =
        Setup::new().issuer("corp", &issuer, &key_server, "", "").with("[log]\nformat = \"json\"");
    let mut command = Command::new(BINARY);
    command.env_clear();
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        command.env(name, &url);
    }
    let process = Process::start_by(&mut command, &setup, &upstream);
    let token = issuer.mint(json!({ "iat": 0, "exp": 9_000_000_000_u64 }));
    let request = Request::get("/").bearer(&token).field("proxy", &url);
    assert!(process.client().exchange(&request).is_from_upstream());
    let received = upstream.requests().remove(0);
    assert_eq!(received.head.field("proxy"), None, "CGI would make HTTP_PROXY of it");
    assert_eq!(key_server.count(), 1);
    assert_eq!(canary.accepted(), 0);
}
