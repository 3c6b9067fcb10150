//! The binary as a process of its own, which is sent signals and waited for.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use crate::support::{process::binary, wait_until};

/// A running `countersign run`; killed when dropped.
#[derive(Debug, Default)]
pub(crate) struct Process {
    child: Option<Child>,
    logs: Arc<Mutex<String>>,
}

impl Process {
    /// None yet.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Starts it, and waits until it is ready.
    pub(crate) fn run(config: &Path) -> Self {
        Self::run_in(config, &[])
    }

    /// With these variables in its environment.
    pub(crate) fn run_in(config: &Path, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().copied();
        Self::run_by(Command::new(binary()).env_clear().envs(variables), config)
    }

    /// By a command to which `run --config FILE` is added.
    pub(crate) fn run_by(command: &mut Command, config: &Path) -> Self {
        let process = Self::begin(command, config);
        let admin = process.admin();
        wait_until("the process to be ready", || {
            let mut client = crate::support::client::Client::connect(admin, &Arc::default());
            let request = crate::support::client::Request::get("/readyz");
            client.exchange(&request.field("connection", "close")).status == 200
        });
        process
    }

    /// The same, without waiting for more than its listeners.
    pub(crate) fn begin(command: &mut Command, config: &Path) -> Self {
        command.args(["run", "--config"]).arg(config).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let process = Self { child: Some(child), logs: Arc::default() };
        let logs = Arc::clone(&process.logs);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut logs = logs.lock().unwrap();
                logs.push_str(&line);
                logs.push('\n');
            }
        });
        wait_until("the process to start", || {
            let logs = process.logs();
            logs.contains("started") && logs.contains("admin=")
        });
        process
    }

    /// Everything it has logged.
    pub(crate) fn logs(&self) -> String {
        self.logs.lock().unwrap().clone()
    }

    /// Where requests come in.
    pub(crate) fn address(&self) -> SocketAddr {
        self.logged("listen=")
    }

    /// Where the operator looks in.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.logged("admin=")
    }

    fn logged(&self, field: &str) -> SocketAddr {
        let logs = self.logs();
        let line = logs.lines().find(|line| line.contains("started")).unwrap();
        let value = line.split(field).nth(1).unwrap();
        value.split(' ').next().unwrap().parse().unwrap()
    }

    /// The open descriptors and the threads (`fd` and `task` of `proc(5)`).
    pub(crate) fn descriptors_and_threads(&self) -> (usize, usize) {
        let pid = self.child.as_ref().unwrap().id();
        let count = |name: &str| fs::read_dir(format!("/proc/{pid}/{name}")).unwrap().count();
        (count("fd"), count("task"))
    }

    /// Sends a signal, e.g. `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end. `None` if a signal ended it.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let child = self.child.as_mut().unwrap();
        let mut status = None;
        wait_until("the process to exit", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
