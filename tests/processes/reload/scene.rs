//! The program with a private listener, in front of an upstream.

use std::{
    fs,
    io::{BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use serde_json::Value;

use crate::support::{
    DEADLINE,
    client::{Client, Request},
    issuer::Issuer,
    process::BINARY,
    proxy::metric_in,
    setup::Setup,
    signalled::Process,
    upstream::Upstream,
    wire::{Head, Unframed},
};

/// Everything needs a token.
pub(crate) const PROTECTED: &str = "[[routes]]\npath = \"/**\"\n";
/// Nothing does.
pub(crate) const OPEN: &str = "[[routes]]\npath = \"/**\"\naccess = \"public\"\n";

pub(crate) struct Scene {
    pub(crate) process: Process,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) issuer: Issuer,
    pub(crate) upstream: Upstream,
}

impl Scene {
    /// Everything needs a token.
    pub(crate) fn start() -> Self {
        Self::start_with(|text| text)
    }

    /// With a configuration that is changed before.
    pub(crate) fn start_with(change: impl FnOnce(String) -> String) -> Self {
        let mut scene = Self::prepare();
        let text = change(scene.text(PROTECTED));
        scene.write(&text);
        scene.process = Process::run(&scene.file());
        scene
    }

    /// With nothing that runs.
    pub(crate) fn prepare() -> Self {
        let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::usual());
        fs::write(folder.path().join("jwks.json"), issuer.jwks().to_string()).unwrap();
        Self { process: Process::none(), folder, issuer, upstream: Upstream::start() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path("countersign.toml")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("control.sock")
    }

    /// The configuration with these routes.
    pub(crate) fn text(&self, routes: &str) -> String {
        let keys = format!("jwks_file = '{}'", self.path("jwks.json").display());
        Setup::new()
            .issuer_from("corp", &self.issuer, "", &keys)
            .with(&format!("[control]\nlisten = \"unix:{}\"\n", self.socket().display()))
            .routes(routes)
            .toml(&self.upstream)
    }

    /// Writes the configuration in place.
    pub(crate) fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    /// The status of a request without a token.
    pub(crate) fn status(&self) -> u16 {
        self.client().exchange(&Request::get("/x").field("connection", "close")).status
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.process.address(), &Arc::default())
    }

    /// A page of the admin listener.
    pub(crate) fn page(&self, page: &str) -> String {
        let request = Request::get(page).field("connection", "close");
        let answer = Client::connect(self.process.admin(), &Arc::default()).exchange(&request);
        String::from_utf8(answer.body.bytes).unwrap()
    }

    pub(crate) fn metric(&self, series: &str) -> Option<String> {
        metric_in(&self.page("/metrics"), series).map(str::to_owned)
    }

    /// How many reloads had that outcome.
    pub(crate) fn reloads(&self, trigger: &str, outcome: &str) -> u32 {
        let series = format!(
            "countersign_reload_attempts_total{{outcome=\"{outcome}\",trigger=\"{trigger}\"}}"
        );
        self.metric(&series).map_or(0, |count| count.parse().unwrap())
    }

    /// The hash of the configuration in force, as far as the metric shows it.
    pub(crate) fn shown_hash(&self) -> String {
        let page = self.page("/metrics");
        let lines: Vec<_> = page
            .lines()
            .filter_map(|it| it.strip_prefix("countersign_config_info{hash=\""))
            .collect();
        let [line] = lines[..] else { panic!("{lines:?}") };
        line.strip_suffix("\"} 1").unwrap().to_owned()
    }

    /// `POST /reload`.
    pub(crate) fn reload(&self) -> (u16, Value) {
        reload(&self.socket())
    }
}

/// `POST /reload` to a private listener: the status and the verdict.
pub(crate) fn reload(socket: &Path) -> (u16, Value) {
    let request = Request::to("localhost", "POST", "/reload").field("content-length", "0");
    let (status, body) = exchange(socket, &request);
    (status, serde_json::from_str(&body).unwrap())
}

/// One exchange with the private listener.
pub(crate) fn exchange(socket: &Path, request: &Request) -> (u16, String) {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(&request.bytes()).unwrap();
    let head = Head::read(&mut stream).unwrap().unwrap();
    let body = head.read_body(&mut stream, Unframed::UntilClose).unwrap();
    let status = head.start.split(' ').nth(1).unwrap().parse().unwrap();
    (status, String::from_utf8(body.bytes).unwrap())
}

/// `countersign` with these arguments and nothing in its environment.
pub(crate) fn countersign(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).env_clear().output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
