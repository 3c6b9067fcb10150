//! The requests' side of the journal.

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use parking_lot::Mutex;
use prometheus::IntCounter;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    clock::Clock,
    evidence::settings::{EvidenceFailure, EvidenceSettings},
    identity::ClaimPath,
    readiness::{Dependency, DependencyKind},
    telemetry::MetricRegistry,
};

use super::{EvidenceEntry, Metrics, health::JournalHealth, writer::JournalWriter};

/// The journal of one folder, as one configuration wants it. Shared by all workers.
#[derive(Debug)]
pub struct Journal {
    settings: EvidenceSettings,
    thread: Arc<JournalThread>,
    dropped: IntCounter,
}

/// The thread that writes to a folder, and the way to it. Shared by the journals that follow each
/// other; it ends with the last of them.
#[derive(Debug)]
pub(super) struct JournalThread {
    /// The sender of the latest journal, for lines of any; `None`: it is closed.
    queue: Mutex<Option<SyncSender<WriteRequest>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    successors: Successors,
    health: JournalHealth,
}

/// What the thread turns to once its queue is empty and has been replaced.
type Successors = Arc<Mutex<VecDeque<Successor>>>;

#[derive(Debug)]
struct Successor {
    settings: EvidenceSettings,
    queue: Receiver<WriteRequest>,
}

/// A line that is to be written, and who waits for it.
pub(super) struct WriteRequest {
    pub(super) entry: EvidenceEntry,
    pub(super) written: oneshot::Sender<LineOutcome>,
    /// Whether its request is only forwarded once the line is on disk.
    pub(super) is_awaited: bool,
}

impl WriteRequest {
    /// Whether its request was dropped: it is not forwarded, and writing its line would only delay
    /// those after it.
    pub(super) fn is_abandoned(&self) -> bool {
        self.is_awaited && self.written.is_closed()
    }
}

/// Whether a line is on disk.
pub(super) type LineOutcome = Result<(), NotRecorded>;

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
        /// The system's error.
        error: io::Error,
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
        metrics: &MetricRegistry,
    ) -> Result<Arc<Self>, EvidenceError> {
        let (requests, queue) = sync_channel(settings.queue);
        let writer = JournalWriter::open(settings, clock, metrics)?;
        let thread = JournalThread::new(requests, writer.health.clone());
        thread.begin(writer, queue).map_err(EvidenceError::Thread)?;
        Ok(Arc::new(Self::new(settings, thread, metrics)))
    }

    /// A journal of the same folder under new settings. Its thread keeps running: lines sent
    /// earlier are written first, lines sent through either journal from now on after them. No line
    /// is rejected because of it, and it can't fail.
    pub fn succeed(&self, settings: &EvidenceSettings, metrics: &MetricRegistry) -> Arc<Self> {
        self.thread.turn_to(settings);
        Arc::new(Self::new(settings, Arc::clone(&self.thread), metrics))
    }

    pub(super) fn new(
        settings: &EvidenceSettings,
        thread: Arc<JournalThread>,
        metrics: &MetricRegistry,
    ) -> Self {
        Self {
            settings: settings.clone(),
            thread,
            dropped: Metrics::register(metrics).lines("dropped"),
        }
    }

    /// Writes a line about a request that is to be forwarded, and waits until it is on disk. With
    /// `on_failure = "continue"` it waits for nothing and never fails; what is lost is counted.
    ///
    /// # Errors
    /// There is no proof, and so nothing may be forwarded.
    pub async fn record(&self, entry: EvidenceEntry) -> Result<(), NotRecorded> {
        let is_awaited = self.settings.on_failure == EvidenceFailure::Refuse;
        let written = self.send(entry, is_awaited);
        if !is_awaited {
            return Ok(());
        }
        let written = timeout(self.settings.timeout, written.ok_or(NotRecorded)?).await;
        written.map_err(|_| NotRecorded)?.unwrap_or(Err(NotRecorded))
    }

    /// Writes a line about a refused request, without waiting for the disk.
    pub fn note(&self, entry: EvidenceEntry) {
        if self.records_refused() {
            self.send(entry, false);
        }
    }

    pub(super) fn send(
        &self,
        entry: EvidenceEntry,
        is_awaited: bool,
    ) -> Option<oneshot::Receiver<LineOutcome>> {
        let (written, outcome) = oneshot::channel();
        let is_sent = self.thread.send(WriteRequest { entry, written, is_awaited });
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

    /// Whether lines get to the disk. Where they don't, it is noted: only requests with signatures
    /// wait for them.
    pub fn dependency(&self) -> Dependency {
        Dependency::optional(DependencyKind::Journal, "", self.thread.health.failure())
    }

    /// Writes what waits, and a last checkpoint. Nothing is recorded any more.
    pub fn close(&self) {
        self.thread.close();
    }
}

impl JournalThread {
    /// The journal's thread receives from the other end of `requests`.
    pub(super) fn new(requests: SyncSender<WriteRequest>, health: JournalHealth) -> Arc<Self> {
        let queue = Mutex::new(Some(requests));
        Arc::new(Self { queue, thread: Mutex::default(), successors: Arc::default(), health })
    }

    fn begin(&self, writer: JournalWriter, queue: Receiver<WriteRequest>) -> io::Result<()> {
        let successors = Arc::clone(&self.successors);
        let serve = move || serve(writer, &queue, &successors);
        let thread = thread::Builder::new().name("evidence".to_owned()).spawn(serve)?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// The new queue's end is known before the old one ends.
    fn turn_to(&self, settings: &EvidenceSettings) {
        let mut current = self.queue.lock();
        let Some(current) = &mut *current else {
            return; // closed, and stays so
        };
        let (requests, queue) = sync_channel(settings.queue);
        self.successors.lock().push_back(Successor { settings: settings.clone(), queue });
        *current = requests;
    }

    fn send(&self, request: WriteRequest) -> bool {
        self.queue.lock().as_ref().is_some_and(|queue| queue.try_send(request).is_ok())
    }

    fn close(&self) {
        drop(self.queue.lock().take());
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the evidence thread had panicked");
        }
    }
}

impl Drop for JournalThread {
    fn drop(&mut self) {
        self.close();
    }
}

/// Writes for one journal after the other.
fn serve(mut writer: JournalWriter, queue: &Receiver<WriteRequest>, successors: &Successors) {
    writer.run(queue, thread::sleep);
    loop {
        // The lock is not held while lines are written.
        let next = successors.lock().pop_front();
        let Some(Successor { settings, queue }) = next else { break };
        writer.adopt(settings);
        writer.run(&queue, thread::sleep);
    }
}
