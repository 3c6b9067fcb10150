//! What happens to a fleet, and the most that its provider may have of it: all of it with the
//! default settings, and each bound a function of the number of replicas.

use std::time::Duration;

use crate::testing::fleet::highest_of_independent;

use super::{of_ten::TOKENS_PER_SECOND, replicas::Fleet};

/// A rollout, or a cloud that brings up everything at once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The defaults, in seconds.
const REFRESH: f64 = 600.0;
const COOLDOWN: f64 = 30.0;

/// Refreshes are spread over a fifth of their interval: a tenth on both sides.
const SPREAD: f64 = REFRESH / 5.0;

/// A minute is the longest wait after failures, and half of it is random: 45 s on average.
const MEAN_BACKOFF: f64 = 45.0;

pub(super) struct Steady {
    pub(super) rate: f64,
    pub(super) highest: u32,
}

/// Replicas that were started at different times, for twenty minutes.
pub(super) async fn steady(replicas: u32) -> Steady {
    let mut fleet = Fleet::new();
    fleet.start(replicas, Duration::from_mins(10)).await;
    fleet.until(1_900).await;
    let fetches = &fleet.provider.fetches;
    let steady = Steady { rate: fetches.rate(700..1_900), highest: fetches.highest(700..1_900) };
    let mean = f64::from(replicas) / REFRESH;
    // Of a small fleet there are few: three standard deviations of independent events.
    let chance = 0.02 * mean + 3.0 * (mean / 1_200.0).sqrt();
    assert!((steady.rate - mean).abs() <= chance, "{} a second", steady.rate);
    assert!(f64::from(steady.highest) <= highest_of_independent(mean), "{}", steady.highest);
    steady
}

pub(super) struct Rollout {
    pub(super) highest: u32,
    pub(super) highest_later: u32,
}

/// All replicas start within a second: each fetches once, and has drifted away from the others with
/// its first refresh.
pub(super) async fn rollout(replicas: u32) -> Rollout {
    let mut fleet = Fleet::new();
    fleet.start(replicas, AT_ONCE).await;
    fleet.until(700).await;
    let fetches = &fleet.provider.fetches;
    let rollout =
        Rollout { highest: fetches.highest(0..10), highest_later: fetches.highest(10..700) };
    assert_eq!(fleet.fetches(0..500), replicas, "one each, and the next in ten minutes");
    assert_eq!(fleet.fetches(500..700), replicas);
    let later = highest_of_independent(f64::from(replicas) / SPREAD);
    assert!(f64::from(rollout.highest_later) <= later, "{}", rollout.highest_later);
    rollout
}

/// The provider replaces its key and uses the new one at once, with traffic on all replicas. No
/// token is refused, for one fetch of each replica. Returns the highest second.
pub(super) async fn rotation(replicas: u32) -> u32 {
    let mut fleet = Fleet::new();
    fleet.start(replicas, AT_ONCE).await;
    fleet.until(60).await;
    fleet.provider.rotate_to("second");
    let unknown = fleet.tokens(40, |_| "second".to_owned()).await;
    assert_eq!(unknown, 0, "tokens of the new key");
    assert_eq!(fleet.fetches(2..100), replicas, "one fetch of each replica");
    fleet.provider.fetches.highest(60..100)
}

/// Every replica receives tokens of keys that there are not, each of another. Returns fetches per
/// second: one of each replica per cooldown.
pub(super) async fn invented_kids(replicas: u32) -> f64 {
    const COOLDOWNS: u16 = 3;
    let mut fleet = Fleet::new();
    fleet.start(replicas, AT_ONCE).await;
    fleet.until(60).await;
    let unknown = fleet.tokens(89, |turn| format!("invented-{turn}")).await;
    assert_eq!(unknown, replicas as usize * 89 * TOKENS_PER_SECOND as usize, "no such key");
    let most = replicas * u32::from(COOLDOWNS);
    let fetches = fleet.fetches(60..150);
    assert!(fetches <= most, "{fetches}, expected one per replica and cooldown: {most}");
    assert!(fleet.provider.fetches.highest(60..150) <= replicas);
    f64::from(fetches) / (f64::from(COOLDOWNS) * COOLDOWN)
}

pub(super) struct Outage {
    pub(super) rate: f64,
    pub(super) highest_at_return: u32,
}

/// The provider is down for ten minutes, and the fleet starts in the first second of them: no
/// other outage has replicas fail so much at the same time.
pub(super) async fn outage(replicas: u32) -> Outage {
    let mut fleet = Fleet::new();
    fleet.provider.set_up(false);
    fleet.start(replicas, AT_ONCE).await;
    fleet.until(600).await;
    assert_eq!(fleet.with_keys(), 0);
    fleet.provider.set_up(true);
    fleet.until(661).await;
    assert_eq!(fleet.with_keys(), replicas as usize, "a minute after its return");
    let fetches = &fleet.provider.fetches;
    let outage =
        Outage { rate: fetches.rate(300..600), highest_at_return: fetches.highest(600..661) };
    assert_outage_bounds(replicas, &outage);
    outage
}

pub(super) fn assert_outage_bounds(replicas: u32, outage: &Outage) {
    let mean = f64::from(replicas) / MEAN_BACKOFF;
    assert!((0.85 * mean..1.15 * mean).contains(&outage.rate), "{} a second", outage.rate);
    // Waits of 30 s to 60 s after the same failure: at most so many within a second.
    let highest = f64::from(outage.highest_at_return);
    assert!(highest <= 1.5 * highest_of_independent(mean), "{highest} in a second");
}
