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

use super::endpoint::{ReplicaLookup, Servers};

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
        let mut fleet = Self {
            servers: Servers::start(is_shared),
            clock: Arc::new(VirtualClock::starting_at(NOW)),
            replicas: Vec::new(),
            workers: JoinSet::new(),
        };
        let settings = settings("url = \"https://idp.test/introspect\"\nclient_id = \"api\"");
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

    /// One request a second for each replica, at any moment of it. A request is of any of these
    /// tokens, and comes to any replica.
    pub(super) async fn requests(&self, seconds: u64, tokens: usize) {
        let mut chance = Chance(1);
        let (from, count) = (Instant::now(), self.replicas.len());
        let interval = Duration::from_secs(1) / u32::try_from(count).unwrap();
        let mut requests = JoinSet::new();
        for turn in 0..u32::try_from(seconds).unwrap() * u32::try_from(count).unwrap() {
            sleep_until(from + interval * turn).await;
            let (replica, token) = (chance.below(count), chance.below(tokens));
            let replica = Arc::clone(&self.replicas[replica]);
            let now = self.clock.now();
            requests.spawn(async move { replica.introspect(token, now).await });
            while requests.try_join_next().is_some() {}
        }
        requests.join_all().await;
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

/// Pseudo-random numbers (xorshift): the same requests in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit
    }
}
