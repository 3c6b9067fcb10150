//! What a signature over a body costs: its header and its check over a body of 1 KiB and of 1 MiB,
//! in the dialect that signs the body as it is and in the one that signs it in base64url. The floor
//! is the bare check of the same signature, hash included.
#![expect(clippy::expect_used, reason = "a benchmark that can't run can only end")]

use std::hint::black_box;

use countersign::{
    jose::{Algorithm, DetachedJws, Dialect, SigningKey},
    json::Object,
};
use criterion::{Criterion, criterion_group, criterion_main};

use self::support::{floor::Floor, ruler::Ruler};

mod support;

const SIZES: [(&str, usize); 2] = [("1 KiB", 1024), ("1 MiB", 1024 * 1024)];
/// As a socket gives them.
const PART: usize = 64 * 1024;

fn signatures(criterion: &mut Criterion) {
    let key = SigningKey::generate(Algorithm::Rs256, Some("key-1")).expect("a key");
    let public = key.public_jwk().expect("an asymmetric key");
    let verification = key.verification_key().expect("a key");
    for (name, size) in SIZES {
        let body = vec![b'x'; size];
        let signature = key.sign(&body).expect("a signature");
        let floor = Floor::of(Algorithm::Rs256, &public, body.clone(), signature).expect("a floor");
        let mut group = criterion.benchmark_group(format!("signed body of {name}"));
        let mut ruler = Ruler::new(&mut group, floor.time());
        for dialect in [Dialect::Rfc7797, Dialect::Detached] {
            let jws = key.sign_detached(dialect, &Object::default(), &body).expect("a signature");
            ruler.measure(dialect.name(), || {
                let mut reader = DetachedJws::parse(black_box(&jws), &[]).expect("a JWS").begin();
                body.chunks(PART).for_each(|part| reader.update(part));
                assert!(reader.finish().verifies_under(&verification));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, signatures);
criterion_main!(benches);
