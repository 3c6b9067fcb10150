//! TLS towards the server.

use countersign::shared::settings::{SharedAddress, SharedSettings};

use super::scene::{Files, Replica, eventually, key};
use crate::support::{authority::Authority, logs, redis::RedisServer};

fn settings(files: &Files, server: &RedisServer, authority: &Authority) -> SharedSettings {
    let plain = files.settings(server);
    SharedSettings {
        address: SharedAddress { tls: true, ..plain.address.clone() },
        ca_file: Some(files.write("ca.pem", authority.pem())),
        ..plain
    }
}

#[tokio::test]
async fn under_tls_values_are_shared_all_the_same() {
    let authority = Authority::new("ours");
    let identity = authority.server("127.0.0.1");
    let server = RedisServer::start_with_tls(&identity.certificate_pem, &identity.key_pem());
    let Some(server) = server else { return };
    let files = Files::new();
    let replica = Replica::connected(&settings(&files, &server, &authority)).await;
    replica.put(&key(1), b"value").await;
    assert_eq!(replica.store.get(&key(1)).await.unwrap(), "value");
}

#[tokio::test]
async fn k14_a_server_of_another_authority_or_name_never_hears_the_password() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    for (identity, problem) in [
        (other.server("127.0.0.1"), "UnknownIssuer"),
        (ours.server("127.0.0.2"), "not valid for name"),
    ] {
        let server = RedisServer::start_with_tls(&identity.certificate_pem, &identity.key_pem());
        let Some(server) = server else { return };
        let files = Files::new();
        let begin = logs::capture();
        let replica = Replica::start(&settings(&files, &server, &ours));
        eventually(problem, async || logs::since(begin).contains(problem)).await;
        assert!(!replica.is_connected());
    }
}
