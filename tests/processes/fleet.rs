//! Ten replicas as processes, at one key server. What the simulation of fleets says of ten must be
//! what ten do.

mod introspection;
mod of_ten;
mod scenes;

use std::{
    thread,
    time::{Duration, Instant},
};

use countersign::jose::Algorithm;
use of_ten::{COOLDOWN, LEAD, PART, REFRESH, REPLICAS, ROTATED, STEADY, TOKENS_PER_SECOND};
use serde_json::json;

use crate::support::{
    client::Request,
    issuer::{Issuer, key},
    key_server::{KeyServer, Page},
    process::Process,
    setup::Setup,
    upstream::Upstream,
};

/// The path of the key set.
const KEYS: &str = "/corp/jwks";

#[test]
fn k8_ten_processes_fetch_keys_as_often_as_the_simulation_says() {
    let (key_server, app, issuer) = (KeyServer::start(), Upstream::start(), Issuer::usual());
    publish(&key_server, &issuer, "1");
    let replicas = start(&key_server, &app, &issuer);

    thread::sleep(LEAD);
    let steady = fetches_of_a_part(&key_server, || thread::sleep(PART));
    assert!(STEADY.contains(&steady), "{steady} fetches, expected {STEADY:?}");

    let rotated_issuer = issuer.with_keys(vec![key(Algorithm::Es256, "next")]);
    publish(&key_server, &rotated_issuer, "2");
    let token = token_of(&rotated_issuer);
    let rotated = fetches_of_a_part(&key_server, || send_to_all(&replicas, &token));
    assert!(ROTATED.contains(&rotated), "{rotated} fetches, expected {ROTATED:?}");
    println!("ten processes: {steady} fetches in {PART:?}, {rotated} with a rotation");
}

fn publish(key_server: &KeyServer, issuer: &Issuer, version: &str) {
    let etag = format!("\"{version}\"");
    key_server.serve(KEYS, Page::json(&issuer.jwks()).field("etag", &etag));
}

fn start(key_server: &KeyServer, app: &Upstream, issuer: &Issuer) -> Vec<Process> {
    let keys = format!("refresh = \"{REFRESH:?}\"\ncooldown = \"{COOLDOWN:?}\"");
    let setup =
        Setup::new().issuer("corp", issuer, key_server, "", &keys).with("[log]\nlevel = \"info\"");
    thread::scope(|scope| {
        let starting: Vec<_> =
            (0..REPLICAS).map(|_| scope.spawn(|| Process::start(&setup, app))).collect();
        starting.into_iter().map(|process| process.join().unwrap()).collect()
    })
}

/// Valid at any time, since processes go by the machine's clock.
fn token_of(issuer: &Issuer) -> String {
    issuer.mint(json!({ "iat": 0, "exp": 9_000_000_000_u64 }))
}

fn fetches_of_a_part(key_server: &KeyServer, part: impl FnOnce()) -> u32 {
    let before = key_server.count();
    part();
    u32::try_from(key_server.count() - before).unwrap()
}

/// For one part. Once the cooldown is over, every replica knows the new key.
fn send_to_all(replicas: &[Process], token: &str) {
    let began = Instant::now();
    thread::scope(|scope| {
        for replica in replicas {
            scope.spawn(|| {
                let mut client = replica.client();
                for turn in 0.. {
                    let due = began + Duration::from_secs(1) * turn / TOKENS_PER_SECOND;
                    if due >= began + PART {
                        break;
                    }
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let sent = began.elapsed();
                    let answer = client.exchange(&Request::get("/orders").bearer(token));
                    let is_known = answer.status == 200;
                    assert!(
                        is_known || sent < 2 * COOLDOWN,
                        "{:?} after {sent:?}",
                        answer.reason()
                    );
                }
            });
        }
    });
    thread::sleep((began + PART).saturating_duration_since(Instant::now()));
}
