//! What a token costs: the bare check of its signature (the floor), the whole verification, and
//! the answer from the cache.
#![expect(clippy::expect_used, reason = "a benchmark that can't run can only end")]

use std::{
    cell::RefCell,
    pin::pin,
    task::{Context, Poll, Waker},
};

use countersign::{
    jose::Algorithm,
    token::{Credential, Presented, RouteIssuers, TokenCache, cache::settings::CacheSettings},
};
use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;

use self::support::{fixture::Fixture, ruler::Ruler};

mod support;

const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::Es384];

fn verification(criterion: &mut Criterion) {
    for algorithm in ALGORITHMS {
        let fixture = Fixture::new(algorithm, 1);
        let verifier = fixture.verifier();
        let credential = Credential::new(fixture.token.as_bytes()).expect("a credential");
        let headers = HeaderMap::new();
        let presented = Presented { credential, headers: &headers };
        let verify = |cache: &RefCell<TokenCache>| {
            at_once(verifier.verify(presented, RouteIssuers::default(), cache))
                .expect("a good token")
        };
        let warm = RefCell::new(TokenCache::new(&fixture.settings.cache));
        let cold = RefCell::new(TokenCache::new(&CacheSettings {
            entries: 0,
            ..fixture.settings.cache.clone()
        }));

        let mut group = criterion.benchmark_group(format!("verification/{}", algorithm.name()));
        let mut ruler = Ruler::new(&mut group, fixture.floor.time());
        ruler.measure_floor(&fixture.floor);
        ruler.measure("cold", || verify(&cold));
        ruler.measure("warm", || verify(&warm));
        group.finish();
    }
}

/// The answer of a future that has nothing to wait for, as with keys at hand: without a runtime,
/// whose cost would be measured too.
fn at_once<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        // It gives way to other tasks, and there are none.
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

criterion_group!(benches, verification);
criterion_main!(benches);
