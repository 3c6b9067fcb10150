//! Upstreams with several endpoints, and `[resolver]`.

use super::*;
use crate::upstream::settings::{Resolve, UpstreamAddress};

fn mistakes_of(lines: &str) -> Vec<String> {
    mistakes(&MINIMAL.replace("url = \"http://127.0.0.1:3000\"", lines))
}

#[track_caller]
fn assert_mistakes(lines: &str, expected: &[&str]) {
    let expected: Vec<_> =
        expected.iter().map(|line| format!("countersign.toml: upstreams.app{line}")).collect();
    assert_eq!(mistakes_of(lines), expected, "{lines}");
}

#[test]
fn endpoints_have_weights_and_defaults() {
    let lines = "urls = [\"http://a\", { url = \"http://b:81\", weight = 3 }]";
    let settings = settings(&MINIMAL.replace("url = \"http://127.0.0.1:3000\"", lines));
    let app = first(&settings.upstreams);
    assert_eq!(app.address, UpstreamAddress::Http("a:80".to_owned()));
    let endpoints = app.endpoints.as_ref().unwrap();
    let urls: Vec<_> =
        endpoints.urls.iter().map(|url| (url.address.to_string(), url.weight)).collect();
    assert_eq!(urls, [("http://a:80".to_owned(), 1), ("http://b:81".to_owned(), 3)]);
    assert_eq!(endpoints.resolve, Resolve::First);
    assert!(endpoints.health.is_none() && settings.resolver.is_none());
}

#[test]
fn a_single_url_has_one_endpoint() {
    assert!(first(&settings(MINIMAL).upstreams).endpoints.is_none());
}

#[test]
fn x1_every_mistake_about_endpoints_is_reported_in_one_run() {
    assert_mistakes(
        "urls = [\"http://a\", 7, { url = \"http://b\", weight = 0 }, { url = \"h2c://c\" }, \
         { url = \"http://a\", wieght = 1 }, \"http://a:80\"]\nurl = \"http://d\"\n\
         resolve = \"some\"\nbalance = \"random\"\nretry_budget = 1.5\n\
         eject = { failures = 0, for = \"1ms\", at_most = 2, on_status = [200] }\n\
         [upstreams.app.health]\ninterval = \"1s\"\ntimeout = \"3s\"\nexpect = [\"ok\"]",
        &[
            ".url: is given beside urls; expected one of the two",
            ".urls[1]: found 7, expected a URL, or a table such as { url = \"http://b:80\", weight \
             = 3 }",
            ".urls[2]: found 0, expected a whole number from 1 to 100",
            ".urls[4]: unknown key \"wieght\"; expected a URL, or a table such as { url = \
             \"http://b:80\", weight = 3 }",
            ".urls: h2c://c:80 is of another scheme than the first",
            ".urls: lists http://a:80 twice",
            ".resolve: found \"some\", expected \"first\" or \"all\" or \"srv\"",
            ".balance: found \"random\", expected \"two-choices\" or \"round-robin\"",
            ".retry_budget: found 1.5, expected a number from 0 to 1, such as 0.5",
            ".eject.failures: found 0, expected a whole number from 1 to 1000",
            ".eject.for: found \"1ms\", expected a duration from 100ms to 1h, such as \"10s\"",
            ".eject.at_most: found 2, expected a number from 0 to 1, such as 0.5",
            ".eject.on_status[0]: found 200, expected a list of statuses from 500 to 599, such as \
             [502, 503]",
            ".health.path: missing; expected a path such as \"/healthz\"",
            ".health.timeout: found 3s; expected no more than interval (1s)",
            ".health.expect[0]: found \"ok\", expected a list of statuses from 200 to 599, such as \
             [200, 204]",
        ],
    );
}

#[test]
fn settings_of_several_endpoints_have_no_effect_on_one() {
    let hint = "has no effect on a single endpoint; expected urls = [...], resolve = \"all\" or \
                resolve = \"srv\" as well";
    assert_mistakes(
        "url = \"http://a\"\nbalance = \"round-robin\"\nretry_budget = 0.1\n\
         eject = { failures = 1 }\n[upstreams.app.health]\npath = \"/\"",
        &["balance", "retry_budget", "eject", "health"]
            .map(|name| format!(".{name}: {hint}"))
            .each_ref()
            .map(String::as_str),
    );
    assert_mistakes(
        "upgrades = \"none\"",
        &[".url: missing; expected \"https://HOST:PORT\", \"http://HOST:PORT\" or \
           \"h2c://HOST:PORT\", each with a path or without, or \"unix:/PATH\""],
    );
}

#[test]
fn all_endpoints_have_one_path() {
    let text = |urls: &str| MINIMAL.replace("url = \"http://127.0.0.1:3000\"", urls);
    let same = settings(&text("urls = [\"http://a/base\", { url = \"http://b/base/\" }]"));
    assert_eq!(first(&same.upstreams).path.as_str(), "/base");
    assert!(same.to_toml().contains("[\"http://a:80/base\", \"http://b:80/base\"]"));
    assert_mistakes(
        "urls = [\"http://a/base\", \"http://b/other\"]",
        &[".urls: \"/other\" is another path than the first has"],
    );
}

#[test]
fn only_a_name_is_resolved_and_srv_records_tell_the_port() {
    assert_mistakes(
        "urls = [\"http://10.0.0.1\", \"http://[::1]\", \"http://app\"]\nresolve = \"all\"",
        &[
            ".resolve: has no effect on http://10.0.0.1:80, which is no name",
            ".resolve: has no effect on http://[::1]:80, which is no name",
        ],
    );
    assert_mistakes(
        "url = \"unix:/run/app\"\nresolve = \"all\"",
        &[".resolve: has no effect on unix:/run/app, which is no name"],
    );
    assert_mistakes(
        "url = \"http://_http._tcp.app:80\"\nresolve = \"srv\"",
        &[".resolve: \"srv\" takes the port from the SRV records; expected a URL without one"],
    );
}

#[test]
fn f15_each_of_several_endpoints_may_be_the_proxy_itself() {
    let text = MINIMAL.replace(
        "url = \"http://127.0.0.1:3000\"",
        "urls = [\"http://10.0.0.1:3000\", \"http://127.0.0.1:8080\"]",
    );
    let found = mistakes(&format!("server.listen = \"127.0.0.1:8080\"\n{text}"));
    assert_eq!(
        found,
        ["countersign.toml: upstreams.app.urls: is this proxy itself (server.listen is \
          127.0.0.1:8080): a loop"]
    );
}

#[test]
fn the_mistakes_of_a_resolver() {
    let text = MINIMAL
        .replace("url = \"http://127.0.0.1:3000\"", "url = \"http://app\"\nresolve = \"all\"");
    let found = mistakes(&format!(
        "{text}\n[resolver]\nservers = [\"10.0.0.1\", \"dns.local\", \"10.0.0.1:53\"]\n\
         timeout = \"1m\"\nmin_ttl = \"10s\"\nmax_ttl = \"5s\"\nallow_loopback = \"no\""
    ));
    let expected = [
        ".servers[1]: found \"dns.local\", expected the address of a resolver, such as \
         \"10.0.0.2\" or \"10.0.0.2:53\"",
        ".servers: found [10.0.0.1:53, 10.0.0.1:53]; expected a list of one to three addresses, \
         such as [\"10.0.0.2\"], each once",
        ".min_ttl: found 10s; expected no more than max_ttl (5s)",
        ".timeout: found \"1m\", expected a duration from 100ms to 10s, such as \"10s\"",
        ".allow_loopback: found \"no\", expected true or false",
    ];
    let expected = expected.map(|line| format!("countersign.toml: resolver{line}"));
    assert_eq!(found, expected);
    assert_mistake(
        "[resolver]\nmin_ttl = \"2s\"",
        "countersign.toml: resolver: has no effect: no upstream has resolve = \"all\" or \"srv\", \
         and the system's resolver finds all other names",
    );
}
