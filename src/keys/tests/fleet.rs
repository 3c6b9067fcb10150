//! What the refreshers of a whole fleet ask of their provider, in virtual time.

/// Shared with the test of ten real processes.
#[path = "../../../tests/processes/fleet/of_ten.rs"]
mod of_ten;
mod provider;
mod replicas;
mod scenes;

use std::time::Duration;

use replicas::Fleet;
use scenes::Outage;

use crate::testing::fleet::{Figure, SizingTable, sizes};

/// Enough that a herd shows, and few enough that each test takes a moment.
const SOME: u32 = 300;

#[tokio::test(start_paused = true)]
async fn k3_replicas_of_different_ages_spread_their_refreshes() {
    scenes::steady(SOME).await;
}

#[tokio::test(start_paused = true)]
async fn k3_replicas_that_started_together_do_not_refresh_together() {
    scenes::rollout(SOME).await;
}

#[tokio::test(start_paused = true)]
async fn k8_a_rotation_costs_the_provider_one_fetch_of_each_replica() {
    scenes::rotation(SOME).await;
}

#[tokio::test(start_paused = true)]
async fn k8_a_flood_of_kids_on_all_replicas_costs_one_fetch_of_each_per_cooldown() {
    scenes::invented_kids(SOME).await;
}

#[tokio::test(start_paused = true)]
async fn k3_a_fleet_that_starts_without_its_provider_does_not_meet_it_together() {
    scenes::outage(SOME).await;
}

/// The usual outage: they have keys, and notice it one after the other.
#[tokio::test(start_paused = true)]
async fn k3_a_provider_that_returns_meets_no_herd_of_a_running_fleet() {
    let mut fleet = Fleet::new();
    fleet.start(SOME, Duration::from_secs(1)).await;
    fleet.until(300).await;
    fleet.provider.set_up(false);
    fleet.until(1_200).await;
    assert_eq!(fleet.with_keys(), SOME as usize, "those of before");
    fleet.provider.set_up(true);
    fleet.until(1_261).await;
    let fetches = &fleet.provider.fetches;
    let highest_at_return = fetches.highest(1_200..1_261);
    let outage = Outage { rate: fetches.rate(900..1_200), highest_at_return };
    scenes::assert_outage_bounds(SOME, &outage);
}

/// What operators can do against the fetches of a rotation.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_published_one_refresh_ahead_costs_no_fetch_when_it_is_used() {
    let mut fleet = Fleet::new();
    fleet.start(SOME, Duration::from_mins(10)).await;
    fleet.until(1_200).await;
    fleet.provider.rotate_to("second");
    // The longest interval, and the latency.
    fleet.until(1_861).await;
    let unknown = fleet.tokens(60, |_| "second".to_owned()).await;
    assert_eq!(unknown, 0);
    let used = fleet.provider.fetches.rate(1_861..1_921);
    assert!(used < 2.0 * f64::from(SOME) / 600.0, "{used} a second: more than refreshes");
}

/// A snapshot spares the wait for the provider, and not the fetch.
#[tokio::test(start_paused = true)]
async fn k13_a_rollout_with_snapshots_has_keys_at_once_and_fetches_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut fleet = Fleet::new();
    fleet.settings.keys.snapshot = Some(folder.path().to_owned());
    fleet.start(1, Duration::ZERO).await;
    fleet.until(60).await;
    fleet.provider.set_up(false);
    fleet.start(50, Duration::from_secs(1)).await;
    fleet.until(62).await;
    assert_eq!(fleet.with_keys(), 51);
    fleet.provider.set_up(true);
    fleet.until(65).await;
    assert!((50..=4 * 50).contains(&fleet.fetches(60..65)), "{}", fleet.fetches(60..65));
}

/// The same scene as that of ten processes (`tests/processes/fleet.rs`).
#[tokio::test(start_paused = true)]
async fn k8_ten_replicas_fetch_keys_as_often_as_ten_processes_do() {
    let mut fleet = Fleet::new();
    fleet.settings.keys.refresh = of_ten::REFRESH;
    fleet.settings.keys.cooldown = of_ten::COOLDOWN;
    fleet.start(of_ten::REPLICAS, Duration::ZERO).await;
    let (lead, part) = (of_ten::LEAD.as_secs(), of_ten::PART.as_secs());
    let (rotation, end) = (lead + part, lead + 2 * part);
    fleet.until(rotation).await;
    let steady = fleet.fetches(lead..rotation);
    assert!(of_ten::STEADY.contains(&steady), "{steady} fetches");
    fleet.provider.rotate_to("second");
    fleet.tokens(part, |_| "second".to_owned()).await;
    let rotated = fleet.fetches(rotation..end);
    assert!(of_ten::ROTATED.contains(&rotated), "{rotated} fetches");
    println!("ten simulated: {steady} fetches, {rotated} with a rotation");
}

#[tokio::test(start_paused = true)]
async fn the_sizing_table_is_what_fleets_ask_of_their_provider() {
    let mut table = SizingTable::new(&[
        "Replicas",
        "Steady, a second",
        "Steady, highest second",
        "Start of all, highest second",
        "First refresh after it, highest second",
        "Rotation, highest second",
        "Invented `kid`s, a second",
        "Provider down, a second",
        "Its return, highest second",
    ]);
    for replicas in sizes() {
        let (steady, rollout) = (scenes::steady(replicas).await, scenes::rollout(replicas).await);
        let outage = scenes::outage(replicas).await;
        table.add_fleet(
            replicas,
            &[
                Figure::Rate(steady.rate),
                Figure::Highest(steady.highest),
                Figure::Highest(rollout.highest),
                Figure::Highest(rollout.highest_later),
                Figure::Highest(scenes::rotation(replicas).await),
                Figure::Rate(scenes::invented_kids(replicas).await),
                Figure::Rate(outage.rate),
                Figure::Highest(outage.highest_at_return),
            ],
        );
    }
    table.compare_with_document();
}
