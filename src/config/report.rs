//! The mistakes of a configuration, collected while it is read.

use std::cell::{Cell, RefCell};

use super::{
    error::{ConfigError, ConfigErrors, OtherPlace},
    origin::ValueOrigin,
};

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    found: RefCell<Vec<ConfigError>>,
    /// Values that could not be checked, since only a placeholder was there.
    unread: Cell<usize>,
}

impl Mistakes {
    /// Adds a mistake.
    pub(crate) fn add(&self, key: String, origin: Option<&ValueOrigin>, message: String) {
        self.add_contradiction(key, origin, message, None);
    }

    /// Adds a mistake about two values.
    pub(crate) fn add_contradiction(
        &self,
        key: String,
        origin: Option<&ValueOrigin>,
        message: String,
        other: Option<OtherPlace>,
    ) {
        if origin.is_some_and(ValueOrigin::is_unread) {
            self.unread.set(self.unread.get() + 1);
            return;
        }
        let reference = origin.and_then(|origin| origin.reference.as_ref());
        let message = match reference {
            Some(reference) => reference.redact(&message),
            None => message,
        };
        let mistake = ConfigError::new(key, origin, message);
        self.found.borrow_mut().push(ConfigError { other, ..mistake });
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.found.borrow().len() + self.unread.get()
    }

    /// The result, if nothing was wrong; `None` if it could not be made of placeholders.
    pub(crate) fn finish<T>(self, result: T) -> Result<Option<T>, ConfigErrors> {
        let mistakes = self.found.into_inner();
        if mistakes.is_empty() {
            Ok((self.unread.get() == 0).then_some(result))
        } else {
            Err(ConfigErrors(mistakes))
        }
    }
}
