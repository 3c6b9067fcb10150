//! The proxy as a process in front of a service over TLS.

use crate::{
    support::{client::Request, process::Process, setup::Setup, upstream::Upstream},
    upstream_tls::peers::Peer,
};

/// The proxy, which trusts the authorities of the service.
pub(super) struct Scene {
    pub(super) process: Process,
}

impl Scene {
    pub(super) fn start(peer: &Peer) -> Self {
        let tables = format!(
            "[upstreams.other]\nurl = \"{}\"\n[upstreams.other.tls]\nca_file = \"{}\"\n\
             [log]\nlevel = \"info\"\n",
            peer.url(),
            peer.ca_file().display()
        );
        let routes = "[[routes]]\npath = \"/**\"\naccess = \"public\"\nupstream = \"other\"";
        let setup = Setup::new().with(&tables).routes(routes);
        Self { process: Process::start(&setup, &Upstream::start()) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/public/x", self.process.address())
    }

    /// The text that the service answers.
    pub(super) fn get(&self) -> String {
        let answer = self.process.client().exchange(&Request::get("/public/x"));
        assert_eq!(answer.status, 200, "{answer:?} {}", self.process.log());
        String::from_utf8(answer.body.bytes).unwrap().trim().to_owned()
    }

    pub(super) fn handshakes(&self, outcome: &str) -> f64 {
        self.process.metric(&format!(
            "countersign_upstream_tls_handshakes_total{{outcome=\"{outcome}\",upstream=\"other\"}}"
        ))
    }

    /// When the certificate expires that was shown last.
    pub(super) fn expiry(&self) -> f64 {
        let series =
            "countersign_upstream_certificate_expiry_timestamp_seconds{upstream=\"other\"}";
        self.process.metric(series)
    }
}
