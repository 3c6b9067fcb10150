//! A source whose answers the test dictates, under a refresher with paused time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinHandle, time::sleep};

use crate::{
    clock::ManualClock,
    keys::{
        KeyError, LiveKeySet,
        refresher::KeyRefreshPlan,
        settings::{KeyOwner, KeySource},
        source::{KeySetContent, KeySetReading, Origin},
    },
    refresh::keep_fresh,
    telemetry::MetricRegistry,
};

use super::{clock, jwks, metrics, set, settings};

/// The source's next result.
#[derive(Debug, Clone)]
pub(in crate::keys) enum ScriptedRead {
    Keys(Vec<String>),
    NotModified,
    Fails(KeyError),
    /// Not at all.
    Panics,
}

/// A running refresher of one issuer, its source, its clock and its metrics.
pub(in crate::keys) struct Rig {
    pub(in crate::keys) keys: Arc<LiveKeySet>,
    pub(in crate::keys) clock: Arc<ManualClock>,
    pub(in crate::keys) metrics: MetricRegistry,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

struct Script {
    next_read: Mutex<ScriptedRead>,
    takes: Mutex<Duration>,
    max_age: Mutex<Option<Duration>>,
    reads: AtomicUsize,
}

impl Rig {
    /// A refresher that runs with the settings changed as wanted, from this first answer on.
    pub(in crate::keys) fn start(
        next_read: ScriptedRead,
        change: impl FnOnce(&mut KeyOwner),
    ) -> Self {
        let url = KeySource::JwksUrl("https://idp.example.com/jwks".parse().unwrap());
        let mut settings = settings(url);
        change(&mut settings);
        let (clock, metrics) = (clock(), metrics());
        let keys = Arc::new(LiveKeySet::new(&settings, clock.clone(), &metrics));
        keys.show();
        let script = Arc::new(Script {
            next_read: Mutex::new(next_read),
            takes: Mutex::default(),
            max_age: Mutex::default(),
            reads: AtomicUsize::new(0),
        });
        let source = Arc::clone(&script);
        let origin = move |_: &KeyOwner| Scripted(Arc::clone(&source));
        let plan = KeyRefreshPlan::new(Arc::clone(&keys), settings, clock.clone(), origin);
        let task = tokio::spawn(keep_fresh(plan));
        Self { keys, clock, metrics, script, task }
    }

    pub(in crate::keys) fn say(&self, next_read: ScriptedRead) {
        *self.script.next_read.lock().unwrap() = next_read;
    }

    /// From now on an answer takes that long.
    pub(in crate::keys) fn take(&self, time: Duration) {
        *self.script.takes.lock().unwrap() = time;
    }

    pub(in crate::keys) fn max_age(&self, age: Duration) {
        *self.script.max_age.lock().unwrap() = Some(age);
    }

    /// How often the source was read.
    pub(in crate::keys) fn reads(&self) -> usize {
        self.script.reads.load(Ordering::SeqCst)
    }

    /// Lets both clocks go on, a second at a time, and all tasks do what is due.
    pub(in crate::keys) async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(1);
            sleep(Duration::from_secs(1)).await;
        }
        self.settle().await;
    }

    /// Lets all tasks do what is due at this moment.
    pub(in crate::keys) async fn settle(&self) {
        sleep(Duration::from_millis(1)).await;
    }

    /// The `kid`s of the set in use, `None` if there is none.
    pub(in crate::keys) fn kids(&self) -> Option<Vec<String>> {
        use crate::clock::Clock;
        let set = self.keys.current(self.clock.now())?;
        let kids = set.keys().iter().map(|key| key.kid().unwrap_or("-").to_owned());
        Some(kids.collect())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Scripted(Arc<Script>);

impl Origin for Scripted {
    async fn read(&mut self) -> Result<KeySetReading, KeyError> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        let takes = *self.0.takes.lock().unwrap();
        if !takes.is_zero() {
            sleep(takes).await;
        }
        let next_read = self.0.next_read.lock().unwrap().clone();
        let content = match next_read {
            ScriptedRead::Keys(keys) => {
                Some(KeySetContent { keys: set(&keys), document: Some(jwks(&keys).into()) })
            }
            ScriptedRead::NotModified => None,
            ScriptedRead::Fails(error) => return Err(error),
            ScriptedRead::Panics => panic!("as the script says"),
        };
        let max_age = *self.0.max_age.lock().unwrap();
        Ok(KeySetReading { content, max_age })
    }

    async fn has_changed(&mut self) -> bool {
        false
    }
}
