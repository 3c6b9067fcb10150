//! A family of metrics whose series are kinds of our own.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;
use prometheus::{
    core::{Collector, Desc},
    proto::{LabelPair, Metric, MetricFamily, MetricType},
};

/// What one set of label values counts.
pub(crate) trait Series: Send + Sync + 'static {
    /// What the family is.
    const TYPE: MetricType;

    /// What a scrape shows of it; `labels` are the family's.
    fn show(&self, labels: Vec<LabelPair>) -> Vec<Metric>;
}

/// The series of one name, by the values of its labels. Cheap to clone.
#[derive(Debug)]
pub(crate) struct Family<S>(Arc<FamilySeries<S>>);

#[derive(Debug)]
struct FamilySeries<S> {
    desc: Desc,
    /// The labels that the series have themselves, such as the class of a status.
    own_labels: usize,
    series: RwLock<BTreeMap<Vec<String>, Arc<S>>>,
}

impl<S> Clone for Family<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Series> Family<S> {
    /// Of the labels that `desc` names, the series have the last `own_labels` themselves.
    pub(super) fn new(desc: Desc, own_labels: usize) -> Self {
        Self(Arc::new(FamilySeries { desc, own_labels, series: RwLock::default() }))
    }

    /// The series with these values of the labels. `make` makes it, where it is new.
    pub(super) fn find_or(&self, values: &[&str], make: impl FnOnce() -> S) -> Arc<S> {
        let values = values.iter().copied().map(str::to_owned).collect();
        let mut series = self.0.series.write();
        Arc::clone(series.entry(values).or_insert_with(|| Arc::new(make())))
    }

    /// Puts a series in the place of the one with these values.
    pub(super) fn replace(&self, values: &[&str], series: S) {
        let values = values.iter().copied().map(str::to_owned).collect();
        self.0.series.write().insert(values, Arc::new(series));
    }

    /// The series that has these labels, if there is one.
    pub(super) fn of_labels(&self, labels: &[LabelPair]) -> Option<Arc<S>> {
        // A scrape shows labels by their names.
        let value = |name: &String| {
            let label = labels.iter().find(|label| label.name() == name);
            label.map(|label| label.value().to_owned())
        };
        let values: Vec<_> = self.names().iter().filter_map(value).collect();
        self.0.series.read().get(&values).cloned()
    }

    /// Removes the series with such labels.
    pub(super) fn remove_where(&self, is_removed: &dyn Fn(&[LabelPair]) -> bool) {
        let mut series = self.0.series.write();
        let removed = series.extract_if(.., |values, _| is_removed(&self.labels(values)));
        let removed: Vec<_> = removed.collect();
        // What a series reads is dropped with it, which may take time.
        drop(series);
        drop(removed);
    }

    /// The names of the labels by whose values the series differ.
    pub(super) fn names(&self) -> &[String] {
        let names = &self.0.desc.variable_labels;
        let own = names.len().saturating_sub(self.0.own_labels);
        names.get(..own).unwrap_or_default()
    }

    fn labels(&self, values: &[String]) -> Vec<LabelPair> {
        self.names().iter().zip(values).map(|(name, value)| label(name, value)).collect()
    }
}

impl<S: Series> Collector for Family<S> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let series = self.0.series.read();
        let shown = series.iter().flat_map(|(values, series)| series.show(self.labels(values)));
        let mut shown: Vec<_> = shown.collect();
        for metric in &mut shown {
            metric.mut_label().sort_by(|one, other| one.name().cmp(other.name()));
        }
        let mut family = MetricFamily::default();
        family.set_name(self.0.desc.fq_name.clone());
        family.set_help(self.0.desc.help.clone());
        family.set_field_type(S::TYPE);
        family.set_metric(shown);
        vec![family]
    }
}

/// A label and its value.
pub(super) fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}
