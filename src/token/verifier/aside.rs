//! Verifying beside all requests.

use crate::token::jwt::Observer;

/// The observer of a verdict that no request waits for.
pub(super) struct Aside<'o, O>(pub(super) &'o mut O);

impl<O: Observer> Observer for Aside<'_, O> {
    fn is_aside(&self) -> bool {
        true
    }

    fn began(&mut self, check: &'static str) {
        self.0.began(check);
    }

    fn passed(&mut self, check: &'static str, found: impl FnOnce() -> String) {
        self.0.passed(check, found);
    }
}
