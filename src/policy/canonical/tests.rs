use super::*;

/// Method, target, version and headers, as the listener would hand them over.
fn canonical(
    method: &str,
    target: &str,
    version: Version,
    hosts: &[&str],
) -> Result<CanonicalRequest, NotCanonical> {
    let headers = hosts.iter().map(|host| (HOST, HeaderValue::from_str(host).unwrap())).collect();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    CanonicalRequest::new(&method, &target.parse().unwrap(), version, &headers)
}

fn get(target: &str) -> Result<CanonicalRequest, NotCanonical> {
    canonical("GET", target, Version::HTTP_11, &["api.example.com"])
}

#[test]
fn p13_policy_and_upstream_get_the_same_form() {
    let request = canonical("GET", "/%61//b?x=%61&y", Version::HTTP_11, &["API.example.com:80"]);
    let request = request.unwrap();
    assert_eq!(request.path(), "/a/b");
    assert_eq!(request.target().as_str(), "/a/b?x=%61&y");
    assert_eq!(request.host(), "api.example.com");
    assert_eq!(request.authority(), "api.example.com:80");
    assert_eq!(request.authority_value(), "api.example.com:80");
    assert_eq!(request.method(), Method::GET);
}

#[test]
fn p2_a_fragment_never_comes_through() {
    assert_eq!(get("/a#b").unwrap().target().as_str(), "/a");
    assert_eq!(get("/a?x#b").unwrap().target().as_str(), "/a?x");
}

#[test]
fn p4_the_query_is_apart_and_as_it_came() {
    for target in ["/a?", "/a?b/../c", "/a?x=%2e%2e%2F", "/a?%zz", "/a?a?b//c", "/a?x=[1]"] {
        let request = get(target).unwrap();
        assert_eq!(request.path(), "/a");
        assert_eq!(request.target().as_str(), target);
    }
    assert_eq!(get("/a?ä").unwrap_err(), NotCanonical::QueryCharacter);
    assert_eq!(get("//a?b").unwrap().target().as_str(), "/a?b");
}

#[test]
fn p5_absolute_form_must_name_the_same_host() {
    let at = |target, host| {
        canonical("GET", target, Version::HTTP_11, &[host]).map(|r| r.target().as_str().to_owned())
    };
    assert_eq!(at("http://a/x?y", "a"), Ok("/x?y".to_owned()));
    assert_eq!(at("https://A.:8080/x", "a:8080"), Ok("/x".to_owned()));
    assert_eq!(at("http://a", "a"), Ok("/".to_owned()));
    assert_eq!(at("http://a?x", "a"), Ok("/?x".to_owned()));
    assert_eq!(at("http://other/x", "a"), Err(NotCanonical::HostMismatch));
    assert_eq!(at("http://a:80/x", "a"), Err(NotCanonical::HostMismatch));
    assert_eq!(at("http://u@a/x", "a"), Err(NotCanonical::HostMalformed));
    assert_eq!(at("gopher://a/x", "a"), Err(NotCanonical::TargetForm));
    let without_host = canonical("GET", "http://a/x", Version::HTTP_11, &[]);
    assert_eq!(without_host.unwrap_err(), NotCanonical::HostMissing);
}

#[test]
fn p6_exactly_one_valid_host() {
    let with = |hosts: &[&str]| canonical("GET", "/", Version::HTTP_11, hosts).map(|_| ());
    assert_eq!(with(&[]), Err(NotCanonical::HostMissing));
    assert_eq!(with(&["a", "a"]), Err(NotCanonical::HostRepeated));
    assert_eq!(with(&[""]), Err(NotCanonical::HostMalformed));
    assert_eq!(with(&["u@a"]), Err(NotCanonical::HostMalformed));
    assert_eq!(with(&["a, b"]), Err(NotCanonical::HostMalformed));
    let old = canonical("GET", "/", Version::HTTP_10, &[]);
    assert_eq!(old.unwrap_err(), NotCanonical::HostMissing);
}

#[test]
fn h5_http2_has_one_authority() {
    let at = |hosts: &[&str]| {
        canonical("GET", "http://a.example/x", Version::HTTP_2, hosts)
            .map(|r| r.authority().to_owned())
    };
    assert_eq!(at(&[]), Ok("a.example".to_owned()));
    assert_eq!(at(&["A.example"]), Ok("a.example".to_owned()));
    assert_eq!(at(&["b.example"]), Err(NotCanonical::HostMismatch));
    assert_eq!(at(&["a.example", "a.example"]), Err(NotCanonical::HostRepeated));
    // h2 drops the scheme when there is no `:authority`.
    let from = |hosts: &[&str]| canonical("GET", "/x", Version::HTTP_2, hosts).map(|_| ());
    assert_eq!(from(&[]), Err(NotCanonical::HostMissing));
    assert_eq!(from(&["a.example"]), Ok(()));
}

#[test]
fn p7_methods_and_target_forms() {
    let by = |method, target| canonical(method, target, Version::HTTP_11, &["a"]).map(|_| ());
    for method in ["GET", "HEAD", "POST", "PATCH", "PROPFIND", "VERSION-CONTROL"] {
        assert_eq!(by(method, "/"), Ok(()), "{method}");
    }
    for method in ["CONNECT", "TRACE", "TRACK"] {
        assert_eq!(by(method, "/"), Err(NotCanonical::MethodRefused), "{method}");
    }
    assert_eq!(by("CONNECT", "a:443"), Err(NotCanonical::MethodRefused));
    for method in ["get", "Post", "trace", "connect", "G3T", "X_Y", "$"] {
        assert_eq!(by(method, "/"), Err(NotCanonical::MethodMalformed), "{method}");
    }
    assert_eq!(by("OPTIONS", "*"), Ok(()));
    assert_eq!(by("GET", "*"), Err(NotCanonical::AsteriskTarget));
    assert_eq!(by("GET", "foo"), Err(NotCanonical::TargetForm));
    assert_eq!(by("GET", "a:443"), Err(NotCanonical::TargetForm));
}

#[test]
fn p7_a_refused_method_is_not_a_malformed_request() {
    assert_eq!(NotCanonical::MethodRefused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(NotCanonical::MethodMalformed.status(), StatusCode::BAD_REQUEST);
    assert_eq!(NotCanonical::DotSegment.status(), StatusCode::BAD_REQUEST);
}
