//! A held body on its way to the upstream.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio_util::sync::ReusableBoxFuture;

use super::{HeldBody, disk::Disk, keep::KeptBody};
use crate::bounded::Reservation;

/// Reads a held body part by part.
#[derive(Debug)]
pub struct HeldReader {
    kept: KeptBody,
    read: u64,
    /// The next part of a file, while another thread reads it.
    reading: Option<ReusableBoxFuture<'static, io::Result<Bytes>>>,
    disk: Disk,
    _reservation: Arc<Reservation>,
}

/// Read from the file at once.
const READ_BYTES: u64 = 128 * 1024;

impl HeldReader {
    pub(super) fn new(body: HeldBody) -> Self {
        let HeldBody { kept, reservation, disk } = body;
        Self { kept, read: 0, reading: None, disk, _reservation: reservation }
    }

    /// The bytes that have not been read.
    pub fn left(&self) -> u64 {
        self.kept.len().saturating_sub(self.read)
    }

    /// Begins again with the first byte.
    pub fn rewind(&mut self) {
        self.read = 0;
        self.reading = None;
    }

    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// The file can't be read, or ends too early.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left() == 0 {
            return Poll::Ready(None);
        }
        let part = ready!(self.poll_part(cx));
        Poll::Ready(Some(part.inspect(|part| self.read += part.len() as u64)))
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let (left, offset) = (self.left(), self.read);
        let file = match &self.kept {
            KeptBody::Memory(bytes) => return Poll::Ready(Ok(bytes.clone())),
            KeptBody::File(file, _) => file,
        };
        let reading = self.reading.get_or_insert_with(|| {
            let (file, disk) = (Arc::clone(file), self.disk.clone());
            let step = move || read(&file, offset, left.min(READ_BYTES));
            ReusableBoxFuture::new(async move { disk.run(step).await })
        });
        let part = ready!(reading.poll(cx));
        self.reading = None;
        Poll::Ready(part)
    }
}

fn read(file: &File, offset: u64, bytes: u64) -> io::Result<Bytes> {
    let mut part = vec![0; usize::try_from(bytes).unwrap_or_default()];
    file.read_exact_at(&mut part, offset)?;
    Ok(part.into())
}
