//! The limits of one route.

use std::sync::Arc;

use super::{
    LimitPermit, LimitSubject, LimitTables, Limited, Metrics, limiter::Limiter,
    settings::CallerLimitSettings,
};
use crate::{
    policy::ids::{LimitId, PerLimit},
    shared::SharedStore,
    telemetry::MetricRegistry,
};

/// Every limit of a configuration, compiled.
#[derive(Debug)]
pub(crate) struct Limiters(PerLimit<Arc<Limiter>>);

/// The limits of one route. All of them have to let a request pass; one that is refused costs the
/// caller nothing of the others, but of those that replicas share.
#[derive(Debug)]
pub struct RouteLimits {
    /// Decided as soon as the token is verified.
    early: LimitSequence,
    /// Decided once the signature is verified.
    late: LimitSequence,
}

/// Limits in the order in which they are asked: those that need no other replica come first.
#[derive(Debug, Default)]
struct LimitSequence {
    here: Vec<Arc<Limiter>>,
    shared: Vec<Arc<Limiter>>,
}

impl Limiters {
    pub(crate) fn compile(
        settings: &PerLimit<CallerLimitSettings>,
        tables: &LimitTables,
        shared: &SharedStore,
        metrics: &MetricRegistry,
    ) -> Self {
        let metrics = Metrics::register(metrics);
        let compile = |limit| Arc::new(Limiter::compile(limit, tables, shared, &metrics));
        Self(settings.map(compile))
    }

    /// Those of one route; `None` if it has none.
    pub(crate) fn of_route(&self, limits: &[LimitId]) -> Option<Box<RouteLimits>> {
        let (mut early, mut late) = (LimitSequence::default(), LimitSequence::default());
        for limiter in limits.iter().map(|limit| self.0.get(*limit)) {
            let sequence = if limiter.needs_signature() { &mut late } else { &mut early };
            sequence.add(limiter);
        }
        (!limits.is_empty()).then(|| Box::new(RouteLimits { early, late }))
    }
}

impl RouteLimits {
    /// Decides on a request in whose name it is known who sends it.
    ///
    /// # Errors
    /// The first limit that does not let it pass.
    pub async fn check(&self, subject: &LimitSubject<'_>) -> Result<LimitPermit, Limited> {
        self.early.check(subject).await
    }

    /// Whether there are limits by the signer.
    pub fn has_signer(&self) -> bool {
        !self.late.is_empty()
    }

    /// Decides on a request whose signer is known as well.
    ///
    /// # Errors
    /// The first limit that does not let it pass.
    pub async fn check_signed(&self, subject: &LimitSubject<'_>) -> Result<LimitPermit, Limited> {
        self.late.check(subject).await
    }
}

impl LimitSequence {
    fn add(&mut self, limiter: &Arc<Limiter>) {
        let list = if limiter.is_shared() { &mut self.shared } else { &mut self.here };
        list.push(Arc::clone(limiter));
    }

    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.shared.is_empty()
    }

    async fn check(&self, subject: &LimitSubject<'_>) -> Result<LimitPermit, Limited> {
        let mut permit = LimitPermit::default();
        let refunding = |limited, permit: &LimitPermit| {
            permit.refund();
            limited
        };
        for limiter in &self.here {
            let checked = limiter.check_here(subject, &mut permit);
            checked.map_err(|limited| refunding(limited, &permit))?;
        }
        for limiter in &self.shared {
            let checked = limiter.check(subject, &mut permit).await;
            checked.map_err(|limited| refunding(limited, &permit))?;
        }
        Ok(permit)
    }
}
