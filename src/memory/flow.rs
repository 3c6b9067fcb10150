//! One body on its way through: how much of it waits for the side that receives it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Waker},
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{MIN_READ, MemoryBudget};

/// The bytes of a body that were read and are not written yet.
///
/// All of it happens on one thread. The atomics and the lock are there because hyper may send
/// frames to other threads, and are never contended.
#[derive(Debug)]
pub(crate) struct Flow {
    budget: Arc<MemoryBudget>,
    /// Of all bodies on the client's connection.
    of_connection: Arc<AtomicUsize>,
    waiting: AtomicUsize,
    reader: Mutex<Option<Waker>>,
}

/// A frame that gives its room back when it is dropped: written, or with its connection.
#[derive(Debug)]
struct HeldFrame {
    bytes: Bytes,
    flow: Arc<Flow>,
}

impl Flow {
    pub(crate) fn new(budget: &Arc<MemoryBudget>, of_connection: &Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            budget: Arc::clone(budget),
            of_connection: Arc::clone(of_connection),
            waiting: AtomicUsize::new(0),
            reader: Mutex::new(None),
        })
    }

    /// A frame that counts until it is dropped.
    pub(super) fn hold(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        let waited = self.waiting.fetch_add(bytes.len(), Relaxed);
        self.charge(counted(waited + bytes.len()) - counted(waited));
        Bytes::from_owner(HeldFrame { bytes, flow: Arc::clone(self) })
    }

    fn charge(&self, bytes: usize) {
        self.of_connection.fetch_add(bytes, Relaxed);
        self.budget.charge(bytes);
    }

    fn release(&self, bytes: usize) {
        self.of_connection.fetch_sub(bytes, Relaxed);
        self.budget.release(bytes);
    }

    /// Whether there is room for so many bytes, of this connection and of all.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let of_connection = self.of_connection.load(Relaxed) + bytes;
        of_connection <= self.budget.of_connection() && self.budget.has_room(bytes)
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// How many bytes wait; wakes when some of them are gone.
    pub(super) fn wait(&self, cx: &Context<'_>) -> usize {
        *self.reader.lock() = Some(cx.waker().clone());
        self.waiting()
    }
}

impl AsRef<[u8]> for HeldFrame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for HeldFrame {
    fn drop(&mut self) {
        let Self { bytes, flow } = self;
        let waited = flow.waiting.fetch_sub(bytes.len(), Relaxed);
        flow.release(counted(waited) - counted(waited.saturating_sub(bytes.len())));
        let reader = flow.reader.lock().take();
        reader.into_iter().for_each(Waker::wake);
    }
}

/// What of so many waiting bytes is not a part of their request's.
fn counted(waiting: usize) -> usize {
    waiting.saturating_sub(MIN_READ)
}
