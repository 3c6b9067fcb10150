//! A load at a constant rate, by h2load.

use std::process::Command;

use crate::support::optional;

/// How many requests, and how many a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    requests: usize,
    rate: usize,
}

/// What h2load said.
#[derive(Debug)]
pub(super) struct Outcome {
    requests: usize,
    text: String,
}

/// For services that are fast.
pub(super) const FAST: Load = Load { requests: 3000, rate: 2000 };
/// For Python.
pub(super) const SLOW: Load = Load { requests: 400, rate: 200 };

/// What the clients speak.
pub(super) const PROTOCOLS: [&str; 2] = ["http/1.1", "h2c"];

const CLIENTS: usize = 8;

impl Load {
    /// Sends them. `None`, with a notice, where there is no h2load.
    pub(super) fn run(self, url: &str, protocol: &str) -> Option<Outcome> {
        let Self { requests, rate } = self;
        let mut command = Command::new("h2load");
        command
            .arg(format!("--clients={CLIENTS}"))
            .arg(format!("--requests={requests}"))
            .arg(format!("--rps={}", rate / CLIENTS));
        if protocol == "http/1.1" {
            command.arg("--h1");
        } else {
            command.arg("--max-concurrent-streams=8");
        }
        match command.arg(url).output() {
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                Some(Outcome { requests, text })
            }
            Err(error) => {
                optional::skip("h2load", &error.to_string());
                None
            }
        }
    }
}

impl Outcome {
    #[track_caller]
    pub(super) fn assert_nothing_failed(&self, case: &str) {
        let Self { requests, text } = self;
        let done = format!("{requests} done, {requests} succeeded, 0 failed, 0 errored, 0 timeout");
        let answers = format!("status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx");
        assert!(text.contains(&done) && text.contains(&answers), "{case}: {text}");
    }
}
