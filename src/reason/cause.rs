//! A reason, and what it is about.

use super::{Reason, Subject};

/// Why a request is refused: the [`Reason`], which is counted, and its [`Subject`] as far as it is
/// known. Made only where something is refused; what passes builds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    reason: Reason,
    /// Boxed: results that carry a cause are moved on the way of requests that pass, too.
    subject: Option<Box<Subject>>,
}

impl Cause {
    /// The reason.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// What it is about.
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_deref()
    }
}

impl Reason {
    /// The reason, about this.
    #[cold]
    pub fn about(self, subject: Subject) -> Cause {
        Cause { reason: self, subject: Some(Box::new(subject)) }
    }
}

impl From<Reason> for Cause {
    fn from(reason: Reason) -> Self {
        Self { reason, subject: None }
    }
}
