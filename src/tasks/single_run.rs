//! A job that is done once at a time, for all who need its result.

use std::future::Future;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Runs a job in a task of its own, one at a time. A run goes on when those who wait for it have
/// gone, and ends when this is dropped. Every job bounds its own time.
#[derive(Debug)]
pub(crate) struct SingleRun<T>(Mutex<Option<Run<T>>>);

#[derive(Debug)]
struct Run<T> {
    result: watch::Receiver<Option<T>>,
    task: AbortOnDropHandle<()>,
}

/// A run that was begun or joined. Dropping it affects neither the run nor others who wait.
#[derive(Debug)]
pub(crate) struct RunWaiter<T>(watch::Receiver<Option<T>>);

impl<T> Default for SingleRun<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Send + Sync + 'static> SingleRun<T> {
    /// Joins the run that is under way, or begins one.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn join<J>(&self, job: impl FnOnce() -> J) -> RunWaiter<T>
    where
        J: Future<Output = T> + Send + 'static,
    {
        let mut current = self.0.lock();
        if let Some(run) = current.as_ref().filter(|run| run.is_under_way()) {
            return RunWaiter(run.result.clone());
        }
        let (sender, result) = watch::channel(None);
        let job = job();
        let task = tokio::spawn(async move {
            // Nobody may be waiting.
            let _ = sender.send(Some(job.await));
        });
        let waiter = RunWaiter(result.clone());
        *current = Some(Run { result, task: AbortOnDropHandle::new(task) });
        waiter
    }
}

impl<T> Run<T> {
    fn is_under_way(&self) -> bool {
        self.result.borrow().is_none() && !self.task.is_finished()
    }
}

impl<T: Clone> RunWaiter<T> {
    /// What the run brings; `None`: it ended without a result, by a panic.
    pub(crate) async fn result(mut self) -> Option<T> {
        let result = self.0.wait_for(Option::is_some).await;
        result.ok().and_then(|result| result.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::Relaxed},
        },
        time::Duration,
    };

    use tokio::{join, time::sleep};

    use super::*;

    /// A job of a second that says how many have begun.
    fn job(begun: &Arc<AtomicUsize>) -> impl Future<Output = usize> + Send + use<> {
        let number = begun.fetch_add(1, Relaxed) + 1;
        async move {
            sleep(Duration::from_secs(1)).await;
            number
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_come_meanwhile_join_and_one_who_goes_disturbs_no_other() {
        let (begun, run) = (Arc::default(), SingleRun::default());
        drop(run.join(|| job(&begun)));
        let (first, second) = (run.join(|| job(&begun)), run.join(|| job(&begun)));
        assert_eq!(join!(first.result(), second.result()), (Some(1), Some(1)));
        assert_eq!(run.join(|| job(&begun)).result().await, Some(2), "the next one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_panics_is_no_result_and_the_next_one_is_begun() {
        let run = SingleRun::default();
        let broken = run.join(|| async { panic!("as the test wants") });
        assert_eq!(broken.result().await, None::<usize>);
        assert_eq!(run.join(|| job(&Arc::default())).result().await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_its_owner() {
        let (begun, run) = (Arc::default(), SingleRun::default());
        let waiter = run.join(|| job(&begun));
        drop(run);
        assert_eq!(waiter.result().await, None);
    }
}
