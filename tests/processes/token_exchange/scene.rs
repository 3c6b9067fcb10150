//! A provider, Countersign, and a service that verifies its own tokens.

use std::{fs, process::Command, thread};

use countersign::{
    clock::{Clock, SystemClock},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::{
    identity_provider::install::installed,
    mcp::scene::Helper,
    support::{
        client::{Answer, Request},
        oracle::assert_refused,
        proxy::Proxy,
        setup::Setup,
        upstream::Upstream,
    },
};

/// Countersign between clients and the service `orders`.
pub(crate) struct Scene {
    // First, so that it goes first: its invariants ask the others.
    pub(crate) proxy: Proxy,
    /// Nothing is sent there.
    _upstream: Upstream,
    _orders: Helper,
    pub(crate) files: tempfile::TempDir,
}

/// A provider as both sides know it.
pub(crate) struct Provider<'p> {
    pub(crate) issuer: &'p str,
    pub(crate) jwks: &'p str,
    /// Whom callers' tokens are for: the client that exchanges them.
    pub(crate) gateway: &'p str,
    pub(crate) secret: &'p str,
}

impl Scene {
    /// With these lines of `[upstream_credentials.orders]`. `None`, with a notice, where the
    /// machine has no Node.
    pub(crate) fn start(provider: &Provider<'_>, lines: &str) -> Option<Self> {
        let Provider { issuer, jwks, gateway, secret } = provider;
        let mut node = Command::new("node");
        let (orders, said) =
            Helper::start(node.args(["orders.mjs", issuer, jwks, "orders"]), installed()?);
        let url = said["url"].as_str().unwrap();
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("secret"), secret).unwrap();
        let lines = lines.replace("FILES", files.path().to_str().unwrap());
        let secret = files.path().join("secret");
        let tables = format!(
            "[issuers.idp]\nissuer = \"{issuer}\"\naudiences = [\"{gateway}\"]\n\
             algorithms = [\"RS256\", \"ES256\"]\n[issuers.idp.keys]\njwks_url = \"{jwks}\"\n\
             [upstreams.orders]\nurl = \"{url}\"\ncredential = \"orders\"\n\
             [upstream_credentials.orders]\nclient_id = \"{gateway}\"\n\
             client_secret_file = \"{}\"\ntimeout = \"20s\"\n{lines}",
            secret.display()
        );
        let route = "[[routes]]\npath = \"/**\"\nupstream = \"orders\"";
        let upstream = Upstream::start();
        let setup = Setup::new().with(&tables).routes(route).at(SystemClock.now().0);
        let proxy = setup.start(&upstream);
        Some(Self { proxy, _upstream: upstream, _orders: orders, files })
    }

    /// What the service says of the token that it has verified.
    #[track_caller]
    pub(crate) fn passes(&self, token: &str) -> Value {
        let answer = self.proxy.get("/orders/7", Some(token));
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.proxy.logs());
        let said: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
        let headers = said["headers"].as_str().unwrap();
        assert!(!headers.contains(token), "the service has the caller's token: {headers}");
        said
    }

    #[track_caller]
    pub(crate) fn refuses(&self, token: &str, reason: Reason) -> Answer {
        let before = self.proxy.mark();
        let answer = self.proxy.get("/orders/7", Some(token));
        assert_refused("refused", &answer, reason, &before);
        answer
    }

    /// Many requests of these callers at once: each passes in the name of its own caller.
    pub(crate) fn passes_under_load(&self, callers: &[(&str, String)]) {
        const CONNECTIONS: usize = 8;
        const REQUESTS: usize = 250;
        thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                scope.spawn(move || {
                    let mut client = self.proxy.client();
                    for n in 0..REQUESTS {
                        let (sub, token) = &callers[(connection + n) % callers.len()];
                        let answer = client.exchange(&Request::get("/orders").bearer(token));
                        assert_eq!(answer.status, 200, "{answer:?}");
                        let said: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
                        assert_eq!(said["sub"], json!(sub));
                    }
                });
            }
        });
    }

    /// How many tokens were issued.
    pub(crate) fn granted(&self) -> f64 {
        self.proxy.metric(
            "countersign_upstream_credential_requests_total{credential=\"orders\",outcome=\"granted\"}",
        )
    }
}
