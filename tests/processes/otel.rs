//! Spans and metrics, as a receiver of OpenTelemetry's own protobuf classes reads them.

mod attempts;
mod children;
mod failures;
mod metrics;
mod peers;
mod reload;
mod spans;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    independent_signers::library::Library,
    support::{
        client::{Answer, Request},
        issuer::Issuer,
        key_server::{KeyServer, Page},
        process::{Process, binary},
        setup::Setup,
        upstream::Upstream,
        wait_until,
        world::JWKS,
    },
};

/// The receiver, with what it has taken so far.
struct Receiver {
    library: Library,
    ports: Value,
    spans: Vec<Value>,
    exports: Vec<Value>,
    metrics: BTreeMap<String, Value>,
}

impl Receiver {
    /// `None`: there is no Python, which was said.
    fn start() -> Option<Self> {
        let mut library = Library::python("otlp_receiver.py", "")?;
        let ports = library.receive();
        let (spans, exports, metrics) = Default::default();
        Some(Self { library, ports, spans, exports, metrics })
    }

    /// `[otel]` with that protocol.
    fn section(&self, protocol: &str, more: &str) -> String {
        let port = &self.ports[if protocol == "grpc" { "grpc" } else { "http" }];
        format!(
            "[otel]\nprotocol = \"{protocol}\"\nendpoint = \"http://127.0.0.1:{port}\"\n{more}\n"
        )
    }

    fn ask(&mut self, question: Value) -> Value {
        self.library.ask(&question)
    }

    fn take(&mut self) {
        let taken = self.ask(json!({ "take": true }));
        let list = |name: &str| taken[name].as_array().unwrap().clone();
        self.spans.extend(list("spans"));
        self.exports.extend(list("exports"));
        let metrics = taken["metrics"].as_object().unwrap();
        self.metrics.extend(metrics.iter().map(|(name, it)| (name.clone(), it.clone())));
    }

    /// The spans of a request, once its own has come. Those of one request come together.
    fn spans_of(&mut self, id: &str) -> Spans {
        let is_of = |span: &Value| span["attributes"]["countersign.request_id"] == id;
        wait_until("the spans of a request", || {
            self.take();
            self.spans.iter().any(is_of)
        });
        let own = self.spans.iter().find(|span| is_of(span)).unwrap().clone();
        let is_child = |span: &&Value| span["parent"] == own["id"];
        let children = self.spans.iter().filter(is_child).cloned().collect();
        Spans { own, children }
    }
}

/// The spans of one request.
struct Spans {
    own: Value,
    children: Vec<Value>,
}

impl Spans {
    fn named(&self, name: &str) -> Vec<&Value> {
        self.children.iter().filter(|span| span["name"] == name).collect()
    }

    /// The one attempt to reach the upstream.
    fn attempts(&self) -> Vec<&Value> {
        let is_client = |span: &&Value| span["kind"] == "SPAN_KIND_CLIENT";
        self.children.iter().filter(is_client).collect()
    }
}

/// The proxy as a process, which trusts its peer.
struct Scene {
    process: Process,
    upstream: Upstream,
    issuer: Issuer,
    _keys: KeyServer,
}

const TRUSTING: &str = "[forwarding]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
const ANSWERED_IDS: &str = "[request_id]\nanswers = \"all\"\n";

impl Scene {
    fn start(tables: &str) -> Self {
        Self::start_with(tables, &[])
    }

    fn start_with(tables: &str, environment: &[(&str, String)]) -> Self {
        Self::start_over(ANSWERED_IDS, tables, environment)
    }

    /// With something else in the configuration, which may name the upstream.
    fn start_changed(change: impl FnOnce(Setup, &Upstream) -> Setup) -> Self {
        Self::launch(|setup, upstream| change(setup.with(ANSWERED_IDS), upstream), &[])
    }

    /// With `[request_id]` as given.
    fn start_over(ids: &str, tables: &str, environment: &[(&str, String)]) -> Self {
        Self::launch(|setup, _| setup.with(&format!("{ids}{tables}")), environment)
    }

    fn launch(
        change: impl FnOnce(Setup, &Upstream) -> Setup,
        environment: &[(&str, String)],
    ) -> Self {
        let (issuer, upstream, keys) = (Issuer::usual(), Upstream::start(), KeyServer::start());
        keys.serve(JWKS, Page::json(&issuer.jwks()));
        let setup = change(Setup::new().issuer("corp", &issuer, &keys, "", ""), &upstream);
        let mut command = std::process::Command::new(binary());
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        let process = Process::start_by(&mut command, &setup, &upstream);
        Self { process, upstream, issuer, _keys: keys }
    }

    /// The answer, and the id of its request.
    fn send(&self, request: &Request) -> (Answer, String) {
        let answer = self.process.client().exchange(request);
        let id = answer.head.request_id.0.clone().unwrap();
        (answer, id)
    }

    fn spans(&self, outcome: &str) -> usize {
        self.count(&format!("countersign_otel_spans_total{{outcome=\"{outcome}\"}}"))
    }

    fn count(&self, series: &str) -> usize {
        format!("{:.0}", self.process.metric(series)).parse().unwrap()
    }
}
