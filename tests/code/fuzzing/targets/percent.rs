//! Percent-encoding, read as leniently as an upstream might.

/// One round of decoding; a `%` without two hexadecimal digits is itself.
pub(super) fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let (value, behind) = escape(rest).unwrap_or((*first, behind));
        out.push(value);
        rest = behind;
    }
    out
}

/// Decoded until nothing is left to decode.
pub(super) fn decoded_fully(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    loop {
        let next = decoded(&text);
        if next == text {
            return text;
        }
        text = next;
    }
}

/// The value of every escape, and whether its digits are in upper case.
pub(super) fn escapes(text: &[u8]) -> Vec<(u8, bool)> {
    let starts = (0..text.len()).filter_map(|at| text.get(at..));
    starts
        .filter_map(|rest| {
            let (value, _) = escape(rest)?;
            Some((value, !rest[1..3].iter().any(u8::is_ascii_lowercase)))
        })
        .collect()
}

fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = text.strip_prefix(b"%")?.split_at_checked(2)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    Some((u8::from_str_radix(digits, 16).ok()?, rest))
}
