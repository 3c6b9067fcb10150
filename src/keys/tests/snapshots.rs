//! Cold starts from disk.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use tokio::{task::yield_now, time::advance};

use crate::{
    clock::{Clock, ManualClock},
    fetch::FetchError,
    jose::{Algorithm, SigningKey},
    keys::{
        LiveKeySet,
        settings::{KeyOwner, KeySource},
        snapshot::KeySnapshot,
        testing::{
            KeyServer, Manner, NOW, Reply, Rig, ScriptedRead, clock, eventually, from_file,
            from_url, jwk, jwks, metrics, store_of,
        },
    },
};

fn down() -> ScriptedRead {
    ScriptedRead::Fails(
        FetchError::Connect {
            place: "https://idp.example.com/jwks".into(),
            cause: "refused".into(),
        }
        .into(),
    )
}

fn in_folder(folder: &Path) -> impl Fn(&mut KeyOwner) + use<> {
    let folder = folder.to_owned();
    move |settings| settings.keys.snapshot = Some(folder.clone())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// A folder with the snapshot of these keys, confirmed at [`NOW`].
async fn snapshot_of(keys: Vec<String>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(ScriptedRead::Keys(keys), in_folder(folder.path()));
    eventually("the snapshot", || is_written(folder.path())).await;
    drop(rig);
    let path = files(folder.path())[0].clone();
    (folder, path)
}

/// Whether the snapshot is in place; before, there is a temporary file.
fn is_written(folder: &Path) -> bool {
    files(folder).iter().any(|path| path.extension().is_some_and(|end| end == "json"))
}

/// The `kid`s that a cold start without a source has, after its first failure.
async fn cold_start(change: impl FnOnce(&mut KeyOwner), later: i64) -> Option<Vec<String>> {
    let rig = Rig::start(down(), change);
    rig.clock.advance(later);
    eventually("the first failure", || rig.keys.status().last_error.is_some()).await;
    rig.kids()
}

#[tokio::test]
async fn k13_a_cold_start_has_the_keys_of_the_last_run() {
    let (folder, path) = snapshot_of(vec![jwk("a"), jwk("b")]).await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("corp-") && name.ends_with(".jwks.json"), "{name}");

    let rig = Rig::start(down(), in_folder(folder.path()));
    eventually("the first failure", || rig.keys.status().last_error.is_some()).await;
    assert_eq!(rig.kids().unwrap(), ["a", "b"]);
    let status = rig.keys.status();
    assert!(status.usable && status.from_snapshot);
    assert_eq!(status.confirmed_at, Some(NOW.0));
    rig.say(ScriptedRead::Keys(vec![jwk("c")]));
    eventually("the source's answer", || rig.kids().unwrap() == ["c"]).await;
    assert!(!rig.keys.status().from_snapshot);
}

#[tokio::test]
async fn k3_a_snapshots_age_counts_from_its_confirmation() {
    let (folder, _) = snapshot_of(vec![jwk("a")]).await;
    let day = 24 * 3_600;
    assert!(cold_start(in_folder(folder.path()), day).await.is_some());
    assert!(cold_start(in_folder(folder.path()), day + 1).await.is_none());
    assert!(cold_start(in_folder(folder.path()), -60).await.is_some());
    assert!(cold_start(in_folder(folder.path()), -61).await.is_none(), "from the future");

    // It goes on counting while the keys serve.
    let rig = Rig::start(down(), in_folder(folder.path()));
    rig.clock.advance(day - 10);
    eventually("the first failure", || rig.keys.status().last_error.is_some()).await;
    assert!(rig.kids().is_some());
    rig.clock.advance(11);
    assert!(rig.kids().is_none());
}

#[tokio::test]
async fn a_foreign_snapshot_is_ignored() {
    let (folder, path) = snapshot_of(vec![jwk("a")]).await;
    let issuer = |settings: &mut KeyOwner| settings.issuer.as_mut().unwrap().push('/');
    let source = |settings: &mut KeyOwner| {
        settings.keys.source = KeySource::JwksUrl("https://other.example/jwks".parse().unwrap());
    };
    let own = in_folder(folder.path());
    assert!(cold_start(&own, 0).await.is_some());
    assert!(
        cold_start(
            |s| {
                own(s);
                source(s);
            },
            0
        )
        .await
        .is_none()
    );
    assert!(
        cold_start(
            |s| {
                own(s);
                issuer(s);
            },
            0
        )
        .await
        .is_none()
    );
    // Nor under the other issuer's own name.
    let content = fs::read(&path).unwrap();
    let mut other = from_url("https://idp.example.com/jwks");
    issuer(&mut other);
    own(&mut other);
    let target = KeySnapshot::of(&other).unwrap().file.path().to_owned();
    assert_ne!(target, path);
    fs::write(&target, content).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(
        cold_start(
            |s| {
                own(s);
                issuer(s);
            },
            0
        )
        .await
        .is_none()
    );
}

#[tokio::test]
async fn k14_a_snapshot_counts_only_for_the_authorities_that_vouched_for_it() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ca_file = ca.path().join("ca.pem");
    fs::write(&ca_file, "one").unwrap();
    let trusting = |settings: &mut KeyOwner| {
        in_folder(folder.path())(settings);
        settings.keys.ca_file = Some(ca_file.clone());
    };
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), trusting);
    eventually("a snapshot", || is_written(folder.path())).await;
    drop(rig);
    assert_eq!(cold_start(trusting, 0).await.unwrap(), ["a"]);
    assert!(cold_start(in_folder(folder.path()), 0).await.is_none(), "those of the system");
    fs::write(&ca_file, "another").unwrap();
    assert!(cold_start(trusting, 0).await.is_none(), "another in the same file");
}

#[tokio::test]
async fn a_damaged_snapshot_is_ignored_and_replaced() {
    let (folder, path) = snapshot_of(vec![jwk("a")]).await;
    let good = fs::read_to_string(&path).unwrap();
    for damaged in [
        String::new(),
        good[..good.len() / 2].to_owned(),
        good.replace("\"version\":1", "\"version\":2"),
        good.replace("\"version\":1", "\"version\":1,\"more\":1"),
        good.replace("\"kty\"", "\"xty\""),
        good.replace("\"keys\":[", "\"keys\":[[["),
        " ".repeat(1 << 20),
    ] {
        fs::write(&path, &damaged).unwrap();
        assert!(cold_start(in_folder(folder.path()), 0).await.is_none(), "{damaged:.200}");
    }
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("b")]), in_folder(folder.path()));
    eventually("a new one", || fs::read_to_string(&path).unwrap().contains(r#""b""#)).await;
    drop(rig);
    assert_eq!(cold_start(in_folder(folder.path()), 0).await.unwrap(), ["b"]);
}

#[tokio::test]
async fn a_snapshot_that_others_may_write_is_ignored() {
    let (folder, path) = snapshot_of(vec![jwk("a")]).await;
    for mode in [0o666, 0o620, 0o602] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(cold_start(in_folder(folder.path()), 0).await.is_none(), "{mode:o}");
    }
}

/// Threat K-6: a provider that publishes a private key by mistake.
#[tokio::test]
async fn k6_what_was_left_out_of_the_set_is_not_written_to_disk() {
    let private = SigningKey::generate(Algorithm::EdDsa, Some("private")).unwrap().private_jwk();
    let secret = r#"{"kty":"oct","k":"c2VjcmV0","kid":"secret"}"#.to_owned();
    let (folder, path) = snapshot_of(vec![private.to_text(), jwk("a"), secret]).await;
    let content = fs::read_to_string(&path).unwrap();
    for absent in ["private", r#""d":"#, "secret", "c2VjcmV0"] {
        assert!(!content.contains(absent), "{absent} in {content}");
    }
    assert_eq!(cold_start(in_folder(folder.path()), 0).await.unwrap(), ["a"]);
}

/// A pipe stands for a file on a volume that hangs: opening it waits for who would write to it.
#[tokio::test(start_paused = true)]
async fn a_snapshot_on_a_volume_that_hangs_is_ignored() {
    let (folder, path) = snapshot_of(vec![jwk("old")]).await;
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let elsewhere = folder.path().join("pipe");
    fs::hard_link(&path, &elsewhere).unwrap();
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("new")]), in_folder(folder.path()));
    for _ in 0..10 {
        yield_now().await;
        if rig.reads() > 0 {
            break;
        }
        advance(Duration::from_secs(1)).await;
    }
    // Ends the thread that still reads.
    drop(fs::OpenOptions::new().write(true).open(elsewhere).unwrap());
    assert_eq!(rig.reads(), 1, "the source is read without the snapshot");
    rig.settle().await;
    assert_eq!(rig.kids().unwrap(), ["new"]);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_written_on_change_and_once_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let a = jwk("a");
    let rig = Rig::start(ScriptedRead::Keys(vec![a.clone()]), in_folder(folder.path()));
    rig.pass(1).await;
    let path = files(folder.path())[0].clone();
    let fetched_at = || -> i64 {
        let page: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        page["fetched_at"].as_i64().unwrap()
    };
    let first = fetched_at();
    rig.pass(1_800).await;
    assert_eq!(fetched_at(), first);
    rig.say(ScriptedRead::NotModified);
    rig.pass(1_800 + 660).await;
    let second = fetched_at();
    assert!((3_600..4_300).contains(&(second - first)), "{}", second - first);
    rig.say(ScriptedRead::Keys(vec![a, jwk("b")]));
    rig.pass(660).await;
    assert!(fetched_at() > second);
    assert_eq!(files(folder.path()).len(), 1, "nothing else is left behind");
}

#[tokio::test]
async fn a_snapshot_that_can_not_be_written_costs_nothing_else() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let rig = Rig::start(ScriptedRead::Keys(vec![jwk("a")]), in_folder(file.path()));
    eventually("keys", || rig.kids().is_some()).await;
}

#[tokio::test]
async fn only_remote_sources_have_a_snapshot() {
    for source in [KeySource::SecretFile, KeySource::PemFile, KeySource::JwksFile] {
        let mut settings = from_file(source, Path::new("/etc/countersign/keys"));
        settings.keys.snapshot = Some("/var/lib/countersign".into());
        assert!(KeySnapshot::of(&settings).is_none());
    }
    assert!(KeySnapshot::of(&from_url("https://idp.example.com/jwks")).is_none());
}

#[test]
fn o1_a_file_name_holds_nothing_but_safe_characters() {
    let mut settings = from_url("https://idp.example.com/jwks");
    settings.keys.snapshot = Some("/var/lib/countersign".into());
    settings.name = format!("../../etc/é\0 {}", "n".repeat(500));
    let path = KeySnapshot::of(&settings).unwrap().file.path().to_owned();
    assert_eq!(path.parent().unwrap(), Path::new("/var/lib/countersign"));
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.len() < 128, "{name}");
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{name}");
    assert!(!name.contains(".."), "{name}");
}

fn start(settings: &KeyOwner, clock: &Arc<ManualClock>) -> Arc<LiveKeySet> {
    let (store, refreshers) = store_of(std::slice::from_ref(settings), clock.clone(), &metrics());
    // Until the test's runtime ends.
    std::mem::forget(refreshers.spawn());
    Arc::clone(store.iter().next().unwrap())
}

#[tokio::test]
async fn k13_the_whole_way_over_a_server_that_dies() {
    let folder = tempfile::tempdir().unwrap();
    let server = KeyServer::start().await;
    server.answer("/jwks", Reply::ok(jwks(&[jwk("a")])));
    let mut settings = from_url(&server.url("/jwks"));
    in_folder(folder.path())(&mut settings);
    let clock = clock();
    let keys = start(&settings, &clock);
    eventually("keys", || keys.current(clock.now()).is_some()).await;
    eventually("the snapshot", || is_written(folder.path())).await;

    server.answer("/jwks", Reply::ok("").manner(Manner::Close));
    clock.advance(i64::try_from(Duration::from_hours(23).as_secs()).unwrap());
    let keys = start(&settings, &clock);
    eventually("keys", || keys.current(clock.now()).is_some()).await;
    assert!(keys.status().from_snapshot);
}

#[test]
fn k13_a_source_is_another_one_for_its_query_alone() {
    let identity =
        |url: &str| crate::keys::source::identity(&KeySource::JwksUrl(url.parse().unwrap()));
    let (a, b) = ("https://idp.test/jwks?tenant=a", "https://idp.test/jwks?tenant=b");
    assert_eq!(identity(a), identity(a));
    assert_ne!(identity(a), identity(b));
    assert!(!identity(a).contains("tenant"), "it may be a secret");
}
