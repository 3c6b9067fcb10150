//! The text of a string.

use std::{fmt, ops::Deref};

/// A text. A short one takes no memory of its own: most claims of a token are short, and an
/// allocation for each would take more than they do.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText(Storage);

#[derive(Clone, PartialEq, Eq)]
enum Storage {
    /// Zeros beyond the length.
    Short {
        length: u8,
        bytes: [u8; SHORT],
    },
    Long(Box<str>),
}

/// As many as leave a value at three words.
const SHORT: usize = 22;

impl JsonText {
    /// The bytes that it takes besides itself.
    pub(super) fn heap(&self) -> usize {
        match &self.0 {
            Storage::Short { .. } => 0,
            Storage::Long(text) => text.len(),
        }
    }

    fn short(text: &str) -> Option<Self> {
        let mut bytes = [0; SHORT];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(Storage::Short { length: u8::try_from(text.len()).ok()?, bytes }))
    }
}

impl Deref for JsonText {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Storage::Short { length, bytes } => {
                let text = bytes.get(..usize::from(*length)).unwrap_or_default();
                // It always is UTF-8: it was copied from a text as a whole.
                std::str::from_utf8(text).unwrap_or_default()
            }
            Storage::Long(text) => text,
        }
    }
}

impl From<&str> for JsonText {
    fn from(text: &str) -> Self {
        Self::short(text).unwrap_or_else(|| Self(Storage::Long(text.into())))
    }
}

impl From<String> for JsonText {
    fn from(text: String) -> Self {
        Self::short(&text).unwrap_or_else(|| Self(Storage::Long(text.into())))
    }
}

impl PartialEq<str> for JsonText {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_it_was_made_of_whatever_its_length() {
        for length in 0..=2 * SHORT {
            for text in ["x".repeat(length), "ä".repeat(length), "\0".repeat(length)] {
                let made = JsonText::from(text.as_str());
                assert_eq!((&*made, &made), (&*text, &JsonText::from(text.clone())));
                assert_eq!(made.heap(), if text.len() > SHORT { text.len() } else { 0 });
            }
        }
        assert_ne!(JsonText::from("a"), JsonText::from("a\0"));
    }
}
