//! A system, emulated: its key server, its introspection endpoint, the service, and the proxy.

use serde_json::{Value, json};

use crate::support::{
    NOW,
    client::{Answer, Request},
    introspection::Endpoint,
    issuer::{Issuer, public},
    key_server::{KeyServer, Page},
    proxy::Proxy,
    shipped::Shipped,
    upstream::{Received, Upstream},
};

/// All parties.
pub(crate) struct Scene {
    // First, so that it goes first: its invariants ask the others.
    pub(crate) proxy: Proxy,
    _upstream: Upstream,
    pub(crate) endpoint: Endpoint,
    pub(crate) key_server: KeyServer,
    _files: tempfile::TempDir,
}

impl Scene {
    /// The proxy under a shipped file, which is filled in by who knows where everything is.
    pub(crate) fn start(
        name: &str,
        fill_in: impl FnOnce(Shipped, &KeyServer, &Endpoint) -> Shipped,
    ) -> Self {
        let (upstream, endpoint, key_server) =
            (Upstream::start(), Endpoint::start(), KeyServer::start());
        let shipped = fill_in(Shipped::load(name), &key_server, &endpoint);
        let (proxy, files) = shipped.start(&upstream, NOW);
        Self { proxy, _upstream: upstream, endpoint, key_server, _files: files }
    }

    /// The request is forwarded, twice; what the service received the second time.
    #[track_caller]
    pub(crate) fn passes(&self, case: &str, request: &Request) -> Received {
        let mut client = self.proxy.client();
        let cold = client.exchange(request);
        assert!(cold.is_from_upstream(), "{case}: {cold:?}");
        let before = self.proxy.mark();
        let warm = client.exchange(request);
        assert!(warm.is_from_upstream(), "{case}, warm: {warm:?}");
        before.only_request(case)
    }

    /// A GET with the token is forwarded.
    #[track_caller]
    pub(crate) fn admits(&self, case: &str, token: &str) -> Received {
        self.passes(case, &Request::get("/").bearer(token))
    }

    /// The request is refused with that status, twice, and the service hears nothing of it.
    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, request: &Request, status: u16) -> Answer {
        let before = self.proxy.mark();
        let mut client = self.proxy.client();
        let cold = client.exchange(request);
        let warm = client.exchange(request);
        assert_eq!((cold.status, warm.status), (status, status), "{case}: {cold:?} {warm:?}");
        before.assert_untouched(case);
        warm
    }

    /// How often a refusal had that reason.
    pub(crate) fn refusals(&self, issuer: &str, reason: &str) -> usize {
        let labels = format!("{{issuer=\"{issuer}\",reason=\"{reason}\"}}");
        let count = self.proxy.metric(&format!("countersign_denials_total{labels}"));
        format!("{count}").parse().unwrap()
    }
}

/// The metadata and the key set of a realm of Keycloak, which lists an encryption key as well.
pub(crate) fn serve_realm(key_server: &KeyServer, path: &str, issuer: &Issuer) {
    let url = |page: &str| key_server.url(&format!("{path}{page}"));
    let metadata = json!({
        "issuer": key_server.url(path),
        "jwks_uri": url("/protocol/openid-connect/certs"),
        "introspection_endpoint": url("/protocol/openid-connect/token/introspect"),
    });
    key_server.serve(&format!("{path}/.well-known/openid-configuration"), Page::json(&metadata));
    let mut encryption = public(issuer.key("rsa"));
    encryption["kid"] = json!("encryption");
    encryption["use"] = json!("enc");
    encryption["alg"] = json!("RSA-OAEP");
    let mut keys = issuer.jwks();
    keys["keys"].as_array_mut().unwrap().insert(0, encryption);
    key_server.serve(&format!("{path}/protocol/openid-connect/certs"), Page::json(&keys));
}

/// A token by the RSA key, as most systems sign them; the claims are the usual ones with changes.
pub(crate) fn rs256(issuer: &Issuer, header: Value, changes: Value) -> String {
    let rsa = std::sync::Arc::clone(issuer.key("rsa"));
    issuer.with_keys(vec![rsa]).mint_with(header, changes)
}

/// The one value of a header that the service received.
pub(crate) fn header<'r>(received: &'r Received, name: &str) -> Option<&'r str> {
    received.head.field(name)
}
