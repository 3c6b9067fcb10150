//! A deadline that is seldom reached.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::proxy::woken_task::WokenTask;

/// A timer that is set as rarely as possible: it may go off too early, looks again, and is only
/// then set to what is left. So a busy connection touches the timer wheel once per deadline, not
/// twice per request.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    wakes: WokenTask,
}

impl Timer {
    /// Whether the deadline has passed; if not, wakes when it has.
    pub(in crate::proxy) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.is_set(cx, deadline) {
            return Poll::Pending;
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        self.wakes.set(cx);
        Poll::Pending
    }

    /// Wakes at some moment until `wait` from now. `past` is any moment before now: a timer that
    /// goes off until `wait` after that will do, which spares a look at the clock (50 ns).
    pub(super) fn wake_within(&mut self, cx: &mut Context<'_>, wait: Duration, past: Instant) {
        if !self.is_set(cx, past + wait) {
            let _: Poll<()> = self.poll(cx, Instant::now() + wait);
        }
    }

    /// Whether it will wake this task at that moment or before: then nothing is to be done.
    fn is_set(&self, cx: &Context<'_>, deadline: Instant) -> bool {
        let is_early =
            |sleep: &Pin<Box<Sleep>>| sleep.deadline() <= deadline && !sleep.is_elapsed();
        self.wakes.is(cx) && self.sleep.as_ref().is_some_and(is_early)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_goes_from_task_to_task_wakes_the_one_that_polled_it_last() {
        let mut timer = Timer::default();
        let started = Instant::now();
        let deadline = started + Duration::from_secs(10);
        let mut other_task = Context::from_waker(Waker::noop());
        assert!(timer.poll(&mut other_task, deadline).is_pending());
        let due = poll_fn(|cx| timer.poll(cx, deadline));
        tokio::time::timeout(Duration::from_mins(1), due).await.unwrap();
        assert_eq!(started.elapsed().as_secs(), 10);
    }
}
