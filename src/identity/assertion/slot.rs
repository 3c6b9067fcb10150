//! Where the assertion of one token is kept.

use std::sync::Arc;

use http::HeaderValue;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::life::Life;

/// The place of one token's assertion, beside its claim headers.
#[derive(Debug)]
pub struct AssertionSlot {
    /// Locked while one is being signed: who else needs it waits for that one.
    current: Arc<Mutex<Option<Assertion>>>,
    bytes: usize,
}

/// A signed assertion. Its value is marked as sensitive.
#[derive(Debug)]
pub(super) struct Assertion {
    pub(super) life: Life,
    pub(super) value: HeaderValue,
}

impl AssertionSlot {
    /// For an assertion of that length, written.
    pub(super) fn new(bytes: usize) -> Self {
        Self { current: Arc::default(), bytes }
    }

    /// The stored assertion, if it outlives a new one.
    pub(super) fn value_for(&self, possible: Life) -> Option<HeaderValue> {
        good(self.current.try_lock().ok()?.as_ref(), possible)
    }

    pub(super) async fn lock(&self) -> OwnedMutexGuard<Option<Assertion>> {
        Arc::clone(&self.current).lock_owned().await
    }

    /// Bytes that the slot takes, filled or not: it will be.
    pub(in crate::identity) fn memory(&self) -> usize {
        /// What `Bytes` and `Arc` allocate beside their content.
        const SHARED: usize = 6 * size_of::<usize>();
        size_of::<Mutex<Option<Assertion>>>() + self.bytes + SHARED
    }
}

pub(super) fn good(current: Option<&Assertion>, possible: Life) -> Option<HeaderValue> {
    let current = current.filter(|current| current.life.is_good_beside(possible))?;
    Some(current.value.clone())
}
