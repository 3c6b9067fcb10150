//! What a route's requests may take: three layers, and their mistakes.

use super::*;
use crate::policy::settings::{BodyHandling, Bound, ExchangeLimits};
use std::time::Duration;

const KEYS: [&str; 5] = ["response_timeout", "stream_timeout", "max_body", "body", "concurrency"];

/// What holds for the route of a configuration with these lines in its three places.
fn limits(defaults: &str, upstream: &str, route: &str) -> ExchangeLimits {
    let text = format!(
        "[defaults]\n{defaults}\n[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n{upstream}\n\
         [[routes]]\npath = \"/**\"\naccess = \"public\"\n{route}"
    );
    let settings = settings(&text);
    settings.limits_of(first(settings.routes.all()))
}

#[test]
fn a_route_comes_before_its_upstream_and_that_before_the_defaults() {
    assert_eq!(limits("", "", ""), ExchangeLimits::default());
    let [first, second, third] = [
        "response_timeout = \"1s\"\nstream_timeout = \"1s\"\nmax_body = 1\nbody = \"buffer\"\n\
         concurrency = 1",
        "response_timeout = \"2s\"\nstream_timeout = \"2s\"\nmax_body = 2\nbody = \"stream\"\n\
         concurrency = 2",
        "response_timeout = \"3s\"\nstream_timeout = \"3s\"\nmax_body = \"none\"\n\
         body = \"buffer\"\nconcurrency = \"none\"",
    ];
    let seconds = Duration::from_secs;
    let of_first = ExchangeLimits {
        response_timeout: seconds(1),
        stream_timeout: seconds(1),
        max_body: Bound::AtMost(1),
        body: BodyHandling::Buffer,
        concurrency: Bound::AtMost(1),
    };
    let of_third = ExchangeLimits {
        response_timeout: seconds(3),
        stream_timeout: seconds(3),
        max_body: Bound::Unbounded,
        body: BodyHandling::Buffer,
        concurrency: Bound::Unbounded,
    };
    assert_eq!(limits(first, "", ""), of_first);
    assert_eq!(limits(second, first, ""), of_first);
    assert_eq!(limits(third, second, first), of_first);
    assert_eq!(limits(first, second, third), of_third, "no bound is a bound as well");
    let mixed = limits("concurrency = 7", "max_body = 5", "stream_timeout = \"9s\"");
    assert_eq!((mixed.concurrency, mixed.max_body), (Bound::AtMost(7), Bound::AtMost(5)));
    assert_eq!((mixed.stream_timeout, mixed.response_timeout), (seconds(9), seconds(30)));
}

#[test]
fn x1_mistakes_are_told_in_each_of_the_three_places() {
    let wrong = "response_timeout = 7\nstream_timeout = \"1d\"\nmax_body = \"much\"\n\
                 body = \"later\"\nconcurrency = 0\n";
    let text = format!(
        "[defaults]\n{wrong}[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n{wrong}\n\
         [[routes]]\npath = \"/**\"\naccess = \"public\"\n{wrong}"
    );
    let found = mistakes(&text);
    assert_eq!(found.len(), 15, "{found:#?}");
    for place in ["defaults", "upstreams.app", "routes[0]"] {
        for key in KEYS {
            let begins = format!("countersign.toml: {place}.{key}: found ");
            assert!(found.iter().any(|it| it.starts_with(&begins)), "{place}.{key}: {found:#?}");
        }
    }
    for end in [
        "max_body: found \"much\", expected a size from 0B to 1024GiB, such as \"64KiB\", or \
         \"none\"",
        "concurrency: found 0, expected a whole number from 1 to 1000000, or \"none\"",
        "body: found \"later\", expected \"stream\" or \"buffer\"",
        "response_timeout: found 7, expected a duration from 10ms to 1h, with its unit, such as \
         \"10s\"",
    ] {
        assert_eq!(found.iter().filter(|it| it.ends_with(end)).count(), 3, "{end}: {found:#?}");
    }
}

#[test]
fn x1_a_signed_route_has_limits_of_its_own_for_bodies() {
    let signature = "\n[signatures.partner]\nsigner = { fixed = \"p\" }\ncaller = \"unrelated\"\n\
                     keys = { issuer = \"corp\" }";
    let signed = "signature = \"partner\"\n";
    let lines = format!("{signed}max_body = 1\nbody = \"buffer\"{signature}");
    let found = mistakes(&with_route(&lines));
    assert_eq!(found.len(), 2, "{found:#?}");
    for (found, key) in found.iter().zip(["max_body", "body"]) {
        let begin = format!("countersign.toml: routes[0].{key}: has no effect with a signature");
        assert!(found.starts_with(&begin), "{found}");
    }
    let lines = format!("{signed}response_timeout = \"1s\"\nconcurrency = 1{signature}");
    assert_eq!(mistakes(&with_route(&format!("{lines}\n[defaults]\nmax_body = 1"))).len(), 0);
}

#[test]
fn x1_what_is_buffered_has_to_fit() {
    let lines = "body = \"buffer\"\nmax_body = \"1GiB\"";
    assert_eq!(
        mistakes(&with_route(lines)),
        ["countersign.toml: routes[0].max_body: 1073741824 bytes are more than \
          server.limits.buffer_bytes (268435456), within which bodies are buffered; expected less, \
          or more room there"]
    );
    assert_eq!(mistakes(&with_route("max_body = \"1GiB\"")).len(), 0);
    assert_eq!(mistakes(&with_route("body = \"buffer\"")).len(), 0);
}

#[test]
fn x1_maintenance_is_a_text_or_says_more() {
    let upstream = |lines: &str| mistakes_with(&format!("[upstreams.app.maintenance]\n{lines}"));
    let begin = "countersign.toml: upstreams.app.maintenance";
    assert_eq!(
        upstream("content_type = \"html\"\nretry_after = \"1ms\"\nuntil = 7"),
        [
            format!(
                "{begin}.content_type: found \"html\", expected a media type such as \
                 \"application/json\""
            ),
            format!(
                "{begin}.retry_after: found \"1ms\", expected a duration from 1s to 7d, such as \
                 \"10s\""
            ),
            format!("{begin}.text: missing; expected the body of the answer"),
            format!("{begin}.until: unknown key; known here: content_type, retry_after, text"),
        ]
    );
    let of = |value: &str| {
        let text = format!(
            "[upstreams.app]\nurl = \"http://127.0.0.1:1\"\nmaintenance = {value}\n[[routes]]\n\
             path = \"/**\"\naccess = \"public\""
        );
        mistakes(&text)
    };
    assert_eq!(
        of("true"),
        [format!(
            "{begin}: found true, expected a text such as \"back at 6 pm\", or a table with text, \
             content_type and retry_after"
        )]
    );
    let bounds = "expected a text of 1 to 16384 bytes without control characters";
    assert_eq!(of("\"\""), [format!("{begin}: found \"\", {bounds}")]);
    assert_eq!(of("\"back\\nat 6\""), Vec::<String>::new());
}

#[test]
fn an_upstream_that_is_switched_off_is_a_warning() {
    let warnings = |line: &str| {
        let text = format!(
            "[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n{line}\n[[routes]]\npath = \"/**\"\n\
             access = \"public\""
        );
        settings(&text).warnings().iter().any(|it| it.contains("upstreams.app.maintenance"))
    };
    assert!(warnings("maintenance = \"later\"") && !warnings(""));
}

#[test]
fn x1_caps_are_counts_and_a_queue_needs_one() {
    let found = mistakes_with(
        "[upstreams.app]\nmax_connections = 0\nmax_requests = \"many\"\n\
         queue = { length = -1, timeout = 5, order = \"lifo\" }",
    );
    assert_eq!(
        found,
        [
            "countersign.toml: upstreams.app.max_connections: found 0, expected a whole number from \
             1 to 1000000",
            "countersign.toml: upstreams.app.max_requests: found \"many\", expected a whole number \
             from 1 to 1000000",
            "countersign.toml: upstreams.app.queue.length: found -1, expected a whole number from 0 \
             to 100000",
            "countersign.toml: upstreams.app.queue.timeout: found 5, expected a duration from 1ms \
             to 5m, with its unit, such as \"10s\"",
            "countersign.toml: upstreams.app.queue.order: unknown key; known here: length, timeout",
        ]
    );
    assert_mistake(
        "[upstreams.app.queue]\nlength = 5",
        "countersign.toml: upstreams.app.queue: has no effect without max_connections or \
         max_requests; expected it to be absent",
    );
}
