use std::{cell::Cell, sync::Arc};

use http::{HeaderMap, HeaderValue, Version, header::HOST};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::*;
use crate::policy::{
    CanonicalRequest, RequestRules, RouteMatch,
    settings::{EscapeRule, HostSettings, RouteSettings},
};

const STRICT: PathSettings = PathSettings {
    encoded_slash: EscapeRule::Refuse,
    empty_segments: EmptySegments::Merge,
    escapes: EscapeRule::Refuse,
    raw_utf8: RawUtf8::Refuse,
};
const SLASH: PathSettings = PathSettings { encoded_slash: EscapeRule::Keep, ..STRICT };
const EMPTY: PathSettings = PathSettings { empty_segments: EmptySegments::Keep, ..STRICT };
const ESCAPED: PathSettings = PathSettings { escapes: EscapeRule::Keep, ..STRICT };
const UTF8: PathSettings = PathSettings { raw_utf8: RawUtf8::Encode, ..STRICT };
const ALL: PathSettings = PathSettings {
    encoded_slash: EscapeRule::Keep,
    empty_segments: EmptySegments::Keep,
    escapes: EscapeRule::Keep,
    raw_utf8: RawUtf8::Encode,
};

fn route(path: &str, paths: PathSettings) -> RouteSettings {
    RouteSettings { paths, ..RouteSettings::public(path) }
}

struct Scene {
    routes: Arc<Routes>,
    rules: RequestRules,
}

impl Scene {
    fn new(routes: &[(&str, PathSettings)]) -> Self {
        let routes = routes.iter().map(|(path, settings)| route(path, *settings)).collect();
        let routes = Arc::new(Routes::compile(routes));
        let rules = RequestRules::new(Arc::clone(&routes), HostSettings::default());
        Self { routes, rules }
    }

    fn canonical(&self, target: &str) -> Result<CanonicalRequest, NotCanonical> {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("h"))]);
        self.rules.canonical(&Method::GET, &target.parse().unwrap(), Version::HTTP_11, &headers)
    }

    /// What is forwarded.
    fn target(&self, target: &str) -> Result<String, NotCanonical> {
        self.canonical(target).map(|request| request.target().as_str().to_owned())
    }

    fn route_of(&self, request: &CanonicalRequest) -> Option<RouteId> {
        match self.routes.find(request) {
            RouteMatch::Found(route) => Some(route),
            _ => None,
        }
    }
}

#[test]
fn p15_what_a_route_keeps_goes_on_byte_for_byte() {
    for (settings, path) in [
        (SLASH, "/a%2Fb"),
        (SLASH, "/a%2fb%c3%a9%41/[x]{y}|?%zz=%2f"),
        (EMPTY, "/w_500/https://img.test/%61.jpg"),
        (EMPTY, "/a//"),
        (ESCAPED, "/a%5cb"),
        (ESCAPED, "/caf%E9"),
        (ESCAPED, "/a%0Ab"),
        (ESCAPED, "/a%252Fb"),
        (ESCAPED, "/a%7f"),
        (ALL, "/a%2Fb//c%0A%5C%ff?x"),
    ] {
        let scene = Scene::new(&[("/**", settings)]);
        assert_eq!(scene.target(path).as_deref(), Ok(path));
    }
}

#[test]
fn p15_a_path_with_nothing_to_keep_has_its_one_spelling() {
    let scene = Scene::new(&[("/**", ALL)]);
    for (path, canonical) in
        [("/%41/b", "/A/b"), ("/caf%c3%a9", "/caf%C3%A9"), ("/a[1]", "/a%5B1%5D")]
    {
        assert_eq!(scene.target(path).as_deref(), Ok(canonical));
    }
}

#[test]
fn p15_each_setting_allows_what_it_is_for_and_no_more() {
    use NotCanonical::*;
    for (path, allowed_by, refused) in [
        ("/a%2Fb", SLASH, EncodedSeparator),
        ("/a%5Cb", ESCAPED, EncodedSeparator),
        ("/a%0Ab", ESCAPED, EncodedControl),
        ("/a%E9", ESCAPED, EncodedNotUtf8),
        ("/a%252Fb", ESCAPED, DoublyEncoded),
        ("/é", UTF8, PathCharacter),
        ("/a?é", UTF8, QueryCharacter),
    ] {
        for settings in [STRICT, SLASH, EMPTY, ESCAPED, UTF8] {
            // Another route that keeps everything changes nothing.
            let scene = Scene::new(&[("/**", settings), ("/other/**", ALL)]);
            let result = scene.target(path).map(drop);
            let expected = if settings == allowed_by { Ok(()) } else { Err(refused) };
            assert_eq!(result, expected, "{path} with {settings:?}");
        }
    }
}

#[test]
fn p15_what_no_route_can_allow() {
    use NotCanonical::*;
    let scene = Scene::new(&[("/**", ALL)]);
    for (path, refused) in [
        ("/a/../b", DotSegment),
        ("/a%2F..%2Fb", DotSegment),
        ("/a//..", DotSegment),
        ("/%252e%252e/a%2Fb", DotSegment),
        ("/a%5C..%5Cb", DotSegment),
        ("/a%2F..;x/b", DotSegment),
        ("/a%00", EncodedControl),
        ("/a%2500", EncodedControl),
        ("/%c0%ae%c0%ae/a", EncodedNotUtf8),
        ("/a%2Fb%", PathEscape),
        ("/a%2Fb%zz", PathEscape),
        ("/a\\b", PathCharacter),
        ("/a%2Fb\\c", PathCharacter),
    ] {
        assert_eq!(scene.target(path), Err(refused), "{path}");
    }
}

#[test]
fn p15_every_reading_leads_to_the_route_or_the_path_is_refused() {
    let scene = Scene::new(&[("/**", ALL), ("/admin/**", STRICT), ("/a/*", ALL)]);
    for path in [
        "/admin%2Fusers",
        "/%2Fadmin",
        "/admin%5Cusers",
        "/admin%252Fusers",
        "/admin;x%2Fusers",
        "/x%2F..;/y",
        "//h/admin/users",
        "/%2Fh/admin",
        "/ad%0Amin",
        "/ad%09min/x",
        // `*` is one segment: decoded, these have two, or none.
        "/a/x%2Fy",
        "/a/%2F",
    ] {
        let refused = scene.target(path);
        assert!(
            matches!(refused, Err(NotCanonical::Ambiguous | NotCanonical::DotSegment)),
            "{path}: {refused:?}"
        );
    }
    let one_below = Scene::new(&[("/**", ALL), ("/*/admin", STRICT)]);
    // Of two escapes an upstream may decode one.
    assert_eq!(one_below.target("/x%2Fy%5Cadmin"), Err(NotCanonical::Ambiguous));
    for path in ["/x%2Fy%2Fadmin", "/administration%2Fx", "/x//y", "/b/admin%5Cusers"] {
        assert_eq!(scene.target(path).as_deref(), Ok(path));
    }
}

/// A lax route weakens no strict one: what any upstream could take for a path of the strict one is
/// decided by the strict one's settings, or refused.
#[test]
fn p15_a_route_that_keeps_weakens_no_neighbour() {
    let scene = Scene::new(&[("/lax/**", ALL), ("/strict/**", STRICT), ("/lax/x", STRICT)]);
    assert_eq!(scene.target("/strict/a%2Fb"), Err(NotCanonical::EncodedSeparator));
    assert_eq!(scene.target("/strict//a").as_deref(), Ok("/strict/a"));
    assert_eq!(scene.target("/none%2Fa"), Err(NotCanonical::EncodedSeparator));
    // Merged it is a path of `/lax/x`, which merges.
    assert_eq!(scene.target("/lax//x").as_deref(), Ok("/lax/x"));
    assert_eq!(scene.target("/lax/%2Fx"), Err(NotCanonical::Ambiguous));
    assert_eq!(scene.target("/lax//y").as_deref(), Ok("/lax//y"));
    assert_eq!(scene.target("/lax/a%2Fb").as_deref(), Ok("/lax/a%2Fb"));
}

#[test]
fn p15_empty_segments_are_merged_kept_or_refused() {
    let refuse = PathSettings { empty_segments: EmptySegments::Refuse, ..SLASH };
    let scene = Scene::new(&[("/r/**", refuse), ("/m/**", SLASH), ("/k/**", EMPTY)]);
    assert_eq!(scene.target("/r//a"), Err(NotCanonical::EmptySegment));
    assert_eq!(scene.target("/r//a%2Fb"), Err(NotCanonical::EmptySegment));
    assert_eq!(scene.target("/r/a%2Fb").as_deref(), Ok("/r/a%2Fb"));
    assert_eq!(scene.target("/m//a//").as_deref(), Ok("/m/a/"));
    assert_eq!(scene.target("/m//%61%2fb").as_deref(), Ok("/m/%61%2fb"));
    assert_eq!(scene.target("/k//a").as_deref(), Ok("/k//a"));
}

#[test]
fn p15_raw_utf8_is_escaped_once() {
    let scene = Scene::new(&[("/**", UTF8)]);
    assert_eq!(scene.target("/café?q=ä&x=%zz").as_deref(), Ok("/caf%C3%A9?q=%C3%A4&x=%zz"));
    assert_eq!(scene.target("//é/%41").as_deref(), Ok("/%C3%A9/A"));
    let kept = Scene::new(&[("/**", ALL)]);
    assert_eq!(kept.target("/é%2fé").as_deref(), Ok("/%C3%A9%2f%C3%A9"));
    let routed = Scene::new(&[("/**", UTF8), ("/caf%C3%A9", UTF8)]);
    let request = routed.canonical("/café").unwrap();
    assert_eq!(routed.route_of(&request).unwrap().position(), 1);
}

#[test]
fn p15_the_settings_are_those_of_the_route_for_the_method() {
    let [mut get, mut post] = [SLASH, STRICT].map(|settings| route("/**", settings));
    get.methods = vec![Method::GET];
    post.methods = vec![Method::POST];
    let routes = Arc::new(Routes::compile([get, post].into_iter().collect()));
    let by = |method: Method| {
        routes
            .target(ListenerId::FIRST, &method, "h", &Uri::from_static("/a%2Fb"), Version::HTTP_11)
            .is_ok()
    };
    assert!(by(Method::GET));
    assert!(by(Method::HEAD));
    assert!(!by(Method::POST));
}

/// What some upstream does to a path, written apart from the code.
fn misread(path: &str, how: u8) -> String {
    let segments =
        |cut: &dyn Fn(&str) -> String| path.split('/').map(cut).collect::<Vec<_>>().join("/");
    match how {
        0 => {
            let mut out = String::new();
            let mut rest = path;
            while let Some(at) = rest.find('%') {
                out.push_str(&rest[..at]);
                let escape = rest.get(at + 1..at + 3);
                let value = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                // As Latin-1, so that a text stays a text: above ASCII nothing has a meaning here.
                out.push(value.map_or('%', char::from));
                rest = &rest[at + if value.is_some() { 3 } else { 1 }..];
            }
            out + rest
        }
        1 => path.replace('\\', "/"),
        2 => segments(&|segment| segment.split(';').next().unwrap().to_owned()),
        3 => segments(&|segment| {
            let ends = [";", "%3B", "%3b"].into_iter().filter_map(|end| segment.find(end));
            segment[..ends.min().unwrap_or(segment.len())].to_owned()
        }),
        4 => {
            let mut merged = path.to_owned();
            while merged.contains("//") {
                merged = merged.replace("//", "/");
            }
            merged
        }
        5 => path.replace("%5C", "/").replace("%5c", "/"),
        _ => path.replace(['\t', '\n', '\r'], ""),
    }
}

/// Whether the pattern matches a path whose segments are compared as they are.
fn matches(pattern: &str, path: &str) -> bool {
    let path: Vec<_> = path.split('/').skip(1).map(|segment| misread(segment, 0)).collect();
    let pattern: Vec<_> = pattern.split('/').skip(1).collect();
    let one = |(pattern, segment): (&&str, &String)| {
        pattern == segment || (*pattern == "*" && !segment.is_empty())
    };
    match pattern.split_last() {
        Some((&"**", start)) => start.len() <= path.len() && start.iter().zip(&path).all(one),
        _ => pattern.len() == path.len() && pattern.iter().zip(&path).all(one),
    }
}

/// A literal, or the end, before `*` before `**`.
fn rank(pattern: &str) -> Vec<u8> {
    let rank = |segment| match segment {
        "**" => 0,
        "*" => 1,
        _ => 2,
    };
    pattern.split('/').skip(1).map(rank).chain([3]).collect()
}

fn any_settings() -> impl Strategy<Value = PathSettings> {
    let rule =
        || prop::sample::select(vec![EscapeRule::Refuse, EscapeRule::Keep, EscapeRule::Keep]);
    let empty = vec![EmptySegments::Merge, EmptySegments::Keep, EmptySegments::Refuse];
    let raw = prop::sample::select(vec![RawUtf8::Refuse, RawUtf8::Encode]);
    (rule(), prop::sample::select(empty), rule(), raw).prop_map(
        |(encoded_slash, empty_segments, escapes, raw_utf8)| PathSettings {
            encoded_slash,
            empty_segments,
            escapes,
            raw_utf8,
        },
    )
}

fn any_path() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "b", "a", "b", "/", "/", "//", "%2F", "%2f", "%5C", "%252F", "%25252f", "%255c", ";",
        "%3B", "%3b", "%253b", "%0A", "%09", "%E9", "%61", "%2561", "é", "{", "..", "%2e", ".",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// For any table of routes and any path: what is accepted beyond the canonical forms matches one
/// route, however an upstream reads it, and that route allows what it holds.
#[test]
fn p15_a_kept_path_leads_to_one_route_in_all_its_readings() {
    let tables = prop::collection::btree_map("(/(a|b|[*])){0,3}(/|/[*][*])", any_settings(), 1..7);
    let misreadings = prop::collection::vec(prop::collection::vec(0_u8..7, 0..7), 12);
    let accepted = Cell::new(0);
    let config = Config { cases: 1500, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(
        &(tables, any_path(), misreadings),
        |(table, path, misreadings)| {
            let table: Vec<_> = table.iter().map(|(path, it)| (path.as_str(), *it)).collect();
            let scene = Scene::new(&table);
            let by_default = Scene::new(&[("/**", STRICT)]).target(&path);
            let Ok(request) = scene.canonical(&path) else {
                return Ok(());
            };
            let Some(route) = scene.route_of(&request) else {
                return Ok(());
            };
            if by_default.as_deref() == Ok(request.path()) {
                return Ok(());
            }
            accepted.set(accepted.get() + 1);
            let (_, settings) = table[route.position()];
            assert_allowed(&path, request.path(), settings)?;
            for steps in misreadings {
                let kept = request.path().to_owned();
                let read = steps.iter().fold(kept, |read, step| misread(&read, *step));
                let has_dots = read.split('/').any(|segment| matches!(segment, "." | ".."));
                prop_assert!(!has_dots, "{read:?} of {path:?}");
                let matching = table.iter().map(|(pattern, _)| *pattern).enumerate();
                let matching = matching.filter(|(_, pattern)| matches(pattern, &read));
                let best = matching.max_by_key(|(_, pattern)| rank(pattern)).map(|(at, _)| at);
                prop_assert_eq!(best, Some(route.position()), "{:?} of {:?}", read, path);
            }
            Ok(())
        },
    );
    outcome.unwrap();
    assert!(accepted.get() > 100, "{} paths were accepted: too few to prove much", accepted.get());
}

/// The route allows what the path has that is not canonical.
fn assert_allowed(received: &str, kept: &str, settings: PathSettings) -> Result<(), TestCaseError> {
    let has_slash = kept.to_ascii_lowercase().contains("%2f");
    prop_assert!(!has_slash || settings.encoded_slash == EscapeRule::Keep, "{kept}");
    let has_empty = kept.contains("//");
    prop_assert!(!has_empty || settings.empty_segments == EmptySegments::Keep, "{kept}");
    prop_assert!(received.is_ascii() || settings.raw_utf8 == RawUtf8::Encode, "{kept}");
    Ok(())
}
