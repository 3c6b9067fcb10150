//! The outcome of the limits of a route: what a request holds until its answer ends, or why it is
//! refused.

use std::sync::Arc;

use super::{
    LimitAnswer,
    gcra::Gcra,
    key::{KeyDigest, KeyedBy},
    tables::LimitTable,
};
use crate::reason::Reason;

/// That every limit lets a request pass. To be held until its answer has ended: dropped, the
/// request is no longer one of those at the same time.
#[derive(Debug, Default)]
pub struct LimitPermit {
    grants: Vec<LimitGrant>,
    answer: LimitAnswer,
}

/// That a limit does not let a request pass.
#[derive(Debug)]
pub struct Limited {
    /// Why.
    pub reason: Reason,
    /// The limit's name.
    pub limit: Arc<str>,
    /// Whose bucket it is, as a log may show it.
    pub caller: String,
    /// What the answer says.
    pub answer: LimitAnswer,
}

/// What one limit has given to one request.
#[derive(Debug)]
pub(super) struct LimitGrant {
    pub(super) table: Arc<LimitTable>,
    pub(super) key: KeyDigest,
    pub(super) keyed_by: KeyedBy,
    /// The rate that was charged.
    pub(super) rate: Option<Gcra>,
    /// Whether it is one of those at the same time.
    pub(super) is_in_flight: bool,
}

impl LimitPermit {
    pub(super) fn add(&mut self, grant: Option<LimitGrant>, answer: LimitAnswer) {
        self.grants.extend(grant);
        self.answer.join(answer);
    }

    /// Together with what limits of the same route have granted later.
    pub fn join(&mut self, later: Self) {
        self.grants.extend(later.grants);
        self.answer.join(later.answer);
    }

    /// Gives back the requests of the rates: another limit has refused this one.
    pub(super) fn refund(&self) {
        self.grants.iter().for_each(LimitGrant::refund);
    }

    /// What the answer says of the limits. Only once.
    pub fn take_answer(&mut self) -> LimitAnswer {
        std::mem::take(&mut self.answer)
    }

    /// Whether anything is to be held.
    pub fn is_held(&self) -> bool {
        self.grants.iter().any(|grant| grant.is_in_flight)
    }
}

impl LimitGrant {
    pub(super) fn refund(&self) {
        if let Some(rate) = self.rate {
            self.table.buckets(self.keyed_by).refund(self.key, rate);
        }
    }
}

impl Drop for LimitGrant {
    fn drop(&mut self) {
        if self.is_in_flight {
            self.table.buckets(self.keyed_by).release(self.key);
        }
    }
}
