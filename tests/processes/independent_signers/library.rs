//! A library of another language, as a process that answers questions.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

use crate::{identity_provider::install, support::optional};

/// The process; it ends with this value.
pub(crate) struct Library {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Library {
    /// npm's `jose`, which is installed beside the identity provider, as this script uses it.
    pub(crate) fn jose(script: &str) -> Option<Self> {
        let folder = install::installed()?;
        let mut command = Command::new("node");
        command.arg(script).current_dir(folder);
        Some(Self::start(command))
    }

    /// One of Python's, as this script uses it.
    pub(crate) fn python(script: &str, name: &str) -> Option<Self> {
        let python = python()?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signers");
        let mut command = Command::new(python);
        command.arg(folder.join(script)).arg(name);
        Some(Self::start(command))
    }

    fn start(mut command: Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, questions, answers }
    }

    /// The answer to one question, each a line of JSON.
    pub(crate) fn ask(&mut self, question: &Value) -> Value {
        self.send(question);
        self.receive()
    }

    /// Asks without waiting for the answer, so that several libraries can think at once.
    pub(crate) fn send(&mut self, question: &Value) {
        writeln!(self.questions.as_mut().unwrap(), "{question}").unwrap();
    }

    pub(crate) fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        drop(self.questions.take());
        // It may be busy with an answer that is no longer read.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python with the pinned packages, in an environment of its own. `None`, with a notice, where
/// the machine has none, see [`optional::skip`].
pub(crate) fn python() -> Option<&'static Path> {
    static OUTCOME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match OUTCOME.get_or_init(environment) {
        Ok(python) => Some(python),
        Err(reason) => {
            optional::skip("Python packages", reason);
            None
        }
    }
}

fn environment() -> Result<PathBuf, String> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signers/requirements.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("signers");
    let python = folder.join("bin/python");
    // One installation at a time, whichever process makes it; the end of this one unlocks.
    let lock = File::open(&requirements).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let wanted = fs::read(&requirements).map_err(|error| error.to_string())?;
    let receipt = folder.join("installed.txt");
    if fs::read(&receipt).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let path = |path: &Path| path.to_string_lossy().into_owned();
    run("python3", &["-m", "venv", "--clear", &path(&folder)])?;
    let requirements = path(&requirements);
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", &requirements];
    run(&path(&python), &pip)?;
    fs::write(&receipt, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
}
