//! Tokens as real issuers publish them, with their rules, through the running proxy.

use countersign::reason::Reason;
use serde_json::json;

use crate::support::{
    client::Request,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    published::{UBIRCH_HEX_KEY, UBIRCH_README_TOKEN, UBIRCH_TOKEN},
    setup::Setup,
    upstream::Upstream,
    world::World,
};

/// ubirch's checks, in its order: issuer, audience, subject, scope, purpose; then the origin. The
/// token of the "Access Token" page has the claims of an older version.
const RULES: &str = r#"
audiences = ["https://verify.dev.ubirch.com"]
algorithms = ["ES256"]
formats = { sub = "uuid" }
scope_claims = ["scp", "scopes", "scope"]
require_any = [["pur", "purpose"]]
origin_claim = "ord"
"#;

const ROUTES: &str = r#"
[[routes]]
path = "/api/upp/verify"
access = "public"

[[routes]]
path = "/api/v2/upp/verify/**"
methods = ["POST"]
any_scopes = ["upp:verify", "ver"]

[[routes]]
path = "/api/v2/upp"
methods = ["POST"]
scopes = ["upp:anchor"]
"#;

const CLAIMS: &str = r#"
[claims]
"x-auth-subject" = "sub"
"x-auth-purpose" = ["pur", "purpose"]
"x-auth-targets" = ["tid", "target_identities"]
"#;

const SUBJECT: &str = "963995ed-ce12-4ea5-89dc-b181701d1d7b";

fn world(keys: impl FnOnce(&KeyServer) -> String) -> World {
    let issuer = Issuer::usual().named("https://token.dev.ubirch.com");
    let (upstream, key_server) = (Upstream::start(), KeyServer::start());
    let keys = keys(&key_server);
    let setup = Setup::new().issuer_from("ubirch", &issuer, RULES, &keys);
    let proxy = setup.routes(ROUTES).with(CLAIMS).start(&upstream);
    World { proxy, upstream, key_server, issuer }
}

fn by_hex_key() -> World {
    world(|_| format!("hex = \"{UBIRCH_HEX_KEY}\""))
}

/// As the token manager publishes its key: one JWK under `data`.
fn by_wrapped_key() -> World {
    world(|key_server| {
        let jwk = json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "Lgn8c96LBnxMOCkujWg-06uu8iDJuKa4WTWgVTWROac",
            "y": "Dxey52VDUYoRP7qEhj22BguwIk_EUQTKCsioJ5sNdEo",
        });
        let page = json!({ "version": "1.0", "ok": true, "data": jwk });
        key_server.serve("/api/tokens/v2/jwk", Page::json(&page));
        let url = key_server.url("/api/tokens/v2/jwk");
        format!("jwk_url = \"{url}\"\npointer = \"/data\"")
    })
}

fn verify(token: &str) -> Request {
    Request::new("POST", "/api/v2/upp/verify/anchor").bearer(token)
}

fn identity(purpose: &str, target: &str) -> Vec<(String, String)> {
    [("x-auth-purpose", purpose), ("x-auth-subject", SUBJECT), ("x-auth-targets", target)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

#[test]
fn the_published_tokens_of_ubirch_are_admitted_by_its_own_rules() {
    for world in [by_hex_key(), by_wrapped_key()] {
        let older = identity("Shark Tank - Mexico", "7549acd8-91e1-4230-833a-2f386e09b96f");
        world.admits_request("the page's, which names no origin", &verify(UBIRCH_TOKEN), &older);
        let current = identity("King Dude - Concert", "e21552f8-0353-41e3-b86e-0d3e92935d46");
        let request = verify(UBIRCH_README_TOKEN);
        let from_home = request.clone().field("origin", "http://verification.dev.ubirch.com");
        world.admits_request("the readme's", &from_home, &current);

        // Verified and cached by now, and still asked for its origin every time.
        world.refuses_request("no origin", &request, Reason::OriginMismatch);
        for origin in ["https://verification.dev.ubirch.com", "https://evil.example", "null"] {
            let request = request.clone().field("origin", origin);
            world.refuses_request(origin, &request, Reason::OriginMismatch);
        }
        world.admits_request("from home again", &from_home, &current);
    }
}

#[test]
fn the_published_tokens_of_ubirch_open_nothing_else() {
    let world = by_hex_key();
    let elsewhere = Request::new("POST", "/api/v2/upp").bearer(UBIRCH_TOKEN);
    world.refuses_request("another scope", &elsewhere, Reason::ScopeInsufficient);
    let forged = world.issuer.mint(json!({
        "aud": "https://verify.dev.ubirch.com", "sub": SUBJECT, "pur": "x", "scp": ["upp:verify"],
    }));
    world.refuses_request("another issuer's key", &verify(&forged), Reason::SignatureInvalid);
    let mut parts: Vec<&str> = UBIRCH_TOKEN.split('.').collect();
    parts[2] = UBIRCH_README_TOKEN.split('.').nth(2).unwrap();
    let mixed = parts.join(".");
    world.refuses_request("mixed parts", &verify(&mixed), Reason::SignatureInvalid);
    let without = Request::new("POST", "/api/v2/upp/verify/anchor");
    world.refuses_request("no token", &without, Reason::CredentialMissing);
}
