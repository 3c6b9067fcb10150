//! Bodies that are kept beside the journal, by what is in them.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

/// The body of a request, in memory or in a file without a name.
#[derive(Debug, Clone)]
pub enum EvidenceBody {
    /// All of it.
    Memory(Bytes),
    /// A file, of which so many bytes are the body.
    File(Arc<File>, u64),
    /// It was there, and can't be read any more: there is no proof.
    Lost(io::ErrorKind),
}

/// Copied at once.
const PIECE: usize = 128 * 1024;

/// Keeps a body under its SHA-256, in full and on disk when this returns. One that is there
/// already is the same.
pub(super) fn keep(folder: &Path, sha256: &[u8; 32], body: &EvidenceBody) -> io::Result<()> {
    let path = path_of(folder, sha256);
    if path.exists() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(folder);
    if !parent.exists() {
        fs::create_dir_all(parent)?;
        // The name itself is durable only with its folder.
        File::open(folder)?.sync_all()?;
    }
    let temporary = path.with_extension("part");
    let written = write(&temporary, body).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    File::open(parent)?.sync_all()
}

fn write(path: &Path, body: &EvidenceBody) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // What a crash has left behind is begun anew; there is one writer only.
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    match body {
        EvidenceBody::Memory(bytes) => file.write_all(bytes)?,
        EvidenceBody::File(source, length) => copy(source, *length, &mut file)?,
        EvidenceBody::Lost(cause) => return Err((*cause).into()),
    }
    file.sync_all()
}

/// Leaves the place from which others read the file alone.
fn copy(source: &File, length: u64, to: &mut File) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut offset = 0;
    while offset < length {
        let most = usize::try_from(length - offset).unwrap_or(PIECE).min(PIECE);
        let read = source.read_at(piece.get_mut(..most).unwrap_or_default(), offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.write_all(piece.get(..read).unwrap_or_default())?;
        offset += read as u64;
    }
    Ok(())
}

/// `aa/aabbcc…`: no folder gets more entries than a file system likes.
fn path_of(folder: &Path, sha256: &[u8; 32]) -> PathBuf {
    let mut name = String::with_capacity(64);
    for byte in sha256 {
        let _ = write!(name, "{byte:02x}");
    }
    folder.join(name.get(..2).unwrap_or_default()).join(&name)
}
