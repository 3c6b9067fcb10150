//! Signatures that are nearly right (RFC 7515 §5.2, RFC 7518 §3.4, RFC 8725 §3.2).

use std::sync::Arc;

use aws_lc_rs::hmac;
use countersign::jose::Algorithm;

use super::{Defect, Draft, Stage};
use crate::differential::keyring::{Keyring, public_jwk};

/// The orders of P-256, P-384 and P-521 (SEC 2 §2.4-2.6), by the bytes of a signature.
const ORDERS: [(usize, &str); 3] = [
    (64, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    (
        96,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec\
         196accc52973",
    ),
    (
        132,
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b\
         7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ),
];

/// The order of Ed25519's group (RFC 8032 §5.1), little end first.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

pub(super) fn defects() -> Vec<Defect> {
    [of_any_kind(), of_curves(), of_ed25519(), of_secrets()].concat()
}

fn of_any_kind() -> Vec<Defect> {
    let edit = |name: &str, edit: fn(Vec<u8>) -> Vec<u8>| {
        Defect::edit(format!("signature/{name}"), Stage::Signature, edit)
    };
    let flipped = |name: &str, place: fn(usize) -> usize, bit: u8| {
        Defect::edit(format!("signature/{name}"), Stage::Signature, move |mut signature| {
            let place = place(signature.len());
            if let Some(byte) = signature.get_mut(place) {
                *byte ^= bit;
            }
            signature
        })
    };
    let other_message = |name: &str, stage: Stage| {
        Defect::new(format!("signature/{name}"), move |draft: &mut Draft| {
            let mut other = draft.clone();
            other.header.set("x", "1");
            other.claims.set("x", "1");
            let other = other.token();
            let place = usize::from(stage == Stage::ClaimsPart);
            let part = other.split('.').nth(place).unwrap_or_default().as_bytes().to_vec();
            let own = draft.token();
            let signature = own.rsplit('.').next().unwrap_or_default().as_bytes().to_vec();
            draft.edit(stage, Arc::new(move |_| part.clone()));
            draft.edit(Stage::SignaturePart, Arc::new(move |_| signature.clone()));
        })
    };
    vec![
        flipped("the first bit flipped", |_| 0, 0x80),
        flipped("a bit in the middle flipped", |length| length / 2, 0x10),
        flipped("the last bit flipped", |length| length.wrapping_sub(1), 1),
        edit("cut by a byte", |mut signature| {
            signature.pop();
            signature
        }),
        edit("its first byte cut", |signature| signature.into_iter().skip(1).collect()),
        edit("half of it", |mut signature| {
            signature.truncate(signature.len() / 2);
            signature
        }),
        edit("a zero behind", |signature| [signature, vec![0]].concat()),
        edit("a zero in front", |signature| [vec![0], signature].concat()),
        edit("twice", |signature| signature.repeat(2)),
        edit("all zeros", |signature| vec![0; signature.len()]),
        edit("all ones", |signature| vec![0xff; signature.len()]),
        edit("backwards", |signature| signature.into_iter().rev().collect()),
        edit("a single byte", |_| vec![0]),
        other_message("over another header", Stage::HeaderPart),
        other_message("over other claims", Stage::ClaimsPart),
    ]
}

fn of_curves() -> Vec<Defect> {
    let halves = |name: &str, change: fn(&[u8], &[u8]) -> Vec<u8>| {
        let edit = move |signature: Vec<u8>| {
            let (r, s) = signature.split_at(signature.len() / 2);
            change(r, s)
        };
        Defect::edit(format!("signature/{name}"), Stage::Signature, edit).only_for(is_ecdsa)
    };
    vec![
        halves("the other s", |r, s| [r, &minus(&order(r), s)].concat()),
        halves("the other r", |r, s| [&minus(&order(r), r), s].concat()),
        halves("r and s swapped", |r, s| [s, r].concat()),
        halves("r = 0", |r, s| [&vec![0; r.len()], s].concat()),
        halves("s = 0", |r, s| [r, &vec![0; s.len()]].concat()),
        halves("r = 1, s = 1", |r, _| [one(r.len()), one(r.len())].concat()),
        halves("r = n", |r, s| [&order(r), s].concat()),
        halves("s = n", |r, _| [r, &order(r)].concat()),
        halves("r = n, s = n", |r, _| [order(r), order(r)].concat()),
        halves("as DER", der),
        halves("each half with a zero in front", |r, s| [&[0], r, &[0], s].concat()),
    ]
}

/// The same signature with S + L, which verifies where its size is not checked (RFC 8032 §5.1.7).
fn of_ed25519() -> Vec<Defect> {
    let large = Defect::edit("signature/S beyond the order", Stage::Signature, |mut signature| {
        let mut carry = 0;
        for (byte, order) in signature.iter_mut().skip(32).zip(ED25519_ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        signature
    });
    // The neutral element and S = 0, which is right under keys of small order.
    let neutral = Defect::edit("signature/the neutral element", Stage::Signature, |signature| {
        let mut neutral = vec![0; signature.len()];
        neutral[0] = 1;
        neutral
    });
    vec![large.only_for(is_eddsa), neutral.only_for(is_eddsa)]
}

/// A public key taken for a secret (RFC 8725 §2.1).
fn of_secrets() -> Vec<Defect> {
    let with = |name: &str, secret: fn(Algorithm) -> Vec<u8>| {
        Defect::new(format!("signature/HMAC with {name}"), move |draft: &mut Draft| {
            let named = draft.header.get("alg").unwrap_or_default().trim_matches('"').to_owned();
            let secret = secret(Algorithm::from_name(&named).unwrap_or(Algorithm::Es256));
            draft.header.set("alg", "\"HS256\"");
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            draft.signer = Arc::new(move |message| hmac::sign(&key, message).as_ref().to_vec());
        })
        .only_for(|alg| !alg.is_symmetric())
    };
    vec![
        with("the public key as PEM", |alg| pem(alg).into_bytes()),
        with("the public key as PEM, trimmed", |alg| pem(alg).trim().as_bytes().to_vec()),
        with("the public JWK", |alg| own_jwk(alg).into_bytes()),
        with("the key set", |_| Keyring::get().jwks().into_bytes()),
        with("nothing", |_| Vec::new()),
        with("the kid", |alg| alg.name().as_bytes().to_vec()),
    ]
}

fn pem(alg: Algorithm) -> String {
    Keyring::get().own(alg).public_pem().unwrap_or_default()
}

fn own_jwk(alg: Algorithm) -> String {
    let key = Keyring::get().own(alg);
    if alg.is_symmetric() { String::new() } else { public_jwk(key).to_text() }
}

fn is_ecdsa(alg: Algorithm) -> bool {
    matches!(alg, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512)
}

fn is_eddsa(alg: Algorithm) -> bool {
    alg == Algorithm::EdDsa
}

fn one(length: usize) -> Vec<u8> {
    let mut one = vec![0; length];
    one[length - 1] = 1;
    one
}

/// The order of the curve whose half signature this is; nothing where there is no such curve.
fn order(half: &[u8]) -> Vec<u8> {
    let order = ORDERS.iter().find(|(bytes, _)| *bytes == 2 * half.len());
    let digits = order.map_or("", |(_, digits)| *digits);
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// The difference of two numbers of the same length, big end first.
fn minus(from: &[u8], what: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference: Vec<u8> = from
        .iter()
        .rev()
        .zip(what.iter().rev())
        .map(|(from, what)| {
            let rest = 256 + i32::from(*from) - i32::from(*what) - borrow;
            borrow = i32::from(rest < 256);
            rest.to_le_bytes()[0]
        })
        .collect();
    difference.reverse();
    difference
}

/// `SEQUENCE { INTEGER r, INTEGER s }`, as other protocols write it.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let start = number.iter().position(|byte| *byte != 0).unwrap_or_default();
        let digits = number.get(start..).unwrap_or_default();
        let sign: &[u8] = if digits.first().is_some_and(|byte| *byte > 0x7f) { &[0] } else { &[] };
        [&[2, length(sign.len() + digits.len())], sign, digits].concat()
    };
    let numbers = [integer(r), integer(s)].concat();
    let long: &[u8] = if numbers.len() > 0x7f { &[0x81] } else { &[] };
    [&[0x30], long, &[length(numbers.len())], &numbers].concat()
}

fn length(bytes: usize) -> u8 {
    u8::try_from(bytes).unwrap_or(u8::MAX)
}
