//! The pod of `deploy/kubernetes/sidecar.yaml`: its sidecar as a process, and an app.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use countersign::settings::{self, Settings, Sources};
use serde_json::{Value, json};

use super::app::{App, SLOW_PATH};
use crate::support::{
    client::{Client, Request},
    config_map::ConfigMap,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    process::binary,
    signalled::Process,
};

/// What needs a token.
pub(super) const TOKEN_PATH: &str = "/orders/1";

const JWKS_PATH: &str = "/jwks";

pub(super) struct Pod {
    pub(super) process: Process,
    pub(super) app: App,
    manifests: Vec<Value>,
    mounted: ConfigMap,
    settings: Settings,
    issuer: Issuer,
    key_server: KeyServer,
    _folder: tempfile::TempDir,
}

impl Pod {
    /// Its sidecar runs, without keys, and its app does not yet.
    pub(super) fn start() -> Self {
        let manifests = manifests();
        let folder = tempfile::tempdir().unwrap();
        let text = configuration(&manifests);
        let mounted = ConfigMap::mount(folder.path().join("mounted"), text);
        let (app, key_server) = (App::new(), KeyServer::start());
        key_server.hold();
        let variables = variables(&app, &key_server, folder.path());
        let sources = Sources {
            file: Some(mounted.file()),
            environment: variables.clone(),
            ..Sources::default()
        };
        let settings = settings::load(&sources).unwrap_or_else(|errors| panic!("{errors}"));
        let issued_by = settings.issuers.iter().next().unwrap();
        let issuer = Issuer::usual().named(&issued_by.issuer);
        let mut command = Command::new(binary());
        let process = Process::begin(command.env_clear().envs(variables), &mounted.file());
        Self { process, app, manifests, mounted, settings, issuer, key_server, _folder: folder }
    }

    /// All of it runs.
    pub(super) fn start_ready() -> Self {
        let pod = Self::start();
        pod.app.start();
        pod.provide_keys();
        crate::support::wait_until("the pod", || {
            pod.probe("readinessProbe") == 200 && pod.app_readiness() == 200
        });
        pod
    }

    /// The identity provider answers from now on.
    pub(super) fn provide_keys(&self) {
        self.key_server.serve(JWKS_PATH, Page::json(&self.issuer.jwks()));
        self.key_server.release();
    }

    /// The routes of the configuration with one before them, as another version of the `ConfigMap`.
    pub(super) fn swap(&mut self, route: &str) {
        let text = configuration(&self.manifests);
        let (before, routes) = text.split_once("[[routes]]").unwrap();
        let text = format!("{before}{route}[[routes]]{routes}");
        self.mounted.swap(&text);
    }

    /// The status of a probe of the sidecar.
    pub(super) fn probe(&self, name: &str) -> u16 {
        let get = &self.sidecar()[name]["httpGet"];
        let port = get["port"].as_str().unwrap();
        fetch(self.port_named(port), get["path"].as_str().unwrap()).0
    }

    /// The status of the readiness probe of the app, which asks the sidecar.
    pub(super) fn app_readiness(&self) -> u16 {
        let get = &self.pod()["containers"][0]["readinessProbe"]["httpGet"];
        let ports = self.sidecar()["ports"].as_array().unwrap();
        let port = ports.iter().find(|port| port["containerPort"] == get["port"]).unwrap();
        let address = self.port_named(port["name"].as_str().unwrap());
        fetch(address, get["path"].as_str().unwrap()).0
    }

    /// A page of the admin listener.
    pub(super) fn page(&self, page: &str) -> String {
        fetch(self.process.admin(), page).1
    }

    pub(super) fn client(&self) -> Client {
        self.connector()()
    }

    pub(super) fn connector(&self) -> impl Fn() -> Client + Send + 'static {
        let address = self.process.address();
        move || Client::connect(address, &Arc::default())
    }

    /// Whether a connection is accepted.
    pub(super) fn accepts(&self) -> bool {
        std::net::TcpStream::connect(self.process.address()).is_ok()
    }

    /// A request with a token.
    pub(super) fn request(&self, path: &str) -> Request {
        let audience = &self.settings.issuers.iter().next().unwrap().audiences;
        let claims = json!({ "iat": 0, "exp": 9_000_000_000_u64, "aud": audience });
        Request::get(path).bearer(&self.issuer.mint(claims))
    }

    /// A request that the app has received and not answered; ends with its status.
    pub(super) fn slow_request(&self) -> JoinHandle<u16> {
        let (mut client, request) = (self.client(), self.request(SLOW_PATH));
        let answered = thread::spawn(move || client.exchange(&request).status);
        self.app.wait_for_slow_request();
        answered
    }

    /// How long the kubelet waits for the startup probe.
    pub(super) fn time_to_start(&self) -> Duration {
        let probe = &self.sidecar()["startupProbe"];
        let number = |name: &str| probe[name].as_u64().unwrap();
        Duration::from_secs(number("periodSeconds") * number("failureThreshold"))
    }

    /// What the pod's grace leaves after the pause before the app's end.
    pub(super) fn time_to_stop(&self) -> Duration {
        let pod = self.pod();
        let pause = &pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
        let granted = &pod["terminationGracePeriodSeconds"];
        Duration::from_secs(granted.as_u64().unwrap() - pause.as_u64().unwrap())
    }

    pub(super) fn watch_interval(&self) -> Duration {
        assert!(self.settings.reload.watch);
        self.settings.reload.interval
    }

    fn port_named(&self, name: &str) -> SocketAddr {
        match name {
            "http" => self.process.address(),
            "admin" => self.process.admin(),
            other => panic!("no port {other}"),
        }
    }

    fn pod(&self) -> &Value {
        &manifest(&self.manifests, "Deployment")["spec"]["template"]["spec"]
    }

    fn sidecar(&self) -> &Value {
        &self.pod()["initContainers"][0]
    }
}

/// The status and the body of an answer.
fn fetch(address: SocketAddr, path: &str) -> (u16, String) {
    let request = Request::get(path).field("connection", "close");
    let answer = Client::connect(address, &Arc::default()).exchange(&request);
    (answer.status, String::from_utf8(answer.body.bytes).unwrap())
}

/// What this machine has elsewhere than the pod: ports, the app, the provider, a volume. And log
/// lines that the tests read.
fn variables(app: &App, key_server: &KeyServer, folder: &Path) -> Vec<(String, String)> {
    let snapshots = folder.join("snapshots");
    fs::create_dir(&snapshots).unwrap();
    [
        ("SERVER__LISTEN", "127.0.0.1:0".to_owned()),
        ("ADMIN__LISTEN", "127.0.0.1:0".to_owned()),
        ("UPSTREAMS__APP__URL", app.url()),
        ("ISSUERS__IDP__KEYS__JWKS_URL", key_server.url(JWKS_PATH)),
        ("ISSUERS__IDP__KEYS__SNAPSHOT", snapshots.display().to_string()),
        ("LOG__FORMAT", "text".to_owned()),
    ]
    .map(|(name, value)| (format!("COUNTERSIGN_{name}"), value))
    .to_vec()
}

fn manifests() -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes/sidecar.yaml");
    serde_saphyr::from_multiple(&fs::read_to_string(file).unwrap()).unwrap()
}

fn manifest<'m>(manifests: &'m [Value], kind: &str) -> &'m Value {
    manifests.iter().find(|manifest| manifest["kind"] == kind).unwrap()
}

fn configuration(manifests: &[Value]) -> &str {
    manifest(manifests, "ConfigMap")["data"]["countersign.toml"].as_str().unwrap()
}
