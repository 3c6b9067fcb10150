use http::{HeaderMap, Version, header::HOST};
use proptest::prelude::*;

use std::sync::Arc;

use super::*;
use crate::policy::{NotCanonical, RequestRules, settings::HostSettings};

/// `"GET,POST host,host /path"`; `-` for any method or any host.
fn route(line: &str) -> RouteSettings {
    let [methods, hosts, path] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let list = |text: &str| -> Vec<String> {
        let named = text.split(',').filter(|item| *item != "-");
        named.map(str::to_owned).collect()
    };
    RouteSettings {
        methods: list(methods).iter().map(|m| m.parse().unwrap()).collect(),
        hosts: list(hosts).iter().map(|h| HostPattern::parse(h).unwrap()).collect(),
        ..RouteSettings::public(path)
    }
}

fn compile(lines: &[&str]) -> Routes {
    Routes::compile(lines.iter().map(|line| route(line)).collect())
}

fn request(method: &str, host: &str, target: &str) -> CanonicalRequest {
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_str(host).unwrap())]);
    let method = method.parse().unwrap();
    CanonicalRequest::new(&method, &target.parse().unwrap(), Version::HTTP_11, &headers).unwrap()
}

/// The winning line, `"none"`, `"ambiguous"` or `"405 <allow>"`.
fn winner(lines: &[&str], method: &str, host: &str, target: &str) -> String {
    match compile(lines).find(&request(method, host, target)) {
        RouteMatch::Found(route) => lines[route.position()].to_owned(),
        RouteMatch::NoRoute => "none".to_owned(),
        RouteMatch::Ambiguous => "ambiguous".to_owned(),
        RouteMatch::MethodNotAllowed { allow } => format!("405 {}", allow.to_str().unwrap()),
    }
}

#[test]
fn the_most_specific_path_wins_in_any_order() {
    let lines = [
        "- - /**",
        "- - /a/**",
        "- - /a/*",
        "- - /a/b",
        "- - /a/*/c",
        "- - /a/b/**",
        "- - /",
        "- - /a/b/",
    ];
    let backwards: Vec<_> = lines.iter().rev().copied().collect();
    for (target, expected) in [
        ("/", "- - /"),
        ("/x", "- - /**"),
        ("/a", "- - /a/**"),
        ("/a/", "- - /a/**"),
        ("/a/x", "- - /a/*"),
        ("/a/x/", "- - /a/**"),
        ("/a/b", "- - /a/b"),
        ("/a/b/", "- - /a/b/"),
        ("/a/x/c", "- - /a/*/c"),
        ("/a/b/c", "- - /a/b/**"),
        ("/a/x/d", "- - /a/**"),
        ("/ab", "- - /**"),
        ("/A/b", "- - /**"),
        ("/a/b?/x", "- - /a/b"),
        ("/x?/a/b", "- - /**"),
    ] {
        assert_eq!(winner(&lines, "GET", "h", target), expected, "{target}");
        assert_eq!(winner(&backwards, "GET", "h", target), expected, "{target}");
    }
}

#[test]
fn a_specific_beginning_that_leads_nowhere_is_left_again() {
    let lines = ["- - /a/b/c/d", "- - /*/b/*/e", "- - /a/*/c/f"];
    assert_eq!(winner(&lines, "GET", "h", "/a/b/c/d"), lines[0]);
    assert_eq!(winner(&lines, "GET", "h", "/a/b/c/e"), lines[1]);
    assert_eq!(winner(&lines, "GET", "h", "/a/b/c/f"), lines[2]);
    assert_eq!(winner(&lines, "GET", "h", "/a/b/c/g"), "none");
}

#[test]
fn inv7_no_route_is_refused() {
    assert_eq!(winner(&[], "GET", "h", "/"), "none");
    let lines = ["- - /a", "- only.example /b", "- - /c/*"];
    for target in ["/", "/b", "/a/", "/a/x", "/c", "/c/", "/c/x/y", "/c//"] {
        assert_eq!(winner(&lines, "GET", "h", target), "none", "{target}");
    }
}

#[test]
fn hosts_exact_before_longer_before_shorter_wildcard_before_any() {
    let lines = [
        "- - /**",
        "- *.example.com /**",
        "- *.b.example.com /**",
        "- a.b.example.com /**",
        "- [::1],10.0.0.1 /**",
    ];
    for (host, expected) in [
        ("other.org", 0),
        ("example.com", 0),
        ("badexample.com", 0),
        ("a.example.com", 1),
        ("x.y.example.com", 1),
        ("b.example.com", 1),
        ("x.b.example.com", 2),
        ("a.b.example.com", 3),
        ("A.B.Example.COM.:8443", 3),
        ("[0::1]:80", 4),
        ("10.0.0.1", 4),
    ] {
        assert_eq!(winner(&lines, "GET", host, "/x"), lines[expected], "{host}");
    }
}

#[test]
fn a_host_without_a_matching_path_leaves_it_to_less_specific_hosts() {
    let lines = ["- a.example /x", "- *.example /y", "- - /**"];
    assert_eq!(winner(&lines, "GET", "a.example", "/x"), lines[0]);
    assert_eq!(winner(&lines, "GET", "a.example", "/y"), lines[1]);
    assert_eq!(winner(&lines, "GET", "a.example", "/z"), lines[2]);
}

#[test]
fn p7_another_method_never_falls_through_to_a_less_specific_route() {
    let lines = ["GET - /admin/**", "- - /**", "POST,GET - /x", "DELETE - /x"];
    assert_eq!(winner(&lines, "GET", "h", "/admin/x"), lines[0]);
    assert_eq!(winner(&lines, "POST", "h", "/admin/x"), "405 GET, HEAD");
    assert_eq!(winner(&lines, "DELETE", "h", "/x"), lines[3]);
    assert_eq!(winner(&lines, "PUT", "h", "/x"), "405 DELETE, GET, HEAD, POST");
    let lines = ["GET a.example /admin", "- - /**"];
    assert_eq!(winner(&lines, "POST", "a.example", "/admin"), "405 GET, HEAD");
}

/// A server that cuts parameters off sees `//a`, which it merges or not.
#[test]
fn p1_a_segment_of_parameters_alone_is_ambiguous_where_its_absence_leads_elsewhere() {
    assert_eq!(winner(&["- - /*/**"], "GET", "h", "/;x/a"), "ambiguous");
    assert_eq!(winner(&["- - /a", "- - /**"], "GET", "h", "/;x/a"), "ambiguous");
    assert_eq!(winner(&["- - /**"], "GET", "h", "/;x/a"), "- - /**");
}

#[test]
fn a_route_that_names_the_method_comes_first() {
    let lines = ["- - /a", "GET - /a"];
    assert_eq!(winner(&lines, "GET", "h", "/a"), lines[1]);
    assert_eq!(winner(&lines, "POST", "h", "/a"), lines[0]);
}

#[test]
fn p8_a_preflight_has_no_way_past() {
    let lines = ["GET,POST - /a", "- - /**"];
    assert_eq!(winner(&lines, "OPTIONS", "h", "/a"), "405 GET, HEAD, POST");
    assert_eq!(winner(&lines, "OPTIONS", "h", "*"), "none");
    let lines = ["OPTIONS - *", "- - /**", "- a.example *"];
    assert_eq!(winner(&lines, "OPTIONS", "h", "*"), lines[0]);
    assert_eq!(winner(&lines, "OPTIONS", "a.example", "*"), lines[2]);
    for target in ["/", "/*", "/%2A"] {
        assert_eq!(winner(&lines, "OPTIONS", "h", target), lines[1], "{target}");
    }
}

#[test]
fn p7_a_method_in_another_spelling_is_for_the_route_that_lists_it() {
    let lines = ["PATCH,patch - /a/**", "- - /**", "PATCH - /b"];
    let rules = RequestRules::new(Arc::new(compile(&lines)), HostSettings::default());
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("h"))]);
    let canonical = |method: &str, target: &str| {
        let method = method.parse().unwrap();
        rules.canonical(&method, &target.parse().unwrap(), Version::HTTP_11, &headers)
    };
    assert_eq!(canonical("patch", "/a/x").unwrap().method().as_str(), "patch");
    for (method, target) in
        [("patch", "/x"), ("patch", "/b"), ("Patch", "/a/x"), ("get", "/a/x"), ("get", "/x")]
    {
        let refused = canonical(method, target).map(drop);
        assert_eq!(refused, Err(NotCanonical::MethodMalformed), "{method} {target}");
    }
}

#[test]
fn p10_head_goes_where_get_goes() {
    let lines = ["GET - /a", "POST - /b", "- - /c", "GET - /c", "HEAD - /d", "GET - /d"];
    assert_eq!(winner(&lines, "HEAD", "h", "/a"), lines[0]);
    assert_eq!(winner(&lines, "HEAD", "h", "/b"), "405 POST");
    assert_eq!(winner(&lines, "HEAD", "h", "/c"), lines[3]);
    assert_eq!(winner(&lines, "HEAD", "h", "/d"), lines[4]);
    assert_eq!(winner(&lines, "GET", "h", "/d"), lines[5]);
}

#[test]
fn p1_an_escape_cannot_evade_a_literal() {
    let lines = ["- - /users:export", "- - /caf%C3%A9", "- - /%2A", "- - /**"];
    for target in ["/users:export", "/users%3aexport", "/%75sers%3Aexport"] {
        assert_eq!(winner(&lines, "GET", "h", target), lines[0], "{target}");
    }
    assert_eq!(winner(&lines, "GET", "h", "/caf%c3%a9"), lines[1]);
    assert_eq!(winner(&lines, "GET", "h", "/*"), lines[2]);
    assert_eq!(winner(&lines, "GET", "h", "/x"), lines[3]);
}

/// Envoy CVE-2026-73553: an upstream that strips parameters sees `/admin`.
#[test]
fn p1_parameters_cannot_change_the_route() {
    let lines = ["- - /admin", "- - /**", "- - /public/status"];
    for target in [
        "/admin;x=1",
        "/admin;",
        "/admin%3bx",
        "/;x/admin",
        "/;/admin",
        "/public/status;v=2",
        "/public;x/status",
    ] {
        assert_eq!(winner(&lines, "GET", "h", target), "ambiguous", "{target}");
    }
    for target in ["/app/page;jsessionid=1", "/;jsessionid=1", "/map;zoom=3/x;y/z", "/a/;x"] {
        assert_eq!(winner(&lines, "GET", "h", target), lines[1], "{target}");
    }
}

/// An upstream that decodes twice, or behind another proxy that does, sees `/admin`.
#[test]
fn p1_a_name_that_is_escaped_twice_cannot_evade_a_route() {
    let lines = ["- - /admin/**", "- - /**", "- - /50%25off/*"];
    for target in [
        "/%2561dmin",
        "/%2561dmin/x",
        "/adm%2569n/x",
        "/%252561dmin/x",
        "/%25%361dmin",
        "/50%2525off/x",
    ] {
        assert_eq!(winner(&lines, "GET", "h", target), "ambiguous", "{target}");
    }
    for target in ["/100%25", "/x%2561", "/x/%2561dmin", "/%25zz", "/60%25off"] {
        assert_eq!(winner(&lines, "GET", "h", target), lines[1], "{target}");
    }
    assert_eq!(winner(&lines, "GET", "h", "/50%25off/x"), lines[2]);
}

#[test]
fn x1_every_pair_of_duplicates_is_reported() {
    let duplicates = |lines: &[&str]| {
        let found = compile(lines).duplicates().into_iter();
        let pairs = found.map(|DuplicateRoute(a, b)| (a.position(), b.position()));
        pairs.collect::<Vec<_>>()
    };
    assert_eq!(duplicates(&["- - /a", "- - /a"]), [(0, 1)]);
    assert_eq!(duplicates(&["GET,POST - /a", "POST - /a", "GET - /a"]), [(0, 1), (0, 2)]);
    assert_eq!(duplicates(&["- a,b /x", "- A,b /x"]), [(0, 1)]);
    assert_eq!(duplicates(&["- - /a:b", "- - /a%3Ab"]), [(0, 1)]);
    assert_eq!(duplicates(&["- a,a /x"]), []);
    assert_eq!(
        duplicates(&[
            "- - /a",
            "GET - /a",
            "- a /a",
            "- *.a /a",
            "- - /a/",
            "- - /a/**",
            "- - /a/*"
        ]),
        []
    );
}

/// How specific a pattern is, to be compared where several match one path: an end or a literal
/// before `*` before `**`.
fn rank(pattern: &str) -> Vec<u8> {
    let segments = pattern.split('/').skip(1);
    let ranks = segments.map(|segment| match segment {
        "**" => 0,
        "*" => 1,
        _ => 2,
    });
    ranks.chain([3]).collect()
}

fn matches(pattern: &str, path: &str) -> bool {
    let path: Vec<_> = path.split('/').skip(1).collect();
    let pattern: Vec<_> = pattern.split('/').skip(1).collect();
    let one = |(pattern, segment): (&&str, &&str)| {
        pattern == segment || (*pattern == "*" && !segment.is_empty())
    };
    match pattern.split_last() {
        Some((&"**", start)) => start.len() <= path.len() && start.iter().zip(&path).all(one),
        _ => pattern.len() == path.len() && pattern.iter().zip(&path).all(one),
    }
}

proptest! {
    /// The tree against the definition, on patterns that overlap as much as they can.
    #[test]
    fn p1_the_most_specific_of_all_matching_patterns_is_found(
        patterns in prop::collection::btree_set("(/(a|b|[*])){0,4}(/|/[*][*])?", 1..12),
        path in "(/(a|b|c)){0,5}/?",
    ) {
        let patterns: Vec<_> = patterns.into_iter().filter(|p| !p.is_empty()).collect();
        let lines: Vec<_> = patterns.iter().map(|pattern| format!("- - {pattern}")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let path = if path.is_empty() { "/" } else { &path };

        let matching = patterns.iter().filter(|pattern| matches(pattern, path));
        let expected = matching.max_by_key(|pattern| rank(pattern));
        let expected = expected.map_or_else(|| "none".to_owned(), |pattern| format!("- - {pattern}"));
        prop_assert_eq!(winner(&lines, "GET", "h", path), expected);
    }

    /// A client can write a path in many ways, but not choose its route by it.
    #[test]
    fn p1_no_spelling_evades_a_route(
        escaped in prop::collection::vec(any::<bool>(), 24),
        lower in any::<bool>(),
    ) {
        let lines = ["- - /admin.v1/users:export/~all", "- - /**"];
        let path = "/admin.v1/users:export/~all";
        let spell = |(character, escaped): (char, &bool)| match (character, escaped, lower) {
            ('/', true, _) => "//".to_owned(),
            (_, false, _) => character.to_string(),
            (_, true, true) => format!("%{:02x}", u32::from(character)),
            (_, true, false) => format!("%{:02X}", u32::from(character)),
        };
        let spelled: String = path.chars().zip(escaped.iter().chain([&false; 9])).map(spell).collect();
        prop_assert_eq!(winner(&lines, "GET", "h", &spelled), lines[0], "{}", spelled);
    }
}
