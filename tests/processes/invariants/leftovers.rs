//! INV-3: hostile clients leave nothing behind in the process.

use serde_json::json;

use crate::{
    invariants::timeless,
    support::{
        client::Request,
        issuer::{Issuer, parts},
        key_server::{KeyServer, Page},
        process::Process,
        setup::Setup,
        upstream::Upstream,
        wait_until,
        world::JWKS,
    },
};

/// Every kind of trouble that a client can make, once.
fn trouble(process: &Process, issuer: &Issuer, n: usize) {
    let good = timeless(issuer, "alice");
    let [header, payload, signature] = parts(&good);
    let kid = format!("kid-{n}");
    for token in [
        good.clone(),
        timeless(issuer, &format!("sub-{n}")),
        issuer.mint(json!({ "exp": n })),
        format!("{header}.{payload}.{}{}", &signature[1..], "A"),
        issuer.mint_with(json!({ "kid": kid }), json!({ "iat": 0, "exp": 9_000_000_000_u64 })),
        ".".repeat(6_000),
        "rubbish".to_owned(),
    ] {
        let mut client = process.client();
        client.exchange(&Request::get("/").bearer(&token));
        // Broken off in the middle of the next one.
        client.send(b"POST / HTTP/1.1\r\nhost: api.test\r\ncontent-length: 50\r\n\r\nhalf");
    }
    process.client().send(b"\0\0\0\0");
    process.client().send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    drop(process.client());
}

#[test]
fn inv3_x7_hostile_clients_leave_nothing_behind() {
    const ROUNDS: usize = 300;
    /// What a cache may still grow by, and the allocator keep.
    const SLACK: usize = 24 * 1024 * 1024;
    let (upstream, key_server, issuer) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let setup = Setup::new()
        .issuer("corp", &issuer, &key_server, "", "")
        .with("[log]\nlevel = \"debug\"\nformat = \"json\"");
    let process = Process::start(&setup, &upstream);
    // One round first, so that what is made once and kept is there.
    trouble(&process, &issuer, 0);
    let open = || {
        let metrics = String::from_utf8(process.admin("/metrics").body.bytes).unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix("countersign_connections "));
        line.unwrap().parse::<f64>().unwrap()
    };
    wait_until("the first round's connections are closed", || open() < 0.5);
    let (descriptors, threads, resident) =
        (process.descriptors(), process.threads(), process.resident());
    for n in 1..=ROUNDS {
        trouble(&process, &issuer, n);
    }
    wait_until("every connection is closed", || open() < 0.5);
    wait_until("file descriptors as before", || process.descriptors() <= descriptors);
    // Fewer, if one that helped out at the start has gone home since.
    assert!(process.threads() <= threads, "threads");
    let grown = process.resident().saturating_sub(resident);
    assert!(grown < SLACK, "{grown} bytes more than before");
    let log = process.log();
    assert!(!log.contains("panicked"), "a panic: {log}");
    let mut client = process.client();
    let answer = client.exchange(&Request::get("/").bearer(&timeless(&issuer, "bob")));
    assert!(answer.is_from_upstream(), "still serving: {answer:?}");
    // INV-4 of a process of its own, by its own logging.
    process.journal().assert_no_secret_in("standard error", &log);
    process.journal().assert_no_secret_in("an answer", &process.journal().own_answers());
    // INV-5: 300 unknown kids within a cooldown.
    assert!(key_server.count() <= 3, "{} fetches", key_server.count());
}
