//! Any number of replicas that introspect, and the requests that come to them.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    clock::{Clock, UnixTime},
    introspection::{
        memory::{Digest, Memory},
        shared_answers::tests::settings,
    },
    lookup::{LookupLimits, LookupWorker, Lookups},
    testing::fleet::VirtualClock,
};

use super::{
    endpoint::{ReplicaLookup, Servers},
    scenes::{AT_ONCE, Arrival, Counts, Step, usual_load},
};

/// The lookups of all replicas; their workers end with the value.
pub(super) struct Fleet {
    pub(super) servers: Arc<Servers>,
    clock: Arc<dyn Clock>,
    replicas: Vec<Arc<Replica>>,
    workers: JoinSet<()>,
}

struct Replica {
    lookups: Lookups<ReplicaLookup>,
    memory: Arc<Memory>,
}

const NOW: UnixTime = UnixTime(1_900_000_000);

impl Fleet {
    /// With the default settings.
    pub(super) fn start(replicas: u32, is_shared: bool) -> Self {
        Self::start_with(replicas, is_shared, "")
    }

    /// With further lines of `[issuers.NAME.introspection]`.
    pub(super) fn start_with(replicas: u32, is_shared: bool, lines: &str) -> Self {
        let mut fleet = Self {
            servers: Servers::start(is_shared),
            clock: Arc::new(VirtualClock::starting_at(NOW)),
            replicas: Vec::new(),
            workers: JoinSet::new(),
        };
        let endpoint = "url = \"https://idp.test/introspect\"\nclient_id = \"api\"";
        let settings = settings(&format!("{endpoint}\n{lines}"));
        for _ in 0..replicas {
            let (lookups, queue) = Lookups::new(LookupLimits {
                concurrency: settings.client.concurrency,
                timeout: settings.client.timeout,
                elsewhere: Duration::from_millis(100),
            });
            let memory = Arc::new(Memory::new([0; 32], &settings));
            let lookup = ReplicaLookup {
                servers: Arc::clone(&fleet.servers),
                memory: Arc::clone(&memory),
                clock: Arc::clone(&fleet.clock),
            };
            fleet.workers.spawn(LookupWorker::new(lookup, queue).run());
            fleet.replicas.push(Arc::new(Replica { lookups, memory }));
        }
        fleet
    }

    /// One request a second for each replica, at any moment of it.
    pub(super) async fn requests(&self, seconds: u64, tokens: usize) {
        let (from, count) = (Instant::now(), self.replicas.len());
        let interval = Duration::from_secs(1) / u32::try_from(count).unwrap();
        let all = u32::try_from(seconds).unwrap() * u32::try_from(count).unwrap();
        let mut requests = JoinSet::new();
        for (turn, arrival) in (0..all).zip(usual_load(count, tokens)) {
            sleep_until(from + interval * turn).await;
            requests.spawn(self.introspect(arrival));
            while requests.try_join_next().is_some() {}
        }
        requests.join_all().await;
    }

    pub(super) async fn take(&self, step: Step) {
        match step {
            Step::Send(arrival) => self.introspect(arrival).await,
            Step::SendToAllAtOnce(token) => {
                let replicas = (0..self.replicas.len()).cycle();
                let arrivals = replicas.map(|replica| Arrival { replica, token });
                let requests = arrivals.take(self.replicas.len() * AT_ONCE);
                requests
                    .map(|arrival| self.introspect(arrival))
                    .collect::<JoinSet<_>>()
                    .join_all()
                    .await;
            }
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            introspections: self.servers.introspections.so_far(),
            reads: self.servers.redis_reads.so_far(),
            writes: self.servers.redis_writes.so_far(),
        }
    }

    fn introspect(&self, arrival: Arrival) -> impl Future<Output = ()> + Send + use<> {
        let (replica, now) = (Arc::clone(&self.replicas[arrival.replica]), self.clock.now());
        async move { replica.introspect(arrival.token, now).await }
    }
}

impl Replica {
    /// As an `Introspector` does it.
    async fn introspect(&self, token: usize, now: UnixTime) {
        let mut digest = Digest::default();
        digest[..8].copy_from_slice(&token.to_be_bytes());
        if self.memory.find(&digest, now).is_some() {
            return;
        }
        let cached = || self.memory.find(&digest, now).map(Some);
        let found = self.lookups.find(digest, || (), cached).await;
        assert!(matches!(found, Ok(Some(_))), "no answer");
    }
}
