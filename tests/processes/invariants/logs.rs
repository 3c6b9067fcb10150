//! O-1: what a client says stays inside of its line of the log.

use std::sync::Arc;

use countersign::jose::Algorithm;
use serde_json::{Value, json};

use crate::{
    invariants::timeless,
    support::{
        client::Request,
        issuer::{Issuer, key},
        key_server::{KeyServer, Page},
        process::Process,
        setup::Setup,
        upstream::Upstream,
        wait_until,
        world::JWKS,
    },
};

/// The end of a line, a forged one, a colour, the end of a JSON text, and text from right to left.
const HOSTILE: &str = "a\r\nFORGED level=INFO\u{1b}[31m\",\"level\":\"FORGED\u{202e}\u{0}\u{85}";

/// A proxy with that format, to which everything hostile has been said.
fn log_of(format: &str) -> String {
    let (upstream, key_server, usual) = (Upstream::start(), KeyServer::start(), Issuer::usual());
    // What an issuer publishes is logged, too.
    let keys = vec![Arc::clone(usual.key("ec")), key(Algorithm::Es256, HOSTILE)];
    let issuer = usual.with_keys(keys);
    key_server.serve(JWKS, Page::json(&issuer.jwks()));
    let log = format!("[log]\nlevel = \"debug\"\nformat = \"{format}\"\naccess_log = true");
    let setup = Setup::new().issuer("corp", &issuer, &key_server, "", "").with(&log);
    let process = Process::start(&setup, &upstream);
    let claims = json!({ "iat": 0, "exp": 9_000_000_000_u64 });
    let with = |name: &str| {
        let mut claims = claims.clone();
        claims[name] = json!(HOSTILE);
        issuer.mint(claims)
    };
    let by_kid = issuer.mint_with(json!({ "kid": HOSTILE }), claims.clone());
    let tokens =
        [by_kid, with("iss"), with("sub"), with("aud"), with("scope"), "no token".to_owned()];
    for token in &tokens {
        process.client().exchange(&Request::get("/").bearer(token));
    }
    let visible = "FORGED\u{1b}[31m\",\"level\":\"FORGED";
    process.client().send(format!("GET /{visible} HTTP/1.1\r\nhost: api.test\r\n\r\n").as_bytes());
    let escaped = Request::get("/%0d%0aFORGED%1b%5b31m%22").field("user-agent", "FORGED\"}\t{\"");
    process.client().exchange(&escaped);
    let host = "GET / HTTP/1.1\r\nhost: FORGED\"}\r\nx-forwarded-for: FORGED\"}\r\n\r\n";
    process.client().send(host.as_bytes());
    let last = Request::new("DELETE", "/last").bearer(&timeless(&issuer, "alice"));
    process.client().exchange(&last);
    wait_until("the last line", || process.log().contains("/last"));
    process.log()
}

#[test]
fn o1_a_json_log_holds_one_object_a_line_whatever_a_client_says() {
    let log = log_of("json");
    for line in log.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let level = line["level"].as_str().unwrap();
        assert!(["DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line}");
    }
    assert_plain(&log);
}

#[test]
fn o1_a_text_log_holds_no_line_and_no_colour_of_a_client() {
    let log = log_of("text");
    for line in log.lines() {
        let began_by_us = line.starts_with("20") && line.contains('Z');
        assert!(began_by_us, "not a line of ours: {line}");
    }
    assert_plain(&log);
}

#[test]
fn o1_a_logfmt_log_holds_pairs_of_ours_only_whatever_a_client_says() {
    let log = log_of("logfmt");
    for line in log.lines() {
        assert!(line.starts_with("time=20"), "not a line of ours: {line}");
        let levels = unquoted(line).matches(" level=").count();
        assert_eq!(levels, 1, "{line}");
    }
    assert_plain(&log);
}

/// The line without the texts in quotes.
fn unquoted(line: &str) -> String {
    let (mut left, mut is_quoted, mut characters) = (String::new(), false, line.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' if is_quoted => drop(characters.next()),
            '"' => is_quoted = !is_quoted,
            other if !is_quoted => left.push(other),
            _ => {}
        }
    }
    assert!(!is_quoted, "a text does not end: {line}");
    left
}

#[test]
fn o1_a_common_log_holds_its_columns_whatever_a_client_says() {
    let log = log_of("common");
    let of_requests = log.lines().filter(|line| line.contains(" - "));
    let of_requests: Vec<_> = of_requests.filter(|line| line.contains(" HTTP/1.1\" ")).collect();
    assert!(of_requests.len() >= 6, "{log}");
    for line in of_requests {
        assert!(line.starts_with("127.0.0.1 - "), "{line}");
        assert_eq!((line.split(' ').count(), line.matches('"').count()), (10, 2), "{line}");
    }
    assert_plain(&log);
}

/// Nothing that a terminal obeys, or that turns the text round.
fn assert_plain(log: &str) {
    assert!(log.contains("FORGED"), "what a client says is logged at all: {log}");
    let obeyed = log.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(obeyed, None, "{log}");
}
