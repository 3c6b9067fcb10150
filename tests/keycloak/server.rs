//! One Keycloak for all tests of this binary, from the first that needs it to the end of the
//! process.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use crate::{
    install::{Installed, install},
    support::{
        client::{Client, Request},
        optional,
        upstream::Upstream,
    },
};

/// A running Keycloak with the realm of `realm.json`. It is never dropped: it ends when its input
/// does, which this process holds open as long as it lives. See `while-input-lasts`.
pub(crate) struct Keycloak {
    pub(crate) address: SocketAddr,
    /// Where it sends its logout tokens.
    pub(crate) logouts: Upstream,
    _input: ChildStdin,
}

/// The first start takes 35 s on two idle cores, since it builds the server.
const START_DEADLINE: Duration = Duration::from_mins(4);

/// Between two looks at whether it answers.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// As many classes and as little compilation as a test needs: 370 MB resident.
const JAVA_OPTIONS: &str = "-Xms64m -Xmx256m -XX:MaxMetaspaceSize=200m -XX:+UseSerialGC \
    -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true";

impl Keycloak {
    /// The one of this process, started by the first who asks. `None`, with a notice, where the
    /// machine can't run it, see [`optional::skip`].
    pub(crate) fn get() -> Option<&'static Self> {
        static KEYCLOAK: OnceLock<Result<Keycloak, String>> = OnceLock::new();
        match KEYCLOAK.get_or_init(|| install().and_then(|installed| Self::start(&installed))) {
            Ok(keycloak) => Some(keycloak),
            Err(reason) => {
                optional::skip("Keycloak", reason);
                None
            }
        }
    }

    /// A port that is free now may be taken a moment later: then another one is tried.
    fn start(installed: &Installed) -> Result<Self, String> {
        let home = &installed.home;
        let import = home.join("data/import");
        fs::create_dir_all(&import).unwrap();
        fs::copy(tests().join("realm.json"), import.join("realm.json")).unwrap();
        let logouts = Upstream::start();
        for _ in 0..3 {
            let mut process = launch(home, free_port(), &logouts);
            if let Some(address) = process.wait_until_ready() {
                return Ok(Self { address, logouts, _input: process.input });
            }
        }
        Err(format!("it does not start: {}", fs::read_to_string(log(home)).unwrap()))
    }
}

/// A Keycloak that may not yet answer. It is stopped when this is dropped.
struct Process {
    child: Child,
    input: ChildStdin,
    address: SocketAddr,
}

impl Process {
    /// Where it answers, or `None` if it has ended instead.
    fn wait_until_ready(&mut self) -> Option<SocketAddr> {
        let started = Instant::now();
        while started.elapsed() < START_DEADLINE {
            if self.child.try_wait().unwrap().is_some() {
                return None;
            }
            if is_ready(self.address) {
                return Some(self.address);
            }
            thread::sleep(LOOK_INTERVAL);
        }
        None
    }
}

fn launch(home: &Path, port: u16, logouts: &Upstream) -> Process {
    let log = File::create(log(home)).unwrap();
    let mut child = Command::new(tests().join("while-input-lasts"))
        .args(["bin/kc.sh", "start-dev", "--import-realm", "--db=dev-mem", "--cache=local"])
        .args(["--http-host=127.0.0.1", &format!("--http-port={port}")])
        .current_dir(home)
        .env("JAVA_OPTS", JAVA_OPTIONS)
        .env("LOGOUT_URL", logouts.url())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let input = child.stdin.take().unwrap();
    Process { child, input, address: (Ipv4Addr::LOCALHOST, port).into() }
}

/// Whether the realm is there.
fn is_ready(address: SocketAddr) -> bool {
    if TcpStream::connect(address).is_err() {
        return false;
    }
    let mut client = Client::connect(address, &Arc::default());
    client.send(&Request::get("/realms/my-realm").bytes());
    matches!(client.try_read(), Ok(Some(answer)) if answer.status == 200)
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn log(home: &Path) -> PathBuf {
    home.join("keycloak.log")
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keycloak")
}
