//! Bodies that are kept beside the journal, by what is in them.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use crate::bounded::Reservation;

/// The body of a request that is to be kept.
#[derive(Debug)]
pub struct EvidenceBody {
    bytes: BodyBytes,
    /// While it waits to be written it takes the room that it took of the request's.
    _room: Arc<Reservation>,
}

/// Where it is.
#[derive(Debug)]
pub(crate) enum BodyBytes {
    /// All of it.
    Memory(Bytes),
    /// A file without a name, of which so many bytes are the body.
    File(Arc<File>, u64),
}

/// What a body is called by.
pub(super) type Sha256 = [u8; 32];

/// What could not be kept, by its name.
pub(super) type Unkept = HashMap<Sha256, io::Error>;

/// Copied at once.
const PIECE: usize = 128 * 1024;

/// Written before the first of them is synchronised: the disk takes them together, and no process
/// runs out of files for it.
const TOGETHER: usize = 64;

impl EvidenceBody {
    pub(crate) fn new(bytes: BodyBytes, room: Arc<Reservation>) -> Self {
        Self { bytes, _room: room }
    }

    fn write_to(&self, file: &mut File) -> io::Result<()> {
        match &self.bytes {
            BodyBytes::Memory(bytes) => file.write_all(bytes),
            BodyBytes::File(source, length) => copy(source, *length, file),
        }
    }
}

/// Stores bodies under their SHA-256, complete and synchronised to disk on return, except for those
/// it returns. A file of that name has the same content and is not rewritten.
pub(super) fn keep<'b>(
    folder: &Path,
    bodies: impl Iterator<Item = (Sha256, &'b EvidenceBody)>,
) -> Unkept {
    let mut taken = HashSet::new();
    let bodies: Vec<_> = bodies.filter(|(sha256, _)| taken.insert(*sha256)).collect();
    let mut unkept = Unkept::new();
    for together in bodies.chunks(TOGETHER) {
        keep_together(folder, together, &mut unkept);
    }
    unkept
}

fn keep_together(folder: &Path, bodies: &[(Sha256, &EvidenceBody)], unkept: &mut Unkept) {
    let mut parts = Vec::with_capacity(bodies.len());
    for (sha256, body) in bodies {
        match PartFile::write(folder, *sha256, body) {
            Ok(part) => parts.extend(part),
            Err(error) => _ = unkept.insert(*sha256, error),
        }
    }
    let mut named = Vec::with_capacity(parts.len());
    let mut folders = BTreeSet::new();
    for part in parts {
        match part.finish() {
            Ok(path) => {
                folders.extend(path.parent().map(Path::to_owned));
                named.push((part.sha256, path));
            }
            Err(error) => _ = unkept.insert(part.sha256, error),
        }
    }
    if !folders.is_empty() {
        // For the folders that may be new themselves.
        folders.insert(folder.to_owned());
    }
    // A name is durable only with its folder.
    let synced = folders.iter().try_for_each(|folder| File::open(folder)?.sync_all());
    if let Err(error) = synced {
        for (sha256, path) in named {
            let _ = fs::remove_file(path);
            unkept.insert(sha256, io::Error::new(error.kind(), error.to_string()));
        }
    }
}

/// A body that is written, and perhaps not on disk yet.
struct PartFile {
    sha256: Sha256,
    file: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl PartFile {
    /// `None`: it is there already.
    fn write(folder: &Path, sha256: Sha256, body: &EvidenceBody) -> io::Result<Option<Self>> {
        let path = path_of(folder, &sha256);
        if path.exists() {
            return Ok(None);
        }
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let temporary = path.with_extension("part");
        let mut options = OpenOptions::new();
        // A temporary file left by a crash is truncated; there is one writer only.
        let mut file =
            options.write(true).create(true).truncate(true).mode(MODE).open(&temporary)?;
        let written = body.write_to(&mut file);
        let part = Self { sha256, file, temporary, path };
        part.unless_failed(written).map(|()| Some(part))
    }

    /// Has it on disk, under its name.
    fn finish(&self) -> io::Result<PathBuf> {
        let named = self.file.sync_all().and_then(|()| fs::rename(&self.temporary, &self.path));
        self.unless_failed(named).map(|()| self.path.clone())
    }

    fn unless_failed(&self, outcome: io::Result<()>) -> io::Result<()> {
        outcome.inspect_err(|_| _ = fs::remove_file(&self.temporary))
    }
}

/// Readable by the owner only.
const MODE: u32 = 0o600;

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
fn path_of(folder: &Path, sha256: &Sha256) -> PathBuf {
    let name = hex::encode(sha256);
    folder.join(name.get(..2).unwrap_or_default()).join(&name)
}
