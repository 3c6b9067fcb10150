//! What is said of a family in `docs/metrics.md`.

use prometheus::core::Desc;

/// A family of metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyDescription {
    /// The whole name.
    pub name: String,
    /// What it is.
    pub kind: FamilyKind,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// What it shows.
    pub help: String,
}

/// What a family of metrics is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// Never decreases, but with a restart.
    Counter,
    /// What is true at the moment.
    Gauge,
    /// How many were how large.
    Histogram,
}

impl FamilyDescription {
    pub(super) fn of(desc: &Desc, kind: FamilyKind) -> Self {
        let constant = desc.const_label_pairs.iter().map(|label| label.name().to_owned());
        let kind = if desc.fq_name.ends_with("_total") { FamilyKind::Counter } else { kind };
        Self {
            name: desc.fq_name.clone(),
            kind,
            labels: constant.chain(desc.variable_labels.iter().cloned()).collect(),
            help: desc.help.clone(),
        }
    }

    /// The unit of its values, which its name ends with; `None`: it counts something.
    pub fn unit(&self) -> Option<&'static str> {
        let name = self.name.strip_suffix("_total").unwrap_or(&self.name);
        if name.ends_with("_timestamp_seconds") || name == "process_start_time_seconds" {
            return Some("Unix time, seconds");
        }
        let is_unit = |unit: &&str| name.ends_with(&format!("_{unit}"));
        ["seconds", "bytes"].into_iter().find(is_unit)
    }
}

impl FamilyKind {
    /// Its name in both text formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}
