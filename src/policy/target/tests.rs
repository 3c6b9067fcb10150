use http::uri::{Parts, Scheme};
use proptest::prelude::*;

use super::*;

/// A target of HTTP/1.1, as hyper hands it over.
fn http1(target: &str) -> Uri {
    target.parse().unwrap()
}

/// `:path` and `:authority` of HTTP/2, as h2 hands them over: without the latter it has no use for
/// the scheme.
fn http2(path: Option<&str>, authority: Option<&str>) -> Uri {
    let mut parts = Parts::default();
    parts.path_and_query = path.map(|path| path.parse().unwrap());
    parts.authority = authority.map(|authority| authority.parse().unwrap());
    parts.scheme = authority.map(|_| Scheme::HTTP);
    Uri::from_parts(parts).unwrap()
}

fn get(target: &Uri, version: Version) -> Result<String, NotCanonical> {
    RequestTarget::canonical(&Method::GET, target, version).map(|target| written(&target))
}

/// The target as hyper writes it into a request line.
fn written(target: &RequestTarget) -> String {
    target.for_http1().to_string()
}

#[test]
fn p14_what_stands_for_an_empty_path_is_written_as_a_slash() {
    for (sent, line) in [
        ("/", "/"),
        ("http://a", "/"),
        ("HTTPS://a/", "/"),
        ("http://a?x", "/?x"),
        ("http://a?", "/?"),
        ("http://a//", "/"),
        ("//", "/"),
        ("//host/path", "/host/path"),
    ] {
        let target = http1(sent);
        assert_eq!(get(&target, Version::HTTP_11), Ok(line.to_owned()), "{sent}");
    }
}

#[test]
fn p14_a_target_without_a_path_is_refused() {
    for sent in ["http://a#", "http://a#/../admin", "https://a:80#?x", "http://u@a#/x"] {
        let refused = get(&http1(sent), Version::HTTP_11);
        assert_eq!(refused, Err(NotCanonical::PathMissing), "{sent}");
    }
    for authority in [None, Some("a")] {
        for path in ["#", "#/../admin", "?", "?x", "?x#y"] {
            let refused = get(&http2(Some(path), authority), Version::HTTP_2);
            assert_eq!(refused, Err(NotCanonical::PathMissing), "{path} of {authority:?}");
        }
        let root = get(&http2(Some("/"), authority), Version::HTTP_2);
        assert_eq!(root, Ok("/".to_owned()), "{authority:?}");
    }
    let without_path = get(&http2(None, None), Version::HTTP_2);
    assert_eq!(without_path, Err(NotCanonical::PathMissing));
}

#[test]
fn p14_what_is_neither_path_nor_url_is_refused() {
    for sent in ["a", "a:443", "foo", "*x", "u@a", "mailto:x", "ftp://a/", "ws://a"] {
        let refused = get(&http1(sent), Version::HTTP_11);
        assert_eq!(refused, Err(NotCanonical::TargetForm), "{sent}");
    }
    assert_eq!(get(&http1("*"), Version::HTTP_11), Err(NotCanonical::AsteriskTarget));
    let asterisk = RequestTarget::canonical(&Method::OPTIONS, &http1("*"), Version::HTTP_11);
    assert_eq!(asterisk.map(|target| written(&target)), Ok("*".to_owned()));
}

#[test]
fn p2_of_a_fragment_that_was_cut_nothing_is_written() {
    for (sent, line) in [
        ("/public#/../admin", "/public"),
        ("/#x", "/"),
        ("/a?b#c", "/a?b"),
        ("/a#?b", "/a"),
        ("/a##\\\u{e9}", "/a"),
        ("http://a/b#c", "/b"),
        ("http://a?b#c", "/?b"),
    ] {
        let target = http1(sent);
        assert_eq!(get(&target, Version::HTTP_11), Ok(line.to_owned()), "{sent}");
    }
    // `http` ignores what follows the `#`; HTTP/2 may carry anything there.
    let target = http2(Some("/a#\r\nx: y\r\n\r\n"), Some("a"));
    assert_eq!(get(&target, Version::HTTP_2), Ok("/a".to_owned()));
}

#[test]
fn p14_no_constructor_takes_a_text_without_a_path() {
    let new =
        |text: &str| RequestTarget::new(&text.parse().unwrap()).map(|target| written(&target));
    assert_eq!(new("#x"), Err(NotCanonical::PathMissing));
    assert_eq!(new("?x"), Err(NotCanonical::PathMissing));
    for text in ["/", "/?x", "*"] {
        assert_eq!(new(text), Ok(text.to_owned()));
    }
}

#[test]
fn p14_an_authority_that_is_none_is_an_error_and_no_other_target() {
    let target = RequestTarget::canonical(&Method::GET, &http1("/x"), Version::HTTP_11).unwrap();
    for authority in ["", "a/b", "a b", "a#"] {
        assert!(target.for_http2("http", authority).is_err(), "{authority}");
    }
}

/// Text that is dense in what `http` cuts, repairs or fills in.
fn tricky_text() -> impl Strategy<Value = String> {
    let beginning = prop::sample::select(vec!["", "/", "/a", "http://a", "HTTPS://a:80", "*"]);
    let piece = prop_oneof![
        prop::sample::select(vec![
            "/", "//", "?", "#", "*", "http://", "a", ":", "u@", "..", "%2e", "%2F", "%41", "\\",
            "|", "[::1]",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,3}",
        any::<char>().prop_map(|c| c.to_string()),
    ];
    (beginning, prop::collection::vec(piece, 0..8))
        .prop_map(|(beginning, pieces)| format!("{beginning}{}", pieces.concat()))
}

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![Method::GET, Method::OPTIONS])
}

/// One form for policy and both kinds of upstream, which is its own canonical form.
fn assert_one_form(method: &Method, target: &RequestTarget) {
    let text = target.as_str();
    assert!(text == "*" || text.starts_with('/'), "{text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{text}");
    let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
    assert_eq!(format!("{}{query}", target.path()), text);
    assert_eq!(written(target), text);
    assert_eq!(target.for_http2("http", "a").unwrap().to_string(), format!("http://a{text}"));
    let again = RequestTarget::canonical(method, &http1(text), Version::HTTP_11);
    assert_eq!(again.as_ref(), Ok(target));
}

proptest! {
    #[test]
    fn p14_policy_and_upstream_see_one_form(text in tricky_text(), method in method()) {
        if let Ok(uri) = text.parse::<Uri>()
            && let Ok(target) = RequestTarget::canonical(&method, &uri, Version::HTTP_11)
        {
            assert_one_form(&method, &target);
        }
    }

    #[test]
    fn p14_policy_and_upstream_see_one_form_over_http2(
        path in tricky_text(),
        has_authority: bool,
        method in method(),
    ) {
        if path.parse::<PathAndQuery>().is_ok() {
            let uri = http2(Some(&path), has_authority.then_some("a"));
            if let Ok(target) = RequestTarget::canonical(&method, &uri, Version::HTTP_2) {
                assert_one_form(&method, &target);
            }
        }
    }
}
