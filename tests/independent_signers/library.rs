//! A library of another language, as a process that answers questions.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

use crate::{install, support::optional};

/// The process; it ends when its input does.
pub(crate) struct Library {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Library {
    /// npm's `jose`, which is installed beside the identity provider.
    pub(crate) fn jose() -> Option<Self> {
        let folder = install::installed()?;
        let mut command = Command::new("node");
        command.arg("signer.mjs").current_dir(folder);
        Some(Self::start(command))
    }

    /// One of Python's.
    pub(crate) fn python(name: &str) -> Option<Self> {
        let python = python()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signers/signer.py");
        let mut command = Command::new(python);
        command.arg(script).arg(name);
        Some(Self::start(command))
    }

    fn start(mut command: Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, questions, answers }
    }

    /// A detached signature.
    pub(crate) fn sign(&mut self, mut question: Value) -> String {
        question["op"] = "sign".into();
        self.ask(&question).as_str().unwrap().to_owned()
    }

    /// Whether it takes a signature for right.
    pub(crate) fn verifies(&mut self, mut question: Value, signature: &str) -> bool {
        question["op"] = "verify".into();
        question["jws"] = signature.into();
        self.ask(&question).as_bool().unwrap()
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.questions.as_mut().unwrap(), "{question}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ = self.child.wait();
    }
}

/// A Python with the pinned packages, in an environment of its own. `None`, with a notice, where the
/// machine has none, see [`optional::skip`].
fn python() -> Option<&'static Path> {
    static OUTCOME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match OUTCOME.get_or_init(environment) {
        Ok(python) => Some(python),
        Err(reason) => {
            optional::skip("independent signers", reason);
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
