//! The requests' side of the journal.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use arc_swap::ArcSwap;
use prometheus::IntCounter;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    clock::Clock,
    config::{EvidenceFailure, EvidenceSettings},
    identity::ClaimPath,
    telemetry::Metrics,
};

use super::{Entry, writer::Writer};

/// The journal of one folder, as one configuration wants it. Shared by all workers.
#[derive(Debug)]
pub struct Journal {
    settings: EvidenceSettings,
    /// Of the writer, or of the next one's: see [`Self::succeed`].
    desk: ArcSwap<Desk>,
    dropped: IntCounter,
}

/// Where lines are handed in for one thread that writes them.
#[derive(Debug)]
struct Desk {
    queue: Mutex<Option<SyncSender<Order>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A line that is to be written, and who waits for it.
pub(super) struct Order {
    pub(super) entry: Entry,
    pub(super) written: oneshot::Sender<Written>,
}

/// Whether a line is on disk.
pub(super) type Written = Result<(), NotRecorded>;

/// Why there is no proof of a request. What exactly is wrong was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the evidence could not be written")]
pub struct NotRecorded;

/// Why a journal can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The folder, or a file in it, can't be used.
    #[error("evidence.folder {}: {error}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The key that signs checkpoints.
    #[error("evidence.key_file {}: {cause}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; nothing of it is in here.
        cause: String,
    },
    /// The thread can't be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl Journal {
    /// Opens the journal and begins a new file of it. The folder has one writer: a second process
    /// is refused.
    ///
    /// # Errors
    /// See [`EvidenceError`].
    pub fn open(
        settings: &EvidenceSettings,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<Arc<Self>, EvidenceError> {
        let (orders, queue) = sync_channel(settings.queue);
        let writer = Writer::open(settings, clock, metrics)?;
        let journal = Self::new(settings, orders, metrics);
        journal.desk.load().begin(writer, queue)?;
        Ok(Arc::new(journal))
    }

    /// Opens the folder of an earlier journal anew, under other settings. Lines that are handed in
    /// meanwhile, at either of them, wait for the new writer; none is refused for it.
    ///
    /// # Errors
    /// See [`EvidenceError`]; then the earlier journal goes on.
    pub fn succeed(
        earlier: &Self,
        settings: &EvidenceSettings,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<Arc<Self>, EvidenceError> {
        let (orders, queue) = sync_channel(settings.queue);
        let journal = Self::new(settings, orders, metrics);
        let desk = journal.desk.load_full();
        earlier.desk.swap(Arc::clone(&desk)).close();
        match Writer::open(settings, Arc::clone(&clock), metrics) {
            Ok(writer) => desk.begin(writer, queue).map(|()| Arc::new(journal)),
            Err(error) => {
                match Writer::open(&earlier.settings, clock, metrics) {
                    Ok(writer) => desk.begin(writer, queue)?,
                    // Without a writer nothing is recorded, and nothing passes.
                    Err(again) => tracing::error!(%again, "the evidence can't be opened again"),
                }
                Err(error)
            }
        }
    }

    /// A journal whose lines somebody takes from the other end of `orders`.
    pub(super) fn new(
        settings: &EvidenceSettings,
        orders: SyncSender<Order>,
        metrics: &Metrics,
    ) -> Self {
        let desk = Desk { queue: Mutex::new(Some(orders)), thread: Mutex::default() };
        Self {
            settings: settings.clone(),
            desk: ArcSwap::from_pointee(desk),
            dropped: metrics.evidence_lines.with_label_values(&["dropped"]),
        }
    }

    /// Writes a line about a request that is to be forwarded, and waits until it is on disk. With
    /// `on_failure = "continue"` it waits for nothing and never fails; what is lost is counted.
    ///
    /// # Errors
    /// There is no proof, and so nothing may be forwarded.
    pub async fn record(&self, entry: Entry) -> Result<(), NotRecorded> {
        let written = self.put(entry);
        if self.settings.on_failure == EvidenceFailure::Continue {
            return Ok(());
        }
        let written = timeout(self.settings.timeout, written.ok_or(NotRecorded)?).await;
        written.map_err(|_| NotRecorded)?.unwrap_or(Err(NotRecorded))
    }

    /// Writes a line about a request that is refused; nobody waits for it.
    pub fn note(&self, entry: Entry) {
        if self.records_refused() {
            self.put(entry);
        }
    }

    pub(super) fn put(&self, entry: Entry) -> Option<oneshot::Receiver<Written>> {
        let (written, outcome) = oneshot::channel();
        let is_sent = self.desk.load().put(Order { entry, written });
        if !is_sent {
            // It is full, or closed.
            self.dropped.inc();
        }
        is_sent.then_some(outcome)
    }

    /// What it was opened with.
    pub fn settings(&self) -> &EvidenceSettings {
        &self.settings
    }

    /// The claims to be kept of each token.
    pub fn claims(&self) -> &[ClaimPath] {
        &self.settings.claims
    }

    /// Whether refused requests have a line, too.
    pub fn records_refused(&self) -> bool {
        self.settings.records_refused
    }

    /// Whether bodies are kept.
    pub fn keeps_bodies(&self) -> bool {
        self.settings.bodies.is_some()
    }

    /// Writes what waits, and a last checkpoint. Nothing is recorded any more.
    pub fn close(&self) {
        self.desk.load().close();
    }
}

impl Desk {
    fn begin(&self, writer: Writer, queue: Receiver<Order>) -> Result<(), EvidenceError> {
        let thread = thread::Builder::new()
            .name("evidence".to_owned())
            .spawn(move || writer.run(&queue, thread::sleep))
            .map_err(EvidenceError::Thread)?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    fn put(&self, order: Order) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().is_some_and(|queue| queue.try_send(order).is_ok())
    }

    fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the evidence thread had panicked");
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.close();
    }
}
