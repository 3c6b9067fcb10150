use std::sync::LazyLock;

use super::*;
use crate::jose::{Algorithm, base64url, tests::shared_key};

/// A modulus of the broken generator: the key `jws_rsa_roca_key` of Wycheproof's
/// `json_web_key_test.json`.
const ROCA_MODULUS: &str = "AanFpofbj7KjD4Lf-N2hVMKR7yewSyXhhbirIMTGpfYEhZ_lnt5UoK98DnKIgArXGTu3MaW_HhFw16HGaTDUHqPrId7fe4r11CqRw09yBFuW79V8sYIwHdzCaWflUI6auImYbVfoN9_nD5n8N8SY9DwXw7mwZM9wREPXoDPgOoIWl6q_MPsp7n0zs3Z5ZaiQWOOzl1S9OhwAfSiiOwz6efnXEaxuTEtPd7BjSx7NaFka8Dx9U7YqXy2RFj1O9PjyaDGuRh7YXsX3iMUSP_wSyHQg_c_qHRtKUsNSGCT7OZg0hzm2KphtjnayKJvC64vAbROBR4Ubg6Bxg9IQVZ-QYyE";

static MODULUS: LazyLock<Vec<u8>> = LazyLock::new(modulus);

fn modulus() -> Vec<u8> {
    let jwk = shared_key(Algorithm::Rs256).public_jwk().unwrap();
    base64url::decode(jwk.get("n").unwrap().as_str().unwrap().as_bytes()).unwrap()
}

fn check(modulus: &[u8], exponent: &[u8]) -> Result<RsaPublic, KeyRejection> {
    RsaPublic::check(modulus.to_vec(), exponent.to_vec(), &KeyLimits::default())
}

const F4: [u8; 3] = [1, 0, 1];

/// A number of that many bits that has no small factor and none of the flaws tested for.
fn modulus_of(bits: usize) -> Vec<u8> {
    let mut number = vec![0x5a; bits.div_ceil(8)];
    number[0] = 1 << ((bits - 1) % 8);
    for low in (1..=u16::MAX).step_by(2) {
        let end = number.len() - 2;
        number[end..].copy_from_slice(&low.to_be_bytes());
        let key = RsaPublic { modulus: number.clone(), exponent: F4.to_vec() };
        if !key.has_small_factor() {
            return number;
        }
    }
    unreachable!("some number of a long row has no small factor")
}

#[test]
fn k6_the_modulus_has_2048_to_8192_bits() {
    for bits in [512, 1024, 2040, 2041, 2047] {
        let rejection = check(&modulus_of(bits), &F4).err();
        assert_eq!(rejection, Some(KeyRejection::RsaTooSmall { bits }));
    }
    for bits in [2048, 2049, 3072, 4096, 8192] {
        assert_eq!(check(&modulus_of(bits), &F4).unwrap().bits(), bits);
    }
    for bits in [8193, 16_384] {
        let rejection = check(&modulus_of(bits), &F4).err();
        let limit = KeyLimits::MAX_RSA_BITS;
        assert_eq!(rejection, Some(KeyRejection::RsaTooLarge { bits, limit }));
    }
}

#[test]
fn k6_the_configured_limit_only_tightens() {
    let check = |bits, max_rsa_bits| {
        let limits = KeyLimits { max_rsa_bits, ..KeyLimits::default() };
        RsaPublic::check(modulus_of(bits), F4.to_vec(), &limits).is_ok()
    };
    assert!(check(4096, 4096));
    assert!(!check(4104, 4096));
    assert!(!check(8200, 100_000));
}

#[test]
fn k6_the_exponent_is_odd_and_neither_1_nor_huge() {
    for exponent in [&[3][..], &[17], &F4, &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert!(check(&MODULUS, exponent).is_ok(), "{exponent:?}");
    }
    for exponent in [&[1][..], &[2], &[1, 0], &[0, 1], &[2, 0, 0, 0, 1], &[1; 256]] {
        let rejection = check(&MODULUS, exponent).err();
        assert_eq!(rejection, Some(KeyRejection::RsaExponent), "{exponent:?}");
    }
}

#[test]
fn k6_one_leading_zero_is_forgiven_and_more_are_not() {
    let padded = |number: &[u8], zeros: usize| [&vec![0; zeros][..], number].concat();
    let forgiven = check(&padded(&MODULUS, 1), &padded(&F4, 1)).unwrap();
    assert_eq!(forgiven.modulus(), &**MODULUS);
    assert_eq!(forgiven.exponent(), F4);
    for (modulus, exponent, member) in [
        (padded(&MODULUS, 2), F4.to_vec(), "n"),
        (vec![], F4.to_vec(), "n"),
        (vec![0], F4.to_vec(), "n"),
        (MODULUS.clone(), padded(&F4, 2), "e"),
        (MODULUS.clone(), vec![], "e"),
        (MODULUS.clone(), vec![0], "e"),
    ] {
        let rejection = check(&modulus, &exponent).err();
        assert_eq!(rejection, Some(KeyRejection::MemberMalformed(member)));
    }
}

#[test]
fn k6_a_modulus_with_a_small_factor_is_refused() {
    let mut even = MODULUS.clone();
    even[255] &= 0xfe;
    assert_eq!(check(&even, &F4).err(), Some(KeyRejection::RsaModulusWeak));
    for prime in [3, 5, 7, 251, 257, 743, 751] {
        let mut multiple = MODULUS.clone();
        let found = (1..=u16::MAX).step_by(2).any(|low| {
            multiple[254..].copy_from_slice(&low.to_be_bytes());
            let key = RsaPublic { modulus: multiple.clone(), exponent: F4.to_vec() };
            key.modulo(prime) == 0
        });
        assert!(found, "{prime}");
        let rejection = check(&multiple, &F4).err();
        assert_eq!(rejection, Some(KeyRejection::RsaModulusWeak), "{prime}");
    }
}

#[test]
fn k6_the_roca_fingerprint_is_refused() {
    let modulus = base64url::decode(ROCA_MODULUS.as_bytes()).unwrap();
    assert_eq!(check(&modulus, &F4).err(), Some(KeyRejection::RsaRoca));
    // Its neighbours do not have the fingerprint.
    for add in [2, 4, 6, 8] {
        let mut other = modulus.clone();
        *other.last_mut().unwrap() += add;
        let rejection = check(&other, &F4).err();
        assert_ne!(rejection, Some(KeyRejection::RsaRoca), "{add}");
    }
}

/// A power of the generator modulo a prime.
fn power(exponent: u32, prime: u32) -> u32 {
    (0..exponent).fold(1, |power, _| power * (ROCA_GENERATOR % prime) % prime)
}

#[test]
fn a_log_is_the_exponent_modulo_the_order() {
    for prime in odd_primes_up_to(ROCA_PRIMES_UP_TO) {
        let (log, order) = discrete_log(power(777, prime), prime).unwrap();
        assert_eq!((log, power(order, prime)), (777 % order, 1), "{prime}");
    }
    assert_eq!(discrete_log(0, 7), None);
}

#[test]
fn k6_roca_remainders_have_one_exponent_in_common() {
    let primes = || odd_primes_up_to(ROCA_PRIMES_UP_TO);
    let same = primes().map(|prime| (power(777, prime), prime));
    assert!(is_common_power(same));
    // Each remainder is a power, but not of one exponent.
    let one_off = primes().map(|prime| (power(777 + u32::from(prime == 43), prime), prime));
    assert!(!is_common_power(one_off));
}

#[test]
fn the_primes_are_the_primes() {
    let first: Vec<u32> = odd_primes_up_to(47).collect();
    assert_eq!(first, [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]);
    assert_eq!(odd_primes_up_to(ROCA_PRIMES_UP_TO).count(), 38);
    assert_eq!(odd_primes_up_to(SMALL_PRIMES_UP_TO).last(), Some(751));
}
