//! The buffer that a thread reads into: one for all of its connections, so that one that waits for
//! its upstream holds none.

use std::{
    cell::Cell,
    io,
    pin::pin,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

thread_local! {
    /// Empty between two reads.
    static SCRATCH: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// Reads what there is, up to so many bytes, as one piece. An empty one is the end.
pub(super) fn poll_read(
    socket: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    most: usize,
) -> Poll<io::Result<Bytes>> {
    let mut buffer = SCRATCH.take();
    buffer.reserve(most);
    let read = {
        let mut room = (&mut buffer).limit(most);
        pin!(socket.read_buf(&mut room)).poll(cx)
    };
    let piece = read.map_ok(|_| take(&mut buffer));
    SCRATCH.set(buffer);
    piece
}

/// Takes what was read: the buffer itself if it is almost full, else a copy. So what waits for a
/// client takes little more than its own bytes.
fn take(buffer: &mut BytesMut) -> Bytes {
    if buffer.len() >= buffer.capacity() / 8 * 7 {
        return std::mem::take(buffer).freeze();
    }
    let piece = Bytes::copy_from_slice(buffer);
    buffer.clear();
    piece
}
