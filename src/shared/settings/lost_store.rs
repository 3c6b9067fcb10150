//! What counts while the shared store can't be reached: the operator's choice for each use.

use crate::config::{
    reader::Section,
    values::{count, keyword},
    writer::Writer,
};

pub(crate) mod key {
    pub(crate) const REPLAY: &str = "replay";
    pub(crate) const LIMITS: &str = "limits";
    pub(crate) const ON_FAILURE: &str = "on_failure";
    pub(crate) const REPLICAS: &str = "replicas";
}

/// What a replica does while the store can't be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LostStore {
    /// It decides by what it knows itself.
    #[default]
    Local,
    /// It refuses what it can't decide on with the others.
    Refuse,
}

/// `[shared.replay]` and `[shared.limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UseSettings {
    /// For what may be used once only.
    pub replay: LostStore,
    /// For limits.
    pub limits: LostStore,
    /// Into so many equal parts a rate is divided while each replica decides alone.
    pub replicas: u32,
}

/// The whole rate for each: the number of replicas is not known here.
const DEFAULT_REPLICAS: usize = 1;
/// More than share one store.
const MAX_REPLICAS: usize = 10_000;

const ON_FAILURE: &[(&str, LostStore)] =
    &[("local", LostStore::Local), ("refuse", LostStore::Refuse)];

impl Default for UseSettings {
    fn default() -> Self {
        Self { replay: LostStore::Local, limits: LostStore::Local, replicas: 1 }
    }
}

impl UseSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let replay = section.section(key::REPLAY, on_failure);
        let (limits, replicas) = section.section(key::LIMITS, |limits| {
            let lost = on_failure(limits);
            let replicas = limits.or(key::REPLICAS, DEFAULT_REPLICAS, count(1..=MAX_REPLICAS));
            if lost == LostStore::Refuse && limits.peek(key::REPLICAS).is_some() {
                let message = "has no effect with on_failure = \"refuse\"".to_owned();
                limits.mistake(key::REPLICAS, message);
            }
            (lost, u32::try_from(replicas).unwrap_or(u32::MAX))
        });
        Self { replay, limits, replicas }
    }

    pub(super) fn write(self, writer: Writer) -> Writer {
        let limits = written(self.limits);
        let limits = match self.limits {
            LostStore::Local => limits.count(key::REPLICAS, self.replicas as usize),
            LostStore::Refuse => limits,
        };
        writer.value(key::REPLAY, written(self.replay).table()).value(key::LIMITS, limits.table())
    }
}

fn on_failure(section: &mut Section<'_>) -> LostStore {
    section.or(key::ON_FAILURE, LostStore::Local, keyword(ON_FAILURE))
}

fn written(lost: LostStore) -> Writer {
    Writer::default().keyword(key::ON_FAILURE, ON_FAILURE, &lost)
}
