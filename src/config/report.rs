//! The mistakes of a configuration, collected while it is read.

use std::cell::RefCell;

use super::error::{ConfigError, ConfigErrors};

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(RefCell<Vec<ConfigError>>);

impl Mistakes {
    /// Adds a mistake.
    pub(crate) fn add(&self, key: String, origin: Option<String>, message: String) {
        self.0.borrow_mut().push(ConfigError { key, origin, message });
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// The result, if nothing was wrong.
    pub(crate) fn finish<T>(self, result: T) -> Result<T, ConfigErrors> {
        let mistakes = self.0.into_inner();
        if mistakes.is_empty() { Ok(result) } else { Err(ConfigErrors(mistakes)) }
    }

    /// The result, if nothing was wrong with a section; mistakes elsewhere don't count.
    pub(crate) fn finish_below<T>(self, section: &str, result: T) -> Result<T, ConfigErrors> {
        let below = format!("{section}.");
        let is_about = |it: &ConfigError| it.key == section || it.key.starts_with(&below);
        self.0.borrow_mut().retain(is_about);
        self.finish(result)
    }
}
