use http::{HeaderName, HeaderValue, Version};

use super::{settings::CredentialSettings, *};
use crate::policy::{WebOrigin, credential::CredentialRules};

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

fn cookie(name: &str, scheme: Option<&str>, chunks: bool) -> CredentialSource {
    let (name, scheme) = (name.to_owned(), scheme.map(str::to_owned));
    CredentialSource::Cookie { name, scheme, chunks }
}

fn header(name: &'static str, scheme: Option<&str>) -> CredentialSource {
    let scheme = scheme.map(str::to_owned);
    CredentialSource::Header { name: HeaderName::from_static(name), scheme }
}

fn settings(sources: Vec<CredentialSource>) -> CredentialSettings {
    CredentialSettings { sources, ..CredentialSettings::default() }
}

fn everywhere(forward: bool) -> CredentialSettings {
    let sources = vec![
        header("authorization", Some("Bearer")),
        header("x-token", None),
        cookie("session", None, false),
    ];
    CredentialSettings { forward, ..settings(sources) }
}

fn request(method: &str, target: &str, settings: &CredentialSettings) -> CanonicalRequest {
    let headers = headers(&[("host", "api.test")]);
    let method = method.parse().unwrap();
    let request =
        CanonicalRequest::new(&method, &target.parse().unwrap(), Version::HTTP_11, &headers);
    let mut request = request.unwrap();
    request.take_parameters(places(settings).parameters()).unwrap();
    request
}

fn places(settings: &CredentialSettings) -> CredentialPlaces {
    CredentialPlaces::new(settings, [])
}

/// What is extracted of a request by GET, in the form of a token.
fn extracted(
    settings: &CredentialSettings,
    target: &str,
    headers: &HeaderMap,
) -> Result<String, Reason> {
    let request = request("GET", target, settings);
    let sources = places(settings).of_route(&CredentialRules::default());
    let found = sources.extract(&request, headers)?;
    found.credential().check_form()?;
    Ok(String::from_utf8(found.credential().as_bytes().to_vec()).unwrap())
}

fn kept(settings: &CredentialSettings) -> KeptCredentials {
    KeptCredentials { verified_token: settings.forward, ..KeptCredentials::default() }
}

fn stripped(settings: &CredentialSettings, headers: &HeaderMap, verified: bool) -> HeaderMap {
    let mut headers = headers.clone();
    places(settings).strip(&mut headers, verified.then_some(PlaceSet::ALL), kept(settings));
    headers
}

#[test]
fn t21_exactly_one_token_or_a_refusal() {
    use Reason::{
        CredentialAmbiguous, CredentialMalformed, CredentialMissing, CredentialSchemeUnknown,
    };
    type Case = (&'static [(&'static str, &'static str)], Result<&'static str, Reason>);
    let cases: &[Case] = &[
        (&[("authorization", "Bearer abc.d-e_f~+/=")], Ok("abc.d-e_f~+/=")),
        (&[("authorization", "bearer abc")], Ok("abc")),
        (&[("authorization", "BEARER   abc")], Ok("abc")),
        (&[("x-token", "abc")], Ok("abc")),
        (&[("cookie", "a=b; session=abc; c=d")], Ok("abc")),
        (&[("cookie", "a=b"), ("cookie", "session=abc")], Ok("abc")),
        (&[("authorization", "Bearer abc"), ("x-token", "abc")], Ok("abc")),
        (&[], Err(CredentialMissing)),
        (&[("authorization", "Basic dXNlcjpwdw==")], Err(CredentialSchemeUnknown)),
        (&[("authorization", "DPoP abc")], Err(CredentialSchemeUnknown)),
        (&[("authorization", "BearerX abc")], Err(CredentialSchemeUnknown)),
        (&[("proxy-authorization", "Bearer abc")], Err(CredentialMissing)),
        (&[("authorization", "")], Err(CredentialMissing)),
        (&[("authorization", "Basic b"), ("x-token", "abc")], Ok("abc")),
        (&[("x-token", "")], Err(CredentialMissing)),
        (&[("cookie", "session=")], Err(CredentialMissing)),
        (&[("cookie", "xsession=abc")], Err(CredentialMissing)),
        (&[("authorization", "Bearer")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer ")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer\tabc")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a b")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a, Bearer b")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a\u{e4}")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a%3D")], Err(CredentialMalformed)),
        (&[("authorization", "Bearer a"), ("authorization", "Bearer a")], Err(CredentialAmbiguous)),
        (&[("authorization", "Bearer a"), ("authorization", "Basic b")], Err(CredentialAmbiguous)),
        (&[("authorization", "Bearer a"), ("x-token", "b")], Err(CredentialAmbiguous)),
        (&[("authorization", "Bearer a"), ("cookie", "session=b")], Err(CredentialAmbiguous)),
        (&[("cookie", "session=a; session=b")], Err(CredentialAmbiguous)),
    ];
    for (given, expected) in cases {
        let headers = headers(given);
        let found = extracted(&everywhere(false), "/", &headers);
        assert_eq!(found, expected.map(str::to_owned), "{given:?}");
    }
}

#[test]
fn h10_credentials_are_stripped_unless_they_are_verified_and_to_be_forwarded() {
    let all = [
        ("authorization", "Bearer abc"),
        ("x-token", "abc"),
        ("cookie", "a=b; session=abc; c=d"),
        ("accept", "*/*"),
    ];
    let left = headers(&[("accept", "*/*"), ("cookie", "a=b; c=d")]);
    let all = headers(&all);
    for (forward, verified) in [(false, true), (false, false), (true, false)] {
        let found = stripped(&everywhere(forward), &all, verified);
        assert_eq!(found, left, "forward {forward}, verified {verified}");
    }
    assert_eq!(stripped(&everywhere(true), &all, true), all);
}

#[test]
fn h10_another_scheme_passes_only_where_credentials_are_forwarded() {
    let basic = headers(&[("authorization", "Basic dXNlcjpwdw==")]);
    assert_eq!(stripped(&everywhere(true), &basic, false), basic);
    assert!(stripped(&everywhere(false), &basic, false).is_empty());
}

#[test]
fn h10_where_the_first_decides_only_that_one_is_forwarded() {
    let settings = CredentialSettings { ambiguous: Ambiguity::First, ..everywhere(true) };
    let all = [("authorization", "Bearer abc"), ("x-token", "xyz"), ("cookie", "session=xyz; a=b")];
    let mut given = headers(&all);
    let sources = places(&settings).of_route(&CredentialRules::default());
    let request = request("GET", "/", &settings);
    let found = sources.extract(&request, &given).unwrap();
    assert_eq!(found.credential().as_bytes(), b"abc");
    let verified = Some(found.places);
    drop(found);
    places(&settings).strip(&mut given, verified, kept(&settings));
    assert_eq!(given, headers(&[("authorization", "Bearer abc"), ("cookie", "a=b")]));
}

#[test]
fn h10_a_place_of_another_route_is_stripped_as_well() {
    let of_admin = CredentialRules {
        sources: Some(vec![cookie("admin", None, false)]),
        ..CredentialRules::default()
    };
    let places = CredentialPlaces::new(&everywhere(true), [&of_admin]);
    let sources = places.of_route(&CredentialRules::default());
    let request = request("GET", "/", &everywhere(true));
    let mut given = headers(&[("x-token", "abc"), ("cookie", "admin=xyz; a=b")]);
    let found = sources.extract(&request, &given).unwrap().places;
    places.strip(&mut given, Some(found), kept(&everywhere(true)));
    assert_eq!(given, headers(&[("x-token", "abc"), ("cookie", "a=b")]));
}

#[test]
fn t21_a_cookie_may_be_quoted_or_have_a_scheme() {
    use Reason::{CredentialMalformed, CredentialMissing, CredentialSchemeUnknown};
    let bare = settings(vec![cookie("t", None, false)]);
    let bearer = settings(vec![cookie("t", Some("Bearer"), false)]);
    for (settings, value, expected) in [
        (&bare, "t=abc", Ok("abc")),
        (&bare, r#"t="abc""#, Ok("abc")),
        (&bare, r#"t="abc"#, Err(CredentialMalformed)),
        (&bare, r#"t=abc""#, Err(CredentialMalformed)),
        (&bare, r#"t=""abc"""#, Err(CredentialMalformed)),
        (&bare, "t=", Err(CredentialMissing)),
        (&bare, r#"t=""#, Err(CredentialMalformed)),
        (&bare, r#"t="""#, Err(CredentialMissing)),
        (&bare, r#"t="Bearer abc""#, Err(CredentialMalformed)),
        (&bearer, r#"t="Bearer abc""#, Ok("abc")),
        (&bearer, "t=bearer  abc", Ok("abc")),
        (&bearer, r#"t="Basic abc""#, Err(CredentialSchemeUnknown)),
        (&bearer, "t=abc", Err(CredentialSchemeUnknown)),
        (&bearer, r#"t="Bearer abc"#, Err(CredentialSchemeUnknown)),
        (&bearer, "t=Bearer", Err(CredentialMalformed)),
        (&bearer, "t=", Err(CredentialMissing)),
    ] {
        let found = extracted(settings, "/", &headers(&[("cookie", value)]));
        assert_eq!(found, expected.map(str::to_owned), "{value}");
    }
}

#[test]
fn t21_a_cookie_in_parts_is_whole_or_refused() {
    use Reason::{CredentialAmbiguous, CredentialMalformed, CredentialMissing};
    let chunked = settings(vec![cookie("t", Some("Bearer"), true)]);
    let all = (0..17).map(|n| format!("t_{n}=x")).collect::<Vec<_>>();
    let too_many = format!("t_0=Bearer y; {}", all[1..].join("; "));
    let most = format!("t_0=Bearer y; {}", all[1..16].join("; "));
    for (value, expected) in [
        ("t_0=Bearer ab; t_1=cd", Ok("abcd")),
        ("t_1=cd; a=b; t_0=Bearer ab", Ok("abcd")),
        (r#"t_0="Bearer ab"; t_1="cd""#, Ok("abcd")),
        (r#"t_0="Bearer ab; t_1=cd""#, Ok("abcd")),
        ("t=Bearer ab", Ok("ab")),
        ("t_0=Bearer ab; t_1=; t_2=", Ok("ab")),
        (&most, Ok("yxxxxxxxxxxxxxxx")),
        ("t_0=Bearer ab; t_2=cd", Err(CredentialMalformed)),
        ("t_1=cd", Err(CredentialMalformed)),
        ("t_0=Bearer ab; t_01=cd", Err(CredentialMalformed)),
        ("t_00=Bearer ab", Err(CredentialMalformed)),
        ("t_0=Bearer ab; t_16=cd", Err(CredentialMalformed)),
        ("t_0=Bearer ab; t_99999999999999999999=cd", Err(CredentialMalformed)),
        (&too_many, Err(CredentialMalformed)),
        ("t_0=Bearer ab; t_0=Bearer ab", Err(CredentialAmbiguous)),
        ("t_0=Bearer ab; t_1=c; t_1=d", Err(CredentialAmbiguous)),
        ("t=Bearer ab; t_0=Bearer ab", Err(CredentialAmbiguous)),
        ("t_=x; t_a=y; tt_0=z", Err(CredentialMissing)),
    ] {
        let headers = headers(&[("cookie", value)]);
        let found = extracted(&chunked, "/", &headers);
        assert_eq!(found, expected.map(str::to_owned), "{value}");
        let left = stripped(&chunked, &headers, false);
        let others = ["a=b", "t_=x; t_a=y; tt_0=z"];
        assert!(left.get("cookie").is_none_or(|left| others.iter().any(|o| left == o)), "{value}");
    }
    let whole_only = settings(vec![cookie("t", None, false)]);
    let parts = headers(&[("cookie", "t_0=ab; t_1=cd")]);
    assert_eq!(extracted(&whole_only, "/", &parts), Err(CredentialMissing), "not by default");
    assert_eq!(stripped(&whole_only, &parts, false), parts);
}

#[test]
fn t25_a_token_of_the_query_is_one_parameter() {
    use Reason::{CredentialAmbiguous, CredentialMissing};
    let query = settings(vec![CredentialSource::Query("access_token".to_owned())]);
    for (target, expected) in [
        ("/a?access_token=abc", Ok("abc")),
        ("/a?x=1&access%5Ftoken=abc", Ok("abc")),
        ("/a?x=1", Err(CredentialMissing)),
        ("/a", Err(CredentialMissing)),
        ("/a?access_token=", Err(CredentialMissing)),
        ("/a?access_token=abc&access_token=abc", Err(CredentialAmbiguous)),
        ("/a?access_token=a+b", Err(Reason::CredentialMalformed)),
    ] {
        let found = extracted(&query, target, &HeaderMap::new());
        assert_eq!(found, expected.map(str::to_owned), "{target}");
        let left = request("GET", target, &query);
        assert!(!left.target().as_str().contains("oken"), "{target}: {left:?}");
    }
}

#[test]
fn o2_a_token_is_taken_out_of_other_urls_too() {
    let query = settings(vec![CredentialSource::Query("access_token".to_owned())]);
    let given = headers(&[
        ("referer", "https://a.test/x?access_token=abc&y=1"),
        ("x-forwarded-uri", "/x?access%5ftoken=abc"),
        ("x-other", "/x?access_token=abc"),
    ]);
    let left = headers(&[
        ("referer", "https://a.test/x?y=1"),
        ("x-forwarded-uri", "/x"),
        ("x-other", "/x?access_token=abc"),
    ]);
    assert_eq!(stripped(&query, &given, true), left);
    assert_eq!(stripped(&everywhere(false), &given, true), given);
}

const HANDSHAKE: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

#[test]
fn t21_a_token_among_the_protocols_of_a_handshake() {
    use Reason::{CredentialAmbiguous, CredentialMalformed, CredentialMissing};
    const KUBERNETES: &str = "base64url.bearer.authorization.k8s.io";
    let protocols = settings(vec![CredentialSource::WebSocketProtocol("bearer".to_owned())]);
    let encoded = format!("{KUBERNETES}.YWJj");
    let both = format!("{encoded}, bearer, abc");
    let padded = format!("{KUBERNETES}.YWI=");
    let empty = format!("{KUBERNETES}., x");
    for (offer, expected, left) in [
        ("bearer, abc, chat", Ok("abc"), Some("chat")),
        ("chat,bearer,abc", Ok("abc"), Some("chat")),
        ("a, bearer,, abc ,b", Ok("abc"), Some("a, b")),
        ("Bearer, abc", Ok("abc"), None),
        (&encoded, Ok("abc"), None),
        ("chat", Err(CredentialMissing), Some("chat")),
        ("bearer.abc", Err(CredentialMissing), Some("bearer.abc")),
        ("bearer", Err(CredentialMalformed), None),
        ("chat, bearer", Err(CredentialMalformed), Some("chat")),
        (&padded, Err(CredentialMalformed), None),
        (&empty, Err(CredentialMalformed), Some("x")),
        (&both, Err(CredentialAmbiguous), None),
        ("bearer, abc, bearer, abc", Err(CredentialAmbiguous), None),
        ("bearer, bearer, abc", Err(CredentialAmbiguous), None),
        ("bearer, abc, x, bearer", Err(CredentialAmbiguous), Some("x")),
    ] {
        let mut headers = headers(&HANDSHAKE);
        headers.insert("sec-websocket-protocol", offer.parse().unwrap());
        let found = extracted(&protocols, "/", &headers);
        assert_eq!(found, expected.map(str::to_owned), "{offer}");
        for forward in [true, false] {
            let protocols = CredentialSettings { forward, ..protocols.clone() };
            let kept = stripped(&protocols, &headers, true);
            let kept = kept.get("sec-websocket-protocol").map(|kept| kept.to_str().unwrap());
            assert_eq!(kept, left, "{offer}");
        }
        // Elsewhere it is no credential, and does not go on either.
        headers.remove("upgrade");
        assert_eq!(extracted(&protocols, "/", &headers), Err(CredentialMissing), "{offer}");
        let kept = stripped(&protocols, &headers, false);
        let kept = kept.get("sec-websocket-protocol").map(|kept| kept.to_str().unwrap());
        assert_eq!(kept, left, "{offer}");
    }
    let mut lines = headers(&HANDSHAKE);
    lines.append("sec-websocket-protocol", HeaderValue::from_static("chat, bearer"));
    lines.append("sec-websocket-protocol", HeaderValue::from_static("abc"));
    assert_eq!(extracted(&protocols, "/", &lines), Ok("abc".to_owned()), "one list in two lines");
}

/// Whether a request with a cookie passes.
fn passes(rule: CrossSite, method: &str, given: &[(&'static str, &str)], over_tls: bool) -> bool {
    let settings = CredentialSettings { cross_site: rule, ..everywhere(false) };
    let sources = places(&settings).of_route(&CredentialRules::default());
    let mut given = headers(given);
    given.insert("cookie", HeaderValue::from_static("session=abc"));
    let request = request(method, "/", &settings);
    let found = sources.extract(&request, &given).unwrap();
    sources.check_site(&found, &request, &given, if over_tls { "https" } else { "http" }).is_ok()
}

#[test]
fn t26_a_cookie_counts_for_unsafe_methods_from_its_own_origin_only() {
    let refuse = || CrossSite::Refuse;
    for (headers, over_tls, expected) in [
        (&[("sec-fetch-site", "same-origin")][..], true, true),
        (&[("origin", "https://api.test")], true, true),
        (&[("origin", "https://api.test")], false, true),
        (&[("origin", "http://api.test")], false, true),
        (&[("origin", "http://api.test")], true, false),
        (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true, true),
        (&[], true, false),
        (&[("sec-fetch-site", "none")], true, false),
        (&[("sec-fetch-site", "same-site")], true, false),
        (&[("sec-fetch-site", "cross-site")], true, false),
        (&[("sec-fetch-site", "Same-Origin")], true, false),
        (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")], true, false),
        (&[("origin", "null")], true, false),
        (&[("origin", "")], true, false),
        (&[("origin", "https://")], true, false),
        (&[("origin", "https://evil.test")], true, false),
        (&[("origin", "https://api.test.evil.test")], true, false),
        (&[("origin", "https://evil-api.test")], true, false),
        (&[("origin", "https://api.test:8443")], true, false),
        (&[("origin", "https://api.test/")], true, false),
        (&[("origin", "https://u@api.test")], true, false),
        (&[("origin", "https://API.test")], true, false),
        (&[("origin", "ws://api.test")], true, false),
        (&[("origin", "https://api.test"), ("origin", "https://api.test")], true, false),
        (&[("referer", "https://api.test/")], true, false),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
            assert_eq!(
                passes(refuse(), method, headers, over_tls),
                expected,
                "{method} {headers:?}"
            );
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(passes(refuse(), method, headers, over_tls), "{method} {headers:?}");
        }
        let handshake = [headers, &HANDSHAKE].concat();
        assert_eq!(passes(refuse(), "GET", &handshake, over_tls), expected, "{handshake:?}");
        assert!(passes(CrossSite::Allow, "POST", headers, over_tls), "{headers:?}");
    }
    let listed = || CrossSite::From(vec![WebOrigin::parse("https://app.test").unwrap()]);
    for (origin, expected) in [
        ("https://app.test", true),
        ("https://api.test", true),
        ("http://app.test", false),
        ("https://app.test.evil.test", false),
        ("null", false),
    ] {
        assert_eq!(passes(listed(), "POST", &[("origin", origin)], true), expected, "{origin}");
    }
    // What a page can't make a browser add is no matter of sites.
    assert!(passes(refuse(), "POST", &[("x-token", "abc")], true));
}

#[test]
fn t26_an_origin_may_leave_out_the_usual_port() {
    for (authority, origin, expected) in [
        ("api.test:443", "https://api.test", true),
        ("api.test:80", "http://api.test", true),
        ("api.test:80", "https://api.test", false),
        ("api.test:443", "http://api.test", false),
        ("api.test:8443", "https://api.test:8443", true),
        ("api.test:8443", "https://api.test", false),
        ("[::1]:443", "https://[::1]", true),
    ] {
        let found = same_origin::is_own(origin.as_bytes(), authority.as_bytes(), false);
        assert_eq!(found, expected, "{authority} {origin}");
    }
}

#[test]
fn o2_a_credential_does_not_print_itself() {
    let shown = format!("{:?}", Credential::new(b"secret-token").unwrap());
    assert!(!shown.contains("secret"), "{shown}");
}
