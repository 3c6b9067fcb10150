//! The processes on both sides of a proxy, and the proxy.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use countersign::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    identity_provider::install::installed,
    independent_signers::library::python,
    support::{optional, proxy::Proxy, setup::Setup, upstream::Upstream},
};

/// What a client and a server are written with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sdk {
    Node,
    Python,
}

/// An identity provider, and a server of the protocol.
#[derive(Debug)]
pub(crate) struct Services {
    issuer: String,
    server: String,
    /// Further lines of `[resources.files]`.
    resource: &'static str,
    /// What the client must be given.
    client: Value,
    _processes: Vec<Helper>,
}

/// Countersign in front of a server.
#[derive(Debug)]
pub(crate) struct Gateway<'s> {
    pub(crate) proxy: Proxy,
    /// Nothing is sent there.
    _upstream: Upstream,
    services: &'s Services,
}

/// What a client saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) said: Value,
    pub(crate) resource: String,
    pub(crate) issuer: String,
}

/// A process that ends with this value, and with its input, however this process ends.
#[derive(Debug)]
pub(crate) struct Helper(Child);

/// A client needs a second.
const CLIENT_DEADLINE: Duration = Duration::from_mins(1);

impl Services {
    /// Starts them; `None`, with a notice, where the machine can't run them.
    pub(crate) fn start(sdk: Sdk) -> Option<Self> {
        let folder = installed()?;
        let (node, mut said) = Helper::start(Command::new("node").arg("mcp.mjs"), folder);
        let mut processes = vec![node];
        let issuer = text(&said, "issuer");
        if matches!(sdk, Sdk::Python) {
            let (python, of_python) =
                Helper::start(Command::new(python()?).arg("mcp_server.py"), folder);
            processes.push(python);
            said = of_python;
        }
        let server = text(&said, "server");
        Some(Self { issuer, server, resource: "", client: json!({}), _processes: processes })
    }

    /// With another identity provider, which does not let clients register themselves and does not
    /// write the resource into `aud`.
    pub(crate) fn with_provider(self, issuer: String, client: Value) -> Self {
        Self { issuer, client, resource: "audiences = [\"my-api\"]", ..self }
    }

    /// Puts Countersign before the server. The resource is the URL at which it is reached.
    pub(crate) fn behind_countersign(&self) -> Gateway<'_> {
        let upstream = Upstream::start();
        let setup = |at: &str| {
            let Self { issuer, server, resource, .. } = self;
            let tables = format!(
                "[issuers.idp]\nissuer = \"{issuer}\"\n[upstreams.files]\nurl = \"{server}\"\n\
                 [resources.files]\nid = \"http://{at}/mcp\"\n{resource}"
            );
            let scopes = if resource.is_empty() { "scopes = [\"files:read\"]" } else { "" };
            let route = format!(
                "[[routes]]\npath = \"/mcp\"\nresource = \"files\"\nupstream = \"files\"\n{scopes}"
            );
            Setup::new().with(&tables).routes(&route).at(SystemClock.now().0)
        };
        // Its port is known once it listens.
        let proxy = setup("127.0.0.1:1").start(&upstream);
        let settings = setup(&proxy.address().to_string()).load(&upstream);
        proxy.server().reload(settings.unwrap()).unwrap();
        Gateway { proxy, _upstream: upstream, services: self }
    }
}

impl Gateway<'_> {
    /// Runs a client of that kind, which is given the URL.
    pub(crate) fn run_client(&self, sdk: Sdk) -> Option<Seen> {
        let resource = format!("http://{}/mcp", self.proxy.address());
        let folder = installed()?;
        let mut command = match sdk {
            Sdk::Node => Command::new("node"),
            Sdk::Python => Command::new(python()?),
        };
        command.arg(match sdk {
            Sdk::Node => "mcp_client.mjs",
            Sdk::Python => "mcp_client.py",
        });
        command.args([&resource, &self.services.client.to_string()]).current_dir(folder);
        let log = tempfile::NamedTempFile::new().unwrap();
        optional::run(&mut command, log.path(), CLIENT_DEADLINE)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.proxy.logs()));
        let output = fs::read_to_string(log.path()).unwrap();
        let said = serde_json::from_str(output.lines().last().unwrap()).unwrap();
        Some(Seen { said, resource, issuer: self.services.issuer.clone() })
    }
}

impl Helper {
    /// Starts it, and reads the line that tells where it is.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> (Self, Value) {
        let command = command.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let helper = Self(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        (helper, serde_json::from_str(&line).unwrap())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(said: &Value, name: &str) -> String {
    said[name].as_str().unwrap().to_owned()
}
