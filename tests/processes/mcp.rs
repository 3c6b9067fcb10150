//! Clients and servers of the Model Context Protocol, unmodified, with Countersign between them.
//! The client knows the URL and nothing else; the server knows nothing of authorization.
//!
//! Both are written with an SDK of the protocol: npm's `@modelcontextprotocol/sdk` speaks version
//! 2025-11-25, the `mcp` of Python 2026-07-28. Their user logs in at oidc-provider, see
//! `tests/idp/mcp.mjs`, or at Keycloak. Where a program is absent these tests say that they are
//! skipped; under `CI=true` they fail.

pub(crate) mod scene;

use countersign::{jose::base64url, reason::Reason};
use scene::{Sdk, Seen, Services};
use serde_json::{Value, json};

use crate::{
    keycloak::{
        requests::{CLIENT_SECRET, PASSWORD, USER},
        server::Keycloak,
    },
    support::client::Request,
};

#[test]
fn a_client_in_javascript_discovers_logs_in_and_calls() {
    let Some(services) = Services::start(Sdk::Node) else {
        return;
    };
    let gateway = services.behind_countersign();
    let Some(seen) = gateway.run_client(Sdk::Node) else {
        return;
    };
    assert_discovered(&seen, "2025-11-25");
    // As oauth4webapi reads the document.
    assert_eq!(seen.said["document"]["resource"], seen.resource);
    assert_eq!(seen.said["document"]["authorization_servers"], json!([seen.issuer]));
}

/// C-7: nor does a token of the same provider, client and user for another such server pass.
#[test]
fn c07_a_client_in_python_discovers_logs_in_and_calls_where_its_token_is_for() {
    let Some(services) = Services::start(Sdk::Python) else {
        return;
    };
    let (gateway, another) = (services.behind_countersign(), services.behind_countersign());
    let Some(seen) = gateway.run_client(Sdk::Python) else {
        return;
    };
    assert_discovered(&seen, "2026-07-28");
    let token = seen.said["token"].as_str().unwrap();
    let answer = another.proxy.exchange(&Request::new("POST", "/mcp").bearer(token));
    let expected = Some(Reason::AudienceMismatch.code().to_owned());
    assert_eq!((answer.status, answer.reason()), (401, expected));
}

/// Keycloak does not know resource indicators: the resource says what its tokens are for instead.
#[test]
fn a_user_logs_in_at_keycloak_as_well() {
    let (Some(keycloak), Some(services)) = (Keycloak::get(), Services::start(Sdk::Node)) else {
        return;
    };
    let issuer = format!("http://{}/realms/{}", keycloak.address(), keycloak.realm);
    let client = json!({
        "client": { "client_id": "es256", "client_secret": CLIENT_SECRET },
        "user": { "username": USER, "password": PASSWORD },
    });
    let services = services.with_provider(issuer, client);
    let gateway = services.behind_countersign();
    let Some(seen) = gateway.run_client(Sdk::Node) else {
        return;
    };
    let said = &seen.said;
    assert_eq!(said["document"]["authorization_servers"], json!([seen.issuer]));
    assert_eq!(said["asked"]["resource"], seen.resource);
    let claims = claims(&said["token"]);
    assert_ne!(claims["aud"], seen.resource);
    assert_eq!(said["headers"]["x-auth-subject"], claims["sub"]);
    assert_eq!(said["order"], json!(["progress", "done"]));
}

/// From the first 401 to the last part of a stream.
#[track_caller]
fn assert_discovered(Seen { said, resource, issuer }: &Seen, version: &str) {
    assert_eq!(said["version"], version);
    let requests: Vec<_> =
        said["requests"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let first = ["POST /mcp 401", "GET /.well-known/oauth-protected-resource/mcp 200"];
    assert!(requests.starts_with(&first), "{requests:?}");
    assert!(requests.contains(&"POST /reg 201") && requests.contains(&"POST /token 200"));
    assert_eq!(requests.iter().filter(|line| line.ends_with(" 401")).count(), 1, "{requests:?}");

    let asked = &said["asked"];
    assert_eq!(
        (&asked["resource"], &asked["code_challenge_method"]),
        (&json!(resource), &json!("S256"))
    );
    let scopes = asked["scope"].as_str().unwrap();
    assert!(scopes.split(' ').any(|scope| scope == "files:read"), "{scopes}");
    assert_eq!(claims(&said["token"])["aud"], *resource);

    assert_eq!(said["tools"], json!(["who", "slow", "hurry"]));
    let headers = &said["headers"];
    assert_eq!(headers["x-auth-subject"], "alice");
    assert_eq!(headers["x-auth-scope"], "files:read");
    assert_eq!(headers["x-auth-issuer"], *issuer);
    assert_eq!(headers["authorization"], Value::Null, "{headers}");
    // Before the answer to a call ended, its first part made the client call again.
    assert_eq!(said["order"], json!(["progress", "done"]));
}

fn claims(token: &Value) -> Value {
    let claims = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(claims.as_bytes()).unwrap()).unwrap()
}
