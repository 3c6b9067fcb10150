//! Reading and writing a file that decides who is let in.

use std::{
    collections::hash_map::RandomState,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, Hasher},
    io::{self, Write},
    mem,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::bounded::input::read_file;

/// A file that may be on a network volume or a broken disk. Reads and writes of it time out.
#[derive(Debug)]
pub(crate) struct KeptFile {
    path: PathBuf,
    max_bytes: usize,
    /// Held by a write to its end, however long nobody has waited for it.
    turn: Arc<Semaphore>,
}

/// A volume that needs longer for a file hangs. What waits for this can do without the file.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// For a file and its directory, up to tens of mebibytes, until they are on the disk.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Accessible by the owner only.
const MODE: u32 = 0o600;

/// Write permission of group and others.
const FOREIGN_WRITE: u32 = 0o022;

impl KeptFile {
    pub(crate) fn new(path: PathBuf, max_bytes: usize) -> Self {
        Self { path, max_bytes, turn: Arc::new(Semaphore::new(1)) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file; `None` if there is none.
    ///
    /// # Errors
    /// Also of a file that others may write, that is too large, or that takes longer than
    /// [`READ_DEADLINE`].
    pub(crate) async fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let (path, max_bytes) = (self.path.clone(), self.max_bytes);
        within(READ_DEADLINE, "read", move || read(&path, max_bytes)).await
    }

    /// Replaces the file in one step. While an earlier write hangs, none is begun: each would take
    /// a thread, and old content could come after new.
    ///
    /// # Errors
    /// Also [`io::ErrorKind::TimedOut`] after [`WRITE_DEADLINE`]: the file may be written later.
    pub(crate) async fn write(&self, bytes: Vec<u8>) -> io::Result<()> {
        let path = self.path.clone();
        self.in_turn(move || write(&path, &bytes)).await
    }

    async fn in_turn(
        &self,
        write: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let Ok(turn) = Arc::clone(&self.turn).try_acquire_owned() else {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "an earlier write still hangs"));
        };
        let write = move || {
            let outcome = write();
            drop(turn);
            outcome
        };
        within(WRITE_DEADLINE, "written", write).await
    }
}

/// Does that in a thread of its own, which goes on past the deadline if it hangs.
async fn within<T: Send + 'static>(
    deadline: Duration,
    done: &str,
    step: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let late = |_| {
        let cause = format!("not {done} within {deadline:?}");
        io::Error::new(io::ErrorKind::TimedOut, cause)
    };
    timeout(deadline, spawn_blocking(step)).await.map_err(late)?.map_err(io::Error::other)?
}

/// The whole file; `None` if there is none.
fn read(path: &Path, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
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
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tokio::time::{advance, sleep};

    use super::*;

    fn file(folder: &tempfile::TempDir) -> KeptFile {
        KeptFile::new(folder.path().join("kept"), 1024)
    }

    /// A write that hangs until the other end is dropped.
    fn hanging() -> (Sender<()>, impl FnOnce() -> io::Result<()> + Send + 'static) {
        let (hold, held): (_, Receiver<()>) = channel();
        let write = move || {
            let _ = held.recv();
            Ok(())
        };
        (hold, write)
    }

    #[tokio::test]
    async fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        assert_eq!(file.read().await.unwrap(), None);
        for content in [b"one", b"two"] {
            file.write(content.to_vec()).await.unwrap();
            assert_eq!(file.read().await.unwrap().unwrap(), content);
        }
        file.write(vec![b' '; 1025]).await.unwrap();
        assert!(file.read().await.is_err(), "more than its bound");
    }

    #[tokio::test(start_paused = true)]
    async fn a_volume_that_hangs_is_waited_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(file(&folder));
        let (hold, write) = hanging();
        let first = tokio::spawn({
            let file = Arc::clone(&file);
            async move { file.in_turn(write).await }
        });
        tokio::task::yield_now().await;
        advance(WRITE_DEADLINE).await;
        let error = first.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "not written within 10s");
        let error = file.write(b"new".to_vec()).await.unwrap_err();
        assert_eq!(error.to_string(), "an earlier write still hangs");

        drop(hold);
        while file.write(b"new".to_vec()).await.is_err() {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(file.read().await.unwrap().unwrap(), b"new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_cannot_be_read_in_time_is_an_error() {
        let (hold, hang) = hanging();
        let reading = tokio::spawn(within(READ_DEADLINE, "read", hang));
        tokio::task::yield_now().await;
        advance(READ_DEADLINE).await;
        assert_eq!(reading.await.unwrap().unwrap_err().to_string(), "not read within 5s");
        drop(hold);
    }
}
