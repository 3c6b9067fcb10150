//! A held body on its way to the upstream.

use std::{
    fs::File,
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{budget::Reservation, keep::Kept};

/// Reads a held body part by part.
#[derive(Debug)]
pub(in crate::proxy) struct HeldReader {
    source: Source,
    left: u64,
    _reservation: Reservation,
}

#[derive(Debug)]
enum Source {
    Memory(Bytes),
    File(File),
    /// Another thread has it.
    Reading(JoinHandle<io::Result<(File, Bytes)>>),
    Ended,
}

/// Read from the file at once.
const READ_BYTES: u64 = 128 * 1024;

impl HeldReader {
    pub(super) fn new(kept: Kept, reservation: Reservation) -> Self {
        let left = kept.len();
        let source = match kept {
            Kept::Memory(bytes) => Source::Memory(bytes),
            Kept::File(file, _) => Source::File(file),
        };
        Self { source, left, _reservation: reservation }
    }

    /// The bytes that have not been read.
    pub(in crate::proxy) fn left(&self) -> u64 {
        self.left
    }

    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// The file can't be read, or ends too early.
    pub(in crate::proxy) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let part = ready!(self.poll_part(cx));
        Poll::Ready(Some(part.inspect(|part| {
            self.left = self.left.saturating_sub(part.len() as u64);
        })))
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            match std::mem::replace(&mut self.source, Source::Ended) {
                Source::Memory(bytes) => return Poll::Ready(Ok(bytes)),
                Source::File(file) => {
                    let most = self.left.min(READ_BYTES);
                    self.source = Source::Reading(spawn_blocking(move || read(file, most)));
                }
                Source::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
                        self.source = Source::Reading(reading);
                        return Poll::Pending;
                    };
                    let (file, part) = read.map_err(io::Error::other)??;
                    self.source = Source::File(file);
                    return Poll::Ready(Ok(part));
                }
                Source::Ended => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            }
        }
    }
}

fn read(mut file: File, most: u64) -> io::Result<(File, Bytes)> {
    let mut part = Vec::with_capacity(usize::try_from(most).unwrap_or_default());
    Read::by_ref(&mut file).take(most).read_to_end(&mut part)?;
    if part.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((file, part.into()))
}
