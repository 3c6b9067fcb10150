//! The sizing's point at ten replicas, by ten processes at its own pace: the same requests, with
//! the default settings, for as long as the simulation.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use super::{
    super::scenes::{REPLICAS, TOKENS_PER_REPLICA, usual_load},
    TenProcesses, figures,
};
use crate::support::{optional, redis::RedisServer};

/// Seconds until as many tokens expire as are looked up.
const WARM_UP: u16 = 45;
const MEASURED: u16 = 600;

/// One a second and replica.
const INTERVAL: Duration = Duration::from_millis(1_000 / REPLICAS as u64);

/// Each of the ten reads logouts every second, and sends a `PING` every five.
const UPKEEP: f64 = 10.0 + 10.0 / 5.0;

/// Events a second.
struct Rates {
    introspections: f64,
    redis: f64,
    upkeep: f64,
}

#[test]
fn ten_processes_cost_what_the_sizing_says_of_ten() {
    if env::var("COUNTERSIGN_FLEET").is_ok_and(|scale| scale == "full") {
        let Some(redis) = RedisServer::start() else { return };
        let simulated: Vec<f64> =
            figures("Replicas | Introspections a second | With `[shared]`", "10");
        let (alone, shared) = thread::scope(|scope| {
            let alone = scope.spawn(|| rates(None));
            let shared = scope.spawn(|| rates(Some(redis)));
            (alone.join().unwrap(), shared.join().unwrap())
        });
        assert_near("introspections", alone.introspections, simulated[0]);
        assert_near("introspections with [shared]", shared.introspections, simulated[1]);
        assert_near("operations of Redis", shared.redis, simulated[2]);
        assert_near("operations of Redis without requests", shared.upkeep, UPKEEP);
    } else {
        optional::say_skipped("time", "COUNTERSIGN_FLEET=full takes eleven minutes");
    }
}

fn rates(redis: Option<RedisServer>) -> Rates {
    let processes = TenProcesses::start(redis, "");
    let mut clients = processes.clients(0);
    let mut turns = (0..).zip(usual_load(REPLICAS, REPLICAS * TOKENS_PER_REPLICA));
    let began = Instant::now();
    let mut send = |seconds: u16| {
        for (turn, arrival) in turns.by_ref().take(usize::from(seconds) * REPLICAS) {
            thread::sleep((INTERVAL * turn).saturating_sub(began.elapsed()));
            clients.send(arrival);
        }
        (processes.counts(), processes.upkeep())
    };
    let (counts_before, upkeep_before) = send(WARM_UP);
    let (counts, upkeep) = send(MEASURED);
    let counts = counts.since(counts_before);
    let a_second = |events: u32| f64::from(events) / f64::from(MEASURED);
    Rates {
        introspections: a_second(counts.introspections),
        redis: a_second(counts.reads + counts.writes),
        upkeep: a_second(upkeep - upkeep_before),
    }
}

/// As near as the simulation has to be to the table.
fn assert_near(what: &str, counted: f64, expected: f64) {
    println!("{what} a second: {counted:.2} by ten processes, {expected} expected");
    let tolerated = 0.85 * expected..1.15 * expected;
    assert!(tolerated.contains(&counted), "{what} a second: {counted}, expected {expected}");
}
