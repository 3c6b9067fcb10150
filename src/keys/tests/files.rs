//! Keys in files.

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    clock::Clock,
    jose::{Algorithm, AlgorithmSet, SigningKey},
    keys::{
        LiveKeySet, probe,
        settings::{KeyOwner, KeySource},
        testing::{clock, eventually, from_file, jwk, jwks, metrics, store_of},
    },
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }
}

fn running(settings: &KeyOwner) -> Arc<LiveKeySet> {
    let (store, refreshers) = store_of(std::slice::from_ref(settings), clock(), &metrics());
    // Until the test's runtime ends.
    std::mem::forget(refreshers.spawn());
    Arc::clone(store.iter().next().unwrap())
}

fn kids(keys: &LiveKeySet) -> Vec<String> {
    let facts = keys.status().keys.into_iter();
    facts.map(|key| key.kid.unwrap_or_default()).collect()
}

/// Real time would be five seconds a look. With time paused, file reads still hold it back.
async fn shortly(what: &str, is_so: impl Fn() -> bool) {
    let began = tokio::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed().as_secs() < 12, "not within seconds: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn keys_of_a_file_are_there_at_once() {
    let folder = Folder::new();
    let path = folder.with("keys.json", jwks(&[jwk("a")]));
    // The best of a few starts: a busy machine may slow some of them, but not all.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let keys = running(&from_file(KeySource::JwksFile, &path));
        eventually("keys", || keys.confirmed_at().is_some()).await;
        best = best.min(began.elapsed());
        assert_eq!(kids(&keys), ["a"]);
    }
    assert!(best < Duration::from_millis(100), "{best:?}");
}

#[tokio::test]
async fn a_single_jwk_is_a_set_of_one() {
    let folder = Folder::new();
    let path = folder.with("key.json", jwk("only"));
    let set = probe(&from_file(KeySource::JwksFile, &path)).await.unwrap();
    assert_eq!(set.keys()[0].kid(), Some("only"));
}

#[tokio::test]
async fn pem_keys_have_no_name() {
    let key = SigningKey::generate(Algorithm::EdDsa, None).unwrap();
    let folder = Folder::new();
    let path = folder.with("keys.pem", key.public_pem().unwrap());
    let set = probe(&from_file(KeySource::PemFile, &path)).await.unwrap();
    assert_eq!(set.keys()[0].kid(), None);
    assert!(set.contains(&key.verification_key().unwrap().thumbprint()));
}

#[tokio::test]
async fn a_private_key_is_no_key_to_verify_with() {
    let key = SigningKey::generate(Algorithm::EdDsa, Some("a")).unwrap();
    let folder = Folder::new();
    let path = folder.with("keys.pem", key.private_pem().unwrap());
    assert!(probe(&from_file(KeySource::PemFile, &path)).await.is_err());
    let path = folder.with("keys.json", key.private_jwk().to_text());
    let error = probe(&from_file(KeySource::JwksFile, &path)).await.unwrap_err();
    assert_eq!(error.code(), "no_usable_keys");
}

#[tokio::test]
async fn a_secret_is_the_file_without_its_line_break() {
    let folder = Folder::new();
    let secret = "0123456789abcdef0123456789abcdef";
    let mut prints = Vec::new();
    for (name, content) in [
        ("plain", secret.to_owned()),
        ("unix", format!("{secret}\n")),
        ("dos", format!("{secret}\r\n")),
        ("other", format!("{secret}\n\n")),
    ] {
        let mut settings = from_file(KeySource::SecretFile, &folder.with(name, content));
        settings.algorithms = AlgorithmSet::from_iter([Algorithm::Hs256]);
        prints.push(probe(&settings).await.unwrap().keys()[0].thumbprint());
    }
    assert_eq!(prints[0], prints[1]);
    assert_eq!(prints[0], prints[2]);
    assert_ne!(prints[0], prints[3]);
}

#[tokio::test]
async fn t3_a_short_or_empty_secret_is_refused_by_file_and_length() {
    let folder = Folder::new();
    let path = folder.with("secret", "0123456789abcdef0123456789abcdef\n");
    let mut settings = from_file(KeySource::SecretFile, &path);
    settings.algorithms = AlgorithmSet::from_iter([Algorithm::Hs256, Algorithm::Hs512]);
    let error = probe(&settings).await.unwrap_err();
    let path = path.display();
    let expected = format!("{path}: the secret has 32 bytes, needed are at least 64");
    assert_eq!(error.to_string(), expected);

    let mut settings = from_file(KeySource::SecretFile, &folder.with("empty", "\n"));
    settings.algorithms = AlgorithmSet::from_iter([Algorithm::Hs256]);
    assert_eq!(probe(&settings).await.unwrap_err().code(), "short_secret");
}

#[tokio::test]
async fn k1_k3_a_file_that_can_not_be_used_fails_by_name() {
    let folder = Folder::new();
    let missing = folder.path("missing");
    let huge = folder.with("huge", vec![b' '; 256 * 1024 + 1]);
    let half = folder.with("half", r#"{"keys":["#);
    let empty = folder.with("empty", "");
    for (path, code) in [
        (missing, "file"),
        (folder.0.path().to_owned(), "file"),
        (PathBuf::from("/dev/zero"), "file"),
        (huge, "too_large"),
        (half, "malformed"),
        (empty, "malformed"),
    ] {
        let error = probe(&from_file(KeySource::JwksFile, &path)).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_written_anew_is_noticed_within_seconds() {
    let folder = Folder::new();
    let path = folder.with("keys.json", jwks(&[jwk("a")]));
    let keys = running(&from_file(KeySource::JwksFile, &path));
    shortly("the first keys", || kids(&keys) == ["a"]).await;
    folder.with("keys.json", jwks(&[jwk("bb")]));
    shortly("the new keys", || kids(&keys) == ["bb"]).await;
}

/// As the kubelet does it: `keys.json -> ..data/keys.json`, and `..data` is swapped.
#[tokio::test(start_paused = true)]
async fn a_config_map_swap_is_noticed_within_seconds() {
    let folder = Folder::new();
    for (version, kid) in [("..1", "a"), ("..2", "b")] {
        fs::create_dir(folder.path(version)).unwrap();
        folder.with(&format!("{version}/keys.json"), jwks(&[jwk(kid)]));
    }
    symlink("..1", folder.path("..data")).unwrap();
    symlink("..data/keys.json", folder.path("keys.json")).unwrap();
    let keys = running(&from_file(KeySource::JwksFile, &folder.path("keys.json")));
    shortly("the first keys", || kids(&keys) == ["a"]).await;

    symlink("..2", folder.path("..new")).unwrap();
    fs::rename(folder.path("..new"), folder.path("..data")).unwrap();
    shortly("the new keys", || kids(&keys) == ["b"]).await;
}

#[tokio::test(start_paused = true)]
async fn k3_a_broken_or_missing_file_keeps_the_keys_and_heals() {
    let folder = Folder::new();
    let path = folder.with("keys.json", jwks(&[jwk("a")]));
    let keys = running(&from_file(KeySource::JwksFile, &path));
    shortly("the first keys", || kids(&keys) == ["a"]).await;

    folder.with("keys.json", "{");
    shortly("the failure", || keys.status().last_error.is_some()).await;
    assert_eq!(keys.status().last_error.unwrap().code, "malformed");
    assert_eq!(kids(&keys), ["a"]);
    assert!(keys.current(clock().now()).is_some());

    fs::remove_file(&path).unwrap();
    shortly("the other failure", || {
        keys.status().last_error.is_some_and(|error| error.code == "file")
    })
    .await;
    assert_eq!(kids(&keys), ["a"]);

    folder.with("keys.json", jwks(&[jwk("b")]));
    shortly("the new keys", || kids(&keys) == ["b"]).await;
    assert!(keys.status().last_error.is_none());
}

/// An editor has saved the file of a running proxy with a byte order mark.
#[tokio::test(start_paused = true)]
async fn x8_a_byte_order_mark_keeps_the_keys_and_is_told() {
    let folder = Folder::new();
    let path = folder.with("secret", "s".repeat(32));
    let mut settings = from_file(KeySource::SecretFile, &path);
    settings.algorithms = AlgorithmSet::from_iter([Algorithm::Hs256]);
    let keys = running(&settings);
    shortly("the first keys", || kids(&keys).len() == 1).await;
    let generation = keys.status().generation;

    folder.with("secret", format!("\u{feff}{}", "s".repeat(32)));
    shortly("the failure", || keys.status().last_error.is_some()).await;
    let error = keys.status().last_error.unwrap();
    assert_eq!(error.code, "file");
    assert!(error.message.contains("starts with a byte order mark (BOM)"), "{}", error.message);
    assert_eq!(keys.status().generation, generation, "the secret at hand stays");
}
