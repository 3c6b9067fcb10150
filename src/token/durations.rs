//! How long verdicts take, by algorithm and by whether the cache knew.

use std::time::Instant;

use prometheus::Histogram;

use crate::{
    jose::{Algorithm, AlgorithmSet},
    telemetry::Metrics,
};

/// The verification histogram's handles, by algorithm; none for algorithms that no issuer uses,
/// whose buckets would only fill the scrapes.
#[derive(Debug)]
pub(super) struct Durations {
    hit: Vec<Option<Histogram>>,
    miss: Vec<Option<Histogram>>,
}

impl Durations {
    pub(super) fn new(metrics: &Metrics, used: AlgorithmSet) -> Self {
        let handles = |cache: &str| {
            let handle = |alg: &Algorithm| {
                used.contains(*alg)
                    .then(|| metrics.verification.with_label_values(&[alg.name(), cache]))
            };
            Algorithm::ALL.iter().map(handle).collect()
        };
        Self { hit: handles("hit"), miss: handles("miss") }
    }

    pub(super) fn observe_hit(&self, algorithm: Algorithm, started: Instant) {
        observe(&self.hit, algorithm, started);
    }

    pub(super) fn observe_miss(&self, algorithm: Algorithm, started: Instant) {
        observe(&self.miss, algorithm, started);
    }
}

fn observe(handles: &[Option<Histogram>], algorithm: Algorithm, started: Instant) {
    if let Some(Some(histogram)) = handles.get(algorithm.index()) {
        histogram.observe(started.elapsed().as_secs_f64());
    }
}
