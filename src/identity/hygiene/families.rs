//! Families of header names that are removed, found by how a name begins.

use super::HeaderRule;

/// Beginnings of names, each with what a name of it means. No beginning is that of another one, so
/// that a binary search finds the only one that a name may have.
#[derive(Debug, Clone, Default)]
pub(super) struct NameFamilies {
    sorted: Vec<(&'static str, HeaderRule)>,
    /// By first letter, the second characters: most names have neither, and are not searched for.
    seconds: [u32; LETTERS],
}

const LETTERS: usize = 26;
/// The bit of `-`, behind those of the letters.
const DASH: u32 = 1 << LETTERS;

impl NameFamilies {
    pub(super) fn new(families: impl Iterator<Item = (&'static str, HeaderRule)>) -> Self {
        let mut sorted: Vec<_> = families.collect();
        sorted.sort_unstable_by_key(|(prefix, _)| *prefix);
        let mut seconds = [0; LETTERS];
        for (prefix, _) in &sorted {
            if let [first, second, ..] = prefix.as_bytes()
                && let Some(bits) = seconds.get_mut(letter(*first))
            {
                *bits |= bit(*second);
            }
        }
        Self { sorted, seconds }
    }

    /// What a name means that begins so; `None`: it is of no family.
    pub(super) fn find(&self, folded: &str) -> Option<HeaderRule> {
        let [first, second, ..] = folded.as_bytes() else {
            return None;
        };
        if self.seconds.get(letter(*first))? & bit(*second) == 0 {
            return None;
        }
        let behind = self.sorted.partition_point(|(prefix, _)| *prefix <= folded);
        let (prefix, rule) = self.sorted.get(behind.checked_sub(1)?)?;
        folded.starts_with(prefix).then_some(*rule)
    }
}

fn letter(byte: u8) -> usize {
    usize::from(byte.wrapping_sub(b'a'))
}

fn bit(byte: u8) -> u32 {
    match byte {
        b'a'..=b'z' => 1 << (byte - b'a'),
        b'-' => DASH,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h9_a_name_is_of_the_family_that_it_begins_with() {
        let rule = HeaderRule::Forgeable;
        let list = ["x-b-", "ssl-client-", "x-a-", "x-amzn-oidc-", "tail-"];
        let families = NameFamilies::new(list.into_iter().map(|prefix| (prefix, rule)));
        for name in ["x-a-", "x-a-1", "x-b-z", "x-amzn-oidc-data", "ssl-client-verify", "tail-x"] {
            assert_eq!(families.find(name), Some(rule), "{name}");
        }
        for name in [
            "",
            "x",
            "x-",
            "x-a",
            "x-aa",
            "x-c-1",
            "x-amzn-trace-id",
            "sec-fetch",
            "9",
            "~x",
            "tai",
        ] {
            assert_eq!(families.find(name), None, "{name}");
        }
    }
}
