//! Tasks that run beside the requests. They are prepared with what they work for, and spawned once
//! there is a runtime for them.

use std::{fmt, future::Future, pin::Pin};

use tokio::task::JoinHandle;

/// Tasks that do not run yet.
#[derive(Default)]
#[must_use = "what they work for stays as it is until they run"]
pub struct Tasks(Vec<Task>);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tasks that run; dropped, they end.
#[derive(Debug, Default)]
#[must_use = "dropped, the tasks end"]
pub struct RunningTasks(Vec<JoinHandle<()>>);

impl Tasks {
    pub(crate) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(Box::pin(task));
    }

    /// Spawns them on the current runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(self) -> RunningTasks {
        RunningTasks(self.0.into_iter().map(tokio::spawn).collect())
    }
}

impl<F: Future<Output = ()> + Send + 'static> FromIterator<F> for Tasks {
    fn from_iter<T: IntoIterator<Item = F>>(tasks: T) -> Self {
        Self(tasks.into_iter().map(|task| Box::pin(task) as Task).collect())
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

impl Drop for RunningTasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
