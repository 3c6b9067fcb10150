//! What every request costs before any token is looked at: its canonical form, its route, and the
//! hygiene of its headers. The floor is the bare check of an RS256 signature.
#![expect(clippy::expect_used, reason = "a benchmark that can't run can only end")]

use std::hint::black_box;

use countersign::{
    identity::Hygiene,
    jose::Algorithm,
    policy::{CanonicalRequest, RequestRules, RouteMatch},
};
use criterion::{Criterion, criterion_group, criterion_main};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri, Version,
    header::{ACCEPT, CONNECTION, HOST, USER_AGENT},
};

use self::support::{fixture::Fixture, ruler::Ruler};

mod support;

const ROUTES: [usize; 3] = [1, 100, 1_000];
const HEADERS: [usize; 3] = [10, 50, 100];

fn requests(criterion: &mut Criterion) {
    let fixture = Fixture::new(Algorithm::Rs256, 1);
    let floor = fixture.floor.time();

    let host = HeaderMap::from_iter([(HOST, HeaderValue::from_static("api.example.com"))]);
    let by_default = RequestRules::default();
    let mut group = criterion.benchmark_group("canonical request");
    let mut ruler = Ruler::new(&mut group, floor);
    for (name, target) in [
        ("as it came", "/r0/orders/42?page=7"),
        ("escapes to rewrite", "/r0/orders/%34%32/%7euser?page=7"),
    ] {
        let target = Uri::from_static(target);
        ruler.measure(name, || canonical(&by_default, black_box(&target), &host));
    }
    group.finish();

    let mut group = criterion.benchmark_group("route");
    let mut ruler = Ruler::new(&mut group, floor);
    for count in ROUTES {
        let routes = Fixture::new(Algorithm::Es256, count).settings.routes;
        let target = format!("/r{}/orders/42", count / 2).parse().expect("a target");
        let request = canonical(&by_default, &target, &host);
        assert!(matches!(routes.find(&request), RouteMatch::Found(_)));
        ruler.measure(&format!("of {count}"), || {
            matches!(routes.find(black_box(&request)), RouteMatch::Found(_))
        });
    }
    group.finish();

    let hygiene = Hygiene::compile(&fixture.settings.header_uses());
    let mut group = criterion.benchmark_group("hygiene");
    let mut ruler = Ruler::new(&mut group, floor);
    for count in HEADERS {
        let headers = headers(count);
        ruler.measure_with(
            &format!("over {count} headers"),
            || headers.clone(),
            |headers| hygiene.clean_request(headers),
        );
    }
    group.finish();
}

fn canonical(rules: &RequestRules, target: &Uri, headers: &HeaderMap) -> CanonicalRequest {
    rules.canonical(&Method::GET, target, Version::HTTP_11, headers).expect("canonical")
}

/// What a browser sends, two forged headers, and as many others as are wanted.
fn headers(count: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (HOST, "api.example.com"),
        (ACCEPT, "application/json"),
        (USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64)"),
        (CONNECTION, "keep-alive"),
        (HeaderName::from_static("x-auth-subject"), "admin"),
        (HeaderName::from_static("x_auth_scope"), "everything"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for number in headers.len()..count {
        let name = HeaderName::try_from(format!("x-custom-header-{number}")).expect("a name");
        headers.insert(name, HeaderValue::from_static("some value"));
    }
    headers
}

criterion_group!(benches, requests);
criterion_main!(benches);
