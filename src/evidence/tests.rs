//! The journal on a real disk, by a clock of the test's own.

mod queue;
mod recovery;

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{journal::WriteRequest, verify::Against, writer::JournalWriter, *};
use crate::{
    bounded::{ByteBudget, Reservation},
    clock::{Clock, ManualClock, UnixTime},
    evidence::settings::{EvidenceFailure, EvidenceSettings},
    jose::{Algorithm, Dialect, JwkSet, KeyLimits, SigningKey},
    json::{Json, Object},
    keys::private_key::PrivateKey,
    signature::PayloadFacts,
    telemetry::MetricRegistry,
};

fn private_key(key: &SigningKey) -> PrivateKey {
    let key = SigningKey::from_jwk(&key.private_jwk()).unwrap();
    PrivateKey { file: "key.jwk".into(), key: Arc::new(key) }
}

fn body(bytes: BodyBytes) -> EvidenceBody {
    let budget = ByteBudget::new(0, None);
    EvidenceBody::new(bytes, Arc::new(Reservation::none(&budget)))
}

fn in_memory(bytes: &'static [u8]) -> EvidenceBody {
    body(BodyBytes::Memory(bytes::Bytes::from_static(bytes)))
}

/// Its file is shorter than it should be.
fn lost() -> EvidenceBody {
    body(BodyBytes::File(Arc::new(tempfile::tempfile().unwrap()), 1))
}

/// 2027-01-15T08:00:00Z
const NOW: i64 = 1_800_000_000;

struct Scene {
    folder: TempDir,
    clock: Arc<ManualClock>,
    metrics: MetricRegistry,
    settings: EvidenceSettings,
    signer: SigningKey,
    checkpoint_key: SigningKey,
}

impl Scene {
    fn new() -> Self {
        let mut scene = Self::without_files();
        fs::create_dir(&scene.settings.folder).unwrap();
        scene.settings.key = Some(private_key(&scene.checkpoint_key));
        scene
    }

    /// Without the journal's folder, and without a key.
    fn without_files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = EvidenceSettings {
            folder: folder.path().join("journal"),
            records_refused: true,
            claims: Vec::new(),
            on_failure: EvidenceFailure::Refuse,
            key: None,
            checkpoint_every: Duration::from_hours(1),
            rotate_bytes: u64::MAX,
            queue: 100,
            gather: Duration::ZERO,
            timeout: Duration::from_secs(20),
            bodies: None,
        };
        Self {
            folder,
            clock: Arc::new(ManualClock::at(UnixTime(NOW))),
            metrics: MetricRegistry::default(),
            settings,
            signer: SigningKey::generate(Algorithm::Es256, Some("signer")).unwrap(),
            checkpoint_key: SigningKey::generate(Algorithm::Es256, Some("auditor")).unwrap(),
        }
    }

    fn open(&self) -> Arc<Journal> {
        Journal::open(&self.settings, Arc::clone(&self.clock) as _, &self.metrics).unwrap()
    }

    /// Lines with that outcome, as they were counted.
    fn counted(&self, outcome: &str) -> u64 {
        Metrics::register(&self.metrics).lines(outcome).get()
    }

    fn entry(&self, body: &[u8]) -> EvidenceEntry {
        entry_by(&self.signer, body)
    }

    /// What a request with such a body sends to the queue, and what it waits for.
    fn request(&self, body: &[u8]) -> (WriteRequest, oneshot::Receiver<journal::LineOutcome>) {
        request(self.entry(body))
    }

    fn writer(&self) -> JournalWriter {
        JournalWriter::open(&self.settings, Arc::clone(&self.clock) as _, &self.metrics).unwrap()
    }

    /// Records bodies `a1`, `a2`, … one after the other, in a journal of their own.
    async fn record(&self, count: usize) {
        let journal = self.open();
        for number in 1..=count {
            journal.record(self.entry(format!("a{number}").as_bytes())).await.unwrap();
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.settings.folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = paths.filter(|path| file::sequence_of(path).is_some()).collect();
        files.sort();
        files
    }

    fn keys(&self) -> JwkSet {
        let jwk = self.checkpoint_key.public_jwk().unwrap().to_text();
        JwkSet::parse(jwk.as_bytes(), &KeyLimits::default()).unwrap()
    }

    fn verify(&self) -> VerifyReport {
        verify(&self.files(), &Against { keys: Some(self.keys()), body: None }).unwrap()
    }

    #[track_caller]
    fn assert_sound(&self) -> VerifyReport {
        let report = self.verify();
        assert_eq!(report.findings, [], "{report:?}");
        report
    }

    /// The lines of a file.
    fn lines(&self, file: usize) -> Vec<String> {
        let text = fs::read_to_string(&self.files()[file]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn write_lines(&self, file: usize, lines: &[String]) {
        fs::write(&self.files()[file], lines.join("\n") + "\n").unwrap();
    }
}

fn request(entry: EvidenceEntry) -> (WriteRequest, oneshot::Receiver<journal::LineOutcome>) {
    let (written, outcome) = oneshot::channel();
    (WriteRequest { entry, written, is_awaited: false }, outcome)
}

fn entry_by(signer: &SigningKey, body: &[u8]) -> EvidenceEntry {
    let jws = signer.sign_detached(Dialect::Rfc7797, &Object::default(), body).unwrap();
    let key = signer.verification_key().unwrap();
    let signed = crate::jose::DetachedJws::parse(&jws, &[]).unwrap().over(body);
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, body).as_ref());
    EvidenceEntry {
        method: "POST".to_owned(),
        host: "api.test".to_owned(),
        target: "/loans?x=\"\n".to_owned(),
        rules: "partner".to_owned(),
        signer: Some("müller".to_owned()),
        claims: vec![("sub".to_owned(), Json::from("alice"))],
        jws: Some(jws),
        payload: Some(PayloadFacts {
            sha256: Some(sha256),
            length: body.len() as u64,
            kind: "body",
        }),
        signed_hash: signed.digest().map(|digest| digest.as_ref().to_vec()),
        key: Some((key.public_jwk().unwrap(), key.thumbprint().to_text())),
        verdict: "verified",
        body: None,
    }
}

#[tokio::test]
async fn what_was_recorded_is_on_disk_and_verifies_again() {
    let scene = Scene::new();
    scene.record(3).await;
    let report = scene.assert_sound();
    assert_eq!((report.requests, report.rechecked, report.checkpoints), (3, 3, 1));
    assert_eq!((report.numbers, report.uncovered), (Some((1, 5)), 0));
    let lines = scene.lines(0);
    let first = Object::parse(lines[1].as_bytes()).unwrap();
    let text = |name: &str| first.get(name).and_then(Json::as_str);
    assert_eq!(text("at"), Some("2027-01-15T08:00:00Z"));
    assert_eq!(text("target"), Some("/loans?x=\"\n"));
    assert_eq!(text("signer"), Some("müller"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(&scene.files()[0]).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_chain_goes_on_over_restarts() {
    let scene = Scene::new();
    for _ in 0..3 {
        scene.record(2).await;
    }
    assert_eq!(scene.files().len(), 3);
    let report = scene.assert_sound();
    assert_eq!((report.requests, report.numbers), (6, Some((1, 12))));
    // Later files alone are sound, too: the earlier ones may be in an archive.
    let later = verify(&scene.files()[1..], &Against::default()).unwrap();
    assert_eq!((later.findings.len(), later.requests), (0, 4));
}

#[tokio::test]
async fn a_full_file_and_a_new_day_begin_another_one() {
    let mut scene = Scene::new();
    scene.settings.rotate_bytes = 1_200;
    let journal = scene.open();
    for number in 0..6_u8 {
        journal.record(scene.entry(&[number])).await.unwrap();
    }
    drop(journal);
    assert!(scene.files().len() >= 3, "{:?}", scene.files());
    let journal = scene.open();
    journal.record(scene.entry(b"today")).await.unwrap();
    let before = scene.files().len();
    scene.clock.advance(86_400);
    journal.record(scene.entry(b"tomorrow")).await.unwrap();
    drop(journal);
    assert_eq!(scene.files().len(), before + 1);
    let last = scene.files().pop().unwrap();
    assert!(last.to_str().unwrap().contains("evidence-2027-01-16-"), "{last:?}");
    let report = scene.assert_sound();
    assert_eq!(report.requests, 8);
    // Each file ends with a checkpoint.
    assert_eq!((report.checkpoints, report.uncovered), (scene.files().len() as u64, 0));
}

#[tokio::test]
async fn an_altered_line_shows_and_which_one_it_is() {
    let scene = Scene::new();
    scene.record(5).await;
    let whole = scene.lines(0);
    let check = |case: &str, lines: Vec<String>, line: u64, what: &str| {
        scene.write_lines(0, &lines);
        let first = scene.verify().findings.into_iter().next().unwrap_or_else(|| panic!("{case}"));
        assert_eq!(first.line, line, "{case}: {first:?}");
        assert!(first.what.contains(what), "{case}: {first:?}");
    };
    let altered = |from: &str, to: &str| {
        let mut lines = whole.clone();
        assert!(lines[2].contains(from));
        lines[2] = lines[2].replacen(from, to, 1);
        lines
    };
    check("another signer", altered("müller", "mallory"), 3, "was altered");
    check("another verdict", altered("verified", "refused!"), 3, "was altered");
    check("another target", altered("/loans", "/gifts"), 3, "was altered");
    check("no line at all", altered("{", "["), 3, "is no line");
    let mut removed = whole.clone();
    removed.remove(2);
    check("removed", removed, 3, "1 lines before it are missing");
    let mut swapped = whole.clone();
    swapped.swap(2, 3);
    check("swapped", swapped, 3, "1 lines before it are missing");
    let mut twice = whole.clone();
    twice.insert(3, whole[2].clone());
    check("twice", twice, 4, "was there before");
    // An attacker who repairs the chain can repair neither the signature nor the checkpoint.
    let jws = Object::parse(whole[2].as_bytes()).unwrap();
    let jws = jws.get("jws").and_then(Json::as_str).unwrap().to_owned();
    let other = scene.entry(b"another body").jws.unwrap();
    check("another signature", altered(&jws, &other), 3, "it is not");
    scene.write_lines(0, &whole);
    scene.assert_sound();
}

#[tokio::test]
async fn a_chain_that_was_forged_as_a_whole_has_no_checkpoint() {
    let scene = Scene::new();
    scene.record(3).await;
    let mut lines = scene.lines(0);
    // Every hash is computed again after the altered line.
    lines[1] = lines[1].replacen("/loans", "/gifts", 1);
    for at in 2..lines.len() {
        let previous = chain::LineHash::of(lines[at - 1].as_bytes()).to_text();
        let line = Object::parse(lines[at].as_bytes()).unwrap();
        let old = line.get("prev").and_then(Json::as_str).unwrap().to_owned();
        lines[at] = lines[at].replacen(&old, &previous, 1);
    }
    scene.write_lines(0, &lines);
    let report = scene.verify();
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert_eq!(report.findings[0].line, 5);
    assert!(report.findings[0].what.contains("another place"));
    let by_others = SigningKey::generate(Algorithm::Es256, Some("auditor")).unwrap();
    let jwk = by_others.public_jwk().unwrap().to_text();
    let keys = JwkSet::parse(jwk.as_bytes(), &KeyLimits::default()).ok();
    let report = verify(&scene.files(), &Against { keys, body: None }).unwrap();
    assert!(report.findings[0].what.contains("not signed by any of the keys"));
    let unchecked = verify(&scene.files(), &Against::default()).unwrap();
    assert_eq!((unchecked.unchecked_checkpoints, unchecked.uncovered), (1, 5));
}

#[tokio::test]
async fn a_file_that_is_missing_shows() {
    let scene = Scene::new();
    for _ in 0..3 {
        scene.record(1).await;
    }
    fs::remove_file(&scene.files()[1]).unwrap();
    let report = scene.verify();
    assert_eq!(report.findings[0].line, 1);
    assert!(report.findings[0].what.contains("lines before it are missing"), "{report:?}");
}

#[tokio::test]
async fn a_torn_last_line_is_a_crash_and_no_tampering() {
    let scene = Scene::new();
    scene.record(3).await;
    let text = fs::read_to_string(&scene.files()[0]).unwrap();
    // The process ended while it wrote line 4.
    let upto = text.match_indices('\n').nth(2).unwrap().0 + 1;
    for torn in [1, 40] {
        fs::write(&scene.files()[0], &text[..upto + torn]).unwrap();
        let report = scene.assert_sound();
        assert_eq!(report.torn, [(scene.files()[0].clone(), torn as u64)]);
        assert_eq!(report.requests, 2);
    }
    scene.record(1).await;
    let report = scene.assert_sound();
    assert_eq!((report.torn.len(), report.requests, scene.files().len()), (1, 3, 2));
    // Without a writer's record of it, a truncated file is an error.
    let lines = scene.lines(1);
    let silent: Vec<_> = lines.iter().map(|line| line.replacen(",\"torn\":true", "", 1)).collect();
    scene.write_lines(1, &silent);
    let report = scene.verify();
    assert!(report.findings[0].what.contains("breaks off"), "{report:?}");
}

#[tokio::test]
async fn a_file_that_broke_off_before_its_first_line_is_passed_over() {
    let scene = Scene::new();
    scene.record(1).await;
    fs::write(scene.settings.folder.join("evidence-2027-01-15-00000002.jsonl"), "").unwrap();
    scene.record(1).await;
    let report = scene.assert_sound();
    assert_eq!((report.requests, scene.files().len()), (2, 3));
}

#[tokio::test]
async fn a_body_is_proven_against_its_entry() {
    let scene = Scene::new();
    let journal = scene.open();
    let eddsa = SigningKey::generate(Algorithm::EdDsa, Some("ed")).unwrap();
    journal.record(scene.entry(b"the body")).await.unwrap();
    journal.record(entry_by(&eddsa, b"the body")).await.unwrap();
    drop(journal);
    let report = scene.assert_sound();
    assert_eq!((report.rechecked, report.body_needed), (1, 1));
    for entry in [2, 3] {
        let prove = |body: &[u8]| {
            let body = Some((entry, body.to_vec()));
            verify(&scene.files(), &Against { keys: None, body }).unwrap()
        };
        assert_eq!((prove(b"the body").body, prove(b"the body").findings.len()), (Some(true), 0));
        let other = prove(b"the bodY");
        assert_eq!((other.body, other.findings.len()), (Some(false), 0));
        assert!(other.body_problem.is_some());
    }
    let nowhere = Against { keys: None, body: Some((99, b"the body".to_vec())) };
    assert_eq!(verify(&scene.files(), &nowhere).unwrap().body, Some(false));
}

#[tokio::test]
async fn bodies_are_kept_by_what_is_in_them() {
    let mut scene = Scene::new();
    let bodies = scene.folder.path().join("bodies");
    fs::create_dir(&bodies).unwrap();
    scene.settings.bodies = Some(bodies.clone());
    let journal = scene.open();
    let mut entry = scene.entry(b"kept");
    entry.body = Some(in_memory(b"kept"));
    journal.record(entry).await.unwrap();
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, b"spooled and more").unwrap();
    let mut entry = scene.entry(b"spooled");
    entry.body = Some(body(BodyBytes::File(Arc::new(file), 7)));
    journal.record(entry).await.unwrap();
    for body in [&b"kept"[..], b"spooled"] {
        let name = digest(&SHA256, body).as_ref().iter().fold(String::new(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        });
        assert_eq!(fs::read(bodies.join(&name[..2]).join(&name)).unwrap(), body);
    }
    let mut entry = scene.entry(b"gone");
    entry.body = Some(lost());
    assert_eq!(journal.record(entry).await, Err(NotRecorded));
}

#[tokio::test]
async fn without_a_disk_nothing_passes_or_everything_is_counted() {
    for (on_failure, expected) in
        [(EvidenceFailure::Refuse, Err(NotRecorded)), (EvidenceFailure::Continue, Ok(()))]
    {
        let mut scene = Scene::new();
        scene.settings.on_failure = on_failure;
        scene.settings.rotate_bytes = 1;
        let journal = scene.open();
        // The next line needs a new file, and there is no folder to make it in.
        fs::remove_dir_all(&scene.settings.folder).unwrap();
        assert_eq!(journal.record(scene.entry(b"lost")).await, expected);
        drop(journal);
        assert_eq!(scene.counted("failed"), 1);
    }
}

#[tokio::test]
async fn lines_that_were_written_and_never_confirmed_do_not_count() {
    let mut scene = Scene::new();
    scene.settings.key = None;
    scene.record(3).await;
    // A later file that continues after the first request: the lines after it were abandoned.
    let lines = scene.lines(0);
    let behind_first =
        chain::ChainLink { number: 2, ..chain::ChainLink::FIRST }.after(lines[1].as_bytes());
    let open = line::text(
        behind_first,
        UnixTime(NOW),
        [("type", Json::from("open")), ("abandoned", Json::Bool(true))],
    );
    let path = scene.settings.folder.join("evidence-2027-01-15-00000002.jsonl");
    fs::write(&path, format!("{open}\n")).unwrap();
    let report = scene.assert_sound();
    assert_eq!(report.abandoned, 2);
    fs::write(&path, format!("{}\n", open.replace(",\"abandoned\":true", ""))).unwrap();
    assert_eq!(scene.verify().findings.len(), 1);
}

#[tokio::test]
async fn what_a_checkpoint_covers_can_not_be_given_up() {
    let scene = Scene::new();
    scene.record(3).await;
    let lines = scene.lines(0);
    assert_eq!(lines.len(), 5, "the last one is a checkpoint");
    let path = scene.settings.folder.join("evidence-2027-01-15-00000002.jsonl");
    for (kept, findings) in [(2, 1), (3, 1), (4, 0)] {
        let mut link = chain::ChainLink::FIRST;
        for line in &lines[..kept] {
            link = link.after(line.as_bytes());
        }
        let members = [("type", Json::from("open")), ("abandoned", Json::Bool(true))];
        let open = line::text(link, UnixTime(NOW), members);
        fs::write(&path, format!("{open}\n")).unwrap();
        assert_eq!(scene.verify().findings.len(), findings, "{kept} lines");
    }
}

#[tokio::test]
async fn a_folder_has_one_writer() {
    let scene = Scene::new();
    let journal = scene.open();
    let open = |scene: &Scene| {
        Journal::open(&scene.settings, Arc::clone(&scene.clock) as _, &scene.metrics)
    };
    let second = open(&scene).unwrap_err().to_string();
    assert!(second.contains("another process writes to it"), "{second}");
    drop(journal);
    open(&scene).unwrap();
}

#[tokio::test]
async fn refusals_have_a_line_where_the_operator_wants_that() {
    let mut scene = Scene::new();
    for records_refused in [true, false] {
        scene.settings.records_refused = records_refused;
        let journal = scene.open();
        let refused = EvidenceEntry {
            verdict: "signature_invalid",
            payload: None,
            signed_hash: None,
            key: None,
            ..scene.entry(b"x")
        };
        journal.note(refused);
    }
    let report = scene.assert_sound();
    assert_eq!((report.requests, report.refused), (1, 1));
}
