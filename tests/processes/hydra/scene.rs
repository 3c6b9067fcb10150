//! Countersign under `config/oidc.toml`, with its introspection, for one Hydra.

use countersign::{
    clock::{Clock, SystemClock},
    reason::Reason,
};

use crate::{
    hydra::provider::{AUDIENCE, CLIENT, Hydra, SCOPES},
    support::{
        client::Request,
        invariants::FORGED,
        oracle::{assert_admitted, assert_refused},
        proxy::Proxy,
        shipped::Shipped,
        upstream::Upstream,
    },
};

/// A running proxy and its upstream. The proxy's clock stands at the time of the start.
pub(crate) struct Scene {
    // First, so that it goes first: its invariants ask the others.
    pub(crate) proxy: Proxy,
    _upstream: Upstream,
    /// What its configuration names.
    _files: tempfile::TempDir,
    issuer: String,
}

/// Which tokens Hydra is asked about: opaque ones, all instead of their signature, or all besides
/// it.
pub(crate) const OPAQUE: &str = "opaque";
pub(crate) const ONLY: &str = "only";
pub(crate) const ALWAYS: &str = "always";

impl Scene {
    pub(crate) fn start(hydra: &Hydra, when: &str) -> Self {
        Self::with(hydra, when, |shipped| shipped)
    }

    /// The same with changes to the file.
    pub(crate) fn with(hydra: &Hydra, when: &str, change: impl FnOnce(Shipped) -> Shipped) -> Self {
        let issuer = hydra.issuer();
        let introspection = format!(
            "when = \"{when}\"\nurl = \"{}\"\ntimeout = \"20s\"",
            hydra.introspection_url()
        );
        let shipped = change(Shipped::load("oidc.toml"))
            .with_table("[issuers.idp.introspection]")
            .with("when               = \"opaque\"", &introspection)
            .with("\"https://api.example.com\"", &format!("\"{AUDIENCE}\", \"{CLIENT}\""))
            .with("https://idp.example.com", &issuer)
            .and("\n[denials]\nexpose_reasons = true\n");
        let upstream = Upstream::start();
        let (proxy, files) = shipped.start(&upstream, SystemClock.now().0);
        Self { proxy, _upstream: upstream, _files: files, issuer }
    }

    /// The access token is admitted, cold and warm, in the name of that subject.
    #[track_caller]
    pub(crate) fn admits(&self, case: &str, token: &str, subject: &str) {
        let scope = SCOPES.join(" ");
        let identity = [
            ("x-auth-client", CLIENT),
            ("x-auth-issuer", &*self.issuer),
            ("x-auth-scope", &*scope),
            ("x-auth-subject", subject),
        ];
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

/// A client with that token, and with an identity of its own making.
fn request(token: &str) -> Request {
    Request::get("/orders").bearer(token).field("x-auth-subject", FORGED)
}
