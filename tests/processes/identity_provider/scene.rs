//! Countersign between a client who forges headers and an upstream; all that it is told about the
//! provider is its issuer URL.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use countersign::{
    clock::{Clock, SystemClock},
    reason::Reason,
};

use crate::{
    identity_provider::provider::{CLIENT, Provider, RESOURCES},
    support::{
        client::Request,
        invariants::FORGED,
        oracle::{assert_admitted, assert_refused},
        proxy::Proxy,
        setup::Setup,
        upstream::{Received, Upstream},
    },
};

/// A running proxy and its upstream. The proxy's clock stands at the true time of the start until
/// it is moved.
pub(crate) struct Scene {
    pub(crate) proxy: Proxy,
    /// The proxy's, kept running.
    _upstream: Upstream,
    /// The files that its configuration names.
    _secrets: Option<tempfile::TempDir>,
    /// Tells the cases of a test apart where one fails.
    cases: AtomicUsize,
}

/// The least time between two fetches that unknown keys ask for: the shortest that can be
/// configured.
pub(crate) const COOLDOWN: Duration = Duration::from_secs(1);

const KEYS: &str = "cooldown = \"1s\"";

/// Of every kind one: a text, a list, a number, a claim within a claim, and one that no token has.
const CLAIMS: &str = r#"
[claims]
"x-auth-audience" = "aud"
"x-auth-level"    = "level"
"x-auth-roles"    = "/realm_access/roles"
"x-auth-scope"    = "scope"
"x-auth-subject"  = "sub"
"x-auth-tenant"   = "tenant"
"#;

impl Scene {
    /// Starts, and waits until the keys are there.
    pub(crate) fn start(provider: &Provider) -> Self {
        Self::with(provider, "", KEYS, |setup| setup)
    }

    /// With further lines of `[issuers.idp]`.
    pub(crate) fn with_rules(provider: &Provider, rules: &str) -> Self {
        Self::with(provider, rules, KEYS, |setup| setup)
    }

    /// With other lines of `[issuers.idp.keys]`.
    pub(crate) fn with_keys(provider: &Provider, keys: &str) -> Self {
        Self::with(provider, "", keys, |setup| setup)
    }

    /// With these `[[routes]]`.
    pub(crate) fn with_routes(provider: &Provider, routes: &str) -> Self {
        Self::with(provider, "", KEYS, |setup| setup.routes(routes))
    }

    /// With an `[issuers.idp.introspection]` of these lines, for the client with that secret.
    pub(crate) fn asking(provider: &Provider, secret: &str, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, secret).unwrap();
        let introspection = format!(
            "[issuers.idp.introspection]\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"{}\"\n\
             {lines}",
            file.display()
        );
        let keys = format!("{KEYS}\n{introspection}");
        let scene = Self::with(provider, "", &keys, |setup| setup);
        Self { _secrets: Some(folder), ..scene }
    }

    /// Why the token does not pass.
    pub(crate) fn reason(&self, token: &str) -> Option<String> {
        self.proxy.exchange(&request(token)).reason()
    }

    /// Starts while the provider is down.
    pub(crate) fn start_unready(provider: &Provider) -> Self {
        let upstream = Upstream::start();
        let proxy = setup(&provider.issuer, "", KEYS).start_unready(&upstream);
        Self::of(proxy, upstream)
    }

    fn with(
        provider: &Provider,
        rules: &str,
        keys: &str,
        change: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let upstream = Upstream::start();
        let proxy = change(setup(&provider.issuer, rules, keys)).start(&upstream);
        let scene = Self::of(proxy, upstream);
        scene.proxy.wait_until_ready();
        scene
    }

    fn of(proxy: Proxy, upstream: Upstream) -> Self {
        proxy.set_time(SystemClock.now().0);
        Self { proxy, _upstream: upstream, _secrets: None, cases: AtomicUsize::new(0) }
    }

    /// The access token is admitted, and the upstream learns its claims and nothing else.
    #[track_caller]
    pub(crate) fn admits(&self, token: &str) -> Received {
        let case = self.next_case();
        let before = self.proxy.mark();
        let answer = self.proxy.exchange(&request(token));
        let audience = crate::identity_provider::part(token, 1)["aud"].as_str().unwrap().to_owned();
        let identity = [
            ("x-auth-audience", audience.as_str()),
            ("x-auth-level", "3"),
            ("x-auth-roles", "teller,auditor"),
            ("x-auth-scope", "loans:read"),
            ("x-auth-subject", CLIENT),
        ];
        assert_admitted(&case, &answer, &before, &identity)
    }

    /// The token is refused for that reason, and the upstream gets nothing of it.
    #[track_caller]
    pub(crate) fn refuses(&self, token: &str, reason: Reason) {
        let case = self.next_case();
        let before = self.proxy.mark();
        let answer = self.proxy.exchange(&request(token));
        assert_refused(&case, &answer, reason, &before);
    }

    /// Whether the upstream answers.
    pub(crate) fn passes(&self, token: &str) -> bool {
        self.proxy.exchange(&request(token)).is_from_upstream()
    }

    fn next_case(&self) -> String {
        format!("request {}", self.cases.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Tokens for the client itself and for any of the resources but `elsewhere` have the right
/// audience, so that it is something else that they are refused for.
fn setup(issuer: &str, rules: &str, keys: &str) -> Setup {
    let names = ["rs256", "ps256", "es256", "ed25519", "hs256", "encrypted", "opaque"];
    let mut audiences = names.map(|name| format!("{RESOURCES}{name}")).to_vec();
    audiences.push(CLIENT.to_owned());
    Setup::new()
        .with(&format!(
            "[issuers.idp]\nissuer = {issuer:?}\naudiences = {audiences:?}\n{rules}\n\
             [issuers.idp.keys]\n{keys}"
        ))
        .with(CLAIMS)
}

/// A client with that token, and with an identity of its own making.
fn request(token: &str) -> Request {
    Request::get("/loans/7?full=yes")
        .bearer(token)
        .field("x-auth-subject", FORGED)
        .field("X_Auth_Subject", FORGED)
        .field("x-auth-tenant", FORGED)
}
