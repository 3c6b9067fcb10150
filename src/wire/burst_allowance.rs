//! A bound on how often something may happen: so much at once, and as much again after a while.

use std::time::Duration;

use tokio::time::Instant;

/// After how long an allowance that is used up counts as full again: longer than the bursts of
/// honest clients, which open a page or cancel it.
pub(crate) const REFILL_AFTER: Duration = Duration::from_secs(10);

/// What is left of a certain amount. The clock is read only when nothing is left: most connections
/// never get there.
#[derive(Debug)]
pub(crate) struct BurstAllowance {
    left: u64,
    full_at: Instant,
}

impl BurstAllowance {
    /// One that is full.
    pub(crate) fn full(amount: u64, now: Instant) -> Self {
        Self { left: amount, full_at: now }
    }

    /// Takes that much, if it is there. One that is used up is filled to `amount`, at most once in
    /// [`REFILL_AFTER`].
    pub(crate) fn take(&mut self, taken: u64, amount: u64) -> bool {
        if self.left < taken {
            self.refill(amount);
        }
        match self.left.checked_sub(taken) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }

    /// Adds what was earned, up to `most`.
    pub(crate) fn earn(&mut self, earned: u64, most: u64) {
        self.left = self.left.saturating_add(earned).min(self.left.max(most));
    }

    fn refill(&mut self, amount: u64) {
        let now = Instant::now();
        if now >= self.full_at + REFILL_AFTER {
            *self = Self::full(amount.max(self.left), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_full_again_after_a_while_and_not_before() {
        let mut allowance = BurstAllowance::full(3, Instant::now());
        let mut taken = || (0..10).filter(|_| allowance.take(1, 3)).count();
        assert_eq!(taken(), 3);
        advance(REFILL_AFTER.mul_f64(0.999)).await;
        assert_eq!(taken(), 0);
        advance(REFILL_AFTER.mul_f64(0.001)).await;
        assert_eq!(taken(), 3);
        assert_eq!(taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_earned_is_kept_up_to_a_bound() {
        let mut allowance = BurstAllowance::full(3, Instant::now());
        allowance.earn(4, 5);
        allowance.earn(1, 5);
        assert_eq!((0..10).filter(|_| allowance.take(1, 3)).count(), 5);
        assert!(!allowance.take(1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_there_is_takes_nothing() {
        let mut allowance = BurstAllowance::full(3, Instant::now());
        assert!(!allowance.take(4, 3));
        assert!(allowance.take(3, 3));
    }
}
