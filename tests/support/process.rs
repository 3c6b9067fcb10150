//! The proxy as a process of its own, where what it takes from the system can be counted.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use super::{
    client::{Answer, Client, Request},
    journal::Journal,
    proxy::metric_in,
    setup::Setup,
    upstream::Upstream,
    wait_until,
};

/// The program, as it is built for the tests.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// The program, or another build of it: the one that `COUNTERSIGN_BIN` names.
pub(crate) fn binary() -> PathBuf {
    env::var_os("COUNTERSIGN_BIN").map_or_else(|| BINARY.into(), PathBuf::from)
}

/// `countersign run`, killed when dropped. It runs by the machine's clock.
#[derive(Debug)]
pub(crate) struct Process {
    child: Running,
    log: Arc<Mutex<String>>,
    address: SocketAddr,
    admin: SocketAddr,
    journal: Arc<Journal>,
    config: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

/// A child process, killed when dropped.
#[derive(Debug)]
struct Running(Child);

impl Process {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(setup: &Setup, upstream: &Upstream) -> Self {
        Self::start_by(Command::new(binary()).env_clear(), setup, upstream)
    }

    /// With at most that many file descriptors.
    pub(crate) fn start_with_descriptors(most: usize, setup: &Setup, upstream: &Upstream) -> Self {
        let script = format!("ulimit -n {most} && exec \"$0\" \"$@\"");
        let mut shell = Command::new("/bin/sh");
        shell.env_clear().args(["-c", &script]).arg(binary());
        Self::start_by(&mut shell, setup, upstream)
    }

    /// By a command to which `run --config FILE` is added.
    pub(crate) fn start_by(command: &mut Command, setup: &Setup, upstream: &Upstream) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countersign.toml");
        fs::write(&file, setup.toml(upstream)).unwrap();
        Self { _folder: Some(folder), ..Self::launch(command, file) }
    }

    /// With a configuration file of the test's own.
    pub(crate) fn start_with_file(file: PathBuf) -> Self {
        Self::launch(Command::new(binary()).env_clear(), file)
    }

    fn launch(command: &mut Command, config: PathBuf) -> Self {
        command.args(["run", "--config"]).arg(&config).stderr(Stdio::piped());
        let mut child = Running(command.spawn().unwrap());
        let log = Arc::<Mutex<String>>::default();
        let (stderr, of_reader) = (child.0.stderr.take().unwrap(), Arc::clone(&log));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = of_reader.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let (address, admin) = announced(&log);
        let process =
            Self { child, log, address, admin, journal: Arc::default(), config, _folder: None };
        wait_until("readiness", || process.admin("/readyz").status == 200);
        process
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address, &self.journal)
    }

    /// The admin listener.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// A page of the admin listener.
    pub(crate) fn admin(&self, page: &str) -> Answer {
        let request = Request::get(page).field("connection", "close");
        Client::connect(self.admin, &Arc::default()).exchange(&request)
    }

    /// The value of one metric; 0 if there is no such line.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let page = self.admin("/metrics").body.bytes;
        let page = String::from_utf8(page).unwrap();
        metric_in(&page, series).map_or(0.0, |value| value.parse().unwrap())
    }

    /// Where requests come in.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where requests of a further listener come in.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        let log = self.log();
        let named_so = |line: &&str| line.contains("listening") && line.contains(name);
        named(log.lines().find(named_so).unwrap(), "listen").unwrap()
    }

    /// The file of its configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.config.clone()
    }

    /// Sends a signal, e.g. `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.0.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// What clients said and heard.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Everything it has written to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Has it drain and stop, and waits for that.
    pub(crate) fn stop(mut self) {
        let pid = self.child.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.0.wait().unwrap().success());
    }

    /// Open file descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.0.id())).unwrap().count()
    }

    /// The soft and the hard limit of file descriptors (`limits` of `proc(5)`).
    pub(crate) fn descriptor_limits(&self) -> (usize, usize) {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.child.0.id())).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap(), numbers.next().unwrap())
    }

    /// Threads.
    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.child.0.id())).unwrap().count()
    }

    /// The processor time that it has used (`utime` and `stime` of `proc(5)`, in hundredths of a
    /// second).
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.0.id())).unwrap();
        let (_, behind_name) = stat.rsplit_once(") ").unwrap();
        let ticks = behind_name.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// Resident memory, in bytes (`VmRSS` of `proc(5)`).
    pub(crate) fn resident(&self) -> usize {
        self.status_bytes("VmRSS:")
    }

    /// Without pages of the program's file: those of a build with debug information are many, and the
    /// system takes them back when memory is short.
    pub(crate) fn anonymous(&self) -> usize {
        self.status_bytes("RssAnon:")
    }

    fn status_bytes(&self, name: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kilobytes = line.trim().strip_suffix(" kB").unwrap();
        kilobytes.parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which a test has noticed by then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The addresses out of the line that says that it has started.
fn announced(log: &Mutex<String>) -> (SocketAddr, SocketAddr) {
    let mut found = None;
    wait_until("the process", || {
        let log = log.lock().unwrap();
        found = log.lines().find_map(|line| Some((named(line, "listen")?, named(line, "admin")?)));
        found.is_some()
    });
    found.unwrap()
}

/// An address in a line of either format.
fn named(line: &str, name: &str) -> Option<SocketAddr> {
    if let Ok(line) = serde_json::from_str::<serde_json::Value>(line) {
        return line[name].as_str()?.parse().ok();
    }
    let value = line.split_once(&format!(" {name}="))?.1;
    value.split(' ').next()?.parse().ok()
}
