//! A serving thread: one single-threaded runtime, one listener, nothing shared with other workers
//! but what is read without locks.

use std::{io, rc::Rc, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    runtime::{Builder, LocalOptions},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    listener::Listener,
    proxy::{self, ConnectionBudget, ProxyConfig, Worker},
    readiness::ProcessReadiness,
};

/// Signals shared by all worker threads.
#[derive(Debug, Clone)]
pub(super) struct WorkerSignals {
    /// Begin to serve connections; until then they wait in the listener's queue.
    pub(super) open: CancellationToken,
    /// No new connections.
    pub(super) stop_accepting: CancellationToken,
    /// Finish what is in flight.
    pub(super) drain: CancellationToken,
    /// The workers have ended: metrics and readiness are of no use any more.
    pub(super) finished: CancellationToken,
    /// How long finishing may take.
    pub(super) drain_timeout: Duration,
    /// Marked when a worker ends unexpectedly.
    pub(super) readiness: Arc<ProcessReadiness>,
}

/// Notices the end of a worker, even by a panic.
struct Watch(WorkerSignals);

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.0.stop_accepting.is_cancelled() && !self.0.drain.is_cancelled() {
            self.0.readiness.lose_worker();
        }
    }
}

/// Threads of one worker that wait for a disk or a name, or sign an answer. Each keeps some memory
/// of its own, and no disk gets faster by more of them; what waits for one is bounded by the bounds
/// on bodies.
const BLOCKING_THREADS: usize = 32;

/// For threads that still wait for a disk or a name when a runtime ends. Their results are not
/// needed, and a hanging resolver would outlast every deadline of a stop.
pub(super) const LEFTOVERS_DEADLINE: Duration = Duration::from_secs(1);

/// Starts one worker.
pub(super) fn spawn(
    index: usize,
    listener: Listener,
    config: Arc<ArcSwap<ProxyConfig>>,
    budget: Arc<ConnectionBudget>,
    signals: WorkerSignals,
) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let _watch = Watch(signals.clone());
        if let Err(error) = run(index, listener, config, budget, signals) {
            tracing::error!(worker = index, %error, "worker ended");
        }
    })
}

fn run(
    index: usize,
    listener: Listener,
    config: Arc<ArcSwap<ProxyConfig>>,
    budget: Arc<ConnectionBudget>,
    signals: WorkerSignals,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build_local(LocalOptions::default())?;
    let outcome = runtime.block_on(async move {
        tokio::select! {
            () = signals.open.cancelled() => {}
            () = signals.stop_accepting.cancelled() => {}
        }
        tracing::debug!(worker = index, listen = %listener.local_address()?, "worker serves");
        let worker = Rc::new(Worker::new(config, signals.drain.clone()));
        proxy::serve(listener, Rc::clone(&worker), budget, &signals.stop_accepting).await?;
        if timeout(signals.drain_timeout, worker.finish()).await.is_err() {
            tracing::warn!("the drain deadline passed with requests in flight: cut off");
        }
        Ok(())
    });
    runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    outcome
}
