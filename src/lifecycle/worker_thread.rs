//! A serving thread: one single-threaded runtime, a socket of each listener, nothing shared with
//! other workers but what is read without locks.

use std::{io, rc::Rc, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    runtime::{Builder, LocalOptions},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    listener::Listener,
    proxy::{self, BoundListener, ConnectionBudget, ProxyConfig, Worker},
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

/// What one worker has of its own.
pub(super) struct WorkerPlace {
    pub(super) index: usize,
    /// One for each listener, in their order.
    pub(super) sockets: Vec<Listener>,
    pub(super) listeners: Arc<[Arc<BoundListener>]>,
}

/// Starts one worker.
pub(super) fn spawn(
    place: WorkerPlace,
    config: Arc<ArcSwap<ProxyConfig>>,
    budget: Arc<ConnectionBudget>,
    signals: WorkerSignals,
) -> io::Result<thread::JoinHandle<()>> {
    let index = place.index;
    thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let _watch = Watch(signals.clone());
        if let Err(error) = run(place, config, budget, signals) {
            tracing::error!(worker = index, %error, "worker ended");
        }
    })
}

fn run(
    place: WorkerPlace,
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
        let WorkerPlace { index, sockets, listeners } = place;
        let drain = signals.drain.clone();
        let worker = Rc::new(Worker::new(config, Arc::clone(&listeners), drain));
        tokio::task::spawn_local(Worker::follow_reloads(Rc::downgrade(&worker)));
        let mut accepting = JoinSet::new();
        for (socket, listener) in sockets.into_iter().zip(&*listeners) {
            tracing::debug!(worker = index, listen = %socket.local_address()?, "worker serves");
            let (listener, worker) = (Arc::clone(listener), Rc::clone(&worker));
            let (budget, stop) = (Arc::clone(&budget), signals.stop_accepting.clone());
            accepting.spawn_local(async move {
                proxy::serve(socket, listener, worker, budget, &stop).await
            });
        }
        while let Some(ended) = accepting.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        if timeout(signals.drain_timeout, worker.finish()).await.is_err() {
            tracing::warn!("the drain deadline passed with requests in flight: cut off");
        }
        Ok(())
    });
    runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    outcome
}
