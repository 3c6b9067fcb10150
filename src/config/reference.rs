//! Texts that stand for others: `${NAME}` and `file:`.

use std::fmt;

use zeroize::Zeroizing;

use super::{interpolation::FILE_PREFIX, node::quoted};

/// A text with `${…}` or `file:` in it, and what it stands for, which may be a secret.
pub(crate) struct Reference {
    /// The text as it was written; the path of a file is absolute.
    pub(crate) written: String,
    content: Zeroizing<String>,
    /// Whether what it refers to was not at hand, and not asked for: see `ReadContext::lint`.
    pub(crate) is_unread: bool,
}

/// Shorter contents are looked for as whole values only: `1` is in many texts.
const MIN_SEARCHED_BYTES: usize = 6;

impl Reference {
    /// What stands for a content.
    pub(super) fn new(written: String, content: &str) -> Self {
        Self { written, content: Zeroizing::new(content.to_owned()), is_unread: false }
    }

    /// A placeholder.
    pub(super) fn unread(written: &str) -> Self {
        Self { written: written.to_owned(), content: Zeroizing::default(), is_unread: true }
    }

    /// Whether a file is the whole value.
    pub(super) fn is_file(&self) -> bool {
        self.written.starts_with(FILE_PREFIX)
    }

    /// Whether a text is the content, or has it in it.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let content = self.content.as_str();
        text == content || content.len() >= MIN_SEARCHED_BYTES && text.contains(content)
    }

    /// A message with the text as it was written in place of the content.
    pub(super) fn redact(&self, message: &str) -> String {
        if self.content.is_empty() {
            return message.to_owned();
        }
        let message = message
            .replace(&quoted(&self.content), &quoted(&self.written))
            .replace(&format!("{:?}", self.content.as_str()), &format!("{:?}", self.written));
        if self.is_in(&message) {
            message.replace(self.content.as_str(), &self.written)
        } else {
            message
        }
    }
}

// The content may be a secret.
impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").field("written", &self.written).finish_non_exhaustive()
    }
}
