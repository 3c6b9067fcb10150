//! The proxy as a process in front of a service, and curl.

use std::{fs, net::SocketAddr, process::Command};

use super::services::{Service, ServiceKind};
use crate::support::{optional, process::Process, setup::Setup, upstream::Upstream, wire::Head};

pub(super) struct Scene {
    pub(super) process: Process,
    pub(super) service: Service,
}

/// The versions of HTTP that clients speak, as curl's options.
pub(super) const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

/// All that curl received: the heads of interim answers and of the final one, the body, trailers.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) heads: Vec<Head>,
    pub(super) body: Vec<u8>,
    /// As lines.
    pub(super) trailers: Vec<String>,
}

impl Scene {
    /// `None`, with a notice, where the machine lacks the service or curl.
    pub(super) fn start(kind: ServiceKind) -> Option<Self> {
        if let Err(error) = Command::new("curl").arg("--version").output() {
            optional::skip("curl", &error.to_string());
            return None;
        }
        let service = Service::start(kind)?;
        let setup = Setup::new()
            .with(&format!(
                "[upstreams.other]\nurl = \"{}\"\n[log]\nlevel = \"info\"",
                service.url()
            ))
            .routes("[[routes]]\npath = \"/**\"\naccess = \"public\"\nupstream = \"other\"");
        let process = Process::start(&setup, &Upstream::start());
        Some(Self { process, service })
    }

    /// What a client with these options of curl receives.
    #[track_caller]
    pub(super) fn curl(&self, path: &str, options: &[&str]) -> Transfer {
        transfer(self.process.address(), path, options)
    }

    /// The same without the proxy.
    #[track_caller]
    pub(super) fn curl_service(&self, path: &str, options: &[&str]) -> Transfer {
        let version = match self.service.kind {
            ServiceKind::NodeHttp2 => VERSIONS[1],
            _ => VERSIONS[0],
        };
        transfer(self.service.address(), path, &[&[version], options].concat())
    }
}

impl Transfer {
    pub(super) fn statuses(&self) -> Vec<u16> {
        let status = |head: &Head| head.start.split(' ').nth(1).unwrap().parse().unwrap();
        self.heads.iter().map(status).collect()
    }

    /// The value of a header of the final answer.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.heads.last().unwrap().field(name)
    }
}

/// Waits longer for `100` than for the end: without it there is no upload.
#[track_caller]
fn transfer(address: SocketAddr, path: &str, options: &[&str]) -> Transfer {
    let folder = tempfile::tempdir().unwrap();
    let [heads, body] = ["heads", "body"].map(|name| folder.path().join(name));
    let done = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--expect100-timeout", "30"])
        .args(["--noproxy", "*", "--header", "host: api.test"])
        .args(options)
        .arg("--dump-header")
        .arg(&heads)
        .arg("--output")
        .arg(&body)
        .arg(format!("http://{address}{path}"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{options:?} {path} {done:?}");
    let dump = fs::read_to_string(heads).unwrap();
    let (heads, trailers) = dump.split("\r\n\r\n").partition::<Vec<_>, _>(|block| is_head(block));
    let head = |block: &str| Head::read(&mut format!("{block}\r\n\r\n").as_bytes());
    Transfer {
        heads: heads.into_iter().map(|block| head(block).unwrap().unwrap()).collect(),
        body: fs::read(body).unwrap_or_default(),
        trailers: trailers.into_iter().flat_map(str::lines).map(str::to_owned).collect(),
    }
}

fn is_head(block: &str) -> bool {
    block.starts_with("HTTP/")
}
