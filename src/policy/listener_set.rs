//! On which listeners a route is.

use super::ids::ListenerId;

/// A set of listeners, as bits: routes are chosen by it on every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerSet(u64);

/// What fits into a [`ListenerSet`]. Each listener has a socket on every worker.
pub(crate) const MAX_LISTENERS: usize = 64;

impl ListenerSet {
    /// All that there can be.
    pub const ALL: Self = Self(u64::MAX);

    /// Whether the listener is in it.
    pub fn contains(self, listener: ListenerId) -> bool {
        self.0 & bit(listener) != 0
    }

    /// Whether no listener is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether some listener is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl FromIterator<ListenerId> for ListenerSet {
    fn from_iter<I: IntoIterator<Item = ListenerId>>(listeners: I) -> Self {
        Self(listeners.into_iter().fold(0, |set, listener| set | bit(listener)))
    }
}

/// No bit for what is beyond the last one: it is on no route.
fn bit(listener: ListenerId) -> u64 {
    u32::try_from(listener.position()).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ids::PerListener;

    #[test]
    fn a_listener_is_in_the_sets_that_were_made_with_it() {
        let listeners: PerListener<()> = (0..=MAX_LISTENERS).map(|_| ()).collect();
        let ids: Vec<_> = listeners.iter_with_ids().map(|(id, ())| id).collect();
        let (first, last, beyond) = (ids[0], ids[MAX_LISTENERS - 1], ids[MAX_LISTENERS]);
        let both = ListenerSet::from_iter([first, last]);
        assert!(both.contains(first) && both.contains(last) && !both.contains(ids[1]));
        assert!(ListenerSet::ALL.contains(last) && !ListenerSet::ALL.contains(beyond));
        assert!(ListenerSet::from_iter([beyond]).is_empty() && !both.is_empty());
        assert!(both.overlaps(ListenerSet::from_iter([last])));
        assert!(!both.overlaps(ListenerSet::from_iter([ids[1]])));
    }
}
