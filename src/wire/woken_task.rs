//! The task that something wakes.

use std::task::{Context, Waker};

/// The task that waited last for something that changes rarely. What wakes a task need not be
/// polled again by it each time that the task is woken for another reason.
#[derive(Debug, Default)]
pub(crate) struct WokenTask(Option<Waker>);

impl WokenTask {
    /// Whether it is this one.
    pub(crate) fn is(&self, cx: &Context<'_>) -> bool {
        self.0.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
    }

    /// From now on it is this one.
    pub(crate) fn set(&mut self, cx: &Context<'_>) {
        if !self.is(cx) {
            self.0 = Some(cx.waker().clone());
        }
    }
}
