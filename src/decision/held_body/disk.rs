//! The disk that bodies are written to and read from, beside the workers.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Disk access for a bounded number of threads at a time. A hanging disk blocks those threads only;
/// the others, for names and signatures, stay free.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    turns: Arc<Semaphore>,
}

/// Steps at once, of all workers. No disk gets faster by more of them, and each worker has a
/// multiple of it in threads that may wait.
const TURNS: usize = 8;

/// For one step, the wait for its turn included. A disk that needs longer for a quarter of a
/// mebibyte does not work.
const DEADLINE: Duration = Duration::from_secs(10);

impl Disk {
    pub(super) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(TURNS)) }
    }

    /// One step of work. It holds its turn to its end, even if its waiters have gone.
    ///
    /// # Errors
    /// Its own, or [`io::ErrorKind::TimedOut`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        step: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let turns = Arc::clone(&self.turns);
        let outcome = timeout(DEADLINE, async move {
            let turn = turns.acquire_owned().await.map_err(io::Error::other)?;
            let step = move || {
                let outcome = step();
                drop(turn);
                outcome
            };
            spawn_blocking(step).await.map_err(io::Error::other)?
        });
        outcome.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        mpsc::{Receiver, channel},
    };

    use tokio::{task::JoinSet, time::advance};

    use super::*;

    fn hang(disk: &Disk, until: &Arc<Mutex<Receiver<()>>>) -> impl Future<Output = bool> + use<> {
        let (disk, hanging) = (disk.clone(), Arc::clone(until));
        async move {
            let step = move || {
                let _ = hanging.lock().map(|hanging| hanging.recv());
                Ok(())
            };
            disk.run(step).await.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_takes_no_more_threads_than_it_has_turns() {
        let disk = Disk::new();
        let (release, hanging) = channel::<()>();
        let hanging = Arc::new(Mutex::new(hanging));
        let mut callers: JoinSet<_> = (0..3 * TURNS).map(|_| hang(&disk, &hanging)).collect();
        tokio::task::yield_now().await;
        assert_eq!(disk.turns.available_permits(), 0);
        advance(DEADLINE).await;
        while let Some(has_given_up) = callers.join_next().await {
            assert!(has_given_up.unwrap());
        }
        // The threads still wait.
        assert_eq!(disk.turns.available_permits(), 0);
        drop(release);
        disk.run(|| Ok(())).await.unwrap();
    }
}
