//! Replicas that share.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::support::{
    DEADLINE, NOW,
    proxy::metric_in,
    redis::{PASSWORD, RedisServer},
};
use countersign::{
    clock::{ManualClock, UnixTime},
    shared::{
        SharedKey, SharedKind, SharedStore,
        settings::{
            Integrity, NodeAddress, SharedAddress, SharedLayout, SharedSettings, UseSettings,
        },
    },
    telemetry::MetricRegistry,
};
use tokio::task::JoinHandle;

/// One replica. Its task ends with it.
pub(crate) struct Replica {
    pub(crate) store: SharedStore,
    pub(crate) clock: Arc<ManualClock>,
    metrics: MetricRegistry,
    task: JoinHandle<()>,
}

/// The files that settings name.
pub(crate) struct Files(tempfile::TempDir);

pub(crate) const TTL: Duration = Duration::from_mins(5);

/// Generous: these tests share the machine with others. `outages` has the tight ones.
const PATIENT: Duration = Duration::from_secs(1);

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("password", PASSWORD);
        files.write("key", "k".repeat(32));
        files
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn settings(&self, server: &RedisServer) -> SharedSettings {
        self.settings_of(SharedLayout::Server(local(server.port())))
    }

    pub(crate) fn settings_of(&self, layout: SharedLayout) -> SharedSettings {
        SharedSettings {
            address: SharedAddress { tls: false, layout, database: 0 },
            username: None,
            password_file: Some(self.0.path().join("password")),
            sentinel_password_file: None,
            ca_file: None,
            prefix: "cs-test".to_owned(),
            timeout: PATIENT,
            integrity: Integrity::KeyFile(self.0.path().join("key")),
            uses: UseSettings::default(),
        }
    }
}

impl Replica {
    /// Starts one, and does not wait for anything.
    pub(crate) fn start(settings: &SharedSettings) -> Self {
        let clock = Arc::new(ManualClock::at(UnixTime(NOW)));
        let metrics = MetricRegistry::default();
        let (store, supervisor) = SharedStore::new(settings, clock.clone(), &metrics).unwrap();
        store.show();
        let task = tokio::spawn(supervisor.run());
        Self { store, clock, metrics, task }
    }

    /// Starts one and waits until it is connected.
    pub(crate) async fn connected(settings: &SharedSettings) -> Self {
        let replica = Self::start(settings);
        replica.until_connected().await;
        replica
    }

    pub(crate) async fn until_connected(&self) {
        eventually("a connection", async || self.is_connected()).await;
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.metric("countersign_shared_connected") == 1
    }

    pub(crate) fn count(&self, operation: &str, outcome: &str) -> u64 {
        let labels = format!(r#"operation="{operation}",outcome="{outcome}""#);
        self.metric(&format!("countersign_shared_operations_total{{{labels}}}"))
    }

    fn metric(&self, series: &str) -> u64 {
        metric_in(&self.metrics.render(), series).map_or(0, |value| value.parse().unwrap())
    }

    /// Puts, and waits until it is there.
    pub(crate) async fn put(&self, key: &SharedKey, value: &[u8]) {
        let before = self.count("put", "done");
        self.store.set(key, value, TTL);
        eventually("the write", async || self.count("put", "done") > before).await;
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn local(port: u16) -> NodeAddress {
    NodeAddress { host: "127.0.0.1".to_owned(), port }
}

pub(crate) fn key(byte: u8) -> SharedKey {
    SharedKey::new(SharedKind::Introspection, [byte; 32])
}

/// Waits for a condition, and panics if it does not come true within the harness's deadline.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < until, "timed out waiting: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
