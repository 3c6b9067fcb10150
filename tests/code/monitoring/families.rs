//! The series that a scrape of the program has, and those that rules record.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::Expression;

/// Every family with one series, as its unit test compares it.
const EVERY_FAMILY: &str = include_str!("../../../src/lifecycle/metrics/every_family.prom");
/// What Prometheus adds to every series.
const OF_THE_TARGET: [&str; 2] = ["job", "instance"];

/// By the names of series: `_bucket`, `_sum` and `_count` of a histogram are three.
pub(super) struct Families(BTreeMap<String, SeriesLabels>);

/// The labels of a name, and the values of `le`.
#[derive(Default)]
pub(super) struct SeriesLabels {
    names: BTreeSet<String>,
    bounds: BTreeSet<String>,
}

impl Families {
    pub(super) fn of_the_program() -> Self {
        let mut families = Self(BTreeMap::new());
        for line in EVERY_FAMILY.lines().filter(|line| !line.starts_with('#')) {
            let (series, _value) = line.rsplit_once(' ').unwrap();
            let selector = Expression::parse(series).selectors.pop().unwrap();
            let family = families.0.entry(selector.name).or_default();
            for (label, value) in selector.matchers {
                if label == "le" {
                    family.bounds.insert(value);
                }
                family.names.insert(label);
            }
        }
        families.add_recorded("up", &[]);
        for family in families.0.values_mut() {
            family.names.extend(OF_THE_TARGET.map(str::to_owned));
        }
        families
    }

    pub(super) fn add_recorded(&mut self, name: &str, labels: &[&str]) {
        let names = labels.iter().map(|&label| label.to_owned()).collect();
        self.0.insert(name.to_owned(), SeriesLabels { names, bounds: BTreeSet::new() });
    }

    pub(super) fn find(&self, name: &str) -> Option<&SeriesLabels> {
        self.0.get(name)
    }
}

impl SeriesLabels {
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn has_label(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether a bucket with this `le` can exist. Other labels have any value.
    pub(super) fn has_bound(&self, label: &str, value: &str) -> bool {
        label != "le" || self.bounds.contains(value)
    }
}
