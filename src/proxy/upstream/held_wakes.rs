//! Spares a connection's task the wake-up that hyper gives it for nothing.
//!
//! When the last part of an answer's body is taken, hyper wakes the task of its connection, as for
//! every part, to get the next one. There is none, and the task has done with the answer: it would
//! look at its socket and its queue, and find nothing. That is a fifth of all that tasks are polled
//! for a small request.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Wake, Waker},
};

use crate::proxy::woken_task::WokenTask;

thread_local! {
    static HELD: RefCell<HeldWakes> = const { RefCell::new(HeldWakes::No) };
}

/// Whether wake-ups are held back on this thread.
enum HeldWakes {
    No,
    Yes,
    /// One was.
    Woken(Waker),
}

/// Wakes a task whose wake-ups can be held back.
struct TaskWaker(Waker);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_held = HELD.with_borrow_mut(|held| {
            let is_held = matches!(held, HeldWakes::Yes);
            if is_held {
                *held = HeldWakes::Woken(self.0.clone());
            }
            is_held
        });
        if !is_held {
            self.0.wake_by_ref();
        }
    }
}

/// Runs a task so that [`hold`] covers its wake-ups.
pub(super) async fn holdable<F: Future>(task: F) -> F::Output {
    let mut task = pin!(task);
    let mut woken = WokenTask::default();
    let mut waker = Waker::noop().clone();
    poll_fn(|cx| {
        if !woken.is(cx) {
            woken.set(cx);
            waker = Arc::new(TaskWaker(cx.waker().clone())).into();
        }
        task.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

/// Does something that may wake the task of a connection, and returns what would have been woken.
pub(in crate::proxy) fn hold<T>(work: impl FnOnce() -> T) -> (T, Option<Waker>) {
    let _hold = Hold::begin();
    let done = work();
    match HELD.replace(HeldWakes::No) {
        HeldWakes::Woken(waker) => (done, Some(waker)),
        HeldWakes::No | HeldWakes::Yes => (done, None),
    }
}

/// Holds wake-ups back until it is dropped, by a panic too.
struct Hold;

impl Hold {
    fn begin() -> Self {
        HELD.set(HeldWakes::Yes);
        Self
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        HELD.set(HeldWakes::No);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc, task::Poll};

    use tokio::task::{LocalSet, yield_now};

    use super::*;

    #[tokio::test]
    async fn a_wake_up_that_is_held_back_polls_nothing_and_one_that_is_passed_on_does() {
        LocalSet::new()
            .run_until(async {
                let polls = Rc::new(Cell::new(0));
                let waker = Rc::new(RefCell::new(Waker::noop().clone()));
                let (counted, registered) = (Rc::clone(&polls), Rc::clone(&waker));
                tokio::task::spawn_local(holdable(poll_fn(move |cx| {
                    counted.set(counted.get() + 1);
                    registered.borrow_mut().clone_from(cx.waker());
                    Poll::<()>::Pending
                })));
                yield_now().await;
                assert_eq!(polls.get(), 1);

                let ((), woken) = hold(|| waker.borrow().wake_by_ref());
                yield_now().await;
                assert_eq!(polls.get(), 1, "held back");
                woken.unwrap().wake();
                yield_now().await;
                assert_eq!(polls.get(), 2, "passed on");

                assert!(hold(|| ()).1.is_none());
                waker.borrow().wake_by_ref();
                yield_now().await;
                assert_eq!(polls.get(), 3, "not held any more");
            })
            .await;
    }
}
