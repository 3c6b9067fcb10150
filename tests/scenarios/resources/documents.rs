//! The document: who gets it, what it says, and which paths it takes from no route.

use std::io::Read;

use serde_json::json;

use super::{FILES, RESOURCES, ROUTES, document, world};
use crate::support::{
    client::Request,
    setup::Setup,
    world::{JWKS, World},
};

const ROOT: &str = "/.well-known/oauth-protected-resource";
const AT_PATH: &str = "/.well-known/oauth-protected-resource/mcp";

#[test]
fn the_document_says_what_the_configuration_says_and_nothing_else() {
    let world = world();
    let answer = world.proxy.get(AT_PATH, None);
    let expected = json!({
        "resource": FILES,
        "authorization_servers": [world.issuer.iss()],
        "scopes_supported": ["files:read"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(document(&answer), expected);
    assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.field("cache-control"), Some("public, max-age=300"));
    for other in [ROOT, &format!("{ROOT}/"), &format!("{AT_PATH}/"), &format!("{AT_PATH}?a=b")] {
        assert_eq!(document(&world.proxy.get(other, None)), expected, "{other}");
    }
    assert_eq!(world.upstream.record().count(), 0);
    let metric = "countersign_resource_metadata_requests_total{resource=\"files\"}";
    assert!((world.proxy.metric(metric) - 5.0).abs() < 0.1);
}

#[test]
fn everything_that_can_be_said_of_a_resource_is_in_its_document() {
    let more = r#"
title = "Files"
documentation = "https://api.test/docs"
policy = "https://api.test/policy"
terms = "https://api.test/terms"
scopes = ["files:read", "files:write"]
authorization_servers = ["https://login.test/tenant"]
"#;
    let world = World::with_setup(|setup| {
        let credential = "[credential]\nsources = [{ header = \"x-api-token\" }]";
        setup.with(&format!("{RESOURCES}{more}")).with(credential).routes(ROUTES)
    });
    assert_eq!(
        document(&world.proxy.get(AT_PATH, None)),
        json!({
            "resource": FILES,
            "authorization_servers": ["https://login.test/tenant"],
            "scopes_supported": ["files:read", "files:write"],
            "bearer_methods_supported": [],
            "resource_name": "Files",
            "resource_documentation": "https://api.test/docs",
            "resource_policy_uri": "https://api.test/policy",
            "resource_tos_uri": "https://api.test/terms",
        })
    );
}

#[test]
fn it_is_read_by_get_and_head_and_by_browsers_of_every_site() {
    let world = world();
    let body = world.proxy.get(AT_PATH, None).body.bytes;
    let mut client = world.proxy.client();
    client.send(&Request::new("HEAD", AT_PATH).field("connection", "close").bytes());
    let mut head = String::new();
    client.stream().read_to_string(&mut head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");

    let preflight = Request::new("OPTIONS", AT_PATH)
        .field("origin", "https://inspector.test")
        .field("access-control-request-method", "GET")
        .field("access-control-request-headers", "mcp-protocol-version");
    let preflight = world.proxy.exchange(&preflight);
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.field("access-control-allow-origin"), Some("*"));
    assert_eq!(preflight.field("access-control-allow-headers"), Some("*"));
    assert_eq!(preflight.field("access-control-allow-credentials"), None);

    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = world.proxy.exchange(&Request::new(method, AT_PATH).body(b"{}"));
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.field("allow"), Some("GET, HEAD, OPTIONS"));
    }
    assert_eq!(world.upstream.record().count(), 0);
}

/// What a client writes into its request changes nothing in a document, and no secret gets in.
#[test]
fn o7_no_request_changes_a_word_of_it() {
    let world = world();
    let usual = world.proxy.get(AT_PATH, None).body.bytes;
    let requests = [
        Request::to("evil.test", "GET", AT_PATH),
        Request::to("api.test:8080", "GET", AT_PATH),
        Request::to("API.test", "GET", AT_PATH),
        Request::get(AT_PATH).field("x-forwarded-host", "evil.test"),
        Request::get(AT_PATH).field("x-forwarded-proto", "http"),
        Request::get(AT_PATH).field("forwarded", "host=evil.test"),
        Request::get(AT_PATH).field("origin", "https://evil.test"),
        Request::get(AT_PATH).field("x-original-url", "/evil"),
        Request::get(&format!("http://api.test{AT_PATH}")),
        Request::get("/.well%2Dknown/oauth-protected-resource/m%63p"),
        Request::get("/.well-known//oauth-protected-resource//mcp"),
        Request::get(AT_PATH).bearer("not.a.token"),
    ];
    for request in requests {
        let case = String::from_utf8_lossy(&request.bytes()).into_owned();
        let answer = world.proxy.exchange(&request);
        assert_eq!((answer.status, &answer.body.bytes), (200, &usual), "{case}");
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"), "{case}");
    }
    assert_eq!(world.upstream.record().count(), 0);
}

const GATEWAY: &str = r#"
[resources.root]
id = "https://one.test"
[resources.a]
id = "https://many.test/a"
[resources.b]
id = "https://many.test/b"
[resources.other]
id = "https://other.test/a"
"#;

const GATEWAY_ROUTES: &str = r#"
[[routes]]
path = "/**"
hosts = ["one.test"]
resource = "root"

[[routes]]
path = "/a/**"
hosts = ["many.test", "*.many.internal"]
resource = "a"

[[routes]]
path = "/b/**"
hosts = ["many.test"]
resource = "b"

[[routes]]
path = "/a/**"
hosts = ["other.test"]
resource = "other"

[[routes]]
path = "/**"
access = "public"
"#;

#[test]
fn o7_of_several_resources_host_and_path_of_the_identifier_choose() {
    let world = World::with_setup(|setup| setup.with(GATEWAY).routes(GATEWAY_ROUTES));
    for (host, path, expected) in [
        ("one.test", "", Some("https://one.test")),
        ("many.test", "/a", Some("https://many.test/a")),
        ("many.test", "/b", Some("https://many.test/b")),
        ("other.test", "/a", Some("https://other.test/a")),
        // The only one of its host.
        ("other.test", "", Some("https://other.test/a")),
        // A name that only its routes know.
        ("eu.many.internal", "/a", Some("https://many.test/a")),
        // Two of them: which one is meant is not known.
        ("many.test", "", None),
        ("one.test", "/a", None),
        ("many.test", "/c", None),
        ("many.test", "-more", None),
        ("other.test", "/b", None),
        ("nowhere.test", "/a", None),
        ("many.internal", "/a", None),
        ("evilmany.internal", "/a", None),
    ] {
        let case = format!("{host} {path}");
        let answer = world.proxy.exchange(&Request::to(host, "GET", &format!("{ROOT}{path}")));
        match expected {
            Some(expected) => assert_eq!(document(&answer)["resource"], expected, "{case}"),
            // On its host the protected route takes it; elsewhere the public one.
            None if host == "one.test" => assert_eq!(answer.status, 401, "{case}"),
            None => assert!(answer.is_from_upstream(), "{case}: {answer:?}"),
        }
    }
}

#[test]
fn o7_what_the_service_publishes_itself_is_hidden_by_configured_resources_only() {
    let public = "[[routes]]\npath = \"/**\"\naccess = \"public\"";
    let without = World::with_setup(|setup: Setup| setup.routes(public));
    for path in [ROOT, AT_PATH] {
        assert!(without.proxy.get(path, None).is_from_upstream(), "{path}");
    }
    // A route that spells the path out is for the service, but on the resource's own host.
    let own = format!("{ROUTES}\n[[routes]]\npath = \"{ROOT}\"\naccess = \"public\"");
    let world = World::with_setup(|setup| setup.with(RESOURCES).routes(&own));
    assert!(world.proxy.get(ROOT, None).is_from_upstream());
    assert_eq!(document(&world.proxy.get(AT_PATH, None))["resource"], FILES);
    let elsewhere = format!(
        "{ROUTES}\n[[routes]]\npath = \"{AT_PATH}\"\nhosts = [\"b.test\"]\naccess = \"public\""
    );
    let world = World::with_setup(|setup| setup.with(RESOURCES).routes(&elsewhere));
    let other = world.proxy.exchange(&Request::to("b.test", "GET", AT_PATH));
    assert!(other.is_from_upstream(), "{other:?}");
    assert_eq!(document(&world.proxy.get(AT_PATH, None))["resource"], FILES);
}

/// `[cors]` says who may read the answers of routes. The document is for every page.
#[test]
fn the_document_is_public_whatever_cors_says() {
    let cors = "[cors]\norigins = [\"https://app.test\"]\nall_routes = true";
    let world = World::with_setup(|setup| super::setup(setup).with(cors));
    for origin in ["https://app.test", "https://inspector.test"] {
        let answer = world.proxy.exchange(&Request::get(AT_PATH).field("origin", origin));
        assert_eq!(document(&answer)["resource"], FILES, "{origin}");
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"), "{origin}");
        assert_eq!(answer.field("access-control-allow-credentials"), None, "{origin}");
    }
    let refused = Request::get("/mcp").field("origin", "https://inspector.test");
    let refused = world.proxy.exchange(&refused);
    assert_eq!((refused.status, refused.field("access-control-allow-origin")), (401, None));
}

#[test]
fn a_reload_changes_what_is_published() {
    let world = world();
    let more = ROUTES.replace("[\"files:read\"]", "[\"files:read\", \"files:list\"]");
    let iss = world.issuer.iss();
    let keys = format!("jwks_url = \"{}\"", world.key_server.url(JWKS));
    let setup = Setup::new().issuer_from("corp", &world.issuer, "", &keys);
    let settings = setup.with(RESOURCES).routes(&more).load(&world.upstream).unwrap();
    world.proxy.server().reload(settings).unwrap();
    let document = document(&world.proxy.get(AT_PATH, None));
    assert_eq!(document["scopes_supported"], json!(["files:read", "files:list"]));
    assert_eq!(document["authorization_servers"], json!([iss]));
}
