//! Ten processes at one introspection endpoint, without and with a Redis that they share. They
//! have to cost what `docs/operations.md` says, which is what the simulation of ten
//! (`src/introspection/tests/fleet.rs`) costs.

mod point;
mod replicas;

use std::{fmt::Debug, fs, str::FromStr};

use replicas::TenProcesses;

use super::scenes::{CACHE_TTL, Counts, Scene, scenes};
use crate::support::redis::RedisServer;

/// On a machine that is so busy that answers expire within a part, the counts mean nothing.
const ATTEMPTS: usize = 5;

#[test]
fn ten_processes_introspect_as_often_as_the_simulation_says() {
    for (scene, cost) in costs(None) {
        let [introspections, ..] = simulated(&scene);
        let expected = Counts { introspections, reads: 0, writes: 0 };
        assert_eq!(cost, expected, "{}: counted, and simulated", scene.name);
    }
}

#[test]
fn ten_processes_that_share_answers_cost_what_the_simulation_says() {
    let Some(redis) = RedisServer::start() else { return };
    for (scene, cost) in costs(Some(redis)) {
        let [_, introspections, reads, writes] = simulated(&scene);
        let expected = Counts { introspections, reads, writes };
        assert_eq!(cost, expected, "{}: counted, and simulated", scene.name);
    }
}

fn costs(redis: Option<RedisServer>) -> Vec<(Scene, Counts)> {
    let processes = TenProcesses::start(redis, &format!("cache_ttl = \"{CACHE_TTL:?}\""));
    let costs = (0..ATTEMPTS).find_map(|attempt| processes.play(&scenes(), attempt));
    let costs = costs.expect("the machine takes longer for a part than an answer counts");
    scenes().into_iter().zip(costs).collect()
}

/// Introspections without and with `[shared]`, reads and writes of Redis.
fn simulated(scene: &Scene) -> [u32; 4] {
    figures("Ten replicas", scene.name).try_into().unwrap()
}

/// The figures of a row. The names of a table's first columns find it.
fn figures<F: FromStr<Err: Debug>>(table: &str, row: &str) -> Vec<F> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once(&format!("| {table} |")).unwrap();
    let found = table.lines().find_map(|line| line.strip_prefix(&format!("| {row} |")));
    let cells = found.unwrap_or_else(|| panic!("no row of {row}")).trim_end_matches('|').split('|');
    cells.map(|cell| cell.trim().parse().unwrap()).collect()
}
