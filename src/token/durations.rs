//! How long verdicts take, by algorithm and by whether the cache knew.

use std::{sync::Arc, time::Instant};

use crate::{
    jose::{Algorithm, AlgorithmSet},
    telemetry::{DurationHistogram, DurationHistograms},
};

/// The verification histogram's handles, by algorithm; none for algorithms that no issuer uses,
/// whose buckets would only fill the scrapes.
#[derive(Debug)]
pub(super) struct Durations {
    hit: Vec<Option<Arc<DurationHistogram>>>,
    miss: Vec<Option<Arc<DurationHistogram>>>,
    introspection_hit: Arc<DurationHistogram>,
    introspection_miss: Arc<DurationHistogram>,
}

/// The algorithm's label where only introspection vouches for the token.
const INTROSPECTION: &str = "introspection";

impl Durations {
    pub(super) fn new(verification: &DurationHistograms, used: AlgorithmSet) -> Self {
        let handles = |cache: &str| {
            let handle = |alg: &Algorithm| {
                used.contains(*alg).then(|| verification.with_label_values(&[alg.name(), cache]))
            };
            Algorithm::ALL.iter().map(handle).collect()
        };
        let introspection = |cache: &str| verification.with_label_values(&[INTROSPECTION, cache]);
        Self {
            hit: handles("hit"),
            miss: handles("miss"),
            introspection_hit: introspection("hit"),
            introspection_miss: introspection("miss"),
        }
    }

    /// `algorithm`: of the signature; `None` where there is none.
    pub(super) fn observe_hit(&self, algorithm: Option<Algorithm>, started: Instant) {
        observe(&self.hit, &self.introspection_hit, algorithm, started);
    }

    /// `algorithm`: of the signature; `None` where there is none.
    pub(super) fn observe_miss(&self, algorithm: Option<Algorithm>, started: Instant) {
        observe(&self.miss, &self.introspection_miss, algorithm, started);
    }
}

fn observe(
    verified: &[Option<Arc<DurationHistogram>>],
    introspection: &DurationHistogram,
    algorithm: Option<Algorithm>,
    started: Instant,
) {
    let histogram = match algorithm {
        Some(algorithm) => verified.get(algorithm.index()).and_then(Option::as_deref),
        None => Some(introspection),
    };
    if let Some(histogram) = histogram {
        histogram.observe(started.elapsed());
    }
}
