//! A serving thread: one single-threaded runtime, a socket of each listener, nothing shared with
//! other workers but what is read without locks.

use std::{io, rc::Rc, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    runtime::{Builder, LocalOptions, RuntimeMetrics},
    sync::watch,
    task::{JoinSet, spawn_local},
};
use tokio_util::sync::CancellationToken;

use crate::{
    listener::Listener,
    proxy::{self, ConnectionBudget, ProxyConfig, StopStages, Worker},
    readiness::ProcessReadiness,
    telemetry::{Family, PulledCounter},
};

use super::{
    listeners::{Binding, WorkerTargets},
    pulse::PulseAnswer,
};

/// Signals shared by all worker threads.
#[derive(Debug, Clone, Default)]
pub(super) struct WorkerSignals {
    /// Begin to serve connections; until then they wait in the listener's queue.
    pub(super) open: CancellationToken,
    /// No new connections.
    pub(super) stop_accepting: CancellationToken,
    /// The stages of a stop for what has been accepted.
    pub(super) stages: StopStages,
    /// The workers have ended: metrics and readiness are of no use any more.
    pub(super) finished: CancellationToken,
    /// Marked when a worker ends unexpectedly.
    pub(super) readiness: Arc<ProcessReadiness>,
}

/// Notices the end of a worker, even by a panic.
struct Watch(WorkerSignals);

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.0.stop_accepting.is_cancelled() && !self.0.stages.drain.is_cancelled() {
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
    /// What it serves: reloads change it.
    pub(super) targets: watch::Receiver<WorkerTargets>,
    pub(super) pulse: PulseAnswer,
    /// Where the time is shown that it works.
    pub(super) busy: Family<PulledCounter>,
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
    show_busy_time(&place, runtime.metrics());
    let outcome = runtime.block_on(async move {
        let WorkerPlace { index, mut targets, pulse, .. } = place;
        spawn_local(pulse.run());
        tokio::select! {
            () = signals.open.cancelled() => {}
            () = signals.stop_accepting.cancelled() => {}
        }
        let worker = Rc::new(Worker::new(config, signals.stages.clone()));
        spawn_local(Worker::follow_reloads(Rc::downgrade(&worker)));
        let mut accepting = JoinSet::new();
        loop {
            let bindings = targets.borrow_and_update().bindings.clone();
            for binding in bindings {
                let Some(socket) = binding.take_socket(index) else { continue };
                let listen = socket.local_address()?;
                tracing::debug!(worker = index, %listen, "worker serves");
                let worker = Rc::new(worker.of_listener(binding.stages().clone()));
                spawn_local(Worker::follow_stop(Rc::clone(&worker)));
                accepting.spawn_local(accept(socket, binding, worker, Arc::clone(&budget)));
            }
            tokio::select! {
                () = signals.stop_accepting.cancelled() => break,
                Ok(()) = targets.changed() => {}
                Some(ended) = accepting.join_next() => ended.map_err(io::Error::other)??,
            }
        }
        while let Some(ended) = accepting.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        let drain = targets.borrow().drain;
        drain.finish(&worker, &signals.stages).await;
        Ok(())
    });
    runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    outcome
}

async fn accept(
    socket: Listener,
    binding: Arc<Binding>,
    worker: Rc<Worker>,
    budget: Arc<ConnectionBudget>,
) -> io::Result<()> {
    let listener = Arc::clone(binding.listener());
    proxy::serve(socket, listener, worker, budget, binding.stop()).await
}

/// Shows how long it was not waiting. The runtime measures that when it parks, in any case.
fn show_busy_time(place: &WorkerPlace, runtime: RuntimeMetrics) {
    let worker = place.index.to_string();
    place.busy.watch(&[&worker], move || runtime.worker_total_busy_duration(0).as_secs_f64());
}
