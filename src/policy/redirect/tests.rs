use std::{cell::Cell, sync::Arc};

use http::{HeaderMap, Method, Version, header::HOST};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::*;
use crate::policy::{
    RequestRules, RouteMatch, Routes,
    outgoing::tests::KEEP_ALL,
    settings::{HostSettings, RouteSettings},
};

fn target(text: &str, pattern: &str) -> Result<RedirectTarget, PatternError> {
    RedirectTarget::parse(text, &PathPattern::parse(pattern).unwrap())
}

/// A route that keeps all that it can of a path, and where it sends its requests.
struct Scene {
    routes: Arc<Routes>,
    rules: RequestRules,
    redirect: Redirect,
}

impl Scene {
    fn new(pattern: &str, to: &str) -> Self {
        let route = RouteSettings { paths: KEEP_ALL, ..RouteSettings::public(pattern) };
        let routes = Arc::new(Routes::compile([route].into_iter().collect()));
        let rules = RequestRules::new(Arc::clone(&routes), HostSettings::default());
        let status = StatusCode::PERMANENT_REDIRECT;
        let to = target(to, pattern).unwrap();
        Self { routes, rules, redirect: Redirect { to, status, keeps_query: true } }
    }

    /// `None`: the request is none of the route's.
    fn location(&self, host: &str, target: &str) -> Option<Result<String, NotCanonical>> {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_str(host).ok()?)]);
        let target = target.parse().ok()?;
        let request = self.rules.canonical(&Method::GET, &target, Version::HTTP_11, &headers);
        let request = request.ok()?;
        let is_found = matches!(self.routes.find(&request), RouteMatch::Found(_));
        let text = |location: HeaderValue| location.to_str().unwrap().to_owned();
        is_found.then(|| self.redirect.location(&request).map(text))
    }
}

#[test]
fn p19_a_request_is_sent_where_the_operator_says() {
    for (pattern, to, target, expected) in [
        ("/**", "https://{host}/{rest}", "/a/b?x=1", "https://a.test/a/b?x=1"),
        ("/**", "https://{host}:8443/{rest}", "/", "https://a.test:8443/"),
        ("/**", "https://API.test", "/a", "https://api.test/"),
        ("/**", "https://[::1]:8443/{rest}", "/a", "https://[::1]:8443/a"),
        ("/old/**", "/new/{rest}", "/old/a%2Fb", "/new/a%2Fb"),
        ("/old/**", "/new/{rest}", "/old", "/new"),
        ("/u/{id}", "https://u.test/{id}.html", "/u/7?", "https://u.test/7.html?"),
    ] {
        let location = Scene::new(pattern, to).location("a.test:80", target).unwrap();
        assert_eq!(location.as_deref(), Ok(expected), "{pattern} {to} {target}");
    }
    let mut dropping = Scene::new("/**", "https://b.test/{rest}");
    dropping.redirect.keeps_query = false;
    assert_eq!(dropping.location("a.test", "/a?x").unwrap().as_deref(), Ok("https://b.test/a"));
}

#[test]
fn p19_what_could_name_another_host_is_refused() {
    let moved = Scene::new("/old/**", "/{rest}");
    for target in ["/old//evil.test", "/old/%2Fevil.test", "/old/%5Cevil.test", "/old/;x/evil.test"]
    {
        let location = moved.location("a.test", target).unwrap();
        assert_eq!(location, Err(NotCanonical::OutsideOfBase), "{target}");
    }
    let other = Scene::new("/**", "https://b.test/{rest}");
    for target in ["//evil.test", "/%2Fevil.test", "/@evil.test", "/:80@evil.test/"] {
        match other.location("a.test", target) {
            Some(Ok(location)) => assert!(location.starts_with("https://b.test/"), "{location}"),
            Some(Err(refused)) => assert_eq!(refused, NotCanonical::OutsideOfBase),
            None => {}
        }
    }
}

#[test]
fn x1_a_target_that_is_not_one_certain_host_is_refused_with_advice() {
    for (to, advice) in [
        ("api.test/{rest}", "begins with"),
        ("ftp://api.test/", "begins with"),
        ("HTTPS://api.test/", "begins with"),
        ("javascript:alert(1)", "begins with"),
        ("//api.test/{rest}", "canonical form"),
        ("https://{id}/{rest}", "no segment of a path is its host"),
        ("https://{id}.test/{rest}", "no segment of a path is its host"),
        ("https://{host}.test/{rest}", "a port from"),
        ("https://{host}@evil.test/{rest}", "no user name"),
        ("https://a{host}/{rest}", "no segment of a path is its host"),
        ("https://u:p@api.test/", "no user name"),
        ("https://*.test/{rest}", "one name"),
        ("https:///{rest}", "a host pattern"),
        ("https://api.test:0/", "a port from"),
        ("https://api.test:/", "a port from"),
        ("https://api.test:65536/", "a port from"),
        ("https://api.test:{id}/", "no segment of a path is its host"),
        ("https://api.test?x/", "a host pattern"),
        ("https://api.test\\@evil.test/", "no user name"),
        ("https://api.test{rest}", "no segment of a path is its host"),
        ("https://api.test/{rest}?x=1", "no query"),
        ("https://api.test/{rest}#x", "no fragment"),
        ("https://api.test/{other}", "no segment of `path`"),
        ("/a\r\nset-cookie: x/{rest}", "percent-encoded"),
    ] {
        let error = target(to, "/{id}/**").unwrap_err().0;
        assert!(error.contains(advice), "{to}: {error}");
    }
}

/// The host that a browser goes to, as WHATWG's parser of URLs finds it: tabs and line ends are
/// dropped, a backslash is a slash, and any number of slashes is two.
fn host_of(location: &str) -> Option<String> {
    let text: String = location.chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
    let text = text.replace('\\', "/");
    let behind = match text.split_once(':') {
        Some((scheme, behind)) if scheme.chars().all(|c| c.is_ascii_alphabetic()) => behind,
        _ if text.starts_with("//") => &text,
        _ => return None,
    };
    let authority = behind.trim_start_matches('/').split(['/', '?', '#']).next().unwrap();
    Some(authority.rsplit('@').next().unwrap().to_owned())
}

#[test]
fn p19_no_path_and_no_query_leads_to_another_host() {
    let scenes = [
        ("/{a}/**", "/{rest}", None),
        ("/{a}/{b}/**", "/{b}{a}/{rest}", None),
        ("/**", "/x{rest}", None),
        ("/{a}/**", "https://b.test/{a}/{rest}", Some("b.test")),
        ("/**", "https://b.test/{rest}", Some("b.test")),
        ("/**", "https://{host}:8443/{rest}", Some("a.test:8443")),
        ("/{a}", "http://b.test:81/.{a}", Some("b.test:81")),
    ];
    let scenes = scenes.map(|(pattern, to, host)| (Scene::new(pattern, to), host));
    let piece = prop_oneof![
        prop::sample::select(vec![
            "/",
            "//",
            "evil.test",
            "@",
            ":",
            "%2F",
            "%5C",
            "%40",
            "%0A",
            "%09",
            ";",
            "?",
            "http:",
            ".",
            "%2e",
            "\\",
            "{host}",
            "%25",
            "2F",
        ])
        .prop_map(str::to_owned),
        "[!-~]{0,2}",
    ];
    let path =
        prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("/{}", pieces.concat()));
    let redirected = Cell::new(0);
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&path, |path| {
        for (scene, host) in &scenes {
            let Some(Ok(location)) = scene.location("a.test:80", &path) else { continue };
            redirected.set(redirected.get() + 1);
            let found = host_of(&location);
            prop_assert_eq!(found.as_deref(), *host, "{} to {}", path, location);
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(redirected.get() > 500, "{} were redirected", redirected.get());
}
