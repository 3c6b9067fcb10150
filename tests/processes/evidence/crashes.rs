//! `kill -9` at random points of a loaded run: every request that the upstream saw has a whole line
//! on disk, and the journal verifies after the restart.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use countersign::{
    evidence::verify::{Against, verify},
    jose::{Algorithm, Dialect, SigningKey},
    json::Object,
};
use serde_json::{Value, json};

use crate::support::{
    issuer::{Issuer, key, public, sign},
    process::Process,
    setup::Setup,
    upstream::Upstream,
    wait_until,
};

const KILLS: u64 = 50;
const CLIENTS: usize = 4;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A client that sends signed requests, each with a number of its own, until it is told to stop or
/// the proxy is gone.
fn send(address: SocketAddr, token: &str, signer: &SigningKey, first: u64, stop: &AtomicBool) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for number in first.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let body = format!("request {number}");
        let signature =
            signer.sign_detached(Dialect::Rfc7797, &Object::default(), body.as_bytes()).unwrap();
        let request = format!(
            "POST /signed HTTP/1.1\r\nhost: api.test\r\nauthorization: Bearer {token}\r\n\
             x-jws-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(request.as_bytes()).is_err() || read_answer(&mut reader).is_none() {
            return;
        }
    }
}

fn read_answer(reader: &mut impl BufRead) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()
}

fn journal_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).collect();
    files.sort();
    files
}

/// The SHA-256 of every body that has a whole line.
fn recorded(folder: &Path) -> HashSet<String> {
    let mut hashes = HashSet::new();
    for file in journal_files(folder) {
        let text = fs::read(file).unwrap();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_slice(line).unwrap();
            if line["type"] == "request" {
                hashes.insert(line["payload"]["sha256"].as_str().unwrap().to_owned());
            }
        }
    }
    hashes
}

fn sha256(body: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    countersign::jose::base64url::encode(digest.as_ref())
}

#[test]
fn after_kill_9_every_request_that_the_upstream_saw_has_a_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (issuer, signer) = (Issuer::usual(), key(Algorithm::EdDsa, "partner"));
    fs::write(at("jwks.json"), issuer.jwks().to_string()).unwrap();
    fs::write(at("signers.json"), json!({ "keys": [public(&signer)] }).to_string()).unwrap();
    fs::write(at("auditor.jwk"), key(Algorithm::Es256, "auditor").private_jwk().to_text()).unwrap();
    fs::create_dir(at("journal")).unwrap();
    let upstream = Upstream::start();
    let show = |name: &str| at(name).display().to_string();
    let setup = Setup::new()
        .issuer_from("corp", &issuer, "", &format!("jwks_file = \"{}\"", show("jwks.json")))
        .server("workers = 2")
        .with(&format!(
            "[signatures.partner]\nsigner = {{ fixed = \"acme\" }}\ncaller = \"unrelated\"\n\
             keys.jwks_file = \"{}\"\n\
             [evidence]\nfolder = \"{}\"\nkey_file = \"{}\"\ncheckpoint_every = \"1s\"\n\
             rotate_bytes = \"64KiB\"\n[log]\nlevel = \"info\"\nformat = \"json\"\n",
            show("signers.json"),
            show("journal"),
            show("auditor.jwk"),
        ))
        .routes("[[routes]]\npath = \"/signed\"\nsignature = \"partner\"");
    let claims = json!({
        "iss": issuer.iss(),
        "aud": crate::support::issuer::AUDIENCE,
        "sub": "alice",
        "iat": now() - 10,
        "exp": now() + 3600,
    });
    let token = sign(issuer.key("ec"), json!({}), claims.to_string().as_bytes());
    let mut seen = 0;
    for round in 0..KILLS {
        let running = Process::start(&setup, &upstream);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let first = round * 1_000_000 + client as u64 * 100_000;
                let (token, signer, stop) = (&token, &*signer, &stop);
                let address = running.address();
                scope.spawn(move || send(address, token, signer, first, stop));
            }
            // At any moment: of the start, of a group, of a checkpoint, of a rotation.
            let wanted = seen + usize::try_from(round * 7 % 40).unwrap();
            wait_until("some requests have passed", || upstream.requests().len() >= wanted);
            thread::sleep(Duration::from_micros(round * 337 % 5_000));
            // SIGKILL.
            drop(running);
            stop.store(true, Ordering::Relaxed);
        });
        let requests = upstream.requests();
        seen = requests.len();
        let recorded = recorded(&at("journal"));
        for request in &requests {
            let body = &request.body.bytes;
            assert!(recorded.contains(&sha256(body)), "round {round}: {body:?} has no line");
        }
    }
    assert!(seen > 500, "the runs were loaded: {seen}");
    // What the last kill has left is told by the next start.
    drop(Process::start(&setup, &upstream));
    let report = verify(&journal_files(&at("journal")), &Against::default()).unwrap();
    assert_eq!(report.findings, [], "{report:?}");
    assert!(report.requests >= seen as u64);
}
