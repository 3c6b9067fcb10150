//! What every load must have been: sent at its rate, and answered.

use super::scene::is_full;
use crate::support::h2load::{Outcome, RunningLoad};

/// How much of the intended rate has to be reached.
const REACHED: f64 = 0.95;

/// Waits for the end of loads at the same time, of that many requests a second together. None of
/// their requests may have failed.
#[track_caller]
pub(super) fn assert_served(case: &str, rate: usize, loads: impl IntoIterator<Item = RunningLoad>) {
    let mut all = Outcome::default();
    for load in loads {
        let speaks = load.speaks();
        let outcome = load.finish();
        println!("{case}, {speaks:?}: {outcome}");
        outcome.assert_nothing_failed(case);
        all = all.and(outcome);
    }
    assert_rate(case, all.rate(), rate);
}

/// In the full form, the rate has to be reached: a slower load would prove less than it says.
#[track_caller]
pub(super) fn assert_rate(case: &str, sent: f64, intended: usize) {
    println!("{case}: {sent:.0} requests a second of {intended}");
    let intended = f64::from(u32::try_from(intended).unwrap());
    assert!(!is_full() || sent >= REACHED * intended, "{case}: {sent:.0} of {intended}/s");
}
