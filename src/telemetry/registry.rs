//! The registry that every room registers its metrics in. Labels come from the configuration and
//! from closed sets, never from a request (threats D-8).

use std::{any::Any, collections::BTreeMap, fmt::Display, sync::Arc};

use parking_lot::Mutex;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, PullingGauge, Registry, TextEncoder, core::Collector,
};

/// The metrics of one process. Cheap to clone.
///
/// A family that is registered again is the existing one: a reload compiles a configuration while
/// another one still counts, and two issuers share a family.
///
/// Nothing here can fail but for a defect of the code: a name that Prometheus does not allow, or
/// one that stands for two families. That panics. Names and labels are constants, and every start
/// registers all of them before it serves anything, so that no configuration and no request can
/// cause it. A metric that silently counts nothing would be found much later.
#[derive(Debug, Clone)]
pub struct MetricRegistry(Arc<Families>);

#[derive(Debug, Default)]
struct Families {
    /// What is rendered.
    registry: Registry,
    /// The collectors of the registry, which does not give them back.
    families: Mutex<BTreeMap<&'static str, Box<dyn Any + Send>>>,
}

/// Buckets for what waits for a disk or another server: from a local socket to the default response
/// deadline.
pub(crate) const WAIT_BUCKETS: &[f64] = &[
    2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

impl Default for MetricRegistry {
    /// With nothing but the version.
    fn default() -> Self {
        let metrics = Self(Arc::default());
        let opts = opts("build_info", "Constant 1, with the version as a label.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        metrics.family("build_info", Gauge::with_opts(opts)).set(1.0);
        metrics
    }
}

impl MetricRegistry {
    pub(crate) fn counter(&self, name: &'static str, help: &str) -> IntCounter {
        self.family(name, IntCounter::with_opts(opts(name, help)))
    }

    pub(crate) fn counters(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> IntCounterVec {
        self.family(name, IntCounterVec::new(opts(name, help), labels))
    }

    pub(crate) fn gauges(&self, name: &'static str, help: &str, labels: &[&str]) -> GaugeVec {
        self.family(name, GaugeVec::new(opts(name, help), labels))
    }

    pub(crate) fn int_gauge(&self, name: &'static str, help: &str) -> IntGauge {
        self.family(name, IntGauge::with_opts(opts(name, help)))
    }

    pub(crate) fn int_gauges(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> IntGaugeVec {
        self.family(name, IntGaugeVec::new(opts(name, help), labels))
    }

    pub(crate) fn histogram(&self, name: &'static str, help: &str, buckets: &[f64]) -> Histogram {
        let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
        self.family(name, Histogram::with_opts(opts))
    }

    pub(crate) fn histograms(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
        self.family(name, HistogramVec::new(opts, labels))
    }

    /// Shows how many log lines were dropped, read at every scrape. The first source counts.
    pub fn watch_dropped_log_lines(&self, dropped: impl Fn() -> usize + Send + Sync + 'static) {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ lines")]
        let gauge = PullingGauge::new(
            "countersign_log_lines_dropped",
            "Log lines that were not written because they came too fast.",
            Box::new(move || dropped() as f64),
        );
        self.family("log_lines_dropped", gauge);
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.0.registry.gather()).unwrap_or_default()
    }

    /// The family of that name: the one that was registered before, or `made`.
    fn family<C>(&self, name: &'static str, made: prometheus::Result<C>) -> C
    where
        C: Collector + Clone + 'static,
    {
        let made = made.unwrap_or_else(|error| defect(name, &error));
        let mut families = self.0.families.lock();
        let Some(known) = families.get(name) else {
            let registered = self.0.registry.register(Box::new(made.clone()));
            registered.unwrap_or_else(|error| defect(name, &error));
            families.insert(name, Box::new(made.clone()));
            return made;
        };
        let known = known.downcast_ref::<C>().filter(|known| is_same_family(*known, &made));
        known.cloned().unwrap_or_else(|| defect(name, &"it stands for two families"))
    }
}

/// Whether two collectors of one kind and name have the same labels and the same help.
fn is_same_family(one: &impl Collector, other: &impl Collector) -> bool {
    let dimensions = |desc: &&prometheus::core::Desc| desc.dim_hash;
    one.desc().iter().map(dimensions).eq(other.desc().iter().map(dimensions))
}

fn defect(name: &str, cause: &dyn Display) -> ! {
    unreachable!("the metric {name} can't be registered: {cause}")
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("countersign")
}

#[cfg(test)]
mod tests;
