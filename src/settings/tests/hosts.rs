//! `server.default_host` and `server.accept_hosts`: which hosts of requests are taken.

use http::{HeaderMap, HeaderValue, Method, Version, header::HOST};

use super::*;
use crate::policy::{NotCanonical, RequestRules};

fn rules(lines: &str) -> RequestRules {
    let settings = settings(&format!("[server]\n{lines}\n{MINIMAL}"));
    RequestRules::new(settings.routes, settings.server.hosts)
}

/// The authority of a request with that target and `Host`.
fn host(
    rules: &RequestRules,
    target: &str,
    version: Version,
    host: Option<&str>,
) -> Result<String, NotCanonical> {
    let headers: HeaderMap =
        host.iter().map(|host| (HOST, HeaderValue::from_str(host).unwrap())).collect();
    let request = rules.canonical(&Method::GET, &target.parse().unwrap(), version, &headers);
    request.map(|request| request.authority().to_owned())
}

#[test]
fn p6_a_default_host_is_for_http_1_0_without_one_and_for_an_empty_one() {
    use NotCanonical::*;
    let rules = rules("default_host = \"Probe.internal:8080\"");
    let given = Ok("probe.internal:8080".to_owned());
    assert_eq!(host(&rules, "/", Version::HTTP_10, None), given);
    assert_eq!(host(&rules, "/", Version::HTTP_10, Some("")), given);
    assert_eq!(host(&rules, "/", Version::HTTP_11, Some("")), given);
    assert_eq!(host(&rules, "/", Version::HTTP_10, Some("a")), Ok("a".to_owned()));
    assert_eq!(host(&rules, "/", Version::HTTP_11, None), Err(HostMissing));
    assert_eq!(host(&rules, "/", Version::HTTP_2, None), Err(HostMissing));
    assert_eq!(host(&rules, "/", Version::HTTP_10, Some("a b")), Err(HostMalformed));
    // A target that names a host is not overruled.
    assert_eq!(host(&rules, "http://a/", Version::HTTP_10, None), Err(HostMissing));
    assert_eq!(host(&rules, "http://a/", Version::HTTP_11, Some("")), Err(HostMalformed));
}

#[test]
fn p6_numbers_and_empty_ports_are_taken_where_they_are_accepted() {
    let at = |rules: &RequestRules, text| host(rules, "/", Version::HTTP_11, Some(text)).ok();
    let (strict, number) = (rules(""), rules("accept_hosts = [\"number\"]"));
    let (port, both) = (
        rules("accept_hosts = [\"empty-port\"]"),
        rules("accept_hosts = [\"empty-port\", \"number\"]"),
    );
    for (text, [by_default, by_number, by_port, by_both]) in [
        ("4f66ad9a0b1c", [Some("4f66ad9a0b1c"); 4]),
        ("1234", [None, Some("1234"), None, Some("1234")]),
        ("123456789012:80", [None, Some("123456789012:80"), None, Some("123456789012:80")]),
        ("Example.com:", [None, None, Some("example.com"), Some("example.com")]),
        ("[::1]:", [None, None, Some("[::1]"), Some("[::1]")]),
        ("1234:", [None, None, None, Some("1234")]),
        ("a:80:", [None; 4]),
        ("a::", [None; 4]),
        (":", [None; 4]),
        ("1.2.3", [None; 4]),
        ("a.1", [None; 4]),
        ("256.1.1.1", [None; 4]),
        ("1234:0", [None; 4]),
        ("12 34", [None; 4]),
    ] {
        // One after the other, since the latest host of a thread is remembered.
        assert_eq!(at(&both, text).as_deref(), by_both, "{text}");
        assert_eq!(at(&strict, text).as_deref(), by_default, "{text}");
        assert_eq!(at(&number, text).as_deref(), by_number, "{text}");
        assert_eq!(at(&port, text).as_deref(), by_port, "{text}");
    }
}

#[test]
fn p6_both_hosts_of_a_request_are_read_alike() {
    let rules = rules("accept_hosts = [\"number\", \"empty-port\"]");
    let at = |target, text| host(&rules, target, Version::HTTP_11, Some(text)).ok();
    assert_eq!(at("http://1234/", "1234").as_deref(), Some("1234"));
    assert_eq!(at("http://a:/", "a").as_deref(), Some("a"));
    assert_eq!(at("http://a/", "a:").as_deref(), Some("a"));
    assert_eq!(at("http://1234/", "1235"), None);
    assert_eq!(at("http://a:/", "b:"), None);
}

#[test]
fn wrong_words_about_hosts() {
    for line in [
        "default_host = \"a b\"",
        "default_host = \"https://a\"",
        "default_host = \"\"",
        "default_host = \"a:0\"",
        "default_host = 5",
        "accept_hosts = []",
        "accept_hosts = [\"numbers\"]",
        "accept_hosts = [\"number\", \"number\"]",
        "accept_hosts = \"number\"",
    ] {
        let found = mistakes(&format!("[server]\n{line}\n{MINIMAL}"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].contains("server."), "{found:?}");
    }
}
