//! One limit, compiled.

use std::sync::Arc;

use super::{
    LimitAnswer, LimitPermit, LimitSubject, LimitTables, Limited, Metrics,
    answer::LimitPolicy,
    gcra::Gcra,
    key::{KeyDigest, KeyRule, KeyedBy},
    metrics::LimitCounters,
    permit::LimitGrant,
    settings::CallerLimitSettings,
    share::{SharedRate, SharedTaken},
    table::{BucketState, Demand, TableRefusal},
    tables::LimitTable,
};
use crate::{reason::Reason, shared::SharedStore};

/// One limit.
#[derive(Debug)]
pub(super) struct Limiter {
    name: Arc<str>,
    key: KeyRule,
    rate: Option<Gcra>,
    concurrency: Option<u32>,
    /// Where the rate is that of all replicas.
    shared: Option<SharedRate>,
    table: Arc<LimitTable>,
    policy: LimitPolicy,
    /// Whether answers that pass tell of it.
    tells: bool,
    counters: LimitCounters,
}

/// Where the bucket of a caller is.
#[derive(Debug, Clone, Copy)]
struct BucketPlace {
    key: KeyDigest,
    keyed_by: KeyedBy,
}

impl Limiter {
    pub(super) fn compile(
        settings: &CallerLimitSettings,
        tables: &LimitTables,
        shared: &SharedStore,
        metrics: &Metrics,
    ) -> Self {
        let name: Arc<str> = settings.name.as_str().into();
        let rate = settings.rate.map(|rate| rate.rule(settings.burst));
        let of_replicas = rate.filter(|_| settings.shared && shared.is_configured());
        let shared = of_replicas.map(|rate| SharedRate::new(rate, shared));
        let rate_here = shared.as_ref().map(SharedRate::local).or(rate);
        Self {
            key: KeyRule::new(settings.key.clone()),
            rate,
            concurrency: settings.concurrency,
            shared,
            table: tables.of_limit(settings, rate_here, metrics),
            policy: LimitPolicy::new(&name, rate, settings.concurrency),
            tells: settings.headers,
            counters: metrics.of_limit(&name),
            name,
        }
    }

    /// Whether its key is known only once the signature is verified.
    pub(super) fn needs_signature(&self) -> bool {
        self.key.has_signer()
    }

    /// Whether other replicas have a part in its decision, so that it has to be waited for.
    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Decides on a request by what this process knows, and adds to the permit what it grants.
    pub(super) fn check_here(
        &self,
        subject: &LimitSubject<'_>,
        permit: &mut LimitPermit,
    ) -> Result<(), Limited> {
        let caller = self.caller(subject);
        let demand = Demand { rate: self.rate, concurrency: self.concurrency };
        let standing = self.take(caller, demand)?;
        permit.add(Some(self.grant(caller, demand)), self.told(standing));
        Ok(())
    }

    /// Decides together with the other replicas.
    pub(super) async fn check_shared(
        &self,
        shared: &SharedRate,
        subject: &LimitSubject<'_>,
        permit: &mut LimitPermit,
    ) -> Result<(), Limited> {
        let caller = self.caller(subject);
        // Dropped where the rate refuses, which gives the place back.
        let place = match self.concurrency {
            Some(_) => {
                let demand = Demand { rate: None, concurrency: self.concurrency };
                self.take(caller, demand)?;
                Some(self.grant(caller, demand))
            }
            None => None,
        };
        let digest = self.key.shared_digest(&self.name, subject);
        let standing = match shared.take(digest).await {
            SharedTaken::Passed(standing) => standing,
            SharedTaken::Refused(wait) => {
                return Err(self.refused(caller, TableRefusal::Rate(wait)));
            }
            SharedTaken::Local(rate) => {
                self.counters.local.inc();
                let demand = Demand { rate: Some(rate), concurrency: None };
                let standing = self.take(caller, demand)?;
                permit.add(Some(self.grant(caller, demand)), LimitAnswer::default());
                standing
            }
            SharedTaken::Unavailable => {
                let answer = LimitAnswer::default();
                return Err(self.limited(caller, Reason::LimitUnavailable, answer));
            }
        };
        permit.add(place, self.told(standing));
        Ok(())
    }

    /// Decides, whichever it takes.
    pub(super) async fn check(
        &self,
        subject: &LimitSubject<'_>,
        permit: &mut LimitPermit,
    ) -> Result<(), Limited> {
        match &self.shared {
            Some(shared) => self.check_shared(shared, subject, permit).await,
            None => self.check_here(subject, permit),
        }
    }

    fn caller(&self, subject: &LimitSubject<'_>) -> BucketPlace {
        let (key, keyed_by) = self.table.find(&self.key, subject);
        BucketPlace { key, keyed_by }
    }

    fn take(&self, caller: BucketPlace, demand: Demand) -> Result<BucketState, Limited> {
        let buckets = self.table.buckets(caller.keyed_by);
        let taken = buckets.take(caller.key, demand, buckets.now());
        taken.map_err(|refusal| self.refused(caller, refusal))
    }

    fn grant(&self, caller: BucketPlace, demand: Demand) -> LimitGrant {
        LimitGrant {
            table: Arc::clone(&self.table),
            key: caller.key,
            keyed_by: caller.keyed_by,
            rate: demand.rate,
            is_in_flight: demand.concurrency.is_some(),
        }
    }

    fn told(&self, BucketState { remaining, full_in }: BucketState) -> LimitAnswer {
        if self.tells { self.policy.passed(remaining, full_in) } else { LimitAnswer::default() }
    }

    #[cold]
    fn refused(&self, caller: BucketPlace, refusal: TableRefusal) -> Limited {
        let (reason, answer) = match refusal {
            TableRefusal::Rate(wait) => (Reason::RateLimited, self.policy.refused(wait)),
            TableRefusal::Concurrency => (Reason::ConcurrencyLimited, self.policy.crowded()),
            TableRefusal::Full => (Reason::LimitTableFull, LimitAnswer::default()),
        };
        self.limited(caller, reason, answer)
    }

    fn limited(&self, caller: BucketPlace, reason: Reason, answer: LimitAnswer) -> Limited {
        self.counters.limited.inc();
        Limited { reason, limit: Arc::clone(&self.name), caller: caller.key.to_string(), answer }
    }
}
