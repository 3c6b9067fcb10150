//! The proxy that is trained: its configuration, its start and its end.

use std::{
    ffi::OsStr,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{
    Outcome,
    material::{ALGORITHMS, AUDIENCE, Material, issuer},
};

const START: Duration = Duration::from_secs(30);
/// A profile of several megabytes is written meanwhile.
const STOP: Duration = Duration::from_secs(60);

const CONFIGURATION: &str = r#"
[server]
listen = "{listen}"
workers = 1
shutdown_grace = "0s"
drain_timeout = "0s"

[admin]
listen = "127.0.0.1:0"

[upstreams.app]
url = "http://{service}"

[upstreams.multiplexed]
url = "h2c://{service}"

{issuers}
[issuers.rs256.introspection]
url = "http://{service}/introspect"
auth = "none"
client_id = "api"

[signatures.partner]
signer = { fixed = "partner" }
caller = "unrelated"
keys.issuer = "rs256"

[cache]
entries = {cache_entries}

[claims]
"x-auth-subject" = "sub"
"x-auth-scope" = "scope"
"x-auth-roles" = { claim = "/realm_access/roles", encoding = "csv" }

[[routes]]
path = "/**"
upstream = "app"

[[routes]]
path = "/public/**"
access = "public"
upstream = "app"

[[routes]]
path = "/orders/*/items/**"
methods = ["GET", "POST"]
scopes = ["orders:read"]
upstream = "app"

[[routes]]
path = "/payments/**"
scopes = ["payments:write"]
upstream = "app"

[[routes]]
path = "/signed/**"
signature = "partner"
upstream = "app"

[[routes]]
path = "/multiplexed/**"
upstream = "multiplexed"
"#;

/// A running proxy.
pub struct Proxy {
    pub address: SocketAddr,
    process: Child,
}

impl Proxy {
    /// Starts it in front of the service.
    pub async fn start(
        binary: &Path,
        folder: &Path,
        material: &Material,
        service: SocketAddr,
        cache_entries: usize,
    ) -> Outcome<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let configuration = CONFIGURATION
            .replace("{listen}", &address.to_string())
            .replace("{service}", &service.to_string())
            .replace("{issuers}", &issuers(material))
            .replace("{cache_entries}", &cache_entries.to_string());
        let file = folder.join("countersign.toml");
        fs::write(&file, configuration)?;
        let arguments = ["run".as_ref(), "--config".as_ref(), file.as_os_str()];
        let log = fs::File::create(folder.join("log"))?;
        let process = Command::new(binary)
            .args::<_, &OsStr>(arguments)
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let mut proxy = Self { address, process };
        match timeout(START, proxy.until_listening()).await {
            Ok(Ok(())) => Ok(proxy),
            _ => {
                let log = fs::read_to_string(folder.join("log"))?;
                Err(format!("the proxy did not start:\n{log}").into())
            }
        }
    }

    async fn until_listening(&mut self) -> Outcome<()> {
        while TcpStream::connect(self.address).await.is_err() {
            if let Some(status) = self.process.try_wait()? {
                return Err(status.to_string().into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Stops it as a supervisor does: it writes its profile when `main` returns.
    pub async fn stop(mut self) -> Outcome<()> {
        let id = self.process.id().ok_or("the proxy has ended")?;
        Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        let status = timeout(STOP, self.process.wait()).await??;
        if status.success() { Ok(()) } else { Err(format!("the proxy: {status}").into()) }
    }
}

fn issuers(material: &Material) -> String {
    let section = |algorithm: &str| {
        format!(
            "[issuers.{}]\nissuer = \"{}\"\naudiences = [\"{AUDIENCE}\"]\n\
             algorithms = [\"{algorithm}\"]\nkeys.jwks_file = \"{}\"\n",
            algorithm.to_lowercase(),
            issuer(algorithm),
            material.jwks(algorithm).display(),
        )
    };
    ALGORITHMS.map(section).concat()
}
