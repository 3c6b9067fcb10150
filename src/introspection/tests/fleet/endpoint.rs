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
    pub(super) redis_reads: PerSecond,
    pub(super) redis_writes: PerSecond,
    /// Of every token.
    answer: Mutex<IntrospectionAnswer>,
    /// What replicas share, and until when it counts; `None` without a `[shared]`.
    shared: Option<Mutex<HashMap<Digest, SharedAnswer>>>,
}

type SharedAnswer = (IntrospectionAnswer, UnixTime);

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
            redis_reads: PerSecond::starting_now(),
            redis_writes: PerSecond::starting_now(),
            answer: Mutex::new(IntrospectionAnswer::Active(Object::default())),
            shared: is_shared.then(Mutex::default),
        })
    }

    /// From now on no token is active.
    pub(super) fn revoke(&self) {
        *self.answer.lock() = IntrospectionAnswer::Inactive;
    }

    fn shared(&self, token: &Digest, now: UnixTime) -> Option<SharedAnswer> {
        let shared = self.shared.as_ref()?;
        self.redis_reads.count();
        shared.lock().get(token).cloned().filter(|(_, until)| now < *until)
    }

    fn share(&self, token: Digest, answer: SharedAnswer) {
        if let Some(shared) = &self.shared {
            self.redis_writes.count();
            shared.lock().insert(token, answer);
        }
    }
}

impl Lookup for ReplicaLookup {
    type Key = Digest;
    type Request = ();
    type Response = IntrospectionAnswer;
    type Answer = Option<Statement>;
    type Error = IntrospectionError;

    async fn find_elsewhere(&self, token: &Digest, (): &()) -> Option<Option<Statement>> {
        let now = self.clock.now();
        let (answer, until) = self.servers.shared(token, now)?;
        Some(Some(self.memory.keep(token, answer, until, now).statement))
    }

    async fn send(&self, _: &Digest, (): &()) -> Result<IntrospectionAnswer, IntrospectionError> {
        self.servers.introspections.count();
        sleep(LATENCY).await;
        Ok(self.servers.answer.lock().clone())
    }

    fn responded(
        &self,
        token: &Digest,
        (): &(),
        response: IntrospectionAnswer,
    ) -> Option<Statement> {
        let now = self.clock.now();
        let kept = self.memory.keep(token, response.clone(), UnixTime(i64::MAX), now);
        self.servers.share(*token, (response, kept.until));
        Some(kept.statement)
    }

    fn failed(&self, _: &Digest, (): &(), _: &IntrospectionError) -> Option<Statement> {
        None
    }

    fn is_known(&self, token: &Digest) -> bool {
        self.memory.has_called_active(token)
    }
}
