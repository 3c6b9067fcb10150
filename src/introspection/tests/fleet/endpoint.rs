//! An introspection endpoint and a shared store that count, for any number of replicas.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::time::sleep;

use crate::{
    clock::{Clock, UnixTime},
    introspection::{
        IntrospectionError, Statement,
        answer::IntrospectionAnswer,
        memory::{Digest, Memory},
    },
    json::Object,
    lookup::Lookup,
    testing::fleet::{LATENCY, PerSecond},
};

/// What all replicas ask.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) introspections: PerSecond,
    /// Reads and writes.
    pub(super) redis: PerSecond,
    /// What replicas share; `None` without a `[shared]`.
    shared: Option<Mutex<HashMap<Digest, UnixTime>>>,
}

/// The lookup of one replica. As a `TokenLookup`, with servers that take no sockets.
#[derive(Debug)]
pub(super) struct ReplicaLookup {
    pub(super) servers: Arc<Servers>,
    pub(super) memory: Arc<Memory>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Servers {
    pub(super) fn start(is_shared: bool) -> Arc<Self> {
        Arc::new(Self {
            introspections: PerSecond::starting_now(),
            redis: PerSecond::starting_now(),
            shared: is_shared.then(Mutex::default),
        })
    }
}

impl Lookup for ReplicaLookup {
    type Key = Digest;
    type Request = ();
    type Response = IntrospectionAnswer;
    type Answer = Option<Statement>;
    type Error = IntrospectionError;

    async fn find_elsewhere(&self, token: &Digest, (): &()) -> Option<Option<Statement>> {
        let shared = self.servers.shared.as_ref()?;
        self.servers.redis.count();
        let now = self.clock.now();
        let until = shared.lock().get(token).copied().filter(|until| now < *until)?;
        Some(Some(self.memory.keep(token, active(), until, now).statement))
    }

    async fn send(&self, _: &Digest, (): &()) -> Result<IntrospectionAnswer, IntrospectionError> {
        self.servers.introspections.count();
        sleep(LATENCY).await;
        Ok(active())
    }

    fn responded(
        &self,
        token: &Digest,
        (): &(),
        response: IntrospectionAnswer,
    ) -> Option<Statement> {
        let kept = self.memory.keep(token, response, UnixTime(i64::MAX), self.clock.now());
        if let Some(shared) = &self.servers.shared {
            self.servers.redis.count();
            shared.lock().insert(*token, kept.until);
        }
        Some(kept.statement)
    }

    fn failed(&self, _: &Digest, (): &(), _: &IntrospectionError) -> Option<Statement> {
        None
    }

    fn is_known(&self, token: &Digest) -> bool {
        self.memory.has_called_active(token)
    }
}

fn active() -> IntrospectionAnswer {
    IntrospectionAnswer::Active(Object::default())
}
