//! `curl`, whose version in Debian 12 loses an answer that `RST_STREAM` follows at once.

use std::{io, net::SocketAddr, path::Path, process::Command};

use super::optional;

/// An upload of a file, without `Expect`: all of it is sent, whatever is answered.
#[derive(Debug)]
pub(crate) struct Upload<'u> {
    pub(crate) file: &'u Path,
    /// Header lines.
    pub(crate) headers: &'u [String],
    /// `--http1.1` or `--http2-prior-knowledge`.
    pub(crate) version: &'u str,
}

/// Exit code of the client, with the status and the protocol version of the answer.
pub(crate) type Outcome = (Option<i32>, String);

impl Upload<'_> {
    /// Uploads it as often as that; `None` where there is no `curl`.
    pub(crate) fn send(
        &self,
        times: usize,
        address: SocketAddr,
        path: &str,
    ) -> Option<Vec<Outcome>> {
        let mut curl = Command::new("curl");
        curl.args([self.version, "--silent", "--max-time", "8", "--noproxy", "*"])
            .args(["--output", "/dev/null", "--write-out", "%{http_code} %{http_version}"])
            .args(["--header", "expect:", "--header", "host: api.test"])
            .args(self.headers.iter().flat_map(|line| ["--header", line]))
            .args(["--data-binary", &format!("@{}", self.file.display())])
            .arg(format!("http://{address}{path}"));
        match (0..times).map(|_| curl.output()).collect::<io::Result<Vec<_>>>() {
            Ok(done) => Some(
                done.into_iter()
                    .map(|done| (done.status.code(), String::from_utf8(done.stdout).unwrap()))
                    .collect(),
            ),
            Err(error) => {
                optional::skip("curl", &error.to_string());
                None
            }
        }
    }
}
