//! RSA public keys: the checks that aws-lc leaves to its caller.

use aws_lc_rs::signature::{ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};

use super::{KeyLimits, KeyRejection};

/// The longest public exponent in bits: aws-lc's own bound, and a larger one only costs CPU.
const MAX_EXPONENT_BITS: usize = 33;

/// Moduli divisible by a prime up to here are refused (the bound of NIST SP 800-89 §5.3.3).
const SMALL_PRIMES_UP_TO: u32 = 752;

/// The ROCA generator builds its primes modulo a primorial; this is the largest prime that even
/// the smallest of its key sizes uses.
const ROCA_PRIMES_UP_TO: u32 = 167;
/// The generator of the subgroup that ROCA moduli fall into.
const ROCA_GENERATOR: u32 = 65_537;

/// A sound RSA public key; big-endian numbers without leading zeros.
#[derive(Debug)]
pub(super) struct RsaPublic {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaPublic {
    /// Checks size, exponent and factors (RFC 7518 §3.3, threats K-6).
    pub(super) fn check(
        modulus: Vec<u8>,
        exponent: Vec<u8>,
        limits: &KeyLimits,
    ) -> Result<Self, KeyRejection> {
        let modulus = without_leading_zero(modulus).ok_or(KeyRejection::MemberMalformed("n"))?;
        let exponent = without_leading_zero(exponent).ok_or(KeyRejection::MemberMalformed("e"))?;
        let key = Self { modulus, exponent };
        key.check_size(limits)?;
        key.check_exponent()?;
        if !is_odd(&key.modulus) || key.has_small_factor() {
            return Err(KeyRejection::RsaModulusWeak);
        }
        if key.has_roca_fingerprint() {
            return Err(KeyRejection::RsaRoca);
        }
        Ok(key)
    }

    pub(super) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    pub(super) fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// The exact size of the modulus.
    pub(super) fn bits(&self) -> usize {
        bits(&self.modulus)
    }

    /// The key parsed for one padding and hash.
    pub(super) fn parse(
        &self,
        parameters: &'static RsaParameters,
    ) -> Result<ParsedPublicKey, KeyRejection> {
        let components = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        components.to_parsed_public_key(parameters).map_err(|_| KeyRejection::Unsound)
    }

    fn check_size(&self, limits: &KeyLimits) -> Result<(), KeyRejection> {
        let bits = self.bits();
        let limit = limits.max_rsa_bits.min(KeyLimits::MAX_RSA_BITS);
        if bits < KeyLimits::MIN_RSA_BITS {
            return Err(KeyRejection::RsaTooSmall { bits });
        }
        if bits > limit {
            return Err(KeyRejection::RsaTooLarge { bits, limit });
        }
        Ok(())
    }

    fn check_exponent(&self) -> Result<(), KeyRejection> {
        let is_one = self.exponent == [1];
        if is_one || !is_odd(&self.exponent) || bits(&self.exponent) > MAX_EXPONENT_BITS {
            return Err(KeyRejection::RsaExponent);
        }
        Ok(())
    }

    fn has_small_factor(&self) -> bool {
        odd_primes_up_to(SMALL_PRIMES_UP_TO).any(|prime| self.modulo(prime) == 0)
    }

    /// The fingerprint of "The Return of Coppersmith's Attack" (CVE-2017-15361), §4: modulo the
    /// product of the first primes, a vulnerable modulus is a power of 65537.
    fn has_roca_fingerprint(&self) -> bool {
        is_common_power(
            odd_primes_up_to(ROCA_PRIMES_UP_TO).map(|prime| (self.modulo(prime), prime)),
        )
    }

    /// The modulus modulo a small number.
    fn modulo(&self, divisor: u32) -> u32 {
        self.modulus
            .iter()
            .fold(0, |remainder, byte| ((remainder << 8) | u32::from(*byte)) % divisor)
    }
}

/// Whether one power of [`ROCA_GENERATOR`] has all these remainders, given with their primes. The
/// exponent is looked for modulo each prime apart; by the Chinese remainder theorem the exponents
/// found belong to one common exponent exactly if every two agree modulo the gcd of their orders.
/// The remainders of a sound modulus pass with a probability below 2⁻¹⁵⁰.
fn is_common_power(remainders: impl Iterator<Item = (u32, u32)>) -> bool {
    let mut found: Vec<(u32, u32)> = Vec::new();
    for (remainder, prime) in remainders {
        let Some((log, order)) = discrete_log(remainder, prime) else {
            return false;
        };
        let agrees = |(other_log, other_order): &(u32, u32)| {
            let common = gcd(order, *other_order);
            log % common == other_log % common
        };
        if !found.iter().all(agrees) {
            return false;
        }
        found.push((log, order));
    }
    true
}

/// The log of `value` to the base [`ROCA_GENERATOR`] modulo a small prime, and the base's order.
fn discrete_log(value: u32, prime: u32) -> Option<(u32, u32)> {
    let generator = ROCA_GENERATOR % prime;
    let (mut power, mut exponent, mut log) = (1, 0, None);
    loop {
        if power == value {
            log = Some(exponent);
        }
        power = power * generator % prime;
        exponent += 1;
        if power == 1 {
            return log.map(|log| (log, exponent));
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Every odd prime up to `limit`, by trial division: there are few and they are small.
fn odd_primes_up_to(limit: u32) -> impl Iterator<Item = u32> {
    (3..=limit).step_by(2).filter(|candidate| {
        (3..*candidate)
            .step_by(2)
            .take_while(|divisor| divisor * divisor <= *candidate)
            .all(|divisor| candidate % divisor != 0)
    })
}

/// Drops the one zero byte that some providers prepend to a number as DER does. `None` for nothing,
/// zero, or more zeros: RFC 7518 §6.3.1.1 wants the shortest form.
fn without_leading_zero(mut number: Vec<u8>) -> Option<Vec<u8>> {
    if number.first() == Some(&0) {
        number.remove(0);
    }
    number.first().is_some_and(|top| *top != 0).then_some(number)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|low| low & 1 == 1)
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |top| number.len() * 8 - top.leading_zeros() as usize)
}

#[cfg(test)]
mod tests;
