//! Tasks that run beside the requests. They are prepared with what they work for, and spawned once
//! there is a runtime for them. A task of one configuration ends with it; the next one can take
//! over a `KeptTask`. A `SingleRun` is a short task that is begun when something is needed.

mod single_run;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock, Weak},
};

use parking_lot::Mutex;
use tokio::task::JoinHandle;

pub(crate) use self::single_run::SingleRun;

/// Tasks that do not run yet, and those of an earlier configuration that go on.
#[derive(Default)]
#[must_use = "what they work for stays as it is until they run"]
pub struct Tasks(Vec<Task>);

/// Tasks that run; dropped, they end.
#[derive(Debug, Default)]
#[must_use = "dropped, the tasks end"]
pub struct RunningTasks(Vec<RunningTask>);

enum Task {
    Own(BoxedTask),
    Kept(Arc<CommonTask>),
}

#[derive(Debug)]
enum RunningTask {
    Own(JoinHandle<()>),
    Kept(Arc<CommonTask>),
}

type BoxedTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task that several configurations may have in common. It is spawned once, and ends with the
/// last [`Tasks`] or [`RunningTasks`] that have it: this is no reason for it to go on.
#[derive(Debug, Clone)]
pub(crate) struct KeptTask(Weak<CommonTask>);

struct CommonTask {
    prepared: Mutex<Option<BoxedTask>>,
    running: OnceLock<JoinHandle<()>>,
}

impl Tasks {
    pub(crate) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(Task::Own(Box::pin(task)));
    }

    /// Adds a task that a later configuration can take over.
    pub(crate) fn add_kept(&mut self, task: impl Future<Output = ()> + Send + 'static) -> KeptTask {
        let prepared = Mutex::new(Some(Box::pin(task) as BoxedTask));
        let task = Arc::new(CommonTask { prepared, running: OnceLock::new() });
        let kept = KeptTask(Arc::downgrade(&task));
        self.0.push(Task::Kept(task));
        kept
    }

    /// Lets a task go on. `false`: it has ended.
    pub(crate) fn take_over(&mut self, task: &KeptTask) -> bool {
        let task = task.0.upgrade();
        let is_there = task.is_some();
        self.0.extend(task.map(Task::Kept));
        is_there
    }

    /// Spawns them on the current runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(self) -> RunningTasks {
        RunningTasks(self.0.into_iter().map(Task::spawn).collect())
    }
}

impl Task {
    fn spawn(self) -> RunningTask {
        match self {
            Self::Own(task) => RunningTask::Own(tokio::spawn(task)),
            Self::Kept(task) => {
                task.spawn();
                RunningTask::Kept(task)
            }
        }
    }
}

impl CommonTask {
    fn spawn(&self) {
        if let Some(task) = self.prepared.lock().take() {
            self.running.get_or_init(|| tokio::spawn(task));
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> FromIterator<F> for Tasks {
    fn from_iter<T: IntoIterator<Item = F>>(tasks: T) -> Self {
        Self(tasks.into_iter().map(|task| Task::Own(Box::pin(task))).collect())
    }
}

impl Extend<Self> for Tasks {
    fn extend<T: IntoIterator<Item = Self>>(&mut self, others: T) {
        self.0.extend(others.into_iter().flat_map(|tasks| tasks.0));
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tasks({})", self.0.len())
    }
}

impl fmt::Debug for CommonTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommonTask")
    }
}

impl Drop for RunningTasks {
    fn drop(&mut self) {
        for task in self.0.drain(..) {
            match task {
                RunningTask::Own(task) => task.abort(),
                RunningTask::Kept(task) => drop(task),
            }
        }
    }
}

impl Drop for CommonTask {
    fn drop(&mut self) {
        if let Some(task) = self.running.get() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// A task that never ends by itself; whether it exists can be seen.
    fn endless(held: &Arc<()>) -> impl Future<Output = ()> + Send + use<> {
        let held = Arc::clone(held);
        async move {
            pending::<()>().await;
            drop(held);
        }
    }

    async fn is_gone(held: &Arc<()>) -> bool {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        Arc::strong_count(held) == 1
    }

    #[tokio::test]
    async fn a_task_ends_with_its_configuration_and_one_that_is_taken_over_with_the_last() {
        let (own, common) = (Arc::new(()), Arc::new(()));
        let mut first = Tasks::default();
        first.add(endless(&own));
        let kept = first.add_kept(endless(&common));
        let first = first.spawn();
        let mut second = Tasks::default();
        assert!(second.take_over(&kept));
        let second = second.spawn();
        drop(first);
        assert!(is_gone(&own).await);
        assert!(!is_gone(&common).await);
        let mut refused = Tasks::default();
        assert!(refused.take_over(&kept));
        drop(refused);
        assert!(!is_gone(&common).await, "a configuration that was not used ends nothing");
        drop(second);
        assert!(is_gone(&common).await);
        assert!(!Tasks::default().take_over(&kept), "it has ended");
    }

    #[tokio::test]
    async fn a_kept_task_is_spawned_once_whichever_configuration_comes_first() {
        let common = Arc::new(());
        let (mut first, mut second) = (Tasks::default(), Tasks::default());
        let kept = first.add_kept(endless(&common));
        assert!(second.take_over(&kept));
        let second = second.spawn();
        let first = first.spawn();
        assert_eq!(Arc::strong_count(&common), 2);
        drop((first, second));
        assert!(is_gone(&common).await);
    }
}
