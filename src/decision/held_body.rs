//! A request's body that is buffered until it is verified, or until all of it is here: in memory
//! while it is small, in an unlinked file above that, within what one request and all of them may
//! take.
//!
//! The upstream gets exactly these bytes afterwards, with fresh framing, or nothing (threats S-5).

mod disk;
mod keep;
mod reader;
mod refusal;
pub mod settings;

use std::{error::Error, path::PathBuf, sync::Arc};

use bytes::{Buf, Bytes};
use http_body::Body;
use http_body_util::BodyExt;
use prometheus::IntGauge;
use tokio::time::{Duration, Instant, timeout_at};

use crate::{
    bounded::{ByteBudget, Reservation},
    evidence::{BodyBytes, EvidenceBody},
};

pub use reader::HeldReader;
pub(super) use refusal::{Unheld, too_large};

use disk::Disk;
use keep::{Keep, KeptBody};
use settings::HeldBodySettings;

/// Where all bodies are held, of all workers.
#[derive(Debug, Clone)]
pub(super) struct BodyStore {
    budget: Arc<ByteBudget>,
    disk: Disk,
}

/// What one body may take, and where.
#[derive(Debug, Clone)]
pub(super) struct HoldRules {
    /// The largest body, in bytes.
    pub(super) max_bytes: u64,
    /// What is kept in memory of one, in bytes.
    pub(super) memory_bytes: usize,
    /// How long it may pause.
    pub(super) stall_after: Duration,
    /// The least average rate, beyond the time that it may pause. 0: no bound.
    pub(super) bytes_per_second: u64,
    /// How often its bytes are in memory while it is verified.
    pub(super) copies: u64,
    /// Where larger ones are written. `None`: the system's folder for temporary files.
    pub(super) folder: Option<PathBuf>,
}

/// A whole body.
#[derive(Debug)]
pub struct HeldBody {
    kept: KeptBody,
    /// Released when the bytes are dropped.
    reservation: Arc<Reservation>,
    disk: Disk,
}

/// Why a body could not be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum HoldError {
    /// It is larger than one may be.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// All bodies together take what they may.
    #[error("all held bodies together take what they may")]
    BudgetSpent,
    /// The client stopped sending.
    #[error("the body made no progress for {0:?}")]
    Stalled(Duration),
    /// The client sends, but takes too long.
    #[error("the body brought less than {0} bytes a second")]
    Slow(u64),
    /// The client disconnected, or sent a malformed body.
    #[error("the body broke off: {0}")]
    Broke(#[source] Box<dyn Error + Send + Sync>),
    /// The file could not be made or written.
    #[error("the body could not be written to a temporary file: {0}")]
    Disk(#[source] std::io::Error),
}

impl BodyStore {
    /// `held` shows what they take.
    pub(super) fn new(settings: &HeldBodySettings, held: Option<IntGauge>) -> Self {
        let budget = ByteBudget::new(settings.buffer_bytes as u64, held);
        Self { budget, disk: Disk::new() }
    }

    /// Room for the beginning of a body of at most that many bytes; `None`: there is none.
    pub(super) fn begin(&self, bytes: u64) -> Option<Reservation> {
        let mut reservation = Reservation::none(&self.budget);
        reservation.begin(bytes).then_some(reservation)
    }
}

impl HeldBody {
    /// Reads a body to its end. Each part is shown to `observe` as it arrives.
    ///
    /// One whose length is announced and for which there is no room is refused before any of
    /// it is read; with `Expect: 100-continue` it is not even sent. Room is taken as it arrives.
    pub(super) async fn read(
        mut body: impl Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
        rules: &HoldRules,
        store: &BodyStore,
        mut observe: impl FnMut(&[u8]),
    ) -> Result<Self, HoldError> {
        let announced = body.size_hint().lower();
        rules.allow(announced)?;
        let mut reservation =
            store.begin(rules.room_for(announced)).ok_or(HoldError::BudgetSpent)?;
        let mut keep = Keep::new(announced, rules, &store.disk);
        let mut length = 0_u64;
        let begun = Instant::now();
        while let Some(data) = next(&mut body, rules, rules.deadline(begun, length)).await? {
            length = length.saturating_add(data.remaining() as u64);
            rules.allow(length)?;
            if !reservation.grow_to(rules.room_for(length)) {
                return Err(HoldError::BudgetSpent);
            }
            observe(&data);
            keep.add(&data).await.map_err(HoldError::Disk)?;
        }
        let kept = keep.finish().await.map_err(HoldError::Disk)?;
        Ok(Self { kept, reservation: Arc::new(reservation), disk: store.disk.clone() })
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.kept.len() == 0
    }

    /// All of it at once, if it is in memory.
    pub(super) fn in_memory(&self) -> Option<&[u8]> {
        self.kept.in_memory()
    }

    /// The body for the evidence journal. Its reservation is kept until that is written, too.
    pub(super) fn evidence(&self) -> EvidenceBody {
        let bytes = match &self.kept {
            KeptBody::Memory(bytes) => BodyBytes::Memory(bytes.clone()),
            KeptBody::File(file, length) => BodyBytes::File(Arc::clone(file), *length),
        };
        EvidenceBody::new(bytes, Arc::clone(&self.reservation))
    }

    /// What sends it on.
    pub fn into_reader(self) -> HeldReader {
        HeldReader::new(self)
    }
}

impl HoldRules {
    fn allow(&self, bytes: u64) -> Result<(), HoldError> {
        if bytes > self.max_bytes { Err(HoldError::TooLarge(self.max_bytes)) } else { Ok(()) }
    }

    fn room_for(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(self.copies)
    }

    /// The deadline by which more of a body must have arrived: a client that sends a byte now and
    /// then must not keep its memory for ever. `None`: there is no deadline.
    fn deadline(&self, begun: Instant, bytes: u64) -> Option<Instant> {
        let earned = Duration::from_secs(bytes.checked_div(self.bytes_per_second)?);
        begun.checked_add(self.stall_after.saturating_add(earned))
    }
}

/// The next bytes; `None` at the end. Trailers are dropped (threats H-4).
async fn next(
    body: &mut (impl Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin),
    rules: &HoldRules,
    deadline: Option<Instant>,
) -> Result<Option<Bytes>, HoldError> {
    loop {
        let stalled = Instant::now().checked_add(rules.stall_after);
        let frame =
            match (stalled, deadline) {
                (Some(stalled), Some(late)) if late < stalled => timeout_at(late, body.frame())
                    .await
                    .map_err(|_| HoldError::Slow(rules.bytes_per_second))?,
                (Some(stalled), _) => timeout_at(stalled, body.frame())
                    .await
                    .map_err(|_| HoldError::Stalled(rules.stall_after))?,
                (None, _) => body.frame().await,
            };
        let Some(frame) = frame else {
            return Ok(None);
        };
        if let Ok(data) = frame.map_err(|error| HoldError::Broke(error.into()))?.into_data() {
            return Ok(Some(data));
        }
    }
}

#[cfg(test)]
mod tests;
