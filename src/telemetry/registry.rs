//! The registry that every room registers its metrics in. Labels come from the configuration and
//! from closed sets, never from a request (threats D-8).

mod description;
mod kinds;
mod removal;

use std::{
    any::Any,
    collections::BTreeMap,
    fmt::{self, Display},
    sync::Arc,
};

use parking_lot::Mutex;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder, core::Collector,
};

pub use description::{FamilyDescription, FamilyKind};
use removal::RemovableSeries;

use super::{exemplars::ScrapeCount, open_metrics, process::ProcessFigures};

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
    by_name: Mutex<BTreeMap<&'static str, RegisteredFamily>>,
    /// How often examples were shown.
    scrapes: ScrapeCount,
}

struct RegisteredFamily {
    collector: Box<dyn Any + Send>,
    /// The same.
    series: Box<dyn RemovableSeries>,
    /// Several of those of the process.
    descriptions: Vec<FamilyDescription>,
}

/// Of a family without labels that is only shown where its feature is configured. It has one
/// series, from when its room resolves it with these.
pub(crate) const NO_LABELS: &[&str] = &[];

/// Buckets for what waits for a disk or another server: from a local socket to the default response
/// deadline.
pub(crate) const WAIT_BUCKETS: &[f64] = &[
    2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// What `deploy/build-release` was run on.
pub(crate) const COMMIT: &str = match option_env!("COUNTERSIGN_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The cryptographic library, of which this is the only one.
const CRYPTO: &str = "aws-lc-rs";

impl fmt::Debug for RegisteredFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredFamily")
            .field("descriptions", &self.descriptions)
            .finish_non_exhaustive()
    }
}

impl Default for MetricRegistry {
    /// With what the process is and takes.
    fn default() -> Self {
        let metrics = Self(Arc::default());
        let opts = opts("build_info", "Constant 1, with what was built as labels.")
            .const_label("version", env!("CARGO_PKG_VERSION"))
            .const_label("commit", COMMIT)
            .const_label("crypto", CRYPTO);
        metrics.family("build_info", FamilyKind::Gauge, Gauge::with_opts(opts)).set(1.0);
        metrics.family("process", FamilyKind::Gauge, ProcessFigures::new());
        metrics
    }
}

impl MetricRegistry {
    pub(crate) fn counter(&self, name: &'static str, help: &str) -> IntCounter {
        self.family(name, FamilyKind::Counter, IntCounter::with_opts(opts(name, help)))
    }

    pub(crate) fn counters(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> IntCounterVec {
        self.family(name, FamilyKind::Counter, IntCounterVec::new(opts(name, help), labels))
    }

    pub(crate) fn gauges(&self, name: &'static str, help: &str, labels: &[&str]) -> GaugeVec {
        self.family(name, FamilyKind::Gauge, GaugeVec::new(opts(name, help), labels))
    }

    pub(crate) fn int_gauge(&self, name: &'static str, help: &str) -> IntGauge {
        self.family(name, FamilyKind::Gauge, IntGauge::with_opts(opts(name, help)))
    }

    pub(crate) fn int_gauges(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> IntGaugeVec {
        self.family(name, FamilyKind::Gauge, IntGaugeVec::new(opts(name, help), labels))
    }

    pub(crate) fn histograms(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
        self.family(name, FamilyKind::Histogram, HistogramVec::new(opts, labels))
    }

    /// Every family with its series, for exporters.
    #[cfg(feature = "otel")]
    pub fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.0.registry.gather()
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.0.registry.gather()).unwrap_or_default()
    }

    /// Everything in the `OpenMetrics` text format, with the ids of requests as examples.
    pub fn render_open_metrics(&self) -> String {
        self.0.scrapes.scraped();
        let families = self.0.registry.gather();
        open_metrics::encode(&families, &|name, labels, bucket| self.exemplar(name, labels, bucket))
    }

    /// Every family that is registered, by its name.
    pub fn families(&self) -> Vec<FamilyDescription> {
        let families = self.0.by_name.lock();
        let descriptions = families.values().flat_map(|family| &family.descriptions);
        let mut descriptions: Vec<_> = descriptions.cloned().collect();
        descriptions.sort_by(|one, other| one.name.cmp(&other.name));
        descriptions
    }

    /// The family of that name: the one that was registered before, or `made`.
    fn family<C>(&self, name: &'static str, kind: FamilyKind, made: prometheus::Result<C>) -> C
    where
        C: Collector + RemovableSeries + Clone + 'static,
    {
        let made = made.unwrap_or_else(|error| defect(name, &error));
        let mut families = self.0.by_name.lock();
        let Some(known) = families.get(name) else {
            let registered = self.0.registry.register(Box::new(made.clone()));
            registered.unwrap_or_else(|error| defect(name, &error));
            let descriptions = made.desc().into_iter();
            let descriptions = descriptions.map(|desc| FamilyDescription::of(desc, kind)).collect();
            let (collector, series) = (Box::new(made.clone()), Box::new(made.clone()));
            families.insert(name, RegisteredFamily { collector, series, descriptions });
            return made;
        };
        let known = known.collector.downcast_ref::<C>();
        let known = known.filter(|known| is_same_family(*known, &made));
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

/// What the names of all families begin with, but for those of the process.
const NAMESPACE: &str = "countersign";

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(NAMESPACE)
}

#[cfg(test)]
mod tests;
