//! Gauges of what a configuration knows. Several configurations have the same series: the one in
//! force, one that a reload tries, and one that requests of before still use.

use std::fmt;

use parking_lot::Mutex;
use prometheus::core::{Atomic, GenericGauge, GenericGaugeVec};

/// A gauge that one configuration sets at any time, and that shows it only while that is in force:
/// there is no series before.
pub(crate) struct StateGauge<P: Atomic> {
    family: GenericGaugeVec<P>,
    labels: Vec<String>,
    state: Mutex<GaugeState<P>>,
}

struct GaugeState<P: Atomic> {
    value: P::T,
    /// `None`: it is not shown.
    series: Option<GenericGauge<P>>,
}

impl<P: Atomic> StateGauge<P> {
    /// A gauge that is not shown yet. The labels are those of `family`.
    pub(crate) fn new(family: &GenericGaugeVec<P>, labels: &[&str], value: P::T) -> Self {
        let labels = labels.iter().copied().map(str::to_owned).collect();
        let state = Mutex::new(GaugeState { value, series: None });
        Self { family: family.clone(), labels, state }
    }

    /// Sets the value.
    pub(crate) fn set(&self, value: P::T) {
        let mut state = self.state.lock();
        state.value = value;
        if let Some(series) = &state.series {
            series.set(value);
        }
    }

    /// Shows the value from now on.
    pub(crate) fn show(&self) {
        let mut state = self.state.lock();
        let series = self.family.with_label_values(&self.labels);
        series.set(state.value);
        state.series = Some(series);
    }

    /// Leaves the series as it is: to another gauge, or to be removed.
    pub(crate) fn hide(&self) {
        self.state.lock().series = None;
    }
}

impl<P: Atomic> fmt::Debug for StateGauge<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateGauge").field("labels", &self.labels).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl<P: Atomic> StateGauge<P> {
    /// What it was set to, shown or not.
    pub(crate) fn value(&self) -> P::T {
        self.state.lock().value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::MetricRegistry;

    #[test]
    fn only_the_gauge_that_is_shown_last_sets_the_series() {
        let metrics = MetricRegistry::default();
        let family = metrics.int_gauges("t_state", "A state.", &["name"]);
        let shown = || {
            let text = metrics.render();
            let line = text.lines().find(|line| line.starts_with("countersign_t_state{"));
            line.map(|line| line.rsplit_once(' ').unwrap().1.to_owned())
        };
        let [running, tried] = [1, 0].map(|value| StateGauge::new(&family, &["corp"], value));
        assert_eq!(shown(), None, "neither is in force");
        running.show();
        assert_eq!(shown().as_deref(), Some("1"));
        tried.set(7);
        assert_eq!(shown().as_deref(), Some("1"), "it is only tried");
        running.hide();
        tried.show();
        running.set(3);
        assert_eq!(shown().as_deref(), Some("7"));
        tried.set(8);
        assert_eq!(shown().as_deref(), Some("8"));
    }
}
