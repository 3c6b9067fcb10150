//! What the providers of one configuration leave to those of the next.

mod shown;

use std::{fs, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::*;
use crate::{
    clock::{ManualClock, UnixTime},
    settings::{Settings, Sources, load},
    tasks::RunningTasks,
};

const DEADLINE: Duration = Duration::from_secs(15);

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9/jwks";

const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// The files that the configurations of a test name.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Replaces the file as a whole, so that it is another one.
    fn write(&self, name: &str, text: &str) -> String {
        let aside = self.0.path().join("aside");
        fs::write(&aside, text).unwrap();
        fs::rename(aside, self.0.path().join(name)).unwrap();
        self.path(name)
    }

    fn settings(&self, text: &str) -> Settings {
        let file = self.write("countersign.toml", &format!("{text}{REST}"));
        let settings = load(&Sources { file: Some(file.into()), ..Sources::default() });
        settings.unwrap_or_else(|errors| panic!("{errors}"))
    }
}

const REST: &str = "\n[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n[[routes]]\npath = \"/**\"\n";

/// An issuer with these lines of its keys, and these behind them.
fn issuer(name: &str, keys: &str, more: &str) -> String {
    format!(
        "[issuers.{name}]\nissuer = \"https://{name}.test\"\naudiences = \"any\"\n\
         algorithms = [\"EdDSA\"]\n[issuers.{name}.keys]\n{keys}\n{more}\n"
    )
}

fn from_url(url: &str, more: &str) -> String {
    format!("jwks_url = \"{url}\"\n{more}")
}

/// Providers whose tasks run.
struct Running {
    providers: Providers,
    _tasks: RunningTasks,
    clock: Arc<dyn Clock>,
    metrics: MetricRegistry,
}

impl Running {
    fn start(settings: &Settings) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(UnixTime(1_800_000_000)));
        let metrics = MetricRegistry::default();
        let (providers, tasks) =
            Providers::new(&settings.provider_parts(), &clock, &metrics).unwrap();
        Self { providers, _tasks: tasks.spawn(), clock, metrics }
    }

    fn next(&self, settings: &Settings) -> Self {
        let (clock, metrics) = (Arc::clone(&self.clock), self.metrics.clone());
        let parts = settings.provider_parts();
        let (providers, tasks) = self.providers.successor(&parts, &clock, &metrics).unwrap();
        Self { providers, _tasks: tasks.spawn(), clock, metrics }
    }

    async fn is_usable_after(&self, running: &Self) -> Result<(), String> {
        let clock = &*self.clock;
        let usable = self.providers.usable_in_place_of(&running.providers, clock, DEADLINE);
        usable.await.map_err(|error| error.to_string())
    }

    fn keys(&self, name: &str) -> &Arc<LiveKeySet> {
        self.providers.key_sets().find(|keys| keys.name() == name).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn x3_a_new_source_without_keys_is_refused_by_name_and_one_that_was_missing_is_not() {
    let files = Files::new();
    let running = Running::start(&files.settings(&issuer("corp", &from_url(NOWHERE, ""), "")));
    // It goes on, whatever its state.
    let same = running.next(&files.settings(&issuer("corp", &from_url(NOWHERE, ""), "")));
    let before = Instant::now();
    same.is_usable_after(&running).await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    // Another source of the same owner, which has no keys either, was tried.
    let moved = "http://127.0.0.1:9/moved";
    let moved = running.next(&files.settings(&issuer("corp", &from_url(moved, ""), "")));
    moved.is_usable_after(&running).await.unwrap();
    assert!(moved.keys("corp").was_read());
    let both =
        issuer("corp", &from_url(NOWHERE, ""), "") + &issuer("more", &from_url(NOWHERE, ""), "");
    let before = Instant::now();
    let refused = running.next(&files.settings(&both)).is_usable_after(&running).await;
    let refused = refused.unwrap_err();
    assert!(refused.contains("issuer more") && !refused.contains("issuer corp"), "{refused}");
    assert_eq!(before.elapsed(), DEADLINE);
}

#[tokio::test]
async fn a_key_set_goes_on_where_nothing_about_it_has_changed_and_else_begins_with_what_is_known() {
    let files = Files::new();
    let (ca, jwks) = (files.write("ca.pem", &certificate()), files.write("jwks.json", &one_key()));
    let of = |keys: &str| files.settings(&issuer("corp", keys, ""));
    let tls = format!("ca_file = \"{ca}\"");
    let url = from_url("https://127.0.0.1:9/jwks", &tls);
    let running = Running::start(&of(&url));
    let goes_on = |next: &Running| Arc::ptr_eq(running.keys("corp"), next.keys("corp"));
    assert!(goes_on(&running.next(&of(&url))));
    assert!(!goes_on(&running.next(&of(&format!("{url}\ncooldown = \"1m\"")))));
    assert!(!goes_on(&running.next(&of(&from_url("https://127.0.0.1:9/other", &tls)))));
    files.write("ca.pem", &certificate());
    assert!(!goes_on(&running.next(&of(&url))), "other authorities");

    let hex = format!("hex = \"{KEY}\"");
    let running = Running::start(&of(&hex));
    running.keys("corp").usable().await;
    assert!(Arc::ptr_eq(running.keys("corp"), running.next(&of(&hex)).keys("corp")));

    let file = format!("jwks_file = \"{jwks}\"");
    let running = Running::start(&of(&file));
    running.keys("corp").usable().await;
    let generation = |of: &Running| of.keys("corp").generation_now(of.clock.now());
    let next = running.next(&of(&file));
    assert!(!Arc::ptr_eq(running.keys("corp"), next.keys("corp")), "a file is read again");
    assert_eq!(generation(&next), generation(&running), "until then its keys are known");
    assert!(!next.keys("corp").was_read());
    next.is_usable_after(&running).await.unwrap();
    assert_eq!(generation(&next), generation(&running), "and they are the same");
}

#[tokio::test]
async fn what_replicas_share_keeps_its_connection_unless_its_key_was_replaced() {
    let files = Files::new();
    let key = files.write("key", &"k".repeat(64));
    let shared = |timeout: &str| {
        files.settings(&format!(
            "[shared]\nurl = \"redis://127.0.0.1:9/0\"\nintegrity_key_file = \"{key}\"\n\
             timeout = \"{timeout}\"\n{}",
            issuer("corp", &format!("hex = \"{KEY}\""), "")
        ))
    };
    let running = Running::start(&shared("50ms"));
    let is_same = |next: &Running| running.providers.shared().is_same(next.providers.shared());
    assert!(is_same(&running.next(&shared("50ms"))));
    assert!(!is_same(&running.next(&shared("60ms"))));
    files.write("key", &"n".repeat(64));
    assert!(!is_same(&running.next(&shared("50ms"))));
}

#[tokio::test]
async fn x3_a_hundred_reloads_leave_no_task_and_no_providers_behind() {
    let files = Files::new();
    let list = files.write("list.json", r#"{"revoked":[]}"#);
    let jwks = files.write("jwks.json", &one_key());
    files.write("secret", "of a client");
    // Each is unlike the one before in all that may be taken over, or in nothing.
    let settings = |n: usize| {
        let cooldown = format!("cooldown = \"{}s\"", 30 + n / 2);
        let introspection = format!(
            "[issuers.url.introspection]\nurl = \"https://127.0.0.1:9/introspect\"\n\
             client_id = \"proxy\"\nclient_secret_file = \"{}\"\ncache_ttl = \"{}s\"",
            files.path("secret"),
            30 + n / 2
        );
        let text = issuer("url", &from_url(NOWHERE, &cooldown), &introspection)
            + &issuer("file", &format!("jwks_file = \"{jwks}\""), "")
            + &format!("[revocation]\nfile = \"{list}\"\nrefresh = \"{}s\"\n", 30 + n / 2);
        files.settings(&text)
    };
    let mut running = Running::start(&settings(0));
    let mut sets = Vec::new();
    let mut alive = Vec::new();
    for n in 1..=100 {
        sets.extend(running.providers.key_sets().map(Arc::downgrade));
        running = running.next(&settings(n));
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        alive.push(tokio::runtime::Handle::current().metrics().num_alive_tasks());
    }
    let (early, late) = (alive.iter().take(20).max(), alive.iter().rev().take(20).max());
    assert_eq!(early, late, "{alive:?}");
    let left = sets.iter().filter(|set| set.strong_count() > 0).count();
    // Those of the last configuration may be in here, too.
    assert!(left <= 2, "{left} of {} key sets", sets.len());
}

fn one_key() -> String {
    let key = crate::jose::SigningKey::generate(crate::jose::Algorithm::EdDsa, Some("k")).unwrap();
    format!(r#"{{"keys":[{}]}}"#, key.public_jwk().unwrap().to_text())
}

fn certificate() -> String {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem()
}
