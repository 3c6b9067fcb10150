//! Reading and writing a file that decides who is let in.

use std::{
    collections::hash_map::RandomState,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, Hasher},
    io::{self, Write},
    mem,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::bounded::input::read_file;

/// Accessible by the owner only.
const MODE: u32 = 0o600;

/// Write permission of group and others.
const FOREIGN_WRITE: u32 = 0o022;

/// The whole file; `None` if there is none.
pub(crate) fn read(path: &Path, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.permissions().mode() & FOREIGN_WRITE != 0 {
        return Err(io::Error::other("others than its owner may write it"));
    }
    let mut bytes = read_file(file, max_bytes as u64).map_err(io::Error::other)?;
    Ok(Some(mem::take(&mut *bytes)))
}

/// Replaces the file in one step: a reader, after a crash too, sees the old content or
/// the new one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory)?;
    // A name of its own: another replica may write to the same directory.
    let random = RandomState::new().build_hasher().finish();
    let temporary = path.with_extension(format!("{random:016x}.tmp"));
    let result = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
        return result;
    }
    // The rename itself is durable only with its directory.
    File::open(directory)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
