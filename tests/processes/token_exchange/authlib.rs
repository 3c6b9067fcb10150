//! RFC 8693 in full: several audiences and resources, scopes, an actor, `may_act`.

use std::process::Command;

use countersign::reason::Reason;
use serde_json::{Value, json};

use crate::{
    identity_provider::install::installed,
    independent_signers::library::python,
    mcp::scene::Helper,
    support::{
        client::{Client, Request},
        form::with_form,
    },
    token_exchange::scene::{Provider, Scene},
};

/// The authorization server on Authlib.
struct Authlib {
    issuer: String,
    jwks: String,
    _process: Helper,
}

const EXCHANGE: &str = "kind = \"exchange\"\naudience = \"orders\"\n";

impl Authlib {
    fn start() -> Option<Self> {
        let mut command = Command::new(python()?);
        let (process, said) = Helper::start(command.arg("exchange_server.py"), installed()?);
        let issuer = said["issuer"].as_str().unwrap().to_owned();
        Some(Self { jwks: format!("{issuer}/jwks"), issuer, _process: process })
    }

    fn scene(&self, lines: &str) -> Option<Scene> {
        let url = format!("token_url = \"{}/token\"\n", self.issuer);
        let Self { issuer, jwks, .. } = self;
        let (gateway, secret) = ("gateway", "the-gateways-secret");
        Scene::start(&Provider { issuer, jwks, gateway, secret }, &format!("{url}{lines}"))
    }

    /// A user's token for the gateway.
    fn caller(&self, user: &str) -> String {
        let form = [
            ("grant_type", "password"),
            ("username", user),
            ("password", "the-users-password"),
            ("client_id", "frontend"),
            ("client_secret", "the-frontends-secret"),
        ];
        self.token(&form)
    }

    fn token(&self, form: &[(&str, &str)]) -> String {
        let address = self.issuer.strip_prefix("http://").unwrap();
        let mut client = Client::connect(address.parse().unwrap(), &std::sync::Arc::default());
        let answer = client.exchange(&with_form(Request::to(address, "POST", "/token"), form));
        let answer: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

#[test]
fn g1_g2_the_service_verifies_the_exchanged_token_of_each_caller() {
    let Some(authlib) = Authlib::start() else { return };
    let Some(scene) = authlib.scene(&format!("{EXCHANGE}scopes = [\"orders:read\"]")) else {
        return;
    };
    let callers = ["alice", "carol"].map(|user| (user, authlib.caller(user)));
    for (user, token) in &callers {
        let said = scene.passes(token);
        assert_eq!(said["sub"], json!(user));
        assert_eq!((&said["aud"], &said["scope"]), (&json!(["orders"]), &json!("orders:read")));
    }
    scene.passes_under_load(&callers);
    assert!((scene.granted() - 2.0).abs() < f64::EPSILON, "{}", scene.granted());
    // A user who has nothing to do there, a scope that one lacks.
    scene.refuses(&authlib.caller("mallory"), Reason::UpstreamCredentialRefused);
    let write = authlib.scene(&format!("{EXCHANGE}scopes = [\"orders:write\"]")).unwrap();
    assert_eq!(write.passes(&callers[0].1)["scope"], "orders:write");
    write.refuses(&callers[1].1, Reason::UpstreamCredentialRefused);
}

#[test]
fn the_actor_is_in_the_token_that_the_service_verifies() {
    let Some(authlib) = Authlib::start() else { return };
    let Some(scene) = authlib.scene(&format!("{EXCHANGE}actor = \"client\"")) else { return };
    let alice = authlib.caller("alice");
    assert_eq!(scene.passes(&alice)["act"], json!({ "sub": "gateway" }));
    let resource = "kind = \"exchange\"\nresource = \"https://orders.example.com\"";
    let scene = authlib.scene(resource).unwrap();
    let said = scene.passes(&alice);
    assert_eq!((&said["aud"], &said["act"]), (&json!(["orders"]), &Value::Null));
}

#[test]
fn g6_a_wrong_secret_is_503_and_a_new_one_needs_no_reload() {
    let Some(authlib) = Authlib::start() else { return };
    let Some(scene) = authlib.scene(EXCHANGE) else { return };
    let secret = scene.files.path().join("secret");
    std::fs::write(&secret, "another").unwrap();
    let alice = authlib.caller("alice");
    scene.refuses(&alice, Reason::UpstreamCredentialUnavailable);
    std::fs::write(&secret, "the-gateways-secret").unwrap();
    assert_eq!(scene.passes(&alice)["sub"], "alice");
}

#[test]
fn the_proxys_own_token_is_one_that_the_service_verifies() {
    let Some(authlib) = Authlib::start() else { return };
    let lines = "kind = \"client-credentials\"\naudience = \"orders\"";
    let Some(scene) = authlib.scene(lines) else { return };
    let callers = ["alice", "mallory"].map(|user| authlib.caller(user));
    for token in &callers {
        assert_eq!(scene.passes(token)["sub"], "gateway");
    }
    assert!((scene.granted() - 1.0).abs() < f64::EPSILON);
}
