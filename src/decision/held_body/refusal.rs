//! What a body that could not be kept is refused for.

use super::HoldError;
use crate::{
    decision::UploadFault,
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
};

/// Why a request can't go on whose body could not be kept.
#[derive(Debug)]
pub(in crate::decision) enum Unheld {
    /// It is refused.
    Refused(Cause),
    /// The client did not send it to its end.
    Unfinished(UploadFault),
}

impl Unheld {
    /// What follows from the error. `setting` bounds the body.
    pub(in crate::decision) fn of(error: &HoldError, setting: &'static str) -> Self {
        match error {
            HoldError::TooLarge(most) => Self::Refused(too_large(*most, setting)),
            HoldError::BudgetSpent => {
                let subject = Subject::new(Part::Body, Fault::TooLong);
                let subject = subject.setting("server.limits.buffer_bytes");
                Self::Refused(Reason::BodyBufferUnavailable.about(subject))
            }
            HoldError::Disk(error) => {
                tracing::error!(%error, "a body could not be kept");
                Self::Refused(Reason::BodyBufferUnavailable.into())
            }
            HoldError::Stalled(_) | HoldError::Slow(_) => Self::Unfinished(UploadFault::Stalled),
            HoldError::Broke(_) => Self::Unfinished(UploadFault::Broke),
        }
    }
}

/// The refusal of a body that is larger than `setting` allows.
#[cold]
pub(in crate::decision) fn too_large(most: u64, setting: &'static str) -> Cause {
    let expected = Excerpt::own(format_args!("at most {most} bytes"));
    let subject = Subject::new(Part::Body, Fault::TooLong).expected(expected);
    Reason::BodyTooLarge.about(subject.setting(setting))
}
