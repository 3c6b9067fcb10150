//! `countersign sign` and `countersign evidence verify`, as an auditor meets them.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA256, digest};
use countersign::{
    clock::{ManualClock, UnixTime},
    evidence::{EvidenceEntry, Journal},
    jose::{Algorithm, DetachedJws, Dialect, JwkSet, KeyLimits, SigningKey},
    json::Object,
    signature::PayloadFacts,
    telemetry::MetricRegistry,
};

use crate::support::{NOW, issuer::key, setup::Setup, upstream::Upstream};

fn countersign(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn what_sign_prints_verifies_in_its_dialect() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], input: &[u8]| countersign(folder.path(), arguments, input);
    assert!(
        run(&["keygen", "--alg", "PS256", "--kid", "k", "--out", "keys"], b"").status.success()
    );
    fs::write(folder.path().join("body.json"), b"{\"a\":1}\n").unwrap();
    let keys: Vec<_> = fs::read_dir(folder.path().join("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let find = |part: &str| {
        let file = keys.iter().find(|path| path.to_str().unwrap().contains(part)).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let private = find("private");
    let public = JwkSet::parse(&fs::read(find("jwks")).unwrap(), &KeyLimits::default()).unwrap();
    for dialect in Dialect::ALL {
        for (arguments, input, payload) in [
            (vec!["body.json"], &b""[..], &b"{\"a\":1}\n"[..]),
            (vec!["-"], b"from stdin", b"from stdin"),
            (vec!["--path", "/loans/7"], b"", b"/loans/7"),
        ] {
            let mut all = vec!["sign", "--key", &private, "--dialect", dialect.name()];
            all.extend(arguments);
            let output = run(&all, input);
            assert!(output.status.success(), "{}", text(&output.stderr));
            let signature = text(&output.stdout).trim_end();
            let jws = DetachedJws::parse(signature, &[]).unwrap();
            assert_eq!((jws.dialect(), jws.header().kid()), (*dialect, Some("k")));
            assert!(jws.over(payload).verifies_under(&public.keys[0]));
        }
    }
    for (arguments, code, message) in [
        (vec!["sign", "--key", &private], 2, "BODY"),
        (vec!["sign", "--key", &private, "--dialect", "any", "body.json"], 2, "expected one of"),
        (vec!["sign", "--key", "nowhere", "body.json"], 1, "cannot read nowhere"),
        (vec!["sign", "--key", &private, "missing"], 1, "cannot read missing"),
    ] {
        let output = run(&arguments, b"");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
}

/// A journal of two requests and a checkpoint as `journal.jsonl`, and the auditor's public key as
/// `auditor.json`. Returns the journal's text.
fn recorded(folder: &Path) -> String {
    fs::create_dir(folder.join("journal")).unwrap();
    let auditor = key(Algorithm::Es256, "auditor");
    fs::write(folder.join("auditor.jwk"), auditor.private_jwk().to_text()).unwrap();
    fs::write(folder.join("auditor.json"), auditor.public_jwk().unwrap().to_text()).unwrap();
    let upstream = Upstream::start();
    let setup = Setup::new().with(&format!(
        "[evidence]\nfolder = \"{0}/journal\"\nkey_file = \"{0}/auditor.jwk\"",
        folder.display()
    ));
    let setup = setup.routes("[[routes]]\npath = \"/public\"\naccess = \"public\"");
    let settings = setup.load(&upstream).unwrap().evidence.unwrap();
    let clock = Arc::new(ManualClock::at(UnixTime(NOW)));
    let journal = Journal::open(&settings, clock, &MetricRegistry::default()).unwrap();
    let signer = key(Algorithm::Es256, "signer");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for body in [&b"first body"[..], b"second body"] {
        runtime.block_on(journal.record(entry(&signer, body))).unwrap();
    }
    journal.close();
    let file = fs::read_dir(folder.join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let text = fs::read_to_string(file.unwrap()).unwrap();
    fs::write(folder.join("journal.jsonl"), &text).unwrap();
    text
}

fn entry(signer: &SigningKey, body: &[u8]) -> EvidenceEntry {
    let jws = signer.sign_detached(Dialect::Rfc7797, &Object::default(), body).unwrap();
    let signed = DetachedJws::parse(&jws, &[]).unwrap().over(body);
    let key = signer.verification_key().unwrap();
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, body).as_ref());
    EvidenceEntry {
        method: "POST".to_owned(),
        host: "api.test".to_owned(),
        target: "/loans".to_owned(),
        rules: "partner".to_owned(),
        signer: Some("acme".to_owned()),
        claims: Vec::new(),
        signed_hash: signed.digest().map(|digest| digest.as_ref().to_vec()),
        jws: Some(jws),
        payload: Some(PayloadFacts {
            sha256: Some(sha256),
            length: body.len() as u64,
            kind: "body",
        }),
        key: Some((key.public_jwk().unwrap(), key.thumbprint().to_text())),
        verdict: "verified",
        body: None,
    }
}

/// The journal with another time in its last line, a checkpoint.
fn retimed(journal: &str) -> String {
    let start = journal.trim_end().rfind('\n').unwrap() + 1;
    let (before, checkpoint) = journal.split_at(start);
    let at = checkpoint.find("\"at\":\"").unwrap() + 6;
    format!("{before}{}1999{}", &checkpoint[..at], &checkpoint[at + 4..])
}

#[test]
fn verify_says_what_holds_and_exactly_what_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| countersign(folder.path(), arguments, b"");
    let journal = recorded(folder.path());
    fs::write(folder.path().join("body"), b"first body").unwrap();
    let sound = run(&["evidence", "verify", "journal.jsonl", "--key", "auditor.json"]);
    assert!(sound.status.success(), "{}", text(&sound.stderr));
    assert_eq!(
        text(&sound.stdout),
        "lines      4 (1 to 4)\n\
         requests   2: 2 verified again, 0 can only be with their bodies, 0 refused\n\
         signed     1 checkpoints are right\n\
         uncovered  0 lines behind the last checkpoint that was checked: had more of them been \
         cut off, nothing would show it\n"
    );
    let proven = run(&["evidence", "verify", "journal.jsonl", "--body", "body", "--entry", "2"]);
    assert!(proven.status.success());
    assert!(text(&proven.stdout).contains("1 checkpoints, not checked; --key checks them"));
    assert!(text(&proven.stdout).ends_with("body       is what was signed there\n"));
    let other = run(&["evidence", "verify", "journal.jsonl", "--body", "body", "--entry", "3"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stdout).starts_with("journal.jsonl:3: does not belong to that body"));
    assert_eq!(text(&other.stderr), "countersign: journal.jsonl:3: the body is not proven\n");
    let absent = run(&["evidence", "verify", "journal.jsonl", "--body", "body", "--entry", "9"]);
    assert!(text(&absent.stdout).contains("there is no request numbered 9"));
    assert_eq!(text(&absent.stderr), "countersign: journal.jsonl:4: the body is not proven\n");
    let cut: String = journal.split_inclusive('\n').take(3).collect();
    fs::write(folder.path().join("cut.jsonl"), cut).unwrap();
    let cut = run(&["evidence", "verify", "cut.jsonl", "--key", "auditor.json"]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(text(&cut.stderr).contains("no checkpoint is signed by the keys given"));
    fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    let empty = run(&["evidence", "verify", "empty.jsonl"]);
    assert_eq!(empty.status.code(), Some(1));
    assert!(text(&empty.stderr).contains("nothing is proven"), "{}", text(&empty.stderr));
    let missing = run(&["evidence", "verify", "journal.jsonl", "nowhere.jsonl"]);
    assert!(text(&missing.stderr).contains("cannot read nowhere.jsonl: "));
    let retimed = retimed(&journal);
    fs::write(folder.path().join("retimed.jsonl"), retimed).unwrap();
    let retimed = run(&["evidence", "verify", "retimed.jsonl", "--key", "auditor.json"]);
    assert!(text(&retimed.stdout).starts_with("retimed.jsonl:4: was signed at another time"));
    fs::write(folder.path().join("altered.jsonl"), journal.replacen("acme", "evil", 1)).unwrap();
    let altered = run(&["evidence", "verify", "altered.jsonl", "--key", "auditor.json"]);
    assert_eq!(altered.status.code(), Some(1));
    assert!(text(&altered.stdout).starts_with("altered.jsonl:2: was altered"));
    assert_eq!(text(&altered.stderr), "countersign: altered.jsonl:2: the journal is broken\n");
    for (arguments, code) in [
        (vec!["evidence", "verify"], 2),
        (vec!["evidence", "verify", "journal.jsonl", "--entry", "2"], 2),
        (vec!["evidence", "verify", "nowhere.jsonl"], 1),
        (vec!["evidence", "verify", "journal.jsonl", "--key", "body"], 1),
    ] {
        assert_eq!(run(&arguments).status.code(), Some(code), "{arguments:?}");
    }
}
