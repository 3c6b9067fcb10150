//! Any number of replicas that refresh the keys of one provider.

use std::{ops::Range, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    clock::Clock,
    keys::{
        KeyWait, LiveKeySet,
        refresher::KeyRefreshPlan,
        settings::{KeyOwner, KeySource},
        testing::{NOW, metrics, settings},
    },
    refresh::keep_fresh,
    telemetry::MetricRegistry,
    testing::fleet::VirtualClock,
};

use super::{of_ten::TOKENS_PER_SECOND, provider::Provider};

/// The refreshers of all replicas; they end with the value.
pub(super) struct Fleet {
    pub(super) provider: Arc<Provider>,
    pub(super) settings: KeyOwner,
    began: Instant,
    clock: Arc<dyn Clock>,
    metrics: MetricRegistry,
    replicas: Vec<Arc<LiveKeySet>>,
    refreshers: JoinSet<()>,
}

impl Fleet {
    /// Without replicas so far, and with the default settings.
    pub(super) fn new() -> Self {
        let url = KeySource::JwksUrl("https://idp.example.com/jwks".parse().unwrap());
        Self {
            provider: Provider::start("first"),
            settings: settings(url),
            began: Instant::now(),
            clock: Arc::new(VirtualClock::starting_at(NOW)),
            metrics: metrics(),
            replicas: Vec::new(),
            refreshers: JoinSet::new(),
        }
    }

    /// So many replicas, one after the other during that time from now on.
    pub(super) async fn start(&mut self, replicas: u32, within: Duration) {
        let from = Instant::now();
        for replica in 0..replicas {
            sleep_until(from + within * replica / replicas).await;
            self.start_one();
        }
    }

    fn start_one(&mut self) {
        let keys = LiveKeySet::new(&self.settings, Arc::clone(&self.clock), &self.metrics);
        let (keys, provider) = (Arc::new(keys), Arc::clone(&self.provider));
        let origin = move |_: &KeyOwner| provider.origin();
        let (settings, clock) = (self.settings.clone(), Arc::clone(&self.clock));
        let plan = KeyRefreshPlan::new(Arc::clone(&keys), settings, clock, origin);
        self.refreshers.spawn(keep_fresh(plan));
        self.replicas.push(keys);
    }

    /// Waits for the beginning of that second.
    pub(super) async fn until(&self, second: u64) {
        sleep_until(self.began + Duration::from_secs(second)).await;
    }

    /// How many replicas have usable keys.
    pub(super) fn with_keys(&self) -> usize {
        let now = self.clock.now();
        self.replicas.iter().filter(|keys| keys.current(now).is_some()).count()
    }

    /// Tokens of one key come to every replica: the first within a second from now on, each
    /// replica's at a time of its own, the others five a second. Returns when all of these seconds
    /// have passed, and how many tokens were of a key that was not found.
    pub(super) async fn tokens(&self, seconds: u64, kid: impl Fn(u64) -> String) -> usize {
        let (from, count) = (Instant::now(), u32::try_from(self.replicas.len()).unwrap());
        let kids: Arc<[String]> = (0..seconds * u64::from(TOKENS_PER_SECOND)).map(kid).collect();
        let mut clients = JoinSet::new();
        for (keys, place) in self.replicas.iter().zip(0..) {
            let (keys, kids) = (Arc::clone(keys), Arc::clone(&kids));
            let first = from + Duration::from_secs(1) * place / count;
            clients.spawn(async move {
                let mut unknown = 0;
                for (kid, turn) in kids.iter().zip(0..) {
                    sleep_until(first + Duration::from_secs(1) * turn / TOKENS_PER_SECOND).await;
                    unknown += usize::from(keys.refresh_for(kid).await != KeyWait::Refreshed);
                }
                unknown
            });
        }
        clients.join_all().await.into_iter().sum()
    }

    /// The fetches of these seconds.
    pub(super) fn fetches(&self, seconds: Range<u64>) -> u32 {
        self.provider.fetches.total(seconds)
    }
}
