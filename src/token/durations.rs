//! How long verdicts take, by algorithm and by whether the cache knew.

use std::time::Instant;

use prometheus::{Histogram, HistogramVec};

use crate::jose::{Algorithm, AlgorithmSet};

/// The verification histogram's handles, by algorithm; none for algorithms that no issuer uses,
/// whose buckets would only fill the scrapes.
#[derive(Debug)]
pub(super) struct Durations {
    hit: Vec<Option<Histogram>>,
    miss: Vec<Option<Histogram>>,
    introspection_hit: Histogram,
    introspection_miss: Histogram,
}

/// The algorithm's label where only introspection vouches for the token.
const INTROSPECTION: &str = "introspection";

impl Durations {
    pub(super) fn new(verification: &HistogramVec, used: AlgorithmSet) -> Self {
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
    verified: &[Option<Histogram>],
    introspection: &Histogram,
    algorithm: Option<Algorithm>,
    started: Instant,
) {
    let histogram = match algorithm {
        Some(algorithm) => verified.get(algorithm.index()).and_then(Option::as_ref),
        None => Some(introspection),
    };
    if let Some(histogram) = histogram {
        histogram.observe(started.elapsed().as_secs_f64());
    }
}
