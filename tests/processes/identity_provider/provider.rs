//! The provider's process, and what is asked of it.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;

use crate::{identity_provider::install::installed, support::client::Client};

/// A running provider. It ends with this value, or with the test's process.
pub(crate) struct Provider {
    _process: Process,
    commands: ChildStdin,
    answers: Receiver<String>,
    /// Its `iss`, and where it is reached.
    pub(crate) issuer: String,
    address: SocketAddr,
}

/// Ends with the value, also where the provider never got to work.
struct Process(Child);

/// The one client that it knows.
pub(crate) const CLIENT: &str = "machine";
pub(crate) const CLIENT_SECRET: &str = "the-tests-know-it";

/// What all its resources' URLs begin with.
pub(crate) const RESOURCES: &str = "https://api.example.com/";

/// It starts in a second, on a machine that does nothing else.
const DEADLINE: Duration = Duration::from_secs(30);

impl Provider {
    /// The one for tests that neither change its keys nor take it down: a start costs more than
    /// such a test. `None` where it can't be run.
    pub(crate) fn shared() -> Option<MutexGuard<'static, Self>> {
        static SHARED: OnceLock<Option<Mutex<Provider>>> = OnceLock::new();
        let provider = SHARED.get_or_init(|| Self::start().map(Mutex::new)).as_ref()?;
        // A test that failed has not changed it either.
        Some(provider.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts it; `None` where it can't be run, see [`installed`].
    pub(crate) fn start() -> Option<Self> {
        let mut process = Process(
            Command::new("node")
                .arg("provider.js")
                .current_dir(installed()?)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let commands = process.0.stdin.take().unwrap();
        let answers = lines(process.0.stdout.take().unwrap());
        let issuer = next_answer(&answers)["issuer"].as_str().unwrap().to_owned();
        let address = issuer.trim_start_matches("http://").parse().unwrap();
        Some(Self { _process: process, commands, answers, issuer, address })
    }

    /// An access token for the resource, by the client credentials grant (RFC 6749 §4.4, RFC
    /// 8707).
    pub(crate) fn access_token(&self, resource: &str) -> String {
        self.request_token(resource, None)
    }

    /// One that is bound to a key (RFC 9449).
    pub(crate) fn bound_token(&mut self, resource: &str) -> String {
        let proof = self.token_by("proof");
        self.request_token(resource, Some(&proof))
    }

    /// A token that is no access token: `idtoken` or `logout`.
    pub(crate) fn other_token(&mut self, kind: &str) -> String {
        self.token_by(&format!("token {kind}"))
    }

    /// Replaces all keys.
    pub(crate) fn rotate(&mut self) {
        self.ask("rotate");
    }

    /// From now on, closes every connection as soon as it is made.
    pub(crate) fn go_down(&mut self) {
        self.ask("down");
    }

    /// Answers again.
    pub(crate) fn come_back(&mut self) {
        self.ask("up");
    }

    /// How often the key set was fetched.
    pub(crate) fn key_fetches(&mut self) -> u64 {
        self.ask("fetches")["jwks"].as_u64().unwrap()
    }

    fn token_by(&mut self, command: &str) -> String {
        self.ask(command)["token"].as_str().unwrap().to_owned()
    }

    fn ask(&mut self, command: &str) -> Value {
        writeln!(self.commands, "{command}").unwrap();
        next_answer(&self.answers)
    }

    /// Ends a token before its time (RFC 7009).
    pub(crate) fn revoke(&self, token: &str) {
        self.post("/token/revocation", &format!("token={token}"), None);
    }

    fn request_token(&self, resource: &str, proof: Option<&str>) -> String {
        let form = format!("grant_type=client_credentials&scope=loans:read&resource={resource}");
        let answer: Value = serde_json::from_slice(&self.post("/token", &form, proof)).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// What is answered to the client's form.
    fn post(&self, path: &str, form: &str, proof: Option<&str>) -> Vec<u8> {
        let credentials = BASE64.encode(format!("{CLIENT}:{CLIENT_SECRET}"));
        let proof = proof.map_or_else(String::new, |proof| format!("dpop: {proof}\r\n"));
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Basic {credentials}\r\n{proof}\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            self.address,
            form.len()
        );
        let mut client = Client::connect(self.address, &Arc::default());
        client.send(request.as_bytes());
        let answer = client.read();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body.bytes
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads on a thread, so that waiting for an answer can have a deadline.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(output).lines();
        lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

fn next_answer(answers: &Receiver<String>) -> Value {
    let line = answers.recv_timeout(DEADLINE).expect("the provider ended or is stuck");
    serde_json::from_str(&line).unwrap()
}
