//! The list in its file: read, replaced, broken, gone.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use super::*;
use crate::{
    clock::ManualClock,
    revocation::{
        Revocations, RevokedBy, Unavailable,
        settings::{ListSettings, ListSource, OnFailure, RevocationSettings},
    },
    shared::SharedStore,
    tasks::RunningTasks,
};

const ALICE: &str = r#"{"revoked":[{"sub":"alice"}]}"#;
const EMPTY_LIST: &str = r#"{"revoked":[]}"#;
const BROKEN: &str = r#"{"revoked":["#;

/// A list in a file, and the task that watches it.
struct Scene {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    metrics: MetricRegistry,
    revocations: Arc<Revocations>,
    _tasks: RunningTasks,
}

impl Scene {
    fn start(list: &str, on_failure: OnFailure) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("list"), list);
        let (clock, metrics) = (Arc::new(ManualClock::at(NOW)), MetricRegistry::default());
        let settings = settings(&folder.path().join("list"), on_failure);
        let (revocations, tasks) =
            Revocations::new(&settings, SharedStore::default(), Arc::clone(&clock) as _, &metrics);
        Self { folder, clock, metrics, revocations, _tasks: tasks.spawn() }
    }

    fn write(&self, list: &str) {
        write(&self.folder.path().join("list"), list);
    }

    fn find(&self) -> Result<Option<RevokedBy>, Unavailable> {
        let now = crate::clock::Clock::now(&*self.clock);
        self.revocations.generation_now(now)?;
        Ok(self.revocations.find(&token(), now))
    }

    fn pending(&self) -> String {
        let now = crate::clock::Clock::now(&*self.clock);
        self.revocations.pending(now).unwrap_or_default()
    }

    fn readings(&self, outcome: &str) -> u64 {
        Metrics::register(&self.metrics).refreshes.with_label_values(&[outcome]).get()
    }

    /// Waits until it is so; the paused clock jumps from one wait to the next.
    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..1_000 {
            if is_so(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never: {what}; {}", self.pending());
    }
}

/// Replaces the file as a whole, so that it is another one.
fn write(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

fn settings(path: &Path, on_failure: OnFailure) -> RevocationSettings {
    let list = ListSettings {
        source: ListSource::File(path.to_owned()),
        refresh: Duration::from_secs(30),
        max_stale: Duration::from_hours(1),
        on_failure,
        timeout: Duration::from_secs(5),
        max_bytes: 1_000,
        max_entries: 10,
        ca_file: None,
        proxy: None,
    };
    RevocationSettings { list: Some(list), logout_ttl: Duration::from_hours(1), max_logouts: 10 }
}

#[tokio::test(start_paused = true)]
async fn no_request_is_decided_before_the_list_was_read() {
    let scene = Scene::start(ALICE, OnFailure::Refuse);
    assert_eq!(scene.find(), Err(Unavailable));
    assert!(scene.pending().contains("no list yet; waiting for"), "{}", scene.pending());
    assert_eq!(scene.revocations.readiness().first_read().pending(), ["revocation list"]);
    scene.until("a list", |scene| scene.find() == Ok(Some(RevokedBy::Sub))).await;
    assert_eq!(scene.pending(), "");
    assert!(scene.revocations.readiness().usable().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_written_after_the_start_counts_within_a_second() {
    let scene = Scene::start(ALICE, OnFailure::Refuse);
    fs::remove_file(scene.folder.path().join("list")).unwrap();
    scene.until("an attempt", |scene| scene.readings("file") > 0).await;
    assert_eq!(scene.find(), Err(Unavailable));
    assert!(scene.pending().contains("no list yet; "), "{}", scene.pending());
    let started = tokio::time::Instant::now();
    scene.write(ALICE);
    scene.until("a list", |scene| scene.find() == Ok(Some(RevokedBy::Sub))).await;
    assert!(started.elapsed() <= Duration::from_millis(1_500), "{:?}", started.elapsed());
    assert_eq!(scene.pending(), "");
}

#[tokio::test(start_paused = true)]
async fn a_reload_while_the_file_is_gone_goes_on_with_the_last_list_until_that_is_old() {
    let scene = Scene::start(ALICE, OnFailure::Refuse);
    scene.until("a list", |scene| scene.find().is_ok()).await;
    let file = scene.folder.path().join("list");
    fs::remove_file(&file).unwrap();
    let settings = settings(&file, OnFailure::Refuse);
    let (next, tasks) = scene.revocations.successor(&settings, SharedStore::default());
    let _tasks = tasks.spawn();
    assert!(!next.readiness().usable().is_ready(), "it is read again first");
    let usable = tokio::time::timeout(Duration::from_secs(5), next.readiness().usable().ready());
    usable.await.expect("a reload does not wait for the file");
    assert!(next.generation_now(NOW).is_ok());
    assert_eq!(next.find(&token(), NOW), Some(RevokedBy::Sub));
    let late = UnixTime(NOW.0 + 3_601);
    assert!(next.generation_now(late).is_err() && next.pending(late).is_some());
}

#[tokio::test(start_paused = true)]
async fn another_file_counts_within_a_second_and_the_workers_are_told() {
    let scene = Scene::start(EMPTY_LIST, OnFailure::Refuse);
    scene.until("a list", |scene| scene.find() == Ok(None)).await;
    let before = scene.revocations.generation_now(NOW).unwrap();
    let started = tokio::time::Instant::now();
    scene.write(ALICE);
    scene.until("a change", |scene| scene.find() == Ok(Some(RevokedBy::Sub))).await;
    assert!(started.elapsed() <= Duration::from_millis(1_500), "{:?}", started.elapsed());
    assert!(scene.revocations.generation_now(NOW).unwrap() > before);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_says_the_same_is_no_change() {
    let scene = Scene::start(ALICE, OnFailure::Refuse);
    scene.until("a list", |scene| scene.find().is_ok()).await;
    let before = scene.revocations.generation_now(NOW);
    scene.write(&ALICE.replace(':', " : "));
    scene.until("a reading", |scene| scene.readings("unchanged") > 0).await;
    assert_eq!(scene.revocations.generation_now(NOW), before);
}

#[tokio::test(start_paused = true)]
async fn a_config_map_is_swapped_by_a_symbolic_link() {
    let folder = tempfile::tempdir().unwrap();
    let version = |name: &str, list: &str| {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("list"), list).unwrap();
        let link = folder.path().join(format!("{name}-link"));
        symlink(folder.path().join(name), &link).unwrap();
        fs::rename(link, folder.path().join("data")).unwrap();
    };
    version("v1", EMPTY_LIST);
    let scene = Scene::start(EMPTY_LIST, OnFailure::Refuse);
    let settings = settings(&folder.path().join("data/list"), OnFailure::Refuse);
    let (revocations, tasks) = scene.revocations.successor(&settings, SharedStore::default());
    let _tasks = tasks.spawn();
    scene.until("a list", |_| revocations.generation_now(NOW).is_ok()).await;
    assert_eq!(revocations.find(&token(), NOW), None);
    version("v2", ALICE);
    scene.until("a swap", |_| revocations.find(&token(), NOW).is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_list_keeps_the_old_one_until_it_is_stale() {
    let scene = Scene::start(ALICE, OnFailure::Refuse);
    scene.until("a list", |scene| scene.find().is_ok()).await;
    for (list, code) in [
        (BROKEN.to_owned(), "malformed"),
        (String::new(), "malformed"),
        (" ".repeat(1_001), "too_large"),
    ] {
        let before = scene.readings(code);
        scene.write(&list);
        scene.until(code, |scene| scene.readings(code) > before).await;
        assert_eq!(scene.find(), Ok(Some(RevokedBy::Sub)), "{list}");
    }
    scene.clock.advance(3_600);
    assert_eq!(scene.find(), Ok(Some(RevokedBy::Sub)), "its last second");
    scene.clock.advance(1);
    assert_eq!(scene.find(), Err(Unavailable));
    let pending = scene.pending();
    assert!(pending.contains("3601 s ago") && pending.contains("1000 bytes"), "{pending}");
    scene.write(EMPTY_LIST);
    scene.until("a repair", |scene| scene.find() == Ok(None)).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_broken_from_the_start_was_read_and_is_still_waited_for() {
    let scene = Scene::start(BROKEN, OnFailure::Refuse);
    let readiness = scene.revocations.readiness();
    readiness.first_read().ready().await;
    assert_eq!(readiness.usable().pending(), ["revocation list"]);
    scene.write(ALICE);
    readiness.usable().ready().await;
    assert_eq!(scene.find(), Ok(Some(RevokedBy::Sub)));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_gone_is_an_outage_too() {
    let scene = Scene::start(ALICE, OnFailure::Refuse);
    scene.until("a list", |scene| scene.find().is_ok()).await;
    fs::remove_file(scene.folder.path().join("list")).unwrap();
    scene.until("a failure", |scene| scene.readings("file") > 0).await;
    assert_eq!(scene.find(), Ok(Some(RevokedBy::Sub)));
    scene.clock.advance(3_601);
    assert_eq!(scene.find(), Err(Unavailable));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_stays_as_it_is_does_not_grow_stale() {
    let scene = Scene::start(ALICE, OnFailure::Refuse);
    scene.until("a list", |scene| scene.find().is_ok()).await;
    for _ in 0..3 {
        scene.clock.advance(3_000);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(scene.find(), Ok(Some(RevokedBy::Sub)));
    }
}

#[tokio::test(start_paused = true)]
async fn where_that_is_wanted_tokens_pass_by_what_is_known() {
    let scene = Scene::start(BROKEN, OnFailure::Continue);
    assert!(scene.pending().contains("waiting for the first answer"), "{}", scene.pending());
    assert_eq!(scene.find(), Ok(None));
    scene.until("a failure", |scene| scene.readings("malformed") > 0).await;
    assert_eq!(scene.pending(), "");
    assert!(scene.revocations.readiness().usable().is_ready(), "it is not waited for");
    scene.write(ALICE);
    scene.until("a list", |scene| scene.find() == Ok(Some(RevokedBy::Sub))).await;
    scene.write(BROKEN);
    scene.until("a failure", |scene| scene.readings("malformed") > 1).await;
    scene.clock.advance(1_000_000);
    assert_eq!(scene.find(), Ok(Some(RevokedBy::Sub)), "stale, and still what is known");
}

#[tokio::test(start_paused = true)]
async fn d11_a_clock_that_is_set_back_does_not_make_the_list_last() {
    let scene = Scene::start(ALICE, OnFailure::Refuse);
    scene.until("a list", |scene| scene.find().is_ok()).await;
    scene.write(BROKEN);
    scene.until("a failure", |scene| scene.readings("malformed") > 0).await;
    scene.clock.advance(-100_000);
    tokio::time::sleep(Duration::from_secs(3)).await;
    scene.clock.advance(3_601);
    assert_eq!(scene.find(), Err(Unavailable));
}

#[tokio::test(start_paused = true)]
async fn logouts_outlive_a_configuration() {
    use crate::revocation::{LoggedOut, Logout};
    let scene = Scene::start(EMPTY_LIST, OnFailure::Refuse);
    let logout = Logout {
        iss: text(ISS),
        jti: text("1"),
        whom: LoggedOut::Subject(text("alice")),
        at: NOW.0,
    };
    scene.revocations.log_out(&logout).unwrap();
    let settings =
        RevocationSettings { list: None, logout_ttl: Duration::from_hours(1), max_logouts: 1 };
    let (successor, _) = scene.revocations.successor(&settings, SharedStore::default());
    assert_eq!(successor.find(&token(), NOW), Some(RevokedBy::Sub));
    assert!(successor.readiness().first_read().is_ready() && successor.pending(NOW).is_none());
}
