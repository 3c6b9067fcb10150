//! No Redis, a slow one, and one that comes back.

use std::time::{Duration, Instant};

use countersign::shared::settings::SharedSettings;
use tokio::time::timeout;

use super::scene::{Files, Replica, TTL, eventually, key};
use crate::support::{
    DEADLINE, logs,
    redis::{PASSWORD, RedisServer},
};

/// As it is by default.
const TIMEOUT: Duration = Duration::from_millis(50);

/// How much later than its deadline an answer may come on a machine that is busy with other
/// tests.
const SLACK: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_wrong_password_shares_nothing_until_its_file_is_right() {
    let begin = logs::capture();
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let wrong = "not-the-password-of-redis";
    files.write("password", wrong);
    let replica = Replica::start(&files.settings(&server));
    eventually("the refusal", async || logs::since(begin).contains("authentication failed")).await;
    assert!(!replica.is_connected());
    assert_eq!(replica.store.get(&key(1)).await, None);
    assert_eq!(replica.store.set_if_absent(&key(1), TTL).await, None);
    replica.store.set(&key(1), b"value", TTL);
    for operation in ["get", "first", "put"] {
        assert_eq!(replica.count(operation, "disconnected"), 1, "{operation}");
    }
    files.write("password", format!("{PASSWORD}\n"));
    replica.until_connected().await;
    assert_eq!(replica.store.set_if_absent(&key(1), TTL).await, Some(true));
    let log = logs::since(begin);
    assert!(!log.contains(wrong) && !log.contains(PASSWORD), "{log}");
}

#[tokio::test]
async fn no_password_where_one_is_wanted_is_no_connection() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let settings = SharedSettings { password_file: None, ..files.settings(&server) };
    let begin = logs::capture();
    let replica = Replica::start(&settings);
    eventually("the refusal", async || logs::since(begin).contains("NOAUTH")).await;
    assert!(!replica.is_connected());
}

#[tokio::test]
async fn killed_in_the_middle_of_traffic_no_request_waits_and_a_new_one_is_used() {
    let Some(mut server) = RedisServer::start() else { return };
    let files = Files::new();
    let settings = SharedSettings { timeout: TIMEOUT, ..files.settings(&server) };
    let replica = Replica::connected(&settings).await;
    let began = Instant::now();
    let mut callers = Vec::new();
    for caller in 0..20 {
        let store = replica.store.clone();
        callers.push(tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            while began.elapsed() < Duration::from_secs(1) {
                let asked = Instant::now();
                store.set(&key(caller), b"value", TTL);
                store.get(&key(caller)).await;
                slowest = slowest.max(asked.elapsed());
                tokio::task::yield_now().await;
            }
            slowest
        }));
    }
    eventually("traffic", async || replica.count("get", "hit") > 0).await;
    server.kill();
    for caller in callers {
        let slowest = caller.await.unwrap();
        assert!(slowest < TIMEOUT + SLACK, "{slowest:?}");
    }
    assert!(!replica.is_connected());
    assert!(replica.count("get", "disconnected") > 0);
    server.start_again();
    replica.until_connected().await;
    replica.put(&key(1), b"again").await;
    assert_eq!(replica.store.get(&key(1)).await.unwrap(), "again");
}

#[tokio::test]
async fn those_who_wait_for_a_connection_are_woken_by_the_next_one() {
    let Some(mut server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::start(&files.settings(&server));
    let mut connections = replica.store.connections();
    connections.next().await;
    assert!(replica.is_connected());
    connections.mark_seen();
    server.kill();
    eventually("the end", async || !replica.is_connected()).await;
    timeout(TIMEOUT, connections.next()).await.expect_err("there is none");
    server.start_again();
    timeout(DEADLINE, connections.next()).await.unwrap();
    assert!(replica.is_connected());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_a_few_times_only() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let settings = SharedSettings { timeout: TIMEOUT, ..files.settings(&server) };
    let replica = Replica::connected(&settings).await;
    server.freeze();
    let began = Instant::now();
    while replica.is_connected() {
        assert_eq!(replica.store.get(&key(1)).await, None);
        assert!(began.elapsed() < 5 * TIMEOUT + SLACK, "{:?}", began.elapsed());
    }
    assert!((1..=6).contains(&replica.count("get", "timeout")));
    for _ in 0..10_000 {
        assert_eq!(replica.store.get(&key(1)).await, None);
    }
    assert!(replica.count("get", "disconnected") >= 10_000);
    server.thaw();
    replica.until_connected().await;
    assert_eq!(replica.store.set_if_absent(&key(1), TTL).await, Some(true));
}

#[tokio::test]
async fn a_dead_connection_is_noticed_without_any_operation() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    server.freeze();
    eventually("the end", async || !replica.is_connected()).await;
    server.thaw();
}

#[tokio::test]
async fn an_outage_is_said_once_and_not_per_request() {
    let Some(mut server) = RedisServer::start() else { return };
    let files = Files::new();
    let begin = logs::capture();
    let replica = Replica::connected(&files.settings(&server)).await;
    server.kill();
    eventually("the end", async || !replica.is_connected()).await;
    for _ in 0..1_000 {
        replica.store.get(&key(1)).await;
    }
    eventually("the next attempt", async || {
        logs::since(begin)
            .contains(&format!("127.0.0.1:{}/0 cause=\"cannot connect", server.port()))
    })
    .await;
    let log = logs::since(begin);
    let port = format!("127.0.0.1:{}/0", server.port());
    let lines = log.lines().filter(|line| line.contains(&port)).count();
    assert!(lines <= 4, "connected, ended, can't be reached: {log}");
}

#[tokio::test]
async fn a_store_whose_task_has_ended_is_on_its_own() {
    let Some(server) = RedisServer::start() else { return };
    let files = Files::new();
    let replica = Replica::connected(&files.settings(&server)).await;
    let store = replica.store.clone();
    drop(replica);
    eventually("the end", async || store.set_if_absent(&key(1), TTL).await.is_none()).await;
}
