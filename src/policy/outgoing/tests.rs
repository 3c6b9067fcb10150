use std::{cell::Cell, sync::Arc};

use http::{HeaderMap, Method, Version, header::HOST};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::*;
use crate::policy::{
    RequestRules, RouteMatch, Routes,
    settings::{EmptySegments, EscapeRule, HostSettings, PathSettings, RawUtf8, RouteSettings},
};

pub(in crate::policy) const KEEP_ALL: PathSettings = PathSettings {
    encoded_slash: EscapeRule::Keep,
    empty_segments: EmptySegments::Keep,
    escapes: EscapeRule::Keep,
    raw_utf8: RawUtf8::Encode,
};

/// One route, and the paths that it sends.
struct Scene {
    routes: Arc<Routes>,
    rules: RequestRules,
    outgoing: OutgoingPath,
}

fn strip(prefix: &str, pattern: &str) -> PathChange {
    PathChange::Strip(StrippedPrefix::parse(prefix, &PathPattern::parse(pattern).unwrap()).unwrap())
}

fn rewrite(template: &str, pattern: &str) -> PathChange {
    let pattern = PathPattern::parse(pattern).unwrap();
    PathChange::Rewrite(PathTemplate::parse(template, &pattern).unwrap())
}

impl Scene {
    fn new(pattern: &str, change: &PathChange, base: &str, paths: PathSettings) -> Self {
        let route = RouteSettings { paths, ..RouteSettings::public(pattern) };
        let routes = Arc::new(Routes::compile([route].into_iter().collect()));
        let rules = RequestRules::new(Arc::clone(&routes), HostSettings::default());
        let base = BasePath::parse(base).unwrap();
        let outgoing = OutgoingPath::compile(change, &base, true).unwrap();
        Self { routes, rules, outgoing: *outgoing }
    }

    /// The path that is sent for a request of the route. `None`: it is none of the route's.
    fn apply(&self, target: &str) -> Option<Result<Box<OutgoingTarget>, NotCanonical>> {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("h"))]);
        let target = target.parse().ok()?;
        let request = self.rules.canonical(&Method::GET, &target, Version::HTTP_11, &headers);
        let request = request.ok()?;
        matches!(self.routes.find(&request), RouteMatch::Found(_))
            .then(|| self.outgoing.apply(&request))
    }

    fn target(&self, target: &str) -> Result<String, NotCanonical> {
        let outgoing = self.apply(target).unwrap_or_else(|| panic!("{target} has no route"));
        outgoing.map(|outgoing| outgoing.target.as_str().to_owned())
    }
}

#[test]
fn p17_the_path_goes_on_behind_the_base_and_the_query_as_it_is() {
    let keep = &PathChange::Keep;
    for (pattern, change, base, target, expected) in [
        ("/**", keep, "/base", "/a/b?x=%2f", "/base/a/b?x=%2f"),
        ("/**", keep, "/base/", "/", "/base/"),
        ("/**", keep, "", "/a//b", "/a/b"),
        ("/api/**", &strip("/api", "/api/**"), "", "/api/a?q", "/a?q"),
        ("/api/**", &strip("/api", "/api/**"), "", "/api", "/"),
        ("/api/**", &strip("/api", "/api/**"), "", "/api/", "/"),
        ("/api/**", &strip("/api", "/api/**"), "/base", "/api", "/base/"),
        ("/api/**", &strip("/api", "/api/**"), "/base", "/%61pi/x;v=1", "/base/x;v=1"),
        ("/a/b/*", &strip("/a/b", "/a/b/*"), "", "/a/b/c", "/c"),
        ("/v1/**", &rewrite("/v2/{rest}", "/v1/**"), "/base", "/v1/a/", "/base/v2/a/"),
        ("/v1/**", &rewrite("/v2/{rest}", "/v1/**"), "", "/v1", "/v2"),
        ("/{a}/x", &rewrite("/y/{a}", "/{a}/x"), "", "/caf%C3%A9/x?a", "/y/caf%C3%A9?a"),
    ] {
        let scene = Scene::new(pattern, change, base, PathSettings::default());
        assert_eq!(scene.target(target).as_deref(), Ok(expected), "{pattern} {target}");
    }
}

#[test]
fn p17_what_a_route_keeps_goes_on_byte_for_byte_in_what_is_left() {
    for (pattern, change, target, expected) in [
        ("/api/**", &strip("/api", "/api/**"), "/api/a%2fb//c%0A", "/base/a%2fb//c%0A"),
        ("/api/**", &strip("/api", "/api/**"), "/%61pi/a%2fb", "/base/a%2fb"),
        (
            "/{t}/api/**",
            &rewrite("/t/{t}/{rest}", "/{t}/api/**"),
            "/x/api/a%2Fb",
            "/base/t/x/a%2Fb",
        ),
        ("/**", &PathChange::Keep, "//a%5Cb", "/base//a%5Cb"),
    ] {
        let scene = Scene::new(pattern, change, "/base", KEEP_ALL);
        assert_eq!(scene.target(target).as_deref(), Ok(expected), "{pattern} {target}");
    }
}

#[test]
fn p17_what_could_be_read_as_another_path_is_refused() {
    use NotCanonical::{DotSegment, OutsideOfBase};
    let stripped = |base| Scene::new("/api/**", &strip("/api", "/api/**"), base, KEEP_ALL);
    for target in ["/api//evil.test/x", "/api/%2Fevil.test", "/api/%5Cevil.test", "/api/;x/y"] {
        assert_eq!(stripped("").target(target), Err(OutsideOfBase), "{target}");
        let kept = stripped("/base").target(target);
        assert_eq!(kept.as_deref(), Ok(target.replace("/api", "/base").as_str()));
    }
    let glued = Scene::new("/a/**", &rewrite("/.{rest}", "/a/**"), "/base", KEEP_ALL);
    assert_eq!(glued.target("/a/x").as_deref(), Ok("/base/.x"));
    assert_eq!(glued.target("/a/;x"), Err(DotSegment));
    assert_eq!(glued.target("/a/.x").as_deref(), Ok("/base/..x"));
    let two = Scene::new("/{x}/{y}", &rewrite("/{x}{y}", "/{x}/{y}"), "/base", KEEP_ALL);
    assert_eq!(two.target("/.a/.b").as_deref(), Ok("/base/.a.b"));
    // Each half of an escape would be harmless alone.
    assert_eq!(two.target("/a%252/e").as_deref(), Ok("/base/a%252e"));
    assert_eq!(two.target("/%252/e"), Err(DotSegment));
}

#[test]
fn the_asterisk_is_forwarded_as_it_is() {
    let scene = Scene::new("*", &PathChange::Keep, "/base", PathSettings::default());
    let target = "*".parse().unwrap();
    let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("h"))]);
    let request = scene.rules.canonical(&Method::OPTIONS, &target, Version::HTTP_11, &headers);
    let outgoing = scene.outgoing.apply(&request.unwrap()).unwrap();
    assert_eq!(outgoing.target.as_str(), "*");
}

#[test]
fn a_route_that_changes_nothing_has_no_outgoing_path() {
    let none = BasePath::default();
    assert!(OutgoingPath::compile(&PathChange::Keep, &none, false).is_none());
    assert!(OutgoingPath::compile(&PathChange::Keep, &none, true).is_some());
    assert!(OutgoingPath::compile(&strip("/a", "/a/**"), &none, false).is_some());
}

#[test]
fn x1_a_prefix_that_some_path_of_the_route_does_not_have_is_refused() {
    for (prefix, pattern, advice) in [
        ("/api", "/apis/**", "has to begin with it"),
        ("/api/v1", "/api/**", "has to begin with it"),
        ("/api", "/{api}/**", "has to begin with it"),
        ("/api", "/**", "has to begin with it"),
        ("/a/b", "/a", "has to begin with it"),
        ("/api/", "/api/**", "without wildcards"),
        ("/", "/**", "without wildcards"),
        ("/*", "/*/a", "without wildcards"),
        ("/{a}", "/{a}/b", "without wildcards"),
        ("*", "/**", "without wildcards"),
        ("api", "/api/**", "starts with `/`"),
        ("/%61pi", "/api/**", "canonical form"),
    ] {
        let pattern = PathPattern::parse(pattern).unwrap();
        let error = StrippedPrefix::parse(prefix, &pattern).unwrap_err().0;
        assert!(error.contains(advice), "{prefix}: {error}");
    }
}

#[test]
fn p18_a_path_of_the_upstream_becomes_the_clients() {
    for (client, upstream, path, expected) in [
        ("/api", "/base", "/base/a/b", Some("/api/a/b")),
        ("/api", "/base", "/base/", Some("/api/")),
        ("/api", "/base", "/base", Some("/api")),
        ("/api", "/base", "/basement", None),
        ("/api", "/base", "/other", None),
        ("/api", "", "/a", Some("/api/a")),
        ("/api", "", "/", Some("/api/")),
        ("", "/base", "/base", Some("/")),
        ("", "/base", "/base/a", Some("/a")),
        ("", "/base", "/base//evil.test", None),
        ("/api", "/base", "/base//a", Some("/api//a")),
        ("", "", "//evil.test", None),
    ] {
        let found = PathMapping::new(client, upstream).to_client(path);
        assert_eq!(found.as_deref(), expected, "{client} {upstream} {path}");
    }
}

#[test]
fn p18_a_cookie_is_sent_below_the_clients_path() {
    for (client, upstream, path, expected) in [
        ("/api", "/base", "/base/a", Some("/api/a")),
        ("/api", "/base", "/base/", Some("/api")),
        ("/api", "/base", "/base", Some("/api")),
        ("/api", "/base", "/", Some("/api")),
        ("/api", "/base/app", "/base", Some("/api")),
        ("/api", "/base/app", "/ba", None),
        ("/api", "", "/", Some("/api")),
        ("/api", "", "/a/", Some("/api/a/")),
        ("", "/base", "/", Some("/")),
        ("", "/base", "/other", None),
    ] {
        let found = PathMapping::new(client, upstream).cookie_to_client(path);
        assert_eq!(found.as_deref(), expected, "{client} {upstream} {path}");
    }
}

/// What some server could do to a path, written apart from the code.
fn misread(path: &str, how: u8) -> String {
    let cut = |ends: &[&str]| {
        let name = |segment: &str| {
            let end = ends.iter().filter_map(|end| segment.find(end)).min();
            segment[..end.unwrap_or(segment.len())].to_owned()
        };
        path.split('/').map(name).collect::<Vec<_>>().join("/")
    };
    match how % 5 {
        0 => {
            let (mut out, mut rest) = (String::new(), path);
            while let Some(at) = rest.find('%') {
                let value = rest.get(at + 1..at + 3);
                let value = value.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                out.push_str(&rest[..at]);
                out.push(value.map_or('%', char::from));
                rest = &rest[at + if value.is_some() { 3 } else { 1 }..];
            }
            out + rest
        }
        1 => path.replace('\\', "/"),
        2 => cut(&[";"]),
        3 => cut(&[";", "%3B", "%3b"]),
        _ => {
            let mut merged = path.to_owned();
            while merged.contains("//") {
                merged = merged.replace("//", "/");
            }
            merged
        }
    }
}

/// Bases, patterns, what is sent for their paths, and how every result begins.
fn scenes() -> Vec<(Scene, &'static str)> {
    let mut scenes = Vec::new();
    for base in ["", "/base"] {
        for (pattern, change, begins) in [
            ("/api/**", strip("/api", "/api/**"), ""),
            ("/api/**", PathChange::Keep, ""),
            ("/api/**", rewrite("/v2/{rest}", "/api/**"), "/v2"),
            ("/{a}/{b}/**", rewrite("/t/{b}.{a}/{rest}", "/{a}/{b}/**"), "/t"),
            ("/{a}/{b}/**", rewrite("/{b}{a}/{rest}", "/{a}/{b}/**"), ""),
            ("/{a}/**", rewrite("/.{a}/{rest}", "/{a}/**"), ""),
            ("/**", rewrite("/x{rest}", "/**"), ""),
            ("/{a}/{b}", rewrite("/{a}/..{b}", "/{a}/{b}"), ""),
        ] {
            // Nothing is said of a path that no setting changes.
            if base.is_empty() && change == PathChange::Keep {
                continue;
            }
            let begins: &str = match (base, begins) {
                ("", begins) => begins,
                (_, "/v2") => "/base/v2",
                (_, "/t") => "/base/t",
                _ => "/base",
            };
            scenes.push((Scene::new(pattern, &change, base, KEEP_ALL), begins));
        }
    }
    scenes
}

fn path() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/",
        "/",
        "/",
        "a",
        "api",
        ".",
        "..",
        ";",
        "%2F",
        "%2f",
        "%5C",
        "%2e",
        "%252e",
        "%252F",
        "%3B",
        "%0A",
        "%25",
        "2e",
        "%E9",
        "evil.test",
        "@",
        ":",
        "base",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("/{}", pieces.concat()))
}

#[test]
fn p17_every_reading_of_every_result_begins_as_it_has_to() {
    let scenes = scenes();
    let applied = Cell::new(0);
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    let inputs = (path(), prop::collection::vec(0_u8..5, 0..6));
    let outcome = TestRunner::new(config).run(&inputs, |(path, misreadings)| {
        for (scene, begins) in &scenes {
            for path in [path.clone(), format!("/api{path}")] {
                let Some(Ok(outgoing)) = scene.apply(&path) else { continue };
                applied.set(applied.get() + 1);
                let sent = outgoing.target.path().to_owned();
                let mut read = sent.clone();
                for how in [&[255], misreadings.as_slice()].concat() {
                    if how != 255 {
                        read = misread(&read, how);
                    }
                    let rest = read.strip_prefix(begins);
                    let is_inside =
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                    prop_assert!(is_inside, "{} became {}, read as {}", path, sent, read);
                    prop_assert!(
                        !read.starts_with("//"),
                        "{} became {}, read as {}",
                        path,
                        sent,
                        read
                    );
                    let dots = read.split('/').any(|segment| matches!(segment, "." | ".."));
                    prop_assert!(!dots, "{} became {}, read as {}", path, sent, read);
                }
            }
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(applied.get() > 1500, "{} were forwarded", applied.get());
}

/// Whether a path is only the prefix, of which the form with a slash comes back.
fn comes_back(path: &str, back: &str) -> bool {
    back == path || back == format!("{path}/")
}

#[test]
fn p18_turning_back_is_the_inverse() {
    let reversible = [
        ("/api/**", strip("/api", "/api/**")),
        ("/**", PathChange::Keep),
        ("/api/**", rewrite("/v2/{rest}", "/api/**")),
        ("/{a}/{b}/**", rewrite("/t/{b}.{a}/{rest}", "/{a}/{b}/**")),
    ];
    let scenes: Vec<_> = reversible
        .iter()
        .flat_map(|(pattern, change)| {
            ["", "/base"].map(|base| Scene::new(pattern, change, base, KEEP_ALL))
        })
        .collect();
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&path(), |path| {
        for scene in &scenes {
            for path in [path.clone(), format!("/api{path}")] {
                let Some(Ok(outgoing)) = scene.apply(&path) else { continue };
                let back = outgoing.back.as_ref().unwrap().to_client(outgoing.target.path());
                let canonical = scene.rules.canonical(
                    &Method::GET,
                    &path.parse().unwrap(),
                    Version::HTTP_11,
                    &HeaderMap::from_iter([(HOST, HeaderValue::from_static("h"))]),
                );
                let canonical = canonical.unwrap();
                match back {
                    Some(back) => prop_assert!(
                        comes_back(canonical.path(), &back),
                        "{} became {:?}, and came back as {}",
                        path,
                        outgoing.target,
                        back
                    ),
                    None => prop_assert!(canonical.path().starts_with("//"), "{}", path),
                }
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
