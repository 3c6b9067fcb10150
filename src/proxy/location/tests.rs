use proptest::prelude::*;

use super::*;

/// The service at `10.0.0.1:3000`, below `/base`; the client knows it below `/api` of `api.test`.
struct Scene {
    mapping: PathMapping,
    upstream: Vec<UpstreamAddress>,
    host: &'static str,
}

impl Scene {
    fn new(client: &str, upstream: &str) -> Self {
        let address = UpstreamAddress::Http("10.0.0.1:3000".to_owned());
        let mapping = PathMapping::new(client, upstream);
        let second = UpstreamAddress::Http("[::1]:3001".to_owned());
        Self { mapping, upstream: vec![address, second], host: "api.test" }
    }

    fn rewriter(&self) -> LocationRewriter<'_> {
        LocationRewriter::new(&self.mapping, self.upstream.iter().collect(), self.host)
    }

    fn url(&self, text: &str) -> Option<String> {
        self.rewriter().url(text)
    }

    fn cookie(&self, cookie: &str) -> Option<String> {
        let cookie = self.rewriter().cookie(cookie.as_bytes());
        cookie.map(|cookie| String::from_utf8(cookie.as_bytes().to_vec()).unwrap())
    }
}

#[test]
fn p18_what_means_the_service_is_turned_back() {
    let scene = Scene::new("/api", "/base");
    for (sent, expected) in [
        ("/base/a?x=/base#y", "/api/a?x=/base#y"),
        ("/base", "/api"),
        ("/base/a%2Fb;v=1", "/api/a%2Fb;v=1"),
        ("http://10.0.0.1:3000/base/a", "/api/a"),
        ("HTTP://10.0.0.1:3000/base/?q", "/api/?q"),
        ("//10.0.0.1:3000/base/a", "/api/a"),
        ("http://[0::1]:3001/base/a", "/api/a"),
        ("http://api.test/base/a", "/api/a"),
        ("http://API.test.:80/base/a", "/api/a"),
        ("//api.test/base/a", "/api/a"),
        ("http://api.test:3000/base/a", "/api/a"),
        // The service wants https, and the client may have come without.
        ("https://api.test/base/a#f", "https://api.test/api/a#f"),
        ("https://API.test:443/base/a", "https://API.test:443/api/a"),
    ] {
        assert_eq!(scene.url(sent).as_deref(), Some(expected), "{sent}");
    }
    let root = Scene::new("/api", "");
    assert_eq!(root.url("http://10.0.0.1:3000").as_deref(), Some("/api/"));
    assert_eq!(root.url("http://10.0.0.1:3000?q").as_deref(), Some("/api/?q"));
    let same = Scene::new("", "");
    assert_eq!(same.url("http://10.0.0.1:3000/a").as_deref(), Some("/a"));
}

#[test]
fn p18_a_service_behind_tls_means_itself_by_https() {
    let mut scene = Scene::new("/api", "/base");
    scene.upstream = vec![UpstreamAddress::Https("app.test:443".to_owned())];
    for (sent, expected) in [
        ("https://app.test/base/a", Some("/api/a")),
        ("http://app.test/base/a", None),
        ("https://api.test/base/a", Some("https://api.test/api/a")),
        // It wants the client to leave https, which is its own business.
        ("http://api.test/base/a", Some("http://api.test/api/a")),
        ("//app.test/base/a", Some("/api/a")),
    ] {
        assert_eq!(scene.url(sent).as_deref(), expected, "{sent}");
    }
}

#[test]
fn p18_a_host_that_occurs_in_the_scheme_is_found_behind_it() {
    for host in ["s", "http", "https", "t", "p"] {
        let scene = Scene { host, ..Scene::new("/api", "/base") };
        let (sent, expected) = (format!("https://{host}/base/a"), format!("https://{host}/api/a"));
        assert_eq!(scene.url(&sent), Some(expected));
    }
}

#[test]
fn p18_what_means_another_host_or_nothing_certain_stays() {
    let scene = Scene::new("/api", "/base");
    for sent in [
        "http://evil.test/base/a",
        "//evil.test/base/a",
        "http://10.0.0.1/base/a",
        "http://10.0.0.1:3001/base/a",
        "http://[::1]/base/a",
        "https://10.0.0.1:3000/base/a",
        "http://api.test:8080/base/a",
        "https://api.test:80/base/a",
        "https://api.test:3000/base/a",
        "http://10.0.0.1:80/base/a",
        "http://api.test@evil.test/base/a",
        "http://evil.test@api.test/base/a",
        "http://api.test.evil.test/base/a",
        "http://api.test\\@evil.test/base/a",
        "http:/base/a",
        "http:base/a",
        "http:///base/a",
        "http://api.test:/base/a",
        "http://api.test:+80/base/a",
        "http://api.test:80:80/base/a",
        "javascript:/base/a",
        "ftp://api.test/base/a",
        "base/a",
        "../base/a",
        "?q",
        "#f",
        "",
        "/other/a",
        "/basement",
        "/base/../a",
        "/base/%2e%2E/a",
        "/base/.%2e;x/a",
        "/base\\evil.test",
        "\\\\evil.test/base",
        "/base/\t/a",
        "/base/a b",
        "/base/\u{e9}",
        "/base/<x>",
        " /base/a",
        "/base/a?\\",
    ] {
        assert_eq!(scene.url(sent), None, "{sent}");
    }
    // Without its base the path would begin with a host.
    let bare = Scene::new("", "/base");
    for sent in ["/base//evil.test", "http://api.test/base//evil.test", "//10.0.0.1:3000/base//x"] {
        assert_eq!(bare.url(sent), None, "{sent}");
    }
}

#[test]
fn p18_a_cookie_has_the_clients_path() {
    let scene = Scene::new("/api", "/base");
    for (sent, expected) in [
        ("a=1; Path=/base", "a=1; Path=/api"),
        ("a=1;path=/base/x;HttpOnly", "a=1;path=/api/x;HttpOnly"),
        ("a=1; PATH = /base/ ; Secure", "a=1; PATH = /api ; Secure"),
        ("a=1; Path=/", "a=1; Path=/api"),
        ("path=/base; Path=/base", "path=/base; Path=/api"),
        ("__Secure-a=1; Path=/base", "__Secure-a=1; Path=/api"),
    ] {
        assert_eq!(scene.cookie(sent).as_deref(), Some(expected), "{sent}");
    }
}

#[test]
fn p18_a_cookie_of_which_something_is_uncertain_stays() {
    let scene = Scene::new("/api", "/base");
    for sent in [
        "a=1",
        "a=1; Path",
        "a=1; Path=",
        "a=1; Path=base",
        "a=1; Path=/other",
        "a=1; Path=/base; Path=/base/x",
        "a=1; Path=\"/base\"",
        "a=\"x; Path=/base\"",
        "a=1; Path=/base/../x",
        "a=1; Path=/base/\u{e9}",
        "a=1; Paths=/base",
        "Path=/base",
        "__Host-a=1; Path=/; Secure",
        "__hOST-a=1; Path=/; Secure",
    ] {
        assert_eq!(scene.cookie(sent), None, "{sent}");
    }
    // A client can't add attributes to a cookie by its path.
    let injected = Scene::new("/acme;Domain=test/api", "/t/acme");
    assert_eq!(injected.cookie("a=1; Path=/t/acme"), None);
    assert_eq!(injected.cookie("a=1; Path=/"), None);
}

#[test]
fn of_two_locations_neither_is_turned_back() {
    let scene = Scene::new("/api", "/base");
    let mut headers = HeaderMap::new();
    for value in ["/base/a", "/base/b"] {
        headers.append(LOCATION, HeaderValue::from_static(value));
        headers.append(SET_COOKIE, HeaderValue::from_static("a=1; Path=/base"));
    }
    headers.append(CONTENT_LOCATION, HeaderValue::from_static("/base/c"));
    scene.rewriter().apply(&mut headers);
    let values = |name| headers.get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(values(LOCATION), ["/base/a", "/base/b"]);
    assert_eq!(values(CONTENT_LOCATION), ["/api/c"]);
    assert_eq!(values(SET_COOKIE), ["a=1; Path=/api", "a=1; Path=/api"]);
}

/// Text that is dense in what parsers of URLs read in different ways.
fn location() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "http:",
            "https:",
            "//",
            "/",
            "/base",
            "api.test",
            "10.0.0.1:3000",
            "evil.test",
            "@",
            ":80",
            "\\",
            "?",
            "#",
            "..",
            "%2e",
            ";",
            "\t",
            "%2F",
            "[",
            "]",
            ".",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,2}",
    ];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is rewritten leads to the client's host, however it is read.
    #[test]
    fn p18_nothing_is_rewritten_to_another_host(sent in location(), client in "(/api)?") {
        if let Some(rewritten) = Scene::new(&client, "/base").url(&sent) {
            let behind = rewritten.strip_prefix("https://").map_or(rewritten.as_str(), |behind| {
                let host = behind.split('/').next().unwrap_or_default();
                assert!(host == "api.test" || host == "api.test:443", "{sent}: {rewritten}");
                &behind[host.len()..]
            });
            prop_assert!(behind.starts_with('/'), "{}: {}", sent, rewritten);
            prop_assert!(!behind.starts_with("//"), "{}: {}", sent, rewritten);
            prop_assert!(!behind.contains(['\\', '\t', ' ']), "{}: {}", sent, rewritten);
        }
    }

    /// However a cookie is written, only its path changes.
    #[test]
    fn p18_of_a_cookie_nothing_but_the_path_changes(
        name in "[a-zA-Z_=-]{1,8}",
        rest in "(; ?(Secure|HttpOnly|Domain=api.test|Max-Age=1|x)){0,3}",
        path in "/(base)?/?[a-z/]{0,6}",
    ) {
        let scene = Scene::new("/api", "/base");
        let cookie = |path: &str| format!("{name}=v; Path={path}{rest}");
        if let Some(rewritten) = scene.cookie(&cookie(&path)) {
            let expected = scene.mapping.cookie_to_client(&path).unwrap();
            prop_assert_eq!(rewritten, cookie(&expected));
        }
    }
}
