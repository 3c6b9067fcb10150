//! A server in another language, which a test starts on loopback ports of its own.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::client::{Client, Request};

/// A running server with its ports. It ends with this value, or with this process, however that
/// ends: its input does, see `while-input-lasts`.
#[derive(Debug)]
pub(crate) struct ForeignServer<const PORTS: usize> {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) addresses: [SocketAddr; PORTS],
}

/// The first start of Keycloak takes 35 s on two idle cores, since it builds itself.
const START_DEADLINE: Duration = Duration::from_mins(4);

/// Between two looks at whether it answers.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

impl<const PORTS: usize> ForeignServer<PORTS> {
    /// Starts the program with what `configure` adds, and waits until its first port answers
    /// `ready_path` with 200. Its output goes into the log file.
    ///
    /// A port that is free now may be taken a moment later: then others are tried.
    pub(crate) fn start(
        program: &Path,
        log: &Path,
        ready_path: &str,
        configure: impl Fn(&mut Command, &[SocketAddr; PORTS]),
    ) -> Result<Self, String> {
        Self::start_when(program, log, |address| is_ready(address, ready_path), configure)
    }

    /// The same, and waits until something accepts connections at its first port.
    pub(crate) fn start_listening(
        program: &Path,
        log: &Path,
        configure: impl Fn(&mut Command, &[SocketAddr; PORTS]),
    ) -> Result<Self, String> {
        Self::start_when(program, log, |address| TcpStream::connect(address).is_ok(), configure)
    }

    fn start_when(
        program: &Path,
        log: &Path,
        is_ready: impl Fn(SocketAddr) -> bool,
        configure: impl Fn(&mut Command, &[SocketAddr; PORTS]),
    ) -> Result<Self, String> {
        for _ in 0..3 {
            let addresses = free_ports();
            let mut command = guarded(program, log);
            configure(&mut command, &addresses);
            let mut child = command.spawn().map_err(|error| error.to_string())?;
            let input = child.stdin.take();
            let mut server = Self { child, input, addresses };
            if server.becomes_ready(&is_ready) {
                return Ok(server);
            }
        }
        Err(format!("it does not start: {}", fs::read_to_string(log).unwrap()))
    }

    /// Whether it answers before the deadline, instead of ending.
    fn becomes_ready(&mut self, is_ready: impl Fn(SocketAddr) -> bool) -> bool {
        let started = Instant::now();
        while started.elapsed() < START_DEADLINE && self.child.try_wait().unwrap().is_none() {
            if is_ready(self.addresses[0]) {
                return true;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        false
    }
}

impl<const PORTS: usize> ForeignServer<PORTS> {
    /// Its process, which is the program itself.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl<const PORTS: usize> Drop for ForeignServer<PORTS> {
    fn drop(&mut self) {
        drop(self.input.take());
        // It has 10 s to end by itself, then it is killed.
        let _ = self.child.wait();
    }
}

/// The program, in a process group of its own.
fn guarded(program: &Path, log: &Path) -> Command {
    let guard = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/while-input-lasts");
    let log = File::create(log).unwrap();
    let mut command = Command::new(guard);
    command
        .arg(program)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    command
}

fn is_ready(address: SocketAddr, path: &str) -> bool {
    if TcpStream::connect(address).is_err() {
        return false;
    }
    let mut client = Client::connect(address, &Arc::default());
    client.send(&Request::get(path).bytes());
    matches!(client.try_read(), Ok(Some(answer)) if answer.status == 200)
}

fn free_ports<const PORTS: usize>() -> [SocketAddr; PORTS] {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // All at once, so that they differ.
    let listeners = [(); PORTS].map(|()| any());
    listeners.map(|listener| listener.local_addr().unwrap())
}
