//! `Content-Length` (RFC 9110 §8.6): the one spelling of a number that is written here, and the
//! spellings that are read.

use http::HeaderValue;

/// The largest length. One more, and a reader with signed numbers of 64 bits has a negative one.
const MAX: u64 = i64::MAX.unsigned_abs();

/// Above this many digits a number is larger than [`MAX`], or begins with zeros.
const MAX_DIGITS: usize = 19;

/// The number, if it is written in the one way in which no reader finds another: decimal digits,
/// the first of them no zero (`010` is eight where octal is read), no sign, no space, no list.
pub(crate) fn canonical(value: &HeaderValue) -> Option<u64> {
    match value.as_bytes() {
        [b'0', _, ..] => None,
        digits if digits.len() <= MAX_DIGITS => number(digits),
        _ => None,
    }
}

/// The number that all of these fields state, in any spelling that RFC 9110 lets a recipient read:
/// leading zeros, and lists of equal numbers.
pub(super) fn stated<'v>(fields: impl Iterator<Item = &'v HeaderValue>) -> Option<u64> {
    let mut numbers = fields.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let first = number(numbers.next()?.trim_ascii())?;
    numbers.all(|other| number(other.trim_ascii()) == Some(first)).then_some(first)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    (number <= MAX).then_some(number)
}
