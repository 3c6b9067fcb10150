//! T-6 to T-10 and T-22: signatures that are almost right.

use countersign::{
    jose::{SigningKey, base64url},
    reason::Reason,
};
use serde_json::json;

use crate::support::{
    issuer::{Issuer, parts, public, sign},
    key_server::Page,
    oracle::assert_refused,
    world::{JWKS, World},
};

/// The order of P-256 (FIPS 186-5; SEC 2 §2.4.2), big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order of Ed25519's base point (RFC 8032 §5.1), little-endian.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A good token split into what is signed and the signature's bytes.
fn signed(key: &SigningKey, issuer: &Issuer) -> (String, Vec<u8>) {
    let token = sign(key, json!({}), issuer.claims().to_string().as_bytes());
    let (input, signature) = token.rsplit_once('.').unwrap();
    (input.to_owned(), base64url::decode(signature.as_bytes()).unwrap())
}

fn with_signature(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", base64url::encode(signature))
}

/// `a - b` of big-endian numbers of the same length, `a >= b`.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(&a, &b)| {
            let difference = i16::from(a) - i16::from(b) - borrow;
            borrow = i16::from(difference < 0);
            u8::try_from(difference & 0xff).unwrap()
        })
        .collect();
    assert_eq!(borrow, 0);
    digits.reverse();
    digits
}

/// `a + b` of little-endian numbers of the same length, which does not overflow.
fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let digits = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| {
            let sum = u16::from(a) + u16::from(b) + carry;
            carry = sum >> 8;
            u8::try_from(sum & 0xff).unwrap()
        })
        .collect();
    assert_eq!(carry, 0);
    digits
}

#[test]
fn t06_signatures_of_zero_and_of_the_curve_order_are_refused() {
    let world = World::start();
    let (input, _) = signed(world.issuer.key("ec"), &world.issuer);
    let small = |value: u8| {
        let mut number = vec![0; 32];
        number[31] = value;
        number
    };
    let order_and_one = {
        let mut number = P256_ORDER.to_vec();
        number[31] += 1;
        number
    };
    let numbers = [
        small(0),
        small(1),
        subtract(&P256_ORDER, &small(1)),
        P256_ORDER.to_vec(),
        order_and_one,
        vec![0xff; 32],
    ];
    for r in &numbers {
        for s in &numbers {
            let signature = [r.as_slice(), s].concat();
            let case = format!("{signature:?}");
            world.refuses(&case, &with_signature(&input, &signature), Reason::SignatureInvalid);
        }
    }
}

#[test]
fn t07_an_ecdsa_signature_has_one_form() {
    let world = World::start();
    let (input, raw) = signed(world.issuer.key("ec"), &world.issuer);
    world.admits("raw", &with_signature(&input, &raw));
    let (r, s) = raw.split_at(32);
    for (case, signature) in [
        ("DER", der(r, s)),
        ("one byte short", raw[..63].to_vec()),
        ("without its first byte", raw[1..].to_vec()),
        ("half", r.to_vec()),
        ("trailing zero", [&raw, [0].as_slice()].concat()),
        ("leading zero", [[0].as_slice(), &raw].concat()),
        ("both padded to 33 bytes", [&[0], r, &[0], s].concat()),
        ("both padded to P-384's length", [&[0; 16], r, &[0; 16], s].concat()),
        ("s and r", [s, r].concat()),
        ("twice", [raw.as_slice(), &raw].concat()),
        ("oversized", raw.repeat(40)),
        ("one byte", vec![0]),
    ] {
        world.refuses(case, &with_signature(&input, &signature), Reason::SignatureInvalid);
    }
}

/// ECDSA's other form (RFC 3279 §2.2.3).
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|&&byte| byte == 0).count();
        let mut number = number[zeros..].to_vec();
        if number.first().is_none_or(|first| first & 0x80 != 0) {
            number.insert(0, 0);
        }
        [vec![0x02, u8::try_from(number.len()).unwrap()], number].concat()
    };
    let body = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

#[test]
fn t08_a_malleated_signature_is_another_text_and_judged_by_itself() {
    let world = World::start();
    let (input, raw) = signed(world.issuer.key("ec"), &world.issuer);
    let (r, s) = raw.split_at(32);
    let malleated = with_signature(&input, &[r, &subtract(&P256_ORDER, s)].concat());
    // By the mathematics it is a signature of the same claims: both are the same principal's.
    world.admits("as it was made", &with_signature(&input, &raw));
    world.admits("malleated", &malleated);
    // And neither's verdict rubs off on a third.
    let third = [r, &subtract(&subtract(&P256_ORDER, s), &[&[0; 31], [1].as_slice()].concat())];
    world.refuses("off by one", &with_signature(&input, &third.concat()), Reason::SignatureInvalid);
}

#[test]
fn t09_rsa_signatures_out_of_range_are_refused() {
    let world = World::start();
    let rsa = world.issuer.key("rsa");
    let (input, raw) = signed(rsa, &world.issuer);
    world.admits("as it was made", &with_signature(&input, &raw));
    let jwk = public(rsa);
    let n = base64url::decode(jwk["n"].as_str().unwrap().as_bytes()).unwrap();
    let one = [vec![0; 255], vec![1]].concat();
    for (case, signature) in [
        ("zero", vec![0; 256]),
        ("one", one.clone()),
        ("n", n.clone()),
        ("n - 1", subtract(&n, &one)),
        ("n - s", subtract(&n, &raw)),
        ("all ones", vec![0xff; 256]),
        ("leading zero", [&[0], raw.as_slice()].concat()),
        ("trailing zero", [raw.as_slice(), &[0]].concat()),
        ("without its first byte", raw[1..].to_vec()),
        ("one byte", vec![1]),
        ("bare padding", [[0, 1].as_slice(), &[0xff; 253], &[0]].concat()),
    ] {
        world.refuses(case, &with_signature(&input, &signature), Reason::SignatureInvalid);
    }
}

#[test]
fn t09_one_padding_is_not_taken_for_the_other() {
    let issuer = Issuer::usual();
    let mut jwk = public(issuer.key("rsa"));
    jwk.as_object_mut().unwrap().remove("alg");
    let world = World::start();
    world.key_server.serve(JWKS, Page::json(&json!({ "keys": [jwk] })));
    let world = world.restarted("");
    let rsa = world.issuer.key("rsa");
    let payload = world.issuer.claims().to_string();
    for (alg, other) in [("PS256", "RS256"), ("RS256", "PS256"), ("RS256", "RS512")] {
        let mut private = rsa.private_jwk();
        private.insert("alg", other);
        let key = SigningKey::from_jwk(&private).unwrap();
        world.admits(other, &sign(&key, json!({}), payload.as_bytes()));
        let token = sign(&key, json!({ "alg": alg }), payload.as_bytes());
        world.refuses(&format!("{other} as {alg}"), &token, Reason::SignatureInvalid);
    }
}

#[test]
fn t10_ed25519_goes_by_both_of_its_names() {
    let world = World::start();
    let ed = world.issuer.key("ed");
    let payload = world.issuer.claims().to_string();
    for alg in ["EdDSA", "Ed25519"] {
        world.admits(alg, &sign(ed, json!({ "alg": alg }), payload.as_bytes()));
    }
    let ed448 = sign(ed, json!({ "alg": "Ed448" }), payload.as_bytes());
    world.refuses("Ed448", &ed448, Reason::AlgorithmUnsupported);
}

#[test]
fn t10_ed25519_signatures_have_one_form() {
    let world = World::start();
    let (input, raw) = signed(world.issuer.key("ed"), &world.issuer);
    let (r, s) = raw.split_at(32);
    let identity_point = [[1].as_slice(), &[0; 31]].concat();
    for (case, signature) in [
        ("S + L", [r, &add(s, &ED25519_ORDER)].concat()),
        ("S = L", [r, &ED25519_ORDER].concat()),
        ("S = 0", [r, &[0; 32]].concat()),
        ("all zero", vec![0; 64]),
        ("R of small order, S = 0", [identity_point.as_slice(), &[0; 32]].concat()),
        ("the top bits of S set", {
            let mut signature = raw.clone();
            signature[63] |= 0xe0;
            signature
        }),
        ("one byte short", raw[..63].to_vec()),
        ("trailing zero", [raw.as_slice(), &[0]].concat()),
    ] {
        world.refuses(case, &with_signature(&input, &signature), Reason::SignatureInvalid);
    }
}

#[test]
fn t10_an_ed25519_key_of_small_order_verifies_nothing() {
    // Under such keys, R = A and S = 0 is a signature of every message for a sloppy verifier.
    let mut order_four = [0; 32];
    let mut order_one = [0; 32];
    order_one[0] = 1;
    order_four[31] = 0x80;
    for point in [[0; 32], order_one, order_four] {
        let x = base64url::encode(&point);
        let weak = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "weak", "x": x });
        let world = World::start();
        let keys = json!({ "keys": [weak, public(world.issuer.key("ec"))] });
        world.key_server.serve(JWKS, Page::json(&keys));
        let world = world.restarted("");
        let header = json!({ "alg": "EdDSA", "kid": "weak" });
        let input = world.issuer.mint_with(header, json!({}));
        let [header, payload, _] = parts(&input);
        let input = format!("{header}.{payload}");
        let token = with_signature(&input, &[point, [0; 32]].concat());
        world.refuses(&x, &token, Reason::KeyUnsuitable);
    }
}

#[test]
fn t22_tokens_can_not_be_recombined() {
    let world = World::start();
    let alice = world.issuer.mint(json!({}));
    let bob = world.issuer.mint(json!({ "sub": "bob" }));
    let typed = world.issuer.mint_with(json!({ "typ": "at+jwt" }), json!({}));
    let by_rsa =
        sign(world.issuer.key("rsa"), json!({}), world.issuer.claims().to_string().as_bytes());
    for token in [&alice, &bob, &typed, &by_rsa] {
        world.admits("as it was made", token);
    }
    let mix = |header, payload, signature| {
        let part = |of: &str, n: usize| parts(of)[n].to_owned();
        [part(header, 0), part(payload, 1), part(signature, 2)].join(".")
    };
    for (case, token) in [
        ("bob's claims, alice's signature", mix(&alice, &bob, &alice)),
        ("alice's claims, bob's signature", mix(&alice, &alice, &bob)),
        ("another header", mix(&typed, &alice, &alice)),
        ("the other's header", mix(&alice, &typed, &typed)),
        ("the RSA key's signature", mix(&alice, &alice, &by_rsa)),
        ("under the RSA key's header", mix(&by_rsa, &alice, &alice)),
    ] {
        world.refuses(case, &token, Reason::SignatureInvalid);
    }
    let [header, payload, signature] = parts(&alice);
    for (case, token) in [
        ("no signature", format!("{header}.{payload}")),
        ("an empty signature", format!("{header}.{payload}.")),
        ("no header", format!(".{payload}.{signature}")),
        ("header and signature", format!("{header}.{signature}")),
        ("a header only", header.to_owned()),
    ] {
        world.refuses(case, &token, Reason::TokenMalformed);
    }
}

#[test]
fn t22_no_truncated_token_and_no_flipped_character_passes() {
    let world = World::start();
    let good = world.issuer.mint(json!({}));
    world.admits("whole", &good);
    for end in 1..good.len() {
        world.refuses_somehow("truncated", &good[..end]);
    }
    for at in 0..good.len() {
        let mut flipped = good.clone().into_bytes();
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        world.refuses_somehow(&format!("character {at}"), &flipped);
    }
    world.admits("whole, after all of that", &good);
}

#[test]
fn t22_a_forgery_that_is_remembered_does_not_shadow_the_honest_token() {
    let world = World::start();
    let (input, raw) = signed(world.issuer.key("ec"), &world.issuer);
    let mut wrong = raw.clone();
    wrong[40] ^= 1;
    let mut client = world.proxy.client();
    for _ in 0..3 {
        let before = world.mark();
        let forged = with_signature(&input, &wrong);
        let request = crate::support::client::Request::get("/").bearer(&forged);
        assert_refused("forged", &client.exchange(&request), Reason::SignatureInvalid, &before);
        world.admits("honest", &with_signature(&input, &raw));
    }
}
