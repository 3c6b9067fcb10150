//! A real upstream that folds header names: `wsgiref` of Python's standard library joins `X-User`
//! and `X_User` into one variable, as CGI does.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

const SERVER: &str = r#"
import json, sys
from wsgiref.simple_server import make_server, WSGIRequestHandler

class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass

def application(environ, start_response):
    text = {k: v for k, v in environ.items() if k.startswith("HTTP_")}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(text).encode()]

server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// The running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Wsgi {
    child: Child,
    port: u16,
}

/// Starts it. `None`, with a notice, where there is no Python; under `CI=true` that is a failure.
pub(crate) fn start() -> Option<Wsgi> {
    let child = Command::new("python3")
        .args(["-I", "-c", SERVER])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!in_ci, "python3 is needed: {error}");
            eprintln!("skipped: no python3 ({error})");
            return None;
        }
    };
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Some(Wsgi { port: line.trim().parse().unwrap(), child })
}

impl Wsgi {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Wsgi {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
