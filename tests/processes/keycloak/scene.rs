//! Countersign under `config/keycloak.toml` between a client who forges headers and an upstream.

use std::fs;

use countersign::{
    clock::{Clock, SystemClock},
    reason::Reason,
};
use serde_json::Value;

use crate::{
    keycloak::{
        requests::{SERVICE, SERVICE_SECRET},
        server::{Keycloak, REALM},
    },
    support::{
        client::Request,
        invariants::FORGED,
        oracle::{assert_admitted, assert_refused},
        proxy::Proxy,
        shipped::Shipped,
        upstream::Upstream,
        world::claims,
    },
};

/// A running proxy and its upstream. The proxy's clock stands at the time of the start.
pub(crate) struct Scene {
    // First, so that it goes first: its invariants ask the others.
    pub(crate) proxy: Proxy,
    _upstream: Upstream,
    /// What its configuration names.
    _files: tempfile::TempDir,
}

impl Scene {
    /// The shipped file for the realm, with all its algorithms.
    pub(crate) fn start(keycloak: &Keycloak) -> Self {
        Self::with(keycloak, |shipped| shipped)
    }

    /// The same with introspection.
    pub(crate) fn introspecting(keycloak: &Keycloak, when: &str) -> Self {
        Self::with(keycloak, |shipped| introspecting(shipped, when))
    }

    /// The same with changes to the file.
    pub(crate) fn with(keycloak: &Keycloak, change: impl FnOnce(Shipped) -> Shipped) -> Self {
        Self::at(&format!("http://{}", keycloak.address()), keycloak, change)
    }

    /// The same where the realm is reached at that URL.
    pub(crate) fn at(
        url: &str,
        keycloak: &Keycloak,
        change: impl FnOnce(Shipped) -> Shipped,
    ) -> Self {
        let shipped = change(Shipped::load("keycloak.toml"))
            .with(
                "algorithms = [\"RS256\"]",
                "algorithms = [\"RS256\", \"PS256\", \"ES256\", \"EdDSA\"]",
            )
            .with("https://keycloak.example.com", url)
            .with(REALM, &keycloak.realm)
            .and("\n[denials]\nexpose_reasons = true\n");
        let upstream = Upstream::start();
        let (proxy, files) = shipped.start(&upstream, SystemClock.now().0);
        Self { proxy, _upstream: upstream, _files: files }
    }

    /// The access token is admitted, cold and warm, and the upstream learns its claims and nothing
    /// else.
    #[track_caller]
    pub(crate) fn admits(&self, case: &str, token: &str) {
        let identity = identity(&claims(token));
        self.admits_as(case, token, &identity);
    }

    /// The same with the claims that an introspection response has about it.
    #[track_caller]
    pub(crate) fn admits_as(&self, case: &str, token: &str, identity: &[(&str, String)]) {
        let identity: Vec<_> = identity.iter().map(|(name, value)| (*name, &**value)).collect();
        for _ in 0..2 {
            let before = self.proxy.mark();
            let answer = self.proxy.exchange(&request(token));
            assert_admitted(case, &answer, &before, &identity);
        }
    }

    /// The token is refused for that reason, cold and warm, and the upstream gets nothing of it.
    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, token: &str, reason: Reason) {
        for _ in 0..2 {
            let before = self.proxy.mark();
            let answer = self.proxy.exchange(&request(token));
            assert_refused(case, &answer, reason, &before);
        }
    }
}

/// Keycloak answers slowly at first, while all tests ask it at once.
const PATIENCE: &str = "timeout = \"20s\"";

/// Any audience, so that it is something else that a token is refused for.
pub(crate) fn any_audience(shipped: Shipped) -> Shipped {
    shipped.with("audiences  = [\"my-api\"]", "audiences = \"any\"")
}

/// As if something else checked who holds the key that a token is bound to.
pub(crate) fn ignoring_binding(shipped: Shipped) -> Shipped {
    shipped.with("algorithms =", "ignore_binding = true\nalgorithms =")
}

/// With the introspection that the file has commented out.
pub(crate) fn introspecting(shipped: Shipped, when: &str) -> Shipped {
    fs::write(shipped.file("keycloak-client-secret"), SERVICE_SECRET).unwrap();
    shipped
        .with_table("[issuers.keycloak.introspection]")
        .with("when               = \"hybrid\"", &format!("when = \"{when}\"\n{PATIENCE}"))
}

/// What `[claims]` of the file makes of a token's claims.
pub(crate) fn identity(claims: &Value) -> Vec<(&'static str, String)> {
    let headers = [
        ("x-auth-api-roles", &claims["resource_access"][SERVICE]["roles"]),
        ("x-auth-client", &claims["azp"]),
        ("x-auth-groups", &claims["groups"]),
        ("x-auth-issuer", &claims["iss"]),
        ("x-auth-roles", &claims["realm_access"]["roles"]),
        ("x-auth-scope", &claims["scope"]),
        ("x-auth-subject", &claims["sub"]),
        ("x-auth-user", &claims["preferred_username"]),
    ];
    headers.into_iter().filter_map(|(name, value)| Some((name, written(value)?))).collect()
}

fn written(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(roles) => {
            let roles: Vec<_> = roles.iter().map(|role| role.as_str().unwrap()).collect();
            Some(roles.join(","))
        }
        other => panic!("not in a header: {other}"),
    }
}

/// A client with that token, and with an identity of its own making.
fn request(token: &str) -> Request {
    Request::get("/loans/7")
        .bearer(token)
        .field("x-auth-subject", FORGED)
        .field("X_Auth_Roles", FORGED)
}
