//! The program in front of a service, with a configuration that changes in steps, each of which
//! can be seen from outside.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use serde_json::json;

use super::mounted::{MountedFolder, Replacement};
use crate::support::{
    authority::{Authority, Identity},
    client::Request,
    h2load::{Load, RunningLoad, Speaks},
    issuer::{AUDIENCE, Issuer},
    key_server::{KeyServer, Page},
    process::Process,
    upstream::{Reply, Upstream},
};

/// The running program and everything around it.
pub(super) struct Deployment {
    pub(super) process: Process,
    surroundings: Surroundings,
    folder: MountedFolder,
    version: Version,
    authority: Authority,
    identity: Identity,
}

/// What stays the same.
struct Surroundings {
    /// Where the load is sent to.
    service: String,
    /// Answers probes.
    echo: Upstream,
    key_server: KeyServer,
    issuer: Issuer,
    is_watching: bool,
}

/// What is in force, by the number of the step that has changed it last.
#[derive(Debug, Clone, Copy, Default)]
struct Version {
    step: usize,
    route: usize,
    audience: usize,
    secret: usize,
}

/// What a step changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    Route,
    Audience,
    Secret,
    Certificate,
}

const KEYS: &str = "/corp/jwks";
const NAME: &str = "api.test";

impl Changed {
    pub(super) const ALL: [Self; 4] =
        [Self::Route, Self::Audience, Self::Secret, Self::Certificate];
}

impl Deployment {
    /// In front of that service. Changed files are noticed, or else it takes a signal.
    pub(super) fn start(service: String, is_watching: bool) -> Self {
        let surroundings = Surroundings::new(service, is_watching);
        let (authority, version) = (Authority::new("tests"), Version::default());
        let (identity, mut folder) = (authority.server(NAME), MountedFolder::new());
        folder.replace(&surroundings.files(&folder, version, &identity), Replacement::Swap);
        let process = Process::start_with_file(folder.file("countersign.toml"));
        Self { process, surroundings, folder, version, authority, identity }
    }

    /// Changes one thing in the files.
    pub(super) fn change(&mut self, what: Changed, by: Replacement) {
        self.version.step += 1;
        let step = self.version.step;
        match what {
            Changed::Route => self.version.route = step,
            Changed::Audience => self.version.audience = step,
            Changed::Secret => self.version.secret = step,
            Changed::Certificate => self.identity = self.authority.server(NAME),
        }
        let files = self.surroundings.files(&self.folder, self.version, &self.identity);
        self.folder.replace(&files, by);
    }

    /// Breaks the configuration file, each time in another way.
    pub(super) fn break_configuration(&mut self) {
        self.version.step += 1;
        let broken = format!("[server]\nlisten = {}\n", self.version.step);
        self.folder.replace(&[("countersign.toml", broken)], Replacement::Rename);
    }

    /// Whether the latest change of that kind is in force.
    pub(super) fn is_in_force(&self, what: Changed) -> bool {
        let Version { route, audience, secret, .. } = self.version;
        match what {
            Changed::Route => self.status(&Request::get(&added(route))) == 200,
            Changed::Audience => {
                let token = self.surroundings.token(&format!("audience-{audience}"));
                self.status(&Request::get("/echo").bearer(&token)) == 200
            }
            Changed::Secret => {
                let answer = self.process.client().exchange(&Request::get("/with-secret"));
                let received = String::from_utf8(answer.body.bytes).unwrap();
                received.contains(&format!("secret-{secret}\""))
            }
            Changed::Certificate => {
                let shown = shown_certificate(&self.authority, self.process.listener("tls"));
                shown == *self.identity.certificate
            }
        }
    }

    fn status(&self, request: &Request) -> u16 {
        self.process.client().exchange(request).status
    }

    /// From now on, keys can't be fetched.
    pub(super) fn lose_provider(&self) {
        self.surroundings.key_server.serve(KEYS, Page::status(500));
    }

    /// How many reloads had that outcome.
    pub(super) fn reloads(&self, trigger: &str, outcome: &str) -> usize {
        let labels = format!("{{outcome=\"{outcome}\",trigger=\"{trigger}\"}}");
        let count = self.process.metric(&format!("countersign_reload_attempts_total{labels}"));
        format!("{count:.0}").parse().unwrap()
    }

    /// So many requests a second, half over HTTP/1.1 and half over HTTP/2. `None`, with a notice,
    /// where there is no h2load.
    pub(super) fn send(&self, rate: usize, seconds: usize) -> Option<[RunningLoad; 2]> {
        const CLIENTS: usize = 20;
        let url = format!("http://{}/orders", self.process.address());
        let start = |speaks| {
            let (rate, token) = (rate / 2, Some(self.surroundings.token(AUDIENCE)));
            let requests = rate * seconds;
            Load { speaks, requests, rate, clients: CLIENTS, token, body: None }.start(&url)
        };
        Some([start(Speaks::Http1)?, start(Speaks::Http2)?])
    }
}

impl Surroundings {
    fn new(service: String, is_watching: bool) -> Self {
        let (echo, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
        echo.answer_by(Reply::echo);
        key_server.serve(KEYS, Page::json(&issuer.jwks()));
        Self { service, echo, key_server, issuer, is_watching }
    }

    /// A token that lives for longer than the test.
    fn token(&self, audience: &str) -> String {
        self.issuer.mint(json!({ "aud": audience, "iat": 0, "exp": 9_000_000_000_u64 }))
    }

    fn files(
        &self,
        folder: &MountedFolder,
        version: Version,
        identity: &Identity,
    ) -> Vec<(&'static str, String)> {
        vec![
            ("countersign.toml", self.configuration(folder, version)),
            ("secret", format!("secret-{}", version.secret)),
            ("tls.crt", identity.certificate_pem.clone()),
            ("tls.key", identity.key_pem()),
        ]
    }

    fn configuration(&self, folder: &MountedFolder, version: Version) -> String {
        let Self { service, echo, key_server, issuer, is_watching } = self;
        let Version { route, audience, .. } = version;
        let (echo, keys, iss) = (echo.url(), key_server.url(KEYS), issuer.iss());
        let (added, folder) = (added(route), folder.path().display());
        format!(
            r#"
[server]
listen = "127.0.0.1:0"
workers = 2
shutdown_grace = "0s"

[admin]
listen = "127.0.0.1:0"

[reload]
watch = {is_watching}
interval = "200ms"

[[listeners]]
name = "tls"
listen = "127.0.0.1:0"
tls = {{ certificate = "{folder}/tls.crt", private_key = "{folder}/tls.key" }}

[upstreams.service]
url = "{service}"

[upstreams.echo]
url = "{echo}"

[upstreams.with_secret]
url = "{echo}"
credential = "own"

[upstream_credentials.own]
kind = "static"
file = "{folder}/secret"

[issuers.corp]
issuer = "{iss}"
audiences = ["{AUDIENCE}", "audience-{audience}"]
keys.jwks_url = "{keys}"

[[routes]]
path = "/orders"
upstream = "service"

[[routes]]
path = "/echo"
upstream = "echo"

[[routes]]
path = "/with-secret"
upstream = "with_secret"
access = "public"

[[routes]]
path = "{added}"
upstream = "echo"
access = "public"
"#
        )
    }
}

fn added(route: usize) -> String {
    format!("/added-{route}")
}

/// The certificate that a client gets.
fn shown_certificate(authority: &Authority, address: SocketAddr) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let request = format!("GET /echo HTTP/1.1\r\nhost: {NAME}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let _ = stream.read(&mut [0; 16]).unwrap();
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}
