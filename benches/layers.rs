//! The layers of a verification apart from the signature: base64url, JSON, the token's form, and
//! the claim headers. The floor is the bare check of an RS256 signature.
#![expect(clippy::expect_used, reason = "a benchmark that can't run can only end")]

use std::hint::black_box;

use countersign::{
    jose::{Algorithm, CompactJws, base64url},
    json::Object,
    token::JwtCandidate,
};
use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;

use self::support::{
    fixture::{self, Fixture},
    ruler::Ruler,
};

mod support;

fn layers(criterion: &mut Criterion) {
    let fixture = Fixture::new(Algorithm::Rs256, 1);
    let floor = fixture.floor.time();
    let token = fixture.token.as_bytes();
    let payload = fixture.token.split('.').nth(1).expect("a payload");
    let claims = fixture::claims();
    let json = claims.to_text();
    let headers = fixture.claim_headers();
    let rendered = headers.render(fixture::ISSUER, &claims).expect("headers");

    let mut group = criterion.benchmark_group("token");
    let mut ruler = Ruler::new(&mut group, floor);
    ruler.measure("base64url payload", || base64url::decode(black_box(payload.as_bytes())));
    ruler.measure("json claims", || Object::parse(black_box(json.as_bytes())));
    ruler.measure("parts and header", || CompactJws::parse(black_box(token)).map(|_| ()));
    ruler.measure("form", || JwtCandidate::read(black_box(token), &mut ()).map(|_| ()));
    group.finish();

    let mut group = criterion.benchmark_group("claim headers");
    let mut ruler = Ruler::new(&mut group, floor);
    ruler.measure("render", || headers.render(fixture::ISSUER, black_box(&claims)));
    ruler.measure_with("apply", HeaderMap::new, |map| rendered.apply(map));
    group.finish();
}

criterion_group!(benches, layers);
criterion_main!(benches);
