//! The usual scene: one issuer, its key server, the proxy, and the upstream.

use countersign::reason::Reason;
use serde_json::Value;

use super::{
    client::{Answer, Request},
    issuer::Issuer,
    key_server::{KeyServer, Page},
    oracle::{Mark, assert_admitted, assert_refused},
    proxy::Proxy,
    setup::Setup,
    upstream::{Received, Upstream},
};

/// All parties of most tests. `corp` is the configured name of the issuer.
#[derive(Debug)]
pub(crate) struct World {
    // First, so that it goes first: its invariants ask the others.
    pub(crate) proxy: Proxy,
    pub(crate) upstream: Upstream,
    pub(crate) key_server: KeyServer,
    pub(crate) issuer: Issuer,
}

/// The path of the usual issuer's key set.
pub(crate) const JWKS: &str = "/corp/jwks";

impl World {
    /// The usual issuer with the default rules.
    pub(crate) fn start() -> Self {
        Self::with_rules("")
    }

    /// The usual issuer with further lines of `[issuers.corp]`.
    pub(crate) fn with_rules(rules: &str) -> Self {
        Self::of(Issuer::usual(), rules, "")
    }

    /// The usual issuer with further lines of `[issuers.corp.keys]`.
    pub(crate) fn with_keys(keys: &str) -> Self {
        Self::of(Issuer::usual(), "", keys)
    }

    /// Any issuer, with further lines of `[issuers.corp]` and of `[issuers.corp.keys]`.
    pub(crate) fn of(issuer: Issuer, rules: &str, keys: &str) -> Self {
        let page = Page::json(&issuer.jwks());
        let world = Self::unready(issuer, rules, keys, page);
        world.proxy.wait_until_ready();
        world
    }

    /// The usual issuer with something else in the configuration.
    pub(crate) fn with_setup(change: impl FnOnce(Setup) -> Setup) -> Self {
        let (issuer, upstream, key_server) =
            (Issuer::usual(), Upstream::start(), KeyServer::start());
        key_server.serve(JWKS, Page::json(&issuer.jwks()));
        let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "");
        let proxy = change(setup).start(&upstream);
        Self { proxy, upstream, key_server, issuer }
    }

    /// An issuer whose key server says something else. No test waits for readiness.
    pub(crate) fn unready(issuer: Issuer, rules: &str, keys: &str, page: Page) -> Self {
        let (upstream, key_server) = (Upstream::start(), KeyServer::start());
        key_server.serve(JWKS, page);
        let setup = Setup::new().issuer("corp", &issuer, &key_server, rules, keys);
        let proxy = setup.start_unready(&upstream);
        Self { proxy, upstream, key_server, issuer }
    }

    /// The same world with a proxy that is started again, under further lines of `[issuers.corp]`.
    pub(crate) fn restarted(self, rules: &str) -> Self {
        let Self { proxy, upstream, key_server, issuer } = self;
        drop(proxy);
        let setup = Setup::new().issuer("corp", &issuer, &key_server, rules, "");
        let proxy = setup.start(&upstream);
        Self { proxy, upstream, key_server, issuer }
    }

    pub(crate) fn mark(&self) -> Mark {
        self.proxy.mark()
    }

    /// The token is refused for that reason, cold and again warm, and the upstream gets nothing.
    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, token: &str, reason: Reason) {
        self.refuses_request(case, &Request::get("/").bearer(token), reason);
    }

    /// The token is refused with 401, whatever the first check is that it fails.
    #[track_caller]
    pub(crate) fn refuses_somehow(&self, case: &str, token: &str) {
        let before = self.mark();
        let request = Request::get("/").bearer(token);
        let mut client = self.proxy.client();
        let cold = client.exchange(&request);
        assert_eq!(cold.status, 401, "{case}: {cold:?}");
        let warm = client.exchange(&request);
        assert_same_decision(case, &cold, &warm);
        before.assert_untouched(case);
    }

    /// The same of any request, for that reason.
    #[track_caller]
    pub(crate) fn refuses_request(&self, case: &str, request: &Request, reason: Reason) {
        let before = self.mark();
        let mut client = self.proxy.client();
        let cold = client.exchange(request);
        assert_refused(case, &cold, reason, &before);
        let warm = client.exchange(request);
        assert_same_decision(case, &cold, &warm);
        before.assert_untouched(case);
    }

    /// The token is admitted, cold and again warm, in the name of its own `sub`, `iss` and
    /// `scope`. Returns what the upstream received the second time.
    #[track_caller]
    pub(crate) fn admits(&self, case: &str, token: &str) -> Received {
        self.admits_request(case, &Request::get("/").bearer(token), &identity(token))
    }

    /// The same of any request, with that identity.
    #[track_caller]
    pub(crate) fn admits_request(
        &self,
        case: &str,
        request: &Request,
        identity: &[(String, String)],
    ) -> Received {
        let identity: Vec<_> = identity.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut client = self.proxy.client();
        let before = self.mark();
        let cold = client.exchange(request);
        let first = assert_admitted(case, &cold, &before, &identity);
        let before = self.mark();
        let warm = client.exchange(request);
        let second = assert_admitted(case, &warm, &before, &identity);
        assert_same_decision(case, &cold, &warm);
        assert_eq!(first.head, second.head, "INV-6, {case}");
        second
    }
}

/// INV-6: what the caches know does not change what is decided.
#[track_caller]
fn assert_same_decision(case: &str, cold: &Answer, warm: &Answer) {
    let decision = |answer: &Answer| (answer.status, answer.reason(), answer.is_from_upstream());
    assert_eq!(decision(cold), decision(warm), "INV-6, {case}: cold and warm differ");
}

/// What the upstream must be told about a token by the default mapping: its `iss`, `scope` and
/// `sub`. Only for claims that are written as they are; where others are in play, a test spells
/// the identity out.
pub(crate) fn identity(token: &str) -> Vec<(String, String)> {
    let claims = claims(token);
    let headers = [("x-auth-issuer", "iss"), ("x-auth-scope", "scope"), ("x-auth-subject", "sub")];
    let mut told = Vec::new();
    for (header, claim) in headers {
        match &claims[claim] {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::String(text) if is_plain(text) => told.push((header.to_owned(), text.clone())),
            other => panic!("spell the identity out: {claim} is {other}"),
        }
    }
    told
}

fn is_plain(text: &str) -> bool {
    text.trim() == text && text.chars().all(|c| (c.is_ascii_graphic() && c != '%') || c == ' ')
}

/// The claims of a token.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let payload = countersign::jose::base64url::decode(payload.as_bytes()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}
