//! Answers before the end of an upload reach clients that send all of it first (D-1, D-2).

use std::{
    fs,
    io::{self, Read, Write},
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;

use super::SHORT;
use crate::support::{
    bare,
    client::Request,
    h2::{self, RawH2},
    listening::Listening,
    optional,
    world::World,
};

const LENGTH: usize = 4 * 1024 * 1024;

/// What a client that sends files made of the answer: its exit code, status and protocol version.
type Outcome = (Option<i32>, String);

/// `curl`, which sends a file without `Expect`, as often as that; `None` where there is none.
fn curl(
    times: usize,
    address: SocketAddr,
    version: &str,
    file: &Path,
    token: &str,
) -> Option<Vec<Outcome>> {
    let mut curl = Command::new("curl");
    curl.args([version, "--silent", "--max-time", "8", "--noproxy", "*", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code} %{http_version}", "--header", "expect:"])
        .args(["--header", &format!("authorization: Bearer {token}")])
        .args(["--header", "host: api.test", "--data-binary"])
        .arg(format!("@{}", file.display()))
        .arg(format!("http://{address}/upload"));
    let outcomes = (0..times).map(|_| curl.output()).collect::<io::Result<Vec<_>>>();
    match outcomes {
        Ok(outcomes) => Some(
            outcomes
                .into_iter()
                .map(|done| (done.status.code(), String::from_utf8(done.stdout).unwrap()))
                .collect(),
        ),
        Err(error) => {
            optional::skip("curl", &error.to_string());
            None
        }
    }
}

const VERSIONS: [(&str, &str); 2] = [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")];

/// The answer arrives each time, over both versions.
#[track_caller]
fn assert_arrives(times: usize, world: &World, status: u16, token: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upload");
    fs::write(&file, vec![b'x'; LENGTH]).unwrap();
    for (version, number) in VERSIONS {
        let outcomes = curl(times, world.proxy.address(), version, &file, token);
        let Some(outcomes) = outcomes else { return };
        let expected = vec![(Some(0), format!("{status} {number}")); times];
        assert_eq!(outcomes, expected);
    }
}

/// An upstream that refuses every upload when it has seen its head, and then closes as servers do:
/// after the client, or after a while.
fn full() -> Listening {
    bare::upstream(|_, mut reader| {
        let stream = reader.get_mut();
        let answer =
            b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfull";
        stream.write_all(answer).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = io::copy(&mut reader.take(LENGTH as u64), &mut io::sink());
    })
}

#[test]
fn d2_an_early_413_to_an_upload_arrives_in_100_of_100() {
    let upstream = full();
    let mut world = bare::in_front_of(&bare::url(&upstream), "");
    world.proxy.expect_unmatched_answers();
    let token = world.issuer.mint(json!({}));
    assert_arrives(100, &world, 413, &token);
}

#[test]
fn d2_a_refusal_of_an_upload_arrives() {
    let mut world = World::start();
    world.proxy.expect_unmatched_answers();
    assert_arrives(20, &world, 401, "no.token");
    assert!(world.upstream.requests().is_empty());
}
