//! Signatures that are numbers out of range, in other encodings or of other lengths.

use super::*;

/// The order of P-256's base point (SEC 2 §2.4.2).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn t6_special_values_of_r_and_s_are_refused() {
    let last = |mut number: [u8; 32], low: u8| {
        number[31] = low;
        number
    };
    let values = [
        [0; 32],
        last([0; 32], 1),
        P256_ORDER,
        last(P256_ORDER, 0x50),
        last(P256_ORDER, 0x52),
        [0xff; 32],
    ];
    let token = signed(&P256, "ES256");
    let key = public(&P256, &[]);
    let good = signature(&token);
    let (good_r, good_s) = good.split_at(32);
    assert!(verifies(&token, &key));
    for one in &values {
        assert!(!verifies(&with_signature(&token, &[one, good_s].concat()), &key));
        assert!(!verifies(&with_signature(&token, &[good_r, one].concat()), &key));
        for other in &values {
            let forged = with_signature(&token, &[&one[..], other].concat());
            assert!(!verifies(&forged, &key), "{one:x?} {other:x?}");
        }
    }
}

#[test]
fn t7_only_r_and_s_of_full_length_are_a_signature() {
    let token = signed(&P256, "ES256");
    let key = public(&P256, &[]);
    let raw = signature(&token);
    let integer = |number: &[u8]| [&[0x02, 33, 0], number].concat();
    let (r, s) = raw.split_at(32);
    let der = [&[0x30, 70][..], &integer(r), &integer(s)].concat();
    for forged in [
        der,
        raw[..63].to_vec(),
        [&raw[..], &[0]].concat(),
        [&[0], &raw[..]].concat(),
        [&[0], r, &[0], s].concat(),
        [&raw[..], &raw[..]].concat(),
        r.to_vec(),
        vec![0],
        vec![0; 10_000],
    ] {
        assert!(!verifies(&with_signature(&token, &forged), &key), "{forged:x?}");
    }
}

/// ECDSA lets anyone turn (r, s) into (r, n-s). It verifies, so neither signature nor token text
/// may be what a replay is recognised by.
#[test]
fn t8_a_mirrored_signature_verifies_and_identifies_nothing() {
    let token = signed(&P256, "ES256");
    let mut mirrored = signature(&token);
    let mut borrow = false;
    for (digit, order) in mirrored[32..].iter_mut().zip(P256_ORDER).rev() {
        let (low, first) = order.overflowing_sub(*digit);
        let (low, second) = low.overflowing_sub(u8::from(borrow));
        (*digit, borrow) = (low, first || second);
    }
    let other = with_signature(&token, &mirrored);
    assert_ne!(other, token);
    assert!(verifies(&other, &public(&P256, &[])));
}

#[test]
fn t9_numbers_that_are_no_rsa_signature_are_refused() {
    let jwk = RSA.public_jwk().unwrap();
    let modulus = base64url::decode(jwk.get("n").unwrap().as_str().unwrap().as_bytes()).unwrap();
    let token = signed(&RSA, "RS256");
    let good = signature(&token);
    let mut one = vec![0; 256];
    one[255] = 1;
    let key = public(&RSA, &["alg"]);
    assert!(verifies(&token, &key));
    for forged in [
        vec![0; 256],
        one,
        vec![0xff; 256],
        modulus,
        [&[0], &good[..]].concat(),
        good[..255].to_vec(),
        good[1..].to_vec(),
        [&good[..], &[0]].concat(),
    ] {
        assert!(!verifies(&with_signature(&token, &forged), &key));
    }
}

#[test]
fn t10_ed25519_signatures_are_canonical() {
    // The order of the base point, little-endian (RFC 8032 §5.1).
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let token = signed(&ED25519, "EdDSA");
    let key = public(&ED25519, &[]);
    assert!(verifies(&token, &key));
    let mut shifted = signature(&token);
    let mut carry = 0;
    for (digit, order) in shifted[32..].iter_mut().zip(order) {
        let sum = u16::from(*digit) + u16::from(order) + carry;
        *digit = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert!(!verifies(&with_signature(&token, &shifted), &key), "S + L");
    assert!(!verifies(&with_signature(&token, &[0; 64]), &key), "zeros");
    let mut small_r = signature(&token);
    small_r[..32].fill(0);
    small_r[0] = 1;
    assert!(!verifies(&with_signature(&token, &small_r), &key), "R of order 1");
}
